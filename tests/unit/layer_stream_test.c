/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of block hashes, and layers as streams: each bit counts, and nothing counts before the end. */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/layer/stream.h"
#include "tests/unit/test.h"

/* Not SHA-256, but every bit of what it is given tells. */
struct toy {
	uint32_t state[8];
};

static void toy_start(struct pod_hasher *h)
{
	struct toy *t = h->ctx;
	for (uint32_t i = 0; i < 8; i++)
		t->state[i] = i + 1;
}

static void toy_update(struct pod_hasher *h, const void *data, size_t len)
{
	struct toy *t = h->ctx;
	for (uint32_t i = 0; i < 8; i++)
		t->state[i] = pod_crc32c(t->state[i], data, len);
}

static void toy_finish(struct pod_hasher *h, uint8_t out[POD_HASH_LEN])
{
	struct toy *t = h->ctx;
	for (uint32_t i = 0; i < 8; i++)
		pod_put_le32(out + (size_t)4 * i, t->state[i]);
}

static struct pod_hasher toy(struct toy *t)
{
	return (struct pod_hasher){toy_start, toy_update, toy_finish, t};
}

TEST(block_sizes)
{
	struct pod_hashes h;

	CHECK_EQ(pod_hashes_shift(1), 18);
	CHECK_EQ(pod_hashes_shift((1ull << 38) - 1), 18);
	CHECK_EQ(pod_hashes_shift(1ull << 38), 19);
	CHECK_EQ(pod_hashes_shift(POD_HASHES_SIZE), 27);
	CHECK(pod_hashes_init(&h, &test_alloc, POD_HASHES_SIZE + 512) == POD_E_LIMIT);
	REQUIRE(pod_hashes_init(&h, &test_alloc, (3u << 18) + 512) == POD_OK);
	CHECK_EQ(h.blocks, 4);
	CHECK_EQ(pod_hashes_len(&h, 2), 1u << 18);
	CHECK_EQ(pod_hashes_len(&h, 3), 512);
	pod_hashes_fini(&h);
	CHECK_EQ(test_alloc_live, 0);
}

static void fill(struct pod_hashes *h, uint64_t size)
{
	CHECK(pod_hashes_init(h, &test_alloc, size) == POD_OK);
	for (uint32_t i = 0; i < h->blocks; i += 2)
		memset(h->block[i], (int)i + 1, POD_HASH_LEN);
}

TEST(adopt)
{
	struct pod_hashes a, b;
	uint32_t odd;

	fill(&a, (5u << 18) + 1024);
	REQUIRE(pod_hashes_init(&b, &test_alloc, 9u << 18) == POD_OK);
	CHECK(pod_hashes_adopt(&b, &a, &odd));
	CHECK_EQ(odd, 5); /* the last one of a has another length in b */
	CHECK(memcmp(a.block, b.block, 5 * POD_HASH_LEN) == 0 && pod_all_zero(b.block[5], POD_HASH_LEN));
	CHECK(pod_hashes_adopt(&a, &b, &odd) && odd == 5);
	pod_hashes_fini(&b);
	REQUIRE(pod_hashes_init(&b, &test_alloc, (5u << 18) + 1024) == POD_OK);
	CHECK(pod_hashes_adopt(&b, &a, &odd) && odd == UINT32_MAX);
	pod_hashes_fini(&b);
	REQUIRE(pod_hashes_init(&b, &test_alloc, 1ull << 38) == POD_OK);
	CHECK(!pod_hashes_adopt(&b, &a, &odd));
	pod_hashes_fini(&b);
	pod_hashes_fini(&a);
}

