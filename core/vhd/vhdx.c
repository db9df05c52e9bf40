/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VHDX, little-endian ([MS-VHDX]; field tables in doc/FORMATS/vhdx.md):
 *
 *   0        file type identifier "vhdxfile", creator in UTF-16 (2.2.1)
 *   64 KiB   header 1, 128 KiB header 2: the valid one with the larger sequence number counts (2.2.2)
 *   192 KiB  region table 1, 256 KiB its copy (2.2.3)
 *   1 MiB…   log (2.3), BAT region (2.5), metadata region (2.6), payload and sector bitmap blocks, all MiB-aligned
 *
 * Deviations of real writers that are accepted: QEMU leaves the last block short when the disk is no multiple of the block size,
 * and sets LogGuid before the log holds an entry.
 */
#include "core/vhd/vhdx_int.h"

const uint8_t vhdx_region_bat[16] = {0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
				     0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08};
const uint8_t vhdx_region_metadata[16] = {0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
					  0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e};
const uint8_t vhdx_item_guid[VHDX_ITEMS][16] = {
	{0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b},
	{0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8},
	{0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45, 0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46},
	{0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f},
	{0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44, 0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56},
	{0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c},
	{0x8e, 0x41, 0xc6, 0x5b, 0x72, 0x3d, 0x0f, 0x4c, 0x9a, 0x15, 0xe2, 0x07, 0xd4, 0x68, 0x31, 0xbf},
};

uint32_t vhdx_checksum(const uint8_t *p, size_t len)
{
	return pod_crc32c_without(p, len, 4);
}

/* --- headers -------------------------------------------------------------------------------------------- */

static enum pod_status read_headers(struct pod_vhdx *x, uint8_t *buf, struct pod_diag *diag)
{
	bool any = false;
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t off = VHDX_HEADER_OFF(i);
		POD_TRY(pod_dev_read(x->file->dev, off, buf, VHDX_HEADER_LEN));
		x->header_ok[i] = memcmp(buf, "head", 4) == 0 && pod_get_le32(buf + 4) == vhdx_checksum(buf, VHDX_HEADER_LEN);
		uint64_t seq = pod_get_le64(buf + 8);
		if (!x->header_ok[i] || (any && seq <= x->sequence))
			continue;
		any = true;
		x->header = i;
		x->sequence = seq;
		memcpy(x->file_write_guid, buf + 16, 16);
		memcpy(x->data_write_guid, buf + 32, 16);
		memcpy(x->log_guid, buf + 48, 16);
		if (pod_get_le16(buf + 66) != 1)
			return pod_fail(diag, POD_E_UNSUPPORTED, "header Version", off + 66, 1, pod_get_le16(buf + 66));
		if (pod_get_le16(buf + 64) != 0 && !pod_guid_is_zero(x->log_guid))
			return pod_fail(diag, POD_E_UNSUPPORTED, "header LogVersion", off + 64, 0, pod_get_le16(buf + 64));
		x->log_len = pod_get_le32(buf + 68);
		x->log_off = pod_get_le64(buf + 72);
	}
	if (!any)
		return pod_fail(diag, POD_E_CORRUPT, "header Checksum (both copies)", VHDX_HEADER_OFF(0), pod_get_le32(buf + 4),
				0);
	uint64_t at = VHDX_HEADER_OFF(x->header);
	if (x->log_off < VHDX_MIB || (x->log_off | x->log_len) & (VHDX_MIB - 1) || x->log_off >= POD_VHDX_FILE_MAX)
		return pod_fail(diag, POD_E_CORRUPT, "header LogOffset", at + 72, VHDX_MIB, x->log_off);
	if (!x->log_len && !pod_guid_is_zero(x->log_guid))
		return pod_fail(diag, POD_E_CORRUPT, "header LogLength", at + 68, VHDX_MIB, 0);
	if (!pod_guid_is_zero(x->log_guid) && !pod_in_range(x->log_off, x->log_len, x->file->dev->size_bytes))
		return pod_fail(diag, POD_E_CORRUPT, "header LogOffset", at + 72, x->file->dev->size_bytes,
				x->log_off + x->log_len);
	if (x->log_len > POD_VHDX_LOG_MAX)
		return pod_fail(diag, POD_E_LIMIT, "header LogLength", at + 68, POD_VHDX_LOG_MAX, x->log_len);
	return POD_OK;
}

