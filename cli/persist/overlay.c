/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making an overlay of a disk image (core/plan/cow.h): only its head, that of the store in it, and the store's areas have to be written, one
 * chunk in each MiB. What lies on the stick between them is never read.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/persist/persist.h"
#include "core/base/bytes.h"

enum { EACH = POD_COW_AREA * POD_COW_CHUNK };

uint64_t persist_overlay_most(uint64_t disk_bytes)
{
	uint64_t chunks = (disk_bytes + POD_COW_CHUNK - 1) / POD_COW_CHUNK;

	/* a place for each chunk, their areas, and one more that the kernel clears ahead */
	return POD_COW_STORE + (chunks + chunks / (POD_COW_AREA - 1) + 4) * POD_COW_CHUNK;
}

static enum pod_status write_all(struct pod_dev *to, uint64_t start, const struct pod_cow *c)
{
	uint8_t *chunk = cli_xzalloc(POD_COW_CHUNK), *head = cli_xzalloc(POD_COW_HEAD), *store = cli_xzalloc(POD_COW_CHUNK);
	enum pod_status st = POD_OK;

	pod_cow_make(c, head, store);
	for (uint64_t at = POD_COW_CHUNK; at < c->store_bytes && st == POD_OK; at += EACH)
		st = cli_interrupted ? POD_E_CANCELLED : pod_dev_write(to, start + POD_COW_STORE + at, chunk, POD_COW_CHUNK);
	if (st == POD_OK)
		st = pod_dev_write(to, start + POD_COW_STORE, store, POD_COW_CHUNK);
	if (st == POD_OK)
		st = pod_dev_write(to, start, head, POD_COW_HEAD);
	free(store);
	free(head);
	free(chunk);
	return st;
}

bool persist_overlay_write(struct cli_volume *v, const char *path, const struct pod_exfat_new *n, const struct persist_type *type,
			   struct fault *fault)
{
	struct pod_cow c = {.disk_bytes = type->disk_bytes,
			    .store_bytes = (n->size_bytes - POD_COW_STORE) / POD_COW_CHUNK * POD_COW_CHUNK};
	enum pod_status st;

	memcpy(c.id, type->disk_id, sizeof c.id);
	st = write_all(&v->t->data_win.dev, n->extent[0].dev_bytes, &c);
	if (st == POD_E_CANCELLED)
		fault_set(fault, _("%s:%s: not created: %s"), v->t->file.path, path, _("interrupted"));
	else if (st != POD_OK)
		cli_volume_fail(v, path, _("cannot write"), st, NULL, fault);
	return st == POD_OK;
}
