/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2, qcow, QED, VMDK, VDI and Parallels laid out by hand: where each byte is shown from, as a device and as a map, and what is refused. */
#include "core/base/bytes.h"
#include "core/vhd/qcow2_write.h"
#include "tests/unit/vhd_util.h"

#define C 512u /* a cluster of the qcow2 */

static struct mem_file top, side;
static struct pod_diag diag;

static uint8_t *fresh(struct mem_file *m, const char *name, uint64_t size)
{
	mem_new(m, name);
	m->dev.size_bytes = size;
	return m->fault.data;
}

static void drop(void)
{
	mem_free(&top);
	mem_free(&side);
	CHECK_EQ(test_alloc_live, 0);
}

static enum pod_status side_open(struct pod_chain_opener *o, struct pod_vfile *child, enum pod_parent_path kind, const char *path,
				 struct pod_vfile **out)
{
	(void)o, (void)child, (void)kind;
	if (strcmp(path, side.name) != 0)
		return POD_E_NOT_FOUND;
	*out = &side.vf;
	return POD_OK;
}

static void side_close(struct pod_chain_opener *o, struct pod_vfile *f)
{
	(void)o;
	CHECK(f == &side.vf);
}

static struct pod_chain_opener opener = {.open = side_open, .close = side_close};

static enum pod_status opens(struct pod_chain *c, enum pod_diskfile format, bool follow)
{
	struct pod_chain_options opt = {.top = {.format = format, .follow = follow}};
	memset(&diag, 0, sizeof diag);
	return pod_chain_open(c, &top.vf, &test_alloc, &opener, &opt, &diag);
}

/* Cluster 1 is the L1 table, 2 the L2 table. */
static uint8_t *qcow2(void)
{
	uint8_t *d = fresh(&top, "a.qcow2", 6 * C);
	memcpy(d, "QFI\xfb", 4);
	pod_put_be32(d + 4, 3);
	pod_put_be32(d + 20, 9);
	pod_put_be64(d + 24, 8 * C);
	pod_put_be32(d + 36, 1);
	pod_put_be64(d + 40, C);
	pod_put_be32(d + 100, 104);
	pod_put_be64(d + C, 2 * C);
	return d;
}

static uint8_t byte_at(struct pod_chain *c, uint64_t off)
{
	uint8_t b = 0xee;
	CHECK_EQ(pod_dev_read(&c->dev, off, &b, 1), POD_OK);
	return b;
}

TEST(foreign_qcow2_clusters)
{
	uint8_t *d = qcow2();
	struct pod_chain c;
	struct pod_chain_run r;
	pod_put_be64(d + 2 * C, 3 * C);
	pod_put_be64(d + 2 * C + 8, 4 * C);
	pod_put_be64(d + 2 * C + 16, 5 * C | 1); /* zeros, with a cluster kept for it */
	pod_put_be64(d + 2 * C + 24, 5 * C);
	pod_put_be64(d + 2 * C + 32, 6 * C); /* nowhere */
	memset(d + 3 * C, 3, C);
	memset(d + 4 * C, 4, C);
	memset(d + 5 * C, 5, C);
	top.dev.size_bytes = 6 * C - 100; /* the last cluster's tail was not written */
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW2, false), POD_OK);
	CHECK_EQ(pod_chain_run(&c, 10, 8 * C - 10, &r), POD_OK);
	CHECK(r.kind == POD_RUN_DATA && r.file_off == 3 * C + 10 && r.len == 2 * C - 10);
	CHECK(byte_at(&c, C) == 4 && byte_at(&c, 2 * C) == 0 && byte_at(&c, 3 * C) == 5);
	CHECK(byte_at(&c, 4 * C - 101) == 5 && byte_at(&c, 4 * C - 100) == 0 && byte_at(&c, 7 * C) == 0);
	CHECK_EQ(pod_chain_run(&c, 4 * C, C, &r), POD_E_CORRUPT);
	CHECK_EQ(pod_chain_close(&c), POD_OK);
	drop();
}

