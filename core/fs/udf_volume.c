/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDF: from the first bytes of a volume to its root directory. ECMA-167 (3rd edition, 1997; "part/clause") and OSTA UDF 1.02
 * to 2.60. All numbers are little-endian.
 *
 * Descriptor tag (3/7.2, 4/7.2), in front of every descriptor but those of the recognition sequence:
 *   +0   2  identifier                       +8   2  CRC of the bytes behind the tag
 *   +4   1  sum of the tag's other bytes     +10  2  how many of them the CRC covers
 *                                            +12  4  block in which the descriptor lies
 *
 * Volume recognition (2/9): 2048 bytes each from byte 32768, +1 5 identifier: CD001 (a bridge), BEA01, NSR02 or NSR03, TEA01.
 * Anchor (3/10.2) in sector 256, or 256 before the last, or the last: +16 8 main, +24 8 reserve sequence, each length and sector.
 * A sequence (3/8.4) holds, until a terminating descriptor or a sector that was never written:
 *   volume descriptor pointer (3/10.3)   +16 4 sequence number, +20 8 where the sequence goes on
 *   partition (3/10.5)                   +16 4 sequence number, +22 2 number, +188 4 first sector, +192 4 sectors
 *   logical volume (3/10.6)              +16 4 sequence number, +84 128 identifier, +212 4 block size, +240 2 UDF revision,
 *                                        +248 16 file set, +264 4 and +268 4 length and count of partition maps, +440 the maps:
 *                                        +0 1 type (1: +4 2 partition number; 2: +5 23 what it is), +1 1 length
 * Of two descriptors of one kind the one with the higher sequence number prevails.
 * File set (4/14.1), in the partition: +400 16 root directory.
 */
#include "core/fs/udf_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum {
	RECOGNITION_FIRST = 32768,
	RECOGNITION_SLOTS = 64,
	ANCHOR_SECTOR = 256,
	DESCRIPTOR = 512,      /* what an anchor is long, whatever the sector */
	SEQUENCE_MAX = 256,    /* sectors of a sequence that are looked at; mastered media have 16 */
	SEQUENCE_RUNS_MAX = 8, /* volume descriptor pointers followed */
	LVD_MAPS = 440,
};

static enum pod_status recognise(struct pod_fs *fs, struct pod_diag *diag)
{
	static const char known[][6] = {"CD001", "BEA01", "BOOT2", "CDW02", "NSR02", "NSR03"};
	for (uint64_t i = 0, at = RECOGNITION_FIRST; i < RECOGNITION_SLOTS; i++, at += UDF_SLOT) {
		uint8_t d[8];
		size_t k = 0;
		if (!pod_in_range(at, UDF_SLOT, fs->dev->size_bytes))
			break;
		POD_TRY(pod_dev_read(fs->dev, at, d, sizeof d));
		while (k < POD_ARRAY_LEN(known) && memcmp(d + 1, known[k], 5) != 0)
			k++;
		if (k >= 4 && k < POD_ARRAY_LEN(known))
			return POD_OK;
		/* With sectors of 4096 bytes every second slot is empty. */
		if (k == POD_ARRAY_LEN(known) && (i == 0 || !pod_all_zero(d, sizeof d)))
			break;
	}
	return pod_fail(diag, POD_E_FORMAT, "NSR Descriptor", RECOGNITION_FIRST, 0, 0);
}

/* POD_E_FORMAT: there is no anchor in this sector. */
static enum pod_status take_anchor(struct pod_fs *fs, uint32_t shift, uint64_t sector)
{
	struct udf_mem *m = fs->priv_mem;
	if (sector > UINT32_MAX || !pod_in_range(sector << shift, DESCRIPTOR, fs->dev->size_bytes))
		return POD_E_FORMAT;
	enum pod_status st = pod_dev_read(fs->dev, sector << shift, m->node, DESCRIPTOR);
	if (st != POD_OK)
		return st == POD_E_IO ? POD_E_FORMAT : st; /* there are others */
	if (!udf_descriptor_is(m->node, DESCRIPTOR, UDF_ANCHOR, (uint32_t)sector))
		return POD_E_FORMAT;
	m->shift = shift;
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t bytes = m->sequence_bytes[i] = pod_get_le32(m->node + 16 + 8 * i);
		m->sequence[i].first = pod_get_le32(m->node + 20 + 8 * i);
		m->sequence[i].count = (uint32_t)pod_min_u64((bytes + (1u << shift) - 1) >> shift, SEQUENCE_MAX);
	}
	return POD_OK;
}

/* Anchors lie in two of three places, and the sector size is known only by where one is. */
static enum pod_status find_anchor(struct pod_fs *fs, struct pod_diag *diag)
{
	static const uint8_t shifts[] = {11, 9, 12, 10};
	for (uint32_t place = 0; place < 3; place++)
		for (size_t i = 0; i < sizeof shifts; i++) {
			uint64_t sectors = fs->dev->size_bytes >> shifts[i], sector = ANCHOR_SECTOR;
			if (place == 1)
				sector = sectors > ANCHOR_SECTOR ? sectors - 1 - ANCHOR_SECTOR : 0;
			else if (place == 2)
				sector = sectors - 1;
			enum pod_status st = take_anchor(fs, shifts[i], sector);
			if (st != POD_E_FORMAT)
				return st;
		}
	return pod_fail(diag, POD_E_CORRUPT, "Anchor Volume Descriptor Pointer", ANCHOR_SECTOR * UDF_SLOT, UDF_ANCHOR, 0);
}

