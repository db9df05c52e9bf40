/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The content of an image: zeros where there should be data, the MD5 that isomd5sum implants, the hashes published beside it, and
 * whether all of it can be read. Without --full a few samples are read and what is there to be checked is told; with it
 * everything is read once for all of these.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/images.h"
#include "cli/host/digest.h"
#include "cli/doctor/md5.h"
#include "cli/stick/hashlist.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

enum {
	CHUNK = 1 << 20,
	PIECE = 4096,	       /* the unit in which read errors are narrowed down */
	BAD_PLACES_MAX = 1024, /* pieces that cannot be read before the image is given up */
	SAMPLES = 64,
	ZERO_RUN = 1 << 20,  /* a run of zeros worth a look */
	TAIL_MIN = 32 << 20, /* zeros at the end that are more than padding */
};

const struct doctor_check doctor_check_zeros = {
	.id = "image.zeros",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("zeros in place of data"),
	.explain =
		N_("A download that reserves its space first, or a copy that was interrupted, leaves a file of the right length "
		   "with zeros where data is missing. Compressed files inside an image (squashfs, WIM, initrd) never hold long "
		   "runs of zeros. Without --full some places are sampled; with --full everything is read. Download or copy the "
		   "image again."),
};
const struct doctor_check doctor_check_md5 = {
	.id = "image.md5",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("implanted MD5"),
	.explain = N_(
		"Some makers write an MD5 of the image into its volume descriptor (isomd5sum; Fedora and its relatives do), with "
		"sums of parts, so that damage can be told and placed without a hash from elsewhere. --full reads the image and "
		"checks it. It protects against accidents, not against forgery."),
};
const struct doctor_check doctor_check_sums = {
	.id = "image.sums",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("hash published beside it"),
	.explain =
		N_("If a file such as SHA256SUMS, MD5SUMS or NAME.sha256 lies in the same folder and names the image, its hash "
		   "is compared: with --full by reading the image, without it by what 'isopod add' noted when it copied the "
		   "image. A wrong hash means that the image is not what its publisher released: download it again, and check "
		   "the signature of the hash list if there is one."),
};
const struct doctor_check doctor_check_copied = {
	.id = "image.copied",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("unchanged since it was copied"),
	.explain = N_("'isopod add' notes the SHA-256 of each image that it copies in /isopod.sha256 on the stick. --full "
		      "reads the image and compares. If the hash differs, the drive has lost or changed data, or a program "
		      "wrote into the file: copy it again, and probe the drive with --probe if it happens more than once."),
};
const struct doctor_check doctor_check_read = {
	.id = "drive.read",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("every byte can be read"),
	.explain = N_(
		"--full reads every image to its end. A place that cannot be read is told with the file inside the image that it "
		"belongs to, because that is what fails at boot: an error in the initrd stops the kernel's start, one in the "
		"squashfs or WIM stops the system later or makes programs crash. A drive with read errors is failing: copy what "
		"can be saved to another drive."),
};

#define AGAIN _("download or copy the image again")

/* --- samples --------------------------------------------------------------------------------------------------------------- */

/* Bytes of the file that were never written: exFAT's ValidDataLength, holes of a file on the host are not told. */
static uint64_t unwritten(const struct doctor_image *im)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < im->file->extent_count; i++)
		sum += im->file->extent[i].hole ? im->file->extent[i].length_bytes : 0;
	return sum;
}

