/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A layer that is arriving. Its file is "0123abcd.vhdx.part", a child of the layer that it will stand on; "0123abcd.stream.part" is the
 * journal, 1536 bytes: the head of the stream, and two slots that are written in turn, at 512 and 1024:
 *
 *     0  8  "PODPART1"
 *     8  4  CRC-32C of these 32 bytes, with this field taken as zero
 *    12  4  sequence number: the slot with the higher one counts
 *    16  4  all blocks before this one are in the file and on the drive
 *    20 12  0
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "cli/layer/pieces.h"
#include "cli/layer/stream.h"
#include "cli/layer/tree.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/str.h"

#define PART	     ".vhdx.part"
#define JOURNAL	     ".stream.part"
#define JOURNAL_LEN  1536u
#define SLOT_AT(seq) (512u + ((seq)&1) * 512u)
#define SLOT	     32u
#define BLOCK	     (2u << 20) /* of the file, if it stands on nothing */

static bool read_slot(struct pod_dev *dev, uint32_t off, uint32_t *sequence, uint32_t *next)
{
	uint8_t p[SLOT];

	if (pod_dev_read(dev, off, p, sizeof p) != POD_OK || memcmp(p, "PODPART1", 8) != 0)
		return false;
	*sequence = pod_get_le32(p + 12);
	*next = pod_get_le32(p + 16);
	return pod_get_le32(p + 8) == pod_crc32c_without(p, sizeof p, 8) && off == SLOT_AT(*sequence);
}

static enum pod_status write_slot(struct pod_dev *dev, uint32_t sequence, uint32_t next)
{
	uint8_t p[SLOT] = {0};

	memcpy(p, "PODPART1", 8);
	pod_put_le32(p + 12, sequence);
	pod_put_le32(p + 16, next);
	pod_put_le32(p + 8, pod_crc32c(0, p, sizeof p));
	POD_TRY(pod_dev_write(dev, SLOT_AT(sequence), p, sizeof p));
	return pod_dev_flush(dev);
}

static bool read_journal(struct disk_file *f, struct pod_stream_head *head, uint32_t *sequence, uint32_t *next)
{
	uint32_t seq[2] = {0}, at[2] = {0};
	uint8_t bytes[POD_STREAM_HEAD];
	bool a, b, newer;

	if (f->vf.dev->size_bytes != JOURNAL_LEN || pod_dev_read(f->vf.dev, 0, bytes, sizeof bytes) != POD_OK ||
	    pod_stream_get_head(head, bytes, NULL) != POD_OK)
		return false;
	a = read_slot(f->vf.dev, SLOT_AT(0), &seq[0], &at[0]);
	b = read_slot(f->vf.dev, SLOT_AT(1), &seq[1], &at[1]);
	if (!a && !b)
		return false;
	newer = b && (!a || seq[1] > seq[0]);
	*sequence = seq[newer];
	*next = at[newer];
	return true;
}

static bool has_part(struct layer_store *ls, uint32_t id)
{
	char part[POD_STORE_FILE_MAX];

	layer_store_aside(id, PART, part);
	return ls->dir.ops->exists(&ls->dir, part);
}

static bool look_at_journal(struct layer_store *ls, uint32_t id, struct pod_stream_head *head, uint32_t *next)
{
	char journal[POD_STORE_FILE_MAX];
	struct fault quiet = {0};
	struct disk_file *f = NULL;
	uint32_t sequence;
	bool ok = false;

	layer_store_aside(id, JOURNAL, journal);
	if (ls->dir.ops->exists(&ls->dir, journal))
		f = ls->dir.ops->open(&ls->dir, journal, false, &quiet);
	if (f)
		ok = read_journal(f, head, &sequence, next) && head->layer.id == id;
	ls->dir.ops->close(&ls->dir, f, &quiet);
	fault_free(&quiet);
	return ok;
}

bool layer_part_look(struct layer_store *ls, uint32_t id, struct pod_stream_head *head, uint32_t *next)
{
	return has_part(ls, id) && look_at_journal(ls, id, head, next);
}

bool layer_part_renamed(struct layer_store *ls, uint32_t id)
{
	struct pod_stream_head head;
	uint32_t next;

	return !has_part(ls, id) && look_at_journal(ls, id, &head, &next);
}

struct each {
	void (*cb)(void *ctx, uint32_t id);
	void *ctx;
};

static void look_at(void *ctx, const char *name, uint64_t size, int64_t mtime, bool read_only)
{
	const struct each *e = ctx;
	char mine[POD_STORE_FILE_MAX];
	unsigned long id = strtoul(name, NULL, 16);

	(void)size;
	(void)mtime;
	(void)read_only;
	layer_store_aside((uint32_t)id, JOURNAL, mine);
	if (strcmp(name, mine) == 0)
		e->cb(e->ctx, (uint32_t)id);
}

bool layer_part_each(struct layer_store *ls, void (*cb)(void *ctx, uint32_t id), void *ctx, struct fault *fault)
{
	struct each e = {cb, ctx};

	return ls->dir.ops->each(&ls->dir, look_at, &e, fault);
}

