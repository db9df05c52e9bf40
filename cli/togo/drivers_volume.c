/* SPDX-License-Identifier: BSD-2-Clause */
/* Drivers onto Windows' volume in the current layer of a store. */
#include <stdlib.h>
#include <string.h>
#include "cli/togo/drivers.h"
#include "cli/togo/volume.h"
#include "core/disk/parttab.h"

#ifdef ISOPOD_WITH_NTFS

#define SECONDS_MAX 3600u

struct errand {
	struct pod_chain *chain;
	struct pod_window volume;
	const struct drivers_place *place;
	const struct drivers_set *set;
};

static enum pod_status put_all(struct togo_volume *v, const struct errand *e)
{
	for (unsigned i = 0; i < e->set->files.n; i++) {
		const struct togo_file *f = &e->set->files.v[i];
		char *path = cli_xasprintf("%s/%s", e->place->folder[0], f->path);
		enum pod_status st = togo_volume_write(v, path, f->data, f->len);

		free(path);
		POD_TRY(st);
	}
	return POD_OK;
}

/* POD_E_EXISTS: there is another one. */
static enum pod_status put_script(struct togo_volume *v, const struct drivers_place *p)
{
	uint8_t *old = NULL;
	size_t len = 0, ours = strlen(p->script_text);
	enum pod_status st = togo_volume_read(v, p->script, DRIVERS_LIST_MAX, &old, &len);

	if (st == POD_E_NOT_FOUND)
		return togo_volume_write(v, p->script, p->script_text, ours);
	if (st == POD_OK)
		st = len == ours && memcmp(old, p->script_text, len) == 0 ? POD_OK : POD_E_EXISTS;
	free(old);
	return st == POD_E_LIMIT ? POD_E_EXISTS : st;
}

static char *read_list(struct togo_volume *v, const char *path)
{
	uint8_t *data = NULL;
	size_t len = 0;

	if (togo_volume_read(v, path, DRIVERS_LIST_MAX, &data, &len) != POD_OK)
		return cli_xstrdup("");
	data[len] = '\0'; /* there is room for it */
	return (char *)data;
}

static void work(struct sandbox_child *c, void *ctx)
{
	struct errand *e = ctx;
	char *path = cli_xasprintf("%s/" DRIVERS_LIST, e->place->folder[0]), *list = NULL;
	enum pod_status st = POD_E_CORRUPT, closed;
	struct togo_volume *v;

	togo_volume_hook(&e->volume.dev);
	v = togo_volume_open();
	if (v) {
		list = drivers_list_merge(read_list(v, path), e->set ? e->set->list : "");
		st = e->set ? put_script(v, e->place) : POD_OK;
		if (st == POD_OK && e->set)
			st = put_all(v, e);
		if (st == POD_OK && e->set)
			st = togo_volume_write(v, path, list, strlen(list));
		if (!togo_volume_close(v) && st == POD_OK)
			st = POD_E_IO;
		closed = pod_chain_close(e->chain);
		st = st == POD_OK ? closed : st;
	}
	if (st == POD_OK)
		sandbox_send(c, DRIVERS_FOUND, list, strlen(list));
	else if (st == POD_E_EXISTS)
		sandbox_send(c, DRIVERS_TAKEN, "", 0);
	else
		sandbox_send(c, DRIVERS_STATUS, &(uint8_t){(uint8_t)st}, 1);
}

/* The largest NTFS partition. */
static bool find_volume(struct pod_chain *chain, struct pod_window *out)
{
	struct pod_parttab *t = cli_xzalloc(sizeof *t);
	uint64_t best = 0;

	if (pod_parttab_read(&chain->dev, &cli_alloc, t, NULL) != POD_OK)
		t->count = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		uint8_t boot[16];

		if (t->part[i].length_bytes <= best ||
		    pod_dev_read(&chain->dev, t->part[i].start_bytes, boot, sizeof boot) != POD_OK ||
		    memcmp(boot + 3, "NTFS    ", 8) != 0)
			continue;
		if (pod_window_init(out, &chain->dev, t->part[i].start_bytes, t->part[i].length_bytes) == POD_OK)
			best = t->part[i].length_bytes;
	}
	free(t);
	return best != 0;
}

/* The child writes, with its copy of the open disk; ours has written nothing, and is closed without a change. */
static int change(struct layer_store *ls, struct disk *d, const struct drivers_place *p, const struct drivers_set *set,
		  char **list, struct fault *fault)
{
	struct errand e = {.chain = &d->chain, .place = p, .set = set};
	struct sandbox s = {.who = "libntfs-3g", .seconds = SECONDS_MAX, .work = work, .ctx = &e};
	const struct disk_file *top = (const struct disk_file *)d->chain.member[0]->file;

	if (!find_volume(&d->chain, &e.volume))
		return fault_set(fault, _("%s: no NTFS partition on its disk"), ls->dir.shown);
	e.volume.dev.read_only = !set;
	s.input[0] = top->dev.fd;
	s.inputs = 1;
	return drivers_run(&s, ls->dir.shown, list, fault);
}

int drivers_store(const char *store, const struct drivers_place *p, const struct drivers_set *set, char **list,
		  struct fault *fault)
{
	struct layer_store *ls = cli_xzalloc(sizeof *ls);
	const char *missing = togo_volume_missing();
	struct disk *d = cli_xzalloc(sizeof *d);
	struct pod_stored *e;
	int rc = CLI_FAILED;

	*list = NULL;
	if (missing)
		fault_set(fault, "%s: %s", store, missing);
	else
		rc = layer_store_open(ls, store, set != NULL, fault);
	if (rc == CLI_OK) {
		e = layer_store_current(ls, fault);
		if (!e)
			rc = CLI_FAILED;
		else if (set && ls->dir.target)
			rc = fault_set(fault, _("%s: a store on a stick cannot be changed this way; mount the stick"), store);
		else if (set && ls->s.locked)
			rc = fault_set(fault, _("%s: is locked, so that what is added would be discarded; unlock it first"),
				       store);
		else
			rc = set ? layer_store_edit_disk(ls, e, d, fault) : layer_store_open_disk(ls, e, d, fault);
		if (rc == CLI_OK) {
			rc = change(ls, d, p, set, list, fault);
			if (layer_store_close_disk(ls, d, fault) != CLI_OK)
				rc = CLI_FAILED;
		}
	}
	if (layer_store_close(ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(d);
	free(ls);
	return rc;
}

#else

int drivers_store(const char *store, const struct drivers_place *p, const struct drivers_set *set, char **list,
		  struct fault *fault)
{
	(void)p;
	(void)set;
	*list = NULL;
	return fault_set(fault, "%s: %s", store, togo_volume_missing());
}
#endif
