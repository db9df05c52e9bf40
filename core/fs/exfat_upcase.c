/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The up-case table that we give to new volumes: the mapping the specification recommends (7.2.5.1), and its own
 * compressed form.
 */
#include "core/fs/exfat_upcase.h"
#include "core/base/bytes.h"
#include "core/base/upcase.h"

enum {
	SKIP_MIN = 512, /* shorter identity runs are spelled out, as in the recommended table */
};

void pod_exfat_upcase_fill(uint16_t *map)
{
	for (uint32_t i = 0; i < POD_EXFAT_UPCASE_UNITS; i++)
		map[i] = pod_upcase((uint16_t)i);
}

size_t pod_exfat_upcase_pack(const uint16_t *map, uint8_t *out)
{
	size_t n = 0;
	for (uint32_t i = 0; i < POD_EXFAT_UPCASE_UNITS;) {
		uint32_t same = 0;
		while (i + same < POD_EXFAT_UPCASE_UNITS && map[i + same] == i + same)
			same++;
		if (same >= SKIP_MIN) {
			pod_put_le16(out + n, 0xFFFF);
			pod_put_le16(out + n + 2, (uint16_t)same);
			n += 4;
			i += same;
			continue;
		}
		for (uint32_t k = same ? same : 1; k; k--, n += 2)
			pod_put_le16(out + n, map[i++]);
	}
	return n;
}

enum pod_status pod_exfat_upcase_unpack(const uint8_t *in, size_t len, uint16_t *map)
{
	uint32_t at = 0;
	for (uint32_t i = 0; i < POD_EXFAT_UPCASE_UNITS; i++)
		map[i] = (uint16_t)i; /* what a short table leaves out maps to itself */
	for (size_t i = 0; i + 2 <= len; i += 2) {
		uint16_t u = pod_get_le16(in + i);
		if (u == 0xFFFF && i + 4 <= len) {
			i += 2;
			at += pod_get_le16(in + i);
		} else if (at < POD_EXFAT_UPCASE_UNITS) {
			map[at++] = u;
		}
		if (at > POD_EXFAT_UPCASE_UNITS)
			return POD_E_CORRUPT;
	}
	return POD_OK;
}
