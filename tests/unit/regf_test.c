/* SPDX-License-Identifier: BSD-2-Clause */
/* Registry hives: what the editor makes, seen by the reader from memory and from a device; edits that fail; hives in bad shape. */
#include "core/base/bytes.h"
#include "core/base/upcase.h"
#include "core/regf/regf_int.h"
#include "tests/unit/test.h"

#define NOW 133485408000000000ull

static const uint8_t security[20] = {1, 0, 0, 0x80};
static struct pod_regf_edit e;
static struct pod_diag diag;
static uint8_t big[100000];

static bool begin(uint32_t minor)
{
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 7 + i / 251);
	return pod_regf_edit_new(&e, "ROOT", minor, security, sizeof security, NOW, &test_alloc) == POD_OK;
}

static struct pod_regf_key key_at(const char *path)
{
	struct pod_regf_key k = {0};
	CHECK_EQ(pod_regf_edit_key(&e, NULL, path, &k), POD_OK);
	return k;
}

/* The finished hive, opened again for editing: all cells are as they should be. */
static void reopen(void)
{
	const uint8_t *bytes;
	size_t len;
	pod_regf_edit_finish(&e, &bytes, &len);
	struct pod_regf_edit again;
	CHECK_EQ(pod_regf_edit_open(&again, bytes, len, NOW, &test_alloc, &diag), POD_OK);
	pod_regf_edit_close(&e);
	e = again;
}

static size_t bytes_of(const char *path, const char *name, uint8_t *buf, size_t size)
{
	struct pod_regf_key k;
	struct pod_regf_value v;
	if (pod_regf_lookup(&e.hive, NULL, path, &k) != POD_OK || pod_regf_value(&e.hive, &k, name, &v) != POD_OK ||
	    v.size_bytes > size)
		return SIZE_MAX;
	return pod_regf_read(&e.hive, &v, 0, buf, v.size_bytes) == POD_OK ? v.size_bytes : SIZE_MAX - 1;
}

