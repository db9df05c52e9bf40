/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod layer create, export: images into a store and out of it. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/host/identity.h"
#include "cli/layer/layer.h"
#include "core/base/str.h"

#define BASE_BLOCK (2u << 20)

/* Blocks of the base that will hold something. */
static enum pod_status count_blocks(struct pod_chain *c, uint64_t *blocks)
{
	uint64_t last = UINT64_MAX;
	struct pod_chain_run r;

	*blocks = 0;
	for (uint64_t off = 0; off < c->dev.size_bytes; off += r.len) {
		POD_TRY(pod_chain_run(c, off, c->dev.size_bytes - off, &r));
		if (r.kind == POD_RUN_DATA) {
			uint64_t from = off / BASE_BLOCK, to = (off + r.len - 1) / BASE_BLOCK;

			*blocks += to - from + (from == last ? 0 : 1);
			last = to;
		}
	}
	return POD_OK;
}

/* Holes of a raw file take no blocks: what it occupies is a bound as well. */
static uint64_t occupied(struct disk *from)
{
	uint64_t blocks = 0, bytes;

	if (count_blocks(&from->chain, &blocks) != POD_OK)
		return 0;
	bytes = blocks * BASE_BLOCK;
	if (from->chain.member[0]->kind == POD_MEMBER_RAW && !from->file.dev.is_block) {
		off_t at = 0, end = (off_t)from->chain.dev.size_bytes;
		uint64_t last = UINT64_MAX, used = 0;

		while (at < end) {
			off_t data = lseek(from->file.dev.fd, at, SEEK_DATA), hole;
			uint64_t a, b;

			if (data < 0)
				break;
			hole = lseek(from->file.dev.fd, data, SEEK_HOLE);
			if (hole < 0)
				return bytes;
			a = (uint64_t)data / BASE_BLOCK;
			b = ((uint64_t)hole - 1) / BASE_BLOCK;
			used += b - a + (a == last ? 0 : 1);
			last = b;
			at = hole;
		}
		bytes = pod_min_u64(bytes, used * BASE_BLOCK);
	}
	return bytes;
}

static enum pod_status fill(struct disk *from, struct disk_file *f, const char *label)
{
	struct pod_chain_options opt = {.top = {.writable = true, .env = &disk_env}};
	struct pod_chain to;
	enum pod_status st, closed;

	POD_TRY(pod_chain_open(&to, &f->vf, &cli_alloc, NULL, &opt, NULL));
	st = disk_copy(&from->chain, &to, 0, label);
	closed = pod_chain_close(&to);
	return st == POD_OK ? closed : st;
}

static int fill_base(const struct layer_base *b, struct disk *from, struct disk_file *f, struct fault *fault)
{
	enum pod_status st = from ? fill(from, f, b->from) : POD_OK;

	if (st != POD_OK)
		return disk_fail(f->dev.path, _("cannot make the image"), st, NULL, NULL, fault);
	return b->fill ? b->fill(b->fill_ctx, f, fault) : CLI_OK;
}

/* The base: under a name that is no layer's until it is whole. */
static int make_base(struct layer_store *ls, const struct layer_base *b, struct disk *from, struct pod_stored *e,
		     struct fault *fault)
{
	bool large = from && from->chain.member[0]->sector_size == 4096;
	struct pod_vhdx_create c = {.size_bytes = b->size_bytes,
				    .block_size = BASE_BLOCK,
				    .logical_sector_size = large ? 4096 : 512,
				    .fixed = b->fixed};
	uint64_t need = (16u << 20) + c.size_bytes / (1u << 17) + b->fill_bytes + (from ? occupied(from) : 0);
	char *part = cli_xasprintf("%s.part", e->file);
	struct pod_diag diag = {0};
	struct disk_file *f = NULL;
	enum pod_status st;
	int rc = CLI_FAILED;

	if (from)
		c.size_bytes = pod_align_up(from->chain.dev.size_bytes, c.logical_sector_size);
	if (layer_store_room(ls, need, fault))
		f = ls->dir.ops->create(&ls->dir, part, need, fault);
	if (f) {
		st = pod_vhdx_format(&f->vf, &cli_alloc, &c, &disk_env, &diag);
		if (st != POD_OK)
			disk_fail(f->dev.path, _("cannot make the image"), st, &diag, NULL, fault);
		else if (fill_base(b, from, f, fault) != CLI_OK)
			rc = CLI_FAILED;
		else if (cli_interrupted)
			fault_set(fault, _("%s: interrupted; nothing was changed"), ls->dir.shown);
		else if (ls->dir.ops->finish(&ls->dir, f, fault))
			rc = CLI_OK;
	}
	ls->dir.ops->close(&ls->dir, f, fault);
	if (rc == CLI_OK && (!ls->dir.ops->rename(&ls->dir, part, e->file, fault) || !ls->dir.ops->sync(&ls->dir, fault)))
		rc = CLI_FAILED;
	if (rc == CLI_OK)
		rc = layer_store_settle(ls, e, fault);
	free(part);
	return rc;
}

static void any_layer(void *ctx, const char *name, uint64_t size, int64_t mtime, bool read_only)
{
	bool *any = ctx;

	(void)size;
	(void)mtime;
	(void)read_only;
	if (strcmp(name, POD_STORE_INDEX) == 0 || pod_store_parse_file(name, NULL, &(uint32_t){0}))
		*any = true;
}

