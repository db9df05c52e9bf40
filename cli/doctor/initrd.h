/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is inside a Linux initrd: one or more cpio archives (newc) behind each other, plain or compressed, with zeros between
 * them, as the kernel takes them (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
#ifndef POD_CLI_DOCTOR_INITRD_H
#define POD_CLI_DOCTOR_INITRD_H

#include "cli/doctor/modules.h"
#include "core/disk/dev.h"

struct initrd {
	struct modules modules;
	size_t files;	     /* in all archives */
	bool has_init;	     /* an /init or /sbin/init: not just microcode or additions */
	bool has_squashfs;   /* a file that is a squashfs (dracut's squash module): modules may lie in it */
	char *problem;	     /* NULL, or a sentence: why it could not be read to its end */
	bool unread;	     /* the problem is not the initrd's: the library is missing, or could not be started */
	bool damaged;	     /* the problem is in the initrd, and not that it could not be read or is of an unknown kind */
	bool seen;	     /* ... as its own structures show it, and not by a crash of what reads it */
	uint64_t read_bytes; /* unpacked */
};

#define INITRD_NAME_MAX 4096u /* bytes of a path in it, with its NUL */

/* Never fails but by `problem`. Reads and unpacks all of it, in a child behind walls: tenths of seconds to seconds. `path` is
 * what it is called in a sentence. The caller calls initrd_free. */
void initrd_read(struct initrd *out, struct pod_dev *dev, const char *path, uint64_t start_bytes, uint64_t length_bytes);
void initrd_free(struct initrd *r);
/* The files whose paths `wants` likes (it runs in the child), each with its content, of at most MODULES_TEXT_MAX bytes, and a NUL behind
 * it. Also where the initrd cannot be read to its end; false only if nothing is known of it, and it has said why. */
bool initrd_each(struct pod_dev *dev, const char *path, uint64_t start_bytes, uint64_t length_bytes,
		 bool (*wants)(const char *path), void (*each)(void *ctx, const char *path, const char *text), void *ctx,
		 struct fault *fault);

/* What a live system needs to find its medium on a USB stick. UNKNOWN: not a file of the initrd, and the initrd does not say what
 * is built into the kernel. */
struct initrd_facts {
	enum modules_has usb_storage; /* usb-storage or uas */
	enum modules_has usb_host;    /* xhci_hcd with xhci_pci, or ehci_hcd with ehci_pci, or uhci_hcd */
	enum modules_has xhci;	      /* xhci_pci: USB 3 controllers */
	enum modules_has sd_mod;      /* USB and SATA disks as block devices */
	enum modules_has iso9660;     /* isofs */
	enum modules_has loop, squashfs, overlay;
};
void initrd_facts(struct modules *m, struct initrd_facts *out);

#endif