TEST(names)
{
	struct pod_regf_key k;
	char name[POD_REGF_NAME_MAX];
	REQUIRE(begin(5));
	key_at("Controls\\Über\\Ж盘\\\xF0\x9F\x92\xBE");
	reopen();
	CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "CONTROLS\\üBER\\ж盘\\\xF0\x9F\x92\xBE", &k), POD_OK);
	CHECK_EQ(pod_regf_key_name(&e.hive, &k, name, sizeof name), POD_OK);
	CHECK_STR(name, "\xF0\x9F\x92\xBE");
	CHECK_EQ(pod_regf_key_name(&e.hive, &k, name, 4), POD_E_LIMIT);
	CHECK_EQ(pod_regf_key_class(&e.hive, &k, name, sizeof name), POD_OK);
	CHECK_STR(name, "");
	CHECK_EQ(pod_regf_parent(&e.hive, &k, &k), POD_OK);
	CHECK_EQ(pod_regf_key_name(&e.hive, &k, name, sizeof name), POD_OK);
	CHECK_STR(name, "Ж盘");
	CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "Control", &k), POD_E_NOT_FOUND);
	CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "Controlss", &k), POD_E_NOT_FOUND);
	CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "", &k), POD_OK);
	CHECK_EQ(k.cell, e.hive.root);
	CHECK_EQ(pod_regf_parent(&e.hive, &k, &k), POD_E_NOT_FOUND);
	char longest[300];
	memset(longest, 'x', sizeof longest);
	longest[256] = '\0';
	CHECK_EQ(pod_regf_edit_key(&e, NULL, longest, &k), POD_E_INVALID);
	longest[255] = '\0';
	CHECK_EQ(pod_regf_edit_key(&e, NULL, longest, &k), POD_OK);
	CHECK_EQ(pod_regf_edit_key(&e, NULL, "a\\\\b", &k), POD_E_INVALID);
	CHECK_EQ(pod_regf_edit_key(&e, NULL, "\xFF", &k), POD_E_INVALID);
	reopen();
	pod_regf_edit_close(&e);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(values)
{
	static uint8_t buf[sizeof big];
	uint64_t number;
	char text[64];
	struct pod_regf_value v;
	for (uint32_t minor = 3; minor <= 6; minor++) {
		REQUIRE(begin(minor));
		struct pod_regf_key k = key_at("A");
		static const size_t sizes[] = {0, 1, 4, 5, 100, POD_REGF_BIG, POD_REGF_BIG + 1, 2 * POD_REGF_BIG, sizeof big};
		for (size_t i = 0; i < POD_ARRAY_LEN(sizes); i++) {
			char name[16];
			snprintf(name, sizeof name, "v%zu", i);
			CHECK_EQ(pod_regf_edit_set(&e, &k, name, POD_REG_BINARY, big + i,
						   i ? sizes[i] - (sizes[i] == sizeof big ? i : 0) : 0),
				 POD_OK);
		}
		CHECK_EQ(pod_regf_edit_set_dword(&e, &k, "", 0x12345678), POD_OK);
		CHECK_EQ(pod_regf_edit_set_text(&e, &k, "Text", POD_REG_SZ, "x Ü\xF0\x9F\x92\xBE"), POD_OK);
		reopen();
		for (size_t i = 0; i < POD_ARRAY_LEN(sizes); i++) {
			char name[16];
			size_t want = sizes[i] - (sizes[i] == sizeof big ? i : 0);
			snprintf(name, sizeof name, "V%zu", i);
			CHECK_EQ(bytes_of("a", name, buf, sizeof buf), want);
			CHECK(memcmp(buf, big + i, want) == 0);
		}
		REQUIRE(pod_regf_value(&e.hive, &k, "", &v) == POD_OK);
		CHECK_EQ(pod_regf_number(&e.hive, &v, &number), POD_OK);
		CHECK_EQ(number, 0x12345678);
		REQUIRE(pod_regf_value(&e.hive, &k, "TEXT", &v) == POD_OK);
		CHECK_EQ(pod_regf_text(&e.hive, &v, text, sizeof text), POD_OK);
		CHECK_STR(text, "x Ü\xF0\x9F\x92\xBE");
		CHECK_EQ(pod_regf_text(&e.hive, &v, text, 5), POD_E_LIMIT);
		CHECK_EQ(pod_regf_number(&e.hive, &v, &number), POD_E_FORMAT);
		/* Across the border between two segments. */
		REQUIRE(pod_regf_value(&e.hive, &k, "v8", &v) == POD_OK);
		CHECK_EQ(pod_regf_read(&e.hive, &v, POD_REGF_BIG - 10, buf, 20), POD_OK);
		CHECK(memcmp(buf, big + 8 + POD_REGF_BIG - 10, 20) == 0);
		CHECK_EQ(pod_regf_read(&e.hive, &v, v.size_bytes - 1, buf, 2), POD_E_RANGE);
		for (size_t i = 0; i < POD_ARRAY_LEN(sizes); i++) {
			char name[16];
			snprintf(name, sizeof name, "v%zu", i);
			CHECK_EQ(pod_regf_edit_delete_value(&e, &k, name), POD_OK);
		}
		CHECK_EQ(pod_regf_edit_delete_value(&e, &k, "v0"), POD_E_NOT_FOUND);
		reopen();
		CHECK_EQ(bytes_of("A", "", buf, sizeof buf), 4);
		pod_regf_edit_close(&e);
	}
	CHECK_EQ(test_alloc_live, 0);
}

struct seen {
	uint32_t keys, depth, live;
	char last[POD_REGF_NAME_MAX];
	bool sorted;
};

static enum pod_status count(void *ctx, const struct pod_regf_key *key, uint32_t depth, bool after)
{
	struct seen *s = ctx;
	char name[POD_REGF_NAME_MAX];
	if (after)
		return s->live--, POD_OK;
	s->live++;
	s->keys++;
	s->depth = depth > s->depth ? depth : s->depth;
	CHECK_EQ(pod_regf_key_name(&e.hive, key, name, sizeof name), POD_OK);
	if (depth == 2) {
		s->sorted = s->sorted && strcmp(s->last, name) < 0;
		strcpy(s->last, name);
	}
	return POD_OK;
}

