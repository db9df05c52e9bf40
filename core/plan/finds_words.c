/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of how a system finds its medium, by the command and by the menu. */
#include "core/base/str.h"
#include "core/plan/finds.h"

/* For the catalogues of both. */
#define N_(s) (s)

static const char *const how_text[POD_FINDS_COUNT] = {
	[POD_FINDS_UNKNOWN] = N_("not to be seen how it looks for its medium"),
	[POD_FINDS_ANY] = N_("looks at every disk and partition"),
	[POD_FINDS_ID] = N_("looks for a label or identifier"),
	[POD_FINDS_DEVICE] = N_("looks at one partition, by its name"),
	[POD_FINDS_WHOLE] = N_("looks at whole disks only"),
	[POD_FINDS_OPTICAL] = N_("looks at optical drives only"),
	[POD_FINDS_NOTHING] = N_("needs no medium once it is loaded"),
};

static const char *in_words(pod_finds_translate *translate, void *ctx, const char *text)
{
	return translate ? translate(ctx, text) : text;
}

void pod_finds_say(const struct pod_finds *f, pod_finds_translate *translate, void *ctx, char *out, size_t size)
{
	const struct pod_finds_clue *c = &f->clue;
	const char *how = in_words(translate, ctx, how_text[f->how]);
	char line[16] = "";
	if (c->line && *c->word)
		(void)pod_snprintf(line, sizeof line, ":%u", c->line);
	if (!*c->file)
		(void)pod_strlcpy(out, how, size);
	else
		(void)pod_snprintf(out, size, "%s (%s%s%s%s)", how, c->file, line, *c->word ? ": " : "", c->word);
}

bool pod_finds_warn(const struct pod_finds *f, const char *path, pod_finds_translate *translate, void *ctx, char *out,
		    size_t size)
{
	const char *text = NULL;
	if (f->how == POD_FINDS_DEVICE)
		text = N_("%s looks for its medium at %s, wherever the stick is: change that in the image's boot menu, "
			  "or it will not be found on every machine.");
	else if (f->how == POD_FINDS_OPTICAL && f->drives)
		text = N_("%s looks for an optical drive (%s), which Isopod cannot show: burn the image, or write it to a drive "
			  "of its own.");
	if (text)
		(void)pod_snprintf(out, size, in_words(translate, ctx, text), path, f->clue.word);
	return text != NULL;
}
