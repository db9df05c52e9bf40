/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small exFAT volume with everything that makes changing it hard, and the operations to try on it. Used by the unit tests
 * (power cuts, our own reader and repair) and by tests/interop/exfat_crash_tool.c (the same states, seen by fsck.exfat).
 *
 * Content of the base: folders (one of them full, one below another), files of none to many clusters, a fragmented one, names of
 * one to 255 units, holes in folders, and a folder whose entry sets are packed as other systems do it, so that they cross
 * 512-byte blocks.
 */
#ifndef POD_TESTS_EXFAT_SCENARIO_H
#define POD_TESTS_EXFAT_SCENARIO_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/fs/exfat_write.h"
#include "tests/unit/faultdev.h"

/* --- listing: one sorted line per node ---------------------------------------------------------------- */

struct listing {
	char *line[512];
	int n;
	enum pod_status st;
};

struct content {
	struct pod_fs *fs;
	uint64_t sum;
};

static inline enum pod_status content_run(void *ctx, const struct pod_extent *e)
{
	struct content *c = ctx;
	uint64_t buf[512];
	for (uint64_t done = 0; done < e->length_bytes;) {
		size_t n = (size_t)pod_min_u64(sizeof buf, e->length_bytes - done);
		memset(buf, 0, sizeof buf);
		if (!e->hole && pod_dev_read(c->fs->dev, e->dev_bytes + done, buf, n) != POD_OK)
			return POD_E_IO;
		for (size_t i = 0; i < (n + 7) / 8; i++)
			c->sum = (c->sum ^ buf[i]) * 0x9E3779B97F4A7C15u;
		done += n;
	}
	return POD_OK;
}

static inline void list_dir(struct listing *l, struct pod_fs *fs, const struct pod_node *node, const char *path)
{
	struct pod_dir dir;
	struct pod_dirent *e = malloc(sizeof *e);
	enum pod_status st = pod_dir_open(&dir, fs, node);
	while (st == POD_OK && (st = pod_dir_next(&dir, e)) == POD_OK && l->n < 512) {
		char *sub = malloc(strlen(path) + strlen(e->name) + 80);
		struct content c = {fs, 0};
		sprintf(sub, "%s/%s", path, e->name);
		if (e->node.is_dir)
			list_dir(l, fs, &e->node, sub);
		else if (fs->ops->extents(fs, &e->node, content_run, &c) != POD_OK)
			l->st = POD_E_CORRUPT;
		sprintf(sub + strlen(sub), " %c %llu %016llx %02x", e->node.is_dir ? 'd' : 'f',
			e->node.is_dir ? 0ull : (unsigned long long)e->node.size_bytes, (unsigned long long)c.sum,
			e->node.attributes);
		if (l->n < 512)
			l->line[l->n++] = sub;
		else
			free(sub);
	}
	if (st != POD_END && l->st == POD_OK)
		l->st = st;
	free(e);
}

static inline int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void list_volume(struct listing *l, struct pod_dev *dev, struct pod_alloc *a)
{
	struct pod_fs fs = {0};
	struct pod_node root;
	memset(l, 0, sizeof *l);
	l->st = pod_fs_open_as(&fs, &pod_fs_exfat, dev, a, NULL);
	if (l->st != POD_OK)
		return;
	l->st = fs.ops->root(&fs, &root);
	if (l->st == POD_OK)
		list_dir(l, &fs, &root, "");
	pod_fs_close(&fs);
	qsort(l->line, (size_t)l->n, sizeof l->line[0], compare_lines);
}

static inline void list_free(struct listing *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->line[i]);
	l->n = 0;
}

static inline bool list_equal(const struct listing *a, const struct listing *b)
{
	if (a->n != b->n || a->st != b->st)
		return false;
	for (int i = 0; i < a->n; i++)
		if (strcmp(a->line[i], b->line[i]) != 0)
			return false;
	return true;
}

static inline bool list_has(const struct listing *l, const char *line)
{
	char *const key = (char *)(size_t)line;
	return bsearch(&key, l->line, (size_t)l->n, sizeof l->line[0], compare_lines) != NULL;
}

/* --- building ----------------------------------------------------------------------------------------- */

