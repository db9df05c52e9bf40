/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filesystems: one file and one const descriptor each. A filesystem is opened on a device that starts at
 * the volume's first byte; everything it says about places is a byte offset on that device.
 */
#ifndef POD_FS_FS_H
#define POD_FS_FS_H

#include "core/disk/dev.h"

#define POD_NAME_MAX  1024 /* bytes of UTF-8 incl. NUL: 255 UTF-16 units are at most 765 bytes */
#define POD_PATH_MAX  4096
#define POD_DEPTH_MAX 32

/* A run of a file's data. Files are lists of runs; a run with hole = true reads as zeros. */
struct pod_extent {
	uint64_t file_bytes; /* offset in the file */
	uint64_t dev_bytes;  /* offset on the filesystem's device */
	uint64_t length_bytes;
	bool hole;
};

/* How a filesystem gives a file's runs: pod_extents_add for each piece in file order, then pod_extents_end. Pieces that continue each
 * other become one run; of a piece of 0 bytes nothing is seen. */
typedef enum pod_status pod_extent_fn(void *ctx, const struct pod_extent *e);
struct pod_extents {
	pod_extent_fn *cb;
	void *ctx;
	struct pod_extent run; /* not yet given; its end is where the next piece belongs */
};
/* `dev_bytes` does not count where `hole`. */
enum pod_status POD_MUST_USE pod_extents_add(struct pod_extents *x, uint64_t dev_bytes, uint64_t len_bytes, bool hole);
enum pod_status POD_MUST_USE pod_extents_end(struct pod_extents *x);

/* Links of a cluster chain are followed so fast that many of them are a step of the budget. */
#define POD_FS_LINKS_PER_STEP 64u

/* What identifies a file or directory to its filesystem. Plain data: may be copied and kept. */
struct pod_node {
	bool is_dir;
	bool is_link; /* a symbolic link; only ops->readdir reports them, see readlink */
	bool is_root; /* the root directory of a subvolume (Btrfs), which may hold a system as a volume does */
	uint64_t size_bytes;
	uint64_t valid_bytes; /* exFAT ValidDataLength, NTFS initialized size; elsewhere = size_bytes. Beyond it zeros are read */
	uint64_t priv[4];     /* the filesystem's own: flags, extent...; [0]: where a directory's data begins */
	uint64_t entry_bytes; /* device offset of the (first) directory entry; what an overlay patches. NTFS: file record */
	uint32_t entry_len;   /* its length in bytes */
	int64_t mtime;	      /* seconds since 1970, 0 if unknown; without time-zone claims */
	uint16_t attributes;  /* FAT, exFAT, NTFS: POD_ATTR_*, on the first two also folder 10h; elsewhere 0 */
};

/* What FAT, exFAT and NTFS say about a file. */
enum {
	POD_ATTR_READ_ONLY = 0x01,
	POD_ATTR_HIDDEN = 0x02,
	POD_ATTR_SYSTEM = 0x04,
	POD_ATTR_ARCHIVE = 0x20,
};

/* The same directory? Whoever walks a tree asks this of a folder and of each one above it: a folder that contains itself would
 * have no end. */
static inline bool pod_node_same_dir(const struct pod_node *a, const struct pod_node *b)
{
	return a->is_dir && b->is_dir && a->priv[0] == b->priv[0];
}

struct pod_dirent {
	char name[POD_NAME_MAX];
	struct pod_node node;
};

struct pod_fs;

/* Position in a directory; zero-initialised by pod_dir_open. */
struct pod_dir {
	struct pod_fs *fs;
	struct pod_node node;
	uint64_t pos;
	uint64_t priv[10];
	uint32_t steps;	  /* chain-loop limit */
	uint32_t damaged; /* entries left out because what they name cannot be read */
};

struct pod_fs_ops {
	const char *name; /* "exfat", "ntfs", "fat", "iso9660", "udf", "xfs" */
	/* POD_E_FORMAT if it is not this filesystem, else opens it. May allocate through fs->alloc; on failure nothing is left
	 * allocated (close is not called). */
	enum pod_status (*open)(struct pod_fs *fs, struct pod_diag *diag);
	void (*close)(struct pod_fs *fs);
	enum pod_status (*root)(struct pod_fs *fs, struct pod_node *out);
	/* Next entry or POD_END. "." and ".." are never reported. Names that cannot be represented are skipped. */
	enum pod_status (*readdir)(struct pod_dir *dir, struct pod_dirent *out);
	/* Adds to a node what readdir left out because it lies elsewhere; called for an entry that somebody wants, not for those
	 * that a lookup passes. POD_E_CORRUPT: the entry leads nowhere. NULL where readdir leaves nothing out. */
	enum pod_status (*complete)(struct pod_fs *fs, struct pod_node *n);
	/* Calls `cb` for each run in file order until the whole size is covered or cb returns not POD_OK. Adjacent runs are
	 * merged. Holes cover [valid_bytes, size_bytes). */
	enum pod_status (*extents)(struct pod_fs *fs, const struct pod_node *file, pod_extent_fn *cb, void *ctx);
	/* Reads `len` bytes of a file whose bytes do not lie on the device as they are; extents refuses it. The range is within the
	 * file. POD_END: they do, read them through the extents. NULL: all files are such. */
	enum pod_status (*read)(struct pod_fs *fs, const struct pod_node *file, uint64_t off, void *buf, size_t len);
	bool shares_data;    /* several files may have the same extents (reflinks); priv[0] then tells files, too, apart */
	bool subvolumes;     /* directories may be root directories (pod_node.is_root) */
	bool case_sensitive; /* names may differ in case only: the exact one comes first */
	/* The target of a symbolic link, NUL-terminated; POD_E_LIMIT if it does not fit. NULL where the format has no links. */
	enum pod_status (*readlink)(struct pod_fs *fs, const struct pod_node *link, char *buf, size_t size);
};