/* More children than a leaf holds, made in an order that is not theirs; taken away again, the room is free for others. */
TEST(many_keys)
{
	struct seen s = {.sorted = true};
	struct pod_regf_key k;
	char path[64];
	REQUIRE(begin(5));
	for (uint32_t i = 0; i < 1300; i++) {
		snprintf(path, sizeof path, "Services\\S%06u", i * 7919 % 1300);
		key_at(path);
	}
	reopen();
	struct pod_regf_key root = {.cell = e.hive.root}, services = key_at("Services");
	CHECK_EQ(pod_regf_walk(&e.hive, &root, &test_alloc, count, &s), POD_OK);
	CHECK_EQ(s.keys, 1302);
	CHECK_EQ(s.live, 0);
	CHECK_EQ(s.depth, 2);
	CHECK(s.sorted);
	CHECK_EQ(services.subkeys, 1300);
	CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "Services\\s000777", &k), POD_OK);
	for (uint32_t i = 0; i < 1300; i += 2) {
		snprintf(path, sizeof path, "S%06u", i);
		REQUIRE(pod_regf_lookup(&e.hive, &services, path, &k) == POD_OK);
		CHECK_EQ(pod_regf_edit_delete_key(&e, &k), POD_OK);
	}
	reopen();
	CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "Services\\S000776", &k), POD_E_NOT_FOUND);
	CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "Services\\S000777", &k), POD_OK);
	uint32_t before = e.hive.bins_bytes;
	CHECK_EQ(pod_regf_edit_delete_key(&e, &services), POD_OK);
	CHECK_EQ(pod_regf_edit_delete_key(&e, &root), POD_E_INVALID);
	for (uint32_t i = 0; i < 600; i++) {
		snprintf(path, sizeof path, "Other\\K%u", i);
		key_at(path);
	}
	CHECK_EQ(e.hive.bins_bytes, before);
	reopen();
	pod_regf_edit_close(&e);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(shared_security)
{
	struct pod_regf_key k;
	REQUIRE(begin(5));
	key_at("A\\B");
	k = key_at("A\\C");
	uint32_t sk = pod_get_le32(regf_at(&e, k.cell) + 4 + REGF_NK_SK);
	CHECK_EQ(pod_get_le32(regf_at(&e, sk) + 4 + REGF_SK_USERS), 4);
	k = key_at("A");
	CHECK_EQ(pod_regf_edit_delete_key(&e, &k), POD_OK);
	CHECK_EQ(pod_get_le32(regf_at(&e, sk) + 4 + REGF_SK_USERS), 1);
	/* A count that is wrong is mended when the hive is opened. */
	pod_put_le32(regf_at(&e, sk) + 4 + REGF_SK_USERS, 77);
	reopen();
	CHECK_EQ(pod_get_le32(regf_at(&e, sk) + 4 + REGF_SK_USERS), 1);
	pod_regf_edit_close(&e);
}

static struct pod_dev counting;
static struct pod_memdev mem;
static size_t bytes_read;

static enum pod_status counted(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	(void)d;
	bytes_read += len;
	return pod_dev_read(&mem.dev, off, buf, len);
}

/* From a device, one value costs little however large the hive is. */
TEST(little_is_read)
{
	const uint8_t *bytes;
	size_t len;
	char path[64], text[64];
	struct pod_regf h;
	struct pod_regf_key k;
	struct pod_regf_value v;
	REQUIRE(begin(5));
	for (uint32_t i = 0; i < 400; i++) {
		snprintf(path, sizeof path, "ControlSet001\\Services\\Service%u", i);
		k = key_at(path);
		CHECK_EQ(pod_regf_edit_set(&e, &k, "Data", POD_REG_BINARY, big, 500), POD_OK);
	}
	k = key_at("Setup");
	CHECK_EQ(pod_regf_edit_set_text(&e, &k, "CmdLine", POD_REG_SZ, "winpeshl.exe"), POD_OK);
	pod_regf_edit_finish(&e, &bytes, &len);
	CHECK(len > 250000);
	pod_memdev_init(&mem, (void *)(uintptr_t)bytes, len, 512, true);
	counting = mem.dev;
	counting.read = counted;
	bytes_read = 0;
	REQUIRE(pod_regf_open_dev(&h, &counting, &diag) == POD_OK);
	CHECK_EQ(pod_regf_lookup(&h, NULL, "Setup", &k), POD_OK);
	CHECK_EQ(pod_regf_value(&h, &k, "CmdLine", &v), POD_OK);
	CHECK_EQ(pod_regf_text(&h, &v, text, sizeof text), POD_OK);
	CHECK_STR(text, "winpeshl.exe");
	CHECK(bytes_read < 2000);
	pod_regf_edit_close(&e);
}

