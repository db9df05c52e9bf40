/* SPDX-License-Identifier: BSD-2-Clause */
/* How the disk in an image is shown where there is no device-mapper: as a copy in memory, or as it is. */
#include "tests/unit/test.h"
#include "tests/unit/calls.h"
#include "linux/attach_disk.c"
#include "linux/attach_memory.c"
#include "linux/handover.c"
#include "linux/handover_disk.c"
#include "linux/observe.c"

#define MIB	 (1ull << 20)
#define DISK_MAX (8 * MIB)
enum { STICK = 3, MEMORY = 4 };

static uint8_t memory[DISK_MAX];
static uint64_t memory_bytes, written_bytes; /* how long the file is; what was written to it */
static unsigned writes, open_files;
static uint64_t bad_at, full_at; /* a byte of the stick that cannot be read; what the file cannot grow to */
static long dm_error;
static char said[4096], meminfo[128];
static uint32_t now_ms, step_ms;
static uint8_t segs[16 * 16];
static struct pod_watch w;
static struct pod_shown out;
static struct pod_try t;
static const char *text;
static const struct pod_disk stick = {.name = "sdb", .major = 8, .minor = 16};

/* A byte of the stick: its second MiB is zeros but for one byte. */
static uint8_t byte_at(uint64_t at)
{
	if (at >= 2 * MIB && at < 3 * MIB)
		return at == 2 * MIB + 70000;
	return (uint8_t)(at * 7 + (at >> 12) + 1);
}

static void begin(unsigned count, const struct pod_ho_run *run)
{
	memset(memory, 0, sizeof memory);
	memory_bytes = written_bytes = bad_at = full_at = 0;
	writes = open_files = 0;
	calls[0] = said[0] = 0;
	now_ms = step_ms = 0;
	dm_error = -SYS_ENODEV;
	w = (struct pod_watch){.path = "/images/x.img", .vdisk = {.seg_count = count, .seg = segs, .sector_size = 512}};
	for (unsigned i = 0; i < count; i++) {
		pod_put_le64(segs + 16 * i, run[i].start_bytes);
		pod_put_le64(segs + 16 * i + 8, run[i].length_bytes);
		w.vdisk.size_bytes += run[i].length_bytes;
	}
	snprintf(meminfo, sizeof meminfo, "MemTotal: 900000 kB\nMemFree: 1 kB\nMemAvailable:     100000 kB\n");
	t = (struct pod_try){"no way fits", 0, false};
	text = "";
}

static bool show(void)
{
	return pod_disk_show(&w, &stick, &out, &text, &t);
}

/* --- what the shim asks the system --- */

long pod_read_text(const char *path, char *buf, size_t size)
{
	CHECK_STR(path, POD_PROC_DIR "/meminfo");
	return snprintf(buf, size, "%s", meminfo);
}

long pod_open_node(const char *name, uint32_t type, uint32_t major, uint32_t minor, int flags)
{
	CHECK_STR(name, "under");
	CHECK(type == SYS_S_IFBLK && major == 8 && minor == 16);
	note("open %d;", flags);
	open_files++;
	return STICK;
}

long pod_sys_open(const char *path, int flags)
{
	CHECK_STR(path, POD_DIR "/overlay/store");
	CHECK_EQ(flags, SYS_O_RDWR);
	open_files++;
	return MEMORY;
}

long pod_sys_close(int fd)
{
	CHECK(fd == STICK || fd == MEMORY);
	open_files--;
	return 0;
}

long pod_sys_pread(int fd, void *buf, size_t n, uint64_t off)
{
	uint8_t *p = buf;
	CHECK_EQ(fd, STICK);
	now_ms += step_ms;
	if (bad_at && off + n > bad_at) {
		if (off >= bad_at)
			return -5;
		n = (size_t)(bad_at - off);
	}
	for (size_t i = 0; i < n; i++)
		p[i] = byte_at(off + i);
	return (long)n;
}

long pod_sys_pwrite(int fd, const void *buf, size_t n, uint64_t off)
{
	CHECK_EQ(fd, MEMORY);
	if (off + n > DISK_MAX || (full_at && writes && off + n > full_at))
		return -28;
	memcpy(memory + off, buf, n);
	if (off + n > memory_bytes)
		memory_bytes = off + n;
	writes++;
	written_bytes += n;
	return (long)n;
}