/* --- region table --------------------------------------------------------------------------------------- */

bool vhdx_region_sound(const uint8_t *t)
{
	return memcmp(t, "regi", 4) == 0 && pod_get_le32(t + 4) == vhdx_checksum(t, VHDX_REGION_LEN) &&
	       pod_get_le32(t + 8) <= VHDX_REGIONS_MAX;
}

/* A table is 64 KiB long and hardly ever has more than two entries of 32 bytes. If its checksum is right with zeros behind the first
 * 4 KiB, then so are those, whatever lies there: the rest need not be read to know what it says. */
static bool short_and_sound(const uint8_t *t)
{
	return memcmp(t, "regi", 4) == 0 && pod_get_le32(t + 8) <= (VHDX_PAGE - 16) / 32 &&
	       pod_get_le32(t + 4) == pod_crc32c_zeros(vhdx_checksum(t, VHDX_PAGE), VHDX_REGION_LEN - VHDX_PAGE);
}

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static enum pod_status parse_regions(struct pod_vhdx *x, const uint8_t *t, uint64_t at, struct pod_diag *diag)
{
	uint32_t count = pod_get_le32(t + 8);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *e = t + 16 + 32 * (size_t)i;
		uint64_t off = pod_get_le64(e + 16), pos = at + 16 + 32ull * i;
		uint32_t len = pod_get_le32(e + 24);
		bool bat = memcmp(e, vhdx_region_bat, 16) == 0, meta = memcmp(e, vhdx_region_metadata, 16) == 0;
		if (!bat && !meta) {
			if (pod_get_le32(e + 28) & 1)
				return pod_fail(diag, POD_E_UNSUPPORTED, "region table entry, required and unknown", pos, 0, 1);
			continue;
		}
		if (off < VHDX_MIB || (off | len) & (VHDX_MIB - 1) || !len || off >= POD_VHDX_FILE_MAX)
			return pod_fail(diag, POD_E_CORRUPT, "region FileOffset", pos + 16, VHDX_MIB, off);
		if ((bat && x->bat_len) || (meta && x->meta_len))
			return pod_fail(diag, POD_E_CORRUPT, "region table entry, twice", pos, 1, 2);
		if (bat) {
			x->bat_off = off;
			x->bat_len = len;
		} else {
			x->meta_off = off;
			x->meta_len = len;
		}
	}
	if (!x->bat_len || !x->meta_len)
		return pod_fail(diag, POD_E_CORRUPT, x->bat_len ? "metadata region" : "BAT region", at, 1, 0);
	if (overlap(x->bat_off, x->bat_len, x->meta_off, x->meta_len) ||
	    overlap(x->bat_off, x->bat_len, x->log_off, x->log_len) || overlap(x->meta_off, x->meta_len, x->log_off, x->log_len))
		return pod_fail(diag, POD_E_CORRUPT, "regions overlap", at, 0, 1);
	return POD_OK;
}

/* The first sound copy counts. The region table lies in the header section, which the log does not change. */
static enum pod_status read_regions(struct pod_vhdx *x, uint8_t *buf, struct pod_diag *diag)
{
	for (x->region = 0; x->region < 2; x->region++) {
		uint64_t at = VHDX_REGION_OFF(x->region);
		POD_TRY(pod_dev_read(x->file->dev, at, buf, VHDX_PAGE));
		bool sound = short_and_sound(buf);
		if (!sound) {
			POD_TRY(pod_dev_read(x->file->dev, at, buf, VHDX_REGION_LEN));
			sound = vhdx_region_sound(buf);
		}
		if (sound)
			return parse_regions(x, buf, at, diag);
	}
	return pod_fail(diag, POD_E_CORRUPT, "region table Checksum (both copies)", VHDX_REGION_OFF(0), pod_get_le32(buf + 4), 0);
}

