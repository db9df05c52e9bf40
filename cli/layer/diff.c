/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/layer/store.h"
int layer_cmd_diff(const struct cli_command *cmd, int argc, char **argv)
{
	(void)cmd;
	(void)argc;
	(void)argv;
	return CLI_FAILED;
}