/* --- a volume descriptor sequence ------------------------------------------------------------------------------------------- */

struct found_partition {
	uint16_t number;
	uint32_t sequence, first, count;
	uint64_t at; /* of the descriptor */
};

struct found {
	bool volume; /* the prevailing Logical Volume Descriptor is in udf_mem.block */
	uint32_t volume_sequence;
	uint64_t volume_at;
	uint32_t partitions;
	struct found_partition partition[UDF_PARTITION_MAX];
};

static void take_partition(struct found *f, const uint8_t *d, uint64_t at)
{
	struct found_partition p = {pod_get_le16(d + 22), pod_get_le32(d + 16), pod_get_le32(d + 188), pod_get_le32(d + 192), at};
	uint32_t i = 0;
	while (i < f->partitions && f->partition[i].number != p.number)
		i++;
	if (i == UDF_PARTITION_MAX || (i < f->partitions && f->partition[i].sequence > p.sequence))
		return;
	f->partitions += i == f->partitions;
	f->partition[i] = p;
}

/* Looks at the sectors of one run; *next is where the sequence goes on, count 0 if it does not. */
static enum pod_status scan_run(struct pod_fs *fs, const struct udf_run *run, struct found *f, struct udf_run *next)
{
	struct udf_mem *m = fs->priv_mem;
	uint32_t size = 1u << m->shift, next_sequence = 0;
	*next = (struct udf_run){0, 0};
	m->node_valid = false;
	for (uint32_t i = 0; i < run->count && run->first <= UINT32_MAX - i; i++) {
		uint64_t at = (uint64_t)(run->first + i) << m->shift;
		if (!pod_in_range(at, size, fs->dev->size_bytes))
			break;
		enum pod_status st = pod_dev_read(fs->dev, at, m->node, size);
		if (st == POD_E_IO)
			break; /* the other sequence may be readable */
		if (st != POD_OK)
			return st;
		uint16_t id = pod_get_le16(m->node);
		if (id == UDF_TERMINATING || pod_all_zero(m->node, UDF_TAG))
			break;
		if (!udf_descriptor_is(m->node, size, id, run->first + i))
			continue;
		uint32_t sequence = pod_get_le32(m->node + 16);
		if (id == UDF_PARTITION) {
			take_partition(f, m->node, at);
		} else if (id == UDF_LOGICAL_VOLUME && (!f->volume || sequence >= f->volume_sequence)) {
			memcpy(m->block, m->node, size);
			f->volume = true;
			f->volume_sequence = sequence;
			f->volume_at = at;
		} else if (id == UDF_VOLUME_POINTER && (!next->count || sequence >= next_sequence)) {
			next_sequence = sequence;
			next->first = pod_get_le32(m->node + 24);
			next->count = (uint32_t)pod_min_u64(pod_get_le32(m->node + 20) >> m->shift, SEQUENCE_MAX);
		}
	}
	return POD_OK;
}

static enum pod_status scan_sequence(struct pod_fs *fs, const struct udf_run *first, struct found *f)
{
	struct udf_run run = *first, next;
	memset(f, 0, sizeof *f);
	for (uint32_t i = 0; run.count && i < SEQUENCE_RUNS_MAX; i++, run = next)
		POD_TRY(scan_run(fs, &run, f, &next));
	return POD_OK;
}

/* The n-th partition map is of partition `number`. */
static enum pod_status add_partition(struct pod_fs *fs, const struct found *f, uint16_t number, uint64_t at,
				     struct pod_diag *diag)
{
	struct udf_mem *m = fs->priv_mem;
	uint32_t i = 0;
	while (i < f->partitions && f->partition[i].number != number)
		i++;
	if (i == f->partitions)
		return pod_fail(diag, POD_E_CORRUPT, "Partition Descriptor", at, number, 0);
	if (m->partitions == UDF_PARTITION_MAX)
		return pod_fail(diag, POD_E_LIMIT, "Number of Partition Maps", at, UDF_PARTITION_MAX, m->partitions);
	struct udf_partition *p = &m->partition[m->partitions++];
	p->number = number;
	p->start_bytes = (uint64_t)f->partition[i].first << m->shift;
	p->length_bytes = (uint64_t)f->partition[i].count << m->shift;
	if (p->start_bytes + p->length_bytes > fs->total_bytes)
		fs->total_bytes = p->start_bytes + p->length_bytes;
	return POD_OK;
}