void vhdx_region_build(uint8_t *t, uint64_t bat_off, uint32_t bat_len, uint64_t meta_off, uint32_t meta_len)
{
	memset(t, 0, VHDX_REGION_LEN);
	memcpy(t, "regi", 4);
	pod_put_le32(t + 8, 2);
	memcpy(t + 16, vhdx_region_bat, 16);
	pod_put_le64(t + 32, bat_off);
	pod_put_le32(t + 40, bat_len);
	pod_put_le32(t + 44, 1);
	memcpy(t + 48, vhdx_region_metadata, 16);
	pod_put_le64(t + 64, meta_off);
	pod_put_le32(t + 72, meta_len);
	pod_put_le32(t + 76, 1);
	pod_put_le32(t + 4, vhdx_checksum(t, VHDX_REGION_LEN));
}

/* --- metadata (2.6) ------------------------------------------------------------------------------------- */

static enum pod_status meta_read(struct pod_vhdx *x, uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;
	off += x->meta_off;
	while (len) {
		const uint8_t *page;
		size_t in = (size_t)(off & (VHDX_PAGE - 1)), n = (size_t)pod_min_u64(len, VHDX_PAGE - in);
		POD_TRY(pod_pages_get(&x->pages, off, &page));
		memcpy(p, page + in, n);
		off += n, p += n, len -= n;
	}
	return POD_OK;
}

enum pod_status vhdx_item_find(struct pod_vhdx *x, enum vhdx_item item, uint32_t *index, uint32_t *off, uint32_t *len)
{
	uint8_t e[32];
	POD_TRY(meta_read(x, 0, e, 32));
	uint32_t count = pod_get_le16(e + 10);
	if (memcmp(e, "metadata", 8) != 0 || count > VHDX_ITEMS_MAX)
		return POD_E_CORRUPT;
	for (uint32_t i = 0; i < count; i++) {
		POD_TRY(meta_read(x, 32 + 32ull * i, e, 32));
		if (memcmp(e, vhdx_item_guid[item], 16) != 0 || (pod_get_le32(e + 24) & 1) != (item == VHDX_MERGING))
			continue;
		*index = i;
		*off = pod_get_le32(e + 16);
		*len = pod_get_le32(e + 20);
		return *off >= 65536 && *len && *len <= VHDX_ITEM_MAX && pod_in_range(*off, *len, x->meta_len) ? POD_OK
													       : POD_E_CORRUPT;
	}
	return POD_E_NOT_FOUND;
}

/* An item of fixed length. */
static enum pod_status item(struct pod_vhdx *x, enum vhdx_item which, const char *what, void *buf, uint32_t size,
			    struct pod_diag *diag)
{
	uint32_t index, off = 0, len = 0;
	enum pod_status st = vhdx_item_find(x, which, &index, &off, &len);
	if (st == POD_E_NOT_FOUND || (st == POD_OK && len < size))
		st = POD_E_CORRUPT;
	if (st != POD_OK)
		return pod_fail(diag, st, what, x->meta_off + off, size, len);
	return meta_read(x, off, buf, size);
}

/* An unknown item that a reader must understand (2.6.1.2: IsRequired) makes the file unreadable. */
static enum pod_status check_required(struct pod_vhdx *x, struct pod_diag *diag)
{
	uint8_t e[32];
	POD_TRY(meta_read(x, 0, e, 32));
	uint32_t count = pod_get_le16(e + 10);
	if (memcmp(e, "metadata", 8) != 0 || count > VHDX_ITEMS_MAX)
		return pod_fail(diag, POD_E_CORRUPT, "metadata table", x->meta_off, VHDX_ITEMS_MAX, count);
	for (uint32_t i = 0; i < count; i++) {
		bool known = false;
		POD_TRY(meta_read(x, 32 + 32ull * i, e, 32));
		for (uint32_t k = 0; k < VHDX_ITEMS; k++)
			known |= memcmp(e, vhdx_item_guid[k], 16) == 0;
		if (!known && pod_get_le32(e + 24) & 4)
			return pod_fail(diag, POD_E_UNSUPPORTED, "metadata item, required and unknown",
					x->meta_off + 32 + 32ull * i, 0, 1);
	}
	return POD_OK;
}

static bool power_of_two(uint32_t v, uint32_t min, uint32_t max, uint32_t *shift)
{
	if (v < min || v > max || v & (v - 1))
		return false;
	for (*shift = 0; 1u << *shift != v;)
		++*shift;
	return true;
}

