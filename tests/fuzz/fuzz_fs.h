/* SPDX-License-Identifier: BSD-2-Clause */
/* Exercises an open filesystem of unknown content; what must hold for every filesystem is checked here. */
#ifndef POD_TESTS_FUZZ_FS_H
#define POD_TESTS_FUZZ_FS_H

#include "core/base/str.h"
#include "core/fs/fs.h"
#include "tests/fuzz/fuzz.h"

/* Entries visited in all: directories that name each other make trees of any size. */
#define FUZZ_ENTRIES 400u

static inline void fuzz_fs_file(struct fuzz_env *env, struct pod_fs *fs, const struct pod_node *n)
{
	struct pod_extent *v;
	size_t count;
	uint8_t buf[700];
	if (pod_fs_extents(fs, n, &env->alloc, &v, &count) == POD_OK) {
		uint64_t at = 0;
		for (size_t i = 0; i < count; i++) {
			FUZZ_REQUIRE(v[i].file_bytes == at && v[i].length_bytes);
			FUZZ_REQUIRE(v[i].hole || pod_in_range(v[i].dev_bytes, v[i].length_bytes, fs->dev->size_bytes));
			at += v[i].length_bytes;
		}
		FUZZ_REQUIRE(at == n->size_bytes);
		pod_free(&env->alloc, v);
	}
	(void)!pod_fs_read(fs, n, 0, buf, (size_t)pod_min_u64(sizeof buf, n->size_bytes));
	if (n->size_bytes > 3)
		(void)!pod_fs_read(fs, n, n->size_bytes - 3, buf, 3);
	FUZZ_REQUIRE(pod_fs_read(fs, n, n->size_bytes, buf, 1) == POD_E_RANGE);
}

static inline void fuzz_fs_dir(struct fuzz_env *env, struct pod_fs *fs, const struct pod_node *node, unsigned depth,
			       unsigned *left)
{
	struct pod_dir dir;
	struct pod_dirent *e = calloc(1, sizeof *e), *scratch = calloc(1, sizeof *scratch);
	FUZZ_REQUIRE(e && scratch && pod_dir_open(&dir, fs, node) == POD_OK);
	while (*left && pod_dir_next(&dir, e) == POD_OK) {
		(*left)--;
		FUZZ_REQUIRE(memchr(e->name, 0, sizeof e->name) && e->name[0] && !strchr(e->name, '/'));
		FUZZ_REQUIRE(strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0);
		if (!e->node.is_dir) {
			fuzz_fs_file(env, fs, &e->node);
		} else if (depth < POD_DEPTH_MAX) {
			fuzz_fs_dir(env, fs, &e->node, depth + 1, left);
		}
		if (depth == 0) {
			struct pod_node again;
			(void)!pod_fs_lookup(fs, e->name, &again, scratch);
		}
	}
	free(e);
	free(scratch);
}

static inline void fuzz_fs(struct fuzz_env *env, struct pod_fs *fs)
{
	struct pod_node root, n;
	unsigned left = FUZZ_ENTRIES;
	struct pod_dirent *scratch = calloc(1, sizeof *scratch);
	FUZZ_REQUIRE(scratch && memchr(fs->label, 0, sizeof fs->label));
	memset(&root, 0, sizeof root);
	if (fs->ops->root(fs, &root) == POD_OK) {
		fuzz_fs_dir(env, fs, &root, 0, &left);
		(void)!pod_fs_lookup(fs, "link/../up/./x", &n, scratch);
		(void)!pod_fs_lookup(fs, "link", &n, scratch);
		(void)!pod_fs_lookup(fs, "loop", &n, scratch);
	}
	free(scratch);
}

#endif
