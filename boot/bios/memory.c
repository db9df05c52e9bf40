/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap at the top of the largest usable region below 4 GiB. Starting an image gives all of it back but the blob of its overlays.
 */
#include "boot/bios/bios.h"

#define HEAP_SIZE_MAX (64u << 20)
#define HEAP_SIZE_MIN (4u << 20)
#define STACK_SIZE    (128u << 10) /* main.c's, at the bottom of the heap region */

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
	uint64_t best = 0, lowest_start = pod_align_up((uintptr_t)high_end, 0x1000);
	for (uint32_t i = 0; i < m->count; i++) {
		const struct i13_e820 *e = &m->map[i];
		if (e->type != I13_E820_USABLE)
			continue;
		m->usable_bytes += e->length;
		uint64_t start = e->base < lowest_start ? lowest_start : e->base;
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
