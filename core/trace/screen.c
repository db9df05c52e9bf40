/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What loaders print when they fail. The words are those of GRUB 2.06 to 2.12 (grub-core/fs, kern/err.c, loader), syslinux 4.07 and
 * 6.04 (core/fs, com32/elflink, isolinux.asm), systemd-boot, shim 15, the EFI stub of Linux 5.10 to 6.12, and EDK II's
 * CpuExceptionHandlerLib.
 */
#include "core/trace/screen.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/text.h"

#define N_(s) (s)

/* --- keeping it ----------------------------------------------------------------------------------------------------- */

void pod_screen_clear(struct pod_screen *s)
{
	s->len = s->printed = s->noted = s->seen = 0;
	s->blank = false;
}

static void put_byte(struct pod_screen *s, char c)
{
	if (s->len == sizeof s->text) {
		memmove(s->text, s->text + POD_SCREEN_KEPT, POD_SCREEN_KEPT);
		s->len = POD_SCREEN_KEPT;
	}
	s->text[s->len++] = c;
}

static char last_byte(const struct pod_screen *s)
{
	return s->len ? s->text[s->len - 1] : '\n';
}

/* The line that begins at `from` is the same as the one before it: a menu that is drawn again. */
static bool repeats(const struct pod_screen *s, uint32_t from)
{
	uint32_t n = s->len - from, i = 0;
	if (!n || from < n + 1)
		return false;
	while (i < n && s->text[from - n - 1 + i] == s->text[from + i])
		i++;
	return i == n && (from == n + 1 || s->text[from - n - 2] == '\n');
}

void pod_screen_break(struct pod_screen *s)
{
	uint32_t from = s->len;
	s->blank = false;
	while (from && s->text[from - 1] != '\n')
		from--;
	if (repeats(s, from))
		s->len = from;
	if (last_byte(s) != '\n')
		put_byte(s, '\n');
}

void pod_screen_put(struct pod_screen *s, uint32_t cp)
{
	char utf8[4];
	if (cp == '\n' || cp == '\r') {
		pod_screen_break(s);
		return;
	}
	if (cp <= ' ' || (cp >= 0x2500 && cp < 0x25a0)) {
		s->blank = last_byte(s) != '\n';
		return;
	}
	if (pod_text_hidden(cp))
		cp = '?';
	s->printed++;
	if (s->blank)
		put_byte(s, ' ');
	s->blank = false;
	size_t n = pod_utf8_put(utf8, cp);
	for (size_t i = 0; i < n; i++)
		put_byte(s, utf8[i]);
}

/* --- understanding it ------------------------------------------------------------------------------------------------ */

struct phrase {
	uint8_t weight, hazard;
	bool ends;
	const char *has, *also; /* both in the line, case folded; `also` may be NULL */
	const char *id;
	const char *evidence;
};

#define NOT_FOUND "file-not-found", N_("The loader did not find a file.")
#define CRASHED	  "crashed", N_("The program crashed: the processor stopped it.")
#define DAMAGED	  "damaged-image", N_("The loader found damage in what it read.")
#define UNREAD	  "read-error", N_("The loader could not read the medium.")
#define MEMORY	  "memory", N_("The loader ran out of memory.")
#define REFUSED	  "secure-boot", N_("Secure Boot refused a program or a kernel.")
#define PANIC	  "kernel-panic", N_("The kernel stopped with a panic.")