static inline enum pod_status put_file(struct pod_exfat_vol *v, const char *path, uint64_t size, uint32_t flags)
{
	struct pod_exfat_new n;
	uint64_t seed = pod_crc32((uint32_t)size, path, strlen(path));
	enum pod_status st = pod_exfat_begin(v, path, size, flags, &n, NULL);
	if (st != POD_OK)
		return st;
	for (size_t i = 0; st == POD_OK && i < n.extents; i++) {
		uint8_t *data = malloc((size_t)n.extent[i].length_bytes);
		for (uint64_t k = 0; k < n.extent[i].length_bytes; k++)
			data[k] = (uint8_t)fault_random(&seed);
		st = pod_dev_write(v->dev, n.extent[i].dev_bytes, data, (size_t)n.extent[i].length_bytes);
		free(data);
	}
	if (st != POD_OK) {
		pod_exfat_abort(v, &n);
		return st;
	}
	return pod_exfat_commit(v, path, &n, 1700000001, NULL);
}

/* Makes a file longer by `by`, with content up to `valid` bytes behind its old end, all else zeros. */
static inline enum pod_status grow_by(struct pod_exfat_vol *v, const char *path, uint64_t by, uint64_t valid)
{
	struct pod_exfat_file f;
	uint64_t seed = pod_crc32((uint32_t)by, path, strlen(path));
	POD_TRY(pod_exfat_file_open(v, path, &f, NULL));
	uint64_t size = f.size_bytes + by;
	valid += f.size_bytes;
	enum pod_status st = pod_exfat_reserve(v, &f, size, POD_EXFAT_FRAGMENTS, NULL);
	for (size_t i = 0; st == POD_OK && i < f.extents; i++) {
		const struct pod_extent *e = &f.extent[i];
		uint64_t from = f.valid_bytes > e->file_bytes ? f.valid_bytes - e->file_bytes : 0;
		uint64_t to = pod_min_u64(e->length_bytes, valid > e->file_bytes ? valid - e->file_bytes : 0);
		if (from >= to)
			continue;
		uint8_t *data = malloc((size_t)(to - from));
		for (uint64_t k = 0; k < to - from; k++)
			data[k] = (uint8_t)fault_random(&seed);
		st = pod_dev_write(v->dev, e->dev_bytes + from, data, (size_t)(to - from));
		free(data);
	}
	if (st == POD_OK)
		st = pod_exfat_extend(v, path, &f, size, valid, NULL);
	pod_exfat_file_close(v, &f);
	return st;
}

static inline enum pod_status cut_file(struct pod_exfat_vol *v, const char *path, uint64_t size)
{
	struct pod_exfat_file f;
	POD_TRY(pod_exfat_file_open(v, path, &f, NULL));
	enum pod_status st = pod_exfat_truncate(v, path, &f, size, NULL);
	pod_exfat_file_close(v, &f);
	return st;
}

static inline enum pod_status grow_file(struct pod_exfat_vol *v, const char *path, uint64_t size, uint64_t valid)
{
	struct pod_exfat_file f;
	POD_TRY(pod_exfat_file_open(v, path, &f, NULL));
	uint64_t old = f.size_bytes;
	pod_exfat_file_close(v, &f);
	return grow_by(v, path, size - old, valid - old);
}

/* A path in `folder` whose last name has `units` units, `c` all through. */
static inline const char *long_name(const char *folder, char c, size_t units)
{
	static char buf[4][512];
	static int turn;
	char *p = buf[turn = (turn + 1) & 3];
	size_t n = (size_t)sprintf(p, "%s/", folder);
	memset(p + n, c, units);
	p[n + units] = 0;
	return p;
}

/* Packs a one-cluster folder's sets one behind the other, as Windows and Linux lay them. The folder's node names the cluster. */
static inline void pack_folder(struct fault_dev *f, const char *path, struct pod_alloc *a, uint32_t skip)
{
	struct pod_fs fs = {0};
	struct pod_node node;
	struct pod_dirent *scratch = malloc(sizeof *scratch);
	if (pod_fs_open_as(&fs, &pod_fs_exfat, &f->dev, a, NULL) != POD_OK || pod_fs_lookup(&fs, path, &node, scratch) != POD_OK)
		abort();
	struct pod_exfat_geom g;
	uint8_t boot[512];
	if (pod_exfat_read_boot(&f->dev, boot, sizeof boot, &g, NULL) != POD_OK)
		abort();
	size_t cs = (size_t)1 << g.cluster_shift;
	uint8_t *at = f->data + pod_exfat_cluster_bytes(&g, (uint32_t)node.priv[0]), *old = malloc(cs);
	memcpy(old, at, cs);
	memset(at, 0, cs);
	size_t n = 0;
	for (; n < skip; n++)
		at[n * 32] = 0x05;
	for (size_t i = 0; i < cs / 32 && old[i * 32]; i++)
		if (old[i * 32] & 0x80)
			memcpy(at + n++ * 32, old + i * 32, 32);
	free(old);
	pod_fs_close(&fs);
	free(scratch);
}

