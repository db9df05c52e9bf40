/* SPDX-License-Identifier: BSD-2-Clause */
/* The last start, as the flight recorder has it: what it says on a page, and starting its image again. */
#include "boot/menu/pages.h"
#include "core/trace/klog.h"
#include "core/trace/verdict.h"

static void add_stages(struct menu *m, struct menu_pager *p, const struct pod_stages *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		char line[300];
		const struct pod_stage_event *e = &t->event[i];
		pod_snprintf(line, sizeof line, "%6u.%u s   %s", e->ms / 1000, e->ms % 1000 / 100,
			     menu_translate(m->fw->language, pod_stage_text((enum pod_stage)e->stage)));
		pager_add(m, p, line);
	}
}

/* Index of the image of that start, if it is on the stick unchanged; SIZE_MAX. */
static size_t same_image(struct menu *m)
{
	const struct pod_rec_image *r = &m->before->image;
	if (!m->before->has_image || r->path_len >= sizeof r->path)
		return SIZE_MAX;
	size_t i = scan_find(&m->stick, r->path, m->path, sizeof m->path);
	if (i == SIZE_MAX || m->stick.image[i].node.size_bytes != r->size_bytes || m->stick.image[i].node.mtime != r->mtime)
		return SIZE_MAX;
	return i;
}

/* What the page is made from besides the record. */
struct story {
	struct pod_plan plan;
	bool planned;
	struct pod_where last, error, slowest;
	char missing[256], damaged[256];
	struct pod_verdict verdict;
	struct pod_verdict_facts facts;
	struct pod_start start;
	char log[POD_REC_LOG_TEXT + 1];
};

static const struct pod_where *look_up(struct menu *m, struct story *s, uint64_t off, struct pod_where *w)
{
	if (!s->planned)
		return NULL;
	menu_budget_start(m, POD_PLAN_STEPS, POD_PLAN_BYTES);
	enum pod_status st = pod_where_find(&s->plan, m->fw->disk, off, m->alloc, w);
	menu_budget_end(m);
	return st == POD_OK ? w : NULL;
}

/* What may have been looked for in the folder that was read last. */
static void find_missing(struct menu *m, struct story *s)
{
	if (!s->facts.last || s->last.kind != POD_WHERE_DIRECTORY)
		return;
	menu_budget_start(m, POD_PLAN_STEPS, POD_PLAN_BYTES);
	if (pod_plan_missing(&s->plan, m->fw->disk, s->last.path, m->alloc, s->missing) == POD_OK)
		s->facts.missing_file = s->missing;
	menu_budget_end(m);
}

/* Initrds are not unpacked here: `isopod trace` does. */
static void find_damaged(struct menu *m, struct story *s)
{
	bool silent = pod_verdict_is_silent(m->before), stillborn = m->fw->judge_loader && pod_verdict_is_stillborn(m->before);
	if (!s->planned || !(silent || stillborn))
		return;
	menu_budget_start(m, POD_PLAN_STEPS, POD_PLAN_BYTES);
	if (stillborn)
		s->facts.damaged_file = pod_plan_damaged_loader(&s->plan, m->fw->disk, m->before->machine.firmware, m->alloc);
	else if (pod_plan_damaged_kernel(&s->plan, m->fw->disk, m->alloc, s->damaged) == POD_OK)
		s->facts.damaged_file = s->damaged;
	menu_budget_end(m);
}

