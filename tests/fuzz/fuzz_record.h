/* SPDX-License-Identifier: BSD-2-Clause */
/* A state file made of whatever the input says: its 512-byte sectors are strewn over it by the number in front of each, with
 * checksums repaired if its top bit is clear. record_seed.py makes such inputs. */
#ifndef POD_TESTS_FUZZ_RECORD_H
#define POD_TESTS_FUZZ_RECORD_H

#include "tests/fuzz/fuzz.h"
#include "core/trace/record.h"

static inline void fuzz_strew(uint8_t file[POD_STATE_SIZE], const uint8_t *data, size_t len)
{
	memset(file, 0, POD_STATE_SIZE);
	while (len > 2) {
		size_t n = len - 2 < POD_REC_SECTOR ? len - 2 : POD_REC_SECTOR;
		uint32_t at = (uint32_t)pod_get_le16(data) & 0x1ff;
		uint8_t *s = file + (size_t)at * POD_REC_SECTOR;
		memset(s, 0, POD_REC_SECTOR);
		memcpy(s, data + 2, n);
		if (!(data[1] & 0x80))
			pod_rec_seal(s, pod_rec_boot_of(s), pod_rec_update_of(s));
		data += n + 2;
		len -= n + 2;
	}
}

#endif
