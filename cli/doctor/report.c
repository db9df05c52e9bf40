/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checks found: collected, counted, printed by hazard. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/report.h"
#include "cli/host/sandbox.h"
#include "core/base/str.h"

#define FINDINGS_MAX (1u << 20)

static const char *const hazard_name[POD_HAZARD_COUNT + 1] = {
	[POD_HAZARD_IMAGE] = N_("the image"),
	[POD_HAZARD_DRIVER] = N_("drivers"),
	[POD_HAZARD_RULES] = N_("the configuration"),
	[POD_HAZARD_MEMORY] = N_("memory"),
	[POD_HAZARD_FIRMWARE] = N_("ACPI and firmware"),
	[POD_HAZARD_DRIVE] = N_("the drive"),
};

static const char *const level_name[DOCTOR_LEVEL_COUNT] = {
	[DOCTOR_GOOD] = N_("good"),   [DOCTOR_NOTE] = N_("note"),	[DOCTOR_WARN] = N_("warning"),
	[DOCTOR_BAD] = N_("PROBLEM"), [DOCTOR_SKIPPED] = N_("skipped"),
};

static const char *const level_key[DOCTOR_LEVEL_COUNT] = {
	[DOCTOR_GOOD] = "good",	  [DOCTOR_NOTE] = "note",	[DOCTOR_WARN] = "warning",
	[DOCTOR_BAD] = "problem", [DOCTOR_SKIPPED] = "skipped",
};

/* The worst first. */
static const enum doctor_level print_order[] = {DOCTOR_BAD, DOCTOR_WARN, DOCTOR_NOTE, DOCTOR_SKIPPED, DOCTOR_GOOD};

/* --- collecting ----------------------------------------------------------------------------------------------------------- */

bool doctor_word_matches(const char *word, const struct doctor_check *c)
{
	size_t n = strlen(word);

	if (n == 1 && word[0] >= '1' && word[0] <= '0' + POD_HAZARD_COUNT)
		return (int)c->hazard == word[0] - '0';
	return n && strncmp(c->id, word, n) == 0 && (c->id[n] == '\0' || c->id[n] == '.');
}

static bool in_words(const char *const *words, const struct doctor_check *c)
{
	for (; *words; words++)
		if (doctor_word_matches(*words, c))
			return true;
	return false;
}

bool doctor_wants(const struct doctor *d, const struct doctor_check *c)
{
	const struct doctor_state *s = d->state;

	return (!s->only || in_words(s->only, c)) && !(s->skip && in_words(s->skip, c));
}

static char *copy(const char *s)
{
	return s && *s ? cli_xstrdup(s) : NULL;
}

void doctor_report(struct doctor *d, const struct doctor_check *c, enum doctor_level level, const char *subject,
		   const char *evidence, const char *fix)
{
	struct doctor_state *s = d->state;
	void *v = s->finding;

	if (!doctor_wants(d, c))
		return;
	if (pod_grow(&cli_alloc, &v, s->count, &s->cap, s->count + 1, sizeof *s->finding, FINDINGS_MAX) != POD_OK)
		return;
	s->finding = v;
	s->finding[s->count++] =
		(struct doctor_finding){c, level, copy(subject), cli_xstrdup(evidence ? evidence : ""), copy(fix)};
	s->levels[level]++;
}

void doctor_reportf(struct doctor *d, const struct doctor_check *c, enum doctor_level level, const char *subject, const char *fix,
		    const char *evidence, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, evidence);
	n = vasprintf(&text, evidence, ap);
	va_end(ap);
	if (n >= 0)
		doctor_report(d, c, level, subject, text, fix);
	free(n >= 0 ? text : NULL);
}

void doctor_progress(struct doctor *d, const char *label, uint64_t done, uint64_t total)
{
	struct doctor_state *s = d->state;

	if (total) {
		doctor_progress_end(d);
		s->progress_total = total;
		cli_progress_start(&s->progress, label, total);
	}
	cli_progress_update(&s->progress, done);
}

void doctor_progress_end(struct doctor *d)
{
	cli_progress_end(&d->state->progress);
}

void doctor_state_free(struct doctor_state *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->finding[i].subject);
		free(s->finding[i].evidence);
		free(s->finding[i].fix);
	}
	pod_free(&cli_alloc, s->finding);
}

/* --- text ------------------------------------------------------------------------------------------------------------------ */

