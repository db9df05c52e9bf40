/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows drivers: the hardware and compatible ids that INF files name, and which of them mean a device. Forms of the ids:
 * Microsoft, "Identifiers for PCI devices" and "Standard USB identifiers".
 */
#ifndef POD_CLI_DOCTOR_DRIVERS_INF_H
#define POD_CLI_DOCTOR_DRIVERS_INF_H

#include "cli/doctor/drivers.h"

#define INF_SIZE_MAX  (8u << 20)
#define INF_FILES_MAX 16384u
#define INF_TOTAL_MAX (256u << 20)

struct inf_id {
	char *id;	  /* "PCI\VEN_8086&DEV_A282", upper case */
	const char *file; /* "mshdc.inf" */
};

struct inf_set {
	struct inf_id *v;
	size_t n, cap;
	char **file;
	size_t files, file_cap;
};

/* One INF file, in UTF-16 with a byte-order mark or in bytes. */
void inf_add(struct inf_set *s, const char *name, const char *data, size_t len);
void inf_free(struct inf_set *s);
/* The file that has a driver for the device, or NULL. */
const char *inf_match(const struct inf_set *s, const struct device *dev);
/* Is it on a bus whose ids are known here? */
bool inf_knows_bus(const struct device *dev);

/* drivers_vendor.c: takes in the INF files below a folder of the host, or of the stick's /drivers. What cannot be read is left out. */
void inf_read_folder(struct inf_set *s, const char *folder);
void inf_read_stick(struct inf_set *s, struct cli_target *t);

/* drivers_wim.c, with libwim: takes in the INF files of the image that the WIM starts (or the last one). `wim` is open; `about`
 * is what to call it. NULL, or a sentence: why not (the caller frees); *hostile: because libwim came to grief on it. */
char *wim_read_inf(int wim, const char *about, struct inf_set *out, bool *hostile);

#endif
