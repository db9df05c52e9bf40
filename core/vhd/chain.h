/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual disk: a raw file, a VHD, a VHDX, or a chain of differencing files down to one that has no parent.
 *
 *   pod_chain_open(&c, &file, &alloc, &opener, &options, &diag);    opens `file` and, through `opener`, all its parents
 *   pod_dev_read(&c.dev, ...), pod_dev_write, pod_dev_flush, pod_chain_trim
 *   pod_chain_close(&c);
 *
 * Writes go to the top file; parents are only ever read. Reading allocates nothing.
 */
#ifndef POD_VHD_CHAIN_H
#define POD_VHD_CHAIN_H

#include "core/vhd/member.h"

/* What the diag of pod_chain_open says then. */
#define POD_HALF_MERGED "a merge into it was interrupted"
/* More files on top of each other than this are refused (POD_E_LIMIT). */
#define POD_CHAIN_DEPTH_MAX 256u

/* How parents are found. `path` is what `child` says of its parent; the callback makes of it a file of its world. */
struct pod_chain_opener {
	/* POD_E_NOT_FOUND if there is none: the next kind of path is tried then, as it is after any other failure. */
	enum pod_status (*open)(struct pod_chain_opener *o, struct pod_vfile *child, enum pod_parent_path kind, const char *path,
				struct pod_vfile **out);
	void (*close)(struct pod_chain_opener *o, struct pod_vfile *f);
	void *ctx;
};

struct pod_chain_options {
	struct pod_member_options
		top;	  /* parents are opened with the same cache_pages, not writable; their bytes tell the format */
	bool half_merged; /* a top file is opened although a merge into it was interrupted; else POD_E_CORRUPT, POD_HALF_MERGED */
	bool partial;	  /* a parent that cannot be opened ends the chain (pod_chain.broken): to be looked at, not read */
	char *failed_path; /* on failure: the parent's path that could not be used, or "" for the top file; NULL: don't */
	size_t failed_path_size;
};

struct pod_chain {
	struct pod_dev dev; /* the disk */
	struct pod_alloc *alloc;
	struct pod_chain_opener *opener;
	struct pod_member **member; /* [0]: the top */
	unsigned depth, cap;
	enum pod_status broken; /* why the lowest member's parent is not there; POD_OK: the chain is whole */
	uint8_t *sector;	/* a sector that is written in part */
	/* Which member shows each 4 KiB of a granule, for deep chains: a read asks one member instead of all. NULL: not used. */
	uint64_t *granule; /* granule number + 1; 0: empty */
	uint8_t *owner;
	uint32_t granules; /* a power of two */
	uint32_t runs;	   /* members asked, for the budget */
};

/* A piece of the disk: zeros, or bytes in one member's device (member[run.member]->dev). */
struct pod_chain_run {
	enum pod_run_kind kind; /* POD_RUN_ZERO or POD_RUN_DATA */
	unsigned member;
	uint64_t file_off, len;
};

/* `file` stays the caller's, and open; parents are closed by pod_chain_close through the opener. `opener` NULL: a file that has a
 * parent cannot be opened. POD_E_NOT_FOUND: a parent is missing; POD_E_CHANGED: a parent is not what the child was made for;
 * POD_E_CORRUPT with "parent chain is a loop". */
enum pod_status POD_MUST_USE pod_chain_open(struct pod_chain *c, struct pod_vfile *file, struct pod_alloc *a,
					    struct pod_chain_opener *opener, const struct pod_chain_options *opt,
					    struct pod_diag *diag);
enum pod_status POD_MUST_USE pod_chain_close(struct pod_chain *c);
/* What the disk shows at `off`, at most `len` bytes; run->len > 0. */
enum pod_status POD_MUST_USE pod_chain_run(struct pod_chain *c, uint64_t off, uint64_t len, struct pod_chain_run *run);
/* The same as if the members above `first` were not there: behind the end of member `first` zeros. */
enum pod_status POD_MUST_USE pod_chain_run_below(struct pod_chain *c, unsigned first, uint64_t off, uint64_t len,
						 struct pod_chain_run *run);
/* Whether the members above `since` say anything about what is at `off` (or hide what it says), and for how many bytes, at most `len`,
 * that is so. What does not is as member `since` has it. */
enum pod_status POD_MUST_USE pod_chain_changed(struct pod_chain *c, unsigned since, uint64_t off, uint64_t len, bool *changed,
					       uint64_t *out);