/* A hole that has no place on the disk of the host reads as zeros without being read; the samples see it as well. */
static void sample(struct doctor *d, const struct doctor_image *im)
{
	bool iso = im->image && im->image->kind == POD_IMAGE_ISO;
	/* behind the volume of an ISO there is padding */
	uint64_t size = iso && im->image->volume_bytes ? pod_min_u64(im->image->volume_bytes, im->size_bytes) : im->size_bytes;
	uint64_t step = size / SAMPLES, hole = unwritten(im);
	unsigned zero = 0, tail = 0;
	uint8_t buf[PIECE / 4];

	if (hole) {
		doctor_reportf(d, &doctor_check_zeros, DOCTOR_BAD, im->subject, AGAIN,
			       _("the last %llu of %llu bytes were never written: the copy was interrupted"),
			       (unsigned long long)hole, (unsigned long long)im->size_bytes);
		return;
	}
	if (size < SAMPLES * (uint64_t)PIECE)
		return;
	for (unsigned i = 0; i < SAMPLES; i++) {
		/* from the middle of each part, away from what is aligned and padded */
		uint64_t at = i * step + step / 2;

		if (pod_dev_read(im->bytes, at, buf, sizeof buf) != POD_OK) {
			doctor_reportf(d, &doctor_check_read, DOCTOR_BAD, im->subject,
				       _("save what can be read, and replace the drive; --full finds every such place"),
				       _("read error at offset %llu"), (unsigned long long)at);
			return;
		}
		tail = pod_all_zero(buf, sizeof buf) ? tail + 1 : 0;
		zero += tail != 0;
	}
	/* A disk image may be all free space but for its beginning, where its kind was seen. */
	if (zero == SAMPLES && (iso || !im->image || im->image->kind == POD_IMAGE_UNKNOWN))
		doctor_report(d, &doctor_check_zeros, DOCTOR_BAD, im->subject, _("zeros wherever it was sampled"), AGAIN);
	else if (iso && tail >= SAMPLES / 8 && tail * step >= TAIL_MIN)
		doctor_reportf(d, &doctor_check_zeros, DOCTOR_WARN, im->subject,
			       _("an incomplete download looks like this: compare the hash"),
			       _("nothing but zeros was found in the last %u%%"), tail * 100 / SAMPLES);
	else
		doctor_reportf(d, &doctor_check_zeros, DOCTOR_GOOD, im->subject, NULL, _("%u of %u samples hold data"),
			       SAMPLES - zero, (unsigned)SAMPLES);
}

/* --- everything ------------------------------------------------------------------------------------------------------------- */

struct scan {
	struct doctor *d;
	const struct doctor_image *im;
	uint8_t *buf;
	struct cli_digest *sha256, *sum; /* sum: the published hash's algorithm, NULL if there is none or it is SHA-256 */
	struct doctor_md5 *md5;		 /* NULL: none implanted */
	/* read errors */
	unsigned bad;
	uint64_t bad_first;
	enum pod_status bad_status;
	/* zeros */
	uint64_t zero_start, zero_len, zero_total, zero_found;
	char zero_file[256];
};

/* Files that are compressed as a whole. */
static bool is_compressed(const char *path)
{
	static const char *const ending[] = {".squashfs", ".sfs", ".wim",   ".esd", ".xz",  ".zst",
					     ".gz",	  ".bz2", ".erofs", ".deb", ".rpm", ".cab"};

	for (size_t i = 0; i < POD_ARRAY_LEN(ending); i++)
		if (pod_ends_with_nocase(path, ending[i]))
			return true;
	return pod_strcasestr(path, "initrd") != NULL || pod_strcasestr(path, "squashfs") != NULL;
}

static void end_zero_run(struct scan *s)
{
	char path[256];

	if (s->zero_len >= ZERO_RUN) {
		s->zero_total += s->zero_len;
		if (!s->zero_file[0] && s->zero_found < 16) {
			s->zero_found++;
			doctor_iso_file_at(s->im, s->zero_start + s->zero_len / 2, path);
			if (is_compressed(path))
				pod_strlcpy(s->zero_file, path, sizeof s->zero_file);
		}
	}
	s->zero_len = 0;
}

static void look_for_zeros(struct scan *s, uint64_t at, size_t len)
{
	for (size_t i = 0; i < len; i += PIECE) {
		size_t n = len - i < PIECE ? len - i : PIECE;

		if (!pod_all_zero(s->buf + i, n)) {
			end_zero_run(s);
			continue;
		}
		if (!s->zero_len)
			s->zero_start = at + i;
		s->zero_len += n;
	}
}

static void note_bad(struct scan *s, uint64_t at, enum pod_status st)
{
	char path[256], text[320];

	if (!s->bad++) {
		s->bad_first = at;
		s->bad_status = st;
	}
	if (s->bad > 16)
		return;
	doctor_iso_file_at(s->im, at, path);
	snprintf(text, sizeof text, _(", in the file %s of the image"), path);
	doctor_reportf(s->d, &doctor_check_read, DOCTOR_BAD, s->im->subject,
		       _("save what can be read, and replace the drive; then copy the image again"), _("%s at offset %llu%s"),
		       cli_status_text(st), (unsigned long long)at, *path ? text : "");
}

