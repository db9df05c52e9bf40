/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts a planned image: reads its boot sectors, lays the resident INT 13h server out at the top of conventional
 * memory, takes what it needs out of the memory map, hooks INT 13h and 15h, and jumps.
 *
 * Resident segment:  image (state, code, data, stack) | memory map, 28 bytes an entry | bounce buffer
 * Above 1 MiB, only if the map has bytes in memory or more than I13_PAGE segments:  blob | segment table
 * or, of an image that is served from memory, the whole of it where it was read to.
 *
 * What can fail comes first, and undoes nothing but heap blocks; the jump itself, if it fails, puts the BIOS's data back.
 */
#include "boot/bios/bios.h"
#include "boot/text/text.h"

#define BDA_EQUIPMENT  0x410u
#define BDA_MEMORY_KIB 0x413u
#define BDA_TICKS      0x46cu
#define BDA_DISK_COUNT 0x475u
#define CD_SHIFT       11
#define CD_DRIVE_FIRST 0xe0u
#define CD_DRIVE_LAST  0xfeu
#define LOAD_LOWEST    0x500u
#define BOUNCE_MIN     1024u
#define MBR_FIRST_LBA  454u /* in LBA 0: where the first partition starts */

struct job {
	struct pod_fw *fw;
	struct pod_plan *plan;
	const struct bios_disk *stick;
	struct i13_state *state;		/* a copy of the image's state to fill in */
	const struct pod_eltorito_entry *entry; /* NULL: raw disk or floppy image, Windows */
	uint32_t resident_start, resident_size, conventional_end;
	uint32_t bounce_offset;
	uint8_t *boot;		       /* the boot image */
	uint8_t sector[512];	       /* of the drive it starts from, the first; of Windows' disk */
	bool windows;		       /* its boot manager is the boot image */
	uint32_t high_start, high_end; /* what is kept above 1 MiB */
	uint8_t *high;
	struct i13_e820 e820[BIOS_E820_MAX];
	uint32_t e820_count;
	const char *why; /* a message of the catalogue */
};

static enum pod_status refuse(struct job *j, enum pod_status st, const char *why)
{
	j->why = why;
	return st;
}

/* --- the virtual drives ---------------------------------------------------------------------------------- */

struct floppy {
	uint16_t kib;
	uint8_t cylinders, heads, sectors, type;
};

/* Standard formats; `type` is what INT 13h AH=08h calls them. */
static const struct floppy floppies[] = {
	{2880, 80, 2, 36, 6}, {1440, 80, 2, 18, 4}, {1200, 80, 2, 15, 2}, {1680, 80, 2, 21, 4},
	{1722, 82, 2, 21, 4}, {1743, 83, 2, 21, 4}, {720, 80, 2, 9, 3},	  {360, 40, 2, 9, 1},
	{640, 80, 2, 8, 3},   {320, 40, 2, 8, 1},   {180, 40, 1, 9, 1},	  {160, 40, 1, 8, 1},
};

static void floppy_unit(struct i13_unit *u, uint64_t start, uint64_t bytes, const uint8_t *sector)
{
	*u = (struct i13_unit){.start_bytes = start, .kind = I13_FLOPPY, .shift = 9};
	const struct floppy *f = &floppies[1];
	for (uint32_t i = 0; i < POD_ARRAY_LEN(floppies); i++)
		if (bytes == (uint64_t)floppies[i].kib << 10)
			f = &floppies[i];
	u->cylinders = f->cylinders, u->heads = f->heads, u->track_sectors = f->sectors, u->floppy_type = f->type;
	/* A boot sector that states another geometry knows better. */
	uint32_t spt = pod_get_le16(sector + 0x18), heads = pod_get_le16(sector + 0x1a);
	uint32_t total = (uint32_t)(bytes >> 9);
	if (spt >= 8 && spt <= 36 && (heads == 1 || heads == 2) && total && total % (spt * heads) == 0 &&
	    total / (spt * heads) <= 86 && total / (spt * heads) >= 35)
		u->cylinders = total / (spt * heads), u->heads = heads, u->track_sectors = spt;
	u->sectors = (uint64_t)u->cylinders * u->heads * u->track_sectors;
	if (u->sectors > total)
		u->sectors = total;
}

