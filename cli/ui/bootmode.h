/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways to boot as the command line names them: "bios", "uefi" (x64), "uefi-ia32", "uefi-aa64". */
#ifndef POD_CLI_UI_BOOTMODE_H
#define POD_CLI_UI_BOOTMODE_H

#include "cli/ui/ui.h"
#include "core/image/image.h"

struct cli_bootmode {
	uint32_t bit;	   /* POD_FW_* */
	const char *name;  /* option and JSON */
	const char *title; /* report */
};

#define CLI_BOOTMODE_COUNT 4
extern const struct cli_bootmode cli_bootmode[CLI_BOOTMODE_COUNT];

const struct cli_bootmode *cli_bootmode_find(const char *name);
/* An array of names under `key`. */
void cli_bootmode_json(struct cli_json *j, const char *key, uint32_t bits);
/* "bios,uefi" in buf, "-" if none. */
const char *cli_bootmode_list(uint32_t bits, char buf[48]);

#endif
