/* SPDX-License-Identifier: BSD-2-Clause */
/* The plan of a VHD or VHDX on a stick: where parents are looked for, what the map shows, what is said when a parent is not
 * right. */
#include "core/plan/internal.h"
#include "tests/unit/vhd_util.h"

#define MIB  (1u << 20)
#define SIZE (4u * MIB)

/* --- paths ---------------------------------------------------------------------------------------------- */

static const char *at(const char *child, enum pod_parent_path kind, const char *path, bool beside)
{
	static char out[64];
	return pod_plan_parent_path(child, kind, path, beside, out, sizeof out) ? out : "-";
}

TEST(where_a_parent_may_be)
{
	static const char child[] = "/images/vm/top.vhdx";
	CHECK_STR(at(child, POD_PARENT_RELATIVE, ".\\base.vhdx", false), "/images/vm/base.vhdx");
	CHECK_STR(at(child, POD_PARENT_RELATIVE, "base.vhdx", false), "/images/vm/base.vhdx");
	CHECK_STR(at(child, POD_PARENT_RELATIVE, "..\\old\\.\\base.vhdx", false), "/images/old/base.vhdx");
	CHECK_STR(at(child, POD_PARENT_RELATIVE, "../../base.vhdx", false), "/base.vhdx");
	CHECK_STR(at(child, POD_PARENT_RELATIVE, "..\\..\\..\\base.vhdx", false), "-");
	CHECK_STR(at(child, POD_PARENT_RELATIVE, ".\\base.vhdx", true), "-");
	CHECK_STR(at(child, POD_PARENT_ABSOLUTE, "D:\\images\\vm\\base.vhdx", false), "/images/vm/base.vhdx");
	CHECK_STR(at(child, POD_PARENT_ABSOLUTE, "\\\\?\\D:\\base.vhdx", false), "/base.vhdx");
	CHECK_STR(at(child, POD_PARENT_VOLUME, "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\a\\base.vhdx", false),
		  "/a/base.vhdx");
	CHECK_STR(at(child, POD_PARENT_ABSOLUTE, "D:\\elsewhere\\base.vhdx", true), "/images/vm/base.vhdx");
	CHECK_STR(at("/top.vhdx", POD_PARENT_RELATIVE, "base.vhdx", false), "/base.vhdx");
	CHECK_STR(at("/top.vhdx", POD_PARENT_RELATIVE, "..\\base.vhdx", false), "-");
	CHECK_STR(at(child, POD_PARENT_RELATIVE, "", false), "/images/vm");
	CHECK_STR(at(child, POD_PARENT_RELATIVE, "an-altogether-too-long-name-for-the-room-there-is-for-a-path-in-this-test.vhdx",
		     false),
		  "-");
}

/* --- a stick -------------------------------------------------------------------------------------------- */

/* Each file lies somewhere on it in two pieces, the second in front of the first. */
struct stick {
	uint8_t *bytes;
	uint64_t used;
	struct pod_memdev dev;
	struct {
		char path[64];
		struct pod_extent extent[2];
		uint64_t size;
	} file[4];
	int files;
};

static void stick_put(struct stick *s, struct mem_file *m, const char *path)
{
	uint64_t size = m->dev.size_bytes, first = pod_align_up(size / 3, 4096);
	snprintf(s->file[s->files].path, sizeof s->file[0].path, "%s", path);
	s->file[s->files].size = size;
	s->file[s->files].extent[0] = (struct pod_extent){.file_bytes = 0, .dev_bytes = s->used + size, .length_bytes = first};
	s->file[s->files].extent[1] =
		(struct pod_extent){.file_bytes = first, .dev_bytes = s->used, .length_bytes = size - first};
	memcpy(s->bytes + s->used + size, m->fault.data, first);
	memcpy(s->bytes + s->used, m->fault.data + first, size - first);
	s->used += size + first;
	s->files++;
}

