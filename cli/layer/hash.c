/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/host/digest.h"
#include "cli/layer/hash.h"
#include "core/base/str.h"

/* --- SHA-256 for the core ------------------------------------------------------------------------------- */

struct hasher {
	struct cli_digest *digest;
};

static void hasher_start(struct pod_hasher *h)
{
	struct hasher *s = h->ctx;

	cli_digest_free(s->digest);
	s->digest = cli_digest_new("sha256");
}

static void hasher_update(struct pod_hasher *h, const void *data, size_t len)
{
	const struct hasher *s = h->ctx;

	if (s->digest)
		cli_digest_update(s->digest, data, len);
}

/* What cannot be hashed is like nothing else. */
static void hasher_finish(struct pod_hasher *h, uint8_t out[POD_HASH_LEN])
{
	const struct hasher *s = h->ctx;
	uint8_t md[CLI_DIGEST_MAX];

	if (s->digest && cli_digest_so_far(s->digest, md) == POD_HASH_LEN)
		memcpy(out, md, POD_HASH_LEN);
	else
		arc4random_buf(out, POD_HASH_LEN);
}

bool layer_hasher_begin(struct pod_hasher *h, struct fault *fault)
{
	struct hasher *s = cli_xzalloc(sizeof *s);

	*h = (struct pod_hasher){.start = hasher_start, .update = hasher_update, .finish = hasher_finish, .ctx = s};
	s->digest = cli_digest_need("sha256", fault);
	return s->digest != NULL;
}

void layer_hasher_end(struct pod_hasher *h)
{
	struct hasher *s = h->ctx;

	if (s)
		cli_digest_free(s->digest);
	free(s);
	h->ctx = NULL;
}

/* --- what changed --------------------------------------------------------------------------------------- */

static enum pod_status next_run(struct layer_walk *w, uint64_t off, bool *changed, uint64_t *len)
{
	uint64_t rest = w->chain->dev.size_bytes - off;
	struct pod_chain_run r;

	if (w->since < w->chain->depth)
		return pod_chain_changed(w->chain, w->since, off, rest, changed, len);
	POD_TRY(pod_chain_run(w->chain, off, rest, &r));
	*changed = r.kind == POD_RUN_DATA;
	*len = r.len;
	return POD_OK;
}

enum pod_status layer_walk_next(struct layer_walk *w, bool *found, uint64_t *off, uint64_t *len)
{
	uint64_t run, behind;

	*found = false;
	while (w->at == w->end) {
		bool changed;

		if (w->at >= w->chain->dev.size_bytes)
			return POD_OK;
		POD_TRY(next_run(w, w->at, &changed, &run));
		w->end = w->at + run;
		if (!changed)
			w->at = w->end;
	}
	behind = ((w->at >> w->shift) + 1) << w->shift;
	*found = true;
	*off = w->at;
	*len = pod_min_u64(w->end, behind) - w->at;
	w->at += *len;
	return POD_OK;
}

/* --- lists ---------------------------------------------------------------------------------------------- */

static enum pod_status hash_block(struct pod_hashes *h, struct pod_chain *c, uint32_t block, uint8_t *buf, struct pod_hasher *s)
{
	uint32_t len = pod_hashes_len(h, block);

	if (cli_interrupted)
		return POD_E_CANCELLED;
	POD_TRY(pod_dev_read(&c->dev, (uint64_t)block << h->shift, buf, len));
	pod_hashes_hash(s, buf, len, h->block[block]);
	return POD_OK;
}

enum pod_status layer_hashes_update(struct pod_hashes *h, struct pod_chain *c, unsigned since, uint32_t odd, struct pod_hasher *s,
				    struct cli_progress *bar)
{
	struct layer_walk w = {.chain = c, .since = since, .shift = h->shift};
	uint8_t *buf = cli_xmalloc((size_t)1 << h->shift);
	uint64_t off, len, last = UINT64_MAX;
	enum pod_status st;
	bool found;

	while ((st = layer_walk_next(&w, &found, &off, &len)) == POD_OK && found) {
		if (off >> h->shift == last)
			continue;
		last = off >> h->shift;
		st = hash_block(h, c, (uint32_t)last, buf, s);
		if (st != POD_OK)
			break;
		cli_progress_update(bar, off);
	}
	if (st == POD_OK && odd != UINT32_MAX)
		st = hash_block(h, c, odd, buf, s);
	free(buf);
	return st;
}

bool layer_hashes_load(struct layer_store *ls, const struct pod_stored *e, struct pod_hashes *out)
{
	char name[POD_STORE_FILE_MAX];
	struct pod_hasher s = {0};
	struct pod_hashes_of of = {0};
	struct fault quiet = {0};
	struct disk_file *f = NULL;
	enum pod_status st = POD_E_NOT_FOUND;

	memset(out, 0, sizeof *out);
	layer_store_aside(e->id, LAYER_HASHES, name);
	if (e->flags & POD_STORED_FROZEN && ls->dir.ops->exists(&ls->dir, name) && layer_hasher_begin(&s, &quiet))
		f = ls->dir.ops->open(&ls->dir, name, false, &quiet);
	if (f)
		st = pod_hashes_read(out, &of, &s, f->vf.dev, &cli_alloc, NULL);
	if (st == POD_OK && (of.layer != e->id || memcmp(of.data_guid, e->data_guid, 16) != 0 ||
			     out->size_bytes != e->size_bytes || !layer_store_as_recorded(ls, e, &quiet))) {
		pod_hashes_fini(out);
		st = POD_E_CHANGED;
	}
	ls->dir.ops->close(&ls->dir, f, &quiet);
	layer_hasher_end(&s);
	fault_free(&quiet);
	return st == POD_OK;
}

