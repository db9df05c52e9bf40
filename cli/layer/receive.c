/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isopod layer receive: what `layer send` wrote, from standard input.
 *
 * The layer grows beside the others under a name that is none of theirs (part.c); each block is held against its hash before it is
 * written. When the stream has ended, what is on the drive is read and hashed once more; then the file gets its name, and the index
 * knows of it and of a fresh current layer on it, in one step.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/host/identity.h"
#include "cli/layer/layer.h"
#include "cli/layer/stream.h"
#include "core/base/str.h"

#define NOTE_BYTES (64u << 20) /* written, then the journal is */

struct receiving {
	struct layer_store *ls;
	bool fresh; /* the store has no index yet */
	struct pod_stream stream;
	struct pod_stream_source source;
	struct pod_hasher running, hasher;
	const struct pod_stored *base; /* of this store */
	const struct pod_stored *have; /* the layer is here already: the stream is only held against it */
	struct pod_hashes below;       /* of the base */
	struct layer_part part;
	struct disk disk; /* of `have` */
	uint64_t written; /* since the last note */
	uint8_t tree[POD_HASH_LEN];
};

/* --- standard input ------------------------------------------------------------------------------------- */

static enum pod_status read_input(struct pod_stream_source *s, void *buf, size_t len)
{
	uint8_t *p = buf;

	(void)s;
	while (len) {
		ssize_t n = cli_interrupted ? -1 : read(STDIN_FILENO, p, len);

		if (cli_interrupted)
			return POD_E_CANCELLED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? POD_E_IO : POD_END;
		p += n;
		len -= (size_t)n;
	}
	return POD_OK;
}

/* What the stream says of itself. */
static int broken(const struct receiving *r, enum pod_status st, const struct pod_diag *diag, struct fault *fault)
{
	const char *shown = r->ls->dir.shown ? r->ls->dir.shown : "-";

	if (st == POD_END || st == POD_E_IO)
		return fault_set(
			fault,
			_("%s: the stream ended before its end; what arrived is kept, and 'isopod layer receive --status' says "
			  "how to go on"),
			shown);
	if (st == POD_E_CANCELLED)
		return fault_set(
			fault, _("%s: interrupted; what arrived is kept, and 'isopod layer receive --status' says how to go on"),
			shown);
	if (st == POD_E_FORMAT)
		return fault_set(fault, _("standard input: is not what 'isopod layer send' writes"));
	return fault_set(fault,
			 _("standard input: the stream is damaged (%s at offset %llu); nothing of it counts; send it again"),
			 diag->what ? diag->what : pod_status_text(st), (unsigned long long)diag->offset_bytes);
}

/* --- where it goes -------------------------------------------------------------------------------------- */

/* Does a list of this store's have that tree hash? */
static bool shows(struct receiving *r, const uint8_t tree[POD_HASH_LEN], const struct pod_hashes *list)
{
	uint8_t mine[POD_HASH_LEN];

	pod_hashes_tree(list, &r->hasher, mine);
	return memcmp(mine, tree, sizeof mine) == 0;
}

/* The layer that the stream is based on: of that number, or another one that shows the same and is known to. */
static int find_base(struct receiving *r, struct fault *fault)
{
	const struct pod_stream_head *h = &r->stream.head;
	struct pod_store *s = &r->ls->s;
	const struct pod_stored *e = pod_store_find(s, h->base.id);

	if (e && e->flags & POD_STORED_FROZEN) {
		if (layer_hashes_get(r->ls, e, &r->below, fault) != CLI_OK)
			return CLI_FAILED;
		r->base = shows(r, h->base_tree, &r->below) ? e : NULL;
		if (r->base)
			return CLI_OK;
		pod_hashes_fini(&r->below);
		return fault_set(
			fault,
			_("%s: layer %s here does not show what the stream is based on; send all of the layer to another store"),
			r->ls->dir.shown, e->name);
	}
	for (size_t i = 0; i < s->count; i++) {
		if (!layer_hashes_load(r->ls, &s->layer[i], &r->below))
			continue;
		r->base = shows(r, h->base_tree, &r->below) ? &s->layer[i] : NULL;
		if (r->base)
			return CLI_OK;
		pod_hashes_fini(&r->below);
	}
	return fault_set(
		fault,
		_("%s: layer %s (%08x), which the stream is based on, is not here; send that one first, or all of the layer"),
		r->ls->dir.shown, h->base.name, (unsigned)h->base.id);
}

