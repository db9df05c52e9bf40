/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MD5 that isomd5sum's implantisomd5 writes into an ISO: text in the "application use" field of the primary volume descriptor
 * (ISO 9660, 8.4.32; 512 bytes at 883), items between ';':
 *
 *   ISO MD5SUM = <32 hex>       of the volume's blocks without the last SKIPSECTORS, that field taken as blanks
 *   SKIPSECTORS = n             of 2048 bytes each
 *   RHLISOSTATUS=0|1            not used here
 *   FRAGMENT SUMS = <hex>       FRAGMENT COUNT equal pieces of it: the beginning of the MD5 of all up to the end of a fragment
 *   FRAGMENT COUNT = n          each fragment is 1/(n+1) of what is hashed
 */
#ifndef POD_CLI_DOCTOR_MD5_H
#define POD_CLI_DOCTOR_MD5_H

#include "cli/host/digest.h"
#include "core/disk/dev.h"

enum doctor_md5_verdict { DOCTOR_MD5_SAME, DOCTOR_MD5_PART, DOCTOR_MD5_DIFFERENT, DOCTOR_MD5_UNKNOWN };

struct doctor_md5 {
	char hex[33];
	uint64_t total_bytes; /* that are hashed */
	char fragment_sums[64];
	unsigned fragments;	/* 0: no sums of parts */
	struct cli_digest *sum; /* from the first update on */
	uint64_t done;
	unsigned fragment; /* that `done` lies in */
	bool part_bad;
	uint64_t bad_from, bad_to;
};

/* NULL: nothing implanted. Nothing is hashed before the first update; it takes libcrypto (cli_digest_missing). */
struct doctor_md5 *doctor_md5_open(struct pod_dev *image);
void doctor_md5_close(struct doctor_md5 *m);
/* The image's bytes in order from 0; `len` a multiple of 32 KiB except at the end. The buffer may be changed. */
void doctor_md5_update(struct doctor_md5 *m, uint64_t at, uint8_t *buf, size_t len);
enum doctor_md5_verdict doctor_md5_result(struct doctor_md5 *m, uint64_t *from, uint64_t *to);

#endif
