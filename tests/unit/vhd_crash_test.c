/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power cuts at every write of operations on virtual disks, with torn and reordered writes. Each sector carries a version number;
 * afterwards it must show the version of the last flush or one written since, and all of it.
 */
#include "tests/unit/vhd_util.h"

#define CAP	(14u << 20) /* of a file: what is kept of the 48 MiB buffer */
#define SECTORS 16384u
#define OPS_MAX 400

struct op {
	size_t from, to; /* length of the write log before and after */
	uint32_t sector, count, version;
	bool flush;
};

struct scene {
	struct mem_file *top, *under; /* under: the parent that is written by a merge, or NULL */
	struct op op[OPS_MAX];
	int ops;
	uint32_t before[SECTORS]; /* versions when recording began */
	bool touched[SECTORS];
	uint32_t sectors, version;
	long states;
	uint64_t flushed_size, size; /* file length: at the last flush, largest */
	struct {
		size_t at;
		uint64_t size;
	} grown[OPS_MAX];
	int growths;
	uint8_t *out;
	const char *what;
	long bad;
};

static void stamp(uint8_t *p, uint32_t sector, uint32_t version)
{
	memset(p, 0, 512);
	for (uint32_t i = 0; version && i < 512; i += 8) {
		memcpy(p + i, &sector, 4);
		memcpy(p + i + 4, &version, 4);
	}
}

/* The version of a sector; UINT32_MAX if it is none. */
static uint32_t version_of(const uint8_t *p, uint32_t sector)
{
	uint32_t v;
	uint8_t want[512];
	memcpy(&v, p + 4, 4);
	stamp(want, sector, v);
	return memcmp(p, want, 512) == 0 ? v : UINT32_MAX;
}

static bool write_versions(struct scene *s, struct pod_chain *c, uint32_t sector, uint32_t count, bool trim)
{
	static uint8_t buf[512 * 4096];
	struct op *o = &s->op[s->ops++];
	*o = (struct op){.from = s->top->fault.n, .sector = sector, .count = count, .version = trim ? 0 : ++s->version};
	for (uint32_t i = 0; i < count; i++)
		stamp(buf + 512 * i, sector + i, o->version);
	enum pod_status st = trim ? pod_chain_trim(c, sector * 512ull, count * 512ull)
				  : pod_dev_write(&c->dev, sector * 512ull, buf, count * 512);
	o->to = s->top->fault.n;
	return st == POD_OK;
}

static bool flush(struct scene *s, struct pod_chain *c)
{
	struct op *o = &s->op[s->ops++];
	*o = (struct op){.from = s->top->fault.n, .flush = true};
	enum pod_status st = pod_dev_flush(&c->dev);
	o->to = s->top->fault.n;
	return st == POD_OK;
}

static bool allowed(const struct scene *s, size_t cut, uint32_t sector, uint32_t version)
{
	uint32_t durable = s->before[sector], now = durable;
	int since = 0;
	for (int i = 0; i < s->ops && s->op[i].from <= cut; i++) {
		const struct op *o = &s->op[i];
		if (o->flush && o->to <= cut) {
			durable = now;
			since = i;
		}
		if (!o->flush && sector - o->sector < o->count)
			now = o->version;
	}
	if (version == durable)
		return true;
	for (int i = since; i < s->ops && s->op[i].from <= cut; i++)
		if (!s->op[i].flush && sector - s->op[i].sector < s->op[i].count && s->op[i].version == version)
			return true;
	return false;
}

static void complain(struct scene *s, size_t cut, const char *how, uint64_t n)
{
	if (s->bad++ < 5) {
		char text[160];
		snprintf(text, sizeof text, "%s: cut after write %zu: %s (%llu)", s->what, cut, how, (unsigned long long)n);
		test_fail(__FILE__, __LINE__, text);
	}
}

