/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading initrds. libarchive undoes the compression (gzip, bzip2, xz, lzma, zstd, lz4); the cpio archives are walked here,
 * because the kernel's way to put several of them behind each other, plain ones in front, is no archive that it knows.
 *
 * All of this runs in a child behind walls (cli/host/sandbox.h), which answers with the modules that it found.
 *
 * newc header, 110 bytes: magic "070701" or "070702", then 13 fields of 8 hexadecimal digits: ino, mode, uid, gid, nlink, mtime,
 * filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check. Name and data are padded to 4 bytes.
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/initrd.h"
#include "cli/doctor/initrd_walk.h"
#include "cli/host/lazy.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"

/* clang-format off */
#define FUNCTIONS(X) \
	X(archive_filter_bytes) X(archive_filter_count) X(archive_read_data) X(archive_read_free) X(archive_read_new) \
	X(archive_read_next_header) X(archive_read_open) X(archive_read_support_filter_bzip2) \
	X(archive_read_support_filter_gzip) X(archive_read_support_filter_lz4) X(archive_read_support_filter_lzma) \
	X(archive_read_support_filter_xz) X(archive_read_support_filter_zstd) X(archive_read_support_format_raw)
/* clang-format on */
LAZY_LIBRARY(lib, archive, FUNCTIONS);

#define UNPACKED_MAX (4ull << 30)
#define FILES_MAX    500000u
#define KO_MAX	     (16u << 20)
#define PIECE	     (256u << 10)

/* A source of bytes: the device, or an archive that unpacks. */
struct source {
	struct pod_dev *dev;
	uint64_t at, end; /* on the device */
	struct archive *unpack;
	uint32_t crc; /* of what was unpacked */
	uint64_t unpacked;
	uint8_t *buf; /* PIECE bytes: what libarchive was given last, or what was read ahead */
	uint64_t buf_at;
	size_t buf_len;
	bool io_error;
};

static la_ssize_t feed(struct archive *a, void *ctx, const void **out)
{
	struct source *s = ctx;
	size_t n = (size_t)pod_min_u64(PIECE, s->end - s->at);

	(void)a;
	if (n && pod_dev_read(s->dev, s->at, s->buf, n) != POD_OK) {
		s->io_error = true;
		return -1;
	}
	s->at += n;
	*out = s->buf;
	return (la_ssize_t)n;
}

/* Up to len bytes; 0 at the end, -1 on failure. */
static ssize_t source_read(struct source *s, void *buf, size_t len)
{
	size_t n = 0;

	while (!s->unpack && n < len && s->at < s->end) {
		size_t piece, skip;

		if (s->at < s->buf_at || s->at - s->buf_at >= s->buf_len) {
			s->buf_at = s->at;
			s->buf_len = (size_t)pod_min_u64(PIECE, s->end - s->at);
			if (pod_dev_read(s->dev, s->at, s->buf, s->buf_len) != POD_OK) {
				s->io_error = true;
				s->buf_len = 0;
				return -1;
			}
		}
		skip = (size_t)(s->at - s->buf_at);
		piece = (size_t)pod_min_u64(len - n, s->buf_len - skip);
		memcpy((char *)buf + n, s->buf + skip, piece);
		n += piece;
		s->at += piece;
	}
	if (!s->unpack)
		return (ssize_t)n;
	while (n < len) {
		la_ssize_t got = lib.archive_read_data(s->unpack, (char *)buf + n, len - n);

		if (got < 0)
			return -1;
		if (got == 0)
			break;
		s->crc = pod_crc32(s->crc, (char *)buf + n, (size_t)got);
		n += (size_t)got;
	}
	s->unpacked += n;
	return (ssize_t)n;
}

static bool source_skip(struct source *s, uint64_t len, char *scratch)
{
	if (!s->unpack) {
		if (len > s->end - s->at)
			return false;
		s->at += len;
		return true;
	}
	while (len) {
		ssize_t n = source_read(s, scratch, (size_t)pod_min_u64(PIECE, len));

		if (n <= 0)
			return false;
		len -= (uint64_t)n;
	}
	return true;
}

