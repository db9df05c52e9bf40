/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/mount/ext.h"
#include "cli/mount/list.h"
#include "core/base/str.h"
#include "core/disk/parttab.h"
#include "core/fs/iso9660.h"
#include "core/image/image.h"

#define LISTS_MAX	64u /* that are kept */
#define CACHE_LINES	64u /* of a volume, for its tables and folders */
#define CACHE_LINE_SIZE 8192u
#define EXTENTS_MAX	(UINT64_C(1) << 22) /* of all open files; with more, a file's runs are walked again at each read */
#define NONE		UINT32_MAX

struct volume {
	struct tree_volume shown;
	char *raw, *files; /* names in the root folder */
	char format[16];
	struct pod_window window;
	struct pod_cache cache;
	struct pod_fs fs; /* open if files is not NULL */
};

/* What the kernel remembers. A free one has no name. */
struct node {
	uint64_t refs, generation;
	uint32_t parent, next, children; /* `next`: of the same hash, or free */
	unsigned depth;			 /* below the root of its filesystem */
	struct list_entry entry;
	char *name;
	struct tree_list *list;
};

struct tree {
	struct pod_dev *disk;
	struct pod_budget budget; /* if the disk has none */
	bool still;
	struct volume *volume; /* the whole disk, then partitions */
	unsigned volumes;
	enum pod_status table;
	char *about;
	struct node *node;
	uint32_t nodes, cap, used, free, *bucket, buckets;
	uint32_t listed[LISTS_MAX]; /* nodes that have a list, the one used last first */
	unsigned lists;
	uint64_t extents;
};

struct tree_file {
	unsigned volume;
	enum entry_kind kind;
	struct pod_node node;
	struct pod_extent *extent;
	size_t extents;
	bool mapped; /* its runs are known */
};

/* --- volumes -------------------------------------------------------------------------------------------- */

static uint64_t now(struct pod_budget *b)
{
	(void)b;
	return cli_millis();
}

static void begin(struct tree *t)
{
	t->disk->budget->now_ms = now;
	pod_budget_start(t->disk->budget, TREE_STEPS, POD_BUDGET_UNLIMITED, TREE_MS);
}

/* Joliet has the names as they were, unless Rock Ridge has. */
static void prefer_joliet(struct pod_fs *fs)
{
	struct pod_fs joliet;

	if (fs->ops != &pod_fs_iso9660 || (pod_iso9660_flags(fs) & POD_ISO_ROCK_RIDGE) ||
	    !(pod_iso9660_flags(fs) & POD_ISO_HAS_JOLIET) ||
	    pod_fs_open_as(&joliet, &pod_fs_joliet, fs->dev, fs->alloc, NULL) != POD_OK)
		return;
	pod_fs_close(fs);
	*fs = joliet;
}

/* Filesystems that others can read from the bytes: by their signature, that the user knows which tool to take. */
static const char *other_format(struct pod_dev *d)
{
	static const struct {
		const char *name, *magic;
		unsigned at, len;
	} known[] = {
		{"ext4", "\x53\xef", 1024 + 56, 2},
		{"xfs", "XFSB", 0, 4},
		{"btrfs", "_BHRfS_M", 65536 + 64, 8},
		{"f2fs", "\x10\x20\xf5\xf2", 1024, 4},
		{"luks", "LUKS\xba\xbe", 0, 6},
		{"bitlocker", "-FVE-FS-", 3, 8},
		{"lvm", "LABELONE", 512, 8},
		{"swap", "SWAPSPACE2", 4096 - 10, 10},
		{"hfs+", "H+", 1024, 2},
		{"refs", "ReFS", 3, 4},
		{"squashfs", "hsqs", 0, 4},
	};
	char buf[16];

	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (known[i].at + known[i].len <= d->size_bytes && pod_dev_read(d, known[i].at, buf, known[i].len) == POD_OK &&
		    memcmp(buf, known[i].magic, known[i].len) == 0)
			return known[i].name;
	return NULL;
}

