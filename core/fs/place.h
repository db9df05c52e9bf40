/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that is shown longer than it is: bytes in front of its own and bytes behind them, for a reader that follows the filesystem.
 *
 * Nothing is written to the volume. What is said here goes into a virtual disk that a loader reads once; the system that starts
 * sees the real one. So any room that no file uses can show the new bytes, what is in use need not be told anew, and only the one
 * record that says where the file lies is shown changed.
 *
 *   the file as it is          [AAAA][BBBB][C...]            C: its last, partial cluster
 *   as it is shown      [front][AAAA][BBBB][C... and what is behind it]
 *
 * The whole clusters of the file stay where they are. A filesystem gives two functions (struct pod_place_ops): where is room, and
 * how does a file come to consist of these runs. They are called in this order:
 *
 *   pod_place_init, then for each file: pod_place_room (front), pod_place_kept, pod_place_room (behind), ops->point
 */
#ifndef POD_FS_PLACE_H
#define POD_FS_PLACE_H

#include "core/fs/fs.h"

/* A run of bytes of the filesystem's device, whole clusters (fs->cluster_size). */
struct pod_place_run {
	uint64_t dev_bytes, length_bytes;
	bool kept; /* the file's own, and next to the run in front of it in the file if that is kept, too */
};

/* The runs of one file in its order; plain data but for `run`, which pod_place_runs_free gives back. */
struct pod_place_runs {
	struct pod_place_run *run;
	size_t count, cap;
};
#define POD_PLACE_RUNS_MAX 65536u

struct pod_place_ops;
struct pod_place {
	const struct pod_place_ops *ops;
	struct pod_fs *fs;
	/* Given by the caller: shows `len` bytes at `off_bytes` of the device in place of those that are there; and reads them as they
	 * are shown by now, which fs->dev does not. */
	enum pod_status (*show)(struct pod_place *p, uint64_t off_bytes, const void *data, size_t len);
	enum pod_status (*shown)(struct pod_place *p, uint64_t off_bytes, void *buf, size_t len);
	void *ctx;
	/* Room that was given away, in the order of its giving. */
	struct pod_place_runs taken;
};

struct pod_place_ops {
	const struct pod_fs_ops *fs;
	/* The first run of clusters that nothing uses which begins at or behind `from_bytes` (or contains it: then from there on). POD_END:
	 * no more. It may end where a longer one goes on. */
	enum pod_status (*next_free)(struct pod_place *p, uint64_t from_bytes, struct pod_place_run *out);
	/* `point` finds the bytes of the file that are kept itself, however they are stored: one run without a place stands for them. */
	bool keeps_itself;
	/* Is not everything in its place that was written? What is read is then what lay there before. NULL: it always is. */
	bool (*dirty)(struct pod_fs *fs);
	/* From now on `file` consists of these runs, the last one perhaps not to its end: `size_bytes` long. Shows no change unless it
	 * succeeds. POD_E_LIMIT, POD_E_NOSPACE, POD_E_UNSUPPORTED: the file has to stay as it is. May ask for room of its own. */
	enum pod_status (*point)(struct pod_place *p, const struct pod_node *file, const struct pod_place_runs *runs,
				 uint64_t size_bytes);
	/* Shows a file that the volume has not got, of these runs; *path, by which loaders find it, and *file are filled in. NULL: no such
	 * way is known. POD_E_NOSPACE: there is no place for its name. Where it fails, what is shown already no loader looks at. */
	enum pod_status (*add)(struct pod_place *p, const struct pod_place_runs *runs, uint64_t size_bytes, const char **path,
			       struct pod_node *file);
};

/* `fs` is open, as ops->fs; the caller sets show, shown and ctx. */
void pod_place_init(struct pod_place *p, const struct pod_place_ops *ops, struct pod_fs *fs);
void pod_place_fini(struct pod_place *p);
/* Appends free room for `len_bytes`, rounded up to whole clusters: one run if there is one, else as few as can be found.
 * POD_E_NOSPACE: there is not so much. */
enum pod_status POD_MUST_USE pod_place_room(struct pod_place *p, uint64_t len_bytes, struct pod_place_runs *to);
/* Appends the clusters of the file that are whole. POD_E_UNSUPPORTED: it has holes. */
enum pod_status POD_MUST_USE pod_place_kept(struct pod_place *p, const struct pod_node *file, struct pod_place_runs *to);
void pod_place_runs_free(struct pod_place *p, struct pod_place_runs *r);

#endif
