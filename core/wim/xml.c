/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XML data of a WIM: UTF-16LE with a byte order mark, elements in capitals:
 *
 *   WIM / IMAGE INDEX="1" / NAME, DISPLAYNAME, TOTALBYTES, WINDOWS / ARCH, EDITIONID, INSTALLATIONTYPE, LANGUAGES / DEFAULT,
 *                           VERSION / MAJOR, MINOR, BUILD, SPBUILD
 *
 * Read in one pass: the names of the open elements are kept, and the text since the last tag. Attributes but INDEX, comments and
 * declarations are stepped over.
 */
#include "core/base/bytes.h"
#include "core/base/str.h"
#include "core/wim/wim_int.h"

enum { DEPTH_MAX = 16, PATH_LEN = 128 };

struct xml {
	const uint8_t *p;
	size_t at, n; /* code units */
	struct pod_wim_about *out;
	uint32_t count, image;	/* image: the one that is open; 0: none */
	char path[PATH_LEN];	/* "/WIM/IMAGE/NAME" */
	size_t open[DEPTH_MAX]; /* length of the path without each element */
	size_t depth;
	size_t text; /* where the text since the last tag begins */
};

enum field_kind { FIELD_TEXT, FIELD_U32, FIELD_U64 };
static const struct field {
	const char *path;
	enum field_kind kind;
	size_t offset, size;
} fields[] = {
#define TEXT_FIELD(path, name)                                                                                                   \
	{                                                                                                                        \
		path, FIELD_TEXT, offsetof(struct pod_wim_about, name), sizeof((struct pod_wim_about *)0)->name                  \
	}
	TEXT_FIELD("/WIM/IMAGE/NAME", name),
	TEXT_FIELD("/WIM/IMAGE/DISPLAYNAME", display_name),
	TEXT_FIELD("/WIM/IMAGE/WINDOWS/EDITIONID", edition),
	TEXT_FIELD("/WIM/IMAGE/WINDOWS/INSTALLATIONTYPE", type),
	TEXT_FIELD("/WIM/IMAGE/WINDOWS/LANGUAGES/DEFAULT", language),
	{"/WIM/IMAGE/WINDOWS/ARCH", FIELD_U32, offsetof(struct pod_wim_about, arch), 4},
	{"/WIM/IMAGE/WINDOWS/VERSION/MAJOR", FIELD_U32, offsetof(struct pod_wim_about, major), 4},
	{"/WIM/IMAGE/WINDOWS/VERSION/MINOR", FIELD_U32, offsetof(struct pod_wim_about, minor), 4},
	{"/WIM/IMAGE/WINDOWS/VERSION/BUILD", FIELD_U32, offsetof(struct pod_wim_about, build), 4},
	{"/WIM/IMAGE/WINDOWS/VERSION/SPBUILD", FIELD_U32, offsetof(struct pod_wim_about, service_build), 4},
	{"/WIM/IMAGE/TOTALBYTES", FIELD_U64, offsetof(struct pod_wim_about, total_bytes), 8},
};

static uint16_t unit(const struct xml *x, size_t i)
{
	return i < x->n ? pod_get_le16(x->p + 2 * i) : 0;
}

/* The unit as ASCII; what is not becomes a sign that stands in no name here. */
static char ascii(const struct xml *x, size_t i)
{
	uint16_t u = unit(x, i);
	return u < 0x80 ? (char)u : '?';
}

static uint64_t number(const struct xml *x, size_t from, size_t to)
{
	uint64_t v = 0;
	for (; from < to && v < UINT64_MAX / 16; from++) {
		uint32_t digit = (uint32_t)unit(x, from) - '0';
		if (digit > 9)
			break;
		v = v * 10 + digit;
	}
	return v;
}