static enum pod_status stick_find(void *ctx, const char *path, struct pod_alloc *a, struct pod_plan_file *out)
{
	struct stick *s = ctx;
	for (int i = 0; i < s->files; i++) {
		if (strcmp(s->file[i].path, path) != 0)
			continue;
		out->extent = a->alloc(a, sizeof s->file[i].extent);
		if (!out->extent)
			return POD_E_NOMEM;
		memcpy(out->extent, s->file[i].extent, sizeof s->file[i].extent);
		out->extent_count = 2;
		out->size_bytes = s->file[i].size;
		return POD_OK;
	}
	return POD_E_NOT_FOUND;
}

static enum pod_status plan_of(struct stick *s, int file, struct pod_plan *p)
{
	struct pod_diag d = {0};
	struct pod_plan_request rq = {.disk = &s->dev.dev,
				      .extent = s->file[file].extent,
				      .extent_count = 2,
				      .image_bytes = s->file[file].size,
				      .path = s->file[file].path,
				      .find = stick_find,
				      .find_ctx = s};
	return pod_plan_make(&rq, &test_alloc, p, &d);
}

/* A disk with a boot sector and one partition; its child changes the boot sector's first byte and writes 1 MiB at 2 MiB. */
static void make_stick(struct stick *s, enum pod_member_kind kind, uint32_t sector)
{
	struct mem_file *base = mem_make("base"), *top = mem_make("base.top");
	uint8_t *buf = calloc(1, MIB);
	struct pod_chain c;
	memset(s, 0, sizeof *s);
	s->bytes = calloc(1, 64u * MIB);
	pod_memdev_init(&s->dev, s->bytes, 64u * MIB, 512, true);
	CHECK(make_disk(base, kind, SIZE, MIB, sector, NULL) == POD_OK);
	CHECK(open_chain(&c, base, true, NULL) == POD_OK);
	memcpy(buf + 446, "\x80\0\2\0\xe\1\2\0\0\x08\0\0\0\x10\0\0", 16);
	memcpy(buf + 510, "\x55\xaa", 2);
	CHECK(pod_dev_write(&c.dev, 0, buf, 4096) == POD_OK && pod_chain_close(&c) == POD_OK);
	CHECK(make_disk(top, kind, SIZE, MIB, sector, base) == POD_OK);
	CHECK(open_chain(&c, top, true, NULL) == POD_OK);
	buf[0] = 0xEB;
	CHECK(pod_dev_write(&c.dev, 0, buf, 4096) == POD_OK);
	memset(buf, 'x', MIB);
	CHECK(pod_dev_write(&c.dev, 2 * MIB, buf, MIB) == POD_OK && pod_chain_close(&c) == POD_OK);
	stick_put(s, top, "/images/vm/top.vhdx");
	stick_put(s, base, "/images/vm/base");
	free(buf);
}

static void drop_stick(struct stick *s)
{
	free(s->bytes);
	mem_clear();
	CHECK_EQ(test_alloc_live, 0);
}

static void shows_the_chain(enum pod_member_kind kind)
{
	uint8_t *buf = malloc(SIZE);
	struct pod_plan p;
	struct stick s;
	make_stick(&s, kind, 512);
	CHECK_EQ(plan_of(&s, 0, &p), POD_OK);
	CHECK_EQ(p.container, kind == POD_MEMBER_VHD ? POD_IMAGE_VHD : POD_IMAGE_VHDX);
	CHECK_EQ(p.layers, 2);
	CHECK_EQ(p.image.kind, POD_IMAGE_DISK);
	CHECK_EQ(p.image.firmware, POD_FW_BIOS);
	CHECK_EQ(p.bios_entry, POD_ENTRY_OWN);
	CHECK(!p.unwritten);
	CHECK_EQ(p.map.size_bytes, SIZE);
	CHECK(pod_map_read(&p.map, &s.dev.dev, 0, buf, SIZE) == POD_OK);
	CHECK(buf[0] == 0xEB && buf[446] == 0x80 && buf[511] == 0xaa && buf[4096] == 0);
	CHECK(buf[2 * MIB] == 'x' && buf[3 * MIB - 1] == 'x' && buf[3 * MIB] == 0);
	pod_plan_free(&p);
	/* The base by itself has no code in its boot sector. */
	CHECK_EQ(plan_of(&s, 1, &p), POD_OK);
	CHECK_EQ(p.layers, 1);
	CHECK_EQ(p.bios_entry, POD_ENTRY_NONE);
	pod_plan_free(&p);
	drop_stick(&s);
	free(buf);
}

