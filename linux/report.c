/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watcher's part of the flight recorder: what has happened so far, and when; written to the stick once the stick is there.
 *
 * The state file is written by sector on the whole disk, through a node of the private view: nobody else sees that node, so udev,
 * which looks again at a disk whose node was closed after writing, hears nothing. Past the page cache where the kernel allows
 * it: a block of the cache is larger than a sector, and neighbours are not to be written again. A stick that cannot be written
 * has no record.
 */
#include "linux/shim.h"
#include "linux/observe.h"
#include "core/base/mem.h"
#include "core/trace/slot.h"

/* How long a sound system may take; measured on emulated machines: ten times what a real one takes. */
#define NOT_MOUNTED_MS	90000u	/* from the image shown until somebody mounts it */
#define NOT_SWITCHED_MS 180000u /* from there until the root is changed */
#define LOOK_EVERY_MS	1000u
#define SHELLS_EVERY_MS 3000u
#define INIT_GONE_MS	10000u /* PID 1 is another program since, and the root the same */
#define MOUNTS_TOLD	8u     /* how often a mount that comes and goes is worth a write */
#define TEXT_MAX	16384u

#define SYSLOG_READ_ALL 3

static struct recorder {
	struct pod_rec_linux r;
	struct pod_dev dev;
	struct pod_slot slot;
	const struct pod_watch *w;
	uint64_t start_bytes, length_bytes; /* of the state file on the disk */
	uint32_t major, minor;		    /* the stick */
	int fd;
	int guard;    /* the disk, open for reading */
	bool guarded; /* it was read-only before this write */
	int mounts;   /* PID 1's mountinfo */
	bool on, have_disk, unwritten;
	uint32_t shown_ms, looked_ms, shells_ms;
	uint32_t init_ms; /* PID 1 was last seen to be the initramfs' own init */
	unsigned logs;	  /* saved */
	unsigned mounts_told;
} rec = {.fd = -1, .guard = -1, .mounts = -1};

static char text[TEXT_MAX];
static uint8_t bounce[POD_REC_SECTOR] __attribute__((aligned(4096)));

/* --- the disk ------------------------------------------------------------------------------------------------------ */

static enum pod_status open_disk(int flags)
{
	long fd = pod_open_node("stick", SYS_S_IFBLK, rec.major, rec.minor, flags);
	rec.fd = (int)fd;
	return fd < 0 ? POD_E_READONLY : POD_OK;
}

static void close_disk(void)
{
	if (rec.fd >= 0)
		pod_sys_close(rec.fd);
	rec.fd = -1;
}

/* Larger sectors than 512 bytes cannot be passed by; then through the cache. */
static enum pod_status reopen_cached(void)
{
	close_disk();
	return open_disk(SYS_O_RDWR);
}

static enum pod_status state_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	uint8_t *to = buf;
	(void)d;
	while (len) {
		size_t n = len < sizeof bounce ? len : sizeof bounce;
		long got = pod_sys_pread(rec.fd, bounce, sizeof bounce, rec.start_bytes + off);
		if (got == -SYS_EINVAL && reopen_cached() == POD_OK)
			got = pod_sys_pread(rec.fd, bounce, sizeof bounce, rec.start_bytes + off);
		if (got != (long)sizeof bounce)
			return POD_E_IO;
		memcpy(to, bounce, n);
		to += n;
		off += n;
		len -= n;
	}
	return POD_OK;
}

/* The recorder writes whole sectors. */
static enum pod_status state_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	const uint8_t *from = buf;
	(void)d;
	for (; len >= sizeof bounce; len -= sizeof bounce, off += sizeof bounce, from += sizeof bounce) {
		memcpy(bounce, from, sizeof bounce);
		if (pod_sys_pwrite(rec.fd, bounce, sizeof bounce, rec.start_bytes + off) != (long)sizeof bounce)
			return POD_E_IO;
	}
	return len ? POD_E_INVALID : POD_OK;
}