/* Whoever boots from the store is to find the new layer under the current one: nobody may have written to that. */
static int may_follow(struct receiving *r, struct fault *fault)
{
	struct pod_stored *cur = pod_store_find(&r->ls->s, r->ls->s.current);
	bool untouched = false;
	int rc;

	if (!r->base && r->ls->s.count)
		return fault_set(fault, _("%s: already holds layers; name another folder for a layer with all that it stands on"),
				 r->ls->dir.shown);
	if (r->ls->s.locked)
		return fault_set(fault, _("%s: each boot starts from the same layer; run 'isopod layer lock --off' first"),
				 r->ls->dir.shown);
	if (!cur || !r->base)
		return CLI_OK;
	rc = layer_store_at_rest(r->ls, cur, &untouched, fault);
	if (rc == CLI_OK && (!untouched || cur->parent != r->base->id))
		rc = fault_set(fault,
			       _("%s: went on by itself: %s was written to, or is not based on %s; 'isopod layer rollback' to %s "
				 "first"),
			       r->ls->dir.shown, cur->name, r->base->name, r->base->name);
	return rc;
}

/* An interrupted receive had renamed the file already, but no index knows of it: its journal is still there. Any other file is let alone. */
static void back_to_part(struct layer_store *ls, uint32_t id)
{
	char part[POD_STORE_FILE_MAX];
	struct pod_stored e = {.id = id};
	char *file = NULL;

	if (pod_store_find(&ls->s, id) || !layer_part_renamed(ls, id))
		return;
	file = layer_store_file(ls, &e, NULL);
	layer_store_aside(id, ".vhdx.part", part);
	if (file)
		(void)ls->dir.ops->rename(&ls->dir, file, part, NULL);
	free(file);
}

static int begin(struct receiving *r, struct fault *fault)
{
	const struct pod_stream_head *h = &r->stream.head;
	int rc = CLI_OK;

	r->have = pod_store_find(&r->ls->s, h->layer.id);
	if (r->have)
		return layer_store_open_disk(r->ls, r->have, &r->disk, fault);
	if (h->base.id)
		rc = find_base(r, fault);
	if (rc == CLI_OK)
		rc = may_follow(r, fault);
	if (rc == CLI_OK && !layer_store_depth_ok(r->ls, r->base ? pod_store_depth(&r->ls->s, r->base->id) + 2 : 2, fault))
		rc = CLI_FAILED;
	if (rc == CLI_OK && !h->first &&
	    !layer_store_room(r->ls, h->changed_bytes + 2 * layer_store_child_bytes(h->size_bytes), fault))
		rc = CLI_FAILED;
	if (rc != CLI_OK)
		return rc;
	back_to_part(r->ls, h->layer.id);
	return layer_part_begin(&r->part, r->ls, h, r->base, fault);
}

/* --- blocks --------------------------------------------------------------------------------------------- */

static struct pod_chain *chain(struct receiving *r)
{
	return r->have ? &r->disk.chain : &r->part.disk.chain;
}

static enum pod_status write_block(struct receiving *r, const struct pod_stream_record *rec, const uint8_t *block)
{
	uint64_t start = (uint64_t)rec->block << r->stream.shift;

	for (uint32_t i = 0; i < rec->extents; i++) {
		const struct pod_stream_extent *e = &rec->extent[i];

		if (e->zero)
			POD_TRY(pod_chain_trim(chain(r), start + e->off, e->len));
		else
			POD_TRY(pod_dev_write(&chain(r)->dev, start + e->off, block + e->off, e->len));
		r->written += e->len;
	}
	return POD_OK;
}

static bool whole(const struct receiving *r, const struct pod_stream_record *rec)
{
	return rec->extents == 1 && rec->extent[0].len == pod_stream_len(&r->stream, rec->block);
}

static int cannot_write(const struct receiving *r, enum pod_status st, struct fault *fault)
{
	return fault_set(
		fault,
		_("%s: cannot be written to: %s; what arrived is kept, and 'isopod layer receive --status' says how to go "
		  "on"),
		r->ls->dir.shown, cli_status_text(st));
}

