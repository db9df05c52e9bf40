/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loop devices (include/uapi/linux/loop.h).
 *
 * struct loop_info64, 232 bytes: +0x18 u64 lo_offset, +0x20 u64 lo_sizelimit, +0x34 u32 lo_flags, +0x38 char[64] lo_file_name.
 * struct loop_config, 304 bytes: +0x00 u32 fd, +0x04 u32 block_size, +0x08 struct loop_info64, then reserved.
 */
#include "linux/attach.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

enum {
	LOOP_SET_FD = 0x4c00,
	LOOP_CLR_FD = 0x4c01,
	LOOP_SET_STATUS64 = 0x4c04,
	LOOP_CONFIGURE = 0x4c0a,
	LOOP_CTL_GET_FREE = 0x4c82,
};

#define GET_FREE_TRIES 8

static long configure(int loop, int fd, uint8_t config[304])
{
	pod_put_le32(config, (uint32_t)fd);
	pod_put_le32(config + 4, 512);
	long ret = pod_sys_ioctl(loop, LOOP_CONFIGURE, config);
	if (ret != -SYS_EINVAL && ret != -25 /* ENOTTY */)
		return ret;
	/* before Linux 5.8: two steps; the loop takes its read-only state from the descriptor */
	ret = pod_sys_ioctl(loop, LOOP_SET_FD, (void *)(uintptr_t)fd);
	if (ret < 0)
		return ret;
	ret = pod_sys_ioctl(loop, LOOP_SET_STATUS64, config + 8);
	if (ret < 0)
		(void)pod_sys_ioctl(loop, LOOP_CLR_FD, NULL);
	return ret;
}

bool pod_loop_show(const struct pod_watch *w, int fd, uint64_t offset, uint64_t length, uint32_t flags, struct pod_shown *out,
		   struct pod_try *t)
{
	uint8_t config[304];
	char path[96], text[32];
	long ctl = pod_open_control("loop-control", 237, "loop", SYS_O_RDWR), ret = -SYS_EBUSY;
	if (ctl < 0)
		return pod_try_fail(t, "no loop devices", ctl);
	memset(config, 0, sizeof config);
	pod_put_le64(config + 8 + 0x18, offset);
	pod_put_le64(config + 8 + 0x20, length);
	pod_put_le32(config + 8 + 0x34, flags);
	(void)pod_strlcpy((char *)config + 8 + 0x38, w->path, 64);
	/* Somebody else may take the free one first: ask again. */
	for (unsigned i = 0; i < GET_FREE_TRIES && ret == -SYS_EBUSY; i++) {
		long n = pod_sys_ioctl((int)ctl, LOOP_CTL_GET_FREE, NULL);
		if (n < 0) {
			ret = n;
			break;
		}
		(void)pod_snprintf(out->name, sizeof out->name, "loop%u", (unsigned)n);
		(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/block/%s/dev", out->name);
		ret = pod_read_text(path, text, sizeof text);
		if (ret < 0 || !pod_parse_dev(text, &out->major, &out->minor))
			break;
		long loop = pod_open_node("loop", SYS_S_IFBLK, out->major, out->minor, SYS_O_RDWR);
		if (loop < 0) {
			ret = loop;
			break;
		}
		ret = configure((int)loop, fd, config);
		pod_sys_close((int)loop);
	}
	pod_sys_close((int)ctl);
	return ret < 0 ? pod_try_fail(t, "no loop device could be set up", ret) : true;
}

void pod_loop_clear(const struct pod_shown *s)
{
	long fd = pod_open_node("loop", SYS_S_IFBLK, s->major, s->minor, SYS_O_RDWR);
	if (fd < 0)
		return;
	(void)pod_sys_ioctl((int)fd, LOOP_CLR_FD, NULL);
	pod_sys_close((int)fd);
}
