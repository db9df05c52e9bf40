/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The label of an ISO, and the labels that its boot menus make the system look for. Known parameters: CDLABEL= and LABEL= of
 * dracut ("root=live:CDLABEL=x"), "inst.stage2=hd:LABEL=x" of Anaconda, archisolabel= of archiso, misolabel= of Manjaro; blanks
 * are written \x20 there.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/images.h"
#include "core/base/str.h"

#define CONFIG_MAX (256u << 10)

const struct doctor_check doctor_check_label = {
	.id = "image.label",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("volume label"),
	.explain = N_("An ISO has a label of at most 32 characters. Many live systems look for their medium by it, so that two "
		      "media with "
		      "one label, or none, can be mistaken for each other. The standard allows capital letters, digits and '_'; "
		      "others are "
		      "common and harmless."),
};
const struct doctor_check doctor_check_sought = {
	.id = "image.label-sought",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("label that the boot menu asks for"),
	.explain = N_("The boot menu inside the image tells the system under which label to look for its medium. If the image "
		      "has another "
		      "label (it was remade, or renamed with a tool), the kernel starts and then waits for a medium that does "
		      "not exist, "
		      "until it drops to an emergency shell. Take the original image, or make it anew with the label that its "
		      "menu names "
		      "(xorriso -volid). At the boot menu the parameter can be edited once by hand."),
};

/* --- the labels of a volume -------------------------------------------------------------------------------------------------- */

enum { LABEL_SIZE = sizeof(((struct pod_image *)0)->label), JOLIET_UNITS = 16 };

/* What ISO 9660, Joliet and UDF call it, and which of them Linux goes by. */
struct labels {
	char iso[LABEL_SIZE], joliet[LABEL_SIZE], udf[LABEL_SIZE];
	bool has_joliet, has_udf;
	char linux_[2 * LABEL_SIZE];
};

static bool label_by(const struct doctor_image *im, const struct pod_fs_ops *ops, char out[LABEL_SIZE])
{
	struct pod_fs fs = {0};
	bool opened = pod_fs_open_as(&fs, ops, im->bytes, &cli_alloc, NULL) == POD_OK;

	out[0] = '\0';
	if (opened)
		pod_strlcpy(out, fs.label, LABEL_SIZE);
	pod_fs_close(&fs);
	return opened;
}

/* Joliet has room for 16 letters. Where these begin the longer label of ISO 9660, which has no small letters and '_' for
 * what it has not, that one goes on behind them. Returns where it goes on, or NULL. */
static const char *rest_of(const char *iso, const char *joliet)
{
	const char *a = iso, *a_end = iso + strlen(iso), *b = joliet, *b_end = joliet + strlen(joliet);
	unsigned units = 0;

	while (a < a_end && b < b_end) {
		uint32_t x = pod_utf8_next(&a, (size_t)(a_end - a)), y = pod_utf8_next(&b, (size_t)(b_end - b));
		bool same = x == y || x == '_' || (x < 0x80 && y < 0x80 && pod_tolower((char)x) == pod_tolower((char)y));

		if (!same)
			return NULL;
		units++;
	}
	return units == JOLIET_UNITS && b == b_end ? a : NULL;
}

/* As libblkid 2.38 does: UDF before ISO 9660, and Joliet's label, also an empty one, before the primary descriptor's. */
static void read_labels(const struct doctor_image *im, struct labels *l)
{
	const char *rest;

	(void)label_by(im, &pod_fs_iso9660, l->iso);
	l->has_joliet = im->image->joliet && label_by(im, &pod_fs_joliet, l->joliet);
	l->has_udf = im->image->udf && label_by(im, &pod_fs_udf, l->udf);
	rest = l->has_joliet ? rest_of(l->iso, l->joliet) : NULL;
	snprintf(l->linux_, sizeof l->linux_, "%s%s",
		 l->has_udf	 ? l->udf
		 : l->has_joliet ? l->joliet
				 : l->iso,
		 !l->has_udf && rest ? rest : "");
}

/* --- what the menus ask for -------------------------------------------------------------------------------------------------- */

/* The value of a label parameter at `s`, with \x20 turned into a blank; false if it holds a variable. */
static bool take_value(const char *s, char out[64])
{
	size_t n = 0;

	while (*s && !strchr(" \t\r\n\"';:,&|)", *s)) {
		char c = *s;

		if (c == '$' || c == '@' || c == '%' || n + 1 >= 64)
			return false;
		if (c == '\\' && s[1] == '\\')
			s++;
		if (*s == '\\' && s[1] == 'x' && s[2] && s[3]) {
			char hex[3] = {s[2], s[3], 0};

			c = (char)strtol(hex, NULL, 16);
			s += 3;
		}
		out[n++] = c;
		s++;
	}
	out[n] = '\0';
	return n > 0;
}