TEST(a_chain_of_vhdx_files)
{
	shows_the_chain(POD_MEMBER_VHDX);
}

TEST(a_chain_of_vhd_files)
{
	shows_the_chain(POD_MEMBER_VHD);
}

TEST(sectors_of_4096)
{
	struct pod_plan p;
	struct stick s;
	make_stick(&s, POD_MEMBER_VHDX, 4096);
	CHECK_EQ(plan_of(&s, 0, &p), POD_OK);
	CHECK_EQ(p.bios_entry, POD_ENTRY_NONE);
	CHECK(p.warning_count && strstr(p.warning[0], "4096"));
	pod_plan_free(&p);
	drop_stick(&s);
}

TEST(a_parent_that_is_not_right)
{
	struct pod_plan p;
	struct stick s;
	make_stick(&s, POD_MEMBER_VHDX, 512);
	strcpy(s.file[1].path, "/images/vm/other");
	CHECK_EQ(plan_of(&s, 0, &p), POD_E_NOT_FOUND);
	CHECK_STR(p.parent, "base");
	/* The child's own file under the parent's name: a loop. */
	s.file[1] = s.file[0];
	strcpy(s.file[1].path, "/images/vm/base");
	CHECK_EQ(plan_of(&s, 0, &p), POD_E_CORRUPT);
	CHECK_STR(p.parent, "base");
	drop_stick(&s);
	make_stick(&s, POD_MEMBER_VHDX, 512);
	struct mem_file *other = mem_make("other");
	CHECK(make_disk(other, POD_MEMBER_VHDX, SIZE, MIB, 512, NULL) == POD_OK);
	stick_put(&s, other, "/images/vm/base");
	strcpy(s.file[1].path, "/elsewhere");
	CHECK_EQ(plan_of(&s, 0, &p), POD_E_CHANGED);
	CHECK_STR(p.parent, "base");
	drop_stick(&s);
}

TEST(parts_that_were_never_written)
{
	struct pod_plan p;
	struct stick s;
	make_stick(&s, POD_MEMBER_VHDX, 512);
	/* The file's last 512 KiB: of a block that holds data. */
	struct pod_extent *e = &s.file[0].extent[1];
	e->length_bytes -= 512u << 10;
	struct pod_extent extent[3] = {
		s.file[0].extent[0],
		*e,
		{.file_bytes = e->file_bytes + e->length_bytes, .length_bytes = 512u << 10, .hole = true},
	};
	struct pod_plan_request rq = {.disk = &s.dev.dev,
				      .extent = extent,
				      .extent_count = 3,
				      .image_bytes = s.file[0].size,
				      .path = s.file[0].path,
				      .find = stick_find,
				      .find_ctx = &s};
	CHECK_EQ(pod_plan_make(&rq, &test_alloc, &p, NULL), POD_OK);
	CHECK(p.unwritten);
	pod_plan_free(&p);
	drop_stick(&s);
}

TEST(every_allocation_fails_once)
{
	struct stick s;
	make_stick(&s, POD_MEMBER_VHDX, 512);
	for (long n = 1;; n++) {
		struct pod_plan p;
		test_alloc_count = 0;
		test_alloc_fail_at = n;
		enum pod_status st = plan_of(&s, 0, &p);
		bool reached = test_alloc_count >= n;
		test_alloc_fail_at = 0;
		if (st == POD_OK)
			pod_plan_free(&p);
		CHECK_EQ(test_alloc_live, 0);
		if (!reached)
			break;
		CHECK_EQ(st, POD_E_NOMEM);
	}
	drop_stick(&s);
}
