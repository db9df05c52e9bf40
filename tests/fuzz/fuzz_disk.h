/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the targets of virtual disks: files in memory that are too large to be inputs. A sound one is made once; an input says what
 * to change in it. What a run changed is put back afterwards, page by page.
 *
 *   input    1 byte options, then patches: 1 byte file, 3 bytes offset, 1 byte length - 1, bytes; and the four bytes of fuzz.h
 */
#ifndef POD_TESTS_FUZZ_DISK_H
#define POD_TESTS_FUZZ_DISK_H

#include "core/base/hash.h"
#include "core/vhd/chain.h"
#include "tests/fuzz/fuzz.h"

#define DISK_CAP   (16u << 20)
#define DISK_FILES 3

enum { OPT_WRITE = 1, OPT_SEAL = 2, OPT_GROW = 4, OPT_COMPACT = 8, OPT_CUT = 16, OPT_DIRTY = 32 };

struct disk_mem {
	struct pod_vfile vf; /* first */
	struct pod_dev dev;
	uint8_t *data, *sound;
	uint64_t sound_size;
	uint8_t touched[DISK_CAP >> 12];
	struct fuzz_env *env;
	const char *name;
};

static inline enum pod_status dm_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct disk_mem *m = d->ctx;
	if (m->env && ++m->env->reads == m->env->fail_read)
		return POD_E_IO;
	FUZZ_REQUIRE(!m->env || m->env->reads < FUZZ_READ_MAX);
	memcpy(buf, m->data + off, len);
	return POD_OK;
}

/* Counts and fails as the input says; NULL: no longer. */
static inline void dm_use(struct disk_mem *m, struct fuzz_env *env)
{
	m->env = env;
	m->dev.budget = env ? &env->budget : NULL;
}

static inline void dm_touch(struct disk_mem *m, uint64_t off, size_t len)
{
	if (len)
		for (uint64_t p = off >> 12; p <= (off + len - 1) >> 12; p++)
			m->touched[p] = 1;
}

static inline enum pod_status dm_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct disk_mem *m = d->ctx;
	dm_touch(m, off, len);
	memcpy(m->data + off, buf, len);
	return POD_OK;
}

static inline enum pod_status dm_resize(struct pod_vfile *f, uint64_t size)
{
	struct disk_mem *m = (struct disk_mem *)f;
	if (size > DISK_CAP)
		return POD_E_NOSPACE;
	if (size < m->dev.size_bytes) {
		dm_touch(m, size, (size_t)(m->dev.size_bytes - size));
		memset(m->data + size, 0, (size_t)(m->dev.size_bytes - size));
	}
	m->dev.size_bytes = size;
	return POD_OK;
}

static inline void dm_init(struct disk_mem *m, const char *name)
{
	m->data = calloc(1, DISK_CAP);
	m->name = name;
	m->dev = (struct pod_dev){.sector_size = 512, .read = dm_read, .write = dm_write, .ctx = m};
	m->vf = (struct pod_vfile){.dev = &m->dev, .resize = dm_resize, .id = {1, (uintptr_t)m}};
}

static inline void dm_keep(struct disk_mem *m)
{
	free(m->sound);
	m->sound = malloc(DISK_CAP);
	memcpy(m->sound, m->data, DISK_CAP);
	m->sound_size = m->dev.size_bytes;
	memset(m->touched, 0, sizeof m->touched);
}

static inline void dm_restore(struct disk_mem *m)
{
	for (size_t p = 0; p < sizeof m->touched; p++)
		if (m->touched[p])
			memcpy(m->data + (p << 12), m->sound + (p << 12), 4096);
	memset(m->touched, 0, sizeof m->touched);
	m->dev.size_bytes = m->sound_size;
}

static inline void fuzz_random(const struct pod_vhd_env *env, void *buf, size_t len)
{
	static uint32_t x = 1;
	uint8_t *p = buf;
	(void)env;
	while (len--) {
		x = x * 1664525 + 1013904223;
		*p++ = (uint8_t)(x >> 24);
	}
}
static uint64_t fuzz_now(const struct pod_vhd_env *env)
{
	(void)env;
	return 1700000000;
}

static const struct pod_vhd_env fuzz_vhd_env = {.random = fuzz_random, .now_unix = fuzz_now};

static void *plain_alloc(struct pod_alloc *a, size_t size)
{
	(void)a;
	return malloc(size ? size : 1);
}
static void plain_release(struct pod_alloc *a, void *p)
{
	(void)a;
	free(p);
}
static struct pod_alloc plain = {plain_alloc, plain_release, NULL};

static inline void fill(struct pod_member *l, uint64_t off, int byte, size_t len)
{
	uint8_t *b = malloc(len);
	memset(b, byte, len);
	FUZZ_REQUIRE(pod_member_write(l, off, b, len) == POD_OK);
	free(b);
}

