/* SPDX-License-Identifier: BSD-2-Clause */
/* The root of a kernel that would have mounted it by itself; shared by root.c, root_args.c and root_find.c. */
#ifndef POD_LINUX_ROOT_H
#define POD_LINUX_ROOT_H

#include "linux/shim.h"

/* Of the kernel's command line; all strings lie in it, NULL: not given. */
struct pod_root_args {
	const char *root, *types, *flags, *init;
	bool rw, wait;	 /* `wait`: for ever */
	uint32_t wait_s; /* longer than it is waited anyway */
};

/* Reads it as the kernel does; `line` is cut into pieces. */
void pod_root_args(char *line, struct pod_root_args *a);

struct pod_root_dev {
	char name[40];
	uint32_t major, minor;
};

/* What root= says. */
struct pod_root_want {
	enum { POD_ROOT_PARTUUID, POD_ROOT_PARTLABEL, POD_ROOT_NAME, POD_ROOT_NUMBER } by;
	char text[80];
	int offset;	       /* PARTNROFF */
	uint32_t major, minor; /* POD_ROOT_NUMBER */
	bool has_number;       /* the name, or the number, is that of a disk or of a partition as every system has them ... */
	uint32_t number;       /* ... and this is the partition's; 0: the disk's */
};

/* False: the kernel could not find such a root either; *why. */
bool pod_root_parse(const char *root, struct pod_root_want *want, const char **why);
/* Looks on the disk by that name first, then on all others. */
bool pod_root_find(const struct pod_root_want *want, const char *disk, struct pod_root_dev *out);

#endif
