/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The resident INT 13h server on the host, against a BIOS made of arrays: low memory, memory above 1 MiB, and a stick
 * whose handler checks what old BIOSes are strict about (127 sectors, no DMA across 64 KiB, no wrap of the offset).
 */
#ifndef POD_TESTS_INT13_MACHINE_H
#define POD_TESTS_INT13_MACHINE_H

#include <string.h>
#include "boot/bios/int13.c"
#include "boot/bios/idle.c"

/* Up to FFFF:FFFF, and what a packet there reaches. */
#define LOW_SIZE    0x110040u
#define HIGH_BASE   0x1000000u
#define HIGH_SIZE   (1u << 20)
#define STICK_SIZE  (4u << 20)
#define BOUNCE	    0x9e000u
#define SEGMENT	    0x9c00u
#define DISK_COUNT  3
#define VIRTUAL_MAX (3u << 20)

struct i13_state i13;
uint8_t i13_tty[512];
uint16_t i13_tty_at;
static uint8_t low[LOW_SIZE], low_fill[LOW_SIZE], high[HIGH_SIZE], stick[STICK_SIZE], want_disk[VIRTUAL_MAX];
static bool v86, a20_stuck;
static uint32_t violations, bios_calls, resets, flaky;
static uint32_t writes;
static uint8_t write_status;	  /* not 0: the stick refuses writes with it */
static uint64_t bad_from, bad_to; /* stick sectors that cannot be read */
static struct i13_regs seen;
/* What the BIOS does when it is asked for 128 sectors. */
static enum { MOVES_128, REFUSES, MOVES_127, MOVES_NOTHING } most_127;
static uint32_t most_in_a_call; /* 0: as many as it is asked for */

static uint32_t rnd_state = 1;
static inline uint32_t rnd(uint32_t below)
{
	rnd_state = rnd_state * 1664525u + 1013904223u;
	return below ? (rnd_state >> 8) % below : 0;
}

/* --- the machine ------------------------------------------------------------------------------------------- */

void i13_get(void *to, uint32_t linear, uint32_t len)
{
	memcpy(to, low + linear, len);
}

void i13_put(uint32_t linear, const void *from, uint32_t len)
{
	memcpy(low + linear, from, len);
}

void i13_far_copy(uint32_t to, uint32_t from, uint32_t len)
{
	violations += len > 0x8000;
	memmove(low + to, low + from, len);
}

void i13_far_zero(uint32_t to, uint32_t len)
{
	violations += len > 0x8000;
	memset(low + to, 0, len);
}

static inline uint8_t *phys(uint32_t a, uint32_t len)
{
	if (a >= HIGH_BASE && pod_in_range(a - HIGH_BASE, len, HIGH_SIZE))
		return high + (a - HIGH_BASE);
	if (pod_in_range(a, len, LOW_SIZE))
		return low + a;
	violations++;
	return NULL;
}

static inline bool flat(uint32_t to, uint32_t from, uint32_t len)
{
	uint8_t *t = phys(to, len), *f = phys(from, len);
	if (!t || !f)
		return false;
	memmove(t, f, len);
	return true;
}

bool i13_flat_copy(uint32_t to, uint32_t from, uint32_t len)
{
	violations += v86;
	return !a20_stuck && flat(to, from, len);
}

bool i13_in_v86(void)
{
	return v86;
}

uint16_t i13_segment(void)
{
	return SEGMENT;
}

static inline uint32_t descriptor_base(const uint8_t *d)
{
	return (uint32_t)d[2] | (uint32_t)d[3] << 8 | (uint32_t)d[4] << 16 | (uint32_t)d[7] << 24;
}

void i13_int15(struct i13_regs *r)
{
	violations += r->eax >> 8 != 0x87 || r->es != SEGMENT;
	uint32_t from = descriptor_base(i13_move_table + 16), to = descriptor_base(i13_move_table + 24);
	/* A V86 monitor knows conventional memory only where it is. */
	violations += to < BOUNCE || to >= BOUNCE + i13.bounce_size;
	r->flags = !flat(to, from, r->ecx * 2);
}

static uint32_t stick_heads = 4, stick_spt = 17;

