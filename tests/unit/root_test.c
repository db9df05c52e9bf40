/* SPDX-License-Identifier: BSD-2-Clause */
/* The root of a kernel that mounts it by itself, in made-up machines: the command line, what is found, how it is mounted, what becomes init. */
#include <setjmp.h>
#include <stdlib.h>
#include "tests/unit/test.h"
#include "tests/unit/calls.h"
#include "linux/root.c"
#include "linux/root_args.c"
#include "linux/root_find.c"

#define GUID_A "c3d1f2a0-1234-5678-9abc-def012345678"
#define GUID_B "0fc63daf-8483-4772-8e79-3d69d8477de4"

/* What is in /sys/class/block. */
static struct {
	const char *name;
	uint32_t major, minor, number;
	uint32_t on_minor; /* of the disk, whose major number is 7 or 8 */
	const char *label;
} block[16];
static unsigned blocks;
/* The first sectors of the disks 7:0 (shown) and 8:0 (the machine's own). */
static uint8_t table[2][64 * 1024];
static int sector_size;

static char said[2048];
static const char *cmdline, *shown, *filesystems;
static bool watcher_ended, has_dev;
static uint32_t now_ms;
static unsigned busy;		       /* how often a mount says so */
static const char *mounts_as, *starts; /* the type that the root has; the init that can be started */
static bool only_read;
static jmp_buf over;

static void add(const char *name, uint32_t major, uint32_t minor, uint32_t number, const char *label)
{
	block[blocks].name = name;
	block[blocks].major = major;
	block[blocks].minor = minor;
	block[blocks].number = number;
	block[blocks].label = label;
	block[blocks].on_minor = 0;
	blocks++;
}

static void put_mbr(unsigned disk, uint32_t signature, uint8_t type)
{
	memset(table[disk], 0, sizeof table[0]);
	pod_put_le32(table[disk] + 0x1b8, signature);
	table[disk][0x1be + 4] = type;
	table[disk][510] = 0x55;
	table[disk][511] = 0xaa;
}

/* GUIDs of partitions 1, 2 ... */
static void put_gpt(unsigned disk, unsigned sector, unsigned entries)
{
	static const uint8_t a[16] = {0xa0, 0xf2, 0xd1, 0xc3, 0x34, 0x12, 0x78, 0x56,
				      0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, 0x78};
	static const uint8_t b[16] = {0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
				      0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4};
	uint8_t *h = table[disk] + sector;
	put_mbr(disk, 0, 0xee);
	memcpy(h, "EFI PART", 8);
	pod_put_le64(h + 72, 3);
	pod_put_le32(h + 80, entries);
	pod_put_le32(h + 84, 128);
	memcpy(table[disk] + 3 * sector + 16, b, 16);
	memcpy(table[disk] + 3 * sector + 128 + 16, a, 16);
}

/* The disk that is shown has partitions 1, 2 and 5; the machine's own, before it, 1 and 3. */
static void begin(void)
{
	blocks = 0;
	sector_size = 512;
	add("sda", 8, 0, 0, NULL);
	add("sda1", 8, 1, 1, "other");
	add("sda3", 8, 3, 3, "mine");
	add("loop0", 7, 0, 0, NULL);
	add("loop0p1", 259, 0, 1, NULL);
	add("loop0p2", 259, 1, 2, "mine");
	add("loop0p5", 259, 5, 5, "mine, too");
	put_mbr(0, 0xcafe0001, 0x83);
	put_mbr(1, 0xcafe0002, 0x83);
	calls[0] = said[0] = 0;
	cmdline = "root=/dev/sda2";
	shown = "loop0";
	filesystems = "nodev\tsysfs\nnodev\ttmpfs\n\text4\n\tsquashfs\nnodev\toverlay\n\tvfat\n";
	watcher_ended = only_read = false;
	has_dev = true;
	now_ms = 0xffffff00; /* it wraps */
	busy = 0;
	mounts_as = "squashfs";
	starts = "/sbin/init";
}

