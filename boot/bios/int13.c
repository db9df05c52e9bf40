/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The INT 13h server: a virtual CD-ROM, floppy or hard disk whose sectors come through the map.
 * Compiled for real mode (gcc -m16), resident at the top of conventional memory; and on the host, under test.
 *
 * Calls: El Torito 1.0 clause 4 (AH=4Ah to 4Dh); T13 EDD-3 clause 8 (AH=41h to 49h); IBM BIOS for the rest.
 * doc/FORMATS/int13.md lists what is answered and how.
 */
#include "boot/bios/int13.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/map/map.h"

#define COUNT_MAX	  127u
#define COPY_MAX	  0x4000u /* bytes a copy keeps interrupts off for */
#define NO_BUFFER	  0xffffffffu
#define REACH		  0x10fff0u /* what lies behind FFFF:FFFF has no segment and offset */
#define BDA_FLOPPY_STATUS 0x441u
#define BDA_DISK_COUNT	  0x475u
#define BDA_DISK_STATUS	  0x474u
#define BDA_TICKS	  0x46cu
#define TICKS_A_DAY	  0x1800b0u
#define REC_INTERVAL	  9u  /* ticks of 55 ms between two notes of reads that jump; a note is two writes */
#define REC_STALE	  18u /* a second */
#define REC_ERRORS	  16u /* so many failed reads are noted at once */

enum i13_status {
	OK = 0x00,
	BAD_COMMAND = 0x01,
	WRITE_PROTECTED = 0x03,
	SECTOR_NOT_FOUND = 0x04,
	DATA_BOUNDARY = 0x09,
	NOT_REMOVABLE = 0xb2,
	EJECT_FAILED = 0xb5,
	CONTROLLER_FAILURE = 0x20,
};

#ifdef __i386__
_Static_assert(offsetof(struct i13_state, old13) == I13_OLD13, "old13");
_Static_assert(offsetof(struct i13_state, old15) == I13_OLD15, "old15");
_Static_assert(offsetof(struct i13_state, drive) == I13_DRIVE0, "drive");
_Static_assert(offsetof(struct i13_state, shift_last) == I13_SHIFT_LAST, "shift_last");
_Static_assert(offsetof(struct i13_state, busy) == I13_BUSY, "busy");
_Static_assert(offsetof(struct i13_state, hide) == I13_HIDE, "hide");
_Static_assert(offsetof(struct i13_state, e820_count) == I13_E820_COUNT, "e820_count");
_Static_assert(offsetof(struct i13_state, e820_offset) == I13_E820_OFFSET, "e820_offset");
_Static_assert(offsetof(struct i13_state, e801_ax) == I13_E801_AX, "e801_ax");
_Static_assert(offsetof(struct i13_state, e801_bx) == I13_E801_BX, "e801_bx");
_Static_assert(offsetof(struct i13_state, ah88) == I13_AH88, "ah88");
_Static_assert(offsetof(struct i13_state, boot_ip) == I13_BOOT_ENTRY, "boot_ip");
_Static_assert(offsetof(struct i13_state, boot_drive) == I13_BOOT_DRIVE, "boot_drive");
_Static_assert(offsetof(struct i13_state, old16) == I13_OLD16, "old16");
_Static_assert(offsetof(struct i13_state, old10) == I13_OLD10, "old10");
_Static_assert(offsetof(struct i13_state, int16_entry) == I13_ENTRIES, "int16_entry");
_Static_assert(sizeof(struct i13_state) <= I13_STATE_SIZE, "state size");
#endif
/* What the BIOS is handed: the packet of AH=42h, and the descriptors of INT 15h AH=87h. */
uint8_t i13_packet[16];
uint8_t i13_move_table[48];

/* --- memory --------------------------------------------------------------------------------------------- */

/* INT 15h AH=87h: descriptors 2 and 3 of the caller's table say from where and to where. */
static bool bios_block_move(uint32_t to, uint32_t from, uint32_t len)
{
	memset(i13_move_table, 0, sizeof i13_move_table);
	uint32_t address[2] = {from, to};
	for (int i = 0; i < 2; i++) {
		uint8_t *d = i13_move_table + 16 + 8 * i;
		pod_put_le16(d, 0xffff);
		d[2] = (uint8_t)address[i], d[3] = (uint8_t)(address[i] >> 8), d[4] = (uint8_t)(address[i] >> 16);
		d[5] = 0x93;
		d[7] = (uint8_t)(address[i] >> 24);
	}
	struct i13_regs r;
	memset(&r, 0, sizeof r);
	r.eax = 0x8700;
	r.ecx = (len + 1) / 2;
	r.es = i13_segment();
	r.esi = (uint32_t)(uintptr_t)i13_move_table;
	i13_int15(&r);
	return !(r.flags & 1);
}