/* The geometry a partition was made with: its CHS end gives heads and sectors, if its CHS start agrees with its LBA. */
static void disk_geometry(struct i13_unit *u, const uint8_t *sector)
{
	uint32_t heads = 0, spt = 0;
	for (const uint8_t *p = sector + 0x1be; p < sector + 0x1fe; p += 16) {
		uint32_t h = p[5] + 1u, s = p[6] & 0x3f, lba = pod_get_le32(p + 8);
		uint32_t cyl = (p[2] & 0xc0u) << 2 | p[3], first_sector = p[2] & 0x3f;
		if (!p[4] || p[4] == 0xee || !s || !first_sector)
			continue;
		bool agrees = (cyl * h + p[1]) * s + first_sector - 1 == lba;
		if (agrees || (cyl == 1023 && h > heads))
			heads = h, spt = s;
		if (agrees)
			break;
	}
	if (!heads) {
		bool small = u->sectors <= 1024u * 16 * 63;
		heads = small ? 16 : 255;
		spt = 63;
	}
	u->heads = heads, u->track_sectors = spt;
	uint32_t per_cylinder = heads * spt;
	uint32_t sectors = u->sectors >> 32 ? ~0u : (uint32_t)u->sectors;
	uint32_t cylinders = (sectors + (per_cylinder - 1)) / per_cylinder;
	u->cylinders = cylinders > 1024 ? 1024 : cylinders ? cylinders : 1;
}

static bool drive_is_free(uint8_t drive)
{
	struct bios_regs r = {.eax = 0x4100, .ebx = 0x55aa, .edx = drive};
	bios_int(&r, 0x13);
	if (!(r.flags & BIOS_CF) && (uint16_t)r.ebx == 0xaa55)
		return false;
	uint8_t *p = bios_ptr(BIOS_BOUNCE);
	pod_put_le16(p, 0x1a);
	r = (struct bios_regs){.eax = 0x4800, .edx = drive, .ds = BIOS_BOUNCE >> 4};
	bios_int(&r, 0x13);
	return r.flags & BIOS_CF;
}

static enum pod_status set_units(struct job *j, const uint8_t *sector)
{
	struct i13_state *s = j->state;
	const struct pod_plan *p = j->plan;
	const struct pod_eltorito_entry *e = j->entry;
	struct i13_unit *cd = &s->unit[0];
	s->drive[0] = s->drive[1] = I13_NO_DRIVE;
	if (!e || e->media != POD_ET_NOEMUL) {
		uint64_t start = e ? (uint64_t)e->lba << CD_SHIFT : 0, bytes = p->map.size_bytes - start;
		bool floppy = e ? e->media <= POD_ET_FLOPPY_2880 : p->image.kind == POD_IMAGE_FLOPPY;
		if (floppy) {
			static const uint16_t kib[] = {0, 1200, 1440, 2880};
			floppy_unit(&s->unit[0], start, e ? (uint64_t)kib[e->media] << 10 : bytes, sector);
			s->drive[0] = 0;
		} else {
			if (sector[510] != 0x55 || sector[511] != 0xaa)
				return refuse(j, POD_E_CORRUPT, N_("The disk image has no boot code."));
			if (e && e->length_bytes && e->length_bytes < bytes)
				bytes = e->length_bytes;
			s->unit[0] = (struct i13_unit){.start_bytes = start, .sectors = bytes >> 9, .kind = I13_DISK, .shift = 9};
			disk_geometry(&s->unit[0], sector);
			s->drive[0] = 0x80;
			s->shift_last = (uint8_t)(0x80 + bios_ptr(BDA_DISK_COUNT)[0]);
		}
		cd = &s->unit[1];
	}
	if (!e)
		return POD_OK;
	uint32_t n = CD_DRIVE_FIRST;
	while (n <= CD_DRIVE_LAST && !drive_is_free((uint8_t)n))
		n++;
	if (n > CD_DRIVE_LAST)
		return refuse(j, POD_E_LIMIT, N_("The BIOS has no drive number left for a CD-ROM."));
	*cd = (struct i13_unit){.sectors = p->map.size_bytes >> CD_SHIFT, .kind = I13_CD, .shift = CD_SHIFT};
	s->drive[cd - s->unit] = (uint8_t)n;
	return POD_OK;
}

