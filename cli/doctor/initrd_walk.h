/* SPDX-License-Identifier: BSD-2-Clause */
/* The child that unpacks an initrd, and what it answers. */
#ifndef POD_CLI_DOCTOR_INITRD_WALK_H
#define POD_CLI_DOCTOR_INITRD_WALK_H

#include "cli/doctor/modules.h"
#include "cli/host/sandbox.h"
#include "core/disk/dev.h"

enum initrd_problem {
	INITRD_SOUND,
	INITRD_READ_ERROR,
	INITRD_UNKNOWN,	   /* a compression that libarchive does not know */
	INITRD_BREAKS_OFF, /* or is damaged */
	INITRD_WRONG_SUM,
	INITRD_NO_LIBRARY,
	INITRD_PROBLEM_COUNT,
};

struct initrd_found;

struct initrd_request {
	struct pod_dev *dev;
	uint64_t start_bytes, length_bytes;
	bool scan;    /* second time over: the aliases in the module files themselves */
	bool missing; /* the library is not there */
	/* Of which files path and content are told, NULL: of what is about modules (modules_wants). */
	bool (*wants)(const char *path);
	/* Instead of telling, in the child: each wanted file, its content, which is not kept, NULL where it is longer than MODULES_TEXT_MAX;
	 * and in the end. NULL: all is told. */
	void (*gather)(void *ctx, const char *path, bool link, const char *data, size_t len);
	void (*gathered)(void *ctx, struct sandbox_child *c, const struct initrd_found *found);
	void *gather_ctx;
};

/* Kinds of records. */
enum {
	INITRD_FILE = 1, /* a path with its NUL; then its content, if that is wanted and not empty */
	INITRD_ALIAS,	 /* pattern, 01h, module */
	INITRD_FOUND,	 /* struct initrd_found, last */
};

struct initrd_found {
	uint64_t files, read_bytes;
	uint64_t stopped_at; /* of the initrd: where the problem is, or behind it */
	uint32_t problem;
	uint16_t has_init, has_squashfs;
};

/* Before anything: NULL, or why the library cannot be loaded. The child could not any more. */
const char *initrd_library(void);
/* For sandbox_run. */
void initrd_walk(struct sandbox_child *c, void *request);

#endif
