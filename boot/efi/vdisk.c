/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual disk as the firmware sees it: EFI_BLOCK_IO_PROTOCOL (UEFI 2.10 clause 13.9) over a map.
 * doc/FORMATS/efi-block-io.md tells the whole story.
 *
 * Argument checks in the order of the status table of ReadBlocks(): no medium, wrong MediaId, buffer size no multiple of the
 * block size, range or alignment. A read error of the stick is EFI_DEVICE_ERROR, a stick that was pulled EFI_NO_MEDIA.
 * Nothing is allocated here: the firmware calls from its own timers, too.
 */
#include "boot/efi/efi.h"
#include "core/base/mem.h"

#define MEDIA_ID 0x49534F50u

static struct pod_efi_vdisk *vdisk_of(EFI_BLOCK_IO_PROTOCOL *bio)
{
	return (struct pod_efi_vdisk *)bio; /* the first member */
}

static EFI_STATUS vdisk_reset(EFI_BLOCK_IO_PROTOCOL *This, BOOLEAN ExtendedVerification)
{
	(void)This;
	(void)ExtendedVerification;
	return EFI_SUCCESS;
}

static EFI_STATUS read_status(struct pod_efi_vdisk *v, enum pod_status st, uint64_t off)
{
	if (st == POD_OK)
		return EFI_SUCCESS;
	if (v->read_error == POD_OK) {
		v->read_error = st;
		v->read_error_bytes = off;
	}
	switch (st) {
	case POD_E_CHANGED:
		/* Not EFI_MEDIA_CHANGED: that invites the caller to go on with a new medium, and there is none. */
		return EFI_NO_MEDIA;
	case POD_E_RANGE:
		return EFI_INVALID_PARAMETER;
	default:
		return EFI_DEVICE_ERROR;
	}
}

static struct pod_recorder *recorder_of(const struct pod_efi_vdisk *v)
{
	return v->fw && v->fw->recorder && v->fw->recorder->state ? v->fw->recorder : NULL;
}

static void note_outside(struct pod_efi_vdisk *v, EFI_LBA lba)
{
	struct pod_recorder *r = recorder_of(v);
	EFI_TPL tpl;

	if (!r)
		return;
	tpl = v->bs->RaiseTPL(TPL_CALLBACK);
	pod_recorder_outside(r, v->base_bytes + lba * v->media.BlockSize, pod_fw_ms(v->fw));
	v->bs->RestoreTPL(tpl);
}

/* Called at TPL_CALLBACK, as the recorder's timer is: they take turns. */
static enum pod_status read_recorded(struct pod_efi_vdisk *v, uint64_t off, void *buf, size_t len)
{
	struct pod_recorder *r = recorder_of(v);
	enum pod_status st;

	if (r)
		pod_recorder_read(r, v->base_bytes + off, (uint32_t)pod_min_u64(len, UINT32_MAX), pod_fw_ms(v->fw));
	st = pod_map_read(v->map, v->stick, v->base_bytes + off, buf, len);
	if (r)
		pod_recorder_read_done(r, st == POD_OK ? (uint32_t)pod_min_u64(len, UINT32_MAX) : 0, st,
				       (uint32_t)read_status(v, st, v->base_bytes + off) & 0xffff, pod_fw_ms(v->fw));
	return st;
}

static EFI_STATUS vdisk_read(EFI_BLOCK_IO_PROTOCOL *This, uint32_t MediaId, EFI_LBA LBA, UINTN BufferSize, void *Buffer)
{
	struct pod_efi_vdisk *v = vdisk_of(This);
	uint32_t mask = v->media.BlockSize - 1;
	enum pod_status st;
	uint64_t off;
	EFI_TPL tpl;

	if (!v->map || !v->media.MediaPresent)
		return EFI_NO_MEDIA;
	if (MediaId != v->media.MediaId)
		return EFI_MEDIA_CHANGED;
	if (!Buffer)
		return EFI_INVALID_PARAMETER;
	if (BufferSize == 0)
		return EFI_SUCCESS;
	if (BufferSize & mask)
		return EFI_BAD_BUFFER_SIZE;
	off = LBA * v->media.BlockSize;
	if (LBA > v->media.LastBlock || !pod_in_range(off, BufferSize, (v->media.LastBlock + 1) * v->media.BlockSize)) {
		note_outside(v, LBA);
		return EFI_INVALID_PARAMETER;
	}

	/* The bounce buffer of the stick is one; callers up to TPL_CALLBACK (clause 7.1, table of TPL restrictions) take turns.
	 */
	tpl = v->bs->RaiseTPL(TPL_CALLBACK);
	if (off + BufferSize > v->size_bytes) {
		/* The last block of an image that is no multiple of the block size: the rest of it reads as zeros. */
		size_t there = (size_t)(v->size_bytes - off);

		memset((uint8_t *)Buffer + there, 0, BufferSize - there);
		BufferSize = there;
	}
	st = read_recorded(v, off, Buffer, BufferSize);
	v->bs->RestoreTPL(tpl);
	return read_status(v, st, v->base_bytes + off);
}

