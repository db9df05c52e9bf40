/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows the image as a block device, by the first way that works:
 *
 *   1. a partition that covers the image (BLKPG; include/uapi/linux/blkpg.h): the kernel's view of the data partition is
 * replaced, nothing on the disk changes. Needs the image in one run.
 *   2. device-mapper linear over all runs.
 *   3. a loop device: on the disk at an offset, if the image is one run; else on the file itself, the data partition being
 * mounted read-only in the watcher's own mount namespace.
 *
 * ISO 9660 has blocks of 2048 bytes and cannot be mounted from a device with larger sectors. On such a stick a loop device, which
 * has sectors of 512 bytes, goes first (over device-mapper if there are several runs).
 *
 * Whatever is shown is read-only: Isopod never changes the file on the stick. The persistence file beside it is not (attach_persist.c),
 * and a disk image is shown otherwise (attach_disk.c).
 */
#include "linux/attach.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

enum { BLKSSZGET = 0x1268, BLKPG = 0x1269 };
enum { BLKPG_ADD_PARTITION = 1, BLKPG_DEL_PARTITION = 2 };

#define BUSY_STEP_MS  10u /* the first pause; each is twice the one before */
#define BUSY_PAUSE_MS 200u
#define BUSY_SAY_MS   3000u
#define BUSY_LIMIT_MS 60000u

#define ISO_BLOCK   2048u
#define LOOP_SECTOR 512u

struct blkpg_partition_arg {
	long long start, length;
	int number;
	char name[64], volume[64];
};

struct blkpg_arg {
	int op, flags, size;
	void *data;
};

/* A partition of a disk as sysfs shows it. */
struct part {
	const char *disk;
	uint32_t number;
	bool found;
	char name[40];
	uint64_t start_bytes, length_bytes;
	uint32_t major, minor;
};

static bool read_attr(const char *disk, const char *part, const char *attr, char *text, size_t size)
{
	char path[160];
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s/%s/%s", disk, part, attr);
	return pod_read_text(path, text, size) > 0;
}

static bool look_at_part(void *ctx, const char *name)
{
	struct part *p = ctx;
	char text[32];
	size_t prefix = pod_strlen(p->disk);
	if (pod_strncasecmp(name, p->disk, prefix) != 0 || pod_strlen(name) >= sizeof p->name)
		return true;
	if (!read_attr(p->disk, name, "partition", text, sizeof text) || pod_parse_u64(text) != p->number)
		return true;
	if (!read_attr(p->disk, name, "dev", text, sizeof text) || !pod_parse_dev(text, &p->major, &p->minor))
		return true;
	/* sysfs counts units of 512 bytes, whatever the sector size */
	p->start_bytes = read_attr(p->disk, name, "start", text, sizeof text) ? pod_parse_u64(text) << 9 : 0;
	p->length_bytes = read_attr(p->disk, name, "size", text, sizeof text) ? pod_parse_u64(text) << 9 : 0;
	(void)pod_strlcpy(p->name, name, sizeof p->name);
	p->found = true;
	return false;
}

static void find_part(struct part *p, const struct pod_disk *disk, uint32_t number)
{
	char path[96];
	*p = (struct part){.disk = disk->name, .number = number};
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s", disk->name);
	(void)pod_each_name(path, look_at_part, p);
}

static long blkpg(int fd, int op, uint32_t number, uint64_t start_bytes, uint64_t length_bytes)
{
	struct blkpg_partition_arg part;
	memset(&part, 0, sizeof part);
	part.start = (long long)start_bytes;
	part.length = (long long)length_bytes;
	part.number = (int)number;
	struct blkpg_arg arg = {op, 0, (int)sizeof part, &part};
	return pod_sys_ioctl(fd, BLKPG, &arg);
}

long pod_add_partition(int fd, uint32_t number, uint64_t start_bytes, uint64_t length_bytes)
{
	return blkpg(fd, BLKPG_ADD_PARTITION, number, start_bytes, length_bytes);
}

bool pod_has_partition(const struct pod_disk *disk, uint32_t number)
{
	struct part p;
	find_part(&p, disk, number);
	return p.found;
}

long pod_drop_partition(int fd, uint32_t number)
{
	return blkpg(fd, BLKPG_DEL_PARTITION, number, 0, 0);
}

static void set_read_only(uint32_t major, uint32_t minor)
{
	long fd = pod_open_node("shown", SYS_S_IFBLK, major, minor, SYS_O_RDONLY);
	if (fd < 0)
		return;
	(void)pod_set_read_only((int)fd, true);
	pod_sys_close((int)fd);
}

