/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel arguments for one start: words that are added to every kernel line of an image's boot menus, or taken out of it.
 *
 *   acpi=off         is added at the end (in front of a word `--`, behind which the kernel does not look)
 *   -quiet           a word `quiet` is taken out, and one that begins with `quiet=`
 *   acpi_osi="A b"   a word with a blank in it
 *
 * Some loaders read backslashes and single quotes in ways that no kernel line survives: words with one are refused.
 */
#ifndef POD_PLAN_ARGUMENTS_H
#define POD_PLAN_ARGUMENTS_H

#include "core/plan/menu.h"

#define POD_ARGUMENTS_MAX 192u /* bytes, incl. NUL */

/* Can these words be used so? Of a text that is too long, or has what is not printable ASCII in it, no. */
bool pod_arguments_valid(const char *words);

/* A command or word that gives a kernel an initrd, added where `wants`, which is asked of each item in order, says so. */
struct pod_arguments_initrd {
	bool (*wants)(void *ctx, const char *text, const struct pod_menu_item *item);
	void *ctx;
	const char *path; /* of the initrd, from the root folder of the kernel's volume, without a slash in front */
	uint32_t count;	  /* how many were added */
};

/* Makes `text`, a configuration at `path`, with these words, which may be none, with initrds (`more`, or NULL), and without hashes of what is served changed; *out, *out_len: in
 * memory of `a`, NULL if nothing changes in it. *lines: how many kernel lines got words. `vars`: scratch. POD_E_LIMIT: it would become too long. */
enum pod_status POD_MUST_USE pod_arguments_edit(const char *words, const char *path, const char *text, size_t len,
						struct pod_menu_vars *vars, struct pod_arguments_initrd *more,
						struct pod_alloc *a, char **out, size_t *out_len, uint32_t *lines);
/* The same of an entry of the Boot Loader Specification that starts a unified kernel image; `own`: which has a command line of
 * its own, that one in the entry would replace. */
enum pod_status POD_MUST_USE pod_arguments_edit_unified(const char *words, const char *text, size_t len, bool own,
							struct pod_alloc *a, char **out, size_t *out_len, uint32_t *lines);
/* The same of `text` that is one command line, up to a NUL in it; what is blank behind it is left out. *out is always something. */
enum pod_status POD_MUST_USE pod_arguments_edit_line(const char *words, const char *text, size_t len, struct pod_alloc *a,
						     char **out, size_t *out_len);
/* Is one of these words taken out? */
bool pod_arguments_take_out(const char *words);

#endif