/* A disk of `size` bytes with some blocks; a child of `parent` if that is not NULL. With `dirty`, its last commit is in the log
 * alone. */
static inline void dm_make(struct disk_mem *m, enum pod_member_kind kind, uint64_t size, struct disk_mem *parent, bool dirty)
{
	struct pod_member_options opt = {.env = &fuzz_vhd_env};
	struct pod_parent_spec spec = {.path = {parent ? parent->name : NULL}};
	struct pod_member l;
	static uint8_t before[DISK_CAP];
	if (parent) {
		FUZZ_REQUIRE(pod_member_open(&l, &parent->vf, &plain, &opt, NULL) == POD_OK);
		pod_member_describe(&l, &spec);
		FUZZ_REQUIRE(pod_member_close(&l) == POD_OK);
	}
	struct pod_vhdx_create x = {.size_bytes = size, .block_size = 1u << 20, .parent = parent ? &spec : NULL};
	struct pod_vhd_create v = {.size_bytes = size, .block_size = 65536, .parent = parent ? &spec : NULL};
	FUZZ_REQUIRE((kind == POD_MEMBER_VHDX ? pod_vhdx_format(&m->vf, &plain, &x, &fuzz_vhd_env, NULL)
					      : pod_vhd_format(&m->vf, &plain, &v, &fuzz_vhd_env, NULL)) == POD_OK);
	opt.writable = true;
	FUZZ_REQUIRE(pod_member_open(&l, &m->vf, &plain, &opt, NULL) == POD_OK);
	fill(&l, 4096, 'a', 71680);
	FUZZ_REQUIRE(pod_member_flush(&l) == POD_OK);
	fill(&l, size - 8192, 'b', 8192);
	FUZZ_REQUIRE(pod_member_flush(&l) == POD_OK);
	uint64_t length = m->dev.size_bytes;
	memcpy(before, m->data, DISK_CAP);
	FUZZ_REQUIRE(pod_member_close(&l) == POD_OK);
	if (dirty) {
		memcpy(m->data, before, DISK_CAP);
		m->dev.size_bytes = length;
	}
	dm_keep(m);
}

/* Makes the checksums of a VHDX right again: headers, region tables, the first entries of the log. */
static inline void seal_vhdx(struct disk_mem *m)
{
	for (uint32_t off = 65536; off <= 4 * 65536; off += 65536) {
		size_t len = off <= 2 * 65536 ? 4096 : 65536;
		dm_touch(m, off, 4096);
		memset(m->data + off + 4, 0, 4);
		pod_put_le32(m->data + off + 4, pod_crc32c(0, m->data + off, len));
	}
	for (uint32_t at = 1u << 20; at < (1u << 20) + 64 * 4096;) {
		uint32_t len = pod_get_le32(m->data + at + 8);
		if (memcmp(m->data + at, "loge", 4) != 0 || !len || len > 1u << 20 || len & 4095) {
			at += 4096;
			continue;
		}
		dm_touch(m, at, 4096);
		memset(m->data + at + 4, 0, 4);
		pod_put_le32(m->data + at + 4, pod_crc32c(0, m->data + at, len));
		at += len;
	}
}

static inline void seal_vhd(struct disk_mem *m)
{
	uint32_t at[] = {0, (uint32_t)m->dev.size_bytes - 512};
	for (int i = 0; i < 2; i++) {
		dm_touch(m, at[i], 512);
		pod_put_be32(m->data + at[i] + 64, pod_vhd_checksum(m->data + at[i], 512, 64));
	}
	dm_touch(m, 512, 1024);
	pod_put_be32(m->data + 512 + 36, pod_vhd_checksum(m->data + 512, 1024, 36));
}

/* Applies the patches of an input. */
static inline void dm_patch(struct disk_mem *files, unsigned n, const uint8_t *p, size_t len)
{
	while (len >= 6) {
		struct disk_mem *m = &files[p[0] % n];
		uint32_t off = (uint32_t)p[1] | (uint32_t)p[2] << 8 | (uint32_t)p[3] << 16;
		size_t count = (size_t)p[4] + 1;
		if (count > len - 5)
			count = len - 5;
		if (off + count <= m->dev.size_bytes) {
			dm_touch(m, off, count);
			memcpy(m->data + off, p + 5, count);
		}
		p += 5 + count;
		len -= 5 + count;
	}
}

