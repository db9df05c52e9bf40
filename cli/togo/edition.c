/* SPDX-License-Identifier: BSD-2-Clause */
/* Which image of a WIM is meant. */
#include <stdlib.h>
#include <string.h>
#include "cli/togo/togo.h"
#include "core/base/str.h"

void togo_editions_free(struct togo_editions *e)
{
	free(e->v);
	memset(e, 0, sizeof *e);
}

const char *togo_arch_name(uint32_t arch)
{
	return arch == TOGO_X86	    ? "x86"
	       : arch == TOGO_X64   ? "x64"
	       : arch == TOGO_ARM64 ? "arm64"
	       : arch == TOGO_ARM   ? "arm"
				    : "?";
}

static char *list_editions(const struct togo_editions *e)
{
	char *all = cli_xstrdup("");

	for (unsigned i = 0; i < e->n; i++) {
		char *more = cli_xasprintf("%s%s%u %s", all, i ? ", " : "", e->v[i].index, e->v[i].name);

		free(all);
		all = more;
	}
	return all;
}

static bool is_named(const struct togo_edition *e, const char *name)
{
	uint64_t index;

	if (cli_parse_uint(name, UINT32_MAX, &index))
		return index == e->index;
	return pod_strcasecmp(e->name, name) == 0 || pod_strcasecmp(e->id, name) == 0;
}

int togo_edition_choose(const struct togo_editions *all, const char *name, const char *image, const struct togo_edition **out,
			struct fault *fault)
{
	unsigned hits = 0;
	char *list;

	for (unsigned i = 0; i < all->n; i++)
		if (name ? is_named(&all->v[i], name) : all->n == 1) {
			*out = &all->v[i];
			hits++;
		}
	if (hits == 1)
		return CLI_OK;
	if (!all->n)
		return fault_set(fault, _("%s: contains no image"), image);
	list = list_editions(all);
	if (!name)
		fault_set(fault, _("%s: holds several editions: %s; choose one with --edition"), image, list);
	else if (hits)
		fault_set(fault, _("%s: several editions are called '%s': %s; choose one by its number"), image, name, list);
	else
		fault_set(fault, _("%s: has no edition '%s': %s"), image, name, list);
	free(list);
	return CLI_FAILED;
}
