/* SPDX-License-Identifier: BSD-2-Clause */
/* The map against a plain array of bytes: random operations, then bit-exact reads; every failing allocation. */
#include "tests/unit/test.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/map/map.h"

enum { STICK = 1 << 16 };

static uint8_t stick_bytes[STICK];
static struct pod_memdev stick;

static uint32_t rnd_state;
static uint32_t rnd(uint32_t below)
{
	rnd_state = rnd_state * 1664525u + 1013904223u;
	return (rnd_state >> 8) % below;
}

static void set_up(uint32_t seed)
{
	rnd_state = seed;
	for (int i = 0; i < STICK; i++)
		stick_bytes[i] = (uint8_t)rnd(256);
	pod_memdev_init(&stick, stick_bytes, STICK, 512, true);
}

struct model {
	uint8_t *bytes;
	size_t len;
};

static void model_add(struct model *m, const uint8_t *data, size_t len)
{
	m->bytes = realloc(m->bytes, m->len + len + 1);
	if (data)
		memcpy(m->bytes + m->len, data, len);
	else
		memset(m->bytes + m->len, 0, len);
	m->len += len;
}

/* One random operation on both; returns the map's status. */
static enum pod_status step(struct pod_map *m, struct model *mo)
{
	uint32_t len = rnd(3000) + 1, src = rnd(STICK - len), op = rnd(7);
	uint64_t at, off;
	uint8_t data[3001];
	if (mo->len < 4000)
		op = 0;
	at = mo->len > len ? rnd((uint32_t)(mo->len - len)) : 0;
	for (uint32_t i = 0; i < len; i++)
		data[i] = (uint8_t)rnd(256);
	switch (op) {
	case 0:
		POD_TRY(pod_map_append(m, POD_SEG_DEV, src, len));
		model_add(mo, stick_bytes + src, len);
		return POD_OK;
	case 1:
		POD_TRY(pod_map_append(m, POD_SEG_ZERO, 0, len));
		model_add(mo, NULL, len);
		return POD_OK;
	case 2:
		POD_TRY(pod_map_mem(m, data, len, &off));
		POD_TRY(pod_map_append(m, POD_SEG_MEM, off, len));
		model_add(mo, data, len);
		return POD_OK;
	case 3:
		POD_TRY(pod_map_replace(m, at, len, POD_SEG_DEV, src));
		memcpy(mo->bytes + at, stick_bytes + src, len);
		return POD_OK;
	case 4:
		POD_TRY(pod_map_replace(m, at, len, POD_SEG_ZERO, 0));
		memset(mo->bytes + at, 0, len);
		return POD_OK;
	case 5: {
		POD_TRY(pod_map_append_slice(m, at, len));
		uint8_t *copy = malloc(len);
		memcpy(copy, mo->bytes + at, len);
		model_add(mo, copy, len);
		free(copy);
		return POD_OK;
	}
	default:
		POD_TRY(pod_map_pad(m, 2048));
		model_add(mo, NULL, (2048 - mo->len % 2048) % 2048);
		return POD_OK;
	}
}

static bool sound(const struct pod_map *m)
{
	uint64_t at = 0;
	for (size_t i = 0; i < m->count; i++) {
		if (m->seg[i].start_bytes != at || !m->seg[i].length_bytes)
			return false;
		at += m->seg[i].length_bytes;
	}
	return at == m->size_bytes;
}

static bool same(const struct pod_map *m, const struct model *mo)
{
	if (m->size_bytes != mo->len)
		return false;
	uint8_t *got = malloc(mo->len + 1);
	bool ok = pod_map_read(m, &stick.dev, 0, got, mo->len) == POD_OK && !memcmp(got, mo->bytes, mo->len);
	for (int i = 0; ok && i < 20; i++) {
		uint32_t at = rnd((uint32_t)mo->len), n = rnd((uint32_t)mo->len - at);
		ok = pod_map_read(m, &stick.dev, at, got, n) == POD_OK && !memcmp(got, mo->bytes + at, n);
	}
	free(got);
	return ok;
}

TEST(map_agrees_with_a_plain_array)
{
	for (uint32_t seed = 1; seed <= 60; seed++) {
		struct pod_map m;
		struct model mo = {0};
		set_up(seed);
		pod_map_init(&m, &test_alloc);
		for (int i = 0; i < 120; i++) {
			CHECK_EQ(step(&m, &mo), POD_OK);
			REQUIRE(sound(&m));
		}
		CHECK(same(&m, &mo));
		pod_map_fini(&m);
		free(mo.bytes);
	}
	CHECK_EQ(test_alloc_live, 0);
}

