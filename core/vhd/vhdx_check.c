/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at a VHDX's structures, and mends the copies that have a sound twin. */
#include "core/vhd/vhdx_int.h"

struct check {
	struct pod_vhdx *x;
	pod_vhd_finding *found;
	void *ctx;
	struct pod_vhd_check *out;
	uint8_t *seen; /* one bit per MiB of the file */
	uint64_t mibs;
};

static void finding(struct check *c, const char *what, uint64_t off, uint64_t block, bool repairable)
{
	c->out->errors++;
	if (c->found)
		c->found(c->ctx, what, off, block, repairable);
}

/* Marks a range; true if part of it was marked before. */
static bool mark(struct check *c, uint64_t off, uint64_t len)
{
	bool twice = false;
	for (uint64_t i = off >> 20; i < (off + len + VHDX_MIB - 1) >> 20 && i < c->mibs; i++) {
		uint8_t bit = (uint8_t)(1u << (i & 7));
		twice |= c->seen[i >> 3] & bit;
		c->out->file_used_bytes += c->seen[i >> 3] & bit ? 0 : VHDX_MIB;
		c->seen[i >> 3] |= bit;
	}
	return twice;
}

static void check_place(struct check *c, uint64_t e, uint64_t len, uint64_t at, uint64_t block)
{
	uint64_t place = VHDX_PLACE(e);
	if (place < VHDX_MIB || !pod_in_range(place, len, c->x->dev->size_bytes))
		finding(c, "BAT entry beyond the end of the file", at, block, false);
	else if (mark(c, place, len))
		finding(c, "BAT entries overlap", at, block, false);
}

static void check_payload(struct check *c, uint64_t e, uint64_t at, uint64_t block)
{
	struct pod_vhdx *x = c->x;
	uint64_t whole = 1ull << x->block_shift, need = pod_min_u64(whole, x->size_bytes - (block << x->block_shift));
	switch (VHDX_STATE(e)) {
	case POD_VHDX_NOT_PRESENT:
	case POD_VHDX_UNDEFINED:
	case POD_VHDX_UNMAPPED:
		break;
	case POD_VHDX_ZERO:
		c->out->blocks_zero++;
		break;
	case POD_VHDX_PARTIAL:
		c->out->blocks_partial++;
		if (!x->has_parent)
			finding(c, "partially present block without a parent", at, block, false);
		check_place(c, e, need, at, block);
		break;
	case POD_VHDX_FULL:
		c->out->blocks_present++;
		check_place(c, e, need, at, block);
		break;
	default:
		finding(c, "BAT entry of unknown state", at, block, false);
	}
	if ((uint32_t)e & 0xffff8)
		finding(c, "BAT entry with reserved bits", at, block, false);
}

static enum pod_status check_table(struct check *c)
{
	struct pod_vhdx *x = c->x;
	uint64_t blocks = pod_vhdx_blocks(x), block = 0, partial_in_chunk = 0;
	uint64_t entries = pod_vhdx_bat_entries(x->size_bytes, x->block_shift, x->chunk_shift, x->has_parent);
	uint32_t in_chunk = 0;
	for (uint64_t i = 0; i < entries; i++) {
		uint64_t e, at = x->bat_off + i * 8, partial = c->out->blocks_partial;
		POD_TRY(pod_vhdx_bat_get(x, i, &e));
		if (in_chunk++ < 1u << x->chunk_shift) {
			if (block < blocks)
				check_payload(c, e, at, block);
			block++;
			partial_in_chunk += c->out->blocks_partial - partial;
			continue;
		}
		if (VHDX_STATE(e) == POD_VHDX_FULL)
			check_place(c, e, VHDX_MIB, at, block);
		else if (VHDX_STATE(e) != POD_VHDX_NOT_PRESENT)
			finding(c, "sector bitmap entry of unknown state", at, block, false);
		else if (partial_in_chunk)
			finding(c, "partially present blocks without a sector bitmap", at, block, false);
		if (VHDX_STATE(e) == POD_VHDX_FULL && !x->has_parent)
			finding(c, "sector bitmap without a parent", at, block, false);
		partial_in_chunk = 0;
		in_chunk = 0;
	}
	return POD_OK;
}

static enum pod_status check_copies(struct check *c, bool repair, uint8_t *buf)
{
	struct pod_vhdx *x = c->x;
	bool region_ok[2];
	for (uint32_t i = 0; i < 2; i++)
		if (!x->header_ok[i])
			finding(c, "header: this copy is damaged", VHDX_HEADER_OFF(i), 0, true);
	for (uint32_t i = 0; i < 2; i++) {
		POD_TRY(pod_dev_read(x->file->dev, VHDX_REGION_OFF(i), buf, VHDX_REGION_LEN));
		region_ok[i] = vhdx_region_sound(buf);
		if (!region_ok[i])
			finding(c, "region table: this copy is damaged", VHDX_REGION_OFF(i), 0, true);
	}
	if (!repair)
		return POD_OK;
	if (!x->header_ok[0] || !x->header_ok[1]) {
		POD_TRY(vhdx_header_write(x));
		c->out->repaired++;
	}
	for (uint32_t i = 0; i < 2; i++) {
		if (region_ok[i])
			continue;
		POD_TRY(pod_dev_read(x->file->dev, VHDX_REGION_OFF(x->region), buf, VHDX_REGION_LEN));
		if (!region_ok[x->region]) /* only what lies behind its entries is damaged: there were zeros (vhdx.c) */
			memset(buf + VHDX_PAGE, 0, VHDX_REGION_LEN - VHDX_PAGE);
		POD_TRY(pod_dev_write(x->file->dev, VHDX_REGION_OFF(i), buf, VHDX_REGION_LEN));
		POD_TRY(vhdx_file_flush(x));
		c->out->repaired++;
	}
	return POD_OK;
}

enum pod_status pod_vhdx_check(struct pod_vhdx *x, bool repair, pod_vhd_finding *found, void *ctx, struct pod_vhd_check *out)
{
	struct check c = {.x = x, .found = found, .ctx = ctx, .out = out};
	memset(out, 0, sizeof *out);
	if (repair && !x->writable)
		return POD_E_READONLY;
	c.mibs = (x->dev->size_bytes + VHDX_MIB - 1) >> 20;
	c.seen = pod_zalloc(x->alloc, (size_t)(c.mibs >> 3) + 1, 1);
	uint8_t *buf = x->alloc->alloc(x->alloc, VHDX_REGION_LEN);
	enum pod_status st = c.seen && buf ? check_copies(&c, repair, buf) : POD_E_NOMEM;
	if (st == POD_OK) {
		mark(&c, 0, VHDX_MIB);
		mark(&c, x->log_off, x->log_len);
		mark(&c, x->bat_off, x->bat_len);
		mark(&c, x->meta_off, x->meta_len);
		st = check_table(&c);
	}
	if (st == POD_OK)
		out->file_unused_bytes = (c.mibs << 20) - out->file_used_bytes;
	pod_free(x->alloc, c.seen);
	pod_free(x->alloc, buf);
	return st;
}
