/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is the capacity real? A counterfeit drive says that it is larger than it is. What is written beyond its end is lost, or lands
 * on what was written before (the address wraps around, mostly at a power of two).
 *
 * Only free clusters are written, each block with its own place and this run's number in it. Before a block is written, what is
 * there is read: if it is one of our blocks, the address has wrapped, and nothing is written. The sample keeps what it overwrites
 * and puts it back in reverse order, so that even where an address wraps onto a file, the file is as it was. After every write
 * the first sectors of the drive and of the volume are compared with what they were.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "cli/doctor/drives.h"
#include "cli/doctor/report.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

enum {
	BLOCK = 4096,
	PLACES_MAX = 128,
	EVEN_PLACES = 32,
	PIECE_MAX = 8 << 20,
	CANARIES = 2,
	CANARY_SIZE = 8192,
};

const struct doctor_check doctor_check_capacity = {
	.id = "drive.capacity",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("real capacity"),
	.explain =
		N_("Counterfeit drives say that they are larger than they are; files beyond the real end are lost, or overwrite "
		   "others. --probe writes small blocks into free space at powers of two and at the end, reads them back, and "
		   "puts back what was there. --probe=full writes all of the free space (slow; what deleted files left there is "
		   "gone). Neither touches a file. The sample finds drives that lose what is beyond their end, or wrap at a "
		   "power of two; the full probe finds the rest. A counterfeit drive can be used up to its real capacity if no "
		   "partition reaches beyond it; better replace it."),
};

struct place {
	uint64_t at; /* on the drive */
	uint8_t *saved;
};

struct probe {
	struct doctor *d;
	struct cli_target *t;
	struct doctor_volume *v;
	struct pod_dev *dev;
	uint64_t number; /* of this run */
	uint8_t canary[CANARIES][CANARY_SIZE];
	uint64_t canary_at[CANARIES];
	struct place place[PLACES_MAX];
	size_t places;
	/* the verdict */
	bool fake, failed;
	uint64_t bad_at;    /* the first place that did not keep what was written */
	uint64_t landed_at; /* where it landed; UINT64_MAX: nowhere */
	enum pod_status status;
};

/* --- blocks ---------------------------------------------------------------------------------------------------------------- */

static void make_block(const struct probe *p, uint64_t at, uint8_t *b)
{
	uint64_t x = at ^ p->number ^ 0x9E3779B97F4A7C15ull;

	memcpy(b, "ISOPOD PROBE\r\n\x1a", 16);
	pod_put_le64(b + 16, p->number);
	pod_put_le64(b + 24, at);
	for (size_t i = 32; i < BLOCK; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		pod_put_le64(b + i, x);
	}
}

/* Is this a block of this run? *at: whose. */
static bool is_block(const struct probe *p, const uint8_t *b, uint64_t *at)
{
	if (memcmp(b, "ISOPOD PROBE\r\n\x1a", 16) != 0 || pod_get_le64(b + 16) != p->number)
		return false;
	*at = pod_get_le64(b + 24);
	return true;
}

static bool ok(struct probe *p, enum pod_status st)
{
	if (st != POD_OK && !p->failed) {
		p->failed = true;
		p->status = st;
	}
	return st == POD_OK;
}

/* What is read next comes from the medium. */
static bool settle(struct probe *p)
{
	bool flushed = ok(p, pod_dev_flush(p->dev));

	posix_fadvise(p->t->file.fd, 0, 0, POSIX_FADV_DONTNEED);
	return flushed;
}

static void found_fake(struct probe *p, uint64_t at, uint64_t landed_at)
{
	if (!p->fake) {
		p->bad_at = at;
		p->landed_at = landed_at;
	}
	p->fake = true;
}

static void read_canaries(struct probe *p)
{
	p->canary_at[0] = 0;
	p->canary_at[1] = p->t->data_part->start_bytes;
	for (size_t i = 0; i < CANARIES; i++)
		ok(p, pod_dev_read(p->dev, p->canary_at[i], p->canary[i], CANARY_SIZE));
}

