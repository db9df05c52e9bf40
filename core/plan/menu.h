/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot menus of an image lead to. These readers know the grammar of the loaders, so that it can be said which entry wants a
 * file, on which line, and whether it is certain that it does:
 *
 *   GRUB 2          scripts of GRUB (manual, "Writing full configuration files directly"); variables where they are constant
 *   SYSLINUX        isolinux, syslinux, extlinux (doc/syslinux.txt, doc/menu.txt of SYSLINUX 6)
 *   BLS             entries of systemd-boot and other loaders ("The Boot Loader Specification", UAPI.1, type 1), and loader.conf
 *   GRUB Legacy     menu.lst and grub.conf of GRUB 0.97 and GRUB4DOS (menu_legacy.c)
 *   rEFInd          refind.conf and refind_linux.conf (menu_refind.c)
 *   Limine          limine.conf and limine.cfg (menu_limine.c)
 */
#ifndef POD_PLAN_MENU_H
#define POD_PLAN_MENU_H

#include "core/image/image.h"

enum pod_menu_kind {
	POD_MENU_KERNEL, /* a Linux, or what the loader starts like one */
	POD_MENU_INITRD,
	POD_MENU_MULTIBOOT, /* a multiboot kernel, by either version */
	POD_MENU_MODULE,    /* of a multiboot kernel */
	POD_MENU_CHAIN,	    /* an EFI program or a boot sector */
	POD_MENU_CONFIG,    /* a further configuration; GRUB and SYSLINUX go on without it */
	POD_MENU_COM32,	    /* a module of SYSLINUX */
	POD_MENU_FONT,
	POD_MENU_FILE,	     /* anything else that is read: a disk image, a device tree */
	POD_MENU_SEARCH,     /* GRUB takes the volume with this file for its root ... */
	POD_MENU_BY_LABEL,   /* ... or with this label ... */
	POD_MENU_BY_UUID,    /* ... or with this identifier */
	POD_MENU_FOLDER,     /* SYSLINUX: where modules are looked for */
	POD_MENU_DEFAULT,    /* no file: the number, title or identifier of the entry that starts by itself */
	POD_MENU_ENTRY,	     /* no file: an entry begins; its title */
	POD_MENU_ENTRY_NAME, /* no file: a further title or identifier of this entry */
	POD_MENU_ARCH,	     /* no file: BLS: the architecture that this entry is for */
	/* No file: where the arguments of a Linux kernel stand, also of one that Xen starts. text: what has to stand in front of
	 * further ones. Of the other fields only those at the end and `entry` are filled, and `unsure`: they are an EFI
	 * program's, which need be no Linux. */
	POD_MENU_ARGUMENTS,
	/* No file: Limine: a hash of an initrd or a program in the line, at `at`, or the "$" that has an initrd unpacked: the loader refuses
	 * a changed file with either. */
	POD_MENU_HASH,
};

#define POD_MENU_NAME_MAX 256u

struct pod_menu_item {
	enum pod_menu_kind kind;
	uint32_t line;	   /* from 1 */
	uint32_t entry;	   /* of this text from 1; 0: outside of any */
	uint32_t position; /* GRUB: that of the entry among those of the first level, from 0; UINT32_MAX: in a submenu */
	uint32_t firmware; /* POD_FW_BIOS and/or POD_FW_X64 (any UEFI): where this line is reached */
	bool unsure;	   /* under a condition that is not known here, or the script asks whether it worked */
	/* GRUB: a path on another device, or on one that is not known; with the image as the medium it may well be meant. */
	bool elsewhere;
	const char *text;   /* what is named; valid during the call */
	size_t at, len;	    /* ARGUMENTS, HASH: bytes of the text that was read */
	const char *escape; /* and the characters in them that need a backslash in front */
	/* ARGUMENTS of rEFInd: what has to stand around them, once some were added, and for a quote in them. NULL: nothing, and a quote. */
	const char *before, *behind, *quote;
	/* ARGUMENTS of GRUB 2, SYSLINUX and BLS: what gives the kernel an initrd, if it and then a path stand behind them; in front of the path
	 * the device as it stands in front of the kernel's, `device_len` bytes at `device` of the text. NULL: not known. */
	const char *initrd;
	size_t device, device_len;
};
typedef void pod_menu_fn(void *ctx, const struct pod_menu_item *item);

/* Variables of GRUB, kept from one file to the next. Zeroed: none is set. About 20 KiB. */
#define POD_MENU_VARS_MAX 64u
struct pod_menu_vars {
	uint32_t count;
	struct {
		char name[32];
		char value[POD_MENU_NAME_MAX];
		bool known; /* false: set to something that is not known here */
	} v[POD_MENU_VARS_MAX];
};
void pod_menu_set(struct pod_menu_vars *vars, const char *name, const char *value);

/* Calls `cb` for each thing that the text leads to, in order. `text` may hold anything; nothing is allocated. */
void pod_menu_grub(const char *text, size_t len, struct pod_menu_vars *vars, pod_menu_fn *cb, void *ctx);
void pod_menu_syslinux(const char *text, size_t len, pod_menu_fn *cb, void *ctx);
void pod_menu_bls(const char *text, size_t len, pod_menu_fn *cb, void *ctx);
void pod_menu_legacy(const char *text, size_t len, pod_menu_fn *cb, void *ctx);
void pod_menu_limine(const char *text, size_t len, pod_menu_fn *cb, void *ctx);
void pod_menu_refind(const char *text, size_t len, pod_menu_fn *cb, void *ctx);
void pod_menu_refind_linux(const char *text, size_t len, pod_menu_fn *cb, void *ctx);

/* Is it rEFInd's file beside a kernel? Its lines begin with words of the user's: nothing else tells. */
bool pod_config_is_refind_linux(const char *path);

/* Are these (at least 6) bytes the beginning of something that the kernel unpacks as an initrd? */
bool pod_menu_initrd_content(const uint8_t *p);

#endif