/* A record that has been read: its blocks are held against their hashes, then written. */
static int take_record(struct receiving *r, const struct pod_stream_record *rec, uint8_t *block, struct fault *fault)
{
	uint64_t start = (uint64_t)rec->block << r->stream.shift, len;
	struct pod_diag diag = {0};
	enum pod_status st = POD_OK;

	if (rec->kind == POD_STREAM_ZERO) {
		len = pod_min_u64((uint64_t)rec->count << r->stream.shift, r->stream.head.size_bytes - start);
		st = r->have ? POD_OK : pod_chain_trim(chain(r), start, len);
		return st == POD_OK ? CLI_OK : cannot_write(r, st, fault);
	}
	if (!whole(r, rec))
		st = pod_dev_read(&chain(r)->dev, start, block, pod_stream_len(&r->stream, rec->block));
	if (st != POD_OK)
		return fault_status(fault, r->ls->dir.shown, _("cannot read the layer"), st, NULL);
	st = pod_stream_block(&r->stream, rec, block, &diag);
	if (st != POD_OK)
		return broken(r, st, &diag, fault);
	st = r->have ? POD_OK : write_block(r, rec, block);
	return st == POD_OK ? CLI_OK : cannot_write(r, st, fault);
}

static int take_all(struct receiving *r, struct fault *fault)
{
	struct pod_stream_record *rec = cli_xzalloc(sizeof *rec);
	uint8_t *block = cli_xmalloc((size_t)1 << r->stream.shift);
	struct cli_progress bar;
	struct pod_diag diag = {0};
	uint32_t done = r->stream.head.first;
	enum pod_status st;
	int rc = CLI_OK;

	cli_progress_start(&bar, r->stream.head.layer.name, r->stream.head.size_bytes);
	while (rc == CLI_OK) {
		st = pod_stream_next(&r->stream, rec, &diag);
		if (st != POD_OK) {
			rc = broken(r, st, &diag, fault);
		} else if (rec->kind == POD_STREAM_END) {
			memcpy(r->tree, rec->hash, sizeof r->tree);
			break;
		} else {
			rc = take_record(r, rec, block, fault);
			done = rc == CLI_OK ? (uint32_t)r->stream.next : done;
		}
		cli_progress_update(&bar, r->stream.next << r->stream.shift);
		if (rc == CLI_OK && r->written >= NOTE_BYTES) {
			r->written = 0;
			rc = layer_part_note(&r->part, done, fault) ? CLI_OK : CLI_FAILED;
		}
	}
	cli_progress_end(&bar);
	/* What arrived before that is kept, if the drive takes it. */
	if (rc != CLI_OK && r->part.open && done > r->part.next)
		(void)layer_part_note(&r->part, done, NULL);
	free(block);
	free(rec);
	return rc;
}

/* --- the end -------------------------------------------------------------------------------------------- */

/* What is on the drive is read again: `now` is what the new layer shows. */
static int verify(struct receiving *r, struct pod_hashes *now, struct fault *fault)
{
	struct pod_chain *c = chain(r);
	struct cli_progress bar;
	uint8_t tree[POD_HASH_LEN];
	uint32_t odd = UINT32_MAX;
	enum pod_status st = pod_dev_flush(&c->dev);

	layer_part_forget(&r->part);
	if (st == POD_OK)
		st = pod_hashes_init(now, &cli_alloc, c->dev.size_bytes);
	if (st == POD_OK && r->base && !pod_hashes_adopt(now, &r->below, &odd))
		st = POD_E_UNSUPPORTED;
	cli_progress_start(&bar, r->stream.head.layer.name, c->dev.size_bytes);
	if (st == POD_OK)
		st = layer_hashes_update(now, c, r->base ? 1 : c->depth, odd, &r->hasher, &bar);
	cli_progress_end(&bar);
	if (st == POD_E_CANCELLED)
		return broken(r, st, NULL, fault);
	if (st != POD_OK)
		return fault_status(fault, r->ls->dir.shown, _("cannot read the layer"), st, NULL);
	pod_hashes_tree(now, &r->hasher, tree);
	if (memcmp(tree, r->tree, sizeof tree) == 0)
		return CLI_OK;
	layer_part_drop(&r->part, fault);
	return fault_set(fault, _("%s: what arrived is not what was sent; nothing was changed; send it again"), r->ls->dir.shown);
}

