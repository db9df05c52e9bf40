/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot while clients write: no request is under way, the current layer is closed (flushed, its log empty) while its file and
 * the lock on it are kept, the snapshot is made as always, and the new layer is opened for whoever asks next. Killed at any moment,
 * the store is as before or as after, and what was flushed is in it.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/host/lock.h"
#include "cli/disk/kin.h"
#include "cli/layer/live.h"
#include "core/base/str.h"

/* --- a store with a file that is open already ------------------------------------------------------------ */

static bool is_held(const struct live_store *s, const char *name)
{
	struct stat st;

	return s->held && fstatat(s->ls.dir.fd, name, &st, 0) == 0 && st.st_ino == s->held->dev.file_ino &&
	       st.st_dev == s->held->dev.file_dev;
}

static struct disk_file *open_file(struct store_dir *d, const char *name, bool writable, struct fault *fault)
{
	struct live_store *s = (struct live_store *)d;

	return is_held(s, name) ? s->held : s->under->open(d, name, writable, fault);
}

static void close_file(struct store_dir *d, struct disk_file *f, struct fault *fault)
{
	struct live_store *s = (struct live_store *)d;

	if (!f || f != s->held)
		s->under->close(d, f, fault);
}

static void cover(struct live_store *s)
{
	s->under = s->ls.dir.ops;
	s->ops = *s->under;
	s->ops.open = open_file;
	s->ops.close = close_file;
	s->ls.dir.ops = &s->ops;
}

/* --- one layer ------------------------------------------------------------------------------------------ */

static const char *layer_name(const struct disk_served *s, unsigned height)
{
	const struct live_layer *l = s->ctx;

	return l->name[s->chain->depth - 1 - height];
}

static void note_names(struct live_layer *l, const struct pod_store *s, const struct pod_stored *e)
{
	l->id = e->id;
	l->name = cli_xzalloc(l->d.chain.depth * sizeof *l->name);
	for (unsigned i = 0; e && i < l->d.chain.depth; i++, e = pod_store_find(s, e->parent))
		pod_strlcpy(l->name[i], e->name, sizeof l->name[i]);
}

/* `e`: of that index. */
static int open_layer(struct live *lv, struct live_layer *l, const struct pod_store *index, const struct pod_stored *e,
		      bool writable, struct fault *fault)
{
	int rc = writable ? layer_store_edit_disk(&lv->files.ls, e, &l->d, fault)
			  : layer_store_open_disk(&lv->files.ls, e, &l->d, fault);

	if (rc == CLI_OK)
		note_names(l, index, e);
	return rc;
}

static void serve_layer(struct live *lv, struct live_layer *l, bool writable)
{
	disk_served_begin(&l->served, &l->d.chain, writable, lv->arg);
	l->served.name = layer_name;
	l->served.ctx = l;
	l->served.ex.description = "isopod layer";
	l->served.ex.zero_is_fast = true;
}

static int close_layer(struct live *lv, struct live_layer *l, struct fault *fault)
{
	int rc = layer_store_close_disk(&lv->files.ls, &l->d, fault);

	disk_served_end(&l->served);
	free(l->name);
	return rc;
}

/* --- the store ------------------------------------------------------------------------------------------ */

static char *store_name(const struct store_dir *d)
{
	char *real = d->fd >= 0 ? realpath(d->path, NULL) : NULL;
	const char *path = real ? real : d->path, *slash = strrchr(path, '/');
	char *name = cli_xstrdup(slash ? slash + 1 : path);

	free(real);
	return name;
}

static int open_current(struct live *lv, const struct pod_store *index, struct fault *fault)
{
	const struct pod_stored *e = pod_store_find(index, index->current);

	return e ? open_layer(lv, &lv->current, index, e, lv->writable, fault) : layer_store_no_current(&lv->files.ls, fault);
}

/* In a folder the store is locked only while something is done to it, so that other commands can look at it; on a stick that is
 * not mounted whoever writes has it alone. */
/* Images that are no layers may be based on the current one. */
static int nobody_outside(struct layer_store *ls, struct fault *fault)
{
	const struct pod_stored *cur = pod_store_find(&ls->s, ls->s.current);
	char *file = cur ? layer_store_file(ls, cur, NULL) : NULL, *path = file ? store_dir_name(&ls->dir, file) : NULL, *names;
	struct disk_kin k = {0};
	int rc = CLI_OK;

	if (path)
		disk_kin_find(&k, path);
	if (k.count || k.others) {
		names = disk_kin_names(&k);
		rc = fault_set(fault,
			       _("%s: %s is based on the current layer, and could not be read any more if that changed; "
				 "'isopod layer snapshot' without a name keeps that as it is"),
			       ls->dir.shown, names);
		free(names);
	}
	disk_kin_free(&k);
	free(path);
	free(file);
	return rc;
}

