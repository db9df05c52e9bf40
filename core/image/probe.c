/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is this file? The formats are asked in the order in which they shadow each other: an ISO may carry anything in its
 * first 32 KiB (an MBR, a GPT, an MZ header), a Linux kernel is a PE program and looks like a boot sector.
 *
 * Cost of an ISO: its first KiB, its volume descriptors (2 KiB each, four as a rule), the first sector of the root directory,
 * the boot catalogue, and of each EFI image the boot sector and a few sectors of FAT and directories.
 */
#include "core/image/internal.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/fs/iso9660.h"

/* Writers pad ISOs with 300 KiB (150 sectors, for drives that read ahead), and downloads sometimes lack that. */
#define PADDING_BYTES (300u << 10)
#define DISC_SECTOR   2048u

const char *pod_image_kind_text(enum pod_image_kind k)
{
	static const char *const text[POD_IMAGE_KIND_COUNT] = {
		[POD_IMAGE_UNKNOWN] = "unknown", [POD_IMAGE_ISO] = "iso",   [POD_IMAGE_DISK] = "disk",
		[POD_IMAGE_FLOPPY] = "floppy",	 [POD_IMAGE_EFI] = "efi",   [POD_IMAGE_WIM] = "wim",
		[POD_IMAGE_VHD] = "vhd",	 [POD_IMAGE_VHDX] = "vhdx", [POD_IMAGE_QCOW2] = "qcow2",
		[POD_IMAGE_VMDK] = "vmdk",	 [POD_IMAGE_VDI] = "vdi",
	};
	return (unsigned)k < POD_IMAGE_KIND_COUNT ? text[k] : text[POD_IMAGE_UNKNOWN];
}

