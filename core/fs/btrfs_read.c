/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of Btrfs' files. What is packed is unpacked as a whole, up to 128 KiB, and kept until something else is. LZO:
 *   +0 4 length of all, then segments of a sector each: +0 4 length packed, +4 LZO1X; no length crosses the end of a sector.
 */
#include "core/base/bytes.h"
#include "core/base/inflate.h"
#include "core/base/unpack.h"
#include "core/base/zstd.h"
#include "core/fs/btrfs_int.h"

enum { ZLIB = 1, LZO, ZSTD };

struct btrfs_unpacking {
	uint64_t logical; /* of what is in `out`; 0: nothing */
	size_t len;
	union {
		struct pod_inflate zlib;
		struct pod_zstd zstd;
	};
	uint8_t in[BTRFS_PACKED_MAX], out[BTRFS_PACKED_MAX];
};

static enum pod_status unpack_lzo(const uint8_t *in, size_t in_len, uint32_t sector, uint8_t *out, size_t max, size_t *out_len)
{
	size_t all = in_len < 4 ? 0 : pod_get_le32(in), at = 4;
	*out_len = 0;
	if (all < 4 || all > in_len)
		return POD_E_CORRUPT;
	while (at < all && *out_len < max) {
		size_t rest = sector - (at & (sector - 1));
		if (rest < 4)
			at += rest;
		if (all < at || all - at < 4)
			break;
		size_t n = pod_get_le32(in + at);
		at += 4;
		if (n > all - at)
			return POD_E_CORRUPT;
		size_t room = max - *out_len < sector ? max - *out_len : sector;
		*out_len += pod_unpack_lzo1x(in + at, n, out + *out_len, room);
		at += n;
	}
	return POD_OK;
}

static enum pod_status unpack(const struct pod_btrfs *v, const struct btrfs_piece *p, const uint8_t *in)
{
	struct btrfs_unpacking *u = v->unpacking;
	size_t in_len = (size_t)p->packed_len, max = (size_t)p->unpacked_len;
	enum pod_status st = POD_E_UNSUPPORTED;
	u->logical = 0;
	if (p->packing == ZLIB)
		st = pod_inflate_zlib(&u->zlib, in, in_len, u->out, max, &u->len);
	else if (p->packing == LZO)
		st = unpack_lzo(in, in_len, v->sector_size, u->out, max, &u->len);
	else if (p->packing == ZSTD)
		st = pod_zstd_unpack(&u->zstd, in, in_len, u->out, max, &u->len);
	POD_TRY(st);
	memset(u->out + u->len, 0, max - u->len);
	u->logical = p->logical;
	return POD_OK;
}

/* Has what the piece is a part of in v->unpacking->out. */
static enum pod_status unpacked(struct pod_fs *fs, const struct btrfs_piece *p)
{
	struct pod_btrfs *v = btrfs_of(fs);
	const struct btrfs_chunk *c;
	if (p->packed_len > BTRFS_PACKED_MAX || p->unpacked_len > BTRFS_PACKED_MAX)
		return POD_E_CORRUPT;
	if (!v->unpacking) {
		v->unpacking = fs->alloc->alloc(fs->alloc, sizeof *v->unpacking);
		if (!v->unpacking)
			return POD_E_NOMEM;
		v->unpacking->logical = 0;
	}
	if (p->kind == BTRFS_INLINE)
		return unpack(v, p, p->data);
	if (p->logical == v->unpacking->logical)
		return POD_OK;
	POD_TRY(btrfs_place(fs, p->logical, p->packed_len, &c));
	POD_TRY(pod_dev_read(fs->dev, btrfs_at(c, p->logical, 0), v->unpacking->in, (size_t)p->packed_len));
	return unpack(v, p, v->unpacking->in);
}

/* `len` bytes of a piece from `in` on. */
static enum pod_status read_piece(struct pod_fs *fs, const struct btrfs_piece *p, uint64_t in, uint8_t *buf, size_t len)
{
	const struct btrfs_chunk *c;
	if (p->packing) {
		POD_TRY(unpacked(fs, p));
		memcpy(buf, btrfs_of(fs)->unpacking->out + p->offset + in, len);
		return POD_OK;
	}
	if (p->kind == BTRFS_INLINE) {
		memcpy(buf, p->data + in, len);
		return POD_OK;
	}
	if (!p->logical) {
		memset(buf, 0, len);
		return POD_OK;
	}
	POD_TRY(btrfs_place(fs, p->logical + p->offset + in, len, &c));
	return pod_dev_read(fs->dev, btrfs_at(c, p->logical + p->offset + in, 0), buf, len);
}

enum pod_status btrfs_read(struct pod_fs *fs, const struct pod_node *file, uint64_t off, void *buf, size_t len)
{
	uint8_t *out = buf;
	while (len) {
		struct btrfs_piece p;
		size_t n = len;
		enum pod_status st = btrfs_piece(fs, file, off, &p);
		if (st != POD_OK && st != POD_END)
			return st;
		if (st == POD_OK && p.from <= off) {
			n = (size_t)pod_min_u64(n, p.len - (off - p.from));
			POD_TRY(read_piece(fs, &p, off - p.from, out, n));
		} else {
			if (st == POD_OK)
				n = (size_t)pod_min_u64(n, p.from - off);
			memset(out, 0, n);
		}
		out += n, off += n, len -= n;
	}
	return POD_OK;
}

enum pod_status btrfs_readlink(struct pod_fs *fs, const struct pod_node *n, char *buf, size_t size)
{
	struct btrfs_piece p;
	if (n->size_bytes >= size)
		return POD_E_LIMIT;
	enum pod_status st = btrfs_piece(fs, n, 0, &p);
	if (st != POD_OK || p.kind != BTRFS_INLINE || p.len < n->size_bytes)
		return st == POD_OK || st == POD_END ? POD_E_CORRUPT : st;
	POD_TRY(read_piece(fs, &p, 0, (uint8_t *)buf, (size_t)n->size_bytes));
	buf[n->size_bytes] = 0;
	return POD_OK;
}