static void open_volume(struct tree *t, uint32_t number, uint64_t start, uint64_t length)
{
	struct volume *v = &t->volume[t->volumes];
	struct pod_dev *d = &v->window.dev;
	char *name = number ? cli_xasprintf("p%u", (unsigned)number) : cli_xstrdup("disk");

	v->shown = (struct tree_volume){.number = number, .start_bytes = start, .length_bytes = length};
	v->shown.status = pod_window_init(&v->window, t->disk, start, length);
	if (v->shown.status != POD_OK) {
		free(name);
		return;
	}
	t->volumes++;
	v->raw = cli_xasprintf("%s.raw", name);
	begin(t);
	/* what somebody writes to is not remembered */
	if (t->still && pod_cache_init(&v->cache, d, &cli_alloc, CACHE_LINES, CACHE_LINE_SIZE) == POD_OK)
		d = &v->cache.dev;
	v->shown.status = pod_image_open_tree(&v->fs, d, &cli_alloc, NULL);
	if (v->shown.status == POD_E_FORMAT && pod_fs_open_as(&v->fs, &mount_ext, d, &cli_alloc, NULL) == POD_OK)
		v->shown.status = POD_OK;
	if (v->shown.status != POD_OK) {
		if (d == &v->cache.dev)
			pod_cache_fini(&v->cache, &cli_alloc);
		v->shown.format = other_format(&v->window.dev);
		free(name);
		return;
	}
	prefer_joliet(&v->fs);
	pod_strlcpy(v->format, v->fs.ops->name, sizeof v->format);
	v->shown.format = v->format;
	v->shown.label = v->fs.label;
	v->shown.files = v->files = name;
}

static void close_volume(struct volume *v)
{
	bool cached = v->files && v->fs.dev == &v->cache.dev;

	if (v->files)
		pod_fs_close(&v->fs);
	if (cached)
		pod_cache_fini(&v->cache, &cli_alloc);
	free(v->raw);
	free(v->files);
}

/* A boot sector of FAT or NTFS looks like a table, too. */
static bool is_partitioned(const struct tree *t, const struct pod_parttab *tab)
{
	const struct volume *whole = &t->volume[0];
	bool cd = whole->files &&
		  (whole->fs.ops == &pod_fs_iso9660 || whole->fs.ops == &pod_fs_joliet || whole->fs.ops == &pod_fs_udf);

	return tab->kind != POD_PARTTAB_NONE && (!whole->files || cd);
}

static void open_volumes(struct tree *t)
{
	struct pod_parttab *tab = cli_xzalloc(sizeof *tab);

	/* not to be moved: they point into themselves */
	t->volume = cli_xzalloc((POD_PART_MAX + 1) * sizeof *t->volume);
	open_volume(t, 0, 0, t->disk->size_bytes);
	begin(t);
	t->table = pod_parttab_read(t->disk, &cli_alloc, tab, NULL);
	if (t->table == POD_OK && is_partitioned(t, tab))
		for (uint32_t i = 0; i < tab->count; i++)
			open_volume(t, tab->part[i].number, tab->part[i].start_bytes, tab->part[i].length_bytes);
	free(tab);
}

void tree_volumes(const struct tree *t, void (*visit)(void *ctx, const struct tree_volume *v), void *ctx)
{
	for (unsigned i = 0; i < t->volumes; i++)
		visit(ctx, &t->volume[i].shown);
}

enum pod_status tree_table(const struct tree *t)
{
	return t->table;
}

/* --- nodes ---------------------------------------------------------------------------------------------- */

static uint32_t hash(const struct tree *t, uint32_t parent, const char *name)
{
	uint32_t h = 2166136261u ^ parent * 2654435761u;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return (h ^ h >> 15) & (t->buckets - 1);
}

static void chain(struct tree *t, uint32_t i)
{
	uint32_t *head = &t->bucket[hash(t, t->node[i].parent, t->node[i].name)];

	t->node[i].next = *head;
	*head = i;
}