static enum pod_status state_flush(struct pod_dev *d)
{
	(void)d;
	return pod_sys_fdatasync(rec.fd) < 0 ? POD_E_IO : POD_OK;
}

/* --- what happened ------------------------------------------------------------------------------------------------- */

static uint32_t now_ms(void)
{
	return pod_sys_now_ms() - rec.w->start_ms;
}

static bool init_runs(void)
{
	struct pod_sys_stat init, own;
	if (pod_sys_stat(POD_PROC_DIR "/1/exe", true, &init) < 0 || pod_sys_stat(POD_PROC_DIR "/self/exe", true, &own) < 0)
		return false;
	return init.dev != own.dev || init.ino != own.ino;
}

void pod_record_stage(enum pod_stage stage, uint32_t arg)
{
	if (rec.on && pod_stages_add(&rec.r.stages, stage, now_ms(), arg))
		rec.unwritten = true;
}

static bool has_stage(enum pod_stage stage)
{
	return pod_stages_find(&rec.r.stages, stage) != NULL;
}

static void look_at_init(void)
{
	if (!has_stage(POD_STAGE_INIT_EXECUTED) && init_runs())
		pod_record_stage(POD_STAGE_INIT_EXECUTED, 0);
}

bool pod_record_on(void)
{
	return rec.on;
}

void pod_record_begin(const struct pod_watch *w)
{
	rec.w = w;
	rec.start_bytes = w->record.state_start_bytes;
	rec.length_bytes = w->record.state_length_bytes;
	rec.on = w->record.boot_number && rec.length_bytes >= POD_STATE_SIZE;
	pod_record_stage(POD_STAGE_SHIM_STARTED, 0);
	if (rec.on && pod_read_text(POD_PROC_DIR "/sys/kernel/osrelease", text, sizeof text) > 0)
		(void)pod_strlcpy(rec.r.release, text, sizeof rec.r.release);
}

/* "../devices/.../usb2/2-1/2-1:1.0/host2/...": the attribute `speed` is beside the interface. */
static uint32_t usb_kbit(const char *disk)
{
	char path[640], link[512], speed[16];
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s", disk);
	long n = pod_sys_readlink(path, link, sizeof link - 1);
	if (n <= 0)
		return 0;
	link[n] = 0;
	const char *host = pod_strcasestr(link, "/host");
	if (!host || !pod_strcasestr(link, "/usb"))
		return 0;
	size_t at = (size_t)(host - link);
	while (at && link[at - 1] != '/')
		at--;
	link[at] = 0;
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%sspeed", link);
	return pod_read_text(path, speed, sizeof speed) > 0 ? pod_usb_speed_kbit(speed) : 0;
}

void pod_record_disk(const struct pod_disk *d)
{
	if (!rec.on)
		return;
	rec.major = d->major;
	rec.minor = d->minor;
	(void)pod_strlcpy(rec.r.disk, d->name, sizeof rec.r.disk);
	rec.r.usb_kbit = usb_kbit(d->name);
	rec.dev = (struct pod_dev){.size_bytes = rec.length_bytes,
				   .sector_size = POD_REC_SECTOR,
				   .read = state_read,
				   .write = state_write,
				   .flush = state_flush};
	rec.slot.state = &rec.dev;
	rec.slot.boot = rec.w->record.boot_number;
	rec.have_disk = pod_in_range(rec.start_bytes, rec.length_bytes, d->size_bytes);
	look_at_init();
	pod_record_stage(POD_STAGE_STICK_FOUND, 0);
}

static void note_memory(void)
{
	if (pod_read_text(POD_PROC_DIR "/meminfo", text, sizeof text) <= 0)
		return;
	rec.r.memory_kib = pod_meminfo_kib(text, "MemTotal");
	rec.r.memory_available_kib = pod_meminfo_kib(text, "MemAvailable");
}

