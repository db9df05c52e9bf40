/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The core's formatter and strings against the C library's. The first byte says what is compared: 0 a directive (flags, width,
 * precision, length and conversion, size of the buffer, u64 value, text), 1 two strings with a NUL between them, 2 UTF-8 as it is
 * read, converted and copied, 3 UTF-16.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/libc_oracle.h"

#define TEXT_MAX 200

static bool directive(const uint8_t *p, size_t len, const char *text)
{
	if (len < 14)
		return true;
	struct oracle_spec s = {
		.left = p[0] & 1,
		.zero = p[0] & 2,
		.width = p[1] % 100,
		.precision = p[2] % 100 - 1,
		.length = p[3] % ORACLE_LENGTHS,
		.conversion = "duxcs"[p[4] % 5],
		.size = p[5] % 220,
		.value = pod_get_le64(p + 6),
		.text = text,
	};
	return oracle_format_agrees(&s);
}

static bool utf8(const char *text, size_t size)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (!oracle_utf8_next_agrees(text + i, len - i))
			return false;
	return oracle_utf8_to_utf16_agrees(text, size) && oracle_strlcpy_agrees(text, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[TEXT_MAX + 1] = "", second[TEXT_MAX + 1] = "";

	if (len < 2)
		return 0;
	/* data[1] is a size, or the first byte of a directive. */
	const uint8_t *p = data + 2;
	size_t n = len - 2 < TEXT_MAX ? len - 2 : TEXT_MAX;
	switch (data[0] % 4) {
	case 0:
		if (len > 15)
			memcpy(text, data + 15, len - 15 < TEXT_MAX ? len - 15 : TEXT_MAX);
		FUZZ_REQUIRE(directive(data + 1, len - 1, text));
		break;
	case 1:
		memcpy(text, p, n);
		if (strlen(text) < n)
			memcpy(second, p + strlen(text) + 1, n - strlen(text) - 1);
		FUZZ_REQUIRE(oracle_strings_agree(text, second) && oracle_strings_agree(second, text));
		break;
	case 2:
		memcpy(text, p, n);
		FUZZ_REQUIRE(utf8(text, data[1]));
		break;
	default:
		memcpy(text, p, n);
		for (size_t i = 0; i + 1 < n; i += 2) /* the comparison ends at a zero */
			if (!text[i] && !text[i + 1])
				text[i] = '0';
		FUZZ_REQUIRE(oracle_utf16_agrees((const uint8_t *)text, n / 2, 1 + data[1]));
	}
	return 0;
}
