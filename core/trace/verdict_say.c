/* SPDX-License-Identifier: BSD-2-Clause */
/* Sentences of a verdict, and what was seen; see verdict.h. */
#include "core/trace/verdict_int.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum { SLOW_READ_MS = 3000 }; /* one read */

/* --- sentences ----------------------------------------------------------------------------------------------------- */

struct pod_sentence pod_say(const char *message)
{
	return (struct pod_sentence){.message = message};
}

struct pod_sentence pod_say_u(const char *message, uint32_t n)
{
	struct pod_sentence s = {.message = message, .count = 1};
	s.arg[0].number = n;
	return s;
}

struct pod_sentence pod_say_s(const char *message, const char *text)
{
	struct pod_sentence s = {.message = message, .count = 1};
	s.arg[0].text = text;
	return s;
}

struct pod_sentence pod_say_su(const char *message, const char *text, uint32_t n)
{
	struct pod_sentence s = pod_say_s(message, text);
	s.arg[s.count++].number = n;
	return s;
}

void pod_verdict_evidence(struct maker *m, struct pod_sentence s)
{
	if (m->v->evidence_count < POD_EVIDENCE_MAX)
		m->v->evidence[m->v->evidence_count++] = s;
}

void pod_verdict_end(struct maker *m, enum pod_outcome outcome, struct pod_sentence headline)
{
	m->v->outcome = outcome;
	m->v->headline = headline;
}

void pod_sentence_fill(const struct pod_sentence *s, const char *translated, char *buf, size_t size)
{
	const char *p = translated ? translated : s->message;
	size_t at = 0;
	unsigned arg = 0;
	char number[12];
	if (!size)
		return;
	buf[0] = 0;
	for (; p && *p && at + 1 < size; p++) {
		const char *piece = number;
		(void)pod_snprintf(number, sizeof number, "%c", *p);
		if (*p == '%' && p[1]) {
			p++;
			if (*p != '%' && arg >= s->count)
				piece = "?";
			else if (*p == 's')
				piece = s->arg[arg].text ? s->arg[arg].text : "?";
			else if (*p == 'u')
				(void)pod_snprintf(number, sizeof number, "%u", (unsigned)s->arg[arg].number);
			else if (*p != '%')
				piece = "?";
			arg += *p != '%';
		}
		(void)pod_strlcpy(buf + at, piece, size - at);
		at += pod_strlen(buf + at);
	}
}

/* --- small questions ----------------------------------------------------------------------------------------------- */

const struct pod_stage_event *pod_verdict_menu_stage(const struct maker *m, enum pod_stage s)
{
	return m->b->has_progress ? pod_stages_find(&m->b->progress.stages, s) : NULL;
}

const struct pod_stage_event *pod_verdict_linux_stage(const struct maker *m, enum pod_stage s)
{
	return m->b->has_linux ? pod_stages_find(&m->b->linux_.stages, s) : NULL;
}

bool pod_verdict_is_truncated(const struct maker *m)
{
	return m->b->has_image && (m->b->image.flags & POD_REC_I_TRUNCATED);
}

/* In 32-bit arithmetic: 32-bit firmware has no other division. */
uint32_t pod_verdict_read_rate(const struct pod_rec_progress *p)
{
	uint64_t bytes = p->bytes;
	uint32_t ms = p->read_ms;
	for (; bytes >> 32; bytes >>= 1)
		ms >>= 1;
	return (uint32_t)bytes / (ms ? ms : 1);
}

const char *pod_verdict_folder(const struct maker *m)
{
	const struct pod_where *w = m->f->last;
	if (!w || w->kind != POD_WHERE_DIRECTORY || (m->b->progress.flags & POD_REC_P_READING))
		return NULL;
	return w->path[0] ? w->path : "/";
}

/* --- evidence ------------------------------------------------------------------------------------------------------ */

static bool in_file(const struct pod_where *w)
{
	return w && (w->kind == POD_WHERE_FILE || w->kind == POD_WHERE_INITRD) && w->path[0];
}