TEST(map_patch_changes_only_what_it_says)
{
	set_up(7);
	struct pod_map m;
	pod_map_init(&m, &test_alloc);
	CHECK_EQ(pod_map_append(&m, POD_SEG_DEV, 4096, 10000), POD_OK);
	uint8_t want[10000], got[10000];
	memcpy(want, stick_bytes + 4096, sizeof want);
	static const struct {
		uint64_t off;
		size_t len;
	} at[] = {{5, 3}, {2046, 4}, {2050, 8}, {9998, 2}, {0, 2048}, {4000, 5000}};
	for (size_t i = 0; i < POD_ARRAY_LEN(at); i++) {
		uint8_t data[5000];
		memset(data, (int)(0xA0 + i), sizeof data);
		CHECK_EQ(pod_map_patch(&m, &stick.dev, at[i].off, data, at[i].len, 2048), POD_OK);
		memcpy(want + at[i].off, data, at[i].len);
		REQUIRE(sound(&m));
		CHECK_EQ(pod_map_read(&m, &stick.dev, 0, got, sizeof got), POD_OK);
		CHECK(!memcmp(want, got, sizeof got));
	}
	uint8_t b[4] = {0};
	CHECK_EQ(pod_map_patch(&m, &stick.dev, 9999, b, 2, 2048), POD_E_RANGE);
	CHECK_EQ(pod_map_read(&m, &stick.dev, 9999, got, 2), POD_E_RANGE);
	CHECK_EQ(pod_map_replace(&m, 9999, 2, POD_SEG_ZERO, 0), POD_E_RANGE);
	pod_map_fini(&m);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(map_survives_every_failing_allocation)
{
	for (long n = 1; n < 60; n++) {
		struct pod_map m;
		struct model mo = {0};
		set_up(11);
		test_alloc_count = 0;
		test_alloc_fail_at = n;
		pod_map_init(&m, &test_alloc);
		enum pod_status st = POD_OK;
		for (int i = 0; i < 80 && st == POD_OK; i++)
			st = step(&m, &mo);
		CHECK(st == POD_OK || st == POD_E_NOMEM);
		CHECK(sound(&m));
		test_alloc_fail_at = 0;
		pod_map_fini(&m);
		free(mo.bytes);
	}
	CHECK_EQ(test_alloc_live, 0);
}

TEST(map_of_lent_memory_reads_nothing_else)
{
	struct pod_map m;
	struct model mo = {0};
	uint64_t off;
	set_up(23);
	pod_map_init(&m, &test_alloc);
	pod_map_lend(&m, stick_bytes); /* of an empty map there is nothing to lend */
	CHECK(!m.lent);
	for (int i = 0; i < 60; i++)
		CHECK_EQ(step(&m, &mo), POD_OK);
	uint8_t *mem = malloc(mo.len), *seen = malloc(mo.len);
	CHECK_EQ(pod_map_read(&m, &stick.dev, 0, mem, mo.len), POD_OK);
	pod_map_lend(&m, mem);
	CHECK_EQ(m.count, 1);
	CHECK_EQ(test_alloc_live, 1); /* the segments: its own bytes are not needed any more */
	memset(stick_bytes, 0xe5, STICK);
	CHECK_EQ(pod_map_read(&m, NULL, 0, seen, mo.len), POD_OK);
	CHECK(memcmp(seen, mo.bytes, mo.len) == 0);
	CHECK_EQ(pod_map_mem(&m, "x", 1, &off), POD_E_READONLY);
	CHECK_EQ(pod_map_patch(&m, &stick.dev, 7, "x", 1, 512), POD_OK); /* in place */
	CHECK_EQ(mem[7], 'x');
	pod_map_fini(&m);
	CHECK_EQ(test_alloc_live, 0);
	CHECK(memcmp(mem + 8, mo.bytes + 8, mo.len - 8) == 0); /* the caller's still */
	free(mem);
	free(seen);
	free(mo.bytes);
}

TEST(map_refuses_overflow)
{
	struct pod_map m;
	pod_map_init(&m, &test_alloc);
	CHECK_EQ(pod_map_append(&m, POD_SEG_ZERO, 0, INT64_MAX), POD_OK);
	CHECK_EQ(pod_map_append(&m, POD_SEG_ZERO, 0, 1), POD_E_RANGE);
	CHECK_EQ(pod_map_append(&m, POD_SEG_DEV, UINT64_MAX, 1), POD_E_RANGE);
	pod_map_fini(&m);
}

TEST(crc32_check_value)
{
	CHECK_EQ(pod_crc32(0, "123456789", 9), 0xcbf43926u);
	CHECK_EQ(pod_crc32(pod_crc32(0, "1234", 4), "56789", 5), 0xcbf43926u);
}