/* El Torito figure 8: the specification packet. */
static void set_packet(struct job *j)
{
	const struct pod_eltorito_entry *e = j->entry;
	uint8_t *p = j->state->packet;
	if (!e)
		return;
	const struct i13_unit *u = &j->state->unit[0];
	j->state->eltorito = 1;
	j->state->catalog_lba = (uint32_t)(j->plan->image.catalog_bytes >> CD_SHIFT);
	p[0] = sizeof j->state->packet;
	p[1] = e->media;
	p[2] = j->state->drive[0];
	pod_put_le32(p + 4, e->lba);
	pod_put_le16(p + 12, e->load_segment);
	pod_put_le16(p + 14, e->sector_count);
	if (u->kind != I13_CD) {
		uint32_t cyl = u->cylinders - 1;
		p[16] = (uint8_t)cyl;
		p[17] = (uint8_t)((cyl >> 8 & 3) << 6 | u->track_sectors);
		p[18] = (uint8_t)(u->heads - 1);
	}
}

/* The BIOS's own diskette parameters, with this floppy's sectors a track. */
static void set_diskette_table(struct i13_state *s)
{
	static const uint8_t table[11] = {0xaf, 0x02, 0x25, 0x02, 18, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08};
	memcpy(s->diskette_table, table, sizeof table);
	s->diskette_table[4] = (uint8_t)s->unit[0].track_sectors;
}

/* --- what is loaded ---------------------------------------------------------------------------------------- */

/* [start, start + length) of the virtual disk to the heap, from where the server brings it to `segment`. */
static enum pod_status read_to_heap(struct job *j, uint64_t start, uint32_t length, uint32_t segment)
{
	struct i13_state *s = j->state;
	s->boot_length = length;
	/* 07C0:0000 as 0000:7C00: some boot sectors count on it. */
	s->boot_cs = (uint16_t)(segment & 0xf000);
	s->boot_ip = (uint16_t)((segment & 0x0fff) << 4);
	j->boot = bios_heap.alloc(&bios_heap, length);
	if (!j->boot)
		return refuse(j, POD_E_NOMEM, N_("Not enough memory to load the image's boot code."));
	s->boot_source = (uint32_t)(uintptr_t)j->boot;
	enum pod_status st = pod_map_read(&j->plan->map, j->fw->disk, start, j->boot, length);
	return st == POD_OK ? st : refuse(j, st, N_("The image's boot code cannot be read from the stick."));
}

/* Windows' boot manager, whole; the boot sector of its partition, by which it finds that, is left at 7C00h. */
static enum pod_status read_bootmgr(struct job *j)
{
	const struct pod_plan_windows *w = &j->plan->windows;
	uint32_t target = POD_BOOTMGR_SEGMENT << 4;
	j->state->boot_target = target;
	if (w->bootmgr_length > j->resident_start - target)
		return refuse(j, POD_E_NOMEM, N_("Not enough memory below 640 KiB for Windows' boot manager."));
	enum pod_status st = pod_map_read(&j->plan->map, j->fw->disk, 0, j->sector, sizeof j->sector);
	if (st == POD_OK)
		st = pod_map_read(&j->plan->map, j->fw->disk, (uint64_t)pod_get_le32(j->sector + MBR_FIRST_LBA) << 9,
				  bios_ptr(BIOS_BOOT_SECTOR), sizeof j->sector);
	if (st != POD_OK)
		return refuse(j, st, N_("The image's boot code cannot be read from the stick."));
	return read_to_heap(j, w->bootmgr_bytes, (uint32_t)w->bootmgr_length, POD_BOOTMGR_SEGMENT);
}