static bool show_partition(const struct pod_watch *w, const struct pod_disk *disk, int fd, const struct pod_ho_run *run,
			   struct pod_shown *out, struct pod_try *t)
{
	const struct pod_ho_record *r = &w->record;
	struct part p;
	find_part(&p, disk, r->part_number);
	bool is_data = p.found && p.start_bytes == r->part_start_bytes && p.length_bytes == r->part_length_bytes;
	bool is_image = p.found && p.start_bytes == run->start_bytes && p.length_bytes == run->length_bytes;
	if (p.found && !is_data && !is_image)
		return pod_try_fail(t, "the kernel has another partition by that number", 0);
	if (!is_image || is_data) {
		long ret = p.found ? pod_drop_partition(fd, r->part_number) : 0;
		if (ret < 0 && ret != -SYS_ENXIO) /* ENXIO: somebody else deleted it */
			return pod_try_fail(t, "the kernel did not let the data partition go", ret);
		uint32_t persist = pod_persist_partition(w, disk, fd);
		ret = pod_add_partition(fd, r->part_number, run->start_bytes, run->length_bytes);
		if (ret < 0) {
			if (persist)
				(void)pod_drop_partition(fd, persist);
			if (p.found)
				(void)pod_add_partition(fd, r->part_number, r->part_start_bytes, r->part_length_bytes);
			(void)pod_try_fail(t, "the kernel did not add the partition", ret);
			t->busy = false; /* it overlaps another one, and will tomorrow */
			return false;
		}
		find_part(&p, disk, r->part_number);
	}
	if (p.found)
		set_read_only(p.major, p.minor);
	(void)pod_snprintf(out->name, sizeof out->name, "%s", p.found ? p.name : disk->name);
	out->major = p.major;
	out->minor = p.minor;
	return true;
}

/* The kernel's name for the data partition's file system. */
static const char *volume_type(int fd, uint64_t start)
{
	uint8_t b[512], super[2];
	if (pod_sys_pread(fd, b, sizeof b, start) != (long)sizeof b)
		return NULL;
	if (memcmp(b + 3, "EXFAT   ", 8) == 0)
		return "exfat";
	if (memcmp(b + 82, "FAT32   ", 8) == 0 || memcmp(b + 54, "FAT1", 4) == 0)
		return "vfat";
	if (memcmp(b + 3, "NTFS    ", 8) == 0)
		return "ntfs3";
	if (pod_sys_pread(fd, super, sizeof super, start + 1024 + 0x38) == (long)sizeof super && pod_get_le16(super) == 0xef53)
		return "ext4";
	return NULL;
}

static bool show_file(const struct pod_watch *w, const struct pod_disk *disk, int fd, struct pod_shown *out, struct pod_try *t)
{
	static char path[sizeof POD_DIR "/volume/" + POD_HO_PATH_MAX];
	const struct pod_ho_record *r = &w->record;
	struct part p;
	find_part(&p, disk, r->part_number);
	if (!p.found || p.start_bytes != r->part_start_bytes)
		return pod_try_fail(t, "the data partition is not there", 0);
	const char *type = volume_type(fd, r->part_start_bytes);
	if (!type)
		return pod_try_fail(t, "the data partition's file system is unknown", 0);
	long node = pod_open_node("volume", SYS_S_IFBLK, p.major, p.minor, SYS_O_RDONLY);
	if (node >= 0)
		pod_sys_close((int)node);
	(void)pod_sys_mkdir(POD_DIR "/volume", 0755);
	const unsigned long read_only = 1;
	const char *opt = pod_streq(type, "vfat") ? "utf8" : NULL;
	long ret = pod_sys_mount(POD_DEV_DIR "/volume", POD_DIR "/volume", type, read_only, opt);
	if (ret == -SYS_ENODEV) {
		pod_modprobe(type);
		ret = pod_sys_mount(POD_DEV_DIR "/volume", POD_DIR "/volume", type, read_only, opt);
	}
	if (ret < 0)
		return pod_try_fail(t, "the data partition cannot be mounted", ret);
	size_t head = pod_strlen(POD_DIR "/volume/");
	memcpy(path, POD_DIR "/volume/", head);
	memcpy(path + head, r->path, r->path_len);
	path[head + r->path_len] = 0;
	long file = pod_sys_open(path, SYS_O_RDONLY);
	bool done = file >= 0 && pod_loop_show(w, (int)file, 0, 0, POD_LOOP_READ_ONLY, out, t);
	if (file < 0)
		(void)pod_try_fail(t, "the image is not found on the data partition", file);
	else
		pod_sys_close((int)file);
	out->over_volume = done;
	/* The loop device keeps the file, and with it the volume. */
	(void)pod_sys_umount_detach(POD_DIR "/volume");
	return done;
}

