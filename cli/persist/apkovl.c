/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first apkovl of a persistence file: without one, Alpine's initramfs lets the volume go again. It brings what `lbu commit` needs to
 * write the next one to the same place, and nothing else (mkinitfs, initramfs-init.in; alpine-conf, lbu.in):
 *
 *   etc/fstab                    the volume by its label, at /media/isopod; the initramfs mounts it there
 *   etc/lbu/lbu.conf             LBU_MEDIA: what of /media it is
 *   etc/apk/world                what is installed
 *   etc/.default_boot_services   the services of a start without an apkovl; the initramfs takes it away
 *
 * A tar archive in "ustar" form (POSIX.1-1988), in blocks of 512 bytes, in a gzip stream (RFC 1952) of stored blocks (RFC 1951, 3.2.4).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/persist/persist.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"

#define BLOCK 512u
#define TAR   8192u

struct tar {
	uint8_t data[TAR];
	size_t len;
};

static void add(struct tar *t, const char *name, const char *text)
{
	uint8_t *h = t->data + t->len;
	bool folder = name[strlen(name) - 1] == '/';
	size_t len = strlen(text);
	unsigned sum = 0;

	snprintf((char *)h, 100, "%s", name);
	snprintf((char *)h + 100, 8, "%07o", folder ? 0755u : 0644u);
	snprintf((char *)h + 108, 8, "%07o", 0u);
	snprintf((char *)h + 116, 8, "%07o", 0u);
	snprintf((char *)h + 124, 12, "%011o", (unsigned)len & 0xffffu);
	snprintf((char *)h + 136, 12, "%011o", 0u);
	memset(h + 148, ' ', 8);
	h[156] = folder ? '5' : '0';
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
	memcpy(h + BLOCK, text, len);
	t->len += BLOCK + (len + BLOCK - 1) / BLOCK * BLOCK;
}

uint8_t *persist_apkovl(const char *label, size_t *out_len)
{
	static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
	struct tar *t = cli_xzalloc(sizeof *t);
	uint8_t *out = cli_xzalloc(sizeof head + 5 + TAR + 8), *p = out + sizeof head;
	char *fstab = cli_xasprintf("LABEL=%s\t/media/isopod\text4\tro,noatime\t0 0\n", label);

	add(t, "etc/", "");
	add(t, "etc/.default_boot_services", "");
	add(t, "etc/fstab", fstab);
	add(t, "etc/apk/", "");
	add(t, "etc/apk/world", "alpine-base\n");
	add(t, "etc/lbu/", "");
	add(t, "etc/lbu/lbu.conf", "LBU_MEDIA=isopod\n");
	t->len += 2 * (size_t)BLOCK;
	free(fstab);
	memcpy(out, head, sizeof head);
	p[0] = 1; /* the last block, stored */
	pod_put_le16(p + 1, (uint16_t)t->len);
	pod_put_le16(p + 3, (uint16_t)~t->len);
	memcpy(p + 5, t->data, t->len);
	p += 5 + t->len;
	pod_put_le32(p, pod_crc32(0, t->data, t->len));
	pod_put_le32(p + 4, (uint32_t)t->len);
	*out_len = (size_t)(p + 8 - out);
	free(t);
	return out;
}
