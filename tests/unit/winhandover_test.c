/* SPDX-License-Identifier: BSD-2-Clause */
/* The hand-over record for the helper in Windows PE: what is written is read, and nothing else is. */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/map/winhandover.h"
#include "tests/unit/test.h"

#define MIB (1ull << 20)

static uint8_t record[POD_WHO_SIZE_MAX];
static size_t len;
static struct pod_who_record back;
static struct pod_diag diag;

static const char *const folders[] = {"/drivers/usb", "/驱动/存储"};
static const struct pod_who_value lab[] = {{"BypassTPMCheck", 1}, {"BypassRAMCheck", 0x80000002}};

static struct pod_who_input sound(void)
{
	return (struct pod_who_input){
		.facts = {.flags = POD_WHO_ATTACH | POD_WHO_RESTORE,
			  .mbr_signature = 0x11223344,
			  .disk_guid = {1, 2, 3, [15] = 16},
			  .part_start_bytes = MIB,
			  .part_length_bytes = 6000 * MIB,
			  .state_start_bytes = 6001 * MIB + 4096,
			  .state_length_bytes = 256 << 10,
			  .boot_number = 7,
			  .esp_start_bytes = 6001 * MIB,
			  .esp_length_bytes = 64 * MIB,
			  .wait_ms = POD_WHO_WAIT_MS,
			  .language = POD_WHO_CHINESE},
		.program = "/Windows/System32/isopod/pecmd.exe",
		.replaced = "/Windows/System32/pecmd.exe",
		.image = "/images/系统/win 10 \xf0\x9f\x98\x80.iso",
		.driver = folders,
		.driver_count = 2,
		.lab = lab,
		.lab_count = 2,
	};
}

static enum pod_status again(void)
{
	pod_put_le32(record + 12, 0);
	pod_put_le32(record + 12, pod_crc32(0, record, pod_get_le32(record + 8)));
	return pod_who_parse(&back, record, len, &diag);
}

static const char *utf8(const struct pod_who_text *t)
{
	static char text[POD_WHO_TEXT_MAX * 3 + 1];
	CHECK_EQ(pod_get_le16(t->at + t->units * 2), 0);
	CHECK_EQ(pod_utf16le_to_utf8(t->at, t->units, text, sizeof text), POD_OK);
	return text;
}

TEST(winhandover_round_trip)
{
	struct pod_who_input in = sound();
	size_t count;
	REQUIRE(pod_who_write(&in, NULL, 0, &count) == POD_OK);
	REQUIRE(pod_who_write(&in, record, count, &len) == POD_OK);
	CHECK_EQ(len, count);
	REQUIRE(pod_who_parse(&back, record, len, &diag) == POD_OK);
	CHECK(memcmp(&back.facts, &in.facts, sizeof in.facts) == 0);
	CHECK_STR(utf8(&back.program), "\\Windows\\System32\\isopod\\pecmd.exe");
	CHECK_STR(utf8(&back.replaced), "\\Windows\\System32\\pecmd.exe");
	CHECK_STR(utf8(&back.image), "\\images\\系统\\win 10 \xf0\x9f\x98\x80.iso");
	REQUIRE(back.driver_count == 2 && back.lab_count == 2);
	CHECK_STR(utf8(&back.driver[0]), "\\drivers\\usb");
	CHECK_STR(utf8(&back.driver[1]), "\\驱动\\存储");
	CHECK_STR(utf8(&back.lab[1].name), "BypassRAMCheck");
	CHECK_EQ(back.lab[0].value, 1);
	CHECK_EQ(back.lab[1].value, 0x80000002);
}

TEST(winhandover_least)
{
	struct pod_who_input in = {.facts = {.part_start_bytes = 512, .part_length_bytes = 512}, .program = "/x"};
	REQUIRE(pod_who_write(&in, record, sizeof record, &len) == POD_OK);
	REQUIRE(pod_who_parse(&back, record, len, &diag) == POD_OK);
	CHECK_EQ(back.image.units, 0);
	CHECK_EQ(back.driver_count + back.lab_count, 0);
	CHECK_STR(utf8(&back.image), "");
}

