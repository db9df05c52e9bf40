/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NTFS, read only: the volume, and files as runs. Layout: ntfs_int.h.
 *
 * What is not served, and said so in fs->diag: compressed and encrypted files, files with a reparse point (deduplicated, WOF, in a
 * cloud). A small file lies in its record, broken by the update sequence, so that it can be read but has no runs. A junction is
 * reported as a link that nobody can follow. What the record of a file says counts, not what its directory says; readdir leaves it
 * to ntfs_complete, so that a lookup does not read the records of all files that it passes.
 *
 * Deviations that are tolerated: a record 0 that is damaged (its copy in $MFTMirr is taken); a volume larger than its device.
 *
 * pod_node.priv: [0] number of the file record, [1] FILE_* flags, [2] reference (number and sequence number).
 */
#include "core/fs/ntfs.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/fs/ntfs_int.h"
#include "core/fs/time.h"

enum { FILE_RESIDENT = 1, FILE_COMPRESSED = 2, FILE_ENCRYPTED = 4, FILE_REPARSE = 8 };
enum { CLUSTER_SHIFT_MAX = 21, BOOT_LEN = 512, PAGE = 4096 };
#define VOLUME_DIRTY	1u
#define LOG_NO_CLIENT	0xFFFFu
#define LOG_CLEAN	2u
#define SECONDS_TO_1970 11644473600ull

int64_t pod_ntfs_to_unix(uint64_t time)
{
	uint64_t q = pod_time_divide(time >> 7, 78125); /* 10^7 is 2^7 * 78125 */
	return q > SECONDS_TO_1970 ? (int64_t)(q - SECONDS_TO_1970) : 0;
}

/* --- volume ------------------------------------------------------------------------------------------- */

static bool power_of_two(uint32_t v)
{
	return v && !(v & (v - 1));
}

static uint32_t log2_of(uint32_t v)
{
	uint32_t n = 0;
	while (1u << n < v)
		n++;
	return n;
}

static enum pod_status read_geometry(struct pod_ntfs *v, const uint8_t *b, uint64_t size_bytes, struct pod_diag *diag)
{
	uint32_t per = b[13], record = b[64];
	v->sector_size = pod_get_le16(b + 11);
	if (!power_of_two(v->sector_size) || v->sector_size < 256 || v->sector_size > 4096)
		return pod_fail(diag, POD_E_CORRUPT, "NTFS bytes per sector", 11, 512, v->sector_size);
	if (per > 128 ? 256 - per > CLUSTER_SHIFT_MAX : !power_of_two(per))
		return pod_fail(diag, POD_E_CORRUPT, "NTFS sectors per cluster", 13, 8, per);
	v->cluster_shift = log2_of(v->sector_size) + (per > 128 ? 256 - per : log2_of(per));
	if (v->cluster_shift > CLUSTER_SHIFT_MAX || v->cluster_shift < 9)
		return pod_fail(diag, POD_E_CORRUPT, "NTFS sectors per cluster", 13, 8, per);
	if (record > 256 - 32)
		v->record_size = 1u << (256 - record);
	else if (record < 128 && record <= POD_NTFS_RECORD_MAX >> v->cluster_shift)
		v->record_size = record << v->cluster_shift;
	if (!power_of_two(v->record_size) || v->record_size < 512 || v->record_size > POD_NTFS_RECORD_MAX)
		return pod_fail(diag, POD_E_CORRUPT, "NTFS clusters per file record", 64, 246, record);
	v->record_shift = log2_of(v->record_size);
	uint64_t sectors = pod_get_le64(b + 40);
	if (sectors >> 50)
		return pod_fail(diag, POD_E_CORRUPT, "NTFS total sectors", 40, 0, sectors);
	/* What a device that is too short has not got counts as damage where something lies there. */
	v->clusters = pod_min_u64(sectors >> (v->cluster_shift - log2_of(v->sector_size)), size_bytes >> v->cluster_shift);
	v->mft_lcn = pod_get_le64(b + 48);
	v->mirror_lcn = pod_get_le64(b + 56);
	if (v->mft_lcn >= v->clusters)
		return pod_fail(diag, POD_E_CORRUPT, "NTFS cluster of $MFT", 48, v->clusters, v->mft_lcn);
	return POD_OK;
}

