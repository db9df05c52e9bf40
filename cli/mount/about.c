/* SPDX-License-Identifier: BSD-2-Clause */
/* What a mounted disk says of itself: about.txt. */
#include <stdlib.h>
#include "cli/mount/about.h"
#include "cli/mount/list.h"
#include "core/base/str.h"

static const char *reason(const struct tree_volume *v)
{
	if (v->status == POD_E_FORMAT)
		return v->format ? _("not read here; a program that reads it can open the file") : _("no known filesystem");
	return cli_status_text(v->status);
}

static void one(void *ctx, const struct tree_volume *v)
{
	FILE *f = ctx;
	char size[16], label[256] = "";

	if (v->number)
		fprintf(f, "p%u.raw", (unsigned)v->number);
	else
		fputs("disk.raw", f);
	fprintf(f, "  %s", pod_format_size(size, v->length_bytes));
	if (v->format)
		fprintf(f, "  %s", v->format);
	if (v->label && v->label[0] && list_show_name(v->label, label, sizeof label))
		fprintf(f, " '%s'", label);
	if (v->files)
		fprintf(f, _(": files in %s/\n"), v->files);
	else if (v->number || v->format || v->status != POD_E_FORMAT)
		fprintf(f, ": %s\n", reason(v));
	else
		fputs("\n", f);
}

char *about_text(const struct tree *t)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return cli_xstrdup("");
	tree_volumes(t, one, f);
	if (tree_table(t) != POD_OK)
		fprintf(f, _("the partition table cannot be read: %s\n"), cli_status_text(tree_table(t)));
	fclose(f);
	return text;
}