/* --- what the shim asks the system --- */

static int block_of(const char *path, const char **attr)
{
	static const char class[] = POD_SYS_DIR "/class/block/";
	if (strncmp(path, class, sizeof class - 1) != 0)
		return -1;
	path += sizeof class - 1;
	size_t n = strcspn(path, "/");
	for (unsigned i = 0; i < blocks; i++)
		if (strlen(block[i].name) == n && memcmp(path, block[i].name, n) == 0 && path[n]) {
			*attr = path + n + 1;
			return (int)i;
		}
	return -1;
}

long pod_read_text(const char *path, char *buf, size_t size)
{
	const char *attr;
	int i = block_of(path, &attr);
	buf[0] = 0;
	if (strcmp(path, POD_PROC_DIR "/cmdline") == 0)
		return snprintf(buf, size, "%s", cmdline);
	if (strcmp(path, POD_PROC_DIR "/filesystems") == 0)
		return snprintf(buf, size, "%s", filesystems);
	if (strcmp(path, SHOWN) == 0)
		return shown ? snprintf(buf, size, "%s", shown) : 0;
	if (i < 0)
		return -SYS_ENOENT;
	if (strcmp(attr, "dev") == 0)
		return snprintf(buf, size, "%u:%u", block[i].major, block[i].minor);
	if (strcmp(attr, "../dev") == 0)
		return snprintf(buf, size, "%u:0", block[i].name[0] == 'l' ? 7 : 8);
	if (strcmp(attr, "partition") == 0 && block[i].number)
		return snprintf(buf, size, "%u", block[i].number);
	if (strcmp(attr, "uevent") == 0 && block[i].label)
		return snprintf(buf, size, "MAJOR=8\nPARTN=1\nPARTNAME=%s\nX=y", block[i].label);
	return -SYS_ENOENT;
}

long pod_each_name(const char *dir, bool (*cb)(void *ctx, const char *name), void *ctx)
{
	if (strcmp(dir, CLASS) != 0) {
		note("each %s;", dir);
		return 0;
	}
	for (unsigned i = 0; i < blocks && cb(ctx, block[i].name); i++)
		;
	return 0;
}

bool pod_parse_dev(const char *text, uint32_t *major, uint32_t *minor)
{
	return sscanf(text, "%u:%u", major, minor) == 2;
}

void pod_split_dev(uint64_t dev, uint32_t *major, uint32_t *minor)
{
	*major = (uint32_t)(dev >> 8 & 0xfff);
	*minor = (uint32_t)((dev & 0xff) | (dev >> 12 & 0xfff00));
}

long pod_open_node(const char *name, uint32_t type, uint32_t major, uint32_t minor, int flags)
{
	(void)name, (void)type, (void)flags;
	CHECK_EQ(minor, 0);
	return major == 7 || major == 8 ? (long)major - 7 : -SYS_ENXIO;
}

long pod_sys_pread(int fd, void *buf, size_t n, uint64_t off)
{
	if (off > sizeof table[0] - n)
		return 0;
	memcpy(buf, table[fd] + off, n);
	return (long)n;
}

long pod_sys_ioctl(int fd, unsigned long nr, void *arg)
{
	(void)fd;
	CHECK_EQ(nr, BLKSSZGET);
	*(int *)arg = sector_size;
	return 0;
}

long pod_sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
	note("mount %s %s %s %lx %s;", source, target, type ? type : "-", flags, data ? data : "-");
	if (strcmp(source, NODE) != 0)
		return 0;
	if (busy) {
		busy--;
		return -SYS_EBUSY;
	}
	if (strcmp(type, "nosuch") == 0)
		return -SYS_ENODEV;
	if (!mounts_as || strcmp(type, mounts_as) != 0)
		return -SYS_EINVAL;
	return only_read && !(flags & 1) ? -13 : 0;
}

long pod_sys_mknod(const char *path, uint32_t mode, uint32_t major, uint32_t minor)
{
	note("mknod %s %x %u:%u;", path, mode & SYS_S_IFMT, major, minor);
	return 0;
}