/* UDF 2.2.8 to 2.2.10: where a block lies is not where it says. */
static const char *special_partition(const uint8_t *map, uint32_t len)
{
	static const struct {
		char id[24];
		const char *what;
	} known[] = {
		{"*UDF Virtual Partition", "Virtual Partition Map (VAT)"},
		{"*UDF Sparable Partition", "Sparable Partition Map"},
		{"*UDF Metadata Partition", "Metadata Partition Map"},
	};
	for (size_t i = 0; i < POD_ARRAY_LEN(known) && len >= 28; i++)
		if (memcmp(map + 5, known[i].id, pod_strlen(known[i].id)) == 0)
			return known[i].what;
	return "Partition Map Type";
}

static enum pod_status take_maps(struct pod_fs *fs, const struct found *f, struct pod_diag *diag)
{
	struct udf_mem *m = fs->priv_mem;
	const uint8_t *d = m->block;
	uint32_t at = LVD_MAPS, len = pod_get_le32(d + 264), count = pod_get_le32(d + 268);
	if (len > (1u << m->shift) - LVD_MAPS)
		return pod_fail(diag, POD_E_CORRUPT, "Map Table Length", f->volume_at + 264, (1u << m->shift) - LVD_MAPS, len);
	m->partitions = 0;
	fs->total_bytes = 0;
	for (uint32_t end = at + len; count; count--) {
		uint32_t map_len = end - at >= 6 ? d[at + 1] : 0;
		if (map_len < 6 || map_len > end - at)
			return pod_fail(diag, POD_E_CORRUPT, "Partition Map Length", f->volume_at + at + 1, 6, map_len);
		if (d[at] != 1)
			return pod_fail(diag, POD_E_UNSUPPORTED, special_partition(d + at, map_len), f->volume_at + at, 1, d[at]);
		POD_TRY(add_partition(fs, f, pod_get_le16(d + at + 4), f->volume_at + at, diag));
		at += map_len;
	}
	return POD_OK;
}

/* What one sequence says of the volume. */
static enum pod_status take_volume(struct pod_fs *fs, const struct udf_run *run, struct pod_diag *diag)
{
	struct udf_mem *m = fs->priv_mem;
	const uint8_t *d = m->block;
	struct found f;
	POD_TRY(scan_sequence(fs, run, &f));
	if (!f.volume)
		return pod_fail(diag, POD_E_CORRUPT, "Logical Volume Descriptor", (uint64_t)run->first << m->shift,
				UDF_LOGICAL_VOLUME, 0);
	if (pod_get_le32(d + 212) != 1u << m->shift)
		return pod_fail(diag, POD_E_CORRUPT, "Logical Block Size", f.volume_at + 212, 1u << m->shift,
				pod_get_le32(d + 212));
	m->revision = pod_get_le16(d + 240);
	/* A dstring's last byte says how many are in use. */
	if (!udf_name(d + 84, d[84 + 127] < 128 ? d[84 + 127] : 127, fs->label, sizeof fs->label))
		fs->label[0] = 0;
	return take_maps(fs, &f, diag);
}

static enum pod_status take_file_set(struct pod_fs *fs, struct pod_diag *diag)
{
	struct udf_mem *m = fs->priv_mem;
	struct pod_node set;
	uint32_t block = pod_get_le32(m->block + 252), size = 1u << m->shift;
	enum pod_status st = udf_icb_node(fs, m->block + 248, &set);
	if (st == POD_OK)
		st = pod_dev_read(fs->dev, set.entry_bytes, m->node, size);
	if (st == POD_OK && !udf_descriptor_is(m->node, size, UDF_FILE_SET, block))
		st = POD_E_CORRUPT;
	if (st != POD_OK)
		return pod_fail(diag, st, "File Set Descriptor", set.entry_bytes, UDF_FILE_SET, pod_get_le16(m->node));
	st = udf_icb_node(fs, m->node + 400, &m->root);
	if (st == POD_OK)
		st = udf_complete(fs, &m->root);
	if (st == POD_OK && !m->root.is_dir)
		st = POD_E_CORRUPT;
	return st == POD_OK ? st : pod_fail(diag, st, "File Entry of the root directory", m->root.entry_bytes, UDF_FILE_ENTRY, 0);
}

enum pod_status udf_volume_open(struct pod_fs *fs, struct pod_diag *diag)
{
	struct udf_mem *m = fs->priv_mem;
	struct pod_diag again;
	POD_TRY(recognise(fs, diag));
	POD_TRY(find_anchor(fs, diag));
	fs->cluster_size = 1u << m->shift;
	enum pod_status st = take_volume(fs, &m->sequence[0], diag);
	/* Of a damaged volume what is wrong with the main sequence is worth saying. */
	if (st == POD_E_CORRUPT && take_volume(fs, &m->sequence[1], &again) == POD_OK)
		st = POD_OK;
	if (st == POD_OK)
		st = take_file_set(fs, diag);
	return st;
}

enum pod_status udf_partition_descriptor(struct pod_fs *fs, uint32_t which, uint16_t number, uint64_t *at)
{
	struct udf_mem *m = fs->priv_mem;
	struct found f;
	*at = 0;
	POD_TRY(scan_sequence(fs, &m->sequence[which], &f));
	for (uint32_t i = 0; i < f.partitions; i++)
		if (f.partition[i].number == number)
			*at = f.partition[i].at;
	return POD_OK;
}
