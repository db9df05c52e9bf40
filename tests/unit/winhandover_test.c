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
			  .wait_ms = POD_WHO_WAIT_MS},
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
	pod_put_le32(record + 12, pod_crc32_without(record, pod_get_le32(record + 8), 12));
	return pod_who_check(record, len, &diag);
}

static const char *utf8(unsigned n)
{
	static char text[POD_WHO_TEXT_MAX * 3 + 1];
	const uint8_t *at = pod_who_text(record, n);
	size_t units = 0;
	while (pod_get_le16(at + units * 2))
		units++;
	CHECK_EQ(pod_utf16le_to_utf8(at, units, text, sizeof text), POD_OK);
	return text;
}

TEST(winhandover_round_trip)
{
	struct pod_who_input in = sound();
	struct pod_who_facts back = {0};
	size_t count;
	REQUIRE(pod_who_write(&in, NULL, 0, &count) == POD_OK);
	REQUIRE(pod_who_write(&in, record, count, &len) == POD_OK);
	CHECK_EQ(len, count);
	REQUIRE(pod_who_check(record, len, &diag) == POD_OK);
	pod_who_get_facts(record, &back);
	CHECK(memcmp(&back, &in.facts, sizeof back) == 0);
	CHECK_STR(utf8(POD_WHO_PROGRAM), "\2\\Windows\\System32\\isopod\\pecmd.exe");
	CHECK_STR(utf8(POD_WHO_REPLACED), "\2\\Windows\\System32\\pecmd.exe");
	CHECK_STR(utf8(POD_WHO_IMAGE), "\3images\\系统\\win 10 \xf0\x9f\x98\x80.iso");
	CHECK_STR((const char *)record + POD_WHO_NAME_OFF, "pecmd.exe");
	REQUIRE(pod_get_le16(record + POD_WHO_DRIVERS_OFF) == 2 && pod_get_le16(record + POD_WHO_LABS_OFF) == 2);
	CHECK_STR(utf8(POD_WHO_WORDS), "\3drivers\\usb");
	CHECK_STR(utf8(POD_WHO_WORDS + 1), "\3驱动\\存储");
	CHECK_STR(utf8(POD_WHO_WORDS + 3), "BypassRAMCheck");
	CHECK_EQ(pod_get_le32(record + POD_WHO_VALUE_OFF), 1);
	CHECK_EQ(pod_get_le32(record + POD_WHO_VALUE_OFF + 4), 0x80000002);
}

static const char *in_another_language(const void *ctx, const char *text)
{
	CHECK(ctx == &len);
	return pod_streq(text, "Windows' error code:") ? "错误代码：" : pod_starts_with(text, "The stick") ? "无法装载：" : text;
}

/* In the window the menu's language; the log is in English, and none of them is empty. */
TEST(winhandover_words)
{
	struct pod_who_input in = sound();
	in.translate = in_another_language;
	in.translate_ctx = &len;
	REQUIRE(pod_who_write(&in, record, sizeof record, &len) == POD_OK);
	CHECK_STR(utf8(POD_WHO_NOT_ATTACHED), "无法装载：\n\\images\\系统\\win 10 \xf0\x9f\x98\x80.iso\n\n错误代码： 0x\4");
	CHECK_STR(utf8(POD_WHO_LOG_NOT_ATTACHED),
		  "the image cannot be attached: \\images\\系统\\win 10 \xf0\x9f\x98\x80.iso (0x\4)");
	for (unsigned i = 0; i < POD_WHO_WORDS; i++)
		CHECK(utf8(i)[0]);
	/* What a text leaves open, as doc/FORMATS/winhandover.md tells it. */
	CHECK(pod_strcasestr(utf8(POD_WHO_NO_DRIVER), "\n\6"));
	CHECK_STR(utf8(POD_WHO_LOG_STARTED), "started: \1");
	CHECK_STR(utf8(POD_WHO_DISK), "\\\\.\\PhysicalDrive\5");
	CHECK_STR(utf8(POD_WHO_EARLY_DRIVERS), "\2\\Windows\\System32\\isopod\\drivers");
}

TEST(winhandover_least)
{
	struct pod_who_input in = {.facts = {.part_start_bytes = 512, .part_length_bytes = 512}, .program = "/x"};
	REQUIRE(pod_who_write(&in, record, sizeof record, &len) == POD_OK);
	REQUIRE(pod_who_check(record, len, &diag) == POD_OK);
	CHECK_STR(utf8(POD_WHO_IMAGE), "");
	CHECK_STR(utf8(POD_WHO_REPLACED), "");
	CHECK_EQ(pod_get_le32(record + POD_WHO_DRIVERS_OFF), 0);
}

