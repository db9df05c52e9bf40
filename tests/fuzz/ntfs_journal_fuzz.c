/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal on the ESP of an NTFS stick (core/fs/ntfs_journal.h): the input is what lies behind its header, which is made to fit. What
 * is accepted is read through, at once and in pieces.
 */
#include "core/base/hash.h"
#include "core/fs/ntfs_journal.h"
#include "tests/fuzz/fuzz.h"

enum { VOLUME = 64 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t volume[VOLUME], whole[VOLUME], piece[700];
	const struct pod_ntfs_volume_id id = {1 << 20, VOLUME, 7};
	struct pod_memdev mem;
	struct pod_ntfs_journal j;
	struct fuzz_env env;
	uint8_t *all = malloc(48 + len);
	FUZZ_REQUIRE(all);
	memcpy(all, "ISOPODNJ\1\0\0\0\0\0\0\0", 16);
	pod_put_le64(all + 16, id.start_bytes);
	pod_put_le64(all + 24, id.length_bytes);
	pod_put_le32(all + 32, id.serial);
	pod_put_le32(all + 36, pod_crc32(0, data, len));
	pod_put_le64(all + 40, len);
	memcpy(all + 48, data, len);
	pod_memdev_init(&mem, volume, sizeof volume, 512, true);
	fuzz_init(&env, data, len, 512, 0, 0);
	mem.dev.budget = env.dev.budget;
	if (pod_ntfs_journal_parse(&j, all, 48 + len, &mem.dev, &id, &env.alloc) == POD_OK) {
		FUZZ_REQUIRE(pod_dev_read(&j.dev, 0, whole, sizeof whole) == POD_OK);
		for (size_t at = 0; at + sizeof piece <= VOLUME; at += 3001) {
			FUZZ_REQUIRE(pod_dev_read(&j.dev, at, piece, sizeof piece) == POD_OK);
			FUZZ_REQUIRE(memcmp(piece, whole + at, sizeof piece) == 0);
		}
		pod_ntfs_journal_close(&j);
	}
	FUZZ_REQUIRE(!j.v);
	fuzz_done(&env);
	free(all);
	return 0;
}