/* Hashes are trusted where they can be computed: a child with a wrong one is not found, as by Windows. Other lists are read through. */
TEST(lists)
{
	struct pod_regf_key k;
	REQUIRE(begin(5));
	key_at("One");
	key_at("Two");
	uint8_t *list = regf_at(&e, pod_get_le32(regf_at(&e, e.hive.root) + 4 + REGF_NK_LIST)) + 4;
	CHECK(memcmp(list, "lh\2\0", 4) == 0);
	CHECK_EQ(pod_get_le32(list + 8), 111106); /* "ONE": ((79 * 37) + 78) * 37 + 69 */
	CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "two", &k), POD_OK);
	list[8]++;
	CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "one", &k), POD_E_NOT_FOUND);
	list[1] = 'f';
	CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "one", &k), POD_OK);
	list[1] = 'i';
	memmove(list + 8, list + 12, 4);
	CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "two", &k), POD_OK);
	list[1] = 'x';
	CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "two", &k), POD_E_CORRUPT);
	pod_regf_edit_close(&e);
}

static uint8_t *hive(size_t *len)
{
	const uint8_t *bytes;
	struct pod_regf_key k;
	if (!begin(5))
		abort();
	k = key_at("A\\B");
	if (pod_regf_edit_set(&e, &k, "big", POD_REG_BINARY, big, 40000) != POD_OK)
		abort();
	pod_regf_edit_finish(&e, &bytes, len);
	uint8_t *copy = malloc(*len);
	memcpy(copy, bytes, *len);
	return copy;
}

static enum pod_status opened(uint8_t *bytes, size_t len)
{
	struct pod_regf_edit x;
	pod_put_le32(bytes + 508, regf_base_sum(bytes));
	enum pod_status st = pod_regf_edit_open(&x, bytes, len, NOW, &test_alloc, &diag);
	if (st == POD_OK)
		pod_regf_edit_close(&x);
	return st;
}

TEST(bad_base_block)
{
	size_t len;
	uint8_t *b = hive(&len);
	struct pod_regf h;
	CHECK_EQ(opened(b, len), POD_OK);
	CHECK_EQ(opened(b, len - 1), POD_E_CORRUPT);
	CHECK_EQ(opened(b, 4096), POD_E_FORMAT);
	b[4]++;
	CHECK_EQ(opened(b, len), POD_E_UNSUPPORTED);
	CHECK_EQ(pod_regf_open(&h, b, len, &diag), POD_OK);
	CHECK(h.dirty);
	b[4]--;
	b[24] = 2;
	CHECK_EQ(opened(b, len), POD_E_UNSUPPORTED);
	b[24] = 5, b[28] = 6;
	CHECK_EQ(opened(b, len), POD_E_UNSUPPORTED);
	b[28] = 0, b[36] ^= 8;
	CHECK_EQ(opened(b, len), POD_E_CORRUPT);
	b[36] ^= 8, b[0] = 'R';
	CHECK_EQ(pod_regf_open(&h, b, len, &diag), POD_E_FORMAT);
	b[0] = 'r', b[508]++;
	CHECK_EQ(pod_regf_open(&h, b, len, &diag), POD_E_CORRUPT);
	pod_regf_edit_close(&e);
	free(b);
}