/* Reads the boot image to the heap; where it goes and how much of it. */
static enum pod_status read_boot_image(struct job *j)
{
	struct i13_state *s = j->state;
	const struct pod_map *m = &j->plan->map;
	const struct pod_eltorito_entry *e = j->entry;
	uint64_t start = e ? (uint64_t)e->lba << CD_SHIFT : 0;
	uint32_t segment = 0x7c0, length = 512;
	if (j->windows)
		return read_bootmgr(j);
	if (start >= m->size_bytes)
		return refuse(j, POD_E_CORRUPT, N_("The boot catalogue points past the end of the image."));
	if (e && e->media == POD_ET_NOEMUL) {
		if (e->load_segment)
			segment = e->load_segment;
		/* A drive reads whole sectors of 2048 bytes; none stated means one. */
		length = e->sector_count ? (uint32_t)(e->sector_count + 3u) / 4 * 2048 : 2048;
	}
	s->boot_target = segment << 4;
	if (s->boot_target < LOAD_LOWEST || s->boot_target + 512 > j->resident_start)
		return refuse(j, POD_E_CORRUPT, N_("The boot catalogue's load segment is not usable."));
	/* Catalogues exist that state far more than there is memory; loaders read the rest themselves. */
	length = (uint32_t)pod_min_u64(length, j->resident_start - s->boot_target);
	length = (uint32_t)pod_min_u64(length, m->size_bytes - start);
	if (length < 512)
		return refuse(j, POD_E_CORRUPT, N_("The image ends within its boot sector."));
	return read_to_heap(j, start, length, segment);
}

/* --- the map ----------------------------------------------------------------------------------------------- */

static struct i13_seg pack(const struct pod_seg *g)
{
	return (struct i13_seg){.start_bytes = g->start_bytes, .source = (uint64_t)g->kind << I13_KIND_SHIFT | g->source};
}

/* Is it an image in memory that Linux can show as a disk (nd_e820)? */
static bool is_pmem(const struct job *j)
{
	const struct pod_map *m = &j->plan->map;
	return m->lent && m->mem < bios_ptr(bios_memory.heap_start);
}

/* Blob and, if long, segment table go to the top of memory, page by page out of the memory map. */
static enum pod_status set_map(struct job *j)
{
	struct i13_state *s = j->state;
	const struct pod_map *m = &j->plan->map;
	bool far_table = m->count > I13_PAGE;
	size_t blob = (m->mem_len + 15) & ~(size_t)15;
	size_t size = blob + (far_table ? m->count * sizeof(struct i13_seg) : 0);
	for (size_t i = 0; i < m->count; i++) {
		const struct pod_seg *g = &m->seg[i];
		uint64_t reach = j->stick->reach_sectors << j->stick->sector_shift;
		if (g->kind == POD_SEG_DEV && !pod_in_range(g->source, g->length_bytes, reach))
			return refuse(j, POD_E_RANGE, N_("The image lies past what this BIOS can read of the drive."));
		if (g->kind == POD_SEG_MEM && !pod_in_range(g->source, g->length_bytes, m->mem_len))
			return refuse(j, POD_E_RANGE, N_("The image's patches are not where the plan says."));
	}
	s->size_bytes = m->size_bytes;
	s->seg_count = (uint32_t)m->count;
	s->window_first = far_table ? ~0u : 0;
	if (m->lent) {
		j->high_start = s->mem = (uint32_t)(uintptr_t)m->mem;
		j->high_end = s->mem + (uint32_t)pod_align_up(m->mem_len, is_pmem(j) ? BIOS_TAKE_ALIGN : 0x1000);
		memset(m->mem + m->mem_len, 0, j->high_end - s->mem - m->mem_len);
	} else if (size) {
		size = (size + 0xfff) & ~(size_t)0xfff;
		j->high = bios_heap_top(size, 0x1000);
		if (!j->high)
			return refuse(j, POD_E_NOMEM, N_("Not enough memory for the image's patches."));
		memcpy(j->high, m->mem, m->mem_len);
		j->high_start = (uint32_t)(uintptr_t)j->high;
		j->high_end = j->high_start + (uint32_t)size;
		s->mem = j->high_start;
		s->seg_table = j->high_start + (uint32_t)blob;
	}
	for (size_t i = 0; i < m->count; i++) {
		struct i13_seg g = pack(&m->seg[i]);
		memcpy(far_table ? j->high + blob + i * sizeof g : (uint8_t *)&s->window[i], &g, sizeof g);
	}
	return POD_OK;
}