struct walker {
	const struct initrd_request *q;
	struct sandbox_child *child;
	struct initrd_found found;
	char *scratch; /* PIECE bytes */
	uint64_t pos;  /* of the stream, for the padding */
	uint32_t mode; /* of the member that is being read */
};

enum { MODE_KIND = 0170000, MODE_LINK = 0120000, MODE_FOLDER = 0040000 };

/* The first one counts; `at`: on the device. */
static void problem(struct walker *w, enum initrd_problem what, uint64_t at)
{
	if (w->found.problem)
		return;
	w->found.problem = what;
	w->found.stopped_at = at - w->q->start_bytes;
}

static bool hex8(const char *p, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < 8; i++) {
		const char *digits = "0123456789abcdef", *d = memchr(digits, p[i] | 0x20, 16);

		if (p[i] >= '0' && p[i] <= '9')
			d = digits + (p[i] - '0');
		if (!d)
			return false;
		*out = *out << 4 | (uint32_t)(d - digits);
	}
	return true;
}

static bool walk_read(struct walker *w, struct source *s, void *buf, size_t len)
{
	if (source_read(s, buf, len) != (ssize_t)len)
		return false;
	w->pos += len;
	return true;
}

static bool walk_skip(struct walker *w, struct source *s, uint64_t len)
{
	if (!source_skip(s, len, w->scratch))
		return false;
	w->pos += len;
	return true;
}

static bool is_init(const char *path)
{
	return strcmp(path, "init") == 0 || strcmp(path, "sbin/init") == 0 || strcmp(path, "linuxrc") == 0;
}

static bool is_ko(const char *path)
{
	size_t n = strlen(path);

	return n > 3 && strcmp(path + n - 3, ".ko") == 0;
}

static bool wants_content(const struct walker *w, const char *path)
{
	return w->q->wants ? w->q->wants(path) : modules_wants_content(path);
}

/* A path that is of interest, and its content if that is. */
static void send_file(struct walker *w, const char *path, const char *data, size_t len)
{
	size_t n = strlen(path) + 1;
	char *both;

	if (w->q->wants ? !w->q->wants(path) : !modules_wants(path))
		return;
	if (w->q->gather) {
		w->q->gather(w->q->gather_ctx, path, (w->mode & MODE_KIND) == MODE_LINK, data, len);
		return;
	}
	both = cli_xmalloc(n + len);
	memcpy(both, path, n);
	if (data)
		memcpy(both + n, data, len);
	sandbox_send(w->child, INITRD_FILE, both, n + len);
	free(both);
}

/* The aliases in a module's file. */
static void send_aliases(struct walker *w, const char *path, const char *data, size_t len)
{
	struct modules m = {0};

	modules_add_ko(&m, path, data, len);
	for (size_t i = 0; i < m.alias_count; i++) {
		char *both = cli_xasprintf("%s%c%s", m.alias[i].pattern, 1, m.alias[i].module);

		sandbox_send(w->child, INITRD_ALIAS, both, strlen(both));
		free(both);
	}
	modules_free(&m);
}

/* One file's data; `size` bytes of it. */
static bool walk_data(struct walker *w, struct source *s, const char *path, uint32_t size)
{
	uint32_t pad = (4 - (uint32_t)(w->pos + size) % 4) % 4;
	char *data = NULL;

	if (w->q->scan ? is_ko(path) && size <= KO_MAX : wants_content(w, path) && size && size <= MODULES_TEXT_MAX) {
		data = cli_xmalloc((size_t)size + 1);
		if (!walk_read(w, s, data, size)) {
			free(data);
			return false;
		}
		data[size] = 0;
	} else if (size > 4096) {
		char magic[4];

		if (!walk_read(w, s, magic, sizeof magic))
			return false;
		if (memcmp(magic, "hsqs", 4) == 0)
			w->found.has_squashfs = 1;
		size -= (uint32_t)sizeof magic;
		if (!walk_skip(w, s, size))
			return false;
	} else if (!walk_skip(w, s, size)) {
		return false;
	}
	if (w->q->scan && data)
		send_aliases(w, path, data, size);
	else if (!w->q->scan && !(w->q->gather && (w->mode & MODE_KIND) == MODE_FOLDER))
		send_file(w, path, data ? data : size ? NULL : "", data ? size : 0);
	free(data);
	w->found.has_init |= is_init(path);
	return walk_skip(w, s, pad);
}

