/* SPDX-License-Identifier: BSD-2-Clause */
/* What the hand-over says of a disk: the chunk is what the shim's own reader takes for the map; the modules are those of the list, each
 * once, behind what it needs. */
#include "core/base/mem.h"
#include "core/plan/internal.h"
#include "tests/unit/test.h"
/* The shim is no part of the core's archive. */
#include "linux/handover.c"
#include "linux/handover_disk.c"

#define MIB 1048576ull

static struct pod_plan plan;
static struct pod_plan_request rq;
static struct pod_handover h;
static struct pod_ho_disk d;

static void start(void)
{
	memset(&plan, 0, sizeof plan);
	memset(&rq, 0, sizeof rq);
	memset(&h, 0, sizeof h);
	plan.alloc = &test_alloc;
	pod_map_init(&plan.map, &test_alloc);
	h.plan = &plan;
	h.rq = &rq;
}

static void stop(void)
{
	pod_handover_fini(&h);
	pod_map_fini(&plan.map);
	CHECK_EQ(test_alloc_live, 0);
}

static void append(enum pod_seg_kind kind, uint64_t source, uint64_t len)
{
	CHECK_EQ(pod_map_append(&plan.map, kind, source, len), POD_OK);
}

/* What the shim makes of it, on a stick whose data partition is [1 MiB, 101 MiB). */
static enum pod_status read_back(void)
{
	struct pod_ho_record r = {.part_start_bytes = MIB,
				  .part_length_bytes = 100 * MIB,
				  .chunk = h.chunk,
				  .chunk_bytes = (uint32_t)h.chunk_bytes};
	struct pod_diag diag = {0};
	return pod_ho_disk(&r, &d, &diag);
}

static void check_seg(uint32_t i, uint64_t start_bytes, uint64_t len)
{
	struct pod_ho_run s;
	CHECK(i < d.seg_count);
	pod_ho_disk_seg(&d, i, &s);
	CHECK_EQ(s.start_bytes, start_bytes);
	CHECK_EQ(s.length_bytes, len);
}

TEST(the_map_is_the_disk)
{
	start();
	append(POD_SEG_DEV, 7 * MIB, 2 * MIB);
	append(POD_SEG_ZERO, 0, 5 * MIB);
	append(POD_SEG_DEV, 3 * MIB, MIB + 700);
	CHECK_EQ(pod_handover_disk(&h), POD_OK);
	CHECK_EQ(read_back(), POD_OK);
	CHECK_EQ(d.size_bytes, 8 * MIB + 512);
	CHECK_EQ(d.sector_size, 512);
	CHECK_EQ(d.flags, 0);
	CHECK_EQ(d.seg_count, 3);
	check_seg(0, 7 * MIB, 2 * MIB);
	check_seg(1, 0, 5 * MIB);
	check_seg(2, 3 * MIB, MIB + 512);
	CHECK_EQ(plan.warning_count, 0);
	stop();
}

/* The last sector is not whole, and there is nothing else of its segment. */
TEST(less_than_a_sector_is_left_out)
{
	start();
	append(POD_SEG_DEV, 7 * MIB, MIB);
	append(POD_SEG_ZERO, 0, 100);
	CHECK_EQ(pod_handover_disk(&h), POD_OK);
	CHECK_EQ(read_back(), POD_OK);
	CHECK_EQ(d.size_bytes, MIB);
	CHECK_EQ(d.seg_count, 1);
	stop();
}

TEST(what_was_made_in_memory_cannot_be_told)
{
	uint64_t at;
	start();
	append(POD_SEG_DEV, 7 * MIB, MIB);
	CHECK_EQ(pod_map_mem(&plan.map, NULL, 4096, &at), POD_OK);
	append(POD_SEG_MEM, at, 4096);
	CHECK_EQ(pod_handover_disk(&h), POD_E_UNSUPPORTED);
	CHECK_EQ(plan.warning_count, 1);
	CHECK(strstr(plan.warning[0], "the log of that is not empty"));
	CHECK_EQ(h.chunk_bytes, 0);
	stop();
	start();
	append(POD_SEG_DEV, 7 * MIB + 100, MIB);
	CHECK_EQ(pod_handover_disk(&h), POD_E_UNSUPPORTED);
	stop();
}

