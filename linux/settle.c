/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long to wait, once the stick was found, for another one that looks the same.
 *
 * Until the image is shown, the distribution's search goes round over the disk and the data partition, a megabyte for each device
 * in each round, so waiting is not free.
 *
 * The usb-storage driver registers a SCSI host for a device as soon as that is enumerated, and looks at it only after a pause
 * (module parameter delay_use, one second unless told otherwise; drivers/usb/storage/usb.c). So when the first disk of such a
 * host appears, all sticks that were plugged in before have their hosts, and whether one of them still has to show its disk can
 * be seen:
 *
 *   /sys/class/scsi_host/hostN/proc_name                       "usb-storage"
 *   /sys/class/scsi_host/hostN/device/targetN:0:0/N:0:0:L/type    0 is a disk; then there is a folder "block" when it can be read
 *
 * Every other bus has no such order, and there only silence for a while tells.
 */
#include "linux/shim.h"
#include "core/base/mem.h"

#define HOSTS_MAX 16u
#define LUNS_MAX  8u

struct hosts {
	uint32_t number[HOSTS_MAX];
	unsigned count;
	bool overflow;
};

static bool is_usb_storage(uint32_t host)
{
	char path[96], text[32];
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/class/scsi_host/host%u/proc_name", (unsigned)host);
	return pod_read_text(path, text, sizeof text) > 0 && pod_streq(text, "usb-storage");
}

static bool is_host(const char *name)
{
	return pod_strncasecmp(name, "host", 4) == 0 && name[4] >= '0' && name[4] <= '9';
}

static bool collect(void *ctx, const char *name)
{
	struct hosts *h = ctx;
	if (!is_host(name))
		return true;
	if (h->count < HOSTS_MAX)
		h->number[h->count++] = (uint32_t)pod_parse_u64(name + 4);
	else
		h->overflow = true;
	return true;
}

/* Is this disk, of a folder "block", in /sys/block too, where scans look? The folder comes first. */
static bool is_listed(void *ctx, const char *name)
{
	bool *all = ctx;
	char path[96], text[16];
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%.40s/dev", name);
	*all = pod_read_text(path, text, sizeof text) > 0;
	return *all;
}

/* The host has yet to show a disk, or to be asked at all. */
static bool is_pending(uint32_t host)
{
	char path[160], text[16];
	struct pod_sys_stat st;
	for (unsigned lun = 0; lun < LUNS_MAX; lun++) {
		size_t n = (size_t)pod_snprintf(path, sizeof path,
						POD_SYS_DIR "/class/scsi_host/host%u/device/target%u:0:0/%u:0:0:%u",
						(unsigned)host, (unsigned)host, (unsigned)host, lun);
		if (pod_sys_stat(path, true, &st) < 0) {
			if (lun == 0)
				return true;
			continue;
		}
		(void)pod_strlcpy(path + n, "/type", sizeof path - n);
		if (pod_read_text(path, text, sizeof text) <= 0)
			return true;
		if (!pod_streq(text, "0"))
			continue;
		(void)pod_strlcpy(path + n, "/block", sizeof path - n);
		bool listed = false;
		if (pod_each_name(path, is_listed, &listed) < 0 || !listed)
			return true;
	}
	return false;
}

/* /sys/block/sda is a link to "../devices/.../usb1/1-1/1-1:1.0/host2/target2:0:0/2:0:0:0/block/sda". */
static bool host_of_disk(const char *disk, uint32_t *host)
{
	char path[96], link[512];
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s", disk);
	long len = pod_sys_readlink(path, link, sizeof link - 1);
	if (len <= 0)
		return false;
	link[len] = 0;
	for (const char *p = link; *p; p++) {
		if (*p == '/' && is_host(p + 1)) {
			*host = (uint32_t)pod_parse_u64(p + 5);
			return true;
		}
	}
	return false;
}

uint32_t pod_settle_ms(const char *disk)
{
	struct hosts h = {.count = 0};
	uint32_t own;
	if (!host_of_disk(disk, &own) || !is_usb_storage(own))
		return POD_SETTLE_QUIET_MS;
	if (pod_each_name(POD_SYS_DIR "/class/scsi_host", collect, &h) < 0 || h.overflow)
		return POD_SETTLE_QUIET_MS;
	for (unsigned i = 0; i < h.count; i++)
		if (is_usb_storage(h.number[i]) && is_pending(h.number[i]))
			return POD_SETTLE_QUIET_MS;
	return 0;
}
