/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal on the ESP of an NTFS stick (cli/stick/ntfs_journal.h): the input is what lies behind its header, which is made to fit. What
 * is accepted is read through, at once and in pieces.
 */
#include "cli/stick/esp.h"
#include "cli/stick/ntfs_journal.h"
#include "core/base/hash.h"
#include "tests/fuzz/fuzz.h"

enum { VOLUME = 64 << 10 };

enum pod_status cli_esp_put(struct pod_dev *esp, const char *name, const void *data, uint32_t len, int64_t time_unix,
			    struct pod_diag *diag)
{
	(void)esp, (void)name, (void)data, (void)len, (void)time_unix, (void)diag;
	return POD_E_READONLY;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t volume[VOLUME], whole[VOLUME], piece[700];
	const struct ntfs_volume_id id = {1 << 20, VOLUME, 7};
	struct pod_memdev mem;
	struct ntfs_ahead a;
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
	if (ntfs_journal_parse(all, 48 + len, &mem.dev, &id, &a.blocks) == POD_OK) {
		ntfs_ahead_init(&a, &mem.dev);
		FUZZ_REQUIRE(pod_dev_read(&a.dev, 0, whole, sizeof whole) == POD_OK);
		for (size_t at = 0; at + sizeof piece <= VOLUME; at += 3001) {
			FUZZ_REQUIRE(pod_dev_read(&a.dev, at, piece, sizeof piece) == POD_OK);
			FUZZ_REQUIRE(memcmp(piece, whole + at, sizeof piece) == 0);
		}
		ntfs_blocks_free(&a.blocks);
	}
	FUZZ_REQUIRE(!a.blocks.v);
	free(all);
	return 0;
}
