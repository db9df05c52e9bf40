/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PE/COFF.  +0x3c  4  where "PE\0\0" lies
 *   COFF header behind it: +0 2 machine, +2 2 sections, +16 2 size of the optional header
 *   optional header:       +0 2 magic 0x10b or 0x20b, +60 4 SizeOfHeaders, +64 4 CheckSum, +68 2 subsystem,
 *                          PE32: +92 4 NumberOfRvaAndSizes, +96 directories;  PE32+: +108 4, +112
 *   directory 4:           Certificate Table: file offset and size
 *   section header, 40:    +0 8 name, +8 4 VirtualSize, +16 4 SizeOfRawData, +20 4 PointerToRawData
 */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/firm/pe.h"

enum pod_status pod_pe_head(const uint8_t *p, size_t have, uint64_t len, struct pod_pe *out, struct pod_diag *diag)
{
	uint32_t pe, opt, opt_len, dirs, entries;

	memset(out, 0, sizeof *out);
	if (have < 0x40 || p[0] != 'M' || p[1] != 'Z')
		return pod_fail(diag, POD_E_FORMAT, "MZ", 0, 0, 0);
	pe = pod_get_le32(p + 0x3c);
	if (!pod_in_range(pe, 24, have) || memcmp(p + pe, "PE\0\0", 4) != 0)
		return pod_fail(diag, POD_E_FORMAT, "PE signature", pe, 0, 0);
	out->machine = pod_get_le16(p + pe + 4);
	out->section_count = pod_get_le16(p + pe + 6);
	opt_len = pod_get_le16(p + pe + 20);
	opt = pe + 24;
	if (!pod_in_range(opt, opt_len, have) || opt_len < 70)
		return pod_fail(diag, POD_E_CORRUPT, "SizeOfOptionalHeader", pe + 20, 0, opt_len);
	out->plus = pod_get_le16(p + opt) == 0x20b;
	if (!out->plus && pod_get_le16(p + opt) != 0x10b)
		return pod_fail(diag, POD_E_FORMAT, "Magic", opt, 0x20b, pod_get_le16(p + opt));
	out->headers_len = pod_get_le32(p + opt + 60);
	out->optional_bytes = opt;
	out->checksum_bytes = opt + 64;
	out->subsystem = pod_get_le16(p + opt + 68);
	dirs = out->plus ? 112 : 96;
	entries = opt_len >= dirs ? pod_get_le32(p + opt + dirs - 4) : 0;
	if (entries > 4 && opt_len >= dirs + 40) {
		out->cert_entry_bytes = opt + dirs + 32;
		out->cert_bytes = pod_get_le32(p + out->cert_entry_bytes);
		out->cert_len = pod_get_le32(p + out->cert_entry_bytes + 4);
		if (!pod_in_range(out->cert_bytes, out->cert_len, len))
			return pod_fail(diag, POD_E_CORRUPT, "Certificate Table", out->cert_entry_bytes, len, out->cert_bytes);
	}
	out->sections_bytes = opt + opt_len;
	if (out->section_count > POD_PE_SECTIONS_MAX ||
	    !pod_in_range(out->sections_bytes, (uint64_t)out->section_count * 40, have))
		return pod_fail(diag, POD_E_CORRUPT, "NumberOfSections", pe + 6, POD_PE_SECTIONS_MAX, out->section_count);
	if (out->headers_len > len || out->headers_len < out->sections_bytes + out->section_count * 40u)
		return pod_fail(diag, POD_E_CORRUPT, "SizeOfHeaders", opt + 60, len, out->headers_len);
	for (uint32_t i = 0; i < out->section_count; i++) {
		const uint8_t *s = p + out->sections_bytes + i * 40u;
		uint64_t end = (uint64_t)pod_get_le32(s + 16) + pod_get_le32(s + 20);
		/* What is written only in memory may state any place. */
		if (pod_get_le32(s + 16) && pod_get_le32(s + 20) && end > len)
			return pod_fail(diag, POD_E_RANGE, "section", out->sections_bytes + i * 40u, end, len);
	}
	return POD_OK;
}

