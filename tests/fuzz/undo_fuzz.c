/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that takes a merge back, whatever is in it: one that is refused has changed nothing, and the child shows what it showed in any
 * case. Checksums and the disk's identifier are repaired unless the last byte says not to. */
#include "core/base/str.h"
#include "core/vhd/undo.h"
#include "tests/fuzz/fuzz_disk.h"

#define SIZE (3u << 20)
enum { GROUND, PARENT, CHILD };

static struct disk_mem file[DISK_FILES];
static uint8_t shown[SIZE + 131072], buf[65536], id[16];

static enum pod_status find(struct pod_chain_opener *o, struct pod_vfile *child, enum pod_parent_path kind, const char *path,
			    struct pod_vfile **out)
{
	(void)o, (void)child, (void)kind;
	for (int i = 0; i < DISK_FILES; i++)
		if (pod_streq(path, file[i].name)) {
			*out = &file[i].vf;
			return POD_OK;
		}
	return POD_E_NOT_FOUND;
}

static void give_back(struct pod_chain_opener *o, struct pod_vfile *f)
{
	(void)o, (void)f;
}

static struct pod_chain_opener opener = {.open = find, .close = give_back};

static enum pod_status open_as(struct pod_chain *c, int which, bool writable)
{
	struct pod_chain_options opt = {.top = {.writable = writable, .env = &fuzz_vhd_env, .cache_pages = 16},
					.half_merged = true};
	return pod_chain_open(c, &file[which].vf, &plain, &opener, &opt, NULL);
}

static void prepare(void)
{
	static const char *const name[DISK_FILES] = {"ground", "parent", "child"};
	struct pod_chain c;
	for (int i = 0; i < DISK_FILES; i++) {
		dm_init(&file[i], name[i]);
		dm_make(&file[i], POD_MEMBER_VHDX, SIZE + 65536u * (unsigned)i, i ? &file[i - 1] : NULL, false);
	}
	FUZZ_REQUIRE(open_as(&c, CHILD, false) == POD_OK && pod_dev_read(&c.dev, 0, shown, c.dev.size_bytes) == POD_OK);
	memcpy(id, c.member[1]->u.vhdx.disk_id, 16);
	FUZZ_REQUIRE(pod_chain_close(&c) == POD_OK);
	/* The merge is done, with the undo still possible. */
	FUZZ_REQUIRE(pod_chain_merge(&file[CHILD].vf, &file[PARENT].vf, &plain, &fuzz_vhd_env, NULL, NULL, NULL) == POD_OK);
	for (int i = 0; i < DISK_FILES; i++)
		dm_keep(&file[i]);
}

static void mend(uint8_t *p, size_t len)
{
	if (len < 64)
		return;
	memcpy(p, "PODUNDO1", 8);
	pod_put_le32(p + 8, 0);
	pod_put_le64(p + 16, len);
	memcpy(p + 32, id, 16);
	pod_put_le32(p + 8, pod_crc32c(0, p, 64));
	for (size_t at = 64; len - at >= 24;) {
		size_t data = pod_get_le32(p + at + 16) == POD_RUN_DATA
				      ? (size_t)pod_min_u64(pod_get_le64(p + at + 8), len - at - 24)
				      : 0;
		pod_put_le32(p + at + 20, pod_crc32c(pod_crc32c(0, p + at, 20), p + at + 24, data));
		at += 24 + data;
	}
}

/* Up to where the parent may have been cut off. */
static void child_shows_the_same(uint64_t end)
{
	struct pod_chain c;
	FUZZ_REQUIRE(open_as(&c, CHILD, false) == POD_OK && c.dev.size_bytes == sizeof shown);
	for (uint64_t off = 0; off < sizeof shown; off += sizeof buf) {
		if (off == 2 * sizeof buf) /* nobody says anything in the middle */
			off = SIZE - sizeof buf;
		FUZZ_REQUIRE(pod_dev_read(&c.dev, off, buf, sizeof buf) == POD_OK);
		FUZZ_REQUIRE(off >= end || memcmp(buf, shown + off, (size_t)pod_min_u64(sizeof buf, end - off)) == 0);
	}
	FUZZ_REQUIRE(pod_chain_close(&c) == POD_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pod_member_options opt = {.writable = true, .env = &fuzz_vhd_env, .cache_pages = 16};
	struct pod_member *child;
	struct fuzz_env e;
	struct pod_chain c;
	enum pod_status st;
	if (!file[0].data)
		prepare();
	fuzz_init(&e, data, size, 512, 0, 0);
	if (!e.len)
		return 0;
	uint8_t *undo = malloc(e.len);
	memcpy(undo, data, e.len);
	if (!(undo[e.len - 1] & 1))
		mend(undo, e.len);
	e.data = undo;
	FUZZ_REQUIRE(open_as(&c, PARENT, true) == POD_OK);
	child = calloc(1, sizeof *child);
	FUZZ_REQUIRE(pod_member_open(child, &file[CHILD].vf, &plain, &opt, NULL) == POD_OK);
	uint64_t length = file[PARENT].dev.size_bytes, before = c.dev.size_bytes;
	st = pod_undo_apply(child, &c, &e.dev, &fuzz_vhd_env, NULL, NULL, NULL);
	if (st == POD_E_CORRUPT || st == POD_E_FORMAT)
		FUZZ_REQUIRE(file[PARENT].dev.size_bytes == length && !c.member[0]->u.vhdx.data_armed);
	before = pod_min_u64(before, c.member[0]->u.vhdx.size_bytes);
	FUZZ_REQUIRE(pod_member_close(child) == POD_OK);
	FUZZ_REQUIRE(pod_chain_close(&c) == POD_OK);
	if (st != POD_E_CORRUPT && st != POD_E_FORMAT)
		child_shows_the_same(before);
	for (int i = 0; i < DISK_FILES; i++)
		dm_restore(&file[i]);
	free(child);
	free(undo);
	return 0;
}
