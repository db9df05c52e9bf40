/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual disks: what a parser must refuse, what a chain must notice, what others get wrong. */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/map/map.h"
#include "tests/unit/vhd_util.h"

#define MIB (1u << 20)

static uint8_t buf[4 * MIB];

static enum pod_status put(struct mem_file *m, uint64_t off, int byte, size_t len)
{
	struct pod_chain c;
	enum pod_status st = open_chain(&c, m, true, NULL), closed;
	if (st != POD_OK)
		return st;
	memset(buf, byte, len);
	st = pod_dev_write(&c.dev, off, buf, len);
	closed = pod_chain_close(&c);
	return st == POD_OK ? closed : st;
}

static bool all_are(struct mem_file *m, uint64_t off, int byte, size_t len)
{
	struct pod_chain c;
	if (open_chain(&c, m, false, NULL) != POD_OK)
		return false;
	bool ok = pod_dev_read(&c.dev, off, buf, len) == POD_OK;
	for (size_t i = 0; i < len; i++)
		ok = ok && buf[i] == byte;
	return pod_chain_close(&c) == POD_OK && ok;
}

static enum pod_status opens(struct mem_file *m, bool writable, struct pod_diag *d)
{
	struct pod_chain c;
	memset(d, 0, sizeof *d);
	enum pod_status st = open_chain(&c, m, writable, d);
	if (st == POD_OK && pod_chain_close(&c) != POD_OK)
		st = POD_E_IO;
	return st;
}

