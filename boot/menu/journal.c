/* SPDX-License-Identifier: BSD-2-Clause */
/* What the menu tells the flight recorder (core/trace/recorder.h). Nothing here can stop a start. */
#include "boot/menu/pages.h"
#include "core/base/hash.h"

void record_open(struct menu *m)
{
	struct pod_fw *fw = m->fw;
	struct pod_recorder *r = &m->recorder;
	if (!m->stick.has_state || m->conf->recorder_off)
		return;
	enum pod_status st = pod_recorder_open(r, &m->stick.state.dev, m->alloc);
	story_load(m, r->previous);
	story_note(m);
	if (st == POD_OK) {
		struct pod_rec_machine *mc = pod_zalloc(m->alloc, 1, sizeof *mc);
		if (!mc) {
			r->state = NULL;
			return;
		}
		mc->firmware = fw->firmware_bit;
		mc->memory_bytes = fw->memory_bytes;
		mc->stick_bytes = fw->disk->size_bytes;
		mc->stick_sector_size = fw->disk->sector_size;
		pod_strlcpy(mc->version, menu_version, sizeof mc->version);
		if (fw->describe)
			fw->describe(fw, mc);
		pod_recorder_machine(r, mc);
		pod_free(m->alloc, mc);
	}
	if (r->status != POD_OK) {
		if (!m->note[0])
			pod_snprintf(m->note, sizeof m->note,
				     T("The stick cannot be written (%s): it will not be known where this start ends."),
				     menu_status(m, r->status));
		return;
	}
	fw->recorder = r;
	fw->state_start_bytes = m->stick.state_start;
	record_stage(m, POD_STAGE_STARTED, 0);
}

void record_stage(struct menu *m, enum pod_stage stage, uint32_t arg)
{
	if (m->recorder.state && !pod_recorder_has(&m->recorder, stage))
		pod_recorder_stage(&m->recorder, stage, pod_fw_ms(m->fw), arg);
}

/* CRC-32 of the first volume descriptor as it lies on the stick, so that the host can tell whether the file has changed since. */
static uint32_t descriptor_crc(struct menu *m, const struct menu_image *im)
{
	enum { AT = 32768, LEN = 2048 };
	uint32_t crc = 0;
	uint8_t *b = im->node.size_bytes >= AT + LEN ? pod_zalloc(m->alloc, 1, LEN) : NULL;
	if (b && pod_fs_read(&m->stick.data, &im->node, AT, b, LEN) == POD_OK)
		crc = pod_crc32(0, b, LEN);
	pod_free(m->alloc, b);
	return crc;
}

/* Whichever WIM of a CD is chosen in its own menu: one of them reports. */
static bool has_helper(const struct pod_plan *p)
{
	for (size_t i = 0; i < p->wim_count; i++)
		if (p->wim[i].served_length)
			return true;
	return p->windows.replaced[0];
}

static void add_plan(struct menu *m, struct pod_rec_image *r, const struct pod_plan *p, size_t extents)
{
	r->volume_bytes = p->image.volume_bytes;
	r->disk_bytes = p->map.size_bytes;
	r->memory_bytes = (uint64_t)p->map.mem_len + (uint64_t)p->map.count * sizeof(struct pod_seg);
	if (p->image.kind == POD_IMAGE_EFI)
		r->memory_bytes += p->map.size_bytes; /* it is loaded whole */
	r->kind = (uint8_t)p->image.kind;
	r->entry = (int16_t)plan_entry(m, p);
	r->initrds = (uint16_t)pod_min_u64(p->initrd_count, UINT16_MAX);
	r->overlays = (uint16_t)pod_min_u64(p->overlay_count, UINT16_MAX);
	r->extents = (uint32_t)extents;
	if (p->image.truncated)
		r->flags |= POD_REC_I_TRUNCATED;
	if (extents > 1)
		r->flags |= POD_REC_I_FRAGMENTED;
	if (p->initrd_count || p->lone.length_bytes)
		r->flags |= POD_REC_I_HANDOVER;
	if (has_helper(p))
		r->flags |= POD_REC_I_HELPER;
	pod_strlcpy(r->label, p->image.label, sizeof r->label);
}

static void write_image(struct menu *m, size_t image, const struct pod_plan *plan, size_t extents)
{
	const struct menu_image *im = &m->stick.image[image];
	struct pod_rec_image *r = pod_zalloc(m->alloc, 1, sizeof *r);
	if (!r)
		return;
	scan_image_path(&m->stick, image, m->path, sizeof m->path);
	r->size_bytes = im->node.size_bytes;
	r->mtime = im->node.mtime;
	r->kind = (uint8_t)pod_image_kind_of_name(im->name);
	r->path_len = (uint32_t)pod_strlcpy(r->path, m->path, sizeof r->path);
	if (m->stick.shim_missing)
		r->flags |= POD_REC_I_SHIM_MISSING;
	if (plan) {
		r->descriptor_crc = descriptor_crc(m, im);
		add_plan(m, r, plan, extents);
	}
	pod_recorder_image(&m->recorder, r);
	pod_free(m->alloc, r);
}

void record_chosen(struct menu *m, size_t image, enum start_choice by)
{
	struct pod_recorder *r = &m->recorder;
	if (!r->state)
		return;
	if (pod_recorder_has(r, POD_STAGE_CHOSEN))
		pod_recorder_again(r, m->alloc);
	m->stick.shim_missing = NULL;
	pod_recorder_arguments(r, m->arguments);
	record_stage(m, POD_STAGE_CHOSEN, (uint32_t)by);
	if (r->state)
		write_image(m, image, NULL, 0);
}

void record_planned(struct menu *m, size_t image, const struct pod_plan *plan, size_t extents, enum pod_status st)
{
	if (!m->recorder.state)
		return;
	record_stage(m, POD_STAGE_PLANNED, (uint32_t)st);
	if (plan || m->stick.shim_missing)
		write_image(m, image, plan, extents);
}

void record_message(struct menu *m, enum pod_status st, const char *text)
{
	struct pod_recorder *r = &m->recorder;
	if (!r->state)
		return;
	pod_recorder_message(r, st, text);
	/* a loader that came back has told its own stage */
	if (!pod_recorder_has(r, POD_STAGE_LOADER_RETURNED))
		record_stage(m, POD_STAGE_START_FAILED, (uint32_t)st);
}
