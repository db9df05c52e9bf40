/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens what is on the stick: the partitions, the two filesystems, and the files of the boot manager on the ESP. */
#include "boot/menu/menu.h"
#include "core/disk/partmode.h"
#include "core/trace/state.h"

/* Directory reads are small and scattered: short lines keep the bytes read low (300 folders cost a line or two each). */
#define DATA_LINES     32u
#define DATA_LINE_SIZE 2048u
#define ESP_LINES      16u
#define ESP_LINE_SIZE  2048u
/* A glyph is 32 bytes, its neighbours are seldom wanted. */
#define FONT_LINES     64u
#define FONT_LINE_SIZE 1024u

static bool is_esp(const struct pod_parttab *t, const struct pod_part *p)
{
	if (t->kind == POD_PARTTAB_MBR)
		return p->mbr_type == 0xef;
	return memcmp(p->type_guid, pod_guid_esp, 16) == 0;
}

static uint32_t line_size(const struct menu *m, uint32_t wanted)
{
	return wanted < m->fw->disk->sector_size ? m->fw->disk->sector_size : wanted;
}

static enum pod_status open_volume(struct menu *m, struct pod_window *w, struct pod_cache *c, struct pod_fs *fs, uint64_t start,
				   uint64_t length, uint32_t lines, uint32_t wanted)
{
	static const struct pod_fs_ops *const known[] = {&pod_fs_exfat, &pod_fs_ntfs, &pod_fs_fat};
	POD_TRY(pod_window_init(w, m->fw->disk, start, length));
	POD_TRY(pod_cache_init(c, &w->dev, m->alloc, lines, line_size(m, wanted)));
	enum pod_status st = POD_E_FORMAT;
	for (size_t i = 0; i < POD_ARRAY_LEN(known) && st == POD_E_FORMAT; i++)
		st = pod_fs_open_as(fs, known[i], &c->dev, m->alloc, NULL);
	if (st != POD_OK) {
		pod_cache_fini(c, m->alloc);
		memset(fs, 0, sizeof *fs);
	}
	return st;
}

static void identify(struct menu *m, const struct pod_parttab *t, const struct pod_part *p)
{
	struct pod_stick_id *id = &m->stick.id;
	id->gpt = t->kind == POD_PARTTAB_GPT;
	id->mbr_signature = t->mbr_signature;
	memcpy(id->disk_guid, t->disk_guid, 16);
	id->part_start_bytes = p->start_bytes;
	id->part_length_bytes = p->length_bytes;
	memcpy(id->part_guid, p->part_guid, 16);
	id->part_number = p->number;
	id->volume_serial = m->stick.data.serial;
	id->sector_size = m->fw->disk->sector_size;
}

static void open_data(struct menu *m, const struct pod_parttab *t)
{
	struct menu_stick *s = &m->stick;
	s->data_status = POD_E_NOT_FOUND;
	for (uint32_t i = 0; i < t->count && !s->has_data; i++) {
		const struct pod_part *p = &t->part[i];
		if (is_esp(t, p))
			continue;
		enum pod_status st = open_volume(m, &s->data_window, &s->data_cache, &s->data, p->start_bytes, p->length_bytes,
						 DATA_LINES, DATA_LINE_SIZE);
		if (st == POD_OK) {
			s->has_data = true;
			identify(m, t, p);
		}
		/* the first partition's trouble is the one to tell of */
		if (s->data_status == POD_E_NOT_FOUND || st == POD_OK)
			s->data_status = st;
	}
}

static void open_esp(struct menu *m, const struct pod_parttab *t)
{
	struct menu_stick *s = &m->stick;
	struct pod_node node;
	if (s->has_esp)
		return;
	s->esp_status = POD_E_NOT_FOUND;
	for (uint32_t i = 0; i < t->count && !s->has_esp; i++) {
		const struct pod_part *p = &t->part[i];
		if (!is_esp(t, p))
			continue;
		s->esp_status = open_volume(m, &s->esp_window, &s->esp_cache, &s->esp, p->start_bytes, p->length_bytes, ESP_LINES,
					    ESP_LINE_SIZE);
		if (s->esp_status != POD_OK)
			continue;
		s->esp_status = pod_fs_lookup(&s->esp, "ISOPOD", &node, m->entry);
		s->has_esp = s->esp_status == POD_OK && node.is_dir;
		if (!s->has_esp) {
			pod_fs_close(&s->esp);
			memset(&s->esp, 0, sizeof s->esp);
			pod_cache_fini(&s->esp_cache, m->alloc);
		}
	}
}

