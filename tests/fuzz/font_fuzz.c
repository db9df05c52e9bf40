/* SPDX-License-Identifier: BSD-2-Clause */
/* FONT.BIN: whatever the index and the blocks say, a glyph is found or not. The checksum is repaired. */
#include "tests/fuzz/fuzz.h"
#include "boot/menu/font.h"
#include "core/base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_env e;
	struct menu_font f;
	struct menu_glyph g;
	fuzz_init(&e, data, size, 512, 0, 0);
	uint8_t *copy = malloc(e.len + 1);
	memcpy(copy, data, e.len);
	if (e.len >= 0x420) {
		memset(copy + 12, 0, 4);
		pod_put_le32(copy + 12, pod_crc32(0, copy, 0x420));
	}
	e.data = copy;
	memset(&f, 0, sizeof f);
	if (menu_font_open(&f, &e.dev, NULL) == POD_OK) {
		f.cache = calloc(FONT_CACHE, sizeof *f.cache);
		for (uint32_t c = 0; c < 0x11000; c += c < 0x200 ? 1 : 37)
			if (menu_font_glyph(&f, c, &g))
				FUZZ_REQUIRE(g.code == c);
		free(f.cache);
	}
	free(copy);
	fuzz_done(&e);
	return 0;
}
