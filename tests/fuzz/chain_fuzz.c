/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains of three files, VHDX or VHD, any of them damaged, parents under any name: read, written, merged, flattened, mapped; and
 * planned, as files that lie one behind the other on a stick. */
#include "core/base/str.h"
#include "core/plan/plan.h"
#include "tests/fuzz/fuzz_disk.h"

static struct disk_mem file[2][DISK_FILES];
static struct disk_mem *now;
static int opened;

static enum pod_status find(struct pod_chain_opener *o, struct pod_vfile *child, enum pod_parent_path kind, const char *path,
			    struct pod_vfile **out)
{
	(void)o, (void)child, (void)kind;
	for (int i = 0; i < DISK_FILES; i++)
		if (pod_streq(path, now[i].name)) {
			*out = &now[i].vf;
			opened++;
			return POD_OK;
		}
	return POD_E_NOT_FOUND;
}

static void give_back(struct pod_chain_opener *o, struct pod_vfile *f)
{
	(void)o, (void)f;
	opened--;
}

static void prepare(void)
{
	static const char *const name[DISK_FILES] = {"a", "b", "c"};
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < DISK_FILES; i++) {
			dm_init(&file[k][i], name[i]);
			dm_make(&file[k][i], k ? POD_MEMBER_VHD : POD_MEMBER_VHDX, (3u << 20) + 65536u * (unsigned)i,
				i ? &file[k][i - 1] : NULL, false);
		}
}

static void use(struct pod_chain *c, struct fuzz_env *e, uint8_t options)
{
	static uint8_t buf[65536];
	enum pod_status st = POD_OK;
	FUZZ_REQUIRE(c->depth <= DISK_FILES);
	if (c->dev.size_bytes > 64u << 20)
		return;
	for (uint64_t off = 0; off < c->dev.size_bytes && st == POD_OK; off += 65536)
		st = pod_dev_read(&c->dev, off, buf, (size_t)pod_min_u64(65536, c->dev.size_bytes - off));
	if (options & OPT_WRITE) {
		st = pod_dev_write(&c->dev, 1, buf, 3000);
		st = pod_chain_trim(c, 5000, 20000);
		st = pod_dev_flush(&c->dev);
		if (options & OPT_COMPACT)
			st = pod_chain_flatten(c, NULL, NULL);
	} else {
		struct pod_map m;
		pod_map_init(&m, &e->alloc);
		st = pod_chain_map(c, &m); /* no extents: at most zeros */
		pod_map_fini(&m);
	}
	(void)st;
}

/* --- a stick with the three files ------------------------------------------------------------------------ */

static enum pod_status stick_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;
	(void)d;
	while (len) {
		struct disk_mem *m = &now[off / DISK_CAP];
		size_t n = (size_t)pod_min_u64(len, DISK_CAP - off % DISK_CAP);
		POD_TRY(dm_read(&m->dev, off % DISK_CAP, p, n));
		off += n, p += n, len -= n;
	}
	return POD_OK;
}

static enum pod_status stick_find(void *ctx, const char *path, struct pod_alloc *a, struct pod_plan_file *out)
{
	(void)ctx;
	for (int i = 0; i < DISK_FILES; i++) {
		if (!pod_ends_with_nocase(path, now[i].name))
			continue;
		out->extent = a->alloc(a, sizeof *out->extent);
		if (!out->extent)
			return POD_E_NOMEM;
		*out->extent = (struct pod_extent){.dev_bytes = (uint64_t)i * DISK_CAP, .length_bytes = now[i].dev.size_bytes};
		out->extent_count = 1;
		out->size_bytes = now[i].dev.size_bytes;
		return POD_OK;
	}
	return POD_E_NOT_FOUND;
}

static void plan(struct fuzz_env *e)
{
	static uint8_t buf[65536];
	struct pod_dev stick = {.size_bytes = (uint64_t)DISK_FILES * DISK_CAP,
				.sector_size = 512,
				.read_only = true,
				.read = stick_read,
				.ctx = &stick,
				.budget = &e->budget};
	struct pod_extent x = {.dev_bytes = 2ull * DISK_CAP, .length_bytes = now[2].dev.size_bytes};
	struct pod_plan_request rq = {.disk = &stick,
				      .extent = &x,
				      .extent_count = 1,
				      .image_bytes = now[2].dev.size_bytes,
				      .path = "/images/c",
				      .find = stick_find};
	struct pod_plan *p = malloc(sizeof *p);
	pod_budget_start(&e->budget, 20000, POD_BUDGET_UNLIMITED, 0);
	enum pod_status st = pod_plan_make(&rq, &e->alloc, p, NULL);
	FUZZ_REQUIRE(st != POD_E_BUDGET || e->budget.hit == POD_BUDGET_STEPS);
	pod_budget_start(&e->budget, FUZZ_STEPS_MAX, POD_BUDGET_UNLIMITED, 0);
	if (st == POD_OK) {
		e->fail_read = 0;
		for (uint64_t at = 0; at < pod_min_u64(p->map.size_bytes, 64u << 20); at += sizeof buf) {
			size_t n = (size_t)pod_min_u64(sizeof buf, p->map.size_bytes - at);
			FUZZ_REQUIRE(pod_map_read(&p->map, &stick, at, buf, n) == POD_OK);
		}
		pod_plan_free(p);
	}
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pod_chain_opener opener = {.open = find, .close = give_back};
	struct fuzz_env e;
	struct pod_chain c;
	if (!file[0][0].data)
		prepare();
	fuzz_init(&e, data, size, 512, 0, 0);
	if (e.len < 2)
		return 0;
	now = file[data[0] >> 7];
	dm_patch(now, DISK_FILES, data + 1, e.len - 1);
	for (int i = 0; i < DISK_FILES; i++) {
		dm_use(&now[i], &e);
		if (data[0] & OPT_SEAL)
			data[0] >> 7 ? seal_vhd(&now[i]) : seal_vhdx(&now[i]);
	}
	if (!(data[0] & OPT_WRITE) && now[2].dev.size_bytes)
		plan(&e);
	struct pod_chain_options opt = {.top = {.writable = data[0] & OPT_WRITE, .env = &fuzz_vhd_env, .cache_pages = 16}};
	if (pod_chain_open(&c, &now[2].vf, &e.alloc, &opener, &opt, NULL) == POD_OK) {
		use(&c, &e, data[0]);
		enum pod_status st = pod_chain_close(&c);
		(void)st;
	}
	if (data[0] & OPT_GROW) {
		enum pod_status st = pod_chain_merge(&now[2].vf, &now[1].vf, &e.alloc, &fuzz_vhd_env, NULL, NULL, NULL);
		(void)st;
	}
	FUZZ_REQUIRE(opened == 0);
	for (int i = 0; i < DISK_FILES; i++) {
		dm_use(&now[i], NULL);
		dm_restore(&now[i]);
	}
	fuzz_done(&e);
	return 0;
}