static enum pod_status read_record0(struct pod_fs *fs, uint64_t lcn)
{
	struct pod_ntfs *v = pod_ntfs_of(fs);
	POD_TRY(pod_dev_read(fs->dev, lcn << v->cluster_shift, v->base.data, v->record_size));
	return pod_ntfs_record_take(v, &v->base, 0);
}

static enum pod_status load_mft(struct pod_fs *fs, struct pod_diag *diag)
{
	struct pod_ntfs *v = pod_ntfs_of(fs);
	v->base.data = fs->alloc->alloc(fs->alloc, v->record_size);
	v->ext.data = fs->alloc->alloc(fs->alloc, v->record_size);
	if (!v->base.data || !v->ext.data)
		return POD_E_NOMEM;
	enum pod_status st = read_record0(fs, v->mft_lcn);
	if ((st == POD_E_CORRUPT || st == POD_E_IO) && v->mirror_lcn < v->clusters)
		st = read_record0(fs, v->mirror_lcn);
	if (st == POD_OK)
		st = pod_ntfs_mft_load(fs);
	if (st == POD_OK || pod_is_fatal(st))
		return st;
	return pod_fail(diag, POD_E_CORRUPT, "NTFS $MFT", v->mft_lcn << v->cluster_shift, 0, 0);
}

/* A comfort: a volume without it is read all the same. */
static enum pod_status read_label(struct pod_fs *fs)
{
	struct pod_ntfs *v = pod_ntfs_of(fs);
	struct pod_ntfs_stream s;
	enum pod_status st = pod_ntfs_record_load(fs, &v->base, POD_NTFS_VOLUME);
	if (st == POD_OK)
		st = pod_ntfs_stream_open(fs, POD_NTFS_VOLUME_NAME, false, &s);
	if (st == POD_OK && s.resident && pod_utf16le_to_utf8(s.value, (size_t)s.size / 2, fs->label, sizeof fs->label) != POD_OK)
		return POD_OK; /* what fits */
	return st == POD_E_CORRUPT || st == POD_E_NOT_FOUND ? POD_OK : st;
}

static void ntfs_close(struct pod_fs *fs)
{
	struct pod_ntfs *v = pod_ntfs_of(fs);
	pod_ntfs_dir_free(fs);
	pod_free(fs->alloc, v->mft.v);
	pod_free(fs->alloc, v->base.data);
	pod_free(fs->alloc, v->ext.data);
	pod_free(fs->alloc, v);
	fs->priv_mem = NULL;
}

static enum pod_status ntfs_open(struct pod_fs *fs, struct pod_diag *diag)
{
	uint8_t boot[BOOT_LEN];
	if (fs->dev->size_bytes < sizeof boot)
		return POD_E_FORMAT;
	POD_TRY(pod_dev_read(fs->dev, 0, boot, sizeof boot));
	if (memcmp(boot + 3, "NTFS    ", 8) != 0)
		return pod_fail(diag, POD_E_FORMAT, "NTFS OEM ID", 3, 0, 0);
	struct pod_ntfs *v = pod_zalloc(fs->alloc, 1, sizeof *v);
	if (!v)
		return POD_E_NOMEM;
	fs->priv_mem = v;
	v->base.no = v->ext.no = v->dir.no = POD_NTFS_NO_RECORD;
	enum pod_status st = read_geometry(v, boot, fs->dev->size_bytes, diag);
	if (st == POD_OK)
		st = load_mft(fs, diag);
	if (st == POD_OK)
		st = read_label(fs);
	if (st != POD_OK) {
		ntfs_close(fs);
		return st;
	}
	fs->cluster_size = 1u << v->cluster_shift;
	fs->total_bytes = pod_get_le64(boot + 40) << log2_of(v->sector_size);
	fs->serial = pod_get_le32(boot + 72);
	return POD_OK;
}

/* --- files -------------------------------------------------------------------------------------------- */

static enum pod_status ntfs_root(struct pod_fs *fs, struct pod_node *out)
{
	(void)fs;
	memset(out, 0, sizeof *out);
	out->is_dir = true;
	out->priv[0] = out->priv[2] = POD_NTFS_ROOT;
	return POD_OK;
}

static enum pod_status has_attr(struct pod_fs *fs, uint32_t type, bool *out)
{
	struct pod_ntfs_stream s;
	enum pod_status st = pod_ntfs_stream_open(fs, type, false, &s);
	*out = st == POD_OK;
	return st == POD_E_NOT_FOUND ? POD_OK : st;
}

