/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hazard 4: does what a plan needs fit into the machine's memory? The map is the firmware's own (E820, as the kernel keeps it in
 * /sys/firmware/memmap), else what /proc/iomem shows of it.
 *
 * What is needed: the boot manager's heap while it plans (BIOS: at most 64 MiB at the top of the largest block below 4 GiB,
 * boot/bios/memory.c); the bytes of the virtual disk that are served from memory; on BIOS the INT 13h server at the top of
 * conventional memory; and for a Linux its initrd, in one piece, below the address that kernels name as the highest one for it
 * (7FFFFFFFh: Linux, Documentation/arch/x86/boot.rst, initrd_addr_max).
 */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/doctor.h"
#include "core/base/str.h"

#define MIB		(1ull << 20)
#define INITRD_MAX_ADDR (1ull << 31)
#define BIOS_HEAP	(64 * MIB)
#define BIOS_HEAP_MIN	(4 * MIB + (128u << 10))
#define CONVENTIONAL	(512u << 10) /* of the first 640 KiB, for loaders, the INT 13h server and its buffer */
#define KERNEL_BYTES	(32 * MIB)   /* a kernel where it unpacks itself */
#define RANGES_MAX	4096u

static const struct doctor_check total_check = {
	.id = "memory.total",
	.hazard = POD_HAZARD_MEMORY,
	.title = N_("memory in all"),
	.explain =
		N_("A Linux needs its initrd twice while it starts, packed and unpacked, and memory to work in; a live system "
		   "keeps what it changes in memory as well. With too little the kernel stops with 'out of memory' or the screen "
		   "stays black. The figures are rules of thumb: packed size times three and 128 MiB at the very least, times "
		   "five and 384 MiB to be at ease. Systems that copy themselves to memory (toram) need their whole size on top. "
		   "Add memory, or take a smaller system."),
};
static const struct doctor_check block_check = {
	.id = "memory.block",
	.hazard = POD_HAZARD_MEMORY,
	.title = N_("largest free block"),
	.explain = N_("The initrd is loaded in one piece, below 2 GiB on many loaders, and the patches of the image are kept in "
		      "memory while it starts. If firmware or graphics cut the memory below 4 GiB into small pieces, the sum "
		      "does not help. Give less memory to integrated graphics in the setup, or start the image with the other "
		      "firmware mode (UEFI or BIOS)."),
};
static const struct doctor_check map_check = {
	.id = "memory.map",
	.hazard = POD_HAZARD_MEMORY,
	.title = N_("memory map"),
	.explain = N_("The firmware tells which memory is free and which is reserved. Ranges that contradict each other make a "
		      "system use memory that the firmware uses as well: random crashes. Look for an update of the firmware; the "
		      "kernel parameter memmap=SIZE$START takes a range out of use."),
};
static const struct doctor_check *const checks[] = {&total_check, &block_check, &map_check};

struct range {
	uint64_t start, end; /* end is the first byte behind it */
	bool usable;
};

struct memory {
	struct range *range;
	size_t count, cap;
	bool firmware;	      /* the ranges are the firmware's own, not the kernel's */
	uint64_t total;	      /* bytes of RAM, 0: not known */
	uint64_t largest_low; /* block below 2 GiB */
	uint64_t largest_32;  /* block below 4 GiB */
	uint64_t conventional;
};

/* --- reading the map ------------------------------------------------------------------------------------------------------- */

static void add_range(struct memory *m, uint64_t start, uint64_t last, bool usable)
{
	void *v = m->range;

	if (last < start || last == UINT64_MAX)
		return;
	if (pod_grow(&cli_alloc, &v, m->count, &m->cap, m->count + 1, sizeof *m->range, RANGES_MAX) != POD_OK)
		return;
	m->range = v;
	m->range[m->count++] = (struct range){start, last + 1, usable};
}

static bool read_hex(const struct doctor_machine *machine, const char *entry, const char *name, uint64_t *out)
{
	char *path = cli_xasprintf("/sys/firmware/memmap/%s/%s", entry, name);
	char *text = doctor_machine_read(machine, path, NULL), *end = text;

	if (text)
		*out = strtoull(text, &end, 16);
	free(path);
	free(text);
	return text != NULL && end != text;
}

