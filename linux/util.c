/* SPDX-License-Identifier: BSD-2-Clause */
/* Small files, names and device nodes of the watcher's private view; and its voice. */
#include "linux/shim.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/text.h"

/* include/uapi/linux/fs.h */
enum { BLKROSET = 0x125d, BLKROGET = 0x125e };

static int kmsg_fd = -1, console_fd = -1;
static bool errors_reach_console;

long pod_read_text(const char *path, char *buf, size_t size)
{
	long fd = pod_sys_open(path, SYS_O_RDONLY);
	if (fd < 0)
		return fd;
	size_t len = 0;
	long n = 0;
	while (len + 1 < size && (n = pod_sys_read((int)fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	pod_sys_close((int)fd);
	if (n < 0)
		return n;
	while (len && buf[len - 1] == '\n')
		len--;
	buf[len] = 0;
	return (long)len;
}

uint64_t pod_parse_u64(const char *text)
{
	uint64_t v = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		v = v * 10 + (uint64_t)(*text - '0');
	return v;
}

bool pod_parse_dev(const char *text, uint32_t *major, uint32_t *minor)
{
	const char *colon = text;
	while (*colon && *colon != ':')
		colon++;
	if (*colon != ':' || colon == text)
		return false;
	*major = (uint32_t)pod_parse_u64(text);
	*minor = (uint32_t)pod_parse_u64(colon + 1);
	return true;
}

void pod_split_dev(uint64_t dev, uint32_t *major, uint32_t *minor)
{
	*major = (uint32_t)(dev >> 8 & 0xfff);
	*minor = (uint32_t)((dev & 0xff) | (dev >> 12 & 0xfff00));
}

long pod_open_node(const char *name, uint32_t type, uint32_t major, uint32_t minor, int flags)
{
	char path[80];
	(void)pod_snprintf(path, sizeof path, POD_DEV_DIR "/%s", name);
	pod_sys_unlink(path, 0);
	long ret = pod_sys_mknod(path, type | 0600, major, minor);
	return ret < 0 ? ret : pod_sys_open(path, flags);
}

long pod_set_read_only(int fd, bool on)
{
	int value = on;
	return pod_sys_ioctl(fd, BLKROSET, &value);
}

bool pod_is_read_only(int fd)
{
	int value = 0;
	return pod_sys_ioctl(fd, BLKROGET, &value) >= 0 && value;
}

void pod_sleep_ms(unsigned ms)
{
	(void)pod_sys_poll_in(-1, ms);
}

long pod_each_name(const char *dir, bool (*cb)(void *ctx, const char *name), void *ctx)
{
	/* struct linux_dirent64: u64 ino, i64 off, u16 record length, u8 type, name */
	static uint8_t buf[4096] __attribute__((aligned(8)));
	static bool busy;
	long fd, n;
	if (busy)
		return -SYS_EBUSY;
	fd = pod_sys_open(dir, SYS_O_RDONLY);
	if (fd < 0)
		return fd;
	busy = true;
	while ((n = pod_sys_getdents((int)fd, buf, sizeof buf)) > 0) {
		for (long at = 0; at < n; at += pod_get_le16(buf + at + 16)) {
			const char *name = (const char *)buf + at + 19;
			if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
				continue;
			if (!cb(ctx, name)) {
				n = 0;
				goto out;
			}
		}
	}
out:
	busy = false;
	pod_sys_close((int)fd);
	return n;
}

void pod_say_open(void)
{
	char text[64];
	kmsg_fd = (int)pod_open_node("kmsg", SYS_S_IFCHR, 1, 11, SYS_O_WRONLY);
	console_fd = (int)pod_open_node("console", SYS_S_IFCHR, 5, 1, SYS_O_WRONLY | SYS_O_NONBLOCK);
	/* Now, before a user interface lowers the level to have the console for itself. */
	errors_reach_console = kmsg_fd >= 0 && pod_read_text(POD_PROC_DIR "/sys/kernel/printk", text, sizeof text) > 0 &&
			       pod_parse_u64(text) > POD_SAY_ERROR;
	if (pod_read_text(POD_PROC_DIR "/sys/kernel/printk_devkmsg", text, sizeof text) > 0 && pod_streq(text, "off"))
		errors_reach_console = false;
}

void pod_say(enum pod_say_level level, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	size_t head = (size_t)pod_snprintf(line, sizeof line, "<%u>isopod: ", (unsigned)level);
	va_start(ap, fmt);
	(void)pod_vsnprintf(line + head, sizeof line - head - 1, fmt, ap);
	va_end(ap);
	/* Names from the stick and from the machine: neither the log nor the console may obey them. */
	size_t len = pod_text_disarm(line, NULL);
	line[len++] = '\n';
	if (kmsg_fd >= 0)
		pod_sys_write(kmsg_fd, line, len);
	if (level == POD_SAY_ERROR && !errors_reach_console && console_fd >= 0)
		pod_sys_write(console_fd, line + 3, len - 3);
}