static const struct phrase known[] = {
	{90, POD_HAZARD_NONE, true, "exception type", NULL, CRASHED},
	{90, POD_HAZARD_NONE, true, "#gp", "general protection", CRASHED},
	{90, POD_HAZARD_NONE, true, "#pf", "page", CRASHED},
	{90, POD_HAZARD_NONE, true, "#ud", "opcode", CRASHED},
	{85, POD_HAZARD_DRIVE, true, "failure reading sector", NULL, UNREAD},
	{85, POD_HAZARD_DRIVE, true, "disk error", NULL, UNREAD},
	{85, POD_HAZARD_DRIVE, true, "disk read error", NULL, UNREAD},
	{80, POD_HAZARD_FIRMWARE, true, "bad shim signature", NULL, REFUSED},
	{80, POD_HAZARD_FIRMWARE, true, "security violation", NULL, REFUSED},
	{80, POD_HAZARD_FIRMWARE, true, "verification failed", "(0x1a)", REFUSED},
	{80, POD_HAZARD_FIRMWARE, true, "prohibited by secure boot policy", NULL, REFUSED},
	{75, POD_HAZARD_MEMORY, true, "error: out of memory", NULL, MEMORY},
	{75, POD_HAZARD_MEMORY, true, "not enough memory", NULL, MEMORY},
	{75, POD_HAZARD_MEMORY, true, "failed to allocate", "memory", MEMORY},
	{70, POD_HAZARD_IMAGE, true, "image checksum error", NULL, DAMAGED},
	{70, POD_HAZARD_IMAGE, true, "invalid or corrupt kernel image", NULL, DAMAGED},
	{70, POD_HAZARD_IMAGE, true, "invalid magic number", NULL, DAMAGED},
	{70, POD_HAZARD_IMAGE, true, "premature end of file", NULL, DAMAGED},
	{70, POD_HAZARD_IMAGE, true, "data is corrupt", NULL, DAMAGED},
	{70, POD_HAZARD_IMAGE, true, "crc error", NULL, DAMAGED},
	{60, POD_HAZARD_IMAGE, true, "error: file `", "' not found", NOT_FOUND},
	{60, POD_HAZARD_IMAGE, true, "could not find kernel image", NULL, NOT_FOUND},
	{60, POD_HAZARD_IMAGE, true, "failed: no such file or directory", NULL, NOT_FOUND},
	{55, POD_HAZARD_NONE, true, "kernel panic - not syncing", NULL, PANIC},
	{50, POD_HAZARD_IMAGE, false, "error: file", "not found", NOT_FOUND},
	{50, POD_HAZARD_IMAGE, false, "failed to open", "not found", NOT_FOUND},
	{50, POD_HAZARD_IMAGE, false, "error loading", "not found", NOT_FOUND},
};

/* What loaders miss and go on without. */
static const char *const harmless[] = {"font", ".pf2", "theme", "locale",  ".mo'",   ".lst'", ".mod'",
				       ".png", ".jpg", ".tga",	"grubenv", "splash", ".gmo'", "background"};

static bool line_has(const char *line, size_t len, const char *part)
{
	size_t n = pod_strlen(part);
	for (size_t i = 0; n <= len && i <= len - n; i++)
		if (pod_strncasecmp(line + i, part, n) == 0)
			return true;
	return false;
}

static const struct phrase *phrase_of(const char *line, size_t len)
{
	const struct phrase *best = NULL;
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if ((!best || known[i].weight > best->weight) && line_has(line, len, known[i].has) &&
		    (!known[i].also || line_has(line, len, known[i].also)))
			best = &known[i];
	for (size_t i = 0; best && i < POD_ARRAY_LEN(harmless); i++)
		if (pod_streq(best->id, "file-not-found") && line_has(line, len, harmless[i]))
			return NULL;
	return best;
}

/* The next line of [*p, end), without its end. */
static size_t next_line(const char **p, const char *end, const char **line)
{
	*line = *p;
	while (*p < end && **p != '\n')
		(*p)++;
	size_t n = (size_t)(*p - *line);
	*p += *p < end;
	return n;
}

bool pod_screen_classify(const char *text, size_t len, struct pod_screen_finding *out)
{
	const char *p = text, *end = text + len, *line;
	unsigned weight = 0;
	while (p < end) {
		size_t n = next_line(&p, end, &line);
		const struct phrase *f = phrase_of(line, n);
		if (!f || f->weight <= weight)
			continue;
		weight = f->weight;
		*out = (struct pod_screen_finding){.id = f->id,
						   .hazard = (enum pod_hazard)f->hazard,
						   .ends = f->ends,
						   .evidence = f->evidence,
						   .line = line,
						   .line_len = n};
	}
	return weight > 0;
}

/* --- bringing it down ------------------------------------------------------------------------------------------------ */

#define PINNED_MAX (POD_REC_SCREEN_MAX / 2) /* bytes for lines that tell of an error */

/* The first byte of the end that fits `room`, at the beginning of a character. */
static size_t tail_from(const char *text, size_t len, size_t room)
{
	size_t at = len > room ? len - room : 0;
	while (at < len && ((uint8_t)text[at] & 0xc0) == 0x80)
		at++;
	return at;
}

size_t pod_screen_condense(const char *text, size_t len, char out[POD_REC_SCREEN_MAX + 1])
{
	size_t at = 0, tail = tail_from(text, len, POD_REC_SCREEN_MAX);
	const char *p = text, *line;
	while (tail && p < text + tail) {
		size_t n = next_line(&p, text + len, &line);
		if (!phrase_of(line, n) || at + 2 > PINNED_MAX)
			continue;
		if (n > PINNED_MAX - at - 1)
			n = PINNED_MAX - at - 1; /* what was cut in a character is disarmed by who reads it */
		memcpy(out + at, line, n);
		at += n;
		out[at++] = '\n';
	}
	tail = tail_from(text, len, POD_REC_SCREEN_MAX - at);
	memcpy(out + at, text + tail, len - tail);
	at += len - tail;
	out[at] = 0;
	return at;
}
