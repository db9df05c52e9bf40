/* SPDX-License-Identifier: BSD-2-Clause */
/* Which parent a layer's file names, and giving it another one. */
#include <stdlib.h>
#include <string.h>
#include "cli/layer/tree.h"

void layer_store_undo_name(uint32_t id, char out[POD_STORE_FILE_MAX])
{
	layer_store_aside(id, LAYER_UNDO, out);
}

uint32_t layer_store_named_parent(const struct pod_store *s, const struct pod_member *l)
{
	const char *name = NULL;
	uint32_t id;

	for (unsigned k = 0; k < POD_PARENT_PATHS && !name; k++)
		name = pod_member_parent_path(l, (enum pod_parent_path)k);
	for (const char *p = name; p && *p; p++)
		if (*p == '\\' || *p == '/')
			name = p + 1;
	return name && pod_store_parse_file(name, NULL, &id) && pod_store_find(s, id) ? id : 0;
}

struct disk_file *layer_store_edit_file(struct layer_store *ls, const struct pod_stored *e, struct fault *fault)
{
	char *file = layer_store_file(ls, e, fault);
	struct disk_file *f = NULL;

	if (file) {
		ls->dir.ops->protect(&ls->dir, file, false, fault);
		f = ls->dir.ops->open(&ls->dir, file, true, fault);
	}
	free(file);
	return f;
}

bool layer_store_as_recorded(struct layer_store *ls, const struct pod_stored *e, struct fault *fault)
{
	struct pod_member_options opt = {.env = &disk_env, .cache_pages = 4};
	struct pod_member *l = cli_xzalloc(sizeof *l);
	char *file = layer_store_file(ls, e, fault);
	struct disk_file *f = file ? ls->dir.ops->open(&ls->dir, file, false, fault) : NULL;
	bool same = f && pod_member_open(l, &f->vf, &cli_alloc, &opt, NULL) == POD_OK && l->kind == POD_MEMBER_VHDX &&
		    memcmp(l->u.vhdx.data_write_guid, e->data_guid, 16) == 0;

	if (pod_member_close(l) != POD_OK)
		same = false;
	ls->dir.ops->close(&ls->dir, f, fault);
	free(file);
	free(l);
	return same;
}

int layer_store_relink_children(struct layer_store *ls, uint32_t from, const struct pod_stored *to, struct fault *fault)
{
	char *to_file = layer_store_file(ls, to, fault), *relative = to_file ? cli_xasprintf(".\\%s", to_file) : NULL;
	struct disk_relink how = {.relative = relative, .any_identity = true};
	int rc = to_file ? CLI_OK : CLI_FAILED;

	for (size_t i = 0; rc == CLI_OK && i < ls->s.count; i++) {
		struct pod_stored *e = &ls->s.layer[i];
		struct disk_file *c, *p;
		struct pod_diag diag = {0};
		enum pod_status st = POD_E_IO;

		if (e->parent != from || e->id == to->id)
			continue;
		p = ls->dir.ops->open(&ls->dir, to_file, false, fault);
		c = p ? layer_store_edit_file(ls, e, fault) : NULL;
		if (c) {
			st = disk_relink(c, p, &how, &diag);
			if (st != POD_OK)
				disk_fail(c->dev.path, _("cannot change its parent"), st, &diag, to_file, fault);
			e->file_bytes = c->vf.dev->size_bytes;
			e->flags &= ~(uint32_t)POD_STORED_HASHED;
		}
		ls->dir.ops->close(&ls->dir, c, fault);
		ls->dir.ops->close(&ls->dir, p, fault);
		rc = st == POD_OK ? CLI_OK : CLI_FAILED;
		ls->dir.ops->protect(&ls->dir, e->file, e->id != ls->s.current, fault);
	}
	free(relative);
	free(to_file);
	return rc;
}
