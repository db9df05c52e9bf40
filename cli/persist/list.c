/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod persist list: the persistence files of a stick, and how full they are. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/persist/persist.h"
#include "cli/persist/show.h"
#include "cli/stick/walk.h"
#include "core/base/str.h"

struct files {
	struct cli_walk walk;
	struct persist_names names;
	struct fault *fault;
	bool failed;
};

static bool unreadable(void *ctx, const char *folder, enum pod_status st)
{
	struct files *f = ctx;

	fault_status(f->fault, *folder ? folder : "/", _("cannot read the folder"), st, NULL);
	f->failed = true;
	return true;
}

static void other(void *ctx, const char *path)
{
	struct files *f = ctx;

	(void)persist_names_take(&f->names, path);
}

static bool image_is_there(const struct files *f, const char *image)
{
	for (size_t i = 0; i < f->walk.count; i++)
		if (strcmp(f->walk.entry[i].path, image) == 0)
			return true;
	return false;
}

/* False: there is none. */
static bool find_snapshot(const struct files *f, const char *image, struct pod_node *out)
{
	struct cli_target *t = f->walk.t;
	char *path = persist_snapshot_path(image);
	bool is = pod_fs_lookup(&t->data, path, out, &t->scratch) == POD_OK;

	free(path);
	return is;
}

static void one_json(struct files *f, struct cli_json *j, const char *image)
{
	struct pod_persist p;
	enum pod_status st = persist_state(f->walk.t, image, &p);
	char *path = persist_path(image);
	struct pod_node kept;

	cli_json_open(j, NULL, '{');
	cli_json_str(j, "image", image);
	cli_json_bool(j, "image_there", image_is_there(f, image));
	cli_json_str(j, "path", path);
	persist_json(j, st, &p);
	if (find_snapshot(f, image, &kept)) {
		cli_json_i64(j, "snapshot", kept.mtime);
		cli_json_u64(j, "snapshot_size", kept.size_bytes);
	}
	cli_json_close(j, '}');
	free(path);
}

/* A boot manager on a machine whose clock was not set gives it the first day that exFAT knows. */
static void print_snapshot(int64_t when)
{
	enum { DAY = 86400, FIRST = 315532800 };
	time_t at = (time_t)when;
	char text[32];
	struct tm tm;

	if (when < FIRST + DAY || !gmtime_r(&at, &tm) || !strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm))
		cli_print("%s", _(", with a snapshot"));
	else
		cli_print(_(", with a snapshot of %s"), text);
}

static void one_text(struct files *f, const char *image)
{
	struct pod_persist p;
	enum pod_status st = persist_state(f->walk.t, image, &p);
	struct pod_node kept;
	char size[16];

	cli_print("%s\n    ", image);
	persist_text(st, &p);
	if (find_snapshot(f, image, &kept)) {
		print_snapshot(kept.mtime);
		if (kept.size_bytes != p.length_bytes)
			cli_print(_(" of another size, %s"), pod_format_size(size, kept.size_bytes));
	}
	if (!image_is_there(f, image))
		cli_print("%s", _(", the image is not there"));
	cli_print("\n");
}

static int report(struct files *f, bool json, struct fault *fault)
{
	struct cli_json j;

	if (json) {
		cli_json_init(&j, stdout);
		cli_json_open(&j, NULL, '[');
		for (size_t i = 0; i < f->names.count; i++)
			one_json(f, &j, f->names.image[i]);
		cli_json_close(&j, ']');
		return cli_json_end(&j, fault);
	}
	if (!f->names.count)
		cli_print("%s\n", _("No image has a persistence file; 'isopod persist create' makes one."));
	for (size_t i = 0; i < f->names.count; i++)
		one_text(f, f->names.image[i]);
	return cli_flush(fault);
}

int persist_list(const char *target, bool json, struct fault *fault)
{
	struct files f = {.fault = fault};
	int rc;

	f.walk = (struct cli_walk){.t = cli_target_open(target, false, fault), .problem = unreadable, .other = other, .ctx = &f};
	if (!f.walk.t)
		return CLI_FAILED;
	cli_walk_images(&f.walk);
	persist_names_sort(&f.names);
	rc = report(&f, json, fault);
	if (f.failed)
		rc = CLI_FAILED;
	persist_names_free(&f.names);
	cli_walk_free(&f.walk);
	cli_target_close(f.walk.t);
	return rc;
}