/* Which files the places in the record are, from the plan made again; the kernel's log; and what follows from it all. */
static void judge(struct menu *m, struct story *s, size_t image)
{
	const struct pod_rec_boot *b = m->before;
	const struct pod_rec_progress *r = &b->progress;
	struct pod_start why = {0};
	size_t extents;
	if (pod_arguments_valid(r->arguments))
		pod_strlcpy(m->arguments, r->arguments, sizeof m->arguments);
	if (image != SIZE_MAX)
		s->planned = start_plan(m, image, &s->plan, &extents, &why) == POD_OK;
	m->arguments[0] = 0;
	if (r->reads || r->flags & POD_REC_P_READING)
		s->facts.last = look_up(m, s, r->last_off, &s->last);
	if (r->errors)
		s->facts.error = look_up(m, s, r->error_off, &s->error);
	if (r->slow[0].ms)
		s->facts.slowest = look_up(m, s, r->slow[0].off_bytes, &s->slowest);
	find_missing(m, s);
	find_damaged(m, s);
	if (s->planned && b->has_machine)
		s->facts.other_mode = pod_plan_other_mode(&s->plan, b->machine.firmware) ? POD_YES : POD_NO;
	if (s->planned && b->has_machine)
		pod_start_of_plan(&s->plan, b->machine.firmware, &why);
	s->facts.why = why.why;
	if (s->planned && b->has_machine && pod_start_of_system(&s->plan, b->machine.firmware, &s->start))
		s->facts.start = &s->start;
	for (size_t i = 0; s->planned && i < s->plan.initrd_count; i++)
		if (s->plan.initrd[i].length_bytes > s->facts.initrd_bytes)
			s->facts.initrd_bytes = s->plan.initrd[i].length_bytes;
	if (b->has_linux && b->linux_.log_len &&
	    pod_rec_read_log(&m->stick.state.dev, b->number, s->log, &s->facts.log_len) == POD_OK)
		s->facts.log = s->log;
	s->facts.image_changed = b->has_image && image == SIZE_MAX;
	pod_verdict_make(b, &s->facts, &s->verdict);
	if (s->planned)
		pod_plan_free(&s->plan);
}

static void add_sentence(struct menu *m, struct menu_pager *p, char mark, const struct pod_sentence *s)
{
	char t[700];
	if (!s->message)
		return;
	pod_sentence_fill(s, menu_translate(m->fw->language, s->message), t, sizeof t);
	pager_add_marked(m, p, mark, t);
}

static void add_verdict(struct menu *m, struct menu_pager *p, const struct pod_verdict *v)
{
	bool alarm = pod_verdict_alarm(v);
	const struct pod_stop_code *code;
	add_sentence(m, p, alarm ? MARK_WARN : MARK_HEAD, &v->headline);
	if (alarm && !v->hazard)
		pager_add(m, p, T("The cause is unknown."));
	for (unsigned i = 0; i < v->evidence_count && i < POD_EVIDENCE_MAX; i++)
		add_sentence(m, p, 0, &v->evidence[i]);
	if (!v->remedy_count)
		return;
	pager_add(m, p, "");
	pager_add_marked(m, p, MARK_HEAD, T("What to do"));
	for (unsigned i = 0; i < v->remedy_count; i++)
		add_sentence(m, p, 0, &v->remedy[i]);
	for (unsigned i = 0; v->stop_codes && (code = pod_stop_code(i)) != NULL; i++)
		pager_add_pair(m, p, code->code, menu_translate(m->fw->language, code->cause));
	if (alarm && pod_retry_text(v->retry)[0])
		pager_add(m, p, menu_translate(m->fw->language, pod_retry_text(v->retry)));
}

static void add_machine(struct menu *m, struct menu_pager *p)
{
	static const char *const fw_name[4] = {"BIOS", "UEFI x64", "UEFI ia32", "UEFI aa64"};
	const struct pod_rec_machine *r = &m->before->machine;
	char t[200];
	pod_snprintf(t, sizeof t, "%s %s", r->vendor, r->product);
	if (r->vendor[0] || r->product[0])
		pager_add_pair(m, p, T("Computer"), t);
	for (unsigned i = 0; i < 4; i++)
		if (r->firmware == 1u << i)
			pager_add_pair(m, p, T("Firmware"), fw_name[i]);
}

