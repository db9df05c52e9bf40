/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /init: puts the distribution's own init back in its place, starts the watcher, and becomes that init.
 *
 * Where the original went (doc/FORMATS/handover.md):
 *   /isopod/i-1..8  whatever /init was, file or symbolic link, saved by the archive behind each initrd, the latest as i-1; where
 *                   an initrd brought no /init, this is the link to the shim that the archive before had left
 *   /isopod/init    the inode that the archive in front of the initrd had prepared for it; empty if /init was a link
 * If neither holds one, the usual places are tried. If there is none either, it is a kernel that mounts its root by itself (root.c).
 *
 * The distribution's init must not be able to tell: same process, arguments, environment, descriptors, signals, session.
 */
#include "linux/shim.h"
#include "core/base/mem.h"

struct saved {
	char path[64];
	struct pod_sys_stat st;
	bool found;
};

/* The link that this archive itself put at /init. */
static bool is_link_to_shim(const char *path)
{
	static const char shim[] = "isopod/shim";
	char target[32];
	long n = pod_sys_readlink(path, target, sizeof target);
	return n == sizeof shim - 1 && memcmp(target, shim, sizeof shim - 1) == 0;
}

static bool look_at_saved(void *ctx, const char *name)
{
	struct saved *best = ctx, s;
	if (name[0] != 'i' || name[1] != '-' || !name[2] || name[3])
		return true;
	(void)pod_snprintf(s.path, sizeof s.path, POD_DIR "/%s", name);
	if (pod_sys_stat(s.path, false, &s.st) < 0 || is_link_to_shim(s.path))
		return true;
	uint32_t type = s.st.mode & SYS_S_IFMT;
	if (type != SYS_S_IFLNK && (type != SYS_S_IFREG || !s.st.size_bytes))
		return true;
	s.found = true;
	if (!best->found || pod_strcmp(s.path, best->path) < 0)
		*best = s;
	return true;
}

/* True if /init is the distribution's again. */
static bool restore_init(void)
{
	struct saved best = {.found = false};
	if (!is_link_to_shim("/init"))
		return true;
	(void)pod_each_name(POD_DIR, look_at_saved, &best);
	if (best.found && pod_sys_rename(best.path, "/init") >= 0)
		return true;
	if (pod_sys_stat(POD_DIR "/init", false, &best.st) < 0 || (best.st.mode & SYS_S_IFMT) != SYS_S_IFREG ||
	    !best.st.size_bytes)
		return false;
	return pod_sys_rename(POD_DIR "/init", "/init") >= 0;
}

/* Forks twice, so that the watcher is init's child by adoption only, and init starts with no child to wait for. */
static void start_watcher(char *own_name)
{
	int status;
	long pid = pod_sys_fork();
	if (pid == 0) {
		pod_sys_setsid();
		if (pod_sys_fork() == 0)
			pod_watch_run(own_name);
		pod_sys_exit(0);
	}
	if (pid > 0)
		(void)pod_sys_wait(pid, &status);
}

static void put_line(const char *text)
{
	pod_sys_write(2, text, pod_strlen(text));
}

static const char *const usual[] = {
	"/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/sbin/init", "/bin/init", "/linuxrc", "/bin/sh",
};

static bool is_usual_there(void)
{
	struct pod_sys_stat st;
	for (size_t i = 0; i < POD_ARRAY_LEN(usual); i++)
		if (pod_sys_stat(usual[i], true, &st) >= 0)
			return true;
	return false;
}

_Noreturn void pod_shim_main(long *stack)
{
	char **argv = (char **)(stack + 1), **envp = argv + stack[0] + 1;
	if (pod_sys_getpid() != 1) {
		put_line("isopod: this program is started by the kernel, as /init of an initramfs\n");
		pod_sys_exit(2);
	}
	bool restored = restore_init(), none = !restored && !is_usual_there();
	if (none)
		pod_root_begin();
	start_watcher(argv[0]);
	if (none)
		pod_root_run(argv, envp);
	if (restored)
		(void)pod_sys_exec("/init", argv, envp);
	/* A name at /init is kept for those who look there again. */
	for (size_t i = 0; i < POD_ARRAY_LEN(usual); i++) {
		if (!restored) {
			pod_sys_unlink("/init", 0);
			pod_sys_symlink(usual[i], "/init");
		}
		char *first = argv[0];
		if (i + 1 == POD_ARRAY_LEN(usual))
			argv[0] = (char *)(uintptr_t)usual[i]; /* a multi-call binary must not take a shell for init */
		(void)pod_sys_exec(usual[i], argv, envp);
		argv[0] = first;
	}
	put_line("isopod: no init found in the initramfs\n");
	pod_sys_exit(1);
}