void i13_old13(struct i13_regs *r)
{
	uint8_t op = (uint8_t)(r->eax >> 8);
	uint32_t size = 1u << i13.stick_shift, count, linear;
	uint64_t lba;
	seen = *r;
	bios_calls++;
	r->flags = 0;
	if (op == 0x00) {
		resets++;
		return;
	}
	bool write = op == 0x43 || op == 0x03;
	if (op == 0x42 || op == 0x43) {
		violations += (r->eax & 0xff) != 0;
		violations += (uint8_t)r->edx != i13.stick_drive || r->ds != SEGMENT || i13_packet[0] != 16;
		count = pod_get_le16(i13_packet + 2);
		lba = pod_get_le64(i13_packet + 8);
		uint32_t off = pod_get_le16(i13_packet + 4);
		linear = (uint32_t)pod_get_le16(i13_packet + 6) * 16 + off;
		violations += off + (count << i13.stick_shift) > 0x10000;
	} else if (op == 0x02 || op == 0x03) {
		count = r->eax & 0xff;
		uint32_t s = r->ecx & 0x3f, cyl = (r->ecx >> 8 & 0xff) | (r->ecx & 0xc0) << 2, head = r->edx >> 8 & 0xff;
		violations += !s || s + count - 1 > stick_spt || head >= stick_heads || (uint8_t)r->edx != i13.stick_drive;
		lba = (cyl * stick_heads + head) * stick_spt + s - 1;
		linear = (uint32_t)r->es * 16 + (uint16_t)r->ebx;
	} else {
		r->eax = 0x0100, r->flags = 1;
		return;
	}
	violations += !count || count > 128 || (count == 128 && (linear & 0xffff || size != 512 || write || op == 0x02));
	if ((count == 128 && most_127 == REFUSES) || (most_in_a_call && count > most_in_a_call)) {
		r->eax = 0x0100, r->flags = 1;
		return;
	}
	violations += (linear >> 16) != ((linear + (count << i13.stick_shift) - 1) >> 16) && linear < 0x100000;
	if (count == 128 && most_127 != MOVES_128)
		count = most_127 == MOVES_NOTHING ? 0 : 127;
	if (flaky && flaky-- == 1) {
		r->eax = 0x8000, r->flags = 1;
		pod_put_le16(i13_packet + 2, 0);
		return;
	}
	if (write) {
		/* only whole PROGRESS records, only to their two places */
		writes++;
		violations += count != 1 || lba - i13.rec_sector > 1 || !pod_rec_valid(low + linear, POD_REC_PROGRESS);
		if (write_status)
			r->eax = (uint32_t)write_status << 8, r->flags = 1;
		else
			memcpy(stick + lba * size, low + linear, size);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		if ((lba + i >= bad_from && lba + i < bad_to) || (lba + i + 1) * size > STICK_SIZE) {
			r->eax = 0x1000, r->flags = 1;
			if (op == 0x42)
				pod_put_le16(i13_packet + 2, (uint16_t)i);
			return;
		}
		memcpy(low + linear + i * size, stick + (lba + i) * size, size);
	}
	r->eax &= 0xff;
}

/* --- a random map --------------------------------------------------------------------------------------------- */

static inline void fill_machine(void)
{
	for (uint32_t i = 0; i < STICK_SIZE; i++)
		stick[i] = (uint8_t)rnd(256);
	for (uint32_t i = 0; i < HIGH_SIZE; i++)
		high[i] = (uint8_t)rnd(256);
	for (uint32_t i = 0; i < LOW_SIZE; i++)
		low_fill[i] = (uint8_t)(i * 7);
}

/* All but what lies on the stick and above 1 MiB. */
static inline void reset_state(void)
{
	memset(&i13, 0, sizeof i13);
	memcpy(low, low_fill, sizeof low);
	low[BDA_DISK_COUNT] = DISK_COUNT;
	low[0x410] = 0x41;
	v86 = a20_stuck = false;
	violations = bios_calls = resets = flaky = 0;
	bad_from = bad_to = 0;
	writes = write_status = 0;
	most_127 = MOVES_128;
	most_in_a_call = 0;
	i13.drive[0] = 0xe0;
	i13.drive[1] = I13_NO_DRIVE;
	i13.stick_drive = 0x80;
	i13.stick_edd = 1;
	i13.stick_shift = 9;
	i13.stick_heads = stick_heads;
	i13.stick_track_sectors = stick_spt;
	i13.bounce = BOUNCE;
	i13.bounce_size = 1024;
	i13.mem = HIGH_BASE;
}

static inline void reset_machine(void)
{
	fill_machine();
	reset_state();
}

/* `n` segments with boundaries on multiples of `align`; the table goes to high memory if long. */
static inline void make_map_of(uint32_t n, uint32_t align, uint32_t bytes)
{
	static struct i13_seg seg[2000];
	uint64_t at = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t most = (bytes - (uint32_t)at) / (n - i) / align;
		uint64_t len = (uint64_t)(1 + rnd(most ? most : 1)) * align;
		uint32_t kind = rnd(8) ? (rnd(4) ? POD_SEG_DEV : POD_SEG_MEM) : POD_SEG_ZERO;
		if (kind == POD_SEG_MEM && len > HIGH_SIZE / 4)
			kind = POD_SEG_DEV;
		uint64_t src = 0, room = (kind == POD_SEG_DEV ? STICK_SIZE : HIGH_SIZE / 2) - len;
		if (kind != POD_SEG_ZERO)
			src = rnd((uint32_t)(room / align)) * (uint64_t)align;
		seg[i] = (struct i13_seg){.start_bytes = at, .source = (uint64_t)kind << I13_KIND_SHIFT | src};
		if (kind == POD_SEG_ZERO)
			memset(want_disk + at, 0, len);
		else
			memcpy(want_disk + at, (kind == POD_SEG_DEV ? stick : high) + src, len);
		at += len;
	}
	i13.size_bytes = at;
	i13.seg_count = n;
	i13.seg_table = HIGH_BASE + HIGH_SIZE / 2;
	memcpy(high + HIGH_SIZE / 2, seg, n * sizeof *seg);
	i13.window_first = ~0u;
	if (n <= I13_PAGE) {
		memcpy(i13.window, seg, n * sizeof *seg);
		i13.window_first = 0;
		i13.seg_table = 0; /* must not be read */
	}
	i13.unit[0] = (struct i13_unit){.sectors = at >> 11, .kind = I13_CD, .shift = 11};
}

static inline void make_map(uint32_t n, uint32_t align)
{
	make_map_of(n, align, VIRTUAL_MAX);
}

static inline struct i13_regs call(uint32_t ax, uint32_t bx, uint32_t cx, uint32_t dx, uint16_t es, uint16_t ds, uint32_t si)
{
	struct i13_regs r = {.eax = 0xaaaa0000 | ax,
			     .ebx = 0xbbbb0000 | bx,
			     .ecx = 0xcccc0000 | cx,
			     .edx = 0xdddd0000 | dx,
			     .es = es,
			     .ds = ds,
			     .esi = si,
			     .edi = 0x77777777,
			     .ebp = 0x66666666};
	i13_serve(&r);
	return r;
}

#endif