/* "-flat.vmdk", "-s001.vmdk", "-f001.vmdk": opened through the file that names them. */
static bool is_vmdk_part(const char *name)
{
	size_t n = pod_strlen(name);
	if (pod_ends_with_nocase(name, "-flat.vmdk"))
		return true;
	if (n < 10 || !pod_ends_with_nocase(name, ".vmdk"))
		return false;
	const char *p = name + n - 10;
	for (unsigned i = 2; i < 5; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return p[0] == '-' && (pod_tolower(p[1]) == 's' || pod_tolower(p[1]) == 'f');
}

enum pod_image_kind pod_image_kind_of_name(const char *name)
{
	static const struct {
		const char *suffix;
		enum pod_image_kind kind;
	} known[] = {
		{".iso", POD_IMAGE_ISO},    {".img", POD_IMAGE_DISK},	 {".raw", POD_IMAGE_DISK},  {".ima", POD_IMAGE_FLOPPY},
		{".flp", POD_IMAGE_FLOPPY}, {".efi", POD_IMAGE_EFI},	 {".wim", POD_IMAGE_WIM},   {".vhd", POD_IMAGE_VHD},
		{".vhdx", POD_IMAGE_VHDX},  {".qcow2", POD_IMAGE_QCOW2}, {".vmdk", POD_IMAGE_VMDK}, {".vdi", POD_IMAGE_VDI},
	};
	if (is_vmdk_part(name))
		return POD_IMAGE_UNKNOWN;
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (pod_ends_with_nocase(name, known[i].suffix))
			return known[i].kind;
	return POD_IMAGE_UNKNOWN;
}

/* Of the two volumes of a bridge each may cover only its own files. */
static void take_end(struct pod_image *im, uint64_t end_bytes)
{
	if (end_bytes > im->volume_bytes)
		im->volume_bytes = end_bytes;
	im->truncated = im->volume_bytes > im->size_bytes && im->volume_bytes - im->size_bytes > PADDING_BYTES;
}

/* What any volume over the whole file says. */
static void take_volume(struct probe *p, const struct pod_fs *fs)
{
	struct pod_image *im = p->out;
	uint64_t end;
	im->kind = POD_IMAGE_ISO;
	pod_strlcpy(im->label, fs->label, sizeof im->label);
	take_end(im, fs->total_bytes);
	im->hybrid_mbr = image_mbr_plausible(p->head, &end);
	im->hybrid_gpt = memcmp(p->head + 512, "EFI PART", 8) == 0;
}

/* Loaders in the tree, for whoever can read it. */
static enum pod_status take_tree(struct probe *p, struct pod_fs *fs)
{
	struct pod_image *im = p->out;
	POD_TRY(pod_image_prefer_udf(fs));
	POD_TRY(image_efi_loaders(p, fs, &im->tree_efi));
	im->firmware |= im->tree_efi;
	return POD_OK;
}

/* Windows' media have a note in ISO 9660 and say there that they end behind it: how long they are, UDF knows. A side that cannot be read says
 * nothing. */
static enum pod_status take_udf_end(struct probe *p)
{
	struct pod_fs udf;
	enum pod_status st = pod_fs_open_as(&udf, &pod_fs_udf, p->dev, p->alloc, NULL);
	if (st == POD_OK) {
		take_end(p->out, udf.total_bytes);
		pod_fs_close(&udf);
	}
	return pod_is_fatal(st) ? st : POD_OK;
}

enum pod_status image_probe_iso(struct probe *p)
{
	struct pod_image *im = p->out;
	struct pod_fs fs;
	enum pod_status st = pod_fs_open_as(&fs, &pod_fs_iso9660, p->dev, p->alloc, p->diag);
	if (st != POD_OK)
		return st;
	take_volume(p, &fs);
	im->joliet = pod_iso9660_flags(&fs) & POD_ISO_HAS_JOLIET;
	im->rock_ridge = pod_iso9660_flags(&fs) & POD_ISO_ROCK_RIDGE;
	im->udf = pod_iso9660_flags(&fs) & POD_ISO_HAS_UDF;
	im->catalog_bytes = pod_iso9660_catalog(&fs);
	if (im->udf)
		st = take_udf_end(p);
	if (st == POD_OK && im->catalog_bytes)
		st = image_read_catalog(p);
	for (uint32_t i = 0; st == POD_OK && i < im->boot_count; i++)
		im->firmware |= im->boot[i].firmware;
	/* Without an EFI boot image the loaders may still lie in the tree. */
	if (st == POD_OK && !(im->firmware & ~(uint32_t)POD_FW_BIOS))
		st = take_tree(p, &fs);
	pod_fs_close(&fs);
	return st;
}

/* UDF without ISO 9660 beside it, on a disc: what has other sectors is a hard disk's. */
enum pod_status image_probe_udf(struct probe *p)
{
	struct pod_fs fs;
	enum pod_status st = pod_fs_open_as(&fs, &pod_fs_udf, p->dev, p->alloc, p->diag);
	if (st == POD_E_UNSUPPORTED) { /* it is one, and we start nothing in it */
		p->out->kind = POD_IMAGE_ISO;
		p->out->udf = true;
		return POD_OK;
	}
	if (st != POD_OK)
		return st;
	if (fs.cluster_size == DISC_SECTOR) {
		take_volume(p, &fs);
		p->out->udf = true;
		st = take_tree(p, &fs);
	} else {
		st = POD_E_FORMAT;
	}
	pod_fs_close(&fs);
	return st;
}

enum pod_status pod_image_probe(struct pod_dev *image, const char *name, struct pod_alloc *a, struct pod_image *out,
				struct pod_diag *diag)
{
	static enum pod_status (*const probes[])(struct probe *) = {
		image_probe_iso, image_probe_udf, image_probe_wim, image_probe_diskfile, image_probe_efi, image_probe_disk,
	};
	memset(out, 0, sizeof *out);
	out->size_bytes = image->size_bytes;
	struct probe *p = pod_zalloc(a, 1, sizeof *p);
	if (!p)
		return POD_E_NOMEM;
	p->dev = image;
	p->alloc = a;
	p->out = out;
	p->diag = diag;
	/* Names lie; this one only keeps a container that has lost its signature from being taken for a raw disk. */
	p->named = pod_diskfile_of_name(name);
	enum pod_status st = pod_dev_read(image, 0, p->head, (size_t)pod_min_u64(sizeof p->head, image->size_bytes));
	if (st == POD_OK) {
		st = POD_E_FORMAT;
		for (size_t i = 0; i < POD_ARRAY_LEN(probes) && st == POD_E_FORMAT; i++)
			st = probes[i](p);
		if (st == POD_E_FORMAT ||
		    (st == POD_OK && out->kind == POD_IMAGE_UNKNOWN && !out->instead)) /* of no known kind */
			st = pod_instead_look(image, name, &out->instead);
		else if (name && pod_instead_unfinished_name(name))
			out->instead = POD_INSTEAD_UNFINISHED;
		else if (out->kind == POD_IMAGE_EFI && pod_instead_is_kernel(p->head))
			out->instead = POD_INSTEAD_KERNEL;
	}
	pod_free(a, p);
	return st;
}