/* Opens what is left: first reading only (the log is replayed in memory), then for writing; both must show the same. */
static void check_disk(struct scene *s, size_t cut, bool writable)
{
	struct pod_chain c;
	struct pod_diag d = {0};
	static uint8_t buf[512 * 2048];
	enum pod_status st = open_chain(&c, s->top, writable, &d);
	if (st != POD_OK) {
		complain(s, cut, d.what ? d.what : pod_status_text(st), st);
		return;
	}
	uint64_t sectors = c.dev.size_bytes / 512;
	for (uint32_t at = 0; at < sectors; at += 2048) {
		uint32_t n = (uint32_t)(sectors - at < 2048 ? sectors - at : 2048);
		st = pod_dev_read(&c.dev, at * 512ull, buf, n * 512);
		if (st != POD_OK) {
			complain(s, cut, "cannot be read", at);
			break;
		}
		for (uint32_t i = 0; i < n; i++) {
			if (!s->touched[at + i] && (at + i) % 16)
				continue;
			uint32_t v = version_of(buf + 512 * i, at + i);
			if (v == UINT32_MAX)
				complain(s, cut, "a mixed sector", at + i);
			else if (v != s->before[at + i] && !allowed(s, cut, at + i, v))
				complain(s, cut, "a sector of a wrong version", at + i);
			else if (v == s->before[at + i] && !allowed(s, cut, at + i, v))
				complain(s, cut, "a flushed sector is lost", at + i);
		}
	}
	struct pod_member *l = c.member[0];
	struct pod_vhd_check vc = {0};
	struct pod_vhd_report vr = {0};
	if (writable && l->kind == POD_MEMBER_VHDX &&
	    (pod_vhdx_check(&l->u.vhdx, false, NULL, NULL, &vc) != POD_OK || vc.errors > 1))
		complain(s, cut, "check finds faults", vc.errors);
	if (writable && l->kind == POD_MEMBER_VHD &&
	    (pod_vhd_check(&l->u.vhd, false, NULL, NULL, &vr) != POD_OK || vr.errors > 1))
		complain(s, cut, "check finds faults", vr.errors);
	if (pod_chain_close(&c) != POD_OK)
		complain(s, cut, "cannot be closed", 0);
}

/* Called with every state in s->out: the top file's bytes, of a file as long as it was at its largest. */
static void check_state(void *ctx, size_t cut)
{
	struct scene *s = ctx;
	struct mem_file real = *s->top;
	/* A third of them, but some of each cut; all with LONG. */
	if (s->states++ % 3 && !getenv("LONG"))
		return;
	uint64_t size = s->size;
	for (int i = 0; i < s->growths && s->grown[i].at <= cut; i++)
		size = s->grown[i].size;
	mem_attach(s->top, s->out, size, real.name);
	s->top->vf.id[0] = real.vf.id[0];
	check_disk(s, cut, false);
	check_disk(s, cut, true);
	*s->top = real;
	s->top->dev.ctx = s->top;
	s->top->fault.dev.ctx = &s->top->fault;
	s->top->vf.dev = &s->top->dev;
}

static enum pod_status noted_resize(struct pod_vfile *vf, uint64_t size);
static struct scene *scene_now;

static enum pod_status noted_resize(struct pod_vfile *vf, uint64_t size)
{
	struct scene *s = scene_now;
	enum pod_status st = mem_resize(vf, size);
	if (st == POD_OK && s->growths < OPS_MAX) {
		s->grown[s->growths].at = s->top->fault.n;
		s->grown[s->growths++].size = size;
	}
	return st;
}

static void record(struct scene *s)
{
	s->size = s->top->dev.size_bytes;
	s->top->fault.dev.size_bytes = CAP; /* no need to look at more */
	fault_record(&s->top->fault);
	s->top->vf.resize = noted_resize;
	scene_now = s;
}

static void judge(struct scene *s)
{
	CHECK(s->top->dev.size_bytes <= CAP);
	s->out = calloc(1, MEM_CAP);
	for (int i = 0; i < s->ops; i++)
		for (uint32_t k = 0; k < s->op[i].count; k++)
			s->touched[s->op[i].sector + k] = true;
	long states = fault_states(&s->top->fault, s->out, 7, check_state, s);
	CHECK(states > 50);
	printf("%s: %zu writes, %ld states\n", s->what, s->top->fault.n, states);
	free(s->out);
	mem_clear();
	CHECK_EQ(test_alloc_live, 0);
}

static struct scene *begin(const char *what, enum pod_member_kind kind, uint32_t block, bool child, struct pod_chain *c)
{
	struct scene *s = calloc(1, sizeof *s);
	struct mem_file *base = mem_make("base");
	s->what = what;
	s->sectors = (4u << 20) / 512;
	vhd_seed = 5;
	CHECK(make_disk(base, kind, 4u << 20, block, 512, NULL) == POD_OK);
	s->top = base;
	CHECK(open_chain(c, base, true, NULL) == POD_OK);
	for (uint32_t at = 0; at < s->sectors; at += 512) /* every other 256 KiB has data */
		CHECK(write_versions(s, c, at, 300, false));
	CHECK(pod_chain_close(c) == POD_OK);
	if (child) {
		s->top = mem_make("child");
		CHECK(make_disk(s->top, kind, 4u << 20, block, 512, base) == POD_OK);
		CHECK(open_chain(c, s->top, true, NULL) == POD_OK);
		CHECK(write_versions(s, c, 100, 50, false));
		CHECK(pod_chain_close(c) == POD_OK);
	}
	for (int i = 0; i < s->ops; i++)
		for (uint32_t k = 0; k < s->op[i].count; k++)
			s->before[s->op[i].sector + k] = s->op[i].version;
	s->ops = 0;
	record(s);
	CHECK(open_chain(c, s->top, true, NULL) == POD_OK);
	return s;
}