/* The data partition, through another device or without what was read before. */
static void open_again(struct menu *m, struct pod_dev *dev, const struct pod_fs_ops *ops)
{
	struct menu_stick *s = &m->stick;
	pod_fs_close(&s->data);
	pod_cache_fini(&s->data_cache, m->alloc);
	memset(&s->data, 0, sizeof s->data);
	s->data_status = pod_cache_init(&s->data_cache, dev, m->alloc, DATA_LINES, line_size(m, DATA_LINE_SIZE));
	if (s->data_status == POD_OK)
		s->data_status = pod_fs_open_as(&s->data, ops, &s->data_cache.dev, m->alloc, NULL);
	s->has_data = s->data_status == POD_OK;
	if (!s->has_data)
		pod_cache_fini(&s->data_cache, m->alloc);
}

/* An interrupted change to an NTFS volume is to be seen as one that has happened: a block that was torn meanwhile would hide its folder. */
static void look_ahead(struct menu *m)
{
	struct menu_stick *s = &m->stick;
	const struct pod_ntfs_volume_id id = {s->data_window.start_bytes, s->data_window.dev.size_bytes, s->data.serial};
	if (!s->has_data || !s->has_esp || s->data.ops != &pod_fs_ntfs ||
	    pod_ntfs_journal_load(&s->journal, &s->esp, m->entry, &s->data_window.dev, &id, m->alloc) != POD_OK)
		return;
	open_again(m, &s->journal.dev, &pod_fs_ntfs);
}

enum pod_status stick_reread(struct menu *m)
{
	struct menu_stick *s = &m->stick;
	open_again(m, &s->data_window.dev, s->data.ops);
	return s->data_status;
}

/* The state file is written by sector, so its data must lie in one run. */
static void find_state(struct menu *m)
{
	struct menu_stick *s = &m->stick;
	struct pod_node node;
	struct pod_extent *e = NULL;
	size_t n = 0;
	if (!s->has_esp || s->has_state || pod_fs_lookup(&s->esp, POD_STATE_FILE, &node, m->entry) != POD_OK || node.is_dir ||
	    node.size_bytes < 2 * POD_STATE_SLOT || pod_fs_extents(&s->esp, &node, m->alloc, &e, &n) != POD_OK)
		return;
	if (n >= 1 && !e[0].hole && e[0].length_bytes >= 2 * POD_STATE_SLOT) {
		struct pod_dev *disk = m->fw->state_disk ? m->fw->state_disk : m->fw->disk;
		s->state_start = s->esp_window.start_bytes + e[0].dev_bytes;
		s->has_state =
			pod_window_init(&s->state, disk, s->state_start,
					pod_min_u64(e[0].length_bytes, pod_min_u64(node.size_bytes, POD_STATE_SIZE))) == POD_OK;
	}
	pod_free(m->alloc, e);
}

static enum pod_status load_partmode(struct menu *m, struct pod_partmode *p)
{
	struct pod_window record;
	if (!m->stick.has_state)
		return m->stick.has_esp ? POD_E_NOT_FOUND : POD_E_IO;
	POD_TRY(pod_window_init(&record, &m->stick.state.dev, POD_STATE_PARTMODE, POD_PARTMODE_RECORD));
	return pod_partmode_load(p, m->fw->disk, &record.dev);
}

enum pod_status stick_end_partmode(struct menu *m)
{
	struct pod_partmode *p = pod_zalloc(m->alloc, 1, sizeof *p);
	enum pod_status st = p ? load_partmode(m, p) : POD_E_NOMEM;
	if (st == POD_OK)
		st = pod_partmode_end(p);
	pod_free(m->alloc, p);
	return st;
}

/* The stick was last started with an image as a partition. Where it cannot be written the table is at least read as it was. */
static void leave_partmode(struct menu *m, struct pod_parttab *t)
{
	struct menu_stick *s = &m->stick;
	struct pod_partmode *p = pod_zalloc(m->alloc, 1, sizeof *p);
	open_esp(m, t);
	find_state(m);
	s->was_partmode = true;
	s->partmode = p ? load_partmode(m, p) : POD_E_NOMEM;
	if (s->partmode == POD_OK) {
		s->partmode = pod_partmode_end(p);
		s->table_status = pod_parttab_read(&p->dev, m->alloc, t, NULL);
	}
	pod_free(m->alloc, p);
}