long pod_sys_exec(const char *path, char *const *argv, char *const *envp)
{
	note("exec %s %s %s %s;", path, argv[0], argv[1], envp[0]);
	if (starts && strcmp(path, starts) == 0)
		longjmp(over, 1);
	return strcmp(path, "/bad") == 0 ? -8 : -SYS_ENOENT;
}

void pod_sys_exit(int code)
{
	note("exit %d;", code);
	longjmp(over, 1);
}

long pod_sys_stat(const char *path, bool follow, struct pod_sys_stat *st)
{
	CHECK(!follow);
	CHECK_STR(path, ROOT "/dev");
	st->mode = has_dev ? SYS_S_IFDIR : SYS_S_IFLNK;
	return 0;
}

bool pod_sys_no_child(void)
{
	return watcher_ended;
}

uint32_t pod_sys_now_ms(void)
{
	return now_ms;
}

void pod_sleep_ms(unsigned ms)
{
	now_ms += ms;
	if (now_ms - 0xffffff00 > 700000) /* for ever */
		longjmp(over, 1);
}

long pod_sys_mkdir(const char *path, uint32_t mode)
{
	(void)path, (void)mode;
	return 0;
}

long pod_sys_unlink(const char *path, int flags)
{
	if (!strstr(calls, "unlink") ||
	    strcmp(path, NODE) != 0) /* before it is made; that it is taken away is seen in a real machine */
		note("unlink %s %x;", path, flags);
	return 0;
}

long pod_sys_umount_detach(const char *target)
{
	note("umount %s;", target);
	return 0;
}

long pod_sys_chdir(const char *path)
{
	note("chdir %s;", path);
	return 0;
}

long pod_sys_chroot(const char *path)
{
	note("chroot %s;", path);
	return 0;
}

static char written[64];

long pod_sys_open(const char *path, int flags)
{
	CHECK_STR(path, SHOWN);
	CHECK_EQ(flags, SYS_O_WRONLY);
	return shown ? 3 : -SYS_ENOENT;
}

long pod_sys_write(int fd, const void *buf, size_t n)
{
	CHECK_EQ(fd, 3);
	snprintf(written, sizeof written, "%.*s", (int)n, (const char *)buf);
	return (long)n;
}

long pod_sys_close(int fd)
{
	(void)fd;
	return 0;
}

void pod_say_open(void)
{
}

void pod_say(enum pod_say_level level, const char *fmt, ...)
{
	va_list ap;
	size_t n = strlen(said);
	if (level != POD_SAY_ERROR)
		return;
	va_start(ap, fmt);
	vsnprintf(said + n, sizeof said - n, fmt, ap);
	va_end(ap);
	strcat(said, ";");
}

/* --- the command line --- */

static struct pod_root_args a;
static char line[512];

static void args(const char *text)
{
	snprintf(line, sizeof line, "%s", text);
	pod_root_args(line, &a);
}

TEST(words_of_the_command_line)
{
	args("BOOT_IMAGE=/x quiet root=/dev/sda1  rw root=PARTUUID=1-02 rootfstype=squashfs,ext4\trootflags=a,b=c init=/etc/x ro rootdelay=7 rootwait");
	CHECK_STR(a.root, "PARTUUID=1-02");
	CHECK_STR(a.types, "squashfs,ext4");
	CHECK_STR(a.flags, "a,b=c");
	CHECK_STR(a.init, "/etc/x");
	CHECK(!a.rw && a.wait);
	CHECK_EQ(a.wait_s, 7);
	args("ro rw rootwait=99999999999999");
	CHECK(a.rw && !a.wait && !a.root && !a.types && !a.flags && !a.init);
	CHECK_EQ(a.wait_s, 86400);
	args("");
	CHECK(!a.rw && !a.root);
}

TEST(words_that_only_look_like_it)
{
	args("notroot=1 rootx=2 row rwx xroot=3 rootfstype rootwaiting root -- root=/dev/sdb init=/y rw");
	CHECK(!a.root && !a.types && !a.init && !a.rw && !a.wait);
}

