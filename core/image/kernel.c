/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux kernels and what is started like them. x86 (Documentation/arch/x86/boot.rst), little-endian:
 *
 *   +0x1F1 1 setup_sects (0: 4)     +0x1F4 4 syssize, 16-byte units   +0x1FE 2 AA55h   +0x202 4 "HdrS"   +0x206 2 protocol
 *   +0x20E 2 where the version string lies, less 200h                 +0x248 4 payload_offset, +0x24C 4 payload_length (2.08)
 *
 * The real-mode part has (setup_sects + 1) * 512 bytes, the rest syssize * 16. From 2.08 on its last four bytes made the CRC-32
 * (initial value FFFFFFFFh, nothing inverted in the end) of both come out as 0; Linux 6.15 stopped writing it. iPXE, memdisk and
 * memtest86+ have such a header with an old protocol. A signature is appended, and the directory entry and CheckSum that change with
 * it were 0 before (Microsoft PE and COFF specification).
 *
 * arm64 (Documentation/arch/arm64/booting.rst): +0x38 "ARM\x64".
 */
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/image/bootfile.h"

enum { HEAD = 0x268 };

static void read_version(struct pod_dev *file, uint32_t at, uint32_t setup, char out[64])
{
	uint8_t text[64];
	size_t n = 0;
	if (at <= 0x200 || at >= setup || !pod_in_range(at, sizeof text, file->size_bytes) ||
	    pod_dev_read(file, at, text, sizeof text) != POD_OK)
		return;
	while (n + 1 < sizeof text && text[n] > ' ' && text[n] < 0x7f) {
		out[n] = (char)text[n];
		n++;
	}
	out[n] = 0;
}

/* "6.16.3-arch1": from 6.15 on there is no sum; neither is it known of what has no version. */
static bool writes_crc(const char *version)
{
	uint32_t n[2] = {0, 0};
	for (int i = 0; i < 2; i++) {
		if (*version < '0' || *version > '9')
			return false;
		while (*version >= '0' && *version <= '9' && n[i] < 1000)
			n[i] = n[i] * 10 + (uint32_t)(*version++ - '0');
		version += *version == '.';
	}
	return n[0] < 6 || (n[0] == 6 && n[1] < 15);
}

/* PE\0\0 where the MZ header says? */
static bool has_pe(struct pod_dev *file, const uint8_t *head)
{
	uint32_t at = pod_get_le32(head + 0x3c);
	uint8_t sig[4];
	return pod_in_range(at, sizeof sig, file->size_bytes) && pod_dev_read(file, at, sig, sizeof sig) == POD_OK &&
	       memcmp(sig, "PE\0\0", 4) == 0;
}

static enum pod_status read_bzimage(struct pod_dev *file, const uint8_t *h, struct pod_kernel *k, struct pod_diag *diag)
{
	uint32_t sects = h[0x1f1] ? h[0x1f1] : 4, setup = (sects + 1) * 512;
	uint64_t system = (uint64_t)pod_get_le32(h + 0x1f4) * 16;
	k->protocol = pod_get_le16(h + 0x206);
	k->kind = POD_KERNEL_BZIMAGE;
	if (k->protocol < 0x200 || k->protocol > 0x2ff)
		return pod_fail(diag, POD_E_CORRUPT, "version of the boot protocol", 0x206, 0x20f, k->protocol);
	if (k->protocol < 0x204)
		system &= 0xffff0;
	read_version(file, pod_get_le16(h + 0x20e) + 0x200u, setup, k->version);
	k->image_bytes = setup + system;
	/* 16-byte units: up to 15 bytes may be rounding. What is no Linux states what it likes. */
	if (k->protocol >= 0x208 && k->image_bytes > file->size_bytes + 15)
		return pod_fail(diag, POD_E_RANGE, "setup_sects, syssize", 0x1f1, k->image_bytes, file->size_bytes);
	uint64_t payload = pod_get_le32(h + 0x248), len = pod_get_le32(h + 0x24c);
	if (k->protocol >= 0x208 && len && !pod_in_range(payload, len, system))
		return pod_fail(diag, POD_E_CORRUPT, "payload_offset, payload_length", 0x248, system, payload + len);
	k->has_crc = k->protocol >= 0x208 && len && k->image_bytes <= file->size_bytes && writes_crc(k->version);
	return POD_OK;
}

