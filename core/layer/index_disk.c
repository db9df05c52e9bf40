/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of a layer store's index, little-endian (doc/FORMATS/layer-store.md). A slot:
 *   +0 8 "PODLAYR1"  +8 4 CRC-32C of the first `length` bytes, this field taken as 0  +12 4 length in bytes
 *   +16 8 sequence  +24 16 store id  +40 4 current  +44 4 locked  +48 4 serial  +52 4 count  +56 4 spare files
 *   wanted  +60 4 zeros, then `count` layers and spare files:
 *   +0 2 length  +2 2 flags  +4 4 id  +8 4 parent  +12 2 bytes of name  +14 2 bytes of file name  +16 16 DataWriteGuid
 *   +32 8 created  +40 8 frozen  +48 8 size  +56 8 length of the file  +64 32 SHA-256  +96 name, file name, zeros to 8
 */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/layer/index.h"

#define HEAD  64u
#define ENTRY 96u
static const char magic[9] = "PODLAYR1";

static uint32_t checksum(const uint8_t *p, size_t len)
{
	return pod_crc32c_without(p, len, 8);
}

static size_t put_entry(const struct pod_stored *e, uint8_t *p)
{
	size_t name = pod_strlen(e->name), file = pod_strlen(e->file);
	size_t len = (ENTRY + name + file + 7) & ~(size_t)7;
	memset(p, 0, len);
	pod_put_le16(p, (uint16_t)len);
	pod_put_le16(p + 2, (uint16_t)e->flags);
	pod_put_le32(p + 4, e->id);
	pod_put_le32(p + 8, e->parent);
	pod_put_le16(p + 12, (uint16_t)name);
	pod_put_le16(p + 14, (uint16_t)file);
	memcpy(p + 16, e->data_guid, 16);
	pod_put_le64(p + 32, (uint64_t)e->created);
	pod_put_le64(p + 40, (uint64_t)e->frozen);
	pod_put_le64(p + 48, e->size_bytes);
	pod_put_le64(p + 56, e->file_bytes);
	memcpy(p + 64, e->sha256, 32);
	memcpy(p + ENTRY, e->name, name);
	memcpy(p + ENTRY + name, e->file, file);
	return len;
}

enum pod_status pod_store_encode(const struct pod_store *s, uint8_t *buf, size_t *len)
{
	size_t at = HEAD;
	memset(buf, 0, HEAD);
	memcpy(buf, magic, 8);
	pod_put_le64(buf + 16, s->sequence);
	memcpy(buf + 24, s->id, 16);
	pod_put_le32(buf + 40, s->current);
	pod_put_le32(buf + 44, s->locked);
	pod_put_le32(buf + 48, s->serial);
	pod_put_le32(buf + 52, (uint32_t)(s->count + s->spares));
	pod_put_le32(buf + 56, s->spares_wanted);
	if (s->count + s->spares > POD_STORE_LAYERS)
		return POD_E_LIMIT;
	for (size_t i = 0; i < s->count + s->spares; i++) {
		if (at + ENTRY + POD_STORE_NAME_MAX + POD_STORE_FILE_MAX > POD_STORE_SLOT)
			return POD_E_LIMIT;
		at += put_entry(i < s->count ? &s->layer[i] : &s->spare[i - s->count], buf + at);
	}
	pod_put_le32(buf + 12, (uint32_t)at);
	pod_put_le32(buf + 8, checksum(buf, at));
	*len = at;
	return POD_OK;
}

/* --- reading -------------------------------------------------------------------------------------------- */

static enum pod_status get_entry(struct pod_stored *e, const uint8_t *p, size_t left, size_t *used)
{
	uint32_t id;
	memset(e, 0, sizeof *e);
	if (left < ENTRY)
		return POD_E_CORRUPT;
	size_t len = pod_get_le16(p), name = pod_get_le16(p + 12), file = pod_get_le16(p + 14);
	if (len > left || len < ENTRY + name + file || name >= POD_STORE_NAME_MAX || file >= POD_STORE_FILE_MAX)
		return POD_E_CORRUPT;
	e->flags = pod_get_le16(p + 2);
	e->id = pod_get_le32(p + 4);
	e->parent = pod_get_le32(p + 8);
	memcpy(e->data_guid, p + 16, 16);
	e->created = (int64_t)pod_get_le64(p + 32);
	e->frozen = (int64_t)pod_get_le64(p + 40);
	e->size_bytes = pod_get_le64(p + 48);
	e->file_bytes = pod_get_le64(p + 56);
	memcpy(e->sha256, p + 64, 32);
	memcpy(e->name, p + ENTRY, name);
	memcpy(e->file, p + ENTRY + name, file);
	/* A NUL in the middle would hide the rest. The file's name is one of a store: it leads nowhere else. */
	if (pod_strlen(e->name) != name || pod_strlen(e->file) != file || !pod_store_name_ok(e->file) ||
	    !pod_store_parse_file(e->file, NULL, &id) || id != e->id)
		return POD_E_CORRUPT;
	*used = len;
	return POD_OK;
}

