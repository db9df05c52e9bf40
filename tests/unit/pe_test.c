/* SPDX-License-Identifier: BSD-2-Clause */
/* The digest itself is compared with pesign's and sbsigntool's in tests/interop/doctor_firmware.py. */
#include "core/base/bytes.h"
#include "core/firm/pe.h"
#include "tests/unit/test.h"

static uint8_t f[4096];
static struct pod_pe pe;
static struct pod_diag diag;

/* PE32+, two sections in the wrong order, a tail, and 16 bytes of certificates: 0x800 bytes. */
static void make(void)
{
	uint8_t *o = f + 0x98;

	memset(f, 0, sizeof f);
	memcpy(f, "MZ", 2);
	pod_put_le32(f + 0x3c, 0x80);
	memcpy(f + 0x80, "PE\0\0", 4);
	pod_put_le16(f + 0x84, POD_PE_X64);
	pod_put_le16(f + 0x86, 2);
	pod_put_le16(f + 0x94, 240);
	pod_put_le16(o, 0x20b);
	pod_put_le32(o + 60, 0x200);
	pod_put_le16(o + 68, 10);
	pod_put_le32(o + 108, 16);
	pod_put_le32(o + 112 + 32, 0x7f0);
	pod_put_le32(o + 112 + 36, 16);
	memcpy(o + 240, ".text", 5);
	pod_put_le32(o + 240 + 16, 0x200);
	pod_put_le32(o + 240 + 20, 0x400);
	memcpy(o + 280, ".sbat", 5);
	pod_put_le32(o + 280 + 8, 5);
	pod_put_le32(o + 280 + 16, 0x200);
	pod_put_le32(o + 280 + 20, 0x200);
	for (int i = 0x200; i < 0x800; i++)
		f[i] = (uint8_t)(i >> 8);
}

static size_t total;
static uint8_t seen[4096];

static void update(void *ctx, const void *data, size_t len)
{
	(void)ctx;
	memcpy(seen + total, data, len);
	total += len;
}

TEST(reads_headers_and_sections)
{
	const uint8_t *data;
	size_t n;

	make();
	REQUIRE(pod_pe_read(f, 0x800, &pe, &diag) == POD_OK);
	CHECK_EQ(pe.machine, POD_PE_X64);
	CHECK_EQ(pe.subsystem, 10);
	CHECK(pe.plus);
	CHECK_EQ(pe.cert_len, 16);
	REQUIRE(pod_pe_section(f, 0x800, &pe, ".sbat", &data, &n) == POD_OK);
	CHECK_EQ(n, 5);
	CHECK(data == f + 0x200);
	CHECK_EQ(pod_pe_section(f, 0x800, &pe, ".sba", &data, &n), POD_E_NOT_FOUND);
	CHECK_EQ(pod_pe_section(f, 0x800, &pe, ".sbatlevel", &data, &n), POD_E_NOT_FOUND);
}

/* .text as it is; .sbat is to grow in front of it in the file, and has no room in memory. */
static void make_grown(void)
{
	uint8_t *o = f + 0x98;

	make();
	pod_put_le32(o + 32, 0x1000);
	pod_put_le32(o + 36, 0x200);
	pod_put_le32(o + 56, 0x3000);
	pod_put_le32(o + 64, 0x1234);
	pod_put_le32(o + 240 + 8, 0x200);
	pod_put_le32(o + 240 + 12, 0x2000);
	pod_put_le32(o + 280 + 12, 0x1000);
	memset(f + 0x800, 0, sizeof f - 0x800);
}