/* The first initrd stays as it is then; the next one is not served with a shim that knows of no disk. */
TEST(what_cannot_be_told_once_is_not_told_later)
{
	const struct pod_map *post;
	uint64_t at;
	start();
	plan.image.kind = POD_IMAGE_DISK;
	CHECK_EQ(pod_map_mem(&plan.map, NULL, 4096, &at), POD_OK);
	append(POD_SEG_MEM, at, 4096);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pod_handover_post(&h, POD_MACHINE_X64, &post), POD_E_UNSUPPORTED);
	CHECK_EQ(plan.warning_count, 1);
	stop();
}

static uint32_t flags_of(enum pod_image_kind container, bool one_fixed, bool hole)
{
	start();
	rq.write = true;
	plan.container = container;
	plan.one_fixed = one_fixed;
	append(POD_SEG_DEV, 7 * MIB, MIB);
	if (hole)
		append(POD_SEG_ZERO, 0, MIB);
	CHECK_EQ(pod_handover_disk(&h), POD_OK);
	CHECK_EQ(read_back(), POD_OK);
	CHECK_EQ(plan.warning_count, d.flags ? 0 : 1);
	uint32_t flags = d.flags;
	stop();
	return flags;
}

TEST(written_through_is_what_has_its_place)
{
	CHECK_EQ(flags_of(POD_IMAGE_UNKNOWN, false, false), POD_HO_DISK_WRITE);
	CHECK_EQ(flags_of(POD_IMAGE_VHD, true, false), POD_HO_DISK_WRITE);
	CHECK_EQ(flags_of(POD_IMAGE_VHD, false, false), 0);
	CHECK_EQ(flags_of(POD_IMAGE_VHDX, false, false), 0);
	CHECK_EQ(flags_of(POD_IMAGE_UNKNOWN, false, true), 0);
}

/* With an overlay nothing is written to the image itself, and the overlay is no part of it. */
TEST(an_overlay_comes_first)
{
	struct pod_diag diag = {0};
	start();
	rq.write = true;
	plan.persist.kind = POD_PERSIST_DISK;
	append(POD_SEG_DEV, 7 * MIB, MIB);
	append(POD_SEG_ZERO, 0, MIB);
	CHECK_EQ(pod_handover_disk(&h), POD_OK);
	size_t one = h.chunk_bytes;
	CHECK_EQ(pod_handover_disk(&h), POD_OK);
	CHECK_EQ(h.chunk_bytes, one);
	struct pod_ho_record r = {.part_start_bytes = MIB,
				  .part_length_bytes = 100 * MIB,
				  .chunk = h.chunk,
				  .chunk_bytes = (uint32_t)h.chunk_bytes,
				  .cow = {8 * MIB, 4 * MIB}};
	CHECK_EQ(pod_ho_disk(&r, &d, &diag), POD_OK);
	CHECK_EQ(d.flags, 0);
	CHECK_EQ(plan.warning_count, 0);
	r.cow.start_bytes = 3 * MIB; /* up to the disk */
	CHECK_EQ(pod_ho_disk(&r, &d, &diag), POD_OK);
	r.cow.start_bytes += 512;
	CHECK_EQ(pod_ho_disk(&r, &d, &diag), POD_E_CORRUPT);
	stop();
}