/* From physical memory to a linear address below 1 MiB. Under a V86 monitor only conventional memory is sure to be
 * where it seems, so the way there leads through the bounce buffer. */
static bool copy_phys(uint32_t to, uint32_t from, uint32_t len)
{
	bool v86 = i13_in_v86();
	while (len) {
		uint32_t n = len < COPY_MAX ? len : COPY_MAX;
		if (v86) {
			n = n < i13.bounce_size ? n : i13.bounce_size;
			if (!bios_block_move(i13.bounce, from, n))
				return false;
			if (to != i13.bounce)
				i13_far_copy(to, i13.bounce, n);
		} else if (!i13_flat_copy(to, from, n)) {
			return false;
		}
		to += n, from += n, len -= n;
	}
	return true;
}

/* --- the map -------------------------------------------------------------------------------------------- */

/* Makes segment `i` visible in the window. */
static const struct i13_seg *segment(uint32_t i)
{
	uint32_t first = i & ~(I13_PAGE - 1);
	if (first != i13.window_first) {
		uint32_t n = i13.seg_count - first < I13_PAGE ? i13.seg_count - first : I13_PAGE;
		i13.window_first = ~0u;
		if (!copy_phys(i13.bounce, i13.seg_table + first * sizeof(struct i13_seg), n * sizeof(struct i13_seg)))
			return NULL;
		i13_get(i13.window, i13.bounce, n * sizeof(struct i13_seg));
		i13.window_first = first;
	}
	return &i13.window[i - first];
}

/* The segment that holds `off` (< size_bytes), and how many bytes it has from there. */
static bool find(uint64_t off, struct i13_seg *out, uint64_t *left)
{
	static uint32_t last;
	uint32_t lo = 0, hi = i13.seg_count, i = last < hi ? last : 0;
	const struct i13_seg *s;
	uint64_t end;
	for (;;) {
		s = segment(i);
		if (!s)
			return false;
		*out = *s;
		end = i13.size_bytes;
		if (out->start_bytes > off) {
			hi = i;
		} else {
			if (i + 1 < i13.seg_count) {
				s = segment(i + 1);
				if (!s)
					return false;
				end = s->start_bytes;
			}
			if (off < end)
				break;
			lo = i + 1;
		}
		if (lo >= hi)
			return false;
		i = lo + (hi - lo) / 2;
	}
	last = i;
	*left = end - off;
	return true;
}

/* --- the stick ------------------------------------------------------------------------------------------ */

static void packet_for(uint64_t lba, uint32_t count, uint32_t linear)
{
	uint32_t seg = linear >> 4;
	if (seg > 0xffff)
		seg = 0xffff;
	pod_put_le16(i13_packet, 16);
	pod_put_le16(i13_packet + 2, (uint16_t)count);
	pod_put_le16(i13_packet + 4, (uint16_t)(linear - (seg << 4)));
	pod_put_le16(i13_packet + 6, (uint16_t)seg);
	pod_put_le64(i13_packet + 8, lba);
}

