/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watcher: waits until the stick turns up, makes sure that it is the stick, has the image shown, tidies up, ends.
 *
 * It works in a mount namespace of its own, with its own sysfs, procfs and device nodes, so it needs nothing of the
 * distribution's and leaves nothing to it. Its name starts with '@': systemd's last sweep before it changes the root spares such
 * processes.
 */
#include "linux/shim.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"

#define TICK_MS	      1000u   /* longest time between two looks */
#define PENDING_MS    50u     /* ... while what may be a second stick is on its way: that it gave up is no event */
#define SETTLE_MAX_MS 4000u   /* longest wait after the first match for a second stick to show up */
#define COMPLAIN_MS   60000u  /* the stick did not appear: say so once */
#define GIVE_UP_MS    600000u /* and stop waiting */
#define LINGER_MS     10000u  /* after success: look for a second stick that comes late */
#define SEEN_MAX      64

#define MS_REC	   0x4000ul
#define MS_PRIVATE 0x40000ul

enum verdict { FOREIGN, UNREADABLE, OTHER_IMAGE, MATCH };

/* A disk that was read and is not the stick is not read again while it stays. */
struct seen {
	uint32_t major, minor;
	uint64_t size_bytes;
	enum verdict verdict;
	bool still_there;
};

struct scan {
	struct pod_watch *w;
	struct pod_disk match[2]; /* the first two */
	unsigned matches;
	bool other_image;
	bool unread; /* a disk is there and cannot be read, yet or at all: it may turn out to be a second stick */
	char other_name[40];
	uint64_t need_bytes;
	struct seen seen[SEEN_MAX];
	unsigned seen_count;
};

static uint8_t record_bytes[POD_HO_RECORD_MAX];
static struct pod_watch watch;
static struct scan scan;

