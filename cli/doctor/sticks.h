/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files that look at the stick itself. */
#ifndef POD_CLI_DOCTOR_STICKS_H
#define POD_CLI_DOCTOR_STICKS_H

#include "cli/doctor/doctor.h"
#include "cli/stick/bootcode.h"
#include "cli/stick/esp.h"
#include "cli/stick/manifest.h"
#include "core/disk/bootcode.h"

#define STICK_FILE_MAX (16u << 20)

/* What the stick is compared with. */
struct stick_files {
	bool ours;		  /* boot and esp hold this command's own files */
	struct cli_bootcode boot; /* mbr NULL: not there */
	struct cli_esp_files esp;
	struct cli_manifest list; /* the stick's own; version "": none */
};

/* Are two EFI programs the same but for their signatures? */
bool doctor_same_program(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
/* Could the content be that of the file with this path, of whatever version: an EFI program, a program, a font? */
bool doctor_is_kind(const char *path, const uint8_t *p, size_t len);

/* Of what could not be opened as a stick: true if it could say what is there in its place. */
bool doctor_unopened(struct doctor *d, const struct doctor_check *c, const char *path);

/* The stick has no ESP that can be read: why? */
void doctor_no_esp(struct doctor *d, const struct doctor_check *c);

extern const struct doctor_check doctor_check_esp;
void doctor_esp(struct doctor *d); /* stick_esp.c: the volume */

#endif
