/* SPDX-License-Identifier: BSD-2-Clause */
/* A child is made empty in place, on its parent or on another one: as it was made, at every power cut the old disk or the new one, and its
 * identifier tells which. */
#include "core/vhd/vhdx.h"
#include "tests/unit/vhd_util.h"

#define SIZE (8u << 20)
#define CAP  (14u << 20)

struct scene {
	struct mem_file *base, *child, *varied;
	uint8_t *old, *new, *out, *buf;
	uint8_t guid[16];
	struct pod_parent_spec onto; /* its path: NULL, or its parent from then on */
	long states, olds, news, bad;
};

static bool show(struct mem_file *f, bool writable, uint8_t *buf)
{
	struct pod_chain c;
	if (open_chain(&c, f, writable, NULL) != POD_OK)
		return false;
	bool ok = c.dev.size_bytes == SIZE && pod_dev_read(&c.dev, 0, buf, SIZE) == POD_OK;
	return pod_chain_close(&c) == POD_OK && ok;
}

/* `pull`: as it is left when the machine that writes to it loses power: its log has something to replay. */
static bool put(struct mem_file *f, uint64_t off, size_t len, int byte, bool pull)
{
	static uint8_t buf[3u << 20], left[CAP];
	struct pod_chain c;
	memset(buf, byte, len);
	bool ok = open_chain(&c, f, true, NULL) == POD_OK && pod_dev_write(&c.dev, off, buf, len) == POD_OK &&
		  pod_dev_flush(&c.dev) == POD_OK;
	memcpy(left, f->fault.data, CAP);
	ok = pod_chain_close(&c) == POD_OK && ok;
	if (pull)
		memcpy(f->fault.data, left, CAP);
	return ok;
}

static bool guid_of(struct mem_file *f, uint8_t guid[16])
{
	const struct pod_vhdx_options opt = {.cache_pages = 4};
	struct pod_vhdx x;
	if (pod_vhdx_open(&x, &f->vf, &test_alloc, &opt, NULL) != POD_OK)
		return false;
	memcpy(guid, x.data_write_guid, 16);
	return pod_vhdx_close(&x) == POD_OK;
}

static void begin(struct scene *s)
{
	memset(s, 0, sizeof *s);
	s->old = malloc(SIZE);
	s->new = malloc(SIZE);
	s->buf = malloc(SIZE);
	vhd_seed = 5;
	s->base = mem_make("base");
	CHECK(make_disk(s->base, POD_MEMBER_VHDX, SIZE, 1u << 20, 512, NULL) == POD_OK);
	CHECK(put(s->base, 1u << 20, 2u << 20, 7, false));
	s->child = mem_make("child");
	CHECK(make_disk(s->child, POD_MEMBER_VHDX, SIZE, 1u << 20, 512, s->base) == POD_OK);
	CHECK(guid_of(s->child, s->guid));
	CHECK(show(s->child, false, s->new));
	CHECK(put(s->child, 512, 1024, 1, false));
	CHECK(put(s->child, (1u << 20) + 4096, 3u << 20, 2, false));
	CHECK(put(s->child, 6u << 20, 512, 3, false));
	CHECK(show(s->child, false, s->old));
	CHECK(memcmp(s->old, s->new, SIZE) != 0);
}

static enum pod_status make_empty(const struct scene *s)
{
	uint8_t made[16];
	return s->onto.path[POD_PARENT_RELATIVE] ? pod_vhdx_empty_onto(&s->child->vf, &test_alloc, &s->onto, SIZE, made, NULL)
						 : pod_vhdx_empty(&s->child->vf, &test_alloc, s->guid, NULL);
}

/* From now on it is to be made empty onto a disk of this size. */
static void choose_other(struct scene *s, uint64_t size)
{
	struct mem_file *f = mem_make("another one, with a longer name");
	CHECK(make_disk(f, POD_MEMBER_VHDX, size, 1u << 20, 512, NULL) == POD_OK);
	CHECK(put(f, 0, 2u << 20, 5, false));
	memset(s->new, 0, SIZE);
	memset(s->new, 5, 2u << 20);
	CHECK(guid_of(f, s->onto.linkage));
	s->onto.path[POD_PARENT_RELATIVE] = f->name;
}