/* The next label that is asked for at or behind *at; moves *at behind it. */
static bool next_sought(const char **at, char out[64])
{
	static const char *const param[] = {"CDLABEL=", "hd:LABEL=", "live:LABEL=", "archisolabel=", "misolabel="};

	for (;;) {
		const char *best = NULL;
		size_t len = 0;

		for (size_t i = 0; i < POD_ARRAY_LEN(param); i++) {
			const char *p = pod_strcasestr(*at, param[i]);

			if (p && (!best || p < best)) {
				best = p;
				len = strlen(param[i]);
			}
		}
		if (!best)
			return false;
		*at = best + len;
		if (take_value(*at, out))
			return true;
	}
}

/* A boot menu of the image as text; NULL if it is not there or too large. */
static char *read_config(struct pod_fs *fs, const char *path, struct pod_dirent *scratch)
{
	struct pod_node node;
	char *text;

	if (pod_fs_lookup(fs, path, &node, scratch) != POD_OK || node.is_dir || node.size_bytes > CONFIG_MAX)
		return NULL;
	text = cli_xzalloc((size_t)node.size_bytes + 1);
	if (pod_fs_read(fs, &node, 0, text, (size_t)node.size_bytes) == POD_OK) {
		for (size_t i = 0; i < node.size_bytes; i++)
			if (!text[i])
				text[i] = ' ';
		return text;
	}
	free(text);
	return NULL;
}

/* Systems older than that go by the primary descriptor alone. */
static void report_wrong(struct doctor *d, const struct doctor_image *im, const struct labels *l, const char *path,
			 const char *sought)
{
	const char *fix = _("take the original image; or edit the parameter at its boot menu");

	if (strcmp(sought, l->iso) == 0)
		doctor_reportf(
			d, &doctor_check_sought, DOCTOR_WARN, im->subject, fix,
			_("%s makes the system look for a medium \"%s\", as ISO 9660 calls it, but %s calls it \"%s\", and Linux goes by "
			  "that: systems with a current libblkid do not find it"),
			path, sought, l->has_udf ? "UDF" : "Joliet", l->linux_);
	else
		doctor_reportf(d, &doctor_check_sought, DOCTOR_BAD, im->subject, fix,
			       _("%s makes the system look for a medium \"%s\", but the label is \"%s\""), path, sought,
			       l->linux_);
}

/* True if a wrong label was reported. */
static bool check_config(struct doctor *d, const struct doctor_image *im, const struct labels *l, struct pod_fs *fs,
			 const char *path, unsigned *right)
{
	struct pod_dirent *scratch = cli_xmalloc(sizeof *scratch);
	char *text = read_config(fs, path, scratch), sought[64];
	const char *at = text;
	bool wrong = false;

	while (text && !wrong && next_sought(&at, sought)) {
		if (strcmp(sought, l->linux_) == 0) {
			++*right;
			continue;
		}
		wrong = true;
		report_wrong(d, im, l, path, sought);
	}
	free(text);
	free(scratch);
	return wrong;
}

static void check_sought(struct doctor *d, const struct doctor_image *im, const struct labels *l)
{
	struct pod_fs fs;
	unsigned right = 0;
	bool wrong = false;

	if (!im->plan || pod_image_open_tree(&fs, im->bytes, &cli_alloc, NULL) != POD_OK)
		return;
	for (size_t i = 0; i < im->plan->initrd_count && !wrong; i++) {
		const char *path = im->plan->initrd[i].found_by;
		bool seen = strcmp(path, "content") == 0;

		for (size_t k = 0; k < i && !seen; k++)
			seen = strcmp(path, im->plan->initrd[k].found_by) == 0;
		if (!seen)
			wrong = check_config(d, im, l, &fs, path, &right);
	}
	if (right && !wrong)
		doctor_reportf(d, &doctor_check_sought, DOCTOR_GOOD, im->subject, NULL, _("\"%s\", as the image has it"),
			       l->linux_);
	pod_fs_close(&fs);
}

/* Who made one of them anew has forgotten the others, as a rule. */
static bool differ(const struct labels *l)
{
	return (l->has_joliet && strcmp(l->linux_, l->iso) != 0 && !l->has_udf && pod_strcasecmp(l->linux_, l->iso) != 0) ||
	       (l->has_udf && pod_strcasecmp(l->udf, l->iso) != 0);
}

void doctor_label(struct doctor *d, const struct doctor_image *im)
{
	struct labels *l = cli_xzalloc(sizeof *l);

	read_labels(im, l);
	if (!*l->linux_ && !*l->iso)
		doctor_report(d, &doctor_check_label, DOCTOR_NOTE, im->subject, _("the volume has no label"),
			      _("harmless, unless its system looks for its medium by label"));
	else if (*l->iso && differ(l))
		doctor_reportf(d, &doctor_check_label, DOCTOR_NOTE, im->subject,
			       _("harmless, unless its system looks for its medium by another one than Linux goes by"),
			       _("ISO 9660 calls the volume \"%s\", %s \"%s\"; Linux goes by \"%s\""), l->iso,
			       l->has_udf ? "UDF" : "Joliet", l->has_udf ? l->udf : l->joliet, l->linux_);
	else
		doctor_reportf(d, &doctor_check_label, DOCTOR_GOOD, im->subject, NULL, "\"%s\"", l->linux_);
	check_sought(d, im, l);
	free(l);
}
