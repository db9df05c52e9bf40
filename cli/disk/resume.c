/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal is text: a line for each file that is read (what it is, its length, when it was written to and when anything of it was
 * changed), one for what is made, one for the part, an empty one, then "N" for each step: all below byte N has been flushed. A line
 * that has no end was not written whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/disk/resume.h"

#define JOURNAL_MAX (1u << 20)

/* NULL: a drive, of which nobody knows whether it was written to. */
static char *identity(const struct disk *from, const struct disk_create *c)
{
	char *id = cli_xasprintf("%d %llu %u %u %d\n", (int)c->kind, (unsigned long long)c->size_bytes, (unsigned)c->block_size,
				 (unsigned)c->sector_size, c->fixed);

	for (unsigned i = 0; i < from->chain.depth; i++) {
		const struct disk_file *f = (const struct disk_file *)from->chain.member[i]->file;
		struct stat st;
		char *longer;

		if (f->dev.is_block || fstat(f->dev.fd, &st) != 0) {
			free(id);
			return NULL;
		}
		longer =
			cli_xasprintf("%s%llu %llu %llu %lld.%09ld %lld.%09ld\n", id, (unsigned long long)st.st_dev,
				      (unsigned long long)st.st_ino, (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec,
				      st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
		free(id);
		id = longer;
	}
	return id;
}

static char *with_part(const struct disk_resume *r, const struct disk_file *f)
{
	return cli_xasprintf("%s%llu %llu\n\n", r->id, (unsigned long long)f->dev.file_dev, (unsigned long long)f->dev.file_ino);
}

/* Ours, and no link to something else. The caller frees. */
static char *read_journal(const struct disk_resume *r)
{
	int fd = open(r->journal, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *text = NULL;
	ssize_t n;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_size < JOURNAL_MAX) {
		text = cli_xzalloc((size_t)st.st_size + 1);
		n = read(fd, text, (size_t)st.st_size);
		if (n != st.st_size)
			memset(text, 0, (size_t)st.st_size);
	}
	close(fd);
	return text;
}

/* The last step that was written whole; *steps is behind it then. */
static uint64_t last_step(const char **steps)
{
	uint64_t done = 0;

	for (const char *end; (end = strchr(*steps, '\n')); *steps = end + 1) {
		char *stop;
		unsigned long long v = strtoull(*steps, &stop, 10);

		if (stop != end || v < done)
			break;
		done = v;
	}
	return done;
}

/* Steps are added behind the last whole one. */
static bool reopen(struct disk_resume *r, const char *text, size_t head)
{
	const char *end = text + head;

	r->done = last_step(&end);
	r->fd = open(r->journal, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	return r->fd >= 0 && ftruncate(r->fd, end - text) == 0;
}

/* Is there a part of just this? Then it is open. */
static bool goes_on(struct disk_resume *r, const struct disk *from, struct disk_file *f)
{
	char *text = read_journal(r), *head;
	struct fault quiet = {0};
	struct stat st;
	bool fits = false;

	if (text && r->id && lstat(r->part, &st) == 0 && S_ISREG(st.st_mode) && disk_file_open(f, r->part, DISK_WRITE, &quiet)) {
		head = with_part(r, f);
		fits = strncmp(text, head, strlen(head)) == 0 && reopen(r, text, strlen(head)) &&
		       r->done <= from->chain.dev.size_bytes;
		if (!fits)
			disk_file_close(f);
		free(head);
	}
	fault_free(&quiet);
	free(text);
	return fits;
}

static bool put(struct disk_resume *r, const char *text, struct fault *fault)
{
	size_t len = strlen(text);

	if (write(r->fd, text, len) == (ssize_t)len && fdatasync(r->fd) == 0)
		return true;
	fault_set(fault, _("%s: cannot write it to the disk: %s"), r->journal, strerror(errno));
	return false;
}

static int start_anew(struct disk_resume *r, const struct disk_create *c, struct disk_file *f, struct fault *fault)
{
	bool there = access(r->journal, F_OK) == 0, ok;
	char *head;

	r->done = 0;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	if (unlink(r->journal) != 0 && errno != ENOENT)
		return fault_set(fault, "%s: %s", r->journal, strerror(errno));
	if (unlink(r->part) != 0 && errno != ENOENT)
		return fault_set(fault, "%s: %s", r->part, strerror(errno));
	if (there)
		fault_warn(fault, _("%s: the source or the options have changed since; started again"), r->part);
	if (!r->id)
		fault_warn(fault, _("%s: cannot be resumed later, as a drive may be written to meanwhile"), r->part);
	if (disk_create(r->part, c, f, fault) != CLI_OK)
		return CLI_FAILED;
	r->fd = open(r->journal, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (r->fd < 0) {
		fault_set(fault, "%s: %s", r->journal, strerror(errno));
		disk_file_close(f);
		return CLI_FAILED;
	}
	head = r->id ? with_part(r, f) : cli_xstrdup("\n");
	ok = put(r, head, fault);
	free(head);
	if (!ok)
		disk_file_close(f);
	return ok ? CLI_OK : CLI_FAILED;
}

int disk_resume_begin(struct disk_resume *r, const struct disk *from, const char *dst, const struct disk_create *c,
		      struct disk_file *f, struct fault *fault)
{
	*r = (struct disk_resume){.part = cli_xasprintf("%s" DISK_RESUME_PART, dst),
				  .journal = cli_xasprintf("%s.isopod-resume", dst),
				  .id = identity(from, c),
				  .fd = -1};
	return goes_on(r, from, f) ? CLI_OK : start_anew(r, c, f, fault);
}

bool disk_resume_note(struct disk_resume *r, uint64_t done, struct fault *fault)
{
	char *line = cli_xasprintf("%llu\n", (unsigned long long)done);
	bool ok = put(r, line, fault);

	free(line);
	r->done = done;
	return ok;
}

void disk_resume_end(struct disk_resume *r, bool finished)
{
	if (r->fd >= 0)
		close(r->fd);
	if (finished)
		unlink(r->journal);
	free(r->part);
	free(r->journal);
	free(r->id);
}
