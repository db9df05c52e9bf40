/* SPDX-License-Identifier: BSD-2-Clause */
/* Boots as JSON, for --json and --export; the keys are told in isopod-trace(1). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/trace/trace.h"

static void put(struct trace_writer *w, const char *key, const char *text)
{
	char *own = text && w->hide_names ? trace_hide_names(text) : NULL;

	cli_json_str(&w->j, key, own ? own : text);
	free(own);
}

/* NULL for what is not known. */
static void put_known(struct trace_writer *w, const char *key, const char *text)
{
	put(w, key, *text ? text : NULL);
}

/* A path on the stick: folders may be named after people. */
static const char *shown_path(const struct trace_writer *w, const char *path)
{
	const char *slash = strrchr(path, '/');

	return w->hide_names && slash ? slash + 1 : path;
}

/* A sentence may quote the path. */
static void put_sentence(struct trace_writer *w, const char *key, const struct pod_sentence *s, const char *path)
{
	char *text = trace_sentence(s), *at;
	const char *shorter = shown_path(w, path);

	if (shorter != path && (at = strstr(text, path)) != NULL)
		memmove(at, at + (shorter - path), strlen(at + (shorter - path)) + 1);
	put(w, key, *text ? text : NULL);
	free(text);
}

static const char *secure_boot_text(uint8_t s)
{
	return s == POD_SB_OFF ? "off" : s == POD_SB_ON ? "on" : s == POD_SB_SETUP ? "setup" : NULL;
}

static void machine(struct trace_writer *w, const struct pod_rec_machine *m)
{
	struct cli_json *j = &w->j;

	cli_json_open(j, "machine", '{');
	cli_json_str(j, "firmware", trace_firmware_name(m->firmware, false));
	put_known(w, "firmware_vendor", m->firmware_vendor);
	cli_json_u64(j, "firmware_revision", m->firmware_revision);
	cli_json_str(j, "secure_boot", secure_boot_text(m->secure_boot));
	put_known(w, "vendor", m->vendor);
	put_known(w, "product", m->product);
	put_known(w, "board", m->board);
	put_known(w, "bios_version", m->bios_version);
	put_known(w, "bios_date", m->bios_date);
	cli_json_u64(j, "memory", m->memory_bytes);
	cli_json_u64(j, "memory_largest", m->largest_bytes);
	cli_json_u64(j, "memory_largest_low", m->largest_low_bytes);
	cli_json_u64(j, "memory_entries", m->memory_entries);
	cli_json_u64(j, "acpi_tables", m->acpi_tables);
	put_known(w, "acpi_oem", m->acpi_oem);
	cli_json_u64(j, "stick_size", m->stick_bytes);
	cli_json_u64(j, "stick_sector_size", m->stick_sector_size);
	put_known(w, "boot_manager", m->version);
	cli_json_close(j, '}');
}

static void image(struct trace_writer *w, const struct pod_rec_image *i, const char *arguments)
{
	struct cli_json *j = &w->j;

	cli_json_open(j, "image", '{');
	put(w, "path", shown_path(w, i->path));
	put_known(w, "label", i->label);
	cli_json_str(j, "kind", pod_image_kind_text((enum pod_image_kind)i->kind));
	cli_json_u64(j, "size", i->size_bytes);
	cli_json_u64(j, "volume_size", i->volume_bytes);
	cli_json_u64(j, "disk_size", i->disk_bytes);
	cli_json_u64(j, "plan_memory", i->memory_bytes);
	cli_json_bool(j, "truncated", i->flags & POD_REC_I_TRUNCATED);
	cli_json_bool(j, "handover", i->flags & POD_REC_I_HANDOVER);
	cli_json_bool(j, "shim_missing", i->flags & POD_REC_I_SHIM_MISSING);
	cli_json_u64(j, "extents", i->extents);
	cli_json_u64(j, "initrds", i->initrds);
	if (*arguments)
		put(w, "arguments", arguments);
	cli_json_close(j, '}');
}