static void unchain(struct tree *t, uint32_t i)
{
	uint32_t *at = &t->bucket[hash(t, t->node[i].parent, t->node[i].name)];

	while (*at != i)
		at = &t->node[*at].next;
	*at = t->node[i].next;
}

static void more_buckets(struct tree *t)
{
	free(t->bucket);
	t->buckets = t->buckets ? 4 * t->buckets : 1024;
	t->bucket = cli_xmalloc(t->buckets * sizeof *t->bucket);
	memset(t->bucket, 0xff, t->buckets * sizeof *t->bucket);
	for (uint32_t i = 1; i < t->nodes; i++)
		if (t->node[i].name)
			chain(t, i);
}

/* A free node, which is nobody's yet; NONE: there are too many. */
static uint32_t take_node(struct tree *t)
{
	uint32_t i = t->free;

	if (i != NONE) {
		t->free = t->node[i].next;
	} else {
		if (t->nodes == TREE_NODES_MAX)
			return NONE;
		if (t->nodes == t->cap) {
			t->cap = t->cap ? 2 * t->cap : 256;
			t->node = cli_xrealloc(t->node, t->cap, sizeof *t->node);
		}
		i = t->nodes++;
		t->node[i] = (struct node){0};
	}
	if (++t->used > t->buckets)
		more_buckets(t);
	return i;
}

static void drop_list(struct tree *t, unsigned at)
{
	struct node *n = &t->node[t->listed[at]];

	tree_list_close(n->list);
	n->list = NULL;
	memmove(&t->listed[at], &t->listed[at + 1], (--t->lists - at) * sizeof t->listed[0]);
}

/* Nobody knows it any more; nor, it may be, the folders above it. */
static void release_node(struct tree *t, uint32_t i)
{
	while (i && !t->node[i].refs && !t->node[i].children) {
		struct node *n = &t->node[i];
		uint32_t parent = n->parent;

		for (unsigned k = 0; n->list && k < t->lists; k++)
			if (t->listed[k] == i)
				drop_list(t, k);
		unchain(t, i);
		free(n->name);
		n->name = NULL;
		n->generation++;
		n->next = t->free;
		t->free = i;
		t->used--;
		t->node[parent].children--;
		i = parent;
	}
}

/* NULL: there is none of this number. */
static struct node *find_node(struct tree *t, uint64_t id)
{
	uint64_t i = id - TREE_ROOT;

	return i < t->nodes && (!i || t->node[i].name) ? &t->node[i] : NULL;
}

static uint32_t index_of(const struct tree *t, const struct node *n)
{
	return (uint32_t)(n - t->node);
}

static enum tree_kind kind_of(const struct tree *t, const struct node *n)
{
	if (n == t->node || n->entry.kind == ENTRY_FILES)
		return TREE_FOLDER;
	if (n->entry.kind != ENTRY_NODE)
		return TREE_FILE;
	return n->entry.node.is_link ? TREE_LINK : n->entry.node.is_dir ? TREE_FOLDER : TREE_FILE;
}

static uint64_t size_of(const struct tree *t, const struct node *n)
{
	if (kind_of(t, n) == TREE_FOLDER)
		return 0;
	if (n->entry.kind == ENTRY_ABOUT)
		return strlen(t->about);
	return n->entry.kind == ENTRY_BYTES ? t->volume[n->entry.volume].shown.length_bytes : n->entry.node.size_bytes;
}

static void describe(const struct tree *t, const struct node *n, struct tree_attr *out)
{
	*out = (struct tree_attr){.id = index_of(t, n) + (uint64_t)TREE_ROOT,
				  .generation = n->generation,
				  .kind = kind_of(t, n),
				  .size_bytes = size_of(t, n),
				  .mtime = n->entry.node.mtime};
}

enum pod_status tree_attr(struct tree *t, uint64_t id, struct tree_attr *out)
{
	const struct node *n = find_node(t, id);

	if (!n)
		return POD_E_NOT_FOUND;
	describe(t, n, out);
	return POD_OK;
}

