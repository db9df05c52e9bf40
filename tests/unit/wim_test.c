/* SPDX-License-Identifier: BSD-2-Clause */
/* WIM files: header, trees, resources, XML; and what no sound writer writes. */
#include "core/image/image.h"
#include "core/wim/decode.h"
#include "core/wim/wim.h"
#include "tests/unit/wim_make.h"

/* A text with calls in it, and 32 KiB of zeros, as wimlib compresses them. */
static const char lzx_text[] =
	"162000820000000044243300964ce9cbf5298d58896628b8286800e7dfdf68c500c0000000000c80c4005939b958dff700e2000000000000"
	"44002520fbb4bfef9aaf29555a0d58209838383bd92f62fb7e3a8d5de606138fffafd5f66fb9175cc9154073";
static const char lzx_zeros[] =
	"00300000000000000101ff07ffff00e00000000000004204cf19fbbe00e400000000000011003e0893ff8fefff37ffffffffffffffffffff"
	"ffffffffffffffffffffffffffffffffffffffff00c0";
static const char xpress_text[] =
	"0600600000000060066000000000000004000000000000066665666600000000060000000000000000000000000000605060400566000560"
	"0656040006000000000000000000060000000000000000000000000000000000000000006000000000000000000000000000000000000000"
	"0000000605000000000000000000000006000000000000000000000000000000000000000000000006000000000000000000000000000000"
	"0000600400000030000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000338e21c9d766aabc9c2da1491f92f129176ab90720b5a45a"
	"ee0d34a66b2bf20dda6f10dec0b6d510f406b4ad102537c16d1056ac101bdeb72a10df0000400f0000";
static const char xpress_zeros[] =
	"0100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000002000000000000200000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000000000000000000000380000fffb7f";

enum { TEXT_LEN = 360, CHUNK = 32768 };

static size_t unhex(const char *s, uint8_t *out)
{
	size_t n = 0;
	for (unsigned v; sscanf(s + 2 * n, "%2x", &v) == 1; n++)
		out[n] = (uint8_t)v;
	return n;
}

static void make_text(uint8_t text[TEXT_LEN])
{
	size_t n = 0;
	for (unsigned i = 0; i < 8; i++) {
		text[n] = 0xe8;
		pod_put_le32(text + n + 1, 0x1040 - (uint32_t)n);
		char line[64];
		int len = snprintf(line, sizeof line, " call %u of the text that repeats itself.", i);
		memcpy(text + n + 5, line, (size_t)len);
		n += 5 + (size_t)len;
	}
	CHECK_EQ(n, TEXT_LEN);
}

/*
 * \ hello.txt  both (another name of Windows\System32\winpeshl.exe)  Windows \ System32 \ winpeshl.exe  WINPESHL.EXE  config
 * streams: has a named stream, its own hash is zero; empty: an empty file; lost: its blob is in no table
 */
static uint8_t hello_sha1[20], shell_sha1[20], stream_sha1[20], none_sha1[20];

static void make_tree(struct wim_make *m)
{
	uint8_t lost[20] = {1, 2, 3};
	wm_init(m);
	wm_blob(m, "hello", 5, hello_sha1);
	wm_blob(m, "the shell", 9, shell_sha1);
	wm_blob(m, "streamed", 8, stream_sha1);
	size_t root = wm_root(m);
	wm_children(m, root);
	wm_dentry(m, 0x20, "hello.txt", hello_sha1, 0);
	wm_dentry(m, 0x20, "both", shell_sha1, 7);
	size_t windows = wm_dentry(m, 0x10, "Windows", NULL, 0);
	size_t s = wm_dentry(m, 0x20, "streams", NULL, 0);
	wm_stream(m, s, "", none_sha1);
	wm_stream(m, s, "other", hello_sha1);
	wm_stream(m, s, "", stream_sha1);
	wm_dentry(m, 0x20, "empty", NULL, 0);
	wm_dentry(m, 0x20, "lost", lost, 0);
	wm_dentry(m, 0x410, "junction", NULL, 0xa0000003);
	wm_end(m);
	wm_children(m, windows);
	size_t system32 = wm_dentry(m, 0x10, "System32", NULL, 0);
	wm_end(m);
	wm_children(m, system32);
	wm_dentry(m, 0x20, "winpeshl.exe", shell_sha1, 7);
	wm_dentry(m, 0x20, "WINPESHL.EXE", hello_sha1, 0);
	wm_dentry(m, 0x10, "config", NULL, 0);
	wm_end(m);
	wm_image(m);
}

