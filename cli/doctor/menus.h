/* SPDX-License-Identifier: BSD-2-Clause */
/* What the boot menus of an image name: between the files that collect it, look it up, and judge it. */
#ifndef POD_CLI_DOCTOR_MENUS_H
#define POD_CLI_DOCTOR_MENUS_H

#include "cli/doctor/images.h"
#include "core/plan/menu.h"

enum menus_loader { MENUS_GRUB, MENUS_SYSLINUX, MENUS_BLS, MENUS_LEGACY, MENUS_REFIND, MENUS_LIMINE };

#define MENUS_VOLUMES 12u
#define MENUS_ROOTS   24u
#define MENUS_CONFIGS 128u
#define MENUS_ENTRIES 1024u
#define MENUS_WANTS   4096u
#define MENUS_NOWHERE UINT32_MAX

/* The tree of the ISO, Joliet where it has no Rock Ridge, the FAT volumes that UEFI starts from. */
struct menus_volume {
	struct pod_fs fs;
	struct pod_window win;
	const char *name; /* in front of paths: "", or "El Torito: " */
	bool fat, joliet;
	bool cased; /* GRUB distinguishes capital and small letters in it */
};

/* A configuration that a loader opens by itself, and those it leads to. */
struct menus_root {
	enum menus_loader loader;
	uint32_t volume, firmware;
	char *path, *folder;
	char *by_default; /* as the last configuration says; NULL */
	bool ui;	  /* SYSLINUX: there is a menu, which offers all entries */
	char *folders;	  /* SYSLINUX: PATH */
};

struct menus_config {
	uint32_t root, volume;
	char *path;
};

struct menus_entry {
	uint32_t root, config, number, position;
	char *title, *names;		    /* names: all titles and identifiers, each between newlines */
	bool is_default, optional, foreign; /* foreign: for another machine */
	bool starts;			    /* something is named that starts it */
	bool broken;			    /* something that it needs is missing */
	const char *kernel;
};

struct menus_want {
	enum pod_menu_kind kind;
	uint32_t config, line, entry; /* entry: MENUS_NOWHERE outside of any */
	uint32_t firmware;
	bool unsure;
	char *text;
	/* looked up */
	uint32_t volume; /* MENUS_NOWHERE: it is missing */
	char *path;	 /* in the volume */
	char *other;	 /* missing, but by this name it is there */
	struct pod_node node;
};

struct menus {
	struct doctor *d;
	const struct doctor_image *im;
	struct pod_dirent *scratch;
	struct pod_menu_vars *vars;
	struct menus_volume volume[MENUS_VOLUMES];
	struct menus_root root[MENUS_ROOTS];
	struct menus_config config[MENUS_CONFIGS];
	struct menus_entry *entry;
	struct menus_want *want;
	uint32_t volumes, roots, configs, entries, wants;
	uint32_t reading; /* the configuration that is being read */
	uint32_t base;	  /* its first entry */
	uint32_t wrong;	  /* findings of menus_contents */
	/* The BIOS boot image if it is isolinux; 0 bytes: it is none. */
	uint64_t isolinux_bytes;
	unsigned isolinux_major;
	char legacy[64]; /* or GRUB Legacy: the configuration that it names in its head; "" */
	bool grub4dos;	 /* or GRUB4DOS */
};

/* Opens volumes, reads the configurations and whatever they lead to, and looks all of it up. */
void menus_collect(struct menus *m, struct doctor *d, const struct doctor_image *im);
void menus_free(struct menus *m);
/* "isolinux/isolinux.cfg", with its volume in front. The caller frees. */
char *menus_config_name(const struct menus *m, uint32_t config);
/* Opens `path` of a volume as SYSLINUX or GRUB names it; MENUS_NOWHERE: not in it. */
bool menus_lookup(struct menus *m, uint32_t volume, const char *path, struct pod_node *out);
/* Names of things that an image may well do without: memory tests, diagnoses, other systems, firmware setup. */
bool menus_is_optional(const char *name);

void menus_missing(struct menus *m);	/* menus_missing.c: what is not there */
void menus_contents(struct menus *m);	/* bootfiles.c: what is not what it should be */
void menus_isolinux(struct menus *m);	/* isolinux.c: itself, its modules and its configuration */
void menus_rootimages(struct menus *m); /* rootimages.c: squashfs and erofs */

#endif