TEST(foreign_qcow2_refused)
{
	struct pod_chain c;
	for (unsigned bit = 0; bit < 64; bit++) {
		uint8_t *d = qcow2();
		pod_put_be64(d + 72, 1ull << bit);
		bool wide = bit == 4; /* extended entries need larger clusters */
		CHECK_EQ(opens(&c, POD_DISKFILE_QCOW2, true), wide		    ? POD_E_CORRUPT
							      : bit < 4 && bit != 2 ? POD_OK
										    : POD_E_UNSUPPORTED);
		if (bit < 4 && bit != 2)
			CHECK_EQ(pod_chain_close(&c), POD_OK);
		drop();
	}
	uint8_t *d = qcow2();
	pod_put_be32(d + 32, 1);
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW2, true), POD_E_UNSUPPORTED);
	CHECK_STR(diag.what, "encryption");
	pod_put_be32(d + 32, 0);
	d[79] = 8;
	pod_put_be32(d + 100, 112);
	d[104] = 2;
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW2, true), POD_E_UNSUPPORTED);
	CHECK_STR(diag.what, "compression type");
	d[79] = 0;
	pod_put_be64(d + 40, UINT64_MAX - 511);
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW2, true), POD_E_CORRUPT);
	drop();
}

/* A frame with a block of one byte 512 times, and one that says too little. */
TEST(foreign_qcow2_zstd)
{
	static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0, 0, 3, 0x10, 0, 'z'};
	uint8_t *d = qcow2();
	struct pod_chain c;
	d[79] = 8;
	pod_put_be32(d + 100, 112);
	d[104] = 1;
	pod_put_be64(d + 2 * C, 1ull << 62 | (3 * C + 5));
	pod_put_be64(d + 2 * C + 8, 1ull << 62 | 4 * C);
	memcpy(d + 3 * C + 5, frame, sizeof frame);
	memcpy(d + 4 * C, frame, sizeof frame);
	d[4 * C + 8] = 1 << 3;
	d[4 * C + 7] &= 7;
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW2, false), POD_OK);
	CHECK(byte_at(&c, 0) == 'z' && byte_at(&c, C - 1) == 'z');
	CHECK_EQ(pod_dev_read(&c.dev, C, d + 5 * C, 1), POD_E_CORRUPT);
	CHECK_EQ(pod_chain_close(&c), POD_OK);
	drop();
}

TEST(foreign_qcow2_on_a_raw_file)
{
	uint8_t *d = qcow2();
	struct pod_chain c;
	memcpy(d + 128, "base", 4);
	pod_put_be64(d + 8, 128);
	pod_put_be32(d + 16, 4);
	memcpy(d + 104, "\xe2\x79\x2a\xca\0\0\0\3raw", 11);
	pod_put_be64(d + 2 * C, 3 * C);
	memset(d + 3 * C, 3, C);
	memset(fresh(&side, "base", 3 * C), 7, 3 * C);
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW2, false), POD_E_UNSUPPORTED);
	CHECK_STR(diag.what, POD_FOREIGN_BACKING);
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW2, true), POD_OK);
	CHECK_EQ(c.depth, 2);
	CHECK(byte_at(&c, 0) == 3 && byte_at(&c, C) == 7 && byte_at(&c, 3 * C) == 0);
	CHECK_EQ(pod_chain_close(&c), POD_OK);
	/* written to: never */
	struct pod_chain_options opt = {
		.top = {.format = POD_DISKFILE_QCOW2, .follow = true, .writable = true, .env = &test_env}};
	CHECK_EQ(pod_chain_open(&c, &top.vf, &test_alloc, &opener, &opt, &diag), POD_E_UNSUPPORTED);
	drop();
}

