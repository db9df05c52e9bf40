/* SPDX-License-Identifier: BSD-2-Clause */
/* Changed WIM files, read back through the map. */
#include "core/wim/patch.h"
#include "tests/unit/wim_make.h"

enum { SHA1 = 20, REFERENCES = 26 };

/*
 * \ setup.exe  link (another name of it)  PE \ shell.exe  wpe.ini; streams: an unnamed stream entry and a named one; junction
 * The first image is empty; the second is that.
 */
struct fixture {
	struct wim_make m;
	struct pod_wim w;
	struct pod_map original, out;
	struct pod_mapdev dev;
	struct pod_wim patched;
	struct pod_diag diag;
	uint8_t setup[SHA1], shell[SHA1], ini[SHA1], stream[SHA1];
};

static struct fixture *start(void)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct wim_make *m = &f->m;
	wm_init(m);
	pod_put_le32(wm_blob(m, "setup program", 13, f->setup) + REFERENCES, 2);
	wm_blob(m, "shell", 5, f->shell);
	wm_blob(m, "ini", 3, f->ini);
	wm_blob(m, "stream", 6, f->stream);
	wm_root(m);
	wm_image(m);
	size_t root = wm_root(m);
	wm_children(m, root);
	wm_dentry(m, 0x20, "setup.exe", f->setup, 5);
	wm_dentry(m, 0x20, "link", f->setup, 5);
	size_t pe = wm_dentry(m, 0x10, "PE", NULL, 0);
	size_t s = wm_dentry(m, 0x20, "streams", NULL, 0);
	wm_stream(m, s, "", f->stream);
	wm_stream(m, s, "other", f->ini);
	wm_dentry(m, 0x410, "junction", NULL, 0xa0000003);
	wm_end(m);
	wm_children(m, pe);
	wm_dentry(m, 0x20, "shell.exe", f->shell, 0);
	wm_dentry(m, 0x20, "wpe.ini", f->ini, 0);
	wm_end(m);
	wm_image(m);
	wm_header(m, "");
	pod_map_init(&f->original, &test_alloc);
	CHECK_EQ(pod_map_append(&f->original, POD_SEG_DEV, 0, m->len), POD_OK);
	CHECK_EQ(pod_wim_open(&f->w, &m->dev.dev, &test_alloc, NULL), POD_OK);
	CHECK_EQ(pod_wim_select(&f->w, 2, NULL), POD_OK);
	return f;
}

static enum pod_status patch(struct fixture *f, const struct pod_wim_change *c, size_t n, uint32_t boot)
{
	enum pod_status st = pod_wim_patch(&f->w, &f->original, &f->m.dev.dev, c, n, boot, &f->out, &f->diag);
	if (st != POD_OK)
		return st;
	pod_mapdev_init(&f->dev, &f->out, &f->m.dev.dev, 512);
	st = pod_wim_open(&f->patched, &f->dev.dev, &test_alloc, &f->diag);
	return st == POD_OK ? pod_wim_select(&f->patched, 2, &f->diag) : st;
}

static void stop(struct fixture *f)
{
	pod_wim_close(&f->patched);
	pod_wim_close(&f->w);
	pod_map_fini(&f->out);
	pod_map_fini(&f->original);
	free(f);
}

static const char *content(struct fixture *f, const char *path)
{
	static char buf[64];
	struct pod_wim_node n;
	enum pod_status st = pod_wim_lookup(&f->patched, path, &n);
	if (st == POD_OK && n.size_bytes < sizeof buf)
		st = pod_wim_read(&f->patched, &n, 0, buf, (size_t)n.size_bytes);
	if (st != POD_OK)
		return pod_status_text(st);
	buf[n.size_bytes] = 0;
	return buf;
}

/* The entry of the changed file's blob table with this SHA-1; NULL: there is none. */
static const uint8_t *table_entry(struct fixture *f, const uint8_t *sha1)
{
	static uint8_t e[50];
	const struct pod_wim_res *t = &f->patched.blob_table;
	for (uint64_t at = 0; at < t->size_bytes; at += sizeof e) {
		CHECK_EQ(pod_dev_read(&f->dev.dev, t->offset_bytes + at, e, sizeof e), POD_OK);
		if (memcmp(e + 30, sha1, SHA1) == 0)
			return e;
	}
	return NULL;
}

static unsigned references(struct fixture *f, const uint8_t *sha1)
{
	const uint8_t *e = table_entry(f, sha1);
	return e ? pod_get_le32(e + REFERENCES) : 0;
}

static struct pod_wim_change put(enum pod_wim_change_kind kind, const char *path, const char *text)
{
	return (struct pod_wim_change){.kind = kind, .path = path, .data = text, .len = strlen(text)};
}