TEST(quotes)
{
	args("rootflags=\"x y\" \"root=PARTLABEL=the root\" init=\"/a b\" rw");
	CHECK_STR(a.flags, "x y");
	CHECK_STR(a.root, "PARTLABEL=the root");
	CHECK_STR(a.init, "/a b");
	CHECK(a.rw);
	args("rootflags=\"\" root=a\"b c\" rw");
	CHECK_STR(a.flags, "");
	CHECK_STR(a.root, "a\"b c\"");
	CHECK(a.rw);
	args("\"\" rw");
	CHECK(a.rw);
	args("rw root=\"");
	CHECK_STR(a.root, "");
	args("rw root=\"never ends ro");
	CHECK_STR(a.root, "never ends ro");
	CHECK(a.rw);
	args("\"");
	CHECK(!a.root);
}

/* --- what is found --- */

static const char *found(const char *root)
{
	static struct pod_root_dev dev;
	struct pod_root_want w;
	const char *why;
	if (!pod_root_parse(root, &w, &why))
		return why;
	return pod_root_find(&w, shown, &dev) ? dev.name : "-";
}

#define UNKNOWN "a kernel does not know what that is"

TEST(names_are_of_the_disk_that_is_shown)
{
	static const char *const two[] = {"sda2",  "sdb2",	"hda2",	      "vda2",	   "xvda2",
					  "sdaa2", "mmcblk0p2", "mmcblk12p2", "nvme0n1p2", "nvme1n12p2"};
	static const char *const whole[] = {"sda", "vdb", "mmcblk0", "nvme0n1"};
	static const char *const none[] = {"sda4",     "sda02",	    "sda2x",	  "sd2",       "mmcblk0p",
					   "mmcblkp2", "nvme0p2",   "nvme0n1p2p", "nvme0n1x2", "md2",
					   "sda2/x",   "mmcblk0x2", "ram0",	  "nfs",       "sda99999999999999999999"};
	char root[40];
	begin();
	for (size_t i = 0; i < POD_ARRAY_LEN(two); i++) {
		snprintf(root, sizeof root, "/dev/%s", two[i]);
		CHECK_STR(found(root), "loop0p2");
	}
	for (size_t i = 0; i < POD_ARRAY_LEN(whole); i++) {
		snprintf(root, sizeof root, "/dev/%s", whole[i]);
		CHECK_STR(found(root), "loop0");
	}
	for (size_t i = 0; i < POD_ARRAY_LEN(none); i++) {
		snprintf(root, sizeof root, "/dev/%s", none[i]);
		CHECK_STR(found(root), "-");
	}
	CHECK_STR(found("/dev/loop0p5"), "loop0p5");
	/* which has none of that number */
	CHECK_STR(found("/dev/sda3"), "sda3");
	CHECK_STR(found("/dev/sdb3"), "-");
	CHECK_STR(found("/dev/../sda3"), UNKNOWN);
	CHECK_STR(found("/dev/"), UNKNOWN);
	block[6].name = "cciss!c0d0p5";
	CHECK_STR(found("/dev/cciss/c0d0p5"), "cciss!c0d0p5");
	/* what is shown is no disk */
	shown = "";
	CHECK_STR(found("/dev/sda1"), "sda1");
	CHECK_STR(found("/dev/sda2"), "-");
}