/* One character of text at *i, which moves on; the five entities that XML knows by itself. */
static uint32_t character(const struct xml *x, size_t *i, size_t end)
{
	static const struct {
		const char *name;
		char c;
	} entity[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
	uint32_t c = unit(x, (*i)++);
	for (size_t k = 0; c == '&' && k < POD_ARRAY_LEN(entity); k++) {
		size_t n = 1;
		while (entity[k].name[n] && *i - 1 + n < end && ascii(x, *i - 1 + n) == entity[k].name[n])
			n++;
		if (entity[k].name[n])
			continue;
		*i += n - 1;
		return (uint8_t)entity[k].c;
	}
	if (c >= 0xd800 && c < 0xdc00 && *i < end) {
		uint32_t low = unit(x, *i);
		if (low >= 0xdc00 && low < 0xe000) {
			(*i)++;
			return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return c;
}

static void text(const struct xml *x, size_t from, size_t to, char *out, size_t size)
{
	size_t n = 0;
	while (from < to) {
		char b[4];
		size_t len = pod_utf8_put(b, character(x, &from, to));
		if (n + len >= size)
			break;
		memcpy(out + n, b, len);
		n += len;
	}
	out[n] = 0;
}

static void take_field(const struct xml *x, size_t from, size_t to)
{
	struct pod_wim_about *about = &x->out[x->image - 1];
	for (size_t i = 0; i < POD_ARRAY_LEN(fields); i++) {
		const struct field *f = &fields[i];
		uint8_t *to_field = (uint8_t *)about + f->offset;
		if (!pod_streq(x->path, f->path))
			continue;
		uint64_t v = number(x, from, to);
		uint32_t v32 = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
		if (f->kind == FIELD_TEXT)
			text(x, from, to, (char *)to_field, f->size);
		else if (f->kind == FIELD_U32)
			memcpy(to_field, &v32, f->size);
		else
			memcpy(to_field, &v, f->size);
		about->has_arch |= f->offset == offsetof(struct pod_wim_about, arch);
	}
}

/* The value of the attribute INDEX in a tag [from, to). */
static uint32_t index_of(const struct xml *x, size_t from, size_t to)
{
	static const char key[] = "INDEX=\"";
	for (; from + sizeof key < to; from++) {
		size_t n = 0;
		while (n < sizeof key - 1 && ascii(x, from + n) == key[n])
			n++;
		if (n == sizeof key - 1) {
			uint64_t v = number(x, from + n, to);
			return v <= x->count ? (uint32_t)v : 0;
		}
	}
	return 0;
}

/* A start tag: [from, to) is what stands between the angle brackets. */
static bool open_element(struct xml *x, size_t from, size_t to)
{
	size_t len = pod_strlen(x->path), old = len;
	if (x->depth == DEPTH_MAX)
		return false;
	if (len < PATH_LEN - 1)
		x->path[len++] = '/';
	for (size_t i = from; i < to && len < PATH_LEN - 1; i++) {
		char c = ascii(x, i);
		if (c <= ' ' || c == '/')
			break;
		x->path[len++] = c;
	}
	x->path[len] = 0;
	x->open[x->depth++] = old;
	if (pod_streq(x->path, "/WIM/IMAGE"))
		x->image = index_of(x, from, to);
	return true;
}

static bool close_element(struct xml *x, size_t text_end)
{
	if (!x->depth)
		return false;
	if (x->image)
		take_field(x, x->text, text_end);
	if (pod_streq(x->path, "/WIM/IMAGE"))
		x->image = 0;
	x->path[x->open[--x->depth]] = 0;
	return true;
}

static bool parse(struct xml *x)
{
	if (unit(x, 0) == 0xfeff)
		x->at++;
	for (; x->at < x->n; x->at++) {
		if (unit(x, x->at) != '<')
			continue;
		size_t from = x->at + 1, to = from;
		while (to < x->n && unit(x, to) != '>')
			to++;
		if (to == x->n || to == from)
			return false;
		char first = ascii(x, from);
		bool alone = ascii(x, to - 1) == '/';
		if (first == '/' && !close_element(x, x->at))
			return false;
		if (first != '/' && first != '?' && first != '!' && !open_element(x, from, to))
			return false;
		x->at = to;
		x->text = to + 1;
		if (alone && first != '/' && !close_element(x, x->text))
			return false;
	}
	return !x->depth;
}

enum pod_status pod_wim_about(struct pod_wim *w, struct pod_wim_about *out, uint32_t count, struct pod_diag *diag)
{
	struct xml x = {.out = out, .count = count};
	uint8_t *data;
	memset(out, 0, count * sizeof *out);
	POD_TRY(wim_load(w, &w->xml, POD_WIM_XML_MAX, "XML data", &data, diag));
	x.p = data;
	x.n = (size_t)w->xml.size_bytes / 2;
	bool ok = parse(&x);
	pod_free(w->alloc, data);
	return ok ? POD_OK : pod_fail(diag, POD_E_CORRUPT, "XML data", w->xml.offset_bytes + 2 * x.at, 0, x.depth);
}

const char *pod_wim_arch_text(const struct pod_wim_about *about)
{
	if (!about->has_arch)
		return "";
	switch (about->arch) {
	case 0:
		return "x86";
	case 5:
		return "arm";
	case 6:
		return "ia64";
	case 9:
		return "x64";
	case 12:
		return "arm64";
	default:
		return "";
	}
}
