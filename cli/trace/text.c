/* SPDX-License-Identifier: BSD-2-Clause */
/* Boots as a story. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/trace/trace.h"
#include "core/base/str.h"

static const char *outcome_word(const struct pod_verdict *v)
{
	switch (v->outcome) {
	case POD_OUTCOME_FINISHED:
		return _("good");
	case POD_OUTCOME_TAKEN_OVER:
		return _("taken over");
	case POD_OUTCOME_NOTHING_CHOSEN:
		return _("menu only");
	case POD_OUTCOME_STOPPED:
		return v->hazard ? _("STOPPED") : _("UNKNOWN");
	default:
		return _("FAILED");
	}
}

/* As the machine's clock read; which zone it keeps is not known. */
static void clock_text(uint64_t seconds, char buf[32])
{
	time_t at = (time_t)seconds;
	struct tm tm;

	if (!seconds || seconds > 253402300799u || !gmtime_r(&at, &tm) || !strftime(buf, 32, "%Y-%m-%d %H:%M", &tm))
		buf[0] = '\0';
}

static void heading(const struct pod_rec_boot *r)
{
	char when[32];
	const char *fw = trace_firmware_name(r->machine.firmware, true);

	cli_print(_("Boot %u"), r->number);
	if (r->has_machine) {
		clock_text(r->machine.clock_seconds, when);
		if (*when)
			cli_print(", %s", when);
		if (fw)
			cli_print(", %s", fw);
		if (*r->machine.vendor || *r->machine.product)
			cli_print(", %s%s%s", r->machine.vendor, *r->machine.vendor ? " " : "", r->machine.product);
		if (*r->machine.bios_version)
			cli_print(_(", firmware %s"), r->machine.bios_version);
	}
	cli_print("\n");
	if (r->has_image)
		cli_print("  %s\n", r->image.path);
	if (*r->progress.arguments)
		cli_print(_("  started with the kernel arguments: %s\n"), r->progress.arguments);
}

static void sentence(const char *indent, const struct pod_sentence *s)
{
	char *text = trace_sentence(s);

	cli_print("%s%s\n", indent, text);
	free(text);
}

static void verdict(const struct pod_verdict *v)
{
	char *headline = trace_sentence(&v->headline);
	const struct pod_stop_code *code;

	cli_print("  %s: %s\n", outcome_word(v), headline);
	free(headline);
	if (v->hazard)
		cli_print(_("  Hazard %u: %s [%s]\n"), v->hazard, _(pod_hazard_text(v->hazard)), v->id);
	else if (pod_verdict_alarm(v))
		cli_print(_("  The cause is unknown [%s]\n"), v->id);
	for (unsigned i = 0; i < v->evidence_count; i++)
		sentence("    ", &v->evidence[i]);
	if (v->remedy_count)
		cli_print("  %s\n", _("What to do:"));
	for (unsigned i = 0; i < v->remedy_count; i++)
		sentence("    ", &v->remedy[i]);
	for (unsigned i = 0; v->stop_codes && (code = pod_stop_code(i)) != NULL; i++)
		cli_print("    %s  %s [%s]\n", code->code, _(code->cause), _(code->source));
	if (v->retry)
		cli_print(_("  To try next: %s\n"), _(pod_retry_text(v->retry)));
}

static const char *chosen_by(uint32_t arg)
{
	return arg == 0 ? _("by hand") : arg == 1 ? _("the choice for one start") : _("the default");
}

static void events(const struct pod_stages *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		const struct pod_stage_event *e = &s->event[i];
		const char *text = _(pod_stage_text((enum pod_stage)e->stage));

		cli_print("    %6u.%u s  %s", e->ms / 1000, e->ms % 1000 / 100, text);
		if (e->stage == POD_STAGE_CHOSEN)
			cli_print(" (%s)", chosen_by(e->arg));
		else if ((e->stage == POD_STAGE_PLANNED || e->stage == POD_STAGE_START_FAILED ||
			  e->stage == POD_STAGE_NOT_SHOWN) &&
			 e->arg && e->arg < POD_STATUS_COUNT)
			cli_print(" (%s)", cli_status_text((enum pod_status)e->arg));
		else if (e->stage == POD_STAGE_LOADER_RETURNED && e->arg >> 31)
			cli_print(_(" (error %u)"), e->arg & 0xffff);
		else if (e->stage == POD_STAGE_ISO_NOT_ATTACHED || e->stage == POD_STAGE_PROGRAM_FAILED)
			cli_print(" (0x%08x)", e->arg);
		else if (e->stage == POD_STAGE_DRIVERS_LOADED || e->stage == POD_STAGE_DRIVER_FAILED ||
			 e->stage == POD_STAGE_PROGRAM_ENDED)
			cli_print(" (%u)", e->arg);
		cli_print("\n");
	}
}

static void story(const struct trace_boot *b)
{
	const struct pod_rec_boot *r = &b->rec;
	char size[16];

	if (r->has_progress) {
		events(&r->progress.stages);
		if (r->progress.reads)
			cli_print(_("    %6u.%u s  last seen; %s read from the image\n"), r->progress.ms / 1000,
				  r->progress.ms % 1000 / 100, pod_format_size(size, r->progress.bytes));
	}
	if (r->has_linux) {
		cli_print("  %s\n", _("In Linux, counted from its first program:"));
		events(&r->linux_.stages);
	}
	if (r->has_windows) {
		cli_print("  %s\n", _("In Windows PE, counted from its first program:"));
		events(&r->windows.stages);
	}
	if (r->damaged)
		cli_print(_("  %d of the record's sectors are damaged.\n"), __builtin_popcount(r->damaged));
}

static void lines(const char *heading, const char *p)
{
	cli_print("  %s\n", heading);
	while (*p) {
		int n = (int)strcspn(p, "\n");

		cli_print("    %.*s\n", n, p);
		p += n + (p[n] == '\n');
	}
}

int trace_text(const struct trace *t, bool with_log, struct fault *fault)
{
	if (!t->count)
		cli_print("%s\n", _("No start has been recorded yet."));
	for (size_t i = 0; i < t->count; i++) {
		const struct trace_boot *b = &t->boot[i];

		if (i)
			cli_print("\n");
		heading(&b->rec);
		verdict(&b->verdict);
		story(b);
		if (b->rec.has_screen && *b->rec.screen.text)
			lines(_("The screen said:"), b->rec.screen.text);
		if (with_log && b->log)
			lines(_("The end of the kernel's log:"), b->log);
		else if (b->log)
			cli_print(_("  A kernel log was saved: 'isopod trace %s --boot %u' shows it.\n"), t->target->file.path,
				  b->rec.number);
	}
	return cli_flush(fault);
}