TEST(numbers)
{
	begin();
	CHECK_STR(found("8:2"), "loop0p2");
	CHECK_STR(found("8:18"), "loop0p2");
	CHECK_STR(found("0802"), "loop0p2");
	CHECK_STR(found("802"), "loop0p2");
	CHECK_STR(found("3:65"), "loop0p1");
	CHECK_STR(found("803"), "sda3");
	CHECK_STR(found("259:5"), "loop0p5");
	CHECK_STR(found("0x802"), UNKNOWN);
	CHECK_STR(found("8:"), UNKNOWN);
	CHECK_STR(found("8:2x"), UNKNOWN);
	CHECK_STR(found("800000802"), UNKNOWN);
	CHECK_STR(found("ubi0:rootfs"), UNKNOWN);
	CHECK_STR(found("sda2"), UNKNOWN);
	CHECK_STR(found("fe01"), "-");
	add("vda1", 0xfe, 1, 0, NULL);
	CHECK_STR(found("fe01"), "vda1");
	CHECK_STR(found("FE01"), "vda1");
	CHECK_STR(found("UUID=1234"),
		  "without an initramfs of its own a kernel cannot look for it by what is inside a file system");
	CHECK_STR(found("LABEL=x"), found("UUID=1234"));
}

TEST(partuuid_of_an_mbr)
{
	begin();
	CHECK_STR(found("PARTUUID=cafe0001-02"), "loop0p2");
	CHECK_STR(found("PARTUUID=CAFE0001-05"), "loop0p5");
	CHECK_STR(found("PARTUUID=cafe0002-03"), "sda3");
	CHECK_STR(found("PARTUUID=cafe0001-03"), "-");
	CHECK_STR(found("PARTUUID=cafe0001-0"), "-");
	CHECK_STR(found("PARTUUID=cafe0001-02/PARTNROFF=3"), "loop0p5");
	CHECK_STR(found("PARTUUID=cafe0001-02/PARTNROFF=-1"), "loop0p1");
	CHECK_STR(found("PARTUUID=cafe0001-02/PARTNROFF=0"), "loop0p2");
	CHECK_STR(found("PARTUUID=cafe0001-02/PARTNROFF=-2"), "-"); /* not the disk itself */
	CHECK_STR(found("PARTUUID=cafe0001-02/PARTNROFF=-3"), "-");
	CHECK_STR(found("PARTUUID=cafe0001-01/PARTNROFF=2"), "-"); /* the other disk has a number 3 */
	CHECK_STR(found("PARTUUID=cafe0001-02/PARTNROFF="), UNKNOWN);
	CHECK_STR(found("PARTUUID=cafe0001-02/PARTNROFF=1x"), UNKNOWN);
	CHECK_STR(found("PARTUUID=cafe0001-02/x"), UNKNOWN);
	CHECK_STR(found("PARTUUID=/PARTNROFF=1"), UNKNOWN);
	CHECK_STR(found("PARTUUID="), UNKNOWN);
	/* the same on both disks */
	put_mbr(1, 0xcafe0001, 0x83);
	CHECK_STR(found("PARTUUID=cafe0001-01"), "loop0p1");
	table[0][511] = 0;
	CHECK_STR(found("PARTUUID=cafe0001-02"), "-");
}

TEST(partuuid_of_a_gpt)
{
	begin();
	put_gpt(0, 512, 128);
	CHECK_STR(found("PARTUUID=" GUID_A), "loop0p2");
	CHECK_STR(found("PARTUUID=C3D1F2A0-1234-5678-9ABC-DEF012345678"), "loop0p2");
	CHECK_STR(found("PARTUUID=" GUID_B "/PARTNROFF=1"), "loop0p2");
	CHECK_STR(found("PARTUUID=00000000-02"), "-");
	put_gpt(0, 512, 1); /* no more entries than that */
	CHECK_STR(found("PARTUUID=" GUID_A), "-");
	CHECK_STR(found("PARTUUID=" GUID_B), "loop0p1");
	sector_size = 4096;
	CHECK_STR(found("PARTUUID=" GUID_B), "-");
	put_gpt(0, 4096, 128);
	CHECK_STR(found("PARTUUID=" GUID_A), "loop0p2");
	sector_size = -1;
	CHECK_STR(found("PARTUUID=" GUID_A), "-");
}

