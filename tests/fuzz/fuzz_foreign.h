/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images of other programs: whatever opens can be walked, checked and read, gives what lies in its file, and ends. The input is the file;
 * a file that it names (backing file, extent) is the input itself again, once, and 64 KiB of it as bytes.
 */
#ifndef POD_TESTS_FUZZ_FOREIGN_H
#define POD_TESTS_FUZZ_FOREIGN_H

#include "core/vhd/chain.h"
#include "tests/fuzz/fuzz.h"

enum { FOREIGN_RUNS = 512, FOREIGN_FILES = 4 };

struct foreign_world {
	struct fuzz_env env;
	struct pod_vfile file[FOREIGN_FILES];
	unsigned opened, closed;
};

static inline enum pod_status foreign_open(struct pod_chain_opener *o, struct pod_vfile *child, enum pod_parent_path kind,
					   const char *path, struct pod_vfile **out)
{
	struct foreign_world *w = o->ctx;
	(void)child;
	FUZZ_REQUIRE(*path && kind < POD_PARENT_PATHS);
	if (w->opened + 1 == FOREIGN_FILES)
		return POD_E_NOT_FOUND;
	*out = &w->file[++w->opened];
	**out = (struct pod_vfile){.dev = &w->env.dev, .id = {1, w->opened}};
	return POD_OK;
}

static inline void foreign_close(struct pod_chain_opener *o, struct pod_vfile *f)
{
	struct foreign_world *w = o->ctx;
	FUZZ_REQUIRE(f > w->file && f <= &w->file[w->opened]);
	w->closed++;
}

static inline void foreign_found(void *ctx, const char *what, uint64_t off, uint64_t block, bool repairable)
{
	(void)ctx, (void)off, (void)block;
	FUZZ_REQUIRE(what && *what && !repairable);
}

static inline void foreign_look(struct foreign_world *w, struct pod_chain *c)
{
	static uint8_t a[4096], b[4096];
	struct pod_chain_run r;
	uint64_t off = 0;
	for (unsigned i = 0; i < FOREIGN_RUNS && off < c->dev.size_bytes; i++, off += r.len) {
		uint64_t n = c->dev.size_bytes - off;
		if (pod_chain_run(c, off, n, &r) != POD_OK) {
			r.len = pod_min_u64(n, 4096);
			continue;
		}
		FUZZ_REQUIRE(r.len && r.len <= n && r.kind != POD_RUN_PARENT);
		struct pod_member *l = c->member[r.member];
		size_t len = (size_t)pod_min_u64(r.len, sizeof a);
		enum pod_status st = pod_dev_read(&c->dev, off, a, len);
		if (r.kind != POD_RUN_DATA) {
			FUZZ_REQUIRE(st != POD_OK || pod_all_zero(a, len));
			continue;
		}
		/* What is not compressed lies in a file, all of it. */
		FUZZ_REQUIRE(r.file_off >= POD_FOREIGN_PACKED || pod_member_is_foreign(l->kind) ||
			     pod_in_range(r.file_off, r.len, w->env.dev.size_bytes));
		if (st == POD_OK && pod_dev_read(l->dev, r.file_off, b, len) == POD_OK)
			FUZZ_REQUIRE(memcmp(a, b, len) == 0);
		FUZZ_REQUIRE(st == POD_OK || r.file_off >= POD_FOREIGN_PACKED || w->env.fail_read || w->env.budget.hit);
	}
	for (unsigned i = 0; i < c->depth; i++) {
		struct pod_vhd_check out;
		uint64_t units = c->member[i]->size_bytes >> 9;
		if (pod_member_is_foreign(c->member[i]->kind) && units < 1u << 20 &&
		    pod_foreign_check(&c->member[i]->u.foreign, foreign_found, NULL, &out) == POD_E_CORRUPT)
			abort();
	}
}

static inline int foreign_one(enum pod_diskfile format, const uint8_t *data, size_t size)
{
	struct foreign_world w = {0};
	struct pod_chain_opener o = {.open = foreign_open, .close = foreign_close, .ctx = &w};
	struct pod_chain_options opt = {.top = {.format = format, .follow = true}};
	struct pod_diag diag = {0};
	struct pod_chain c;
	fuzz_init(&w.env, data, size, 512, 0, 0);
	w.file[0] = (struct pod_vfile){.dev = &w.env.dev, .id = {1, 0}};
	if (pod_chain_open(&c, &w.file[0], &w.env.alloc, &o, &opt, &diag) == POD_OK) {
		foreign_look(&w, &c);
		FUZZ_REQUIRE(pod_chain_close(&c) == POD_OK);
	}
	FUZZ_REQUIRE(w.opened == w.closed);
	/* Not asked to, nothing else is opened. */
	opt.top.follow = false;
	w.opened = w.closed = 0;
	if (pod_chain_open(&c, &w.file[0], &w.env.alloc, &o, &opt, &diag) == POD_OK)
		FUZZ_REQUIRE(pod_chain_close(&c) == POD_OK);
	FUZZ_REQUIRE(w.opened == 0);
	fuzz_done(&w.env);
	return 0;
}

#endif