/* A chunk; what cannot be read is narrowed down and becomes zeros. */
static void read_chunk(struct scan *s, uint64_t at, size_t len)
{
	if (pod_dev_read(s->im->bytes, at, s->buf, len) == POD_OK)
		return;
	for (size_t i = 0; i < len && s->bad < BAD_PLACES_MAX && !cli_interrupted; i += PIECE) {
		size_t n = len - i < PIECE ? len - i : PIECE;
		enum pod_status st = pod_dev_read(s->im->bytes, at + i, s->buf + i, n);

		if (st != POD_OK) {
			memset(s->buf + i, 0, n);
			note_bad(s, at + i, st);
		}
	}
}

static void read_all(struct scan *s)
{
	uint64_t size = s->im->size_bytes;
	struct cli_dev *dev = s->im->file->target ? &s->im->file->target->file : &s->im->file->file;

	/* What add has just written must come from the medium. */
	posix_fadvise(dev->fd, 0, 0, POSIX_FADV_DONTNEED);
	doctor_progress(s->d, s->im->subject, 0, size);
	for (uint64_t at = 0; at < size && s->bad < BAD_PLACES_MAX && !cli_interrupted; at += CHUNK) {
		size_t n = (size_t)pod_min_u64(CHUNK, size - at);

		read_chunk(s, at, n);
		if (s->sha256)
			cli_digest_update(s->sha256, s->buf, n);
		if (s->sum)
			cli_digest_update(s->sum, s->buf, n);
		if (s->md5)
			doctor_md5_update(s->md5, at, s->buf, n);
		look_for_zeros(s, at, n);
		doctor_progress(s->d, NULL, at + n, 0);
	}
	end_zero_run(s);
	doctor_progress_end(s->d);
}

/* --- what came of it -------------------------------------------------------------------------------------------------------- */

static void report_read(struct scan *s)
{
	if (!s->bad)
		doctor_reportf(s->d, &doctor_check_read, DOCTOR_GOOD, s->im->subject, NULL, _("%llu bytes read without an error"),
			       (unsigned long long)s->im->size_bytes);
	else if (s->bad > 16)
		doctor_reportf(s->d, &doctor_check_read, DOCTOR_BAD, s->im->subject,
			       _("save what can be read, and replace the drive; then copy the image again"),
			       s->bad >= BAD_PLACES_MAX ? _("more than %u places cannot be read; stopped there")
							: _("%u places cannot be read"),
			       s->bad);
}

static void report_zeros(struct scan *s)
{
	const struct doctor_image *im = s->im;

	if (unwritten(im))
		sample(s->d, im); /* says it */
	else if (s->zero_total >= im->size_bytes)
		doctor_report(s->d, &doctor_check_zeros, DOCTOR_BAD, im->subject, _("it holds nothing but zeros"), AGAIN);
	else if (s->zero_file[0])
		doctor_reportf(s->d, &doctor_check_zeros, DOCTOR_BAD, im->subject, AGAIN,
			       _("zeros for a MiB or more in %s, which is compressed and never has them"), s->zero_file);
	else
		doctor_reportf(s->d, &doctor_check_zeros, DOCTOR_GOOD, im->subject, NULL,
			       _("no compressed file has holes; long zeros: %llu bytes"), (unsigned long long)s->zero_total);
}

/* Why what was hashed says nothing. */
static const char *unhashed(const struct scan *s)
{
	const char *why = cli_digest_missing();

	return why && !s->bad ? why : _("not everything could be read");
}

/* `digest` NULL: it was not hashed. */
static void compare(struct scan *s, const struct doctor_check *c, const char *source, const char *want,
		    const struct cli_digest *digest, const char *fix)
{
	char got[2 * CLI_DIGEST_MAX + 1] = "";

	if (digest && !s->bad)
		cli_digest_hex(digest, got);
	if (s->bad || cli_digest_missing())
		doctor_report(s->d, c, DOCTOR_SKIPPED, s->im->subject, unhashed(s), NULL);
	else if (!*got)
		doctor_report(s->d, c, DOCTOR_SKIPPED, s->im->subject, _("this OpenSSL does not have that hash"), NULL);
	else if (strcmp(want, got) == 0)
		doctor_reportf(s->d, c, DOCTOR_GOOD, s->im->subject, NULL, _("checked now: %.16s..., as in %s"), got, source);
	else
		doctor_reportf(s->d, c, DOCTOR_BAD, s->im->subject, fix, _("%.16s..., but %s says %.16s..."), got, source, want);
}