/* Two images: the tree, and one with nothing in it. */
static struct wim_make *make(void)
{
	struct wim_make *m = malloc(sizeof *m);
	make_tree(m);
	wm_root(m);
	wm_image(m);
	wm_header(m, "<WIM></WIM>");
	return m;
}

static enum pod_status open_and_select(struct pod_wim *w, struct wim_make *m, uint32_t image, struct pod_diag *diag)
{
	enum pod_status st = pod_wim_open(w, &m->dev.dev, &test_alloc, diag);
	return st == POD_OK ? pod_wim_select(w, image, diag) : st;
}

/* --- decompressors ---------------------------------------------------------------------------------------- */

TEST(lzx_and_xpress)
{
	static struct pod_lzx lzx;
	static struct pod_xpress xpress;
	uint8_t in[512], out[CHUNK], text[TEXT_LEN];
	make_text(text);
	size_t n = unhex(lzx_text, in);
	CHECK(pod_lzx_decode(&lzx, in, n, out, TEXT_LEN, 15) && memcmp(out, text, TEXT_LEN) == 0);
	/* A shorter output than the blocks say, and a longer one. */
	CHECK(!pod_lzx_decode(&lzx, in, n, out, TEXT_LEN - 1, 15));
	CHECK(!pod_lzx_decode(&lzx, in, n, out, TEXT_LEN + 1, 15));
	n = unhex(lzx_zeros, in);
	CHECK(pod_lzx_decode(&lzx, in, n, out, CHUNK, 15) && pod_all_zero(out, CHUNK));
	n = unhex(xpress_text, in);
	CHECK(pod_xpress_decode(&xpress, in, n, out, TEXT_LEN) && memcmp(out, text, TEXT_LEN) == 0);
	CHECK(!pod_xpress_decode(&xpress, in, 255, out, TEXT_LEN));
	n = unhex(xpress_zeros, in);
	CHECK(pod_xpress_decode(&xpress, in, n, out, CHUNK) && pod_all_zero(out, CHUNK));
}

TEST(incomplete_codes)
{
	static struct pod_huff h;
	const uint8_t good[] = {1, 2, 2}, over[] = {1, 1, 1}, incomplete[] = {1, 2}, none[] = {0, 0},
		      longest[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 16};
	const uint8_t bits[] = {0xff, 0xff, 0xff, 0x7f, 0, 0};
	struct pod_bits b;
	CHECK(pod_huff_build(&h, good, 3, 7));
	CHECK(!pod_huff_build(&h, over, 3, 7));
	CHECK(!pod_huff_build(&h, incomplete, 2, 7));
	CHECK(pod_huff_build(&h, none, 2, 7));
	pod_bits_init(&b, bits, sizeof bits);
	CHECK_EQ(pod_huff_get(&h, &b), POD_HUFF_NONE);
	CHECK(pod_huff_build(&h, longest, 17, 11));
	pod_bits_init(&b, bits, sizeof bits);
	CHECK_EQ(pod_huff_get(&h, &b), 16); /* sixteen ones */
	CHECK_EQ(pod_huff_get(&h, &b), 0);  /* a zero */
	CHECK_EQ(pod_huff_get(&h, &b), 15); /* fifteen ones and a zero */
}

/* --- opening ---------------------------------------------------------------------------------------------- */

TEST(header)
{
	struct wim_make *m = make();
	struct pod_wim w;
	struct pod_diag d = {0};
	REQUIRE(pod_wim_open(&w, &m->dev.dev, &test_alloc, &d) == POD_OK);
	CHECK_EQ(w.image_count, 2);
	CHECK_EQ(w.boot_index, 0);
	CHECK_EQ(w.compression, POD_WIM_RAW);
	CHECK_EQ(w.part, 1);
	CHECK(!pod_wim_not_bootable(&w));
	CHECK_EQ(pod_wim_select(&w, 3, &d), POD_E_NOT_FOUND);
	CHECK_EQ(pod_wim_select(&w, 0, &d), POD_E_NOT_FOUND);
	pod_wim_close(&w);
	pod_wim_close(&w);
	m->file[12]++;
	CHECK_EQ(pod_wim_open(&w, &m->dev.dev, &test_alloc, &d), POD_E_UNSUPPORTED);
	m->file[3]++;
	CHECK_EQ(pod_wim_open(&w, &m->dev.dev, &test_alloc, &d), POD_E_FORMAT);
	free(m);
}

