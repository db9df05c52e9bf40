/* SPDX-License-Identifier: BSD-2-Clause */
/* The index of a layer store: tree, names, bytes, the two slots under power cuts. */
#include "core/base/str.h"
#include "core/layer/index.h"
#include "tests/unit/faultdev.h"
#include "tests/unit/test.h"

static struct pod_stored entry(uint32_t id, uint32_t parent, const char *name)
{
	struct pod_stored e = {.id = id, .parent = parent, .created = 1700000000 + id, .size_bytes = 64u << 20};

	pod_strlcpy(e.name, name, sizeof e.name);
	pod_store_file_name(e.file, name, id);
	return e;
}

static enum pod_status add(struct pod_store *s, uint32_t id, uint32_t parent, const char *name)
{
	struct pod_stored e = entry(id, parent, name);

	return pod_store_add(s, &e);
}

static void sample(struct pod_store *s)
{
	pod_store_init(s, &test_alloc);
	memset(s->id, 7, sizeof s->id);
	CHECK(add(s, 1, 0, "base") == POD_OK);
	CHECK(add(s, 2, 1, "good") == POD_OK);
	CHECK(add(s, 0xabcdef01, 2, "\xe5\xb1\x82") == POD_OK);
	CHECK(add(s, 4, 2, "layer-4") == POD_OK);
	s->current = 4;
	s->serial = 4;
}