static void set_stick(struct job *j)
{
	struct i13_state *s = j->state;
	s->stick_drive = j->stick->drive;
	s->stick_edd = j->stick->edd;
	s->stick_shift = (uint8_t)j->stick->sector_shift;
	s->stick_heads = j->stick->heads;
	s->stick_track_sectors = j->stick->sectors;
}

/* --- memory ------------------------------------------------------------------------------------------------ */

/* Sizes the resident part with room for two more entries for each region it will cut. */
static enum pod_status lay_out(struct job *j)
{
	uint32_t at = (j->state->end + 15u) & ~15u;
	j->state->e820_offset = (uint16_t)at;
	at += (bios_memory.count + 4) * (uint32_t)sizeof(struct i13_e820);
	at = (at + 15) & ~15u;
	uint32_t bounce = j->stick->dev.sector_size > BOUNCE_MIN ? j->stick->dev.sector_size : BOUNCE_MIN;
	j->conventional_end = (uint32_t)bios_peek16(BDA_MEMORY_KIB) << 10;
	/* The bounce buffer lies within one 64 KiB page, as DMA asks. */
	uint32_t size = (at + bounce + 1023) & ~1023u;
	uint32_t from = j->conventional_end - size + at;
	if ((from ^ (from + bounce - 1)) >> 16) {
		size += 0x10000 - (from & 0xffff);
		size = (size + 1023) & ~1023u;
		from = j->conventional_end - size + at;
		from = (from ^ (from + bounce - 1)) >> 16 ? (from + 0xffff) & ~0xffffu : from;
	}
	j->resident_size = size;
	j->resident_start = j->conventional_end - size;
	j->state->bounce = from;
	j->state->bounce_size = bounce;
	if (j->resident_start < BIOS_LOW_END || from + bounce > j->conventional_end || size > 0x10000)
		return refuse(j, POD_E_NOMEM, N_("Not enough memory below 640 KiB for the disk emulation."));
	return POD_OK;
}

static uint16_t clip(uint32_t value, uint32_t limit)
{
	return (uint16_t)(value < limit ? value : limit);
}

/* What the older calls say, cut off below what we keep. */
static void set_older_sizes(struct job *j)
{
	struct i13_state *s = j->state;
	uint32_t keep = j->high_start;
	if (!keep)
		return;
	struct bios_regs r = {.eax = 0xe801};
	bios_int(&r, 0x15);
	if (!(r.flags & BIOS_CF)) {
		uint32_t kib = (uint16_t)r.eax, blocks = (uint16_t)r.ebx;
		if (!kib && !blocks)
			kib = (uint16_t)r.ecx, blocks = (uint16_t)r.edx;
		s->e801_ax = clip(kib, (keep - 0x100000) >> 10);
		s->e801_bx = clip(blocks, keep > 0x1000000 ? (keep - 0x1000000) >> 16 : 0);
		s->hide |= I13_HIDE_E801;
	}
	r = (struct bios_regs){.eax = 0x8800};
	bios_int(&r, 0x15);
	if (!(r.flags & BIOS_CF)) {
		s->ah88 = clip((uint16_t)r.eax, (keep - 0x100000) >> 10);
		s->hide |= I13_HIDE_88;
	}
	s->hide |= I13_HIDE_REFUSE;
}