TEST(list)
{
	static uint8_t file[128 + 200 * 36], good[sizeof file];
	struct toy t;
	struct pod_hasher s = toy(&t);
	struct pod_hashes_of of = {.layer = 0xabcdef01, .data_guid = "sixteen bytes.."}, now;
	struct pod_memdev m;
	struct pod_hashes a, b;
	uint8_t x[POD_HASH_LEN], y[POD_HASH_LEN];
	size_t len;

	fill(&a, 150ull << 18);
	len = (size_t)pod_hashes_bytes(&a);
	CHECK_EQ(len, 128 + 75 * 36);
	pod_memdev_init(&m, file, len, 512, false);
	REQUIRE(pod_hashes_write(&a, &of, &s, &m.dev) == POD_OK);
	REQUIRE(pod_hashes_read(&b, &now, &s, &m.dev, &test_alloc, NULL) == POD_OK);
	CHECK(memcmp(&of, &now, sizeof of) == 0 && b.size_bytes == a.size_bytes);
	CHECK(memcmp(a.block, b.block, (size_t)a.blocks * POD_HASH_LEN) == 0);
	pod_hashes_tree(&a, &s, x);
	pod_hashes_tree(&b, &s, y);
	CHECK(memcmp(x, y, sizeof x) == 0);
	b.size_bytes -= 512;
	pod_hashes_tree(&b, &s, y);
	CHECK(memcmp(x, y, sizeof x) != 0);
	pod_hashes_fini(&b);
	memcpy(good, file, sizeof good);
	for (size_t i = 0; i < len; i++) {
		file[i] ^= (uint8_t)(1u << (i % 8));
		CHECK(pod_hashes_read(&b, &now, &s, &m.dev, &test_alloc, NULL) != POD_OK);
		memcpy(file, good, sizeof good);
	}
	pod_memdev_init(&m, file, len - 1, 512, false);
	CHECK(pod_hashes_read(&b, &now, &s, &m.dev, &test_alloc, NULL) == POD_E_CORRUPT);
	pod_memdev_init(&m, file, 100, 512, false);
	CHECK(pod_hashes_read(&b, &now, &s, &m.dev, &test_alloc, NULL) == POD_E_FORMAT);
	pod_hashes_fini(&a);
	CHECK_EQ(test_alloc_live, 0);
}

/* --- streams -------------------------------------------------------------------------------------------- */

struct bytes {
	uint8_t v[8192];
	size_t len, at;
};

static enum pod_status read_bytes(struct pod_stream_source *s, void *buf, size_t len)
{
	struct bytes *b = s->ctx;
	if (len > b->len - b->at)
		return POD_END;
	memcpy(buf, b->v + b->at, len);
	b->at += len;
	return POD_OK;
}

#define DISK (3ull << 18)

static struct pod_stream_head sample(void)
{
	struct pod_stream_head h = {.size_bytes = DISK, .sector_size = 512, .created = 1700000000, .changed_bytes = 2048};
	h.layer.id = 7;
	h.base.id = 9;
	pod_strlcpy(h.layer.name, "new", sizeof h.layer.name);
	pod_strlcpy(h.base.name, "old", sizeof h.base.name);
	return h;
}

static void append(struct bytes *b, struct pod_hasher *running, const void *p, size_t len)
{
	memcpy(b->v + b->len, p, len);
	b->len += len;
	if (running)
		running->update(running, p, len);
}

static uint8_t block[1u << 18];