static void read_memmap(struct memory *m, const struct doctor_machine *machine)
{
	char **entry = doctor_machine_list(machine, "/sys/firmware/memmap");

	for (size_t i = 0; entry && entry[i] && i < RANGES_MAX; i++) {
		char *path = cli_xasprintf("/sys/firmware/memmap/%s/type", entry[i]);
		char *type = doctor_machine_read(machine, path, NULL);
		uint64_t start, last;

		if (type && read_hex(machine, entry[i], "start", &start) && read_hex(machine, entry[i], "end", &last))
			add_range(m, start, last, strncmp(type, "System RAM", 10) == 0);
		free(type);
		free(path);
	}
	free(entry);
	m->firmware = m->count > 0;
}

/* Lines "00100000-bfffffff : System RAM"; those within others are indented. Without privilege all addresses are 0. */
static void read_iomem(struct memory *m, const struct doctor_machine *machine)
{
	char *text = doctor_machine_read(machine, "/proc/iomem", NULL), *save = NULL;

	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		char *end;
		unsigned long long start = strtoull(line, &end, 16), last = *end == '-' ? strtoull(end + 1, NULL, 16) : 0;

		if (*line != ' ' && last)
			add_range(m, start, last, strstr(line, ": System RAM") != NULL);
	}
	free(text);
}

