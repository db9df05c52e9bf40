/* SPDX-License-Identifier: BSD-2-Clause */
/* The six hazards of a start (doc/DOCTOR.md): what a verdict blames, and what the doctor's checks are for. */
#ifndef POD_TRACE_HAZARD_H
#define POD_TRACE_HAZARD_H

enum pod_hazard {
	POD_HAZARD_NONE = 0,
	POD_HAZARD_IMAGE = 1,	 /* damaged, or not made to the rules */
	POD_HAZARD_DRIVER = 2,	 /* a boot-critical driver is missing */
	POD_HAZARD_RULES = 3,	 /* configuration in conflict */
	POD_HAZARD_MEMORY = 4,	 /* too little, fragmented, overlapping */
	POD_HAZARD_FIRMWARE = 5, /* ACPI, firmware, Secure Boot */
	POD_HAZARD_DRIVE = 6,	 /* slow, limited, failing, counterfeit */
	POD_HAZARD_COUNT = 6,
};

/* "the drive: slow, failing or unplugged": a message of the catalogues; "" for none. */
const char *pod_hazard_text(enum pod_hazard hazard);

#endif
