/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors of a UDF volume made anew, for a virtual disk on which a file lies elsewhere. Fields: see udf.c and udf_volume.c. */
#include "core/fs/udf_int.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

enum { PARTITION_LENGTH = 192, ICB_FLAGS = 34, INFORMATION_LENGTH = 56, OBJECT_SIZE = 64 };

enum pod_status pod_udf_entry(struct pod_fs *fs, uint64_t entry_bytes, struct pod_udf_entry *out)
{
	const struct udf_mem *m = fs->priv_mem;
	struct udf_entry e;
	POD_TRY(udf_load_entry(fs, entry_bytes, &e));
	*out = (struct pod_udf_entry){
		.entry_bytes = entry_bytes,
		.extended = e.extended,
		.ad_kind = e.ad_kind,
		.ads_bytes = entry_bytes + e.ads,
		.ads_len = e.ads_len,
		.ads_max = fs->cluster_size - e.ads,
		.partition_number = m->partition[e.partition].number,
		.partition_start_bytes = m->partition[e.partition].start_bytes,
		.partition_length_bytes = m->partition[e.partition].length_bytes,
	};
	return POD_OK;
}

static uint64_t blocks_of(const struct pod_fs *fs, uint64_t bytes)
{
	const struct udf_mem *m = fs->priv_mem;
	return (bytes >> m->shift) + ((bytes & (fs->cluster_size - 1)) != 0);
}

/* Short descriptors for `len` bytes from `block` on; returns their length, 0 if there is no room. */
static uint32_t put_ads(uint8_t *p, uint32_t room, uint64_t block, uint64_t len, uint32_t shift)
{
	/* 4/14.14.1.1: 30 bits, and whole blocks in all but the last. */
	uint64_t piece = (UINT64_C(1) << 30) - (1u << shift);
	uint32_t used = 0;
	for (; len; used += 8) {
		uint64_t n = pod_min_u64(len, piece);
		if (room - used < 8)
			return 0;
		pod_put_le32(p + used, (uint32_t)n);
		pod_put_le32(p + used + 4, (uint32_t)block);
		block += piece >> shift;
		len -= n;
	}
	return used;
}

enum pod_status pod_udf_patch_entry(struct pod_fs *fs, const struct pod_udf_entry *e, uint64_t start, uint64_t len,
				    uint8_t *block)
{
	const struct udf_mem *m = fs->priv_mem;
	struct udf_entry is;
	if (!len || start < e->partition_start_bytes || (start - e->partition_start_bytes) & (fs->cluster_size - 1))
		return POD_E_INVALID;
	uint64_t first = (start - e->partition_start_bytes) >> m->shift, blocks = blocks_of(fs, len);
	if (!pod_in_range(first, blocks, UINT32_MAX))
		return POD_E_LIMIT;
	POD_TRY(udf_load_entry(fs, e->entry_bytes, &is));
	uint32_t ads = is.ads, room = fs->cluster_size - ads;
	memcpy(block, m->node, fs->cluster_size);
	memset(block + ads, 0, room);
	uint32_t used = put_ads(block + ads, room, first, len, m->shift);
	if (!used)
		return POD_E_LIMIT;
	block[ICB_FLAGS] = (uint8_t)((block[ICB_FLAGS] & ~7u) | POD_UDF_AD_SHORT);
	pod_put_le64(block + INFORMATION_LENGTH, len);
	if (is.extended)
		pod_put_le64(block + OBJECT_SIZE, len);
	pod_put_le64(block + (is.extended ? OBJECT_SIZE + 8 : OBJECT_SIZE), blocks); /* Logical Blocks Recorded */
	pod_put_le32(block + (is.extended ? 212 : 172), used);
	pod_put_le16(block + 10, (uint16_t)(ads + used - UDF_TAG));
	udf_tag_seal(block);
	return POD_OK;
}

enum pod_status pod_udf_patch_partition(struct pod_fs *fs, const struct pod_udf_entry *e, uint32_t which, uint64_t end,
					uint8_t *block, uint64_t *at)
{
	POD_TRY(udf_partition_descriptor(fs, which, e->partition_number, at));
	if (!*at)
		return POD_END;
	uint64_t blocks = blocks_of(fs, end - e->partition_start_bytes);
	if (end < e->partition_start_bytes || blocks > UINT32_MAX)
		return POD_E_LIMIT;
	POD_TRY(pod_dev_read(fs->dev, *at, block, fs->cluster_size));
	if (!udf_descriptor_is(block, fs->cluster_size, UDF_PARTITION, pod_get_le32(block + 12)))
		return POD_E_CHANGED; /* it was sound a moment ago */
	if (blocks > pod_get_le32(block + PARTITION_LENGTH))
		pod_put_le32(block + PARTITION_LENGTH, (uint32_t)blocks);
	udf_tag_seal(block);
	return POD_OK;
}

enum pod_status pod_udf_patch_anchor(struct pod_fs *fs, uint64_t at, uint8_t *block)
{
	const struct udf_mem *m = fs->priv_mem;
	if (at >> m->shift > UINT32_MAX || at & (fs->cluster_size - 1))
		return POD_E_LIMIT;
	memset(block, 0, fs->cluster_size);
	pod_put_le16(block, UDF_ANCHOR);
	pod_put_le16(block + 2, m->revision < 0x200 ? 2 : 3); /* 3/7.2.2: the edition of ECMA-167 */
	pod_put_le16(block + 10, 512 - UDF_TAG);
	pod_put_le32(block + 12, (uint32_t)(at >> m->shift));
	for (uint32_t i = 0; i < 2; i++) {
		pod_put_le32(block + 16 + 8 * i, m->sequence_bytes[i]);
		pod_put_le32(block + 20 + 8 * i, m->sequence[i].first);
	}
	udf_tag_seal(block);
	return POD_OK;
}