static void end(struct scene *s, struct pod_chain *c)
{
	CHECK(pod_chain_close(c) == POD_OK);
	judge(s);
	free(s);
}

static void writes_and_trims(struct scene *s, struct pod_chain *c)
{
	CHECK(write_versions(s, c, 10, 5, false));
	CHECK(write_versions(s, c, 400, 200, false)); /* new space, and over a block's edge */
	CHECK(flush(s, c));
	CHECK(write_versions(s, c, 405, 3, false));
	CHECK(write_versions(s, c, 2048, 2048, true)); /* a whole block goes */
	CHECK(write_versions(s, c, 5000, 900, false));
	CHECK(flush(s, c));
	CHECK(write_versions(s, c, 2100, 7, false)); /* and comes back, where the old one lay */
	CHECK(write_versions(s, c, 6000, 1, true));
	CHECK(flush(s, c));
	CHECK(write_versions(s, c, 6144, 2048, true));
	CHECK(flush(s, c));
	CHECK(write_versions(s, c, 0, 2048, true)); /* what this gives up must not serve the next write yet */
	CHECK(write_versions(s, c, 6200, 100, false));
	CHECK(write_versions(s, c, 4096, 2048, false));
}

TEST(vhdx_dynamic)
{
	struct pod_chain c;
	struct scene *s = begin("vhdx", POD_MEMBER_VHDX, 1u << 20, false, &c);
	writes_and_trims(s, &c);
	end(s, &c);
}

TEST(vhdx_child)
{
	struct pod_chain c;
	struct scene *s = begin("vhdx child", POD_MEMBER_VHDX, 1u << 20, true, &c);
	writes_and_trims(s, &c);
	end(s, &c);
}

TEST(vhdx_many_commits_go_round_the_log)
{
	struct pod_chain c;
	struct scene *s = begin("vhdx log", POD_MEMBER_VHDX, 1u << 20, true, &c);
	for (uint32_t i = 0; i < 60; i++) {
		CHECK(write_versions(s, &c, i * 37, 1, false));
		CHECK(flush(s, &c));
	}
	end(s, &c);
}

TEST(vhd_dynamic)
{
	struct pod_chain c;
	struct scene *s = begin("vhd", POD_MEMBER_VHD, 65536, false, &c);
	writes_and_trims(s, &c);
	end(s, &c);
}

TEST(vhd_child)
{
	struct pod_chain c;
	struct scene *s = begin("vhd child", POD_MEMBER_VHD, 65536, true, &c);
	CHECK(write_versions(s, &c, 10, 5, false));
	CHECK(write_versions(s, &c, 400, 200, false));
	CHECK(flush(s, &c));
	CHECK(write_versions(s, &c, 402, 20, false));
	CHECK(write_versions(s, &c, 3000, 300, true));
	end(s, &c);
}

TEST(vhdx_compact)
{
	struct pod_chain c;
	struct scene *s = begin("vhdx compact", POD_MEMBER_VHDX, 1u << 20, false, &c);
	CHECK(write_versions(s, &c, 0, 2048, true));
	CHECK(flush(s, &c));
	CHECK(pod_vhdx_compact(&c.member[0]->u.vhdx, NULL, NULL) == POD_OK);
	end(s, &c);
}

/* Four blocks are trimmed, one is zeroed by halves and keeps its place until then; those at the end take their places. */
static void compacts_vhd(const char *name, bool child, bool grown)
{
	struct pod_chain c;
	struct scene *s = begin(name, POD_MEMBER_VHD, 65536, child, &c);
	if (grown) /* the old table and header leave a gap, the new ones lie between blocks */
		CHECK(pod_chain_grow(&c, 7u << 20) == POD_OK);
	CHECK(write_versions(s, &c, 1024, 1300, false));
	CHECK(flush(s, &c));
	CHECK(write_versions(s, &c, 1152, 384, true));
	CHECK(write_versions(s, &c, 1792, 128, true));
	CHECK(write_versions(s, &c, 1536, 64, true) && write_versions(s, &c, 1600, 64, true));
	CHECK(flush(s, &c));
	uint64_t before = c.member[0]->file->dev->size_bytes;
	CHECK(pod_member_compact(c.member[0], NULL, NULL) == POD_OK);
	/* A header and a table that a disk got when it grew stay where they are, and blocks in front of them leave a gap. */
	CHECK(child || c.member[0]->file->dev->size_bytes <= before - (grown ? 2 : 5) * 66048);
	end(s, &c);
}

