/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signatures: PKWARE APPNOTE 4.3.7; RFC 1952 (gzip), 8878 (Zstandard); the formats' own documents (xz 1.0.4, LZ4 frame 1.6,
 * 7zFormat.txt, RAR 5.0 technote, [MS-CAB], [MS-SHLLINK]); POSIX pax; ECMA-130 (sync field of a CD's sector); Linux,
 * Documentation/arch/x86/boot.rst and arm64/booting.rst; git-lfs, spec.md; LUKS On-Disk Format 1.2.3, LVM's label
 * (core/disk/lvm.c); NRG by its footer "NERO" or "NER5", DMG by its trailer "koly".
 */
#include "core/image/instead.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum {
	HEAD = 1024,
	FRONT = 36 << 10, /* zeros up to here: neither a volume descriptor of a disc, nor anything of a disk */
	CHUNK = 512,
};

/* For the ports, which translate them. */
#define N_(s)	(s)
#define UNPACK	N_("unpack it, and take the image that is in it")
#define AGAIN	N_("download the image again, and compare its hash with the publisher's")
#define FINISH	N_("let the download come to its end, or download the image again")
#define CONVERT N_("convert it to an ISO with the program it comes from")
#define OTHER	N_("take the image (.iso, .img) of the system instead")
#define DISK	N_("take an image of the whole disk")
static const struct {
	const char *text;
	const char *fix;
} said[POD_INSTEAD_COUNT] = {
	[POD_INSTEAD_NONE] = {"", ""},
	[POD_INSTEAD_EMPTY] = {N_("an empty file"), AGAIN},
	[POD_INSTEAD_UNFINISHED] = {N_("a download that is not finished, by its name"), FINISH},
	[POD_INSTEAD_ZEROS] = {N_("zeros in its beginning: a download that is not finished, or an empty disk"), FINISH},
	[POD_INSTEAD_HTML] = {N_("a web page (HTML)"), AGAIN},
	[POD_INSTEAD_XML] = {N_("an XML text, perhaps a server's error message"), AGAIN},
	[POD_INSTEAD_JSON] = {N_("a JSON text, perhaps a server's error message"), AGAIN},
	[POD_INSTEAD_LFS] = {N_("a Git LFS pointer, not the file it stands for"), N_("fetch the file itself: git lfs pull")},
	[POD_INSTEAD_TORRENT] = {N_("a torrent file, not what it leads to"),
				 N_("open it in a BitTorrent program, and take the image that it downloads")},
	[POD_INSTEAD_SHORTCUT] = {N_("a shortcut, not the file it leads to"), N_("copy the file itself")},
	[POD_INSTEAD_CUE] = {N_("a CUE sheet: the disc is in another file"), CONVERT},
	[POD_INSTEAD_TEXT] = {N_("a text"), AGAIN},
	[POD_INSTEAD_ZIP] = {N_("a ZIP archive"), UNPACK},
	[POD_INSTEAD_GZIP] = {N_("compressed with gzip"), UNPACK},
	[POD_INSTEAD_XZ] = {N_("compressed with xz"), UNPACK},
	[POD_INSTEAD_ZSTD] = {N_("compressed with zstd"), UNPACK},
	[POD_INSTEAD_BZIP2] = {N_("compressed with bzip2"), UNPACK},
	[POD_INSTEAD_LZ4] = {N_("compressed with lz4"), UNPACK},
	[POD_INSTEAD_7Z] = {N_("a 7-Zip archive"), UNPACK},
	[POD_INSTEAD_RAR] = {N_("a RAR archive"), UNPACK},
	[POD_INSTEAD_TAR] = {N_("a tar archive"), UNPACK},
	[POD_INSTEAD_CAB] = {N_("a CAB archive"), UNPACK},
	[POD_INSTEAD_PACKAGE] = {N_("a package (deb, rpm)"), OTHER},
	[POD_INSTEAD_RAW_CD] = {N_("a raw copy of a CD, with sectors of 2352 bytes (BIN, MDF, IMG)"), CONVERT},
	[POD_INSTEAD_NRG] = {N_("a Nero disc image (NRG)"), CONVERT},
	[POD_INSTEAD_DMG] = {N_("an Apple disk image (DMG)"), N_("convert it: hdiutil on a Mac, or dmg2img")},
	[POD_INSTEAD_PACKED_DISC] = {N_("a compressed disc image (ISZ, CSO, DAA)"), CONVERT},
	[POD_INSTEAD_OTHER_DISK] = {N_("a virtual disk of another program"), N_("convert it: isopod disk convert")},
	[POD_INSTEAD_KERNEL] = {N_("a Linux kernel alone, without its system"), OTHER},
	[POD_INSTEAD_INITRD] = {N_("an initramfs (cpio), without kernel and system"), OTHER},
	[POD_INSTEAD_SQUASHFS] = {N_("a squashfs volume, the inside of a live system"), OTHER},
	[POD_INSTEAD_LVM] = {N_("a physical volume of LVM, without the disk that starts the system"), DISK},
	[POD_INSTEAD_LUKS] = {N_("a LUKS volume, without the disk that starts the system"), DISK},
	[POD_INSTEAD_ELF] = {N_("a program of Linux (ELF)"), OTHER},
	[POD_INSTEAD_PROGRAM] = {N_("a program of Windows or DOS (EXE)"), OTHER},
	[POD_INSTEAD_PDF] = {N_("a PDF document"), OTHER},
};

