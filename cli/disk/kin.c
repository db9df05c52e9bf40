/* SPDX-License-Identifier: BSD-2-Clause */
/* Children of an image: by what the files of its folder say of their parent, and by a store's index. */
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/disk/kin.h"
#include "core/base/str.h"
#include "core/layer/index.h"

#define IMAGES_MAX 4096u	       /* of a folder are looked at */
#define OTHERS_MAX 65536u	       /* files whose names do not say that they are images */
#define OPEN_STEPS (UINT64_C(1) << 18) /* what opening one of them may cost: it may be anybody's */
#define NAMED_MAX  3u

struct search {
	struct disk_kin *kin;
	const char *dir;
	char *name; /* of the image, in its folder */
	struct stat st;
	struct pod_member parent;
	bool known; /* what the image is: one that VHD and VHDX can stand on */
};

static void add(char ***list, size_t *count, const char *path)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp((*list)[i], path) == 0)
			return;
	*list = cli_xrealloc(*list, *count + 1, sizeof **list);
	(*list)[(*count)++] = cli_xstrdup(path);
}

/* --- by the files --------------------------------------------------------------------------------------- */

static bool named_as_one(const char *name)
{
	return pod_ends_with_nocase(name, ".vhdx") || pod_ends_with_nocase(name, ".vhd") ||
	       pod_ends_with_nocase(name, ".avhdx") || pod_ends_with_nocase(name, ".avhd");
}

/* Whatever it is called: a VHDX begins so, and a VHD with a parent (a copy of its footer), a qcow2, a QED. */
static bool begins_as_one(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char magic[8];
	bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && pread(fd, magic, 8, 0) == 8 &&
		  (memcmp(magic, "vhdxfile", 8) == 0 || memcmp(magic, "conectix", 8) == 0 || memcmp(magic, "QFI\xfb", 4) == 0 ||
		   memcmp(magic, "QED", 4) == 0);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* One of the places where `l` says its parent is holds the image. */
static bool points_at(const struct search *s, const struct pod_member *l, const char *path)
{
	bool found = false;

	for (unsigned k = 0; k < POD_PARENT_PATHS && !found; k++) {
		const char *to = pod_member_parent_path(l, (enum pod_parent_path)k);
		struct stat st;
		char *place = to ? disk_parent_find(path, (enum pod_parent_path)k, to, &st) : NULL;

		found = place && st.st_dev == s->st.st_dev && st.st_ino == s->st.st_ino;
		free(place);
	}
	return found;
}

/* Opens a file for a look at its headers. disk_file_close afterwards in any case. */
static bool look(struct disk_file *f, struct pod_member *l, const char *path)
{
	struct pod_member_options opt = {.env = &disk_env, .cache_pages = 4, .follow = true};

	if (!disk_file_open(f, path, false, NULL))
		return false;
	cli_dev_limit(&f->dev, OPEN_STEPS, 0);
	return pod_member_open(l, &f->vf, &cli_alloc, &opt, NULL) == POD_OK;
}

static void look_at(struct search *s, const char *path)
{
	struct pod_member *l = cli_xzalloc(sizeof *l);
	struct disk_file f = {0};
	bool child = look(&f, l, path) && l->has_parent && points_at(s, l, path), foreign = pod_member_is_foreign(l->kind);
	enum pod_status st;

	/* What another program made says no more than a path. */
	if (child && !foreign)
		child = s->known && pod_member_linked(l, &s->parent, NULL) == POD_OK;
	if (child && foreign)
		add(&s->kin->other, &s->kin->others, path);
	else if (child)
		add(&s->kin->child, &s->kin->count, path);
	st = pod_member_close(l);
	(void)st; /* nothing was written */
	disk_file_close(&f);
	free(l);
}

static void search_folder(struct search *s)
{
	DIR *dir = opendir(s->dir);
	unsigned seen = 0, others = 0;
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char *path;
		struct stat st;

		if (!named_as_one(e->d_name)) {
			if (others == OTHERS_MAX || (e->d_type != DT_REG && e->d_type != DT_LNK && e->d_type != DT_UNKNOWN))
				continue;
			others++;
			if (!begins_as_one(dirfd(dir), e->d_name))
				continue;
		}
		if (seen++ == IMAGES_MAX) {
			s->kin->too_many = true;
			break;
		}
		path = cli_xasprintf("%s/%s", s->dir, e->d_name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_dev != s->st.st_dev || st.st_ino != s->st.st_ino))
			look_at(s, path);
		free(path);
	}
	if (dir)
		closedir(dir);
}

