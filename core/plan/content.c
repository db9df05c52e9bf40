/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a file is that a loader gives a kernel as its initrd: an initramfs (cpio "newc" or "crc", Linux'
 * Documentation/driver-api/early-userspace/buffer-format.rst), or the image of a filesystem, which Linux writes to /dev/ram0
 * (Documentation/admin-guide/initrd.rst; the magic numbers are those of init/do_mounts_rd.c). Both may be packed. An archive can be made
 * longer by further ones; a filesystem cannot.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/base/unpack.h"
#include "core/base/zstd.h"

enum {
	FIRST = 2048, /* of the file, and of what is unpacked */
	NEED_MAX = 1 << 20,
};

static bool is_archive(const uint8_t *p, size_t len)
{
	return len >= 6 && (memcmp(p, "070701", 6) == 0 || memcmp(p, "070702", 6) == 0);
}

bool pod_menu_initrd_content(const uint8_t *p)
{
	return is_archive(p, 6) || pod_packing_of(p) != POD_PACKED_NOT;
}

/* Which filesystem begins so; NULL: none that a ramdisk is made of. */
static const char *filesystem(const uint8_t *p, size_t len)
{
	enum { SUPERBLOCK = 1024 }; /* of ext2 and Minix: the second block */
	if (len < SUPERBLOCK + 64)
		return NULL;
	if (memcmp(p, "-rom1fs-", 8) == 0)
		return "romfs";
	if (memcmp(p, "hsqs", 4) == 0)
		return "squashfs";
	if (pod_get_le32(p) == 0x28cd3d45 || pod_get_le32(p + 512) == 0x28cd3d45)
		return "cramfs";
	if (pod_get_le16(p + SUPERBLOCK + 56) == 0xef53)
		return "ext2";
	uint16_t minix = pod_get_le16(p + SUPERBLOCK + 16);
	return minix == 0x137f || minix == 0x138f || minix == 0x2468 || minix == 0x2478 ? "minix" : NULL;
}

/* `in`: the file's first bytes, as many as are needed. */
static enum pod_content unpacked(struct pod_alloc *a, const uint8_t *in, size_t in_len, const char **ramdisk)
{
	uint8_t *out = a->alloc(a, FIRST);
	enum pod_content what = POD_CONTENT_UNKNOWN;
	size_t len;
	if (out && pod_unpack_first(a, in, in_len, out, FIRST, &len) == POD_OK && len >= 6) {
		*ramdisk = filesystem(out, len);
		what = is_archive(out, len) ? POD_CONTENT_ARCHIVE : *ramdisk ? POD_CONTENT_RAMDISK : POD_CONTENT_OTHER;
	}
	pod_free(a, out);
	return what;
}

/* A block of Zstandard is up to 128 KiB, which a slow stick is waited for: an archive is known by its first two literals, '0' and '7', in
 * far less. No filesystem's content begins with that '0'. */
static bool begins_as_archive(struct pod_fs *fs, const struct pod_node *node, struct pod_alloc *a, const uint8_t *head,
			      size_t len)
{
	uint8_t tail[8], first[2];
	size_t end;
	struct pod_zstd *z = a->alloc(a, sizeof *z);
	bool yes = z && pod_zstd_literals(z, head, len, &end) == POD_OK && end >= sizeof tail && end <= node->size_bytes &&
		   pod_fs_read(fs, node, end - sizeof tail, tail, sizeof tail) == POD_OK &&
		   pod_zstd_first_literals(z, tail, sizeof tail, first, sizeof first) == POD_OK && first[0] == '0' &&
		   first[1] == '7';
	pod_free(a, z);
	return yes;
}

enum pod_content pod_content_of(struct pod_fs *fs, const struct pod_node *node, struct pod_alloc *a, const char **ramdisk)
{
	uint8_t head[FIRST / 2 + 64];
	size_t len = (size_t)pod_min_u64(node->size_bytes, sizeof head);
	*ramdisk = NULL;
	if (len < POD_PACKING_BYTES || pod_fs_read(fs, node, 0, head, len) != POD_OK)
		return POD_CONTENT_OTHER;
	if (is_archive(head, len))
		return POD_CONTENT_ARCHIVE;
	*ramdisk = filesystem(head, len);
	if (*ramdisk)
		return POD_CONTENT_RAMDISK;
	if (pod_packing_of(head) == POD_PACKED_NOT)
		return POD_CONTENT_OTHER;
	if (pod_packing_of(head) == POD_PACKED_ZSTD && begins_as_archive(fs, node, a, head, len))
		return POD_CONTENT_ARCHIVE;
	size_t need = pod_unpack_needs(head, len);
	len = (size_t)pod_min_u64(node->size_bytes, need < FIRST ? FIRST : need);
	uint8_t *in = need <= NEED_MAX ? a->alloc(a, len) : NULL;
	enum pod_content what = POD_CONTENT_UNKNOWN;
	if (in && pod_fs_read(fs, node, 0, in, len) == POD_OK)
		what = unpacked(a, in, len, ramdisk);
	pod_free(a, in);
	return what;
}