void tree_forget(struct tree *t, uint64_t id, uint64_t times)
{
	struct node *n = find_node(t, id);

	if (!n || n == t->node)
		return;
	n->refs -= pod_min_u64(n->refs, times);
	release_node(t, index_of(t, n));
}

/* --- folders -------------------------------------------------------------------------------------------- */

static enum pod_status list_root(struct tree *t, struct tree_list *l)
{
	POD_TRY(list_add(l, ENTRY_ABOUT, 0, "about.txt", NULL));
	for (unsigned i = 0; i < t->volumes; i++) {
		POD_TRY(list_add(l, ENTRY_BYTES, i, t->volume[i].raw, NULL));
		if (t->volume[i].files)
			POD_TRY(list_add(l, ENTRY_FILES, i, t->volume[i].files, NULL));
	}
	return POD_OK;
}

static enum pod_status list_files(struct tree *t, const struct node *n, struct tree_list *l)
{
	struct pod_fs *fs = &t->volume[n->entry.volume].fs;
	struct pod_node root = {0};

	if (n->entry.kind == ENTRY_NODE)
		return list_fill(l, fs, &n->entry.node, n->entry.volume);
	POD_TRY(fs->ops->root(fs, &root));
	return list_fill(l, fs, &root, n->entry.volume);
}

/* Makes room for one more list at the front. */
static void trim_lists(struct tree *t)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < t->lists; i++)
		bytes += list_bytes(t->node[t->listed[i]].list);
	while (t->lists && (t->lists == LISTS_MAX || bytes > TREE_LISTS_MAX)) {
		bytes -= list_bytes(t->node[t->listed[t->lists - 1]].list);
		drop_list(t, t->lists - 1);
	}
}

static void to_front(struct tree *t, uint32_t i)
{
	unsigned k = 0;

	while (k < t->lists && t->listed[k] != i)
		k++;
	memmove(&t->listed[1], &t->listed[0], k * sizeof t->listed[0]);
	t->listed[0] = i;
}

/* The list of a folder, which is the tree's. */
static enum pod_status list_of(struct tree *t, struct node *n, struct tree_list **out)
{
	struct tree_list *l = n->list;

	if (kind_of(t, n) != TREE_FOLDER)
		return POD_E_INVALID;
	if (!l) {
		l = list_new();
		l->status = n == t->node ? list_root(t, l) : list_files(t, n, l);
		list_finish(l);
		trim_lists(t);
		n->list = l;
		to_front(t, index_of(t, n));
		t->lists++;
	} else {
		to_front(t, index_of(t, n));
	}
	*out = l;
	return l->status;
}

enum pod_status tree_list_open(struct tree *t, uint64_t id, struct tree_list **out)
{
	struct node *n = find_node(t, id);

	if (!n)
		return POD_E_NOT_FOUND;
	begin(t);
	POD_TRY(list_of(t, n, out));
	(*out)->refs++;
	return POD_OK;
}

/* Is the folder one of those that it lies in? */
static bool contains_itself(const struct tree *t, const struct node *folder, const struct pod_node *n)
{
	struct pod_fs *fs = &t->volume[folder->entry.volume].fs;
	struct pod_node root = {0};

	for (; folder->entry.kind == ENTRY_NODE && folder != t->node; folder = &t->node[folder->parent])
		if (pod_node_same_dir(&folder->entry.node, n))
			return true;
	return folder->entry.kind == ENTRY_FILES && fs->ops->root(fs, &root) == POD_OK && pod_node_same_dir(&root, n);
}

/* An entry of a filesystem gets what its folder does not say of it. */
static enum pod_status complete(struct tree *t, const struct node *folder, struct list_entry *e)
{
	if (e->kind != ENTRY_NODE)
		return POD_OK;
	if (folder->depth >= TREE_DEPTH_MAX)
		return POD_E_LIMIT;
	POD_TRY(pod_fs_complete(&t->volume[e->volume].fs, &e->node));
	return e->node.is_dir && !e->node.is_link && contains_itself(t, folder, &e->node) ? POD_E_LOOP : POD_OK;
}