static bool read_exact(int fd, uint64_t off, uint8_t *buf, size_t len)
{
	while (len) {
		long n = pod_sys_pread(fd, buf, len, off);
		if (n <= 0)
			return false;
		buf += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

/* Volume serial number: exFAT specification 3.1.11; FAT: BS_VolID; NTFS: low half of the serial number at 0x48. A volume of
 * another kind has none that the record could name. */
static uint32_t volume_serial(const uint8_t *boot)
{
	if (memcmp(boot + 3, "EXFAT   ", 8) == 0)
		return pod_get_le32(boot + 100);
	if (memcmp(boot + 82, "FAT32   ", 8) == 0)
		return pod_get_le32(boot + 67);
	if (memcmp(boot + 54, "FAT1", 4) == 0)
		return pod_get_le32(boot + 39);
	if (memcmp(boot + 3, "NTFS    ", 8) == 0)
		return pod_get_le32(boot + 0x48);
	return 0;
}

/* CRC-32 of the image's 2048 bytes at 32768; they may lie in several extents. */
static bool image_crc(const struct pod_ho_record *r, int fd, uint32_t *crc)
{
	static uint8_t buf[2048];
	struct pod_ho_cursor c = {0, 0};
	struct pod_ho_run run;
	uint64_t from = 32768, before = 0;
	size_t have = 0;
	while (have < sizeof buf && pod_ho_next_run(r, 1, &c, &run)) {
		if (from < before + run.length_bytes) {
			uint64_t skip = from - before;
			size_t n = (size_t)pod_min_u64(sizeof buf - have, run.length_bytes - skip);
			if (!read_exact(fd, run.start_bytes + skip, buf + have, n))
				return false;
			have += n;
			from += n;
		}
		before += run.length_bytes;
	}
	*crc = pod_crc32(0, buf, have);
	return have == sizeof buf;
}

static enum verdict judge(const struct pod_ho_record *r, int fd)
{
	uint8_t sector[512];
	uint32_t crc;
	if (!read_exact(fd, 0, sector, sizeof sector))
		return UNREADABLE;
	if (sector[510] != 0x55 || sector[511] != 0xaa || pod_get_le32(sector + 0x1b8) != r->disk_signature)
		return FOREIGN;
	if (r->flags & POD_HO_GPT) {
		if (!read_exact(fd, r->sector_size, sector, sizeof sector))
			return UNREADABLE;
		if (memcmp(sector, "EFI PART", 8) != 0 || memcmp(sector + 56, r->disk_guid, 16) != 0)
			return FOREIGN;
	}
	if (!read_exact(fd, r->part_start_bytes, sector, sizeof sector))
		return UNREADABLE;
	if (volume_serial(sector) != r->volume_serial)
		return FOREIGN;
	if (r->image_bytes < 32768 + 2048)
		return MATCH;
	if (!image_crc(r, fd, &crc))
		return UNREADABLE;
	return crc == r->image_crc ? MATCH : OTHER_IMAGE;
}

static struct seen *remember(struct scan *s, const struct pod_disk *d)
{
	for (unsigned i = 0; i < s->seen_count; i++) {
		struct seen *e = &s->seen[i];
		if (e->major == d->major && e->minor == d->minor && e->size_bytes == d->size_bytes)
			return e;
	}
	if (s->seen_count == SEEN_MAX)
		return NULL;
	struct seen *e = &s->seen[s->seen_count++];
	*e = (struct seen){.major = d->major, .minor = d->minor, .size_bytes = d->size_bytes, .verdict = UNREADABLE};
	return e;
}

/* Drives that cannot be the stick, and that are slow or noisy when asked. */
static bool is_passed_over(const char *name)
{
	static const char *const prefix[] = {"loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "mtdblock"};
	for (size_t i = 0; i < POD_ARRAY_LEN(prefix); i++)
		if (pod_strncasecmp(name, prefix[i], pod_strlen(prefix[i])) == 0)
			return true;
	return false;
}

static bool look_at_disk(void *ctx, const char *name)
{
	struct scan *s = ctx;
	struct pod_disk d;
	char path[96], text[32];
	if (is_passed_over(name) || pod_strlcpy(d.name, name, sizeof d.name) >= sizeof d.name)
		return true;
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s/size", name);
	if (pod_read_text(path, text, sizeof text) <= 0) {
		s->unread = true;
		return true;
	}
	/* sysfs counts units of 512 bytes, whatever the sector size. 0: a card reader without a card. */
	d.size_bytes = pod_parse_u64(text) << 9;
	if (d.size_bytes < s->need_bytes)
		return true;
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s/dev", name);
	if (pod_read_text(path, text, sizeof text) <= 0 || !pod_parse_dev(text, &d.major, &d.minor)) {
		s->unread = true;
		return true;
	}
	struct seen *e = remember(s, &d);
	enum verdict v = e ? e->verdict : UNREADABLE;
	if (v == UNREADABLE) {
		long fd = pod_open_node("disk", SYS_S_IFBLK, d.major, d.minor, SYS_O_RDONLY | SYS_O_NONBLOCK);
		if (fd >= 0) {
			v = judge(&s->w->record, (int)fd);
			pod_sys_close((int)fd);
		}
	}
	if (e) {
		e->verdict = v;
		e->still_there = true;
	}
	if (v == OTHER_IMAGE && !s->other_image) {
		s->other_image = true;
		(void)pod_strlcpy(s->other_name, name, sizeof s->other_name);
	}
	s->unread |= v == UNREADABLE;
	if (v == MATCH) {
		if (s->matches < POD_ARRAY_LEN(s->match))
			s->match[s->matches] = d;
		s->matches++;
	}
	return true;
}

static void scan_disks(struct scan *s)
{
	s->matches = 0;
	s->other_image = s->unread = false;
	for (unsigned i = 0; i < s->seen_count; i++)
		s->seen[i].still_there = false;
	(void)pod_each_name(POD_SYS_DIR "/block", look_at_disk, s);
	unsigned n = 0;
	for (unsigned i = 0; i < s->seen_count; i++)
		if (s->seen[i].still_there)
			s->seen[n++] = s->seen[i];
	s->seen_count = n;
}

/* The distribution has left the initramfs: whatever it booted from, our work is done. When it empties the initramfs, the kernel
 * takes away what is mounted over the folders that go, in every namespace: then the private view is no more. */
static bool root_switched(void)
{
	static bool seen;
	struct pod_sys_stat init, own;
	if (pod_sys_stat(POD_PROC_DIR "/1/root", true, &init) < 0 || pod_sys_stat("/", true, &own) < 0)
		return seen;
	seen = true;
	return init.dev != own.dev || init.ino != own.ino;
}

/* "add@/devices/...", NUL, then KEY=VALUE strings, each with its NUL. Loop devices come eight at a time, and mean nothing. */
static bool is_about_disk(const char *event, long len)
{
	static const char name[] = "DEVNAME=";
	bool block = false, other = false;
	for (long i = 0; i < len; i += (long)pod_strlen(event + i) + 1) {
		block |= pod_streq(event + i, "SUBSYSTEM=block");
		other |= pod_strncasecmp(event + i, name, sizeof name - 1) == 0 && is_passed_over(event + i + sizeof name - 1);
	}
	return block && !other;
}

/* Waits for a kernel event or the tick; true if a disk or partition came, changed or went. */
static bool wait_event(int fd, unsigned ms)
{
	static char buf[8192];
	bool block = false;
	if (fd < 0) {
		pod_sleep_ms(ms);
		return false;
	}
	if (!pod_record_wait(fd, ms))
		return false;
	for (long n; (n = pod_sys_read(fd, buf, sizeof buf - 1)) > 0;) {
		buf[n] = 0;
		block |= is_about_disk(buf, n);
	}
	return block;
}

static enum pod_status read_record(struct pod_diag *diag)
{
	size_t len = 0;
	long n, fd = pod_sys_open(POD_DIR "/map", SYS_O_RDONLY);
	if (fd >= 0) {
		while (len < sizeof record_bytes &&
		       (n = pod_sys_read((int)fd, record_bytes + len, sizeof record_bytes - len)) > 0)
			len += (size_t)n;
		pod_sys_close((int)fd);
	}
	POD_TRY(pod_ho_parse(&watch.record, record_bytes, len, diag));
	enum pod_status st = pod_ho_disk(&watch.record, &watch.vdisk, diag);
	watch.is_disk = st == POD_OK;
	watch.disk_stays_writable |= watch.is_disk && (watch.vdisk.flags & POD_HO_DISK_WRITE) != 0;
	/* A disk that is read-only makes its partitions so, too. */
	watch.disk_stays_writable |= watch.record.persist.length_bytes || watch.record.cow.length_bytes;
	return st == POD_E_NOT_FOUND ? POD_OK : st;
}

static bool open_view(void)
{
	struct pod_diag diag = {0};
	if (pod_sys_unshare_mounts() < 0)
		return false;
	(void)pod_sys_mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	enum pod_status st = read_record(&diag);
	/* At once: udev may be started at any moment. */
	if (watch.is_disk)
		pod_udev_begin();
	pod_load_modules();
	/* ramfs is in every kernel that has an initramfs. */
	if (pod_sys_mount("isopod", POD_DIR, "ramfs", 0, NULL) < 0)
		return false;
	(void)pod_sys_mkdir(POD_DEV_DIR, 0755);
	(void)pod_sys_mkdir(POD_SYS_DIR, 0755);
	(void)pod_sys_mkdir(POD_PROC_DIR, 0755);
	(void)pod_sys_mount("sysfs", POD_SYS_DIR, "sysfs", 0, NULL);
	(void)pod_sys_mount("proc", POD_PROC_DIR, "proc", 0, NULL);
	pod_say_open();
	if (st != POD_OK) {
		pod_say(POD_SAY_ERROR, "the record /isopod/map is of no use: %s (%s at offset %llu, %llu instead of %llu)",
			pod_status_text(st), diag.what, (unsigned long long)diag.offset_bytes, (unsigned long long)diag.got,
			(unsigned long long)diag.expected);
		return false;
	}
	return true;
}

static bool remove_file(void *ctx, const char *name)
{
	char path[160];
	(void)ctx;
	if (pod_strlen(name) < 128) {
		(void)pod_snprintf(path, sizeof path, POD_DIR "/%s", name);
		pod_sys_unlink(path, 0);
	}
	return true;
}

/* Nothing of Isopod stays in the initramfs. */
static _Noreturn void leave(int code)
{
	if (watch.is_disk)
		pod_udev_end();
	if (pod_sys_umount_detach(POD_DIR) >= 0) {
		(void)pod_each_name(POD_DIR, remove_file, NULL);
		pod_sys_unlink(POD_DIR, SYS_AT_REMOVEDIR);
	}
	pod_sys_exit(code);
}

/* isopod.use=... on the kernel's command line: one way only, for tests and for the curious. */
static enum pod_use wanted_use(void)
{
	static const struct {
		const char *word;
		enum pod_use use;
	} table[] = {{"isopod.use=blkpg", POD_USE_BLKPG},
		     {"isopod.use=dm", POD_USE_DM},
		     {"isopod.use=loop", POD_USE_LOOP},
		     {"isopod.use=file", POD_USE_FILE},
		     {"isopod.use=off", POD_USE_OFF}};
	static char line[4096];
	if (pod_read_text(POD_PROC_DIR "/cmdline", line, sizeof line) <= 0)
		return POD_USE_ANY;
	enum pod_use use = POD_USE_ANY;
	for (char *p = line; *p;) {
		char *end = p;
		while (*end && *end != ' ')
			end++;
		bool last = !*end;
		*end = 0;
		for (size_t i = 0; i < POD_ARRAY_LEN(table); i++)
			if (pod_streq(p, table[i].word))
				use = table[i].use;
		p = last ? end : end + 1;
	}
	return use;
}

static void set_path(struct pod_watch *w)
{
	size_t n = w->record.path_len < sizeof w->path - 1 ? w->record.path_len : sizeof w->path - 1;
	memcpy(w->path, w->record.path, n);
	/* a UTF-8 sequence is not cut in two */
	while (n < w->record.path_len && n && ((unsigned char)w->record.path[n] & 0xc0) == 0x80)
		n--;
	w->path[n] = 0;
}

/* True if it said so: a clone of the stick, that the firmware or the bus brought up late. */
static bool second_stick(struct scan *s, const struct pod_disk *ours)
{
	scan_disks(s);
	for (unsigned i = 0; i < s->matches && i < POD_ARRAY_LEN(s->match); i++) {
		const struct pod_disk *d = &s->match[i];
		if (d->major == ours->major && d->minor == ours->minor)
			continue;
		pod_say(POD_SAY_ERROR, "%s is a second stick with the same identity; the system was given the image on %s",
			d->name, ours->name);
		return true;
	}
	return false;
}

/* Stays a little for a clone of the stick; with a flight recorder, until the distribution has changed its root. */
static void follow(struct scan *s, const struct pod_disk *ours, int events)
{
	uint32_t since = pod_sys_now_ms();
	bool second = false;
	for (;;) {
		uint32_t age = pod_sys_now_ms() - since;
		pod_name_keep(&s->w->names);
		if (s->w->names.optical)
			pod_optical_keep(&s->w->names);
		if (root_switched()) {
			pod_record_stage(POD_STAGE_ROOT_SWITCHED, 0);
			break;
		}
		if (!pod_record_on() && (second || age >= LINGER_MS))
			return;
		if (age >= GIVE_UP_MS) {
			pod_record_stage(POD_STAGE_WATCH_ENDED, 0);
			break;
		}
		if (!second && age < LINGER_MS)
			second = second_stick(s, ours);
		pod_record_look();
		(void)wait_event(events, TICK_MS);
	}
	pod_record_write();
}

/* Looks once more at what was found, and has the image shown. POD_E_CHANGED: it is not what it was, look again. */
static enum pod_status act(struct pod_watch *w, const struct pod_disk *d)
{
	long fd = pod_open_node("disk", SYS_S_IFBLK, d->major, d->minor, SYS_O_RDONLY);
	if (fd < 0)
		return POD_E_CHANGED;
	enum pod_status st = POD_E_CHANGED;
	if (judge(&w->record, (int)fd) == MATCH) {
		pod_record_disk(d);
		pod_record_write();
		st = pod_attach(w, d, (int)fd) ? POD_OK : POD_E_IO;
		if (st == POD_OK)
			pod_root_shown(w->shown_disk);
		else
			pod_record_stage(POD_STAGE_NOT_SHOWN, (uint32_t)st);
		pod_record_write();
	}
	pod_sys_close((int)fd);
	return st;
}

static void complain(const struct scan *s)
{
	if (s->other_image)
		pod_say(POD_SAY_ERROR, "%s is the stick, but what lies at the place of %s is not the image that was started",
			s->other_name, watch.path);
	else
		pod_say(POD_SAY_ERROR,
			"the stick with %s has not appeared within %u seconds (no driver for its port, or unplugged?)",
			watch.path, (unsigned)(COMPLAIN_MS / 1000));
}

static _Noreturn void watch_loop(int events)
{
	bool complained = false, told_two = false, settling = false;
	uint32_t first_ms = 0, quiet_ms = 0;
	for (;;) {
		uint32_t now = pod_sys_now_ms(), wait = TICK_MS;
		scan_disks(&scan);
		if (scan.matches == 1 && !settling) {
			settling = true;
			first_ms = quiet_ms = now;
		}
		if (scan.matches != 1)
			settling = false;
		if (scan.matches > 1 && !told_two) {
			told_two = true;
			pod_say(POD_SAY_ERROR,
				"%s and %s are both the stick with %s; neither is used until one of them is pulled out",
				scan.match[0].name, scan.match[1].name, watch.path);
		}
		if (settling) {
			uint32_t settle_ms = pod_settle_ms(scan.match[0].name);
			/* A disk that came up between the last scan and that look at the hosts is known to neither. */
			scan_disks(&scan);
			if (scan.matches != 1)
				continue;
			if (scan.unread && settle_ms < POD_SETTLE_QUIET_MS)
				settle_ms = POD_SETTLE_QUIET_MS;
			if (now - quiet_ms >= settle_ms || now - first_ms >= SETTLE_MAX_MS) {
				struct pod_disk found = scan.match[0];
				enum pod_status st = act(&watch, &found);
				if (st == POD_OK || (st != POD_E_CHANGED && pod_record_on()))
					follow(&scan, &found, events);
				pod_optical_end(&watch.names);
				if (st != POD_E_CHANGED)
					leave(st == POD_OK ? 0 : 1);
				scan.seen_count = 0;
				settling = false;
			} else {
				wait = settle_ms - (now - quiet_ms);
				if (settle_ms >= POD_SETTLE_QUIET_MS && wait > PENDING_MS)
					wait = PENDING_MS;
			}
		}
		if (root_switched())
			leave(0);
		pod_record_look();
		if (now - watch.start_ms >= COMPLAIN_MS && !complained && !scan.matches) {
			complained = true;
			complain(&scan);
		}
		if (now - watch.start_ms >= GIVE_UP_MS) {
			pod_say(POD_SAY_INFO, "gave up waiting for the stick with %s", watch.path);
			leave(1);
		}
		if (wait_event(events, wait))
			quiet_ms = pod_sys_now_ms();
	}
}

_Noreturn void pod_watch_run(char *own_name)
{
	for (int fd = 0; fd < 16; fd++)
		pod_sys_close(fd);
	if (own_name && own_name[0])
		own_name[0] = '@';
	pod_sys_set_name("isopod");
	watch.start_ms = pod_sys_now_ms();
	long events = pod_sys_uevent_socket();
	if (!open_view())
		leave(1);
	watch.use = wanted_use();
	set_path(&watch);
	if (watch.use == POD_USE_OFF)
		leave(0);
	pod_record_begin(&watch);
	scan.w = &watch;
	/* No disk that ends before the data partition does can be the stick; it is not even opened. */
	scan.need_bytes = watch.record.part_start_bytes + watch.record.part_length_bytes;
	watch_loop((int)events);
}
