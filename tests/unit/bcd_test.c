/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot configurations: devices to the byte, elements of all kinds, what starts what; boot.sdi. */
#include "core/base/bytes.h"
#include "core/base/guid.h"
#include "core/regf/bcd.h"
#include "core/wim/sdi.h"
#include "tests/unit/test.h"

#define NOW 133485408000000000ull

static struct pod_bcd b;
static struct pod_bcd_decoded decoded;
static uint8_t out[POD_BCD_DEVICE_MAX], want[POD_BCD_DEVICE_MAX];
static size_t want_len;

static const struct pod_bcd_device boot = {.kind = POD_BCD_BOOT};
static const struct pod_bcd_device mbr = {.kind = POD_BCD_PARTITION, .signature = 0x36234da4, .offset_bytes = 0x100000};

/* Bytes in hex; "N*" in front of a byte repeats it. */
static void expect(const char *s)
{
	want_len = 0;
	while (*s) {
		unsigned n = 1, v;
		int used = 0;
		if (sscanf(s, " %u*%x%n", &n, &v, &used) != 2 || !used) {
			n = 1;
			used = 0;
			if (sscanf(s, " %2x%n", &v, &used) != 1)
				break;
		}
		while (n--)
			want[want_len++] = (uint8_t)v;
		s += used;
	}
}

static void text(const char *s)
{
	do {
		want[want_len++] = (uint8_t)*s;
		want[want_len++] = 0;
	} while (*s++);
}

static void same(const struct pod_bcd_device *d)
{
	size_t len = 0;
	CHECK_EQ(pod_bcd_encode(d, out, sizeof out, &len), POD_OK);
	CHECK_EQ(len, want_len);
	for (size_t i = 0; i < len && i < want_len; i++)
		if (out[i] != want[i]) {
			CHECK_EQ(i, SIZE_MAX); /* says where */
			break;
		}
	/* What was read is what was written, and is written again as it was. */
	CHECK_EQ(pod_bcd_decode(&decoded, out, len), POD_OK);
	for (size_t n = 0; n < len; n++)
		CHECK_EQ(pod_bcd_encode(decoded.device, out, n, &len), POD_E_LIMIT);
	CHECK_EQ(pod_bcd_encode(decoded.device, out, sizeof out, &len), POD_OK);
	CHECK(len == want_len && memcmp(out, want, len) == 0);
}

#define BOOT_BYTES "05 3*0 4*0 48 3*0 4*0 56*0"
#define MBR_BYTES  "06 3*0 4*0 48 3*0 4*0 00 00 10 5*0 8*0 4*0 01 3*0 a4 4d 23 36 28*0"