static enum pod_status read_metadata(struct pod_vhdx *x, struct pod_diag *diag)
{
	uint8_t b[8], s[8];
	POD_TRY(check_required(x, diag));
	POD_TRY(item(x, VHDX_FILE_PARAMETERS, "File Parameters", b, 8, diag));
	if (!power_of_two(pod_get_le32(b), POD_VHDX_BLOCK_MIN, POD_VHDX_BLOCK_MAX, &x->block_shift))
		return pod_fail(diag, POD_E_CORRUPT, "BlockSize", x->meta_off, POD_VHDX_BLOCK_DEFAULT, pod_get_le32(b));
	x->leave_allocated = pod_get_le32(b + 4) & 1;
	x->has_parent = pod_get_le32(b + 4) & 2;
	POD_TRY(item(x, VHDX_LOGICAL_SECTOR, "Logical Sector Size", s, 4, diag));
	if (!power_of_two(pod_get_le32(s), 512, 4096, &x->sector_shift) || (x->sector_shift != 9 && x->sector_shift != 12))
		return pod_fail(diag, POD_E_CORRUPT, "Logical Sector Size", x->meta_off, 512, pod_get_le32(s));
	x->physical_sector_size = 1u << x->sector_shift;
	if (item(x, VHDX_PHYSICAL_SECTOR, "Physical Sector Size", s, 4, NULL) == POD_OK && pod_get_le32(s) == 4096)
		x->physical_sector_size = 4096;
	POD_TRY(item(x, VHDX_DISK_SIZE, "Virtual Disk Size", s, 8, diag));
	x->size_bytes = pod_get_le64(s);
	if (!x->size_bytes || x->size_bytes > POD_VHDX_SIZE_MAX || x->size_bytes & ((1u << x->sector_shift) - 1))
		return pod_fail(diag, POD_E_CORRUPT, "Virtual Disk Size", x->meta_off, POD_VHDX_SIZE_MAX, x->size_bytes);
	enum pod_status st = item(x, VHDX_DISK_ID, "Virtual Disk ID", x->disk_id, 16, NULL);
	if (st != POD_OK && st != POD_E_CORRUPT)
		return st;
	st = item(x, VHDX_MERGING, "merge mark", s, 4, NULL);
	if (st != POD_OK && st != POD_E_CORRUPT)
		return st;
	x->merging = st == POD_OK;
	x->chunk_shift = 23 + x->sector_shift - x->block_shift;
	uint64_t entries = pod_vhdx_bat_entries(x->size_bytes, x->block_shift, x->chunk_shift, x->has_parent);
	if (entries > x->bat_len / 8)
		return pod_fail(diag, POD_E_CORRUPT, "BAT region Length", x->bat_off, entries * 8, x->bat_len);
	return x->has_parent ? vhdx_parent_read(x, diag) : POD_OK;
}

/* --- open ----------------------------------------------------------------------------------------------- */

static enum pod_status read_identifier(struct pod_vhdx *x, uint8_t *buf, struct pod_diag *diag)
{
	uint64_t size = x->file->dev->size_bytes;
	if (size < 520)
		return POD_E_FORMAT;
	POD_TRY(pod_dev_read(x->file->dev, 0, buf, 520));
	if (memcmp(buf, "vhdxfile", 8) != 0)
		return POD_E_FORMAT;
	if (size < VHDX_MIB)
		return pod_fail(diag, POD_E_CORRUPT, "file is cut short", size, VHDX_MIB, size);
	size_t n = 0;
	while (n < 256 && pod_get_le16(buf + 8 + 2 * n))
		n++;
	if (pod_utf16le_to_utf8(buf + 8, n, x->creator, sizeof x->creator) != POD_OK)
		x->creator[sizeof x->creator - 1] = '\0';
	return POD_OK;
}

/* The metadata are read once, and take a page or two: many files of a chain that are only opened never touch what their caches need. */
enum { META_SLOTS = 4 };

static uint32_t cache_slots(const struct pod_vhdx *x, const struct pod_vhdx_options *opt)
{
	if (opt->cache_pages)
		return opt->cache_pages;
	uint32_t slots = 16, want = (x->bat_len >> VHDX_PAGE_SHIFT) + 64;
	while (slots < want && slots < 2048)
		slots *= 2;
	return slots;
}

