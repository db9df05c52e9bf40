/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BIOS's memory map (ACPI 6.4 clause 15: INT 15h AX=E820h; else AX=E801h, AH=88h). Low: whether there is memory for the rest of
 * stage 2 is the first thing to be known.
 */
#include "boot/bios/bios.h"

#define SMAP	0x534d4150u
#define NOTHING 0u /* no type of a region */

struct bios_memory bios_memory;

static uint8_t entry[I13_E820_SIZE];

static bool read_e820(void)
{
	struct bios_memory *m = &bios_memory;
	struct bios_regs r = {0};
	uint32_t at = (uint32_t)(uintptr_t)entry;
	/* So many calls at most: an empty region that leads to itself takes no room in the map. */
	for (uint32_t calls = 0; calls < 2 * BIOS_E820_MAX && m->count < BIOS_E820_MAX; calls++) {
		uint8_t *e = entry;
		memset(e, 0, sizeof entry);
		pod_put_le32(e + 20, 1); /* a BIOS that writes 24 bytes but no attributes means "valid" */
		r.eax = 0xe820;
		r.edx = SMAP;
		r.ecx = I13_E820_SIZE;
		r.es = (uint16_t)(at >> 4);
		r.edi = at & 15;
		bios_int(&r, 0x15);
		/* Some BIOSes end the list by an error after its last entry. */
		if (r.flags & BIOS_CF || r.eax != SMAP)
			break;
		struct i13_e820 *out = &m->map[m->count];
		*out = (struct i13_e820){.base = pod_get_le64(e),
					 .length = pod_get_le64(e + 8),
					 .type = pod_get_le32(e + 16),
					 .attributes = pod_get_le32(e + 20),
					 .size = r.ecx >= 24 ? 24 : 20};
		if (out->length && out->length <= UINT64_MAX - out->base)
			m->count++;
		if (!r.ebx)
			break;
	}
	return m->count > 0;
}

static void add(uint64_t base, uint64_t length)
{
	struct bios_memory *m = &bios_memory;
	if (length)
		m->map[m->count++] =
			(struct i13_e820){.base = base, .length = length, .type = I13_E820_USABLE, .attributes = 1, .size = 20};
}

static void read_older(void)
{
	add(0, (uint64_t)bios_peek16(0x413) << 10);
	struct bios_regs r = {.eax = 0xe801};
	bios_int(&r, 0x15);
	if (!(r.flags & BIOS_CF)) {
		uint16_t kib = (uint16_t)r.eax, blocks = (uint16_t)r.ebx;
		if (!kib && !blocks)
			kib = (uint16_t)r.ecx, blocks = (uint16_t)r.edx;
		add(BIOS_HIGH, (uint64_t)kib << 10);
		add(16u << 20, (uint64_t)blocks << 16);
		return;
	}
	r = (struct bios_regs){.eax = 0x8800};
	bios_int(&r, 0x15);
	if (!(r.flags & BIOS_CF))
		add(BIOS_HIGH, (uint64_t)(uint16_t)r.eax << 10);
}

static bool over_usable(const struct i13_e820 *r)
{
	for (const struct i13_e820 *e = bios_memory.map; e < bios_memory.map + bios_memory.count; e++)
		if (e->type == I13_E820_USABLE && e->base < r->base + r->length && r->base < e->base + e->length)
			return true;
	return false;
}

/* Regions of some BIOSes overlap: what one of them says is not free is not, whatever another one says. Linux and GRUB see to that
 * themselves, ISOLINUX does not. */
static void untangle(void)
{
	struct bios_memory *m = &bios_memory;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < m->count; i++) {
		struct i13_e820 r = m->map[i];
		if (r.type == I13_E820_USABLE || r.type == NOTHING || !over_usable(&r))
			continue;
		if (!bios_e820_reserve(m->map, &m->count, r.base, r.base + r.length, NOTHING))
			break;
		i = UINT32_MAX; /* regions may have moved */
	}
	for (uint32_t i = 0; i < m->count; i++)
		if (m->map[i].type != NOTHING)
			m->map[kept++] = m->map[i];
	m->count = kept;
}

void bios_memory_map(void)
{
	struct bios_memory *m = &bios_memory;
	m->from_e820 = read_e820();
	if (!m->from_e820)
		read_older();
	untangle();
}

bool bios_memory_has(uint64_t start, uint64_t end)
{
	const struct bios_memory *m = &bios_memory;
	for (uint32_t i = 0; i < m->count && start < end; i++) {
		const struct i13_e820 *e = &m->map[i];
		if (e->type != I13_E820_USABLE || e->base > start || e->base + e->length <= start)
			continue;
		start = e->base + e->length;
		i = UINT32_MAX; /* the next piece may stand anywhere in the map */
	}
	return start >= end;
}

bool bios_e820_reserve(struct i13_e820 *map, uint32_t *count, uint64_t start, uint64_t end, uint32_t type)
{
	for (uint32_t i = 0; i < *count; i++) {
		struct i13_e820 whole = map[i];
		uint64_t whole_end = whole.base + whole.length;
		if (whole.type != I13_E820_USABLE || whole.base >= end || whole_end <= start)
			continue;
		uint64_t from = whole.base > start ? whole.base : start, to = whole_end < end ? whole_end : end;
		uint32_t parts = 1u + (from > whole.base) + (to < whole_end);
		if (*count + parts - 1 > BIOS_E820_MAX)
			return false;
		memmove(&map[i + parts], &map[i + 1], (*count - i - 1) * sizeof *map);
		*count += parts - 1;
		struct i13_e820 *p = &map[i];
		if (from > whole.base) {
			*p = whole;
			p++->length = from - whole.base;
		}
		*p = whole;
		p->base = from, p->length = to - from, p->type = type;
		if (to < whole_end) {
			*++p = whole;
			p->base = to, p->length = whole_end - to;
		}
		i += parts - 1;
	}
	return true;
}