struct pod_fs {
	const struct pod_fs_ops *ops;
	struct pod_dev *dev;
	struct pod_alloc *alloc;
	uint32_t cluster_size; /* allocation unit in bytes */
	uint64_t total_bytes;  /* what the volume claims to span */
	uint32_t serial;       /* volume serial number, 0 if the format has none */
	char label[128];       /* volume label, UTF-8 */
	struct pod_diag diag;  /* why extents or reading said POD_E_UNSUPPORTED; `what` is NULL until then */
	uint64_t priv[16];     /* small private state */
	void *priv_mem;	       /* larger private state, owned by ops */
};

extern const struct pod_fs_ops pod_fs_exfat, pod_fs_ntfs, pod_fs_fat, pod_fs_iso9660, pod_fs_joliet, pod_fs_udf;
/* What a Linux is installed on (ext: ext2, ext3, ext4); pod_fs_open leaves them out, since no stick's data partition has them. */
extern const struct pod_fs_ops pod_fs_ext, pod_fs_xfs, pod_fs_btrfs;
/* Btrfs from its default subvolume on; POD_E_FORMAT where that is the root of pod_fs_btrfs. */
extern const struct pod_fs_ops pod_fs_btrfs_default;

/* Tries the descriptors exfat, ntfs, fat, iso9660, udf in turn. POD_E_FORMAT if none knows the device. */
enum pod_status POD_MUST_USE pod_fs_open(struct pod_fs *fs, struct pod_dev *dev, struct pod_alloc *a, struct pod_diag *diag);
/* Opens with one descriptor. */
enum pod_status POD_MUST_USE pod_fs_open_as(struct pod_fs *fs, const struct pod_fs_ops *ops, struct pod_dev *dev,
					    struct pod_alloc *a, struct pod_diag *diag);
/* A file as a device, for what reads devices; `fs` and `node` are used as long as it is. */
struct pod_file_dev {
	struct pod_dev dev;
	struct pod_fs *fs;
	const struct pod_node *node;
};
void pod_file_dev_init(struct pod_file_dev *f, struct pod_fs *fs, const struct pod_node *node);
void pod_fs_close(struct pod_fs *fs); /* NULL and never-opened (zeroed) are legal */

enum pod_status POD_MUST_USE pod_dir_open(struct pod_dir *dir, struct pod_fs *fs, const struct pod_node *node);
/* Symbolic links are not reported; pod_fs_lookup follows them. Neither are entries whose own node is damaged: dir->damaged counts
 * them. */
enum pod_status POD_MUST_USE pod_dir_next(struct pod_dir *dir, struct pod_dirent *out);
/* The next one, symbolic links and damaged ones too, as the directory itself tells of it: pod_fs_complete it before it is used. */
enum pod_status POD_MUST_USE pod_dir_next_listed(struct pod_dir *dir, struct pod_dirent *out);
enum pod_status POD_MUST_USE pod_fs_complete(struct pod_fs *fs, struct pod_node *node);
/* The next one whose name is `wanted` (NULL: any is). Of the others nothing but the name is read. */
enum pod_status POD_MUST_USE pod_dir_next_wanted(struct pod_dir *dir, bool (*wanted)(const char *name), struct pod_dirent *out);

/* Looks up "/a/b" ('/' separated, leading slash optional; empty = root). Case as the filesystem compares: exact match first,
 * else ASCII-case-insensitive. `scratch` is a caller's pod_dirent (they are large). */
enum pod_status POD_MUST_USE pod_fs_lookup(struct pod_fs *fs, const char *path, struct pod_node *out, struct pod_dirent *scratch);
/* Reads exactly len bytes of a file at off; POD_E_RANGE beyond its size. */
enum pod_status POD_MUST_USE pod_fs_read(struct pod_fs *fs, const struct pod_node *file, uint64_t off, void *buf, size_t len);
/* Collects a file's runs in a freshly allocated array; the caller frees it with pod_free. */
enum pod_status POD_MUST_USE pod_fs_extents(struct pod_fs *fs, const struct pod_node *file, struct pod_alloc *a,
					    struct pod_extent **out, size_t *n_out);

#endif
