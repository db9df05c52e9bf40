/* SPDX-License-Identifier: BSD-2-Clause */
/* A new VHDX file: identifier, headers, region tables, metadata; log and BAT stay holes. */
#include "core/vhd/vhdx_int.h"

struct layout {
	uint64_t size, bat_off, meta_off, end;
	uint32_t block_shift, sector, physical, chunk_shift, bat_len;
	bool fixed, child;
};

#define LOG_OFF	  VHDX_MIB
#define LOG_LEN	  ((uint32_t)VHDX_MIB)
#define META_OFF  (2 * VHDX_MIB)
#define META_LEN  ((uint32_t)VHDX_MIB)
#define BAT_OFF	  (3 * VHDX_MIB)
#define ITEM_OFF  65536u
#define ITEMS_LEN 8192u

static uint32_t default_block(const struct pod_vhdx_create *c)
{
	if (c->parent || c->size_bytes < 16ull << 30)
		return 2u << 20;
	return POD_VHDX_BLOCK_DEFAULT;
}

static enum pod_status plan(const struct pod_vhdx_create *c, struct layout *l, struct pod_diag *diag)
{
	uint32_t block = c->block_size ? c->block_size : default_block(c);
	memset(l, 0, sizeof *l);
	l->sector = c->logical_sector_size ? c->logical_sector_size : 512;
	l->physical = c->physical_sector_size ? c->physical_sector_size : 4096;
	if ((l->sector != 512 && l->sector != 4096) || (l->physical != 512 && l->physical != 4096))
		return pod_fail(diag, POD_E_INVALID, "sector size", 0, 512, l->sector);
	if (block < POD_VHDX_BLOCK_MIN || block > POD_VHDX_BLOCK_MAX || block & (block - 1))
		return pod_fail(diag, POD_E_INVALID, "block size", 0, POD_VHDX_BLOCK_DEFAULT, block);
	if (!c->size_bytes || c->size_bytes > POD_VHDX_SIZE_MAX || c->size_bytes & (l->sector - 1))
		return pod_fail(diag, POD_E_INVALID, "disk size", 0, POD_VHDX_SIZE_MAX, c->size_bytes);
	if (c->fixed && c->parent)
		return POD_E_INVALID;
	while (1u << l->block_shift != block)
		l->block_shift++;
	l->size = c->size_bytes;
	l->fixed = c->fixed;
	l->child = c->parent != NULL;
	l->chunk_shift = 23u + (l->sector == 512 ? 9u : 12u) - l->block_shift;
	uint64_t entries = pod_vhdx_bat_entries(l->size, l->block_shift, l->chunk_shift, l->child);
	l->bat_off = BAT_OFF;
	l->bat_len = (uint32_t)pod_align_up(entries * 8, VHDX_MIB);
	l->meta_off = META_OFF;
	l->end = l->bat_off + l->bat_len;
	if (l->fixed)
		l->end += ((l->size + block - 1) >> l->block_shift) << l->block_shift;
	return POD_OK;
}

static void put_item(uint8_t *table, enum vhdx_item item, uint32_t off, uint32_t len)
{
	uint32_t n = pod_get_le16(table + 10);
	uint8_t *e = table + 32 + 32 * (size_t)n;
	memcpy(e, vhdx_item_guid[item], 16);
	pod_put_le32(e + 16, ITEM_OFF + off);
	pod_put_le32(e + 20, len);
	/* IsVirtualDisk where it describes the disk rather than the file, IsRequired for all (2.6.2). */
	pod_put_le32(e + 24, item == VHDX_FILE_PARAMETERS || item == VHDX_PARENT_LOCATOR ? 4 : 6);
	pod_put_le16(table + 10, (uint16_t)(n + 1));
}

