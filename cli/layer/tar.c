/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A header, 512 bytes (POSIX.1-2008, pax, "ustar Interchange Format"); numbers are octal digits, texts end with a zero if there is
 * room for it:
 *
 *     +0   name[100]   +124 size[12]    +157 linkname[100]   +329 devmajor[8]
 *     +100 mode[8]     +136 mtime[12]   +257 "ustar\0" "00"  +337 devminor[8]
 *     +108 uid[8]      +148 chksum[8]   +265 uname[32]       +345 prefix[155]
 *     +116 gid[8]      +156 typeflag    +297 gname[32]
 *
 * What does not fit goes before it as an extended header, typeflag x: records "LENGTH KEY=VALUE\n", of which LENGTH counts all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/layer/tar.h"
#include "core/base/bytes.h"

#define BLOCK	    512u
#define RECORD	    10240u /* an archive is a multiple of that: 20 blocks */
#define PIECE	    (1u << 20)
#define NAME_LEN    100u
#define OCTAL_7	    07777777u /* what fits into 7 and 11 digits */
#define OCTAL_11    077777777777
#define SPARSE_NAME "GNUSparseFile.0"

enum {
	AT_NAME = 0,
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	AT_SIZE = 124,
	AT_MTIME = 136,
	AT_SUM = 148,
	AT_TYPE = 156,
	AT_LINK = 157,
	AT_MAGIC = 257
};
#define TYPE_FILE   '0'
#define TYPE_LINK   '2'
#define TYPE_FOLDER '5'
#define TYPE_PAX    'x'

/* --- bytes ---------------------------------------------------------------------------------------------- */

static bool put(struct tar *t, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len && !t->error) {
		ssize_t n = write(t->fd, p, len);

		if (n < 0 && errno == EINTR && !cli_interrupted)
			continue;
		if (n <= 0) {
			t->error = n < 0 ? errno : EIO;
			break;
		}
		p += n;
		len -= (size_t)n;
		t->written += (uint64_t)n;
	}
	return !t->error;
}

/* Zeros up to a multiple. */
static bool pad(struct tar *t, uint64_t unit)
{
	static const uint8_t zeros[BLOCK];

	while (t->written % unit && !t->error)
		put(t, zeros, (size_t)pod_min_u64(unit - t->written % unit, BLOCK));
	return !t->error;
}

/* A text that grows. */
struct text {
	char *s;
	size_t len, cap;
};

static void add(struct text *x, const char *s, size_t len)
{
	if (!len)
		return;
	if (x->len + len > x->cap) {
		x->cap = 2 * (x->len + len);
		x->s = cli_xrealloc(x->s, x->cap, 1);
	}
	memcpy(x->s + x->len, s, len);
	x->len += len;
}

/* --- headers -------------------------------------------------------------------------------------------- */

static void record(struct text *pax, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, len = rest + 1;
	char *line;

	for (size_t ten = 10; len >= ten; ten *= 10) /* the length counts its own digits */
		len = ++rest + 1;
	line = cli_xasprintf("%zu %s=%s\n", len, key, value);
	add(pax, line, strlen(line));
	free(line);
}

static void record_number(struct text *pax, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)value);
	record(pax, key, text);
}

static void octal(uint8_t *field, unsigned digits, uint64_t value)
{
	for (unsigned i = digits; i-- > 0; value >>= 3)
		field[i] = (uint8_t)('0' + (value & 7));
}

/* Fits as it is, and means the same to everybody. */
static bool is_plain(const char *s)
{
	size_t n = 0;

	while (s[n] && (unsigned char)s[n] < 0x80)
		n++;
	return !s[n] && n <= NAME_LEN;
}

static void name(uint8_t *h, unsigned at, const char *s)
{
	memcpy(h + at, s, strnlen(s, NAME_LEN));
}

