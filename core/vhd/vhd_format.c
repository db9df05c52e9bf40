/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * New VHD files, and new headers for old ones.
 *
 * Creator Application: readers decide by it whether Current Size or the geometry is the size (QEMU, libvhdi). Ours is always
 * Current Size, which they believe of "win ": so that is what we write.
 */
#include "core/vhd/vhd_int.h"

void pod_vhd_geometry(uint64_t size, uint16_t *cylinders, uint8_t *heads, uint8_t *sectors)
{
	uint32_t total = size >> 9 > 65535u * 16 * 255 ? 65535u * 16 * 255 : (uint32_t)(size >> 9), tracks, h, s;
	if (total >= 65535u * 16 * 63) {
		s = 255;
		h = 16;
		tracks = total / s;
	} else {
		s = 17;
		tracks = total / s;
		h = (tracks + 1023) / 1024;
		if (h < 4)
			h = 4;
		if (tracks >= h * 1024 || h > 16) {
			s = 31;
			h = 16;
			tracks = total / s;
		}
		if (tracks >= h * 1024) {
			s = 63;
			h = 16;
			tracks = total / s;
		}
	}
	*cylinders = (uint16_t)(tracks / h);
	*heads = (uint8_t)h;
	*sectors = (uint8_t)s;
}

static void put_size(uint8_t *f, uint64_t size)
{
	uint16_t c;
	uint8_t h, s;
	pod_put_be64(f + 48, size);
	pod_vhd_geometry(size, &c, &h, &s);
	pod_put_be16(f + 56, c);
	f[58] = h;
	f[59] = s;
}

static uint32_t timestamp(const struct pod_vhd_env *env)
{
	uint64_t now = env->now_unix(env);
	return now > POD_VHD_EPOCH ? (uint32_t)(now - POD_VHD_EPOCH) : 0;
}

static void build_footer(uint8_t *f, const struct pod_vhd_create *c, const struct pod_vhd_env *env)
{
	enum pod_vhd_type type = c->parent ? POD_VHD_DIFFERENCING : c->fixed ? POD_VHD_FIXED : POD_VHD_DYNAMIC;
	memset(f, 0, 512);
	memcpy(f, "conectix", 8);
	pod_put_be32(f + 8, 2);
	pod_put_be32(f + 12, 0x10000);
	pod_put_be64(f + 16, c->fixed ? UINT64_MAX : 512);
	pod_put_be32(f + 24, timestamp(env));
	memcpy(f + 28, "win ", 4);
	pod_put_be32(f + 32, 0x60001);
	memcpy(f + 36, "Wi2k", 4);
	pod_put_be64(f + 40, c->size_bytes);
	put_size(f, c->size_bytes);
	pod_put_be32(f + 60, (uint32_t)type);
	env->random(env, f + 68, 16);
}

/* Text as UTF-16 of either order, at most `max` bytes; returns how many, or SIZE_MAX. */
static size_t put_utf16(const char *s, uint8_t *out, size_t max, bool big_endian)
{
	const char *end = s + pod_strlen(s);
	size_t n = 0;
	while (s < end) {
		uint16_t unit[2];
		unsigned units = pod_utf16_put(unit, pod_utf8_next(&s, (size_t)(end - s)));
		for (unsigned i = 0; i < units; i++, n += 2) {
			if (max - n < 2)
				return SIZE_MAX;
			if (big_endian)
				pod_put_be16(out + n, unit[i]);
			else
				pod_put_le16(out + n, unit[i]);
		}
	}
	return n;
}

/* The parent's part of a header. The paths' bytes go into `text` (1536 bytes each for relative and absolute), which will lie at
 * `text_off`. */
