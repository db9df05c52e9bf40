/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding kernels, initrds and loader configurations in an image without reading the whole of its tree. */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/firm/pe.h"
#include "core/fs/iso9660.h"

enum {
	DEPTH_MAX = 5,
	DIRS_MAX = 1024,
	DIR_BYTES_MAX = 192 << 10,   /* of one directory */
	TREE_BYTES_MAX = 1024 << 10, /* of all directories walked */
	FOUND_MAX = POD_SCAN_FOUND_MAX,
	RECORDS_MAX = 16384,
	UKI_LEAST = 4 << 20, /* bytes: loaders are smaller, and need not be looked at */
};

struct pending {
	struct pod_node node;
	uint32_t depth;
	size_t parent; /* index; of the root: itself */
	char path[256];
};

struct walk {
	struct pending *dir;
	size_t count, cap;
	uint64_t bytes;
};

/* Directories that hold packages, sources or loader modules by the thousand, and never an initrd. */
static bool is_bulk(const char *name)
{
	static const char *const bulk[] = {"pool",     "dists",	  "packages", "repodata",   "repo",	 "rpms",
					   "firmware", "doc",	  "docs",     "fonts",	    "themes",	 "locale",
					   "locales",  "i386-pc", "i386-efi", "x86_64-efi", "arm64-efi", "support",
					   "upgrade",  "autorun", "pics",     "manual"};
	for (size_t i = 0; i < POD_ARRAY_LEN(bulk); i++)
		if (pod_strcasecmp(name, bulk[i]) == 0)
			return true;
	return false;
}

/* What is installed besides a kernel: folders of a root filesystem that hold no initrd, and files by the hundred thousand. */
static bool is_of_system(const char *name)
{
	static const char *const dirs[] = {"bin", "dev", "etc", "gnu", "home", "lib", "lib32", "lib64", "libx32", "lost+found",
					   "media", "mnt", "nix", "opt", "proc", "root", "run", "sbin", "snap", "srv", "sys",
					   "tmp", "usr", "var",
					   /* Earlier states of the whole, by snapper and Timeshift. */
					   ".snapshots", "snapshots", "timeshift-btrfs"};
	for (size_t i = 0; i < POD_ARRAY_LEN(dirs); i++)
		if (pod_streq(name, dirs[i]))
			return true;
	return false;
}

/* Subvolumes are named by what they are mounted on, often with an @ in front; the root filesystem may be in "root". */
static bool is_other_subvolume(const char *name)
{
	return !pod_streq(name, "root") && is_of_system(name + (name[0] == '@'));
}

static bool has_any(const char *name, const char *const *part, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pod_strcasestr(name, part[i]))
			return true;
	return false;
}

/* Names under which distributions ship initrds; the content decides afterwards. */
static bool initrd_name(const char *name)
{
	static const char *const part[] = {"initr",	"ramdisk",    "minirt",	   "corepure", "core.gz",
					   "rootfs.gz", "rootfs.cgz", "bootcd.gz", "booster"};
	return has_any(name, part, POD_ARRAY_LEN(part)) && !pod_ends_with_nocase(name, ".cfg") &&
	       !pod_ends_with_nocase(name, ".conf") && !pod_ends_with_nocase(name, ".txt") &&
	       !pod_ends_with_nocase(name, ".c32") && !pod_ends_with_nocase(name, ".mod");
}

static bool is_wim(const char *name)
{
	return pod_ends_with_nocase(name, ".wim");
}

/* Where Windows' media keep the WIMs, among files by the hundred: in UDF each that is looked at costs a block. */
static bool only_wims(const char *path)
{
	return pod_strcasecmp(path, "sources") == 0 || pod_ends_with_nocase(path, "/sources");
}

static bool kernel_name(const char *name)
{
	static const char *const part[] = {"vmlinu", "bzimage", "kernel"};
	return has_any(name, part, POD_ARRAY_LEN(part)) || pod_strncasecmp(name, "linux", 5) == 0 ||
	       pod_strcasecmp(name, "image") == 0;
}