enum pod_status tree_lookup(struct tree *t, uint64_t folder, const char *name, struct tree_attr *out)
{
	struct node *n = find_node(t, folder);
	uint32_t parent, i;
	const struct list_entry *found;
	struct list_entry e;
	struct tree_list *l;

	if (!n)
		return POD_E_NOT_FOUND;
	begin(t);
	parent = index_of(t, n);
	for (i = t->bucket[hash(t, parent, name)]; i != NONE; i = t->node[i].next)
		if (t->node[i].parent == parent && strcmp(t->node[i].name, name) == 0)
			break;
	if (i == NONE) {
		POD_TRY(list_of(t, n, &l));
		found = list_find(l, name);
		if (!found)
			return POD_E_NOT_FOUND;
		e = *found;
		POD_TRY(complete(t, n, &e));
		i = take_node(t);
		if (i == NONE)
			return POD_E_LIMIT;
		n = &t->node[parent];
		t->node[i] = (struct node){.generation = t->node[i].generation,
					   .parent = parent,
					   .depth = e.kind == ENTRY_NODE ? n->depth + 1 : 0,
					   .entry = e,
					   .name = cli_xstrdup(name)};
		n->children++;
		chain(t, i);
	}
	t->node[i].refs++;
	describe(t, &t->node[i], out);
	return POD_OK;
}

/* --- links ---------------------------------------------------------------------------------------------- */

/* The folder that a node lies in, from the root of its filesystem: "/a/b". False: it does not fit. */
static bool folder_path(const struct tree *t, const struct node *n, char *buf, size_t size)
{
	size_t at = size - 1;

	buf[at] = '\0';
	for (n = &t->node[n->parent]; n->entry.kind == ENTRY_NODE && n != t->node; n = &t->node[n->parent]) {
		size_t len = strlen(n->name);

		if (at < len + 1)
			return false;
		at -= len + 1;
		buf[at] = '/';
		memcpy(buf + at + 1, n->name, len);
	}
	memmove(buf, buf + at, size - at);
	return true;
}

enum pod_status tree_readlink(struct tree *t, uint64_t id, char *buf, size_t size)
{
	const struct node *n = find_node(t, id);
	enum pod_status st = POD_E_UNSUPPORTED;
	struct pod_fs *fs;
	char *target, *folder;

	if (!n || kind_of(t, n) != TREE_LINK)
		return n ? POD_E_INVALID : POD_E_NOT_FOUND;
	fs = &t->volume[n->entry.volume].fs;
	target = cli_xzalloc(POD_PATH_MAX);
	folder = cli_xzalloc(POD_PATH_MAX);
	begin(t);
	if (fs->ops->readlink)
		st = fs->ops->readlink(fs, &n->entry.node, target, POD_PATH_MAX);
	if (st == POD_OK &&
	    (!folder_path(t, n, folder, POD_PATH_MAX) || !list_show_target(target, folder, n->depth - 1, buf, size)))
		st = POD_E_LIMIT;
	free(folder);
	free(target);
	return st;
}

/* --- files ---------------------------------------------------------------------------------------------- */

enum pod_status tree_file_open(struct tree *t, uint64_t id, struct tree_file **out)
{
	const struct node *n = find_node(t, id);
	struct tree_file *f;
	enum pod_status st = POD_OK;

	if (!n || kind_of(t, n) != TREE_FILE)
		return n ? POD_E_INVALID : POD_E_NOT_FOUND;
	f = cli_xzalloc(sizeof *f);
	f->volume = n->entry.volume;
	f->kind = n->entry.kind;
	f->node = n->entry.node;
	begin(t);
	if (f->kind == ENTRY_NODE && t->extents < EXTENTS_MAX) {
		st = pod_fs_extents(&t->volume[f->volume].fs, &f->node, &cli_alloc, &f->extent, &f->extents);
		f->mapped = st == POD_OK;
		t->extents += f->extents;
		/* as the filesystem reads it: contents that do not lie on the disk as they are, or too many pieces */
		if (st == POD_E_UNSUPPORTED || st == POD_E_LIMIT)
			st = f->node.size_bytes ? pod_fs_read(&t->volume[f->volume].fs, &f->node, 0, &(uint8_t){0}, 1) : POD_OK;
	}
	if (st != POD_OK) {
		tree_file_close(t, f);
		return st;
	}
	*out = f;
	return POD_OK;
}