TEST(vhd_compact)
{
	compacts_vhd("vhd compact", false, false);
}

TEST(vhd_compact_grown)
{
	compacts_vhd("vhd compact grown", false, true);
}

TEST(vhd_compact_child)
{
	compacts_vhd("vhd compact child", true, true);
}

TEST(vhdx_grow)
{
	struct pod_chain c;
	struct scene *s = begin("vhdx grow", POD_MEMBER_VHDX, 1u << 20, false, &c);
	CHECK(pod_chain_grow(&c, 7u << 20) == POD_OK);
	CHECK(write_versions(s, &c, 9000, 100, false));
	end(s, &c);
}

TEST(vhd_grow)
{
	struct pod_chain c;
	struct scene *s = begin("vhd grow", POD_MEMBER_VHD, 65536, false, &c);
	CHECK(pod_chain_grow(&c, 7u << 20) == POD_OK);
	CHECK(write_versions(s, &c, 9000, 100, false));
	end(s, &c);
}

static void shrinks(const char *what, enum pod_member_kind kind, uint32_t block)
{
	struct pod_chain c;
	struct scene *s = begin(what, kind, block, false, &c);
	uint64_t before = c.member[0]->file->dev->size_bytes;
	CHECK(write_versions(s, &c, 4096, 3000, false));
	CHECK(flush(s, &c));
	CHECK(write_versions(s, &c, 5000, 3192, true));
	CHECK(pod_chain_shrink(&c, 5000 * 512) == POD_OK);
	CHECK(write_versions(s, &c, 4900, 100, false));
	CHECK(kind == POD_MEMBER_VHD || c.member[0]->file->dev->size_bytes < before);
	/* what comes back was not there */
	CHECK(pod_chain_grow(&c, 8192 * 512) == POD_OK);
	end(s, &c);
}

TEST(vhdx_shrink)
{
	shrinks("vhdx shrink", POD_MEMBER_VHDX, 1u << 20);
}

TEST(vhd_shrink)
{
	shrinks("vhd shrink", POD_MEMBER_VHD, 65536);
}

TEST(vhdx_flatten)
{
	struct pod_chain c;
	struct scene *s = begin("vhdx flatten", POD_MEMBER_VHDX, 1u << 20, true, &c);
	CHECK(pod_chain_flatten(&c, NULL, NULL) == POD_OK);
	end(s, &c);
}

/* --- merge: two files --------------------------------------------------------------------------------- */

#define MERGE_SIZE (3u << 20)

struct merging {
	struct mem_file *child, *base, *varied;
	uint8_t *content;      /* what the child shows, before, meanwhile and afterwards */
	uint8_t *child_midway; /* its file when the first data were copied */
	uint8_t *base_before, *base_after;
	uint64_t child_size, base_size_before, base_size_after;
	size_t child_writes; /* before the parent was touched */
	uint8_t *out;
	long states, bad;
};

static void midway(void *ctx, uint64_t done, uint64_t total)
{
	struct merging *m = ctx;
	(void)done;
	(void)total;
	if (m->child_midway)
		return;
	m->child_midway = calloc(1, MEM_CAP);
	memcpy(m->child_midway, m->child->fault.data, CAP);
	m->child_writes = m->child->fault.n;
}

static bool shows(struct merging *m, struct mem_file *f)
{
	static uint8_t buf[MERGE_SIZE];
	struct pod_chain c;
	if (open_chain(&c, f, false, NULL) != POD_OK)
		return false;
	bool ok = c.dev.size_bytes == MERGE_SIZE && pod_dev_read(&c.dev, 0, buf, MERGE_SIZE) == POD_OK &&
		  memcmp(buf, m->content, MERGE_SIZE) == 0;
	return pod_chain_close(&c) == POD_OK && ok;
}

static void put_bytes(struct mem_file *f, uint8_t *bytes, uint64_t size)
{
	f->fault.data = bytes;
	f->fault.base = NULL; /* what is tried with a state is not recorded */
	f->dev.size_bytes = size;
}

