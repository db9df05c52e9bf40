/* SPDX-License-Identifier: BSD-2-Clause */
/* What the shim reads off the running system for the flight recorder. Portable: the shim and the unit tests compile the same file. */
#ifndef POD_LINUX_OBSERVE_H
#define POD_LINUX_OBSERVE_H

#include "core/base/status.h"

struct pod_mounted {
	char where[65], fs[17], source[41];
};
/* Looks in the text of a /proc/PID/mountinfo (proc(5)) for a mount of the device. */
bool pod_find_mount(const char *text, uint32_t major, uint32_t minor, struct pod_mounted *out);
/* The words of a /proc/PID/cmdline, each with its NUL: is this the shell of an initramfs that gave up?
 *   initramfs-tools, live-boot, casper  "sh -i"                       (scripts/functions, panic)
 *   dracut                              "sh -i -l"                    (dracut-lib.sh, _emergency_shell)
 *   systemd                             "sulogin ...", "systemd-sulogin-shell emergency"
 *   mkinitcpio, archiso                 "sh -i"
 * A shell that somebody has at hand on another console, as in the Debian Installer, is not asked to be interactive. */
bool pod_is_rescue_shell(const char *cmdline, size_t len);
/* The words of PID 1: is it still what the kernel started, "/init" or a script of that name with its interpreter in front? */
bool pod_is_still_init(const char *cmdline, size_t len);
/* Does this process stand for a system that is up: one that lets people log in? An initramfs that looks for its root has none. */
bool pod_is_login_service(const char *cmdline, size_t len);
/* "480" or "1.5" (Mbit/s) of a USB device's attribute `speed`; kbit/s. */
uint32_t pod_usb_speed_kbit(const char *text);
/* The number behind "MemTotal:" in /proc/meminfo; 0 if it is not there. */
uint32_t pod_meminfo_kib(const char *text, const char *name);

#endif
