/* SPDX-License-Identifier: BSD-2-Clause */
/* The subcommands of `isopod layer`. */
#ifndef POD_CLI_LAYER_H
#define POD_CLI_LAYER_H

#include "cli/layer/ops.h"

int layer_cmd_create(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_list(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_check(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_export(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_spare(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_prune(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_mount(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_serve(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_send(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_receive(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int layer_cmd_diff(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);

#endif