static void place(struct trace_writer *w, const char *key, uint64_t off, uint32_t ms, const struct pod_where *where)
{
	struct cli_json *j = &w->j;

	cli_json_open(j, key, '{');
	cli_json_u64(j, "offset", off);
	if (ms)
		cli_json_u64(j, "ms", ms);
	cli_json_str(j, "what", where ? pod_where_text(where->kind) : NULL);
	if (where && *where->path)
		put(w, "path", where->path);
	if (where && where->length_bytes)
		cli_json_u64(j, "percent", where->percent);
	cli_json_close(j, '}');
}

static void reads(struct trace_writer *w, const struct trace_boot *b)
{
	const struct pod_rec_progress *p = &b->rec.progress;
	struct cli_json *j = &w->j;

	cli_json_open(j, "reads", '{');
	cli_json_u64(j, "bytes", p->bytes);
	cli_json_u64(j, "operations", p->reads);
	cli_json_u64(j, "ms", p->read_ms);
	cli_json_bool(j, "unfinished", p->flags & POD_REC_P_READING);
	cli_json_u64(j, "errors", p->errors);
	cli_json_u64(j, "outside", p->outside);
	if (p->reads || (p->flags & POD_REC_P_READING))
		place(w, "last", p->last_off, p->last_read_ms, b->facts.last);
	if (p->errors)
		place(w, "first_error", p->error_off, 0, b->facts.error);
	cli_json_open(j, "slowest", '[');
	for (size_t i = 0; i < POD_REC_SLOW_MAX && p->slow[i].ms; i++)
		place(w, NULL, p->slow[i].off_bytes, p->slow[i].ms, i == 0 ? b->facts.slowest : NULL);
	cli_json_close(j, ']');
	cli_json_close(j, '}');
}

static void stages(struct trace_writer *w, const char *key, const struct pod_stages *s)
{
	cli_json_open(&w->j, key, '[');
	for (uint32_t i = 0; i < s->count; i++) {
		cli_json_open(&w->j, NULL, '{');
		cli_json_str(&w->j, "stage", pod_stage_id((enum pod_stage)s->event[i].stage));
		cli_json_u64(&w->j, "ms", s->event[i].ms);
		cli_json_u64(&w->j, "arg", s->event[i].arg);
		cli_json_close(&w->j, '}');
	}
	cli_json_close(&w->j, ']');
}

static void in_linux(struct trace_writer *w, const struct pod_rec_linux *l)
{
	struct cli_json *j = &w->j;

	cli_json_open(j, "linux", '{');
	put_known(w, "release", l->release);
	put_known(w, "disk", l->disk);
	cli_json_u64(j, "usb_kbit", l->usb_kbit);
	cli_json_u64(j, "memory_kib", l->memory_kib);
	cli_json_u64(j, "memory_available_kib", l->memory_available_kib);
	put_known(w, "mounted_device", l->device);
	put_known(w, "mounted_as", l->fs);
	put_known(w, "mounted_at", l->mount);
	stages(w, "stages", &l->stages);
	cli_json_close(j, '}');
}

static void in_windows(struct trace_writer *w, const struct pod_rec_windows *r)
{
	const char letter[2] = {r->letter, 0};
	struct cli_json *j = &w->j;

	cli_json_open(j, "windows", '{');
	cli_json_u64(j, "major", r->version >> 16);
	cli_json_u64(j, "minor", r->version & 0xffff);
	cli_json_u64(j, "build", r->build);
	put_known(w, "letter", letter);
	put_known(w, "program", r->program);
	put_known(w, "controller_without_driver", r->controller);
	cli_json_u64(j, "drivers_loaded", r->drivers_loaded);
	cli_json_u64(j, "drivers_failed", r->drivers_failed);
	stages(w, "stages", &r->stages);
	cli_json_close(j, '}');
}

static void stop_codes(struct trace_writer *w)
{
	const struct pod_stop_code *code;

	cli_json_open(&w->j, "stop_codes", '[');
	for (unsigned i = 0; (code = pod_stop_code(i)) != NULL; i++) {
		cli_json_open(&w->j, NULL, '{');
		cli_json_str(&w->j, "code", code->code);
		cli_json_str(&w->j, "cause", _(code->cause));
		cli_json_str(&w->j, "source", _(code->source));
		cli_json_close(&w->j, '}');
	}
	cli_json_close(&w->j, ']');
}