static void tell_last(struct maker *m)
{
	static const char *const elsewhere[POD_WHERE_COUNT] = {
		[POD_WHERE_DESCRIPTORS] = N_("The last read was at the image's start, where its descriptors lie."),
		[POD_WHERE_CATALOG] = N_("The last read was in the image's boot catalogue."),
		[POD_WHERE_BOOT_IMAGE] = N_("The last read was in an El Torito boot image."),
		[POD_WHERE_PAST_END] = N_("The last read was behind the end of the image."),
	};
	const struct pod_where *w = m->f->last;
	if (in_file(w))
		pod_verdict_evidence(m, pod_say_su(N_("The last read was in %s, %u%% into it."), w->path, w->percent));
	else if (pod_verdict_folder(m) && !m->f->missing_file)
		pod_verdict_evidence(
			m, pod_say_s(N_("The last read was in the folder %s: the loader looked for a file there, and did "
					"not read one."),
				     pod_verdict_folder(m)));
	else if (w && elsewhere[w->kind])
		pod_verdict_evidence(m, pod_say(elsewhere[w->kind]));
}

void pod_verdict_tell_reads(struct maker *m)
{
	const struct pod_rec_progress *p = &m->b->progress;
	if (!m->b->has_progress)
		return;
	if (!p->reads && !(p->flags & POD_REC_P_READING)) {
		if (pod_verdict_menu_stage(m, POD_STAGE_LOADER_STARTED))
			pod_verdict_evidence(m, pod_say(N_("Nothing of the image was read after its loader was started.")));
		return;
	}
	tell_last(m);
	if (p->errors)
		pod_verdict_evidence(m, pod_say_u(N_("Reads that failed: %u."), p->errors));
	if (p->errors && in_file(m->f->error))
		pod_verdict_evidence(m, pod_say_su(N_("The first that failed was in %s, %u%% into it."), m->f->error->path,
						   m->f->error->percent));
	if (p->outside && pod_verdict_is_truncated(m))
		pod_verdict_evidence(m, pod_say_u(N_("Reads beyond the end of the image: %u."), p->outside));
	if (p->slow[0].ms < SLOW_READ_MS)
		return;
	pod_verdict_evidence(m, pod_say_u(N_("The slowest read took %u seconds."), p->slow[0].ms / 1000));
	if (in_file(m->f->slowest))
		pod_verdict_evidence(m,
				     pod_say_su(N_("It was in %s, %u%% into it."), m->f->slowest->path, m->f->slowest->percent));
}

void pod_verdict_tell_message(struct maker *m)
{
	if (m->b->has_message && m->b->message.text[0])
		pod_verdict_evidence(m, pod_say_s(N_("The boot manager said: %s"), m->b->message.text));
}

void pod_verdict_tell_log(struct maker *m)
{
	if (!m->has_log)
		return;
	size_t n = m->log.line_len < sizeof m->v->line - 1 ? m->log.line_len : sizeof m->v->line - 1;
	memcpy(m->v->line, m->log.line, n);
	m->v->line[n] = 0;
	pod_verdict_evidence(m, pod_say(m->log.evidence));
	pod_verdict_evidence(m, pod_say_s(N_("Its log says: %s"), m->v->line));
}

void pod_verdict_tell_linux(struct maker *m)
{
	const struct pod_stage_event *e;
	if ((e = pod_verdict_linux_stage(m, POD_STAGE_SHOWN)) != NULL)
		pod_verdict_evidence(
			m, pod_say_u(N_("The image was shown to the system %u seconds after the kernel started its init."),
				     e->ms / 1000));
	if ((e = pod_verdict_linux_stage(m, POD_STAGE_MEDIUM_MOUNTED)) != NULL && m->b->linux_.mount[0])
		pod_verdict_evidence(
			m, pod_say_su(N_("It was mounted at %s %u seconds after that start."), m->b->linux_.mount, e->ms / 1000));
}
