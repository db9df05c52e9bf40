/* SPDX-License-Identifier: BSD-2-Clause */
/* Root images that are unpacked to their end (--full). */
#ifndef POD_CLI_DOCTOR_ROOTIMAGES_H
#define POD_CLI_DOCTOR_ROOTIMAGES_H

#include "cli/doctor/menus.h"

#define ROOTIMAGES_AGAIN   _("download or copy the image again, and compare its hash with the publisher's")
#define ROOTIMAGES_SECONDS 900u

/* Which of at most 32 words are in the program's file: bit i for word[i]. What a program can do, older ones of its name cannot. */
uint32_t rootimages_program_knows(const char *program, const char *const *word, size_t count);
/* fsck.erofs decompresses all of `file`, which lies in the image as `path`. False: it is damaged, and was reported. */
bool rootimages_erofs(struct menus *m, const char *path, const struct pod_node *node, struct pod_dev *file);

#endif