static void verdict(struct trace_writer *w, const struct trace_boot *b)
{
	const struct pod_verdict *v = &b->verdict;
	const char *path = b->rec.image.path;

	cli_json_str(&w->j, "outcome", pod_outcome_text(v->outcome));
	cli_json_bool(&w->j, "alarm", pod_verdict_alarm(v));
	cli_json_str(&w->j, "verdict", v->id);
	cli_json_u64(&w->j, "hazard", v->hazard);
	cli_json_bool(&w->j, "unknown", pod_verdict_alarm(v) && !v->hazard);
	put_sentence(w, "headline", &v->headline, path);
	cli_json_open(&w->j, "evidence", '[');
	for (unsigned i = 0; i < v->evidence_count; i++)
		put_sentence(w, NULL, &v->evidence[i], path);
	cli_json_close(&w->j, ']');
	put_sentence(w, "remedy", &v->remedy[0], path);
	cli_json_open(&w->j, "steps", '[');
	for (unsigned i = 0; i < v->remedy_count; i++)
		put_sentence(w, NULL, &v->remedy[i], path);
	cli_json_close(&w->j, ']');
	cli_json_str(&w->j, "retry", v->retry ? _(pod_retry_text(v->retry)) : NULL);
	if (v->stop_codes)
		stop_codes(w);
}

static void one(struct trace_writer *w, const struct trace_boot *b)
{
	const struct pod_rec_boot *r = &b->rec;

	cli_json_open(&w->j, NULL, '{');
	cli_json_u64(&w->j, "boot", r->number);
	if (r->has_machine && r->machine.clock_seconds)
		cli_json_u64(&w->j, "clock", r->machine.clock_seconds);
	verdict(w, b);
	if (r->has_machine)
		machine(w, &r->machine);
	if (r->has_image)
		image(w, &r->image, r->progress.arguments);
	if (r->has_progress) {
		stages(w, "stages", &r->progress.stages);
		cli_json_u64(&w->j, "ms", r->progress.ms);
		reads(w, b);
	}
	if (r->has_linux)
		in_linux(w, &r->linux_);
	if (r->has_windows)
		in_windows(w, &r->windows);
	if (r->has_message) {
		struct pod_sentence s = {.message = "%s", .count = 1};

		s.arg[0].text = r->message.text;
		put_sentence(w, "message", &s, r->image.path);
	}
	if (r->has_screen)
		put(w, "screen", r->screen.text);
	cli_json_u64(&w->j, "log_bytes", b->log_len);
	if (w->with_log && b->log)
		put(w, "log", b->log);
	cli_json_u64(&w->j, "damaged_sectors", (uint64_t)__builtin_popcount(r->damaged));
	cli_json_close(&w->j, '}');
}

void trace_json_boots(struct trace_writer *w, const char *key, const struct trace *t)
{
	cli_json_open(&w->j, key, '[');
	for (size_t i = 0; i < t->count; i++)
		one(w, &t->boot[i]);
	cli_json_close(&w->j, ']');
}

int trace_json(const struct trace *t, bool with_log, struct fault *fault)
{
	struct trace_writer w = {.with_log = with_log};

	cli_json_init(&w.j, stdout);
	trace_json_boots(&w, NULL, t);
	return cli_json_end(&w.j, fault);
}

int trace_export(const struct trace *t, const char *file, bool with_names, struct fault *fault)
{
	struct trace_writer w = {.with_log = true, .hide_names = !with_names};
	FILE *f = fopen(file, "wxe");
	bool bad;

	if (!f)
		return fault_set(fault, "%s: %s", file, strerror(errno));
	cli_json_init(&w.j, f);
	cli_json_open(&w.j, NULL, '{');
	cli_json_str(&w.j, "isopod", ISOPOD_VERSION);
	cli_json_bool(&w.j, "with_names", with_names);
	trace_json_boots(&w, "boots", t);
	cli_json_close(&w.j, '}');
	fputc('\n', f);
	bad = ferror(f) != 0;
	if (fclose(f) != 0 || bad)
		return fault_set(fault, _("%s: cannot write; is there space left?"), file);
	return CLI_OK;
}