/* GRUB4DOS' menus are menu.lst, or lead to others of like names; what else ends so are lists of files and modules, often long. */
static bool config_name(const char *name)
{
	static const char *const part[] = {"menu", "grub"};
	return pod_ends_with_nocase(name, ".cfg") || pod_ends_with_nocase(name, ".conf") ||
	       pod_strcasecmp(name, "grubenv") == 0 ||
	       (pod_ends_with_nocase(name, ".lst") && has_any(name, part, POD_ARRAY_LEN(part)));
}

static enum pod_status first_run(void *ctx, const struct pod_extent *e)
{
	uint64_t *start = ctx;
	if (!e->hole)
		*start = e->dev_bytes;
	return POD_END; /* one is enough */
}

static enum pod_status add_found(struct pod_scan *s, struct pod_found **v, size_t *n, size_t *cap, const struct pod_found *f)
{
	void *p = *v;
	if (*n == FOUND_MAX) {
		s->cut_short = true;
		return POD_OK;
	}
	enum pod_status st = pod_grow(s->alloc, &p, *n, cap, *n + 1, sizeof **v, FOUND_MAX);
	*v = p;
	if (st == POD_OK)
		(*v)[(*n)++] = *f;
	return st;
}

/* Where the data of a file begins; where it has none of its own, its record stands for it. */
static enum pod_status start_of(struct pod_scan *s, struct pod_found *f)
{
	enum pod_status st = s->fs->ops->extents(s->fs, &f->node, first_run, &f->start_bytes);
	if (st == POD_E_UNSUPPORTED && s->fs->ops->read) {
		f->start_bytes = f->node.entry_bytes;
		return POD_OK;
	}
	return st == POD_END ? POD_OK : st;
}

static bool is_iso(const struct pod_fs *fs)
{
	return fs->ops == &pod_fs_iso9660 || fs->ops == &pod_fs_joliet;
}

static bool is_disc(const struct pod_fs *fs)
{
	return is_iso(fs) || fs->ops == &pod_fs_udf;
}

static enum pod_status add_record(struct pod_scan *s, uint64_t start, const struct pod_node *node)
{
	void *p = s->record;
	if (s->record_count == RECORDS_MAX) {
		s->cut_short = true;
		return POD_OK;
	}
	enum pod_status st =
		pod_grow(s->alloc, &p, s->record_count, &s->record_cap, s->record_count + 1, sizeof *s->record, RECORDS_MAX);
	s->record = p;
	if (st == POD_OK)
		s->record[s->record_count++] = (struct pod_record){.start_bytes = start,
								   .size_bytes = node->size_bytes,
								   .entry_bytes = node->entry_bytes,
								   .entry_len = node->entry_len,
								   .split = is_iso(s->fs) && pod_iso9660_records(node) != 1};
	return st;
}

/* "dir/name" into out[256]; false if it does not fit. */
static bool join(char out[256], const char *dir, const char *name)
{
	return pod_snprintf(out, 256, "%s%s%s", dir, *dir ? "/" : "", name) < 256;
}

static enum pod_status take_file(struct pod_scan *s, const char *dir)
{
	struct pod_found f = {.node = s->entry->node, .start_bytes = UINT64_MAX};
	const char *name = s->entry->name;
	if (!f.node.size_bytes)
		return POD_OK;
	enum pod_status st = start_of(s, &f);
	if (st == POD_E_CORRUPT || st == POD_E_UNSUPPORTED)
		return POD_OK; /* cut off, as in an image of which half is there: the others can still be found */
	POD_TRY(st);
	POD_TRY(add_record(s, f.start_bytes, &f.node));
	if (!join(f.path, dir, name))
		return POD_OK;
	if (!s->addon[0] && pod_ends_with_nocase(name, ".addon.efi"))
		(void)pod_strlcpy(s->addon, f.path, sizeof s->addon);
	if (f.node.size_bytes >= UKI_LEAST && pod_ends_with_nocase(name, ".efi"))
		POD_TRY(add_found(s, &s->efi, &s->efi_count, &s->efi_cap, &f));
	if (initrd_name(name))
		return add_found(s, &s->initrd, &s->initrd_count, &s->initrd_cap, &f);
	if (kernel_name(name))
		return add_found(s, &s->kernel, &s->kernel_count, &s->kernel_cap, &f);
	if (is_wim(name))
		return add_found(s, &s->wim, &s->wim_count, &s->wim_cap, &f);
	if (config_name(name))
		return add_found(s, &s->config, &s->config_count, &s->config_cap, &f);
	return POD_OK;
}