TEST(what_firmware_cannot_read)
{
	static const struct {
		uint32_t at, value;
		const char *what;
	} c[] = {{16, 0x20002, NULL}, {16, 0x40002, NULL},  {16, 0x80002, "LZMS"}, {12, 0xE00, "solid"},
		 {20, 65536, NULL},   {42, 2, "split WIM"}, {16, 8, "split WIM"}};
	struct pod_wim w;
	for (size_t i = 0; i < POD_ARRAY_LEN(c); i++) {
		struct wim_make *m = make();
		pod_put_le32(m->file + c[i].at, c[i].value);
		REQUIRE(pod_wim_open(&w, &m->dev.dev, &test_alloc, NULL) == POD_OK);
		const char *what = pod_wim_not_bootable(&w);
		CHECK_STR(what ? what : "-", c[i].what ? c[i].what : "-");
		pod_wim_close(&w);
		pod_put_le32(m->file + 16, 0x40002);
		pod_put_le32(m->file + 20, 65536);
		REQUIRE(pod_wim_open(&w, &m->dev.dev, &test_alloc, NULL) == POD_OK);
		CHECK(pod_wim_not_bootable(&w));
		pod_wim_close(&w);
		free(m);
	}
}

/* Compressed metadata in an LZMS file, parts of a split one: named, not read. */
TEST(what_is_not_read)
{
	struct wim_make *m = make();
	struct pod_wim w;
	struct pod_diag d = {0};
	uint8_t *meta = m->file + pod_get_le64(m->file + 56) + (size_t)50 * 3;
	meta[7] = 6;
	pod_put_le32(m->file + 16, 0x80002);
	CHECK_EQ(open_and_select(&w, m, 1, &d), POD_E_UNSUPPORTED);
	CHECK_STR(d.what, "LZMS");
	pod_wim_close(&w);
	meta[7] = 0x12;
	CHECK_EQ(open_and_select(&w, m, 1, &d), POD_E_UNSUPPORTED);
	CHECK_STR(d.what, "solid");
	pod_wim_close(&w);
	m->file[42] = 2;
	CHECK_EQ(open_and_select(&w, m, 1, &d), POD_E_UNSUPPORTED);
	CHECK_STR(d.what, "split WIM");
	pod_wim_close(&w);
	free(m);
}

/* --- trees ------------------------------------------------------------------------------------------------ */

static const char *content(struct pod_wim *w, const char *path)
{
	static char buf[64];
	struct pod_wim_node n;
	enum pod_status st = pod_wim_lookup(w, path, &n);
	if (st == POD_OK && n.size_bytes < sizeof buf)
		st = pod_wim_read(w, &n, 0, buf, (size_t)n.size_bytes);
	if (st != POD_OK)
		return pod_status_text(st);
	buf[n.size_bytes] = 0;
	return buf;
}

TEST(paths)
{
	struct wim_make *m = make();
	struct pod_wim w;
	struct pod_wim_node n;
	REQUIRE(open_and_select(&w, m, 1, NULL) == POD_OK);
	CHECK_STR(content(&w, "hello.txt"), "hello");
	CHECK_STR(content(&w, "/HELLO.txt"), "hello");
	CHECK_STR(content(&w, "//windows//SYSTEM32/winpeshl.exe"), "the shell");
	CHECK_STR(content(&w, "Windows/System32/WINPESHL.EXE"), "hello"); /* the exact name comes first */
	CHECK_STR(content(&w, "Windows/System32/WinPEshl.exe"), "the shell");
	CHECK_STR(content(&w, "streams"), "streamed");
	CHECK_STR(content(&w, "empty"), "");
	CHECK_STR(content(&w, "lost"), "not found");
	CHECK_STR(content(&w, "hello.txt/x"), "not found");
	CHECK_STR(content(&w, "hello"), "not found");
	CHECK_STR(content(&w, "Windows"), "invalid argument");
	CHECK_EQ(pod_wim_lookup(&w, "a\xff", &n), POD_E_INVALID);
	REQUIRE(pod_wim_lookup(&w, "both", &n) == POD_OK);
	CHECK_EQ(n.link_group, 7);
	CHECK(n.has_res && !n.is_dir && n.attributes == 0x20 && !memcmp(n.sha1, shell_sha1, 20));
	CHECK_EQ(n.mtime, 132000000000000000);
	CHECK_EQ(pod_wim_read(&w, &n, 9, &n, 1), POD_E_RANGE);
	REQUIRE(pod_wim_lookup(&w, "junction", &n) == POD_OK);
	CHECK_EQ(n.link_group, 0);
	REQUIRE(pod_wim_lookup(&w, "", &n) == POD_OK);
	CHECK(n.is_dir);
	CHECK_EQ(pod_wim_select(&w, 2, NULL), POD_OK);
	CHECK_STR(content(&w, "hello.txt"), "not found");
	pod_wim_close(&w);
	free(m);
}

