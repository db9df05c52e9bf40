/* SPDX-License-Identifier: BSD-2-Clause */
/* What the *_tool.c programs share: memory of the host, an image file as a device, a whole file in memory. */
#ifndef POD_TESTS_INTEROP_TOOL_H
#define POD_TESTS_INTEROP_TOOL_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/disk/dev.h"

static inline void *tool_alloc(struct pod_alloc *a, size_t n)
{
	(void)a;
	return malloc(n ? n : 1);
}

static inline void tool_release(struct pod_alloc *a, void *p)
{
	(void)a;
	free(p);
}

static struct pod_alloc host __attribute__((unused)) = {tool_alloc, tool_release, NULL};

/* A file as a device, and what was read of it. */
struct tool_file {
	struct pod_dev dev;
	int fd;
	unsigned long long read_bytes, reads;
};

static inline enum pod_status tool_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct tool_file *f = d->ctx;
	f->read_bytes += len;
	f->reads++;
	return pread(f->fd, buf, len, (off_t)off) == (ssize_t)len ? POD_OK : POD_E_IO;
}

static inline enum pod_status tool_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct tool_file *f = d->ctx;
	return pwrite(f->fd, buf, len, (off_t)off) == (ssize_t)len ? POD_OK : POD_E_IO;
}

/* False, with errno, if there is no such file. It stays open until the program ends. */
static inline bool tool_open(struct tool_file *f, const char *path, bool write, uint32_t sector_size)
{
	struct stat sb;
	*f = (struct tool_file){.fd = open(path, write ? O_RDWR : O_RDONLY)};
	if (f->fd < 0 || fstat(f->fd, &sb) < 0)
		return false;
	f->dev = (struct pod_dev){.size_bytes = (uint64_t)sb.st_size,
				  .sector_size = sector_size,
				  .read_only = !write,
				  .read = tool_read,
				  .write = write ? tool_write : NULL,
				  .ctx = f};
	return true;
}

/* The bytes of a file; free() them. */
static inline uint8_t *tool_slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	long size = -1;
	if (f && fseek(f, 0, SEEK_END) == 0)
		size = ftell(f);
	uint8_t *p = size < 0 ? NULL : malloc((size_t)size + 1);
	if (p)
		rewind(f);
	if (!p || fread(p, 1, (size_t)size, f) != (size_t)size) {
		perror(path);
		exit(3);
	}
	fclose(f);
	*len = (size_t)size;
	return p;
}

#endif