long pod_sys_mkdir(const char *path, uint32_t mode)
{
	(void)path, (void)mode;
	return 0;
}

long pod_sys_mknod(const char *path, uint32_t mode, uint32_t major, uint32_t minor)
{
	(void)path, (void)mode, (void)major, (void)minor;
	return 0;
}

long pod_sys_unlink(const char *path, int flags)
{
	(void)path, (void)flags;
	return 0;
}

long pod_sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
	(void)source, (void)target, (void)flags;
	note("%s %s;", type, data);
	return 0;
}

long pod_sys_umount_detach(const char *target)
{
	(void)target;
	note("umount;");
	return 0;
}

uint32_t pod_sys_now_ms(void)
{
	return now_ms;
}

void pod_say(enum pod_say_level level, const char *fmt, ...)
{
	va_list ap;
	size_t n = strlen(said);
	n += (size_t)snprintf(said + n, sizeof said - n, "%d ", level);
	va_start(ap, fmt);
	vsnprintf(said + n, sizeof said - n, fmt, ap);
	va_end(ap);
	strcat(said, ";");
}

void pod_dm_begin(void)
{
}

bool pod_dm_add(uint64_t length_bytes, const char *type, const char *params)
{
	(void)length_bytes, (void)type, (void)params;
	return true;
}

bool pod_dm_add_linear(const struct pod_disk *disk, const struct pod_ho_run *run)
{
	(void)disk, (void)run;
	return true;
}

bool pod_dm_make(const char *name, enum pod_dm_as as, struct pod_shown *made, struct pod_try *failed)
{
	(void)as, (void)made;
	note("dm %s;", name);
	return pod_try_fail(failed, "no device-mapper", dm_error);
}

void pod_dm_remove(const char *name)
{
	note("remove %s;", name);
}

void pod_modprobe(const char *module)
{
	(void)module;
}

bool pod_loop_show(const struct pod_watch *watch, int fd, uint64_t offset, uint64_t length, uint32_t flags,
		   struct pod_shown *made, struct pod_try *failed)
{
	(void)watch, (void)made, (void)failed;
	note("loop %d %llu %llu %u;", fd, (unsigned long long)offset, (unsigned long long)length, flags);
	return true;
}

void pod_loop_clear(const struct pod_shown *s)
{
	(void)s;
}

void pod_udev_shown(const struct pod_shown *s)
{
	CHECK(s == &out);
	note("udev;");
}

void pod_lvmdev_shown(const struct pod_shown *s)
{
	CHECK(s == &out);
	note("lvm;");
}

/* --- the tests --- */

static const struct pod_ho_run one[] = {{5 * MIB, 4 * MIB}};
static const struct pod_ho_run pieces[] = {{7 * MIB + 512, MIB + 512}, {0, 2 * MIB + 4096}, {2 * MIB, MIB}, {4 * MIB, 1536}};

static void check_copy(const struct pod_ho_run *run, unsigned count)
{
	uint64_t at = 0;
	for (unsigned i = 0; i < count; at += run[i++].length_bytes)
		for (uint64_t k = 0; k < run[i].length_bytes; k++)
			if (memory[at + k] != (run[i].start_bytes ? byte_at(run[i].start_bytes + k) : 0)) {
				CHECK_EQ(k, UINT64_MAX);
				return;
			}
	CHECK_EQ(memory_bytes, at);
	CHECK_EQ(open_files, 0);
}

#define COPY_NOTE "a copy in memory is shown; what is written to it is gone when the machine is switched off"

TEST(a_copy_of_pieces)
{
	begin(4, pieces);
	CHECK(show());
	check_copy(pieces, 4);
	CHECK_STR(text, COPY_NOTE);
	CHECK_STR(calls, "dm isopod-base;open 0;tmpfs mode=0700,size=4202496;loop 4 0 0 8;umount;udev;lvm;");
	CHECK_STR(said, "");
	/* what is nothing but zeros on the stick, too, takes no memory: of that MiB one page is written */
	CHECK(written_bytes <= MIB + 512 + 4096 + 1536 + 1);
}

TEST(a_copy_of_one_piece)
{
	begin(1, one);
	CHECK(show());
	check_copy(one, 1);
	CHECK_STR(text, COPY_NOTE);
}