/* False: a write to `at` has changed something else. */
static bool canaries_live(struct probe *p, uint64_t at)
{
	uint8_t *now = cli_xmalloc(CANARY_SIZE);
	bool same = true;

	for (size_t i = 0; i < CANARIES && same; i++) {
		if (!ok(p, pod_dev_read(p->dev, p->canary_at[i], now, CANARY_SIZE)))
			break;
		same = memcmp(now, p->canary[i], CANARY_SIZE) == 0;
		if (!same)
			found_fake(p, at, p->canary_at[i]);
	}
	free(now);
	return same;
}

/* --- free space ------------------------------------------------------------------------------------------------------------ */

static bool is_free(const struct probe *p, uint64_t cluster)
{
	uint64_t bit = cluster - 2;

	return cluster >= 2 && bit < p->v->geom.cluster_count && !(p->v->vol.bitmap[bit / 8] & 1u << bit % 8);
}

static uint64_t drive_offset(const struct probe *p, uint64_t cluster)
{
	return p->t->data_part->start_bytes + pod_exfat_cluster_bytes(&p->v->geom, (uint32_t)cluster);
}

static void add_place(struct probe *p, uint64_t at)
{
	for (size_t i = 0; i < p->places; i++)
		if (p->place[i].at == at)
			return;
	if (p->places < PLACES_MAX)
		p->place[p->places++].at = at;
}

/* Two free clusters that lie `distance` apart. */
static void add_pair(struct probe *p, uint64_t distance)
{
	uint64_t step = distance >> p->v->geom.cluster_shift, end = 2ull + p->v->geom.cluster_count;

	for (uint64_t c = 2; step && c + step < end; c++)
		if (is_free(p, c) && is_free(p, c + step)) {
			add_place(p, drive_offset(p, c));
			add_place(p, drive_offset(p, c + step));
			return;
		}
}

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static void choose_places(struct probe *p)
{
	uint64_t end = 2ull + p->v->geom.cluster_count, last = 0;

	for (uint64_t distance = 1ull << 20; distance < p->dev->size_bytes; distance <<= 1)
		add_pair(p, distance);
	for (unsigned i = 0; i < EVEN_PLACES; i++)
		for (uint64_t c = 2 + p->v->geom.cluster_count / EVEN_PLACES * (uint64_t)i, stop = c + 65536; c < end && c < stop;
		     c++)
			if (is_free(p, c)) {
				add_place(p, drive_offset(p, c));
				break;
			}
	for (uint64_t c = end - 1; c >= 2 && !last; c--)
		if (is_free(p, c))
			last = drive_offset(p, c);
	if (last)
		add_place(p, last);
	if (p->places)
		qsort(p->place, p->places, sizeof *p->place, by_place);
}

/* --- the sample ------------------------------------------------------------------------------------------------------------ */

/* Writes the block of one place. False: stop. */
static bool mark(struct probe *p, struct place *pl, uint8_t *b)
{
	uint8_t *saved = cli_xmalloc(BLOCK);
	uint64_t other;

	if (!ok(p, pod_dev_read(p->dev, pl->at, saved, BLOCK)) || is_block(p, saved, &other)) {
		if (!p->failed)
			found_fake(p, pl->at, other);
		free(saved);
		return false;
	}
	pl->saved = saved;
	make_block(p, pl->at, b);
	return ok(p, pod_dev_write(p->dev, pl->at, b, BLOCK)) && settle(p) && canaries_live(p, pl->at);
}

static void verify(struct probe *p, const struct place *pl, uint8_t *b)
{
	uint8_t *want = cli_xmalloc(BLOCK);
	uint64_t other;

	make_block(p, pl->at, want);
	if (ok(p, pod_dev_read(p->dev, pl->at, b, BLOCK)) && memcmp(b, want, BLOCK) != 0)
		found_fake(p, pl->at, is_block(p, b, &other) ? other : UINT64_MAX);
	free(want);
}

