/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who reads through an image: the differencing images of its folder that name it as their parent, qcow2 and QED that name it as
 * their backing file, and, if the folder is a layer store, the layers that its index says are based on it. Images elsewhere that name
 * it cannot be found.
 */
#ifndef POD_CLI_DISK_KIN_H
#define POD_CLI_DISK_KIN_H

#include "cli/disk/disk.h"

struct disk_kin {
	char **child; /* their paths */
	size_t count;
	char **other; /* of other programs (qcow2, QED), which can neither be told of another parent nor would notice one */
	size_t others;
	char *store;   /* the folder, if its index says that the image is a layer; else NULL */
	bool current;  /* of that store: the layer that is written to */
	bool linked;   /* it has another name (a hard link): who reads through that one cannot be found */
	bool too_many; /* the folder holds more images than are looked at */
};
/* Reads only; an image that cannot be opened has no children and is none. disk_kin_free in any case. */
void disk_kin_find(struct disk_kin *k, const char *path);
void disk_kin_free(struct disk_kin *k);
/* "a, b, c and 4 more". The caller frees. */
char *disk_kin_names(const struct disk_kin *k);
/* Says who would be lost if that image, whose kin these are, changed. CLI_FAILED. */
int disk_kin_refuse(const struct disk_kin *k, const char *path, struct fault *fault);
/* Before what the image shows is changed: CLI_FAILED, and has said who would be lost, unless nobody would. `but`: an image that does
 * not count, or NULL. */
int disk_kin_guard(const char *path, const char *but, struct fault *fault);

/* The same before another file takes its name: nor may it be a layer of a store, the current one included. */
int disk_kin_guard_name(const char *path, struct fault *fault);

/* The same before it gets another parent, which a store's index would not know of. */
int disk_kin_guard_place(const char *path, struct fault *fault);

/* Says that a merge into an image was interrupted, and how it goes on: with which image, in which store. Returns CLI_FAILED. */
int disk_kin_half_merged(const char *path, struct fault *fault);

/* The user says that whoever reads through the image may be lost. */
#define DISK_ORPHAN_OPTION                                                                                                       \
	{                                                                                                                        \
		"orphan-children", no_argument, NULL, 'O'                                                                        \
	}

#endif