enum walked { WALK_TRAILER, WALK_FILE, WALK_BROKEN };

/* One member; the first 6 bytes, the magic, are read. */
static enum walked walk_member(struct walker *w, struct source *s)
{
	char head[104], *name;
	uint32_t size, name_size;

	if (!walk_read(w, s, head, sizeof head) || !hex8(head + 8, &w->mode) || !hex8(head + 48, &size) ||
	    !hex8(head + 88, &name_size) || !name_size || name_size > INITRD_NAME_MAX)
		return WALK_BROKEN;
	name = cli_xmalloc(name_size);
	if (!walk_read(w, s, name, name_size) || name[name_size - 1] != 0 || !walk_skip(w, s, (4 - w->pos % 4) % 4)) {
		free(name);
		return WALK_BROKEN;
	}
	if (strcmp(name, "TRAILER!!!") == 0) {
		free(name);
		return WALK_TRAILER;
	}
	w->found.files++;
	w->found.read_bytes += size;
	{
		const char *path = name;
		bool ok;

		while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
			path++;
		ok = w->found.files < FILES_MAX && w->found.read_bytes < UNPACKED_MAX && walk_data(w, s, path, size);
		free(name);
		return ok ? WALK_FILE : WALK_BROKEN;
	}
}

/* Archives and zeros, until the end or something else; `head` then holds its first bytes (at most 6) and *n how many. False: it
 * breaks off inside an archive. */
static bool walk_archives(struct walker *w, struct source *s, char head[6], size_t *n)
{
	w->pos = 0;
	for (;;) {
		ssize_t got;
		char c = 0;

		/* zeros */
		do {
			got = source_read(s, &c, 1);
		} while (got == 1 && !c);
		*n = 0;
		if (got < 0)
			return false;
		if (got == 0)
			return true;
		head[0] = c;
		got = source_read(s, head + 1, 5);
		*n = 1 + (got > 0 ? (size_t)got : 0);
		if (*n < 6 || (memcmp(head, "070701", 6) != 0 && memcmp(head, "070702", 6) != 0))
			return true;
		for (;;) {
			enum walked r;

			w->pos = w->pos ? w->pos : 6;
			r = walk_member(w, s);
			if (r == WALK_TRAILER)
				break;
			if (r == WALK_BROKEN || !walk_read(w, s, head, 6) || memcmp(head, "07070", 5) != 0)
				return false;
		}
		w->pos = 0;
	}
}

static struct archive *open_unpacker(struct source *s)
{
	struct archive *a = lib.archive_read_new();
	struct archive_entry *e;

	if (!a)
		return NULL;
	lib.archive_read_support_filter_gzip(a);
	lib.archive_read_support_filter_bzip2(a);
	lib.archive_read_support_filter_xz(a);
	lib.archive_read_support_filter_lzma(a);
	lib.archive_read_support_filter_zstd(a);
	lib.archive_read_support_filter_lz4(a);
	lib.archive_read_support_format_raw(a);
	/* Exactly one filter and the source: plain bytes are none of ours. */
	if (lib.archive_read_open(a, s, NULL, feed, NULL) == ARCHIVE_OK && lib.archive_read_next_header(a, &e) == ARCHIVE_OK &&
	    lib.archive_filter_count(a) >= 2)
		return a;
	lib.archive_read_free(a);
	return NULL;
}

/* Unpacks and walks [at, end); *used: how many bytes the compressed stream has. */
static bool walk_stream(struct walker *w, struct source *s, uint64_t *used)
{
	char head[6];
	size_t n;
	bool ok;

	s->unpack = open_unpacker(s);
	if (!s->unpack)
		return false;
	ok = walk_archives(w, s, head, &n) && n == 0;
	*used = (uint64_t)lib.archive_filter_bytes(s->unpack, -1);
	lib.archive_read_free(s->unpack);
	return ok;
}

