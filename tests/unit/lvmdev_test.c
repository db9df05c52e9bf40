/* SPDX-License-Identifier: BSD-2-Clause */
/* LVM's devices file in made-up systems: with one, without; with a physical volume that it lists, with others. */
#include "tests/unit/test.h"
#include "linux/lvmdev.c"

#define ID_A "aaaaaabbbbccccddddeeeeffffgggggg"
#define ID_B "AAAAAABBBBCCCCDDDDEEEEFFFFGGGGGG"
#define LOOP POD_SYS_DIR "/block/loop3/loop3p"

/* Everything that is there. */
static struct {
	char path[128], text[2 * TEXT];
	size_t len;
} file[16];
static unsigned files;
/* A partition with a label in this sector, by its minor number; 0: without one. */
static struct {
	const char *id;
	unsigned sector;
} label[8];
static unsigned nodes; /* opened as block devices */
static struct pod_shown shown = {.name = "loop3"};

static int find(const char *path)
{
	for (unsigned i = 0; i < files; i++)
		if (strcmp(file[i].path, path) == 0)
			return (int)i;
	return -1;
}

static void put(const char *path, const char *text)
{
	snprintf(file[files].path, sizeof file[0].path, "%s", path);
	file[files].len = (size_t)snprintf(file[files].text, sizeof file[0].text, "%s", text);
	files++;
}

static const char *text_of(const char *path)
{
	int i = find(path);
	return i < 0 ? "(not there)" : file[i].text;
}

/* Partition 2 with volume A, partition 5 with none, partition 7 with B. */
static void begin(const char *devices)
{
	files = nodes = 0;
	memset(label, 0, sizeof label);
	label[2].id = ID_A;
	label[2].sector = 1;
	label[7].id = ID_B;
	label[7].sector = 3;
	put(LOOP "2/dev", "259:2");
	put(LOOP "2/uevent", "");
	put(LOOP "5/dev", "259:5");
	put(LOOP "5/uevent", "");
	put(LOOP "7/dev", "259:7");
	put(LOOP "7/uevent", "");
	if (devices)
		put(DEVICES, devices);
}

/* --- what the shim asks the system --- */

long pod_sys_stat(const char *path, bool follow, struct pod_sys_stat *st)
{
	(void)follow;
	*st = (struct pod_sys_stat){.mode = 0};
	return find(path) < 0 ? -SYS_ENOENT : 0;
}

long pod_sys_mknod(const char *path, uint32_t mode, uint32_t major, uint32_t minor)
{
	(void)mode, (void)major, (void)minor;
	put(path, "");
	return 0;
}

long pod_sys_mkdir(const char *path, uint32_t mode)
{
	(void)mode;
	put(path, "");
	return 0;
}

long pod_sys_symlink(const char *target, const char *path)
{
	put(path, target);
	return 0;
}

long pod_sys_unlink(const char *path, int flags)
{
	int i = find(path);
	(void)flags;
	if (i < 0)
		return -SYS_ENOENT;
	file[i] = file[--files];
	return 0;
}

long pod_sys_rename(const char *from, const char *to)
{
	(void)pod_sys_unlink(to, 0);
	snprintf(file[find(from)].path, sizeof file[0].path, "%s", to);
	return 0;
}

long pod_sys_open(const char *path, int flags)
{
	(void)flags;
	return find(path);
}

long pod_sys_close(int fd)
{
	(void)fd;
	return 0;
}

long pod_sys_write(int fd, const void *buf, size_t n)
{
	memcpy(file[fd].text, buf, n);
	file[fd].text[n] = 0;
	file[fd].len = n;
	return (long)n;
}

long pod_open_node(const char *name, uint32_t type, uint32_t major, uint32_t minor, int flags)
{
	(void)name, (void)type, (void)flags;
	CHECK_EQ(major, 259);
	nodes++;
	return 100 + (long)minor;
}

long pod_sys_pread(int fd, void *buf, size_t n, uint64_t off)
{
	uint8_t *p = buf;
	CHECK_EQ(off, 0);
	memset(p, 0, n);
	if (label[fd - 100].id) {
		p += (size_t)label[fd - 100].sector * SECTOR;
		memcpy(p, "LABELONE", 8);
		p[0x14] = 0x20;
		memcpy(p + 0x18, "LVM2 001", 8);
		memcpy(p + 0x20, label[fd - 100].id, ID);
	}
	return (long)n;
}

long pod_read_text(const char *path, char *buf, size_t size)
{
	int i = find(path);
	if (i < 0)
		return -SYS_ENOENT;
	size_t len = file[i].len < size - 1 ? file[i].len : size - 1;
	memcpy(buf, file[i].text, len);
	while (len && buf[len - 1] == '\n')
		len--;
	buf[len] = 0;
	return (long)len;
}

bool pod_parse_dev(const char *text, uint32_t *major, uint32_t *minor)
{
	return sscanf(text, "%u:%u", major, minor) == 2;
}