static enum pod_status open_parts(struct pod_vhdx *x, uint8_t *buf, const struct pod_vhdx_options *opt, struct pod_diag *diag)
{
	POD_TRY(read_identifier(x, buf, diag));
	if (x->file->dev->size_bytes > POD_VHDX_FILE_MAX)
		return pod_fail(diag, POD_E_LIMIT, "file size", 0, POD_VHDX_FILE_MAX, x->file->dev->size_bytes);
	POD_TRY(read_headers(x, buf, diag));
	POD_TRY(read_regions(x, buf, diag));
	POD_TRY(vhdx_log_load(x, diag));
	if (opt->writable && x->log_replayed)
		POD_TRY(vhdx_log_replay(x));
	if (!pod_in_range(x->bat_off, x->bat_len, x->dev->size_bytes) ||
	    !pod_in_range(x->meta_off, x->meta_len, x->dev->size_bytes))
		return pod_fail(diag, POD_E_CORRUPT, "region beyond the end of the file", VHDX_REGION_OFF(0), x->dev->size_bytes,
				x->bat_off + x->bat_len);
	uint32_t slots = cache_slots(x, opt), few = slots < META_SLOTS ? slots : META_SLOTS;
	if (slots & (slots - 1))
		return POD_E_INVALID;
	POD_TRY(pod_pages_init(&x->pages, x->alloc, x->dev, VHDX_PAGE_SHIFT, few));
	POD_TRY(read_metadata(x, diag));
	if (slots > few) {
		pod_pages_fini(&x->pages);
		POD_TRY(pod_pages_init(&x->pages, x->alloc, x->dev, VHDX_PAGE_SHIFT, slots));
	}
	return opt->writable ? vhdx_make_writable(x, opt, diag) : POD_OK;
}

static void release(struct pod_vhdx *x)
{
	vhdx_write_fini(x);
	vhdx_parent_free(x);
	pod_pages_fini(&x->pages);
	pod_map_fini(&x->overlay);
	memset(x, 0, sizeof *x);
}

enum pod_status pod_vhdx_open(struct pod_vhdx *x, struct pod_vfile *file, struct pod_alloc *a, const struct pod_vhdx_options *opt,
			      struct pod_diag *diag)
{
	memset(x, 0, sizeof *x);
	x->file = file;
	x->dev = file->dev;
	x->alloc = a;
	pod_map_init(&x->overlay, a);
	if (opt->writable && (!opt->env || file->dev->read_only || !file->dev->write))
		return POD_E_READONLY;
	uint8_t *buf = a->alloc(a, VHDX_REGION_LEN);
	if (!buf)
		return POD_E_NOMEM;
	enum pod_status st = open_parts(x, buf, opt, diag);
	pod_free(a, buf);
	if (st != POD_OK)
		release(x);
	return st;
}

enum pod_status pod_vhdx_close(struct pod_vhdx *x)
{
	enum pod_status st = POD_OK;
	if (!x->file)
		return POD_OK;
	if (x->writable)
		st = vhdx_log_end(x);
	release(x);
	return st;
}

/* --- BAT (2.5) ------------------------------------------------------------------------------------------ */

uint64_t pod_vhdx_bat_entries(uint64_t size, uint32_t block_shift, uint32_t chunk_shift, bool has_parent)
{
	uint64_t blocks = (size + ((1ull << block_shift) - 1)) >> block_shift;
	uint64_t chunks = (blocks + ((1ull << chunk_shift) - 1)) >> chunk_shift;
	return has_parent ? chunks * ((1ull << chunk_shift) + 1) : blocks + ((blocks - 1) >> chunk_shift);
}

uint64_t pod_vhdx_blocks(const struct pod_vhdx *x)
{
	return (x->size_bytes + ((1ull << x->block_shift) - 1)) >> x->block_shift;
}

uint64_t pod_vhdx_bat_index(const struct pod_vhdx *x, uint64_t block)
{
	return block + (block >> x->chunk_shift);
}

uint64_t pod_vhdx_bitmap_index(const struct pod_vhdx *x, uint64_t chunk)
{
	return ((chunk + 1) << x->chunk_shift) + chunk;
}

enum pod_status pod_vhdx_bat_get(struct pod_vhdx *x, uint64_t index, uint64_t *entry)
{
	const uint8_t *page;
	uint64_t off = x->bat_off + index * 8;
	if (index >= x->bat_len / 8)
		return POD_E_RANGE;
	POD_TRY(pod_pages_get(&x->pages, off, &page));
	*entry = pod_get_le64(page + (off & (VHDX_PAGE - 1)));
	return POD_OK;
}