void stick_open(struct menu *m)
{
	struct menu_stick *s = &m->stick;
	struct pod_parttab *t = pod_zalloc(m->alloc, 1, sizeof *t);
	if (!t) {
		s->table_status = POD_E_NOMEM;
		return;
	}
	s->table_status = pod_parttab_read(m->fw->disk, m->alloc, t, NULL);
	if (s->table_status == POD_OK && pod_partmode_shows(t))
		leave_partmode(m, t);
	if (s->table_status == POD_OK) {
		open_data(m, t);
		open_esp(m, t);
		look_ahead(m);
		find_state(m);
	}
	pod_free(m->alloc, t);
}

void stick_close(struct menu *m)
{
	struct menu_stick *s = &m->stick;
	if (m->font.file) {
		pod_cache_fini(&s->font_cache, m->alloc);
		pod_map_fini(&s->font_map);
	}
	pod_free(m->alloc, m->font.cache);
	if (s->has_data) {
		pod_fs_close(&s->data);
		pod_cache_fini(&s->data_cache, m->alloc);
	}
	if (s->has_esp) {
		pod_fs_close(&s->esp);
		pod_cache_fini(&s->esp_cache, m->alloc);
	}
	pod_ntfs_journal_close(&s->journal);
	for (struct menu_chunk *c = s->names, *next; c; c = next) {
		next = c->next;
		pod_free(m->alloc, c);
	}
	pod_free(m->alloc, s->image);
	pod_free(m->alloc, s->folder);
	pod_free(m->alloc, s->store);
	memset(s, 0, sizeof *s);
}

void stick_font(struct menu *m)
{
	struct menu_stick *s = &m->stick;
	struct pod_node node;
	struct pod_extent *e = NULL;
	size_t n = 0;
	m->font_tried = true;
	if (!s->has_esp || pod_fs_lookup(&s->esp, "ISOPOD/FONT.BIN", &node, m->entry) != POD_OK || node.is_dir ||
	    pod_fs_extents(&s->esp, &node, m->alloc, &e, &n) != POD_OK)
		return;
	pod_map_init(&s->font_map, m->alloc);
	enum pod_status st = POD_OK;
	for (size_t i = 0; i < n && st == POD_OK; i++)
		st = pod_map_append(&s->font_map, e[i].hole ? POD_SEG_ZERO : POD_SEG_DEV,
				    e[i].hole ? 0 : s->esp_window.start_bytes + e[i].dev_bytes, e[i].length_bytes);
	pod_free(m->alloc, e);
	if (st == POD_OK)
		st = pod_map_pad(&s->font_map, FONT_LINE_SIZE);
	pod_mapdev_init(&s->font_dev, &s->font_map, m->fw->disk, m->fw->disk->sector_size);
	if (st == POD_OK)
		st = pod_cache_init(&s->font_cache, &s->font_dev.dev, m->alloc, FONT_LINES, line_size(m, FONT_LINE_SIZE));
	if (st != POD_OK) {
		pod_map_fini(&s->font_map);
		return;
	}
	m->font.cache = pod_zalloc(m->alloc, FONT_CACHE, sizeof *m->font.cache);
	if (menu_font_open(&m->font, &s->font_cache.dev, NULL) != POD_OK) {
		pod_cache_fini(&s->font_cache, m->alloc);
		pod_map_fini(&s->font_map);
	}
}

enum pod_status stick_helper(void *menu, enum pod_machine machine, struct pod_alloc *a, uint8_t **data, size_t *len)
{
	struct menu *m = menu;
	return m->stick.has_esp ? pod_helper_read(&m->stick.esp, machine, m->entry, a, data, len) : POD_E_NOT_FOUND;
}

enum pod_status stick_shim(void *menu, enum pod_machine machine, struct pod_shim *out)
{
	struct menu *m = menu;
	struct menu_stick *s = &m->stick;
	struct pod_node node;
	if ((unsigned)machine >= POD_MACHINE_COUNT)
		return POD_E_INVALID;
	s->shim_missing = pod_shim_path[machine];
	s->shim_status = s->has_esp ? pod_fs_lookup(&s->esp, pod_shim_path[machine], &node, m->entry) : POD_E_NOT_FOUND;
	if (s->shim_status == POD_OK)
		s->shim_status = pod_shim_by_reference(&s->esp, s->esp_window.start_bytes, &node, out);
	if (s->shim_status == POD_OK)
		s->shim_missing = NULL;
	return s->shim_status;
}