static enum pod_status write_metadata(struct pod_vfile *f, const struct layout *l, const struct pod_vhdx_create *c, uint8_t *buf,
				      const struct pod_vhd_env *env)
{
	uint8_t *table = buf, *items = buf + VHDX_PAGE;
	size_t used = 64;
	memset(buf, 0, VHDX_PAGE + ITEMS_LEN);
	memcpy(table, "metadata", 8);
	put_item(table, VHDX_FILE_PARAMETERS, 0, 8);
	pod_put_le32(items, 1u << l->block_shift);
	pod_put_le32(items + 4, (l->fixed ? 1u : 0) | (l->child ? 2u : 0));
	put_item(table, VHDX_DISK_SIZE, 8, 8);
	pod_put_le64(items + 8, l->size);
	put_item(table, VHDX_DISK_ID, 16, 16);
	env->random(env, items + 16, 16);
	put_item(table, VHDX_LOGICAL_SECTOR, 32, 4);
	pod_put_le32(items + 32, l->sector);
	put_item(table, VHDX_PHYSICAL_SECTOR, 36, 4);
	pod_put_le32(items + 36, l->physical);
	if (l->child) {
		size_t len;
		POD_TRY(vhdx_locator_build(c->parent, items + 64, ITEMS_LEN - 64, &len));
		put_item(table, VHDX_PARENT_LOCATOR, 64, (uint32_t)len);
		used += len;
	}
	POD_TRY(pod_dev_write(f->dev, l->meta_off, table, VHDX_PAGE));
	return pod_dev_write(f->dev, l->meta_off + ITEM_OFF, items, (used + 511) & ~(size_t)511);
}

static enum pod_status write_fixed_table(struct pod_vfile *f, const struct layout *l, uint8_t *buf)
{
	uint64_t entries = pod_vhdx_bat_entries(l->size, l->block_shift, l->chunk_shift, false), next = l->bat_off + l->bat_len;
	uint32_t in_chunk = 0;
	for (uint64_t i = 0; i < entries; i += 512) {
		uint32_t n = (uint32_t)pod_min_u64(entries - i, 512);
		memset(buf, 0, VHDX_PAGE);
		for (uint32_t k = 0; k < n; k++) {
			if (in_chunk == 1u << l->chunk_shift) { /* the place of a sector bitmap block */
				in_chunk = 0;
				continue;
			}
			in_chunk++;
			pod_put_le64(buf + 8 * (size_t)k, next | POD_VHDX_FULL);
			next += 1ull << l->block_shift;
		}
		POD_TRY(pod_dev_write(f->dev, l->bat_off + i * 8, buf, VHDX_PAGE));
	}
	return POD_OK;
}

static enum pod_status write_head(struct pod_vfile *f, const struct layout *l, uint8_t *buf, const struct pod_vhd_env *env)
{
	static const char creator[] = "Isopod";
	memset(buf, 0, VHDX_HEADER_LEN);
	memcpy(buf, "vhdxfile", 8);
	for (size_t i = 0; i + 1 < sizeof creator; i++)
		buf[8 + 2 * i] = (uint8_t)creator[i];
	POD_TRY(pod_dev_write(f->dev, 0, buf, 512));
	memset(buf, 0, VHDX_HEADER_LEN);
	memcpy(buf, "head", 4);
	env->random(env, buf + 16, 32);
	pod_put_le16(buf + 66, 1);
	pod_put_le32(buf + 68, LOG_LEN);
	pod_put_le64(buf + 72, LOG_OFF);
	for (uint32_t i = 0; i < 2; i++) {
		pod_put_le64(buf + 8, i + 1);
		pod_put_le32(buf + 4, 0);
		pod_put_le32(buf + 4, vhdx_checksum(buf, VHDX_HEADER_LEN));
		POD_TRY(pod_dev_write(f->dev, VHDX_HEADER_OFF(i), buf, VHDX_HEADER_LEN));
	}
	vhdx_region_build(buf, l->bat_off, l->bat_len, l->meta_off, META_LEN);
	for (uint32_t i = 0; i < 2; i++) /* the rest of its 64 KiB is a hole */
		POD_TRY(pod_dev_write(f->dev, VHDX_REGION_OFF(i), buf, 512));
	return POD_OK;
}

enum pod_status pod_vhdx_format(struct pod_vfile *file, struct pod_alloc *a, const struct pod_vhdx_create *c,
				const struct pod_vhd_env *env, struct pod_diag *diag)
{
	struct layout l;
	POD_TRY(plan(c, &l, diag));
	if (file->dev->size_bytes)
		return POD_E_EXISTS;
	uint8_t *buf = a->alloc(a, VHDX_REGION_LEN);
	if (!buf)
		return POD_E_NOMEM;
	enum pod_status st = pod_vfile_resize(file, l.end);
	if (st == POD_OK)
		st = pod_vfile_reserve(file, LOG_OFF, LOG_LEN); /* a full disk later cuts off no change half way */
	if (st == POD_OK)
		st = write_metadata(file, &l, c, buf, env);
	if (st == POD_OK && l.fixed)
		st = write_fixed_table(file, &l, buf);
	if (st == POD_OK)
		st = write_head(file, &l, buf, env);
	pod_free(a, buf);
	return st;
}