static void add_screen(struct menu *m, struct menu_pager *p)
{
	const char *text = m->before->screen.text;
	char line[100];
	if (!m->before->has_screen || !*text)
		return;
	pager_add(m, p, "");
	pager_add_marked(m, p, MARK_HEAD, T("The screen said"));
	while (*text) {
		size_t n = 0;
		while (text[n] && text[n] != '\n' && n < sizeof line - 1)
			n++;
		memcpy(line, text, n);
		line[n] = 0;
		pager_add(m, p, line);
		text += n + (text[n] == '\n');
	}
}

static void add_course(struct menu *m, struct menu_pager *p)
{
	const struct pod_rec_boot *b = m->before;
	char t[200], size[16];
	pager_add(m, p, "");
	pager_add_marked(m, p, MARK_HEAD, T("How it went"));
	if (b->has_machine)
		add_machine(m, p);
	if (b->has_progress && b->progress.reads) {
		pod_snprintf(t, sizeof t, T("%s in %u reads"), pod_format_size(size, b->progress.bytes), b->progress.reads);
		pager_add_pair(m, p, T("Read in all"), t);
	}
	if (b->has_progress)
		add_stages(m, p, &b->progress.stages);
	if (b->has_windows) {
		pager_add(m, p, "");
		pager_add_marked(m, p, MARK_HEAD, PLAIN_("Windows PE"));
		add_stages(m, p, &b->windows.stages);
	}
	if (!b->has_linux)
		return;
	pager_add(m, p, "");
	pager_add_marked(m, p, MARK_HEAD, b->linux_.release[0] ? b->linux_.release : PLAIN_("Linux"));
	add_stages(m, p, &b->linux_.stages);
	if (b->linux_.log_len) {
		char line[200];
		pod_snprintf(line, sizeof line,
			     T("The kernel's log is on the stick; on another computer: isopod trace TARGET --boot %u"),
			     b->number);
		pager_add(m, p, line);
	}
}

/* The arguments of that start, and one that its log asks for. */
static void suggest(const struct story *s, const char *had, char *words, size_t size)
{
	const char *more =
		s->facts.log && pod_verdict_alarm(&s->verdict) ? pod_klog_argument(s->facts.log, s->facts.log_len) : NULL;
	if (more && pod_strcasestr(had, more))
		more = NULL;
	pod_snprintf(words, size, "%s%s%s", had, *had && more ? " " : "", more ? more : "");
}

void page_story(struct menu *m)
{
	struct menu_pager p = {0};
	/* an image that came back to this very menu is the last start now */
	if (m->recorder.state && pod_recorder_has(&m->recorder, POD_STAGE_CHOSEN))
		story_load(m, m->recorder.boot);
	const struct pod_rec_boot *b = m->before;
	char words[POD_ARGUMENTS_MAX] = "";
	if (!b) {
		page_message(m, T("The last start"), T("There is no record of a start before this one."));
		return;
	}
	view_busy(m, T("Reading the image ..."));
	size_t image = same_image(m);
	struct story *s = pod_zalloc(m->alloc, 1, sizeof *s);
	if (b->has_image)
		pager_add_pair(m, &p, T("Image"), b->image.path);
	if (b->progress.arguments[0])
		pager_add_pair(m, &p, T("Kernel arguments"), b->progress.arguments);
	pager_add(m, &p, "");
	if (s) {
		judge(m, s, image);
		add_verdict(m, &p, &s->verdict);
		suggest(s, b->progress.arguments, words, sizeof words);
	}
	pod_free(m->alloc, s);
	add_screen(m, &p);
	add_course(m, &p);
	uint32_t key =
		pager_run(m, T("The last start"), &p,
			  image == SIZE_MAX ? T("Arrow and page keys scroll, any other key goes back.")
					    : T("Enter starts this image again, K with kernel arguments, other keys go back."));
	pod_free(m->alloc, p.text);
	if (image == SIZE_MAX)
		return;
	if (key == POD_KEY_ENTER) {
		view_select_image(m, image);
		start_image(m, image, CHOSEN_BY_HAND);
	} else if (key == 'k' || key == 'K') {
		view_select_image(m, image);
		start_with_arguments(m, image, words);
	}
}