struct seen {
	char text[512];
	unsigned n;
};

static enum pod_status note(void *ctx, const char *path, const struct pod_wim_node *node)
{
	struct seen *s = ctx;
	size_t n = strlen(s->text);
	snprintf(s->text + n, sizeof s->text - n, "%s%s ", path, node->is_dir ? "/" : "");
	return ++s->n == 100 ? POD_E_CANCELLED : POD_OK;
}

TEST(walk)
{
	struct wim_make *m = make();
	struct pod_wim w;
	struct seen s = {0};
	REQUIRE(open_and_select(&w, m, 1, NULL) == POD_OK);
	CHECK_EQ(pod_wim_walk(&w, note, &s, NULL), POD_OK);
	CHECK_STR(s.text, "hello.txt both Windows/ Windows/System32/ Windows/System32/winpeshl.exe Windows/System32/WINPESHL.EXE "
			  "Windows/System32/config/ streams empty lost junction/ ");
	s.n = 99;
	CHECK_EQ(pod_wim_walk(&w, note, &s, NULL), POD_E_CANCELLED);
	pod_wim_close(&w);
	free(m);
}

/* Breaks one field of an entry; what the walk says. */
static enum pod_status walk_broken(const char *name, size_t field, uint64_t value, size_t len, struct pod_diag *d)
{
	struct wim_make *m = make();
	struct pod_wim w;
	struct pod_wim_node n;
	struct seen s = {0};
	uint8_t bytes[8];
	enum pod_status st = open_and_select(&w, m, 1, d);
	if (st == POD_OK)
		st = pod_wim_lookup(&w, name, &n);
	if (st == POD_OK) {
		pod_put_le64(bytes, value);
		memcpy(w.meta + n.entry + field, bytes, len);
		st = pod_wim_walk(&w, note, &s, d);
	}
	pod_wim_close(&w);
	free(m);
	return st;
}

TEST(broken_entries)
{
	struct pod_diag d = {0};
	/* Windows leads to the root's list, and System32 to its own entry. */
	CHECK_EQ(walk_broken("Windows", 16, 8 + 104 + 8, 8, &d), POD_E_LOOP);
	CHECK_STR(d.what, "directory");
	CHECK_EQ(walk_broken("Windows/System32/config", 16, 8 + 104 + 8, 8, &d), POD_E_LOOP);
	CHECK_EQ(walk_broken("Windows", 16, 1u << 30, 8, &d), POD_E_CORRUPT);
	CHECK_EQ(walk_broken("Windows", 16, UINT64_MAX - 7, 8, &d), POD_E_CORRUPT);
	CHECK_EQ(walk_broken("Windows", 16, 121, 8, &d), POD_E_CORRUPT);
	CHECK_EQ(walk_broken("Windows/System32/config", 0, UINT64_MAX, 8, &d), POD_E_CORRUPT);
	CHECK_EQ(walk_broken("Windows/System32/config", 0, 101, 8, &d), POD_E_CORRUPT);
	CHECK_EQ(walk_broken("empty", 100, 2000, 2, &d), POD_E_CORRUPT);
	CHECK_EQ(walk_broken("empty", 100, 7, 2, &d), POD_E_CORRUPT);
	CHECK_EQ(walk_broken("empty", 96, 65535, 2, &d), POD_E_CORRUPT);
	/* A name with a slash, or none, is left out. */
	CHECK_EQ(walk_broken("empty", 102, '/', 2, &d), POD_OK);
	CHECK_EQ(walk_broken("empty", 100, 0, 2, &d), POD_OK);
}

