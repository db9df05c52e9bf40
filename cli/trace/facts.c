/* SPDX-License-Identifier: BSD-2-Clause */
/* The image of a recorded boot as it lies on the stick now: which files the recorded offsets are in, what its initrds hold. */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/initrd.h"
#include "cli/stick/manifest.h"
#include "cli/trace/trace.h"
#include "core/base/hash.h"
#include "core/plan/arguments.h"

enum { DESCRIPTOR_AT = 32768, DESCRIPTOR_LEN = 2048 };

void trace_facts_end(struct trace *t)
{
	if (t->plan)
		cli_image_close_plan(&t->image, t->plan);
	t->plan = NULL;
	free(t->planned);
	t->planned = NULL;
}

/* The image under that name, unless there is none or another one by now. */
static bool same_image(struct trace *t, struct trace_boot *b)
{
	const struct pod_rec_image *r = &b->rec.image;
	struct pod_node node;
	uint8_t *d;

	if (r->path_len >= sizeof r->path || pod_fs_lookup(&t->target->data, r->path, &node, &t->target->scratch) != POD_OK ||
	    node.is_dir)
		return false;
	b->facts.image_changed = node.size_bytes != r->size_bytes;
	if (!b->facts.image_changed && r->descriptor_crc) {
		d = cli_xzalloc(DESCRIPTOR_LEN);
		b->facts.image_changed = pod_fs_read(&t->target->data, &node, DESCRIPTOR_AT, d, DESCRIPTOR_LEN) == POD_OK &&
					 pod_crc32(0, d, DESCRIPTOR_LEN) != r->descriptor_crc;
		free(d);
	}
	return !b->facts.image_changed;
}

/* As it was made for this start. */
static bool make_plan(struct trace *t, const struct pod_rec_boot *r, struct fault *fault)
{
	const char *words = pod_arguments_valid(r->progress.arguments) ? r->progress.arguments : "";
	const struct cli_image_wish wish = {.arguments = words};
	char *arg = cli_xasprintf("%s:%s", t->target->file.path, r->image.path);
	char *which = cli_xasprintf("%s\n%s", arg, words);
	int rc;

	if (t->planned && strcmp(t->planned, which) == 0) {
		free(which);
		free(arg);
		return t->plan != NULL;
	}
	trace_facts_end(t);
	t->planned = which;
	t->plan = cli_image_open_plan(&t->image, arg, &wish, &rc, fault);
	free(arg);
	return t->plan != NULL;
}

static const struct pod_where *find(struct trace *t, uint64_t off, struct pod_where *out)
{
	struct cli_dev *file = cli_image_file(&t->image);
	enum pod_status st;

	cli_dev_limit(file, POD_PLAN_STEPS, 0);
	st = pod_where_find(t->plan, t->image.disk, off, &cli_alloc, out);
	cli_dev_unlimited(file);
	return st == POD_OK ? out : NULL;
}

static void read_initrd(struct trace *t, struct trace_boot *b, const struct pod_initrd *r, struct fault *fault)
{
	struct pod_mapdev dev;
	struct pod_map map;
	struct initrd rd;
	struct initrd_facts facts;

	if (!cli_image_bytes(&t->image, &map, &dev, fault))
		return;
	initrd_read(&rd, &dev.dev, r->path, r->start_bytes, r->length_bytes);
	initrd_facts(&rd.modules, &facts);
	if (rd.damaged && !b->initrd && !b->facts.damaged_file) {
		b->initrd = cli_xstrdup(r->path);
		b->facts.damaged_file = b->initrd;
	}
	/* One initrd with the driver says nothing about another that may have been started. */
	if (rd.has_init && !rd.problem && facts.usb_storage != MODULES_UNKNOWN && b->facts.usb_storage != POD_NO)
		b->facts.usb_storage = facts.usb_storage == MODULES_YES ? POD_YES : POD_NO;
	initrd_free(&rd);
	pod_map_fini(&map);
}

