/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose boot code is it, if not ours? Told by words that the programs carry in them. */
#ifndef POD_CLI_DOCTOR_FOREIGN_H
#define POD_CLI_DOCTOR_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a first sector, of its 440 bytes of code: "GRUB", "Windows"...; NULL: not known. */
const char *doctor_foreign_mbr(const uint8_t code[440]);
/* Of an EFI program. */
const char *doctor_foreign_loader(const uint8_t *p, size_t len);
bool doctor_all_zero(const uint8_t *p, size_t len);

#endif
