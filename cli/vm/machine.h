/* SPDX-License-Identifier: BSD-2-Clause */
/* The emulated machine of `isopod vm`: QEMU's program, firmware files and arguments. */
#ifndef POD_CLI_MACHINE_H
#define POD_CLI_MACHINE_H

#include "cli/host/proc.h"
#include "core/base/status.h"

struct cli_machine {
	const char *model; /* "bios", "uefi", "uefi-ia32", "uefi-aa64", "uefi-secure" */
	bool sata;	   /* the stick on SATA instead of USB */
	bool display;	   /* a window */
	uint64_t memory_bytes;
	const char *disk;	 /* file to use */
	const char *disk_format; /* "raw" or "qcow2" */
	const char *folder;	 /* for the copy of the firmware's variables and the QMP socket */
};

/* Is there a model of this name? */
bool cli_machine_known(const char *name);
/* Fills the command line; copies the firmware's variables into the folder. Says what is missing and returns false. */
bool cli_machine_args(const struct cli_machine *m, struct cli_args *out, struct fault *fault);

#endif
