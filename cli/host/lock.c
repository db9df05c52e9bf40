/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes are those of QEMU's file-posix.c (RAW_LOCK_PERM_BASE, RAW_LOCK_SHARED_BASE): 100 + n is locked by whoever does n,
 * 200 + n by whoever does not want others to do n; n: 0 reads what is consistent, 1 writes, 3 changes the length. All locks are
 * shared ones. Both kinds are taken first; then it is asked whether somebody has the opposite ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include "cli/host/lock.h"

#define DOES	    100
#define FORBIDS	    200
#define READS	    0
#define WRITES	    1
#define RESIZES	    3
#define FILE_WAIT   400u  /* ms: whoever only looks at a file is gone by then */
#define FOLDER_WAIT 5000u /* ms: a snapshot takes some */

static struct flock one_byte(short type, int at)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
}

/* False: somebody holds the byte exclusively. */
static bool take(int fd, int at)
{
	struct flock l = one_byte(F_RDLCK, at);

	return fcntl(fd, F_OFD_SETLK, &l) == 0 || (errno != EAGAIN && errno != EACCES);
}

static bool others_have_any(int fd, int from, int to)
{
	struct flock l = one_byte(F_WRLCK, from);

	l.l_len = to - from + 1;
	return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

static bool others_have(int fd, int at)
{
	return others_have_any(fd, at, at);
}

void cli_lock_release(int fd)
{
	struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = DOES, .l_len = FORBIDS + RESIZES + 1 - DOES};

	(void)fcntl(fd, F_OFD_SETLK, &l);
}

void cli_lock_share(int fd)
{
	struct flock l = one_byte(F_UNLCK, DOES + WRITES);

	(void)fcntl(fd, F_OFD_SETLK, &l);
	l.l_start = DOES + RESIZES;
	(void)fcntl(fd, F_OFD_SETLK, &l);
}

static bool try_file(int fd, bool writable)
{
	static const int writer[] = {READS, WRITES, RESIZES};
	static const int forbidden[] = {WRITES, RESIZES};
	size_t n = writable ? POD_ARRAY_LEN(writer) : 1;
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++)
		ok = take(fd, DOES + writer[i]);
	for (size_t i = 0; ok && i < POD_ARRAY_LEN(forbidden); i++)
		ok = take(fd, FORBIDS + forbidden[i]);
	/* Mostly nobody has any of them, nor what lies between, which is asked for in one go. Readers have what is outside of that. */
	if (ok && !others_have_any(fd, DOES + WRITES, writable ? FORBIDS + RESIZES : FORBIDS + READS))
		return true;
	for (size_t i = 0; ok && i < n; i++)
		ok = !others_have(fd, FORBIDS + writer[i]);
	for (size_t i = 0; ok && i < POD_ARRAY_LEN(forbidden); i++)
		ok = !others_have(fd, DOES + forbidden[i]);
	if (!ok)
		cli_lock_release(fd);
	return ok;
}

static bool try_folder(int fd, bool writable)
{
	(void)writable;
	return flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/* Two that try at the same time may both fail: they wait for different times. */
static bool wait_for(bool (*try)(int fd, bool writable), int fd, bool writable, uint64_t limit_ms)
{
	uint64_t end = cli_millis() + limit_ms;

	while (!try(fd, writable)) {
		struct timespec t = {.tv_nsec = 1000000L * (long)(1 + arc4random_uniform(20))};

		if (cli_millis() >= end || cli_interrupted)
			return false;
		nanosleep(&t, NULL);
	}
	return true;
}

static bool refused(int fd, const char *path, struct fault *fault)
{
	char name[CLI_LOCK_NAME];
	long pid;

	if (cli_lock_holder(fd, &pid, name))
		fault_set(fault, _("%s: in use by %s (process %ld); end it first"), path, name, pid);
	else
		fault_set(fault, _("%s: in use by another program (QEMU, or another isopod); end it first"), path);
	return false;
}

bool cli_lock_take(int fd, bool writable, const char *path, struct fault *fault)
{
	return wait_for(try_file, fd, writable, FILE_WAIT) || refused(fd, path, fault);
}

bool cli_lock_folder(int fd, const char *path, struct fault *fault)
{
	return wait_for(try_folder, fd, true, FOLDER_WAIT) || refused(fd, path, fault);
}