/* For everybody else the disk is read-only (attach.c), and for these moments only it is not. */
static void lift_guard(void)
{
	if (rec.guard < 0)
		rec.guard = (int)pod_open_node("guard", SYS_S_IFBLK, rec.major, rec.minor, SYS_O_RDONLY);
	rec.guarded = rec.guard >= 0 && pod_is_read_only(rec.guard);
	if (rec.guarded)
		(void)pod_set_read_only(rec.guard, false);
}

static void restore_guard(void)
{
	if (rec.guarded)
		(void)pod_set_read_only(rec.guard, true);
	rec.guarded = false;
}

/* The disk stays open: when the root is changed, the private view with its nodes may be gone before that can be written. */
static bool begin_writing(void)
{
	if (!rec.on || !rec.have_disk)
		return false;
	lift_guard();
	if (rec.fd >= 0 || open_disk(SYS_O_RDWR | SYS_O_DIRECT) == POD_OK || open_disk(SYS_O_RDWR) == POD_OK)
		return true;
	restore_guard();
	return false;
}

/* A stick that was pulled, is write-protected, or is another boot's by now has no more of this. */
static void end_writing(enum pod_status st)
{
	if (st != POD_OK)
		close_disk();
	if (st == POD_E_CHANGED)
		rec.have_disk = false;
	restore_guard();
}

void pod_record_write(void)
{
	uint8_t sector[POD_REC_SECTOR];
	if (!rec.unwritten || !begin_writing())
		return;
	note_memory();
	rec.r.ms = now_ms();
	pod_rec_put_linux(sector, &rec.r);
	enum pod_status st = pod_slot_write(&rec.slot, sector);
	end_writing(st);
	rec.unwritten = st != POD_OK;
}

void pod_record_save_log(void)
{
	static char log[POD_REC_LOG_TEXT];
	uint32_t saved;
	if (!rec.on || !rec.have_disk)
		return;
	long n = pod_sys_syslog(SYSLOG_READ_ALL, log, sizeof log);
	if (n <= 0 || !begin_writing())
		return;
	enum pod_status st = pod_slot_save_log(&rec.slot, log, (size_t)n, &saved);
	end_writing(st);
	if (st != POD_OK)
		return;
	rec.logs++;
	rec.r.log_len = saved;
	pod_record_stage(POD_STAGE_LOG_SAVED, saved);
	rec.unwritten = true;
	pod_record_write();
}

/* --- what is looked at while the distribution works -------------------------------------------------------------- */

struct processes {
	bool rescue_shell, login_service;
};

/* The words of a process; how many bytes, 0 or less if there are none. */
static long words_of(const char *pid, char *words, size_t size)
{
	char path[64];
	(void)pod_snprintf(path, sizeof path, POD_PROC_DIR "/%s/cmdline", pid);
	long fd = pod_sys_open(path, SYS_O_RDONLY);
	if (fd < 0)
		return fd;
	long n = pod_sys_read((int)fd, words, size);
	pod_sys_close((int)fd);
	return n;
}

static bool look_at_process(void *ctx, const char *name)
{
	char words[256];
	struct processes *p = ctx;
	if (name[0] < '0' || name[0] > '9' || pod_strlen(name) > 10)
		return true;
	long n = words_of(name, words, sizeof words);
	p->rescue_shell = n > 0 && pod_is_rescue_shell(words, (size_t)n);
	p->login_service = p->login_service || (n > 0 && pod_is_login_service(words, (size_t)n));
	return !p->rescue_shell;
}

/* The system is up, and the root is the initramfs still: it looks for no other. */
static bool lives_in_initrd(const struct processes *p, uint32_t now)
{
	char words[256];
	long n = words_of("1", words, sizeof words);
	if (n <= 0 || pod_is_still_init(words, (size_t)n))
		rec.init_ms = now;
	return p->login_service || now - rec.init_ms >= INIT_GONE_MS;
}

