/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at a VHD's structures, and mends the footer that has a sound twin. */
#include "core/vhd/vhd_int.h"

struct check {
	pod_vhd_found *found;
	void *ctx;
	struct pod_vhd_report *out;
};

static void finding(struct check *c, const char *what, uint64_t off, uint64_t block, bool repairable)
{
	c->out->errors++;
	if (c->found)
		c->found(c->ctx, what, off, block, repairable);
}

/* One bit per sector is too much for a large file, so overlaps are found in units of a block: two blocks that share bytes start
 * in the same unit or in neighbouring ones. */
static enum pod_status check_table(struct check *c, struct pod_vhd *v, uint32_t *unit, uint64_t units)
{
	uint64_t blocks = (v->size_bytes + ((1ull << v->block_shift) - 1)) >> v->block_shift;
	uint64_t step = v->bitmap_bytes + (1ull << v->block_shift);
	for (uint64_t b = 0; b < blocks; b++) {
		uint32_t sector;
		POD_TRY(pod_vhd_bat_get(v, b, &sector));
		if (sector == 0xffffffffu)
			continue;
		uint64_t from = (uint64_t)sector << 9, at = v->bat_off + b * 4, u = from >> v->block_shift;
		c->out->blocks_present++;
		c->out->file_used_bytes += step;
		if (!sector || !pod_in_range(from, step, v->file->dev->size_bytes)) {
			finding(c, "BAT entry beyond the end of the file", at, b, false);
			continue;
		}
		bool twice = (from < v->header_off + 1024 && v->header_off < from + step) ||
			     (from < v->bat_off + (uint64_t)v->entries * 4 && v->bat_off < from + step);
		for (uint64_t k = u ? u - 1 : 0; k <= u + 1 && k < units; k++) {
			uint64_t other = (uint64_t)unit[k] << 9;
			twice |= unit[k] && other < from + step && from < other + step;
		}
		if (twice)
			finding(c, "BAT entries overlap", at, b, false);
		unit[u] = sector;
	}
	return POD_OK;
}

static enum pod_status mend_footers(struct check *c, struct pod_vhd *v)
{
	if (!v->footer_ok) {
		uint64_t place;
		POD_TRY(vhd_extend(v, 0, &place));
		v->footer_ok = true;
		c->out->repaired++;
	}
	if (!v->copy_ok && v->type != POD_VHD_FIXED) {
		POD_TRY(vhd_footer_at(v, 0));
		v->copy_ok = true;
		c->out->repaired++;
	}
	return vhd_file_flush(v);
}

enum pod_status pod_vhd_check(struct pod_vhd *v, bool repair, pod_vhd_found *found, void *ctx, struct pod_vhd_report *out)
{
	struct check c = {.found = found, .ctx = ctx, .out = out};
	memset(out, 0, sizeof *out);
	if (repair && !v->writable)
		return POD_E_READONLY;
	if (!v->footer_ok)
		finding(&c, "footer at the end is missing or damaged", v->file->dev->size_bytes - 512, 0, true);
	if (v->type == POD_VHD_FIXED) {
		out->file_used_bytes = v->file->dev->size_bytes;
		return POD_OK;
	}
	if (!v->copy_ok)
		finding(&c, "copy of the footer is damaged", 0, 0, true);
	uint64_t units = (v->file->dev->size_bytes >> v->block_shift) + 1;
	if (units > 2 * POD_VHD_BLOCKS_MAX)
		return POD_E_LIMIT;
	uint32_t *unit = pod_zalloc(v->alloc, (size_t)units, sizeof *unit);
	enum pod_status st = unit ? check_table(&c, v, unit, units) : POD_E_NOMEM;
	pod_free(v->alloc, unit);
	out->file_used_bytes += 1536 + (uint64_t)v->entries * 4 + 512;
	if (out->file_used_bytes < v->file->dev->size_bytes)
		out->file_unused_bytes = v->file->dev->size_bytes - out->file_used_bytes;
	if (st == POD_OK && repair)
		st = mend_footers(&c, v);
	return st;
}
