/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpio "newc" archives as the Linux kernel unpacks them (Documentation/driver-api/early-userspace/buffer-format.rst):
 *
 *   +0x00  6  magic "070701"
 *   +0x06  8  thirteen fields of eight hexadecimal digits: ino, mode, uid, gid, nlink, mtime, filesize, maj, min, rmaj,
 *             rmin, namesize (with NUL), chksum (0)
 *   +0x6E     name, NUL, zeros to a multiple of four; then the data, zeros to a multiple of four
 *
 * The archive ends with an entry named "TRAILER!!!". Between archives the kernel skips zero bytes.
 */
#include "core/plan/internal.h"
#include "core/base/mem.h"

enum { HEADER = 110 };

static void put(struct pod_cpio *c, const void *data, size_t len)
{
	if (c->out && len && len <= c->cap - c->len)
		memcpy(c->out + c->len, data, len);
	c->len += len;
}

static void pad(struct pod_cpio *c, size_t align)
{
	static const uint8_t zero[16];
	while (c->len & (align - 1)) {
		size_t n = align - (c->len & (align - 1));
		put(c, zero, n < sizeof zero ? n : sizeof zero);
	}
}

static void header(struct pod_cpio *c, const char *name, size_t name_len, uint32_t mode, uint32_t nlink, uint32_t ino, size_t len)
{
	char head[112];
	size_t used = pod_strlen(name) + 1;
	uint32_t field[13] = {ino, mode, 0, 0, nlink, 0, (uint32_t)len, 0, 0, 0, 0, (uint32_t)name_len, 0};
	memcpy(head, "070701", 6);
	for (size_t i = 0; i < POD_ARRAY_LEN(field); i++)
		(void)pod_snprintf(head + 6 + 8 * i, 9, "%08x", field[i]);
	put(c, head, HEADER);
	put(c, name, used);
	for (size_t i = used; i < name_len; i++)
		put(c, "", 1);
	pad(c, 4);
}

void pod_cpio_add(struct pod_cpio *c, const char *name, uint32_t mode, uint32_t nlink, uint32_t ino, const void *data, size_t len)
{
	header(c, name, pod_strlen(name) + 1, mode, nlink, ino, len);
	pod_cpio_put(c, data, len);
}

void pod_cpio_add_header(struct pod_cpio *c, const char *name, uint32_t mode, uint32_t ino, size_t data_len, size_t align)
{
	/* The name counts its padding, as archivers do that align the data of files. */
	size_t least = c->len + HEADER + pod_strlen(name) + 1, end = (size_t)pod_align_up(least, align);
	header(c, name, end - c->len - HEADER, mode, 1, ino, data_len);
}

void pod_cpio_put(struct pod_cpio *c, const void *data, size_t len)
{
	put(c, data, len);
	pad(c, 4);
}

void pod_cpio_end(struct pod_cpio *c, size_t align)
{
	pod_cpio_add(c, "TRAILER!!!", 0, 1, 0, NULL, 0);
	pad(c, align);
}
