/* SPDX-License-Identifier: BSD-2-Clause */
/* Hazard 2: the machine's storage, USB and network controllers against an image's drivers. */
#ifndef POD_CLI_DOCTOR_DRIVERS_H
#define POD_CLI_DOCTOR_DRIVERS_H

#include "cli/doctor/doctor.h"

enum device_kind { DEVICE_USB, DEVICE_STORAGE, DEVICE_NETWORK, DEVICE_KIND_COUNT };

struct device {
	enum device_kind kind;
	bool minor;	/* a function that systems do without: "other" subclasses */
	char *modalias; /* "pci:v00008086d..." */
	char *driver;	/* bound to it where the machine was looked at: "ahci"; NULL if none */
	char *name;	/* "8086:a282 (Intel Corporation 200 Series PCH SATA controller)" */
};

struct devices {
	struct device *v;
	size_t n, cap;
};

/* The controllers of a machine. None at all: `out` is empty. */
void devices_read(struct devices *out, const struct doctor_machine *m);
void devices_free(struct devices *d);
/* Reads one field of a modalias: the digits behind `key` ("v", "d", "bc"). False if it is not there. */
bool device_field(const char *modalias, const char *key, unsigned digits, unsigned *out);

/* The checks (drivers.c); drivers_windows.c and the rest report on them. */
extern const struct doctor_check drivers_check_stick, drivers_check_kind[DEVICE_KIND_COUNT], drivers_check_windows;

/* sources/boot.wim and sources/install.wim of a Windows image. */
void drivers_windows(struct doctor *d, const struct doctor_image *im, const struct devices *devices);

/* versions.c: of the initrds that were read, `path` as the plan names them. */
struct initrd;
struct modules;
extern const struct doctor_check drivers_check_versions;
/* all: the version of all kernels that the menus start; "": there is not one such. */
#define DRIVERS_VERSION 64
void drivers_versions(struct doctor *d, const struct doctor_image *im, const struct initrd *initrd, const char *const *path,
		      size_t count, char all[DRIVERS_VERSION]);
/* And the modules in the root image? */
void drivers_versions_root(struct doctor *d, const struct doctor_image *im, const char *version, const struct modules *root);

#endif
