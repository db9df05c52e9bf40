/* SPDX-License-Identifier: BSD-2-Clause */
/* How long the shim waits for a second stick, in made-up machines: what sysfs shows at each step of a disk's way. */
#include <limits.h>
#include "tests/unit/test.h"
#include "linux/settle.c"
#include "linux/settle_usb.c"

static struct {
	const char *path, *text; /* below POD_SYS_DIR; text NULL: a folder */
} file[48];
static unsigned files;
static uint16_t port_status[8]; /* of the one hub */

static void put(const char *path, const char *text)
{
	file[files].path = path;
	file[files++].text = text;
}

/* A stick on usb-storage, uas or another bus of SCSI's, all there. */
static void begin(const char *driver)
{
	files = 0;
	memset(port_status, 0, sizeof port_status);
	put("/block/sda/dev", "8:0");
	put("/class/scsi_host/host2/proc_name", driver);
	put("/class/scsi_host/host2/state", "running");
	put("/class/scsi_host/host2/device/target2:0:0/2:0:0:0/type", "0");
	put("/class/scsi_host/host2/device/target2:0:0/2:0:0:0/block/sda", NULL);
}

/* --- what the shim asks the system --- */

static const char *below(const char *path)
{
	return path + sizeof POD_SYS_DIR - 1;
}

long pod_read_text(const char *path, char *buf, size_t size)
{
	for (unsigned i = 0; i < files; i++)
		if (file[i].text && strcmp(file[i].path, below(path)) == 0)
			return snprintf(buf, size, "%s", file[i].text);
	return -SYS_ENOENT;
}

long pod_each_name(const char *dir, bool (*cb)(void *ctx, const char *name), void *ctx)
{
	size_t n = strlen(below(dir));
	long found = -SYS_ENOENT;
	char told[16][32];
	unsigned count = 0;
	for (unsigned i = 0; i < files; i++) {
		if (strncmp(file[i].path, below(dir), n) != 0 || file[i].path[n] != '/')
			continue;
		found = 0;
		snprintf(told[count], sizeof told[0], "%.*s", (int)strcspn(file[i].path + n + 1, "/"), file[i].path + n + 1);
		bool before = false;
		for (unsigned k = 0; k < count; k++)
			before |= strcmp(told[k], told[count]) == 0;
		if (!before && !cb(ctx, told[count++]))
			break;
	}
	return found;
}

long pod_sys_stat(const char *path, bool follow, struct pod_sys_stat *st)
{
	size_t n = strlen(below(path));
	(void)follow;
	memset(st, 0, sizeof *st);
	for (unsigned i = 0; i < files; i++)
		if (strncmp(file[i].path, below(path), n) == 0 && (!file[i].path[n] || file[i].path[n] == '/'))
			return 0;
	return -SYS_ENOENT;
}

long pod_sys_readlink(const char *path, char *buf, size_t n)
{
	static const char link[] = "../devices/pci0000:00/0000:00:01.0/host2/target2:0:0/2:0:0:0/block/sda";
	if (strcmp(below(path), "/block/sda") != 0 || n < sizeof link)
		return -SYS_ENOENT;
	memcpy(buf, link, sizeof link - 1);
	return sizeof link - 1;
}

uint64_t pod_parse_u64(const char *text)
{
	return strtoull(text, NULL, 10);
}

bool pod_parse_dev(const char *text, uint32_t *major, uint32_t *minor)
{
	return sscanf(text, "%u:%u", major, minor) == 2;
}

long pod_open_node(const char *name, uint32_t type, uint32_t major, uint32_t minor, int flags)
{
	(void)name, (void)minor, (void)flags;
	return type == SYS_S_IFCHR && major == 189 ? 3 : -SYS_ENOENT;
}

long pod_sys_ioctl(int fd, unsigned long nr, void *arg)
{
	const struct control *c = arg;
	(void)fd, (void)nr;
	if (c->type != 0xa3 || c->request != 0 || c->length != 4 || c->index < 1 || c->index > 4)
		return -SYS_EINVAL;
	pod_put_le16(c->data, port_status[c->index]);
	return 4;
}

long pod_sys_close(int fd)
{
	(void)fd;
	return 0;
}

/* --- the tests --- */

#define AT_ONCE 0u