/* One call of the BIOS; *count is what was asked and becomes what was moved. `write` is 0 or 1. */
static uint8_t move_once(uint32_t write, uint64_t lba, uint32_t *count, uint32_t linear)
{
	struct i13_regs r;
	memset(&r, 0, sizeof r);
	r.edx = i13.stick_drive;
	packet_for(lba, *count, linear);
	if (i13.stick_edd) {
		r.eax = 0x4200 | write << 8;
		r.ds = i13_segment();
		r.esi = (uint32_t)(uintptr_t)i13_packet;
		i13_old13(&r);
		if (!(r.flags & 1))
			return OK;
		uint32_t done = pod_get_le16(i13_packet + 2);
		*count = done < *count ? done : 0;
	} else {
		uint32_t track = (uint32_t)lba / i13.stick_track_sectors, sector = (uint32_t)lba % i13.stick_track_sectors;
		uint32_t cyl = track / i13.stick_heads, head = track % i13.stick_heads;
		if (lba >> 32 || cyl > 1023) {
			*count = 0;
			return SECTOR_NOT_FOUND;
		}
		if (*count > i13.stick_track_sectors - sector)
			*count = i13.stick_track_sectors - sector;
		r.eax = 0x0200 | write << 8 | *count;
		r.ecx = (cyl & 0xff) << 8 | (cyl >> 8) << 6 | (sector + 1);
		r.edx |= head << 8;
		r.es = pod_get_le16(i13_packet + 6);
		r.ebx = pod_get_le16(i13_packet + 4);
		i13_old13(&r);
		if (!(r.flags & 1))
			return OK;
		*count = 0;
	}
	uint8_t status = (uint8_t)(r.eax >> 8);
	return status ? status : CONTROLLER_FAILURE;
}

static void reset_stick(void)
{
	struct i13_regs r;
	memset(&r, 0, sizeof r);
	r.edx = i13.stick_drive;
	i13_old13(&r);
}

/* 64 KiB in one call, which is what loaders ask for: one sector more than EDD-3 allows, and with it half as many requests to the stick.
 * Most BIOSes do it. One that refuses, or moves less and does not say so, is asked once: what ends the buffer must have changed. */
static bool read_64k(uint64_t lba, uint32_t linear)
{
	enum { MARK = 0x1d69736f };
	uint8_t end[4];
	uint32_t n = 0x10000u >> i13.stick_shift, at = linear + 0x10000u - sizeof end;
	pod_put_le32(end, MARK);
	i13_put(at, end, sizeof end);
	if (move_once(0, lba, &n, linear) == OK) {
		i13_get(end, at, sizeof end);
		if (pod_get_le32(end) != MARK)
			return true;
	}
	i13.stick_most = COUNT_MAX;
	reset_stick();
	return false;
}

/* As many of `count` sectors as the BIOS moves in a call: one that fails so many is asked for fewer, and from then on for no more. *done
 * sectors. */
static uint8_t read_fewer(uint64_t lba, uint32_t count, uint32_t linear, uint32_t *done)
{
	enum { FEWER = 63, FEWEST = 8 };
	uint32_t most = i13.stick_most ? i13.stick_most : COUNT_MAX;
	bool again = false;
	if (count > most)
		count = most;
	for (;;) {
		*done = count;
		uint8_t status = move_once(0, lba, done, linear);
		if (status == OK || status == SECTOR_NOT_FOUND)
			return status;
		reset_stick();
		if (count > FEWEST) {
			count = count > FEWER ? FEWER : FEWEST;
			i13.stick_most = (uint8_t)count;
		} else if (again) {
			i13.stick_most = 0; /* it was not the length */
			return status;
		}
		again = true;
	}
}

/* As much of [off, off + len) as one call can read, straight to `linear` where whole sectors fit; *done bytes. */
static uint8_t read_stick(uint64_t off, uint32_t len, uint32_t linear, uint32_t *done)
{
	uint32_t size = 1u << i13.stick_shift, in = (uint32_t)off & (size - 1);
	uint32_t count = len >> i13.stick_shift;
	uint32_t fits = (0x10000u - (linear & 0xffff)) >> i13.stick_shift; /* DMA stays within 64 KiB */
	if (!in && count > COUNT_MAX && fits > COUNT_MAX && linear != NO_BUFFER && i13.stick_edd && !i13.stick_most &&
	    read_64k(off >> i13.stick_shift, linear)) {
		*done = 0x10000u;
		return OK;
	}
	if (count > fits)
		count = fits;
	bool bounced = in || !count || linear == NO_BUFFER;
	uint8_t status = read_fewer(off >> i13.stick_shift, bounced ? 1 : count, bounced ? i13.bounce : linear, done);
	*done <<= i13.stick_shift;
	if (status == SECTOR_NOT_FOUND)
		return status;
	if (status != OK) {
		if (bounced)
			*done = 0;
		return status;
	}
	if (bounced) {
		*done = size - in < len ? size - in : len;
		if (linear != NO_BUFFER)
			i13_far_copy(linear, i13.bounce + in, *done);
	}
	return OK;
}