TEST(broken_files)
{
	struct wim_make *m = make();
	struct pod_wim w;
	struct pod_diag d = {0};
	uint8_t *table = m->file + pod_get_le64(m->file + 56);
	/* Metadata beyond the end, of another size than it has in the file, too large, too short for a root; no second image. */
	static const struct {
		size_t at;
		uint64_t value;
		enum pod_status st;
	} c[] = {{158, 1u << 30, POD_E_CORRUPT},
		 {158, UINT64_MAX - 5, POD_E_CORRUPT},
		 {166, 60, POD_E_CORRUPT},
		 {166, 1u << 30, POD_E_LIMIT},
		 {150, 100 | 2ull << 56, POD_E_CORRUPT}};
	for (size_t i = 0; i < POD_ARRAY_LEN(c); i++) {
		uint64_t old = pod_get_le64(table + c[i].at);
		pod_put_le64(table + c[i].at, c[i].value);
		CHECK_EQ(open_and_select(&w, m, 1, &d), c[i].st);
		pod_wim_close(&w);
		pod_put_le64(table + c[i].at, old);
	}
	table[200 + 7] = 0;
	CHECK_EQ(open_and_select(&w, m, 2, &d), POD_E_CORRUPT);
	CHECK_STR(d.what, "metadata of an image");
	pod_wim_close(&w);
	free(m);
}

/* Entries with many streams cost more than others. */
TEST(streams_cost)
{
	struct wim_make *m = malloc(sizeof *m);
	struct pod_budget b = {0};
	struct pod_wim w;
	struct pod_wim_node n;
	wm_init(m);
	wm_children(m, wm_root(m));
	size_t file = wm_dentry(m, 0x20, "file", NULL, 0);
	for (unsigned i = 0; i < 320; i++)
		wm_stream(m, file, "", none_sha1);
	wm_end(m);
	wm_image(m);
	wm_header(m, "");
	m->dev.dev.budget = &b;
	pod_budget_start(&b, 100, POD_BUDGET_UNLIMITED, 0);
	REQUIRE(open_and_select(&w, m, 1, NULL) == POD_OK);
	uint64_t before = b.steps_spent;
	CHECK_EQ(pod_wim_lookup(&w, "file", &n), POD_OK);
	CHECK(b.steps_spent >= before + 20);
	b.steps_left = 10;
	CHECK_EQ(pod_wim_lookup(&w, "file", &n), POD_E_BUDGET);
	pod_wim_close(&w);
	free(m);
}

/* What the probe of images says. */
TEST(probe)
{
	struct wim_make *m = malloc(sizeof *m);
	struct pod_image im;
	make_tree(m);
	wm_header(m, "<WIM><IMAGE INDEX=\"1\"><NAME>Setup</NAME></IMAGE></WIM>");
	pod_put_le32(m->file + 120, 1);
	memset(m->file + 124, 0, 24);
	CHECK_EQ(pod_image_probe(&m->dev.dev, "x.wim", &test_alloc, &im, NULL), POD_OK);
	CHECK_EQ(im.kind, POD_IMAGE_WIM);
	CHECK_STR(im.label, "Setup");
	CHECK_EQ(im.wim.images, 1);
	CHECK_EQ(im.wim.boot_index, 1);
	CHECK(!im.wim.refused && !im.truncated);
	m->dev.dev.size_bytes -= 10;
	CHECK_EQ(pod_image_probe(&m->dev.dev, "x.wim", &test_alloc, &im, NULL), POD_OK);
	CHECK(im.truncated);
	CHECK_STR(im.label, "");
	m->dev.dev.size_bytes += 10;
	m->file[13] = 0; /* another version: what it is, and no more */
	CHECK_EQ(pod_image_probe(&m->dev.dev, "x.wim", &test_alloc, &im, NULL), POD_OK);
	CHECK_EQ(im.kind, POD_IMAGE_WIM);
	CHECK_EQ(im.wim.images, 0);
	free(m);
}

/* --- compressed resources --------------------------------------------------------------------------------- */

