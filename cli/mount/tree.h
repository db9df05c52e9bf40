/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk as a tree of files: its bytes, its partitions, and through them the files of the filesystems that the core reads. Knows
 * nothing of FUSE; what FUSE asks is answered from here (serve.c), and tests ask it without a kernel.
 *
 *     /about.txt   what there is, and why the files of a partition are not shown
 *     /disk.raw    the bytes of the disk, and those of its partitions by number
 *     /p1.raw
 *     /disk/       the files of a filesystem on the whole disk (a CD, a floppy), or in a partition
 *     /p1/
 *
 * Everything below is somebody else's word. Each call has a budget of its own; lists, names and depth have limits; a folder that
 * contains itself is POD_E_LOOP; a symbolic link comes to lead to a place in the same filesystem, whatever it says.
 */
#ifndef POD_CLI_MOUNT_TREE_H
#define POD_CLI_MOUNT_TREE_H

#include "cli/ui/ui.h"
#include "core/fs/fs.h"

#define TREE_ROOT      1u    /* the number of the root folder; others have larger ones */
#define TREE_NAME_MAX  1023u /* bytes; the kernel's FUSE takes 1024 */
#define TREE_DEPTH_MAX 128u
#define TREE_STEPS     (UINT64_C(1) << 22) /* of one call; the largest sound folders take as many */
#define TREE_MS	       10000u		   /* past POD_BUDGET_UNTIMED steps */
#define TREE_LIST_MAX  (1u << 20)	   /* names in a folder */
#define TREE_LISTS_MAX (64u << 20)	   /* bytes of lists that are kept; the one in use may be longer */
#define TREE_NODES_MAX (1u << 22)	   /* that the kernel remembers at a time */

enum tree_kind {
	TREE_FOLDER,
	TREE_FILE,
	TREE_LINK,
};
struct tree_attr {
	uint64_t id;	     /* from TREE_ROOT on */
	uint64_t generation; /* tells those apart that had the same number one after the other */
	enum tree_kind kind;
	uint64_t size_bytes;
	int64_t mtime; /* seconds since 1970; 0: not known */
};

struct tree_volume {
	uint32_t number; /* of the partition; 0: the whole disk */
	uint64_t start_bytes, length_bytes;
	enum pod_status status;	    /* of reading its filesystem */
	const char *format, *label; /* of it; NULL: none that is known */
	const char *files;	    /* the folder that shows its files; NULL: there is none */
};

struct tree;
/* `disk` must outlive it; one without a budget gets the tree's. `still`: nobody writes to the disk. NULL never. */
struct tree *tree_open(struct pod_dev *disk, bool still);
void tree_close(struct tree *t);
/* Visits the whole disk and its partitions. */
void tree_volumes(const struct tree *t, void (*visit)(void *ctx, const struct tree_volume *v), void *ctx);
/* Why there are no partitions, though there is a table of them; POD_OK: there is none, or it was read. */
enum pod_status tree_table(const struct tree *t);
/* What about.txt says; the caller's text. */
void tree_set_about(struct tree *t, const char *text);

/* The entry `name` of a folder, which is remembered once more. */
enum pod_status POD_MUST_USE tree_lookup(struct tree *t, uint64_t folder, const char *name, struct tree_attr *out);
/* It may be forgotten: as many times as it was looked up. Numbers that were never given are ignored. */
void tree_forget(struct tree *t, uint64_t id, uint64_t times);
enum pod_status POD_MUST_USE tree_attr(struct tree *t, uint64_t id, struct tree_attr *out);
/* The target of a symbolic link, relative, within its filesystem. */
enum pod_status POD_MUST_USE tree_readlink(struct tree *t, uint64_t id, char *buf, size_t size);

/* A folder's names in the order of their bytes, and a file to be read: whatever happens to their nodes meanwhile. */
struct tree_list;
struct tree_file;
enum pod_status POD_MUST_USE tree_list_open(struct tree *t, uint64_t id, struct tree_list **out);
/* NULL: there are no more. *kind is what the folder itself says; false in *sure: it may be something else than TREE_FILE. */
const char *tree_list_name(const struct tree_list *l, uint64_t index, enum tree_kind *kind, bool *sure);
void tree_list_close(struct tree_list *l);
enum pod_status POD_MUST_USE tree_file_open(struct tree *t, uint64_t id, struct tree_file **out);
/* Reads what there is of [off, off + len). */
enum pod_status POD_MUST_USE tree_file_read(struct tree *t, struct tree_file *f, uint64_t off, void *buf, size_t len,
					    size_t *got);
void tree_file_close(struct tree *t, struct tree_file *f);

#endif
