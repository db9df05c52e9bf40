/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel modules of one Linux, as far as they were seen: files *.ko*, and depmod's modules.alias, modules.builtin and
 * modules.builtin.modinfo (kmod's formats: see depmod(8) and the kernel's Documentation/kbuild/kbuild.rst).
 */
#ifndef POD_CLI_DOCTOR_MODULES_H
#define POD_CLI_DOCTOR_MODULES_H

#include "cli/ui/ui.h"

/* Caps on what a hostile initrd or root image can make us keep. */
#define MODULES_TEXT_MAX  (24u << 20) /* one of depmod's files */
#define MODULES_NAME_MAX  65536u      /* module files, built-in modules */
#define MODULES_ALIAS_MAX 400000u

struct modules_names {
	char **v;
	size_t n, cap;
	bool sorted;
};

struct modules_alias {
	const char *pattern, *module; /* in one of `text` */
	size_t literal;		      /* bytes of the pattern before the first of * ? [ */
};

struct modules {
	char *kernel;		      /* "6.1.0-13-amd64"; NULL if none was seen */
	bool several;		      /* folders of other kernels as well */
	struct modules_names file;    /* "usb_storage": modules that are there as files */
	struct modules_names builtin; /* in the kernel itself */
	bool has_builtin;	      /* a modules.builtin was seen: what it does not name is not built in */
	bool incomplete;	      /* more modules may be where nobody looked: what was not seen is not known */
	bool has_alias;		      /* a modules.alias was seen */
	bool has_builtin_alias;	      /* a modules.builtin.modinfo was seen */
	struct modules_alias *alias;
	size_t alias_count, alias_cap;
	char **text;
	size_t text_count, text_cap;
	unsigned depmod_files;
};

enum modules_has { MODULES_NO, MODULES_YES, MODULES_UNKNOWN };

/* A path of an initrd or root image, with its content where modules_wants_content() says so (then `data` is malloc's with a NUL
 * behind it, and is taken over). */
bool modules_wants(const char *path); /* others say nothing */
bool modules_wants_content(const char *path);
void modules_add(struct modules *m, const char *path, char *data, size_t len);
/* The aliases inside an unpacked module file, for an initrd without modules.alias. */
void modules_add_ko(struct modules *m, const char *path, const char *data, size_t len);
/* One of them as "pattern, 01h, module", `len` bytes. False: it is none. */
bool modules_add_alias(struct modules *m, const char *text, size_t len);
/* depmod's modules.dep: what it names is there as a file. `folder` is where it lies: "lib/modules/6.1.0-13-amd64". */
void modules_add_dep(struct modules *m, const char *folder, char *text);
void modules_free(struct modules *m);

/* Names with '-' and '_' alike. UNKNOWN: it is no file, and whether it is built in was not to be seen. */
enum modules_has modules_has(struct modules *m, const char *name);
/* The module that there is for a device, or NULL. */
const char *modules_match(struct modules *m, const char *modalias);
/* Takes over what `from` knows of the kernel itself (its built-in modules and their aliases), if `m` does not know it. */
void modules_learn_builtin(struct modules *m, const struct modules *from);

#endif