static EFI_STATUS vdisk_write(EFI_BLOCK_IO_PROTOCOL *This, uint32_t MediaId, EFI_LBA LBA, UINTN BufferSize, const void *Buffer)
{
	struct pod_efi_vdisk *v = vdisk_of(This);

	(void)LBA;
	(void)BufferSize;
	(void)Buffer;
	if (!v->map)
		return EFI_NO_MEDIA;
	return MediaId != v->media.MediaId ? EFI_MEDIA_CHANGED : EFI_WRITE_PROTECTED;
}

static EFI_STATUS vdisk_flush(EFI_BLOCK_IO_PROTOCOL *This)
{
	return vdisk_of(This)->map ? EFI_SUCCESS : EFI_NO_MEDIA;
}

enum pod_status pod_efi_vdisk_init(struct pod_efi_vdisk *v, EFI_BOOT_SERVICES *bs, struct pod_alloc *a,
				   const struct pod_efi_vdisk_args *args)
{
	uint32_t block = args->block_size;

	memset(v, 0, sizeof(*v));
	v->bs = bs;
	v->alloc = a;
	v->path = args->path;
	if (block < 512 || block > 4096 || (block & (block - 1)) || args->size_bytes == 0 ||
	    !pod_in_range(args->base_bytes, args->size_bytes, args->map->size_bytes))
		return POD_E_INVALID;
	v->map = args->map;
	v->stick = args->stick;
	v->fw = args->fw;
	v->base_bytes = args->base_bytes;
	v->size_bytes = args->size_bytes;
	v->media.MediaId = MEDIA_ID;
	v->media.RemovableMedia = 1;
	v->media.MediaPresent = 1;
	v->media.LogicalPartition = args->partition;
	v->media.ReadOnly = 1;
	v->media.BlockSize = block;
	/* Callers who follow it get their data straight into their buffer; those who do not are served all the same. */
	v->media.IoAlign = args->io_align;
	v->media.LastBlock = (args->size_bytes >> (unsigned)__builtin_ctz(block)) - ((args->size_bytes & (block - 1)) ? 0 : 1);
	/* Revision 1: the fields behind LastBlock say nothing, so that firmware makes no assumptions from zeros. */
	v->bio.Revision = 0x00010000;
	v->bio.Media = &v->media;
	v->bio.Reset = vdisk_reset;
	v->bio.ReadBlocks = vdisk_read;
	v->bio.WriteBlocks = vdisk_write;
	v->bio.FlushBlocks = vdisk_flush;
	return POD_OK;
}

struct pod_efi_vdisk *pod_efi_vdisk_install(EFI_BOOT_SERVICES *bs, struct pod_alloc *a, const struct pod_efi_vdisk_args *args,
					    EFI_STATUS *st)
{
	struct pod_efi_vdisk *v = args->path ? a->alloc(a, sizeof(*v)) : NULL;

	*st = EFI_OUT_OF_RESOURCES;
	if (!v) {
		pod_free(a, args->path);
		return NULL;
	}
	if (pod_efi_vdisk_init(v, bs, a, args) != POD_OK) {
		*st = EFI_INVALID_PARAMETER;
		goto fail;
	}
	/* The device path first: drivers that are told of a new Block I/O look for the path on the same handle. */
	*st = bs->InstallProtocolInterface(&v->handle, &pod_efi_guid_device_path, EFI_NATIVE_INTERFACE, v->path);
	if (EFI_ERROR(*st))
		goto fail;
	*st = bs->InstallProtocolInterface(&v->handle, &pod_efi_guid_block_io, EFI_NATIVE_INTERFACE, &v->bio);
	if (EFI_ERROR(*st)) {
		(void)bs->UninstallProtocolInterface(v->handle, &pod_efi_guid_device_path, v->path);
		goto fail;
	}
	/* Firmware connects drivers only to what it wants to boot: without this call nothing binds to the new handle. The status
	 * does not matter (some report EFI_NOT_FOUND although children exist): what counts is which file systems are there now.
	 */
	(void)bs->ConnectController(v->handle, NULL, NULL, 1);
	return v;
fail:
	pod_free(a, v->path);
	pod_free(a, v);
	return NULL;
}

void pod_efi_vdisk_remove(struct pod_efi_vdisk *v)
{
	if (!v)
		return;
	(void)v->bs->DisconnectController(v->handle, NULL, NULL);
	if (EFI_ERROR(v->bs->UninstallProtocolInterface(v->handle, &pod_efi_guid_block_io, &v->bio))) {
		v->media.MediaPresent = 0;
		v->media.MediaId++;
		v->map = NULL;
		return;
	}
	if (EFI_ERROR(v->bs->UninstallProtocolInterface(v->handle, &pod_efi_guid_device_path, v->path))) {
		v->map = NULL;
		return;
	}
	pod_free(v->alloc, v->path);
	pod_free(v->alloc, v);
}
