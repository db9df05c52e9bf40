/* SPDX-License-Identifier: BSD-2-Clause */
/* The little of QEMU's machine protocol that `vm` needs. */
#ifndef POD_CLI_QMP_H
#define POD_CLI_QMP_H

#include <stdbool.h>

/* Connects to QEMU's socket, trying for a few seconds, and does the greeting. -1 on failure. */
int cli_qmp_connect(const char *socket_path);
/* Writes a picture of the screen to `file` (absolute path) as "png" or "ppm". False, and has said why. */
bool cli_qmp_screenshot(int fd, const char *file, const char *format, struct fault *fault);

#endif