/* A child that was made empty shows its parent alone, the one that it has or another one. */
static inline void dm_empty(struct disk_mem *m, struct fuzz_env *e, bool other)
{
	static const struct pod_parent_spec spec = {.linkage = {4, 5, 6}, .path = {".\\another one.vhdx"}};
	uint8_t guid[16] = {1, 2, 3};
	const struct pod_vhdx_options opt = {.cache_pages = 16};
	struct pod_vhdx x;
	struct pod_run r;
	enum pod_status st = other ? pod_vhdx_empty_onto(&m->vf, &e->alloc, &spec, 3u << 20, guid, NULL)
				   : pod_vhdx_empty(&m->vf, &e->alloc, guid, NULL);
	if (st != POD_OK || pod_vhdx_open(&x, &m->vf, &e->alloc, &opt, NULL) != POD_OK)
		return;
	uint64_t end = pod_min_u64(x.size_bytes, 16u << 20);
	FUZZ_REQUIRE(memcmp(x.data_write_guid, guid, 16) == 0 && !x.log_replayed);
	if (other)
		FUZZ_REQUIRE(x.size_bytes == 3u << 20 && memcmp(x.parent.linkage, spec.linkage, 16) == 0);
	for (uint64_t off = 0; off < end; off += r.len) {
		if (pod_vhdx_run(&x, off, end - off, &r) != POD_OK)
			break;
		FUZZ_REQUIRE(r.kind == POD_RUN_PARENT);
	}
	(void)!pod_vhdx_close(&x);
}

/* Everything that can be done with one file. */
static inline void dm_exercise(struct disk_mem *m, struct fuzz_env *e, uint8_t options)
{
	static uint8_t buf[70000];
	struct pod_member_options opt = {.writable = options & OPT_WRITE, .env = &fuzz_vhd_env, .cache_pages = 16};
	struct pod_member *l = malloc(sizeof *l);
	struct pod_diag d;
	bool vhdx = false;
	if (pod_member_open(l, &m->vf, &e->alloc, &opt, &d) == POD_OK) {
		vhdx = l->kind == POD_MEMBER_VHDX;
		uint64_t end = pod_min_u64(l->size_bytes, 16u << 20), n = 0;
		enum pod_status st = POD_OK;
		for (uint64_t off = 0; off < end && st == POD_OK; n++) {
			struct pod_run r;
			st = pod_member_run(l, off, end - off, &r);
			if (st != POD_OK)
				break;
			FUZZ_REQUIRE(r.len && r.len <= end - off);
			if (r.kind == POD_RUN_DATA) {
				FUZZ_REQUIRE(pod_in_range(r.file_off, r.len, l->dev->size_bytes));
				st = pod_dev_read(l->dev, r.file_off, buf, (size_t)pod_min_u64(r.len, sizeof buf));
			}
			off += r.len;
		}
		if (l->kind == POD_MEMBER_VHDX && pod_vhdx_blocks(&l->u.vhdx) < 100000) {
			struct pod_vhd_check c;
			st = pod_vhdx_check(&l->u.vhdx, options & OPT_WRITE, NULL, NULL, &c);
		} else if (l->kind == POD_MEMBER_VHD && l->size_bytes < 1u << 30) {
			struct pod_vhd_report c;
			st = pod_vhd_check(&l->u.vhd, options & OPT_WRITE, NULL, NULL, &c);
		}
		if (options & OPT_WRITE && l->size_bytes < 1u << 30) {
			st = pod_member_write(l, 8192, buf, 8192);
			st = pod_member_trim(l, 0, l->size_bytes & ~4095ull);
			st = pod_member_write(l, 0, buf, 65536 > l->size_bytes ? 512 : 65536);
			st = pod_member_flush(l);
			if (options & OPT_GROW)
				st = pod_member_grow(l, l->size_bytes + (3u << 20));
			if (options & OPT_COMPACT)
				st = pod_member_compact(l, NULL, NULL);
		}
		st = pod_member_close(l);
		(void)st;
	}
	if (vhdx && options & OPT_WRITE)
		dm_empty(m, e, options & OPT_GROW);
	free(l);
}

/* An input for one file of a kind, mended by `seal` where it says so. */
static inline int dm_one_file(enum pod_member_kind kind, void (*seal)(struct disk_mem *m), const uint8_t *data, size_t size)
{
	/* a disk, one that crashed, a child */
	static struct disk_mem file[3];
	struct fuzz_env e;
	if (!file[0].data) {
		dm_init(&file[0], "base");
		dm_init(&file[1], "crashed");
		dm_init(&file[2], "child");
		dm_make(&file[0], kind, 3u << 20, NULL, false);
		dm_make(&file[1], kind, 3u << 20, NULL, true);
		dm_make(&file[2], kind, 3u << 20, &file[0], false);
	}
	fuzz_init(&e, data, size, 512, 0, 0);
	if (e.len < 2)
		return 0;
	struct disk_mem *m = &file[data[1] % 3];
	dm_use(m, &e);
	dm_patch(m, 1, data + 1, e.len - 1);
	if (data[0] & OPT_CUT)
		m->dev.size_bytes -= pod_min_u64(4096u * data[1], m->dev.size_bytes - 4096);
	if (data[0] & OPT_SEAL)
		seal(m);
	dm_exercise(m, &e, data[0]);
	dm_use(m, NULL);
	dm_restore(m);
	fuzz_done(&e);
	return 0;
}

#endif
