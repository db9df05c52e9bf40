/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hard disk made of pieces, as a map: an MBR with one FAT32 partition that holds a tree of files. What is in them stays where it
 * is: slices of another map, or bytes in memory. Files lie in one run each, so that the FAT is arithmetic.
 *
 *   pod_fatdisk_init(&d, stick, alloc);
 *   pod_fatdisk_file(&d, "/sources/boot.wim");          the folders above are made
 *   pod_fatdisk_slice(&d, &image, start, len);          what is in it, piece by piece
 *   pod_fatdisk_file(&d, "/EFI/Microsoft/Boot/BCD");
 *   pod_fatdisk_bytes(&d, data, len);
 *   pod_fatdisk_finish(&d, &params, &map, diag);        may be called once
 *   pod_fatdisk_fini(&d);                               always
 */
#ifndef POD_MAP_FATDISK_H
#define POD_MAP_FATDISK_H

#include "core/map/map.h"

#define POD_FATDISK_SECTOR    512u
#define POD_FATDISK_PART_LBA  2048u	 /* where the partition starts */
#define POD_FATDISK_FILE_MAX  UINT32_MAX /* bytes of one file, as FAT has it */
#define POD_FATDISK_NODES_MAX 1024u	 /* files and folders */
#define POD_FATDISK_PATH_MAX  256u	 /* bytes incl. NUL */

/* A file or folder; index 0 is the root. */
struct pod_fatdisk_node {
	char name[POD_FATDISK_PATH_MAX];
	uint8_t alias[11]; /* the 8.3 name */
	bool is_dir, long_name;
	uint32_t parent;
	uint64_t start_bytes, size_bytes; /* in `data`; of folders: in the disk's blob */
	uint32_t first_cluster, clusters;
};

struct pod_fatdisk {
	struct pod_alloc *alloc;
	struct pod_dev *stick; /* what the device segments of slices are read from */
	struct pod_map data;   /* what is in the files, each from a whole sector on */
	struct pod_fatdisk_node *node;
	size_t count, cap;
};

struct pod_fatdisk_params {
	uint32_t signature; /* of the MBR; not 0 */
	uint32_t serial;    /* of the volume */
	const char *label;  /* up to 11 ASCII capitals */
};

enum pod_status POD_MUST_USE pod_fatdisk_init(struct pod_fatdisk *d, struct pod_dev *stick, struct pod_alloc *a);
void pod_fatdisk_fini(struct pod_fatdisk *d);

/* A new, empty file at an absolute path. POD_E_EXISTS if there is one of that name (case does not count), POD_E_LIMIT for too many
 * or too long names. */
enum pod_status POD_MUST_USE pod_fatdisk_file(struct pod_fatdisk *d, const char *path);
/* Is there a file or folder at this path? */
bool pod_fatdisk_has(const struct pod_fatdisk *d, const char *path);
/* Adds to the last file made. Each piece but the last of a file is whole sectors, else POD_E_INVALID; POD_E_LIMIT past 4 GiB - 1.
 * Of a slice the rest of its last sector shows what follows it in `from`, as on any disk. */
enum pod_status POD_MUST_USE pod_fatdisk_slice(struct pod_fatdisk *d, const struct pod_map *from, uint64_t start_bytes,
					       uint64_t len_bytes);
enum pod_status POD_MUST_USE pod_fatdisk_bytes(struct pod_fatdisk *d, const void *data, size_t len);
/* The same, where the bytes are filled in afterwards: *data is valid until the next call. */
enum pod_status POD_MUST_USE pod_fatdisk_room(struct pod_fatdisk *d, size_t len, uint8_t **data);

/* The last file made, which is empty, shows what the file at `path` shows: nothing is copied. Nothing can be added to it. */
enum pod_status POD_MUST_USE pod_fatdisk_again(struct pod_fatdisk *d, const char *path);

/* Lays the disk out. `out` is taken over by the caller, also on failure; the memory of `d` moves into it. */
enum pod_status POD_MUST_USE pod_fatdisk_finish(struct pod_fatdisk *d, const struct pod_fatdisk_params *params,
						struct pod_map *out, struct pod_diag *diag);
/* After that: where the first byte of a file lies on the disk, and how long it is. POD_E_NOT_FOUND: there is none. */
enum pod_status POD_MUST_USE pod_fatdisk_place(const struct pod_fatdisk *d, const char *path, uint64_t *start_bytes,
					       uint64_t *size_bytes);

#endif