static struct pod_diag why; /* pass it to what MUST succeed */

#define MUST(expr)                                                                                                               \
	do {                                                                                                                     \
		enum pod_status must_st_ = (expr);                                                                               \
		if (must_st_ != POD_OK) {                                                                                        \
			printf("%s:%d: %s: %s (%s)\n", __FILE__, __LINE__, #expr, pod_status_text(must_st_),                     \
			       why.what ? why.what : "");                                                                        \
			fflush(stdout);                                                                                          \
			abort();                                                                                                 \
		}                                                                                                                \
	} while (0)

/* `cluster_size` is at least 2048. */
static inline void scenario_base(struct fault_dev *f, struct pod_alloc *a, uint32_t cluster_size)
{
	struct pod_exfat_format p = {.label = "Crash", .cluster_size = cluster_size, .serial = 7};
	struct pod_exfat_vol v;
	char path[64];
	MUST(pod_exfat_format(&f->dev, a, &p, NULL));
	MUST(pod_exfat_mount(&v, &f->dev, a, NULL));
	MUST(pod_exfat_mkdir(&v, "/a/b", 1700000000, NULL));
	MUST(pod_exfat_mkdir(&v, "/empty", 1700000000, NULL));
	MUST(pod_exfat_mkdir(&v, "/full", 1700000000, NULL));
	MUST(pod_exfat_mkdir(&v, "/packed", 1700000000, NULL));
	MUST(pod_exfat_mkdir(&v, "/packed/d1", 1700000000, NULL));
	MUST(put_file(&v, "/a/one.iso", 1, 0));
	MUST(put_file(&v, "/a/none.iso", 0, 0));
	MUST(put_file(&v, "/a/three.iso", 3 * cluster_size - 5, 0));
	MUST(put_file(&v, "/a/zeros.iso", 0, 0));
	MUST(grow_file(&v, "/a/zeros.iso", 2 * cluster_size, 10));
	MUST(put_file(&v, "/a/b/deep.iso", cluster_size + 1, 0));
	MUST(put_file(&v, long_name("/a", 'x', 255), 700, 0));
	MUST(put_file(&v, long_name("/a", 'y', 230), 800, 0));
	MUST(put_file(&v, long_name("/a/b", 'z', 200), 900, 0));
	/* Every second small file goes again: single free clusters for a fragmented one. */
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof path, "/gap%d", i);
		MUST(put_file(&v, path, cluster_size, 0));
	}
	for (int i = 0; i < 40; i += 2) {
		snprintf(path, sizeof path, "/gap%d", i);
		MUST(pod_exfat_remove(&v, path, NULL));
	}
	struct pod_exfat_space s;
	pod_exfat_space(&v, &s);
	/* All but the last three holes: what is left free at the end of the volume serves the operations. */
	MUST(put_file(&v, "/filler", s.largest_run_bytes - 24 * cluster_size, 0));
	MUST(put_file(&v, "/rest", 22 * cluster_size, 0));
	MUST(put_file(&v, "/fragmented", 4 * cluster_size, POD_EXFAT_FRAGMENTS));
	MUST(pod_exfat_remove(&v, "/rest", NULL));
	/* Fill a folder up to its last entries. */
	for (uint32_t i = 0; i < cluster_size / 512 * 5; i++) {
		snprintf(path, sizeof path, "/full/f%u", i);
		MUST(put_file(&v, path, i == 0 ? 10 : 0, 0));
	}
	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof path, i == 2 ? "/packed/p%d-with a longer name" : "/packed/p%d", i);
		MUST(put_file(&v, path, (uint64_t)i * 50, 0));
	}
	MUST(pod_exfat_unmount(&v));
	/* Now the file entries of d1 and p4 are the last in their blocks, and p9's name is in another block than its other
	 * entries. */
	pack_folder(f, "/packed", a, 15);
}

