/* SPDX-License-Identifier: BSD-2-Clause */
/* The helper's reader of handover.bin. The checksum is repaired so that the fuzzer gets past it; whatever passes has its texts inside
 * the record and writes nowhere near the data partition. The paths that are read, the writer writes so that the same is read again. */
#include "tests/fuzz/fuzz.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/map/winhandover.h"

static char texts[POD_WHO_LIST_MAX * 2 + POD_WHO_WORDS][POD_WHO_TEXT_MAX * 3 + 1];
static bool faithful; /* every text is UTF-16 without unpaired surrogates and control characters */

static const char *utf8(const uint8_t *data, size_t size, unsigned n)
{
	const uint8_t *at = pod_who_text(data, n);
	uint32_t units = 0;
	for (;; units++) {
		FUZZ_REQUIRE(at >= data + POD_WHO_HEADER_SIZE && at + units * 2 + 2 <= data + size && units <= POD_WHO_TEXT_MAX);
		uint16_t c = pod_get_le16(at + units * 2);
		if (!c)
			break;
		faithful = faithful && (c & 0xf800) != 0xd800 && c >= ' ' && c != '/';
	}
	FUZZ_REQUIRE(pod_utf16le_to_utf8(at, units, texts[n], sizeof texts[n]) == POD_OK);
	return texts[n];
}

/* A path as the writer wants it, without what it puts in front. */
static const char *path(const uint8_t *data, size_t size, unsigned n, char front)
{
	bool before = faithful;
	const char *s = utf8(data, size, n);
	if (!*s || *s != front)
		return s;
	faithful = before;
	for (const char *p = s + 1; *p; p++)
		faithful = faithful && (uint8_t)*p >= ' ' && *p != '/' && (uint8_t)*p != 0xef;
	return s + 1;
}

static void check_places(const struct pod_who_facts *f)
{
	FUZZ_REQUIRE(f->part_start_bytes && f->part_start_bytes + f->part_length_bytes > f->part_start_bytes);
	FUZZ_REQUIRE(!f->state_start_bytes == !f->boot_number);
	if (!f->state_start_bytes)
		return;
	FUZZ_REQUIRE(f->state_start_bytes >= f->esp_start_bytes);
	FUZZ_REQUIRE(f->state_start_bytes + f->state_length_bytes <= f->esp_start_bytes + f->esp_length_bytes);
	FUZZ_REQUIRE(f->state_start_bytes >= f->part_start_bytes + f->part_length_bytes ||
		     f->state_start_bytes + f->state_length_bytes <= f->part_start_bytes);
}

static void check(const uint8_t *data, size_t size)
{
	static const char *driver[POD_WHO_LIST_MAX];
	static struct pod_who_value lab[POD_WHO_LIST_MAX];
	static uint8_t out[POD_WHO_SIZE_MAX];
	size_t len;
	struct pod_who_input in = {.driver = driver,
				   .driver_count = pod_get_le16(data + POD_WHO_DRIVERS_OFF),
				   .lab = lab,
				   .lab_count = pod_get_le16(data + POD_WHO_LABS_OFF)};
	pod_who_get_facts(data, &in.facts);
	check_places(&in.facts);
	FUZZ_REQUIRE(in.driver_count <= POD_WHO_LIST_MAX && in.lab_count <= POD_WHO_LIST_MAX);
	for (unsigned i = 0; i < POD_WHO_PROGRAM; i++)
		(void)utf8(data, size, i);
	faithful = true;
	in.program = path(data, size, POD_WHO_PROGRAM, POD_WHO_DRIVE);
	in.replaced = path(data, size, POD_WHO_REPLACED, POD_WHO_DRIVE);
	in.image = path(data, size, POD_WHO_IMAGE, POD_WHO_VOLUME);
	unsigned n = POD_WHO_WORDS;
	for (uint32_t i = 0; i < in.driver_count; i++)
		driver[i] = path(data, size, n++, POD_WHO_VOLUME);
	for (uint32_t i = 0; i < in.lab_count; i++)
		lab[i] = (struct pod_who_value){utf8(data, size, n++), pod_get_le32(data + POD_WHO_VALUE_OFF + 4 * i)};
	if (!faithful || pod_who_write(&in, out, sizeof out, &len) != POD_OK)
		return;
	FUZZ_REQUIRE(pod_who_check(out, len, NULL) == POD_OK);
	FUZZ_REQUIRE(memcmp(out + POD_WHO_FLAGS_OFF, data + POD_WHO_FLAGS_OFF, POD_WHO_LABS_OFF + 2 - POD_WHO_FLAGS_OFF) == 0);
	n = POD_WHO_WORDS + (unsigned)(in.driver_count + in.lab_count);
	for (unsigned i = POD_WHO_WORDS + (unsigned)in.driver_count; i < n; i++) {
		const uint8_t *a = pod_who_text(data, i), *b = pod_who_text(out, i);
		for (; pod_get_le16(a); a += 2, b += 2)
			FUZZ_REQUIRE(pod_get_le16(a) == pod_get_le16(b));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pod_diag diag = {0};
	uint8_t *copy = malloc(size ? size : 1);
	FUZZ_REQUIRE(copy);
	memcpy(copy, data, size);
	if (size >= POD_WHO_HEADER_SIZE) {
		uint32_t total = pod_get_le32(copy + 8);
		if (total >= POD_WHO_HEADER_SIZE && total <= size)
			pod_put_le32(copy + 12, pod_crc32_without(copy, total, 12));
	}
	if (pod_who_check(copy, size, &diag) == POD_OK)
		check(copy, size);
	else
		FUZZ_REQUIRE(diag.what);
	free(copy);
	return 0;
}
