/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stick through INT 13h: EDD packets (T13 EDD-3: AH=41h, 42h, 43h, 48h), else CHS. All transfers go through
 * the bounce buffer below 1 MiB, at most 127 sectors each, as the oldest EDD allows; a BIOS that fails as many is asked for fewer.
 */
#include "boot/bios/bios.h"

#define DAP	   0x6000u /* in the free part below the real-mode stack */
#define PARAMETERS 0x6020u
#define COUNT_MAX  127u

/* Sectors in one call: a request that fails is tried again with fewer. */
static const uint8_t counts[] = {COUNT_MAX, 63, 8};

/* One CHS transfer, at most to the end of the track; *done sectors. */
static bool transfer_chs(struct bios_disk *d, uint8_t op, uint64_t lba, uint32_t count, uint32_t *done)
{
	if (lba >> 32 || !d->sectors)
		return false;
	uint32_t track = (uint32_t)lba / d->sectors, sector = (uint32_t)lba % d->sectors;
	uint32_t cyl = track / d->heads, head = track % d->heads;
	if (cyl > 1023)
		return false;
	if (count > d->sectors - sector)
		count = d->sectors - sector;
	struct bios_regs r = {.eax = (uint32_t)op << 8 | count,
			      .ebx = 0,
			      .ecx = (cyl & 0xff) << 8 | (cyl >> 8) << 6 | (sector + 1),
			      .edx = head << 8 | d->drive,
			      .es = BIOS_BOUNCE >> 4};
	bios_int(&r, 0x13);
	*done = count;
	return !(r.flags & BIOS_CF);
}

static bool transfer_edd(struct bios_disk *d, uint8_t op, uint64_t lba, uint32_t count)
{
	uint8_t *dap = bios_ptr(DAP);
	pod_put_le16(dap, 16);
	pod_put_le16(dap + 2, (uint16_t)count);
	pod_put_le16(dap + 4, 0);
	pod_put_le16(dap + 6, BIOS_BOUNCE >> 4);
	pod_put_le64(dap + 8, lba);
	struct bios_regs r = {.eax = (uint32_t)op << 8, .edx = d->drive, .esi = DAP};
	bios_int(&r, 0x13);
	return !(r.flags & BIOS_CF);
}

/* Moves up to `count` sectors between the drive and the bounce buffer; *done tells how many. `write` is 0 or 1. */
static enum pod_status transfer(struct bios_disk *d, uint8_t write, uint64_t lba, uint32_t count, uint32_t *done)
{
	if (!pod_in_range(lba, count, d->reach_sectors))
		return POD_E_RANGE;
	for (uint32_t i = 0; i < POD_ARRAY_LEN(counts); i++) {
		bool fewer = count > counts[i];
		*done = count = fewer ? counts[i] : count;
		if (d->edd ? transfer_edd(d, (uint8_t)(0x42 + write), lba, count)
			   : transfer_chs(d, (uint8_t)(2 + write), lba, count, done)) {
			if (fewer)
				d->count_max = count;
			return POD_OK;
		}
		struct bios_regs r = {.edx = d->drive};
		bios_int(&r, 0x13);
	}
	d->count_max = COUNT_MAX; /* it was not the length */
	return POD_E_IO;
}

static uint32_t chunk_of(const struct bios_disk *d, uint64_t bytes)
{
	uint32_t most = BIOS_BOUNCE_SIZE >> d->sector_shift;
	if (most > d->count_max)
		most = d->count_max;
	return (uint32_t)pod_min_u64(most, (bytes + d->dev.sector_size - 1) >> d->sector_shift);
}

static enum pod_status disk_read(struct pod_dev *dev, uint64_t off, void *buf, size_t len)
{
	struct bios_disk *d = dev->ctx;
	uint8_t *p = buf;
	while (len) {
		uint32_t in = (uint32_t)off & (dev->sector_size - 1), n;
		POD_TRY(transfer(d, 0, off >> d->sector_shift, chunk_of(d, (uint64_t)in + len), &n));
		size_t got = (size_t)pod_min_u64((n << d->sector_shift) - in, len);
		memcpy(p, bios_ptr(BIOS_BOUNCE + in), got);
		off += got, p += got, len -= got;
	}
	return POD_OK;
}