void pod_say(enum pod_say_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

/* --- the tests --- */

#define LINE_A "IDTYPE=devname IDNAME=/dev/loop3p2 DEVNAME=/dev/loop3p2 PVID=" ID_A " PART=2\n"
#define LINE_B "IDTYPE=devname IDNAME=/dev/loop3p7 DEVNAME=/dev/loop3p7 PVID=" ID_B " PART=7\n"

TEST(a_line_names_the_partition)
{
	begin("# PVID=" ID_A "\nVERSION=1.1.2\nIDTYPE=sys_wwid IDNAME=naa.5 DEVNAME=/dev/sda2 PVID=" ID_A " PART=2\n"
	      "IDTYPE=crypt_uuid IDNAME=CRYPT-x DEVNAME=/dev/dm-1 PVID=cccccccccccccccccccccccccccccccc\n");
	pod_lvmdev_shown(&shown);
	CHECK_STR(text_of(DEVICES), "# PVID=" ID_A "\nVERSION=1.1.2\n" LINE_A
				    "IDTYPE=crypt_uuid IDNAME=CRYPT-x DEVNAME=/dev/dm-1 PVID=cccccccccccccccccccccccccccccccc\n");
	CHECK_STR(text_of(DEVICES "_isopod"), "(not there)");
	CHECK_STR(text_of(LOOP "2/uevent"), "change");
	CHECK_STR(text_of(LOOP "5/uevent"), "");
	CHECK_STR(text_of(LOOP "7/uevent"), "");
	CHECK_STR(text_of(UNITS "/" SERVICE), "(not there)");
}

/* Also where the same partition is named for another volume, which the disk has not got. */
TEST(all_that_are_listed_and_only_they)
{
	begin("IDTYPE=sys_serial IDNAME=x DEVNAME=/dev/sdb7 PVID=dddddddddddddddddddddddddddddddd PART=7\n"
	      "IDTYPE=devname IDNAME=/dev/vda7 DEVNAME=/dev/vda7 PVID=" ID_B " PART=7\nIDTYPE=sys_wwid IDNAME=x PVID=" ID_A "\n");
	pod_lvmdev_shown(&shown);
	CHECK_STR(text_of(DEVICES),
		  "IDTYPE=sys_serial IDNAME=x DEVNAME=/dev/sdb7 PVID=dddddddddddddddddddddddddddddddd PART=7\n" LINE_B LINE_A);
	CHECK_STR(text_of(LOOP "2/uevent"), "change");
	CHECK_STR(text_of(LOOP "7/uevent"), "change");
}

TEST(a_file_without_them_stays)
{
	begin("VERSION=1.1.2\nIDTYPE=sys_wwid IDNAME=naa.5 DEVNAME=/dev/sda2 PVID=. PART=2\n");
	pod_lvmdev_shown(&shown);
	CHECK_STR(text_of(DEVICES), "VERSION=1.1.2\nIDTYPE=sys_wwid IDNAME=naa.5 DEVNAME=/dev/sda2 PVID=. PART=2\n");
	CHECK_STR(text_of(LOOP "2/uevent"), "");
}

/* Nobody would see it. */
TEST(nothing_is_read_without_file_and_systemd)
{
	begin(NULL);
	pod_lvmdev_shown(&shown);
	CHECK_EQ(nodes, 0);
	CHECK_EQ(files, 6);
}

TEST(systemd_is_given_a_service)
{
	begin(NULL);
	put(UNITS, "");
	pod_lvmdev_shown(&shown);
	CHECK_STR(text_of(UNITS "/sysinit.target.wants/" SERVICE), "../" SERVICE);
	CHECK(strstr(text_of(UNITS "/" SERVICE), "ConditionPathExists=" DEVICES "\n"));
	const char *script = text_of(IN_RUN "/" SCRIPT);
	CHECK(strstr(script, "-e 's,^[^#].*PVID=" ID_A ".*,IDTYPE=devname IDNAME=/dev/loop3p2 DEVNAME=/dev/loop3p2 PVID=" ID_A
			     " PART=2,'"));
	CHECK(strstr(script, "PVID=" ID_B " PART=7,'"));
	/* a copy with the label of /run would be hidden from LVM by SELinux */
	const char *label_line = strstr(script, "\nchcon --reference=" DEVICES " /run/lvm/isopod.devices 2>/dev/null || :\n");
	CHECK(label_line && strstr(label_line, "\nmount --bind "));
}

TEST(a_disk_without_volumes_needs_none)
{
	begin("VERSION=1.1.2\n");
	put(UNITS, "");
	label[2].id = label[7].id = NULL;
	pod_lvmdev_shown(&shown);
	CHECK_EQ(nodes, 3);
	CHECK_STR(text_of(UNITS "/" SERVICE), "(not there)");
	CHECK_STR(text_of(DEVICES), "VERSION=1.1.2\n");
}

/* No character of it is anything to sed or to LVM but itself. */
TEST(an_identifier_is_letters_and_digits)
{
	begin(NULL);
	put(UNITS, "");
	label[2].id = "aaaaaabbbbccccddddeeee,ffgggggg'";
	pod_lvmdev_shown(&shown);
	CHECK(!strstr(text_of(IN_RUN "/" SCRIPT), "PVID=aaaa"));
	CHECK(strstr(text_of(IN_RUN "/" SCRIPT), "PVID=" ID_B));
}

/* A file with no room for the longer lines stays as it was: half of it would be worse. */
TEST(a_file_that_is_too_long_stays)
{
	static char text[TEXT];
	memset(text, '#', sizeof text);
	snprintf(text + TEXT - 60, 59, "\nIDTYPE=x PVID=" ID_A);
	begin(text);
	pod_lvmdev_shown(&shown);
	CHECK_STR(text_of(DEVICES), text);
	begin(NULL);
	memset(text, '#', sizeof text);
	text[TEXT - 2] = 0;
	put(DEVICES, text);
	file[files - 1].text[TEXT - 1] = 'x';
	pod_lvmdev_shown(&shown);
	CHECK_EQ(strlen(text_of(DEVICES)), TEXT - 2);
}