const char *pod_instead_text(enum pod_instead i)
{
	return (unsigned)i < POD_INSTEAD_COUNT ? said[i].text : "";
}

const char *pod_instead_fix(enum pod_instead i)
{
	return (unsigned)i < POD_INSTEAD_COUNT ? said[i].fix : "";
}

bool pod_instead_unfinished_name(const char *name)
{
	static const char *const ending[] = {".part", ".partial", ".crdownload", ".download", ".opdownload",
					     ".!qB",  ".!ut",	  ".aria2",	 ".bc!"};
	for (size_t i = 0; i < POD_ARRAY_LEN(ending); i++)
		if (pod_ends_with_nocase(name, ending[i]))
			return true;
	return false;
}

bool pod_instead_is_kernel(const uint8_t *head)
{
	return (memcmp(head + 0x202, "HdrS", 4) == 0 && pod_get_le16(head + 510) == 0xAA55) ||
	       memcmp(head + 56, "ARM\x64", 4) == 0;
}

/* --- by signature ------------------------------------------------------------------------------------------------------------ */

static enum pod_instead by_signature(const uint8_t *h)
{
	static const struct {
		uint16_t at, len;
		const char *bytes;
		enum pod_instead is;
	} known[] = {
		{0, 4, "PK\x03\x04", POD_INSTEAD_ZIP},
		{0, 4, "PK\x05\x06", POD_INSTEAD_ZIP},
		{0, 3, "\x1F\x8B\x08", POD_INSTEAD_GZIP},
		{0, 6,
		 "\xFD"
		 "7zXZ\0",
		 POD_INSTEAD_XZ},
		{0, 4, "\x28\xB5\x2F\xFD", POD_INSTEAD_ZSTD},
		{0, 3, "BZh", POD_INSTEAD_BZIP2},
		{0, 4, "\x04\x22\x4D\x18", POD_INSTEAD_LZ4},
		{0, 6, "7z\xBC\xAF\x27\x1C", POD_INSTEAD_7Z},
		{0, 6, "Rar!\x1A\x07", POD_INSTEAD_RAR},
		{257, 5, "ustar", POD_INSTEAD_TAR},
		{0, 4, "MSCF", POD_INSTEAD_CAB},
		{0, 8, "!<arch>\n", POD_INSTEAD_PACKAGE},
		{0, 4, "\xED\xAB\xEE\xDB", POD_INSTEAD_PACKAGE},
		{0, 12, "\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0", POD_INSTEAD_RAW_CD},
		{0, 4, "IsZ!", POD_INSTEAD_PACKED_DISC},
		{0, 4, "CISO", POD_INSTEAD_PACKED_DISC},
		{0, 4, "DAA\0", POD_INSTEAD_PACKED_DISC},
		{0, 6, "070701", POD_INSTEAD_INITRD},
		{0, 4, "hsqs", POD_INSTEAD_SQUASHFS},
		{512, 8, "LABELONE", POD_INSTEAD_LVM},
		{0, 6, "LUKS\xBA\xBE", POD_INSTEAD_LUKS},
		{0, 4, "\177ELF", POD_INSTEAD_ELF},
		{0, 5, "%PDF-", POD_INSTEAD_PDF},
		{0, 8, "\x4C\0\0\0\x01\x14\x02\0", POD_INSTEAD_SHORTCUT},
		{0, 2, "MZ", POD_INSTEAD_PROGRAM},
	};
	if (pod_instead_is_kernel(h))
		return POD_INSTEAD_KERNEL;
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (memcmp(h + known[i].at, known[i].bytes, known[i].len) == 0)
			return known[i].is;
	return POD_INSTEAD_NONE;
}

/* --- texts ------------------------------------------------------------------------------------------------------------------- */

