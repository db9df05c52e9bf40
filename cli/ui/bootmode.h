/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmwares as the command line names them: "bios", "uefi" (x64), "uefi-ia32", "uefi-aa64". */
#ifndef POD_CLI_FIRMWARE_H
#define POD_CLI_FIRMWARE_H

#include "cli/ui/ui.h"
#include "core/image/image.h"

struct cli_firmware {
	uint32_t bit;	   /* POD_FW_* */
	const char *name;  /* option and JSON */
	const char *title; /* report */
};

#define CLI_FIRMWARE_COUNT 4
extern const struct cli_firmware cli_firmware[CLI_FIRMWARE_COUNT];

const struct cli_firmware *cli_firmware_find(const char *name);
/* An array of names under `key`. */
void cli_firmware_json(struct cli_json *j, const char *key, uint32_t bits);
/* "bios,uefi" in buf, "-" if none. */
const char *cli_firmware_list(uint32_t bits, char buf[48]);

#endif