TEST(foreign_vmdk_of_several_extents)
{
	static const char text[] = "# Disk DescriptorFile\nCID=1\nparentCID=ffffffff\nRW 2 ZERO\nRW 3 FLAT \"side\" 1\n";
	uint8_t *d = fresh(&top, "a.vmdk", sizeof text - 1), *s = fresh(&side, "side", 4 * 512);
	struct pod_chain c;
	struct pod_chain_run r;
	struct pod_map map, where[2];
	memcpy(d, text, sizeof text - 1);
	memset(s + 512, 9, 3 * 512);
	CHECK_EQ(opens(&c, POD_DISKFILE_VMDK, false), POD_E_UNSUPPORTED);
	CHECK_STR(diag.what, POD_FOREIGN_EXTENTS);
	CHECK_EQ(opens(&c, POD_DISKFILE_VMDK, true), POD_OK);
	CHECK_EQ(c.dev.size_bytes, 5 * 512);
	CHECK(byte_at(&c, 1023) == 0 && byte_at(&c, 1024) == 9 && byte_at(&c, 5 * 512 - 1) == 9);
	CHECK_EQ(pod_chain_run(&c, 0, 5 * 512, &r), POD_OK);
	CHECK(r.kind == POD_RUN_ZERO && r.len == 1024);
	/* on a stick: the bytes of the file that holds them */
	for (int i = 0; i < 2; i++) {
		pod_map_init(&where[i], &test_alloc);
		CHECK_EQ(pod_map_append(&where[i], POD_SEG_DEV, (uint64_t)(i + 1) << 20, i ? 4 * 512 : top.dev.size_bytes),
			 POD_OK);
	}
	top.vf.extents = &where[0];
	side.vf.extents = &where[1];
	pod_map_init(&map, &test_alloc);
	CHECK_EQ(pod_chain_map(&c, &map), POD_OK);
	CHECK(map.count == 2 && map.seg[1].kind == POD_SEG_DEV && map.seg[1].source == (2u << 20) + 512);
	pod_map_fini(&map);
	pod_map_fini(&where[0]);
	pod_map_fini(&where[1]);
	CHECK_EQ(pod_chain_close(&c), POD_OK);
	side.dev.size_bytes -= 1;
	CHECK_EQ(opens(&c, POD_DISKFILE_VMDK, true), POD_E_CORRUPT);
	strcpy(side.name, "other");
	CHECK_EQ(opens(&c, POD_DISKFILE_VMDK, true), POD_E_NOT_FOUND);
	CHECK_STR(diag.what, POD_FOREIGN_MISSING);
	drop();
}

static void found(void *ctx, const char *what, uint64_t off, uint64_t block, bool repairable)
{
	(void)off, (void)block, (void)repairable;
	*(const char **)ctx = what;
}

TEST(foreign_vdi_blocks)
{
	static const uint32_t table[4] = {1, 0xffffffff, 0, 1};
	uint8_t *d = fresh(&top, "a.vdi", 1024 + 2 * 520);
	struct pod_chain c;
	struct pod_vhd_check out;
	const char *what = NULL;
	pod_put_le32(d + 64, 0xbeda107f);
	pod_put_le32(d + 68, 0x10001);
	pod_put_le32(d + 76, 1);
	pod_put_le32(d + 340, 512);
	pod_put_le32(d + 344, 1024);
	pod_put_le32(d + 360, 512);
	pod_put_le64(d + 368, 2000);
	pod_put_le32(d + 376, 512);
	pod_put_le32(d + 380, 8); /* in front of each block */
	pod_put_le32(d + 384, 4);
	for (unsigned i = 0; i < 4; i++)
		pod_put_le32(d + 512 + 4 * i, table[i]);
	memset(d + 1024 + 8, 'a', 512);
	memset(d + 1024 + 520 + 8, 'b', 512);
	CHECK_EQ(opens(&c, POD_DISKFILE_VDI, false), POD_OK);
	CHECK(byte_at(&c, 0) == 'b' && byte_at(&c, 511) == 'b' && byte_at(&c, 512) == 0 && byte_at(&c, 1024) == 'a');
	CHECK_EQ(pod_foreign_check(&c.member[0]->u.foreign, found, &what, &out), POD_OK);
	CHECK_EQ(out.errors, 1);
	CHECK_STR(what, "clusters overlap");
	CHECK_EQ(pod_chain_close(&c), POD_OK);
	pod_put_le32(d + 76, 4);
	CHECK_EQ(opens(&c, POD_DISKFILE_VDI, false), POD_E_UNSUPPORTED);
	CHECK_STR(diag.what, "differencing image");
	drop();
}