enum pod_status pod_kernel_read(struct pod_dev *file, struct pod_kernel *out, struct pod_diag *diag)
{
	uint8_t h[HEAD];
	size_t n = (size_t)pod_min_u64(sizeof h, file->size_bytes);
	memset(out, 0, sizeof *out);
	memset(h, 0, sizeof h);
	POD_TRY(pod_dev_read(file, 0, h, n));
	bool mz = h[0] == 'M' && h[1] == 'Z';
	out->pe = mz && has_pe(file, h);
	if (mz && !out->pe)
		return pod_fail(diag, POD_E_CORRUPT, "PE header", 0x3c, 0x4550, pod_get_le32(h + 0x3c));
	if (memcmp(h + 0x202, "HdrS", 4) == 0 && pod_get_le16(h + 0x1fe) == 0xaa55)
		return read_bzimage(file, h, out, diag);
	if (memcmp(h + 0x38, "ARM\x64", 4) == 0)
		out->kind = POD_KERNEL_ARM64;
	else if (out->pe)
		out->kind = POD_KERNEL_PE;
	else if (memcmp(h,
			"\x7f"
			"ELF",
			4) == 0)
		out->kind = POD_KERNEL_ELF;
	else if (h[0] == 0x1f && h[1] == 0x8b)
		out->kind = POD_KERNEL_GZIP;
	else if (pod_get_le16(h + 0x1fe) == 0xaa55)
		out->kind = POD_KERNEL_OLD;
	else
		return pod_fail(diag, POD_E_FORMAT, "boot flag", 0x1fe, 0xaa55, pod_get_le16(h + 0x1fe));
	return POD_OK;
}

/* Zeros the part of [at, at + len) that lies in the n bytes at `from`. */
static void blank(uint8_t *buf, uint64_t from, size_t n, uint64_t at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at + i >= from && at + i - from < n)
			buf[at + i - from] = 0;
}

enum pod_status pod_kernel_crc(struct pod_dev *file, const struct pod_kernel *k, uint8_t *buf, size_t buf_len, bool *good)
{
	uint32_t as_is = 0, unsigned_ = 0, pe = 0;
	uint8_t head[0x40], coff[26];
	*good = false;
	POD_TRY(pod_dev_read(file, 0, head, sizeof head));
	if (k->pe) {
		pe = pod_get_le32(head + 0x3c);
		if (!pod_in_range(pe, sizeof coff, file->size_bytes))
			return POD_E_CORRUPT;
		POD_TRY(pod_dev_read(file, pe, coff, sizeof coff));
	}
	/* The certificate table's directory entry is the fifth, behind 96 bytes of a PE32 optional header or 112 of a PE32+. */
	uint64_t entry = pe + 24u + (pe && pod_get_le16(coff + 24) == 0x20b ? 112u : 96u) + 4u * 8u;
	for (uint64_t at = 0; at < k->image_bytes;) {
		size_t n = (size_t)pod_min_u64(buf_len, k->image_bytes - at);
		POD_TRY(pod_dev_read(file, at, buf, n));
		as_is = pod_crc32(as_is, buf, n);
		if (pe) {
			blank(buf, at, n, entry, 8);
			blank(buf, at, n, pe + 24u + 64u, 4);
			unsigned_ = pod_crc32(unsigned_, buf, n);
		}
		at += n;
	}
	/* pod_crc32 inverts in the end. */
	*good = as_is == 0xffffffff || (pe && unsigned_ == 0xffffffff);
	return POD_OK;
}

enum pod_status pod_multiboot_read(struct pod_dev *file, uint8_t *buf, struct pod_diag *diag)
{
	size_t n = (size_t)pod_min_u64(32768, file->size_bytes) & ~(size_t)3;
	POD_TRY(pod_dev_read(file, 0, buf, n));
	if (n > 2 && buf[0] == 0x1f && buf[1] == 0x8b)
		return POD_E_UNSUPPORTED;
	for (size_t i = 0; i + 16 <= n; i += 4) {
		uint32_t magic = pod_get_le32(buf + i), a = pod_get_le32(buf + i + 4), b = pod_get_le32(buf + i + 8);
		if (magic == 0x1badb002 && i + 12 <= 8192 && magic + a + b == 0)
			return POD_OK;
		if (magic == 0xe85250d6 && i % 8 == 0 && magic + a + b + pod_get_le32(buf + i + 12) == 0)
			return POD_OK;
	}
	return pod_fail(diag, POD_E_FORMAT, "multiboot header", 0, 0x1badb002, n >= 4 ? pod_get_le32(buf) : 0);
}