/* Each bit of it counts, and every length but its own is refused. */
TEST(winhandover_damage)
{
	struct pod_who_input in = sound();
	REQUIRE(pod_who_write(&in, record, sizeof record, &len) == POD_OK);
	for (size_t i = 0; i < len * 8; i++) {
		record[i / 8] ^= (uint8_t)(1u << i % 8);
		CHECK(pod_who_parse(&back, record, len, &diag) != POD_OK);
		record[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (size_t n = 0; n < len; n++)
		CHECK(pod_who_parse(&back, record, n, &diag) != POD_OK);
	/* a text without its end; a text that begins in the header, at an odd place, behind the end */
	pod_put_le16(record + len - 2, 'x');
	CHECK_EQ(again(), POD_E_CORRUPT);
	pod_put_le16(record + len - 2, 0);
	CHECK_EQ(again(), POD_OK);
	static const uint32_t bad[] = {0x40, 0x81, 0xfffe, ~0u, ~1u};
	uint32_t was = pod_get_le32(record + 0x6c);
	for (size_t i = 0; i < POD_ARRAY_LEN(bad); i++) {
		pod_put_le32(record + 0x6c, bad[i]);
		CHECK_EQ(again(), POD_E_CORRUPT);
	}
	pod_put_le32(record + 0x6c, was);
	pod_put_le16(record + 0x60, POD_WHO_LIST_MAX + 1);
	CHECK_EQ(again(), POD_E_LIMIT);
}

static void refused(const struct pod_who_input *in, enum pod_status st)
{
	CHECK_EQ(pod_who_write(in, record, sizeof record, &len), st);
}

TEST(winhandover_writer_refuses)
{
	static char longest[POD_WHO_TEXT_MAX + 2];
	memset(longest, 'a', POD_WHO_TEXT_MAX);
	struct pod_who_input in = sound();
	in.image = longest;
	refused(&in, POD_OK);
	longest[POD_WHO_TEXT_MAX] = 'a';
	refused(&in, POD_E_LIMIT);
	in.image = "/\xff";
	refused(&in, POD_E_INVALID);
	in.image = NULL;
	refused(&in, POD_E_INVALID);
	in.facts.flags &= ~(uint32_t)POD_WHO_ATTACH;
	refused(&in, POD_OK);
	in.program = "";
	refused(&in, POD_E_INVALID);
	in = sound();
	in.driver_count = POD_WHO_LIST_MAX + 1;
	refused(&in, POD_E_LIMIT);
	in = sound();
	CHECK_EQ(pod_who_write(&in, record, len - 1, &len), POD_E_LIMIT);
	CHECK_EQ(pod_who_write(&in, record, 0x7f, &len), POD_E_LIMIT);
}

/* What would have the helper write to a wrong place. */
TEST(winhandover_places)
{
	struct pod_who_input in = sound();
	in.facts.state_start_bytes = in.facts.esp_start_bytes - 512;
	refused(&in, POD_E_INVALID);
	in = sound();
	in.facts.state_start_bytes = in.facts.esp_start_bytes + in.facts.esp_length_bytes - 512;
	refused(&in, POD_E_INVALID);
	in = sound();
	in.facts.esp_start_bytes = in.facts.part_start_bytes + in.facts.part_length_bytes - 512;
	refused(&in, POD_E_INVALID);
	in = sound();
	in.facts.esp_length_bytes = 0 - in.facts.esp_start_bytes;
	refused(&in, POD_E_INVALID);
	in = sound();
	in.facts.boot_number = 0;
	refused(&in, POD_E_INVALID);
	in = sound();
	in.facts.state_start_bytes = 0;
	refused(&in, POD_E_INVALID);
	in = sound();
	in.facts.part_start_bytes++;
	refused(&in, POD_E_INVALID);
	in = sound();
	in.facts.language = 2;
	refused(&in, POD_E_INVALID);
}