static void look_at_processes(uint32_t now)
{
	struct processes p = {0};
	(void)pod_each_name(POD_PROC_DIR, look_at_process, &p);
	if (p.rescue_shell) {
		pod_record_stage(POD_STAGE_RESCUE_SHELL, 0);
		pod_record_save_log(); /* once more, if it was: now the reason is in it */
	} else if (lives_in_initrd(&p, now)) {
		pod_record_stage(POD_STAGE_LIVES_IN_INITRD, 0);
	}
}

struct find_part {
	struct pod_mounted *m;
	bool found;
};

static bool find_part_mount(void *ctx, const char *name)
{
	struct find_part *f = ctx;
	char path[128], dev[32];
	uint32_t major, minor;
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s/%.40s/dev", rec.w->shown_disk, name);
	if (pod_read_text(path, dev, sizeof dev) > 0 && pod_parse_dev(dev, &major, &minor))
		f->found = pod_find_mount(text, major, minor, f->m);
	return !f->found;
}

/* Of a disk it is a partition that is mounted. */
static bool find_mount(struct pod_mounted *m)
{
	struct find_part f = {m, pod_find_mount(text, rec.w->shown_major, rec.w->shown_minor, m)};
	char path[96];
	if (f.found || !rec.w->shown_disk[0])
		return f.found;
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s", rec.w->shown_disk);
	(void)pod_each_name(path, find_part_mount, &f);
	return f.found;
}

/* Where the image is mounted now. What looks for a medium mounts a device, looks, and lets go: then `mount` is empty again. */
static void look_at_mounts(void)
{
	struct pod_mounted m = {.where = ""};
	if (!has_stage(POD_STAGE_SHOWN) || pod_read_text(POD_PROC_DIR "/1/mountinfo", text, sizeof text) <= 0)
		return;
	bool mounted = find_mount(&m);
	if (mounted)
		pod_record_stage(POD_STAGE_MEDIUM_MOUNTED, 0);
	if (pod_streq(m.where, rec.r.mount))
		return;
	(void)pod_strlcpy(rec.r.device, m.source, sizeof rec.r.device);
	(void)pod_strlcpy(rec.r.fs, m.fs, sizeof rec.r.fs);
	(void)pod_strlcpy(rec.r.mount, m.where, sizeof rec.r.mount);
	rec.unwritten = rec.unwritten || rec.mounts_told++ < MOUNTS_TOLD;
}

bool pod_record_wait(int fd, unsigned ms)
{
	bool changed;
	if (rec.on && rec.mounts < 0)
		rec.mounts = (int)pod_sys_open(POD_PROC_DIR "/1/mountinfo", SYS_O_RDONLY);
	bool in = pod_sys_poll_in_or_mounts(fd, rec.mounts, ms, &changed);
	if (changed)
		look_at_mounts();
	return in;
}

/* Is it time to save the log, once? */
static bool log_is_due(void)
{
	uint32_t now = now_ms(); /* not before what was just noted */
	const struct pod_stage_event *shown = pod_stages_find(&rec.r.stages, POD_STAGE_SHOWN);
	const struct pod_stage_event *mounted = pod_stages_find(&rec.r.stages, POD_STAGE_MEDIUM_MOUNTED);
	if (rec.logs)
		return false;
	if (has_stage(POD_STAGE_NOT_SHOWN) || has_stage(POD_STAGE_RESCUE_SHELL))
		return true;
	if (has_stage(POD_STAGE_LIVES_IN_INITRD))
		return false;
	if (!rec.r.mount[0])
		return shown && now - shown->ms >= NOT_MOUNTED_MS;
	return mounted && now - mounted->ms >= NOT_SWITCHED_MS;
}

void pod_record_look(void)
{
	uint32_t now = now_ms();
	if (!rec.on || now - rec.looked_ms < LOOK_EVERY_MS)
		return;
	rec.looked_ms = now;
	look_at_init();
	look_at_mounts();
	if (!has_stage(POD_STAGE_RESCUE_SHELL) && now - rec.shells_ms >= SHELLS_EVERY_MS) {
		rec.shells_ms = now;
		look_at_processes(now);
	}
	if (log_is_due())
		pod_record_save_log();
	pod_record_write();
}