static struct pod_wim_change alias(const char *path, const char *from)
{
	return (struct pod_wim_change){.kind = POD_WIM_ALIAS, .path = path, .from = from};
}

/* What the helper needs: the program replaced, its old content under another name, a file beside it, one at the root. */
TEST(everything_at_once)
{
	struct fixture *f = start();
	uint8_t sum[SHA1], header[POD_WIM_HEADER];
	struct pod_wim_node n;
	struct pod_wim_change c[] = {put(POD_WIM_REDIRECT, "pe/SHELL.EXE", "the helper"),
				     alias("PE/isopod/shell.exe", "PE/shell.exe"),
				     put(POD_WIM_ADD, "PE/isopod/handover.bin", "record"),
				     put(POD_WIM_ADD, "Autounattend.xml", "<x/>"), put(POD_WIM_ADD, "PE/second.txt", "record")};
	REQUIRE(patch(f, c, 5, 2) == POD_OK);
	CHECK_STR(content(f, "PE/shell.exe"), "the helper");
	CHECK_STR(content(f, "PE/isopod/shell.exe"), "shell");
	CHECK_STR(content(f, "PE/isopod/handover.bin"), "record");
	CHECK_STR(content(f, "PE/second.txt"), "record");
	CHECK_STR(content(f, "Autounattend.xml"), "<x/>");
	CHECK_STR(content(f, "PE/wpe.ini"), "ini");
	CHECK_STR(content(f, "setup.exe"), "setup program");
	CHECK_STR(content(f, "streams"), "stream");
	/* One blob for both that have the same content, one reference as before for the renamed one. */
	wm_sha1("record", 6, sum);
	CHECK_EQ(references(f, sum), 2);
	CHECK_EQ(references(f, f->shell), 1);
	CHECK_EQ(f->patched.boot_index, 2);
	CHECK_EQ(f->patched.boot_metadata.offset_bytes, f->patched.meta_res.offset_bytes);
	CHECK_EQ(f->patched.meta_res.flags, POD_WIM_RES_METADATA);
	CHECK(f->patched.integrity.size_bytes == 0 && f->patched.integrity.offset_bytes == 0);
	/* The metadata's own sum. */
	wm_sha1(f->patched.meta, f->patched.meta_len, sum);
	CHECK(table_entry(f, sum) != NULL);
	/* Nothing but the header differs in what was there. */
	uint8_t *all = malloc(f->m.len);
	CHECK_EQ(pod_dev_read(&f->dev.dev, 0, all, f->m.len), POD_OK);
	memcpy(header, all, sizeof header);
	CHECK(memcmp(all + POD_WIM_HEADER, f->m.file + POD_WIM_HEADER, f->m.len - POD_WIM_HEADER) == 0);
	CHECK(memcmp(header, f->m.file, 48) == 0 && memcmp(header + 72, f->m.file + 72, 24) == 0);
	free(all);
	for (size_t i = 1; i < f->out.count; i++)
		CHECK_EQ(f->out.seg[i].start_bytes % 2048, 0);
	REQUIRE(pod_wim_lookup(&f->patched, "PE/isopod", &n) == POD_OK);
	CHECK(n.is_dir && n.attributes == 0x10 && n.mtime == 132000000000000000);
	/* The other image is as it was. */
	CHECK_EQ(pod_wim_select(&f->patched, 1, NULL), POD_OK);
	CHECK_STR(content(f, "PE/shell.exe"), "not found");
	stop(f);
}

TEST(hard_links)
{
	struct fixture *f = start();
	struct pod_wim_node n;
	struct pod_wim_change c[] = {put(POD_WIM_REDIRECT, "setup.exe", "new")};
	REQUIRE(patch(f, c, 1, 0) == POD_OK);
	CHECK_STR(content(f, "setup.exe"), "new");
	CHECK_STR(content(f, "link"), "setup program");
	CHECK_EQ(references(f, f->setup), 1);
	REQUIRE(pod_wim_lookup(&f->patched, "setup.exe", &n) == POD_OK);
	CHECK_EQ(n.link_group, 0);
	REQUIRE(pod_wim_lookup(&f->patched, "link", &n) == POD_OK);
	CHECK_EQ(n.link_group, 5);
	stop(f);
}

TEST(named_streams)
{
	struct fixture *f = start();
	uint8_t sum[SHA1];
	struct pod_wim_node n;
	struct pod_wim_change c[] = {put(POD_WIM_REDIRECT, "streams", "new stream")};
	REQUIRE(patch(f, c, 1, 0) == POD_OK);
	CHECK_STR(content(f, "streams"), "new stream");
	REQUIRE(pod_wim_lookup(&f->patched, "streams", &n) == POD_OK);
	/* Its own hash stays zero, the named stream has what it had. */
	wm_sha1("new stream", 10, sum);
	CHECK(pod_all_zero(f->patched.meta + n.entry + 64, SHA1));
	const uint8_t *streams = f->patched.meta + n.entry + pod_get_le64(f->patched.meta + n.entry);
	CHECK(memcmp(streams + 16, sum, SHA1) == 0);
	CHECK(memcmp(streams + pod_get_le64(streams) + 16, f->ini, SHA1) == 0);
	CHECK(!table_entry(f, f->stream)); /* nobody has it any more */
	stop(f);
}