static void end(struct scene *s)
{
	mem_clear();
	free(s->old);
	free(s->new);
	free(s->buf);
	free(s->out);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(as_it_was_made)
{
	struct scene s;
	uint8_t now[16];
	begin(&s);
	CHECK(guid_of(s.child, now) && memcmp(now, s.guid, 16) != 0);
	CHECK(pod_vhdx_empty(&s.child->vf, &test_alloc, s.guid, NULL) == POD_OK);
	CHECK(guid_of(s.child, now) && memcmp(now, s.guid, 16) == 0);
	CHECK(show(s.child, false, s.buf) && memcmp(s.buf, s.new, SIZE) == 0);
	/* once more: nothing is written */
	fault_record(&s.child->fault);
	CHECK(pod_vhdx_empty(&s.child->vf, &test_alloc, s.guid, NULL) == POD_OK);
	CHECK_EQ(s.child->fault.n, 0);
	CHECK_EQ(s.child->dev.size_bytes, 4u << 20); /* what its blocks took */
	/* written to again, where blocks of its earlier life lie */
	CHECK(put(s.child, 3u << 20, 512, 9, false));
	memset(s.new + (3u << 20), 9, 512);
	CHECK(show(s.child, true, s.buf) && memcmp(s.buf, s.new, SIZE) == 0);
	end(&s);
}

TEST(onto_another_parent)
{
	struct scene s;
	uint8_t now[16], made[16];
	struct pod_chain c;
	begin(&s);
	choose_other(&s, 4u << 20);
	CHECK(pod_vhdx_empty_onto(&s.child->vf, &test_alloc, &s.onto, 4u << 20, made, NULL) == POD_OK);
	/* nobody who knew it takes it for what it was */
	CHECK(guid_of(s.child, now) && memcmp(now, made, 16) == 0 && memcmp(now, s.guid, 16) != 0);
	CHECK(open_chain(&c, s.child, false, NULL) == POD_OK && c.depth == 2);
	CHECK_EQ(c.dev.size_bytes, 4u << 20);
	CHECK(pod_dev_read(&c.dev, 0, s.buf, 4u << 20) == POD_OK && memcmp(s.buf, s.new, 4u << 20) == 0);
	CHECK(pod_chain_close(&c) == POD_OK);
	CHECK(put(s.child, 3u << 20, 512, 9, false));
	/* and back: what was written meanwhile does not show */
	memset(&s.onto, 0, sizeof s.onto);
	CHECK(guid_of(s.base, s.onto.linkage));
	s.onto.path[POD_PARENT_RELATIVE] = s.base->name;
	CHECK(pod_vhdx_empty_onto(&s.child->vf, &test_alloc, &s.onto, SIZE, now, NULL) == POD_OK && memcmp(now, made, 16) != 0);
	CHECK(show(s.base, false, s.new) && show(s.child, false, s.buf) && memcmp(s.buf, s.new, SIZE) == 0);
	end(&s);
}

TEST(what_does_not_go_onto_it)
{
	struct scene s;
	uint8_t made[16] = {1};
	char name[16000];
	begin(&s);
	choose_other(&s, SIZE);
	fault_record(&s.child->fault);
	/* the table has one MiB: 131072 entries, one of 4097 of them for a bitmap */
	CHECK(pod_vhdx_empty_onto(&s.child->vf, &test_alloc, &s.onto, 131040ull << 20, made, NULL) == POD_E_NOSPACE);
	CHECK(pod_vhdx_empty_onto(&s.child->vf, &test_alloc, &s.onto, SIZE + 1, made, NULL) == POD_E_INVALID);
	CHECK(pod_vhdx_empty_onto(&s.child->vf, &test_alloc, &s.onto, 0, made, NULL) == POD_E_INVALID);
	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = 0;
	s.onto.path[POD_PARENT_VOLUME] = name;
	s.onto.path[POD_PARENT_ABSOLUTE] = name;
	CHECK(pod_vhdx_empty_onto(&s.child->vf, &test_alloc, &s.onto, SIZE, made, NULL) != POD_OK);
	CHECK(pod_vhdx_empty_onto(&s.base->vf, &test_alloc, &s.onto, SIZE, made, NULL) == POD_E_INVALID);
	CHECK_EQ(s.child->fault.n, 0);
	CHECK_EQ(made[0], 1);
	CHECK(show(s.child, false, s.buf) && memcmp(s.buf, s.old, SIZE) == 0);
	end(&s);
}

TEST(what_cannot_be_emptied)
{
	struct scene s;
	begin(&s);
	CHECK(pod_vhdx_empty(&s.base->vf, &test_alloc, s.guid, NULL) == POD_E_INVALID);
	s.child->dev.read_only = true;
	CHECK(pod_vhdx_empty(&s.child->vf, &test_alloc, s.guid, NULL) == POD_E_READONLY);
	s.child->dev.read_only = false;
	CHECK(show(s.child, false, s.buf) && memcmp(s.buf, s.old, SIZE) == 0);
	s.child->vf.resize = NULL;
	/* every read, write and flush fails in turn */
	for (long n = 1; n < 100; n++) {
		struct fault_dev *f = &s.child->fault;
		f->died = false;
		f->fail_read_at = n % 3 == 0 ? n / 3 + 1 : 0;
		f->fail_write_at = n % 3 == 1 ? n / 3 + 1 : 0;
		f->fail_flush_at = n % 3 == 2 ? n / 3 + 1 : 0;
		enum pod_status st = pod_vhdx_empty(&s.child->vf, &test_alloc, s.guid, NULL);
		CHECK(st == POD_OK || f->died);
		f->fail_read_at = f->fail_write_at = f->fail_flush_at = 0;
		CHECK(show(s.child, false, s.buf) && (memcmp(s.buf, s.old, SIZE) == 0 || memcmp(s.buf, s.new, SIZE) == 0));
	}
	end(&s);
}

static void look(struct scene *s, bool writable, size_t cut)
{
	uint8_t now[16];
	bool ok = guid_of(s->varied, now) && show(s->varied, writable, s->buf);
	bool old = ok && memcmp(s->buf, s->old, SIZE) == 0, new = ok &&memcmp(s->buf, s->new, SIZE) == 0;
	if (!(old || new) || (old && memcmp(now, s->guid, 16) == 0)) {
		if (s->bad++ < 5)
			printf("cut after write %zu: %s\n", cut,
			       ok ? old ? "an identifier that lies" : "a mixture" : "does not open");
	}
	s->olds += old;
	s->news += new;
}

static void check_state(void *ctx, size_t cut)
{
	struct scene *s = ctx;
	struct mem_file real = *s->child;
	if (s->states++ % 3 && !getenv("LONG"))
		return;
	mem_attach(s->child, s->out, real.dev.size_bytes, real.name);
	s->child->vf.id[0] = real.vf.id[0];
	s->varied = s->child;
	look(s, false, cut);
	look(s, true, cut);
	/* and the next one brings it to its end */
	if (make_empty(s) != POD_OK || !show(s->child, false, s->buf) || memcmp(s->buf, s->new, SIZE) != 0)
		s->bad++;
	*s->child = real;
	s->child->dev.ctx = s->child;
	s->child->fault.dev.ctx = &s->child->fault;
	s->child->vf.dev = &s->child->dev;
}

/* `dirty`: its log has something to replay, as after a machine that lost power. */
static void cut_everywhere(bool dirty, bool other)
{
	struct scene s;
	begin(&s);
	if (other)
		choose_other(&s, SIZE);
	if (dirty) {
		CHECK(put(s.child, 7u << 20, 4096, 4, true));
		CHECK(show(s.child, false, s.old));
	}
	CHECK(s.child->dev.size_bytes <= CAP);
	s.child->fault.dev.size_bytes = CAP;
	s.child->vf.resize = NULL;
	fault_record(&s.child->fault);
	CHECK(make_empty(&s) == POD_OK);
	s.out = calloc(1, MEM_CAP);
	long states = fault_states(&s.child->fault, s.out, 7, check_state, &s);
	CHECK(states > 50 && s.olds && s.news);
	CHECK_EQ(s.bad, 0);
	printf("%zu writes, %ld states, %ld old, %ld new\n", s.child->fault.n, states, s.olds, s.news);
	end(&s);
}

TEST(power_cuts)
{
	cut_everywhere(false, false);
}

TEST(power_cuts_with_a_log)
{
	cut_everywhere(true, false);
}

TEST(power_cuts_on_the_way_to_another_parent)
{
	cut_everywhere(true, true);
}

/* Whatever moment power fails in, it shows what it showed, by the same identifier. */
static void check_settled(void *ctx, size_t cut)
{
	struct scene *s = ctx;
	struct mem_file real = *s->child;
	uint8_t now[16];
	mem_attach(s->child, s->out, real.dev.size_bytes, real.name);
	s->child->vf.id[0] = real.vf.id[0];
	bool ok = guid_of(s->child, now) && memcmp(now, s->guid, 16) == 0 && show(s->child, false, s->buf) &&
		  memcmp(s->buf, s->old, SIZE) == 0 && pod_vhdx_settle(&s->child->vf, &test_alloc, now, NULL) == POD_OK &&
		  memcmp(now, s->guid, 16) == 0 && show(s->child, false, s->buf) && memcmp(s->buf, s->old, SIZE) == 0;
	if (!ok && s->bad++ < 5)
		printf("cut after write %zu\n", cut);
	*s->child = real;
	s->child->dev.ctx = s->child;
	s->child->fault.dev.ctx = &s->child->fault;
	s->child->vf.dev = &s->child->dev;
}

TEST(its_log_is_carried_out)
{
	struct scene s;
	uint8_t now[16];
	begin(&s);
	CHECK(put(s.child, 7u << 20, 4096, 4, true));
	CHECK(show(s.child, false, s.old) && guid_of(s.child, s.guid));
	s.child->fault.dev.size_bytes = CAP;
	s.child->vf.resize = NULL;
	s.child->dev.read_only = true;
	CHECK(pod_vhdx_settle(&s.child->vf, &test_alloc, now, NULL) == POD_E_READONLY);
	s.child->dev.read_only = false;
	fault_record(&s.child->fault);
	CHECK(pod_vhdx_settle(&s.child->vf, &test_alloc, now, NULL) == POD_OK && memcmp(now, s.guid, 16) == 0);
	CHECK(s.child->fault.n > 2);
	s.out = calloc(1, MEM_CAP);
	CHECK(fault_states(&s.child->fault, s.out, 7, check_settled, &s) > 5);
	CHECK_EQ(s.bad, 0);
	/* nothing is left to do */
	const size_t writes = s.child->fault.n;
	CHECK(pod_vhdx_settle(&s.child->vf, &test_alloc, now, NULL) == POD_OK && memcmp(now, s.guid, 16) == 0);
	CHECK_EQ(s.child->fault.n, writes);
	CHECK(show(s.child, false, s.buf) && memcmp(s.buf, s.old, SIZE) == 0);
	end(&s);
}