enum pod_status pod_pe_read(const uint8_t *p, size_t len, struct pod_pe *out, struct pod_diag *diag)
{
	return pod_pe_head(p, len, len, out, diag);
}

bool pod_pe_entry_is(const uint8_t *entry, const char *name)
{
	size_t len = pod_strlen(name);

	return len <= 8 && memcmp(entry, name, len) == 0 && (len == 8 || !entry[len]);
}

enum pod_status pod_pe_section(const uint8_t *p, size_t len, const struct pod_pe *pe, const char *name, const uint8_t **data,
			       size_t *n)
{
	for (uint32_t i = 0; i < pe->section_count; i++) {
		const uint8_t *s = p + pod_pe_entry(pe, i);
		uint32_t size = pod_get_le32(s + 8), raw = pod_get_le32(s + 16), at = pod_get_le32(s + 20);

		if (!pod_pe_entry_is(s, name))
			continue;
		if (!size || raw < size)
			size = raw;
		if (!pod_in_range(at, size, len))
			return POD_E_CORRUPT;
		*data = p + at;
		*n = size;
		return POD_OK;
	}
	return POD_E_NOT_FOUND;
}

/* VS_FIXEDFILEINFO lies on a multiple of 4 in the resources: +0 4 0xfeef04bd, +4 4 0x10000, +8 4 FileVersionMS, +12 4 FileVersionLS. Found
 * by its signature, without the directories that lead to it. */
enum pod_status pod_pe_version(const uint8_t *p, size_t len, const struct pod_pe *pe, uint16_t version[4])
{
	const uint8_t *r;
	size_t n;

	if (pod_pe_section(p, len, pe, ".rsrc", &r, &n) != POD_OK)
		return POD_E_NOT_FOUND;
	for (size_t at = 0; pod_in_range(at, 16, n); at += 4) {
		if (pod_get_le32(r + at) != 0xfeef04bd || pod_get_le32(r + at + 4) != 0x10000)
			continue;
		for (size_t i = 0; i < 4; i++)
			version[i] = pod_get_le16(r + at + 8 + (i ^ 1) * 2);
		return POD_OK;
	}
	return POD_E_NOT_FOUND;
}

uint32_t pod_pe_sum(const uint8_t *p, size_t len, const struct pod_pe *pe)
{
	uint32_t sum = 0;
	for (size_t at = 0; at < len; at += 2) {
		if (at == pe->checksum_bytes || at == pe->checksum_bytes + 2u)
			continue;
		sum += at + 1 < len ? pod_get_le16(p + at) : p[at];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum + (uint32_t)len;
}

enum pod_status pod_pe_digest(const uint8_t *p, size_t len, const struct pod_pe *pe,
			      void (*update)(void *ctx, const void *data, size_t len), void *ctx, struct pod_diag *diag)
{
	uint8_t order[POD_PE_SECTIONS_MAX] = {0};
	uint64_t hashed = pe->headers_len, end = len;
	uint32_t n = 0, at = pe->checksum_bytes + 4;

	update(ctx, p, pe->checksum_bytes);
	if (pe->cert_entry_bytes) {
		update(ctx, p + at, pe->cert_entry_bytes - at);
		at = pe->cert_entry_bytes + 8;
	}
	update(ctx, p + at, pe->headers_len - at);
	/* sections in the order of their place in the file: insertion sort, at most 96 */
	for (uint32_t i = 0; i < pe->section_count; i++) {
		const uint8_t *s = p + pe->sections_bytes + i * 40u;
		uint32_t k = n++;

		for (; k && pod_get_le32(p + pe->sections_bytes + order[k - 1] * 40u + 20) > pod_get_le32(s + 20); k--)
			order[k] = order[k - 1];
		order[k] = (uint8_t)i;
	}
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *s = p + pe->sections_bytes + order[i] * 40u;
		uint32_t raw = pod_get_le32(s + 16), where = pod_get_le32(s + 20);

		if (!raw)
			continue;
		if (!pod_in_range(where, raw, len))
			return pod_fail(diag, POD_E_CORRUPT, "PointerToRawData", pe->sections_bytes + order[i] * 40u + 20, len,
					where);
		update(ctx, p + where, raw);
		hashed += raw;
	}
	if (pe->cert_len)
		end = len - pe->cert_len;
	/* what lies behind the sections and in front of the certificates */
	if (hashed < end)
		update(ctx, p + hashed, (size_t)(end - hashed));
	return POD_OK;
}

