/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/cli.h"
static int run(const struct cli_command *cmd, int argc, char **argv){ (void)argc;(void)argv; return cli_bad_option(cmd);}
const struct cli_command cli_rules = {.name="rules", .arguments="", .summary="", .run=run};