static enum pod_status get_layers(struct pod_store *s, const uint8_t *buf, size_t len, uint32_t count, struct pod_diag *diag)
{
	size_t at = HEAD, used;
	for (uint32_t i = 0; i < count; i++) {
		struct pod_stored e;
		enum pod_status st = get_entry(&e, buf + at, len - at, &used);
		if (st == POD_OK)
			st = e.flags & POD_STORED_SPARE ? pod_store_add_spare(s, &e) : pod_store_add(s, &e);
		if (st == POD_E_NOMEM)
			return st;
		if (st != POD_OK)
			return pod_fail(diag, POD_E_CORRUPT, "layer of the index", at, count, i);
		at += used;
	}
	if ((s->current && !pod_store_find(s, s->current)) || (s->locked && !pod_store_find(s, s->locked)))
		return pod_fail(diag, POD_E_CORRUPT, "current layer", 40, s->count, s->current);
	return POD_OK;
}

enum pod_status pod_store_decode(struct pod_store *s, const uint8_t *buf, size_t len, struct pod_diag *diag)
{
	if (len < HEAD || memcmp(buf, magic, 8) != 0)
		return pod_fail(diag, POD_E_FORMAT, "magic of the index", 0, 1, 0);
	uint32_t used = pod_get_le32(buf + 12), count = pod_get_le32(buf + 52);
	if (used < HEAD || used > len)
		return pod_fail(diag, POD_E_CORRUPT, "length of the index", 12, len, used);
	if (checksum(buf, used) != pod_get_le32(buf + 8))
		return pod_fail(diag, POD_E_CORRUPT, "checksum of the index", 8, checksum(buf, used), pod_get_le32(buf + 8));
	if (count > POD_STORE_LAYERS)
		return pod_fail(diag, POD_E_CORRUPT, "layers of the index", 52, POD_STORE_LAYERS, count);
	s->sequence = pod_get_le64(buf + 16);
	memcpy(s->id, buf + 24, 16);
	s->current = pod_get_le32(buf + 40);
	s->locked = pod_get_le32(buf + 44);
	s->serial = pod_get_le32(buf + 48);
	s->spares_wanted = pod_get_le32(buf + 56);
	return get_layers(s, buf, used, count, diag);
}

/* --- the two slots -------------------------------------------------------------------------------------- */

static enum pod_status load_slot(struct pod_store *s, struct pod_dev *dev, unsigned slot, struct pod_diag *diag)
{
	uint8_t head[HEAD], *buf;
	uint64_t off = (uint64_t)slot * POD_STORE_SLOT;
	if (!pod_in_range(off, HEAD, dev->size_bytes))
		return pod_fail(diag, POD_E_FORMAT, "length of the index file", 0, POD_STORE_LEN, dev->size_bytes);
	POD_TRY(pod_dev_read(dev, off, head, HEAD));
	uint32_t len = pod_get_le32(head + 12);
	/* Nothing else is known of it but that it is no ruin. */
	if (memcmp(head, magic, 7) == 0 && head[7] > '1' && head[7] <= '9')
		return pod_fail(diag, POD_E_UNSUPPORTED, "version of the index", off + 7, 1, head[7] - '0');
	if (memcmp(head, magic, 8) != 0)
		return pod_fail(diag, POD_E_FORMAT, "magic of the index", off, 1, 0);
	if (len < HEAD || len > POD_STORE_SLOT || !pod_in_range(off, len, dev->size_bytes))
		return pod_fail(diag, POD_E_CORRUPT, "length of the index", off + 12, POD_STORE_SLOT, len);
	buf = s->alloc->alloc(s->alloc, len);
	if (!buf)
		return POD_E_NOMEM;
	enum pod_status st = pod_dev_read(dev, off, buf, len);
	if (st == POD_OK)
		st = pod_store_decode(s, buf, len, diag);
	pod_free(s->alloc, buf);
	return st;
}

enum pod_status pod_store_load(struct pod_store *s, struct pod_dev *dev, unsigned *slot, struct pod_diag *diag)
{
	struct pod_store two[2];
	struct pod_diag d[2] = {{0}, {0}};
	enum pod_status st[2];
	for (unsigned i = 0; i < 2; i++) {
		pod_store_init(&two[i], s->alloc);
		st[i] = load_slot(&two[i], dev, i, &d[i]);
	}
	unsigned pick = st[0] != POD_OK || (st[1] == POD_OK && two[1].sequence > two[0].sequence);
	/* Of two failures the one that says more. Beside a newer one even a sound slot is only what was true before. */
	if (st[0] == POD_E_UNSUPPORTED || st[1] == POD_E_UNSUPPORTED)
		pick = st[0] != POD_E_UNSUPPORTED;
	else if (st[0] != POD_OK && st[1] != POD_OK)
		pick = st[0] == POD_E_FORMAT;
	pod_store_fini(&two[pick ^ 1]);
	if (st[pick] != POD_OK) {
		pod_store_fini(&two[pick]);
		if (diag)
			*diag = d[pick];
		return st[pick];
	}
	*s = two[pick];
	*slot = pick;
	return POD_OK;
}

enum pod_status pod_store_save(struct pod_store *s, struct pod_dev *dev, unsigned *slot)
{
	uint8_t *buf = s->alloc->alloc(s->alloc, POD_STORE_SLOT);
	size_t len = 0;
	if (!buf)
		return POD_E_NOMEM;
	s->sequence++;
	enum pod_status st = pod_store_encode(s, buf, &len);
	if (st == POD_OK)
		st = pod_dev_write(dev, (uint64_t)(*slot ^ 1) * POD_STORE_SLOT, buf, len);
	if (st == POD_OK)
		st = pod_dev_flush(dev);
	if (st == POD_OK)
		*slot ^= 1;
	else
		s->sequence--;
	pod_free(s->alloc, buf);
	return st;
}
