/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An initrd's files, from the initrd in memory: archives behind each other, packed or not, with zeros between them (Linux'
 * Documentation/driver-api/early-userspace/buffer-format.rst; cpio.c has the form of an archive). Nothing is copied: a file's
 * path and text are where the archive has them, and its text is ended by a NUL in the place of the padding or of the next header,
 * which has been read by then.
 */
#include "core/plan/finds_int.h"
#include "core/base/unpack.h"
#include "core/base/mem.h"

enum {
	HEADER = 110,
	NAME_MAX = 4096,
	TEXT_MAX = 24 << 20, /* a longer one is nothing that can be seen through */
	SQUASHFS_MIN = 4096,
	MODE_KIND = 0170000,
	MODE_LINK = 0120000,
	MODE_FOLDER = 0040000,
};

struct walk {
	struct pod_alloc *alloc;
	struct pod_budget *budget;
	struct pod_finds_file *file;
	size_t count, cap;
	uint8_t *end; /* of the last text */
	bool nested;
};

struct member {
	uint32_t mode, size, name_len;
};

static bool hex(const uint8_t *p, uint32_t *out)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < 8; i++) {
		uint8_t c = p[i] | 0x20;
		if (p[i] >= '0' && p[i] <= '9')
			v = v << 4 | (uint32_t)(p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}

static bool is_archive(const uint8_t *p, size_t len)
{
	return len >= 6 && (memcmp(p, "070701", 6) == 0 || memcmp(p, "070702", 6) == 0);
}

static enum pod_status take(struct walk *w, const char *path, const struct member *m, uint8_t *data)
{
	/* a program, and no more */
	static const char opaque[] = "\177ELF";
	void *v = w->file;
	while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
		path++;
	if (m->size > SQUASHFS_MIN && memcmp(data, "hsqs", 4) == 0)
		w->nested = true;
	if ((m->mode & MODE_KIND) == MODE_FOLDER || !pod_finds_wants(path))
		return POD_OK;
	POD_TRY(pod_grow(w->alloc, &v, w->count, &w->cap, w->count + 1, sizeof *w->file, POD_FINDS_FILES_MAX));
	w->file = v;
	struct pod_finds_file *f = &w->file[w->count++];
	*f = (struct pod_finds_file){.path = path, .link = (m->mode & MODE_KIND) == MODE_LINK};
	if (m->size > TEXT_MAX) {
		f->text = opaque;
		f->len = sizeof opaque;
	} else if (m->size) {
		f->text = (const char *)data;
		f->len = m->size;
		w->end = data + m->size;
	} else {
		f->text = "";
	}
	return POD_OK;
}

/* One archive at *at; then *at is behind it. */
static enum pod_status archive(struct walk *w, uint8_t *base, size_t len, size_t *at)
{
	for (size_t start = *at, pos = start;;) {
		struct member m;
		if (len - pos < HEADER || !is_archive(base + pos, len - pos) || !hex(base + pos + 14, &m.mode) ||
		    !hex(base + pos + 54, &m.size) || !hex(base + pos + 94, &m.name_len) || !m.name_len || m.name_len > NAME_MAX)
			return POD_E_CORRUPT;
		if (w->end)
			*w->end = 0;
		w->end = NULL;
		POD_TRY(pod_budget_spend(w->budget, 1, 0));
		pos += HEADER;
		if (len - pos < m.name_len || base[pos + m.name_len - 1])
			return POD_E_CORRUPT;
		const char *name = (const char *)base + pos;
		pos = start + (size_t)pod_align_up(pos + m.name_len - start, 4);
		if (pod_streq(name, "TRAILER!!!")) {
			*at = pos < len ? pos : len;
			return POD_OK;
		}
		if (pos > len || len - pos < m.size)
			return POD_E_CORRUPT;
		POD_TRY(take(w, name, &m, base + pos));
		pos = start + (size_t)pod_align_up(pos + m.size - start, 4);
		if (pos > len)
			return POD_E_CORRUPT;
	}
}

/* Archives and zeros, until something else; *at is there then. */
static enum pod_status archives(struct walk *w, uint8_t *base, size_t len, size_t *at)
{
	for (;;) {
		while (*at < len && !base[*at])
			++*at;
		if (!is_archive(base + *at, len - *at))
			return POD_OK;
		POD_TRY(archive(w, base, len, at));
	}
}

static enum pod_status walk_all(struct walk *w, uint8_t *mem, size_t len, size_t size)
{
	size_t room = (size_t)pod_align_up(len, 16);
	for (size_t at = 0; at < len;) {
		size_t got, used, in = 0;
		POD_TRY(archives(w, mem, len, &at));
		if (at == len)
			break;
		if (room > size)
			return POD_E_NOMEM;
		enum pod_status st =
			pod_unpack_all(w->alloc, mem + at, len - at, mem + room, size - room, w->budget, &got, &used);
		if (st != POD_OK)
			return st == POD_E_LIMIT ? POD_E_NOMEM : st;
		POD_TRY(archives(w, mem + room, got, &in));
		if (in != got || !used)
			return POD_E_CORRUPT;
		room = (size_t)pod_align_up(room + got, 16);
		at += used;
	}
	return POD_OK;
}

enum pod_status pod_finds_in_initrd(uint8_t *mem, size_t len, size_t size, const struct pod_finds_request *rq,
				    struct pod_alloc *a, struct pod_finds *out)
{
	struct walk w = {.alloc = a, .budget = rq->budget};
	struct pod_finds_request all = *rq;
	memset(out, 0, sizeof *out);
	enum pod_status st = walk_all(&w, mem, len, size);
	all.file = w.file;
	all.files = w.count;
	all.nested = w.nested;
	if (st == POD_OK)
		st = pod_finds_read(&all, a, out);
	pod_free(a, w.file);
	return st;
}