enum { TEXT_ROOM = 1536 };
static enum pod_status put_parent(uint8_t *h, const struct pod_parent_spec *p, uint8_t *text, uint64_t text_off)
{
	static const uint32_t code[POD_PARENT_PATHS] = {0x57327275, 0, 0x57326b75};
	const char *any = p->path[POD_PARENT_RELATIVE] ? p->path[POD_PARENT_RELATIVE] : p->path[POD_PARENT_ABSOLUTE];
	uint8_t *e = h + 576;
	if (!any)
		return POD_E_INVALID;
	memcpy(h + 40, p->linkage, 16);
	pod_put_be32(h + 56, p->vhd_timestamp);
	memset(h + 64, 0, 1024 - 64);
	/* "Parent Unicode Name": the last component */
	if (put_utf16(pod_windows_last_name(any), h + 64, 510, true) == SIZE_MAX)
		return POD_E_LIMIT;
	memset(text, 0, 2 * TEXT_ROOM);
	for (unsigned i = 0, at = 0; i < POD_PARENT_PATHS; i++) {
		if (!p->path[i] || !code[i])
			continue;
		size_t n = put_utf16(p->path[i], text + at, TEXT_ROOM, false);
		if (n == SIZE_MAX)
			return POD_E_LIMIT;
		pod_put_be32(e, code[i]);
		pod_put_be32(e + 4, TEXT_ROOM);
		pod_put_be32(e + 8, (uint32_t)n);
		pod_put_be64(e + 16, text_off + at);
		at += TEXT_ROOM;
		e += 24;
	}
	return POD_OK;
}

static void seal_header(uint8_t *h, uint64_t bat_off, uint32_t entries, uint32_t block)
{
	memcpy(h, "cxsparse", 8);
	pod_put_be64(h + 8, UINT64_MAX);
	pod_put_be64(h + 16, bat_off);
	pod_put_be32(h + 24, 0x10000);
	pod_put_be32(h + 28, entries);
	pod_put_be32(h + 32, block);
	pod_put_be32(h + 36, pod_vhd_checksum(h, 1024, 36));
}

static enum pod_status fill_table(struct pod_vfile *f, uint64_t off, uint64_t end, uint8_t *buf, size_t size)
{
	memset(buf, 0xff, size);
	while (off < end) {
		size_t n = (size_t)pod_min_u64(end - off, size);
		POD_TRY(pod_dev_write(f->dev, off, buf, n));
		off += n;
	}
	return POD_OK;
}

/* Footer copy at 0, header at 512, a parent's paths at 1536, table behind, footer at the end. */
static enum pod_status format_sparse(struct pod_vfile *f, const struct pod_vhd_create *c, uint8_t *buf, uint8_t *footer)
{
	uint32_t block = c->block_size ? c->block_size : POD_VHD_BLOCK_DEFAULT, shift = 9;
	while (1u << shift != block)
		shift++;
	uint32_t entries = (uint32_t)((c->size_bytes + block - 1) >> shift);
	uint64_t bat_off = 1536, bat_end;
	memset(buf, 0, 1024);
	if (c->parent) {
		POD_TRY(put_parent(buf, c->parent, buf + 1024, 1536));
		bat_off += 2 * TEXT_ROOM;
	}
	bat_end = bat_off + (((uint64_t)entries * 4 + 511) & ~511ull);
	seal_header(buf, bat_off, entries, block);
	POD_TRY(pod_vfile_resize(f, bat_end + 512));
	POD_TRY(pod_dev_write(f->dev, 512, buf, c->parent ? 1024 + 2 * TEXT_ROOM : 1024));
	POD_TRY(fill_table(f, bat_off, bat_end, buf, 65536));
	POD_TRY(pod_dev_write(f->dev, bat_end, footer, 512));
	return pod_dev_write(f->dev, 0, footer, 512);
}

enum pod_status pod_vhd_format(struct pod_vfile *f, struct pod_alloc *a, const struct pod_vhd_create *c,
			       const struct pod_vhd_env *env, struct pod_diag *diag)
{
	uint32_t block = c->block_size ? c->block_size : POD_VHD_BLOCK_DEFAULT;
	uint8_t footer[512];
	if (!c->size_bytes || c->size_bytes & 511 || c->size_bytes > POD_VHD_SIZE_MAX)
		return pod_fail(diag, POD_E_INVALID, "disk size", 0, POD_VHD_SIZE_MAX, c->size_bytes);
	if (block < 65536 || block > POD_VHD_BLOCK_MAX || block & (block - 1))
		return pod_fail(diag, POD_E_INVALID, "block size", 0, POD_VHD_BLOCK_DEFAULT, block);
	uint32_t shift = 16;
	while (1u << shift != block)
		shift++;
	if ((c->size_bytes + block - 1) >> shift > POD_VHD_BLOCKS_MAX || (c->fixed && c->parent))
		return pod_fail(diag, POD_E_INVALID, "block size", 0, POD_VHD_BLOCK_DEFAULT, block);
	if (f->dev->size_bytes)
		return POD_E_EXISTS;
	build_footer(footer, c, env);
	pod_put_be32(footer + 64, pod_vhd_checksum(footer, 512, 64));
	if (c->fixed) {
		POD_TRY(pod_vfile_resize(f, c->size_bytes + 512));
		return pod_dev_write(f->dev, c->size_bytes, footer, 512);
	}
	uint8_t *buf = a->alloc(a, 65536);
	if (!buf)
		return POD_E_NOMEM;
	enum pod_status st = format_sparse(f, c, buf, footer);
	pod_free(a, buf);
	return st;
}

