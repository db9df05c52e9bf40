/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast the drive reads, in a row and here and there, past the page cache; against what its connection should give. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/doctor/drives.h"

enum { CHUNK = 1 << 20, SMALL = 4096, TIME_MS = 4000, SMALL_TIME_MS = 2000, CHUNKS_MAX = 256, SMALL_MAX = 2000 };

const struct doctor_check doctor_check_benchmark = {
	.id = "drive.benchmark",
	.hazard = POD_HAZARD_DRIVE,
	.title = N_("read speed"),
	.explain = N_("With --benchmark the drive is read for some seconds: in a row, which is what loading a kernel does, and "
		      "in pieces of 4 KiB "
		      "here and there, which is what a running live system does. Below 1.5 MB/s in a row a drive is as slow as "
		      "USB 1, and "
		      "systems stop waiting for it; below 8 MB/s starting takes minutes. A drive that is much slower than its "
		      "connection is "
		      "a slow or failing drive; one that is as fast as USB 2 sits in a USB 2 port."),
};

struct measure {
	int fd;
	uint8_t *buf;
	uint64_t size;
	uint64_t random;
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t next_random(struct measure *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random;
}

/* Bytes per second in a row, from a quarter of the drive on; 0: cannot be read. */
static uint64_t in_a_row(struct doctor *d, struct measure *m)
{
	uint64_t start = now_us(), at = m->size / 4 / CHUNK * CHUNK, done = 0, took;

	doctor_progress(d, _("reading in a row"), 0, (uint64_t)CHUNKS_MAX * CHUNK);
	while (done < (uint64_t)CHUNKS_MAX * CHUNK && now_us() - start < TIME_MS * 1000u && !cli_interrupted) {
		if (at + CHUNK > m->size)
			at = 0;
		if (pread(m->fd, m->buf, CHUNK, (off_t)at) != CHUNK)
			return 0;
		at += CHUNK;
		done += CHUNK;
		doctor_progress(d, NULL, done, 0);
	}
	took = now_us() - start;
	return took ? done * 1000000 / took : 0;
}

/* Reads of 4 KiB per second at places all over the drive; 0: cannot be read. */
static uint64_t here_and_there(struct measure *m)
{
	uint64_t start = now_us(), done = 0, took;

	while (done < SMALL_MAX && now_us() - start < SMALL_TIME_MS * 1000u && !cli_interrupted) {
		uint64_t at = next_random(m) % (m->size / SMALL) * SMALL;

		if (pread(m->fd, m->buf, SMALL, (off_t)at) != SMALL)
			return 0;
		done++;
	}
	took = now_us() - start;
	return took ? done * 1000000 / took : 0;
}

static void judge(struct doctor *d, uint64_t rate, uint64_t ops)
{
	uint64_t bus = doctor_bus_speed(&d->target->file), kb = rate / 1000;
	/* What is left of a link's bits for data: about two thirds. */
	uint64_t gives = bus * 1000 / 8 * 2 / 3;
	char link[64] = "";
	const char *fix = NULL;
	enum doctor_level level = DOCTOR_GOOD;

	if (kb < 1500) {
		level = DOCTOR_BAD;
		fix = _("as slow as USB 1: try another port, without a hub; if that does not help, replace the drive");
	} else if (kb < 8000) {
		level = DOCTOR_WARN;
		fix = _("starting will take minutes: try another port, or a faster drive");
	} else if (bus && kb * 4 < gives) {
		level = DOCTOR_NOTE;
		fix = _("the drive is slower than its connection");
	}
	if (bus)
		snprintf(link, sizeof link, _(", its connection gives about %llu MB/s"), (unsigned long long)gives / 1000);
	doctor_reportf(d, &doctor_check_benchmark, level, d->arg, fix,
		       _("%llu.%llu MB/s in a row, %llu reads of 4 KiB a second%s"), (unsigned long long)kb / 1000,
		       (unsigned long long)kb % 1000 / 100, (unsigned long long)ops, link);
}

void doctor_benchmark(struct doctor *d)
{
	struct measure m = {.size = d->target->file.dev.size_bytes, .random = 88172645463325252ull};
	uint64_t rate, ops;

	if (m.size < (uint64_t)CHUNK * 8) {
		doctor_report(d, &doctor_check_benchmark, DOCTOR_SKIPPED, d->arg, _("too small to measure"), NULL);
		return;
	}
	m.fd = open(d->target->file.path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (m.fd < 0) {
		doctor_report(d, &doctor_check_benchmark, DOCTOR_SKIPPED, d->arg, _("cannot be read without the cache here"),
			      NULL);
		return;
	}
	if (posix_memalign((void **)&m.buf, SMALL, CHUNK) != 0) {
		close(m.fd);
		return;
	}
	rate = in_a_row(d, &m);
	ops = rate ? here_and_there(&m) : 0;
	doctor_progress_end(d);
	if (rate && ops)
		judge(d, rate, ops);
	else
		doctor_report(d, &doctor_check_benchmark, DOCTOR_BAD, d->arg, _("read error while measuring"),
			      _("save what can be read, and replace the drive; --full tells which images are hit"));
	free(m.buf);
	close(m.fd);
}