/* One block of which two sectors are given and one is zeros, two blocks of zeros, the end. */
static void make(struct bytes *b)
{
	static struct pod_stream_record r;
	static uint8_t out[POD_STREAM_RECORD_MAX];
	struct toy t, u;
	struct pod_hasher running = toy(&t), one = toy(&u);
	struct pod_stream_head h = sample();
	uint8_t data[1024], hash[POD_HASH_LEN];

	memset(b, 0, sizeof *b);
	pod_stream_put_head(&h, out);
	running.start(&running);
	append(b, &running, out, POD_STREAM_HEAD);
	memset(data, 5, sizeof data);
	memset(block, 1, sizeof block);
	memcpy(block + 512, data, 1024);
	memset(block + 4096, 0, 512);
	r = (struct pod_stream_record){
		.kind = POD_STREAM_DATA, .count = 1, .extents = 2, .extent = {{512, 1024, false}, {4096, 512, true}}};
	pod_hashes_hash(&one, block, sizeof block, r.hash);
	append(b, &running, out, pod_stream_put_record(&r, out));
	append(b, NULL, data, sizeof data);
	r = (struct pod_stream_record){.kind = POD_STREAM_ZERO, .block = 1, .count = 2};
	append(b, &running, out, pod_stream_put_record(&r, out));
	r = (struct pod_stream_record){.kind = POD_STREAM_END, .count = 2, .hash = "what all of it shows"};
	append(b, &running, out, pod_stream_put_record(&r, out));
	running.finish(&running, hash);
	append(b, NULL, hash, sizeof hash);
}

/* POD_OK: the end was reached. */
static enum pod_status take(struct bytes *b)
{
	static struct pod_stream_record r;
	struct toy t, u;
	struct pod_hasher running = toy(&t), one = toy(&u);
	struct pod_stream_source source = {read_bytes, b};
	struct pod_stream s;

	b->at = 0;
	POD_TRY(pod_stream_open(&s, &source, &running, &one, NULL, NULL));
	for (;;) {
		POD_TRY(pod_stream_next(&s, &r, NULL));
		if (r.kind == POD_STREAM_END)
			return POD_OK;
		memset(block, 1, sizeof block);
		if (r.kind == POD_STREAM_DATA)
			POD_TRY(pod_stream_block(&s, &r, block, NULL));
	}
}

TEST(each_byte_of_a_stream_counts)
{
	static struct bytes good, bad;

	make(&good);
	CHECK(take(&good) == POD_OK);
	for (size_t i = 0; i < good.len; i++) {
		bad = good;
		bad.v[i] ^= (uint8_t)(1u << (i % 8));
		if (take(&bad) == POD_OK) {
			char what[40];
			snprintf(what, sizeof what, "byte %zu", i);
			test_fail(__FILE__, __LINE__, what);
		}
		bad = good;
		bad.len = i;
		CHECK(take(&bad) == POD_END);
	}
	bad = good;
	bad.len++;
	CHECK(take(&bad) == POD_E_CORRUPT);
}

/* A record with checksums that are right. */
static enum pod_status one_record(const struct pod_stream_record *r, uint32_t first)
{
	static uint8_t out[POD_STREAM_RECORD_MAX];
	static struct pod_stream_record got;
	static struct bytes b;
	struct toy t, u;
	struct pod_hasher running = toy(&t), one = toy(&u);
	struct pod_stream_source source = {read_bytes, &b};
	struct pod_stream_head h = sample();
	struct pod_stream s;

	memset(&b, 0, sizeof b);
	h.first = first;
	pod_stream_put_head(&h, out);
	append(&b, NULL, out, POD_STREAM_HEAD);
	append(&b, NULL, out, pod_stream_put_record(r, out));
	POD_TRY(pod_stream_open(&s, &source, &running, &one, NULL, NULL));
	return pod_stream_next(&s, &got, NULL);
}

