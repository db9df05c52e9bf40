/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan/persist_copy.h"
#include "core/base/mem.h"
#include "core/fs/ext_used.h"

enum { PIECE = 1 << 20, GAP = 64 << 10, STEP = 4096, SUPER_AT = 1024, SUPER = 1024, TABLE_MAX = 1 << 20 };

struct job {
	struct pod_persist_copy *c;
	struct pod_window file;
	struct pod_ext_used ext;
	bool has_ext;
	uint64_t front; /* of an overlay: all up to here, */
	uint64_t end;	/* and the areas up to here */
	uint8_t *mem, *now, *was;
};

/* Who asked for the copy, or the drive, ended it; all else means that nothing can be proved. */
static bool cannot_go_on(enum pod_status st)
{
	return pod_is_fatal(st) || st == POD_E_CHANGED;
}

/* --- what is in use ------------------------------------------------------------------------------------------- */

/* Chunks are given in order, but the entries that name them may come in another one: the highest counts. */
static enum pod_status look_at_overlay(struct job *j, struct pod_alloc *a)
{
	const struct pod_persist *f = j->c->file;
	uint64_t *change = NULL, high = 1;
	POD_TRY(pod_cow_changes(j->c->disk, f->start_bytes, &f->cow, a, &change));
	for (uint32_t i = 0; i < f->cow.used; i++)
		high = (uint32_t)change[i] > high ? (uint32_t)change[i] : high;
	pod_free(a, change);
	j->front = POD_COW_STORE + (high + 1) * POD_COW_CHUNK;
	j->end = POD_COW_STORE + f->cow.store_bytes;
	return POD_OK;
}

static enum pod_status look_at_file(struct job *j, struct pod_alloc *a)
{
	enum pod_status st;
	if (j->c->file->kind == POD_PERSIST_DISK) {
		st = look_at_overlay(j, a);
	} else {
		st = pod_ext_used_open(&j->ext, &j->file.dev, a);
		j->has_ext = st == POD_OK;
	}
	j->c->whole = st != POD_OK;
	/* with too little memory for the journal's versions nothing is proved either */
	return cannot_go_on(st) && st != POD_E_NOMEM ? st : POD_OK;
}

/* The area behind `from`, where the kernel looks for more entries. */
static enum pod_status next_area(const struct job *j, uint64_t from, struct pod_place_run *out)
{
	const uint64_t each = (uint64_t)POD_COW_AREA * POD_COW_CHUNK;
	uint64_t at = POD_COW_STORE + POD_COW_CHUNK;
	uint32_t behind =
		from > at ? (uint32_t)((from - at + POD_COW_CHUNK - 1) >> 12) : 0; /* a store has less than 2^32 chunks */
	at += (behind + POD_COW_AREA - 1) / POD_COW_AREA * each;
	*out = (struct pod_place_run){.dev_bytes = at, .length_bytes = POD_COW_CHUNK};
	return at < j->end ? POD_OK : POD_END;
}

static enum pod_status next_run(struct job *j, uint64_t from, struct pod_place_run *out)
{
	const struct pod_persist *f = j->c->file;
	uint64_t end = f->kind == POD_PERSIST_DISK && !j->c->whole ? j->front : f->length_bytes;
	if (j->has_ext)
		return pod_ext_used_next(&j->ext, from, out);
	*out = (struct pod_place_run){.dev_bytes = from, .length_bytes = end - from};
	if (from < end)
		return POD_OK;
	return j->c->whole ? POD_END : next_area(j, from, out);
}

/* Runs that are close to each other are read as one. A piece is PIECE at most, and ends where its like do. */
static enum pod_status next_piece(struct job *j, uint64_t from, struct pod_place_run *out)
{
	struct pod_place_run next;
	POD_TRY(next_run(j, from, out));
	uint64_t limit = (out->dev_bytes & ~(uint64_t)(PIECE - 1)) + PIECE, end = out->dev_bytes + out->length_bytes;
	while (end < limit) {
		enum pod_status st = next_run(j, end, &next);
		if (st != POD_OK && st != POD_END)
			return st;
		if (st == POD_END || next.dev_bytes - end > GAP)
			break;
		end = next.dev_bytes + next.length_bytes;
	}
	out->length_bytes = pod_min_u64(end, limit) - out->dev_bytes;
	return POD_OK;
}

/* --- copying -------------------------------------------------------------------------------------------------- */

/* What differs between j->now and j->was, from its first step to its last; *end 0: nothing. */
static void find_difference(const struct job *j, size_t len, size_t *first, size_t *end)
{
	*first = 0;
	*end = len;
	while (*first < len && memcmp(j->now + *first, j->was + *first, len - *first < STEP ? len - *first : STEP) == 0)
		*first += STEP;
	if (*first >= len) {
		*end = 0;
		return;
	}
	for (size_t at = (len - 1) & ~(size_t)(STEP - 1); at > *first; *end = at, at -= STEP)
		if (memcmp(j->now + at, j->was + at, *end - at) != 0)
			break;
}