/* A key that is its own grandchild; a cell of two owners. */
TEST(loops)
{
	size_t len;
	uint8_t *b = hive(&len);
	struct pod_regf_key a, k, root = {.cell = e.hive.root};
	struct pod_regf h;
	struct seen s = {0};
	REQUIRE(pod_regf_lookup(&e.hive, NULL, "A", &a) == POD_OK);
	REQUIRE(pod_regf_lookup(&e.hive, &a, "B", &k) == POD_OK);
	uint8_t *list = b + POD_REGF_BASE + pod_get_le32(regf_at(&e, a.cell) + 4 + REGF_NK_LIST) + 4;
	pod_put_le32(list + 4, a.cell);
	CHECK_EQ(opened(b, len), POD_E_CORRUPT);
	REQUIRE(pod_regf_open(&h, b, len, &diag) == POD_OK);
	CHECK_EQ(pod_regf_walk(&h, &root, &test_alloc, count, &s), POD_E_LOOP);
	pod_put_le32(list + 4, k.cell);
	CHECK_EQ(opened(b, len), POD_OK);
	/* Two segments of a value in one cell. */
	struct pod_regf_value v;
	REQUIRE(pod_regf_value(&e.hive, &k, "big", &v) == POD_OK);
	uint8_t *segments = b + POD_REGF_BASE + pod_get_le32(regf_at(&e, v.data) + 8) + 4;
	memcpy(segments + 4, segments, 4);
	CHECK_EQ(opened(b, len), POD_E_CORRUPT);
	CHECK_STR(diag.what, "cell that is used twice");
	pod_regf_edit_close(&e);
	free(b);
}

/* Whichever allocation fails, what was there before is there afterwards, and no cell is lost. */
TEST(failing_allocations)
{
	static uint8_t buf[sizeof big];
	for (long at = 1; at < 12; at++) {
		struct pod_regf_key k, gone;
		REQUIRE(begin(5));
		k = key_at("A");
		key_at("A\\gone\\below");
		REQUIRE(pod_regf_edit_set(&e, &k, "v", POD_REG_BINARY, big, 100) == POD_OK);
		REQUIRE(pod_regf_lookup(&e.hive, NULL, "A\\gone", &gone) == POD_OK);
		test_alloc_count = 0;
		test_alloc_fail_at = at;
		enum pod_status set = pod_regf_edit_set(&e, &k, "v", POD_REG_BINARY, big, sizeof big);
		enum pod_status created = pod_regf_edit_key(&e, &k, "new", &k);
		enum pod_status dropped = pod_regf_edit_delete_key(&e, &gone);
		test_alloc_fail_at = 0;
		CHECK_EQ(bytes_of("A", "v", buf, sizeof buf), set == POD_OK ? sizeof big : 100);
		CHECK(memcmp(buf, big, set == POD_OK ? sizeof big : 100) == 0);
		CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "A\\new", &k), created == POD_OK ? POD_OK : POD_E_NOT_FOUND);
		CHECK_EQ(pod_regf_lookup(&e.hive, NULL, "A\\gone\\below", &k), dropped == POD_OK ? POD_E_NOT_FOUND : POD_OK);
		reopen();
		pod_regf_edit_close(&e);
		CHECK_EQ(test_alloc_live, 0);
	}
}

TEST(deepest)
{
	struct pod_regf_key k = {0}, top;
	REQUIRE(begin(5));
	top = k = key_at("x");
	for (uint32_t i = 2; i < POD_REGF_DEPTH_MAX; i++)
		REQUIRE(pod_regf_edit_key(&e, &k, "x", &k) == POD_OK);
	CHECK_EQ(pod_regf_edit_key(&e, &k, "x", &k), POD_E_LIMIT);
	reopen();
	CHECK_EQ(pod_regf_edit_delete_key(&e, &top), POD_OK);
	reopen();
	pod_regf_edit_close(&e);
}

TEST(upper_case)
{
	static const uint16_t pairs[][2] = {{'a', 'A'},	    {'z', 'Z'},	      {'{', '{'},	{0xE9, 0xC9},	{0xF7, 0xF7},
					    {0xFF, 0x178},  {0x101, 0x100},   {0x102, 0x102},	{0x100, 0x100}, {0x436, 0x416},
					    {0x3C2, 0x3A3}, {0xFF5A, 0xFF3A}, {0x76D8, 0x76D8}, {0, 0},		{0xFFFF, 0xFFFF}};
	for (size_t i = 0; i < POD_ARRAY_LEN(pairs); i++)
		CHECK_EQ(pod_upcase(pairs[i][0]), pairs[i][1]);
}
