/* SPDX-License-Identifier: BSD-2-Clause */
/* What the boot menus of an image name and is not there, with the line that wants it. */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/menus.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

const struct doctor_check doctor_check_menus = {
	.id = "image.menus",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("what the boot menus name"),
	.explain =
		N_("The configurations of isolinux, GRUB (GRUB Legacy and GRUB4DOS, too), systemd-boot, rEFInd and Limine in the "
		   "image are read as these loaders read them: does each kernel, initrd, module and further configuration exist, "
		   "as the loader looks names up? GRUB distinguishes capital and small letters. Without what the entry that "
		   "starts by itself needs, or without what all entries need, the image does not start: take the original image, "
		   "or make it anew with the missing file. What only another entry needs (a memory test, the system on the hard "
		   "disk) is a note."),
};

#define ORIGINAL _("take the original image; or make it anew with the file that its menu names")

/* Does nothing else start what this entry starts? *nothing: nothing at all starts. */
static bool is_last(const struct menus *m, const struct menus_want *w, bool *nothing)
{
	const struct menus_entry *own = &m->entry[w->entry];
	bool all = true, same = true;

	*nothing = true;

	for (uint32_t i = 0; i < m->entries; i++) {
		const struct menus_entry *e = &m->entry[i];

		if (e->root != own->root || !e->starts || e->foreign)
			continue;
		if (!e->broken) {
			*nothing = false;
			all &= e->optional;
			same &= !e->kernel || !own->kernel || strcmp(e->kernel, own->kernel) != 0;
		}
	}
	return all || (same && w->kind != POD_MENU_KERNEL && own->kernel);
}

/* rEFInd shows whatever it finds besides, and a program in its menu may well be that of another system. */
static enum doctor_level level_in_refind(const struct menus *m, const struct menus_want *w)
{
	bool linux_one = w->kind == POD_MENU_KERNEL || w->kind == POD_MENU_INITRD;

	for (uint32_t i = 0; i < m->wants; i++)
		linux_one |= m->want[i].entry == w->entry && m->want[i].kind == POD_MENU_INITRD;
	return linux_one && !m->entry[w->entry].optional && !menus_is_optional(w->text) ? DOCTOR_WARN : DOCTOR_NOTE;
}

/* How bad is it that `w`, which an entry names, is missing? */
static enum doctor_level level_in_entry(const struct menus *m, const struct menus_want *w)
{
	const struct menus_entry *e = &m->entry[w->entry];
	bool nothing, last = is_last(m, w, &nothing);

	if (m->root[e->root].loader == MENUS_REFIND)
		return level_in_refind(m, w);

	if (e->foreign || w->unsure || w->kind == POD_MENU_CONFIG || w->kind == POD_MENU_FONT)
		return DOCTOR_NOTE;
	if (e->is_default || nothing)
		return DOCTOR_BAD;
	if (e->optional || menus_is_optional(w->text))
		return DOCTOR_NOTE;
	if (last)
		return DOCTOR_BAD;
	return w->kind == POD_MENU_KERNEL || w->kind == POD_MENU_MULTIBOOT ? DOCTOR_WARN : DOCTOR_NOTE;
}

static bool has_entries(const struct menus *m, uint32_t root)
{
	for (uint32_t i = 0; i < m->entries; i++)
		if (m->entry[i].root == root && m->entry[i].starts)
			return true;
	return false;
}

static enum doctor_level level_of(const struct menus *m, const struct menus_want *w)
{
	const struct menus_config *c = &m->config[w->config];
	const struct menus_root *r = &m->root[c->root];

	if (w->entry != MENUS_NOWHERE)
		return level_in_entry(m, w);
	if (w->kind == POD_MENU_CONFIG) /* there may be everything in it */
		return !has_entries(m, c->root) && (!w->unsure || r->loader == MENUS_SYSLINUX) ? DOCTOR_BAD : DOCTOR_NOTE;
	if (w->kind == POD_MENU_COM32) /* the menu itself */
		return DOCTOR_BAD;
	return w->kind == POD_MENU_FONT || w->unsure ? DOCTOR_NOTE : DOCTOR_WARN;
}