static enum pod_status copy_piece(struct job *j, const struct pod_place_run *r)
{
	struct pod_persist_copy *c = j->c;
	size_t len = (size_t)r->length_bytes, first = 0, end = len;
	POD_TRY(pod_dev_read(c->disk, c->file->start_bytes + r->dev_bytes, j->now, len));
	enum pod_status st = pod_dev_read(c->disk, c->to_bytes + r->dev_bytes, j->was, len);
	if (st == POD_OK)
		find_difference(j, len, &first, &end);
	else if (st != POD_E_IO) /* what cannot be read there is written */
		return st;
	if (end)
		POD_TRY(pod_dev_write(c->disk, c->to_bytes + r->dev_bytes + first, j->now + first, end - first));
	c->written_bytes += end ? end - first : 0;
	c->done_bytes += len;
	if (c->progress)
		c->progress(c);
	return POD_OK;
}

static enum pod_status count(struct job *j)
{
	struct pod_place_run r;
	enum pod_status st;
	for (uint64_t at = 0; (st = next_piece(j, at, &r)) == POD_OK; at = r.dev_bytes + r.length_bytes)
		j->c->need_bytes += r.length_bytes;
	return st == POD_END ? POD_OK : st;
}

static enum pod_status copy_all(struct job *j)
{
	struct pod_place_run r;
	enum pod_status st = count(j);
	if (st != POD_OK && j->has_ext && !cannot_go_on(st)) { /* a bitmap lies where none can be */
		pod_ext_used_close(&j->ext);
		j->has_ext = false;
		j->c->whole = true;
		j->c->need_bytes = 0;
		st = count(j);
	}
	POD_TRY(st);
	for (uint64_t at = 0; (st = next_piece(j, at, &r)) == POD_OK; at = r.dev_bytes + r.length_bytes)
		POD_TRY(copy_piece(j, &r));
	POD_TRY(st == POD_END ? POD_OK : st);
	return pod_dev_flush(j->c->disk);
}

enum pod_status pod_persist_copy(struct pod_persist_copy *c, struct pod_alloc *a)
{
	struct job *j = pod_zalloc(a, 1, sizeof *j);
	c->need_bytes = c->done_bytes = c->written_bytes = 0;
	enum pod_status st = j ? POD_OK : POD_E_NOMEM;
	if (st == POD_OK) {
		j->c = c;
		st = pod_window_init(&j->file, c->disk, c->file->start_bytes, c->file->length_bytes);
	}
	if (st == POD_OK) {
		/* aligned, so that firmware reads and writes them where they are */
		j->mem = a->alloc(a, 2 * PIECE + STEP);
		st = j->mem ? look_at_file(j, a) : POD_E_NOMEM;
	}
	if (st == POD_OK) {
		j->now = j->mem + (STEP - ((uintptr_t)j->mem & (STEP - 1)));
		j->was = j->now + PIECE;
		st = copy_all(j);
	}
	if (j && j->has_ext)
		pod_ext_used_close(&j->ext);
	if (j)
		pod_free(a, j->mem);
	pod_free(a, j);
	return st;
}

/* --- has it changed? ------------------------------------------------------------------------------------------ */

static enum pod_status same_bytes(struct pod_dev *d, uint64_t a_at, uint64_t b_at, uint64_t len, uint8_t *buf, bool *same)
{
	for (uint64_t n; len && *same; a_at += n, b_at += n, len -= n) {
		n = pod_min_u64(len, STEP);
		POD_TRY(pod_dev_read(d, a_at, buf, (size_t)n));
		POD_TRY(pod_dev_read(d, b_at, buf + STEP, (size_t)n));
		*same = memcmp(buf, buf + STEP, (size_t)n) == 0;
	}
	return POD_OK;
}

/* The superblock, the journal's, the group descriptors. */
static enum pod_status compare(struct pod_dev *d, const struct pod_persist *f, uint64_t copy, const struct pod_ext_used *u,
			       uint8_t *buf, bool *same)
{
	*same = u->journal_runs && !u->journal[0].hole && u->journal[0].length_bytes >= SUPER && u->table_bytes <= TABLE_MAX;
	POD_TRY(same_bytes(d, f->start_bytes + SUPER_AT, copy + SUPER_AT, SUPER, buf, same));
	if (*same)
		POD_TRY(same_bytes(d, f->start_bytes + u->journal[0].dev_bytes, copy + u->journal[0].dev_bytes, SUPER, buf,
				   same));
	return same_bytes(d, f->start_bytes + u->table_at, copy + u->table_at, u->table_bytes, buf, same);
}

enum pod_status pod_persist_unchanged(struct pod_dev *disk, const struct pod_persist *file, uint64_t copy_bytes,
				      struct pod_alloc *a, bool *unchanged)
{
	struct pod_window w;
	*unchanged = false;
	if (file->kind == POD_PERSIST_DISK)
		return POD_OK;
	struct pod_ext_used *u = pod_zalloc(a, 1, sizeof *u);
	uint8_t *buf = a->alloc(a, 2 * (size_t)STEP);
	enum pod_status st = u && buf ? pod_window_init(&w, disk, file->start_bytes, file->length_bytes) : POD_E_NOMEM;
	if (st == POD_OK) {
		st = pod_ext_used_open(u, &w.dev, a);
		if (st == POD_OK) {
			st = compare(disk, file, copy_bytes, u, buf, unchanged);
			pod_ext_used_close(u);
		} else if (!cannot_go_on(st)) {
			st = POD_OK;
		}
	}
	pod_free(a, buf);
	pod_free(a, u);
	return st;
}
