/* SPDX-License-Identifier: BSD-2-Clause */
/* The exFAT up-case table (7.2): one UTF-16 unit to one UTF-16 unit. */
#ifndef POD_FS_EXFAT_UPCASE_H
#define POD_FS_EXFAT_UPCASE_H

#include "core/base/status.h"

enum {
	POD_EXFAT_UPCASE_UNITS = 0x10000,
	POD_EXFAT_UPCASE_PACKED_MAX = POD_EXFAT_UPCASE_UNITS * 2, /* bytes */
};

/* The recommended mapping, into POD_EXFAT_UPCASE_UNITS units. */
void pod_exfat_upcase_fill(uint16_t *map);
/* Compresses `map` into `out` (POD_EXFAT_UPCASE_PACKED_MAX bytes); returns the length. */
size_t pod_exfat_upcase_pack(const uint16_t *map, uint8_t *out);
/* Expands a table from disk. POD_E_CORRUPT if it maps more units than there are. */
enum pod_status POD_MUST_USE pod_exfat_upcase_unpack(const uint8_t *in, size_t len, uint16_t *map);

#endif