/* --- by a store's index --------------------------------------------------------------------------------- */

static const struct pod_stored *layer_of(const struct pod_store *ps, const char *name)
{
	uint32_t id;

	for (size_t i = 0; i < ps->count; i++)
		if (strcmp(ps->layer[i].file, name) == 0)
			return &ps->layer[i];
	if (!pod_store_parse_file(name, NULL, &id))
		return NULL;
	return pod_store_find(ps, id) ? pod_store_find(ps, id) : pod_store_spare(ps, id);
}

static void look_at_layer(struct search *s, const char *file)
{
	char *path = cli_xasprintf("%s/%s", s->dir, file);

	look_at(s, path);
	free(path);
}

/* Names its store; and finds layers that the search of a large folder did not come to. */
static void search_index(struct search *s)
{
	char *path = cli_xasprintf("%s/%s", s->dir, POD_STORE_INDEX);
	const struct pod_stored *e = NULL;
	struct disk_file f = {0};
	struct pod_store ps;
	unsigned slot;

	pod_store_init(&ps, &cli_alloc);
	if (disk_file_open(&f, path, false, NULL) && pod_store_load(&ps, f.vf.dev, &slot, NULL) == POD_OK)
		e = layer_of(&ps, s->name);
	if (e) {
		s->kin->store = cli_xstrdup(s->dir);
		s->kin->current = e->id == ps.current;
		for (size_t i = 0; i < ps.count; i++)
			if (ps.layer[i].parent == e->id && !(ps.layer[i].flags & POD_STORED_GONE))
				look_at_layer(s, ps.layer[i].file);
	}
	pod_store_fini(&ps);
	disk_file_close(&f);
	free(path);
}

/* --- what is asked -------------------------------------------------------------------------------------- */

void disk_kin_find(struct disk_kin *k, const char *path)
{
	struct search *s = cli_xzalloc(sizeof *s);
	char *real = realpath(path, NULL), *copy = real ? cli_xstrdup(real) : NULL;
	struct disk_file f = {0};
	enum pod_status st;

	memset(k, 0, sizeof *k);
	s->kin = k;
	if (real && stat(real, &s->st) == 0 && S_ISREG(s->st.st_mode)) {
		s->dir = dirname(copy);
		s->name = real + (strrchr(real, '/') - real) + 1;
		s->known = look(&f, &s->parent, real);
		if (s->known) {
			k->linked = (s->parent.kind == POD_MEMBER_VHDX || s->parent.kind == POD_MEMBER_VHD) &&
				    cli_dev_has_other_name(real);
		}
		search_folder(s);
		search_index(s);
		st = pod_member_close(&s->parent);
		(void)st; /* nothing was written */
		disk_file_close(&f);
	}
	free(copy);
	free(real);
	free(s);
}

void disk_kin_free(struct disk_kin *k)
{
	for (size_t i = 0; i < k->count; i++)
		free(k->child[i]);
	for (size_t i = 0; i < k->others; i++)
		free(k->other[i]);
	free(k->child);
	free(k->other);
	free(k->store);
	memset(k, 0, sizeof *k);
}

char *disk_kin_names(const struct disk_kin *k)
{
	size_t all = k->count + k->others;
	char *out = cli_xstrdup(""), *next;

	for (size_t i = 0; i < all && i < NAMED_MAX; i++) {
		next = cli_xasprintf("%s%s%s", out, i ? ", " : "", i < k->count ? k->child[i] : k->other[i - k->count]);
		free(out);
		out = next;
	}
	if (all <= NAMED_MAX)
		return out;
	next = cli_xasprintf(_("%s and %zu more"), out, all - NAMED_MAX);
	free(out);
	return next;
}