static void check_merge(void *ctx, size_t cut)
{
	struct merging *m = ctx;
	if (m->states++ % 2 && !getenv("LONG"))
		return;
	struct mem_file child = *m->child, base = *m->base;
	bool of_child = m->varied == m->child, late = of_child && cut > m->child_writes;
	put_bytes(m->child, of_child ? m->out : m->child_midway, m->child_size);
	if (of_child)
		put_bytes(m->base, late ? m->base_after : m->base_before, late ? m->base_size_after : m->base_size_before);
	else
		put_bytes(m->base, m->out, m->base_size_after);
	bool ok = shows(m, m->child);
	if (ok && m->states % 7 == 1) {
		/* Done again, it comes to an end. The bytes are copies: the next state needs the first ones. */
		uint8_t *c = calloc(1, MEM_CAP), *b = calloc(1, MEM_CAP);
		memcpy(c, m->child->fault.data, CAP);
		memcpy(b, m->base->fault.data, CAP);
		put_bytes(m->child, c, m->child->dev.size_bytes);
		put_bytes(m->base, b, m->base->dev.size_bytes);
		ok = pod_chain_merge(&m->child->vf, &m->base->vf, &test_alloc, &test_env, NULL, NULL, NULL) == POD_OK &&
		     shows(m, m->child) && shows(m, m->base);
		free(c);
		free(b);
	}
	if (!ok && m->bad++ < 3) {
		char text[96];
		snprintf(text, sizeof text, "merge, cut after write %zu of the %s", cut, of_child ? "child" : "parent");
		test_fail(__FILE__, __LINE__, text);
	}
	*m->child = child;
	*m->base = base;
}

static void merge_with_cuts(enum pod_member_kind kind, uint32_t block, uint32_t child_block)
{
	struct merging m = {.base = mem_make("base"), .child = mem_make("child")};
	struct pod_chain c;
	m.content = calloc(1, MERGE_SIZE);
	vhd_seed = 9;
	CHECK(make_disk(m.base, kind, 2u << 20, block, 512, NULL) == POD_OK);
	CHECK(open_chain(&c, m.base, true, NULL) == POD_OK);
	memset(m.content, 'b', 700000);
	CHECK(pod_dev_write(&c.dev, 0, m.content, 700000) == POD_OK);
	CHECK(pod_chain_close(&c) == POD_OK);
	CHECK(make_disk(m.child, kind, MERGE_SIZE, child_block, 512, m.base) == POD_OK); /* longer than its parent */
	CHECK(open_chain(&c, m.child, true, NULL) == POD_OK);
	memset(m.content + 5120, 'c', 90000);
	CHECK(pod_dev_write(&c.dev, 5120, m.content + 5120, 90000) == POD_OK);
	memset(m.content + (2u << 20) - 5000, 'd', 40000);
	CHECK(pod_dev_write(&c.dev, (2u << 20) - 5000, m.content + (2u << 20) - 5000, 40000) == POD_OK);
	memset(m.content + 600000, 0, 9000);
	CHECK(pod_chain_trim(&c, 600000, 9000) == POD_OK);
	CHECK(pod_chain_close(&c) == POD_OK);
	m.base_before = calloc(1, MEM_CAP);
	memcpy(m.base_before, m.base->fault.data, CAP);
	m.base_size_before = m.base->dev.size_bytes;
	m.base->fault.dev.size_bytes = m.child->fault.dev.size_bytes = CAP;
	fault_record(&m.base->fault);
	fault_record(&m.child->fault);
	CHECK(pod_chain_merge(&m.child->vf, &m.base->vf, &test_alloc, &test_env, midway, &m, NULL) == POD_OK);
	m.base_after = m.base->fault.data;
	m.base_size_after = m.base->dev.size_bytes;
	m.child_size = m.child->dev.size_bytes;
	CHECK(shows(&m, m.base) && shows(&m, m.child));
	m.out = calloc(1, MEM_CAP);
	for (int i = 0; i < 2; i++) {
		m.varied = i ? m.child : m.base;
		long n = fault_states(&m.varied->fault, m.out, 3, check_merge, &m);
		printf("merge: %zu writes of the %s, %ld states\n", m.varied->fault.n, i ? "child" : "parent", n);
		/* A VHD's child is not written at all. */
		CHECK(n > 50 || (i && kind == POD_MEMBER_VHD));
	}
	free(m.out);
	free(m.base_before);
	free(m.child_midway);
	free(m.content);
	mem_clear();
	CHECK_EQ(test_alloc_live, 0);
}

TEST(vhdx_merge)
{
	merge_with_cuts(POD_MEMBER_VHDX, 1u << 20, 2u << 20);
}

TEST(vhd_merge)
{
	merge_with_cuts(POD_MEMBER_VHD, 65536, 131072);
}