/* --- what an interrupted one left ----------------------------------------------------------------------- */

struct names {
	char **v;
	size_t n;
};

static void collect(void *ctx, const char *name, uint64_t size, int64_t mtime, bool read_only)
{
	struct names *all = ctx;

	(void)size;
	(void)mtime;
	(void)read_only;
	if (!pod_store_parse_file(name, NULL, &(uint32_t){0}))
		return;
	all->v = cli_xrealloc(all->v, all->n + 1, sizeof *all->v);
	all->v[all->n++] = cli_xstrdup(name);
}

/* Based on `below` as it is, and says nothing of its own. */
static bool is_empty_child(struct disk_file *f, struct pod_member *below)
{
	struct pod_member_options opt = {.env = &disk_env, .cache_pages = 4};
	struct pod_member *l = cli_xzalloc(sizeof *l);
	enum pod_status st = pod_member_open(l, &f->vf, &cli_alloc, &opt, NULL);
	bool empty = st == POD_OK && layer_is_silent(l) && pod_member_linked(l, below, NULL) == POD_OK;

	st = pod_member_close(l);
	free(l);
	return empty && st == POD_OK;
}

static void clear_children(struct layer_store *ls, struct pod_member *below)
{
	const struct store_ops *ops = ls->dir.ops;
	struct names all = {0};
	struct fault quiet = {0};

	(void)ops->each(&ls->dir, collect, &all, &quiet);
	for (size_t i = 0; i < all.n; i++) {
		struct disk_file *f = ops->open(&ls->dir, all.v[i], false, &quiet);
		bool empty = f && is_empty_child(f, below);

		ops->close(&ls->dir, f, &quiet);
		if (empty)
			(void)layer_store_remove_file(ls, all.v[i], &quiet);
		free(all.v[i]);
	}
	free(all.v);
	fault_free(&quiet);
}

void layer_part_clear(struct layer_store *ls, uint32_t id)
{
	struct pod_member_options opt = {.env = &disk_env, .cache_pages = 4};
	struct pod_member *below = cli_xzalloc(sizeof *below);
	struct fault quiet = {0};
	struct pod_stream_head head;
	char part[POD_STORE_FILE_MAX];
	struct disk_file *f = NULL;
	enum pod_status st;
	uint32_t next;

	layer_store_aside(id, PART, part);
	if (layer_part_look(ls, id, &head, &next))
		f = ls->dir.ops->open(&ls->dir, part, false, &quiet);
	if (f) {
		if (pod_member_open(below, &f->vf, &cli_alloc, &opt, NULL) == POD_OK)
			clear_children(ls, below);
		st = pod_member_close(below);
		(void)st; /* nothing was written */
	}
	ls->dir.ops->close(&ls->dir, f, &quiet);
	fault_free(&quiet);
	free(below);
}

/* --- a new one ------------------------------------------------------------------------------------------ */

static int make_alone(struct layer_part *p, struct fault *fault)
{
	struct pod_vhdx_create c = {
		.size_bytes = p->head.size_bytes, .block_size = BLOCK, .logical_sector_size = p->head.sector_size};
	uint64_t room = layer_store_child_bytes(c.size_bytes);
	struct pod_diag diag = {0};
	struct disk_file *f = p->ls->dir.ops->create(&p->ls->dir, p->entry.file, room, fault);
	enum pod_status st = f ? pod_vhdx_format(&f->vf, &cli_alloc, &c, &disk_env, &diag) : POD_E_IO;
	bool ok = false;

	if (f && st != POD_OK)
		disk_fail(f->dev.path, _("cannot make the image"), st, &diag, NULL, fault);
	else if (f)
		ok = p->ls->dir.ops->finish(&p->ls->dir, f, fault);
	p->ls->dir.ops->close(&p->ls->dir, f, fault);
	return ok ? CLI_OK : CLI_FAILED;
}

static int make_journal(struct layer_part *p, const char *name, struct fault *fault)
{
	struct store_dir *d = &p->ls->dir;
	struct disk_file *f = d->ops->create(d, name, JOURNAL_LEN, fault);
	uint8_t bytes[POD_STREAM_HEAD];
	enum pod_status st = f ? pod_vfile_resize(&f->vf, JOURNAL_LEN) : POD_E_IO;
	bool ok = false;

	pod_stream_put_head(&p->head, bytes);
	if (st == POD_OK)
		st = pod_dev_write(f->vf.dev, 0, bytes, sizeof bytes);
	if (st == POD_OK)
		st = write_slot(f->vf.dev, p->sequence, p->next);
	if (f && st != POD_OK)
		fault_status(fault, f->dev.path, _("cannot write it to the disk"), st, NULL);
	else if (f)
		ok = d->ops->finish(d, f, fault);
	d->ops->close(d, f, fault);
	return ok ? CLI_OK : CLI_FAILED;
}

