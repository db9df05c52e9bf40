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
 * be seen; if none has, there is nothing to wait for:
 *
 *   /sys/class/scsi_host/hostN/proc_name                       "usb-storage", "uas"
 *   /sys/class/scsi_host/hostN/device/targetN:0:0/N:0:0:L/type    0 is a disk; then there is a folder "block" when it can be read
 *   /sys/class/scsi_host/hostN/state                           not "running": libata still looks for the drive at a port
 *   /sys/class/nvme/nvmeN/state                                "live"; then there is a folder nvmeNn1, else it is still asked
 *   /sys/class/mmc_host/mmcN/mmcN:XXXX/block                   a card has it when it can be read
 *
 * Every other bus has no such pause: there, with nothing on its way, a short silence tells; with something on its way, a longer one, in
 * case it never arrives.
 */
#include "linux/shim.h"
#include "core/base/mem.h"

#define HOSTS_MAX   16u
#define LUNS_MAX    8u
#define PARENTS_MAX 8u

struct hosts {
	uint32_t number[HOSTS_MAX];
	unsigned count;
	bool overflow;
};

static bool host_says(uint32_t host, const char *attr, const char *word)
{
	char path[96], text[32];
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/class/scsi_host/host%u/%s", (unsigned)host, attr);
	return pod_read_text(path, text, sizeof text) > 0 && pod_streq(text, word);
}

static bool is_usb_storage(uint32_t host)
{
	return host_says(host, "proc_name", "usb-storage");
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

static bool hosts_pending(void)
{
	struct hosts h = {.count = 0};
	(void)pod_each_name(POD_SYS_DIR "/class/scsi_host", collect, &h);
	for (unsigned i = 0; i < h.count; i++) {
		uint32_t n = h.number[i];
		bool usb = is_usb_storage(n) || host_says(n, "proc_name", "uas");
		if (usb ? is_pending(n) : host_says(n, "state", "recovery"))
			return true;
	}
	return h.overflow;
}

struct parents {
	char name[PARENTS_MAX][16];
	unsigned count;
};

static bool collect_parent(void *ctx, const char *name)
{
	struct parents *p = ctx;
	if (p->count == PARENTS_MAX)
		return false;
	if (pod_strlcpy(p->name[p->count], name, sizeof p->name[0]) < sizeof p->name[0])
		p->count++;
	return true;
}

/* A namespace: "nvme0n1", or "nvme0c0n1" if the drive may have several ways to it, which is no disk by itself. */
static bool is_namespace(void *ctx, const char *name)
{
	bool *found = ctx;
	if (pod_strncasecmp(name, "nvme", 4) != 0)
		return true;
	*found = true;
	for (const char *c = name + 4; *c; c++)
		if (*c == 'c')
			return false;
	(void)is_listed(found, name);
	return false;
}

static bool nvme_pending(void)
{
	struct parents p = {.count = 0};
	char path[96], text[32];
	(void)pod_each_name(POD_SYS_DIR "/class/nvme", collect_parent, &p);
	for (unsigned i = 0; i < p.count; i++) {
		bool found = false;
		(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/class/nvme/%s/state", p.name[i]);
		if (pod_read_text(path, text, sizeof text) <= 0 || pod_streq(text, "dead") ||
		    pod_strncasecmp(text, "delet", 5) == 0)
			continue;
		(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/class/nvme/%s", p.name[i]);
		(void)pod_each_name(path, is_namespace, &found);
		if (!pod_streq(text, "live") || !found)
			return true;
	}
	return false;
}

struct card {
	const char *host; /* "mmc0" */
	char name[16];	  /* "mmc0:4567" */
};

static bool is_card(void *ctx, const char *name)
{
	struct card *c = ctx;
	size_t n = pod_strlen(c->host);
	if (pod_strncasecmp(name, c->host, n) != 0 || name[n] != ':')
		return true;
	(void)pod_strlcpy(c->name, name, sizeof c->name);
	return false;
}

/* Cards for something else than storing ("SDIO") have no disk to show. */
static bool mmc_pending(void)
{
	struct parents p = {.count = 0};
	char path[96], text[16];
	(void)pod_each_name(POD_SYS_DIR "/class/mmc_host", collect_parent, &p);
	for (unsigned i = 0; i < p.count; i++) {
		struct card c = {.host = p.name[i]};
		(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/class/mmc_host/%s", c.host);
		(void)pod_each_name(path, is_card, &c);
		if (!c.name[0])
			continue;
		size_t n = (size_t)pod_snprintf(path, sizeof path, POD_SYS_DIR "/class/mmc_host/%s/%s/type", c.host, c.name);
		if (pod_read_text(path, text, sizeof text) <= 0 || (!pod_streq(text, "SD") && !pod_streq(text, "MMC")))
			continue;
		bool listed = false;
		(void)pod_strlcpy(path + n - 4, "block", sizeof path - (n - 4));
		if (pod_each_name(path, is_listed, &listed) < 0 || !listed)
			return true;
	}
	return false;
}

uint32_t pod_settle_ms(const char *disk)
{
	uint32_t own;
	if (hosts_pending() || nvme_pending() || mmc_pending() || pod_usb_pending())
		return POD_SETTLE_PENDING_MS;
	return host_of_disk(disk, &own) && is_usb_storage(own) ? 0 : POD_SETTLE_SHORT_MS;
}