/* Later changes see what earlier ones did. */
TEST(changes_of_changes)
{
	struct fixture *f = start();
	uint8_t sum[SHA1];
	struct pod_wim_change c[] = {put(POD_WIM_ADD, "a/b/c/d", "first"),
				     put(POD_WIM_ADD, "A/B/C/D", "second"),
				     put(POD_WIM_REDIRECT, "a/b/c/d", "third"),
				     put(POD_WIM_ADD, "a/b/e", ""),
				     put(POD_WIM_ADD, "PE/wpe.ini", "x"),
				     put(POD_WIM_ADD, "PE/wpe.ini", "ini"),
				     alias("a/ini", "PE/wpe.ini")};
	REQUIRE(patch(f, c, 7, 0) == POD_OK);
	CHECK_STR(content(f, "a/b/c/d"), "third");
	CHECK_STR(content(f, "a/b/e"), "");
	CHECK_STR(content(f, "PE/wpe.ini"), "ini");
	CHECK_STR(content(f, "a/ini"), "ini");
	CHECK_EQ(references(f, f->ini), 2);
	wm_sha1("first", 5, sum);
	CHECK(!table_entry(f, sum));
	wm_sha1("x", 1, sum);
	CHECK(!table_entry(f, sum));
	stop(f);
}

/* The content is somewhere on the stick: referred to, and read only where it does not end with a sector. */
TEST(content_on_the_stick)
{
	struct fixture *f = start();
	struct pod_wim_change c = {.kind = POD_WIM_ADD, .path = "big", .content = &f->original, .at_bytes = 208, .len = 300};
	char buf[300];
	struct pod_wim_node n;
	wm_sha1(f->m.file + 208, 300, c.sha1);
	REQUIRE(patch(f, &c, 1, 0) == POD_OK && pod_wim_lookup(&f->patched, "big", &n) == POD_OK);
	CHECK_EQ(n.size_bytes, 300);
	CHECK_EQ(n.res.offset_bytes % 2048, 0);
	CHECK_EQ(pod_wim_read(&f->patched, &n, 0, buf, 300), POD_OK);
	CHECK(memcmp(buf, f->m.file + 208, 300) == 0);
	pod_wim_close(&f->patched);
	pod_map_fini(&f->out);
	c.len = f->m.len;
	CHECK_EQ(patch(f, &c, 1, 0), POD_E_RANGE);
	stop(f);
}

/* Names that nobody has any more leave the table, and what is behind them moves up, in order. */
TEST(entries_leave_the_table)
{
	struct fixture *f = start();
	struct pod_wim_change c[] = {put(POD_WIM_REDIRECT, "PE/shell.exe", ""), put(POD_WIM_REDIRECT, "PE/wpe.ini", "")};
	uint64_t before = f->w.blob_table.size_bytes;
	REQUIRE(patch(f, c, 2, 2) == POD_OK);
	CHECK_EQ(f->patched.blob_table.size_bytes, before - 2 * 50);
	CHECK(!table_entry(f, f->shell) && !table_entry(f, f->ini));
	CHECK_STR(content(f, "setup.exe"), "setup program");
	CHECK_STR(content(f, "streams"), "stream");
	CHECK_STR(content(f, "PE/shell.exe"), "");
	CHECK_EQ(pod_wim_select(&f->patched, 1, NULL), POD_OK);
	CHECK_STR(content(f, "setup.exe"), "not found");
	stop(f);
}