static void done(void)
{
	mem_clear();
	CHECK_EQ(mem_opens, 0);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(crc32c_vectors)
{
	/* RFC 3720, B.4 */
	uint8_t b[48];
	memset(b, 0, 32);
	CHECK_EQ(pod_crc32c(0, b, 32), 0x8a9136aau);
	memset(b, 0xff, 32);
	CHECK_EQ(pod_crc32c(0, b, 32), 0x62a8ab43u);
	for (int i = 0; i < 32; i++)
		b[i] = (uint8_t)i;
	CHECK_EQ(pod_crc32c(0, b, 32), 0x46dd794eu);
	memset(b + 32, 0, 16); /* the short way over trailing zeros is the long way */
	uint32_t crc = pod_crc32c(0, b, 32);
	for (int i = 0; i < 16; i++)
		crc = pod_crc32c(crc, "\0", 1);
	CHECK_EQ(pod_crc32c(0, b, 48), crc);
	CHECK_EQ(pod_crc32c(pod_crc32c(0, b, 5), b + 5, 43), crc);
	CHECK_EQ(pod_crc32c_zeros(pod_crc32c(0, b, 32), 16), crc);
	for (uint64_t n = 1; n < 1ull << 33; n *= 2) /* twice half as many */
		CHECK_EQ(pod_crc32c_zeros(crc, (size_t)(2 * n)), pod_crc32c_zeros(pod_crc32c_zeros(crc, (size_t)n), (size_t)n));
	CHECK_EQ(pod_crc32c_zeros(crc, 1), pod_crc32c(crc, "\0", 1));
	memset(b + 7, 0, 4);
	uint32_t sum = pod_crc32c(0, b, 48), sum32 = pod_crc32(0, b, 48);
	memset(b + 7, 0x55, 4); /* a sum that is not counted */
	CHECK_EQ(pod_crc32c_without(b, 48, 7), sum);
	CHECK_EQ(pod_crc32_without(b, 48, 7), sum32);
}

TEST(guids_as_windows_writes_them)
{
	uint8_t g[16], h[16];
	char t[POD_GUID_TEXT];
	CHECK(pod_guid_parse("{2DC27766-F623-4200-9D64-115E9BFD4A08}", g));
	CHECK(g[0] == 0x66 && g[3] == 0x2d && g[4] == 0x23 && g[8] == 0x9d && g[15] == 0x08);
	pod_guid_text(g, t);
	CHECK_STR(t, "{2dc27766-f623-4200-9d64-115e9bfd4a08}");
	CHECK(pod_guid_parse(t + 1, h) == false || memcmp(g, h, 16) == 0);
	CHECK(!pod_guid_parse("{2DC27766-F623-4200-9D64-115E9BFD4A0", g));
	CHECK(!pod_guid_parse("{2DC27766F623-4200-9D64-115E9BFD4A08}", g));
}

static void child_needs_its_parent(enum pod_member_kind kind)
{
	struct mem_file *base = mem_make("base"), *child = mem_make("child");
	struct pod_diag d;
	CHECK(make_disk(base, kind, 4 * MIB, 1 << 20, 512, NULL) == POD_OK);
	CHECK(put(base, 0, 'a', 3 * MIB) == POD_OK);
	CHECK(make_disk(child, kind, 4 * MIB, 1 << 20, 512, base) == POD_OK);
	CHECK(put(child, 5000, 'b', 100) == POD_OK);
	CHECK(all_are(child, 5000, 'b', 100) && all_are(child, 5100, 'a', MIB) && all_are(child, 3 * MIB, 0, MIB));
	strcpy(base->name, "away");
	CHECK_EQ(opens(child, false, &d), POD_E_NOT_FOUND);
	CHECK_EQ(opens(child, true, &d), POD_E_NOT_FOUND);
	struct pod_chain c;
	struct pod_chain_options opt = {.top = {.env = &test_env}};
	CHECK_EQ(pod_chain_open(&c, &child->vf, &test_alloc, NULL, &opt, &d), POD_E_NOT_FOUND);
	/* Another disk under that name is not the parent. */
	struct mem_file *other = mem_make("base");
	CHECK(make_disk(other, kind, 4 * MIB, 1 << 20, 512, NULL) == POD_OK);
	CHECK_EQ(opens(child, false, &d), POD_E_CHANGED);
	done();
}

TEST(child_needs_its_parent_vhdx)
{
	child_needs_its_parent(POD_MEMBER_VHDX);
}

TEST(child_needs_its_parent_vhd)
{
	child_needs_its_parent(POD_MEMBER_VHD);
}

TEST(written_parent_is_noticed)
{
	struct mem_file *base = mem_make("base"), *child = mem_make("child");
	struct pod_diag d;
	CHECK(make_disk(base, POD_MEMBER_VHDX, 4 * MIB, MIB, 512, NULL) == POD_OK);
	CHECK(make_disk(child, POD_MEMBER_VHDX, 4 * MIB, MIB, 512, base) == POD_OK);
	CHECK_EQ(opens(base, true, &d), POD_OK); /* opened for writing, but not written: the same data */
	CHECK_EQ(opens(child, false, &d), POD_OK);
	CHECK(put(base, 0, 'x', 512) == POD_OK);
	CHECK_EQ(opens(child, false, &d), POD_E_CHANGED);
	CHECK(d.what && strstr(d.what, "DataWriteGuid"));
	done();
}

TEST(blocks_of_parent_and_child_differ)
{
	static const uint32_t block[] = {MIB, 2 * MIB, 4 * MIB};
	for (int i = 0; i < 9; i++) {
		struct mem_file *base = mem_make("base"), *child = mem_make("child");
		CHECK(make_disk(base, POD_MEMBER_VHDX, 9 * MIB + 512, block[i / 3], 512, NULL) == POD_OK);
		CHECK(put(base, MIB - 512, 'p', 2 * MIB) == POD_OK);
		CHECK(make_disk(child, POD_MEMBER_VHDX, 9 * MIB + 512, block[i % 3], 512, base) == POD_OK);
		CHECK(put(child, 2 * MIB - 1024, 'c', 512) == POD_OK);
		CHECK(put(child, 9 * MIB, 'e', 512) == POD_OK);
		CHECK(all_are(child, 0, 0, MIB - 512) && all_are(child, MIB - 512, 'p', MIB - 512) &&
		      all_are(child, 2 * MIB - 1024, 'c', 512) && all_are(child, 2 * MIB - 512, 'p', MIB) &&
		      all_are(child, 3 * MIB - 512, 0, 6 * MIB > sizeof buf ? sizeof buf : 6 * MIB) &&
		      all_are(child, 9 * MIB, 'e', 512));
		done();
	}
}

TEST(sectors_of_parent_and_child_must_not_differ)
{
	struct mem_file *base = mem_make("base"), *child = mem_make("child");
	struct pod_diag d;
	CHECK(make_disk(base, POD_MEMBER_VHDX, 4 * MIB, MIB, 4096, NULL) == POD_OK);
	CHECK(make_disk(child, POD_MEMBER_VHDX, 4 * MIB, MIB, 512, base) == POD_OK);
	CHECK_EQ(opens(child, false, &d), POD_E_UNSUPPORTED);
	done();
}

/* --- parents: order, loops, depth ----------------------------------------------------------------------- */

TEST(paths_are_tried_in_order)
{
	struct mem_file *base = mem_make("C:\\base"), *child = mem_make("child");
	struct pod_member l;
	struct pod_member_options opt = {.env = &test_env};
	struct pod_parent_spec spec = {.path = {"..\\gone", "\\\\?\\Volume{1}\\gone", "C:\\base"}};
	struct pod_diag d;
	CHECK(make_disk(base, POD_MEMBER_VHDX, 4 * MIB, MIB, 512, NULL) == POD_OK);
	REQUIRE(pod_member_open(&l, &base->vf, &test_alloc, &opt, NULL) == POD_OK);
	pod_member_describe(&l, &spec);
	CHECK(pod_member_close(&l) == POD_OK);
	struct pod_vhdx_create x = {.size_bytes = 4 * MIB, .block_size = MIB, .parent = &spec};
	CHECK(pod_vhdx_format(&child->vf, &test_alloc, &x, &test_env, NULL) == POD_OK);
	CHECK_EQ(opens(child, false, &d), POD_OK);
	CHECK_STR(mem_asked, "0:..\\gone 1:\\\\?\\Volume{1}\\gone 2:C:\\base ");
	/* A wrong file under the first name does not end the search. */
	struct mem_file *wrong = mem_make("..\\gone");
	CHECK(make_disk(wrong, POD_MEMBER_VHDX, 4 * MIB, MIB, 512, NULL) == POD_OK);
	CHECK_EQ(opens(child, false, &d), POD_OK);
	mem_free(base);
	CHECK_EQ(opens(child, false, &d), POD_E_CHANGED);
	done();
}

TEST(loops_are_refused)
{
	struct mem_file *a = mem_make("a"), *b = mem_make("b");
	struct pod_member_options opt = {.env = &test_env, .writable = true};
	struct pod_parent_spec spec = {.path = {"b"}};
	struct pod_member l;
	struct pod_diag d;
	CHECK(make_disk(b, POD_MEMBER_VHDX, 4 * MIB, MIB, 512, NULL) == POD_OK);
	CHECK(make_disk(a, POD_MEMBER_VHDX, 4 * MIB, MIB, 512, b) == POD_OK);
	/* a says it is its own parent */
	REQUIRE(pod_member_open(&l, &a->vf, &test_alloc, &opt, NULL) == POD_OK);
	spec.path[0] = "a";
	memcpy(spec.linkage, l.u.vhdx.data_write_guid, 16);
	CHECK(pod_member_set_parent(&l, &spec) == POD_OK);
	CHECK(pod_member_close(&l) == POD_OK);
	CHECK_EQ(opens(a, false, &d), POD_E_CORRUPT);
	CHECK(d.what && strstr(d.what, "loop"));
	done();
}

TEST(a_deep_chain)
{
	struct mem_file *last = NULL;
	struct pod_diag d;
	struct pod_chain c;
	unsigned n;
	for (n = 0; n < MEM_FILES; n++) {
		char name[8];
		snprintf(name, sizeof name, "%u", n);
		struct mem_file *m = mem_make(name);
		if (!m || make_disk(m, POD_MEMBER_VHDX, 4 * MIB, MIB, 512, last) != POD_OK)
			break;
		last = m;
	}
	CHECK_EQ(n, MEM_FILES);
	REQUIRE(open_chain(&c, last, false, &d) == POD_OK);
	CHECK_EQ(c.depth, MEM_FILES);
	CHECK(pod_dev_read(&c.dev, 0, buf, MIB) == POD_OK);
	CHECK(pod_chain_close(&c) == POD_OK);
	done();
}

/* --- hostile files -------------------------------------------------------------------------------------- */

#define BAT  (3 * MIB)
#define META (2 * MIB)

static struct mem_file *a_disk(void)
{
	struct mem_file *m = mem_make("d");
	vhd_seed = 3;
	CHECK(make_disk(m, POD_MEMBER_VHDX, 4 * MIB, MIB, 512, NULL) == POD_OK);
	CHECK(put(m, 0, 'a', 2 * MIB) == POD_OK);
	return m;
}

TEST(overlapping_entries_are_refused)
{
	struct mem_file *m = a_disk();
	struct pod_diag d;
	struct pod_member l;
	struct pod_vhd_check out;
	struct pod_member_options opt = {.env = &test_env};
	memcpy(m->fault.data + BAT + 8, m->fault.data + BAT, 8);
	CHECK_EQ(opens(m, true, &d), POD_E_CORRUPT);
	CHECK_STR(d.what, "BAT entries overlap");
	REQUIRE(pod_member_open(&l, &m->vf, &test_alloc, &opt, NULL) == POD_OK);
	CHECK(pod_vhdx_check(&l.u.vhdx, false, NULL, NULL, &out) == POD_OK);
	CHECK_EQ(out.errors, 1);
	CHECK(pod_member_close(&l) == POD_OK);
	pod_put_le64(m->fault.data + BAT + 8, (1ull << 40) | 6); /* far behind the end */
	CHECK_EQ(opens(m, true, &d), POD_E_CORRUPT);
	CHECK(!all_are(m, MIB, 'a', 512));
	pod_put_le64(m->fault.data + BAT + 8, BAT | 6); /* the table itself */
	CHECK_EQ(opens(m, true, &d), POD_E_CORRUPT);
	pod_put_le64(m->fault.data + BAT + 8, 4 * MIB | 5);
	CHECK(!all_are(m, MIB, 'a', 512));
	done();
}

TEST(either_header_and_either_region_table_will_do)
{
	struct pod_diag d;
	for (int i = 0; i < 4; i++) {
		struct mem_file *m = a_disk();
		m->fault.data[(i + 1) * 65536 + 40] ^= 1;
		CHECK(all_are(m, 0, 'a', 2 * MIB));
		CHECK_EQ(opens(m, true, &d), POD_OK);
		done();
	}
	for (int i = 0; i < 2; i++) {
		struct mem_file *m = a_disk();
		m->fault.data[(2 * i + 1) * 65536 + 40] ^= 1;
		m->fault.data[(2 * i + 2) * 65536 + 40] ^= 1;
		CHECK_EQ(opens(m, false, &d), POD_E_CORRUPT);
		done();
	}
}

/* Behind its entries a table is zeros: what lies there says nothing, but is looked at by a check, and made zeros again. */
TEST(a_region_table_is_judged_by_its_entries)
{
	for (int both = 0; both < 2; both++) {
		struct mem_file *m = a_disk();
		struct pod_chain c;
		struct pod_vhd_check r;
		m->fault.data[3 * 65536 + 60000] = 1;
		m->fault.data[4 * 65536 + 50000] = (uint8_t)both;
		CHECK(all_are(m, 0, 'a', 2 * MIB));
		REQUIRE(open_chain(&c, m, true, NULL) == POD_OK);
		struct pod_vhdx *x = &c.member[0]->u.vhdx;
		CHECK_EQ(pod_vhdx_check(x, false, NULL, NULL, &r), POD_OK);
		CHECK_EQ(r.errors, 1 + both);
		CHECK_EQ(pod_vhdx_check(x, true, NULL, NULL, &r), POD_OK);
		CHECK_EQ(r.repaired, 1 + both);
		CHECK_EQ(pod_vhdx_check(x, false, NULL, NULL, &r), POD_OK);
		CHECK_EQ(r.errors, 0);
		CHECK_EQ(pod_chain_close(&c), POD_OK);
		CHECK(m->fault.data[3 * 65536 + 60000] == 0 && m->fault.data[4 * 65536 + 50000] == 0);
		done();
	}
}

TEST(the_larger_sequence_number_counts)
{
	struct mem_file *m = a_disk();
	struct pod_member l;
	struct pod_member_options opt = {.env = &test_env};
	uint8_t *h1 = m->fault.data + 65536, *h2 = h1 + 65536;
	uint64_t s1 = pod_get_le64(h1 + 8), s2 = pod_get_le64(h2 + 8);
	CHECK(s1 != s2);
	REQUIRE(pod_member_open(&l, &m->vf, &test_alloc, &opt, NULL) == POD_OK);
	CHECK_EQ(l.u.vhdx.sequence, s1 > s2 ? s1 : s2);
	CHECK(memcmp(l.u.vhdx.file_write_guid, (s1 > s2 ? h1 : h2) + 16, 16) == 0);
	CHECK(pod_member_close(&l) == POD_OK);
	done();
}

TEST(metadata_out_of_bounds)
{
	static const struct {
		uint32_t at, value;
	} bad[] = {
		{META + 10, 0xffff0000u}, /* entry count */
		{META + 32 + 16, 0x7fffffff},	 {META + 32 + 16, 100},	  {META + 32 + 20, 0},	     {META + 32 + 20, 0xffffffff},
		{META + 65536, 3u << 20},	 {META + 65536, 0},	  {META + 65536, 1u << 31},  {META + 65536 + 8, 0},
		{META + 65536 + 12, 0x7fffffff}, {META + 65536 + 8, 513}, {META + 65536 + 32, 1024},
	};
	struct pod_diag d;
	for (size_t i = 0; i < POD_ARRAY_LEN(bad); i++) {
		struct mem_file *m = a_disk();
		pod_put_le32(m->fault.data + bad[i].at, bad[i].value);
		enum pod_status st = opens(m, false, &d);
		CHECK(st == POD_E_CORRUPT || st == POD_E_UNSUPPORTED);
		done();
	}
}

/* --- the log -------------------------------------------------------------------------------------------- */

/* A disk whose last commit is only in the log: the table in place is the old one. */
static struct mem_file *dirty(struct pod_chain *c)
{
	struct mem_file *m = a_disk();
	static uint8_t old[4096];
	CHECK(open_chain(c, m, true, NULL) == POD_OK);
	memcpy(old, m->fault.data + BAT, 4096);
	memset(buf, 'n', MIB);
	CHECK(pod_dev_write(&c->dev, 2 * MIB, buf, MIB) == POD_OK);
	CHECK(pod_dev_flush(&c->dev) == POD_OK);
	CHECK(memcmp(old, m->fault.data + BAT, 4096) != 0);
	memcpy(m->fault.data + BAT, old, 4096);
	return m;
}

/* The file as a crash leaves it: what `c` would still write is lost. */
static void crash(struct pod_chain *c, struct mem_file *m)
{
	uint8_t *copy = malloc(MEM_CAP);
	uint64_t size = m->dev.size_bytes;
	memcpy(copy, m->fault.data, MEM_CAP);
	CHECK(pod_chain_close(c) == POD_OK);
	memcpy(m->fault.data, copy, MEM_CAP);
	m->dev.size_bytes = size;
	free(copy);
}

TEST(dirty_log_is_not_zeros)
{
	struct pod_chain c;
	struct mem_file *m = dirty(&c);
	struct pod_diag d;
	crash(&c, m);
	uint8_t *before = malloc(MEM_CAP);
	memcpy(before, m->fault.data, MEM_CAP);
	CHECK(all_are(m, 2 * MIB, 'n', MIB));
	CHECK(memcmp(before, m->fault.data, MEM_CAP) == 0); /* reading changes nothing */
	CHECK_EQ(opens(m, true, &d), POD_OK);		    /* now it is replayed on disk */
	CHECK(memcmp(before, m->fault.data, MEM_CAP) != 0);
	CHECK(all_are(m, 2 * MIB, 'n', MIB));
	free(before);
	done();
}

TEST(log_that_cannot_be_read_is_an_error)
{
	struct pod_chain c;
	struct mem_file *m = dirty(&c);
	struct pod_diag d;
	crash(&c, m);
	m->fault.data[MIB + 4096 + 100] ^= 1; /* in a data sector of the only entry */
	CHECK_EQ(opens(m, false, &d), POD_E_CORRUPT);
	CHECK_EQ(opens(m, true, &d), POD_E_CORRUPT);
	/* Nothing of this log's at all: there was nothing yet. */
	memset(m->fault.data + MIB, 0, MIB);
	CHECK_EQ(opens(m, false, &d), POD_OK);
	done();
}

TEST(file_shorter_than_the_log_says)
{
	struct pod_chain c;
	struct mem_file *m = dirty(&c);
	struct pod_diag d;
	crash(&c, m);
	m->dev.size_bytes -= MIB;
	CHECK_EQ(opens(m, false, &d), POD_E_CORRUPT);
	CHECK(d.what && strstr(d.what, "FlushedFileOffset"));
	done();
}

TEST(dirty_chain_as_a_map)
{
	struct pod_chain c;
	struct mem_file *m = dirty(&c);
	struct pod_map extents, map;
	crash(&c, m);
	pod_map_init(&extents, &test_alloc);
	pod_map_init(&map, &test_alloc);
	/* The file lies on a stick in two pieces that are the wrong way round. */
	uint64_t size = m->dev.size_bytes, half = 4 * MIB + 8192;
	uint8_t *stick = malloc(size);
	memcpy(stick + size - half, m->fault.data, half);
	memcpy(stick, m->fault.data + half, size - half);
	CHECK(pod_map_append(&extents, POD_SEG_DEV, size - half, half) == POD_OK);
	CHECK(pod_map_append(&extents, POD_SEG_DEV, 0, size - half) == POD_OK);
	m->vf.extents = &extents;
	REQUIRE(open_chain(&c, m, false, NULL) == POD_OK);
	CHECK(pod_chain_map(&c, &map) == POD_OK);
	struct pod_memdev sd;
	pod_memdev_init(&sd, stick, size, 512, true);
	uint8_t *a = malloc(4 * MIB), *b = malloc(4 * MIB);
	CHECK_EQ(map.size_bytes, 4 * MIB);
	CHECK(pod_map_read(&map, &sd.dev, 0, a, 4 * MIB) == POD_OK);
	CHECK(pod_dev_read(&c.dev, 0, b, 4 * MIB) == POD_OK);
	CHECK(memcmp(a, b, 4 * MIB) == 0 && a[2 * MIB] == 'n' && a[0] == 'a' && a[3 * MIB] == 0);
	CHECK(pod_chain_close(&c) == POD_OK);
	pod_map_fini(&map);
	pod_map_fini(&extents);
	free(a);
	free(b);
	free(stick);
	done();
}

/* --- failures of the machine ---------------------------------------------------------------------------- */

TEST(every_allocation_fails_once)
{
	struct mem_file *base = mem_make("base"), *child = mem_make("child");
	struct pod_diag d;
	CHECK(make_disk(base, POD_MEMBER_VHDX, 4 * MIB, MIB, 512, NULL) == POD_OK);
	CHECK(make_disk(child, POD_MEMBER_VHDX, 4 * MIB, MIB, 512, base) == POD_OK);
	for (long n = 1;; n++) {
		test_alloc_count = 0;
		test_alloc_fail_at = n;
		enum pod_status st = opens(child, true, &d);
		bool reached = test_alloc_count >= n;
		test_alloc_fail_at = 0;
		CHECK_EQ(test_alloc_live, 0);
		CHECK_EQ(mem_opens, 0);
		if (!reached) {
			CHECK_EQ(st, POD_OK);
			break;
		}
		CHECK_EQ(st, POD_E_NOMEM);
	}
	done();
}

TEST(every_read_and_write_fails_once)
{
	for (long n = 1; n < 400; n++) {
		struct mem_file *m = a_disk();
		struct pod_chain c;
		m->fault.fail_read_at = n % 2 ? n / 2 + 1 : 0;
		m->fault.fail_write_at = n % 2 ? 0 : n / 2;
		enum pod_status st = open_chain(&c, m, true, NULL);
		if (st == POD_OK) {
			memset(buf, 'x', MIB);
			enum pod_status w = pod_dev_write(&c.dev, 3 * MIB - 512, buf, MIB), f = pod_dev_flush(&c.dev);
			enum pod_status t = pod_chain_trim(&c, 0, MIB), e = pod_chain_close(&c);
			(void)f, (void)t, (void)e, (void)w;
		}
		m->fault.fail_read_at = m->fault.fail_write_at = 0;
		CHECK(all_are(m, MIB, 'a', MIB - 512)); /* what nobody touched is there */
		bool over = !m->fault.died;
		done();
		if (over && n > 60)
			break;
	}
}

TEST(vhd_footer_and_its_copy)
{
	struct pod_diag d;
	for (int i = 0; i < 3; i++) {
		struct mem_file *m = mem_make("d");
		CHECK(make_disk(m, POD_MEMBER_VHD, 4 * MIB, 1 << 19, 512, NULL) == POD_OK);
		CHECK(put(m, 0, 'a', MIB) == POD_OK);
		if (i != 1)
			m->fault.data[m->dev.size_bytes - 512 + 40] ^= 1;
		if (i != 0)
			m->fault.data[40] ^= 1;
		CHECK_EQ(opens(m, false, &d), i == 2 ? POD_E_CORRUPT : POD_OK);
		if (i != 2) {
			CHECK(all_are(m, 0, 'a', MIB));
			CHECK(put(m, 2 * MIB, 'b', MIB) == POD_OK);
			CHECK(all_are(m, 0, 'a', MIB) && all_are(m, 2 * MIB, 'b', MIB));
		}
		done();
	}
}

TEST(vhd_hostile)
{
	struct pod_diag d;
	struct mem_file *m = mem_make("d");
	CHECK(make_disk(m, POD_MEMBER_VHD, 4 * MIB, 1 << 19, 512, NULL) == POD_OK);
	CHECK(put(m, 0, 'a', 2 * MIB) == POD_OK);
	uint8_t *bat = m->fault.data + 1536, keep[4];
	memcpy(keep, bat + 4, 4);
	memcpy(bat + 4, bat, 4);
	CHECK_EQ(opens(m, true, &d), POD_E_CORRUPT);
	pod_put_be32(bat + 4, pod_get_be32(bat) + 5);
	CHECK_EQ(opens(m, true, &d), POD_E_CORRUPT);
	pod_put_be32(bat + 4, 2); /* the header */
	CHECK_EQ(opens(m, true, &d), POD_E_CORRUPT);
	pod_put_be32(bat + 4, 0x7fffffff);
	CHECK_EQ(opens(m, true, &d), POD_E_CORRUPT);
	CHECK(!all_are(m, 1 << 19, 'a', 512));
	memcpy(bat + 4, keep, 4);
	CHECK_EQ(opens(m, true, &d), POD_OK);
	m->fault.data[512 + 28] ^= 1;
	CHECK_EQ(opens(m, false, &d), POD_E_CORRUPT);
	done();
}