static bool put_header(struct tar *t, uint8_t h[BLOCK], char type)
{
	unsigned sum = 0;

	h[AT_TYPE] = (uint8_t)type;
	memcpy(h + AT_MAGIC, "ustar\00000", 8);
	memset(h + AT_SUM, ' ', 8);
	for (unsigned i = 0; i < BLOCK; i++)
		sum += h[i];
	octal(h + AT_SUM, 6, sum);
	h[AT_SUM + 6] = 0;
	return put(t, h, BLOCK);
}

static bool put_pax(struct tar *t, const struct text *pax)
{
	uint8_t h[BLOCK] = {0};

	if (!pax->len)
		return true;
	name(h, AT_NAME, "pax");
	octal(h + AT_MODE, 7, 0644);
	octal(h + AT_UID, 7, 0);
	octal(h + AT_GID, 7, 0);
	octal(h + AT_SIZE, 11, pax->len);
	octal(h + AT_MTIME, 11, 0);
	return put_header(t, h, TYPE_PAX) && put(t, pax->s, pax->len) && pad(t, BLOCK);
}

/* The header of what `stored` bytes follow; `shown`: its name, if that is not in `pax` already. Frees `pax`. */
static bool put_entry(struct tar *t, const struct tar_entry *e, char type, const char *shown, const char *target, uint64_t stored,
		      struct text *pax)
{
	uint8_t h[BLOCK] = {0};
	bool ok;

	if (shown == e->path && !is_plain(shown))
		record(pax, "path", shown);
	if (target && !is_plain(target))
		record(pax, "linkpath", target);
	if (e->uid > OCTAL_7)
		record_number(pax, "uid", e->uid);
	if (e->gid > OCTAL_7)
		record_number(pax, "gid", e->gid);
	if (stored > OCTAL_11)
		record_number(pax, "size", (int64_t)stored);
	if (e->mtime < 0 || e->mtime > OCTAL_11)
		record_number(pax, "mtime", e->mtime);
	name(h, AT_NAME, shown);
	if (target)
		name(h, AT_LINK, target);
	octal(h + AT_MODE, 7, e->mode & 07777);
	octal(h + AT_UID, 7, e->uid > OCTAL_7 ? 0 : e->uid);
	octal(h + AT_GID, 7, e->gid > OCTAL_7 ? 0 : e->gid);
	octal(h + AT_SIZE, 11, stored > OCTAL_11 ? 0 : stored);
	octal(h + AT_MTIME, 11, e->mtime < 0 || e->mtime > OCTAL_11 ? 0 : (uint64_t)e->mtime);
	ok = put_pax(t, pax) && put_header(t, h, type);
	free(pax->s);
	return ok;
}

bool tar_folder(struct tar *t, const struct tar_entry *e)
{
	struct tar_entry folder = *e;
	struct text pax = {0};
	char *path = cli_xasprintf("%s/", e->path);
	bool ok;

	folder.path = path;
	ok = put_entry(t, &folder, TYPE_FOLDER, path, NULL, 0, &pax);
	free(path);
	return ok;
}

bool tar_link(struct tar *t, const struct tar_entry *e, const char *target)
{
	struct text pax = {0};

	return put_entry(t, e, TYPE_LINK, e->path, target, 0, &pax);
}

/* --- contents ------------------------------------------------------------------------------------------- */

static bool fail(struct tar *t, int err)
{
	if (!t->error)
		t->error = err;
	return false;
}

static bool put_range(struct tar *t, int file, uint64_t off, uint64_t end, uint8_t *buf)
{
	while (off < end && !t->error) {
		ssize_t n = pread(file, buf, (size_t)pod_min_u64(end - off, PIECE), (off_t)off);

		if (n < 0 && errno == EINTR && !cli_interrupted)
			continue;
		if (n <= 0 || cli_interrupted)
			return fail(t, n < 0 ? errno : cli_interrupted ? EINTR : EIO);
		put(t, buf, (size_t)n);
		off += (uint64_t)n;
	}
	return !t->error;
}