static const struct pod_extent *extent_at(const struct tree_file *f, uint64_t off)
{
	size_t low = 0, high = f->extents;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct pod_extent *e = &f->extent[mid];

		if (off < e->file_bytes)
			high = mid;
		else if (off - e->file_bytes >= e->length_bytes)
			low = mid + 1;
		else
			return e;
	}
	return NULL;
}

static enum pod_status read_mapped(struct tree *t, const struct tree_file *f, uint64_t off, uint8_t *p, size_t len)
{
	while (len) {
		const struct pod_extent *e = extent_at(f, off);
		size_t n, stored = 0;
		uint64_t in;

		if (!e)
			return POD_E_CORRUPT; /* the runs end before the file does */
		in = off - e->file_bytes;
		n = (size_t)pod_min_u64(len, e->length_bytes - in);
		if (!e->hole && off < f->node.valid_bytes)
			stored = (size_t)pod_min_u64(n, f->node.valid_bytes - off);
		if (stored)
			POD_TRY(pod_dev_read(&t->volume[f->volume].window.dev, e->dev_bytes + in, p, stored));
		memset(p + stored, 0, n - stored);
		off += n;
		p += n;
		len -= n;
	}
	return POD_OK;
}

enum pod_status tree_file_read(struct tree *t, struct tree_file *f, uint64_t off, void *buf, size_t len, size_t *got)
{
	struct volume *v = &t->volume[f->volume];
	uint64_t size = f->kind == ENTRY_ABOUT	 ? strlen(t->about)
			: f->kind == ENTRY_BYTES ? v->shown.length_bytes
						 : f->node.size_bytes;

	*got = off < size ? (size_t)pod_min_u64(len, size - off) : 0;
	if (!*got)
		return POD_OK;
	begin(t);
	if (f->kind == ENTRY_ABOUT) {
		memcpy(buf, t->about + off, *got);
		return POD_OK;
	}
	if (f->kind == ENTRY_BYTES)
		return pod_dev_read(&v->window.dev, off, buf, *got);
	return f->mapped ? read_mapped(t, f, off, buf, *got) : pod_fs_read(&v->fs, &f->node, off, buf, *got);
}

void tree_file_close(struct tree *t, struct tree_file *f)
{
	t->extents -= f->extents;
	pod_free(&cli_alloc, f->extent);
	free(f);
}

/* --- the tree ------------------------------------------------------------------------------------------- */

void tree_set_about(struct tree *t, const char *text)
{
	free(t->about);
	t->about = cli_xstrdup(text);
}

struct tree *tree_open(struct pod_dev *disk, bool still)
{
	struct tree *t = cli_xzalloc(sizeof *t);

	t->disk = disk;
	t->still = still;
	if (!disk->budget)
		disk->budget = &t->budget;
	t->about = cli_xstrdup("");
	t->free = NONE;
	open_volumes(t);
	more_buckets(t);
	(void)take_node(t); /* the root, which has no name and stays */
	t->node[0].entry.kind = ENTRY_FILES;
	return t;
}

void tree_close(struct tree *t)
{
	if (t->disk->budget == &t->budget)
		t->disk->budget = NULL;
	while (t->lists)
		drop_list(t, t->lists - 1);
	for (uint32_t i = 0; i < t->nodes; i++)
		free(t->node[i].name);
	for (unsigned i = 0; i < t->volumes; i++)
		close_volume(&t->volume[i]);
	free(t->volume);
	free(t->node);
	free(t->bucket);
	free(t->about);
	free(t);
}