static bool show_loop(const struct pod_watch *w, const struct pod_disk *disk, int fd, uint32_t sector, uint32_t runs,
		      const struct pod_ho_run *run, struct pod_shown *out, struct pod_try *t)
{
	uint64_t length = pod_align_up(w->record.image_bytes, LOOP_SECTOR);
	if (runs == 1)
		return pod_loop_show(w, fd, run->start_bytes, length, POD_LOOP_READ_ONLY, out, t);
	if (sector <= ISO_BLOCK)
		return pod_try_fail(t, "the image is not in one piece", 0);
	/* Several runs on large sectors: join them first, then make the sectors small. */
	struct pod_shown joined;
	if (!pod_dm_show(w, disk, sector, &joined, t))
		return false;
	long dm = pod_open_node("joined", SYS_S_IFBLK, joined.major, joined.minor, SYS_O_RDONLY);
	if (dm < 0)
		return pod_try_fail(t, "the joined device cannot be opened", dm);
	bool done = pod_loop_show(w, (int)dm, 0, length, POD_LOOP_READ_ONLY, out, t);
	pod_sys_close((int)dm);
	return done;
}

#define SET_WRITABLE "blockdev --setrw /dev/" POD_DISK_NODE " && "

static void say_shown(const struct pod_watch *w, const struct pod_shown *s, uint32_t runs, uint64_t start)
{
	char size[16], at[16];
	pod_format_size(size, w->record.image_bytes);
	pod_format_size(at, start);
	if (runs == 1)
		pod_say(POD_SAY_INFO, "%s now shows %s (%s at %s)", s->name, w->path, size, at);
	else
		pod_say(POD_SAY_INFO, "%s now shows %s (%s in %u pieces)", s->name, w->path, size, (unsigned)runs);
}

static void say_files(const struct pod_watch *w, const struct pod_disk *disk, const struct pod_shown *s)
{
	const struct pod_ho_record *r = &w->record;
	pod_say(POD_SAY_INFO, "/dev/%s shows it, too; the disk itself is /dev/" POD_DISK_NODE "%s", disk->name,
		w->disk_stays_writable ? "" : ", read-only");
	if (s->over_volume)
		pod_say(POD_SAY_INFO, "the stick's files: " SET_WRITABLE "mount -o ro /dev/" POD_VOLUME_NODE
				      " /mnt && mount -o remount,rw /mnt");
	else
		pod_say(POD_SAY_INFO,
			"the stick's files: " SET_WRITABLE "mount -o loop,offset=%llu,sizelimit=%llu /dev/" POD_DISK_NODE " /mnt",
			(unsigned long long)r->part_start_bytes, (unsigned long long)r->part_length_bytes);
}

/* What all ways have in common. */
struct attach {
	struct pod_watch *w;
	const struct pod_disk *disk;
	int fd;
	uint32_t sector, runs;
	struct pod_ho_run first;
	struct pod_shown shown;
	const char *note; /* of a disk */
	struct pod_try t;
};

/* The system sees the disk in the image, and of the stick nothing that it could take for a place to write to. */
static bool let_data_partition_go(struct attach *a)
{
	struct part p;
	find_part(&p, a->disk, a->w->record.part_number);
	if (!p.found || p.start_bytes != a->w->record.part_start_bytes)
		return true;
	long ret = pod_drop_partition(a->fd, a->w->record.part_number);
	return ret >= 0 || ret == -SYS_ENXIO || pod_try_fail(&a->t, "the kernel did not let the data partition go", ret);
}

static bool try_once(struct attach *a, enum pod_use use)
{
	switch (use) {
	case POD_USE_BLKPG:
		if (a->runs != 1 || (a->first.start_bytes & (a->sector - 1)) != 0)
			return pod_try_fail(&a->t, "the image is not in one piece", 0);
		return show_partition(a->w, a->disk, a->fd, &a->first, &a->shown, &a->t);
	case POD_USE_DM:
		return pod_dm_show(a->w, a->disk, a->sector, &a->shown, &a->t);
	case POD_USE_LOOP:
		return show_loop(a->w, a->disk, a->fd, a->sector, a->runs, &a->first, &a->shown, &a->t);
	case POD_USE_FILE:
		return show_file(a->w, a->disk, a->fd, &a->shown, &a->t);
	case POD_USE_DISK:
		return let_data_partition_go(a) && pod_disk_show(a->w, a->disk, &a->shown, &a->note, &a->t);
	default:
		return false;
	}
}

/* Waits while somebody has the data partition open: probing takes moments, a mounted one may never be let go. All ways together
 * wait no longer than BUSY_LIMIT_MS. */
static bool try_patiently(struct attach *a, enum pod_use use, uint32_t since_ms, bool *said)
{
	for (unsigned pause_ms = BUSY_STEP_MS;; pause_ms = pause_ms * 2 < BUSY_PAUSE_MS ? pause_ms * 2 : BUSY_PAUSE_MS) {
		a->t.busy = false;
		if (try_once(a, use))
			return true;
		uint32_t waited = pod_sys_now_ms() - since_ms;
		if (!a->t.busy || waited >= BUSY_LIMIT_MS)
			return false;
		if (waited >= BUSY_SAY_MS && !*said) {
			*said = true;
			pod_say(POD_SAY_ERROR, "the stick's partition on %s is in use; waiting up to %u seconds to show %s",
				a->disk->name, (unsigned)(BUSY_LIMIT_MS / 1000), a->w->path);
		}
		pod_sleep_ms(pause_ms);
	}
}

