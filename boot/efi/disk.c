/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk of the firmware as a pod_dev: UEFI 2.10 clause 13.9, EFI_BLOCK_IO_PROTOCOL.
 *
 * What the protocol asks of its caller, and what real firmware adds to that:
 *  - LBA and BufferSize in units of Media->BlockSize. Everything here is byte-addressed, so the ragged ends of a read go
 *    through a bounce buffer; the middle goes straight into the caller's buffer. 4096-byte-sector sticks work the same way.
 *  - Buffer aligned to Media->IoAlign (0 and 1: any). Buffers that are not go through the bounce buffer.
 *  - MediaId must be the current one, else EFI_MEDIA_CHANGED. Some USB stacks raise it after a "unit attention" although
 *    nobody touched the stick: if LBA 0 is still the same, the new id is adopted; if not, the stick was swapped.
 *  - There is no limit on BufferSize in the text, but there is in drivers. No call is longer than 1 MiB; when one fails
 *    nevertheless, shorter ones are tried before the error is believed.
 *  - A read of a USB stick may fail once and succeed when it is asked for again; EDK II did not do so itself before 2026 (its issue 12073).
 *  - LastBlock is believed. A stick shorter than its partition table says so when the table is read.
 */
#include "boot/efi/efi.h"
#include "core/base/mem.h"

#define CHUNK_FIRST (1u << 20)
#define CHUNK_SMALL (32u << 10)
#define TRIES	    3

enum pod_status pod_efi_status(EFI_STATUS st)
{
	if (!EFI_ERROR(st))
		return POD_OK;
	switch (st) {
	case EFI_NO_MEDIA:
	case EFI_MEDIA_CHANGED:
		return POD_E_CHANGED;
	case EFI_WRITE_PROTECTED:
		return POD_E_READONLY;
	case EFI_OUT_OF_RESOURCES:
		return POD_E_NOMEM;
	case EFI_NOT_FOUND:
		return POD_E_NOT_FOUND;
	default:
		return POD_E_IO;
	}
}

static struct pod_efi_disk *disk_of(struct pod_dev *dev)
{
	return dev->ctx;
}

/* The boot code and the disk's signature: what is between and behind them partition mode may have changed since (core/disk/partmode.h). */
static bool same_lba0(const uint8_t *a, const uint8_t *b)
{
	enum { CODE = 0x1a0, SIGNATURE = 0x1b8 };
	return memcmp(a, b, CODE) == 0 && memcmp(a + SIGNATURE, b + SIGNATURE, 4) == 0;
}

/* The medium id no longer fits. The same stick as before? Then adopt the new id. */
static bool same_medium(struct pod_efi_disk *d)
{
	EFI_BLOCK_IO_MEDIA *m = d->bio->Media;
	size_t block = (size_t)1 << d->block_shift;

	if (!d->first_valid || !m->MediaPresent || m->BlockSize != block || m->MediaId == d->media_id)
		return false;
	if (EFI_ERROR(d->bio->ReadBlocks(d->bio, m->MediaId, 0, block, d->bounce)) || !same_lba0(d->bounce, d->first))
		return false;
	d->media_id = m->MediaId;
	return true;
}

/* One firmware call; `buf` is aligned as the firmware wants it. */
static EFI_STATUS call(struct pod_efi_disk *d, bool write, EFI_LBA lba, size_t len, void *buf)
{
	if (write)
		return d->bio->WriteBlocks(d->bio, d->media_id, lba, len, buf);
	return d->bio->ReadBlocks(d->bio, d->media_id, lba, len, buf);
}

/* An error that the same call, or a shorter one, may not have. */
static bool may_pass(EFI_STATUS st)
{
	return EFI_ERROR(st) && st != EFI_MEDIA_CHANGED && st != EFI_NO_MEDIA && st != EFI_WRITE_PROTECTED;
}

/* Whole blocks, aligned buffer. */
static enum pod_status transfer(struct pod_efi_disk *d, bool write, EFI_LBA lba, size_t len, uint8_t *buf)
{
	unsigned changes = 0, tries = 0;

	while (len) {
		size_t n = len < d->chunk_bytes ? len : d->chunk_bytes;
		EFI_STATUS st = call(d, write, lba, n, buf);

		if (st == EFI_MEDIA_CHANGED && buf != d->bounce && changes++ < 2 && same_medium(d))
			continue;
		if (may_pass(st) && n > CHUNK_SMALL) {
			d->chunk_bytes = CHUNK_SMALL;
			continue;
		}
		if (may_pass(st) && ++tries < TRIES)
			continue;
		if (EFI_ERROR(st)) {
			d->chunk_bytes = CHUNK_FIRST; /* it was not the length */
			return pod_efi_status(st);
		}
		tries = 0;
		buf += n;
		lba += n >> d->block_shift;
		len -= n;
	}
	return POD_OK;
}

/* Whole blocks through the bounce buffer. The id check uses that buffer itself, so it comes first here. */
static enum pod_status bounce_in(struct pod_efi_disk *d, EFI_LBA lba, size_t len)
{
	enum pod_status st = transfer(d, false, lba, len, d->bounce);