TEST(foreign_qcow)
{
	uint8_t *d = fresh(&top, "a.qcow", 6 * C);
	struct pod_chain c;
	struct pod_chain_run r;
	memcpy(d, "QFI\xfb\0\0\0\1", 8);
	pod_put_be64(d + 24, 100 * C);
	d[32] = 9;
	d[33] = 6;
	pod_put_be64(d + 40, C);
	pod_put_be64(d + C + 8, 2 * C); /* clusters 64 to 127 */
	pod_put_be64(d + 2 * C, 3 * C);
	pod_put_be64(d + 2 * C + 8, 1ull << 63 | 5ull << (63 - 9) | (4 * C + 7));
	memset(d + 3 * C, 3, C);
	/* deflate: one stored block of nothing is too short for a cluster */
	memcpy(d + 4 * C + 7, "\1\0\0\xff\xff", 5);
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW, false), POD_OK);
	CHECK(byte_at(&c, 0) == 0 && byte_at(&c, 64 * C) == 3 && byte_at(&c, 66 * C) == 0);
	CHECK_EQ(pod_chain_run(&c, 0, 100 * C, &r), POD_OK);
	CHECK(r.kind == POD_RUN_ZERO && r.len == 64 * C);
	CHECK_EQ(pod_dev_read(&c.dev, 65 * C, d + 5 * C, C), POD_E_CORRUPT);
	CHECK_EQ(pod_chain_close(&c), POD_OK);
	d[33] = 5;
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW, false), POD_E_CORRUPT);
	d[33] = 6;
	pod_put_be32(d + 36, 1);
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW, false), POD_E_UNSUPPORTED);
	pod_put_be32(d + 36, 0);
	pod_put_be64(d + 8, 100);
	pod_put_be32(d + 16, 4);
	memcpy(d + 100, "base", 4);
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW, false), POD_E_UNSUPPORTED);
	CHECK_STR(diag.what, POD_FOREIGN_BACKING);
	drop();
}

TEST(foreign_qed)
{
	enum { Q = 4096 };
	uint8_t *d = fresh(&top, "a.qed", 5 * Q);
	struct pod_chain c;
	memcpy(d, "QED", 4);
	pod_put_le32(d + 4, Q);
	pod_put_le32(d + 8, 1);
	pod_put_le64(d + 40, Q);
	pod_put_le64(d + 48, 4 * Q);
	pod_put_le64(d + Q, 2 * Q);
	pod_put_le64(d + 2 * Q, 3 * Q);
	pod_put_le64(d + 2 * Q + 8, 1);
	pod_put_le64(d + 2 * Q + 24, 4 * Q + 512);
	memset(d + 3 * Q, 3, Q);
	CHECK_EQ(opens(&c, POD_DISKFILE_QED, false), POD_OK);
	CHECK(byte_at(&c, Q - 1) == 3 && byte_at(&c, Q) == 0 && byte_at(&c, 2 * Q) == 0);
	CHECK_EQ(pod_dev_read(&c.dev, 3 * Q, d, 1), POD_E_CORRUPT);
	CHECK_EQ(pod_chain_close(&c), POD_OK);
	d[16] = 1 | 4;
	pod_put_le32(d + 56, 64);
	pod_put_le32(d + 60, 4);
	memcpy(d + 64, "base", 4);
	memset(fresh(&side, "base", 3 * Q), 7, 3 * Q);
	CHECK_EQ(opens(&c, POD_DISKFILE_QED, false), POD_E_UNSUPPORTED);
	CHECK_EQ(opens(&c, POD_DISKFILE_QED, true), POD_OK);
	/* zeros are the child's, what is not there the parent's */
	CHECK(byte_at(&c, Q) == 0 && byte_at(&c, 2 * Q) == 7);
	CHECK_EQ(pod_chain_close(&c), POD_OK);
	d[16] = 8;
	CHECK_EQ(opens(&c, POD_DISKFILE_QED, true), POD_E_UNSUPPORTED);
	d[16] = 0;
	pod_put_le32(d + 8, 3);
	CHECK_EQ(opens(&c, POD_DISKFILE_QED, true), POD_E_CORRUPT);
	pod_put_le32(d + 8, 1);
	pod_put_le64(d + 48, (1ull << 30) + 1); /* more than the tables can say */
	CHECK_EQ(opens(&c, POD_DISKFILE_QED, true), POD_E_CORRUPT);
	drop();
}

