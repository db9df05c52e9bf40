/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the ISO 9660 reader and its Rock Ridge part only. */
#ifndef POD_FS_ISO9660_INT_H
#define POD_FS_ISO9660_INT_H

#include "core/fs/iso9660.h"

#define ISO_SECTOR     2048u
#define ISO_RECORD_MAX POD_ISO_RECORD_MAX

/* pod_fs.priv[] */
enum {
	ISO_P_SHIFT, /* log2 of the logical block size */
	ISO_P_ROOT,  /* root directory: first byte */
	ISO_P_ROOT_LEN,
	ISO_P_FLAGS,   /* POD_ISO_* */
	ISO_P_SKIP,    /* SUSP LEN_SKP: bytes in front of the first SUSP entry of each record */
	ISO_P_CATALOG, /* first byte of the boot catalogue */
};

/* pod_node.priv[] */
enum {
	ISO_N_DATA,    /* first byte of the (first) extent */
	ISO_N_RECORDS, /* directory records the file consists of */
	ISO_N_DIR_END, /* where the directory that holds them ends */
	ISO_N_INTERLEAVED,
};

/* pod_fs.priv_mem */
struct iso_mem {
	uint64_t sector_at; /* device offset of what `sector` holds */
	bool sector_valid;
	uint8_t sector[ISO_SECTOR];
	uint8_t area[ISO_SECTOR]; /* a SUSP continuation area */
	uint8_t record[ISO_RECORD_MAX + 1];
	uint8_t first[ISO_RECORD_MAX + 1]; /* first record of a multi-extent file */
};

/* What Rock Ridge says about one directory record. */
struct iso_rr {
	char *name; /* out: NM, sanitised UTF-8; caller's buffer, at most POD_NAME_MAX */
	size_t name_size, name_len;
	char *link; /* out: SL as a path; NULL if the caller does not want it */
	size_t link_size, link_len;
	bool name_cut, link_cut;
	bool link_join; /* the next SL component continues the last one */
	bool has_name, has_link, relocated, special;
	bool has_child;
	uint64_t child_block;
	uint32_t mode; /* POSIX st_mode, 0 if no PX */
};

/* Walks the System Use area of the record in m->record, and its continuations. */
enum pod_status iso_rr_parse(struct pod_fs *fs, const uint8_t *record, struct iso_rr *rr);
/* Looks for SP in the root directory's "." record; sets the Rock Ridge flag and LEN_SKP. */
enum pod_status iso_rr_detect(struct pod_fs *fs, const uint8_t *record);

/* A both-endian field of 4 + 4 bytes: the little-endian half, unless only the other was written. */
uint32_t iso_both32(const uint8_t *p);

#endif