/* --- SBAT ------------------------------------------------------------------------------------------------------------------ */

static bool sbat_line(const char *line, size_t len, struct pod_sbat *out)
{
	size_t i = 0, digits = 0;
	uint32_t g = 0;

	while (i < len && line[i] != ',')
		i++;
	if (!i || i >= len)
		return false;
	out->component = line;
	out->component_len = i;
	for (i++; i < len && line[i] >= '0' && line[i] <= '9'; i++, digits++) {
		if (g > 100000000u)
			return false;
		g = g * 10 + (uint32_t)(line[i] - '0');
	}
	if (!digits || (i < len && line[i] != ','))
		return false;
	out->generation = g;
	out->rest = line + (i < len ? i + 1 : len);
	out->rest_len = i < len ? len - i - 1 : 0;
	return true;
}

enum pod_status pod_sbat_next(const char *text, size_t len, size_t *at, struct pod_sbat *out)
{
	while (*at < len && text[*at]) {
		const char *line = text + *at;
		size_t n = 0, cut;

		while (*at + n < len && line[n] && line[n] != '\n')
			n++;
		*at += n + (*at + n < len && line[n] == '\n');
		cut = n && line[n - 1] == '\r' ? n - 1 : n;
		if (sbat_line(line, cut, out))
			return POD_OK;
	}
	return POD_END;
}

/* --- EFI signature lists: +0 16 type, +16 4 list size, +20 4 header size, +24 4 signature size; signatures: 16 owner, data -----
 */

static const uint8_t guid_sha256[16] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
					0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28};
static const uint8_t guid_x509[16] = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
				      0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};
static const uint8_t guid_x509_sha256[16] = {0x92, 0xa4, 0xd2, 0x3b, 0xc0, 0x96, 0x79, 0x40,
					     0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03, 0xed};

void pod_siglist_init(struct pod_siglist *s, const uint8_t *p, size_t len)
{
	*s = (struct pod_siglist){.p = p, .len = len};
}

enum pod_status pod_siglist_next(struct pod_siglist *s, struct pod_sig *out)
{
	for (;;) {
		const uint8_t *l = s->p + s->at;
		uint32_t list, head, size;

		if (s->at == s->len)
			return POD_END;
		if (s->len - s->at < 28)
			return POD_E_CORRUPT;
		list = pod_get_le32(l + 16);
		head = pod_get_le32(l + 20);
		size = pod_get_le32(l + 24);
		if (list < 28 || list > s->len - s->at || head > list - 28 || size < 16)
			return POD_E_CORRUPT;
		s->entries = (list - 28 - head) / size;
		if ((list - 28 - head) % size)
			return POD_E_CORRUPT;
		if (s->entry < s->entries) {
			const uint8_t *e = l + 28 + head + s->entry * size;

			out->kind = memcmp(l, guid_sha256, 16) == 0 && size == 48 ? POD_SIG_SHA256
				    : memcmp(l, guid_x509, 16) == 0		  ? POD_SIG_X509
				    : memcmp(l, guid_x509_sha256, 16) == 0	  ? POD_SIG_X509_SHA256
										  : POD_SIG_OTHER;
			out->data = e + 16;
			out->len = size - 16;
			s->entry++;
			return POD_OK;
		}
		s->at += list;
		s->entry = 0;
	}
}