TEST(foreign_parallels)
{
	uint8_t *d = fresh(&top, "a.hds", 20 * C);
	struct pod_chain c;
	memcpy(d, "WithoutFreeSpace", 16);
	pod_put_le32(d + 16, 2);
	pod_put_le32(d + 28, 6); /* no power of two */
	pod_put_le32(d + 32, 3);
	pod_put_le64(d + 36, 0xffffffff00000000u | 16);
	pod_put_le32(d + 64, 8);
	pod_put_le32(d + 72, 14);
	memset(d + 8 * C, 1, 6 * C);
	memset(d + 14 * C, 2, 6 * C);
	CHECK_EQ(opens(&c, POD_DISKFILE_PARALLELS, false), POD_OK);
	CHECK_EQ(c.dev.size_bytes, 16 * C);
	CHECK(byte_at(&c, 6 * C - 1) == 1 && byte_at(&c, 6 * C) == 0 && byte_at(&c, 12 * C) == 2 && byte_at(&c, 16 * C - 1) == 2);
	CHECK_EQ(pod_chain_close(&c), POD_OK);
	/* the newer form counts in clusters, and in 64 bits */
	memcpy(d, "WithouFreSpacExt", 16);
	CHECK_EQ(opens(&c, POD_DISKFILE_PARALLELS, false), POD_E_CORRUPT);
	pod_put_le64(d + 36, 24);
	pod_put_le32(d + 64, 1);
	pod_put_le32(d + 72, 3);
	memset(d + 6 * C, 9, 1);
	CHECK_EQ(opens(&c, POD_DISKFILE_PARALLELS, false), POD_OK);
	CHECK(byte_at(&c, 0) == 9 && byte_at(&c, 18 * C) == 0); /* the table says nothing of its last cluster */
	CHECK_EQ(pod_dev_read(&c.dev, 14 * C, d, 1), POD_E_CORRUPT);
	CHECK_EQ(pod_chain_close(&c), POD_OK);
	drop();
}

/* --- a qcow2 of ours ------------------------------------------------------------------------------------ */

enum { OURS = 1 << 16 };

static void read_back(uint64_t off, uint8_t want)
{
	struct pod_chain c;
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW2, true), POD_OK);
	CHECK_EQ(byte_at(&c, off), want);
	CHECK_EQ(pod_chain_close(&c), POD_OK);
}

TEST(qcow2_written)
{
	static uint8_t data[3 * OURS];
	struct pod_qcow2_how how = {.size_bytes = (1ull << 40) + 512};
	struct pod_qcow2 q;
	struct pod_chain c;
	memset(data, 5, sizeof data);
	mem_new(&top, "w.qcow2");
	CHECK_EQ(pod_qcow2_begin(&q, &top.vf, &test_alloc, &how, &diag), POD_OK);
	CHECK_EQ(pod_dev_write(&q.dev, (1ull << 40) - 100, data, 612), POD_OK);
	CHECK_EQ(pod_dev_write(&q.dev, OURS + 7, data, 2 * OURS), POD_OK);
	CHECK_EQ(pod_dev_write(&q.dev, how.size_bytes, data, 1), POD_E_RANGE);
	/* no qcow2 before it is finished */
	CHECK_EQ(opens(&c, POD_DISKFILE_QCOW2, true), POD_E_CORRUPT);
	CHECK_EQ(pod_qcow2_finish(&q), POD_OK);
	pod_qcow2_end(&q);
	/* header, 5 clusters, 3 + 1 tables, counts and their table */
	CHECK_EQ(top.dev.size_bytes, 12ull * OURS);
	read_back(OURS + 6, 0);
	read_back(OURS + 7, 5);
	read_back(3 * OURS + 6, 5);
	read_back(3 * OURS + 7, 0);
	read_back((1ull << 40) - 101, 0);
	read_back(how.size_bytes - 1, 5);
	drop();
	how.size_bytes = POD_QCOW2_SIZE_MAX + 1;
	CHECK_EQ(pod_qcow2_begin(&q, &top.vf, &test_alloc, &how, &diag), POD_E_LIMIT);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(qcow2_written_over_a_drive)
{
	struct pod_qcow2_how how = {.size_bytes = 3 * OURS, .backing_path = "base"};
	struct pod_qcow2 q;
	memset(fresh(&side, "base", 2 * OURS - 512), 7, 2 * OURS - 512);
	mem_new(&top, "w.qcow2");
	how.backing = &side.dev;
	CHECK_EQ(pod_qcow2_begin(&q, &top.vf, &test_alloc, &how, &diag), POD_OK);
	CHECK_EQ(pod_dev_write(&q.dev, OURS + 1024, "xyz", 3), POD_OK);
	CHECK_EQ(pod_qcow2_finish(&q), POD_OK);
	pod_qcow2_end(&q);
	read_back(0, 7);
	read_back(OURS + 1023, 7);
	read_back(OURS + 1025, 'y');
	read_back(OURS + 1027, 7);
	read_back(2 * OURS - 512, 0);
	drop();
}