	if (st == POD_E_CHANGED && same_medium(d))
		st = transfer(d, false, lba, len, d->bounce);
	return st;
}

/* How many bytes of a request at `off` the next step moves, and whether it may go straight to the caller's buffer. */
static size_t step(const struct pod_efi_disk *d, uint64_t off, size_t len, const void *buf, bool *direct)
{
	size_t mask = ((size_t)1 << d->block_shift) - 1, skip = (size_t)off & mask;
	bool aligned = ((uintptr_t)buf & d->align_mask) == 0;

	*direct = skip == 0 && aligned && len > mask;
	if (*direct) {
		/* A ragged tail of a short request comes along in one bounced read instead of costing a second one. */
		if ((len & mask) && len + mask <= POD_EFI_BOUNCE) {
			*direct = false;
			return len;
		}
		return len & ~mask;
	}
	if (skip + len <= POD_EFI_BOUNCE)
		return len;
	/* A long request with a ragged start: up to the next boundary, if the rest can then go directly. */
	if (skip && ((uintptr_t)((const uint8_t *)buf + (mask + 1 - skip)) & d->align_mask) == 0)
		return mask + 1 - skip;
	return POD_EFI_BOUNCE - skip;
}

static enum pod_status disk_read(struct pod_dev *dev, uint64_t off, void *buf, size_t len)
{
	struct pod_efi_disk *d = disk_of(dev);
	size_t mask = ((size_t)1 << d->block_shift) - 1;
	uint8_t *out = buf;

	if (!pod_in_range(off, len, dev->size_bytes))
		return POD_E_RANGE;
	while (len) {
		bool direct;
		size_t n = step(d, off, len, out, &direct), skip = (size_t)off & mask;

		if (direct) {
			POD_TRY(transfer(d, false, off >> d->block_shift, n, out));
		} else {
			POD_TRY(bounce_in(d, off >> d->block_shift, (skip + n + mask) & ~mask));
			memcpy(out, d->bounce + skip, n);
		}
		out += n;
		off += n;
		len -= n;
	}
	return POD_OK;
}

static enum pod_status disk_write(struct pod_dev *dev, uint64_t off, const void *buf, size_t len)
{
	struct pod_efi_disk *d = disk_of(dev);
	size_t mask = ((size_t)1 << d->block_shift) - 1;
	const uint8_t *in = buf;

	if (dev->read_only)
		return POD_E_READONLY;
	if (!pod_in_range(off, len, dev->size_bytes))
		return POD_E_RANGE;
	while (len) {
		size_t skip = (size_t)off & mask;
		size_t n = len < POD_EFI_BOUNCE - skip ? len : POD_EFI_BOUNCE - skip;
		size_t whole = (skip + n + mask) & ~mask;

		/* Always through the bounce buffer: what is written is small (the state file), and the caller's bytes are const.
		 */
		if (skip || whole != n)
			POD_TRY(bounce_in(d, off >> d->block_shift, whole));
		memcpy(d->bounce + skip, in, n);
		POD_TRY(transfer(d, true, off >> d->block_shift, whole, d->bounce));
		in += n;
		off += n;
		len -= n;
	}
	return POD_OK;
}

static enum pod_status disk_flush(struct pod_dev *dev)
{
	struct pod_efi_disk *d = disk_of(dev);

	return pod_efi_status(d->bio->FlushBlocks(d->bio));
}

enum pod_status pod_efi_disk_open(struct pod_efi_disk *d, EFI_BLOCK_IO_PROTOCOL *bio, uint8_t *bounce)
{
	const EFI_BLOCK_IO_MEDIA *m = bio->Media;

	if (!m->MediaPresent)
		return POD_E_CHANGED;
	if (m->BlockSize < 512 || m->BlockSize > 32768 || (m->BlockSize & (m->BlockSize - 1)))
		return POD_E_UNSUPPORTED;
	memset(d, 0, sizeof(*d));
	d->bio = bio;
	d->bounce = bounce;
	d->media_id = m->MediaId;
	while ((1u << d->block_shift) < m->BlockSize)
		d->block_shift++;
	if (m->LastBlock >= UINT64_MAX >> d->block_shift)
		return POD_E_UNSUPPORTED;
	/* An IoAlign that is no power of two, or more than a page, is nonsense; a page satisfies anything sane. */
	if (m->IoAlign > 4096 || (m->IoAlign & (m->IoAlign - 1)))
		d->align_mask = 4095;
	else
		d->align_mask = m->IoAlign ? m->IoAlign - 1 : 0;
	d->chunk_bytes = CHUNK_FIRST;
	d->dev.size_bytes = (m->LastBlock + 1) << d->block_shift;
	d->dev.sector_size = m->BlockSize;
	d->dev.read_only = m->ReadOnly;
	d->dev.read = disk_read;
	d->dev.write = m->ReadOnly ? NULL : disk_write;
	d->dev.flush = disk_flush;
	d->dev.ctx = d;
	if (disk_read(&d->dev, 0, d->first, sizeof(d->first)) == POD_OK)
		d->first_valid = true;
	return POD_OK;
}
