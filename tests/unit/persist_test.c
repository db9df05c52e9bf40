/* SPDX-License-Identifier: BSD-2-Clause */
/* What a persistence file's own numbers say. */
#include "core/base/bytes.h"
#include "core/plan/persist.h"
#include "tests/unit/test.h"

#define SIZE  (8u << 20)
#define BLOCK 4096u

static uint8_t *file;
static struct pod_memdev mem;

/* Two groups of 1024 blocks, 256 inodes each. */
static uint8_t *super(const char *label, uint32_t free_blocks, uint32_t free_inodes)
{
	free(file);
	file = calloc(1, SIZE);
	uint8_t *sb = file + 1024;
	pod_put_le32(sb, 512);
	pod_put_le32(sb + 4, SIZE / BLOCK);
	pod_put_le32(sb + 0x18, 2);
	pod_put_le32(sb + 0x20, 1024);
	pod_put_le32(sb + 0x28, 256);
	pod_put_le16(sb + 0x38, 0xef53);
	memcpy(sb + 0x78, label, strlen(label));
	for (unsigned i = 0; i < 2; i++) {
		pod_put_le16(file + BLOCK + 32 * i + 0x0c, (uint16_t)(free_blocks / 2));
		pod_put_le16(file + BLOCK + 32 * i + 0x0e, (uint16_t)(free_inodes / 2));
	}
	pod_memdev_init(&mem, file, SIZE, 512, true);
	return sb;
}

static enum pod_status look(struct pod_persist *p)
{
	return pod_persist_look(&mem.dev, 0, SIZE, p);
}

static void done(void)
{
	free(file);
	file = NULL;
}

TEST(persist_labels)
{
	static const struct {
		const char *label;
		enum pod_persist_kind kind;
	} known[] = {
		{"persistence", POD_PERSIST_LIVE_BOOT}, {"casper-rw", POD_PERSIST_CASPER}, {"writable", POD_PERSIST_CASPER},
		{"isopod-rw", POD_PERSIST_DRACUT},	{"cow", POD_PERSIST_KIWI},	   {"isopod-cow", POD_PERSIST_ARCHISO},
		{"isopod-lbu", POD_PERSIST_ALPINE},	{"isopod-pup", POD_PERSIST_PUPPY}, {"isopod-tce", POD_PERSIST_TINYCORE}};
	struct pod_persist p;
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++) {
		super(known[i].label, 1000, 400);
		CHECK_EQ(look(&p), POD_OK);
		CHECK_EQ(p.kind, known[i].kind);
		CHECK_STR(p.label, known[i].label);
		CHECK_EQ(p.fs_bytes, SIZE);
		CHECK_EQ(p.free_bytes, 1000 * BLOCK);
		CHECK(!p.full);
	}
	super("persistence2", 1000, 400);
	CHECK_EQ(look(&p), POD_E_UNSUPPORTED);
	super("sixteen letters.", 1000, 400);
	CHECK_EQ(look(&p), POD_E_UNSUPPORTED);
	CHECK_STR(p.label, "sixteen letters.");
	done();
}

TEST(persist_full)
{
	struct pod_persist p;
	super("persistence", 2 * 17, 400);
	CHECK(look(&p) == POD_OK && !p.full);
	super("persistence", 2 * 16, 400);
	CHECK(look(&p) == POD_OK && p.full);
	super("persistence", 1000, 14);
	CHECK(look(&p) == POD_OK && p.full);
	done();
}

/* Descriptors of 64 bytes have upper halves; with the older features they are 32 bytes whatever the field says. */
TEST(persist_wide_groups)
{
	struct pod_persist p;
	uint8_t *sb = super("persistence", 1000, 400);
	pod_put_le32(sb + 0x60, 0x80);
	pod_put_le16(sb + 0xfe, 64);
	memset(file + BLOCK + 32, 0, 32);
	pod_put_le16(file + BLOCK + 64 + 0x0c, 300);
	CHECK_EQ(look(&p), POD_OK);
	CHECK_EQ(p.free_bytes, 800 * BLOCK);
	pod_put_le16(file + BLOCK + 0x2c, 1);
	CHECK_EQ(look(&p), POD_E_CORRUPT);
	sb = super("persistence", 1000, 400);
	pod_put_le16(sb + 0xfe, 64);
	CHECK_EQ(look(&p), POD_OK);
	CHECK_EQ(p.free_bytes, 1000 * BLOCK);
	done();
}

TEST(persist_not_so)
{
	struct pod_persist p;
	uint8_t *sb = super("persistence", 1000, 400);
	pod_put_le16(sb + 0x38, 0xef54);
	CHECK_EQ(look(&p), POD_E_FORMAT);
	CHECK_EQ(pod_persist_look(&mem.dev, 0, 2047, &p), POD_E_FORMAT);
	sb = super("persistence", 1000, 400);
	pod_put_le32(sb + 4, SIZE / BLOCK + 1);
	CHECK_EQ(look(&p), POD_E_CORRUPT);
	pod_put_le32(sb + 4, 0);
	CHECK_EQ(look(&p), POD_E_CORRUPT);
	sb = super("persistence", 1000, 400);
	pod_put_le32(sb + 0x18, 7);
	CHECK_EQ(look(&p), POD_E_CORRUPT);
	sb = super("persistence", 1000, 400);
	pod_put_le32(sb + 0x20, 0);
	CHECK_EQ(look(&p), POD_E_CORRUPT);
	sb = super("persistence", 1000, 400);
	pod_put_le32(sb + 0x60, 0x80); /* and descriptors of 0 bytes */
	CHECK_EQ(look(&p), POD_E_CORRUPT);
	super("persistence", 2 * 1025, 400);
	CHECK_EQ(look(&p), POD_E_CORRUPT);
	/* what cannot be counted has room */
	sb = super("persistence", 0, 400);
	pod_put_le32(sb + 0x60, 0x10);
	CHECK(look(&p) == POD_OK && !p.full);
	done();
}