TEST(a_gpt_that_lies)
{
	begin();
	put_gpt(0, 512, 128);
	pod_put_le64(table[0] + 512 + 72, UINT64_MAX / 512);
	CHECK_STR(found("PARTUUID=" GUID_A), "-");
	pod_put_le64(table[0] + 512 + 72, UINT32_MAX);
	CHECK_STR(found("PARTUUID=" GUID_A), "-");
	pod_put_le64(table[0] + 512 + 72, 3);
	pod_put_le32(table[0] + 512 + 84, 0);
	CHECK_STR(found("PARTUUID=" GUID_B), "-");
	pod_put_le32(table[0] + 512 + 84, UINT32_MAX);
	CHECK_STR(found("PARTUUID=" GUID_B), "-");
}

TEST(labels_of_partitions)
{
	begin();
	CHECK_STR(found("PARTLABEL=mine"), "loop0p2");
	CHECK_STR(found("PARTLABEL=mine, too"), "loop0p5");
	CHECK_STR(found("PARTLABEL=other"), "sda1");
	CHECK_STR(found("PARTLABEL=Mine"), "-");
	CHECK_STR(found("PARTLABEL=min"), "-");
	CHECK_STR(found("PARTLABEL=" GUID_A GUID_A GUID_A), UNKNOWN);
}

/* --- all of it --- */

static void run(const char *words)
{
	char word[] = "/init", second[] = "single", home[] = "HOME=/";
	char *argv[] = {word, second, NULL}, *envp[] = {home, NULL};
	cmdline = words;
	if (!setjmp(over))
		pod_root_run(argv, envp);
}

#define TRY(type, flags, data) "mount /dev/root /root " type " " flags " " data ";"
#define SWITCH                                                                                                                   \
	"umount /isopod/sys;umount /isopod/proc;each /isopod/dev;unlink /isopod/dev 200;unlink /isopod/proc 200;"                \
	"unlink /isopod/sys 200;unlink /isopod 200;unlink /isopod-shown 0;unlink /init 0;chdir /root;mount . / - 2000 -;chroot .;chdir /;"

static const char *after(const char *mark)
{
	const char *p = strstr(calls, mark);
	return p ? p + strlen(mark) : "(never)";
}

TEST(the_whole_way)
{
	begin();
	run("root=/dev/sda2");
	CHECK_STR(calls, "mount devtmpfs /dev devtmpfs 0 -;mount proc /isopod/proc proc 0 -;mount sysfs /isopod/sys sysfs 0 -;"
			 "unlink /dev/root 0;mknod /dev/root 6000 259:1;" TRY("ext4", "8001", "-")
				 TRY("squashfs", "8001", "-") "mount /dev /root/dev - 2000 -;" SWITCH
							      "exec /sbin/init /sbin/init single HOME=/;");
	CHECK_STR(said, "");
}

TEST(a_root_without_folder_for_devices)
{
	begin();
	has_dev = false;
	run("root=/dev/sda2");
	CHECK_STR(after(TRY("squashfs", "8001", "-")), "umount /dev;" SWITCH "exec /sbin/init /sbin/init single HOME=/;");
}

TEST(types_and_options)
{
	begin();
	mounts_as = "vfat";
	run("root=/dev/sda2 rootfstype=nosuch,,ext2,vfat rootflags=data=x rw");
	CHECK(strstr(calls,
		     TRY("nosuch", "8000", "data=x") TRY("ext2", "8000", "data=x") TRY("vfat", "8000", "data=x") "mount /dev "));
}

TEST(read_only_where_it_cannot_be_written_to)
{
	begin();
	only_read = true;
	run("root=/dev/sda2 rw rootfstype=ext4,squashfs");
	CHECK(strstr(calls, TRY("squashfs", "8000", "-") TRY("ext4", "8001", "-") TRY("squashfs", "8001", "-") "mount /dev "));
}

TEST(busy_for_a_while)
{
	begin();
	busy = 100;
	run("root=/dev/sda2 rootfstype=squashfs");
	CHECK(strstr(calls, "exec /sbin/init"));
	CHECK_STR(said, "loop0p2, the root, is in use; waiting;");
}

