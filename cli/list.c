/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod list: every image on the data partition, wherever in the tree it lies. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/firmware.h"
#include "cli/hashlist.h"
#include "cli/target.h"
#include "core/base/str.h"

#define LIST_MAX (1u << 20) /* images; more means a directory that loops */

struct entry {
	char *path;
	struct pod_node node;
};

struct listing {
	struct cli_target *t;
	struct entry *entry;
	size_t count, cap;
	bool failed;
};

static void add_entry(struct listing *l, char *path, const struct pod_node *node)
{
	void *v = l->entry;

	if (pod_grow(&cli_alloc, &v, l->count, &l->cap, l->count + 1, sizeof *l->entry, LIST_MAX) != POD_OK) {
		cli_error(_("%s: more than %u images; the folders may be damaged: check the volume with fsck.exfat"),
			  l->t->file.path, LIST_MAX);
		l->failed = true;
		free(path);
		return;
	}
	l->entry = v;
	l->entry[l->count].path = path;
	l->entry[l->count++].node = *node;
}

/* What Windows and other systems keep for themselves is no place for images. */
static bool is_system_folder(const char *name)
{
	return pod_strcasecmp(name, "System Volume Information") == 0 || pod_strcasecmp(name, "$RECYCLE.BIN") == 0;
}

