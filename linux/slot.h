/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shim's part of the flight recorder (core/trace/record.h): its sectors in the slot of this boot. Portable: the shim and the
 * unit tests compile the same files.
 */
#ifndef POD_LINUX_SLOT_H
#define POD_LINUX_SLOT_H

#include "core/trace/record.h"

struct pod_slot {
	struct pod_dev *state; /* over the state file's bytes and no other */
	uint32_t boot;
	uint32_t update; /* of the last sector written; 0: none */
};

/* Both look first whether the slot is this boot's: POD_E_CHANGED, and nothing is written, if its first sector says otherwise. */
enum pod_status POD_MUST_USE pod_slot_write(struct pod_slot *s, const struct pod_rec_linux *r);
/* Saves the end of a log, from the start of a line. *saved: how many bytes. */
enum pod_status POD_MUST_USE pod_slot_save_log(struct pod_slot *s, const char *text, size_t len, uint32_t *saved);

/* --- what the shim reads off the running system (observe.c) ------------------------------------------------------- */

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
/* "480" or "1.5" (Mbit/s) of a USB device's attribute `speed`; kbit/s. */
uint32_t pod_usb_speed_kbit(const char *text);
/* The number behind "MemTotal:" in /proc/meminfo; 0 if it is not there. */
uint32_t pod_meminfo_kib(const char *text, const char *name);

#endif
