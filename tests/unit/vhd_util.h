/* SPDX-License-Identifier: BSD-2-Clause */
/* Files in memory for the tests of virtual disks: they grow, record their writes, and know each other by name. */
#ifndef POD_TESTS_VHD_UTIL_H
#define POD_TESTS_VHD_UTIL_H

#include "core/vhd/chain.h"
#include "tests/unit/faultdev.h"
#include "tests/unit/test.h"

#define MEM_CAP (48u << 20)

struct mem_file {
	struct pod_vfile vf; /* first */
	struct pod_dev dev;
	struct fault_dev fault; /* over all of the buffer; `dev` shows the file's length of it */
	char name[32];
	bool used;
};

static inline enum pod_status mem_dev_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct mem_file *m = d->ctx;
	return m->fault.dev.read(&m->fault.dev, off, buf, len);
}

static inline enum pod_status mem_dev_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct mem_file *m = d->ctx;
	return m->fault.dev.write(&m->fault.dev, off, buf, len);
}

static inline enum pod_status mem_dev_flush(struct pod_dev *d)
{
	struct mem_file *m = d->ctx;
	return m->fault.dev.flush(&m->fault.dev);
}

static inline enum pod_status mem_resize(struct pod_vfile *vf, uint64_t size)
{
	struct mem_file *m = (struct mem_file *)vf;
	if (size > MEM_CAP)
		return POD_E_NOSPACE;
	if (size < m->dev.size_bytes)
		memset(m->fault.data + size, 0, (size_t)(m->dev.size_bytes - size));
	m->dev.size_bytes = size;
	return POD_OK;
}

/* Zeroing is a write like any other, so that it can be lost or torn. */
static inline enum pod_status mem_zero(struct pod_vfile *vf, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[65536];
	struct mem_file *m = (struct mem_file *)vf;
	while (len) {
		size_t n = len < sizeof zeros ? (size_t)len : sizeof zeros;
		enum pod_status st = mem_dev_write(&m->dev, off, zeros, n);
		if (st != POD_OK)
			return st;
		off += n, len -= n;
	}
	return POD_OK;
}

static inline void mem_attach(struct mem_file *m, uint8_t *data, uint64_t size, const char *name)
{
	memset(m, 0, sizeof *m);
	fault_init(&m->fault, data, MEM_CAP, 512);
	m->dev = (struct pod_dev){.size_bytes = size,
				  .sector_size = 512,
				  .read = mem_dev_read,
				  .write = mem_dev_write,
				  .flush = mem_dev_flush,
				  .ctx = m};
	m->vf = (struct pod_vfile){.dev = &m->dev, .resize = mem_resize, .zero = mem_zero, .id = {1, (uintptr_t)m}};
	snprintf(m->name, sizeof m->name, "%s", name);
	m->used = true;
}

static inline void mem_new(struct mem_file *m, const char *name)
{
	mem_attach(m, calloc(1, MEM_CAP), 0, name);
}

static inline void mem_free(struct mem_file *m)
{
	if (!m->used)
		return;
	free(m->fault.data);
	fault_fini(&m->fault);
	m->used = false;
}

/* --- surroundings --------------------------------------------------------------------------------------- */

static uint64_t vhd_seed = 1;

static inline uint32_t rnd(void)
{
	return fault_random(&vhd_seed);
}

static inline uint32_t below(uint32_t n)
{
	return rnd() % n;
}

static inline void test_random(const struct pod_vhd_env *env, void *buf, size_t len)
{
	uint8_t *p = buf;
	(void)env;
	while (len--)
		*p++ = (uint8_t)rnd();
}

static inline uint64_t test_now(const struct pod_vhd_env *env)
{
	(void)env;
	return 1700000000;
}

static const struct pod_vhd_env test_env = {.random = test_random, .now_unix = test_now};

/* Files by name: the opener's world. */
#define MEM_FILES 80
static struct mem_file mem_world[MEM_FILES];

static inline struct mem_file *mem_find(const char *name)
{
	for (int i = 0; i < MEM_FILES; i++)
		if (mem_world[i].used && strcmp(mem_world[i].name, name) == 0)
			return &mem_world[i];
	return NULL;
}

static inline struct mem_file *mem_make(const char *name)
{
	for (int i = 0; i < MEM_FILES; i++)
		if (!mem_world[i].used) {
			mem_new(&mem_world[i], name);
			return &mem_world[i];
		}
	return NULL;
}

static inline void mem_clear(void)
{
	for (int i = 0; i < MEM_FILES; i++)
		mem_free(&mem_world[i]);
}

static int mem_opens;
static char mem_asked[512]; /* the paths that were asked for, in order */

static inline enum pod_status world_open(struct pod_chain_opener *o, struct pod_vfile *child, enum pod_parent_path kind,
					 const char *path, struct pod_vfile **out)
{
	struct mem_file *m = mem_find(path);
	size_t n = strlen(mem_asked);
	(void)o;
	(void)child;
	snprintf(mem_asked + n, sizeof mem_asked - n, "%d:%s ", (int)kind, path);
	if (!m)
		return POD_E_NOT_FOUND;
	mem_opens++;
	*out = &m->vf;
	return POD_OK;
}

static inline void world_close(struct pod_chain_opener *o, struct pod_vfile *f)
{
	(void)o;
	(void)f;
	mem_opens--;
}

static struct pod_chain_opener world = {.open = world_open, .close = world_close};

static inline enum pod_status open_chain(struct pod_chain *c, struct mem_file *m, bool writable, struct pod_diag *diag)
{
	struct pod_chain_options opt = {.top = {.writable = writable, .env = &test_env, .cache_pages = 16}};
	mem_asked[0] = '\0';
	return pod_chain_open(c, &m->vf, &test_alloc, &world, &opt, diag);
}

/* Makes a child of `parent` (NULL: a disk of its own). */
static inline enum pod_status make_disk(struct mem_file *m, enum pod_member_kind kind, uint64_t size, uint32_t block,
					uint32_t sector, struct mem_file *parent)
{
	struct pod_member_options opt = {.env = &test_env};
	struct pod_parent_spec spec = {0};
	if (parent) {
		struct pod_member l;
		enum pod_status st = pod_member_open(&l, &parent->vf, &test_alloc, &opt, NULL);
		if (st != POD_OK)
			return st;
		pod_member_describe(&l, &spec);
		spec.path[POD_PARENT_RELATIVE] = parent->name;
		st = pod_member_close(&l);
		if (st != POD_OK)
			return st;
	}
	struct pod_vhdx_create x = {
		.size_bytes = size, .block_size = block, .logical_sector_size = sector, .parent = parent ? &spec : NULL};
	struct pod_vhd_create v = {.size_bytes = size, .block_size = block, .parent = parent ? &spec : NULL};
	return kind == POD_MEMBER_VHDX ? pod_vhdx_format(&m->vf, &test_alloc, &x, &test_env, NULL)
				       : pod_vhd_format(&m->vf, &test_alloc, &v, &test_env, NULL);
}

#endif