/* Of a large table only those parts are read where something is: the file at its front, the metadata at its end. */
TEST(large_table)
{
	enum { MANY = 2900 };
	struct fixture *f = calloc(1, sizeof *f);
	struct wim_make *m = &f->m;
	struct pod_budget budget = {0};
	struct pod_wim_change c[] = {put(POD_WIM_REDIRECT, "shell.exe", "the helper"), alias("isopod/shell.exe", "shell.exe")};
	wm_init(m);
	wm_blob(m, "shell", 5, f->shell);
	for (uint32_t i = 0; i < MANY; i++)
		wm_blob(m, &i, sizeof i, f->ini);
	wm_children(m, wm_root(m));
	wm_dentry(m, 0x20, "shell.exe", f->shell, 0);
	wm_dentry(m, 0x20, "last", f->ini, 0);
	wm_end(m);
	wm_image(m);
	wm_header(m, "");
	memcpy(m->file + 96, m->table + (m->entries - 1) * 50, 24);
	m->file[120] = 1;
	pod_budget_start(&budget, 1 << 20, 1 << 24, 0);
	m->dev.dev.budget = &budget;
	pod_map_init(&f->original, &test_alloc);
	CHECK_EQ(pod_map_append(&f->original, POD_SEG_DEV, 0, m->len), POD_OK);
	REQUIRE(pod_wim_open(&f->w, &m->dev.dev, &test_alloc, NULL) == POD_OK && pod_wim_select(&f->w, 1, NULL) == POD_OK);
	REQUIRE(pod_wim_patch(&f->w, &f->original, &m->dev.dev, c, 2, 1, &f->out, NULL) == POD_OK);
	CHECK((1 << 24) - budget.bytes_left < 50 * MANY * 3 / 4);
	pod_mapdev_init(&f->dev, &f->out, &m->dev.dev, 512);
	REQUIRE(pod_wim_open(&f->patched, &f->dev.dev, &test_alloc, NULL) == POD_OK &&
		pod_wim_select(&f->patched, 1, NULL) == POD_OK);
	CHECK_STR(content(f, "shell.exe"), "the helper");
	CHECK_STR(content(f, "isopod/shell.exe"), "shell");
	CHECK_EQ(references(f, f->shell), 1);
	CHECK_EQ(references(f, f->ini), 1);
	CHECK_EQ(f->patched.blob_table.size_bytes, 50 * (MANY + 3));
	stop(f);
}

TEST(boot_index)
{
	struct fixture *f = start();
	REQUIRE(patch(f, NULL, 0, 1) == POD_OK);
	CHECK_EQ(f->patched.boot_index, 1);
	/* The metadata of an image that was not changed stay where they are. */
	CHECK_EQ(f->patched.boot_metadata.offset_bytes, pod_get_le64(f->m.file + pod_get_le64(f->m.file + 56) + 200 + 8));
	CHECK(f->patched.boot_metadata.offset_bytes < f->m.len);
	pod_map_fini(&f->out);
	CHECK_EQ(patch(f, NULL, 0, 3), POD_E_NOT_FOUND);
	stop(f);
}

TEST(refused)
{
	static const struct {
		struct pod_wim_change c;
		enum pod_status st;
	} t[] = {
		{{.kind = POD_WIM_REDIRECT, .path = "none", .data = "x", .len = 1}, POD_E_NOT_FOUND},
		{{.kind = POD_WIM_REDIRECT, .path = "PE/none/x", .data = "x", .len = 1}, POD_E_NOT_FOUND},
		{{.kind = POD_WIM_REDIRECT, .path = "PE", .data = "x", .len = 1}, POD_E_EXISTS},
		{{.kind = POD_WIM_ADD, .path = "setup.exe/x", .data = "x", .len = 1}, POD_E_EXISTS},
		{{.kind = POD_WIM_ADD, .path = "junction/x", .data = "x", .len = 1}, POD_E_UNSUPPORTED},
		{{.kind = POD_WIM_ADD, .path = "", .data = "x", .len = 1}, POD_E_INVALID},
		{{.kind = POD_WIM_ADD, .path = "x", .len = 1}, POD_E_INVALID},
		{{.kind = POD_WIM_ALIAS, .path = "link", .from = "setup.exe"}, POD_E_EXISTS},
		{{.kind = POD_WIM_ALIAS, .path = "x", .from = "PE"}, POD_E_EXISTS},
		{{.kind = POD_WIM_ALIAS, .path = "x", .from = "none"}, POD_E_NOT_FOUND},
	};
	struct fixture *f = start();
	long live = test_alloc_live;
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++) {
		struct pod_wim_change c[] = {put(POD_WIM_ADD, "fine", "x"), t[i].c};
		CHECK_EQ(patch(f, c, 2, 0), t[i].st);
		CHECK_EQ(f->diag.got, 1);
		CHECK_EQ(test_alloc_live, live);
	}
	stop(f);
}

TEST(allocations_fail)
{
	struct pod_wim_change c[] = {put(POD_WIM_REDIRECT, "PE/shell.exe", "x"), put(POD_WIM_ADD, "a/b", "y"),
				     alias("PE/old.exe", "PE/shell.exe")};
	long live = test_alloc_live;
	bool done = false;
	for (long fail = 1; !done && fail < 100; fail++) {
		struct fixture *f = start();
		test_alloc_count = 0;
		test_alloc_fail_at = fail;
		enum pod_status st = patch(f, c, 3, 0);
		done = test_alloc_count < fail;
		CHECK_EQ(st, done ? POD_OK : POD_E_NOMEM);
		test_alloc_fail_at = 0;
		stop(f);
		CHECK_EQ(test_alloc_live, live);
	}
	CHECK(done);
}