/* --- operations --------------------------------------------------------------------------------------- */

struct operation {
	const char *name;
	enum pod_status (*run)(struct pod_exfat_vol *v);
	const char *may_vanish; /* a replaced target that may be gone with the source still there */
	bool long_chain;	/* a chained file changes its length: its chain is longer than it for a moment */
};

#define OPERATION(ident, expr)                                                                                                   \
	static inline enum pod_status op_##ident(struct pod_exfat_vol *v)                                                        \
	{                                                                                                                        \
		return expr;                                                                                                     \
	}

OPERATION(add, put_file(v, "/a/新しい.iso", 5000, 0))
OPERATION(add_root, put_file(v, "/new.iso", 5000, 0))
OPERATION(add_long, put_file(v, long_name("/a", 'q', 255), 5000, 0))
OPERATION(add_fragments, put_file(v, "/a/frag2.iso", v->free_clusters / 4 * 3ull << v->g.cluster_shift, POD_EXFAT_FRAGMENTS))
OPERATION(add_empty, put_file(v, "/a/empty.iso", 0, 0))
OPERATION(replace, put_file(v, "/a/THREE.iso", 6000, POD_EXFAT_REPLACE))
OPERATION(replace_long, put_file(v, long_name("/a", 'x', 255), 6000, POD_EXFAT_REPLACE))
OPERATION(replace_packed, put_file(v, "/packed/p4", 6000, POD_EXFAT_REPLACE))
OPERATION(replace_packed2, put_file(v, "/packed/p9", 6000, POD_EXFAT_REPLACE))
OPERATION(remove, pod_exfat_remove(v, "/a/three.iso", NULL))
OPERATION(remove_fragmented, pod_exfat_remove(v, "/fragmented", NULL))
OPERATION(remove_long, pod_exfat_remove(v, long_name("/a", 'y', 230), NULL))
OPERATION(remove_folder, pod_exfat_remove(v, "/empty", NULL))
OPERATION(remove_packed, pod_exfat_remove(v, "/packed/p4", NULL))
OPERATION(remove_packed2, pod_exfat_remove(v, "/packed/p9", NULL))
OPERATION(rename, pod_exfat_rename(v, "/a/three.iso", "/a/drei.iso", 0, NULL))
OPERATION(rename_case, pod_exfat_rename(v, "/a/three.iso", "/a/Three.ISO", 0, NULL))
OPERATION(rename_longer, pod_exfat_rename(v, "/a/three.iso", long_name("/a", 't', 100), 0, NULL))
OPERATION(rename_packed, pod_exfat_rename(v, "/packed/p9", "/packed/q9", 0, NULL))
OPERATION(rename_long, pod_exfat_rename(v, long_name("/a", 'x', 255), long_name("/a", 'w', 255), 0, NULL))
OPERATION(rename_folder, pod_exfat_rename(v, "/a", long_name("", 'a', 180), 0, NULL))
OPERATION(rename_empty, pod_exfat_rename(v, "/a/none.iso", "/a/nichts, aber mit langem Namen.iso", 0, NULL))
OPERATION(move, pod_exfat_rename(v, "/a/three.iso", "/empty/three.iso", 0, NULL))
OPERATION(move_up, pod_exfat_rename(v, "/a/b/deep.iso", "/a/deep.iso", 0, NULL))
OPERATION(move_down, pod_exfat_rename(v, "/a/three.iso", "/a/b/three.iso", 0, NULL))
OPERATION(move_folder, pod_exfat_rename(v, "/a/b", "/empty/B", 0, NULL))
OPERATION(move_fragmented, pod_exfat_rename(v, "/fragmented", "/a/b/fragmented", 0, NULL))
OPERATION(move_long, pod_exfat_rename(v, long_name("/a", 'x', 255), long_name("/a/b", 'X', 255), 0, NULL))
OPERATION(move_into_full, pod_exfat_rename(v, "/a/three.iso", "/full/three.iso", 0, NULL))
OPERATION(move_packed, pod_exfat_rename(v, "/packed/d1", "/a/d1", 0, NULL))
OPERATION(move_replace, pod_exfat_rename(v, "/a/three.iso", "/a/b/deep.iso", POD_EXFAT_REPLACE, NULL))
OPERATION(mkdir, pod_exfat_mkdir(v, "/a/b/c", 1700000000, NULL))
OPERATION(grow, put_file(v, "/full/one more.iso", 100, 0))
#define CLUSTERS(n) ((uint64_t)(n) << v->g.cluster_shift)
OPERATION(extend, grow_by(v, "/filler", CLUSTERS(3) - 7, CLUSTERS(3) - 7))
OPERATION(extend_zeros, grow_by(v, "/filler", CLUSTERS(3), 1000))
OPERATION(extend_valid, grow_file(v, "/a/zeros.iso", CLUSTERS(2), CLUSTERS(2) - 9))
OPERATION(extend_in_cluster, grow_file(v, "/a/one.iso", 1500, 1500))
OPERATION(extend_empty, grow_file(v, "/a/none.iso", CLUSTERS(2), CLUSTERS(2)))
OPERATION(extend_to_chain, grow_file(v, "/a/three.iso", CLUSTERS(6), CLUSTERS(6)))
OPERATION(extend_fragments, grow_file(v, "/a/three.iso", CLUSTERS(v->free_clusters + 2), CLUSTERS(v->free_clusters + 2)))
OPERATION(extend_chain, grow_file(v, "/fragmented", CLUSTERS(7), CLUSTERS(7)))
OPERATION(truncate_chain_in_cluster, cut_file(v, "/fragmented", CLUSTERS(4) - 3))
OPERATION(extend_long, grow_file(v, long_name("/a", 'x', 255), CLUSTERS(3), CLUSTERS(3)))
OPERATION(extend_packed, grow_file(v, "/packed/p4", CLUSTERS(3), CLUSTERS(3)))
OPERATION(extend_packed2, grow_file(v, "/packed/p9", CLUSTERS(3), CLUSTERS(3)))
OPERATION(truncate, cut_file(v, "/a/three.iso", CLUSTERS(1) + 1))
OPERATION(truncate_in_cluster, cut_file(v, "/a/three.iso", CLUSTERS(2) + 1))
OPERATION(truncate_chain, cut_file(v, "/fragmented", CLUSTERS(3)))
OPERATION(truncate_chain_to_run, cut_file(v, "/fragmented", CLUSTERS(2) - 1))
OPERATION(truncate_chain_to_none, cut_file(v, "/fragmented", 0))
OPERATION(truncate_packed, cut_file(v, "/packed/p4", 0))
#define READ_ONLY POD_ATTR_READ_ONLY, POD_ATTR_READ_ONLY
OPERATION(attributes, pod_exfat_set_attributes(v, "/a/three.iso", READ_ONLY, NULL))
OPERATION(attributes_root, pod_exfat_set_attributes(v, "/fragmented", POD_ATTR_HIDDEN, 0x27, NULL))
OPERATION(attributes_folder, pod_exfat_set_attributes(v, "/a/b", READ_ONLY, NULL))
OPERATION(attributes_long, pod_exfat_set_attributes(v, long_name("/a", 'x', 255), READ_ONLY, NULL))
OPERATION(attributes_packed, pod_exfat_set_attributes(v, "/packed/p4", READ_ONLY, NULL))
OPERATION(attributes_packed2, pod_exfat_set_attributes(v, "/packed/p9", READ_ONLY, NULL))
OPERATION(nothing, v->failed ? POD_E_IO : POD_OK)