/* What was put into the initrds: is it still what this stick's list says? */
static void look_at_shims(struct trace *t, struct trace_boot *b)
{
	struct cli_manifest *list = cli_xzalloc(sizeof *list);
	bool used[POD_MACHINE_COUNT] = {false};

	if (t->target->esp.ops)
		cli_manifest_read(t->target, list);
	for (size_t i = 0; i < t->plan->initrd_count; i++)
		if ((unsigned)t->plan->initrd[i].machine < POD_MACHINE_COUNT)
			used[t->plan->initrd[i].machine] = true;
	for (size_t m = 0; m < POD_MACHINE_COUNT; m++)
		if (used[m] && cli_manifest_differs(t->target, list, pod_shim_path[m]))
			b->facts.stick_file = pod_shim_path[m];
	free(list);
}

/* Unpacking initrds takes seconds. */
static void look_into_silence(struct trace *t, struct trace_boot *b, struct fault *fault)
{
	struct cli_dev *file = cli_image_file(&t->image);

	if (!pod_verdict_is_silent(&b->rec))
		return;
	look_at_shims(t, b);
	cli_dev_limit(file, POD_PLAN_STEPS, 0);
	if (pod_plan_damaged_kernel(t->plan, t->image.disk, &cli_alloc, b->damaged) == POD_OK)
		b->facts.damaged_file = b->damaged;
	cli_dev_unlimited(file);
	for (size_t i = 0; i < t->plan->initrd_count; i++)
		if (!pod_initrd_in_pieces(&t->plan->initrd[i]))
			read_initrd(t, b, &t->plan->initrd[i], fault);
}

static void look_at_loader(struct trace *t, struct trace_boot *b)
{
	struct cli_dev *file = cli_image_file(&t->image);

	if (!pod_verdict_is_stillborn(&b->rec))
		return;
	cli_dev_limit(file, POD_PLAN_STEPS, 0);
	b->facts.damaged_file = pod_plan_damaged_loader(t->plan, t->image.disk, b->rec.machine.firmware, &cli_alloc);
	cli_dev_unlimited(file);
}

/* What it may have looked for in the folder that it read last. */
static void find_missing(struct trace *t, struct trace_boot *b)
{
	struct cli_dev *file = cli_image_file(&t->image);

	if (!b->facts.last || b->last.kind != POD_WHERE_DIRECTORY)
		return;
	cli_dev_limit(file, POD_PLAN_STEPS, 0);
	if (pod_plan_missing(t->plan, t->image.disk, b->last.path, &cli_alloc, b->missing) == POD_OK)
		b->facts.missing_file = b->missing;
	cli_dev_unlimited(file);
}

void trace_find_facts(struct trace *t, struct trace_boot *b, struct fault *fault)
{
	const struct pod_rec_progress *p = &b->rec.progress;

	if (!b->rec.has_image || !same_image(t, b) || !make_plan(t, &b->rec, fault))
		return;
	for (size_t i = 0; i < t->plan->initrd_count; i++)
		if (t->plan->initrd[i].length_bytes > b->facts.initrd_bytes)
			b->facts.initrd_bytes = t->plan->initrd[i].length_bytes;
	if (b->rec.has_machine)
		b->facts.other_mode = pod_plan_other_mode(t->plan, b->rec.machine.firmware) ? POD_YES : POD_NO;
	pod_start_of_plan(t->plan, b->rec.has_machine ? b->rec.machine.firmware : POD_START_ALL, &b->start);
	b->facts.why = b->start.why;
	if (b->rec.has_machine && pod_start_of_system(t->plan, b->rec.machine.firmware, &b->start))
		b->facts.start = &b->start;
	look_at_loader(t, b);
	look_into_silence(t, b, fault);
	if (!b->rec.has_progress)
		return;
	if (p->reads || (p->flags & POD_REC_P_READING))
		b->facts.last = find(t, p->last_off + (p->last_len ? p->last_len - 1 : 0), &b->last);
	find_missing(t, b);
	if (p->errors)
		b->facts.error = find(t, p->error_off, &b->error);
	if (p->slow[0].ms)
		b->facts.slowest = find(t, p->slow[0].off_bytes, &b->slowest);
}
