/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include "cli/ui/bootmode.h"
#include "core/base/str.h"

const struct cli_bootmode cli_bootmode[CLI_BOOTMODE_COUNT] = {
	{POD_FW_BIOS, "bios", "BIOS"},
	{POD_FW_X64, "uefi", "UEFI x64"},
	{POD_FW_IA32, "uefi-ia32", "UEFI ia32"},
	{POD_FW_AA64, "uefi-aa64", "UEFI aa64"},
};

const struct cli_bootmode *cli_bootmode_find(const char *name)
{
	for (size_t i = 0; i < CLI_BOOTMODE_COUNT; i++)
		if (strcmp(cli_bootmode[i].name, name) == 0)
			return &cli_bootmode[i];
	return NULL;
}

void cli_bootmode_json(struct cli_json *j, const char *key, uint32_t bits)
{
	cli_json_open(j, key, '[');
	for (size_t i = 0; i < CLI_BOOTMODE_COUNT; i++)
		if (bits & cli_bootmode[i].bit)
			cli_json_str(j, NULL, cli_bootmode[i].name);
	cli_json_close(j, ']');
}

const char *cli_bootmode_list(uint32_t bits, char buf[48])
{
	size_t n = 0;

	pod_strlcpy(buf, "-", 48);
	for (size_t i = 0; i < CLI_BOOTMODE_COUNT; i++)
		if (bits & cli_bootmode[i].bit)
			n += (size_t)snprintf(buf + n, 48 - n, "%s%s", n ? "," : "", cli_bootmode[i].name);
	return buf;
}