/* Without an index nobody knows of what was made: it goes, so that the same command can be given again. */
static void clear_away(struct layer_store *ls, const char *base, struct fault *fault)
{
	if (ls->dir.ops->exists(&ls->dir, POD_STORE_INDEX))
		return;
	for (size_t i = 0; i < ls->s.count; i++)
		if (strcmp(ls->s.layer[i].file, base) != 0)
			layer_store_leave_file(ls, ls->s.layer[i].file, fault);
	layer_store_leave_file(ls, base, fault);
}

static int fill_store(struct layer_store *ls, const struct layer_base *b, struct disk *from, struct fault *fault)
{
	struct pod_stored e = {.flags = POD_STORED_FROZEN, .created = cli_identity_time(NULL)};
	bool any = false;
	enum pod_status st;
	int rc;

	if (!ls->dir.ops->each(&ls->dir, any_layer, &any, fault))
		return CLI_FAILED;
	if (any && !ls->dir.ops->exists(&ls->dir, POD_STORE_INDEX))
		return layer_store_no_index(ls, fault);
	if (any)
		return fault_set(fault, _("%s: already holds layers; name another folder"), ls->dir.shown);
	cli_identity_guid(NULL, ls->s.id);
	e.id = layer_store_new_id(ls);
	e.frozen = e.created;
	pod_strlcpy(e.name, b->name, sizeof e.name);
	pod_store_file_name(e.file, e.name, e.id);
	rc = make_base(ls, b, from, &e, fault);
	st = rc == CLI_OK ? pod_store_add(&ls->s, &e) : POD_OK;
	if (st != POD_OK)
		rc = fault_status(fault, ls->dir.shown, _("cannot add a layer"), st, NULL);
	if (rc == CLI_OK)
		rc = layer_store_child(ls, e.id, 0, &ls->s.current, fault);
	if (rc == CLI_OK)
		rc = layer_store_save_new(ls, fault);
	if (rc == CLI_OK)
		ls->dir.ops->protect(&ls->dir, e.file, true, fault);
	else
		clear_away(ls, e.file, fault);
	return rc;
}

int layer_store_create(const char *store, const struct layer_base *b, struct fault *fault)
{
	struct layer_store *ls = cli_xzalloc(sizeof *ls);
	struct disk *from = b->from ? cli_xzalloc(sizeof *from) : NULL;
	int rc = from ? disk_open(from, b->from, b->input, b->use, fault) : CLI_OK;

	if (rc == CLI_OK) {
		layer_store_begin(ls);
		rc = store_dir_open(&ls->dir, store, true, true, fault) ? fill_store(ls, b, from, fault) : CLI_FAILED;
		if (layer_store_close(ls, fault) != CLI_OK)
			rc = CLI_FAILED;
		if (from && disk_close(from, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(from);
	free(ls);
	return rc;
}

int layer_cmd_create(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"size", required_argument, NULL, 's'},
						{"from", required_argument, NULL, 'f'},
						{"name", required_argument, NULL, 'n'},
						DISK_INPUT_OPTION,
						DISK_FOLLOW_OPTION,
						{NULL, 0, NULL, 0}};
	struct layer_base o = {.name = "base"};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's' && (!cli_parse_size(optarg, &o.size_bytes) || !o.size_bytes || o.size_bytes % 512))
			return cli_usage(fault, cmd, _("'%s' is not valid here"), optarg);
		if (c == 'F' && !disk_parse_input(optarg, &o.input))
			return cli_usage(fault, cmd, _("'%s' is not valid here"), optarg);
		if (c == 'f')
			o.from = optarg;
		else if (c == 'n')
			o.name = optarg;
		else if (c == 'L')
			o.use |= DISK_FOLLOW;
		else if (c != 's' && c != 'F')
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind != 1 || !o.from == !o.size_bytes)
		return cli_usage(fault, cmd, "%s", _("name one STORE, and either --size N or --from FILE"));
	if (!pod_store_name_ok(o.name) || pod_store_name_reserved(o.name))
		return cli_usage(fault, cmd, _("'%s' is not valid here"), o.name);
	cli_catch_signals();
	return layer_store_create(argv[optind], &o, fault);
}

int layer_cmd_export(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"format", required_argument, NULL, 'f'},
						{"layer", required_argument, NULL, 'l'},
						{"replace", no_argument, NULL, 'r'},
						{"yes", no_argument, NULL, 'y'},
						DISK_UNSAFE_OPTION,
						{NULL, 0, NULL, 0}};
	struct layer_store *ls;
	const char *layer = NULL;
	struct disk_convert_how how = {0};
	bool unsafe = false;
	struct pod_stored *e;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'f')
			how.format = optarg;
		else if (c == 'l')
			layer = optarg;
		else if (c == 'r')
			how.replace = true;
		else if (c == 'y')
			how.yes = true;
		else if (c == 'U')
			unsafe = true;
		else
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind != 2)
		return cli_usage(fault, cmd, "%s", _("name a STORE and a FILE to write"));
	ls = cli_xzalloc(sizeof *ls);
	rc = layer_store_open(ls, argv[optind], false, fault);
	if (rc == CLI_OK) {
		struct disk *d = cli_xzalloc(sizeof *d);

		ls->dir.unsafe = unsafe;
		e = layer ? layer_store_get(ls, layer, fault) : layer_store_current(ls, fault);
		rc = e ? layer_store_open_disk(ls, e, d, fault) : CLI_FAILED;
		if (rc == CLI_OK) {
			rc = disk_convert(d, argv[optind + 1], &how, fault);
			if (layer_store_close_disk(ls, d, fault) != CLI_OK)
				rc = CLI_FAILED;
		}
		free(d);
	}
	if (layer_store_close(ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(ls);
	return rc;
}
