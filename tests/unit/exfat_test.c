/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/fs/exfat_upcase.h"
#include "tests/unit/exfat_scenario.h"
#include "tests/unit/test.h"

enum { SMALL = 1 << 20 };

static uint8_t *image(void)
{
	return calloc(1, SMALL);
}

/* --- power cuts --------------------------------------------------------------------------------------- */

struct crash {
	const struct operation *op;
	struct listing before, after;
	struct fault_dev now; /* over the state at hand */
	long cut_states, kinds[3], cut_chains;
};

/* A check inside an operation names it, and at which cut, access or allocation it failed. */
#define CHECK_IN(op, at, cond)                                                                                                   \
	do {                                                                                                                     \
		if (!(cond)) {                                                                                                   \
			char in_[256];                                                                                           \
			snprintf(in_, sizeof in_, "%s, at %ld: %s", (op)->name, (long)(at), #cond);                              \
			test_fail(__FILE__, __LINE__, in_);                                                                      \
		}                                                                                                                \
	} while (0)

static void complain(struct crash *c, size_t cut, const char *what)
{
	char in[256];
	snprintf(in, sizeof in, "%s, cut at %zu: %s", c->op->name, cut, what);
	test_fail(__FILE__, __LINE__, in);
}

/* The state a move_replace or a replaced packed file may pass through: as before, less the target. */
static bool is_between(const struct crash *c, const struct listing *l)
{
	if (!c->op->may_vanish)
		return false;
	size_t n = strlen(c->op->may_vanish);
	int want = 0;
	for (int i = 0; i < c->before.n; i++) {
		if (strncmp(c->before.line[i], c->op->may_vanish, n) == 0 && c->before.line[i][n] == ' ')
			continue;
		want++;
		if (!list_has(l, c->before.line[i]))
			return false;
	}
	/* An empty file that is moved may be seen under both names: one more than before. */
	return l->n == want || (strcmp(c->op->name, "rename_empty") == 0 && l->n == c->before.n + 1);
}

static void check_state(void *ctx, size_t cut)
{
	struct crash *c = ctx;
	struct listing l;
	struct pod_exfat_vol v;
	c->cut_states++;
	/* As the boot manager sees it, before any repair: what the operation does not concern is all there. */
	list_volume(&l, &c->now.dev, &test_alloc);
	if (l.st != POD_OK)
		complain(c, cut, "cannot be read");
	for (int i = 0; i < c->before.n; i++)
		if (list_has(&c->after, c->before.line[i]) && !list_has(&l, c->before.line[i]))
			complain(c, cut, c->before.line[i]);
	list_free(&l);
	struct pod_diag diag = {0};
	enum pod_status st = pod_exfat_mount(&v, &c->now.dev, &test_alloc, &diag);
	if (st != POD_OK) {
		complain(c, cut, diag.what ? diag.what : "cannot be mounted");
		return;
	}
	if (v.repair.claimed_clusters)
		complain(c, cut, "a cluster was in use and not allocated");
	c->cut_chains += v.repair.cut_chains;
	if (v.repair.cut_chains && !c->op->long_chain)
		complain(c, cut, "a chain was longer than its file");
	if (pod_exfat_unmount(&v) != POD_OK)
		complain(c, cut, "cannot be unmounted");
	list_volume(&l, &c->now.dev, &test_alloc);
	if (list_equal(&l, &c->before))
		c->kinds[0]++;
	else if (list_equal(&l, &c->after))
		c->kinds[1]++;
	else if (is_between(c, &l))
		c->kinds[2]++;
	else
		complain(c, cut, "neither as before nor as after");
	list_free(&l);
	/* Nothing is left to repair. */
	c->now.data[106] |= 2;
	if (pod_exfat_mount(&v, &c->now.dev, &test_alloc, NULL) != POD_OK) {
		complain(c, cut, "cannot be mounted again");
		return;
	}
	if (v.repair.freed_clusters || v.repair.claimed_clusters || v.repair.finished_moves || v.repair.undone_moves ||
	    v.repair.dropped_entries || v.repair.cut_chains)
		complain(c, cut, "the repair left something");
	if (pod_exfat_unmount(&v) != POD_OK)
		complain(c, cut, "cannot be unmounted again");
}

static void cut_operations(uint32_t cluster_size)
{
	uint8_t *base = image(), *data = image(), *state = image();
	struct fault_dev f;
	long states = 0;
	fault_init(&f, base, SMALL, 512);
	scenario_base(&f, &test_alloc, cluster_size);
	for (size_t i = 0; i < POD_ARRAY_LEN(operations); i++) {
		struct crash c = {.op = &operations[i]};
		memcpy(data, base, SMALL);
		fault_init(&f, data, SMALL, 512);
		fault_init(&c.now, state, SMALL, 512);
		list_volume(&c.before, &f.dev, &test_alloc);
		CHECK_IN(c.op, 0, c.before.st == POD_OK);
		fault_record(&f);
		CHECK_IN(c.op, 0, run_operation(c.op, &f.dev, &test_alloc) == POD_OK);
		list_volume(&c.after, &f.dev, &test_alloc);
		/* Operations of several files pass through states between the ends: those are for fsck.exfat. */
		if (strncmp(c.op->name, "grow_", 5) != 0)
			fault_states(&f, state, i + 1, check_state, &c);
		states += c.cut_states;
		/* Each state of the two was met: the cuts are where they should be. */
		if (c.cut_states && strcmp(c.op->name, "nothing") != 0) {
			CHECK_IN(c.op, f.n, c.kinds[0] > 0);
			CHECK_IN(c.op, f.n, c.kinds[1] > 0);
			CHECK_IN(c.op, f.n, (c.cut_chains > 0) == c.op->long_chain);
		}
		list_free(&c.before);
		list_free(&c.after);
		fault_fini(&f);
	}
	printf("%u-byte clusters: %ld states\n", cluster_size, states);
	CHECK(states > 500);
	free(base);
	free(data);
	free(state);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(power_cut_everywhere)
{
	cut_operations(2048);
}

TEST(power_cut_everywhere_large_clusters)
{
	cut_operations(4096);
}

/* The power fails a second time, while the mount repairs what the first cut left. */
TEST(power_cut_during_repair)
{
	static const char *const names[] = {"move",	     "move_folder",    "move_long",    "remove_packed2",
					    "add_long",	     "move_into_full", "extend_chain", "extend_to_chain",
					    "extend_packed", "truncate_chain"};
	uint8_t *base = image(), *data = image(), *first = image(), *state = image();
	struct fault_dev f, g;
	long states = 0;
	fault_init(&f, base, SMALL, 512);
	scenario_base(&f, &test_alloc, 2048);
	for (size_t i = 0; i < POD_ARRAY_LEN(operations); i++) {
		bool chosen = false;
		for (size_t k = 0; k < POD_ARRAY_LEN(names); k++)
			chosen = chosen || strcmp(names[k], operations[i].name) == 0;
		if (!chosen)
			continue;
		struct crash c = {.op = &operations[i]};
		memcpy(data, base, SMALL);
		fault_init(&f, data, SMALL, 512);
		fault_init(&c.now, state, SMALL, 512);
		list_volume(&c.before, &f.dev, &test_alloc);
		fault_record(&f);
		CHECK_IN(c.op, 0, run_operation(c.op, &f.dev, &test_alloc) == POD_OK);
		list_volume(&c.after, &f.dev, &test_alloc);
		memcpy(first, f.base, SMALL);
		for (size_t cut = 0; cut < f.n; cut++) {
			/* In order and whole: what the process being killed leaves. */
			uint64_t seed = 0;
			fault_apply(first, &f.log[cut], 0, 0, &seed);
			if (!(first[106] & 2))
				continue;
			memcpy(data, first, SMALL);
			fault_init(&g, data, SMALL, 512);
			fault_record(&g);
			struct pod_exfat_vol v;
			CHECK_IN(c.op, cut, pod_exfat_mount(&v, &g.dev, &test_alloc, NULL) == POD_OK);
			CHECK_IN(c.op, cut, pod_exfat_unmount(&v) == POD_OK);
			fault_states(&g, state, cut + 1, check_state, &c);
			fault_fini(&g);
		}
		CHECK_IN(c.op, f.n, c.kinds[0] > 0 && c.kinds[1] > 0);
		states += c.cut_states;
		list_free(&c.before);
		list_free(&c.after);
		fault_fini(&f);
	}
	printf("second cut: %ld states\n", states);
	CHECK(states > 100);
	free(base);
	free(data);
	free(first);
	free(state);
}

/* --- failing devices and memory ----------------------------------------------------------------------- */

/* The nth access fails for good: a defined status, nothing leaked, and the volume as before or after for the next mount. */
TEST(every_access_fails_once)
{
	uint8_t *base = image(), *data = image();
	struct fault_dev f;
	fault_init(&f, base, SMALL, 512);
	scenario_base(&f, &test_alloc, 2048);
	for (size_t i = 0; i < POD_ARRAY_LEN(operations); i++) {
		if (strncmp(operations[i].name, "grow_", 5) == 0)
			continue;
		for (int kind = 0; kind < 3; kind++) {
			for (long n = 1;; n++) {
				memcpy(data, base, SMALL);
				fault_init(&f, data, SMALL, 512);
				f.dead = true;
				*(kind == 0 ? &f.fail_read_at : kind == 1 ? &f.fail_write_at : &f.fail_flush_at) = n;
				enum pod_status st = run_operation(&operations[i], &f.dev, &test_alloc);
				CHECK_IN(&operations[i], n, test_alloc_live == 0);
				if (!f.died)
					break;
				CHECK_IN(&operations[i], n, st != POD_OK);
				f.dead = f.died = false;
				struct pod_exfat_vol v;
				CHECK_IN(&operations[i], n, pod_exfat_mount(&v, &f.dev, &test_alloc, NULL) == POD_OK);
				CHECK_IN(&operations[i], n, v.repair.claimed_clusters == 0);
				CHECK_IN(&operations[i], n, pod_exfat_unmount(&v) == POD_OK);
			}
		}
	}
	free(base);
	free(data);
}

TEST(every_allocation_fails_once)
{
	uint8_t *base = image(), *data = image();
	struct fault_dev f;
	fault_init(&f, base, SMALL, 512);
	scenario_base(&f, &test_alloc, 2048);
	for (size_t i = 0; i < POD_ARRAY_LEN(operations); i++) {
		if (strncmp(operations[i].name, "grow_", 5) == 0)
			continue;
		for (long n = 1;; n++) {
			memcpy(data, base, SMALL);
			fault_init(&f, data, SMALL, 512);
			test_alloc_count = 0;
			test_alloc_fail_at = n;
			enum pod_status st = run_operation(&operations[i], &f.dev, &test_alloc);
			bool reached = test_alloc_count >= n;
			test_alloc_fail_at = 0;
			CHECK_IN(&operations[i], n, test_alloc_live == 0);
			if (!reached)
				break;
			CHECK_IN(&operations[i], n, st == POD_E_NOMEM);
		}
	}
	free(base);
	free(data);
}

/* --- format ------------------------------------------------------------------------------------------- */

TEST(upcase_table_is_the_recommended_one)
{
	uint16_t *map = malloc(POD_EXFAT_UPCASE_UNITS * 2), *back = malloc(POD_EXFAT_UPCASE_UNITS * 2);
	uint8_t *packed = malloc(POD_EXFAT_UPCASE_PACKED_MAX);
	pod_exfat_upcase_fill(map);
	size_t n = pod_exfat_upcase_pack(map, packed);
	CHECK_EQ(n, 5836);
	CHECK_EQ(pod_exfat_table_sum(0, packed, n), 0xE619D30D); /* TableChecksum stated in 7.2.5.1 */
	CHECK_EQ(pod_exfat_upcase_unpack(packed, n, back), POD_OK);
	CHECK(memcmp(map, back, POD_EXFAT_UPCASE_UNITS * 2) == 0);
	CHECK_EQ(map['a'], 'A');
	CHECK_EQ(map[0xE9], 0xC9);
	CHECK_EQ(map[0x44F], 0x42F);
	CHECK_EQ(map[0xDF], 0xDF); /* sharp s has no single upper case */
	free(map);
	free(back);
	free(packed);
}

TEST(format_limits)
{
	uint8_t *data = image();
	struct fault_dev f;
	fault_init(&f, data, SMALL, 512);
	struct pod_exfat_format p = {.label = "elf Zeichen"};
	CHECK_EQ(pod_exfat_format(&f.dev, &test_alloc, &p, NULL), POD_OK);
	p.label = "zwölf Zeiche";
	CHECK_EQ(pod_exfat_format(&f.dev, &test_alloc, &p, NULL), POD_E_INVALID);
	p.label = NULL;
	for (uint32_t size = 1; size; size <<= 1) {
		p.cluster_size = size;
		enum pod_status st = pod_exfat_format(&f.dev, &test_alloc, &p, NULL);
		CHECK_EQ(st, size < 512 || size > 32u << 20 ? POD_E_INVALID : size > 128 * 1024 ? POD_E_NOSPACE : POD_OK);
	}
	p.cluster_size = 1536;
	CHECK_EQ(pod_exfat_format(&f.dev, &test_alloc, &p, NULL), POD_E_INVALID);
	fault_init(&f, data, SMALL - 512, 512);
	p.cluster_size = 512;
	CHECK_EQ(pod_exfat_format(&f.dev, &test_alloc, &p, NULL), POD_E_NOSPACE);
	free(data);
}

/* Needs no device behind it: `none` has neither read nor write. */
TEST(parameters_are_checked_before_anything_is_written)
{
	static const struct {
		const char *label;
		uint64_t size_bytes;
		enum pod_status want;
	} cases[] = {
		{"elf Zeichen", 8 << 20, POD_OK},  {"zwölf Zeiche", 8 << 20, POD_E_INVALID},
		{"a\x01", 8 << 20, POD_E_INVALID}, {"a\xff", 8 << 20, POD_E_INVALID},
		{NULL, 1000, POD_E_NOSPACE},	   {NULL, 511ull << 40, POD_OK},
		{NULL, 513ull << 40, POD_E_LIMIT},
	};
	for (size_t i = 0; i < POD_ARRAY_LEN(cases); i++) {
		struct pod_dev none = {.size_bytes = cases[i].size_bytes, .sector_size = 512};
		struct pod_exfat_format p = {.label = cases[i].label, .partition_offset_bytes = 1 << 20};
		CHECK_EQ(pod_exfat_format_check(&none, &p, NULL), cases[i].want);
	}
}

TEST(backup_boot_region_counts_when_the_main_one_is_bad)
{
	uint8_t *data = image();
	struct fault_dev f;
	struct listing l;
	struct pod_exfat_vol v;
	fault_init(&f, data, SMALL, 512);
	scenario_base(&f, &test_alloc, 2048);
	data[100] ^= 1; /* the serial number: only the checksum can tell */
	list_volume(&l, &f.dev, &test_alloc);
	CHECK_EQ(l.st, POD_OK);
	CHECK(l.n > 20);
	list_free(&l);
	CHECK_EQ(pod_exfat_mount(&v, &f.dev, &test_alloc, NULL), POD_E_CORRUPT);
	data[12 * 512 + 100] ^= 1;
	list_volume(&l, &f.dev, &test_alloc);
	CHECK_EQ(l.st, POD_E_CORRUPT);
	memset(data, 0, 512); /* the name is gone: another filesystem may live here now */
	data[12 * 512 + 100] ^= 1;
	list_volume(&l, &f.dev, &test_alloc);
	CHECK_EQ(l.st, POD_E_FORMAT);
	free(data);
}

/* --- behaviour ---------------------------------------------------------------------------------------- */

TEST(names_space_and_refusals)
{
	uint8_t *data = image();
	struct fault_dev f;
	struct pod_exfat_vol v;
	struct pod_exfat_new n;
	struct pod_exfat_space s;
	struct pod_diag diag;
	fault_init(&f, data, SMALL, 512);
	scenario_base(&f, &test_alloc, 2048);
	MUST(pod_exfat_mount(&v, &f.dev, &test_alloc, &why));
	CHECK_EQ(put_file(&v, "/A/ONE.ISO", 1, 0), POD_E_EXISTS);
	CHECK_EQ(put_file(&v, "/a", 1, POD_EXFAT_REPLACE), POD_E_EXISTS);
	CHECK_EQ(put_file(&v, "/nowhere/x", 1, 0), POD_E_NOT_FOUND);
	CHECK_EQ(put_file(&v, "/a/one.iso/x", 1, 0), POD_E_NOT_FOUND);
	CHECK_EQ(put_file(&v, "/a/x:y", 1, 0), POD_E_INVALID);
	CHECK_EQ(put_file(&v, "/a/..", 1, 0), POD_E_INVALID);
	CHECK_EQ(put_file(&v, long_name("/a", 'n', 256), 1, 0), POD_E_INVALID);
	CHECK_EQ(put_file(&v, "/a/\xff", 1, 0), POD_E_INVALID);
	CHECK_EQ(pod_exfat_remove(&v, "/a", NULL), POD_E_EXISTS);
	CHECK_EQ(pod_exfat_remove(&v, "/a/two", NULL), POD_E_NOT_FOUND);
	CHECK_EQ(pod_exfat_rename(&v, "/a", "/a/b/c", 0, NULL), POD_E_INVALID);
	CHECK_EQ(pod_exfat_rename(&v, "/a/one.iso", "/a/three.iso", 0, NULL), POD_E_EXISTS);
	CHECK_EQ(pod_exfat_rename(&v, "/empty", "/a/three.iso", POD_EXFAT_REPLACE, NULL), POD_E_EXISTS);
	CHECK_EQ(pod_exfat_mkdir(&v, "/a/one.iso", 0, NULL), POD_E_EXISTS);
	CHECK_EQ(pod_exfat_mkdir(&v, "/a/b/", 0, NULL), POD_OK);
	/* Umlauts fold too. */
	CHECK_EQ(put_file(&v, "/a/Größe", 1, 0), POD_OK);
	CHECK_EQ(put_file(&v, "/a/GRÖßE", 1, 0), POD_E_EXISTS);
	pod_exfat_space(&v, &s);
	CHECK(s.largest_run_bytes < s.free_bytes);
	CHECK_EQ(pod_exfat_begin(&v, "/big", s.largest_run_bytes + 1, 0, &n, &diag), POD_E_NOSPACE);
	CHECK_EQ(diag.got, s.largest_run_bytes);
	CHECK_EQ(diag.offset_bytes, s.free_bytes);
	CHECK_EQ(pod_exfat_begin(&v, "/big", s.free_bytes + 1, POD_EXFAT_FRAGMENTS, &n, &diag), POD_E_NOSPACE);
	CHECK_EQ(pod_exfat_begin(&v, "/big", 1ull << 60, POD_EXFAT_FRAGMENTS, &n, &diag), POD_E_NOSPACE);
	CHECK_EQ(pod_exfat_begin(&v, "/big", s.largest_run_bytes, 0, &n, &diag), POD_OK);
	CHECK_EQ(n.extents, 1);
	CHECK_EQ(pod_exfat_remove(&v, "/a/one.iso", NULL), POD_E_BUSY);
	pod_exfat_abort(&v, &n);
	CHECK_EQ(pod_exfat_begin(&v, "/big", s.free_bytes, POD_EXFAT_FRAGMENTS, &n, &diag), POD_OK);
	CHECK(n.extents > 1);
	pod_exfat_abort(&v, &n);
	CHECK_EQ(pod_exfat_unmount(&v), POD_OK);
	f.dev.read_only = true;
	MUST(pod_exfat_mount(&v, &f.dev, &test_alloc, &why));
	CHECK_EQ(put_file(&v, "/x", 1, 0), POD_E_READONLY);
	CHECK_EQ(pod_exfat_remove(&v, "/a/one.iso", NULL), POD_E_READONLY);
	CHECK_EQ(pod_exfat_unmount(&v), POD_OK);
	CHECK_EQ(test_alloc_live, 0);
	free(data);
}

/* --- attributes --------------------------------------------------------------------------------------- */

static uint16_t attributes_of(struct fault_dev *f, const char *path)
{
	struct pod_fs fs = {0};
	struct pod_node node;
	struct pod_dirent *e = malloc(sizeof *e);
	MUST(pod_fs_open_as(&fs, &pod_fs_exfat, &f->dev, &test_alloc, NULL));
	MUST(pod_fs_lookup(&fs, path, &node, e));
	pod_fs_close(&fs);
	free(e);
	return node.attributes;
}

TEST(attributes_change_in_one_write)
{
	uint8_t *data = image();
	struct fault_dev f;
	struct pod_exfat_vol v;
	fault_init(&f, data, SMALL, 512);
	scenario_base(&f, &test_alloc, 2048);
	CHECK_EQ(attributes_of(&f, "/packed/p4"), POD_ATTR_ARCHIVE);
	CHECK_EQ(attributes_of(&f, "/a"), POD_EXFAT_ATTR_DIR);
	MUST(pod_exfat_mount(&v, &f.dev, &test_alloc, &why));
	/* What is so already: not even VolumeDirty. */
	f.writes = 0;
	CHECK_EQ(pod_exfat_set_attributes(&v, "/packed/p4", 0, POD_ATTR_READ_ONLY, NULL), POD_OK);
	CHECK_EQ(f.writes, 0);
	/* VolumeDirty and the block; then the block alone. What is not in the mask stays. */
	CHECK_EQ(pod_exfat_set_attributes(&v, "/PACKED/P4", READ_ONLY, NULL), POD_OK);
	CHECK_EQ(f.writes, 2);
	CHECK(data[106] & 2);
	CHECK_EQ(attributes_of(&f, "/packed/p4"), POD_ATTR_ARCHIVE | POD_ATTR_READ_ONLY);
	CHECK_EQ(pod_exfat_set_attributes(&v, "/packed/p4", POD_ATTR_HIDDEN, POD_ATTR_HIDDEN | POD_ATTR_ARCHIVE, NULL), POD_OK);
	CHECK_EQ(f.writes, 3);
	CHECK_EQ(attributes_of(&f, "/packed/p4"), POD_ATTR_HIDDEN | POD_ATTR_READ_ONLY);
	/* They go along with a file that moves. */
	CHECK_EQ(pod_exfat_rename(&v, "/packed/p4", "/a/b/p4", 0, NULL), POD_OK);
	CHECK_EQ(attributes_of(&f, "/a/b/p4"), POD_ATTR_HIDDEN | POD_ATTR_READ_ONLY);
	CHECK_EQ(pod_exfat_set_attributes(&v, "/a", POD_ATTR_READ_ONLY, 0xff, NULL), POD_E_INVALID);
	CHECK_EQ(pod_exfat_set_attributes(&v, "/a", 0, POD_EXFAT_ATTR_DIR, NULL), POD_E_INVALID);
	CHECK_EQ(pod_exfat_set_attributes(&v, "/a/two", READ_ONLY, NULL), POD_E_NOT_FOUND);
	CHECK_EQ(pod_exfat_set_attributes(&v, "/", READ_ONLY, NULL), POD_E_INVALID);
	CHECK_EQ(pod_exfat_unmount(&v), POD_OK);
	CHECK(!(data[106] & 2));
	f.dev.read_only = true;
	MUST(pod_exfat_mount(&v, &f.dev, &test_alloc, &why));
	CHECK_EQ(pod_exfat_set_attributes(&v, "/a", READ_ONLY, NULL), POD_E_READONLY);
	CHECK_EQ(pod_exfat_unmount(&v), POD_OK);
	CHECK_EQ(test_alloc_live, 0);
	free(data);
}

/* --- a file's length ---------------------------------------------------------------------------------- */

/* How many runs a file has on the medium, as the reader sees it; *zeros: does all from `from` on read as zeros? */
static size_t runs_of(struct fault_dev *f, const char *path, uint64_t from, bool *zeros)
{
	struct pod_fs fs = {0};
	struct pod_node node;
	struct pod_dirent *e = malloc(sizeof *e);
	struct pod_extent *x = NULL;
	size_t n = 0, runs = 0;
	*zeros = true;
	MUST(pod_fs_open_as(&fs, &pod_fs_exfat, &f->dev, &test_alloc, NULL));
	MUST(pod_fs_lookup(&fs, path, &node, e));
	MUST(pod_fs_extents(&fs, &node, &test_alloc, &x, &n));
	for (size_t i = 0; i < n; i++) {
		runs += !x[i].hole;
		for (uint64_t k = 0; !x[i].hole && k < x[i].length_bytes; k++)
			if (x[i].file_bytes + k >= from && f->data[x[i].dev_bytes + k])
				*zeros = false;
	}
	pod_free(&test_alloc, x);
	pod_fs_close(&fs);
	free(e);
	return runs;
}

TEST(length_changes_in_place)
{
	uint8_t *data = image();
	struct fault_dev f;
	struct pod_exfat_vol v;
	struct pod_exfat_file x, y;
	struct pod_diag diag;
	bool zeros;
	fault_init(&f, data, SMALL, 512);
	scenario_base(&f, &test_alloc, 2048);
	MUST(pod_exfat_mount(&v, &f.dev, &test_alloc, &why));
	/* All that is free is full of somebody's old content. */
	for (uint32_t c = 2; c < v.g.cluster_count + 2; c++)
		if (!(v.bitmap[(c - 2) >> 3] >> ((c - 2) & 7) & 1))
			memset(data + pod_exfat_cluster_bytes(&v.g, c), 0xA5, 2048);
	uint32_t free_before = v.free_clusters;
	MUST(pod_exfat_file_open(&v, "/FILLER", &x, &why));
	uint64_t old = x.size_bytes;
	/* Directly behind its end while there is room, and without content unless some was written. */
	MUST(pod_exfat_reserve(&v, &x, old + 3 * 2048, 0, &why));
	CHECK_EQ(x.extents, 1);
	CHECK_EQ(v.free_clusters, free_before - 3);
	CHECK_EQ(pod_exfat_extend(&v, "/filler", &x, old + 4 * 2048, old, NULL), POD_E_INVALID);
	CHECK_EQ(pod_exfat_extend(&v, "/filler", &x, old - 1, old, NULL), POD_E_INVALID);
	CHECK_EQ(pod_exfat_extend(&v, "/filler", &x, old, old + 1, NULL), POD_E_INVALID);
	MUST(pod_exfat_extend(&v, "/filler", &x, old + 3 * 2048, old, &why));
	CHECK_EQ(runs_of(&f, "/filler", old, &zeros), 1);
	CHECK(zeros);
	/* No room: nothing is reserved. What was reserved comes back. */
	CHECK_EQ(pod_exfat_reserve(&v, &x, old + ((uint64_t)v.free_clusters + 4) * 2048, POD_EXFAT_FRAGMENTS, &diag),
		 POD_E_NOSPACE);
	CHECK_EQ(diag.offset_bytes, (uint64_t)v.free_clusters * 2048);
	CHECK_EQ(pod_exfat_reserve(&v, &x, 1ull << 60, POD_EXFAT_FRAGMENTS, NULL), POD_E_NOSPACE);
	CHECK_EQ(pod_exfat_reserve(&v, &x, old + ((uint64_t)v.free_clusters + 3) * 2048, 0, NULL), POD_E_NOSPACE);
	CHECK_EQ(v.free_clusters, free_before - 3);
	MUST(pod_exfat_reserve(&v, &x, old + ((uint64_t)v.free_clusters + 3) * 2048, POD_EXFAT_FRAGMENTS, &why));
	CHECK_EQ(v.free_clusters, 0);
	CHECK(x.extents > 1);
	CHECK_EQ(put_file(&v, "/more", 1, 0), POD_E_NOSPACE);
	pod_exfat_file_close(&v, &x);
	CHECK_EQ(v.free_clusters, free_before - 3);
	CHECK_EQ(cut_file(&v, "/filler", old), POD_OK);
	CHECK_EQ(v.free_clusters, free_before);
	CHECK_EQ(cut_file(&v, "/filler", old + 1), POD_E_INVALID);
	/* Into pieces, and back to one. */
	MUST(grow_file(&v, "/a/three.iso", 2048 * 6, 2048 * 6));
	CHECK(runs_of(&f, "/a/three.iso", 0, &zeros) > 1);
	MUST(cut_file(&v, "/a/three.iso", 2048 * 3));
	CHECK_EQ(runs_of(&f, "/a/three.iso", 0, &zeros), 1);
	MUST(pod_exfat_file_open(&v, "/a/three.iso", &x, &why));
	CHECK(x.contiguous);
	/* It is another file by now, or gone, or a folder. */
	MUST(grow_file(&v, "/a/three.iso", 2048 * 4, 2048 * 4));
	CHECK_EQ(pod_exfat_reserve(&v, &x, 2048 * 5, POD_EXFAT_FRAGMENTS, NULL), POD_OK);
	CHECK_EQ(pod_exfat_extend(&v, "/a/three.iso", &x, 2048 * 5, 2048 * 5, NULL), POD_E_CHANGED);
	CHECK_EQ(pod_exfat_truncate(&v, "/a/three.iso", &x, 0, NULL), POD_E_CHANGED);
	CHECK_EQ(pod_exfat_extend(&v, "/a/four.iso", &x, 2048 * 3, 2048 * 3, NULL), POD_E_NOT_FOUND);
	pod_exfat_file_close(&v, &x);
	CHECK_EQ(pod_exfat_file_open(&v, "/a", &x, NULL), POD_E_INVALID);
	CHECK_EQ(pod_exfat_file_open(&v, "/a/four.iso", &x, NULL), POD_E_NOT_FOUND);
	/* Two files that grow by turns, and a new one between them. */
	MUST(pod_exfat_file_open(&v, "/a/one.iso", &x, &why));
	MUST(pod_exfat_file_open(&v, "/a/none.iso", &y, &why));
	for (uint64_t n = 2; n < 6; n++) {
		MUST(pod_exfat_reserve(&v, &x, n * 2048, POD_EXFAT_FRAGMENTS, &why));
		MUST(pod_exfat_reserve(&v, &y, n * 2048, POD_EXFAT_FRAGMENTS, &why));
		if (n == 4)
			MUST(put_file(&v, "/between", 2048, 0));
		MUST(pod_exfat_extend(&v, "/a/one.iso", &x, n * 2048, x.valid_bytes, &why));
		if (n != 3)
			MUST(pod_exfat_extend(&v, "/a/none.iso", &y, n * 2048, 0, &why));
	}
	pod_exfat_file_close(&v, &y);
	pod_exfat_file_close(&v, &x);
	CHECK_EQ(pod_exfat_unmount(&v), POD_OK);
	CHECK_EQ(runs_of(&f, "/a/none.iso", 0, &zeros), 0);
	CHECK(zeros);
	/* Nothing is lost, and nothing has two owners. */
	data[106] |= 2;
	MUST(pod_exfat_mount(&v, &f.dev, &test_alloc, &why));
	CHECK(!v.repair.freed_clusters && !v.repair.claimed_clusters && !v.repair.cut_chains);
	CHECK_EQ(pod_exfat_unmount(&v), POD_OK);
	CHECK_EQ(test_alloc_live, 0);
	free(data);
}

/* Device offset of the folder's first cluster. */
static uint8_t *folder(struct fault_dev *f, const char *path)
{
	struct pod_fs fs = {0};
	struct pod_node node;
	struct pod_dirent *e = malloc(sizeof *e);
	struct pod_exfat_geom g;
	uint8_t boot[512];
	MUST(pod_fs_open_as(&fs, &pod_fs_exfat, &f->dev, &test_alloc, NULL));
	MUST(pod_fs_lookup(&fs, path, &node, e));
	pod_fs_close(&fs);
	free(e);
	MUST(pod_exfat_read_boot(&f->dev, boot, sizeof boot, &g, NULL));
	return f->data + pod_exfat_cluster_bytes(&g, (uint32_t)node.priv[0]);
}

static void seal(uint8_t *set)
{
	uint16_t sum = pod_exfat_set_sum(0, set, true);
	for (int i = 1; i <= set[1]; i++)
		sum = pod_exfat_set_sum(sum, set + 32 * i, false);
	pod_put_le16(set + 2, sum);
}

TEST(real_damage_is_refused_and_nothing_written)
{
	for (int kind = 0; kind < 4; kind++) {
		uint8_t *data = image(), *copy = image();
		struct fault_dev f;
		struct pod_exfat_vol v;
		struct pod_diag diag = {0};
		fault_init(&f, data, SMALL, 512);
		scenario_base(&f, &test_alloc, 2048);
		uint8_t *set = folder(&f, "/a");
		while (!(set[0] == 0x85 && pod_get_le64(set + 32 + 24) > 2048))
			set += 32;
		if (kind == 0) { /* two owners */
			pod_put_le32(set + 32 + 20, pod_get_le32(set + 32 + 20) - 1);
			seal(set);
		} else if (kind == 1) { /* outside the volume */
			pod_put_le32(set + 32 + 20, 0x00FFFFFF);
			seal(set);
		} else if (kind == 2) { /* checksum */
			set[2] ^= 1;
		} else { /* unknown critical entry in the root */
			folder(&f, "/")[32 * 3] = 0x84;
		}
		data[106] |= 2;
		memcpy(copy, data, SMALL);
		CHECK_EQ(pod_exfat_mount(&v, &f.dev, &test_alloc, &diag), POD_E_CORRUPT);
		CHECK(diag.what != NULL);
		CHECK(memcmp(copy, data, SMALL) == 0);
		CHECK_EQ(test_alloc_live, 0);
		free(data);
		free(copy);
	}
}

TEST(lost_and_unallocated_clusters_are_put_right)
{
	uint8_t *data = image();
	struct fault_dev f;
	struct pod_exfat_vol v;
	fault_init(&f, data, SMALL, 512);
	scenario_base(&f, &test_alloc, 2048);
	MUST(pod_exfat_mount(&v, &f.dev, &test_alloc, &why));
	uint32_t free_before = v.free_clusters;
	uint64_t at = v.bitmap_bytes;
	size_t len = v.bitmap_len;
	MUST(pod_exfat_unmount(&v));
	data[at + 3] ^= 0x80;	    /* one in use becomes free */
	data[at + len - 1] |= 0x01; /* one free becomes lost */
	MUST(pod_exfat_mount(&v, &f.dev, &test_alloc, &why));
	CHECK(!v.repair.was_dirty); /* a clean volume is believed */
	MUST(pod_exfat_unmount(&v));
	data[106] |= 2;
	MUST(pod_exfat_mount(&v, &f.dev, &test_alloc, &why));
	CHECK(v.repair.was_dirty);
	CHECK_EQ(v.repair.freed_clusters, 1);
	CHECK_EQ(v.repair.claimed_clusters, 1);
	CHECK_EQ(v.free_clusters, free_before);
	MUST(pod_exfat_unmount(&v));
	CHECK_EQ(data[106] & 2, 0);
	free(data);
}

/* --- reader ------------------------------------------------------------------------------------------- */

TEST(reader_skips_bad_sets_and_ends_loops)
{
	uint8_t *data = image();
	struct fault_dev f;
	struct listing before, l;
	fault_init(&f, data, SMALL, 512);
	scenario_base(&f, &test_alloc, 2048);
	list_volume(&before, &f.dev, &test_alloc);
	uint8_t *set = folder(&f, "/a");
	while (set[0] != 0x85)
		set += 32;
	set[2] ^= 1;
	list_volume(&l, &f.dev, &test_alloc);
	CHECK_EQ(l.st, POD_OK);
	CHECK(l.n < before.n);
	list_free(&l);
	list_free(&before);
	/* The root's chain bites its tail, and no end marker stops the walk. */
	struct pod_exfat_geom g;
	uint8_t boot[512];
	MUST(pod_exfat_read_boot(&f.dev, boot, sizeof boot, &g, NULL));
	for (uint8_t *e = folder(&f, "/"), *end = e + 2048; e < end; e += 32)
		if (!e[0])
			e[0] = 5;
	pod_put_le32(data + g.fat_bytes + 4ull * g.root_cluster, g.root_cluster);
	list_volume(&l, &f.dev, &test_alloc);
	CHECK_EQ(l.st, POD_E_CORRUPT);
	list_free(&l);
	free(data);
}

TEST(times)
{
	static const int64_t t[] = {315532800, 1700000001, 951782400, 951868799, 4107542400, 4354819199, 1709164800};
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++) {
		uint8_t ms10;
		uint32_t stamp = pod_exfat_from_unix(t[i], &ms10);
		CHECK_EQ(pod_exfat_to_unix(stamp, ms10, 0x80), t[i]);
	}
	for (int64_t d = 315532800; d < 4354819199; d += 86400 * 7 + 3601) {
		uint8_t ms10;
		uint32_t stamp = pod_exfat_from_unix(d, &ms10);
		if (pod_exfat_to_unix(stamp, ms10, 0x80) != d)
			CHECK_EQ(pod_exfat_to_unix(stamp, ms10, 0x80), d);
	}
	uint8_t ms10;
	CHECK_EQ(pod_exfat_from_unix(0, &ms10), 1u << 21 | 1u << 16); /* clamped to 1980-01-01 */
	/* 2009-12-15 11:30, UTC+2 (88h): 09:30 UTC */
	CHECK_EQ(pod_exfat_to_unix(29u << 25 | 12u << 21 | 15u << 16 | 11u << 11 | 30u << 5, 0, 0x88), 1260869400);
	CHECK_EQ(pod_exfat_to_unix(0, 0, 0x80), 0);
}
