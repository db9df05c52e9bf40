/* SPDX-License-Identifier: BSD-2-Clause */
/* What changed between two layers: ranges of the disk, and the files in them. */
#ifndef POD_CLI_LAYER_DIFF_H
#define POD_CLI_LAYER_DIFF_H

#include "cli/ui/ui.h"
#include "core/disk/dev.h"

/* Ranges in ascending order, not touching each other, in which two disks may differ. */
struct diff_range {
	uint64_t off, end;
};
struct diff_map {
	struct diff_range *v;
	size_t n, cap;
	uint64_t bytes;
	/* With these set, a range counts as changed where the bytes do differ: something was written, it may have been the same.
	 */
	struct pod_dev *disk[2];
	uint8_t *pieces; /* of both, while they are compared */
	uint64_t base;	 /* offset 0 of the map on the disks */
};
void diff_map_add(struct diff_map *m, uint64_t off, uint64_t len); /* ascending */
bool diff_map_touches(const struct diff_map *m, uint64_t off, uint64_t len);
/* What of it lies in [off, off + len), counted from `off`. */
void diff_map_window(const struct diff_map *m, uint64_t off, uint64_t len, struct diff_map *out);
void diff_map_free(struct diff_map *m);

struct diff_entry {
	char *path;	      /* UTF-8, from the volume's root */
	bool is_dir, touched; /* touched: some of its data lie in changed ranges */
	uint64_t size_bytes;
	int64_t mtime;	     /* seconds since 1970 */
	uint32_t attributes; /* as the filesystem stores them: DOS attributes, or the mode */
	uint32_t uid, gid;   /* ext4 */
	uint32_t security;   /* NTFS: security_id, which names a descriptor in $Secure */
	uint64_t id;	     /* the same file under another name has the same; 0: not known */
	uint64_t where;	     /* changes when the data lie elsewhere */
};
struct diff_list {
	struct diff_entry *v;
	size_t n, cap;
	char *problem; /* a sentence: why there is no list; NULL */
};
/* Takes over `e->path`. */
void diff_list_add(struct diff_list *l, const struct diff_entry *e);
void diff_list_free(struct diff_list *l);
/* Folds a number into `where`. */
static inline uint64_t diff_fold(uint64_t h, uint64_t v)
{
	return (h ^ v) * 1099511628211ull;
}

struct diff_export;
struct diff_reader {
	const char *name;
	/* Lists at least the files and folders of which a record or data lie in `changed` (ranges of the volume). POD_E_FORMAT:
	 * another filesystem; POD_E_UNSUPPORTED: it is this one, and `missing` tells what it takes to read it. */
	enum pod_status (*list)(struct pod_dev *volume, const struct diff_map *changed, struct diff_list *out);
	const char *(*missing)(void); /* in a sentence; NULL: nothing ever is */
	/* Writes the files that are wanted (diff_export.h). */
	void (*contents)(struct diff_export *x, struct pod_dev *volume);
};
/* In the order in which they are tried. */
extern const struct diff_reader diff_ntfs, diff_ext, diff_core;

#endif
