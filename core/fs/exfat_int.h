/* SPDX-License-Identifier: BSD-2-Clause */
/* exFAT write side: what its files share. Nothing here is for anybody else. */
#ifndef POD_FS_EXFAT_INT_H
#define POD_FS_EXFAT_INT_H

#include "core/fs/exfat_write.h"
#include "core/fs/exfat_upcase.h"

enum {
	BLOCK = 512, /* what is written whole or not at all */
	PER_BLOCK = BLOCK / POD_EXFAT_ENTRY_SIZE,
	SET_ENTRIES_MAX = 2 + 17, /* of a set that we write: 255 units */
	FAT_CACHE = 4096,
	DIR_LOAD_MAX = 64 << 20, /* bytes of one directory that we are willing to hold */
	EXTENTS_MAX = 1 << 16,	 /* runs of one new file */

	/* A pending move (doc/FORMATS/exfat.md): an unused entry in front of the new set. */
	INTENT_TYPE = POD_EXFAT_BENIGN | POD_EXFAT_SECONDARY,
	UNUSED_TYPE = POD_EXFAT_FILE & ~POD_EXFAT_IN_USE,
};
#define INTENT_MAGIC 0x4D6F7349u /* "IsoM" */

/* --- volume (exfat_write.c) --------------------------------------------------------------------------- */

/* All writes go through these: the first failure ends all writing. */
enum pod_status POD_MUST_USE pod_exfat_put(struct pod_exfat_vol *v, uint64_t at, const void *p, size_t len);
enum pod_status POD_MUST_USE pod_exfat_barrier(struct pod_exfat_vol *v);
/* Sets VolumeDirty unless this mount has done so; before any other change. POD_E_BUSY while a new file is pending, unless `own`.
 */
enum pod_status POD_MUST_USE pod_exfat_touch(struct pod_exfat_vol *v, bool own);

/* --- allocation (exfat_alloc.c) ----------------------------------------------------------------------- */

bool pod_exfat_bit(const uint8_t *map, uint32_t cluster);
void pod_exfat_mark(struct pod_exfat_vol *v, uint32_t first, uint32_t count, bool used);
enum pod_status POD_MUST_USE pod_exfat_write_bitmap(struct pod_exfat_vol *v);
/* The next free run at or after *cluster: false if there is none; else *cluster is its start, *count its length. */
bool pod_exfat_next_free(const struct pod_exfat_vol *v, uint32_t *cluster, uint32_t *count);
/* The smallest free run of at least `count` clusters; 0 if none. */
uint32_t pod_exfat_find_run(const struct pod_exfat_vol *v, uint32_t count);
enum pod_status POD_MUST_USE pod_exfat_fat_get(struct pod_exfat_vol *v, uint32_t cluster, uint32_t *out);
enum pod_status POD_MUST_USE pod_exfat_fat_set(struct pod_exfat_vol *v, uint32_t cluster, uint32_t value);
enum pod_status POD_MUST_USE pod_exfat_fat_write(struct pod_exfat_vol *v);
enum pod_status POD_MUST_USE pod_exfat_zero_clusters(struct pod_exfat_vol *v, uint32_t first, uint32_t count);
/* Calls cb(ctx, first, count) for each run of an allocation, which is checked against the volume's bounds. `size` > 0. */
enum pod_status POD_MUST_USE pod_exfat_runs(struct pod_exfat_vol *v, uint32_t first, uint64_t size, bool contiguous,
					    enum pod_status (*cb)(void *ctx, uint32_t first, uint32_t count), void *ctx);
/* Places on the medium, in file order: a file's, or a new one's. */
struct places {
	struct pod_extent *extent;
	size_t n, cap;
	uint64_t done, limit; /* bytes of the file that have their place; what `done` never exceeds */
};
enum pod_status POD_MUST_USE pod_exfat_add_run(struct pod_exfat_vol *v, struct places *p, uint32_t cluster, uint32_t count);
/* Takes free runs, the long ones first: all above a bound that is halved until `need` clusters have their place. */
enum pod_status POD_MUST_USE pod_exfat_take_fragments(struct pod_exfat_vol *v, struct places *p, uint32_t need);
uint32_t pod_exfat_extent_cluster(const struct pod_exfat_vol *v, const struct pod_extent *e);
uint32_t pod_exfat_extent_clusters(const struct pod_exfat_vol *v, const struct pod_extent *e);
/* Chains the clusters [from, to) of the file in the FAT, `to` - 1 being its last. */
enum pod_status POD_MUST_USE pod_exfat_chain(struct pod_exfat_vol *v, const struct pod_extent *extent, size_t n, uint32_t from,
					     uint32_t to);
/* Frees an allocation in memory; the caller writes the bitmap. */
enum pod_status POD_MUST_USE pod_exfat_free(struct pod_exfat_vol *v, uint32_t first, uint64_t size, bool contiguous);

/* --- directories (exfat_wdir.c) ----------------------------------------------------------------------- */

/* A directory, wholly in memory. */
struct wdir {
	struct wdir *parent; /* NULL: the root, or not known */
	uint32_t set_index;  /* of its own set in the parent */
	uint32_t *cluster;   /* its clusters in order */
	uint32_t clusters;
	bool contiguous;
	uint8_t *data;
	uint32_t entries; /* that fit in its clusters */
	uint32_t end;	  /* index of the end marker; = entries if there is none */
};