static void print_verdict(const struct doctor_state *s)
{
	size_t bad = s->levels[DOCTOR_BAD], warn = s->levels[DOCTOR_WARN];

	if (!s->count)
		cli_print("%s\n", _("Nothing was checked."));
	else if (!bad && !warn)
		cli_print("%s\n",
			  s->levels[DOCTOR_SKIPPED] ? _("Nothing wrong, as far as could be checked.") : _("Nothing wrong."));
	else if (bad == 1)
		cli_print(warn == 1 ? _("1 problem found, %zu warning.\n") : _("1 problem found, %zu warnings.\n"), warn);
	else
		cli_print(warn == 1 ? _("%zu problems found, %zu warning.\n") : _("%zu problems found, %zu warnings.\n"), bad,
			  warn);
}

static void print_finding(const struct doctor_finding *f)
{
	cli_print("  %-8s %s: ", _(level_name[f->level]), _(f->check->title));
	if (f->subject)
		cli_print("%s: ", f->subject);
	cli_print("%s [%s]\n", f->evidence, f->check->id);
	if (f->fix)
		cli_print("           %s\n", f->fix);
}

/* How many findings at this level has the check? */
static size_t count_of(const struct doctor_state *s, const struct doctor_check *c, enum doctor_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		n += s->finding[i].check == c && s->finding[i].level == level;
	return n;
}

/* What is in order, or skipped, for many is one line. */
static bool is_gathered(const struct doctor_state *s, size_t i, bool verbose, bool *print)
{
	const struct doctor_finding *f = &s->finding[i];
	size_t n;

	*print = true;
	if (verbose || (f->level != DOCTOR_GOOD && f->level != DOCTOR_SKIPPED && f->level != DOCTOR_NOTE))
		return false;
	n = count_of(s, f->check, f->level);
	if (n < 3)
		return false;
	for (size_t k = 0; k < i; k++)
		if (s->finding[k].check == f->check && s->finding[k].level == f->level)
			*print = false;
	if (*print)
		cli_print(_("  %-8s %s: %zu times (--verbose names them), the first: %s%s%s [%s]\n"), _(level_name[f->level]),
			  _(f->check->title), n, f->subject ? f->subject : "", f->subject ? ": " : "", f->evidence, f->check->id);
	return true;
}

static void print_hazard(const struct doctor_state *s, unsigned hazard, bool verbose)
{
	bool titled = false, print;

	for (size_t o = 0; o < POD_ARRAY_LEN(print_order); o++)
		for (size_t i = 0; i < s->count; i++) {
			if (s->finding[i].check->hazard != hazard || s->finding[i].level != print_order[o])
				continue;
			if (!titled)
				cli_print("\n%u. %s\n", hazard, _(hazard_name[hazard]));
			titled = true;
			if (!is_gathered(s, i, verbose, &print))
				print_finding(&s->finding[i]);
		}
}

/* What foreign programs and libraries run behind on this machine, and what its kernel has not got. */
static void print_walls(void)
{
	struct fault why = {0};
	unsigned walls = 0;
	char *list[2] = {NULL, NULL};

	if (!sandbox_walls(&walls, &why)) {
		cli_print("\n%s\n", fault_text(&why));
		fault_free(&why);
		return;
	}
	for (unsigned i = 0; i < WALL_COUNT; i++) {
		char **l = &list[!(walls & 1u << i)];
		char *more = cli_xasprintf("%s%s%s", *l ? *l : "", *l ? ", " : "", sandbox_wall_name((enum sandbox_wall)i));

		free(*l);
		*l = more;
	}
	cli_print(_("\n"
		    "Foreign programs and libraries run behind these walls: %s\n"),
		  list[0] ? list[0] : _("none"));
	if (list[1])
		cli_print(_("Not to be had here: %s\n"), list[1]);
	free(list[0]);
	free(list[1]);
}

int doctor_print_text(const struct doctor *d, bool verbose, struct fault *fault)
{
	const struct doctor_state *s = d->state;

	print_verdict(s);
	for (unsigned h = 1; h <= POD_HAZARD_COUNT; h++)
		print_hazard(s, h, verbose);
	if (s->levels[DOCTOR_BAD] || s->levels[DOCTOR_WARN])
		cli_print("\n%s\n", _("'isopod doctor --explain CHECK' tells more about the name in brackets."));
	if (verbose)
		print_walls();
	return cli_flush(fault);
}

/* --- JSON ------------------------------------------------------------------------------------------------------------------ */