static int open_store(struct live *lv, struct fault *fault)
{
	struct layer_store *lock;
	int rc = layer_store_open(&lv->files.ls, lv->arg, false, fault);

	if (rc != CLI_OK)
		return rc;
	if (!lv->writable || lv->files.ls.dir.fd < 0) {
		if (lv->writable && (rc = layer_store_close(&lv->files.ls, fault)) == CLI_OK)
			rc = layer_store_open(&lv->files.ls, lv->arg, true, fault);
		if (rc == CLI_OK)
			rc = open_current(lv, &lv->files.ls.s, fault);
		return rc;
	}
	lock = cli_xzalloc(sizeof *lock);
	rc = layer_store_open(lock, lv->arg, true, fault);
	if (rc == CLI_OK)
		rc = nobody_outside(lock, fault);
	if (rc == CLI_OK)
		rc = open_current(lv, &lock->s, fault);
	if (layer_store_close(lock, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(lock);
	return rc;
}

int live_open(struct live *lv, const char *arg, bool writable, struct fault *fault)
{
	int rc;

	memset(lv, 0, sizeof *lv);
	lv->arg = arg;
	lv->writable = writable;
	rc = open_store(lv, fault);
	if (rc != CLI_OK) {
		layer_store_close(&lv->files.ls, fault);
		return rc;
	}
	cover(&lv->files);
	lv->name = store_name(&lv->files.ls.dir);
	pthread_mutex_init(&lv->lock, NULL);
	serve_layer(lv, &lv->current, writable);
	return CLI_OK;
}

int live_close(struct live *lv, struct fault *fault)
{
	int rc = close_layer(lv, &lv->current, fault);

	pthread_mutex_destroy(&lv->lock);
	if (layer_store_close(&lv->files.ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(lv->name);
	return rc;
}

/* --- exports -------------------------------------------------------------------------------------------- */

/* The index as it is now; in `lock`. Who has the store locked knows it already. */
static bool load(struct live *lv, struct layer_store *now, struct fault *fault)
{
	return lv->files.ls.dir.writable || layer_store_load(now, lv->arg, false, fault) == CLI_OK;
}

static struct pod_store *index_of(struct live *lv, struct layer_store *now)
{
	return lv->files.ls.dir.writable ? &lv->files.ls.s : &now->s;
}

/* `cb` may have to wait for a client, so nobody else does meanwhile. */
void live_list(struct live *lv, bool (*cb)(void *arg, const char *name), void *arg)
{
	struct layer_store *now = cli_xzalloc(sizeof *now);
	struct fault fault = {0};
	uint32_t current;
	bool more;

	pthread_mutex_lock(&lv->lock);
	more = load(lv, now, &fault);
	current = lv->current.id;
	pthread_mutex_unlock(&lv->lock);
	fault_print(&fault);
	fault_free(&fault);
	more = cb(arg, lv->name) && more;
	for (size_t i = 0; more && i < index_of(lv, now)->count; i++) {
		const struct pod_stored *e = &index_of(lv, now)->layer[i];

		if (!(lv->writable && e->id == current) && strcmp(e->name, lv->name) != 0)
			more = cb(arg, e->name);
	}
	layer_store_close(now, NULL);
	free(now);
}

/* In `lock`. */
static struct live_layer *use_layer(struct live *lv, const struct pod_store *index, const struct pod_stored *e,
				    struct fault *fault)
{
	struct live_layer *l = lv->others;

	while (l && l->id != e->id)
		l = l->next;
	if (l) {
		l->users++;
		return l;
	}
	l = cli_xzalloc(sizeof *l);
	if (open_layer(lv, l, index, e, false, fault) != CLI_OK) {
		free(l);
		return NULL;
	}
	serve_layer(lv, l, false);
	l->served.ex.name = l->name[0];
	l->users = 1;
	l->next = lv->others;
	lv->others = l;
	return l;
}

const struct cli_nbd_export *live_use(struct live *lv, const char *name)
{
	struct layer_store *now;
	struct live_layer *l = NULL;
	struct fault fault = {0};

	if (!*name || strcmp(name, lv->name) == 0)
		return &lv->current.served.ex;
	now = cli_xzalloc(sizeof *now);
	pthread_mutex_lock(&lv->lock);
	if (load(lv, now, &fault)) {
		const struct pod_stored *e = pod_store_named(index_of(lv, now), name);

		if (e && !(lv->writable && e->id == lv->current.id))
			l = use_layer(lv, index_of(lv, now), e, &fault);
	}
	layer_store_close(now, &fault);
	pthread_mutex_unlock(&lv->lock);
	fault_print(&fault);
	fault_free(&fault);
	free(now);
	return l ? &l->served.ex : NULL;
}

void live_leave(struct live *lv, const struct cli_nbd_export *ex)
{
	struct live_layer **p = &lv->others, *l;
	struct fault fault = {0};

	if (ex == &lv->current.served.ex)
		return;
	pthread_mutex_lock(&lv->lock);
	while (&(*p)->served.ex != ex)
		p = &(*p)->next;
	l = *p;
	if (--l->users == 0) {
		*p = l->next;
		close_layer(lv, l, &fault);
		free(l);
	}
	pthread_mutex_unlock(&lv->lock);
	fault_free(&fault);
}

/* --- snapshots ------------------------------------------------------------------------------------------ */

/* The chain is closed, its file is not. What is current now is opened: the new layer, or the file again as it was. */
static int reopen(struct live *lv, struct disk_file *top, const struct pod_store *index, struct fault *fault)
{
	const struct pod_stored *e = pod_store_find(index, index->current);
	bool same = e && e->id == lv->current.id;
	int rc;

	free(lv->current.name);
	lv->current.name = NULL;
	if (same)
		lv->files.held = top;
	else
		cli_lock_share(top->dev.fd); /* its new child is opened before we let go of it */
	rc = e ? open_layer(lv, &lv->current, index, e, true, fault) : layer_store_no_current(&lv->files.ls, fault);
	lv->files.held = NULL;
	if (!same || rc != CLI_OK)
		lv->files.ls.dir.ops->close(&lv->files.ls.dir, top, fault);
	return rc;
}

/* Which layer that is says the index on disk, whatever came of the snapshot: a flush that failed may have changed it. */
static int go_on(struct live *lv, struct disk_file *top, struct fault *fault)
{
	struct layer_store *now = cli_xzalloc(sizeof *now);
	int rc = layer_store_load(now, lv->arg, false, fault);

	if (rc == CLI_OK)
		rc = reopen(lv, top, &now->s, fault);
	else
		lv->files.ls.dir.ops->close(&lv->files.ls.dir, top, fault);
	layer_store_close(now, fault);
	free(now);
	return rc;
}

/* No request is under way. What cannot be flushed now may be later: then nothing is closed, and nothing lost. */
static int take(struct live *lv, struct live_store *w, const char *name, bool *lost, struct fault *fault)
{
	struct pod_chain *c = &lv->current.d.chain;
	struct disk_file *top = (struct disk_file *)c->member[0]->file;
	enum pod_status st = pod_dev_flush(&c->dev);
	int rc = CLI_FAILED;

	if (st == POD_OK) {
		st = pod_chain_close(c);
		w->held = top;
		if (st == POD_OK)
			rc = layer_store_snapshot(&w->ls, name, fault);
		w->held = NULL;
		*lost = go_on(lv, top, fault) != CLI_OK;
	}
	if (st != POD_OK)
		rc = fault_status(fault, lv->arg, _("cannot finish writing"), st, NULL);
	return *lost ? CLI_FAILED : rc;
}

static int take_in(struct live *lv, struct live_store *w, const char *name, bool *lost, struct fault *fault)
{
	struct disk_served *s = &lv->current.served;
	int rc;

	if (memcmp(w->ls.s.id, lv->files.ls.s.id, sizeof w->ls.s.id) != 0 || w->ls.s.current != lv->current.id)
		return fault_set(fault, _("%s: is not the store any more that is served; end the server and start it again"),
				 lv->arg);
	pthread_rwlock_wrlock(&s->gate);
	pthread_mutex_lock(&s->lock);
	rc = s->chain->depth ? take(lv, w, name, lost, fault) : CLI_FAILED;
	pthread_mutex_unlock(&s->lock);
	pthread_rwlock_unlock(&s->gate);
	return rc;
}

int live_snapshot(struct live *lv, const char *name, bool *lost, struct fault *fault)
{
	struct live_store *w = cli_xzalloc(sizeof *w);
	int rc;

	*lost = false;
	pthread_mutex_lock(&lv->lock);
	rc = layer_store_open(&w->ls, lv->arg, true, fault);
	if (rc == CLI_OK) {
		cover(w);
		rc = take_in(lv, w, name, lost, fault);
	}
	if (layer_store_close(&w->ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	pthread_mutex_unlock(&lv->lock);
	free(w);
	return rc;
}