/* Zeros compressed, a chunk stored as it is, a short one compressed. */
static struct wim_make *make_chunks(const char *zeros, const char *text, uint32_t flags, uint8_t *want)
{
	struct wim_make *m = malloc(sizeof *m);
	uint8_t *res = malloc(4 * CHUNK), sha1[20];
	wm_init(m);
	m->flags = flags;
	size_t n = 8, zeros_len = unhex(zeros, res + n);
	n += zeros_len;
	pod_put_le32(res, (uint32_t)zeros_len);
	for (size_t i = 0; i < CHUNK; i++)
		want[CHUNK + i] = res[n + i] = (uint8_t)(i * i >> 3);
	n += CHUNK;
	pod_put_le32(res + 4, (uint32_t)(n - 8));
	n += unhex(text, res + n);
	memset(want, 0, CHUNK);
	make_text(want + 2 * CHUNK);
	wm_sha1(want, 2 * CHUNK + TEXT_LEN, sha1);
	wm_entry(m, res, n, 2 * CHUNK + TEXT_LEN, 4, sha1);
	wm_children(m, wm_root(m));
	wm_dentry(m, 0x20, "file", sha1, 0);
	wm_end(m);
	wm_image(m);
	wm_header(m, "");
	free(res);
	return m;
}

static void check_chunks(struct wim_make *m, const uint8_t *want)
{
	enum { ALL = 2 * CHUNK + TEXT_LEN };
	uint8_t *buf = malloc(ALL);
	struct pod_wim w;
	struct pod_wim_node n;
	struct pod_wim_file f;
	REQUIRE(open_and_select(&w, m, 1, NULL) == POD_OK && pod_wim_lookup(&w, "file", &n) == POD_OK);
	CHECK_EQ(n.size_bytes, ALL);
	CHECK_EQ(pod_wim_read(&w, &n, 0, buf, ALL), POD_OK);
	CHECK(memcmp(buf, want, ALL) == 0);
	REQUIRE(pod_wim_dev(&w, &n, &f) == POD_OK);
	for (size_t at = 0, len = 1; at < ALL; at += len, len = len * 3 % 5003 + 1) {
		size_t k = (size_t)pod_min_u64(len, ALL - at);
		memset(buf, 0xaa, k);
		CHECK_EQ(pod_dev_read(&f.dev, at, buf, k), POD_OK);
		CHECK(memcmp(buf, want + at, k) == 0);
	}
	/* Backwards, over the boundaries of chunks. */
	for (size_t at = ALL - 600; at > 600; at -= 499) {
		CHECK_EQ(pod_dev_read(&f.dev, at, buf, 600), POD_OK);
		CHECK(memcmp(buf, want + at, 600) == 0);
	}
	CHECK_EQ(pod_dev_read(&f.dev, ALL, buf, 1), POD_E_RANGE);
	pod_wim_close(&w);
	free(buf);
}

TEST(chunks)
{
	uint8_t *want = malloc(3 * CHUNK);
	struct wim_make *m = make_chunks(lzx_zeros, lzx_text, 0x40002, want);
	check_chunks(m, want);
	free(m);
	m = make_chunks(xpress_zeros, xpress_text, 0x20002, want);
	check_chunks(m, want);
	free(m);
	free(want);
}

TEST(broken_chunks)
{
	uint8_t *want = malloc(3 * CHUNK), b;
	struct pod_wim w;
	struct pod_wim_node n;
	struct pod_diag d = {0};
	static const struct {
		size_t at;
		uint8_t value;
		uint64_t off;
		const char *what;
	} c[] = {{208 + 1, 0xff, 0, "chunk table"},
		 {208 + 7, 1, 0, "chunk table"},
		 {208 + 4, 1, 40000, "chunk table"},
		 {208 + 8 + 30, 0xa5, 5, "compressed chunk"}};
	for (size_t i = 0; i < POD_ARRAY_LEN(c); i++) {
		struct wim_make *m = make_chunks(lzx_zeros, lzx_text, 0x40002, want);
		m->file[c[i].at] = c[i].value;
		if (c[i].off == 40000)
			m->file[208 + 5] = 0;
		REQUIRE(open_and_select(&w, m, 1, NULL) == POD_OK && pod_wim_lookup(&w, "file", &n) == POD_OK);
		CHECK_EQ(pod_wim_read_res(&w, &n.res, c[i].off, &b, 1, &d), POD_E_CORRUPT);
		CHECK_STR(d.what, c[i].what);
		pod_wim_close(&w);
		free(m);
	}
	free(want);
}

