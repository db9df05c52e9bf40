/* SPDX-License-Identifier: BSD-2-Clause */
/* The EFI programs of an image: in its own tree, in its El Torito images, in the partitions of a disk image. */
#include <stdlib.h>
#include <string.h>
#include "cli/host/digest.h"
#include "cli/doctor/firmware.h"
#include "core/base/str.h"

#define SCAN_MAX   2048u
#define SCAN_DEPTH 6u

static void update(void *ctx, const void *data, size_t len)
{
	cli_digest_update(ctx, data, len);
}

size_t loader_digest(const struct loader *l, const char *algorithm, uint8_t out[64])
{
	struct cli_digest *d = cli_digest_new(algorithm);
	size_t n = 0;

	_Static_assert(CLI_DIGEST_MAX == 64, "room for the longest");
	if (d && pod_pe_digest(l->data, l->len, &l->pe, update, d, NULL) == POD_OK)
		n = cli_digest_so_far(d, out);
	cli_digest_free(d);
	return n;
}

static bool digest(struct loader *l)
{
	uint8_t md[CLI_DIGEST_MAX];
	bool ok = loader_digest(l, "sha256", md) == sizeof l->digest;

	if (ok)
		memcpy(l->digest, md, sizeof l->digest);
	return ok;
}

bool loader_take(struct loader *out, char *path, uint8_t *data, size_t len)
{
	*out = (struct loader){.path = path, .data = data, .len = len};
	return pod_pe_read(data, len, &out->pe, NULL) == POD_OK && digest(out);
}

/* Takes the path over. */
static void note_bad(struct loaders *list, char *path)
{
	if (list->bad_count < POD_ARRAY_LEN(list->bad))
		list->bad[list->bad_count++] = path;
	else
		free(path);
}

/* Takes path and data over. */
static void add(struct loaders *list, char *path, uint8_t *data, size_t len)
{
	struct loader l;
	void *v = list->v;
	bool known = false;

	if (!loader_take(&l, path, data, len)) {
		note_bad(list, path);
		free(data);
		return;
	}
	/* The same program lies in the tree and in the FAT image of most media. */
	for (size_t i = 0; i < list->n && !known; i++)
		known = memcmp(list->v[i].digest, l.digest, sizeof l.digest) == 0 && list->v[i].pe.cert_len == l.pe.cert_len;
	if (known || pod_grow(&cli_alloc, &v, list->n, &list->cap, list->n + 1, sizeof *list->v, LOADERS_MAX) != POD_OK) {
		free(path);
		free(data);
		return;
	}
	list->v = v;
	list->v[list->n++] = l;
}

struct walk {
	struct loaders *out;
	struct pod_fs *fs;
	const char *volume; /* in front of paths: "" or "El Torito: " */
	unsigned seen;
};

static void take(struct walk *w, const char *path, const struct pod_node *node)
{
	uint8_t *data;

	if (!node->size_bytes || node->size_bytes > LOADER_SIZE_MAX || w->out->n >= LOADERS_MAX)
		return;
	data = cli_xmalloc((size_t)node->size_bytes);
	if (pod_fs_read(w->fs, node, 0, data, (size_t)node->size_bytes) != POD_OK) {
		note_bad(w->out, cli_xasprintf("%s%s", w->volume, path));
		free(data);
		return;
	}
	add(w->out, cli_xasprintf("%s%s", w->volume, path), data, (size_t)node->size_bytes);
}

static void scan(struct walk *w, const struct pod_node *folder, const char *path, unsigned depth) // NOLINT(misc-no-recursion)
{
	struct pod_dir *dir = cli_xzalloc(sizeof *dir);
	struct pod_dirent *e = cli_xzalloc(sizeof *e);

	if (pod_dir_open(dir, w->fs, folder) == POD_OK)
		while (w->seen++ < SCAN_MAX && pod_dir_next(dir, e) == POD_OK) {
			char *full = cli_xasprintf("%s%s%s", path, *path ? "/" : "", e->name);

			/* /EFI and, for older Windows, /bootmgr.efi: nothing else is started by firmware */
			if (e->node.is_dir && depth < SCAN_DEPTH && (depth > 0 || pod_strcasecmp(e->name, "EFI") == 0))
				scan(w, &e->node, full, depth + 1);
			else if (!e->node.is_dir && pod_ends_with_nocase(e->name, ".efi"))
				take(w, full, &e->node);
			free(full);
		}
	free(e);
	free(dir);
}

static void volume(struct loaders *out, struct pod_dev *dev, const char *name)
{
	struct pod_fs fs = {0};
	struct walk w = {.out = out, .fs = &fs, .volume = name};
	struct pod_node root;

	if (pod_image_open_tree(&fs, dev, &cli_alloc, NULL) == POD_OK && fs.ops->root(&fs, &root) == POD_OK)
		scan(&w, &root, "", 0);
	pod_fs_close(&fs);
}

static void window(struct loaders *out, struct pod_dev *dev, uint64_t start, uint64_t len, const char *name)
{
	struct pod_window win;

	if (start < dev->size_bytes && pod_window_init(&win, dev, start, pod_min_u64(len, dev->size_bytes - start)) == POD_OK)
		volume(out, &win.dev, name);
}

static void whole(struct loaders *out, const struct doctor_image *im)
{
	uint8_t *data;

	if (im->size_bytes > LOADER_SIZE_MAX || im->size_bytes < 512)
		return;
	data = cli_xmalloc((size_t)im->size_bytes);
	if (pod_dev_read(im->bytes, 0, data, (size_t)im->size_bytes) == POD_OK)
		add(out, cli_xstrdup(im->path), data, (size_t)im->size_bytes);
	else
		free(data);
}

static void partitions(struct loaders *out, struct pod_dev *disk)
{
	struct pod_parttab *t = cli_xzalloc(sizeof *t);

	if (pod_parttab_read(disk, &cli_alloc, t, NULL) == POD_OK)
		for (uint32_t i = 0; i < t->count && i < 16; i++)
			window(out, disk, t->part[i].start_bytes, t->part[i].length_bytes, "");
	else
		volume(out, disk, "");
	free(t);
}

/* The disk that Windows is started from: its boot manager may come out of a WIM. */
static void served(struct loaders *out, const struct doctor_image *im)
{
	struct pod_mapdev disk;

	pod_mapdev_init(&disk, &im->plan->map, im->file->disk, 512);
	partitions(out, &disk.dev);
}

void loaders_read(struct loaders *out, const struct doctor_image *im)
{
	const struct pod_image *p = &im->plan->image;

	memset(out, 0, sizeof *out);
	if (p->kind == POD_IMAGE_EFI)
		whole(out, im);
	else if (p->kind == POD_IMAGE_DISK || p->kind == POD_IMAGE_FLOPPY)
		partitions(out, im->disk);
	if (im->plan->windows.count)
		served(out, im);
	if (p->kind != POD_IMAGE_ISO)
		return;
	volume(out, im->bytes, "");
	for (uint32_t i = 0; i < p->boot_count; i++)
		if (p->boot[i].platform == 0xef)
			window(out, im->bytes, (uint64_t)p->boot[i].lba * 2048, p->boot[i].length_bytes, "El Torito: ");
}

void loaders_free(struct loaders *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].path);
		free(l->v[i].data);
	}
	for (size_t i = 0; i < l->bad_count; i++)
		free(l->bad[i]);
	pod_free(&cli_alloc, l->v);
	memset(l, 0, sizeof *l);
}