/* Zeros lie nowhere, however many there are. */
TEST(a_long_hole_meets_no_overlay)
{
	struct pod_diag diag = {0};
	start();
	append(POD_SEG_DEV, 7 * MIB, MIB);
	append(POD_SEG_ZERO, 0, 20 * MIB);
	CHECK_EQ(pod_handover_disk(&h), POD_OK);
	struct pod_ho_record r = {.part_start_bytes = MIB,
				  .part_length_bytes = 100 * MIB,
				  .chunk = h.chunk,
				  .chunk_bytes = (uint32_t)h.chunk_bytes,
				  .cow = {8 * MIB, 4 * MIB}};
	CHECK_EQ(pod_ho_disk(&r, &d, &diag), POD_OK);
	stop();
}

/* --- the record in the archive ------------------------------------------------------------------------------ */

static enum pod_status give_shim(void *ctx, enum pod_machine m, struct pod_shim *out)
{
	(void)ctx, (void)m;
	*out = (struct pod_shim){.data = "shim", .len = 4};
	return POD_OK;
}

static enum pod_status mem_read(struct pod_dev *dev, uint64_t off, void *buf, size_t len)
{
	memcpy(buf, (uint8_t *)dev->ctx + off, len);
	return POD_OK;
}

static uint8_t stick[4 * MIB];

/* The record of a VHD whose file lies at 2 MiB and whose disk lies at 3 MiB of the stick. */
static void make_record(struct pod_ho_record *r)
{
	static struct pod_dev disk = {.size_bytes = sizeof stick, .sector_size = 512, .read = mem_read, .ctx = stick};
	static const struct pod_extent extent = {.dev_bytes = 2 * MIB, .length_bytes = MIB / 2};
	static const struct pod_stick_id id = {
		.part_start_bytes = MIB, .part_length_bytes = 3 * MIB, .part_number = 1, .sector_size = 512};
	const struct pod_map *post;
	struct pod_diag diag = {0};
	for (size_t i = 0; i < sizeof stick; i++)
		stick[i] = (uint8_t)(i >> 9);
	start();
	rq = (struct pod_plan_request){.disk = &disk,
				       .extent = &extent,
				       .extent_count = 1,
				       .image_bytes = MIB / 2,
				       .path = "/x.vhd",
				       .id = &id,
				       .shim = give_shim};
	plan.container = POD_IMAGE_VHD;
	plan.image.kind = POD_IMAGE_DISK;
	append(POD_SEG_DEV, 3 * MIB, MIB);
	CHECK_EQ(pod_handover_post(&h, POD_MACHINE_X64, &post), POD_OK);
	const uint8_t *at = memmem(plan.map.mem, plan.map.mem_len, POD_HO_MAGIC, 8);
	CHECK(at);
	CHECK_EQ(pod_ho_parse(r, at, plan.map.mem_len - (size_t)(at - plan.map.mem), &diag), POD_OK);
}

TEST(the_first_post_tells_of_the_disk_and_knows_the_file)
{
	struct pod_ho_record r;
	const struct pod_map *post;
	struct pod_diag diag = {0};
	make_record(&r);
	CHECK_EQ(pod_ho_disk(&r, &d, &diag), POD_OK);
	CHECK_EQ(d.seg_count, 1);
	check_seg(0, 3 * MIB, MIB);
	CHECK_EQ(r.image_crc, pod_crc32(0, stick + 2 * MIB + 32768, 2048));
	size_t one = h.chunk_bytes;
	CHECK_EQ(pod_handover_post(&h, POD_MACHINE_IA32, &post), POD_OK);
	CHECK_EQ(h.chunk_bytes, one);
	stop();
}

/* --- modules ---------------------------------------------------------------------------------------------- */