static void sample(struct probe *p)
{
	uint8_t *b = cli_xmalloc(BLOCK);
	size_t n = 0;

	doctor_progress(p->d, _("probing the capacity"), 0, p->places);
	while (n < p->places && !cli_interrupted && mark(p, &p->place[n], b))
		doctor_progress(p->d, NULL, ++n, 0);
	settle(p);
	for (size_t i = 0; i < n && !p->failed && !p->fake; i++)
		verify(p, &p->place[i], b);
	/* Last written first: where two places are one, the older content is what remains. */
	for (size_t i = p->places; i-- > 0;)
		if (p->place[i].saved) {
			ok(p, pod_dev_write(p->dev, p->place[i].at, p->place[i].saved, BLOCK));
			ok(p, pod_dev_flush(p->dev));
			free(p->place[i].saved);
			p->place[i].saved = NULL;
		}
	settle(p);
	doctor_progress_end(p->d);
	free(b);
}

/* --- all of it ------------------------------------------------------------------------------------------------------------- */

/* The next piece of free space at or behind *cluster. */
static bool next_piece(const struct probe *p, uint64_t *cluster, uint64_t *at, size_t *len)
{
	uint64_t end = 2ull + p->v->geom.cluster_count, first;
	uint32_t shift = p->v->geom.cluster_shift;

	while (*cluster < end && !is_free(p, *cluster))
		++*cluster;
	if (*cluster >= end)
		return false;
	first = *cluster;
	while (*cluster < end && is_free(p, *cluster) && (*cluster - first) << shift < PIECE_MAX)
		++*cluster;
	*at = drive_offset(p, first);
	*len = (size_t)((*cluster - first) << shift);
	return true;
}

static void make_piece(const struct probe *p, uint64_t at, uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i += BLOCK)
		make_block(p, at + i, b + i);
}

static bool write_piece(struct probe *p, uint64_t at, uint8_t *b, uint8_t *saved, size_t len)
{
	uint64_t other;

	if (!ok(p, pod_dev_read(p->dev, at, saved, len)))
		return false;
	for (size_t i = 0; i < len; i += BLOCK)
		if (is_block(p, saved + i, &other)) {
			found_fake(p, at + i, other);
			return false;
		}
	make_piece(p, at, b, len);
	if (!ok(p, pod_dev_write(p->dev, at, b, len)) || !settle(p))
		return false;
	if (canaries_live(p, at))
		return true;
	ok(p, pod_dev_write(p->dev, at, saved, len));
	settle(p);
	return false;
}

static bool verify_piece(struct probe *p, uint64_t at, uint8_t *b, uint8_t *got, size_t len)
{
	uint64_t other;

	if (!ok(p, pod_dev_read(p->dev, at, got, len)))
		return false;
	make_piece(p, at, b, len);
	for (size_t i = 0; i < len && !p->fake; i += BLOCK)
		if (memcmp(b + i, got + i, BLOCK) != 0)
			found_fake(p, at + i, is_block(p, got + i, &other) ? other : UINT64_MAX);
	return !p->fake;
}

static void all(struct probe *p)
{
	/* a cluster can be larger than a piece */
	size_t room = PIECE_MAX + ((size_t)1 << p->v->geom.cluster_shift), len;
	uint8_t *b = cli_xmalloc(room), *other = cli_xmalloc(room);
	struct pod_exfat_space space;
	uint64_t at, done = 0;

	pod_exfat_space(&p->v->vol, &space);
	if (space.free_bytes)
		doctor_progress(p->d, _("writing the free space"), 0, space.free_bytes * 2);
	for (uint64_t c = 2; !cli_interrupted && next_piece(p, &c, &at, &len) && write_piece(p, at, b, other, len);)
		doctor_progress(p->d, NULL, done += len, 0);
	for (uint64_t c = 2;
	     !cli_interrupted && !p->fake && !p->failed && next_piece(p, &c, &at, &len) && verify_piece(p, at, b, other, len);)
		doctor_progress(p->d, NULL, done += len, 0);
	doctor_progress_end(p->d);
	free(other);
	free(b);
}