TEST(a_section_grows_into_room_of_its_own)
{
	uint8_t *text = f + 0x98 + 240, *sbat = text + 40;

	make_grown();
	REQUIRE(pod_pe_read(f, 0x800, &pe, &diag) == POD_OK);
	REQUIRE(pod_pe_grow(f, &pe, 1, 0xe00, 0x1000, 0, true) == POD_OK);
	CHECK_EQ(pod_get_le32(sbat + 8), 0xe00);
	CHECK_EQ(pod_get_le32(sbat + 12), 0x1000); /* just enough */
	CHECK_EQ(pod_get_le32(sbat + 16), 0x1000);
	CHECK_EQ(pod_get_le32(sbat + 20), 0x200);
	CHECK_EQ(pod_get_le32(text + 20), 0x400 + 0xe00); /* moves with what lies behind */
	CHECK_EQ(pod_get_le32(text + 12), 0x2000);
	CHECK_EQ(pod_get_le32(f + pe.checksum_bytes), 0);
	CHECK(pod_all_zero(f + pe.cert_entry_bytes, 8));
	CHECK_EQ(pod_get_le32(f + 0x98 + 56), 0x3000);
}

TEST(a_section_without_room_moves_behind_all_others)
{
	uint8_t *first = f + 0x98 + 240, *last = first + 40;

	make_grown();
	REQUIRE(pod_pe_read(f, 0x800, &pe, &diag) == POD_OK);
	REQUIRE(pod_pe_grow(f, &pe, 1, 0x1001, 0x1200, 0, true) == POD_OK);
	CHECK_EQ(pod_get_le32(last + 12), 0x3000);
	CHECK_EQ(pod_get_le32(f + 0x98 + 56), 0x5000);
	/* behind what the kernel takes, and to the table's end */
	make_grown();
	memcpy(last + 40, first, 40); /* the order is the other way round */
	memcpy(first, last, 40);
	memcpy(last, last + 40, 40);
	memset(last + 40, 0, 40);
	REQUIRE(pod_pe_read(f, 0x800, &pe, &diag) == POD_OK);
	REQUIRE(pod_pe_grow(f, &pe, 0, 0x1001, 0x1200, 0x7001, true) == POD_OK);
	CHECK(pod_pe_entry_is(first, ".text"));
	CHECK(pod_pe_entry_is(last, ".sbat"));
	CHECK_EQ(pod_get_le32(last + 12), 0x8000);
}

/* In front of what the kernel takes it stays where it is, as long as no page more is needed for it. */
TEST(a_section_grows_within_its_pages_in_front_of_the_kernel)
{
	uint8_t *text = f + 0x98 + 240, *sbat = text + 40;

	for (uint32_t raw = 0xe00; raw <= 0x1200; raw += 0x200) {
		bool stays = raw <= 0x1000;

		make_grown();
		pod_put_le32(text + 12, 0x4000); /* there would be room */
		REQUIRE(pod_pe_read(f, 0x800, &pe, &diag) == POD_OK);
		REQUIRE(pod_pe_grow(f, &pe, 1, raw, raw, 0x8000, false) == POD_OK);
		CHECK_EQ(pod_get_le32(sbat + 12), stays ? 0x1000 : 0x8000);
		CHECK_EQ(pod_get_le32(f + 0x98 + 56), stays ? 0x3000 : 0xa000);
	}
	/* A neighbour in the same page. */
	make_grown();
	pod_put_le32(text + 12, 0x1400);
	REQUIRE(pod_pe_read(f, 0x800, &pe, &diag) == POD_OK);
	REQUIRE(pod_pe_grow(f, &pe, 1, 0x500, 0x600, 0x8000, false) == POD_OK);
	CHECK_EQ(pod_get_le32(sbat + 12), 0x8000);
}

TEST(what_cannot_grow_stays_as_it_is)
{
	static uint8_t before[sizeof f];
	uint8_t *o = f + 0x98, *text = o + 240;

	for (int i = 0; i < 7; i++) {
		uint32_t raw = 0x1000;
		make_grown();
		switch (i) {
		case 0:
			pod_put_le32(text + 20, 0x300); /* shares bytes of the file */
			break;
		case 1:
			pod_put_le32(o + 32, 0x1800);
			break;
		case 2:
			pod_put_le32(o + 36, 0);
			break;
		case 3:
			pod_put_le32(text + 40 + 20, 0x100); /* in the headers */
			break;
		case 4:
			raw = 0x7ffffe00;
			break;
		case 5:
			raw = 0x1100; /* by no multiple of FileAlignment */
			break;
		default:
			pod_put_le32(text + 8, 0x7fffd000);
		}
		memcpy(before, f, sizeof f);
		REQUIRE(pod_pe_read(f, 0x800, &pe, &diag) == POD_OK);
		CHECK_EQ(pod_pe_grow(f, &pe, 1, raw > 0x1001 ? 0x1001 : 0xe00, i == 6 ? 0x1200 : raw, 0, true),
			 i < 4 ? POD_E_CORRUPT : POD_E_LIMIT);
		CHECK(memcmp(before, f, sizeof f) == 0);
	}
}