/* "isolinux/isolinux.cfg, line 9 (entry "Live", which starts by itself)" */
static char *place_of(const struct menus *m, const struct menus_want *w)
{
	const struct menus_entry *e = w->entry == MENUS_NOWHERE ? NULL : &m->entry[w->entry];
	char *config = menus_config_name(m, w->config), *out;

	if (e && e->is_default)
		out = cli_xasprintf(_("%s, line %u, for the entry that starts by itself"), config, w->line);
	else if (e && e->title)
		out = cli_xasprintf(_("%s, line %u, for the entry \"%s\""), config, w->line, e->title);
	else
		out = cli_xasprintf(_("%s, line %u"), config, w->line);
	free(config);
	return out;
}

/* Of several that want the same, the one for which it is worst speaks. */
static bool speaks(const struct menus *m, uint32_t i, enum doctor_level level)
{
	for (uint32_t k = 0; k < m->wants; k++) {
		const struct menus_want *o = &m->want[k];
		enum doctor_level other;

		if (k == i || o->volume != MENUS_NOWHERE || o->kind > POD_MENU_FILE || strcmp(o->text, m->want[i].text) != 0 ||
		    m->root[m->config[o->config].root].volume != m->root[m->config[m->want[i].config].root].volume ||
		    m->root[m->config[o->config].root].loader != m->root[m->config[m->want[i].config].root].loader)
			continue;
		other = level_of(m, o);
		if (other != level ? other > level : k < i)
			return false;
	}
	return true;
}

static void report_missing(struct menus *m, const struct menus_want *w, enum doctor_level level)
{
	char *place = place_of(m, w);
	const char *fix = level == DOCTOR_NOTE ? NULL : ORIGINAL;

	if (w->other)
		doctor_reportf(m->d, &doctor_check_menus, level, m->im->subject, fix,
			       _("%s is missing: there is %s, and GRUB distinguishes capital and small letters; wanted by %s"),
			       w->text, w->other, place);
	else
		doctor_reportf(m->d, &doctor_check_menus, level, m->im->subject, fix, _("%s is missing; wanted by %s"), w->text,
			       place);
	free(place);
}

/* --- GRUB's search ---------------------------------------------------------------------------------------------------------- */

/* ISO 9660's identifier as GRUB makes it: the time of modification, or else of creation, "2024-05-06-07-08-09-00". */
static bool iso_uuid(const struct menus *m, char out[24])
{
	uint8_t pvd[2048];

	if (pod_dev_read(m->im->bytes, 32768, pvd, sizeof pvd) != POD_OK || memcmp(pvd + 1, "CD001", 5) != 0)
		return false;
	for (unsigned at = 830; at >= 813; at -= 17) {
		const uint8_t *t = pvd + at;
		bool digits = true;

		for (unsigned i = 0; i < 16; i++)
			digits &= t[i] >= '0' && t[i] <= '9';
		if (!digits || memcmp(t, "0000000000000000", 16) == 0)
			continue;
		snprintf(out, 24, "%.4s-%.2s-%.2s-%.2s-%.2s-%.2s-%.2s", (const char *)t, (const char *)t + 4, (const char *)t + 6,
			 (const char *)t + 8, (const char *)t + 10, (const char *)t + 12, (const char *)t + 14);
		return true;
	}
	return false;
}

static bool search_succeeds(const struct menus *m, const struct menus_want *w)
{
	char id[24] = "";

	if (w->kind == POD_MENU_SEARCH)
		return w->volume != MENUS_NOWHERE;
	for (uint32_t i = 0; i < m->volumes; i++) {
		const struct pod_fs *fs = &m->volume[i].fs;

		if (w->kind == POD_MENU_BY_LABEL && strcmp(fs->label, w->text) == 0)
			return true;
		snprintf(id, sizeof id, "%04X-%04X", fs->serial >> 16, fs->serial & 0xffff);
		if (w->kind == POD_MENU_BY_UUID && m->volume[i].fat && pod_strcasecmp(id, w->text) == 0)
			return true;
	}
	return w->kind == POD_MENU_BY_UUID && iso_uuid(m, id) && strcmp(id, w->text) == 0;
}

static bool is_search(const struct menus_want *w)
{
	return w->kind == POD_MENU_SEARCH || w->kind == POD_MENU_BY_LABEL || w->kind == POD_MENU_BY_UUID;
}

