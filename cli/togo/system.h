/* SPDX-License-Identifier: BSD-2-Clause */
/* What a Windows that is carried from machine to machine needs in its SYSTEM hive. */
#ifndef POD_CLI_TOGO_SYSTEM_H
#define POD_CLI_TOGO_SYSTEM_H

#include "core/regf/regf.h"

/* Edits a hive that was opened for that. POD_E_FORMAT: it is no SYSTEM hive. */
enum pod_status togo_system_edit(struct pod_regf_edit *e);

#endif