TEST(devices)
{
	expect("16*0 " BOOT_BYTES);
	same(&boot);
	expect("16*0 " MBR_BYTES);
	same(&mbr);
	struct pod_bcd_device gpt = {.kind = POD_BCD_PARTITION, .gpt = true};
	memset(gpt.partition, 0x11, 16);
	memset(gpt.disk, 0x22, 16);
	expect("16*0 06 3*0 4*0 48 3*0 4*0 16*11 8*0 16*22 16*0");
	same(&gpt);
	CHECK(decoded.device[0].gpt && decoded.device[0].disk[3] == 0x22);

	const struct pod_bcd_device path = {.kind = POD_BCD_LOCATE_PATH, .path = "\\test.vhd"};
	expect("16*0 08 3*0 4*0 30 3*0 4*0 01 3*0 8*0");
	text("\\test.vhd");
	same(&path);

	const struct pod_bcd_device file = {.kind = POD_BCD_FILE, .path = "\\test.vhd", .parent = &mbr};
	expect("16*0 8*0 7c 3*0 4*0 05 3*0 01 3*0 68 3*0 05 3*0 " MBR_BYTES);
	text("\\test.vhd");
	same(&file);

	const struct pod_bcd_device vhd = {.kind = POD_BCD_VHD, .parent = &file};
	const struct pod_bcd_device inside = {.kind = POD_BCD_LOCATE_ELEMENT, .element = 0x12000002, .parent = &vhd};
	expect("16*0 08 3*0 4*0 c2 3*0 4*0 4*0 02 00 00 12 1e 3*0 00 00 8*0 a4 3*0 4*0 06 3*0 20*0 8*0 7c 3*0 4*0 "
	       "05 3*0 01 3*0 68 3*0 05 3*0 " MBR_BYTES);
	text("\\test.vhd");
	same(&inside);
	CHECK_EQ(decoded.count, 4);
	CHECK(pod_bcd_find(&decoded, POD_BCD_FILE) && strcmp(pod_bcd_find(&decoded, POD_BCD_FILE)->path, "\\test.vhd") == 0);
	CHECK_EQ(pod_bcd_find(&decoded, POD_BCD_PARTITION)->offset_bytes, 0x100000);
	CHECK(!pod_bcd_find(&decoded, POD_BCD_RAMDISK));

	struct pod_bcd_device ramdisk = {.kind = POD_BCD_RAMDISK, .path = "\\boot\\boot.wim", .parent = &boot};
	memset(ramdisk.options, 0x33, 16);
	expect("16*33 4*0 01 3*0 9a 3*0 4*0 03 3*0 20*0 01 3*0 72 3*0 05 3*0 " BOOT_BYTES);
	text("\\boot\\boot.wim");
	same(&ramdisk);
	CHECK(memcmp(decoded.device[0].options, ramdisk.options, 16) == 0);

	/* A disk within a disk within a disk: as deep as it goes. */
	struct pod_bcd_device files[4], disks[4];
	const struct pod_bcd_device *d = &boot;
	size_t len;
	for (unsigned i = 0; i < 4; i++) {
		files[i] = (struct pod_bcd_device){.kind = POD_BCD_FILE, .path = "\\Ж盘.vhdx", .parent = d};
		disks[i] = (struct pod_bcd_device){.kind = POD_BCD_VHD, .parent = &files[i]};
		d = &disks[i];
	}
	CHECK_EQ(pod_bcd_encode(&disks[3], out, sizeof out, &len), POD_E_LIMIT);
	CHECK_EQ(pod_bcd_encode(&disks[2], out, sizeof out, &len), POD_OK);
	CHECK_EQ(pod_bcd_decode(&decoded, out, len), POD_OK);
	CHECK_EQ(decoded.count, 7);
	CHECK_STR(decoded.device[5].path, "\\Ж盘.vhdx");
	CHECK(decoded.device[5].parent == &decoded.device[6]);
	/* Wherever it is cut off, it is no longer one. */
	for (size_t i = 0; i < len; i++)
		CHECK_EQ(pod_bcd_decode(&decoded, out, i), POD_E_CORRUPT);
}

TEST(devices_that_are_none)
{
	size_t len;
	const struct pod_bcd_device bad[] = {
		{.kind = POD_BCD_FILE, .path = "x"},
		{.kind = POD_BCD_FILE, .parent = &boot},
		{.kind = POD_BCD_VHD, .parent = &boot},
		{.kind = POD_BCD_RAMDISK, .parent = &boot},
		{.kind = POD_BCD_LOCATE_PATH},
		{.kind = POD_BCD_LOCATE_PATH, .path = "\xFF"},
		{.kind = POD_BCD_UNKNOWN},
	};
	for (size_t i = 0; i < POD_ARRAY_LEN(bad); i++)
		CHECK_EQ(pod_bcd_encode(&bad[i], out, sizeof out, &len), POD_E_INVALID);
	expect("16*0 04 3*0 4*0 10 3*0 4*0");
	CHECK_EQ(pod_bcd_decode(&decoded, want, want_len), POD_OK);
	CHECK_EQ(decoded.device[0].kind, POD_BCD_UNKNOWN);
	CHECK_EQ(decoded.device[0].type, 4);
}

static const uint8_t object[16] = {0x67, 0x45, 0x23, 0x01, 0xab, 0x89, 0xef, 0xcd, 1, 2, 3, 4, 5, 6, 7, 8};