/* A search of a configuration in the EFI system partition leads to the ISO; one in the ISO is there already. */
static void check_search(struct menus *m, const struct menus_want *w)
{
	bool elsewhere = m->volume[m->config[w->config].volume].fat, other = false;
	char *place;

	if (search_succeeds(m, w))
		return;
	for (uint32_t i = 0; i < m->wants && !other; i++)
		other = is_search(&m->want[i]) && m->want[i].config == w->config && search_succeeds(m, &m->want[i]);
	place = place_of(m, w);
	doctor_reportf(m->d, &doctor_check_menus, elsewhere && !other && !w->unsure ? DOCTOR_BAD : DOCTOR_NOTE, m->im->subject,
		       elsewhere && !other && !w->unsure ? ORIGINAL : NULL,
		       w->kind == POD_MENU_SEARCH     ? _("GRUB looks for the volume with the file %s, which no volume has: %s")
		       : w->kind == POD_MENU_BY_LABEL ? _("GRUB looks for a volume with the label \"%s\", which none has: %s")
						      : _("GRUB looks for the volume %s, and there is none: %s"),
		       w->text, place);
	free(place);
}

/* --- SYSLINUX' default ------------------------------------------------------------------------------------------------------ */

static bool has_label(const struct menus *m, uint32_t root, const char *label)
{
	for (uint32_t i = 0; i < m->entries; i++)
		if (m->entry[i].root == root && m->entry[i].title && pod_strcasecmp(m->entry[i].title, label) == 0)
			return true;
	return false;
}

/* A configuration without entries may wait for what is typed; then it says so. */
static bool asks(struct menus *m, const struct menus_root *r)
{
	static const char *const word[] = {"prompt", "display", "say"};
	char text[1024];
	struct pod_node node;
	size_t n;

	if (!menus_lookup(m, r->volume, r->path, &node))
		return false;
	n = (size_t)pod_min_u64(node.size_bytes, sizeof text - 1);
	if (n && pod_fs_read(&m->volume[r->volume].fs, &node, 0, text, n) != POD_OK)
		return true; /* image.files and --full tell of it */
	text[n] = 0;
	for (size_t i = 0; i < POD_ARRAY_LEN(word); i++)
		if (pod_strcasestr(text, word[i]))
			return true;
	return false;
}

static void check_default(struct menus *m, uint32_t root)
{
	const struct menus_root *r = &m->root[root];
	struct pod_node node;
	char *path;
	bool there;

	if (r->loader != MENUS_SYSLINUX || r->ui)
		return;
	if (!r->by_default && !has_entries(m, root) && !asks(m, r)) {
		doctor_reportf(m->d, &doctor_check_menus, DOCTOR_BAD, m->im->subject, ORIGINAL,
			       _("%s names neither a menu nor anything to start"), r->path);
		return;
	}
	if (!r->by_default) {
		doctor_reportf(m->d, &doctor_check_menus, DOCTOR_NOTE, m->im->subject, NULL,
			       _("%s names neither a menu nor what to start: it waits for a label to be typed"), r->path);
		return;
	}
	if (has_label(m, root, r->by_default))
		return;
	path = cli_xasprintf("%s/%s", r->by_default[0] == '/' ? "" : r->folder, r->by_default);
	there = menus_lookup(m, r->volume, path, &node);
	free(path);
	if (!there)
		doctor_reportf(m->d, &doctor_check_menus, DOCTOR_BAD, m->im->subject, ORIGINAL,
			       _("%s starts \"%s\" by itself, and there is neither such a label nor such a file"), r->path,
			       r->by_default);
}

void menus_missing(struct menus *m)
{
	unsigned named = 0, missing = 0;

	for (uint32_t i = 0; i < m->wants; i++) {
		const struct menus_want *w = &m->want[i];
		enum doctor_level level;

		if (is_search(w))
			check_search(m, w);
		if (w->kind > POD_MENU_FILE)
			continue;
		named++;
		if (w->volume != MENUS_NOWHERE)
			continue;
		level = level_of(m, w);
		missing += level == DOCTOR_BAD || level == DOCTOR_WARN;
		if (speaks(m, i, level))
			report_missing(m, w, level);
	}
	for (uint32_t i = 0; i < m->roots; i++)
		check_default(m, i);
	if (named && !missing)
		doctor_reportf(m->d, &doctor_check_menus, DOCTOR_GOOD, m->im->subject, NULL,
			       _("%u files in %u configurations, all there that the entries need"), named, m->configs);
}
