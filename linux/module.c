/* SPDX-License-Identifier: BSD-2-Clause */
/* Control devices of drivers that may be modules not loaded yet; and modules that came with the hand-over. */
#include "linux/attach.h"
#include "core/base/mem.h"

#define MODULES_MAX 64u
#define COMPRESSED  4u /* MODULE_INIT_COMPRESSED_FILE (include/uapi/linux/module.h) */

void pod_load_modules(void)
{
	char release[65], path[160];
	uint8_t magic[4] = {0};
	if (pod_sys_release(release) < 0)
		return;
	for (unsigned i = 0; i < MODULES_MAX; i++) {
		(void)pod_snprintf(path, sizeof path, POD_DIR "/m%u-%s", i, release);
		long fd = pod_sys_open(path, SYS_O_RDONLY);
		if (fd < 0)
			return;
		bool elf =
			pod_sys_pread((int)fd, magic, sizeof magic, 0) == (long)sizeof magic && memcmp(magic, "\177ELF", 4) == 0;
		(void)pod_sys_finit_module((int)fd, elf ? 0 : COMPRESSED);
		pod_sys_close((int)fd);
		pod_sys_unlink(path, 0);
	}
}

void pod_modprobe(const char *module)
{
	static const char *const place[] = {"/sbin/modprobe", "/usr/sbin/modprobe", "/bin/modprobe", "/usr/bin/modprobe"};
	int status;
	long pid = pod_sys_fork();
	if (pid == 0) {
		char *argv[] = {(char *)(uintptr_t) "modprobe", (char *)(uintptr_t) "-q", (char *)(uintptr_t)module, NULL};
		char *envp[] = {(char *)(uintptr_t) "PATH=/sbin:/usr/sbin:/bin:/usr/bin", NULL};
		/* modprobe looks at /proc and /sys; these mounts are the watcher's own. */
		(void)pod_sys_mount(POD_PROC_DIR, "/proc", NULL, 0x1000 /* MS_BIND */, NULL);
		(void)pod_sys_mount(POD_SYS_DIR, "/sys", NULL, 0x1000, NULL);
		for (size_t i = 0; i < POD_ARRAY_LEN(place); i++)
			(void)pod_sys_exec(place[i], argv, envp);
		pod_sys_exit(127);
	}
	if (pid > 0)
		(void)pod_sys_wait(pid, &status);
}

static long open_by_number(const char *sysfs_name, uint32_t minor, int flags)
{
	char path[96], text[32];
	uint32_t major = 10;
	(void)pod_snprintf(path, sizeof path, POD_SYS_DIR "/class/misc/%s/dev", sysfs_name);
	if (pod_read_text(path, text, sizeof text) > 0)
		(void)pod_parse_dev(text, &major, &minor);
	return pod_open_node(sysfs_name, SYS_S_IFCHR, major, minor, flags);
}

long pod_open_control(const char *sysfs_name, uint32_t minor, const char *module, int flags)
{
	long fd = open_by_number(sysfs_name, minor, flags);
	if (fd < 0) {
		pod_modprobe(module);
		fd = open_by_number(sysfs_name, minor, flags);
	}
	return fd;
}