static void walk(struct listing *l, const char *folder, const struct pod_node *node, unsigned depth)
{
	struct pod_dirent *e = cli_xmalloc(sizeof *e);
	struct pod_dir *dir = cli_xzalloc(sizeof *dir);
	enum pod_status st = pod_dir_open(dir, &l->t->data, node);

	while (st == POD_OK && !l->failed && (st = pod_dir_next(dir, e)) == POD_OK) {
		char *path = cli_xasprintf("%s/%s", folder, e->name);

		if (e->node.is_dir) {
			if (depth + 1 < POD_DEPTH_MAX && !is_system_folder(e->name))
				walk(l, path, &e->node, depth + 1);
			free(path);
		} else if (pod_image_kind_of_name(e->name) != POD_IMAGE_UNKNOWN) {
			add_entry(l, path, &e->node);
		} else {
			free(path);
		}
	}
	if (st != POD_OK && st != POD_END) {
		char *where = cli_xasprintf("%s:%s", l->t->file.path, *folder ? folder : "/");

		cli_fail_status(where, _("cannot read the folder"), st, NULL);
		free(where);
		l->failed = true;
	}
	free(dir);
	free(e);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

struct probed {
	struct pod_image image;
	size_t extents;
	char problem[160]; /* "" if none */
};

static void probe(struct listing *l, const struct entry *e, struct probed *out)
{
	struct cli_target *t = l->t;
	struct pod_extent *ext = NULL;
	struct pod_map map;
	struct pod_mapdev md;
	struct pod_diag diag = {0};
	size_t n = 0;
	enum pod_status st;

	memset(out, 0, sizeof *out);
	out->image.kind = pod_image_kind_of_name(e->path);
	pod_map_init(&map, &cli_alloc);
	st = pod_fs_extents(&t->data, &e->node, &cli_alloc, &ext, &n);
	for (size_t i = 0; st == POD_OK && i < n; i++) {
		out->extents += !ext[i].hole;
		st = pod_map_append(&map, ext[i].hole ? POD_SEG_ZERO : POD_SEG_DEV, ext[i].hole ? 0 : ext[i].dev_bytes,
				    ext[i].length_bytes);
	}
	if (st == POD_OK) {
		pod_mapdev_init(&md, &map, &t->data_win.dev, 512);
		st = pod_image_probe(&md.dev, e->path, &cli_alloc, &out->image, &diag);
	}
	if (st != POD_OK && diag.what)
		snprintf(out->problem, sizeof out->problem, _("%s (%s at offset %llu)"), cli_status_text(st), diag.what,
			 (unsigned long long)diag.offset_bytes);
	else if (st != POD_OK)
		pod_strlcpy(out->problem, cli_status_text(st), sizeof out->problem);
	else if (out->image.truncated)
		snprintf(out->problem, sizeof out->problem, _("truncated: %llu of %llu bytes"),
			 (unsigned long long)e->node.size_bytes, (unsigned long long)out->image.volume_bytes);
	pod_map_fini(&map);
	pod_free(&cli_alloc, ext);
}

static int report_json(struct listing *l, const struct cli_hashlist *hashes)
{
	struct probed *p = cli_xmalloc(sizeof *p);
	struct cli_json j;

	cli_json_init(&j, stdout);
	cli_json_open(&j, NULL, '[');
	for (size_t i = 0; i < l->count; i++) {
		const struct entry *e = &l->entry[i];
		const char *hex = cli_hashlist_get(hashes, e->path, &e->node);

		probe(l, e, p);
		cli_json_open(&j, NULL, '{');
		cli_json_str(&j, "path", e->path);
		cli_json_u64(&j, "size", e->node.size_bytes);
		cli_json_str(&j, "kind", pod_image_kind_text(p->image.kind));
		cli_json_str(&j, "label", p->image.label);
		cli_firmware_json(&j, "firmware", p->image.firmware);
		cli_json_u64(&j, "extents", p->extents);
		cli_json_i64(&j, "mtime", e->node.mtime);
		if (hex)
			cli_json_str(&j, "sha256", hex);
		if (*p->problem)
			cli_json_str(&j, "problem", p->problem);
		cli_json_close(&j, '}');
	}
	cli_json_close(&j, ']');
	free(p);
	return cli_json_end(&j);
}

static int report_text(struct listing *l, const struct cli_hashlist *hashes)
{
	struct probed *p = cli_xmalloc(sizeof *p);
	char size[16], firmware[48];

	if (l->count == 0)
		cli_print("%s\n", _("No images yet; 'isopod add' copies some, or any file manager does."));
	for (size_t i = 0; i < l->count; i++) {
		const struct entry *e = &l->entry[i];
		const char *hex = cli_hashlist_get(hashes, e->path, &e->node);

		probe(l, e, p);
		cli_print("%s\n", e->path);
		cli_print("    %s, %s, %s", pod_format_size(size, e->node.size_bytes), pod_image_kind_text(p->image.kind),
			  p->image.firmware ? cli_firmware_list(p->image.firmware, firmware) : _("nothing that boots"));
		if (*p->image.label)
			cli_print(", \"%s\"", p->image.label);
		if (p->extents > 1)
			cli_print(_(", in %zu pieces"), p->extents);
		if (*p->problem)
			cli_print(", %s", p->problem);
		cli_print("\n");
		if (hex)
			cli_print("    sha256 %s\n", hex);
	}
	free(p);
	return cli_flush();
}

static int run(const struct cli_command *cmd, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	struct listing l = {0};
	struct cli_hashlist hashes;
	struct pod_node root;
	enum pod_status st;
	bool json = false;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return cli_bad_option(cmd);
		json = true;
	}
	if (argc - optind != 1)
		return cli_usage(cmd, "%s", _("name one TARGET"));
	l.t = cli_target_open(argv[optind], false);
	if (!l.t)
		return CLI_FAILED;

	st = l.t->data.ops->root(&l.t->data, &root);
	if (st == POD_OK) {
		walk(&l, "", &root, 0);
	} else {
		cli_fail_status(l.t->file.path, _("cannot read the data partition"), st, NULL);
		l.failed = true;
	}
	if (l.count)
		qsort(l.entry, l.count, sizeof *l.entry, by_path);
	cli_hashlist_load(&hashes, l.t);
	rc = json ? report_json(&l, &hashes) : report_text(&l, &hashes);
	if (l.failed)
		rc = CLI_FAILED;

	cli_hashlist_free(&hashes);
	for (size_t i = 0; i < l.count; i++)
		free(l.entry[i].path);
	pod_free(&cli_alloc, l.entry);
	cli_target_close(l.t);
	return rc;
}

const struct cli_command cli_list = {
	.name = "list",
	.arguments = "TARGET [--json]",
	.summary = N_("list the images on a stick and what can start them"),
	.help = N_("  --json    report as JSON\n"),
	.run = run,
};