/* --- headers that change -------------------------------------------------------------------------------- */

/* Both footers: the one at the end is what counts from then on. */
static enum pod_status switch_footer(struct pod_vhd *v)
{
	struct pod_dev *dev = v->file->dev;
	POD_TRY(vhd_file_flush(v));
	pod_put_be32(v->footer + 24, timestamp(v->env));
	POD_TRY(vhd_footer_at(v, dev->size_bytes - 512));
	POD_TRY(vhd_file_flush(v));
	POD_TRY(vhd_footer_at(v, 0));
	v->footer_ok = v->copy_ok = true;
	return vhd_file_flush(v);
}

/* A new header behind the data, with room for the paths (and `extra` bytes before it). */
static enum pod_status move_header(struct pod_vhd *v, uint8_t *h, const struct pod_parent_spec *p, uint64_t bat_off,
				   uint32_t entries)
{
	uint8_t *text = h + 1024;
	uint64_t place;
	POD_TRY(vhd_extend(v, (p ? 2 * TEXT_ROOM : 0) + 1024, &place));
	if (p) {
		POD_TRY(put_parent(h, p, text, place));
		POD_TRY(pod_dev_write(v->file->dev, place, text, 2 * TEXT_ROOM));
		place += 2 * TEXT_ROOM;
	}
	seal_header(h, bat_off, entries, 1u << v->block_shift);
	POD_TRY(pod_dev_write(v->file->dev, place, h, 1024));
	pod_put_be64(v->footer + 16, place);
	v->header_off = place;
	v->bat_off = bat_off;
	v->entries = entries;
	return POD_OK;
}

/* The table once more, longer, behind the data. */
static enum pod_status move_table(struct pod_vhd *v, uint8_t *buf, uint32_t entries, uint64_t *bat_off)
{
	uint64_t len = ((uint64_t)entries * 4 + 511) & ~511ull, old = ((uint64_t)v->entries * 4 + 511) & ~511ull;
	POD_TRY(vhd_extend(v, len, bat_off));
	POD_TRY(fill_table(v->file, *bat_off, *bat_off + len, buf, 4096));
	for (uint64_t at = 0; at < old; at += 512) {
		size_t used = (size_t)pod_min_u64(512, (uint64_t)v->entries * 4 - at); /* what pads it is not to be copied */
		POD_TRY(pod_dev_read(v->file->dev, v->bat_off + at, buf, 512));
		memset(buf + used, 0xff, 512 - used);
		POD_TRY(pod_dev_write(v->file->dev, *bat_off + at, buf, 512));
	}
	return POD_OK;
}

static enum pod_status grow_fixed(struct pod_vhd *v, uint64_t size)
{
	uint64_t old = v->size_bytes;
	POD_TRY(pod_vfile_resize(v->file, size + 512));
	put_size(v->footer, size);
	POD_TRY(vhd_footer_at(v, size));
	POD_TRY(vhd_file_flush(v));
	POD_TRY(pod_vfile_zero(v->file, old, 512)); /* the old footer is data now */
	v->size_bytes = size;
	return vhd_file_flush(v);
}