/* --- XML -------------------------------------------------------------------------------------------------- */

TEST(about)
{
	struct wim_make *m = malloc(sizeof *m);
	struct pod_wim w;
	struct pod_wim_about a[2];
	wm_init(m);
	m->images = 2;
	wm_header(
		m,
		"<?xml version='1.0'?><WIM><TOTALBYTES>9</TOTALBYTES><IMAGE INDEX=\"2\"><NAME>Setup &amp; &lt;x&gt;</NAME><WINDOWS>"
		"<ARCH>9</ARCH><EDITIONID>WindowsPE</EDITIONID><INSTALLATIONTYPE>WindowsPE</INSTALLATIONTYPE><VERSION><MAJOR>10"
		"</MAJOR><MINOR>0</MINOR><BUILD>17763</BUILD><SPBUILD>253</SPBUILD></VERSION><LANGUAGES><LANGUAGE>de-DE</LANGUAGE>"
		"<DEFAULT>en-US</DEFAULT></LANGUAGES></WINDOWS><EMPTY/><TOTALBYTES>5000000000</TOTALBYTES></IMAGE>"
		"<IMAGE INDEX=\"1\"><NAME>one</NAME><SERVICINGDATA x=\"/\"><BUILD>1</BUILD></SERVICINGDATA></IMAGE>"
		"<IMAGE INDEX=\"3\"><NAME>three</NAME></IMAGE></WIM>");
	REQUIRE(pod_wim_open(&w, &m->dev.dev, &test_alloc, NULL) == POD_OK);
	CHECK_EQ(pod_wim_about(&w, a, 2, NULL), POD_OK);
	CHECK_STR(a[0].name, "one");
	CHECK_STR(pod_wim_arch_text(&a[0]), "");
	CHECK_EQ(a[0].build, 0);
	CHECK_STR(a[1].name, "Setup & <x>");
	CHECK_STR(pod_wim_arch_text(&a[1]), "x64");
	CHECK_STR(a[1].edition, "WindowsPE");
	CHECK_STR(a[1].type, "WindowsPE");
	CHECK_STR(a[1].language, "en-US");
	CHECK_EQ(a[1].major, 10);
	CHECK_EQ(a[1].build, 17763);
	CHECK_EQ(a[1].service_build, 253);
	CHECK_EQ(a[1].total_bytes, 5000000000);
	pod_wim_close(&w);
	static const char *const broken[] = {"<WIM><IMAGE INDEX=\"1\">", "<WIM", "</WIM>",
					     "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"};
	for (size_t i = 0; i < POD_ARRAY_LEN(broken); i++) {
		wm_init(m);
		wm_header(m, broken[i]);
		REQUIRE(pod_wim_open(&w, &m->dev.dev, &test_alloc, NULL) == POD_OK);
		CHECK_EQ(pod_wim_about(&w, a, 2, NULL), POD_E_CORRUPT);
		pod_wim_close(&w);
	}
	free(m);
}

/* --- memory ----------------------------------------------------------------------------------------------- */

TEST(allocations_fail)
{
	uint8_t *want = malloc(3 * CHUNK), b[8];
	struct wim_make *m = make_chunks(lzx_zeros, lzx_text, 0x40002, want);
	long live = test_alloc_live;
	bool done = false;
	for (long fail = 1; !done && fail < 50; fail++) {
		struct pod_wim w;
		struct pod_wim_node n;
		struct seen s = {0};
		test_alloc_count = 0;
		test_alloc_fail_at = fail;
		enum pod_status st = open_and_select(&w, m, 1, NULL);
		if (st == POD_OK)
			st = pod_wim_walk(&w, note, &s, NULL);
		if (st == POD_OK)
			st = pod_wim_lookup(&w, "file", &n);
		if (st == POD_OK)
			st = pod_wim_read(&w, &n, 3, b, sizeof b);
		done = test_alloc_count < fail;
		CHECK_EQ(st, done ? POD_OK : POD_E_NOMEM);
		test_alloc_fail_at = 0;
		pod_wim_close(&w);
		CHECK_EQ(test_alloc_live, live);
	}
	CHECK(done);
	free(m);
	free(want);
}