static enum pod_status load_file(struct pod_fs *fs, const struct pod_node *n)
{
	struct pod_ntfs *v = pod_ntfs_of(fs);
	POD_TRY(pod_ntfs_record_load(fs, &v->base, n->priv[2]));
	return pod_get_le64(v->base.data + 32) ? POD_E_CORRUPT : POD_OK;
}

static enum pod_status ntfs_complete(struct pod_fs *fs, struct pod_node *n)
{
	const struct pod_ntfs *v = pod_ntfs_of(fs);
	struct pod_ntfs_stream s;
	bool reparse;
	if (n->is_dir)
		return POD_OK;
	POD_TRY(load_file(fs, n));
	if (pod_get_le16(v->base.data + 22) & POD_NTFS_IS_DIR)
		return POD_E_CORRUPT;
	enum pod_status st = pod_ntfs_stream_open(fs, POD_NTFS_STANDARD_INFORMATION, false, &s);
	if (st == POD_E_NOT_FOUND || (st == POD_OK && (!s.resident || s.size < 36)))
		return POD_E_CORRUPT;
	POD_TRY(st);
	n->mtime = pod_ntfs_to_unix(pod_get_le64(s.value + 8));
	n->attributes = pod_get_le32(s.value + 32) & (POD_ATTR_READ_ONLY | POD_ATTR_HIDDEN | POD_ATTR_SYSTEM | POD_ATTR_ARCHIVE);
	POD_TRY(has_attr(fs, POD_NTFS_REPARSE_POINT, &reparse));
	n->priv[1] = reparse ? FILE_REPARSE : 0;
	st = pod_ntfs_stream_open(fs, POD_NTFS_DATA, false, &s);
	if (st == POD_E_NOT_FOUND)
		return POD_OK; /* a file without contents */
	if (st != POD_OK)
		return st;
	n->size_bytes = s.size;
	n->valid_bytes = s.valid;
	n->priv[1] |= (s.resident ? FILE_RESIDENT : 0u) | (s.flags & POD_NTFS_ATTR_COMPRESSED ? FILE_COMPRESSED : 0u) |
		      (s.flags & POD_NTFS_ATTR_ENCRYPTED ? FILE_ENCRYPTED : 0u);
	return POD_OK;
}

static enum pod_status refuse(struct pod_fs *fs, const struct pod_node *n, const char *what)
{
	return pod_fail(&fs->diag, POD_E_UNSUPPORTED, what, n->entry_bytes, 0, n->priv[0]);
}

/* Files whose bytes mean something else. */
static enum pod_status check_plain(struct pod_fs *fs, const struct pod_node *n)
{
	if (n->priv[1] & FILE_ENCRYPTED)
		return refuse(fs, n, "encrypted file (EFS)");
	if (n->priv[1] & FILE_COMPRESSED)
		return refuse(fs, n, "compressed file");
	if (n->priv[1] & FILE_REPARSE)
		return refuse(fs, n, "file with a reparse point");
	return POD_OK;
}

static enum pod_status ntfs_read(struct pod_fs *fs, const struct pod_node *n, uint64_t off, void *buf, size_t len)
{
	struct pod_ntfs_stream s;
	POD_TRY(check_plain(fs, n));
	if (!(n->priv[1] & FILE_RESIDENT))
		return POD_END; /* through its extents */
	POD_TRY(load_file(fs, n));
	POD_TRY(pod_ntfs_stream_open(fs, POD_NTFS_DATA, false, &s));
	if (!s.resident || !pod_in_range(off, len, s.size))
		return POD_E_CHANGED;
	memcpy(buf, s.value + off, len);
	return POD_OK;
}

/* Runs of clusters on their way to extents: cut off where the initialized part ends, or whole. */
struct emitting {
	struct pod_extents x;
	uint64_t valid;
	uint32_t shift;
};

static enum pod_status take_run(void *ctx, const struct pod_ntfs_run *r)
{
	struct emitting *m = ctx;
	uint64_t start = r->vcn << m->shift;
	if (start >= m->valid)
		return POD_OK;
	return pod_extents_add(&m->x, r->lcn << m->shift, pod_min_u64(r->count << m->shift, m->valid - start),
			       r->lcn == POD_NTFS_HOLE);
}