/* Files until the folder has grown twice: behind itself, or to another place. */
static inline enum pod_status op_grow_much(struct pod_exfat_vol *v)
{
	char path[64];
	for (uint32_t i = 0; i < (2u << v->g.cluster_shift) / 512 * 5; i++) {
		snprintf(path, sizeof path, "/full/g%u", i);
		POD_TRY(put_file(v, path, 0, 0));
	}
	return POD_OK;
}

static inline enum pod_status op_grow_root(struct pod_exfat_vol *v)
{
	POD_TRY(put_file(v, long_name("", 'r', 255), 0, 0));
	for (int i = 0; i < (1 << v->g.cluster_shift) / 512; i++)
		POD_TRY(put_file(v, long_name("", (char)('A' + i), 200), 0, 0));
	return POD_OK;
}

/* The folder's own set lies across two blocks: it has to move before it can grow. */
static inline enum pod_status op_grow_packed(struct pod_exfat_vol *v)
{
	char path[64];
	for (uint32_t i = 0; i < (1u << v->g.cluster_shift) / 512 * 5 + 1; i++) {
		snprintf(path, sizeof path, "/packed/d1/g%u", i);
		POD_TRY(put_file(v, path, 0, 0));
	}
	return POD_OK;
}

static const struct operation operations[] = {
	{"nothing", op_nothing, NULL, false},
	{"add", op_add, NULL, false},
	{"add_root", op_add_root, NULL, false},
	{"add_long", op_add_long, NULL, false},
	{"add_fragments", op_add_fragments, NULL, false},
	{"add_empty", op_add_empty, NULL, false},
	{"replace", op_replace, NULL, false},
	{"replace_long", op_replace_long, NULL, false},
	{"replace_packed", op_replace_packed, "/packed/p4", false},
	{"replace_packed2", op_replace_packed2, NULL, false},
	{"remove", op_remove, NULL, false},
	{"remove_fragmented", op_remove_fragmented, NULL, false},
	{"remove_long", op_remove_long, NULL, false},
	{"remove_folder", op_remove_folder, NULL, false},
	{"remove_packed", op_remove_packed, NULL, false},
	{"remove_packed2", op_remove_packed2, NULL, false},
	{"rename", op_rename, NULL, false},
	{"rename_case", op_rename_case, NULL, false},
	{"rename_longer", op_rename_longer, NULL, false},
	{"rename_packed", op_rename_packed, NULL, false},
	{"rename_long", op_rename_long, NULL, false},
	{"rename_folder", op_rename_folder, NULL, false},
	{"rename_empty", op_rename_empty, "/a/none.iso", false},
	{"move", op_move, NULL, false},
	{"move_up", op_move_up, NULL, false},
	{"move_down", op_move_down, NULL, false},
	{"move_folder", op_move_folder, NULL, false},
	{"move_fragmented", op_move_fragmented, NULL, false},
	{"move_long", op_move_long, NULL, false},
	{"move_into_full", op_move_into_full, NULL, false},
	{"move_packed", op_move_packed, NULL, false},
	{"move_replace", op_move_replace, "/a/b/deep.iso", false},
	{"mkdir", op_mkdir, NULL, false},
	{"grow", op_grow, NULL, false},
	{"grow_much", op_grow_much, NULL, false},
	{"grow_root", op_grow_root, NULL, false},
	{"grow_packed", op_grow_packed, NULL, false},
	{"extend", op_extend, NULL, false},
	{"extend_zeros", op_extend_zeros, NULL, false},
	{"extend_valid", op_extend_valid, NULL, false},
	{"extend_in_cluster", op_extend_in_cluster, NULL, false},
	{"extend_empty", op_extend_empty, NULL, false},
	{"extend_to_chain", op_extend_to_chain, NULL, false},
	{"extend_fragments", op_extend_fragments, NULL, false},
	{"extend_chain", op_extend_chain, NULL, true},
	{"truncate_chain_in_cluster", op_truncate_chain_in_cluster, NULL, false},
	{"extend_long", op_extend_long, NULL, false},
	{"extend_packed", op_extend_packed, NULL, false},
	{"extend_packed2", op_extend_packed2, NULL, false},
	{"truncate", op_truncate, NULL, false},
	{"truncate_in_cluster", op_truncate_in_cluster, NULL, false},
	{"truncate_chain", op_truncate_chain, NULL, true},
	{"truncate_chain_to_run", op_truncate_chain_to_run, NULL, false},
	{"truncate_chain_to_none", op_truncate_chain_to_none, NULL, false},
	{"truncate_packed", op_truncate_packed, NULL, false},
	{"attributes", op_attributes, NULL, false},
	{"attributes_root", op_attributes_root, NULL, false},
	{"attributes_folder", op_attributes_folder, NULL, false},
	{"attributes_long", op_attributes_long, NULL, false},
	{"attributes_packed", op_attributes_packed, NULL, false},
	{"attributes_packed2", op_attributes_packed2, NULL, false},
};

/* Mount, operation, unmount. */
static inline enum pod_status run_operation(const struct operation *op, struct pod_dev *dev, struct pod_alloc *a)
{
	struct pod_exfat_vol v;
	POD_TRY(pod_exfat_mount(&v, dev, a, NULL));
	enum pod_status st = op->run(&v), end = pod_exfat_unmount(&v);
	return st != POD_OK ? st : end;
}

#endif
