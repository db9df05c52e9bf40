/* SPDX-License-Identifier: BSD-2-Clause */
/* The helper's reader of handover.bin. The checksum is repaired so that the fuzzer gets past it; whatever parses has its texts inside
 * the record and writes nowhere near the data partition. What is read, the writer writes so that the same is read again. */
#include "tests/fuzz/fuzz.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/map/winhandover.h"

static char texts[POD_WHO_LIST_MAX * 2 + 3][POD_WHO_TEXT_MAX * 3 + 1];
static unsigned used;
static bool faithful; /* every text is UTF-16 without unpaired surrogates */

static const char *utf8(const uint8_t *data, size_t size, const struct pod_who_text *t)
{
	char *out = texts[used++];
	FUZZ_REQUIRE(t->units <= POD_WHO_TEXT_MAX);
	FUZZ_REQUIRE(!t->units || (t->at >= data + POD_WHO_HEADER_SIZE && t->at + t->units * 2 + 2 <= data + size));
	FUZZ_REQUIRE(pod_get_le16(t->at + t->units * 2) == 0);
	FUZZ_REQUIRE(pod_utf16le_to_utf8(t->at, t->units, out, sizeof texts[0]) == POD_OK);
	for (uint32_t i = 0; i < t->units; i++)
		faithful = faithful && (pod_get_le16(t->at + i * 2) & 0xf800) != 0xd800;
	return out;
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

static void check(const uint8_t *data, size_t size, const struct pod_who_record *r)
{
	static const char *driver[POD_WHO_LIST_MAX];
	static struct pod_who_value lab[POD_WHO_LIST_MAX];
	static uint8_t out[POD_WHO_SIZE_MAX];
	static struct pod_who_record back;
	size_t len;
	used = 0;
	faithful = true;
	check_places(&r->facts);
	struct pod_who_input in = {.facts = r->facts,
				   .program = utf8(data, size, &r->program),
				   .replaced = utf8(data, size, &r->replaced),
				   .image = utf8(data, size, &r->image),
				   .driver = driver,
				   .driver_count = r->driver_count,
				   .lab = lab,
				   .lab_count = r->lab_count};
	for (uint32_t i = 0; i < r->driver_count; i++)
		driver[i] = utf8(data, size, &r->driver[i]);
	for (uint32_t i = 0; i < r->lab_count; i++)
		lab[i] = (struct pod_who_value){utf8(data, size, &r->lab[i].name), r->lab[i].value};
	if (!faithful || pod_who_write(&in, out, sizeof out, &len) != POD_OK)
		return;
	FUZZ_REQUIRE(pod_who_parse(&back, out, len, NULL) == POD_OK);
	FUZZ_REQUIRE(memcmp(&back.facts, &r->facts, sizeof r->facts) == 0 && back.image.units == r->image.units);
	FUZZ_REQUIRE(back.driver_count == r->driver_count && back.lab_count == r->lab_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pod_who_record r;
	struct pod_diag diag = {0};
	uint8_t *copy = malloc(size ? size : 1);
	FUZZ_REQUIRE(copy);
	memcpy(copy, data, size);
	if (size >= POD_WHO_HEADER_SIZE) {
		uint32_t total = pod_get_le32(copy + 8);
		if (total >= POD_WHO_HEADER_SIZE && total <= size) {
			memset(copy + 12, 0, 4);
			pod_put_le32(copy + 12, pod_crc32(0, copy, total));
		}
	}
	if (pod_who_parse(&r, copy, size, &diag) == POD_OK)
		check(copy, size, &r);
	else
		FUZZ_REQUIRE(diag.what);
	free(copy);
	return 0;
}