/* The next range with data at or behind `off`; at the end an empty one. Where holes are not known, all is data. */
static void next_data(int file, uint64_t off, uint64_t size, uint64_t *from, uint64_t *to)
{
	off_t data = lseek(file, (off_t)off, SEEK_DATA), hole = data < 0 ? -1 : lseek(file, data, SEEK_HOLE);

	*from = data >= 0 ? pod_min_u64((uint64_t)data, size) : errno == ENXIO ? size : off;
	*to = hole >= 0 ? pod_min_u64((uint64_t)hole, size) : size;
}

/* The map as it stands before the data: how many ranges, and of each where it is and how long, a number on each line; to a whole
 * block. *stored: how many bytes the ranges have. */
static struct text map_of(int file, uint64_t size, uint64_t *stored)
{
	static const char zeros[BLOCK];
	struct text ranges = {0}, map = {0};
	uint64_t from, to, n = 1; /* the one that ends it */
	char *line;

	*stored = 0;
	for (uint64_t off = 0; off < size; off = to) {
		next_data(file, off, size, &from, &to);
		if (from == to)
			break;
		line = cli_xasprintf("%llu\n%llu\n", (unsigned long long)from, (unsigned long long)(to - from));
		add(&ranges, line, strlen(line));
		free(line);
		*stored += to - from;
		n++;
	}
	line = cli_xasprintf("%llu\n%llu\n0\n", (unsigned long long)n, (unsigned long long)size);
	add(&map, line, strcspn(line, "\n") + 1);
	add(&map, ranges.s, ranges.len);
	add(&map, strchr(line, '\n') + 1, strlen(strchr(line, '\n') + 1));
	add(&map, zeros, (BLOCK - map.len % BLOCK) % BLOCK);
	free(line);
	free(ranges.s);
	return map;
}

static bool put_sparse(struct tar *t, const struct tar_entry *e, int file, uint64_t size, uint8_t *buf)
{
	uint64_t stored, from, to;
	struct text pax = {0}, map = map_of(file, size, &stored);
	const char *slash = strrchr(e->path, '/');
	char *shown = cli_xasprintf("%.*s" SPARSE_NAME "/%s", slash ? (int)(slash - e->path) + 1 : 0, e->path,
				    slash ? slash + 1 : e->path);
	bool ok;

	/* what knows nothing of it sees these names; they are cut where there is no room */
	if (!is_plain(shown)) {
		free(shown);
		shown = cli_xstrdup(SPARSE_NAME);
	}
	record(&pax, "GNU.sparse.major", "1");
	record(&pax, "GNU.sparse.minor", "0");
	record(&pax, "GNU.sparse.name", e->path);
	record_number(&pax, "GNU.sparse.realsize", (int64_t)size);
	ok = put_entry(t, e, TYPE_FILE, shown, NULL, map.len + stored, &pax) && put(t, map.s, map.len);
	for (uint64_t off = 0; ok && off < size; off = to) {
		next_data(file, off, size, &from, &to);
		if (from == to)
			break;
		ok = put_range(t, file, from, to, buf);
	}
	free(shown);
	free(map.s);
	return ok && pad(t, BLOCK);
}

bool tar_file(struct tar *t, const struct tar_entry *e, int file)
{
	struct text pax = {0};
	struct stat st;
	uint64_t size, from, to;
	uint8_t *buf;
	bool ok;

	if (fstat(file, &st) != 0)
		return fail(t, errno);
	size = (uint64_t)st.st_size;
	buf = cli_xmalloc(PIECE);
	next_data(file, 0, size, &from, &to);
	if (to - from == size)
		ok = put_entry(t, e, TYPE_FILE, e->path, NULL, size, &pax) && put_range(t, file, 0, size, buf) && pad(t, BLOCK);
	else
		ok = put_sparse(t, e, file, size, buf);
	free(buf);
	return ok;
}

bool tar_end(struct tar *t)
{
	static const uint8_t zeros[2 * BLOCK];

	return put(t, zeros, sizeof zeros) && pad(t, RECORD);
}
