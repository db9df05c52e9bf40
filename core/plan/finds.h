/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a Linux finds its medium, read from its own initramfs: which devices its first program and the scripts that this one leads to look
 * at. What decides is what they do, never whose they are; and what cannot be seen is not known.
 *
 *   finds.c          what is reached from /init on, and the verdict
 *   finds_shell.c    scripts as commands and their words
 *   finds_device.c   which devices a word means
 *   finds_file.c     the files of the archive, and what names them
 *   finds_command.c  the kernel's command line
 *   finds_initrd.c   the files of an initrd that is in memory
 *   finds_words.c    the verdict as a sentence
 */
#ifndef POD_PLAN_FINDS_H
#define POD_PLAN_FINDS_H

#include "core/plan/plan.h"

enum pod_finds_how {
	POD_FINDS_UNKNOWN,
	POD_FINDS_ANY,	   /* on any disk or partition, by what is on it */
	POD_FINDS_ID,	   /* by label or identifier of a filesystem or partition */
	POD_FINDS_DEVICE,  /* a partition by its name, "/dev/sda2" */
	POD_FINDS_WHOLE,   /* on whole disks, not on partitions */
	POD_FINDS_OPTICAL, /* in optical drives only */
	POD_FINDS_NOTHING, /* it looks for none */
	POD_FINDS_COUNT,
};

/* Where it says so. */
struct pod_finds_clue {
	char file[96]; /* path in the initramfs, or of a boot menu; "": there is none */
	uint32_t line; /* 0: a program, which has none */
	char word[64];
};

struct pod_finds {
	enum pod_finds_how how;
	bool drives;	 /* OPTICAL: as the kernel or udev list drives, so that a name in /dev does not help */
	bool by_command; /* the clue is in a boot menu: the kernel's command line */
	bool no_init;	 /* there is nothing in it that a kernel starts: microcode, or an addition to another */
	/* Of UNKNOWN: what could not be looked into, if that is the reason. */
	struct pod_finds_clue clue;
};

struct pod_finds_file {
	const char *path; /* in the initramfs, no leading slash */
	const char *text; /* the target of a link */
	size_t len;
	bool link;
};

/* A command line of a boot menu; `text` is not terminated. */
struct pod_finds_command {
	char file[96];
	uint32_t line;
	const char *text;
	size_t len;
};
#define POD_FINDS_COMMAND_MAX 64u

struct pod_finds_request {
	const struct pod_finds_file *file; /* of the same path the last one counts */
	size_t files;
	const struct pod_finds_command *command;
	size_t commands;
	bool nested;		   /* further files are in filesystems inside */
	struct pod_budget *budget; /* a step a line, more or less */
};
#define POD_FINDS_FILES_MAX 65536u

/* POD_E_BUDGET, POD_E_LIMIT: it would cost too much; nothing is said then. */
enum pod_status POD_MUST_USE pod_finds_read(const struct pod_finds_request *rq, struct pod_alloc *a, struct pod_finds *out);

/*
 * The same of an initrd, whose `len` bytes are at the beginning of the `size` bytes at `mem`; behind them it is unpacked, and
 * `mem` is changed. `rq` without files. POD_E_NOMEM: it does not fit. POD_E_CORRUPT, POD_E_UNSUPPORTED: it cannot be unpacked
 * here.
 */
enum pod_status POD_MUST_USE pod_finds_in_initrd(uint8_t *mem, size_t len, size_t size, const struct pod_finds_request *rq,
						 struct pod_alloc *a, struct pod_finds *out);

/* Is it worth reading a file of this path? Modules, firmware and libraries are not. */
bool pod_finds_wants(const char *path);

/* The command lines in one configuration of a loader; returns how many more are in out[]. */
size_t pod_finds_commands(const char *path, const char *text, size_t len, struct pod_finds_command *out, size_t max);
/* Calls `cb` for each configuration of the image's loaders. `disk`: the device the plan was made on. */
enum pod_status POD_MUST_USE pod_plan_each_config(const struct pod_plan *p, struct pod_dev *disk, struct pod_alloc *a,
						  enum pod_status (*cb)(void *ctx, const char *path, const char *text,
									size_t len),
						  void *ctx);

/* A sentence: what is looked for, and where that stands. `translate` gives the text in another language; NULL: English. */
typedef const char *pod_finds_translate(void *ctx, const char *text);
void pod_finds_say(const struct pod_finds *f, pod_finds_translate *translate, void *ctx, char *out, size_t size);
/* Why the system of the initrd `path` will not find it; false: it can, or that is not known. */
bool pod_finds_warn(const struct pod_finds *f, const char *path, pod_finds_translate *translate, void *ctx, char *out,
		    size_t size);

/* English, one word: "any", "label", "device", "whole-disk", "optical", "nothing", "unknown". */
const char *pod_finds_word(enum pod_finds_how how);

#endif