static void reopen(void)
{
	const uint8_t *bytes;
	size_t len;
	struct pod_bcd again;
	pod_bcd_finish(&b, &bytes, &len);
	CHECK_EQ(pod_bcd_open(&again, bytes, len, NOW, &test_alloc, NULL), POD_OK);
	pod_bcd_close(&b);
	b = again;
}

static struct pod_bcd_element element(const uint8_t guid[16], uint32_t id)
{
	struct pod_bcd_object o;
	struct pod_bcd_element el = {0};
	CHECK_EQ(pod_bcd_object(&b.hive.hive, guid, &o), POD_OK);
	CHECK_EQ(pod_bcd_element(&b.hive.hive, &o, id, &el), POD_OK);
	return el;
}

TEST(elements)
{
	const uint8_t list[2][16] = {{1}, {2}};
	const uint64_t numbers[] = {1, UINT64_MAX};
	const struct pod_regf *h = &b.hive.hive;
	struct pod_regf_iter it, in;
	struct pod_bcd_object o;
	struct pod_bcd_element el;
	uint64_t n;
	uint8_t g[16];
	char s[64];
	REQUIRE(pod_bcd_new(&b, NOW, &test_alloc) == POD_OK);
	CHECK_EQ(pod_bcd_set_boolean(&b, object, 0x16000001, true), POD_E_NOT_FOUND);
	CHECK_EQ(pod_bcd_add(&b, object, POD_BCD_LOADER), POD_OK);
	CHECK_EQ(pod_bcd_set_boolean(&b, object, 0x16000001, true), POD_OK);
	CHECK_EQ(pod_bcd_set_boolean(&b, object, 0x15000001, true), POD_E_INVALID);
	CHECK_EQ(pod_bcd_set_integer(&b, object, 0x25000001, 0x123456789abcdef0), POD_OK);
	CHECK_EQ(pod_bcd_set_integers(&b, object, 0x17000001, numbers, 2), POD_OK);
	CHECK_EQ(pod_bcd_set_guid(&b, object, 0x23000001, list[0]), POD_OK);
	CHECK_EQ(pod_bcd_set_guids(&b, object, 0x24000001, list, 2), POD_OK);
	CHECK_EQ(pod_bcd_set_string(&b, object, 0x12000001, "Ü"), POD_OK);
	CHECK_EQ(pod_bcd_set_device(&b, object, 0x11000001, &mbr), POD_OK);
	CHECK_EQ(pod_bcd_set_device(&b, object, 0x12000001, &mbr), POD_E_INVALID);
	reopen();
	el = element(object, 0x16000001);
	CHECK(pod_bcd_read_number(h, &el, &n) == POD_OK && n == 1);
	CHECK_EQ(el.value.size_bytes, 1);
	el = element(object, 0x25000001);
	CHECK(pod_bcd_read_number(h, &el, &n) == POD_OK && n == 0x123456789abcdef0);
	CHECK_EQ(pod_bcd_read_guid(h, &el, 0, g), POD_E_FORMAT);
	el = element(object, 0x17000001);
	CHECK_EQ(el.value.size_bytes, 16);
	el = element(object, 0x23000001);
	CHECK(pod_bcd_read_guid(h, &el, 0, g) == POD_OK && memcmp(g, list[0], 16) == 0);
	CHECK_EQ(pod_bcd_read_guid(h, &el, 1, g), POD_END);
	CHECK_EQ(el.value.type, POD_REG_SZ);
	el = element(object, 0x24000001);
	CHECK(pod_bcd_read_guid(h, &el, 1, g) == POD_OK && memcmp(g, list[1], 16) == 0);
	CHECK_EQ(pod_bcd_read_guid(h, &el, 2, g), POD_END);
	CHECK_EQ(pod_bcd_read_guid(h, &el, UINT32_MAX, g), POD_END);
	CHECK_EQ(el.value.type, POD_REG_MULTI_SZ);
	CHECK_EQ(el.value.size_bytes, 2 * 78 + 2);
	el = element(object, 0x12000001);
	CHECK_EQ(pod_regf_text(h, &el.value, s, sizeof s), POD_OK);
	CHECK_STR(s, "Ü");
	CHECK_EQ(pod_bcd_read_device(h, &el, &decoded), POD_E_FORMAT);
	el = element(object, 0x11000001);
	CHECK_EQ(pod_bcd_read_device(h, &el, &decoded), POD_OK);
	CHECK_EQ(decoded.device[0].signature, 0x36234da4);

	REQUIRE(pod_bcd_objects(h, &it) == POD_OK && pod_bcd_next_object(&it, &o) == POD_OK);
	CHECK(memcmp(o.guid, object, 16) == 0 && o.type == POD_BCD_LOADER);
	CHECK_EQ(pod_bcd_next_object(&it, &o), POD_END);
	REQUIRE(pod_bcd_elements(h, &o, &in) == POD_OK);
	for (unsigned i = 0; i < 7; i++)
		CHECK_EQ(pod_bcd_next_element(&in, &el), POD_OK);
	CHECK_EQ(pod_bcd_next_element(&in, &el), POD_END);
	CHECK_EQ(pod_bcd_delete(&b, object, 0x11000001), POD_OK);
	CHECK_EQ(pod_bcd_delete(&b, object, 0x11000001), POD_E_NOT_FOUND);
	/* Keys that are no objects or elements are passed over. */
	struct pod_regf_key k;
	CHECK_EQ(pod_regf_edit_key(&b.hive, NULL, "Objects\\{01234567-89ab-cdef-0102-030405060708}\\Elements\\1234567g", &k),
		 POD_OK);
	CHECK_EQ(pod_regf_edit_key(&b.hive, NULL, "Objects\\{1234}", &k), POD_OK);
	CHECK_EQ(pod_regf_edit_key(&b.hive, NULL, "Objects\\{01234567-89ab-cdef-0102-030405060709}", &k), POD_OK);
	reopen();
	REQUIRE(pod_bcd_objects(h, &it) == POD_OK && pod_bcd_next_object(&it, &o) == POD_OK);
	CHECK_EQ(pod_bcd_next_object(&it, &o), POD_END);
	REQUIRE(pod_bcd_elements(h, &o, &in) == POD_OK);
	for (unsigned i = 0; i < 6; i++)
		CHECK_EQ(pod_bcd_next_element(&in, &el), POD_OK);
	CHECK_EQ(pod_bcd_next_element(&in, &el), POD_END);
	pod_bcd_close(&b);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(starts)
{
	const struct pod_regf *h = &b.hive.hive;
	struct pod_bcd_element el;
	uint8_t first[16], second[16], g[16];
	char s[128];
	REQUIRE(pod_bcd_new(&b, NOW, &test_alloc) == POD_OK);
	CHECK_EQ(pod_bcd_start_wim(&b, &(struct pod_bcd_start){.efi = true}, "\\sources\\boot.wim", "\\boot\\boot.sdi"), POD_OK);
	el = element(pod_bcd_bootmgr, POD_BCD_DEFAULT);
	CHECK_EQ(pod_bcd_read_guid(h, &el, 0, first), POD_OK);
	el = element(first, POD_BCD_DEVICE);
	CHECK_EQ(pod_bcd_read_device(h, &el, &decoded), POD_OK);
	CHECK_EQ(decoded.count, 2);
	CHECK(memcmp(decoded.device[0].options, pod_bcd_ramdisk_options, 16) == 0);
	CHECK_STR(decoded.device[0].path, "\\sources\\boot.wim");
	el = element(pod_bcd_ramdisk_options, POD_BCD_SDI_PATH);
	CHECK_EQ(pod_regf_text(h, &el.value, s, sizeof s), POD_OK);
	CHECK_STR(s, "\\boot\\boot.sdi");
	/* A second one becomes what starts, and both are in the menu. */
	struct pod_bcd_device where = {.kind = POD_BCD_LOCATE_PATH, .path = "\\w.vhdx"};
	CHECK_EQ(pod_bcd_start_vhd(&b, &(struct pod_bcd_start){.title = "W"}, "\\w.vhdx", &where), POD_OK);
	reopen();
	el = element(pod_bcd_bootmgr, POD_BCD_DEFAULT);
	CHECK_EQ(pod_bcd_read_guid(h, &el, 0, second), POD_OK);
	CHECK(memcmp(first, second, 16) != 0);
	el = element(pod_bcd_bootmgr, POD_BCD_ORDER);
	CHECK(pod_bcd_read_guid(h, &el, 0, g) == POD_OK && memcmp(g, first, 16) == 0);
	CHECK(pod_bcd_read_guid(h, &el, 1, g) == POD_OK && memcmp(g, second, 16) == 0);
	CHECK_EQ(pod_bcd_read_guid(h, &el, 2, g), POD_END);
	el = element(second, POD_BCD_OS_DEVICE);
	CHECK_EQ(pod_bcd_read_device(h, &el, &decoded), POD_OK);
	CHECK_EQ(decoded.count, 4);
	CHECK_EQ(decoded.device[0].element, POD_BCD_SYSTEM_ROOT);
	CHECK_EQ(decoded.device[3].kind, POD_BCD_LOCATE_PATH);
	el = element(second, POD_BCD_PATH);
	CHECK_EQ(pod_regf_text(h, &el.value, s, sizeof s), POD_OK);
	CHECK_STR(s, "\\Windows\\System32\\winload.exe");
	/* The same object again: once in the menu. */
	struct pod_bcd_start again = {.efi = true};
	memcpy(again.guid, second, 16);
	CHECK_EQ(pod_bcd_start_partition(&b, &again, &mbr), POD_OK);
	el = element(pod_bcd_bootmgr, POD_BCD_ORDER);
	CHECK_EQ(pod_bcd_read_guid(h, &el, 2, g), POD_END);
	CHECK_EQ(pod_bcd_start_memtest(&b, &(struct pod_bcd_start){.efi = true}), POD_OK);
	el = element(pod_bcd_bootmgr, POD_BCD_DEFAULT);
	CHECK(pod_bcd_read_guid(h, &el, 0, g) == POD_OK && memcmp(g, pod_bcd_memtest, 16) == 0);
	reopen();
	pod_bcd_close(&b);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(failing_allocations)
{
	enum pod_status st;
	long at = 0;
	do {
		test_alloc_count = 0;
		test_alloc_fail_at = ++at;
		st = pod_bcd_new(&b, NOW, &test_alloc);
		if (st == POD_OK) {
			st = pod_bcd_start_wim(&b, &(struct pod_bcd_start){.efi = true}, "\\a.wim", "\\b.sdi");
			pod_bcd_close(&b);
		}
		CHECK(st == POD_OK || st == POD_E_NOMEM);
		CHECK_EQ(test_alloc_live, 0);
	} while (st == POD_E_NOMEM);
	CHECK(at > 10);
	test_alloc_fail_at = 0;
}

TEST(no_store)
{
	static const uint8_t security[20] = {1, 0, 0, 0x80};
	struct pod_regf_edit e;
	const uint8_t *bytes;
	size_t len;
	REQUIRE(pod_regf_edit_new(&e, "SYSTEM", 5, security, sizeof security, NOW, &test_alloc) == POD_OK);
	pod_regf_edit_finish(&e, &bytes, &len);
	CHECK_EQ(pod_bcd_open(&b, bytes, len, NOW, &test_alloc, NULL), POD_E_FORMAT);
	pod_regf_edit_close(&e);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(sdi)
{
	uint8_t head[POD_SDI_HEAD], sum = 0;
	CHECK_EQ(pod_sdi_head(head, 0x303c00), 0x306000);
	for (unsigned i = 0; i < 0x200; i++)
		sum = (uint8_t)(sum + head[i]);
	CHECK_EQ(sum, 0);
	CHECK_EQ(head[0x1f8], 0x39); /* as in Microsoft's own */
	CHECK(memcmp(head, "$SDI0001", 8) == 0 && memcmp(head + 0x400, "PART", 5) == 0 && memcmp(head + 0x440, "WIM", 4) == 0);
	CHECK_EQ(pod_get_le64(head + 0x410), 0x2000);
	CHECK_EQ(pod_get_le64(head + 0x418), 0x303c00);
	CHECK_EQ(pod_get_le64(head + 0x450), 0x306000);
}