static enum pod_status open_data(struct pod_fs *fs, const struct pod_node *n, struct pod_ntfs_stream *s)
{
	POD_TRY(check_plain(fs, n));
	if (n->priv[1] & FILE_RESIDENT)
		return refuse(fs, n, "file so small that it lies in its file record");
	POD_TRY(load_file(fs, n));
	POD_TRY(pod_ntfs_stream_open(fs, POD_NTFS_DATA, false, s));
	return s->resident || s->size != n->size_bytes || s->valid != n->valid_bytes ? POD_E_CHANGED : POD_OK;
}

static enum pod_status ntfs_extents(struct pod_fs *fs, const struct pod_node *n, pod_extent_fn *cb, void *ctx)
{
	struct pod_ntfs_stream s;
	if (n->size_bytes == 0)
		return POD_OK;
	POD_TRY(open_data(fs, n, &s));
	struct emitting m = {.x = {.cb = cb, .ctx = ctx}, .valid = s.valid, .shift = pod_ntfs_of(fs)->cluster_shift};
	POD_TRY(pod_ntfs_stream_runs(fs, &s, take_run, &m));
	if (m.x.run.file_bytes + m.x.run.length_bytes != s.valid)
		return POD_E_CORRUPT; /* the runs end before the file does */
	POD_TRY(pod_extents_add(&m.x, 0, s.size - s.valid, true));
	return pod_extents_end(&m.x);
}

enum pod_status pod_ntfs_room(struct pod_fs *fs, const struct pod_node *n, pod_extent_fn *cb, void *ctx)
{
	struct pod_ntfs_stream s;
	POD_TRY(open_data(fs, n, &s));
	struct emitting m = {.x = {.cb = cb, .ctx = ctx}, .valid = UINT64_MAX, .shift = pod_ntfs_of(fs)->cluster_shift};
	POD_TRY(pod_ntfs_stream_runs(fs, &s, take_run, &m));
	return pod_extents_end(&m.x);
}

static enum pod_status ntfs_readlink(struct pod_fs *fs, const struct pod_node *link, char *buf, size_t size)
{
	(void)buf, (void)size;
	return refuse(fs, link, "junction or other reparse point");
}

/* --- how the volume was left -------------------------------------------------------------------------- */

/* Takes a restart page of $LogFile: +16 4 system page size, +24 2 where the restart area lies; there: +0 8 current LSN, +12 2 list of
 * clients that are using the log, +14 2 flags. False: it is none. */
static bool take_restart(const struct pod_ntfs *v, uint8_t *page, uint64_t *lsn, bool *clean)
{
	if (memcmp(page, "CHKD", 4) == 0) {
		*lsn = 0;
		*clean = true;
		return true;
	}
	if (pod_ntfs_unfix(v, page, PAGE, "RSTR") != POD_OK)
		return false;
	uint32_t at = pod_get_le16(page + 24);
	if (!pod_in_range(at, 16, PAGE))
		return false;
	*lsn = pod_get_le64(page + at);
	*clean = pod_get_le16(page + at + 12) == LOG_NO_CLIENT || (pod_get_le16(page + at + 14) & LOG_CLEAN);
	return true;
}

static bool all_ones(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != 0xFF)
			return false;
	return true;
}

/* The log is open if the newer one of its two restart pages says so. One that was never used holds FFh. */
static enum pod_status log_is_open(struct pod_fs *fs, const struct pod_ntfs_runs *runs, uint8_t *page, bool *out)
{
	const struct pod_ntfs *v = pod_ntfs_of(fs);
	uint64_t newest = 0;
	bool found = false, empty = true;
	*out = false;
	for (uint64_t off = 0; off <= PAGE; off += PAGE) {
		uint64_t lsn;
		bool clean;
		POD_TRY(pod_ntfs_runs_read(fs, runs, off, page, PAGE));
		empty = empty && all_ones(page, PAGE);
		if (!take_restart(v, page, &lsn, &clean))
			continue;
		if (!found || lsn > newest) {
			*out = !clean;
			newest = lsn;
		}
		found = true;
	}
	if (!found)
		*out = !empty;
	return POD_OK;
}

static enum pod_status read_log(struct pod_fs *fs, bool *open)
{
	struct pod_ntfs *v = pod_ntfs_of(fs);
	struct pod_ntfs_stream s;
	struct pod_ntfs_runs runs = {0};
	POD_TRY(pod_ntfs_record_load(fs, &v->base, POD_NTFS_LOGFILE));
	POD_TRY(pod_ntfs_stream_open(fs, POD_NTFS_DATA, false, &s));
	if (s.resident)
		return POD_E_CORRUPT;
	uint8_t *page = fs->alloc->alloc(fs->alloc, PAGE);
	enum pod_status st = page ? pod_ntfs_runs_load(fs, &s, &runs) : POD_E_NOMEM;
	if (st == POD_OK)
		st = log_is_open(fs, &runs, page, open);
	pod_free(fs->alloc, runs.v);
	pod_free(fs->alloc, page);
	return st;
}