TEST(no_type_fits)
{
	begin();
	mounts_as = NULL;
	run("root=/dev/sda2 rootfstype=nosuch,ext4");
	CHECK_STR(said, "loop0p2, the root, cannot be mounted as nosuch,ext4: error 19;");
	CHECK_STR(after("unlink /dev/root 0;"),
		  "mknod /dev/root 6000 259:1;" TRY("nosuch", "8001", "-") TRY("ext4", "8001", "-") "exit 1;");
	begin();
	mounts_as = NULL;
	filesystems = "";
	run("root=/dev/sda2 rootfstype=");
	CHECK(strstr(said, "the root, cannot be mounted as"));
	CHECK(!strstr(calls, "exec"));
}

/* No part of a name is taken for a name. */
TEST(a_type_that_is_too_long)
{
	begin();
	run("root=/dev/sda2 rootfstype=squashfsxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,squashfs");
	CHECK(strstr(calls, "259:1;" TRY("squashfs", "8001", "-") "mount /dev "));
}

TEST(no_root_at_all)
{
	begin();
	run("quiet root=");
	CHECK_STR(said, "no init found in the initramfs, and the kernel's command line has no root=;");
	begin();
	run("root=UUID=1234");
	CHECK(strstr(said, "root=UUID=1234: without an initramfs"));
	CHECK(strstr(calls, "exit 1;"));
}

TEST(the_watcher_ended)
{
	begin();
	shown = NULL;
	watcher_ended = true;
	run("root=/dev/sda2");
	CHECK_STR(said, "the disk in the image was not shown, so there is no root to mount;");
	CHECK(strstr(calls, "exit 1;"));
	/* after it had shown it */
	begin();
	watcher_ended = true;
	run("root=/dev/sda2");
	CHECK(strstr(calls, "exec /sbin/init"));
}

TEST(a_disk_that_is_late)
{
	begin();
	shown = NULL;
	run("root=/dev/sda2");
	CHECK_STR(said, "the root waits for the disk in the image, which has not been shown within 60 seconds;");
	CHECK(!strstr(calls, "exit"));
}

TEST(a_root_that_is_not_there)
{
	begin();
	run("root=/dev/sda4");
	CHECK_STR(said, "root=/dev/sda4 is neither on loop0 nor elsewhere; waiting for it;root=/dev/sda4 has not appeared;");
	CHECK_EQ((now_ms - 0xffffff00 - LAST_MS) / 1000, 10);
	begin();
	run("root=/dev/sda4 rootdelay=20");
	CHECK_EQ((now_ms - 0xffffff00 - LAST_MS) / 1000, 20);
	begin();
	run("root=/dev/sda4 rootwait");
	CHECK(!strstr(calls, "exit"));
	begin();
	shown = "-";
	run("root=/dev/sda1");
	CHECK(strstr(calls, "mknod /dev/root 6000 8:1;"));
}

TEST(which_init)
{
	begin();
	starts = "/bin/sh";
	run("root=/dev/sda2");
	CHECK_STR(after("chroot .;chdir /;"), "exec /sbin/init /sbin/init single HOME=/;exec /etc/init /etc/init single HOME=/;"
					      "exec /bin/init /bin/init single HOME=/;exec /bin/sh /bin/sh single HOME=/;");
	CHECK_STR(said, "");
	begin();
	starts = NULL;
	run("root=/dev/sda2");
	CHECK_STR(said, "no init found in the root;");
	/* the one that is asked for, or none */
	begin();
	run("root=/dev/sda2 init=/bad");
	CHECK_STR(after("chroot .;chdir /;"), "exec /bad /bad single HOME=/;exit 1;");
	CHECK_STR(said, "init=/bad cannot be started: error 8;");
}

TEST(what_the_watcher_leaves)
{
	begin();
	pod_root_begin();
	CHECK_STR(calls, "mknod /isopod-shown 8000 0:0;");
	pod_root_shown("loop7");
	CHECK_STR(written, "loop7");
	pod_root_shown("");
	CHECK_STR(written, "-");
	written[0] = 0;
	shown = NULL;
	pod_root_shown("loop7");
	CHECK_STR(written, "");
}