static int compare(struct receiving *r, struct fault *fault)
{
	struct pod_hashes mine = {0};
	int rc = layer_hashes_get(r->ls, r->have, &mine, fault);

	if (rc == CLI_OK && !shows(r, r->tree, &mine))
		rc = fault_set(fault, _("%s: layer %s is here already, and shows something else; nothing was changed"),
			       r->ls->dir.shown, r->have->name);
	else if (rc == CLI_OK)
		fault_warn(fault, _("%s: layer %s is here already, and is the same"), r->ls->dir.shown, r->have->name);
	pod_hashes_fini(&mine);
	return rc;
}

/* The name that it was sent with, if no other layer has it. */
static void choose_name(struct layer_store *ls, struct pod_stored *e)
{
	if (pod_store_named(&ls->s, e->name) || pod_store_name_reserved(e->name))
		snprintf(e->name, sizeof e->name, "received-%08x", (unsigned)e->id);
}

/* The file has its name; then the step. */
static int enter(struct receiving *r, const struct pod_hashes *now, struct fault *fault)
{
	struct layer_store *ls = r->ls;
	struct pod_stored e = r->part.entry;
	char part[POD_STORE_FILE_MAX];
	enum pod_status st;
	int rc;

	/* The stream may have taken hours, and nobody was kept from writing meanwhile. */
	rc = r->fresh ? CLI_OK : may_follow(r, fault);
	if (rc != CLI_OK)
		return rc;
	e.parent = r->base ? r->base->id : 0;
	e.flags = POD_STORED_FROZEN;
	e.frozen = r->stream.head.frozen ? r->stream.head.frozen : cli_identity_time(NULL);
	rc = layer_store_settle(ls, &e, fault);
	if (rc != CLI_OK)
		return rc;
	pod_strlcpy(part, e.file, sizeof part);
	choose_name(ls, &e);
	pod_store_file_name(e.file, e.name, e.id);
	if (!layer_hashes_save(ls, &e, now, fault) || !ls->dir.ops->rename(&ls->dir, part, e.file, fault) ||
	    !ls->dir.ops->sync(&ls->dir, fault))
		return CLI_FAILED;
	st = pod_store_add(&ls->s, &e);
	if (st != POD_OK)
		return fault_status(fault, ls->dir.shown, _("cannot add a layer"), st, NULL);
	if (!r->fresh)
		rc = layer_store_switch(ls, e.id, 0, true, fault);
	else
		rc = layer_store_child(ls, e.id, 0, &ls->s.current, fault);
	if (rc == CLI_OK && r->fresh) {
		rc = layer_store_save_new(ls, fault);
		/* Without an index nobody knows of it, and it would be in the way of the next try. */
		if (rc != CLI_OK && !ls->dir.ops->exists(&ls->dir, POD_STORE_INDEX))
			layer_store_leave_file(ls, pod_store_find(&ls->s, ls->s.current)->file, fault);
	}
	if (rc == CLI_OK)
		layer_part_drop(&r->part, fault);
	return rc;
}

static int finish(struct receiving *r, struct fault *fault)
{
	struct pod_hashes now = {0};
	int rc = verify(r, &now, fault), closed = layer_part_close(&r->part, fault);

	if (rc == CLI_OK)
		rc = closed;
	if (rc == CLI_OK && cli_interrupted)
		rc = broken(r, POD_E_CANCELLED, NULL, fault);
	if (rc == CLI_OK)
		rc = enter(r, &now, fault);
	pod_hashes_fini(&now);
	return rc;
}

/* --- the command ---------------------------------------------------------------------------------------- */

static void any_layer(void *ctx, const char *name, uint64_t size, int64_t mtime, bool read_only)
{
	bool *any = ctx;

	(void)size;
	(void)mtime;
	(void)read_only;
	*any |= pod_store_parse_file(name, NULL, &(uint32_t){0});
}