/* The disk's name is lent in any case; the partition's, where it does not show the image anyway, and is the data partition's. */
static void name_shown(const struct attach *a, enum pod_use use)
{
	struct pod_names *n = &a->w->names;
	struct part p;
	*n = (struct pod_names){.major = a->shown.major, .minor = a->shown.minor};
	if (!a->shown.major && !a->shown.minor)
		return;
	pod_name_open();
	pod_name_lend(n, a->disk->name, POD_DISK_NODE, a->disk->major, a->disk->minor);
	if (use != POD_USE_BLKPG) {
		find_part(&p, a->disk, a->w->record.part_number);
		if (p.found && p.start_bytes == a->w->record.part_start_bytes)
			pod_name_lend(n, p.name, POD_VOLUME_NODE, p.major, p.minor);
		pod_name_label(&a->shown);
	}
	pod_name_keep(n);
	if (use != POD_USE_DISK)
		pod_optical_keep(n);
}

/* From here on nobody writes to the stick but who says so (doc/FORMATS/handover.md has what a kernel makes of it). */
static void guard_disk(const struct pod_watch *w, int fd)
{
	if (!w->disk_stays_writable)
		(void)pod_set_read_only(fd, true);
}

static void tell_shown(struct attach *a, enum pod_use use)
{
	struct pod_watch *w = a->w;
	if (use == POD_USE_DM)
		pod_persist_mapped(w, a->disk);
	else if (use != POD_USE_BLKPG)
		pod_persist_not_shown(w, "the stick's own partition is in use", 0);
	name_shown(a, use);
	guard_disk(w, a->fd);
	w->shown_major = a->shown.major;
	w->shown_minor = a->shown.minor;
	pod_record_stage(POD_STAGE_SHOWN, (uint32_t)use);
	pod_hide_boot_partition(&w->record, a->fd);
	if (use == POD_USE_DISK) {
		char size[16];
		(void)pod_strlcpy(w->shown_disk, a->shown.name, sizeof w->shown_disk);
		pod_name_partitions(&a->shown, a->disk->name);
		pod_say(POD_SAY_INFO, "%s now shows the disk in %s (%s); %s", a->shown.name, w->path,
			pod_format_size(size, w->vdisk.size_bytes), a->note);
	} else {
		say_shown(w, &a->shown, a->runs, a->first.start_bytes);
	}
	say_files(w, a->disk, &a->shown);
}

static bool try_ways(struct attach *a, const enum pod_use *way, size_t count)
{
	uint32_t since_ms = pod_sys_now_ms();
	bool said = false;
	for (size_t i = 0; i < count; i++) {
		if (way[i] != POD_USE_DISK && a->w->use != POD_USE_ANY && a->w->use != way[i])
			continue;
		if (try_patiently(a, way[i], since_ms, &said)) {
			tell_shown(a, way[i]);
			return true;
		}
	}
	pod_say(POD_SAY_ERROR, "%s on %s cannot be shown to the system: %s (error %u)", a->w->path, a->disk->name, a->t.why,
		(unsigned)-a->t.err);
	return false;
}

bool pod_attach(struct pod_watch *w, const struct pod_disk *disk, int fd)
{
	static const enum pod_use small[] = {POD_USE_BLKPG, POD_USE_DM, POD_USE_LOOP, POD_USE_FILE};
	static const enum pod_use large[] = {POD_USE_LOOP, POD_USE_FILE, POD_USE_BLKPG, POD_USE_DM};
	static const enum pod_use whole[] = {POD_USE_DISK};
	struct attach a = {.w = w, .disk = disk, .fd = fd, .sector = 512, .t = {"no way fits", 0, false}};
	struct pod_ho_cursor c = {0, 0};
	int sector_size = 0;
	if (pod_sys_ioctl(fd, BLKSSZGET, &sector_size) >= 0 && sector_size >= 512 && sector_size <= 65536)
		a.sector = (uint32_t)sector_size;
	if (w->is_disk)
		return try_ways(&a, whole, POD_ARRAY_LEN(whole));
	a.runs = pod_ho_run_count(&w->record, a.sector);
	if (!pod_ho_next_run(&w->record, a.sector, &c, &a.first))
		return false;
	return a.sector <= ISO_BLOCK ? try_ways(&a, small, POD_ARRAY_LEN(small)) : try_ways(&a, large, POD_ARRAY_LEN(large));
}