/* Each bit of it counts, and every length but its own is refused. */
TEST(winhandover_damage)
{
	struct pod_who_input in = sound();
	REQUIRE(pod_who_write(&in, record, sizeof record, &len) == POD_OK);
	for (size_t i = 0; i < len * 8; i += i < POD_WHO_HEADER_SIZE * 8 ? 1 : 61) {
		record[i / 8] ^= (uint8_t)(1u << i % 8);
		CHECK(pod_who_check(record, len, &diag) != POD_OK);
		record[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (size_t n = 0; n < len; n++)
		CHECK(pod_who_check(record, n, &diag) != POD_OK);
	/* a text without its end; one too many, one too few; no program */
	pod_put_le16(record + len - 2, 'x');
	CHECK_EQ(again(), POD_E_CORRUPT);
	pod_put_le16(record + len - 2, 0);
	CHECK_EQ(again(), POD_OK);
	pod_put_le16(record + len - 4, 0);
	CHECK_EQ(again(), POD_E_CORRUPT);
	pod_put_le16(record + len - 4, 'k');
	pod_put_le16(record + POD_WHO_DRIVERS_OFF, 3);
	CHECK_EQ(again(), POD_E_CORRUPT);
	pod_put_le16(record + POD_WHO_DRIVERS_OFF, 1);
	CHECK_EQ(again(), POD_E_CORRUPT);
	pod_put_le16(record + POD_WHO_DRIVERS_OFF, 2);
	pod_put_le16(record + POD_WHO_LABS_OFF, POD_WHO_LIST_MAX + 1);
	CHECK_EQ(again(), POD_E_LIMIT);
	pod_put_le16(record + POD_WHO_LABS_OFF, 2);
	pod_put_le32(record + 8, (uint32_t)len - 1);
	CHECK_EQ(again(), POD_E_CORRUPT);
	/* a text that is too long in the place of a short one */
	pod_put_le32(record + 8, (uint32_t)len + 2 * POD_WHO_TEXT_MAX);
	for (size_t i = 0; i < POD_WHO_TEXT_MAX; i++)
		pod_put_le16(record + len - 2 + 2 * i, 'x');
	len += 2 * POD_WHO_TEXT_MAX;
	pod_put_le16(record + len - 2, 0);
	CHECK_EQ(again(), POD_E_CORRUPT);
}

/* A bare WIM has no image, and every start a program. */
TEST(winhandover_empty_paths)
{
	struct pod_who_input in = sound();
	in.facts.flags = 0;
	in.image = in.replaced = NULL;
	REQUIRE(pod_who_write(&in, record, sizeof record, &len) == POD_OK);
	record[POD_WHO_FLAGS_OFF] = POD_WHO_ATTACH;
	CHECK_EQ(again(), POD_E_CORRUPT);
	record[POD_WHO_FLAGS_OFF] = 0;
	CHECK_EQ(again(), POD_OK);
}

static void refused(const struct pod_who_input *in, enum pod_status st)
{
	CHECK_EQ(pod_who_write(in, record, sizeof record, &len), st);
}

TEST(winhandover_writer_refuses)
{
	static char longest[POD_WHO_TEXT_MAX + 1];
	memset(longest, 'a', POD_WHO_TEXT_MAX);
	struct pod_who_input in = sound();
	const char *const folder[] = {longest};
	in.driver = folder;
	in.driver_count = 1;
	refused(&in, POD_E_LIMIT);
	longest[POD_WHO_TEXT_MAX - 1] = 0; /* one unit stands in front */
	refused(&in, POD_OK);
	in.image = "/\xff";
	refused(&in, POD_E_INVALID);
	in.image = "/images/\1.iso"; /* the helper would put something there */
	refused(&in, POD_E_INVALID);
	in.image = NULL;
	refused(&in, POD_E_INVALID);
	in.facts.flags &= ~(uint32_t)POD_WHO_ATTACH;
	refused(&in, POD_OK);
	in.replaced = "";
	refused(&in, POD_E_INVALID);
	in.facts.flags = 0;
	refused(&in, POD_OK);
	in.program = "";
	refused(&in, POD_E_INVALID);
	in = sound();
	in.driver_count = POD_WHO_LIST_MAX + 1;
	refused(&in, POD_E_LIMIT);
	in = sound();
	refused(&in, POD_OK);
	size_t whole = len;
	CHECK_EQ(pod_who_write(&in, record, whole - 1, &len), POD_E_LIMIT);
	CHECK_EQ(pod_who_write(&in, record, POD_WHO_HEADER_SIZE - 1, &len), POD_E_LIMIT);
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
	in.facts.part_length_bytes -= 512;
	refused(&in, POD_E_INVALID);
}