static bool same(const struct pod_scan *s, const struct pod_found *a, const struct pod_found *b)
{
	return s->fs->ops->shares_data ? a->node.priv[0] == b->node.priv[0] : a->start_bytes == b->start_bytes;
}

bool pod_scan_was_there(const struct pod_scan *s, const struct pod_found *list, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same(s, &list[k], &list[i]))
			return true;
	return false;
}

enum pod_status pod_scan_add_initrd(struct pod_scan *s, struct pod_found *f, size_t *index)
{
	*index = s->initrd_count;
	if (start_of(s, f) != POD_OK)
		return POD_E_CORRUPT;
	for (size_t i = 0; i < s->initrd_count; i++) {
		if (same(s, &s->initrd[i], f)) {
			*index = i;
			return POD_OK;
		}
	}
	POD_TRY(add_found(s, &s->initrd, &s->initrd_count, &s->initrd_cap, f));
	for (size_t i = 0; i < s->record_count; i++)
		if (s->record[i].entry_bytes == f->node.entry_bytes)
			return POD_OK;
	return add_record(s, f->start_bytes, &f->node); /* outside the walked folders */
}

/* Is the folder one of those it lies in? */
static bool contains_itself(const struct walk *w, size_t parent, const struct pod_node *node)
{
	while (parent && !pod_node_same_dir(&w->dir[parent].node, node))
		parent = w->dir[parent].parent;
	return pod_node_same_dir(&w->dir[parent].node, node);
}

/* s->entry is a directory of w->dir[parent]. */
static enum pod_status push_dir(struct pod_scan *s, struct walk *w, size_t parent)
{
	const struct pod_node *node = &s->entry->node;
	uint32_t depth = w->dir[parent].depth + 1;
	const char *name = s->entry->name;
	bool of_system = node->is_root ? is_other_subvolume(name) : depth == 1 && !is_disc(s->fs) && is_of_system(name);
	if (depth > DEPTH_MAX || is_bulk(name) || of_system)
		return POD_OK;
	if (contains_itself(w, parent, node)) {
		s->loop = join(s->damaged, w->dir[parent].path, s->entry->name);
		return POD_OK;
	}
	if (w->count == DIRS_MAX || node->size_bytes > DIR_BYTES_MAX) {
		s->cut_short = true;
		return POD_OK;
	}
	void *p = w->dir;
	enum pod_status st = pod_grow(s->alloc, &p, w->count, &w->cap, w->count + 1, sizeof *w->dir, DIRS_MAX);
	w->dir = p;
	if (st != POD_OK)
		return st;
	struct pending *d = &w->dir[w->count];
	d->node = *node;
	d->depth = node->is_root ? 0 : depth;
	d->parent = parent;
	/* w->dir may have moved: the parent's path is looked up only now. */
	if (join(d->path, w->dir[parent].path, s->entry->name))
		w->count++;
	return POD_OK;
}

static enum pod_status read_dir(struct pod_scan *s, struct walk *w, size_t i)
{
	struct pod_dir dir;
	bool (*wanted)(const char *name) = only_wims(w->dir[i].path) ? is_wim : NULL;
	enum pod_status st = pod_dir_open(&dir, s->fs, &w->dir[i].node);
	while (st == POD_OK) {
		st = pod_dir_next_wanted(&dir, wanted, s->entry);
		if (st != POD_OK)
			break;
		st = s->entry->node.is_dir ? push_dir(s, w, i) : take_file(s, w->dir[i].path);
	}
	if (st == POD_END && dir.damaged)
		(void)pod_strlcpy(s->damaged, w->dir[i].path, sizeof s->damaged);
	return st == POD_END ? POD_OK : st;
}