/* Reads from the map to `linear` (NO_BUFFER: only to see whether it can be read). *done bytes are right. */
static uint8_t read_map(uint64_t off, uint32_t len, uint32_t linear, uint32_t *done)
{
	*done = 0;
	if (off > i13.size_bytes || len > i13.size_bytes - off)
		return SECTOR_NOT_FOUND;
	if (linear != NO_BUFFER && (linear > REACH || len > REACH - linear))
		return DATA_BOUNDARY;
	while (len) {
		struct i13_seg s;
		uint64_t left;
		if (!find(off, &s, &left))
			return CONTROLLER_FAILURE;
		uint32_t n = len < left ? len : (uint32_t)left;
		uint32_t kind = (uint32_t)(s.source >> I13_KIND_SHIFT);
		uint64_t source = (s.source & (((uint64_t)1 << I13_KIND_SHIFT) - 1)) + (off - s.start_bytes);
		uint8_t status = OK;
		if (kind == POD_SEG_DEV) {
			status = read_stick(source, n, linear, &n);
		} else {
			if (n > COPY_MAX)
				n = COPY_MAX;
			if (linear == NO_BUFFER)
				;
			else if (kind == POD_SEG_ZERO)
				i13_far_zero(linear, n);
			else if (!copy_phys(linear, i13.mem + (uint32_t)source, n))
				return CONTROLLER_FAILURE;
		}
		*done += n, off += n, len -= n;
		if (linear != NO_BUFFER)
			linear += n;
		if (status != OK)
			return status;
	}
	return OK;
}

/* --- the flight recorder -------------------------------------------------------------------------------- */

uint32_t i13_ticks(void)
{
	uint8_t b[4];
	i13_get(b, BDA_TICKS, sizeof b);
	return pod_get_le32(b);
}

/* Ticks of 54.925 ms as the recorder's milliseconds. */
uint32_t i13_rec_ms(uint32_t ticks)
{
	uint32_t n = ticks - i13.rec_ticks;
	if (ticks < i13.rec_ticks)
		n += TICKS_A_DAY;
	return i13.rec_ms + (n >> 8) * 14061 + ((n & 255) * 14061 >> 8);
}

