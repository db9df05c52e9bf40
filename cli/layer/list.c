/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod layer list. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/layer/layer.h"
#include "core/base/str.h"

static void when(int64_t t, char out[32])
{
	time_t v = (time_t)t;
	struct tm tm;

	pod_strlcpy(out, "-", 32);
	if (t && gmtime_r(&v, &tm))
		strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
}

struct sizes {
	struct layer_store *ls;
};

static void measure(void *ctx, const char *name, uint64_t size, int64_t mtime, bool read_only)
{
	struct layer_store *ls = ctx;
	uint32_t id;
	struct pod_stored *e = pod_store_parse_file(name, NULL, &id) ? pod_store_find(&ls->s, id) : NULL;

	(void)mtime;
	(void)read_only;
	if (e)
		e->file_bytes = size;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the index has layers, POD_STORE_LAYERS; it is sorted, so none is above itself */
static void show_tree(struct layer_store *ls, uint32_t parent, unsigned depth)
{
	for (size_t i = 0; i < ls->s.count; i++) {
		const struct pod_stored *e = &ls->s.layer[i];
		char made[32], size[16], *name;

		if (e->parent != parent)
			continue;
		when(e->frozen ? e->frozen : e->created, made);
		name = cli_xasprintf("%*s%s", (int)(depth < 40 ? depth : 40) * 2, "", e->name);
		cli_print("%c %-36s %s  %10s  %08x%s%s\n", e->id == ls->s.current ? '*' : ' ', name, made,
			  pod_format_size(size, e->file_bytes), (unsigned)e->id,
			  e->id == ls->s.locked ? _("  each boot starts here") : "",
			  e->flags & POD_STORED_MERGING	    ? _("  commit interrupted")
			  : e->flags & POD_STORED_UNDER_WAY ? _("  interrupted")
							    : "");
		free(name);
		/* Children of a layer that is a long chain: the index is sorted, and has at most 4096. */
		show_tree(ls, e->id, depth + 1);
	}
}

static void hex(const uint8_t *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", p[i]);
}

static int show_json(struct layer_store *ls, struct fault *fault)
{
	struct cli_json j;
	char text[65], id[12];

	cli_json_init(&j, stdout);
	cli_json_open(&j, NULL, '{');
	hex(ls->s.id, 16, text);
	cli_json_str(&j, "store", text);
	snprintf(id, sizeof id, "%08x", (unsigned)ls->s.current);
	cli_json_str(&j, "current", ls->s.current ? id : NULL);
	snprintf(id, sizeof id, "%08x", (unsigned)ls->s.locked);
	cli_json_str(&j, "locked", ls->s.locked ? id : NULL);
	cli_json_open(&j, "layers", '[');
	for (size_t i = 0; i < ls->s.count; i++) {
		const struct pod_stored *e = &ls->s.layer[i];

		cli_json_open(&j, NULL, '{');
		snprintf(id, sizeof id, "%08x", (unsigned)e->id);
		cli_json_str(&j, "id", id);
		snprintf(id, sizeof id, "%08x", (unsigned)e->parent);
		cli_json_str(&j, "parent", e->parent ? id : NULL);
		cli_json_str(&j, "name", e->name);
		cli_json_str(&j, "file", e->file);
		cli_json_i64(&j, "created", e->created);
		if (e->frozen)
			cli_json_i64(&j, "frozen", e->frozen);
		cli_json_u64(&j, "size", e->size_bytes);
		cli_json_u64(&j, "file_size", e->file_bytes);
		cli_json_bool(&j, "read_only", e->id != ls->s.current);
		cli_json_bool(&j, "current", e->id == ls->s.current);
		if (e->flags & POD_STORED_STARTED)
			cli_json_bool(&j, "before_start", true);
		if (e->flags & POD_STORED_HASHED) {
			hex(e->sha256, 32, text);
			cli_json_str(&j, "sha256", text);
		}
		if (e->flags & POD_STORED_UNDER_WAY)
			cli_json_bool(&j, "interrupted", true);
		cli_json_close(&j, '}');
	}
	cli_json_close(&j, ']');
	cli_json_u64(&j, "spares", ls->s.spares);
	cli_json_u64(&j, "spares_wanted", ls->s.spares_wanted);
	cli_json_close(&j, '}');
	return cli_json_end(&j, fault);
}

int layer_cmd_list(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	struct layer_store *ls;
	bool json = false;
	int rc;

	if (!cli_only_json(cmd, argc, argv, &json, fault))
		return CLI_USAGE;
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one STORE"));
	ls = cli_xzalloc(sizeof *ls);
	rc = layer_store_open(ls, argv[optind], false, fault);
	if (rc == CLI_OK && !ls->dir.ops->each(&ls->dir, measure, ls, fault))
		rc = CLI_FAILED;
	if (rc == CLI_OK && json)
		rc = show_json(ls, fault);
	else if (rc == CLI_OK) {
		show_tree(ls, 0, 0);
		if (ls->s.spares || ls->s.spares_wanted)
			cli_print(_("%zu of %u spare files for snapshots before starts\n"), ls->s.spares,
				  (unsigned)ls->s.spares_wanted);
		rc = cli_flush(fault);
	}
	if (layer_store_close(ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(ls);
	return rc;
}