/* --- what came of it ------------------------------------------------------------------------------------------------------- */

static void report(struct probe *p)
{
	struct doctor *d = p->d;
	const char *fix = _("do not trust the drive: save what can be read, and replace it");
	char size[16];

	if (p->fake && p->landed_at != UINT64_MAX && p->bad_at > p->landed_at)
		doctor_reportf(d, &doctor_check_capacity, DOCTOR_BAD, d->arg, fix,
			       _("counterfeit: what is written at offset %llu lands at %llu; it holds about %s"),
			       (unsigned long long)p->bad_at, (unsigned long long)p->landed_at,
			       pod_format_size(size, p->bad_at - p->landed_at));
	else if (p->fake)
		doctor_reportf(d, &doctor_check_capacity, DOCTOR_BAD, d->arg, fix,
			       _("counterfeit or failing: what was written at offset %llu is not there"),
			       (unsigned long long)p->bad_at);
	else if (p->failed)
		doctor_reportf(d, &doctor_check_capacity, DOCTOR_BAD, d->arg, fix, _("writing and reading back failed: %s"),
			       cli_status_text(p->status));
	else if (!p->places)
		doctor_report(d, &doctor_check_capacity, DOCTOR_SKIPPED, d->arg, _("there is no free space to probe"), NULL);
	else if (d->probe == DOCTOR_PROBE_FULL)
		doctor_report(d, &doctor_check_capacity, DOCTOR_GOOD, d->arg,
			      _("all of the free space keeps what is written to it"), NULL);
	else
		doctor_reportf(d, &doctor_check_capacity, DOCTOR_GOOD, d->arg, NULL,
			       _("%zu places up to offset %llu keep what is written to them"), p->places,
			       (unsigned long long)p->place[p->places - 1].at);
}

static void probe_volume(struct probe *p)
{
	struct doctor *d = p->d;

	p->v = cli_xzalloc(sizeof *p->v);
	if (strcmp(p->t->data.ops->name, "exfat") != 0)
		doctor_report(d, &doctor_check_capacity, DOCTOR_SKIPPED, d->arg, _("only exFAT is probed"), NULL);
	else if (doctor_volume_open(p->v, &p->t->data_win.dev, NULL) != POD_OK || !doctor_volume_sound(p->v) ||
		 (1u << p->v->geom.cluster_shift) < BLOCK)
		doctor_report(d, &doctor_check_capacity, DOCTOR_SKIPPED, d->arg,
			      _("cannot tell for certain which space is free: repair the volume first (see drive.volume)"), NULL);
	else {
		p->dev = &p->t->file.dev;
		read_canaries(p);
		choose_places(p);
		if (!p->failed)
			sample(p);
		if (!p->failed && !p->fake && d->probe == DOCTOR_PROBE_FULL)
			all(p);
		if (!cli_interrupted)
			report(p);
	}
	doctor_volume_close(p->v);
	free(p->v);
}

void doctor_capacity(struct doctor *d)
{
	struct fault why = {0};
	struct probe *p = cli_xzalloc(sizeof *p);

	p->d = d;
	if (getrandom(&p->number, sizeof p->number, 0) != (ssize_t)sizeof p->number)
		p->number = (uint64_t)getpid() << 32 ^ cli_millis();
	p->t = cli_target_open(d->target->file.path, true, &why);
	if (!p->t)
		doctor_report(d, &doctor_check_capacity, DOCTOR_SKIPPED, d->arg, fault_text(&why), NULL);
	fault_free(&why);
	if (p->t)
		probe_volume(p);
	cli_target_close(p->t);
	free(p);
}
