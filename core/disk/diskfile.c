/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signatures of disk containers, and where they may stand:
 *
 *   0          "QFI" FBh, version be32 (1 qcow, 2 and 3 qcow2); "QED" 0; "KDMV", "COWD" (VMDK); "WithoutFreeSpace",
 *              "WithouFreSpacExt" (Parallels); "Bochs Virtual HD Image"; "#!/bin/sh\n#V2.0 Format\n" (cloop); "EVF" 09h 0Dh 0Ah
 * FFh 0 (EWF); "vhdxfile"; "conectix": the copy of a VHD's footer; "# Disk DescriptorFile" (VMDK) 64         7Fh 10h DAh BEh
 * (VDI) end - 512  "conectix" (VHD), "koly" (DMG); files of old Virtual PCs have a footer of 511 bytes 64, 128 KiB, 192, 256 KiB
 * the headers "head" and region tables "regi" of a VHDX whose beginning is lost. So far inside a file four letters are not
 * enough: Version is 1 ([MS-VHDX] 2.2.2), EntryCount at most 2047 and Reserved 0 (2.2.3)
 *
 * Sources: doc/FORMATS for ours; QEMU's docs/interop (qcow2.txt, qed_spec.txt, parallels.txt); VMware "Virtual Disk Format 5.0";
 * libewf's and libmodi's format descriptions.
 */
#include "core/disk/diskfile.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum { HEAD = 512, TAIL = 512 };

static const struct {
	enum pod_diskfile f;
	const char *text;
} texts[] = {
	{POD_DISKFILE_RAW, "raw"},     {POD_DISKFILE_VHD, "vhd"},     {POD_DISKFILE_VHDX, "vhdx"},
	{POD_DISKFILE_QCOW, "qcow"},   {POD_DISKFILE_QCOW2, "qcow2"}, {POD_DISKFILE_QED, "qed"},
	{POD_DISKFILE_VMDK, "vmdk"},   {POD_DISKFILE_VDI, "vdi"},     {POD_DISKFILE_PARALLELS, "parallels"},
	{POD_DISKFILE_BOCHS, "bochs"}, {POD_DISKFILE_CLOOP, "cloop"}, {POD_DISKFILE_DMG, "dmg"},
	{POD_DISKFILE_EWF, "ewf"},
};

const char *pod_diskfile_text(enum pod_diskfile f)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(texts); i++)
		if (texts[i].f == f)
			return texts[i].text;
	return "unknown";
}

enum pod_diskfile pod_diskfile_parse(const char *text)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(texts); i++)
		if (pod_streq(texts[i].text, text))
			return texts[i].f;
	return POD_DISKFILE_NONE;
}

enum pod_diskfile pod_diskfile_of_name(const char *name)
{
	static const struct {
		const char *suffix;
		enum pod_diskfile f;
	} known[] = {
		{".img", POD_DISKFILE_RAW},	  {".raw", POD_DISKFILE_RAW},	    {".bin", POD_DISKFILE_RAW},
		{".iso", POD_DISKFILE_RAW},	  {".dd", POD_DISKFILE_RAW},	    {".ima", POD_DISKFILE_RAW},
		{".vhd", POD_DISKFILE_VHD},	  {".avhd", POD_DISKFILE_VHD},	    {".vhdx", POD_DISKFILE_VHDX},
		{".avhdx", POD_DISKFILE_VHDX},	  {".qcow", POD_DISKFILE_QCOW},	    {".qcow2", POD_DISKFILE_QCOW2},
		{".qed", POD_DISKFILE_QED},	  {".vmdk", POD_DISKFILE_VMDK},	    {".vdi", POD_DISKFILE_VDI},
		{".hds", POD_DISKFILE_PARALLELS}, {".hdd", POD_DISKFILE_PARALLELS}, {".cloop", POD_DISKFILE_CLOOP},
		{".dmg", POD_DISKFILE_DMG},	  {".e01", POD_DISKFILE_EWF},
	};
	for (size_t i = 0; name && i < POD_ARRAY_LEN(known); i++)
		if (pod_ends_with_nocase(name, known[i].suffix))
			return known[i].f;
	return POD_DISKFILE_NONE;
}

/* --- signatures ----------------------------------------------------------------------------------------- */

static bool begins(const uint8_t *p, const char *with)
{
	return memcmp(p, with, pod_strlen(with)) == 0;
}

