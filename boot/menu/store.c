/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layer stores on the stick (core/layer/index.h): of each, the list shows the current layer alone, and that one can be made empty where
 * it lies (core/vhd/vhdx_empty.c), to go on from the last snapshot or from another one (rollback.c). The boot manager makes no files; to keep
 * the current layer as a snapshot it goes on in a spare one (spare.c).
 */
#include "boot/menu/store.h"
#include "core/fs/ntfs.h"

/* The piece at `off`: where on the disk, UINT64_MAX in a hole, and how much of `len` it holds. */
static uint64_t piece(const struct store_file *f, uint64_t off, size_t *len)
{
	for (size_t i = 0; i < f->extents; i++) {
		const struct pod_extent *e = &f->extent[i];
		uint64_t in = off - e->file_bytes;
		if (off < e->file_bytes || in >= e->length_bytes)
			continue;
		*len = (size_t)pod_min_u64(*len, e->length_bytes - in);
		return e->hole ? UINT64_MAX : f->start_bytes + e->dev_bytes + in;
	}
	return UINT64_MAX;
}

static enum pod_status file_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct store_file *f = d->ctx;
	uint8_t *p = buf;
	while (len) {
		size_t n = len;
		uint64_t at = piece(f, off, &n);
		if (at == UINT64_MAX)
			memset(p, 0, n);
		else
			POD_TRY(pod_dev_read(f->disk, at, p, n));
		off += n, p += n, len -= n;
	}
	return POD_OK;
}

static enum pod_status file_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct store_file *f = d->ctx;
	const uint8_t *p = buf;
	while (len) {
		size_t n = len;
		uint64_t at = piece(f, off, &n);
		if (at == UINT64_MAX) /* nothing can be written there without the filesystem */
			return POD_E_NOSPACE;
		POD_TRY(pod_dev_write(f->disk, at, p, n));
		off += n, p += n, len -= n;
	}
	return POD_OK;
}

static enum pod_status file_flush(struct pod_dev *d)
{
	struct store_file *f = d->ctx;
	return pod_dev_flush(f->disk);
}

enum pod_status store_file_open(struct menu *m, const struct pod_node *node, struct store_file *f)
{
	*f = (struct store_file){.disk = m->fw->disk, .start_bytes = m->stick.data_window.start_bytes};
	f->dev = (struct pod_dev){.size_bytes = node->size_bytes,
				  .sector_size = 512,
				  .read_only = m->fw->disk->read_only || !m->fw->disk->write,
				  .read = file_read,
				  .write = file_write,
				  .flush = file_flush,
				  .ctx = f};
	f->dev.budget = m->fw->disk->budget;
	f->vf = (struct pod_vfile){.dev = &f->dev, .id = {node->entry_bytes, 1}};
	return pod_fs_extents(&m->stick.data, node, m->alloc, &f->extent, &f->extents);
}

enum pod_status store_index_open(struct menu *m, const struct menu_store *t, const char *name, struct store_index *i, char *text,
				 size_t size)
{
	i->file.extent = NULL;
	pod_store_init(&i->store, m->alloc);
	POD_TRY(store_writable(m, name, text, size));
	POD_TRY(store_file_open(m, &t->index, &i->file));
	return pod_store_load(&i->store, &i->file.dev, &i->slot, NULL);
}

void store_index_close(struct menu *m, struct store_index *i)
{
	pod_free(m->alloc, i->file.extent);
	pod_store_fini(&i->store);
}

enum pod_status store_load(struct menu *m, const struct menu_store *t, struct pod_store *s)
{
	struct store_file f;
	unsigned slot;
	pod_store_init(s, m->alloc);
	POD_TRY(store_file_open(m, &t->index, &f));
	enum pod_status st = pod_store_load(s, &f.dev, &slot, NULL);
	pod_free(m->alloc, f.extent);
	return st;
}

const struct menu_image *store_layer(const struct menu *m, const struct menu_store *t, uint32_t id)
{
	const struct menu_stick *st = &m->stick;
	uint32_t of;
	for (size_t i = 0; i < st->image_count; i++)
		if (st->image[i].folder == t->folder && pod_store_parse_file(st->image[i].name, NULL, &of) && of == id)
			return &st->image[i];
	return NULL;
}

void store_describe(struct menu_store *t, const struct pod_store *s)
{
	const struct pod_stored *e = pod_store_emptiable(s), *parent = e ? pod_store_find(s, e->parent) : NULL;
	t->anew = pod_store_boots_anew(s);
	t->parent[0] = 0;
	if (!parent)
		return;
	memcpy(t->made, e->data_guid, 16);
	pod_strlcpy(t->parent, parent->name, sizeof t->parent);
}

/* The store's files but the current one leave the list; a store whose current layer is not there stays as it is. */
static void hide_others(struct menu *m, size_t store, const struct pod_store *s)
{
	struct menu_stick *st = &m->stick;
	struct menu_store *t = &st->store[store];
	const struct menu_image *current = store_layer(m, t, s->current);
	uint32_t id;
	t->image = current ? (size_t)(current - st->image) : SIZE_MAX;
	if (!current)
		return;
	for (size_t i = 0; i < st->image_count; i++) {
		if (i == t->image || st->image[i].folder != t->folder || !pod_store_parse_file(st->image[i].name, NULL, &id) ||
		    !pod_store_knows(s, id))
			continue;
		st->image[i].hidden = true;
		st->hidden++;
	}
	store_describe(t, s);
}

void store_mark(struct menu *m)
{
	for (size_t i = 0; i < m->stick.store_count; i++) {
		struct pod_store s;
		if (store_load(m, &m->stick.store[i], &s) == POD_OK)
			hide_others(m, i, &s);
		pod_store_fini(&s);
	}
}

struct menu_store *store_of(struct menu *m, size_t image)
{
	for (size_t i = 0; i < m->stick.store_count; i++)
		if (m->stick.store[i].image == image)
			return &m->stick.store[i];
	return NULL;
}

enum pod_status store_writable(struct menu *m, const char *name, char *text, size_t size)
{
	struct pod_ntfs_state state = {0};
	enum pod_status st = POD_OK;
	if (m->stick.data.ops == &pod_fs_ntfs)
		st = pod_ntfs_state(&m->stick.data, &state);
	if (st == POD_OK && state.log_open) {
		pod_snprintf(
			text, size,
			T("%s: Windows did not eject the stick: its NTFS volume is not in order, so nothing is written to it."),
			name);
		return POD_E_UNSUPPORTED;
	}
	return st;
}

enum pod_status store_empty(struct menu *m, size_t image, char *text, size_t size)
{
	const struct menu_store *t = store_of(m, image);
	const struct menu_image *im = &m->stick.image[image];
	struct store_file f;
	text[0] = 0;
	enum pod_status st = store_writable(m, im->name, text, size);
	if (st == POD_OK)
		st = store_file_open(m, &im->node, &f);
	if (st == POD_OK) {
		st = pod_vhdx_empty(&f.vf, m->alloc, t->made, NULL);
		pod_free(m->alloc, f.extent);
	}
	if (st != POD_OK && !text[0])
		pod_snprintf(text, size, T("%s: what was written since the last snapshot could not be discarded: %s."), im->name,
			     menu_status(m, st));
	return st;
}
