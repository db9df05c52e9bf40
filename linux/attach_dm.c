/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device-mapper by its ioctl interface (include/uapi/linux/dm-ioctl.h), version 4.
 *
 * struct dm_ioctl, 312 bytes:
 *   +0x00 u32[3]   version        +0x1c u32  flags         +0x30 char[128] name
 *   +0x0c u32      data_size      +0x20 u32  event_nr      +0xb0 char[129] uuid
 *   +0x10 u32      data_start     +0x28 u64  dev           +0x131 7 bytes  data
 *   +0x14 u32      target_count
 * followed, for a table, by one struct dm_target_spec each: u64 start, u64 length (units of 512 bytes), i32 status, u32 next
 * (bytes from this to the next one), char[16] type; then the target's parameters, terminated.
 */
#include "linux/attach.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

#define HEAD  312u
#define SPEC  40u
#define ENTRY (SPEC + 40u) /* parameters: "4294967295:4294967295 18446744073709551" */

#define DM_IOCTL(nr) (3ul << 30 | (unsigned long)HEAD << 16 | 0xfdul << 8 | (nr))
enum { DM_VERSION = 0, DM_DEV_CREATE = 3, DM_DEV_REMOVE = 4, DM_DEV_SUSPEND = 6, DM_TABLE_LOAD = 9 };
#define DM_READONLY_FLAG 1u
/* What libdevmapper's udev rules want to see in the event before they make links: DM_UDEV_PRIMARY_SOURCE_FLAG, in the upper half
 * of the cookie; or the three that have them make none. The lower half would name a semaphore to signal; there is none by this name,
 * and the rules cope. */
#define COOKIE	      (0x0040u << 16 | 1u)
#define COOKIE_HIDDEN (0x0047u << 16 | 1u)

#define TARGETS_MAX POD_HO_EXTENT_MAX

static uint8_t request[HEAD + TARGETS_MAX * ENTRY] __attribute__((aligned(8)));
static uint32_t targets;
static uint64_t table_bytes;

static void prepare(const char *name, size_t size)
{
	memset(request, 0, HEAD);
	pod_put_le32(request + 0x00, 4);
	pod_put_le32(request + 0x0c, (uint32_t)size);
	pod_put_le32(request + 0x10, HEAD);
	(void)pod_strlcpy((char *)request + 0x30, name, 128);
}

static long simple(int fd, unsigned long nr, const char *name, uint32_t flags, uint32_t event)
{
	prepare(name, HEAD);
	pod_put_le32(request + 0x1c, flags);
	pod_put_le32(request + 0x20, event);
	return pod_sys_ioctl(fd, DM_IOCTL(nr), request);
}

void pod_dm_begin(void)
{
	targets = 0;
	table_bytes = 0;
}

bool pod_dm_add(uint64_t length_bytes, const char *type, const char *params)
{
	uint8_t *spec = request + HEAD + (size_t)targets * ENTRY;
	if (targets == TARGETS_MAX)
		return false;
	memset(spec, 0, ENTRY);
	pod_put_le64(spec, table_bytes >> 9);
	pod_put_le64(spec + 8, length_bytes >> 9);
	pod_put_le32(spec + 20, ENTRY);
	(void)pod_strlcpy((char *)spec + 24, type, 16);
	(void)pod_strlcpy((char *)spec + SPEC, params, ENTRY - SPEC);
	table_bytes += length_bytes;
	targets++;
	return true;
}

bool pod_dm_add_linear(const struct pod_disk *disk, const struct pod_ho_run *run)
{
	char params[ENTRY - SPEC];
	(void)pod_snprintf(params, sizeof params, "%u:%u %llu", (unsigned)disk->major, (unsigned)disk->minor,
			   (unsigned long long)(run->start_bytes >> 9));
	return pod_dm_add(run->length_bytes, "linear", params);
}

static long load_table(const char *name, uint32_t flags, int fd)
{
	prepare(name, HEAD + (size_t)targets * ENTRY);
	pod_put_le32(request + 0x14, targets);
	pod_put_le32(request + 0x1c, flags);
	return pod_sys_ioctl(fd, DM_IOCTL(DM_TABLE_LOAD), request);
}

void pod_dm_remove(const char *name)
{
	long fd = pod_open_control("device-mapper", 236, "dm-mod", SYS_O_RDWR);
	if (fd < 0)
		return;
	(void)simple((int)fd, DM_DEV_REMOVE, name, 0, 0);
	pod_sys_close((int)fd);
}

bool pod_dm_make(const char *name, enum pod_dm_as as, struct pod_shown *out, struct pod_try *t)
{
	bool shown = as == POD_DM_SHOWN || as == POD_DM_SHOWN_RW;
	uint32_t flags = as == POD_DM_HIDDEN_RW || as == POD_DM_SHOWN_RW ? 0 : DM_READONLY_FLAG;
	long fd = pod_open_control("device-mapper", 236, "dm-mod", SYS_O_RDWR);
	if (fd < 0)
		return pod_try_fail(t, "no device-mapper", fd);
	const char *why = NULL;
	long ret = simple((int)fd, DM_VERSION, name, 0, 0);
	if (ret < 0)
		why = "device-mapper is of another version";
	if (!why && (ret = simple((int)fd, DM_DEV_CREATE, name, 0, 0)) < 0)
		why = "device-mapper made no device";
	if (!why) {
		pod_split_dev(pod_get_le64(request + 0x28), &out->major, &out->minor);
		(void)pod_snprintf(out->name, sizeof out->name, "dm-%u", (unsigned)out->minor);
		if ((ret = load_table(name, flags, (int)fd)) < 0)
			why = "device-mapper refused the table";
		else if ((ret = simple((int)fd, DM_DEV_SUSPEND, name, flags, shown ? COOKIE : COOKIE_HIDDEN)) < 0)
			why = "device-mapper did not start";
		if (why)
			(void)simple((int)fd, DM_DEV_REMOVE, name, 0, 0);
	}
	pod_sys_close((int)fd);
	return why ? pod_try_fail(t, why, ret) : true;
}

bool pod_dm_show(const struct pod_watch *w, const struct pod_disk *disk, uint32_t align, struct pod_shown *out, struct pod_try *t)
{
	struct pod_ho_cursor c = {0, 0};
	struct pod_ho_run run;
	pod_dm_begin();
	while (pod_ho_next_run(&w->record, align, &c, &run))
		if (!pod_dm_add_linear(disk, &run))
			return pod_try_fail(t, "the image is in too many pieces", 0);
	return pod_dm_make("isopod", POD_DM_SHOWN, out, t);
}

bool pod_dm_show_persist(const struct pod_watch *w, const struct pod_disk *disk, struct pod_shown *out, struct pod_try *t)
{
	pod_dm_begin();
	return pod_dm_add_linear(disk, &w->record.persist) && pod_dm_make("isopod-persist", POD_DM_SHOWN_RW, out, t);
}
