/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The format is told in ext_int.h, what this is about in ext_used.h. Beside that, of the superblock: +0x3A 2 state (1 unmounted, 2 errors), +0xE0 4 the
 * journal's inode, +0xE4 4 device of a journal elsewhere.
 *
 * The journal (Documentation/filesystems/ext4, "Journal (jbd2)"; numbers are big-endian), in blocks of the volume's size; each but those of the
 * log's data begins with +0 4 C03B3998h, +4 4 type, +8 4 transaction:
 *
 *   superblock, the first one: types 3 and 4   +0x0C 4 bytes of a block   +0x10 4 blocks   +0x14 4 first of the log   +0x18 4 first transaction
 *                                              +0x1C 4 where it begins, 0: nothing is in the log   +0x28 4 incompatible features, of type 4
 *   descriptor: type 1                         tags from +12 on, each for one block of data behind it
 *   commit: type 2; revoked blocks: type 5     no data
 *
 * Tag: +0 4 block, +6 2 flags (1: its first four bytes were C03B3998h and are zeros here; 2: no 16 bytes of a UUID behind it; 8: the last one);
 * 8 bytes, 2 more with checksums of version 2, 4 more (+8, the block's upper half) with 64-bit numbers; of version 3 16 bytes always, +8 as before.
 * With either the last 4 bytes of a descriptor are not tags. The log ends where a block is not of the transaction that comes next; behind its last block
 * comes its first.
 */
#include "core/fs/ext_used.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/sort.h"
#include "core/fs/ext_int.h"

enum { SUPER_AT = 1024, SUPER = 1024, LINES = 16, LINE = 4096, GROUPS_MAX = 1 << 16 };
enum { STATE_CLEAN = 1, STATE_ERRORS = 2 };
enum { JOURNAL_SHIFT = 24, JOURNAL_BLOCKS_MAX = 1 << 23 };
enum { TYPE_DESCRIPTOR = 1, TYPE_COMMIT = 2, TYPE_SUPER_1 = 3, TYPE_SUPER_2 = 4, TYPE_REVOKE = 5 };
enum { J_REVOKE = 1, J_64BIT = 2, J_ASYNC = 4, J_SUM_2 = 8, J_SUM_3 = 16, J_KNOWN = 31, J_HEADER = 12, J_SUPER = 1024 };
enum { TAG_ESCAPED = 1, TAG_NO_UUID = 2, TAG_LAST = 8, UUID = 16 };
/* Of a group: some version of its descriptor says that its bitmap counts; some other that it was never written. */
enum { GROUP_READ = 1, GROUP_OWN = 2 };

#define JOURNAL_MAGIC UINT32_C(0xC03B3998)
/* Not lazy_bg, exclude bitmaps, fast_commit (which logs what is in no bitmap). */
#define KNOWN_COMPAT UINT32_C(0x1A3F)
/* Not compression. What else nobody knows, ext.c refuses. */
#define REFUSED_INCOMPAT (uint32_t) EXT_INCOMPAT_COMPRESSION
/* Not has_snapshot, replica, shared_blocks. */
#define KNOWN_RO UINT32_C(0x1B77F)
/* What a log may change of them: large_file, orphan_present. */
#define LOOSE_RO UINT32_C(0x10002)

/* --- the superblock ----------------------------------------------------------------------------------------- */

static bool features_known(const uint8_t *sb)
{
	return pod_get_le16(sb + 0x38) == 0xEF53 && !(pod_get_le32(sb + 0x5C) & ~KNOWN_COMPAT) &&
	       !(pod_get_le32(sb + 0x60) & REFUSED_INCOMPAT) && !(pod_get_le32(sb + 0x64) & ~KNOWN_RO) &&
	       !(pod_get_le16(sb + 0x3A) & STATE_ERRORS);
}

/* Would the volume still be laid out as it is, by a version of its superblock in the log? */
static bool same_layout(const uint8_t *a, const uint8_t *b)
{
	static const struct {
		uint16_t at, len;
	} field[] = {{0, 8},	{0x14, 24}, {0x4C, 4},	{0x58, 2},  {0xCE, 2},
		     {0xE0, 8}, {0xFE, 2},  {0x104, 4}, {0x150, 4}, {0x24C, 8}};
	for (size_t i = 0; i < POD_ARRAY_LEN(field); i++)
		if (memcmp(a + field[i].at, b + field[i].at, field[i].len) != 0)
			return false;
	return !((pod_get_le32(a + 0x60) ^ pod_get_le32(b + 0x60)) & ~(uint32_t)EXT_INCOMPAT_RECOVER) &&
	       !((pod_get_le32(a + 0x64) ^ pod_get_le32(b + 0x64)) & ~LOOSE_RO) &&
	       !((pod_get_le32(a + 0x5C) ^ pod_get_le32(b + 0x5C)) & EXT_COMPAT_SPARSE_SUPER2);
}

/* --- the journal -------------------------------------------------------------------------------------------- */

static enum pod_status read_journal(struct pod_ext_used *u, uint32_t block, void *buf, size_t len)
{
	uint64_t at = (uint64_t)block << ext_volume(&u->fs)->shift;
	for (size_t i = 0; i < u->journal_runs; i++) {
		const struct pod_extent *e = &u->journal[i];
		if (at - e->file_bytes < e->length_bytes && len <= e->length_bytes - (at - e->file_bytes))
			return e->hole ? POD_E_CORRUPT : pod_dev_read(u->fs.dev, e->dev_bytes + (at - e->file_bytes), buf, len);
	}
	return POD_E_CORRUPT;
}

struct log {
	struct pod_ext_used *u;
	uint32_t first, blocks, start, sequence, features; /* blocks: of the journal */
	uint32_t at, steps;
	size_t cap;
};

static enum pod_status open_log(struct log *l, bool *any)
{
	uint8_t s[J_HEADER + 0x24];
	const struct ext_volume *v = ext_volume(&l->u->fs);
	POD_TRY(read_journal(l->u, 0, s, sizeof s));
	uint32_t type = pod_get_be32(s + 4);
	if (pod_get_be32(s) != JOURNAL_MAGIC || (type != TYPE_SUPER_1 && type != TYPE_SUPER_2) ||
	    pod_get_be32(s + 0x0C) != 1u << v->shift)
		return POD_E_CORRUPT;
	l->blocks = pod_get_be32(s + 0x10);
	l->first = pod_get_be32(s + 0x14);
	l->sequence = pod_get_be32(s + 0x18);
	l->start = l->at = pod_get_be32(s + 0x1C);
	l->features = type == TYPE_SUPER_2 ? pod_get_be32(s + 0x28) : 0;
	if (l->features & ~(uint32_t)J_KNOWN || l->blocks > JOURNAL_BLOCKS_MAX)
		return POD_E_UNSUPPORTED;
	*any = l->start;
	if (*any && (!l->first || l->first >= l->blocks || l->start < l->first || l->start >= l->blocks))
		return POD_E_CORRUPT;
	/* without the mark who mounts it throws the log away, who checks it does not */
	return *any == !!(v->incompat & EXT_INCOMPAT_RECOVER) || !*any ? POD_OK : POD_E_UNSUPPORTED;
}

/* False: all of the log has been gone through. */
static bool step_on(struct log *l)
{
	l->at = l->at + 1 < l->blocks ? l->at + 1 : l->first;
	return ++l->steps <= l->blocks - l->first;
}

static enum pod_status remember(struct log *l, uint64_t block, bool escaped)
{
	struct pod_ext_used *u = l->u;
	void *v = u->logged;
	if (block >> (64 - JOURNAL_SHIFT))
		return POD_E_CORRUPT;
	POD_TRY(pod_grow(u->alloc, &v, u->logged_count, &l->cap, u->logged_count + 1, sizeof *u->logged, JOURNAL_BLOCKS_MAX));
	u->logged = v;
	u->logged[u->logged_count++] = block << JOURNAL_SHIFT | (uint64_t)l->at << 1 | escaped;
	return POD_OK;
}

/* The blocks that a descriptor (u->block) tells of; l->at is behind it. */
static enum pod_status take_tags(struct log *l, bool *more)
{
	const uint8_t *b = l->u->block;
	uint32_t size = 1u << ext_volume(&l->u->fs)->shift, at = J_HEADER, tag = 8;
	if (l->features & J_SUM_3)
		tag = 16;
	else
		tag += (l->features & J_SUM_2 ? 2u : 0u) + (l->features & J_64BIT ? 4u : 0u);
	if (l->features & (J_SUM_2 | J_SUM_3))
		size -= 4;
	for (*more = true; *more && at + tag <= size;) {
		uint32_t flags = pod_get_be16(b + at + 6);
		uint64_t block = pod_get_be32(b + at);
		if (l->features & J_64BIT)
			block |= (uint64_t)pod_get_be32(b + at + 8) << 32;
		POD_TRY(remember(l, block, flags & TAG_ESCAPED));
		*more = step_on(l);
		at += tag + (flags & TAG_NO_UUID ? 0u : (uint32_t)UUID);
		if (flags & TAG_LAST)
			break;
	}
	return POD_OK;
}

static enum pod_status read_log(struct pod_ext_used *u)
{
	struct log l = {.u = u};
	bool more;
	POD_TRY(open_log(&l, &more));
	while (more) {
		POD_TRY(read_journal(u, l.at, u->block, (size_t)1 << ext_volume(&u->fs)->shift));
		uint32_t type = pod_get_be32(u->block + 4);
		if (pod_get_be32(u->block) != JOURNAL_MAGIC || pod_get_be32(u->block + 8) != l.sequence ||
		    (type != TYPE_DESCRIPTOR && type != TYPE_COMMIT && type != TYPE_REVOKE))
			break;
		more = step_on(&l);
		if (type == TYPE_DESCRIPTOR && more)
			POD_TRY(take_tags(&l, &more));
		l.sequence += type == TYPE_COMMIT;
	}
	pod_sort_u64(u->logged, u->logged_count);
	return POD_OK;
}

/* The first version of a block in the log; those of one block are neighbours. */
static size_t first_logged(const struct pod_ext_used *u, uint64_t block)
{
	size_t low = 0, high = u->logged_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (u->logged[middle] >> JOURNAL_SHIFT < block)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_logged(const struct pod_ext_used *u, size_t i, uint64_t block)
{
	return i < u->logged_count && u->logged[i] >> JOURNAL_SHIFT == block;
}

/* One version, into u->block. */
static enum pod_status read_logged(struct pod_ext_used *u, size_t i)
{
	uint32_t in_journal = (uint32_t)(u->logged[i] & ((UINT64_C(1) << JOURNAL_SHIFT) - 1)) >> 1;
	POD_TRY(read_journal(u, in_journal, u->block, (size_t)1 << ext_volume(&u->fs)->shift));
	if (u->logged[i] & 1)
		pod_put_be32(u->block, JOURNAL_MAGIC);
	return POD_OK;
}

/* --- what all versions say ------------------------------------------------------------------------------------ */

static enum pod_status check_logged_supers(struct pod_ext_used *u, const uint8_t *sb)
{
	uint32_t shift = ext_volume(&u->fs)->shift;
	uint64_t block = SUPER_AT >> shift;
	for (size_t i = first_logged(u, block); is_logged(u, i, block); i++) {
		POD_TRY(read_logged(u, i));
		const uint8_t *other = u->block + (SUPER_AT & ((1u << shift) - 1));
		if (!features_known(other) || !same_layout(sb, other))
			return POD_E_UNSUPPORTED;
	}
	return POD_OK;
}

static void note_group(struct pod_ext_used *u, uint32_t group, const struct ext_group *g)
{
	bool sums = ext_volume(&u->fs)->ro_compat & (EXT_RO_GDT_CSUM | EXT_RO_METADATA_CSUM);
	u->group[group] |= sums && g->flags & EXT_GROUP_BLOCK_UNINIT ? GROUP_OWN : GROUP_READ;
}

/* Of the groups whose descriptors lie in one block, `group` being the first; u->block has a version of it from the log. */
static enum pod_status note_logged_groups(struct pod_ext_used *u, uint32_t group)
{
	const struct ext_volume *v = ext_volume(&u->fs);
	uint32_t n = (1u << v->shift) / v->desc_size;
	for (uint32_t i = 0; i < n && group + i < v->groups; i++) {
		struct ext_group now, then;
		POD_TRY(ext_read_group(&u->fs, group + i, &now));
		ext_parse_group(v, u->block + (size_t)i * v->desc_size, &then);
		if (now.block_bitmap != then.block_bitmap || now.inode_bitmap != then.inode_bitmap ||
		    now.inode_table != then.inode_table)
			return POD_E_UNSUPPORTED;
		note_group(u, group + i, &then);
	}
	return POD_OK;
}

static enum pod_status note_groups(struct pod_ext_used *u)
{
	const struct ext_volume *v = ext_volume(&u->fs);
	uint32_t per_block = (1u << v->shift) / v->desc_size;
	for (uint32_t group = 0; group < v->groups; group++) {
		struct ext_group g;
		POD_TRY(ext_read_group(&u->fs, group, &g));
		if (!ext_blocks_ok(v, g.block_bitmap, 1))
			return POD_E_CORRUPT;
		note_group(u, group, &g);
		if (group % per_block)
			continue;
		uint64_t block = ext_descriptor_at(v, group) >> v->shift;
		for (size_t i = first_logged(u, block); is_logged(u, i, block); i++) {
			POD_TRY(read_logged(u, i));
			POD_TRY(note_logged_groups(u, group));
		}
	}
	return POD_OK;
}

static uint32_t clusters_of(const struct ext_volume *v, uint32_t group)
{
	return (uint32_t)pod_min_u64(v->group_blocks, v->blocks - ext_group_start(v, group)) >> v->cluster_shift;
}

static void add_bits(struct pod_ext_used *u)
{
	for (size_t i = 0; i < (size_t)1 << ext_volume(&u->fs)->shift; i++)
		u->bits[i] |= u->block[i];
}

static void add_own(struct pod_ext_used *u, uint32_t group, const struct ext_group *g)
{
	const struct ext_volume *v = ext_volume(&u->fs);
	uint64_t start = ext_group_start(v, group);
	for (uint32_t i = 0; i < clusters_of(v, group) << v->cluster_shift; i++)
		if (ext_is_own(v, g, start, start + i))
			u->bits[i >> v->cluster_shift >> 3] |= (uint8_t)(1u << (i >> v->cluster_shift & 7));
}

static enum pod_status load_group(struct pod_ext_used *u, uint32_t group)
{
	const struct ext_volume *v = ext_volume(&u->fs);
	size_t block_bytes = (size_t)1 << v->shift;
	struct ext_group g;
	if (u->at == group)
		return POD_OK;
	u->at = UINT32_MAX;
	memset(u->bits, 0, block_bytes);
	POD_TRY(ext_read_group(&u->fs, group, &g));
	if (u->group[group] & GROUP_OWN)
		add_own(u, group, &g);
	if (u->group[group] & GROUP_READ) {
		POD_TRY(pod_dev_read(u->fs.dev, g.block_bitmap << v->shift, u->block, block_bytes));
		add_bits(u);
		for (size_t i = first_logged(u, g.block_bitmap); is_logged(u, i, g.block_bitmap); i++) {
			POD_TRY(read_logged(u, i));
			add_bits(u);
		}
	}
	u->at = group;
	return POD_OK;
}

/* --- opening, and the runs ------------------------------------------------------------------------------------ */

static enum pod_status open_journal(struct pod_ext_used *u, const uint8_t *sb)
{
	struct pod_node n = {.priv = {pod_get_le32(sb + 0xE0)}};
	if (!(pod_get_le32(sb + 0x5C) & EXT_COMPAT_HAS_JOURNAL))
		return pod_get_le16(sb + 0x3A) & STATE_CLEAN ? POD_OK : POD_E_UNSUPPORTED; /* nothing orders what was written */
	if (!n.priv[0] || pod_get_le32(sb + 0xE4))
		return POD_E_UNSUPPORTED;
	POD_TRY(pod_fs_complete(&u->fs, &n));
	POD_TRY(pod_fs_extents(&u->fs, &n, u->alloc, &u->journal, &u->journal_runs));
	POD_TRY(read_log(u));
	return check_logged_supers(u, sb);
}

static enum pod_status look(struct pod_ext_used *u)
{
	const struct ext_volume *v = ext_volume(&u->fs);
	uint8_t sb[SUPER];
	POD_TRY(pod_dev_read(u->fs.dev, SUPER_AT, sb, sizeof sb));
	if (!features_known(sb) || v->blocks >> 32 || v->blocks << v->shift != u->fs.total_bytes || v->groups > GROUPS_MAX)
		return POD_E_UNSUPPORTED;
	/* as many groups by the inodes as by the blocks */
	if (ext_group_start(v, v->groups - 1) >= v->blocks || ext_group_start(v, v->groups) < v->blocks)
		return POD_E_CORRUPT;
	u->group = pod_zalloc(u->alloc, v->groups, 1);
	u->bits = pod_zalloc(u->alloc, 2, (size_t)1 << v->shift);
	if (!u->group || !u->bits)
		return POD_E_NOMEM;
	u->block = u->bits + ((size_t)1 << v->shift);
	POD_TRY(open_journal(u, sb));
	if (!(v->incompat & EXT_INCOMPAT_META_BG)) {
		u->table_at = ext_descriptor_at(v, 0);
		u->table_bytes = v->groups * v->desc_size;
	}
	return note_groups(u);
}

enum pod_status pod_ext_used_open(struct pod_ext_used *u, struct pod_dev *d, struct pod_alloc *a)
{
	*u = (struct pod_ext_used){.alloc = a, .at = UINT32_MAX};
	POD_TRY(pod_cache_init(&u->cache, d, a, LINES, LINE));
	enum pod_status st = pod_fs_open_as(&u->fs, &pod_fs_ext, &u->cache.dev, a, NULL);
	if (st == POD_OK)
		st = look(u);
	if (st != POD_OK)
		pod_ext_used_close(u);
	return st;
}

void pod_ext_used_close(struct pod_ext_used *u)
{
	pod_free(u->alloc, u->bits);
	pod_free(u->alloc, u->group);
	pod_free(u->alloc, u->logged);
	pod_free(u->alloc, u->journal);
	pod_fs_close(&u->fs);
	pod_cache_fini(&u->cache, u->alloc);
}

/* The first run in the group from this cluster of it on. */
static bool run_of_bits(const struct pod_ext_used *u, uint32_t from, uint32_t clusters, uint32_t *first, uint32_t *end)
{
	uint32_t i = from;
	while (i < clusters && !(u->bits[i >> 3] >> (i & 7) & 1))
		i += !(i & 7) && !u->bits[i >> 3] ? 8 : 1;
	*first = i;
	while (i < clusters && u->bits[i >> 3] >> (i & 7) & 1)
		i++;
	*end = i;
	return *first < clusters;
}

static enum pod_status run_from_to(uint64_t from, uint64_t end, struct pod_place_run *out)
{
	*out = (struct pod_place_run){.dev_bytes = from, .length_bytes = end - from};
	return POD_OK;
}

enum pod_status pod_ext_used_next(struct pod_ext_used *u, uint64_t from, struct pod_place_run *out)
{
	const struct ext_volume *v = ext_volume(&u->fs);
	uint64_t front = (uint64_t)v->first_block << v->shift, size = u->fs.dev->size_bytes;
	uint32_t last = v->groups - 1, shift = v->shift + v->cluster_shift, first, end;
	uint64_t back = (ext_group_start(v, last) << v->shift) + ((uint64_t)clusters_of(v, last) << shift);
	if (from < front)
		return run_from_to(from, front, out);
	while (from < back) {
		uint32_t block = (uint32_t)((from - front) >> v->shift), group = block / v->group_blocks;
		uint64_t start = ext_group_start(v, group) << v->shift;
		POD_TRY(load_group(u, group));
		if (run_of_bits(u, block % v->group_blocks >> v->cluster_shift, clusters_of(v, group), &first, &end)) {
			uint64_t at = start + ((uint64_t)first << shift);
			return run_from_to(at < from ? from : at, start + ((uint64_t)end << shift), out);
		}
		from = pod_min_u64(ext_group_start(v, group + 1) << v->shift, back);
	}
	return from < size ? run_from_to(from, size, out) : POD_END;
}