static enum pod_status set_memory_map(struct job *j)
{
	memcpy(j->e820, bios_memory.map, sizeof j->e820);
	j->e820_count = bios_memory.count;
	if (!bios_e820_reserve(j->e820, &j->e820_count, j->resident_start, j->conventional_end, I13_E820_RESERVED) ||
	    (j->high_start && !bios_e820_reserve(j->e820, &j->e820_count, j->high_start, j->high_end,
						 is_pmem(j) ? I13_E820_PMEM : I13_E820_RESERVED)) ||
	    j->e820_count > bios_memory.count + 4)
		return refuse(j, POD_E_LIMIT, N_("The BIOS's memory map has too many regions."));
	j->state->e820_count = (uint16_t)j->e820_count;
	if (bios_memory.from_e820)
		j->state->hide |= I13_HIDE_E820;
	set_older_sizes(j);
	return POD_OK;
}

/* --- the last steps ------------------------------------------------------------------------------------------ */

#define VECTOR_DISK	0x13u
#define VECTOR_SYSTEM	0x15u
#define VECTOR_KEYBOARD 0x16u
#define VECTOR_VIDEO	0x10u
#define VECTOR_DISKETTE 0x1eu

/* What is the BIOS's own, and the server changes. */
struct bios_data {
	uint32_t vector_disk, vector_system, vector_diskette, vector_keyboard, vector_video;
	uint16_t memory_kib;
	uint8_t equipment, disk_count;
};

static struct bios_data get_bios_data(void)
{
	return (struct bios_data){
		.vector_disk = bios_peek32(4 * VECTOR_DISK),
		.vector_system = bios_peek32(4 * VECTOR_SYSTEM),
		.vector_diskette = bios_peek32(4 * VECTOR_DISKETTE),
		.vector_keyboard = bios_peek32(4 * VECTOR_KEYBOARD),
		.vector_video = bios_peek32(4 * VECTOR_VIDEO),
		.memory_kib = bios_peek16(BDA_MEMORY_KIB),
		.equipment = bios_ptr(BDA_EQUIPMENT)[0],
		.disk_count = bios_ptr(BDA_DISK_COUNT)[0],
	};
}

static void set_bios_data(const struct bios_data *d)
{
	pod_put_le32(bios_ptr(4 * VECTOR_DISK), d->vector_disk);
	pod_put_le32(bios_ptr(4 * VECTOR_SYSTEM), d->vector_system);
	pod_put_le32(bios_ptr(4 * VECTOR_DISKETTE), d->vector_diskette);
	pod_put_le32(bios_ptr(4 * VECTOR_KEYBOARD), d->vector_keyboard);
	pod_put_le32(bios_ptr(4 * VECTOR_VIDEO), d->vector_video);
	pod_put_le16(bios_ptr(BDA_MEMORY_KIB), d->memory_kib);
	bios_ptr(BDA_EQUIPMENT)[0] = d->equipment;
	bios_ptr(BDA_DISK_COUNT)[0] = d->disk_count;
}

/* The same, once the server is in front. */
static struct bios_data served(const struct job *j, const struct bios_data *before)
{
	const struct i13_state *s = j->state;
	uint32_t segment = j->resident_start >> 4 << 16;
	struct bios_data d = *before;
	d.memory_kib = (uint16_t)(j->resident_start >> 10);
	d.vector_disk = segment | s->int13_entry;
	d.vector_system = segment | s->int15_entry;
	if (s->rec_sector) {
		d.vector_keyboard = segment | s->int16_entry;
		d.vector_video = segment | s->int10_entry;
	}
	if (s->unit[0].kind == I13_FLOPPY) {
		if (!(d.equipment & 1))
			d.equipment = (uint8_t)((d.equipment & 0x3e) | 1);
		d.vector_diskette = segment | (uint32_t)offsetof(struct i13_state, diskette_table);
	} else if (s->unit[0].kind == I13_DISK) {
		d.disk_count++;
	}
	return d;
}