enum pod_status pod_scan_tree(struct pod_scan *s, struct pod_fs *fs, struct pod_alloc *a)
{
	struct walk w = {0};
	memset(s, 0, sizeof *s);
	s->alloc = a;
	s->fs = fs;
	s->entry = pod_zalloc(a, 1, sizeof *s->entry);
	w.cap = 32;
	w.dir = pod_zalloc(a, w.cap, sizeof *w.dir);
	enum pod_status st = s->entry && w.dir ? fs->ops->root(fs, &w.dir[0].node) : POD_E_NOMEM;
	w.count = 1;
	for (size_t i = 0; st == POD_OK && i < w.count; i++) {
		w.bytes += w.dir[i].node.size_bytes;
		if (w.bytes > TREE_BYTES_MAX) {
			s->cut_short = true;
			break;
		}
		st = read_dir(s, &w, i);
		/* A damaged directory below the root hides its files; the rest can still boot. */
		if ((st == POD_E_CORRUPT || st == POD_E_UNSUPPORTED) && i > 0) {
			(void)pod_strlcpy(s->damaged, w.dir[i].path, sizeof s->damaged);
			st = POD_OK;
		}
	}
	pod_free(a, w.dir);
	if (st == POD_E_BUDGET) { /* what was found so far can still boot */
		s->cut_short = true;
		st = POD_OK;
	}
	if (st != POD_OK)
		pod_scan_free(s);
	return st;
}

void pod_scan_warn(struct pod_plan *p, const struct pod_scan *s)
{
	if (s->damaged[0] && s->loop)
		pod_plan_warn(p, "%.80s: this folder contains itself: the image is damaged.", s->damaged);
	else if (s->damaged[0])
		pod_plan_warn(p, "%.80s: this folder is damaged; what is in it was left out.", s->damaged);
	if (s->cut_short)
		pod_plan_warn(
			p, "The image has more folders, files or boot menus than are searched: an initrd that was not found is "
			   "served unchanged.");
}

void pod_scan_free(struct pod_scan *s)
{
	if (!s->alloc)
		return;
	pod_free(s->alloc, s->initrd);
	pod_free(s->alloc, s->kernel);
	pod_free(s->alloc, s->config);
	pod_free(s->alloc, s->wim);
	pod_free(s->alloc, s->efi);
	pod_free(s->alloc, s->record);
	pod_free(s->alloc, s->by);
	pod_free(s->alloc, s->vars);
	pod_free(s->alloc, s->entry);
	memset(s, 0, sizeof *s);
}

/* --- which candidates are initrds ----------------------------------------------------------------------- */

enum pod_status pod_scan_initrds(struct pod_scan *s, struct pod_plan *p,
				 enum pod_status (*cb)(void *ctx, const struct pod_found *f, const char *found_by), void *ctx)
{
	enum pod_status st = POD_OK;
	for (size_t i = 0; st == POD_OK && i < s->initrd_count; i++) {
		struct pod_found *f = &s->initrd[i];
		const char *by = s->by ? s->by[i] : NULL, *fs = NULL;
		if (pod_scan_was_there(s, s->initrd, i) || f->start_bytes == UINT64_MAX)
			continue;
		enum pod_content what = pod_content_of(s->fs, &f->node, s->alloc, &fs);
		if (what == POD_CONTENT_ARCHIVE || what == POD_CONTENT_UNKNOWN)
			st = cb(ctx, f, by ? by : "content");
		else if (what == POD_CONTENT_RAMDISK && by)
			pod_plan_warn(
				p,
				"%.60s is a ramdisk with %s: served unchanged, the system must find the medium by its own drivers.",
				f->path, fs);
	}
	return st;
}

/* --- which Linux ---------------------------------------------------------------------------------------- */