static void report_md5(struct scan *s)
{
	struct doctor_md5 *m = s->md5;
	uint64_t from, to;
	char path[256];

	switch (s->bad ? DOCTOR_MD5_UNKNOWN : doctor_md5_result(m, &from, &to)) {
	case DOCTOR_MD5_SAME:
		doctor_reportf(s->d, &doctor_check_md5, DOCTOR_GOOD, s->im->subject, NULL, _("%s, as implanted"), m->hex);
		break;
	case DOCTOR_MD5_PART:
		doctor_iso_file_at(s->im, from + (to - from) / 2, path);
		doctor_reportf(s->d, &doctor_check_md5, DOCTOR_BAD, s->im->subject, AGAIN,
			       *path ? _("damaged between bytes %llu and %llu, where %s lies")
				     : _("damaged between bytes %llu and %llu"),
			       (unsigned long long)from, (unsigned long long)to, path);
		break;
	case DOCTOR_MD5_DIFFERENT:
		doctor_report(s->d, &doctor_check_md5, DOCTOR_BAD, s->im->subject,
			      _("the content does not have the MD5 that is implanted in it"), AGAIN);
		break;
	case DOCTOR_MD5_UNKNOWN:
		doctor_report(s->d, &doctor_check_md5, DOCTOR_SKIPPED, s->im->subject, unhashed(s), NULL);
		break;
	}
}

static const char *noted_hash(struct doctor *d, const struct doctor_image *im)
{
	const struct cli_hash *h = d->hashes && im->node ? cli_hashlist_get(d->hashes, im->path, im->node) : NULL;

	return h ? h->hex : NULL;
}

static void full(struct doctor *d, const struct doctor_image *im, struct doctor_md5 *md5, const struct doctor_sum *sum)
{
	struct scan s = {.d = d, .im = im, .md5 = md5, .buf = cli_xmalloc(CHUNK)};
	const char *noted = noted_hash(d, im);
	bool is_sha256 = sum && strcmp(sum->algorithm, "sha256") == 0;

	if (noted || is_sha256)
		s.sha256 = cli_digest_new("sha256");
	if (sum && !is_sha256)
		s.sum = cli_digest_new(sum->algorithm);
	read_all(&s);
	if (!cli_interrupted) {
		report_read(&s);
		report_zeros(&s);
		if (sum)
			compare(&s, &doctor_check_sums, sum->source, sum->hex, is_sha256 ? s.sha256 : s.sum, AGAIN);
		if (noted)
			compare(&s, &doctor_check_copied, CLI_HASHLIST_PATH, noted, s.sha256,
				_("copy the image again; if it happens more than once, probe the drive (--probe)"));
		if (md5)
			report_md5(&s);
	}
	cli_digest_free(s.sha256);
	cli_digest_free(s.sum);
	free(s.buf);
}

static void quick(struct doctor *d, const struct doctor_image *im, const struct doctor_md5 *md5, const struct doctor_sum *sum)
{
	const char *noted = noted_hash(d, im);

	sample(d, im);
	if (md5)
		doctor_reportf(d, &doctor_check_md5, DOCTOR_NOTE, im->subject, _("--full checks it"), _("%s is implanted"),
			       md5->hex);
	if (sum && noted && strcmp(sum->algorithm, "sha256") == 0)
		doctor_reportf(d, &doctor_check_sums, strcmp(sum->hex, noted) == 0 ? DOCTOR_NOTE : DOCTOR_BAD, im->subject,
			       strcmp(sum->hex, noted) == 0 ? _("--full compares it") : AGAIN,
			       _("%s says %.16s..., recorded when it was copied is %.16s..."), sum->source, sum->hex, noted);
	else if (sum)
		doctor_reportf(d, &doctor_check_sums, DOCTOR_NOTE, im->subject, _("--full compares it"), _("%s names its %s"),
			       sum->source, sum->algorithm);
}

void doctor_content(struct doctor *d, const struct doctor_image *im)
{
	struct doctor_sum *sum = cli_xzalloc(sizeof *sum);
	struct doctor_md5 *md5 = im->image && im->image->kind == POD_IMAGE_ISO ? doctor_md5_open(im->bytes) : NULL;
	bool has_sum = doctor_sum_find(d, im, sum);

	if (d->full)
		full(d, im, md5, has_sum ? sum : NULL);
	else
		quick(d, im, md5, has_sum ? sum : NULL);
	doctor_md5_close(md5);
	free(sum);
}
