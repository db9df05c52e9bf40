/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A further file in the root directory of ISO 9660 and Joliet, where that has room for its record: records do not cross sectors (ECMA-119 clause
 * 9.1), so that most sectors end with bytes that no record uses. Records are to be sorted by their names (9.3), which this one is not: nobody
 * who loads a kernel relies on that.
 *
 * With Rock Ridge the record has a name there (NM) and is a file (PX, of RRIP 1.10: 36 bytes).
 */
#include "core/fs/iso9660_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum {
	RECORD = 33, /* what is in front of the identifier */
	FLAG_MORE = 0x80,
	SECTORS_MAX = 4096, /* of a root directory that are looked at */
	NM = 5,
	PX = 36,
	FILE_MODE = 0100444,
};

static void put_both32(uint8_t *p, uint32_t v)
{
	pod_put_le32(p, v);
	pod_put_be32(p + 4, v);
}

/* "NAME.EXT;1"; in Joliet in its characters, and, as xorriso has it, without a version. */
static size_t put_identifier(bool joliet, const char *name, uint8_t *out)
{
	size_t n = 0;
	for (const char *end = joliet ? "" : ";1"; *name || *end;) {
		char c = *name ? *name++ : *end++;
		if (joliet)
			out[n++] = 0;
		else if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		out[n++] = (uint8_t)c;
	}
	return n;
}

static size_t put_rock_ridge(size_t skip, const char *name, uint8_t *out)
{
	size_t len = pod_strlen(name);
	memset(out, 0, skip);
	uint8_t *px = out + skip, *nm = px + PX;
	memcpy(px, "PX\x24\x01", 4);
	put_both32(px + 4, FILE_MODE);
	put_both32(px + 12, 1);
	put_both32(px + 20, 0);
	put_both32(px + 28, 0);
	memcpy(nm, "NM", 2);
	nm[2] = (uint8_t)(NM + len);
	nm[3] = 1;
	nm[4] = 0;
	memcpy(nm + NM, name, len);
	return skip + PX + NM + len;
}

/* All of it but where the data lie, and when. */
static size_t make(const struct pod_fs *fs, const char *name, uint8_t out[ISO_RECORD_MAX])
{
	bool joliet = fs->priv[ISO_P_FLAGS] & POD_ISO_IS_JOLIET;
	size_t skip = (size_t)fs->priv[ISO_P_SKIP],
	       most = RECORD + 2 * (pod_strlen(name) + 2) + 2 + skip + PX + NM + pod_strlen(name);
	if (most > ISO_RECORD_MAX)
		return 0;
	memset(out, 0, ISO_RECORD_MAX);
	out[28] = out[31] = 1; /* the volume of the set, in both byte orders */
	out[32] = (uint8_t)put_identifier(joliet, name, out + RECORD);
	size_t len = RECORD + out[32];
	len += len & 1;
	if (fs->priv[ISO_P_FLAGS] & POD_ISO_ROCK_RIDGE)
		len += put_rock_ridge(skip, name, out + len);
	len += len & 1;
	out[0] = (uint8_t)len;
	return len;
}

struct walk {
	const uint8_t *record; /* that is to have room */
	size_t len;
	uint32_t in; /* where, in the sector */
	bool there;  /* one of this name */
};

/* Behind the last record of a sector; of a file with further records these have to follow at once. */
static bool has_room(struct walk *w, const uint8_t *sector, size_t end)
{
	size_t in = 0;
	bool more = false;
	while (in < end && sector[in]) {
		const uint8_t *r = sector + in;
		if (r[0] <= RECORD || in + r[0] > end)
			return false;
		more = r[25] & FLAG_MORE;
		w->there |=
			r[32] == w->record[32] && RECORD + r[32] <= r[0] && memcmp(r + RECORD, w->record + RECORD, r[32]) == 0;
		in += r[0];
	}
	w->in = (uint32_t)in;
	return in && !more && w->len <= end - in;
}

/* POD_END: nowhere. */
static enum pod_status find_room(struct pod_fs *fs, struct walk *w, uint64_t *at)
{
	struct iso_mem *m = fs->priv_mem;
	uint64_t start = fs->priv[ISO_P_ROOT], size = fs->priv[ISO_P_ROOT_LEN];
	bool found = false;
	if (start % ISO_SECTOR || !pod_in_range(start, size, fs->dev->size_bytes) || size > SECTORS_MAX * (uint64_t)ISO_SECTOR)
		return POD_END;
	m->sector_valid = false;
	for (uint64_t off = 0; off < size; off += ISO_SECTOR) {
		size_t end = (size_t)pod_min_u64(ISO_SECTOR, size - off);
		POD_TRY(pod_budget_spend(fs->dev->budget, 1, 0));
		POD_TRY(pod_dev_read(fs->dev, start + off, m->sector, end));
		if (!off)
			memcpy(m->first, m->sector, RECORD);
		if (!has_room(w, m->sector, end) || found)
			continue;
		*at = start + off + w->in;
		found = true;
	}
	return found && !w->there ? POD_OK : POD_END;
}

enum pod_status pod_iso9660_add(struct pod_fs *fs, const char *name, uint64_t start, uint64_t len,
				uint8_t out[POD_ISO_RECORD_MAX], size_t *out_len, uint64_t *at)
{
	struct iso_mem *m = fs->priv_mem;
	struct walk w = {.record = out, .len = make(fs, name, out)};
	if (!w.len || fs->cluster_size != ISO_SECTOR || start % ISO_SECTOR || start / ISO_SECTOR > UINT32_MAX || len > UINT32_MAX)
		return POD_END;
	POD_TRY(find_room(fs, &w, at));
	put_both32(out + 2, (uint32_t)(start / ISO_SECTOR));
	put_both32(out + 10, (uint32_t)len);
	memcpy(out + 18, m->first + 18, 7);			    /* as old as the folder */
	*out_len = w.len + (*at % ISO_SECTOR + w.len < ISO_SECTOR); /* with the zero that ends the sector */
	return POD_OK;
}
