/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files in memory: the store of a snapshot (attach_disk.c); and a copy of the whole disk, for kernels without device-mapper, where a loop
 * device alone can neither join pieces nor keep writes apart from the stick.
 */
#include "linux/attach.h"
#include "linux/observe.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

#define IN_MEMORY      POD_DIR "/overlay"
#define IN_MEMORY_FILE IN_MEMORY "/store"
#define PAGE	       4096u
#define PIECE	       (64u * PAGE)
#define SAY_MS	       3000u

static bool mounted;

long pod_memory_open(uint64_t size, struct pod_try *t)
{
	char opt[64];
	(void)pod_snprintf(opt, sizeof opt, "mode=0700,size=%llu", (unsigned long long)pod_align_up(size, PAGE));
	(void)pod_sys_mkdir(IN_MEMORY, 0700);
	/* Without tmpfs the file is in the view's own ramfs. */
	mounted = pod_sys_mount("isopod", IN_MEMORY, "tmpfs", 0, opt) >= 0;
	(void)pod_sys_mknod(IN_MEMORY_FILE, SYS_S_IFREG | 0600, 0, 0);
	long fd = pod_sys_open(IN_MEMORY_FILE, SYS_O_RDWR);
	if (fd >= 0 && pod_sys_pwrite((int)fd, "", 1, size - 1) == 1)
		return fd;
	(void)pod_try_fail(t, "no file in memory", fd < 0 ? fd : 0);
	if (fd >= 0)
		pod_memory_close((int)fd);
	return -SYS_ENXIO;
}

/* Whoever has it open keeps it. */
void pod_memory_close(int fd)
{
	pod_sys_close(fd);
	if (mounted)
		(void)pod_sys_umount_detach(IN_MEMORY);
	else
		pod_sys_unlink(IN_MEMORY_FILE, 0);
	mounted = false;
}

struct copy {
	const struct pod_watch *w;
	int from, to;
	uint64_t done_bytes, all_bytes, at_bytes; /* read; to be read; place in the disk */
	uint32_t said_ms;
	struct pod_try *t;
};

static bool is_zero(const uint64_t *page)
{
	for (size_t i = 0; i < PAGE / sizeof *page; i++)
		if (page[i])
			return false;
	return true;
}

/* What is nothing but zeros stays a hole. */
static bool write_piece(struct copy *c, const uint64_t *buf, size_t n)
{
	const uint8_t *bytes = (const uint8_t *)buf;
	for (size_t at = 0, end; at < n; at = end) {
		bool zero = is_zero(buf + at / sizeof *buf);
		for (end = at + PAGE; end < n && is_zero(buf + end / sizeof *buf) == zero;)
			end += PAGE;
		size_t len = (end < n ? end : n) - at;
		if (!zero && pod_sys_pwrite(c->to, bytes + at, len, c->at_bytes + at) != (long)len)
			return pod_try_fail(c->t, "no memory for a copy of it", 0);
	}
	return true;
}

static void say_progress(struct copy *c)
{
	char done[16], all[16];
	if (pod_sys_now_ms() - c->said_ms < SAY_MS)
		return;
	c->said_ms = pod_sys_now_ms();
	pod_say(POD_SAY_INFO, "copying %s into memory: %s of %s", c->w->path, pod_format_size(done, c->done_bytes),
		pod_format_size(all, c->all_bytes));
}

static bool read_piece(struct copy *c, uint64_t from, uint8_t *buf, size_t n)
{
	while (n) {
		long got = pod_sys_pread(c->from, buf, n, from);
		if (got <= 0) {
			pod_say(POD_SAY_ERROR, "%s cannot be copied into memory: the stick cannot be read at %llu (error %u)",
				c->w->path, (unsigned long long)from, (unsigned)-got);
			return pod_try_fail(c->t, "the stick cannot be read", got);
		}
		buf += got;
		from += (uint64_t)got;
		n -= (size_t)got;
	}
	return true;
}

static bool copy_run(struct copy *c, const struct pod_ho_run *run)
{
	static uint64_t buf[PIECE / sizeof(uint64_t)];
	for (uint64_t at = 0; at < run->length_bytes;) {
		size_t n = (size_t)pod_min_u64(sizeof buf, run->length_bytes - at), rest = n & (PAGE - 1);
		if (!read_piece(c, run->start_bytes + at, (uint8_t *)buf, n))
			return false;
		if (rest) /* a page that is not whole */
			memset((uint8_t *)buf + n, 0, PAGE - rest);
		if (!write_piece(c, buf, n))
			return false;
		at += n;
		c->at_bytes += n;
		c->done_bytes += n;
		say_progress(c);
	}
	return true;
}

static bool copy_disk(struct copy *c)
{
	const struct pod_ho_disk *d = &c->w->vdisk;
	struct pod_ho_run s;
	for (uint32_t i = 0; i < d->seg_count; i++) {
		pod_ho_disk_seg(d, i, &s);
		c->all_bytes += s.start_bytes ? s.length_bytes : 0;
	}
	for (uint32_t i = 0; i < d->seg_count; i++) {
		pod_ho_disk_seg(d, i, &s);
		if (!s.start_bytes)
			c->at_bytes += s.length_bytes;
		else if (!copy_run(c, &s))
			return false;
	}
	return true;
}

/* Written to, it may need all of its bytes, and the system some, too. */
static bool has_room(const struct pod_watch *w, struct pod_try *t)
{
	static char text[4096];
	char size[16], room[16];
	uint64_t half = 0;
	if (pod_read_text(POD_PROC_DIR "/meminfo", text, sizeof text) > 0)
		half = ((uint64_t)pod_meminfo_kib(text, "MemAvailable") << 10) / 2;
	if (w->vdisk.size_bytes <= half)
		return true;
	pod_say(POD_SAY_ERROR,
		"nothing can be written to the disk in %s: it has %s, and a copy in memory may have %s, half of what is free",
		w->path, pod_format_size(size, w->vdisk.size_bytes), pod_format_size(room, half));
	return pod_try_fail(t, "no device-mapper, and no room for a copy in memory", 0);
}

bool pod_memory_show(const struct pod_watch *w, const struct pod_disk *disk, struct pod_shown *out, struct pod_try *t)
{
	struct copy c = {.w = w, .said_ms = pod_sys_now_ms(), .t = t};
	if (!has_room(w, t))
		return false;
	long from = pod_open_node("under", SYS_S_IFBLK, disk->major, disk->minor, SYS_O_RDONLY);
	if (from < 0)
		return pod_try_fail(t, "the disk below cannot be opened", from);
	long to = pod_memory_open(w->vdisk.size_bytes, t);
	bool done = false;
	if (to >= 0) {
		c.from = (int)from;
		c.to = (int)to;
		done = copy_disk(&c) && pod_loop_show(w, c.to, 0, 0, POD_LOOP_PARTITIONS, out, t);
		pod_memory_close(c.to);
	}
	pod_sys_close((int)from);
	return done;
}