/* Linux/x86 boot protocol: "HdrS" at 0x202, xloadflags at 0x236 (bit 0: 64-bit entry). arm64 Image: "ARMd" at 0x38. PE: COFF
 * machine behind the offset at 0x3C (EFI stub, also compressed "zimg" kernels). */
bool pod_kernel_head_machine(const uint8_t *h, enum pod_machine *out)
{
	if (memcmp(h + 0x202, "HdrS", 4) == 0) {
		bool has_flags = pod_get_le16(h + 0x206) >= 0x20c;
		*out = has_flags && (h[0x236] & 1) ? POD_MACHINE_X64 : POD_MACHINE_IA32;
		return true;
	}
	if (memcmp(h + 0x38, "ARMd", 4) == 0) {
		*out = POD_MACHINE_AA64;
		return true;
	}
	return false;
}

bool pod_pe_machine(uint16_t machine, enum pod_machine *out)
{
	*out = machine == POD_PE_AA64 ? POD_MACHINE_AA64 : machine == POD_PE_IA32 ? POD_MACHINE_IA32 : POD_MACHINE_X64;
	return machine == POD_PE_AA64 || machine == POD_PE_IA32 || machine == POD_PE_X64;
}

static bool read_machine(struct pod_scan *s, const struct pod_found *k, enum pod_machine *out)
{
	uint8_t h[POD_KERNEL_HEAD], pe[6];
	if (k->node.size_bytes < sizeof h || pod_fs_read(s->fs, &k->node, 0, h, sizeof h) != POD_OK)
		return false;
	if (pod_kernel_head_machine(h, out))
		return true;
	uint32_t at = pod_get_le32(h + 0x3c);
	if (h[0] == 'M' && h[1] == 'Z' && pod_in_range(at, sizeof pe, k->node.size_bytes) &&
	    pod_fs_read(s->fs, &k->node, at, pe, sizeof pe) == POD_OK && memcmp(pe, "PE\0\0", 4) == 0)
		return pod_pe_machine(pod_get_le16(pe + 4), out);
	return false;
}

/* Every initrd asks it of every kernel: each is read once. */
static bool kernel_machine(struct pod_scan *s, struct pod_found *k, enum pod_machine *out)
{
	enum pod_machine m = POD_MACHINE_COUNT;
	if (!k->machine_read)
		k->machine = read_machine(s, k, &m) ? m : POD_MACHINE_COUNT;
	k->machine_read = true;
	*out = k->machine;
	return k->machine != POD_MACHINE_COUNT;
}

/* How well does kernel `k` fit the initrd? Same folder counts most, then the parent's, then the longest common end of the names
 * ("-6.1.0-9-686"). */
static uint32_t affinity(const char *k, const char *initrd)
{
	size_t kd = pod_path_folder(k), id = pod_path_folder(initrd), kn = pod_strlen(k), in = pod_strlen(initrd);
	uint32_t score = 0;
	if (kd == id && pod_strncasecmp(k, initrd, kd) == 0)
		score = 2000;
	else if (kd < id && pod_strncasecmp(k, initrd, kd) == 0)
		score = 1000 + (uint32_t)kd;
	for (uint32_t same = 0; same < kn - kd && same < in - id && k[kn - 1 - same] == initrd[in - 1 - same]; same++)
		score++;
	return score;
}

enum pod_machine pod_kernel_machine(struct pod_scan *s, const char *path, uint32_t firmware)
{
	enum pod_machine best = POD_MACHINE_X64, m;
	uint32_t best_score = 0;
	for (size_t i = 0; i < s->kernel_count; i++) {
		uint32_t score = affinity(s->kernel[i].path, path) + 1;
		if (score > best_score && kernel_machine(s, &s->kernel[i], &m)) {
			best = m;
			best_score = score;
		}
	}
	if (best_score)
		return best;
	if (firmware == POD_FW_AA64)
		return POD_MACHINE_AA64;
	return firmware == POD_FW_IA32 ? POD_MACHINE_IA32 : POD_MACHINE_X64;
}