int disk_kin_refuse(const struct disk_kin *k, const char *path, struct fault *fault)
{
	char *names = disk_kin_names(k);

	if (k->store && k->count)
		fault_set(
			fault,
			_("%s: is a layer of the store %s that others are based on, which could not be read any more: %s; change "
			  "it with 'isopod layer', or say --orphan-children"),
			path, k->store, names);
	else if (k->store)
		fault_set(fault,
			  _("%s: is a layer of the store %s, but not the current one, and must not change; 'isopod layer path' "
			    "names the current one; or say --orphan-children"),
			  path, k->store);
	else if (!k->count && !k->others)
		fault_set(fault,
			  _("%s: has another name (a hard link), which would show the change, too, and what is based on that one "
			    "cannot be found; change a copy, or say --orphan-children"),
			  path);
	else
		fault_set(
			fault,
			_("%s: other images are based on it and could not be read any more: %s; flatten or delete them first, or "
			  "say --orphan-children"),
			path, names);
	free(names);
	return CLI_FAILED;
}

static void leave_out(struct disk_kin *k, const char *path)
{
	struct stat its, child;
	bool there = path && stat(path, &its) == 0;
	size_t kept = 0;

	for (size_t i = 0; i < k->count; i++) /* which may be links to it */
		if (there && stat(k->child[i], &child) == 0 && child.st_dev == its.st_dev && child.st_ino == its.st_ino)
			free(k->child[i]);
		else
			k->child[kept++] = k->child[i];
	k->count = kept;
}

int disk_kin_guard(const char *path, const char *but, struct fault *fault)
{
	struct disk_kin k;
	int rc = CLI_OK;

	disk_kin_find(&k, path);
	leave_out(&k, but);
	if (k.count || k.others || k.linked || (k.store && !k.current))
		rc = disk_kin_refuse(&k, path, fault);
	else if (k.too_many)
		fault_warn(fault, _("%s: its folder holds more than %u images; those behind may be based on it"), path,
			   IMAGES_MAX);
	disk_kin_free(&k);
	return rc;
}

int disk_kin_guard_name(const char *path, struct fault *fault)
{
	struct disk_kin k;
	int rc = CLI_OK;

	disk_kin_find(&k, path);
	if (k.store)
		rc = fault_set(fault, _("%s: is a layer of the store %s, and is not replaced; name another file"), path, k.store);
	else if (k.count || k.others) {
		char *names = disk_kin_names(&k);

		rc = fault_set(fault, _("%s: is not replaced, as other images are based on it: %s; name another file"), path,
			       names);
		free(names);
	}
	disk_kin_free(&k);
	return rc;
}

int disk_kin_guard_place(const char *path, struct fault *fault)
{
	struct disk_kin k;
	int rc = CLI_OK;

	disk_kin_find(&k, path);
	if (k.store)
		rc = fault_set(
			fault,
			_("%s: is a layer of the store %s, whose index says what it is based on; give it another parent with "
			  "'isopod layer rebase' or 'isopod layer flatten'"),
			path, k.store);
	disk_kin_free(&k);
	return rc;
}

int disk_kin_half_merged(const char *path, struct fault *fault)
{
	struct disk_kin k;
	char *names;

	disk_kin_find(&k, path);
	names = disk_kin_names(&k);
	if (k.store)
		fault_set(
			fault,
			_("%s: a merge into it was interrupted, and what it holds is neither old nor new; 'isopod layer commit %s "
			  "--resume' finishes it, --undo takes it back"),
			path, k.store);
	else if (k.count == 1)
		fault_set(
			fault,
			_("%s: a merge into it was interrupted, and what it holds is neither old nor new; 'isopod disk merge %s' "
			  "finishes it"),
			path, names);
	else if (k.count)
		fault_set(
			fault,
			_("%s: a merge into it was interrupted, and what it holds is neither old nor new; 'isopod disk merge' of "
			  "the image that was being merged finishes it, one of %s"),
			path, names);
	else
		fault_set(
			fault,
			_("%s: a merge into it was interrupted, and what it holds is neither old nor new; 'isopod disk merge' of "
			  "the image that was being merged finishes it; if that one is lost, 'isopod disk merge --abandon' opens "
			  "it as it is"),
			path);
	free(names);
	disk_kin_free(&k);
	return CLI_FAILED;
}