enum pod_status pod_vhdx_block_entry(struct pod_vhdx *x, uint64_t block, uint64_t *entry)
{
	return pod_vhdx_bat_get(x, pod_vhdx_bat_index(x, block), entry);
}

/* How many of the sectors from bit `bit` on are alike; at most `max`. Looks at one page only. */
static uint64_t equal_bits(const uint8_t *page, uint32_t bit, uint64_t max, bool *set)
{
	uint32_t end = VHDX_PAGE * 8, b = bit;
	if (max < end - bit)
		end = bit + (uint32_t)max;
	*set = page[b >> 3] >> (b & 7) & 1;
	uint8_t whole = *set ? 0xff : 0;
	while (b < end) {
		if (!(b & 7) && end - b >= 8 && page[b >> 3] == whole) {
			b += 8;
			continue;
		}
		if ((bool)(page[b >> 3] >> (b & 7) & 1) != *set)
			break;
		b++;
	}
	return b - bit;
}

/* A partially present block: its sectors' bits decide. */
static enum pod_status partial_run(struct pod_vhdx *x, uint64_t off, uint64_t len, uint64_t place, struct pod_run *run)
{
	uint32_t chunk_bits = x->block_shift + x->chunk_shift; /* a chunk of 2^23 sectors */
	uint64_t entry, bit = (off & ((1ull << chunk_bits) - 1)) >> x->sector_shift;
	const uint8_t *page;
	bool set;
	POD_TRY(pod_vhdx_bat_get(x, pod_vhdx_bitmap_index(x, off >> chunk_bits), &entry));
	if (VHDX_STATE(entry) != POD_VHDX_FULL || VHDX_PLACE(entry) < VHDX_MIB ||
	    !pod_in_range(VHDX_PLACE(entry), VHDX_MIB, x->dev->size_bytes))
		return POD_E_CORRUPT;
	POD_TRY(pod_pages_get(&x->pages, VHDX_PLACE(entry) + (bit >> 3), &page));
	uint64_t in_sector = off & ((1u << x->sector_shift) - 1);
	uint64_t n = equal_bits(page, (uint32_t)bit & (VHDX_PAGE * 8 - 1),
				(in_sector + len + (1u << x->sector_shift) - 1) >> x->sector_shift, &set);
	run->kind = set ? POD_RUN_DATA : POD_RUN_PARENT;
	run->file_off = set ? place + (off & ((1ull << x->block_shift) - 1)) : 0;
	run->len = pod_min_u64(len, (n << x->sector_shift) - in_sector);
	return POD_OK;
}

enum pod_status pod_vhdx_run(struct pod_vhdx *x, uint64_t off, uint64_t len, struct pod_run *run)
{
	uint64_t entry, in = off & ((1ull << x->block_shift) - 1);
	if (!len || !pod_in_range(off, len, x->size_bytes))
		return POD_E_RANGE;
	len = pod_min_u64(len, (1ull << x->block_shift) - in);
	POD_TRY(pod_vhdx_block_entry(x, off >> x->block_shift, &entry));
	uint64_t place = VHDX_PLACE(entry);
	*run = (struct pod_run){POD_RUN_ZERO, 0, len};
	switch (VHDX_STATE(entry)) {
	case POD_VHDX_NOT_PRESENT:
		run->kind = x->has_parent ? POD_RUN_PARENT : POD_RUN_ZERO;
		return POD_OK;
	case POD_VHDX_UNDEFINED:
	case POD_VHDX_ZERO:
	case POD_VHDX_UNMAPPED:
		return POD_OK;
	case POD_VHDX_FULL:
	case POD_VHDX_PARTIAL:
		if (place < VHDX_MIB || !pod_in_range(place, in + len, x->dev->size_bytes))
			return POD_E_CORRUPT;
		if (VHDX_STATE(entry) == POD_VHDX_PARTIAL)
			return x->has_parent ? partial_run(x, off, len, place, run) : POD_E_CORRUPT;
		*run = (struct pod_run){POD_RUN_DATA, place + in, len};
		return POD_OK;
	default:
		return POD_E_CORRUPT;
	}
}