static uint64_t read_memtotal(const struct doctor_machine *machine)
{
	char *text = doctor_machine_read(machine, "/proc/meminfo", NULL);
	const char *p = text ? strstr(text, "MemTotal:") : NULL;
	unsigned long long kib = p ? strtoull(p + strlen("MemTotal:"), NULL, 10) : 0;

	free(text);
	return kib < UINT64_MAX >> 10 ? kib << 10 : 0;
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static uint64_t part_below(const struct range *r, uint64_t from, uint64_t limit)
{
	uint64_t start = r->start > from ? r->start : from, end = r->end < limit ? r->end : limit;

	return end > start ? end - start : 0;
}

static void read_memory(struct memory *m, const struct doctor_machine *machine)
{
	memset(m, 0, sizeof *m);
	read_memmap(m, machine);
	if (!m->count)
		read_iomem(m, machine);
	if (m->count)
		qsort(m->range, m->count, sizeof *m->range, by_start);
	for (size_t i = 0; i < m->count; i++) {
		const struct range *r = &m->range[i];
		uint64_t low, below_4g;

		if (!r->usable)
			continue;
		m->total += r->end - r->start;
		low = part_below(r, MIB, INITRD_MAX_ADDR);
		below_4g = part_below(r, MIB, 1ull << 32);
		m->largest_low = low > m->largest_low ? low : m->largest_low;
		m->largest_32 = below_4g > m->largest_32 ? below_4g : m->largest_32;
		if (r->start < CONVENTIONAL)
			m->conventional += part_below(r, 0, 640u << 10);
	}
	if (!m->total)
		m->total = read_memtotal(machine);
}

/* --- what a plan needs ----------------------------------------------------------------------------------------------------- */

struct need {
	uint64_t patches; /* served from memory, with the segment table */
	uint64_t initrd;  /* the largest that one boot loads */
	uint64_t least, ease;
};

static void find_need(const struct pod_plan *p, struct need *n)
{
	memset(n, 0, sizeof *n);
	n->patches = p->map.mem_len + p->map.count * sizeof(struct pod_seg);
	for (size_t i = 0; i < p->initrd_count; i++)
		if (p->initrd[i].length_bytes > n->initrd)
			n->initrd = p->initrd[i].length_bytes;
	n->least = n->patches + (n->initrd ? n->initrd * 3 + 128 * MIB : BIOS_HEAP);
	n->ease = n->patches + (n->initrd ? n->initrd * 5 + 384 * MIB : BIOS_HEAP);
}

static void check_total(struct doctor *d, const struct doctor_image *im, const struct memory *m, const struct need *n)
{
	char has[16], least[16], ease[16], initrd[16];

	pod_format_size(has, m->total);
	pod_format_size(least, n->least);
	pod_format_size(ease, n->ease);
	pod_format_size(initrd, n->initrd);
	if (!m->total)
		doctor_report(d, &total_check, DOCTOR_SKIPPED, im->subject, _("how much memory the machine has is not known"),
			      NULL);
	else if (m->total < n->least)
		doctor_reportf(d, &total_check, DOCTOR_BAD, im->subject, _("add memory, or take a smaller system"),
			       _("the machine has %s; with its initrd of %s the image needs %s at least"), has, initrd, least);
	else if (m->total < n->ease)
		doctor_reportf(d, &total_check, DOCTOR_WARN, im->subject, _("start it without 'toram', or add memory"),
			       _("the machine has %s; with its initrd of %s the image should have %s"), has, initrd, ease);
	else
		doctor_reportf(d, &total_check, DOCTOR_GOOD, im->subject, NULL, _("needs %s, the machine has %s"), ease, has);
}

static void check_block(struct doctor *d, const struct doctor_image *im, const struct memory *m, const struct need *n)
{
	uint64_t in_one = n->initrd ? n->initrd + KERNEL_BYTES : n->patches;
	uint64_t heap = m->largest_32 < BIOS_HEAP ? m->largest_32 : BIOS_HEAP;
	bool bios = im->image->firmware & POD_FW_BIOS, wrong = false;
	char a[16], b[16];

	if (!m->count) {
		doctor_report(d, &block_check, DOCTOR_SKIPPED, im->subject,
			      _("the memory map is not known (run as root, or on the machine itself)"), NULL);
		return;
	}
	if (in_one > m->largest_low) {
		wrong = true;
		doctor_reportf(
			d, &block_check, DOCTOR_BAD, im->subject,
			_("free memory below 2 GiB: give less to graphics in the setup, or change between UEFI and BIOS mode"),
			_("kernel and initrd need %s in one piece, the largest free block below 2 GiB is %s"),
			pod_format_size(a, in_one), pod_format_size(b, m->largest_low));
	}
	if (bios && (heap < BIOS_HEAP_MIN || n->patches > heap / 2)) {
		wrong = true;
		doctor_reportf(d, &block_check, DOCTOR_BAD, im->subject, _("start it with UEFI"),
			       _("on BIOS the patches need %s in a heap of %s"), pod_format_size(a, n->patches),
			       pod_format_size(b, heap));
	}
	if (bios && m->conventional && m->conventional < CONVENTIONAL) {
		wrong = true;
		doctor_reportf(d, &block_check, DOCTOR_WARN, im->subject,
			       _("switch option ROMs (network boot, RAID) off in the setup"),
			       _("on BIOS only %llu KiB of conventional memory are free, loaders want %u"),
			       (unsigned long long)m->conventional >> 10, CONVENTIONAL >> 10);
	}
	if (!wrong)
		doctor_reportf(d, &block_check, DOCTOR_GOOD, im->subject, NULL,
			       _("needs %s in one piece, the largest block below 2 GiB is %s"), pod_format_size(a, in_one),
			       pod_format_size(b, m->largest_low));
}

static void run_image(struct doctor *d, const struct doctor_image *im)
{
	struct memory m;
	struct need n;

	if (!d->machine || !im->plan || !im->image || !im->image->firmware)
		return;
	read_memory(&m, d->machine);
	find_need(im->plan, &n);
	check_total(d, im, &m, &n);
	check_block(d, im, &m, &n);
	pod_free(&cli_alloc, m.range);
}

/* --- the map itself -------------------------------------------------------------------------------------------------------- */

static void run_machine(struct doctor *d)
{
	const char *name = doctor_machine_name(d->machine);
	unsigned overlaps = 0;
	struct memory m;
	char total[16], low[16];

	read_memory(&m, d->machine);
	/* Sorted: a range that begins before the highest end so far overlaps one of those before it. */
	for (size_t i = 1; i < m.count && m.firmware; i++)
		for (size_t k = 0; k < i && overlaps < 8; k++) {
			const struct range *a = &m.range[k], *b = &m.range[i];

			if (b->start >= a->end || a->usable == b->usable)
				continue;
			overlaps++;
			doctor_reportf(d, &map_check, DOCTOR_WARN, name,
				       _("look for a firmware update; memmap=SIZE$START keeps a range out of use"),
				       _("free memory and a reserved range overlap: %llx-%llx and %llx-%llx"),
				       (unsigned long long)a->start, (unsigned long long)a->end - 1, (unsigned long long)b->start,
				       (unsigned long long)b->end - 1);
		}
	if (!m.count)
		doctor_report(d, &map_check, DOCTOR_SKIPPED, name,
			      _("the memory map is not known (run as root, or on the machine itself)"), NULL);
	else if (!overlaps)
		doctor_reportf(d, &map_check, DOCTOR_GOOD, name, NULL, _("%s, the largest block below 2 GiB is %s"),
			       pod_format_size(total, m.total), pod_format_size(low, m.largest_low));
	pod_free(&cli_alloc, m.range);
}

const struct doctor_module doctor_mod_memory = {
	.check = checks, .count = POD_ARRAY_LEN(checks), .run_machine = run_machine, .run_image = run_image};
