/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of optical drives that lead to the image, in made-up machines: a drive that is there, one that comes late, a medium that is mounted
 * by another name. shim_show.py does the same under a kernel. */
#include "tests/unit/test.h"
#include "linux/attach_optical.c"
#include "linux/observe.c"

#define DEV POD_NAME_DEVTMPFS "/"

/* Everything that is there, by its whole path. */
static struct {
	char path[96], text[96]; /* text: of a file, or the target of a link */
	uint32_t mode, major, minor;
} file[48];
static unsigned files;
static struct pod_names names;

static int find(const char *path)
{
	for (unsigned i = 0; i < files; i++)
		if (strcmp(file[i].path, path) == 0)
			return (int)i;
	return -1;
}

static long add(const char *path, uint32_t mode, const char *text, uint32_t major, uint32_t minor)
{
	if (find(path) >= 0)
		return -17; /* EEXIST */
	snprintf(file[files].path, sizeof file[0].path, "%s", path);
	snprintf(file[files].text, sizeof file[0].text, "%s", text);
	file[files].mode = mode;
	file[files].major = major;
	file[files++].minor = minor;
	return 0;
}

/* --- what the shim asks the system --- */

long pod_sys_stat(const char *path, bool follow, struct pod_sys_stat *st)
{
	int i = find(path);
	(void)follow;
	if (i < 0)
		return -SYS_ENOENT;
	*st = (struct pod_sys_stat){.mode = file[i].mode, .rdev = (uint64_t)file[i].major << 32 | file[i].minor};
	return 0;
}

long pod_sys_mknod(const char *path, uint32_t mode, uint32_t major, uint32_t minor)
{
	return add(path, mode, "", major, minor);
}

long pod_sys_symlink(const char *target, const char *path)
{
	return add(path, SYS_S_IFLNK, target, 0, 0);
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

long pod_sys_readlink(const char *path, char *buf, size_t n)
{
	int i = find(path);
	if (i < 0 || file[i].mode != SYS_S_IFLNK)
		return -SYS_EINVAL;
	size_t len = strlen(file[i].text);
	memcpy(buf, file[i].text, len < n ? len : n);
	return (long)(len < n ? len : n);
}

long pod_read_text(const char *path, char *buf, size_t size)
{
	int i = find(path);
	return i < 0 ? -SYS_ENOENT : snprintf(buf, size, "%s", file[i].text);
}

bool pod_parse_dev(const char *text, uint32_t *major, uint32_t *minor)
{
	return sscanf(text, "%u:%u", major, minor) == 2;
}

uint64_t pod_parse_u64(const char *text)
{
	return strtoull(text, NULL, 10);
}

void pod_split_dev(uint64_t dev, uint32_t *major, uint32_t *minor)
{
	*major = (uint32_t)(dev >> 32);
	*minor = (uint32_t)dev;
}

/* --- machines --- */

static void begin(void)
{
	files = 0;
	names = (struct pod_names){.major = 8, .minor = 1, .count = 1, .lent = {{.name = "sda"}}};
	add(DEV "sda", SYS_S_IFBLK, "", 8, 1);
}

static void drive(unsigned n)
{
	char path[64], dev[16];
	snprintf(path, sizeof path, POD_SYS_DIR "/block/sr%u", n);
	add(path, 0, "", 0, 0);
	snprintf(path, sizeof path, POD_SYS_DIR "/block/sr%u/dev", n);
	snprintf(dev, sizeof dev, "11:%u", n);
	add(path, 0, dev, 0, 0);
}

/* "8:1", "->sr0", "" for what is not there */
static const char *at(const char *name)
{
	static char said[4][128];
	static unsigned k;
	char path[96], *out = said[k++ % 4];
	snprintf(path, sizeof path, DEV "%s", name);
	int i = find(path);
	if (i < 0)
		snprintf(out, sizeof said[0], "%s", "");
	else if (file[i].mode == SYS_S_IFLNK)
		snprintf(out, sizeof said[0], "->%s", file[i].text);
	else
		snprintf(out, sizeof said[0], "%u:%u", file[i].major, file[i].minor);
	return out;
}

static void mounted_from(const char *source)
{
	char text[96];
	snprintf(text, sizeof text, "30 1 8:1 / /cdrom ro - iso9660 %s ro\n", source);
	add(POD_PROC_DIR "/1/mountinfo", 0, text, 0, 0);
}

TEST(optical_alone)
{
	begin();
	pod_optical_keep(&names);
	CHECK_STR(at("sr0"), "8:1");
	CHECK_STR(at("cdrom"), "->sr0");
	CHECK_STR(at("dvd"), "->sr0");
	unsigned n = files;
	pod_optical_keep(&names);
	CHECK_EQ(files, n);
	CHECK(find(POD_NAME_FIRST_DEV "/sr0") < 0); /* nobody looks for devices there yet */
	add(POD_NAME_FIRST_DEV "/sda", SYS_S_IFBLK, "", 8, 1);
	pod_optical_keep(&names);
	CHECK(find(POD_NAME_FIRST_DEV "/sr0") >= 0 && find(POD_NAME_FIRST_DEV "/cdrom") >= 0);
}

TEST(optical_beside_drives)
{
	begin();
	drive(0);
	add(DEV "sr0", SYS_S_IFBLK, "", 11, 0);
	add(DEV "cdrom", SYS_S_IFLNK, "sr0", 0, 0);
	pod_optical_keep(&names);
	CHECK_STR(at("sr0"), "11:0");
	CHECK_STR(at("cdrom"), "->sr0");
	CHECK_STR(at("sr1"), "8:1");
	CHECK_STR(at("cdrom1"), "->sr1");
	CHECK_STR(at("dvd1"), "->sr1");
}

/* The kernel cannot make the node of a drive that comes late: its name is there. */
TEST(optical_late_drive)
{
	begin();
	pod_optical_keep(&names);
	drive(0);
	pod_optical_keep(&names);
	CHECK_STR(at("sr0"), "11:0");
	CHECK_STR(at("sr1"), "8:1");
	CHECK_STR(at("cdrom"), "");
	CHECK_STR(at("cdrom1"), "->sr1");
	drive(1);
	pod_optical_keep(&names);
	CHECK_STR(at("sr1"), "11:1");
	CHECK_STR(at("sr2"), "8:1");
}

TEST(optical_end)
{
	static const struct {
		const char *source, *left;
	} medium[] = {{"/dev/sda1", ""}, {"/dev/sr0", "8:1"}, {"/dev/cdrom", "8:1"}, {NULL, "8:1"}};
	for (size_t i = 0; i < POD_ARRAY_LEN(medium); i++) {
		begin();
		pod_optical_keep(&names);
		if (medium[i].source)
			mounted_from(medium[i].source);
		pod_optical_end(&names);
		CHECK_STR(at("sr0"), medium[i].left);
		CHECK_STR(at("cdrom"), *medium[i].left ? "->sr0" : "");
		CHECK_STR(at("sda"), "8:1");
	}
	/* somebody else's link stays */
	begin();
	add(DEV "dvd", SYS_S_IFLNK, "sr7", 0, 0);
	pod_optical_keep(&names);
	mounted_from("/dev/sda1");
	pod_optical_end(&names);
	CHECK_STR(at("dvd"), "->sr7");
}

TEST(optical_no_number_left)
{
	begin();
	for (unsigned i = 0; i < 10; i++)
		drive(i);
	unsigned n = files;
	pod_optical_keep(&names);
	CHECK_EQ(files, n);
}