static bool remove_one(struct layer_part *p, const char *name, struct fault *fault)
{
	return !p->ls->dir.ops->exists(&p->ls->dir, name) || layer_store_remove_file(p->ls, name, fault);
}

/* What is in the way goes; the journal comes last, so that it never tells of a file that is not there yet. */
static int make(struct layer_part *p, const char *journal, const struct pod_stored *base, struct fault *fault)
{
	int rc;

	p->next = 0;
	p->sequence = 0;
	if (!remove_one(p, journal, fault) || !remove_one(p, p->entry.file, fault))
		return CLI_FAILED;
	p->entry.size_bytes = p->head.size_bytes;
	rc = base ? layer_store_make_child(p->ls, base, &p->entry, fault) : make_alone(p, fault);
	return rc == CLI_OK ? make_journal(p, journal, fault) : rc;
}

/* --- begin, note, end ----------------------------------------------------------------------------------- */

static int no_beginning(const struct layer_store *ls, struct fault *fault)
{
	return fault_set(
		fault,
		_("%s: this goes on with a layer of which the beginning is not here; 'isopod layer receive --status' says "
		  "what is"),
		ls->dir.shown);
}

static int decide(struct layer_part *p, const struct pod_stream_head *head, const char *journal, const struct pod_stored *base,
		  struct fault *fault)
{
	struct pod_stream_head before;
	uint32_t next = 0;

	if (!head->first)
		return make(p, journal, base, fault);
	if (layer_part_look(p->ls, head->layer.id, &before, &next) && pod_stream_same(&before, head) && head->first <= next)
		return CLI_OK;
	return no_beginning(p->ls, fault);
}

int layer_part_begin(struct layer_part *p, struct layer_store *ls, const struct pod_stream_head *head,
		     const struct pod_stored *base, struct fault *fault)
{
	char journal[POD_STORE_FILE_MAX];
	struct pod_stream_head ignored;
	int rc;

	*p = (struct layer_part){.ls = ls, .head = *head, .entry = {.id = head->layer.id, .created = head->created}};
	p->head.first = 0;
	layer_store_aside(head->layer.id, PART, p->entry.file);
	layer_store_aside(head->layer.id, JOURNAL, journal);
	pod_strlcpy(p->entry.name, head->layer.name, sizeof p->entry.name);
	rc = decide(p, head, journal, base, fault);
	if (rc == CLI_OK) {
		p->journal = ls->dir.ops->open(&ls->dir, journal, true, fault);
		rc = p->journal ? CLI_OK : CLI_FAILED;
	}
	if (rc == CLI_OK && !read_journal(p->journal, &ignored, &p->sequence, &p->next))
		rc = fault_status(fault, p->journal->dev.path, _("cannot open"), POD_E_CORRUPT, NULL);
	if (rc == CLI_OK)
		rc = layer_store_edit_disk(ls, &p->entry, &p->disk, fault);
	p->open = rc == CLI_OK;
	/* Of several layers that show the same another one may have been taken when it began. */
	if (p->open && base && layer_store_named_parent(&ls->s, p->disk.chain.member[0]) != base->id)
		rc = no_beginning(ls, fault);
	if (rc != CLI_OK)
		layer_part_close(p, fault);
	return rc;
}

bool layer_part_note(struct layer_part *p, uint32_t next, struct fault *fault)
{
	enum pod_status st = pod_dev_flush(&p->disk.chain.dev);

	if (st == POD_OK)
		st = write_slot(p->journal->vf.dev, ++p->sequence, next);
	if (st != POD_OK)
		fault_status(fault, p->journal->dev.path, _("cannot write it to the disk"), st, NULL);
	else
		p->next = next;
	return st == POD_OK;
}

void layer_part_forget(const struct layer_part *p)
{
	const struct disk_file *f;

	if (!p->open)
		return;
	f = (const struct disk_file *)p->disk.chain.member[0]->file;
	(void)posix_fadvise(p->ls->dir.target ? p->ls->dir.target->file.fd : f->dev.fd, 0, 0, POSIX_FADV_DONTNEED);
}

int layer_part_close(struct layer_part *p, struct fault *fault)
{
	int rc = CLI_OK;

	if (p->open)
		rc = layer_store_close_disk(p->ls, &p->disk, fault);
	if (p->ls)
		p->ls->dir.ops->close(&p->ls->dir, p->journal, fault);
	p->open = false;
	p->journal = NULL;
	return rc;
}

void layer_part_drop(struct layer_part *p, struct fault *fault)
{
	char name[POD_STORE_FILE_MAX];

	(void)layer_part_close(p, NULL);
	layer_store_aside(p->entry.id, JOURNAL, name);
	if (p->ls->dir.ops->exists(&p->ls->dir, name))
		layer_store_leave_file(p->ls, name, fault);
	layer_store_aside(p->entry.id, PART, name);
	if (p->ls->dir.ops->exists(&p->ls->dir, name))
		layer_store_leave_file(p->ls, name, fault);
}