TEST(digest_leaves_out_checksum_and_certificates)
{
	make();
	REQUIRE(pod_pe_read(f, 0x800, &pe, &diag) == POD_OK);
	total = 0;
	REQUIRE(pod_pe_digest(f, 0x800, &pe, update, NULL, &diag) == POD_OK);
	CHECK_EQ(total, 0x800 - 4 - 8 - 16);
	/* sections by place: 2, 3, 4, 5, then the tail */
	CHECK_EQ(seen[0x200 - 12], 2);
	CHECK_EQ(seen[0x400 - 12], 4);
	CHECK_EQ(seen[0x600 - 12], 6);
}

/* Words with end-around carry, the field itself left out, and the length: counted by hand for a file of few bytes that are not 0. */
TEST(sum_of_the_file)
{
	make();
	REQUIRE(pod_pe_read(f, 0x800, &pe, &diag) == POD_OK);
	uint32_t sum = pod_pe_sum(f, 0x800, &pe);
	pod_put_le32(f + pe.checksum_bytes, 0x12345678);
	CHECK_EQ(pod_pe_sum(f, 0x800, &pe), sum);
	f[0x7ff] ^= 0x80;
	CHECK(pod_pe_sum(f, 0x800, &pe) != sum);
	memset(f, 0, 0x800);
	pod_put_le16(f + 0x10, 0xffff);
	pod_put_le16(f + 0x20, 0x0002);
	f[0x100] = 3; /* the last byte of an odd length */
	CHECK_EQ(pod_pe_sum(f, 0x101, &pe), 0x0005 + 0x101);
}

TEST(version_resource)
{
	uint16_t v[4] = {0};

	make();
	REQUIRE(pod_pe_read(f, 0x800, &pe, &diag) == POD_OK);
	CHECK_EQ(pod_pe_version(f, 0x800, &pe, v), POD_E_NOT_FOUND);
	memcpy(f + 0x98 + 240, ".rsrc", 5);
	CHECK_EQ(pod_pe_version(f, 0x800, &pe, v), POD_E_NOT_FOUND);
	pod_put_le32(f + 0x5f0, 0xfeef04bd);
	pod_put_le32(f + 0x5f4, 0x10000);
	pod_put_le32(f + 0x5f8, 10 << 16 | 3);
	pod_put_le32(f + 0x5fc, 26100u << 16 | 7);
	REQUIRE(pod_pe_version(f, 0x800, &pe, v) == POD_OK);
	CHECK_EQ(v[0], 10);
	CHECK_EQ(v[1], 3);
	CHECK_EQ(v[2], 26100);
	CHECK_EQ(v[3], 7);
	/* cut off by the section's end */
	pod_put_le32(f + 0x98 + 240 + 16, 0x1fc);
	CHECK_EQ(pod_pe_version(f, 0x800, &pe, v), POD_E_NOT_FOUND);
}

