/* SPDX-License-Identifier: BSD-2-Clause */
/* A new layer: an empty child of another one. */
#include <stdlib.h>
#include <string.h>
#include "cli/host/identity.h"
#include "cli/layer/tree.h"

/* Headers, regions, log, metadata, and its table of blocks. */
uint64_t layer_store_child_bytes(uint64_t disk_size)
{
	return (8u << 20) + disk_size / (1u << 17);
}

uint32_t layer_store_new_id(const struct layer_store *ls)
{
	uint32_t id;

	do
		id = cli_identity_u32(NULL);
	while (pod_store_knows(&ls->s, id));
	return id;
}

void layer_store_number(struct layer_store *ls, char name[POD_STORE_NAME_MAX])
{
	do
		snprintf(name, POD_STORE_NAME_MAX, "layer-%u", ++ls->s.serial);
	while (pod_store_named(&ls->s, name));
}

/* Reading gives zeros for what was never written; written, they have a place. */
static enum pod_status fill_holes(struct pod_dev *dev)
{
	const size_t piece = 1u << 20;
	uint8_t *buf = cli_xmalloc(piece);
	enum pod_status st = POD_OK;

	for (uint64_t off = 0; st == POD_OK && off < dev->size_bytes; off += piece) {
		size_t n = (size_t)pod_min_u64(piece, dev->size_bytes - off);

		st = pod_dev_read(dev, off, buf, n);
		if (st == POD_OK)
			st = pod_dev_write(dev, off, buf, n);
	}
	free(buf);
	return st;
}

int layer_store_make_child(struct layer_store *ls, const struct pod_stored *parent, struct pod_stored *e, struct fault *fault)
{
	char *parent_file = layer_store_file(ls, parent, fault),
	     *relative = parent_file ? cli_xasprintf(".\\%s", parent_file) : NULL;
	struct pod_parent_spec spec = {.path = {relative}};
	struct pod_vhdx_create c = {.size_bytes = parent->size_bytes, .parent = &spec};
	struct pod_member_options opt = {.env = &disk_env, .cache_pages = 4};
	struct pod_member *l = cli_xzalloc(sizeof *l);
	struct pod_diag diag = {0};
	struct disk_file *f = NULL, *p = parent_file ? ls->dir.ops->open(&ls->dir, parent_file, false, fault) : NULL;
	enum pod_status st, closed;
	int rc = CLI_FAILED;

	if (p && layer_store_room(ls, layer_store_child_bytes(parent->size_bytes), fault))
		f = ls->dir.ops->create(&ls->dir, e->file, layer_store_child_bytes(parent->size_bytes), fault);
	if (f) {
		st = pod_member_open(l, &p->vf, &cli_alloc, &opt, &diag);
		if (st == POD_OK) {
			pod_member_describe(l, &spec);
			if (e->flags & POD_STORED_SPARE) {
				spec = (struct pod_parent_spec){.path = {POD_STORE_SPARE_PATH}};
				memcpy(spec.linkage, pod_store_spare_linkage, 16);
			}
			c.logical_sector_size = l->sector_size;
			c.size_bytes = e->size_bytes ? e->size_bytes : l->size_bytes;
		}
		closed = pod_member_close(l);
		st = st == POD_OK ? closed : st;
		if (st == POD_OK)
			st = pod_vhdx_format(&f->vf, &cli_alloc, &c, &disk_env, &diag);
		if (st == POD_OK && e->flags & POD_STORED_SPARE)
			st = fill_holes(f->vf.dev);
		if (st == POD_OK)
			st = pod_member_open(l, &f->vf, &cli_alloc, &opt, &diag);
		if (st == POD_OK) {
			memcpy(e->data_guid, l->u.vhdx.data_write_guid, 16);
			e->size_bytes = l->size_bytes;
			e->file_bytes = f->vf.dev->size_bytes;
			st = pod_member_close(l);
		}
		if (st != POD_OK)
			disk_fail(f->dev.path, _("cannot make the image"), st, &diag, NULL, fault);
		else if (ls->dir.ops->finish(&ls->dir, f, fault))
			rc = CLI_OK;
	}
	ls->dir.ops->close(&ls->dir, f, fault);
	ls->dir.ops->close(&ls->dir, p, fault);
	free(l);
	free(relative);
	free(parent_file);
	return rc;
}

bool layer_store_depth_ok(struct layer_store *ls, unsigned depth, struct fault *fault)
{
	if (depth <= POD_CHAIN_DEPTH_MAX)
		return true;
	fault_set(fault,
		  _("%s: limit reached: at most %u layers can be based on each other; commit or flatten one of them first"),
		  ls->dir.shown, POD_CHAIN_DEPTH_MAX);
	return false;
}

int layer_store_child(struct layer_store *ls, uint32_t parent, uint32_t flags, uint32_t *id, struct fault *fault)
{
	struct pod_stored e = {
		.id = layer_store_new_id(ls), .parent = parent, .flags = flags, .created = cli_identity_time(NULL)};
	const struct pod_stored *p = pod_store_find(&ls->s, parent);
	enum pod_status st;
	int rc;

	if (!layer_store_depth_ok(ls, pod_store_depth(&ls->s, parent) + 1, fault))
		return CLI_FAILED;
	layer_store_number(ls, e.name);
	pod_store_file_name(e.file, e.name, e.id);
	rc = layer_store_make_child(ls, p, &e, fault);
	if (rc != CLI_OK)
		return rc;
	st = pod_store_add(&ls->s, &e);
	if (st == POD_E_LIMIT)
		rc = fault_set(fault, _("%s: limit reached: no more layers fit into the index; delete some first"),
			       ls->dir.shown);
	else if (st != POD_OK)
		rc = fault_status(fault, ls->dir.shown, _("cannot add a layer"), st, NULL);
	if (rc != CLI_OK)
		layer_store_leave_file(ls, e.file, fault);
	*id = e.id;
	return rc;
}
