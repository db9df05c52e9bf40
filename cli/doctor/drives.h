/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files that look at the drive. */
#ifndef POD_CLI_DOCTOR_DRIVES_H
#define POD_CLI_DOCTOR_DRIVES_H

#include "cli/doctor/doctor.h"
#include "core/fs/exfat_write.h"

/* A device that reads from another and keeps in memory what is written to it: what would be repaired can be seen without doing
 * it. */
struct doctor_overlay {
	struct pod_dev dev; /* first */
	struct pod_dev *under;
	struct overlay_page **page; /* by hash of the page's number */
	size_t pages;
};
void doctor_overlay_init(struct doctor_overlay *o, struct pod_dev *under);
void doctor_overlay_free(struct doctor_overlay *o);

/* The exFAT volume of a stick, walked as if it had been left dirty, over an overlay. */
struct doctor_volume {
	struct doctor_overlay overlay;
	struct pod_exfat_vol vol; /* bitmap: what is used, as the walk found it */
	struct pod_exfat_geom geom;
	bool mounted;
};
enum pod_status POD_MUST_USE doctor_volume_open(struct doctor_volume *v, struct pod_dev *dev, struct pod_diag *diag);
void doctor_volume_close(struct doctor_volume *v);
/* Nothing that a repair would change. */
bool doctor_volume_sound(const struct doctor_volume *v);

extern const struct doctor_check doctor_check_benchmark, doctor_check_capacity;

/* Mbit/s of the USB link the stick is on; 0: not on USB, or not known. */
uint64_t doctor_bus_speed(const struct cli_dev *dev);
/* The volume is damaged: reports the images that it concerns. */
void doctor_name_owners(struct doctor *d, const struct doctor_check *c);
void doctor_benchmark(struct doctor *d);
void doctor_capacity(struct doctor *d);

#endif