TEST(a_stick_alone)
{
	begin("usb-storage");
	CHECK_EQ(pod_settle_ms("sda"), AT_ONCE);
	begin("uas");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_SHORT_MS);
	begin("ahci");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_SHORT_MS);
	CHECK_EQ(pod_settle_ms("nvme0n1"), POD_SETTLE_SHORT_MS);
}

/* What comes step by step on another host of the same kind, and what ends the waiting. */
TEST(another_host)
{
	static const char *const driver[] = {"usb-storage", "uas"};
	for (size_t i = 0; i < POD_ARRAY_LEN(driver); i++) {
		begin(driver[i]);
		uint32_t alone_ms = pod_settle_ms("sda");
		put("/class/scsi_host/host3/proc_name", driver[i]);
		CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS);
		put("/class/scsi_host/host3/device/target3:0:0/3:0:0:0/type", "0");
		CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS);
		put("/class/scsi_host/host3/device/target3:0:0/3:0:0:0/block/sdb", NULL);
		CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS); /* scans do not see it yet */
		put("/block/sdb/dev", "8:16");
		CHECK_EQ(pod_settle_ms("sda"), alone_ms);
	}
}

TEST(empty_sata_ports)
{
	begin("ahci");
	put("/class/scsi_host/host3/proc_name", "ahci");
	put("/class/scsi_host/host3/state", "running");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_SHORT_MS);
	put("/class/scsi_host/host4/state", "recovery");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS);
}

static void put_hub(const char *speed)
{
	put("/bus/usb/devices/usb2/bDeviceClass", "09");
	put("/bus/usb/devices/usb2/bConfigurationValue", "1");
	put("/bus/usb/devices/usb2/dev", "189:128");
	put("/bus/usb/devices/usb2/maxchild", "4");
	put("/bus/usb/devices/usb2/speed", speed);
}

TEST(usb_ports)
{
	begin("uas");
	put_hub("5000");
	port_status[4] = 0x2a0; /* powered, waiting for a plug */
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_SHORT_MS);
	port_status[3] = 0x203;
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS);
	put("/bus/usb/devices/2-3/bConfigurationValue", "");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS);
	file[files - 1].text = "1";
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_SHORT_MS);
	put("/bus/usb/devices/2-3:1.0/bInterfaceClass", "08");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS);
	put("/bus/usb/devices/2-3:1.0/driver", NULL);
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_SHORT_MS);
	port_status[2] = 0x2e0; /* the link is being trained */
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS);
}

TEST(hub_behind_a_hub)
{
	begin("usb-storage");
	put("/bus/usb/devices/1-2/bDeviceClass", "09");
	put("/bus/usb/devices/1-2/bConfigurationValue", "1");
	put("/bus/usb/devices/1-2/dev", "189:5");
	put("/bus/usb/devices/1-2/maxchild", "4");
	port_status[1] = 0x103;
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS);
	put("/bus/usb/devices/1-2.1/bConfigurationValue", "1");
	CHECK_EQ(pod_settle_ms("sda"), AT_ONCE);
	port_status[1] = 0;
	port_status[2] = 0xe0; /* of USB 2: bits that mean nothing */
	CHECK_EQ(pod_settle_ms("sda"), AT_ONCE);
}

TEST(nvme)
{
	begin("ahci");
	put("/class/nvme/nvme0/state", "connecting");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS);
	file[files - 1].text = "live";
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS);
	put("/class/nvme/nvme0/nvme0n1/uuid", "");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS);
	put("/block/nvme0n1/dev", "259:0");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_SHORT_MS);
	put("/class/nvme/nvme1/state", "live");
	put("/class/nvme/nvme1/nvme1c1n1/uuid", "");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_SHORT_MS);
	put("/class/nvme/nvme2/state", "dead");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_SHORT_MS);
}

TEST(cards)
{
	begin("ahci");
	put("/class/mmc_host/mmc0/uevent", "");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_SHORT_MS);
	put("/class/mmc_host/mmc0/mmc0:4567/type", "SDIO");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_SHORT_MS);
	file[files - 1].text = "SD";
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_PENDING_MS);
	put("/class/mmc_host/mmc0/mmc0:4567/block/mmcblk0", NULL);
	put("/block/mmcblk0/dev", "179:0");
	CHECK_EQ(pod_settle_ms("sda"), POD_SETTLE_SHORT_MS);
}