/* core/base has a table for this, which is too large to be resident. */
static uint32_t rec_crc(const uint8_t *s)
{
	uint32_t crc = ~0u;
	for (uint32_t i = 0; i < POD_REC_SECTOR; i++) {
		crc ^= s[i];
		for (uint32_t k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* A stick that refuses is left alone from then on; the read that is being served goes its way. */
bool i13_rec_write(uint8_t s[POD_REC_SECTOR], uint64_t sector)
{
	uint32_t n = 1;
	pod_put_le32(s + POD_PR_CRC, 0);
	pod_put_le32(s + POD_PR_CRC, rec_crc(s));
	i13_put(i13.bounce, s, POD_REC_SECTOR);
	if (move_once(1, sector, &n, i13.bounce) == OK) {
		pod_progress_count(i13.rec + POD_PR_WRITTEN, 1);
		return true;
	}
	i13.rec_sector = 0;
	reset_stick();
	return false;
}

void i13_rec_note(uint32_t ticks)
{
	uint8_t *s = i13.rec;
	uint32_t update = pod_get_le32(s + POD_PR_UPDATE) + 1;
	pod_put_le32(s + POD_PR_UPDATE, update);
	pod_put_le32(s + POD_PR_MS, i13_rec_ms(ticks));
	(void)i13_rec_write(s, i13.rec_sector + (update & 1));
}

/* Before the read: it may never come back. After a note another one follows when it has, as no timer would do it later. */
static void rec_read(uint64_t off, uint32_t len, bool last)
{
	i13.rec_noted = 0;
	if (!i13.rec_sector)
		return;
	uint32_t t = i13_ticks();
	bool jump = pod_progress_begin(i13.rec, off, len, i13_rec_ms(t));
	bool seldom = pod_get_le32(i13.rec + POD_PR_WRITTEN) >= POD_RECORDER_BUDGET;
	i13.rec_noted = pod_pace_due(&i13.rec_pace, t, jump && !seldom, REC_INTERVAL, seldom ? 16 * REC_STALE : REC_STALE);
	/* The last bytes of the disk are the end of a served initrd: the kernel comes next, and nobody will be asked again. */
	i13.rec_noted |= last && !seldom;
	if (i13.rec_noted)
		i13_rec_note(t);
	if (last)
		i13_note_screen(t, true);
}

static void rec_read_done(uint32_t done, uint8_t status)
{
	if (!i13.rec_sector)
		return;
	uint32_t t = i13_ticks(), st = status == OK ? POD_OK : status == SECTOR_NOT_FOUND ? POD_E_RANGE : POD_E_IO;
	pod_progress_end(i13.rec, done, st, POD_REC_CODE_INT13 | status, i13_rec_ms(t));
	if (i13.rec_sector && (i13.rec_noted || (st != POD_OK && pod_get_le32(i13.rec + POD_PR_ERRORS) <= REC_ERRORS)))
		i13_rec_note(t);
}

static void rec_outside(uint64_t off)
{
	if (!i13.rec_sector)
		return;
	pod_progress_outside(i13.rec, off);
	if (pod_get_le32(i13.rec + POD_PR_OUTSIDE) == 1)
		i13_rec_note(i13_ticks());
}

/* --- requests ------------------------------------------------------------------------------------------- */

static uint32_t far_linear(uint16_t seg, uint32_t off)
{
	return ((uint32_t)seg << 4) + (uint16_t)off;
}

static void set_ah(struct i13_regs *r, uint8_t v)
{
	r->eax = (r->eax & ~0xff00u) | (uint32_t)v << 8;
}

static void set16(uint32_t *reg, uint32_t v)
{
	*reg = (*reg & ~0xffffu) | (v & 0xffff);
}

/* `count` sectors from `lba` of a unit; *done sectors. */
static uint8_t read_sectors(const struct i13_unit *u, uint64_t lba, uint32_t count, uint32_t linear, uint32_t *done)
{
	uint64_t off = u->start_bytes + (lba << u->shift);
	*done = 0;
	if (lba >= u->sectors || count > u->sectors - lba) {
		rec_outside(off);
		return SECTOR_NOT_FOUND;
	}
	uint32_t bytes;
	if (linear != NO_BUFFER)
		rec_read(off, count << u->shift, count == u->sectors - lba);
	uint8_t status = read_map(off, count << u->shift, linear, &bytes);
	if (linear != NO_BUFFER)
		rec_read_done(bytes, status);
	*done = bytes >> u->shift;
	return status;
}

/* AH=02h and 04h. */
static uint8_t chs_read(const struct i13_unit *u, struct i13_regs *r, bool verify)
{
	uint32_t count = r->eax & 0xff, done = 0;
	uint32_t cyl = (r->ecx >> 8 & 0xff) | (r->ecx & 0xc0) << 2, sector = r->ecx & 0x3f, head = r->edx >> 8 & 0xff;
	uint8_t status = BAD_COMMAND;
	if (u->kind != I13_CD && count) {
		status = SECTOR_NOT_FOUND;
		if (cyl < u->cylinders && head < u->heads && sector && sector <= u->track_sectors)
			status = read_sectors(u, (uint64_t)((cyl * u->heads + head) * u->track_sectors + sector - 1), count,
					      verify ? NO_BUFFER : far_linear(r->es, r->ebx), &done);
	}
	r->eax = (r->eax & ~0xffu) | done;
	return status;
}

/* AH=42h, 44h and 47h. */
static uint8_t edd_read(const struct i13_unit *u, struct i13_regs *r, uint8_t op)
{
	uint8_t p[24];
	uint32_t at = far_linear(r->ds, r->esi), done = 0;
	i13_get(p, at, 16);
	if (p[0] < 16)
		return BAD_COMMAND;
	uint32_t count = pod_get_le16(p + 2), linear = far_linear(pod_get_le16(p + 6), pod_get_le16(p + 4));
	uint64_t lba = pod_get_le64(p + 8);
	if (pod_get_le32(p + 4) == ~0u) {
		/* EDD-3: the buffer's 64-bit address follows. */
		if (p[0] < 24)
			return BAD_COMMAND;
		i13_get(p + 16, at + 16, 8);
		if (pod_get_le64(p + 16) >= 0x100000)
			return BAD_COMMAND;
		linear = pod_get_le32(p + 16);
	}
	if (op == 0x47)
		return lba < u->sectors ? OK : SECTOR_NOT_FOUND;
	uint8_t status = read_sectors(u, lba, count, op == 0x44 ? NO_BUFFER : linear, &done);
	/* EDD-3 has the packet say how many blocks came. GRUB asks a CD-ROM again with that packet, up to three times, and when it asks for the
	 * none that came takes the answer for its data: for a CD the count stays what was asked. */
	if (status != OK && u->kind != I13_CD) {
		pod_put_le16(p + 2, (uint16_t)done);
		i13_put(at, p, 4);
	}
	return status;
}

static uint8_t get_disk_count(void)
{
	uint8_t n;
	i13_get(&n, BDA_DISK_COUNT, 1);
	return n;
}

/* AH=08h. */
static uint8_t geometry(const struct i13_unit *u, struct i13_regs *r)
{
	if (u->kind == I13_CD)
		return BAD_COMMAND;
	uint32_t cyl = u->cylinders - 1;
	set16(&r->ecx, (cyl & 0xff) << 8 | (cyl >> 8 & 3) << 6 | u->track_sectors);
	r->eax &= ~0xffu;
	if (u->kind == I13_FLOPPY) {
		uint8_t equipment;
		i13_get(&equipment, 0x410, 1);
		set16(&r->edx, (u->heads - 1) << 8 | ((equipment >> 6) + 1u));
		set16(&r->ebx, u->floppy_type);
		r->es = i13_segment();
		set16(&r->edi, (uint32_t)offsetof(struct i13_state, diskette_table));
	} else {
		set16(&r->edx, (u->heads - 1) << 8 | get_disk_count());
	}
	return OK;
}

/* AH=48h. */
static uint8_t parameters(const struct i13_unit *u, struct i13_regs *r)
{
	uint8_t p[30];
	uint32_t at = far_linear(r->ds, r->esi);
	i13_get(p, at, 2);
	uint32_t room = pod_get_le16(p), size = room >= 30 ? 30 : 26;
	if (room < 26)
		return BAD_COMMAND;
	memset(p, 0xff, sizeof p); /* no geometry; no configuration table */
	pod_put_le16(p, (uint16_t)size);
	/* CD: removable, with change line, lockable, no geometry; disk: DMA boundaries handled, geometry valid */
	pod_put_le16(p + 2, u->kind == I13_CD ? 0x74 : 0x03);
	if (u->kind != I13_CD) {
		pod_put_le32(p + 4, u->cylinders);
		pod_put_le32(p + 8, u->heads);
		pod_put_le32(p + 12, u->track_sectors);
	}
	pod_put_le64(p + 16, u->sectors);
	pod_put_le16(p + 24, (uint16_t)(1u << u->shift));
	i13_put(at, p, size);
	return OK;
}

/* AH=15h answers in AH itself. */
static void disk_type(const struct i13_unit *u, struct i13_regs *r)
{
	if (u->kind == I13_FLOPPY) {
		set_ah(r, 0x01);
		return;
	}
	uint32_t n = u->sectors >> 32 ? ~0u : (uint32_t)u->sectors;
	set_ah(r, 0x03);
	set16(&r->ecx, n >> 16);
	set16(&r->edx, n);
}

/* AH=4Bh: the specification packet; AL=00h also ends a floppy or disk emulation. */
static uint8_t eltorito_status(struct i13_regs *r)
{
	uint8_t al = (uint8_t)r->eax;
	if (!i13.eltorito || al > 1)
		return BAD_COMMAND;
	i13_put(far_linear(r->ds, r->esi), i13.packet, sizeof i13.packet);
	if (al == 0 && i13.unit[0].kind != I13_CD) {
		if (i13.unit[0].kind == I13_DISK) {
			uint8_t n = (uint8_t)(get_disk_count() - 1);
			i13_put(BDA_DISK_COUNT, &n, 1);
		}
		i13.drive[0] = I13_NO_DRIVE;
		i13.shift_last = 0;
	}
	return OK;
}

/* AH=4Dh: sectors of the boot catalogue. Packet: +0 size 8, +1 sectors to read, +2 far buffer, +6 first sector. */
static uint8_t eltorito_catalog(struct i13_regs *r)
{
	uint8_t p[8];
	uint32_t done;
	if (!i13.eltorito)
		return BAD_COMMAND;
	i13_get(p, far_linear(r->ds, r->esi), sizeof p);
	if (p[0] < 8)
		return BAD_COMMAND;
	return read_map(((uint64_t)i13.catalog_lba + pod_get_le16(p + 6)) << 11, (uint32_t)p[1] << 11,
			far_linear(pod_get_le16(p + 4), pod_get_le16(p + 2)), &done);
}

static uint8_t eject_or_lock(const struct i13_unit *u, struct i13_regs *r, uint8_t op)
{
	if (u->kind != I13_CD)
		return op == 0x49 ? BAD_COMMAND : NOT_REMOVABLE;
	if (op == 0x46)
		return EJECT_FAILED;
	if (op == 0x45)
		r->eax &= ~0xffu; /* not locked, whatever was asked */
	return OK;
}

static uint8_t serve_unit(const struct i13_unit *u, struct i13_regs *r)
{
	uint8_t op = (uint8_t)(r->eax >> 8);
	switch (op) {
	case 0x00: /* reset */
	case 0x0d:
		return OK;
	case 0x01:
		r->eax = (r->eax & ~0xffu) | i13.last_status;
		return i13.last_status;
	case 0x02:
		return chs_read(u, r, false);
	case 0x04:
		return chs_read(u, r, true);
	case 0x03: /* writes and formats */
	case 0x05:
	case 0x06:
	case 0x07:
	case 0x0b:
	case 0x43:
		return WRITE_PROTECTED;
	case 0x08:
		return geometry(u, r);
	case 0x09: /* initialise, seek, ready, recalibrate, diagnose: nothing to do for a disk */
	case 0x0c:
	case 0x10:
	case 0x11:
	case 0x14:
		return u->kind == I13_DISK ? OK : BAD_COMMAND;
	case 0x16: /* change line */
		return u->kind == I13_FLOPPY ? OK : BAD_COMMAND;
	case 0x41:
		if (u->kind == I13_FLOPPY)
			return BAD_COMMAND;
		set16(&r->ebx, 0xaa55);
		/* Fixed-disk access and EDD; a CD also locks and ejects. */
		set16(&r->ecx, u->kind == I13_CD ? 7 : 5);
		return OK;
	case 0x42:
	case 0x44:
	case 0x47:
		return u->kind == I13_FLOPPY ? BAD_COMMAND : edd_read(u, r, op);
	case 0x45:
	case 0x46:
	case 0x49:
		return eject_or_lock(u, r, op);
	case 0x48:
		return u->kind == I13_FLOPPY ? BAD_COMMAND : parameters(u, r);
	case 0x4b:
		return eltorito_status(r);
	case 0x4d:
		return eltorito_catalog(r);
	default:
		return BAD_COMMAND;
	}
}

/* A drive of the BIOS that a disk emulation moved up by one. */
static void serve_shifted(struct i13_regs *r)
{
	uint8_t op = (uint8_t)(r->eax >> 8), drive = (uint8_t)r->edx;
	r->edx = (r->edx & ~0xffu) | (drive - 1u);
	i13_old13(r);
	if (op == 0x08)
		r->edx = (r->edx & ~0xffu) | get_disk_count();
	else if (op != 0x15)
		r->edx = (r->edx & ~0xffu) | drive;
}

void i13_serve(struct i13_regs *r)
{
	uint8_t op = (uint8_t)(r->eax >> 8), drive = (uint8_t)r->edx;
	const struct i13_unit *u = NULL;
	if (drive == I13_NO_DRIVE) {
		set_ah(r, BAD_COMMAND);
		r->flags = 1;
		return;
	}
	if (drive == i13.drive[0] || drive == I13_TERMINATE)
		u = &i13.unit[0];
	else if (drive == i13.drive[1])
		u = &i13.unit[1];
	if (!u) {
		serve_shifted(r);
		return;
	}
	r->flags = 0;
	uint8_t status = OK;
	if (op == 0x15) {
		disk_type(u, r);
	} else {
		status = serve_unit(u, r);
		set_ah(r, op == 0x41 && status == OK ? 0x30 : status);
		r->flags = status != OK;
	}
	if (op != 0x01)
		i13.last_status = status;
	i13_put(u->kind == I13_FLOPPY ? BDA_FLOPPY_STATUS : BDA_DISK_STATUS, &i13.last_status, 1);
}

bool i13_launch(void)
{
	/* In one piece: after the first byte stage 2 may be overwritten, and there is nobody left to return to. */
	return i13_flat_copy(i13.boot_target, i13.boot_source, i13.boot_length);
}