/* UTF-8, or any other encoding that keeps ASCII: no control characters. */
static bool is_text(const uint8_t *h, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (h[i] == 0x7F || (h[i] < 0x20 && h[i] != '\n' && h[i] != '\r' && h[i] != '\t' && h[i] != '\f' && h[i] != 0x1B))
			return false;
	return len != 0;
}

/* `p` is terminated. */
static enum pod_instead kind_of_text(const char *p)
{
	if (memcmp(p, "\xEF\xBB\xBF", 3) == 0)
		p += 3;
	while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
		p++;
	if (pod_starts_with_nocase(p, "<!doctype html") || pod_starts_with_nocase(p, "<html") ||
	    pod_starts_with_nocase(p, "<head") || pod_starts_with_nocase(p, "<body") || pod_starts_with_nocase(p, "<script") ||
	    (*p == '<' && pod_strcasestr(p, "<html")))
		return POD_INSTEAD_HTML;
	if (*p == '<')
		return POD_INSTEAD_XML;
	if (pod_starts_with_nocase(p, "version https://git-lfs"))
		return POD_INSTEAD_LFS;
	if (pod_starts_with_nocase(p, "[InternetShortcut]") || pod_starts_with_nocase(p, "[Desktop Entry]"))
		return POD_INSTEAD_SHORTCUT;
	if ((*p == '{' || *p == '[') && pod_strcasestr(p, "\""))
		return POD_INSTEAD_JSON;
	if (pod_strcasestr(p, "FILE \"") && pod_strcasestr(p, "TRACK "))
		return POD_INSTEAD_CUE;
	return POD_INSTEAD_TEXT;
}

/* Bencoded: a dictionary whose first key is a string, with raw hashes further on (BEP 3). */
static bool is_torrent(const uint8_t *h)
{
	return h[0] == 'd' && h[1] >= '1' && h[1] <= '9' &&
	       (memcmp(h, "d8:announce", 11) == 0 || memcmp(h, "d13:announce-list", 17) == 0 || memcmp(h, "d4:info", 7) == 0 ||
		memcmp(h, "d7:comment", 10) == 0 || memcmp(h, "d10:created by", 14) == 0 ||
		memcmp(h, "d13:creation date", 17) == 0);
}

/* --- by the end, by zeros ------------------------------------------------------------------------------------------------ */

static enum pod_status by_end(struct pod_dev *dev, enum pod_instead *out)
{
	uint8_t b[CHUNK];
	if (dev->size_bytes < CHUNK)
		return POD_OK;
	POD_TRY(pod_dev_read(dev, dev->size_bytes - CHUNK, b, CHUNK));
	if (memcmp(b, "koly", 4) == 0)
		*out = POD_INSTEAD_DMG;
	else if (memcmp(b + CHUNK - 12, "NER5", 4) == 0 || memcmp(b + CHUNK - 8, "NERO", 4) == 0)
		*out = POD_INSTEAD_NRG;
	return POD_OK;
}

static enum pod_status by_zeros(struct pod_dev *dev, enum pod_instead *out)
{
	uint8_t b[CHUNK];
	uint64_t end = pod_min_u64(FRONT, dev->size_bytes);
	for (uint64_t at = 0; at < end; at += CHUNK) {
		size_t n = (size_t)pod_min_u64(CHUNK, end - at);
		POD_TRY(pod_dev_read(dev, at, b, n));
		for (size_t i = 0; i < n; i++)
			if (b[i])
				return POD_OK;
	}
	*out = POD_INSTEAD_ZEROS;
	return POD_OK;
}

static enum pod_status by_head(struct pod_dev *dev, enum pod_instead *out)
{
	uint8_t h[HEAD + 1] = {0};
	size_t len = (size_t)pod_min_u64(HEAD, dev->size_bytes);
	POD_TRY(pod_dev_read(dev, 0, h, len));
	*out = by_signature(h);
	if (*out == POD_INSTEAD_NONE && is_torrent(h))
		*out = POD_INSTEAD_TORRENT;
	if (*out == POD_INSTEAD_NONE && is_text(h, len))
		*out = kind_of_text((const char *)h);
	return POD_OK;
}

enum pod_status pod_instead_look(struct pod_dev *dev, const char *name, enum pod_instead *out)
{
	*out = POD_INSTEAD_NONE;
	if (name && pod_instead_unfinished_name(name))
		*out = POD_INSTEAD_UNFINISHED;
	else if (!dev->size_bytes)
		*out = POD_INSTEAD_EMPTY;
	if (*out != POD_INSTEAD_NONE)
		return POD_OK;
	POD_TRY(by_head(dev, out));
	if (*out == POD_INSTEAD_NONE)
		POD_TRY(by_end(dev, out));
	return *out == POD_INSTEAD_NONE ? by_zeros(dev, out) : POD_OK;
}