bool layer_hashes_is_member(const struct pod_chain *c, unsigned i, const struct pod_stored *e)
{
	return i < c->depth && c->member[i]->kind == POD_MEMBER_VHDX &&
	       memcmp(c->member[i]->u.vhdx.data_write_guid, e->data_guid, sizeof e->data_guid) == 0;
}

/* The nearest layer below that has a list, as member `*since` of the chain: what the files say, which is not what the index says while a
 * layer goes onto another one. */
static bool load_below(struct layer_store *ls, const struct pod_stored *e, const struct pod_chain *c, unsigned *since,
		       struct pod_hashes *out)
{
	const struct pod_stored *p = pod_store_find(&ls->s, e->parent);

	for (*since = 1; p && layer_hashes_is_member(c, *since, p); p = pod_store_find(&ls->s, p->parent), (*since)++)
		if (layer_hashes_load(ls, p, out))
			return true;
	return false;
}

static enum pod_status make(struct layer_store *ls, const struct pod_stored *e, struct pod_chain *c, struct pod_hashes *out,
			    struct pod_hasher *s)
{
	struct pod_hashes below = {0};
	struct cli_progress bar;
	uint32_t odd = UINT32_MAX;
	unsigned since;
	enum pod_status st = pod_hashes_init(out, &cli_alloc, c->dev.size_bytes);

	if (st != POD_OK)
		return st;
	if (!load_below(ls, e, c, &since, &below) || !pod_hashes_adopt(out, &below, &odd))
		since = c->depth;
	pod_hashes_fini(&below);
	cli_progress_start(&bar, e->name, c->dev.size_bytes);
	st = layer_hashes_update(out, c, since, odd, s, &bar);
	cli_progress_end(&bar);
	return st;
}

int layer_hashes_make(struct layer_store *ls, const struct pod_stored *e, struct pod_hashes *out, struct fault *fault)
{
	struct disk *d = cli_xzalloc(sizeof *d);
	struct pod_hasher s = {0};
	enum pod_status st;
	int rc = layer_hasher_begin(&s, fault) ? layer_store_open_disk(ls, e, d, fault) : CLI_FAILED;

	memset(out, 0, sizeof *out);
	if (rc == CLI_OK) {
		st = make(ls, e, &d->chain, out, &s);
		if (st == POD_E_CANCELLED)
			rc = fault_set(fault, _("%s: interrupted; nothing was changed"), e->name);
		else if (st != POD_OK)
			rc = disk_fail(e->name, _("cannot be hashed"), st, NULL, NULL, fault);
		if (layer_store_close_disk(ls, d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	if (rc != CLI_OK)
		pod_hashes_fini(out);
	layer_hasher_end(&s);
	free(d);
	return rc;
}

bool layer_hashes_save(struct layer_store *ls, const struct pod_stored *e, const struct pod_hashes *h, struct fault *fault)
{
	struct store_dir *d = &ls->dir;
	struct pod_hashes_of of = {.layer = e->id};
	char name[POD_STORE_FILE_MAX], *part;
	struct pod_hasher s = {0};
	enum pod_status st = POD_OK;
	struct disk_file *f = NULL;
	bool ok = false;

	memcpy(of.data_guid, e->data_guid, 16);
	layer_store_aside(e->id, LAYER_HASHES, name);
	part = cli_xasprintf("%s.part", name);
	if (layer_hasher_begin(&s, fault) && (!d->ops->exists(d, part) || d->ops->remove(d, part, fault)))
		f = d->ops->create(d, part, pod_hashes_bytes(h), fault);
	if (f) {
		st = pod_vfile_resize(&f->vf, pod_hashes_bytes(h));
		if (st == POD_OK)
			st = pod_hashes_write(h, &of, &s, f->vf.dev);
		if (st != POD_OK)
			fault_status(fault, f->dev.path, _("cannot write it to the disk"), st, NULL);
		ok = st == POD_OK && d->ops->finish(d, f, fault);
	}
	d->ops->close(d, f, fault);
	ok = ok && (!d->ops->exists(d, name) || d->ops->remove(d, name, fault)) && d->ops->rename(d, part, name, fault);
	layer_hasher_end(&s);
	free(part);
	return ok;
}

void layer_hashes_keep(struct layer_store *ls, const struct pod_stored *e, const struct pod_hashes *h, struct fault *fault)
{
	struct fault why = {0};

	/* a stick that is only read keeps nothing */
	if ((ls->dir.writable || !ls->dir.target) && layer_store_as_recorded(ls, e, &why) && !layer_hashes_save(ls, e, h, &why))
		fault_warn(fault, _("%s: the hashes of layer %s cannot be kept beside it: %s"), ls->dir.shown, e->name,
			   fault_text(&why));
	fault_free(&why);
}

int layer_hashes_get(struct layer_store *ls, const struct pod_stored *e, struct pod_hashes *out, struct fault *fault)
{
	int rc;

	if (layer_hashes_load(ls, e, out))
		return CLI_OK;
	rc = layer_hashes_make(ls, e, out, fault);
	if (rc == CLI_OK)
		layer_hashes_keep(ls, e, out, fault);
	return rc;
}