static enum pod_status disk_write(struct pod_dev *dev, uint64_t off, const void *buf, size_t len)
{
	struct bios_disk *d = dev->ctx;
	const uint8_t *p = buf;
	while (len) {
		uint32_t in = (uint32_t)off & (dev->sector_size - 1), n;
		uint32_t count = chunk_of(d, (uint64_t)in + len);
		size_t part = (size_t)pod_min_u64((count << d->sector_shift) - in, len);
		/* A write that does not cover whole sectors keeps what is around it. */
		if (in || part != count << d->sector_shift) {
			count = 1;
			part = (size_t)pod_min_u64(dev->sector_size - in, len);
			POD_TRY(transfer(d, 0, off >> d->sector_shift, count, &n));
		}
		memcpy(bios_ptr(BIOS_BOUNCE + in), p, part);
		POD_TRY(transfer(d, 1, off >> d->sector_shift, count, &n));
		if (n < count)
			part = (n << d->sector_shift) - in;
		off += part, p += part, len -= part;
	}
	return POD_OK;
}

/* Geometry for CHS, and the size it reaches. */
static bool probe_chs(struct bios_disk *d)
{
	struct bios_regs r = {.eax = 0x0800, .edx = d->drive};
	bios_int(&r, 0x13);
	if (r.flags & BIOS_CF || !(r.ecx & 0x3f))
		return false;
	d->sectors = r.ecx & 0x3f;
	d->heads = (r.edx >> 8 & 0xff) + 1;
	uint32_t cylinders = ((r.ecx & 0xc0) << 2 | (r.ecx >> 8 & 0xff)) + 1;
	d->reach_sectors = (uint64_t)cylinders * d->heads * d->sectors;
	return true;
}

static bool probe_edd(struct bios_disk *d)
{
	struct bios_regs r = {.eax = 0x4100, .ebx = 0x55aa, .edx = d->drive};
	bios_int(&r, 0x13);
	if (r.flags & BIOS_CF || (uint16_t)r.ebx != 0xaa55 || !(r.ecx & 1))
		return false;
	uint8_t *p = bios_ptr(PARAMETERS);
	memset(p, 0, 0x50);
	pod_put_le16(p, 0x1a);
	r = (struct bios_regs){.eax = 0x4800, .edx = d->drive, .esi = PARAMETERS};
	bios_int(&r, 0x13);
	if (r.flags & BIOS_CF) /* whether it reads, the first sector tells */
		memset(p, 0, 0x50);
	uint32_t size = pod_get_le16(p + 0x18);
	uint64_t sectors = pod_get_le64(p + 0x10);
	if (size != 512 && size != 1024 && size != 2048 && size != 4096)
		size = 512;
	for (d->sector_shift = 9; 1u << d->sector_shift < size;)
		d->sector_shift++;
	/* None or absurd: reads will find the end. */
	if (!sectors || sectors >> 48)
		sectors = (uint64_t)1 << 32;
	d->reach_sectors = sectors;
	bool at_limit = sectors == 0xffffffffu || sectors == (uint64_t)1 << 32;
	d->dev.size_bytes = at_limit ? BIOS_SIZE_UNKNOWN : sectors << d->sector_shift;
	return true;
}

bool bios_disk_init(struct bios_disk *d, uint8_t drive)
{
	uint32_t n;
	*d = (struct bios_disk){.drive = drive, .sector_shift = 9, .count_max = COUNT_MAX};
	d->dev = (struct pod_dev){.read = disk_read, .write = disk_write, .ctx = d};
	d->edd = probe_edd(d);
	/* Some BIOSes claim EDD for a drive and fail it. */
	if (!d->edd || transfer(d, 0, 0, 1, &n) != POD_OK) {
		d->edd = false;
		d->sector_shift = 9;
		d->dev.size_bytes = BIOS_SIZE_UNKNOWN;
		if (!probe_chs(d) || transfer(d, 0, 0, 1, &n) != POD_OK)
			return false;
	}
	d->dev.sector_size = 1u << d->sector_shift;
	return true;
}