enum pod_status pod_ntfs_state(struct pod_fs *fs, struct pod_ntfs_state *out)
{
	struct pod_ntfs *v = pod_ntfs_of(fs);
	struct pod_ntfs_stream s;
	if (fs->ops != &pod_fs_ntfs)
		return POD_E_INVALID;
	POD_TRY(pod_ntfs_record_load(fs, &v->base, POD_NTFS_VOLUME));
	POD_TRY(pod_ntfs_stream_open(fs, POD_NTFS_VOLUME_INFORMATION, false, &s));
	if (!s.resident || s.size < 12)
		return POD_E_CORRUPT;
	out->dirty = pod_get_le16(s.value + 10) & VOLUME_DIRTY;
	return read_log(fs, &out->log_open);
}

/* --- free space --------------------------------------------------------------------------------------- */

struct freeing {
	uint64_t first, count; /* clusters of the run at hand */
	enum pod_status (*cb)(void *ctx, uint64_t dev_bytes, uint64_t length_bytes);
	void *ctx;
	uint32_t shift;
};

static enum pod_status end_run(struct freeing *f)
{
	uint64_t n = f->count;
	f->count = 0;
	return n ? f->cb(f->ctx, f->first << f->shift, n << f->shift) : POD_OK;
}

/* A bit for each of `n` clusters from `first` on; set: in use. */
static enum pod_status take_bits(struct freeing *f, const uint8_t *bits, uint64_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (bits[i >> 3] & 1u << (i & 7)) {
			POD_TRY(end_run(f));
		} else if (f->count++ == 0) {
			f->first = first + i;
		}
	}
	return POD_OK;
}

static enum pod_status read_bitmap(struct pod_fs *fs, const struct pod_ntfs_runs *runs, uint8_t *page, struct freeing *f)
{
	uint64_t clusters = pod_ntfs_of(fs)->clusters;
	for (uint64_t at = 0; at < clusters; at += 8ull * PAGE) {
		uint32_t n = (uint32_t)pod_min_u64(8ull * PAGE, clusters - at);
		POD_TRY(pod_ntfs_runs_read(fs, runs, at >> 3, page, (n + 7) >> 3));
		POD_TRY(take_bits(f, page, at, n));
	}
	return end_run(f);
}

enum pod_status pod_ntfs_free_runs(struct pod_fs *fs, enum pod_status (*cb)(void *ctx, uint64_t dev_bytes, uint64_t length_bytes),
				   void *ctx)
{
	struct pod_ntfs *v = pod_ntfs_of(fs);
	struct freeing f = {.cb = cb, .ctx = ctx, .shift = v->cluster_shift};
	struct pod_ntfs_stream s;
	struct pod_ntfs_runs runs = {0};
	POD_TRY(pod_ntfs_record_load(fs, &v->base, POD_NTFS_BITMAP));
	POD_TRY(pod_ntfs_stream_open(fs, POD_NTFS_DATA, false, &s));
	if (s.resident)
		return POD_E_UNSUPPORTED; /* a toy */
	uint8_t *page = fs->alloc->alloc(fs->alloc, PAGE);
	enum pod_status st = page ? pod_ntfs_runs_load(fs, &s, &runs) : POD_E_NOMEM;
	if (st == POD_OK)
		st = read_bitmap(fs, &runs, page, &f);
	pod_free(fs->alloc, runs.v);
	pod_free(fs->alloc, page);
	return st;
}

uint64_t pod_ntfs_mft_bytes(struct pod_fs *fs)
{
	return pod_ntfs_of(fs)->mft_lcn << pod_ntfs_of(fs)->cluster_shift;
}

const struct pod_fs_ops pod_fs_ntfs = {
	.name = "ntfs",
	.open = ntfs_open,
	.close = ntfs_close,
	.root = ntfs_root,
	.readdir = pod_ntfs_readdir,
	.complete = ntfs_complete,
	.extents = ntfs_extents,
	.read = ntfs_read,
	.readlink = ntfs_readlink,
	.case_sensitive = true,
};
