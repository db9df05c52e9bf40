/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EFI programs as Secure Boot sees them: PE headers (Microsoft PE and COFF specification), the Authenticode digest (Windows
 * Authenticode Portable Executable Signature Format, "Calculating the PE image hash"; UEFI 2.10, 32.5.1), SBAT (shim, SBAT.md),
 * and EFI signature lists (UEFI 2.10, 32.4.1).
 */
#ifndef POD_FIRM_PE_H
#define POD_FIRM_PE_H

#include "core/base/status.h"

#define POD_PE_SECTIONS_MAX 96u

enum {
	POD_PE_X64 = 0x8664,
	POD_PE_IA32 = 0x014c,
	POD_PE_AA64 = 0xaa64,
};

struct pod_pe {
	uint16_t machine, subsystem; /* 10: EFI application */
	bool plus;		     /* PE32+ */
	uint32_t optional_bytes;     /* where the optional header lies */
	uint32_t checksum_bytes;     /* where the CheckSum field lies */
	uint32_t cert_entry_bytes;   /* where the Certificate Table's directory entry lies; 0: there is none */
	uint32_t cert_bytes, cert_len;
	uint32_t headers_len, sections_bytes;
	uint16_t section_count;
};

/* The whole file. POD_E_FORMAT if it is no PE file, POD_E_CORRUPT if its headers lead out of it, POD_E_RANGE if a section does:
 * diag->expected bytes it should have. */
enum pod_status POD_MUST_USE pod_pe_read(const uint8_t *p, size_t len, struct pod_pe *out, struct pod_diag *diag);
/* The same of a file of `len` bytes whose first `have` are at hand: its section table must be in them. */
enum pod_status POD_MUST_USE pod_pe_head(const uint8_t *p, size_t have, uint64_t len, struct pod_pe *out, struct pod_diag *diag);
/* A section's bytes in the file (VirtualSize or SizeOfRawData, whichever is less). POD_E_NOT_FOUND. */
enum pod_status POD_MUST_USE pod_pe_section(const uint8_t *p, size_t len, const struct pod_pe *pe, const char *name,
					    const uint8_t **data, size_t *n);
/* The entry of section `i` < pe->section_count, 40 bytes. */
#define POD_PE_ENTRY 40u
static inline size_t pod_pe_entry(const struct pod_pe *pe, uint32_t i)
{
	return pe->sections_bytes + (size_t)i * POD_PE_ENTRY;
}
bool pod_pe_entry_is(const uint8_t *entry, const char *name);

/*
 * Section `index` gets `len` bytes of data, which take `raw` bytes of the file from where it begins now; what lies behind it there moves
 * by as much as it grows. `p` are the first bytes of the file, up to the end of the section table. Where the section has no room in memory,
 * or lies in front of `above` and needs more pages than it has, it moves behind all others and behind `above`, and its entry to the end of the
 * table, which some loaders want in order of addresses, if `reorder`. SizeOfImage follows; CheckSum becomes 0, which means that none was computed, and the Certificate Table's entry too.
 * POD_E_CORRUPT: it shares bytes of the file with the headers or another section, or an alignment is none; POD_E_LIMIT: it would not fit
 * into 2 GiB of file or memory. In both cases nothing is changed.
 */
enum pod_status POD_MUST_USE pod_pe_grow(uint8_t *p, const struct pod_pe *pe, uint32_t index, uint32_t len, uint32_t raw,
					 uint32_t above, bool reorder);

/* FileVersion of its version resource: 10, 0, 26100, 1. POD_E_NOT_FOUND. */
enum pod_status POD_MUST_USE pod_pe_version(const uint8_t *p, size_t len, const struct pod_pe *pe, uint16_t version[4]);
/* Hands the bytes that the digest covers to `update`, in order. */
enum pod_status POD_MUST_USE pod_pe_digest(const uint8_t *p, size_t len, const struct pod_pe *pe,
					   void (*update)(void *ctx, const void *data, size_t len), void *ctx,
					   struct pod_diag *diag);

/* What CheckSum should be: the 16-bit words of the file but for the field itself, added with end-around carry, and its length (the
 * algorithm of ImageHlp's CheckSumMappedFile; Linux, arch/x86/boot/tools/build.c, has the same). */
uint32_t pod_pe_sum(const uint8_t *p, size_t len, const struct pod_pe *pe);

/* One line of SBAT metadata or of an SBAT level. */
struct pod_sbat {
	const char *component; /* not terminated */
	size_t component_len;
	uint32_t generation;
	const char *rest; /* behind the generation's comma, not terminated: vendor, package, version, or the level's date */
	size_t rest_len;
};
/* The next line from *at on; POD_END. Lines that are none are skipped; a NUL ends the text. */
enum pod_status POD_MUST_USE pod_sbat_next(const char *text, size_t len, size_t *at, struct pod_sbat *out);

/* One entry of the EFI signature lists of db or dbx. */
enum pod_sig_kind { POD_SIG_SHA256, POD_SIG_X509, POD_SIG_X509_SHA256, POD_SIG_OTHER };
struct pod_sig {
	enum pod_sig_kind kind;
	const uint8_t *data; /* behind the owner's GUID */
	size_t len;
};
struct pod_siglist {
	const uint8_t *p;
	size_t len, at;	       /* at: of the list */
	size_t entry, entries; /* in it */
};
/* `p` without the 4 bytes of attributes that efivarfs puts in front. POD_END; POD_E_CORRUPT if a list breaks the rules. */
void pod_siglist_init(struct pod_siglist *s, const uint8_t *p, size_t len);
enum pod_status POD_MUST_USE pod_siglist_next(struct pod_siglist *s, struct pod_sig *out);

#endif
