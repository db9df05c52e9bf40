/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BIOS's memory map (ACPI 6.4 clause 15: INT 15h AX=E820h; else AX=E801h, AH=88h) and a heap at the top
 * of the largest usable region below 4 GiB. Starting an image gives all of the heap back but the blob of its overlays.
 */
#include "boot/bios/bios.h"

#define HEAP_SIZE_MAX (64u << 20)
#define HEAP_SIZE_MIN (4u << 20)
#define STACK_SIZE    (128u << 10) /* main.c's, at the bottom of the heap region */
#define HIGH_START    0x100000u
#define ENTRY_BUFFER  BIOS_BOUNCE
#define SMAP	      0x534d4150u

struct bios_memory bios_memory;

/* --- the map ------------------------------------------------------------------------------------------- */

static bool read_e820(void)
{
	struct bios_memory *m = &bios_memory;
	struct bios_regs r = {0};
	do {
		uint8_t *e = bios_ptr(ENTRY_BUFFER);
		memset(e, 0, I13_E820_SIZE);
		pod_put_le32(e + 20, 1); /* a BIOS that writes 24 bytes but no attributes means "valid" */
		r.eax = 0xe820;
		r.edx = SMAP;
		r.ecx = I13_E820_SIZE;
		r.es = ENTRY_BUFFER >> 4;
		r.edi = 0;
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
		if (out->length)
			m->count++;
	} while (r.ebx && m->count < BIOS_E820_MAX);
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
		add(HIGH_START, (uint64_t)kib << 10);
		add(16u << 20, (uint64_t)blocks << 16);
		return;
	}
	r = (struct bios_regs){.eax = 0x8800};
	bios_int(&r, 0x15);
	if (!(r.flags & BIOS_CF))
		add(HIGH_START, (uint64_t)(uint16_t)r.eax << 10);
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

/* --- the heap: blocks in address order, each with a header; free neighbours are joined when found -------- */

struct block {
	uint32_t size; /* with header */
	uint32_t used;
	uint32_t pad[2]; /* keeps the content 16-aligned */
};

/* No free block lies below this one: thousands of small allocations in a row do not walk the list each time. */
static struct block *lowest;

static struct block *next_of(struct block *b)
{
	return (struct block *)(void *)((uint8_t *)b + b->size);
}

static struct block *heap_first(void)
{
	return (struct block *)(void *)bios_ptr(bios_memory.heap_start);
}

static struct block *heap_limit(void)
{
	return (struct block *)(void *)bios_ptr(bios_memory.heap_end);
}

static void join_free(struct block *b)
{
	for (struct block *n = next_of(b); n < heap_limit() && !n->used; n = next_of(b))
		b->size += n->size;
}

/* Splits `b` so that its first part has `size` bytes, if what remains is worth a block. */
static void split(struct block *b, uint32_t size)
{
	if (b->size - size < 2 * sizeof *b)
		return;
	uint32_t rest = b->size - size;
	b->size = size;
	*next_of(b) = (struct block){.size = rest};
}

static void *heap_alloc(struct pod_alloc *a, size_t size)
{
	(void)a;
	if (size > HEAP_SIZE_MAX)
		return NULL;
	uint32_t need = (uint32_t)(((size ? size : 1) + sizeof(struct block) + 15) & ~15u);
	bool first_free = true;
	for (struct block *b = lowest; b < heap_limit(); b = next_of(b)) {
		if (b->used)
			continue;
		join_free(b);
		if (b->size >= need) {
			split(b, need);
			b->used = 1;
			if (first_free)
				lowest = next_of(b);
			return b + 1;
		}
		if (first_free)
			lowest = b;
		first_free = false;
	}
	return NULL;
}

static void heap_release(struct pod_alloc *a, void *p)
{
	(void)a;
	if (!p)
		return;
	struct block *b = (struct block *)p - 1;
	b->used = 0;
	if (b < lowest)
		lowest = b;
}

struct pod_alloc bios_heap = {.alloc = heap_alloc, .release = heap_release};

