/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the inventory share, and helpers for checks that read the machine. */
#ifndef POD_CLI_DOCTOR_INVENTORY_H
#define POD_CLI_DOCTOR_INVENTORY_H

#include "cli/doctor/doctor.h"
#include "core/firm/inventory.h"

/* A file's whole content with a NUL behind it, or NULL and errno (EFBIG: more than max bytes). */
char *inventory_slurp(const char *path, size_t max, size_t *len);
/* The first line of a file, without blanks at its end; NULL if there is none, or nothing in it. The caller frees. */
char *inventory_line(const struct doctor_machine *m, const char *path);
/* True for --inventory: what programs running here say does not count. */
bool inventory_is_saved(const struct doctor_machine *m);

#endif
