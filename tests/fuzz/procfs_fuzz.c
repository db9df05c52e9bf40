/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the shim reads of /proc and /sys. The input is what the kernel answers: records { u16 length, bytes }, taken in order by
 * whatever is opened, listed or followed; when there are none left, files are not there. The texts also go to their parsers
 * whole.
 */
#include "tests/fuzz/fuzz.h"
#include "core/base/str.h"
#include "linux/shim.h"
#include "linux/observe.h"

enum { OPEN_MAX = 4, CALLS_MAX = 20000 };

static struct {
	const uint8_t *at, *end;
	struct {
		const uint8_t *at, *end;
		bool open;
	} file[OPEN_MAX];
	unsigned calls;
} kernel;

/* The next record, or none. */
static bool take(const uint8_t **from, const uint8_t **to)
{
	size_t left = (size_t)(kernel.end - kernel.at), n;

	FUZZ_REQUIRE(++kernel.calls < CALLS_MAX);
	if (left < 2)
		return false;
	n = (size_t)pod_min_u64(pod_get_le16(kernel.at), left - 2);
	*from = kernel.at + 2;
	*to = kernel.at = *from + n;
	return true;
}

long pod_sys_open(const char *path, int flags)
{
	FUZZ_REQUIRE(strlen(path) < 640 && (flags == SYS_O_RDONLY || strncmp(path, POD_DEV_DIR "/", sizeof POD_DEV_DIR) == 0));
	for (int fd = 0; fd < OPEN_MAX; fd++) {
		if (kernel.file[fd].open)
			continue;
		if (!take(&kernel.file[fd].at, &kernel.file[fd].end))
			return -SYS_ENOENT;
		kernel.file[fd].open = true;
		return fd;
	}
	abort();
}

long pod_sys_close(int fd)
{
	FUZZ_REQUIRE(kernel.file[fd].open);
	kernel.file[fd].open = false;
	return 0;
}

long pod_sys_read(int fd, void *buf, size_t n)
{
	size_t left = (size_t)(kernel.file[fd].end - kernel.file[fd].at);

	n = n < left ? n : left;
	n = n < 7 ? n : n - n / 3; /* short reads */
	memcpy(buf, kernel.file[fd].at, n);
	kernel.file[fd].at += n;
	return (long)n;
}

/* Names in the file, one a line, as struct linux_dirent64; the kernel's own form is always sound. */
long pod_sys_getdents(int fd, void *buf, size_t size)
{
	uint8_t *out = buf;
	size_t at = 0;

	while (kernel.file[fd].at < kernel.file[fd].end) {
		const uint8_t *name = kernel.file[fd].at, *p = name;
		while (p < kernel.file[fd].end && *p != '\n' && *p && p - name < 255)
			p++;
		size_t n = (size_t)(p - name), len = (19 + n + 1 + 7) & ~(size_t)7;
		if (at + len > size)
			break;
		memset(out + at, 0, len);
		pod_put_le16(out + at + 16, (uint16_t)len);
		memcpy(out + at + 19, name, n);
		at += len;
		kernel.file[fd].at = p < kernel.file[fd].end ? p + 1 : p;
	}
	return (long)at;
}

long pod_sys_readlink(const char *path, char *buf, size_t n)
{
	const uint8_t *from, *to;

	FUZZ_REQUIRE(path[0] == '/');
	if (!take(&from, &to))
		return -SYS_ENOENT;
	n = (size_t)pod_min_u64(n, (uint64_t)(to - from));
	memcpy(buf, from, n);
	return (long)n;
}

long pod_sys_stat(const char *path, bool follow, struct pod_sys_stat *st)
{
	const uint8_t *from, *to;

	FUZZ_REQUIRE(path[0] == '/' && follow);
	memset(st, 0, sizeof *st);
	return take(&from, &to) && to > from ? 0 : -SYS_ENOENT;
}

/* A hub's port, asked through usbfs (struct usbdevfs_ctrltransfer): the status is whatever the file holds. */
long pod_sys_ioctl(int fd, unsigned long nr, void *arg)
{
	struct {
		uint8_t type, request;
		uint16_t value, index, length;
		uint32_t timeout_ms;
		void *data;
	} c;
	const uint8_t *from, *to;

	(void)nr;
	FUZZ_REQUIRE(kernel.file[fd].open);
	memcpy(&c, arg, sizeof c);
	if (!take(&from, &to) || to - from < c.length)
		return -SYS_EINVAL;
	memcpy(c.data, from, c.length);
	return c.length;
}

/* Not used by what is tried here. */
long pod_sys_write(int fd, const void *buf, size_t n)
{
	(void)fd, (void)buf;
	return (long)n;
}
long pod_sys_unlink(const char *path, int flags)
{
	(void)path, (void)flags;
	return 0;
}
long pod_sys_mknod(const char *path, uint32_t mode, uint32_t major, uint32_t minor)
{
	(void)path, (void)mode, (void)major, (void)minor;
	return 0;
}
bool pod_sys_poll_in(int fd, unsigned ms)
{
	(void)fd, (void)ms;
	return false;
}

static void texts(const char *text, size_t len)
{
	struct pod_mounted m;
	uint32_t major = 8, minor = 1, a, b;

	(void)pod_parse_dev(text, &major, &minor);
	memset(&m, 0xff, sizeof m);
	if (pod_find_mount(text, major, minor, &m) || pod_find_mount(text, 8, 1, &m)) {
		FUZZ_REQUIRE(memchr(m.where, 0, sizeof m.where) && memchr(m.fs, 0, sizeof m.fs) &&
			     memchr(m.source, 0, sizeof m.source));
		FUZZ_REQUIRE(!strpbrk(m.where, " \n") && !strpbrk(m.fs, " \n") && !strpbrk(m.source, " \n"));
	}
	(void)pod_usb_speed_kbit(text);
	(void)pod_meminfo_kib(text, "MemTotal");
	if (pod_parse_dev(text, &a, &b))
		FUZZ_REQUIRE(strchr(text, ':') > text);
	/* words end in NUL: the bytes as they are, and with the last one made so */
	char *words = malloc(len + 1);
	FUZZ_REQUIRE(words);
	memcpy(words, text, len);
	words[len] = 0;
	for (size_t i = 0; i < len; i++)
		if (words[i] == '\n')
			words[i] = 0;
	(void)pod_is_rescue_shell(words, len);
	(void)pod_is_rescue_shell(words, len + 1);
	free(words);
}

static bool count(void *ctx, const char *name)
{
	FUZZ_REQUIRE(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	return --*(unsigned *)ctx > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char small[16], *text = malloc(size + 1);
	unsigned names = 50;

	FUZZ_REQUIRE(text);
	memcpy(text, data, size);
	text[size] = 0;
	texts(text, size);
	memset(&kernel, 0, sizeof kernel);
	kernel.at = data;
	kernel.end = data + size;
	uint32_t ms = pod_settle_ms("sda");
	FUZZ_REQUIRE(ms == 0 || ms == POD_SETTLE_SHORT_MS || ms == POD_SETTLE_PENDING_MS);
	memset(small, 'x', sizeof small);
	long n = pod_read_text("/proc/x", small, sizeof small);
	FUZZ_REQUIRE(n < (long)sizeof small && (n < 0 || small[n] == 0));
	(void)pod_each_name("/sys/block", count, &names);
	for (int fd = 0; fd < OPEN_MAX; fd++)
		FUZZ_REQUIRE(!kernel.file[fd].open);
	free(text);
	return 0;
}