/* Notes that the loader is started, and hands the recorder over to the server. From memory the stick is not touched again. */
static void hand_recorder_over(struct pod_fw *fw, struct i13_state *s, bool from_memory)
{
	struct pod_recorder *r = fw->recorder;
	if (!r || !r->state)
		return;
	pod_recorder_stage(r, POD_STAGE_LOADER_STARTED, pod_fw_ms(fw), from_memory ? POD_REC_FROM_MEMORY : 0);
	if (!r->state || s->stick_shift != 9 || from_memory)
		return;
	pod_recorder_template(r, s->rec);
	s->rec_ms = pod_fw_ms(fw);
	s->rec_ticks = bios_peek32(BDA_TICKS);
	s->rec_pace = (struct pod_pace){.last = s->rec_ticks, .filled = s->rec_ticks, .credit = POD_PACE_BURST};
	s->rec_sector = (fw->state_start_bytes + pod_rec_offset(r->boot, POD_REC_AT_PROGRESS)) >> 9;
}

/* Returns only if the boot image could not be put in its place; everything is as before then. */
static enum pod_status install_and_go(struct job *j)
{
	struct i13_state *s = j->state;
	uint8_t *to = bios_ptr(j->resident_start);
	hand_recorder_over(j->fw, s, j->plan->map.lent);
	struct bios_data before = get_bios_data(), after = served(j, &before);
	s->old13 = before.vector_disk;
	s->old15 = before.vector_system;
	s->old16 = before.vector_keyboard;
	s->old10 = before.vector_video;
	s->boot_drive = s->drive[0];
	bios_video_text();
	memset(to, 0, j->resident_size);
	memcpy(to, bios_resident_image, (size_t)((uintptr_t)bios_resident_end - (uintptr_t)bios_resident_image));
	memcpy(to, s, sizeof *s);
	memcpy(to + s->e820_offset, j->e820, j->e820_count * sizeof *j->e820);
	set_bios_data(&after);
	struct bios_regs r = {0};
	bios_far_call(&r, (uint16_t)(j->resident_start >> 4), s->launch_entry);
	set_bios_data(&before);
	bios_video_init(j->fw);
	return refuse(j, POD_E_IO,
		      N_("The image's boot code cannot be put in its place: this BIOS keeps memory above 1 MiB closed (A20)."));
}

static enum pod_status prepare(struct job *j)
{
	const struct pod_plan *p = j->plan;
	if (p->bios_entry < POD_ENTRY_OWN || (p->bios_entry >= 0 && (uint32_t)p->bios_entry >= p->image.boot_count))
		return refuse(j, POD_E_UNSUPPORTED, N_("The image holds nothing that a BIOS can start."));
	if (p->bios_entry >= 0)
		j->entry = &p->image.boot[p->bios_entry];
	if (j->entry && j->entry->media > POD_ET_HARDDISK)
		return refuse(j, POD_E_UNSUPPORTED, N_("The boot catalogue names an unknown kind of medium."));
	j->windows = p->windows.count;
	memcpy(j->state, bios_resident_image, sizeof *j->state);
	POD_TRY(lay_out(j));
	POD_TRY(read_boot_image(j));
	set_stick(j);
	POD_TRY(set_units(j, j->windows ? j->sector : j->boot));
	set_packet(j);
	if (j->state->unit[0].kind == I13_FLOPPY)
		set_diskette_table(j->state);
	POD_TRY(set_map(j));
	return set_memory_map(j);
}

enum pod_status bios_start(struct pod_fw *fw, struct pod_plan *plan, const char *path, char *msg, size_t msg_size)
{
	(void)path;
	struct job *j = pod_zalloc(&bios_heap, 1, sizeof *j);
	enum pod_status st = POD_E_NOMEM;
	if (j) {
		*j = (struct job){.fw = fw, .plan = plan, .stick = fw->ctx};
		j->state = pod_zalloc(&bios_heap, 1, sizeof *j->state);
		st = j->state ? prepare(j) : POD_E_NOMEM;
		if (st == POD_OK)
			st = install_and_go(j);
	}
	pod_strlcpy(msg, FT(fw, j && j->why ? j->why : N_("Not enough memory to start the image.")), msg_size);
	if (j) {
		pod_free(&bios_heap, j->high);
		pod_free(&bios_heap, j->boot);
		pod_free(&bios_heap, j->state);
	}
	pod_free(&bios_heap, j);
	return st;
}