static enum pod_status grow_sparse(struct pod_vhd *v, uint64_t size, uint8_t *buf)
{
	uint64_t blocks = (size + ((1ull << v->block_shift) - 1)) >> v->block_shift, bat_off = v->bat_off;
	if (blocks > POD_VHD_BLOCKS_MAX)
		return POD_E_LIMIT;
	if (blocks > v->entries) {
		POD_TRY(move_table(v, buf, (uint32_t)blocks, &bat_off));
		POD_TRY(pod_dev_read(v->file->dev, v->header_off, buf, 1024));
		POD_TRY(move_header(v, buf, NULL, bat_off, (uint32_t)blocks));
	}
	put_size(v->footer, size);
	POD_TRY(switch_footer(v));
	v->size_bytes = size;
	return POD_OK;
}

enum pod_status pod_vhd_grow(struct pod_vhd *v, uint64_t size)
{
	if (!v->writable)
		return POD_E_READONLY;
	if (size < v->size_bytes || size & 511 || size > POD_VHD_SIZE_MAX)
		return POD_E_INVALID;
	if (size == v->size_bytes)
		return POD_OK;
	POD_TRY(pod_vhd_flush(v));
	if (v->type == POD_VHD_FIXED)
		return grow_fixed(v, size);
	uint8_t *buf = v->alloc->alloc(v->alloc, 4096);
	if (!buf)
		return POD_E_NOMEM;
	v->failed = true;
	enum pod_status st = grow_sparse(v, size, buf);
	v->failed = st != POD_OK;
	pod_free(v->alloc, buf);
	return st;
}

/* The footer in the middle of what is given up counts when the file ends behind it. */
static enum pod_status shrink_fixed(struct pod_vhd *v, uint64_t size)
{
	put_size(v->footer, size);
	POD_TRY(vhd_footer_at(v, size));
	POD_TRY(vhd_file_flush(v));
	POD_TRY(pod_vfile_resize(v->file, size + 512));
	v->size_bytes = size;
	return vhd_file_flush(v);
}

static enum pod_status shrink_sparse(struct pod_vhd *v, uint64_t size, uint8_t *buf)
{
	uint64_t blocks = (size + ((1ull << v->block_shift) - 1)) >> v->block_shift;
	for (uint64_t b = blocks; b < v->entries; b++)
		POD_TRY(vhd_entry_set(v, b, 0xffffffffu));
	POD_TRY(pod_vhd_flush(v));
	if (blocks < v->entries) {
		POD_TRY(pod_dev_read(v->file->dev, v->header_off, buf, 1024));
		POD_TRY(move_header(v, buf, NULL, v->bat_off, (uint32_t)blocks));
	}
	put_size(v->footer, size);
	POD_TRY(switch_footer(v));
	v->size_bytes = size;
	return POD_OK;
}

enum pod_status pod_vhd_shrink(struct pod_vhd *v, uint64_t size)
{
	if (!v->writable)
		return POD_E_READONLY;
	if (!size || size > v->size_bytes || size & 511 || v->type == POD_VHD_DIFFERENCING)
		return POD_E_INVALID;
	if (size == v->size_bytes)
		return POD_OK;
	POD_TRY(pod_vhd_flush(v));
	uint8_t *buf = v->alloc->alloc(v->alloc, 1024);
	if (!buf)
		return POD_E_NOMEM;
	enum pod_status st = v->type == POD_VHD_FIXED ? shrink_fixed(v, size) : shrink_sparse(v, size, buf);
	v->failed = st != POD_OK;
	pod_free(v->alloc, buf);
	return st;
}

enum pod_status pod_vhd_set_parent(struct pod_vhd *v, const struct pod_parent_spec *p)
{
	if (!v->writable)
		return POD_E_READONLY;
	if (v->type != POD_VHD_DIFFERENCING)
		return POD_E_INVALID;
	POD_TRY(pod_vhd_flush(v));
	uint8_t *buf = v->alloc->alloc(v->alloc, 1024 + 2 * TEXT_ROOM);
	if (!buf)
		return POD_E_NOMEM;
	enum pod_status st = pod_dev_read(v->file->dev, v->header_off, buf, 1024);
	if (st == POD_OK)
		st = move_header(v, buf, p, v->bat_off, v->entries);
	if (st == POD_OK)
		st = switch_footer(v);
	if (st != POD_OK)
		v->failed = true;
	pod_free(v->alloc, buf);
	return st;
}