/* The range reads as zeros afterwards; whole blocks are given back. Any alignment. */
enum pod_status POD_MUST_USE pod_chain_trim(struct pod_chain *c, uint64_t off, uint64_t len);
enum pod_status POD_MUST_USE pod_chain_grow(struct pod_chain *c, uint64_t size_bytes);
/* What is behind the new end is gone. POD_E_INVALID: the disk stands on a parent, or is not that long. */
enum pod_status POD_MUST_USE pod_chain_shrink(struct pod_chain *c, uint64_t size_bytes);

/* The disk as a map of the stick that the files lie on: each file's `extents` must be set. At most POD_MAP_SEG_LIMIT segments. */
enum pod_status POD_MUST_USE pod_chain_map(struct pod_chain *c, struct pod_map *out);

typedef void pod_chain_progress(void *ctx, uint64_t done, uint64_t total);
/*
 * Merges one differencing file into its parent, in place. A power cut at any write leaves a child that reads as before, and the
 * merge can be done again: the child is told the parent's coming identifier before the parent changes. Afterwards the child is
 * still right, and not needed. A parent that holds all of it already does not change. Else other children of the parent are not
 * right any more: the caller sees to it that there are none. The parent grows if the child is longer.
 */
enum pod_status POD_MUST_USE pod_chain_merge(struct pod_vfile *child, struct pod_vfile *parent, struct pod_alloc *a,
					     const struct pod_vhd_env *env, pod_chain_progress *progress, void *ctx,
					     struct pod_diag *diag);
/* *held: the parent holds all that the child does, so that a merge would change nothing (one that was interrupted late). */
enum pod_status POD_MUST_USE pod_chain_merged(struct pod_vfile *child, struct pod_vfile *parent, struct pod_alloc *a, bool *held,
					      struct pod_diag *diag);
/* How much of the child's data the parent has no place for: so many bytes does a merge take where files have holes. */
enum pod_status POD_MUST_USE pod_chain_merge_bytes(struct pod_vfile *child, struct pod_vfile *parent, struct pod_alloc *a,
						   uint64_t *bytes, struct pod_diag *diag);
/* The same of open ones. */
enum pod_status POD_MUST_USE pod_member_merge_bytes(struct pod_member *child, struct pod_member *parent, uint64_t *bytes);
/* Takes into the top file (VHDX) what its parents hold, and makes it a disk of its own. At every moment it reads the same. The
 * parents stay open, and unused, until the chain is closed. */
enum pod_status POD_MUST_USE pod_chain_flatten(struct pod_chain *c, pod_chain_progress *progress, void *ctx);

/*
 * Another parent for the top file, which shows afterwards what it showed before.
 *
 *   pod_chain_rebase_plan(&r, &c, &onto, ...)   compares; `copy_bytes` and `grow_bytes` tell what it takes
 *   pod_chain_rebase_run(&r, &spec, ...)        takes in what the new parent does not show, then names the new parent
 *   pod_chain_rebase_end(&r)                    in any case
 *
 * Whatever is taken in is what the old parents show, so under them the file reads the same after every write of it, and the step
 * to the new parent is one. DataWriteGuid stays, as what the disk shows does: children of the file are still right.
 */
struct pod_chain_rebase {
	const volatile int *stop; /* set by the caller, may be NULL: not 0 ends plan and run early with POD_END, nothing lost */
	uint64_t copy_bytes;	  /* of the disk: what is to be taken in */
	uint64_t grow_bytes;	  /* at most so much longer does the file get for that (where it can have holes, it needs less) */
	struct pod_chain *chain, *onto;
	bool below;		/* the new parent is in the chain already: maps tell all, contents need not be compared */
	uint32_t portion_shift; /* what is looked at in one go: a block, at most 4 MiB of it */
	uint8_t *differs;	/* one bit per portion of the disk */
	uint8_t *old, *now;	/* a portion as it is and as the new parent shows it */
	uint8_t *need;		/* one byte per sector of it: to be taken in */
};
/* `onto`: the new parent with what it stands on, open for reading. POD_E_INVALID: the top file has no parent, or is among
 * `onto`; POD_E_UNSUPPORTED: another format or sector size, or longer than the top file; POD_E_LIMIT: the chain gets too deep. */
enum pod_status POD_MUST_USE pod_chain_rebase_plan(struct pod_chain_rebase *r, struct pod_chain *c, struct pod_chain *onto,
						   pod_chain_progress *progress, void *ctx, struct pod_diag *diag);
/* `spec`: the paths; identifiers are filled in. The chain is good for being closed only afterwards. */
enum pod_status POD_MUST_USE pod_chain_rebase_run(struct pod_chain_rebase *r, struct pod_parent_spec *spec,
						  pod_chain_progress *progress, void *ctx);
void pod_chain_rebase_end(struct pod_chain_rebase *r);

#endif