TEST(tree)
{
	struct pod_store s;

	sample(&s);
	CHECK(add(&s, 2, 1, "x") == POD_E_EXISTS);
	CHECK(add(&s, 9, 1, "GOOD") == POD_E_EXISTS);
	CHECK(add(&s, 9, 77, "x") == POD_E_INVALID);
	CHECK(add(&s, 0, 1, "x") == POD_E_INVALID);
	CHECK_EQ(pod_store_children(&s, 2), 2);
	CHECK(pod_store_named(&s, "Good") == pod_store_find(&s, 2));
	CHECK(pod_store_named(&s, "ABCDEF01") == pod_store_find(&s, 0xabcdef01));
	CHECK(!pod_store_named(&s, "abcdef0"));
	CHECK(!pod_store_find(&s, 0));
	pod_store_drop(&s, 2, 1);
	CHECK_EQ(s.count, 3);
	CHECK_EQ(pod_store_find(&s, 4)->parent, 1);
	pod_store_drop(&s, 4, 1);
	CHECK_EQ(s.current, 0);
	pod_store_fini(&s);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(spare_files_are_no_layers_until_one_is_used)
{
	struct pod_store s, t;
	static uint8_t buf[POD_STORE_SLOT];
	const uint8_t made[16] = {9};
	struct pod_stored e = entry(70, 0, "layer-5"), f = entry(71, 0, "layer-6");
	size_t len;

	sample(&s);
	CHECK(pod_store_add_spare(&s, &e) == POD_OK && pod_store_add_spare(&s, &f) == POD_OK);
	CHECK(pod_store_add_spare(&s, &e) == POD_E_EXISTS);
	CHECK(add(&s, 70, 1, "x") == POD_E_EXISTS);
	e = entry(4, 0, "x");
	CHECK(pod_store_add_spare(&s, &e) == POD_E_EXISTS);
	e = entry(72, 1, "x");
	CHECK(pod_store_add_spare(&s, &e) == POD_E_INVALID);
	CHECK(!pod_store_find(&s, 70) && pod_store_spare(&s, 70) && pod_store_knows(&s, 70) && !pod_store_named(&s, "layer-5"));
	s.spares_wanted = 7;
	CHECK(pod_store_encode(&s, buf, &len) == POD_OK);
	pod_store_init(&t, &test_alloc);
	CHECK(pod_store_decode(&t, buf, len, NULL) == POD_OK);
	CHECK_EQ(t.count, 4);
	CHECK_EQ(t.spares, 2);
	CHECK_EQ(t.spares_wanted, 7);
	CHECK_EQ(t.spare[1].id, 71);
	/* on in the first one */
	CHECK(pod_store_go_on(&t, 99, made, "start 1", 5) == POD_E_NOT_FOUND);
	CHECK(pod_store_go_on(&t, 70, made, "Good", 5) == POD_E_EXISTS);
	CHECK(pod_store_go_on(&t, 70, made, "a/b", 5) == POD_E_INVALID);
	CHECK(pod_store_go_on(&t, 70, made, "start 1", 5) == POD_OK);
	CHECK_EQ(t.current, 70);
	CHECK_EQ(t.spares, 1);
	const struct pod_stored *was = pod_store_find(&t, 4), *now = pod_store_find(&t, 70);
	CHECK_STR(was->name, "start 1");
	CHECK_EQ(was->flags, POD_STORED_FROZEN | POD_STORED_STARTED);
	CHECK_EQ(was->frozen, 5);
	CHECK_STR(now->name, "layer-5");
	CHECK_EQ(now->parent, 4);
	CHECK_EQ(now->flags, 0);
	CHECK(memcmp(now->data_guid, made, 16) == 0 && pod_store_emptiable(&t) == now);
	/* a name that was given away meanwhile */
	CHECK(add(&t, 80, 1, "Layer-6") == POD_OK);
	CHECK(pod_store_go_on(&t, 71, made, "start 2", 6) == POD_OK);
	CHECK_STR(pod_store_find(&t, 71)->name, "layer-00000047");
	CHECK(pod_store_sort(&t) == POD_OK);
	pod_store_fini(&s);
	pod_store_fini(&t);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(order)
{
	struct pod_store s;

	sample(&s);
	/* The base comes to stand on a layer that comes later; a loop. */
	CHECK(add(&s, 50, 0, "new base") == POD_OK);
	pod_store_find(&s, 1)->parent = 50;
	CHECK(pod_store_sort(&s) == POD_OK);
	CHECK_EQ(s.layer[0].id, 50);
	CHECK_EQ(s.layer[1].id, 1);
	pod_store_find(&s, 50)->parent = 4;
	CHECK(pod_store_sort(&s) == POD_E_CORRUPT);
	pod_store_fini(&s);
}

TEST(names)
{
	static const char *const bad[] = {"",	  ".x",	 "x.",	"x ",  "a/b",  "a\\b",	"a:b",	"a*b",	   "a?b",
					  "a\"b", "a<b", "a>b", "a|b", "a\nb", "a\x7f", "\xff", "\xc2\x85"};
	static const char *const good[] = {"x", "a b", "a.b", "\xe5\xb1\x82 1", "layer-1"};
	char name[POD_STORE_NAME_MAX], file[POD_STORE_FILE_MAX], longest[POD_STORE_NAME_MAX + 1];
	uint32_t id;

	for (size_t i = 0; i < POD_ARRAY_LEN(bad); i++)
		CHECK(!pod_store_name_ok(bad[i]));
	for (size_t i = 0; i < POD_ARRAY_LEN(good); i++) {
		CHECK(pod_store_name_ok(good[i]));
		pod_store_file_name(file, good[i], 0x12ab);
		CHECK(pod_store_parse_file(file, name, &id));
		CHECK_STR(name, good[i]);
		CHECK_EQ(id, 0x12ab);
	}
	memset(longest, 'x', sizeof longest);
	longest[POD_STORE_NAME_MAX] = 0;
	CHECK(!pod_store_name_ok(longest));
	longest[POD_STORE_NAME_MAX - 1] = 0;
	CHECK(pod_store_name_ok(longest));
	pod_store_file_name(file, longest, 1);
	CHECK(pod_store_parse_file(file, name, &id));
	CHECK_STR(name, longest);
	CHECK(pod_store_parse_file("B.0000000A.VHDX", name, &id) && id == 10);
	CHECK(!pod_store_parse_file("b.00000000.vhdx", name, &id));
	CHECK(!pod_store_parse_file("b.0000000g.vhdx", name, &id));
	CHECK(!pod_store_parse_file(".00000001.vhdx", name, &id));
	CHECK(!pod_store_parse_file("b.00000001.vhd", name, &id));
	CHECK(!pod_store_parse_file("b00000001.vhdx", name, &id));
	CHECK(!pod_store_parse_file("", name, &id));
}

static void same(const struct pod_store *a, const struct pod_store *b)
{
	CHECK_EQ(a->count, b->count);
	CHECK_EQ(a->current, b->current);
	CHECK_EQ(a->locked, b->locked);
	CHECK_EQ(a->serial, b->serial);
	CHECK(memcmp(a->id, b->id, 16) == 0);
	for (size_t i = 0; i < a->count && i < b->count; i++)
		CHECK(memcmp(&a->layer[i], &b->layer[i], sizeof a->layer[i]) == 0);
}

TEST(bytes)
{
	struct pod_store s, t;
	uint8_t *buf = malloc(POD_STORE_SLOT);
	size_t len, refused = 0;

	sample(&s);
	s.layer[1].flags = POD_STORED_FROZEN | POD_STORED_HASHED;
	memset(s.layer[1].sha256, 0x5a, 32);
	s.locked = 2;
	REQUIRE(pod_store_encode(&s, buf, &len) == POD_OK);
	pod_store_init(&t, &test_alloc);
	CHECK(pod_store_decode(&t, buf, len, NULL) == POD_OK);
	same(&s, &t);
	pod_store_fini(&t);
	/* Every bit counts. */
	for (size_t i = 0; i < len * 8; i++) {
		buf[i / 8] ^= (uint8_t)(1 << i % 8);
		pod_store_init(&t, &test_alloc);
		refused += pod_store_decode(&t, buf, len, NULL) != POD_OK;
		pod_store_fini(&t);
		buf[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	CHECK_EQ(refused, len * 8);
	for (size_t n = 0; n < len; n++) {
		pod_store_init(&t, &test_alloc);
		CHECK(pod_store_decode(&t, buf, n, NULL) != POD_OK);
		pod_store_fini(&t);
	}
	pod_store_fini(&s);
	free(buf);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(many_layers)
{
	struct pod_store s;
	uint8_t *buf = malloc(POD_STORE_SLOT);
	char name[POD_STORE_NAME_MAX];
	enum pod_status st = POD_OK;
	size_t len;

	pod_store_init(&s, &test_alloc);
	for (uint32_t i = 1; i <= POD_STORE_LAYERS; i++) {
		snprintf(name, sizeof name, "layer with quite a long name, so that the slot is full at some time %u", i);
		REQUIRE(add(&s, i, i - 1, name) == POD_OK);
	}
	CHECK(add(&s, 1u << 30, 1, "one more") == POD_E_LIMIT);
	CHECK(pod_store_encode(&s, buf, &len) == POD_E_LIMIT);
	while (s.count && (st = pod_store_encode(&s, buf, &len)) != POD_OK)
		pod_store_drop(&s, s.layer[s.count - 1].id, 0);
	CHECK(st == POD_OK && s.count > 3000);
	pod_store_fini(&s);
	free(buf);
}

struct cut {
	uint8_t *state;
	struct pod_store *old, *now;
	bool saw_old, saw_now;
};

static void look(void *ctx, size_t at)
{
	struct cut *c = ctx;
	struct pod_memdev m;
	struct pod_store s;
	unsigned slot;
	(void)at;
	pod_memdev_init(&m, c->state, POD_STORE_LEN, 512, true);
	pod_store_init(&s, &test_alloc);
	REQUIRE(pod_store_load(&s, &m.dev, &slot, NULL) == POD_OK);
	bool new = s.sequence == c->now->sequence;
	same(&s, new ? c->now : c->old);
	c->saw_now |= new;
	c->saw_old |= !new;
	pod_store_fini(&s);
}

/* Whatever stands in the other slot. */
TEST(newer_version)
{
	uint8_t *file = calloc(1, POD_STORE_LEN);
	struct pod_memdev m;
	struct pod_store s;
	unsigned slot = 1;

	pod_memdev_init(&m, file, POD_STORE_LEN, 512, false);
	sample(&s);
	for (int i = 0; i < 2; i++)
		REQUIRE(pod_store_save(&s, &m.dev, &slot) == POD_OK);
	pod_store_fini(&s);
	for (unsigned which = 0; which < 2; which++) {
		uint8_t *version = file + which * POD_STORE_SLOT + 7;
		for (const char *c = "0129:"; *c; c++) {
			struct pod_diag diag = {0};
			bool newer = *c == '2' || *c == '9';
			*version = (uint8_t)*c;
			pod_store_init(&s, &test_alloc);
			CHECK_EQ(pod_store_load(&s, &m.dev, &slot, &diag), newer ? POD_E_UNSUPPORTED : POD_OK);
			CHECK(!newer || diag.offset_bytes == which * POD_STORE_SLOT + 7);
			pod_store_fini(&s);
		}
		*version = '1';
	}
	CHECK_EQ(test_alloc_live, 0);
	free(file);
}

TEST(power_cuts)
{
	struct fault_dev f;
	struct pod_store s, before;
	uint8_t *file = calloc(1, POD_STORE_LEN), *state = malloc(POD_STORE_LEN);
	unsigned slot = 1, read;

	fault_init(&f, file, POD_STORE_LEN, 512);
	sample(&s);
	REQUIRE(pod_store_save(&s, &f.dev, &slot) == POD_OK);
	CHECK_EQ(slot, 0);
	for (int i = 0; i < 3; i++) {
		char name[16];
		pod_store_init(&before, &test_alloc);
		REQUIRE(pod_store_load(&before, &f.dev, &read, NULL) == POD_OK);
		CHECK_EQ(read, slot);
		snprintf(name, sizeof name, "more %d", i);
		CHECK(add(&s, 100 + (uint32_t)i, 1, name) == POD_OK);
		s.current = 100 + (uint32_t)i;
		fault_record(&f);
		REQUIRE(pod_store_save(&s, &f.dev, &slot) == POD_OK);
		struct cut c = {.state = state, .old = &before, .now = &s};
		CHECK(fault_states(&f, state, 5 + (uint64_t)i, look, &c) > 8);
		CHECK(c.saw_old && c.saw_now);
		fault_fini(&f);
		pod_store_fini(&before);
	}
	/* A write or a flush that fails leaves the slot that counts. */
	f.fail_write_at = 1;
	CHECK(pod_store_save(&s, &f.dev, &slot) == POD_E_IO);
	f.fail_flush_at = 1;
	CHECK(pod_store_save(&s, &f.dev, &slot) == POD_E_IO);
	CHECK(pod_store_save(&s, &f.dev, &slot) == POD_OK);
	pod_store_fini(&s);
	free(state);
	free(file);
	CHECK_EQ(test_alloc_live, 0);
}