static enum pod_diskfile at_beginning(const uint8_t *p)
{
	static const struct {
		uint8_t at, len;
		enum pod_diskfile f;
		const char *bytes;
	} known[] = {
		{0, 8, POD_DISKFILE_VHDX, "vhdxfile"},
		{0, 8, POD_DISKFILE_VHD, "conectix"},
		{0, 4, POD_DISKFILE_QED, "QED\0"},
		{0, 4, POD_DISKFILE_VMDK, "KDMV"},
		{0, 4, POD_DISKFILE_VMDK, "COWD"},
		{64, 4, POD_DISKFILE_VDI, "\x7f\x10\xda\xbe"},
		{0, 16, POD_DISKFILE_PARALLELS, "WithoutFreeSpace"},
		{0, 16, POD_DISKFILE_PARALLELS, "WithouFreSpacExt"},
		{0, 22, POD_DISKFILE_BOCHS, "Bochs Virtual HD Image"},
		{0, 23, POD_DISKFILE_CLOOP, "#!/bin/sh\n#V2.0 Format\n"},
		{0, 8, POD_DISKFILE_EWF, "EVF\x09\x0d\x0a\xff\0"},
	};
	if (begins(p, "QFI\xfb"))
		return pod_get_be32(p + 4) == 1 ? POD_DISKFILE_QCOW : POD_DISKFILE_QCOW2;
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (memcmp(p + known[i].at, known[i].bytes, known[i].len) == 0)
			return known[i].f;
	/* A text; writers do not agree on capitals. */
	char text[22];
	memcpy(text, p, 21);
	text[21] = '\0';
	return pod_strcasecmp(text, "# disk descriptorfile") == 0 ? POD_DISKFILE_VMDK : POD_DISKFILE_NONE;
}

static enum pod_status at_end(struct pod_dev *d, uint8_t *buf, enum pod_diskfile *out)
{
	*out = POD_DISKFILE_NONE;
	if (d->size_bytes < TAIL)
		return POD_OK;
	POD_TRY(pod_dev_read(d, d->size_bytes - TAIL, buf, TAIL));
	if (begins(buf, "conectix") || begins(buf + 1, "conectix"))
		*out = POD_DISKFILE_VHD;
	else if (begins(buf, "koly"))
		*out = POD_DISKFILE_DMG;
	return POD_OK;
}

static enum pod_status further_in(struct pod_dev *d, uint8_t *buf, enum pod_diskfile *out)
{
	for (uint64_t i = 1; i <= 4 && *out == POD_DISKFILE_NONE; i++) {
		uint64_t off = i << 16;
		if (!pod_in_range(off, HEAD, d->size_bytes))
			return POD_OK;
		POD_TRY(pod_dev_read(d, off, buf, HEAD));
		bool header = begins(buf, "head") && pod_get_le16(buf + 66) == 1;
		bool table = begins(buf, "regi") && pod_get_le32(buf + 8) <= 2047 && pod_get_le32(buf + 12) == 0;
		if (i <= 2 ? header : table)
			*out = POD_DISKFILE_VHDX;
	}
	return POD_OK;
}

enum pod_status pod_diskfile_probe(struct pod_dev *d, enum pod_diskfile named, enum pod_diskfile *out, struct pod_diag *diag)
{
	uint8_t buf[HEAD] = {0};
	enum pod_diskfile first, last;
	POD_TRY(pod_dev_read(d, 0, buf, (size_t)pod_min_u64(HEAD, d->size_bytes)));
	first = at_beginning(buf);
	POD_TRY(at_end(d, buf, &last));
	*out = first == POD_DISKFILE_NONE ? last : first;
	/* The disk inside a fixed VHD can begin with anything, and what was appended to any file can end like a VHD. */
	if (first != POD_DISKFILE_NONE && last != POD_DISKFILE_NONE && first != last) {
		if (named != first && named != last)
			return pod_fail(diag, POD_E_UNSUPPORTED, "signatures of two formats", d->size_bytes - TAIL,
					(uint64_t)first, (uint64_t)last);
		*out = named;
	}
	return further_in(d, buf, out);
}

enum pod_status pod_diskfile_decide(struct pod_dev *d, enum pod_diskfile said, enum pod_diskfile named, enum pod_diskfile *out,
				    struct pod_diag *diag)
{
	*out = said;
	if (said != POD_DISKFILE_NONE)
		return POD_OK;
	POD_TRY(pod_diskfile_probe(d, named, out, diag));
	if (*out == POD_DISKFILE_NONE)
		*out = named;
	return *out == POD_DISKFILE_NONE ? POD_E_FORMAT : POD_OK;
}
