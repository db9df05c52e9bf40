/* SPDX-License-Identifier: BSD-2-Clause */
/* A layer's stream, and a list of block hashes: whatever comes, what is accepted keeps to the disk. Hashes are all alike here, and
 * checksums are repaired unless the last byte says not to: so that what lies behind them is reached. */
#include "tests/fuzz/fuzz.h"
#include "core/base/hash.h"
#include "core/layer/stream.h"

static void start(struct pod_hasher *h)
{
	(void)h;
}

static void update(struct pod_hasher *h, const void *data, size_t len)
{
	(void)h;
	(void)data;
	(void)len;
}

static void finish(struct pod_hasher *h, uint8_t out[POD_HASH_LEN])
{
	(void)h;
	memset(out, 0x11, POD_HASH_LEN);
}

struct input {
	struct fuzz_env *e;
	uint64_t at;
	bool repair;
};

static void mend(uint8_t *p, size_t len, size_t at)
{
	memset(p + at, 0, 4);
	pod_put_le32(p + at, pod_crc32c(0, p, len));
}

static enum pod_status take(struct pod_stream_source *s, void *buf, size_t len)
{
	struct input *in = s->ctx;
	if (in->at + len > in->e->len)
		return POD_END;
	POD_TRY(pod_dev_read(&in->e->dev, in->at, buf, len));
	in->at += len;
	if (in->repair && len == POD_STREAM_HEAD)
		mend(buf, len, 8);
	if (in->repair && len == POD_STREAM_RECORD)
		mend(buf, len, 0);
	return POD_OK;
}

static void stream(struct fuzz_env *e, bool repair)
{
	static struct pod_stream_record r;
	static uint8_t block[1u << 20];
	struct pod_hasher h = {start, update, finish, NULL};
	struct input in = {e, 0, repair};
	struct pod_stream_source source = {take, &in};
	struct pod_stream s;
	uint64_t next = 0;
	if (pod_stream_open(&s, &source, &h, &h, &e->budget, NULL) != POD_OK)
		return;
	FUZZ_REQUIRE(s.head.size_bytes <= POD_HASHES_SIZE && s.blocks <= POD_HASHES_BLOCKS && s.head.first <= s.blocks);
	FUZZ_REQUIRE(pod_store_name_ok(s.head.layer.name));
	while (pod_stream_next(&s, &r, NULL) == POD_OK && r.kind != POD_STREAM_END) {
		uint32_t end = 0;
		FUZZ_REQUIRE(r.block >= next && (uint64_t)r.block + r.count <= s.blocks && r.count);
		next = (uint64_t)r.block + r.count;
		for (uint32_t i = 0; i < r.extents; i++) {
			FUZZ_REQUIRE(r.extent[i].off >= end && r.extent[i].len && r.extent[i].off % 512 == 0);
			end = r.extent[i].off + r.extent[i].len;
			FUZZ_REQUIRE(end <= pod_stream_len(&s, r.block));
		}
		if (r.kind == POD_STREAM_DATA &&
		    (1ull << s.shift > sizeof block || pod_stream_block(&s, &r, block, NULL) != POD_OK))
			return;
	}
}

static void list(struct fuzz_env *e)
{
	static uint8_t copy[1u << 20];
	struct pod_hasher h = {start, update, finish, NULL};
	struct pod_hashes_of of, again;
	struct pod_hashes a, b;
	struct pod_memdev m;
	if (pod_hashes_read(&a, &of, &h, &e->dev, &e->alloc, NULL) != POD_OK)
		return;
	FUZZ_REQUIRE(pod_hashes_bytes(&a) == e->len);
	if (e->len <= sizeof copy && a.blocks <= POD_HASHES_BLOCKS / 2) {
		e->fail_alloc = 0;
		pod_memdev_init(&m, copy, e->len, 512, false);
		FUZZ_REQUIRE(pod_hashes_write(&a, &of, &h, &m.dev) == POD_OK);
		FUZZ_REQUIRE(pod_hashes_read(&b, &again, &h, &m.dev, &e->alloc, NULL) == POD_OK);
		FUZZ_REQUIRE(memcmp(a.block, b.block, (size_t)a.blocks * POD_HASH_LEN) == 0);
		pod_hashes_fini(&b);
	}
	pod_hashes_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[1u << 18];
	struct fuzz_env e;
	bool repair;
	fuzz_init(&e, data, size, 512, 0, 0);
	if (e.len < 128 || e.len > sizeof buf)
		return 0;
	repair = !(e.data[e.len - 1] & 2); /* 0x11 ends a sound one */
	if (memcmp(e.data, "PODHASH1", 8) == 0) {
		memcpy(buf, e.data, e.len);
		if (repair)
			mend(buf, 128, 8);
		e.data = buf;
		list(&e);
	} else {
		stream(&e, repair);
	}
	fuzz_done(&e);
	return 0;
}