/* A file's entry set. */
struct wset {
	uint32_t index, count; /* in entries */
	uint16_t attributes;
	uint8_t flags;
	uint32_t cluster;
	uint64_t size, valid;
	uint32_t units;
	uint16_t name[POD_EXFAT_NAME_UNITS];
};

struct wname {
	uint32_t units;
	uint16_t name[POD_EXFAT_NAME_UNITS];
};

static inline bool wset_contiguous(const struct wset *s)
{
	return (s->flags & POD_EXFAT_NO_FAT_CHAIN) != 0;
}

static inline uint8_t *wdir_entry(const struct wdir *d, uint32_t index)
{
	return d->data + (size_t)index * POD_EXFAT_ENTRY_SIZE;
}

/* Loads a directory; size 0 = the root, as long as its chain. wdir_free takes the parents along. */
enum pod_status POD_MUST_USE pod_exfat_wdir_load(struct pod_exfat_vol *v, uint32_t cluster, uint64_t size, bool contiguous,
						 bool root, struct wdir **out);
void pod_exfat_wdir_free(struct pod_exfat_vol *v, struct wdir *d);
/* The set at `index`: false if it is not a sound one. */
bool pod_exfat_set_at(const struct pod_exfat_vol *v, const struct wdir *d, uint32_t index, struct wset *out);
/* The set of that name. */
enum pod_status POD_MUST_USE pod_exfat_find(const struct pod_exfat_vol *v, const struct wdir *d, const struct wname *name,
					    struct wset *out);
/* Loads the directory that path[0..len) names. */
enum pod_status POD_MUST_USE pod_exfat_resolve(struct pod_exfat_vol *v, const char *path, size_t len, struct wdir **out);
/* How much of path[0..len) names the folder of its last name. */
size_t pod_exfat_dir_len(const char *path, size_t len);
/* Splits off the last name: *dir_len bytes of `path` name the directory. POD_E_INVALID for a name that cannot be. */
enum pod_status POD_MUST_USE pod_exfat_split(const char *path, size_t len, size_t *dir_len, struct wname *out);

enum edit_order { LOWEST_LAST, LOWEST_FIRST };
/* Replaces entries [index, index + n) and writes the blocks that change. With LOWEST_LAST the lowest one is written behind a
 * barrier of its own (it makes the others visible), with LOWEST_FIRST before one. No barrier follows. */
enum pod_status POD_MUST_USE pod_exfat_edit(struct pod_exfat_vol *v, struct wdir *d, uint32_t index, const uint8_t *bytes,
					    uint32_t n, enum edit_order order);
/* Gives entries to a name that is not there yet. Stream fields are zero. Returns their number. */
uint32_t pod_exfat_build(const struct pod_exfat_vol *v, const struct wname *name, uint16_t attributes, int64_t mtime,
			 uint8_t *out);
/* Sets stream fields and the checksum of a set in memory. */
void pod_exfat_set_stream(uint8_t *set, uint8_t flags, uint32_t cluster, uint64_t size, uint64_t valid);
void pod_exfat_set_seal(uint8_t *set);
/* A place for `n` entries, the set among them beginning at the `head`th (0 or 1): false if the directory is full. */
bool pod_exfat_gap(const struct wdir *d, uint32_t n, uint32_t head, uint32_t *index);
/* Writes `n` entries to a place that pod_exfat_gap found. */
enum pod_status POD_MUST_USE pod_exfat_insert(struct pod_exfat_vol *v, struct wdir *d, uint32_t index, const uint8_t *bytes,
					      uint32_t n);
enum pod_status POD_MUST_USE pod_exfat_erase(struct pod_exfat_vol *v, struct wdir *d, const struct wset *s);
/* Rewrites flags, cluster, size, valid and attributes of a set in one block. POD_E_UNSUPPORTED if its file entry and stream
 * extension lie in different blocks. `drop_intent`: the entry in front becomes unused by the way, if it lies in the same block.
 */
enum pod_status POD_MUST_USE pod_exfat_restream(struct pod_exfat_vol *v, struct wdir *d, const struct wset *s, bool drop_intent);

/* --- tree (exfat_tree.c) ------------------------------------------------------------------------------ */

/* Looks up path[0..len): its folder is loaded (the caller frees it) and its set found. */
enum pod_status POD_MUST_USE pod_exfat_look(struct pod_exfat_vol *v, const char *path, size_t len, struct wdir **d,
					    struct wset *s);
/* Gives a set another name, or the same name a better place. */
enum pod_status POD_MUST_USE pod_exfat_move_set(struct pod_exfat_vol *v, const char *from, size_t from_len, const char *to,
						size_t to_len);

/* Makes sure that the directory has a gap for `n` entries with `head`; grows it if need be. */
enum pod_status POD_MUST_USE pod_exfat_ensure_room(struct pod_exfat_vol *v, const char *path, size_t len, uint32_t n,
						   uint32_t head);

/* --- repair (exfat_repair.c) -------------------------------------------------------------------------- */

enum pod_status POD_MUST_USE pod_exfat_repair(struct pod_exfat_vol *v, struct pod_diag *diag);

/* A pending move's entry. */
void pod_exfat_intent_put(uint8_t *e, const struct wset *s);
bool pod_exfat_intent_get(const uint8_t *e, struct wset *s);

#endif