/* A store that is there; else, for a whole layer, one that is made. */
static int open_store(struct receiving *r, const char *arg, struct fault *fault)
{
	struct layer_store *ls = r->ls;
	bool any = false;

	layer_store_begin(ls);
	if (!store_dir_open(&ls->dir, arg, true, !r->stream.head.base.id, fault))
		return CLI_FAILED;
	if (r->stream.head.base.id || ls->dir.ops->exists(&ls->dir, POD_STORE_INDEX)) {
		layer_store_close(ls, fault);
		return layer_store_open(ls, arg, true, fault);
	}
	r->fresh = true;
	back_to_part(ls, r->stream.head.layer.id);
	layer_part_clear(ls, r->stream.head.layer.id);
	if (!ls->dir.ops->each(&ls->dir, any_layer, &any, fault))
		return CLI_FAILED;
	cli_identity_guid(NULL, ls->s.id);
	return any ? layer_store_no_index(ls, fault) : CLI_OK;
}

static int receive(struct receiving *r, const char *arg, struct fault *fault)
{
	struct pod_diag diag = {0};
	enum pod_status st = pod_stream_open(&r->stream, &r->source, &r->running, &r->hasher, NULL, &diag);
	int rc;

	if (st != POD_OK)
		return broken(r, st, &diag, fault);
	rc = open_store(r, arg, fault);
	if (rc == CLI_OK)
		rc = begin(r, fault);
	if (rc == CLI_OK)
		rc = take_all(r, fault);
	if (rc == CLI_OK)
		rc = r->have ? compare(r, fault) : finish(r, fault);
	if (r->have && layer_store_close_disk(r->ls, &r->disk, fault) != CLI_OK)
		rc = CLI_FAILED;
	if (layer_part_close(&r->part, fault) != CLI_OK)
		rc = CLI_FAILED;
	return rc;
}

static void print_token(void *ctx, uint32_t id)
{
	struct receiving *r = ctx;
	struct pod_stream_head head;
	struct layer_token t = {.layer = id};
	char text[LAYER_TOKEN_MAX];

	if (pod_store_find(&r->ls->s, id) || !layer_part_look(r->ls, id, &head, &t.block))
		return;
	memcpy(t.store, head.store, sizeof t.store);
	t.base = head.base.id;
	layer_token_print(&t, text);
	cli_print("%s  %s\n", text, head.layer.name);
}

/* A store of which the first layer is still arriving has no index. */
static int status(struct receiving *r, const char *arg, struct fault *fault)
{
	unsigned slot;
	struct disk_file *index;
	bool ok;

	layer_store_begin(r->ls);
	if (!store_dir_open(&r->ls->dir, arg, false, false, fault))
		return CLI_FAILED;
	if (r->ls->dir.ops->exists(&r->ls->dir, POD_STORE_INDEX)) {
		index = r->ls->dir.ops->open(&r->ls->dir, POD_STORE_INDEX, false, fault);
		ok = index && pod_store_load(&r->ls->s, index->vf.dev, &slot, NULL) == POD_OK;
		r->ls->dir.ops->close(&r->ls->dir, index, fault);
		if (!ok)
			return fault_is_set(fault)
				       ? CLI_FAILED
				       : fault_status(fault, r->ls->dir.shown, _("cannot read the index"), POD_E_CORRUPT, NULL);
	}
	if (!layer_part_each(r->ls, print_token, r, fault))
		return CLI_FAILED;
	return cli_flush(fault);
}

int layer_cmd_receive(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"status", no_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	struct receiving *r;
	bool ask = false;
	int c, rc = CLI_FAILED;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return cli_bad_option(fault, cmd, argv);
		ask = true;
	}
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one STORE"));
	if (!ask && isatty(STDIN_FILENO))
		return cli_usage(fault, cmd, "%s", _("standard input is a terminal: give it what 'isopod layer send' writes"));
	cli_catch_signals();
	r = cli_xzalloc(sizeof *r);
	r->ls = cli_xzalloc(sizeof *r->ls);
	r->source = (struct pod_stream_source){.read = read_input};
	if (ask)
		rc = status(r, argv[optind], fault);
	else if (layer_hasher_begin(&r->running, fault) && layer_hasher_begin(&r->hasher, fault))
		rc = receive(r, argv[optind], fault);
	pod_hashes_fini(&r->below);
	layer_hasher_end(&r->running);
	layer_hasher_end(&r->hasher);
	if (layer_store_close(r->ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(r->ls);
	free(r);
	return rc;
}