TEST(headers_that_lead_out_of_the_file)
{
	make();
	CHECK_EQ(pod_pe_read(f, 0x3f, &pe, &diag), POD_E_FORMAT);
	CHECK_EQ(pod_pe_read(f, 0x90, &pe, &diag), POD_E_FORMAT);
	CHECK_EQ(pod_pe_read(f, 0x1a0, &pe, &diag), POD_E_CORRUPT);
	CHECK_EQ(pod_pe_read(f, 0x7ff, &pe, &diag), POD_E_CORRUPT); /* certificates */
	pod_put_le16(f + 0x86, 97);
	CHECK_EQ(pod_pe_read(f, 0x800, &pe, &diag), POD_E_CORRUPT);
	make();
	pod_put_le32(f + 0x98 + 60, 0x100);
	CHECK_EQ(pod_pe_read(f, 0x800, &pe, &diag), POD_E_CORRUPT);
	make();
	pod_put_le32(f + 0x98 + 240 + 20, 0x7000);
	CHECK_EQ(pod_pe_read(f, 0x800, &pe, &diag), POD_E_RANGE);
	/* whoever changes it afterwards */
	total = 0;
	CHECK_EQ(pod_pe_digest(f, 0x800, &pe, update, NULL, &diag), POD_E_CORRUPT);
	make();
	f[1] = 'X';
	CHECK_EQ(pod_pe_read(f, 0x800, &pe, &diag), POD_E_FORMAT);
}

TEST(sbat_lines)
{
	static const char text[] =
		"sbat,1,2024010900\nshim,4\r\nno generation\nx,\n,3\ngrub.debian,12,Debian,grub2\nbig,9999999999\n\0z,1\n";
	struct pod_sbat s;
	size_t at = 0;

	REQUIRE(pod_sbat_next(text, sizeof text, &at, &s) == POD_OK);
	CHECK_EQ(s.generation, 1);
	CHECK_EQ(s.rest_len, 10);
	REQUIRE(pod_sbat_next(text, sizeof text, &at, &s) == POD_OK);
	CHECK_EQ(s.generation, 4);
	CHECK_EQ(s.component_len, 4);
	CHECK_EQ(s.rest_len, 0);
	REQUIRE(pod_sbat_next(text, sizeof text, &at, &s) == POD_OK);
	CHECK_EQ(s.generation, 12);
	CHECK(memcmp(s.component, "grub.debian", s.component_len) == 0);
	CHECK_EQ(pod_sbat_next(text, sizeof text, &at, &s), POD_END);
	CHECK_EQ(pod_sbat_next(text, sizeof text, &at, &s), POD_END);
	at = 0;
	CHECK_EQ(pod_sbat_next("", 0, &at, &s), POD_END);
}

static size_t list(uint8_t *p, const char *guid, uint32_t size, uint32_t count, uint8_t fill)
{
	memcpy(p, guid, 16);
	pod_put_le32(p + 16, 28 + size * count);
	pod_put_le32(p + 20, 0);
	pod_put_le32(p + 24, size);
	memset(p + 28, fill, size * count);
	return 28 + (size_t)size * count;
}

TEST(signature_lists)
{
	struct pod_siglist s;
	struct pod_sig e;
	size_t n = list(f, "\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28", 48, 2, 0x11);

	n += list(f + n, "\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72", 100, 1, 0x22);
	pod_siglist_init(&s, f, n);
	for (int i = 0; i < 2; i++) {
		REQUIRE(pod_siglist_next(&s, &e) == POD_OK);
		CHECK_EQ(e.kind, POD_SIG_SHA256);
		CHECK_EQ(e.len, 32);
	}
	REQUIRE(pod_siglist_next(&s, &e) == POD_OK);
	CHECK_EQ(e.kind, POD_SIG_X509);
	CHECK_EQ(e.len, 84);
	CHECK_EQ(pod_siglist_next(&s, &e), POD_END);
	pod_siglist_init(&s, f, 0);
	CHECK_EQ(pod_siglist_next(&s, &e), POD_END);
	pod_siglist_init(&s, f, 100);
	CHECK_EQ(pod_siglist_next(&s, &e), POD_E_CORRUPT);
	pod_put_le32(f + 24, 0);
	pod_siglist_init(&s, f, n);
	CHECK_EQ(pod_siglist_next(&s, &e), POD_E_CORRUPT);
	pod_put_le32(f + 24, 47);
	pod_siglist_init(&s, f, n);
	CHECK_EQ(pod_siglist_next(&s, &e), POD_E_CORRUPT);
	/* a list without entries is none */
	list(f, "\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28", 48, 0, 0);
	pod_siglist_init(&s, f, 28);
	CHECK_EQ(pod_siglist_next(&s, &e), POD_END);
}