TEST(records_keep_to_the_disk)
{
	static struct pod_stream_record r;
	const struct {
		struct pod_stream_record r;
		uint32_t first;
		enum pod_status st;
	} cases[] = {
		{{.kind = POD_STREAM_ZERO, .block = 0, .count = 3}, 0, POD_OK},
		{{.kind = POD_STREAM_ZERO, .block = 0, .count = 4}, 0, POD_E_CORRUPT},
		{{.kind = POD_STREAM_ZERO, .block = 3, .count = 1}, 0, POD_E_CORRUPT},
		{{.kind = POD_STREAM_ZERO, .block = 1, .count = 0}, 0, POD_E_CORRUPT},
		{{.kind = POD_STREAM_ZERO, .block = 1, .count = UINT32_MAX}, 0, POD_E_CORRUPT},
		{{.kind = POD_STREAM_ZERO, .block = 0, .count = 1}, 1, POD_E_CORRUPT},
		{{.kind = POD_STREAM_ZERO, .block = 1, .count = 1, .hash = "x"}, 0, POD_E_CORRUPT},
		{{.kind = POD_STREAM_DATA, .count = 1, .hash = "x", .extents = 1, .extent = {{0, 1u << 18, true}}}, 0, POD_OK},
		{{.kind = POD_STREAM_DATA, .count = 1, .hash = "x", .extents = 1, .extent = {{512, 1u << 18, true}}},
		 0,
		 POD_E_CORRUPT},
		{{.kind = POD_STREAM_DATA, .count = 1, .extents = 1, .extent = {{0, 512, true}}}, 0, POD_E_CORRUPT},
		{{.kind = POD_STREAM_DATA, .count = 1, .hash = "x", .extents = 0}, 0, POD_E_CORRUPT},
		{{.kind = POD_STREAM_DATA, .count = 2, .hash = "x", .extents = 1, .extent = {{0, 512, true}}}, 0, POD_E_CORRUPT},
		{{.kind = POD_STREAM_DATA, .count = 1, .hash = "x", .extents = 1, .extent = {{0, 0, true}}}, 0, POD_E_CORRUPT},
		{{.kind = POD_STREAM_DATA, .count = 1, .hash = "x", .extents = 2, .extent = {{512, 512, true}, {512, 512, true}}},
		 0,
		 POD_E_CORRUPT},
		{{.kind = POD_STREAM_DATA, .count = 1, .hash = "x", .extents = 2, .extent = {{512, 512, true}, {0, 512, true}}},
		 0,
		 POD_E_CORRUPT},
		{{.kind = POD_STREAM_END, .count = 1}, 0, POD_E_CORRUPT},
		{{.kind = POD_STREAM_END, .count = 0}, 0, POD_END}, /* the hash of the stream is missing */
		{{.kind = (enum pod_stream_kind)4, .count = 1}, 0, POD_E_CORRUPT},
	};

	for (size_t i = 0; i < POD_ARRAY_LEN(cases); i++) {
		r = cases[i].r;
		CHECK_EQ(one_record(&r, cases[i].first), cases[i].st);
	}
}

TEST(heads)
{
	struct pod_stream_head h = sample(), g;
	uint8_t p[POD_STREAM_HEAD];

	pod_stream_put_head(&h, p);
	CHECK(pod_stream_get_head(&g, p, NULL) == POD_OK && pod_stream_same(&g, &h));
	CHECK_STR(g.layer.name, "new");
	g.first = 2;
	CHECK(pod_stream_same(&g, &h));
	g.layer.data_guid[3] = 1;
	CHECK(!pod_stream_same(&g, &h));
	g = h;
	g.size_bytes = 0;
	pod_stream_put_head(&g, p);
	CHECK(pod_stream_get_head(&g, p, NULL) == POD_E_CORRUPT);
	g = h;
	g.layer.id = g.base.id;
	pod_stream_put_head(&g, p);
	CHECK(pod_stream_get_head(&g, p, NULL) == POD_E_CORRUPT);
	g = h;
	pod_strlcpy(g.layer.name, "../x", sizeof g.layer.name);
	pod_stream_put_head(&g, p);
	CHECK(pod_stream_get_head(&g, p, NULL) == POD_E_CORRUPT);
	g = h;
	g.base.id = 0; /* without a base it has no name */
	pod_stream_put_head(&g, p);
	CHECK(pod_stream_get_head(&g, p, NULL) == POD_E_CORRUPT);
	g = h;
	g.first = 4;
	pod_stream_put_head(&g, p);
	CHECK(pod_stream_get_head(&g, p, NULL) == POD_E_CORRUPT);
}
