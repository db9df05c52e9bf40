/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files that look at images. */
#ifndef POD_CLI_DOCTOR_IMAGES_H
#define POD_CLI_DOCTOR_IMAGES_H

#include "cli/doctor/doctor.h"

/* The file of an ISO's tree that covers this offset, or that ends last among those that end beyond `size`. */
struct doctor_iso_hit {
	char path[512];
	uint64_t size_bytes;
};
struct doctor_iso_search {
	uint64_t offset_bytes; /* look for the file that covers it; UINT64_MAX: for none */
	uint64_t end_bytes;    /* count the files that reach beyond it */
	uint32_t entries_max;  /* entries to look at */
	/* out */
	bool hit;
	struct doctor_iso_hit file; /* the one at the offset, or the first that reaches beyond the end */
	uint32_t entries, beyond;
	bool complete; /* all entries were looked at */
};
/* Walks the tree of an ISO. False: no tree that can be read; what was found until then stays. */
bool doctor_iso_search(const struct doctor_image *im, struct doctor_iso_search *s);
/* "/live/vmlinuz" at an offset of the image in `out`, or "" */
void doctor_iso_file_at(const struct doctor_image *im, uint64_t offset_bytes, char out[256]);

/* A hash that somebody published beside the image. */
struct doctor_sum {
	char source[256];  /* the file that names it, "SHA256SUMS" */
	char algorithm[8]; /* "md5", "sha1", "sha256", "sha512": as OpenSSL calls them */
	char hex[129];	   /* lower case */
};
/* The strongest one found in the folder of the image. */
bool doctor_sum_find(struct doctor *d, const struct doctor_image *im, struct doctor_sum *out);

/* stray.c: a file of the data partition that is no image by its name. `ctx`: the doctor. */
void doctor_stray(void *ctx, const char *path);

extern const struct doctor_check doctor_check_label, doctor_check_sought, doctor_check_catalogue, doctor_check_hybrid,
	doctor_check_zeros, doctor_check_md5, doctor_check_sums, doctor_check_copied, doctor_check_read, doctor_check_name,
	doctor_check_wim, doctor_check_windows, doctor_check_limits, doctor_check_menus, doctor_check_bootfiles,
	doctor_check_isolinux, doctor_check_roots, doctor_check_unlisted, doctor_check_rules, doctor_check_descriptors;

void doctor_name(struct doctor *d, const struct doctor_image *im);	  /* name.c */
void doctor_label(struct doctor *d, const struct doctor_image *im);	  /* label.c */
void doctor_catalogue(struct doctor *d, const struct doctor_image *im);	  /* tables.c */
void doctor_descriptors(struct doctor *d, const struct doctor_image *im); /* descriptors.c */
void doctor_hybrid(struct doctor *d, const struct doctor_image *im);
void doctor_wim(struct doctor *d, const struct doctor_image *im);     /* wim.c */
void doctor_windows(struct doctor *d, const struct doctor_image *im); /* windows.c */
void doctor_content(struct doctor *d, const struct doctor_image *im); /* scan.c: zeros, MD5, sums, read errors */

#endif