void *bios_heap_top(size_t size, size_t align)
{
	struct block *best = NULL;
	uint32_t place = 0;
	if (size > HEAP_SIZE_MAX)
		return NULL;
	for (struct block *b = heap_first(); b < heap_limit(); b = next_of(b)) {
		if (b->used)
			continue;
		join_free(b);
		uint32_t start = (uint32_t)(uintptr_t)(b + 1), end = (uint32_t)(uintptr_t)next_of(b);
		if (end - start < size)
			continue;
		uint32_t at = (end - (uint32_t)size) & ~((uint32_t)align - 1);
		/* A block of its own: there is room for a header and, if anything is before it, for that block. */
		if (at >= start && (at == start || at - start >= 2 * sizeof *b))
			best = b, place = at;
	}
	if (!best)
		return NULL;
	struct block *own = (struct block *)(void *)bios_ptr(place) - 1;
	if (own != best) {
		uint32_t before = (uint32_t)((uint8_t *)own - (uint8_t *)best);
		own->size = best->size - before;
		best->size = before;
	}
	own->used = 1;
	return own + 1;
}

/* --- for an image that is served from memory ------------------------------------------------------------- */

#define TAKE_LOWEST (16u << 20) /* loaders use what lies below */
#define HEAP_LEFT   (4u << 20)	/* for what is yet to be prepared */

static uint32_t heap_largest(void)
{
	uint32_t best = 0;
	for (struct block *b = heap_first(); b < heap_limit(); b = next_of(b)) {
		if (b->used)
			continue;
		join_free(b);
		best = b->size > best ? b->size : best;
	}
	return best > HEAP_LEFT ? best - HEAP_LEFT : 0;
}

uint8_t *bios_memory_take(struct pod_fw *fw, uint64_t size, uint64_t *largest)
{
	const struct bios_memory *m = &bios_memory;
	uint32_t least = m->region_start > TAKE_LOWEST ? m->region_start : TAKE_LOWEST,
		 end = m->stack_end & ~(BIOS_TAKE_ALIGN - 1);
	uint32_t below = end > least ? end - least : 0, heap = heap_largest();
	(void)fw;
	*largest = below > heap ? below : heap;
	if (size && size <= below) {
		uint32_t at = (end - (uint32_t)size) & ~(BIOS_TAKE_ALIGN - 1);
		if (at >= least)
			return bios_ptr(at);
	}
	return size && size <= heap ? bios_heap_top((size_t)size, 0x1000) : NULL;
}

void bios_memory_give_back(struct pod_fw *fw, uint8_t *p, uint64_t size)
{
	(void)fw;
	(void)size;
	if (p > bios_ptr(bios_memory.heap_start)) /* below it nobody else takes anything */
		pod_free(&bios_heap, p);
}

bool bios_memory_init(void)
{
	struct bios_memory *m = &bios_memory;
	m->from_e820 = read_e820();
	if (!m->from_e820)
		read_older();
	uint64_t best = 0;
	for (uint32_t i = 0; i < m->count; i++) {
		const struct i13_e820 *e = &m->map[i];
		if (e->type != I13_E820_USABLE)
			continue;
		m->usable_bytes += e->length;
		uint64_t start = e->base < HIGH_START ? HIGH_START : e->base;
		uint64_t end = pod_min_u64(e->base + e->length, 0xfffff000u);
		if (end <= start || end - start <= best)
			continue;
		best = end - start;
		m->heap_end = (uint32_t)end & ~0xfffu;
		m->heap_start = m->region_start = (uint32_t)start;
	}
	if (best < HEAP_SIZE_MIN)
		return false;
	if (m->heap_end - m->heap_start > HEAP_SIZE_MAX)
		m->heap_start = m->heap_end - HEAP_SIZE_MAX;
	m->stack_end = (m->heap_start + 0xfff) & ~0xfffu;
	m->heap_start = m->stack_end + STACK_SIZE;
	*heap_first() = (struct block){.size = m->heap_end - m->heap_start};
	lowest = heap_first();
	return true;
}