int doctor_print_json(const struct doctor *d, struct fault *fault)
{
	const struct doctor_state *s = d->state;
	struct cli_json j;

	cli_json_init(&j, stdout);
	cli_json_open(&j, NULL, '{');
	cli_json_str(&j, "examined", d->arg);
	cli_json_str(&j, "machine", d->machine ? doctor_machine_name(d->machine) : NULL);
	cli_json_u64(&j, "images", s->images);
	cli_json_str(&j, "verdict", s->levels[DOCTOR_BAD] ? "problem" : s->levels[DOCTOR_WARN] ? "warning" : "good");
	cli_json_u64(&j, "problems", s->levels[DOCTOR_BAD]);
	cli_json_u64(&j, "warnings", s->levels[DOCTOR_WARN]);
	cli_json_u64(&j, "skipped", s->levels[DOCTOR_SKIPPED]);
	cli_json_open(&j, "findings", '[');
	for (unsigned h = 1; h <= POD_HAZARD_COUNT; h++)
		for (size_t i = 0; i < s->count; i++) {
			const struct doctor_finding *f = &s->finding[i];

			if (f->check->hazard != h)
				continue;
			cli_json_open(&j, NULL, '{');
			cli_json_str(&j, "check", f->check->id);
			cli_json_u64(&j, "hazard", f->check->hazard);
			cli_json_str(&j, "level", level_key[f->level]);
			cli_json_str(&j, "subject", f->subject);
			cli_json_str(&j, "evidence", f->evidence);
			cli_json_str(&j, "fix", f->fix);
			cli_json_close(&j, '}');
		}
	cli_json_close(&j, ']');
	cli_json_close(&j, '}');
	return cli_json_end(&j, fault);
}

/* --- --explain ------------------------------------------------------------------------------------------------------------- */

static void explain_json(struct cli_json *j, const struct doctor_check *c)
{
	cli_json_open(j, NULL, '{');
	cli_json_str(j, "check", c->id);
	cli_json_u64(j, "hazard", c->hazard);
	cli_json_str(j, "title", _(c->title));
	cli_json_str(j, "explanation", _(c->explain));
	cli_json_close(j, '}');
}

/* Characters of Chinese take two columns, and a line may end behind each of them. */
static bool is_wide(uint32_t cp)
{
	return cp >= 0x2e80 && cp < 0xfffd;
}

/* No line begins with one of these. */
static bool is_closing(uint32_t cp)
{
	return cp == 0xff0c || cp == 0x3002 || cp == 0xff1b || cp == 0xff1a || cp == 0x3001 || cp == 0xff09 || cp == 0xff1f ||
	       cp == 0x201d;
}

/* What is never broken: a word, or one wide character, with the closing ones behind. Bytes; *columns. */
static size_t unbroken(const char *text, const char *end, size_t *columns)
{
	const char *p = text, *next = text;
	bool wide = false;

	*columns = 0;
	while (p < end && *p != ' ' && *p != '\n') {
		uint32_t cp = pod_utf8_next(&next, (size_t)(end - p));

		if (p != text && !is_closing(cp) && (wide || is_wide(cp)))
			break;
		wide = is_wide(cp);
		*columns += wide ? 2 : 1;
		p = next;
	}
	return (size_t)(p - text);
}

/* The long text as lines of at most 78 columns. */
static void print_wrapped(const char *text)
{
	const char *end = text + strlen(text);
	size_t col = 0, columns;
	bool space = false;

	while (text < end) {
		size_t n = unbroken(text, end, &columns);

		if (n && col && col + space + columns > 78) {
			putchar('\n');
			col = 0;
		}
		if (n && col && space) {
			putchar(' ');
			col++;
		}
		fwrite(text, 1, n, stdout);
		col += columns;
		text += n;
		space = text < end && *text == ' ';
		if (text < end && *text == '\n') {
			putchar('\n');
			col = 0;
		}
		text += text < end && (*text == ' ' || *text == '\n');
	}
	putchar('\n');
}

int doctor_explain(const struct cli_command *cmd, const char *id, bool json, struct fault *fault)
{
	struct cli_json j;
	size_t found = 0;

	cli_json_init(&j, stdout);
	if (json)
		cli_json_open(&j, NULL, '[');
	for (unsigned h = 1; h <= POD_HAZARD_COUNT; h++)
		for (const struct doctor_module *const *m = doctor_modules; *m; m++)
			for (size_t i = 0; i < (*m)->count; i++) {
				const struct doctor_check *c = (*m)->check[i];

				if (c->hazard != h || (id && !doctor_word_matches(id, c)))
					continue;
				if (json) {
					explain_json(&j, c);
				} else if (!id) {
					cli_print("%-20s %s\n", c->id, _(c->title));
				} else {
					cli_print("%s%s: %s (%u. %s)\n\n", found ? "\n" : "", c->id, _(c->title), h,
						  _(hazard_name[h]));
					print_wrapped(_(c->explain));
				}
				found++;
			}
	if (!found && id)
		return cli_usage(fault, cmd, _("unknown check '%s'; '--explain' without a name lists the checks"), id);
	if (json) {
		cli_json_close(&j, ']');
		return cli_json_end(&j, fault);
	}
	return cli_flush(fault);
}