/* A filesystem of files with names as below: a folder is what another path goes on behind. */
static const struct {
	const char *path, *text;
} file[] = {
	{"usr/lib/modules/6.1-a/modules.dep",
	 "kernel/md/dm-mod.ko:\nkernel/md/dm-bufio.ko: kernel/md/dm-mod.ko\nkernel/md/dm-snapshot.ko: kernel/md/dm-bufio.ko kernel/md/dm-mod.ko\n"
	 "kernel/md/not-dm-zero.ko:\nkernel/block/loop.ko:\n"},
	{"usr/lib/modules/6.1-a/kernel/md/dm-mod.ko", "a mod"},
	{"usr/lib/modules/6.1-a/kernel/md/dm-bufio.ko", "a bufio"},
	{"usr/lib/modules/6.1-a/kernel/md/dm-snapshot.ko", "a snapshot"},
	{"usr/lib/modules/6.1-a/kernel/md/not-dm-zero.ko", "not this"},
	{"usr/lib/modules/6.1-a/kernel/block/loop.ko", "a loop"},
	{"usr/lib/modules/6.9-b/modules.dep", "kernel/md/dm_snapshot.ko.zst: kernel/md/gone.ko.zst\nkernel/block/loop.ko.xz:"},
	{"usr/lib/modules/6.9-b/kernel/md/dm_snapshot.ko.zst", "b snapshot"},
	{"usr/lib/modules/6.9-b/kernel/block/loop.ko.xz", "b loop"},
	{"usr/lib/modules/empty/nothing", "here"},
};

/* priv: a file that lies below the node, and how much of its path is the node's. */
static void node_of(size_t i, size_t len, struct pod_node *n)
{
	*n = (struct pod_node){.is_dir = file[i].path[len] != 0, .size_bytes = strlen(file[i].text), .priv = {i, len}};
}

static enum pod_status mock_root(struct pod_fs *fs, struct pod_node *out)
{
	(void)fs;
	node_of(0, 0, out);
	return POD_OK;
}

static enum pod_status mock_readdir(struct pod_dir *dir, struct pod_dirent *out)
{
	size_t len = (size_t)dir->node.priv[1], from = len ? len + 1 : 0;
	const char *folder = file[dir->node.priv[0]].path;
	for (; dir->pos < sizeof file / sizeof *file; dir->pos++) {
		const char *p = file[dir->pos].path, *before = dir->pos ? file[dir->pos - 1].path : "";
		size_t end = from;
		if (strncmp(p, folder, from) != 0)
			continue;
		end += strcspn(p + from, "/");
		/* names of one folder stand together in the list */
		if (strncmp(before, p, end) == 0 && (before[end] == '/' || !before[end]))
			continue;
		snprintf(out->name, sizeof out->name, "%.*s", (int)(end - from), p + from);
		node_of(dir->pos++, end, &out->node);
		return POD_OK;
	}
	return POD_END;
}

static enum pod_status mock_read(struct pod_fs *fs, const struct pod_node *n, uint64_t off, void *buf, size_t len)
{
	(void)fs;
	memcpy(buf, file[n->priv[0]].text + off, len);
	return POD_OK;
}

static void check_module(uint32_t i, const char *name, const char *text)
{
	CHECK(i < h.module_count);
	CHECK_STR(h.module[i].name, name);
	CHECK_EQ(h.module[i].len, strlen(text));
	CHECK_EQ(memcmp(h.module[i].data, text, strlen(text)), 0);
}

TEST(modules_in_the_order_they_are_loaded)
{
	static const struct pod_fs_ops ops = {
		.name = "mock", .root = mock_root, .readdir = mock_readdir, .read = mock_read, .case_sensitive = true};
	struct pod_fs fs = {.ops = &ops, .alloc = &test_alloc};
	start();
	CHECK_EQ(pod_handover_modules_of(&h, &fs), POD_OK);
	check_module(0, "isopod/m0-6.1-a", "a mod");
	check_module(1, "isopod/m1-6.1-a", "a bufio");
	check_module(2, "isopod/m2-6.1-a", "a snapshot");
	check_module(3, "isopod/m3-6.1-a", "a loop");
	/* where a module is missing, the rest of that kernel's is, too: it was not installed whole */
	CHECK_EQ(h.module_count, 4);
	stop();
}