TEST(writes_that_are_meant_for_the_file)
{
	begin(1, one);
	w.vdisk.flags = POD_HO_DISK_WRITE;
	CHECK(show());
	CHECK_STR(calls, "dm isopod-base;open 2;loop 3 5242880 4194304 24;udev;lvm;");
	CHECK_STR(text, "what is written to it goes into the file");
	CHECK_EQ(writes, 0);
	begin(4, pieces);
	w.vdisk.flags = POD_HO_DISK_WRITE;
	CHECK(!show());
	CHECK_EQ(writes, 0);
}

/* Half of what is free is enough. */
TEST(room_in_memory)
{
	begin(1, one);
	snprintf(meminfo, sizeof meminfo, "MemAvailable: 8192 kB\n");
	CHECK(show());
	CHECK_STR(text, COPY_NOTE);
	begin(1, one);
	snprintf(meminfo, sizeof meminfo, "MemAvailable: 8190 kB\n");
	CHECK(show());
	CHECK_STR(text, "it is read-only");
	CHECK_STR(calls, "dm isopod-base;open 0;loop 3 5242880 4194304 25;udev;lvm;");
	CHECK_STR(
		said,
		"3 nothing can be written to the disk in /images/x.img: it has 4.0 MiB, and a copy in memory may have 3.9 MiB, half of "
		"what is free;");
	CHECK_EQ(writes, 0);
	/* of pieces a loop device cannot make a disk */
	begin(4, pieces);
	meminfo[0] = 0;
	CHECK(!show());
	CHECK_STR(t.why, "no device-mapper, and no room for a copy in memory");
	CHECK(strstr(said, "may have 0 B"));
	CHECK_STR(calls, "dm isopod-base;");
}

TEST(what_is_in_use_is_waited_for)
{
	begin(1, one);
	dm_error = -SYS_EBUSY;
	CHECK(!show());
	CHECK(t.busy);
	CHECK_STR(calls, "dm isopod-base;");
}

TEST(one_way_only)
{
	begin(1, one);
	w.use = POD_USE_DM;
	CHECK(!show());
	CHECK_STR(calls, "dm isopod-base;");
	begin(1, one);
	w.use = POD_USE_LOOP;
	CHECK(show());
	CHECK(!strstr(calls, "dm"));
	CHECK_STR(text, COPY_NOTE);
}

TEST(the_stick_cannot_be_read)
{
	begin(1, one);
	bad_at = 6 * MIB + 1000;
	CHECK(show());
	CHECK_STR(said, "3 /images/x.img cannot be copied into memory: the stick cannot be read at 6292456 (error 5);");
	CHECK_STR(text, "it is read-only");
	CHECK(strstr(calls, "umount;open 0;loop 3 5242880 4194304 25;"));
	CHECK_EQ(open_files, 0);
	begin(4, pieces);
	bad_at = 7 * MIB + 512;
	CHECK(!show());
	CHECK_STR(t.why, "the stick cannot be read");
	CHECK_EQ(-t.err, 5);
	CHECK(!strstr(calls, "loop"));
	CHECK_EQ(open_files, 0);
}

TEST(the_memory_is_full)
{
	begin(4, pieces);
	full_at = 500000;
	CHECK(!show());
	CHECK_STR(t.why, "no memory for a copy of it");
	CHECK(!strstr(calls, "loop"));
	CHECK_EQ(open_files, 0);
}

TEST(a_slow_stick)
{
	begin(4, pieces);
	step_ms = 1000;
	CHECK(show());
	CHECK(strstr(said, "6 copying /images/x.img into memory: 768 KiB of 2.0 MiB;"));
	CHECK(strstr(said, "6 copying /images/x.img into memory: 1.2 MiB of 2.0 MiB;"));
	check_copy(pieces, 4);
}

TEST(an_overlay_is_not_forgotten)
{
	begin(1, one);
	w.record.cow = (struct pod_ho_run){MIB, MIB};
	CHECK(show());
	CHECK_STR(said,
		  "3 the overlay beside /images/x.img cannot be used: what it holds is not shown, and nothing will be kept: no "
		  "device-mapper (error 19);");
	CHECK_STR(text, COPY_NOTE);
}
