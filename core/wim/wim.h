/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows Imaging Format: the files in a WIM, without a byte of it being written (patch.h makes changed ones).
 *
 * Every image of a WIM has a metadata resource, a tree of directory entries; files are blobs, named by the SHA-1 of their content
 * and found through one table for all images. Resources are stored as they are, or in chunks compressed by themselves: XPRESS
 * (Huffman) and LZX are read here, LZMS and solid resources are named in the diagnosis and not read.
 */
#ifndef POD_WIM_WIM_H
#define POD_WIM_WIM_H

#include "core/disk/dev.h"

#define POD_WIM_HEADER	 208u
#define POD_WIM_NAME_MAX 1024u /* bytes of UTF-8 incl. NUL */
/* What a sound WIM never has more of, and what an unsound one may not ask for. */
#define POD_WIM_METADATA_MAX (64u << 20)
#define POD_WIM_TABLE_MAX    (64u << 20)
#define POD_WIM_XML_MAX	     (4u << 20)
#define POD_WIM_IMAGES_MAX   4096u

enum pod_wim_compression {
	POD_WIM_RAW,
	POD_WIM_XPRESS,
	POD_WIM_LZX,
	POD_WIM_LZMS,
	POD_WIM_OTHER, /* more than one flag, or none that is known */
};

/* Flags of the header. */
enum {
	POD_WIM_SPANNED = 0x8,	       /* one part of several */
	POD_WIM_WRITING = 0x40,	       /* a writer was interrupted */
	POD_WIM_VERSION_SOLID = 0xE00, /* of `version`; else 0x10D00 */
};

/* Flags of a resource. */
enum {
	POD_WIM_RES_METADATA = 0x2,
	POD_WIM_RES_COMPRESSED = 0x4,
	POD_WIM_RES_SPANNED = 0x8,
	POD_WIM_RES_SOLID = 0x10,
};

/* Bytes in the file. Without POD_WIM_RES_COMPRESSED and _SOLID they are the content itself. */
struct pod_wim_res {
	uint64_t offset_bytes;
	uint64_t stored_bytes; /* in the file */
	uint64_t size_bytes;   /* of the content */
	uint8_t flags;
};

struct pod_wim_chunks; /* buffers, decompressors */
struct pod_wim_table;  /* the blob table, and an index of it */

struct pod_wim {
	struct pod_dev *dev;
	struct pod_alloc *alloc;
	/* the header */
	uint32_t version, flags, chunk_size, image_count, boot_index /* 0: none */;
	uint16_t part, parts;
	enum pod_wim_compression compression;
	uint8_t guid[16];
	struct pod_wim_res blob_table, xml, boot_metadata, integrity;
	/* what pod_wim_select loaded; `image` 0: nothing */
	uint32_t image;
	uint8_t *meta;
	size_t meta_len, root; /* the root's entry lies at meta + root */
	struct pod_wim_res meta_res;
	struct pod_wim_table *table;
	struct pod_wim_chunks *chunks;
	uint32_t ticks; /* small work since a step of the budget was spent */
};

/* A file or directory of the selected image. Plain data: may be copied and kept until another image is selected. */
struct pod_wim_node {
	size_t entry; /* where its entry lies in the metadata */
	bool is_dir;
	uint32_t attributes; /* as in Windows */
	uint64_t size_bytes; /* of the unnamed stream; 0 if the blob is in no table */
	uint64_t mtime;	     /* last written, in 100 ns since 1601 */
	uint64_t link_group; /* names of one file have the same; 0: none */
	uint8_t sha1[20];    /* zeros: empty */
	bool has_res;	     /* false: empty, or missing from the blob table (`sha1` is not zeros then) */
	struct pod_wim_res res;
};

#define POD_WIM_ATTR_DIRECTORY 0x10u
#define POD_WIM_ATTR_REPARSE   0x400u

/*
 * Opens the header alone: POD_E_FORMAT if it is no WIM. A WIM whose content cannot be read (LZMS, parts) opens all the same, so that
 * its facts can be told. `dev` outlives `w`. On failure nothing is left allocated.
 */
enum pod_status POD_MUST_USE pod_wim_open(struct pod_wim *w, struct pod_dev *dev, struct pod_alloc *a, struct pod_diag *diag);
void pod_wim_close(struct pod_wim *w); /* zeroed is legal */