/* Compressions that libarchive knows for sure: what begins so and cannot be unpacked is damaged. */
static bool is_known(struct pod_dev *dev, uint64_t at, uint64_t end)
{
	static const uint8_t magic[][4] = {{0x1f, 0x8b, 8, 0}, {0xfd, '7', 'z', 'X'}, {0x28, 0xb5, 0x2f, 0xfd}};
	uint8_t b[4] = {0};

	if (end - at < sizeof b || pod_dev_read(dev, at, b, sizeof b) != POD_OK)
		return false;
	for (size_t i = 0; i < POD_ARRAY_LEN(magic); i++)
		if (memcmp(b, magic[i], i ? 4 : 3) == 0)
			return true;
	return false;
}

/* gzip (RFC 1952) ends in CRC-32 and length, which libarchive does not look at. Of several streams behind each other the length is not
 * that of all, and the sum is not known. */
static bool gzip_differs(const struct source *s, struct pod_dev *dev, uint64_t at, uint64_t used)
{
	uint8_t head[2], tail[8];

	if (used < 18 || pod_dev_read(dev, at, head, sizeof head) != POD_OK || head[0] != 0x1f || head[1] != 0x8b ||
	    pod_dev_read(dev, at + used - sizeof tail, tail, sizeof tail) != POD_OK)
		return false;
	return pod_get_le32(tail + 4) == (uint32_t)s->unpacked && pod_get_le32(tail) != s->crc;
}

/* A compressed part at `at`; returns where it ends, or 0 (has said why). */
static uint64_t walk_packed(struct walker *w, struct pod_dev *dev, uint64_t at, uint64_t end)
{
	struct source s = {.dev = dev, .at = at, .end = end};
	uint64_t files = w->found.files, unpacked = w->found.read_bytes, used = 0;
	bool ok;

	if (w->q->missing) {
		problem(w, INITRD_NO_LIBRARY, at);
		return 0;
	}
	s.buf = cli_xmalloc(PIECE);
	ok = walk_stream(w, &s, &used);
	/* libarchive's zstd reader loses the end of a stream that is followed by something else, but knows how long it was. */
	if (!ok && !s.io_error && used && used < end - at) {
		s = (struct source){.dev = dev, .at = at, .end = at + used, .buf = s.buf};
		w->found.files = files;
		w->found.read_bytes = unpacked;
		ok = walk_stream(w, &s, &used);
	}
	free(s.buf);
	if (ok && used && gzip_differs(&s, dev, at, used)) {
		problem(w, INITRD_WRONG_SUM, at);
		return 0;
	}
	if (ok && used)
		return at + used;
	problem(w,
		s.io_error			 ? INITRD_READ_ERROR
		: used || is_known(dev, at, end) ? INITRD_BREAKS_OFF
						 : INITRD_UNKNOWN,
		at + used);
	return 0;
}

static void walk_all(struct walker *w, struct pod_dev *dev, uint64_t at, uint64_t end)
{
	uint8_t *buf = cli_xmalloc(PIECE);

	while (at < end) {
		struct source s = {.dev = dev, .at = at, .end = end, .buf = buf};
		char head[6];
		size_t n = 0;

		if (!walk_archives(w, &s, head, &n)) {
			problem(w, s.io_error ? INITRD_READ_ERROR : INITRD_BREAKS_OFF, s.at);
			break;
		}
		if (!n)
			break;
		at = walk_packed(w, dev, s.at - n, end);
		if (!at)
			break;
	}
	free(buf);
}

const char *initrd_library(void)
{
	return lazy_load(&lib_library);
}

void initrd_walk(struct sandbox_child *c, void *request)
{
	const struct initrd_request *q = request;
	struct walker w = {.q = q, .child = c, .scratch = cli_xmalloc(PIECE)};

	walk_all(&w, q->dev, q->start_bytes, q->start_bytes + q->length_bytes);
	if (q->gathered)
		q->gathered(q->gather_ctx, c, &w.found);
	sandbox_send(c, INITRD_FOUND, &w.found, sizeof w.found);
	free(w.scratch);
}