/*
 * Loads the blob table (once) and the metadata of an image, 1 to image_count, in place of what was selected before.
 * POD_E_NOT_FOUND: no such image. POD_E_UNSUPPORTED, diag->what: "LZMS", "solid", "split WIM", "chunk size". POD_E_LIMIT.
 */
enum pod_status POD_MUST_USE pod_wim_select(struct pod_wim *w, uint32_t image, struct pod_diag *diag);

/* "Windows/System32/winpeshl.exe", slashes in front allowed, "" is the root. The exact name if it is there, else one that differs in
 * ASCII case only. */
enum pod_status POD_MUST_USE pod_wim_lookup(struct pod_wim *w, const char *path, struct pod_wim_node *out);

struct pod_wim_dir {
	struct pod_wim *w;
	size_t pos;
	bool empty;
};
struct pod_wim_dirent {
	char name[POD_WIM_NAME_MAX]; /* no '/' in it, never "." or ".."; others are left out */
	struct pod_wim_node node;
};
/* POD_E_INVALID: not a directory. */
enum pod_status POD_MUST_USE pod_wim_dir_open(struct pod_wim_dir *d, struct pod_wim *w, const struct pod_wim_node *node);
/* POD_END after the last. A hostile tree may contain itself, see pod_wim_walk. */
enum pod_status POD_MUST_USE pod_wim_next(struct pod_wim_dir *d, struct pod_wim_dirent *out);

/*
 * The whole tree below the root, each directory before what is in it. `path` begins without a slash. What `visit` returns ends the
 * walk unless it is POD_OK. POD_E_LOOP, diag->what "directory": an entry is met a second time. POD_E_LIMIT: a path of more than
 * 4096 bytes.
 */
typedef enum pod_status pod_wim_visit(void *ctx, const char *path, const struct pod_wim_node *node);
enum pod_status POD_MUST_USE pod_wim_walk(struct pod_wim *w, pod_wim_visit *visit, void *ctx, struct pod_diag *diag);

/* Exactly `len` bytes of a file's content at `off`; POD_E_RANGE beyond its end. Decompresses the chunks it needs and keeps the last
 * ones. POD_E_NOT_FOUND: its blob is in no table. */
enum pod_status POD_MUST_USE pod_wim_read(struct pod_wim *w, const struct pod_wim_node *node, uint64_t off, void *buf,
					  size_t len);
/* The same of any resource. */
enum pod_status POD_MUST_USE pod_wim_read_res(struct pod_wim *w, const struct pod_wim_res *res, uint64_t off, void *buf,
					      size_t len, struct pod_diag *diag);

/* A file as a read-only device, without sectors of its own (512); `w` outlives it and stays with its image. */
struct pod_wim_file {
	struct pod_dev dev;
	struct pod_wim *w;
	struct pod_wim_res res;
};
enum pod_status POD_MUST_USE pod_wim_dev(struct pod_wim *w, const struct pod_wim_node *node, struct pod_wim_file *out);

/* "none", "XPRESS", "LZX", "LZMS", "other" */
const char *pod_wim_compression_text(enum pod_wim_compression c);
/* What Windows' boot managers, 6.1 to 10.0, do not read; NULL if they do. "LZMS", "solid", "split WIM", "chunk size". */
const char *pod_wim_not_bootable(const struct pod_wim *w);

/* Names and versions, from the XML data; strings are "" and numbers 0 where it has none. */
struct pod_wim_about {
	char name[128], display_name[128], edition[64], type[32]; /* EDITIONID; INSTALLATIONTYPE, "WindowsPE" */
	char language[16];
	bool has_arch;
	uint32_t arch; /* PROCESSOR_ARCHITECTURE_*: 0 x86, 9 x64, 12 ARM64 */
	uint32_t major, minor, build, service_build;
	uint64_t total_bytes;
};
/* "x86", "x64", "arm64" ...; "" if not told. */
const char *pod_wim_arch_text(const struct pod_wim_about *about);
/* Fills `count` entries for the images 1, 2, ... POD_E_CORRUPT: not XML of a WIM; what was read up to there is in `out`. */
enum pod_status POD_MUST_USE pod_wim_about(struct pod_wim *w, struct pod_wim_about *out, uint32_t count, struct pod_diag *diag);

#endif
