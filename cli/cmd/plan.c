/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod plan: what each firmware will start, and what is patched, and why. The same code as in the boot manager. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/cmd/plan.h"
#include "cli/disk/disk.h"
#include "cli/doctor/finds.h"
#include "cli/persist/show.h"
#include "cli/ui/bootmode.h"
#include "cli/stick/image.h"
#include "cli/stick/starts.h"
#include "cli/stick/wim.h"
#include "core/base/str.h"

static const char *const machine_text[POD_MACHINE_COUNT] = {
	[POD_MACHINE_X64] = "x64", [POD_MACHINE_IA32] = "ia32", [POD_MACHINE_AA64] = "aa64"};

/* Where a segment comes from: the image's own bytes, those of the files it stands on, other bytes of the stick (the shim on the
 * ESP), memory, or nowhere. */
static const char *segment_text(const struct cli_image *im, const struct pod_plan *p, const struct pod_seg *s)
{
	if (s->kind != POD_SEG_DEV)
		return s->kind == POD_SEG_MEM ? "memory" : "zero";
	for (size_t i = 0; i < im->extent_count; i++)
		if (!im->extent[i].hole && s->source >= im->extent[i].dev_bytes &&
		    s->source - im->extent[i].dev_bytes < im->extent[i].length_bytes)
			return "image";
	return p->layers > 1 ? "parent" : "stick";
}

static const char *overlay_text(enum pod_overlay_kind k)
{
	switch (k) {
	case POD_OVERLAY_INITRD:
		return "initrd";
	case POD_OVERLAY_DIRENT:
		return "directory";
	case POD_OVERLAY_FAT:
		return "fat";
	case POD_OVERLAY_CATALOG:
		return "catalog";
	case POD_OVERLAY_VOLUME:
		return "volume";
	case POD_OVERLAY_UKI:
		return "uki";
	case POD_OVERLAY_WIM:
		return "wim";
	case POD_OVERLAY_MENU:
		return "menu";
	}
	return "other";
}

static const char *media_text(uint8_t media)
{
	switch (media) {
	case POD_ET_NOEMUL:
		return _("no emulation");
	case POD_ET_FLOPPY_1200:
		return _("1.2 MB floppy emulation");
	case POD_ET_FLOPPY_1440:
		return _("1.44 MB floppy emulation");
	case POD_ET_FLOPPY_2880:
		return _("2.88 MB floppy emulation");
	case POD_ET_HARDDISK:
		return _("hard-disk emulation");
	default:
		return _("unknown emulation");
	}
}

/* In words; the caller frees. */
static char *start_text(const struct pod_plan *p, const struct cli_bootmode *fw)
{
	int n = pod_plan_entry(p, fw->bit);
	const char *loader = pod_efi_loader_path(fw->bit);

	if (n >= 0 && (uint32_t)n < p->image.boot_count) {
		const struct pod_eltorito_entry *e = &p->image.boot[n];

		if (fw->bit == POD_FW_BIOS)
			return cli_xasprintf(_("El Torito entry %d, %s, %u sectors at offset %llu"), n + 1, media_text(e->media),
					     e->sector_count, (unsigned long long)e->lba * 2048);
		return cli_xasprintf(_("El Torito entry %d, %s in a FAT image at offset %llu"), n + 1, loader,
				     (unsigned long long)e->lba * 2048);
	}
	if (n == POD_ENTRY_OWN && p->windows.count)
		return cli_xasprintf(_("%s on a hard disk made of the image's files"),
				     fw->bit == POD_FW_BIOS ? "bootmgr" : loader);
	if (n == POD_ENTRY_OWN && fw->bit == POD_FW_BIOS)
		return cli_xasprintf("%s", _("the boot sector of the image"));
	if (n == POD_ENTRY_OWN && p->image.kind == POD_IMAGE_EFI)
		return cli_xasprintf("%s", _("the program itself"));
	if (n == POD_ENTRY_OWN)
		return cli_xasprintf(_("%s in the image's own filesystem"), loader);
	return NULL;
}

static void json_starts(struct cli_json *j, const struct pod_plan *p, const struct cli_bootmode *only)
{
	cli_json_open(j, "starts", '[');
	for (size_t i = 0; i < CLI_BOOTMODE_COUNT; i++) {
		const struct cli_bootmode *fw = &cli_bootmode[i];
		int n = pod_plan_entry(p, fw->bit);
		char *text;

		if (only && only != fw)
			continue;
		text = start_text(p, fw);
		cli_json_open(j, NULL, '{');
		cli_json_str(j, "firmware", fw->name);
		cli_json_bool(j, "starts", text != NULL);
		if (n >= 0)
			cli_json_i64(j, "entry", n);
		if (text && fw->bit != POD_FW_BIOS)
			cli_json_str(j, "loader", pod_efi_loader_path(fw->bit));
		cli_json_str(j, "what", text);
		cli_json_close(j, '}');
		free(text);
	}
	cli_json_close(j, ']');
}

static void json_boot_entries(struct cli_json *j, const struct pod_image *im)
{
	cli_json_open(j, "el_torito", '[');
	for (uint32_t i = 0; i < im->boot_count; i++) {
		const struct pod_eltorito_entry *e = &im->boot[i];

		cli_json_open(j, NULL, '{');
		cli_json_u64(j, "platform", e->platform);
		cli_json_bool(j, "bootable", e->bootable);
		cli_json_u64(j, "media", e->media);
		cli_json_u64(j, "load_segment", e->load_segment);
		cli_json_u64(j, "sectors", e->sector_count);
		cli_json_u64(j, "offset", (uint64_t)e->lba * 2048);
		cli_json_u64(j, "length", e->length_bytes);
		cli_bootmode_json(j, "firmware", e->firmware);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

/* `none`: it is not known. */
static const char *machine_of(const struct pod_initrd *r, const char *none)
{
	return r->machine < POD_MACHINE_COUNT ? machine_text[r->machine] : none;
}

/* An initrd for a kernel that is started without one. */
static void json_more(struct cli_json *j, const char *name, const struct pod_initrd *o)
{
	if (!o->length_bytes)
		return;
	cli_json_open(j, name, '{');
	cli_json_str(j, "kernel", o->path);
	cli_json_u64(j, "offset", o->start_bytes);
	cli_json_u64(j, "length", o->length_bytes);
	cli_json_str(j, "machine", machine_of(o, NULL));
	cli_json_str(j, "found_by", o->found_by);
	cli_json_close(j, '}');
}

static void json_overlays(struct cli_json *j, const struct pod_plan *p)
{
	cli_json_open(j, "initrds", '[');
	for (size_t i = 0; i < p->initrd_count; i++) {
		const struct pod_initrd *r = &p->initrd[i];

		cli_json_open(j, NULL, '{');
		cli_json_str(j, "path", r->path);
		if (r->partition)
			cli_json_u64(j, "partition", r->partition);
		if (r->volume[0])
			cli_json_str(j, "volume", r->volume);
		cli_json_u64(j, "offset", r->start_bytes);
		cli_json_u64(j, "length", r->length_bytes);
		cli_json_str(j, "machine", machine_of(r, NULL));
		cli_json_str(j, "found_by", r->found_by);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
	json_more(j, "offered", &p->offered);
	json_more(j, "added", &p->lone);
	cli_json_open(j, "overlays", '[');
	for (size_t i = 0; i < p->overlay_count; i++) {
		const struct pod_overlay *o = &p->overlay[i];

		cli_json_open(j, NULL, '{');
		cli_json_str(j, "kind", overlay_text(o->kind));
		cli_json_u64(j, "offset", o->start_bytes);
		cli_json_u64(j, "length", o->length_bytes);
		cli_json_str(j, "path", o->path);
		cli_json_str(j, "reason", o->reason);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

static void json_wims(struct cli_json *j, const struct pod_plan *p)
{
	if (!p->wim_count)
		return;
	cli_json_open(j, "wims", '[');
	for (size_t i = 0; i < p->wim_count; i++) {
		const struct pod_plan_wim *w = &p->wim[i];

		cli_json_open(j, NULL, '{');
		cli_json_str(j, "path", w->path);
		cli_json_u64(j, "image", w->image);
		cli_json_u64(j, "offset", w->start_bytes);
		cli_json_u64(j, "length", w->length_bytes);
		if (w->served_length) {
			cli_json_u64(j, "served_offset", w->served_bytes);
			cli_json_u64(j, "served_length", w->served_length);
			cli_json_u64(j, "names", w->names);
		}
		cli_json_str(j, "replaced", *w->replaced ? w->replaced : NULL);
		cli_json_str(j, "unchanged_because", *w->why ? w->why : NULL);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

static const char *origin_text(enum pod_disk_from f)
{
	return f == POD_FROM_IMAGE ? "image" : f == POD_FROM_WIM ? "wim" : "made";
}

static void json_choice(struct cli_json *j, const struct pod_plan_windows *w)
{
	if (!w->choices)
		return;
	cli_json_open(j, "images", '[');
	for (uint32_t i = 0; i < w->choices; i++) {
		const struct pod_wim_choice *c = &w->choice[i];

		cli_json_open(j, NULL, '{');
		cli_json_u64(j, "index", c->image);
		cli_json_str(j, "name", c->name);
		cli_json_str(j, "architecture", c->arch);
		cli_bootmode_json(j, "firmware", c->firmware);
		cli_json_bool(j, "own", c->image == w->wim_own);
		cli_json_str(j, "refused", cli_wim_start_text(c->start));
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

static void json_windows(struct cli_json *j, const struct pod_plan_windows *w)
{
	if (!w->count)
		return;
	cli_json_open(j, "windows", '{');
	cli_json_open(j, "files", '[');
	for (size_t i = 0; i < w->count; i++) {
		const struct pod_disk_file *f = &w->file[i];

		cli_json_open(j, NULL, '{');
		cli_json_str(j, "path", f->path);
		cli_json_str(j, "origin", origin_text(f->origin));
		cli_json_str(j, "from", f->from);
		cli_json_u64(j, "offset", f->start_bytes);
		cli_json_u64(j, "length", f->length_bytes);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
	if (w->wim_image) {
		cli_json_u64(j, "image", w->wim_image);
		cli_json_str(j, "name", w->wim_name);
		cli_json_bool(j, "loader_2023", w->loader_2023);
		cli_json_bool(j, "loader_other", w->loader_other);
		cli_json_str(j, "replaced", *w->replaced ? w->replaced : NULL);
		cli_json_str(j, "answer", *w->answer ? w->answer : NULL);
		cli_json_u64(j, "labconfig", w->lab_count);
	}
	json_choice(j, w);
	cli_json_close(j, '}');
}

static void json_map(struct cli_json *j, const struct cli_image *im, const struct pod_plan *p)
{
	const struct pod_map *m = &p->map;

	cli_json_open(j, "map", '{');
	cli_json_u64(j, "size", m->size_bytes);
	cli_json_u64(j, "memory", m->mem_len);
	cli_json_open(j, "segments", '[');
	for (size_t i = 0; i < m->count; i++) {
		const struct pod_seg *s = &m->seg[i];

		cli_json_open(j, NULL, '{');
		cli_json_u64(j, "start", s->start_bytes);
		cli_json_u64(j, "length", s->length_bytes);
		cli_json_str(j, "kind", segment_text(im, p, s));
		if (s->kind != POD_SEG_ZERO)
			cli_json_u64(j, "source", s->source);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
	cli_json_close(j, '}');
}

/* --- WIM ------------------------------------------------------------------------------------------------------------------- */

/* NULL: the image is none, or cannot be read as one. */
static struct cli_wim *read_wim(struct cli_image *im, const struct pod_plan *p)
{
	struct cli_wim *w = NULL;
	struct pod_mapdev bytes;
	struct pod_map map;

	if (p->image.kind != POD_IMAGE_WIM || !cli_image_bytes(im, &map, &bytes, NULL))
		return NULL;
	w = cli_xmalloc(sizeof *w);
	if (cli_wim_read(w, &bytes.dev, CLI_WIM_BOOT_TREE, NULL) != POD_OK) {
		free(w);
		w = NULL;
	}
	pod_map_fini(&map);
	return w;
}

static void json_wim(struct cli_json *j, const struct cli_wim *w)
{
	cli_json_open(j, "wim", '{');
	cli_json_str(j, "compression", pod_wim_compression_text(w->header.compression));
	cli_json_u64(j, "chunk_size", w->header.chunk_size);
	cli_json_u64(j, "boot_index", w->header.boot_index);
	cli_json_str(j, "bootmgr_refuses", pod_wim_not_bootable(&w->header));
	cli_json_open(j, "images", '[');
	for (uint32_t i = 0; i < w->count; i++) {
		const struct cli_wim_image *im = &w->image[i];

		cli_json_open(j, NULL, '{');
		cli_json_u64(j, "index", i + 1);
		cli_json_str(j, "name", im->about.name);
		cli_json_str(j, "display_name", im->about.display_name);
		cli_json_str(j, "edition", im->about.edition);
		cli_json_str(j, "type", im->about.type);
		cli_json_str(j, "language", im->about.language);
		cli_json_str(j, "architecture", pod_wim_arch_text(&im->about));
		cli_json_u64(j, "build", im->about.build);
		if (im->looked && im->status == POD_OK) {
			cli_json_bool(j, "winload_exe", im->bios);
			cli_json_bool(j, "winload_efi", im->efi);
		}
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
	cli_json_close(j, '}');
}

static void text_wim(const struct cli_wim *w)
{
	char *refusal = cli_wim_refusal(w);

	cli_print(_("Images, compression %s:\n"), pod_wim_compression_text(w->header.compression));
	for (uint32_t i = 0; i < w->count; i++) {
		const struct cli_wim_image *im = &w->image[i];
		char *text = cli_wim_image_text(w, i + 1);

		cli_print("  %u  %s%s%s%s", i + 1, text, im->efi ? ", winload.efi" : "", im->bios ? ", winload.exe" : "",
			  w->header.boot_index == i + 1 ? _(", to be started") : "");
		if (im->looked && im->status != POD_OK)
			cli_print(": %s%s%s", cli_status_text(im->status), im->what ? ", " : "", im->what ? im->what : "");
		cli_print("\n");
		free(text);
	}
	if (refusal)
		cli_print(_("Warning: %s\n"), refusal);
	free(refusal);
}

static void json_persist(struct cli_json *j, struct cli_image *im, const struct pod_plan *p)
{
	if (!p->persist.kind)
		return;
	cli_json_open(j, "persistence", '{');
	persist_json(j, POD_OK, &p->persist);
	if (*pod_persist_words(p->persist.kind))
		cli_json_str(j, "arguments", pod_persist_words(p->persist.kind));
	cli_json_bool(j, "snapshot_before_start", cli_image_keeps(im, p) && im->target->data.ops == &pod_fs_exfat);
	cli_json_close(j, '}');
}

static void json_extents(struct cli_json *j, const struct cli_image *im)
{
	cli_json_open(j, "extents", '[');
	for (size_t i = 0; i < im->extent_count; i++) {
		const struct pod_extent *e = &im->extent[i];

		cli_json_open(j, NULL, '{');
		cli_json_u64(j, "start", e->file_bytes);
		cli_json_u64(j, "length", e->length_bytes);
		if (!e->hole)
			cli_json_u64(j, "source", e->dev_bytes);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

static int report_json(struct cli_image *im, const char *arg, const struct pod_plan *p, const struct finds *finds,
		       const struct cli_bootmode *only, const struct pod_start *start, struct fault *fault)
{
	bool taken = false;
	char *snapshot = plan_snapshot(im, arg, &taken);
	struct cli_wim *wim = read_wim(im, p);
	struct cli_json j;

	cli_json_init(&j, stdout);
	cli_json_open(&j, NULL, '{');
	cli_json_str(&j, "path", im->path);
	cli_json_u64(&j, "size", im->size_bytes);
	cli_json_str(&j, "kind", pod_image_kind_text(p->image.kind));
	if (p->container) {
		cli_json_str(&j, "container", pod_image_kind_text(p->container));
		cli_json_u64(&j, "files", p->layers);
		cli_json_bool(&j, "unwritten", p->unwritten);
	}
	cli_json_str(&j, "label", p->image.label);
	cli_json_bool(&j, "truncated", p->image.truncated);
	cli_json_bool(&j, "joliet", p->image.joliet);
	cli_json_bool(&j, "rock_ridge", p->image.rock_ridge);
	cli_json_bool(&j, "udf", p->image.udf);
	cli_json_bool(&j, "hybrid_mbr", p->image.hybrid_mbr);
	cli_json_bool(&j, "hybrid_gpt", p->image.hybrid_gpt);
	cli_bootmode_json(&j, "firmware", p->image.firmware);
	cli_json_u64(&j, "sector_size", p->sector_size);
	json_starts(&j, p, only);
	cli_start_json(&j, "start", start);
	cli_json_bool(&j, "from_memory", cli_image_from_memory(im));
	cli_json_bool(&j, "may_be_partition", pod_plan_may_be_partition(p) && p->in_one_piece);
	cli_json_bool(&j, "as_partition", cli_image_as_partition(im, p));
	if (snapshot) {
		cli_json_bool(&j, "snapshot_before", taken);
		cli_json_str(&j, "snapshot", snapshot);
	}
	free(snapshot);
	if (p->argument_lines)
		cli_json_u64(&j, "argument_lines", p->argument_lines);
	if (wim)
		json_wim(&j, wim);
	free(wim);
	json_boot_entries(&j, &p->image);
	json_overlays(&j, p);
	finds_json(&j, finds);
	json_wims(&j, p);
	json_windows(&j, &p->windows);
	json_persist(&j, im, p);
	cli_json_open(&j, "warnings", '[');
	for (uint32_t i = 0; i < p->warning_count; i++)
		cli_json_str(&j, NULL, p->warning[i]);
	cli_json_close(&j, ']');
	json_extents(&j, im);
	json_map(&j, im, p);
	cli_json_close(&j, '}');
	return cli_json_end(&j, fault);
}

/* Initrds for kernels that are started without one. */
static void text_more(const struct pod_plan *p)
{
	if (p->offered.length_bytes)
		cli_print(
			_("Started without an initrd: %s, %s. On UEFI it is offered one with the hand-over shim, which it unpacks behind a "
			  "built-in one, if its loader starts it by its EFI stub. If it still does not find its medium, start it as a "
			  "partition: P on the details page of the menu.\n"),
			p->offered.path, machine_of(&p->offered, "?"));
	if (p->lone.length_bytes && p->image.kind == POD_IMAGE_ISO)
		cli_print(
			_("Started without an initrd: %s, %s. On a BIOS it is given one with the hand-over shim, by the boot menu %s, which it "
			  "unpacks behind a built-in one.\n"),
			p->lone.path, machine_of(&p->lone, "?"), p->lone.found_by);
	else if (p->lone.length_bytes)
		cli_print(
			_("Started without an initrd: %s, %s, in partition %u. It is given one with the hand-over shim, by the boot menu %s, and finds "
			  "its disk if loop devices are built into it.\n"),
			p->lone.path, machine_of(&p->lone, "?"), p->lone.partition, p->lone.found_by);
}

static void text_overlays(const struct pod_plan *p)
{
	char size[16];

	if (p->initrd_count)
		cli_print("%s\n", _("Linux initrds, served with the hand-over shim:"));
	for (size_t i = 0; i < p->initrd_count; i++) {
		const struct pod_initrd *r = &p->initrd[i];

		if (r->partition)
			cli_print(_("  in partition %u:"), r->partition);
		if (r->volume[0])
			cli_print(_("  in logical volume %s:"), r->volume);
		cli_print(_("  %s, %s, %s at offset %llu, found by %s\n"), r->path, machine_of(r, "?"),
			  pod_format_size(size, r->length_bytes), (unsigned long long)r->start_bytes, r->found_by);
	}
	text_more(p);
	if (p->overlay_count)
		cli_print("%s\n", _("Patched in the virtual disk (the file itself is never changed):"));
	for (size_t i = 0; i < p->overlay_count; i++) {
		const struct pod_overlay *o = &p->overlay[i];

		cli_print(_("  %-9s %llu bytes at offset %llu%s%s: %s\n"), overlay_text(o->kind),
			  (unsigned long long)o->length_bytes, (unsigned long long)o->start_bytes, *o->path ? ", " : "", o->path,
			  o->reason);
	}
}

static void text_finds(const struct finds *f)
{
	if (f->count)
		cli_print("%s\n", _("How the system in it finds its medium, by what its initrd says:"));
	for (size_t i = 0; i < f->count; i++) {
		char *text = finds_text(&f->one[i]);

		cli_print("  %s: %s\n", f->one[i].initrd->path, text);
		free(text);
	}
}

static void text_finds_warnings(const struct finds *f)
{
	for (size_t i = 0; i < f->count; i++) {
		char *warning = finds_warning(&f->one[i]);

		if (warning)
			cli_print(_("Warning: %s\n"), warning);
		free(warning);
	}
}

static void text_wims(const struct pod_plan *p)
{
	char size[16];

	if (p->wim_count)
		cli_print("%s\n", _("Served as the CD that it is; WIMs in it that start Windows PE:"));
	for (size_t i = 0; i < p->wim_count; i++) {
		const struct pod_plan_wim *w = &p->wim[i];

		pod_format_size(size, w->length_bytes);
		if (*w->why)
			cli_print(_("  %s, %s, image %u: unchanged (%s)\n"), w->path, size, w->image, w->why);
		else
			cli_print(
				_("  %s, %s, image %u: at offset %llu, with Isopod's helper in the place of %s: it shows Windows the "
				  "image, and runs that\n"),
				w->path, size, w->image, (unsigned long long)w->served_bytes, w->replaced);
	}
}

static void text_windows(const struct pod_plan_windows *w)
{
	char size[16];

	if (w->count)
		cli_print("%s\n", _("Started as Windows, from a hard disk with these files:"));
	for (size_t i = 0; i < w->count; i++) {
		const struct pod_disk_file *f = &w->file[i];

		pod_format_size(size, f->length_bytes);
		if (f->origin == POD_FROM_MADE)
			cli_print(_("  %s, %s: made, because the image has none\n"), f->path, size);
		else if (f->origin == POD_FROM_WIM)
			cli_print(_("  %s, %s: %s in the WIM\n"), f->path, size, f->from);
		else if (!*f->from)
			cli_print(_("  %s, %s: the image itself\n"), f->path, size);
		else
			cli_print(_("  %s, %s: %s in the image\n"), f->path, size, f->from);
	}
	if (w->wim_image)
		cli_print(_("Of the WIM starts image %u%s%s.\n"), w->wim_image, *w->wim_name ? ", " : "", w->wim_name);
	if (w->choices)
		cli_print("%s\n", _("Its images; one that starts can be chosen in the menu, or by --image:"));
	for (uint32_t i = 0; i < w->choices; i++) {
		const struct pod_wim_choice *c = &w->choice[i];
		const char *why = cli_wim_start_text(c->start);

		cli_print("  %u  %s%s%s%s%s%s\n", c->image, *c->name ? c->name : "?", *c->arch ? ", " : "", c->arch,
			  c->image == w->wim_own ? _(", the WIM's own choice") : "", why ? _(", not to be chosen: ") : "",
			  why ? why : "");
	}
	if (w->loader_2023)
		cli_print(
			"%s\n",
			w->loader_other
				? _("Its loader for UEFI is the one signed with the certificate of 2023; the WIM has that of 2011 too.")
				: _("Its loader for UEFI is signed with the certificate of 2023; the WIM has none of 2011."));
	else if (w->loader_other)
		cli_print("%s\n",
			  _("Its loader for UEFI is the one signed with the certificate of 2011; the WIM has that of 2023 too."));
	if (*w->replaced)
		cli_print(_("In it Isopod's helper is run in the place of %s: it shows Windows the image, and runs that.\n"),
			  w->replaced);
	if (*w->answer)
		cli_print(_("Setup is given the answer file %s.\n"), w->answer);
	if (w->lab_count)
		cli_print(_("LabConfig values that are set: %u.\n"), w->lab_count);
}

/* On a stick: the way for systems that find their medium by their own drivers. */
static void text_partition(struct cli_image *im, const struct pod_plan *p)
{
	if (!im->target || !pod_plan_may_be_partition(p))
		return;
	if (!p->in_one_piece)
		cli_print(
			"%s\n",
			_("It cannot become a partition of the stick, for it lies in several pieces; copy it again with 'isopod add'."));
	else if (cli_image_as_partition(im, p))
		cli_print(
			"%s\n",
			_("As a partition of the stick, as isopod.conf says: the partition table names it until the menu starts again."));
	else
		cli_print("%s\n",
			  _("If its system does not find it: Tab and P in the menu start it as a partition of the stick."));
}

static void text_snapshot(struct cli_image *im, const char *arg)
{
	bool taken;
	char *text = plan_snapshot(im, arg, &taken);

	if (text)
		cli_print("%s\n", text);
	free(text);
}

static void text_persist(struct cli_image *im, const struct pod_plan *p)
{
	if (!p->persist.kind)
		return;
	cli_print("%s ", _("What the system changes is kept, in the file beside the image:"));
	persist_text(POD_OK, &p->persist);
	cli_print("\n");
	if (*pod_persist_words(p->persist.kind))
		cli_print(_("  its boot menus tell the system of it: %s (%u kernel lines)\n"), pod_persist_words(p->persist.kind),
			  p->argument_lines);
	if (cli_image_keeps(im, p))
		cli_print(
			"  %s\n",
			im->target->data.ops == &pod_fs_exfat
				? _("before each start the menu keeps it as a snapshot, as isopod.conf says")
				: _("isopod.conf asks for a snapshot before each start: on NTFS the menu takes none; use 'isopod persist snapshot'"));
}

static void text_map(struct cli_image *im, const struct pod_plan *p)
{
	cli_print("%s\n", _("Where the image lies:"));
	for (size_t i = 0; i < im->extent_count; i++) {
		const struct pod_extent *e = &im->extent[i];

		if (e->hole)
			cli_print(_("  %llu + %llu: zeros\n"), (unsigned long long)e->file_bytes,
				  (unsigned long long)e->length_bytes);
		else
			cli_print(_("  %llu + %llu: from byte %llu\n"), (unsigned long long)e->file_bytes,
				  (unsigned long long)e->length_bytes, (unsigned long long)e->dev_bytes);
	}
	cli_print(_("Virtual disk: %llu bytes, sectors of %u, %zu segments:\n"), (unsigned long long)p->map.size_bytes,
		  p->sector_size, p->map.count);
	for (size_t i = 0; i < p->map.count; i++) {
		const struct pod_seg *s = &p->map.seg[i];

		cli_print("  %llu + %llu: %s", (unsigned long long)s->start_bytes, (unsigned long long)s->length_bytes,
			  segment_text(im, p, s));
		if (s->kind == POD_SEG_ZERO)
			cli_print("\n");
		else
			cli_print(" %llu\n", (unsigned long long)s->source);
	}
}

static int report_text(struct cli_image *im, const char *arg, const struct pod_plan *p, const struct finds *finds,
		       const struct cli_bootmode *only, const struct pod_start *start, struct fault *fault)
{
	struct cli_wim *wim = read_wim(im, p);
	char size[16], *text;

	cli_print(_("%s: %s image, %s"), im->path, pod_image_kind_text(p->container ? p->container : p->image.kind),
		  pod_format_size(size, im->size_bytes));
	if (p->layers > 1)
		cli_print(_(", with %u files below it"), p->layers - 1);
	if (*p->image.label)
		cli_print(", \"%s\"", p->image.label);
	cli_print("\n%s\n", _("Starts:"));
	for (size_t i = 0; i < CLI_BOOTMODE_COUNT; i++) {
		if (only && only != &cli_bootmode[i])
			continue;
		text = start_text(p, &cli_bootmode[i]);
		cli_print("  %-9s %s\n", cli_bootmode[i].title, text ? text : _("nothing to start"));
		free(text);
	}
	text = cli_start_text(start);
	if (*text)
		cli_print(start->starts == POD_STARTS_NOT ? _("Does not start: %s\n") : _("May not start: %s\n"), text);
	free(text);
	if (cli_image_from_memory(im))
		cli_print(_("From memory, as isopod.conf says: %s are read into it first.\n"),
			  pod_format_size(size, p->map.size_bytes));
	text_partition(im, p);
	text_snapshot(im, arg);
	if (p->argument_lines && im->arguments && *im->arguments)
		cli_print(_("Kernel lines with the arguments %s: %u\n"), im->arguments, p->argument_lines);
	if (wim)
		text_wim(wim);
	free(wim);
	text_overlays(p);
	text_finds(finds);
	text_wims(p);
	text_windows(&p->windows);
	text_persist(im, p);
	text_map(im, p);
	for (uint32_t i = 0; i < p->warning_count; i++)
		if (!pod_start_is_warning(start, p, i))
			cli_print(_("Warning: %s\n"), p->warning[i]);
	text_finds_warnings(finds);
	return cli_flush(fault);
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"firmware", required_argument, NULL, 'f'},
						{"image", required_argument, NULL, 'i'},
						{"arguments", required_argument, NULL, 'a'},
						DISK_UNSAFE_OPTION,
						{NULL, 0, NULL, 0}};
	const struct cli_bootmode *only = NULL;
	struct cli_image im;
	struct finds finds;
	struct pod_plan *plan;
	struct cli_image_wish wish = {0};
	struct pod_start start;
	bool json = false;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j') {
			json = true;
		} else if (c == 'U') {
			wish.unsafe = true;
		} else if (c == 'f') {
			only = cli_bootmode_find(optarg);
			if (!only)
				return cli_usage(fault, cmd, _("unknown firmware '%s'; use bios, uefi, uefi-ia32 or uefi-aa64"),
						 optarg);
		} else if (c == 'i') {
			if (!cli_image_number(cmd, optarg, &wish.wim_image, fault))
				return CLI_USAGE;
		} else if (c == 'a') {
			if (!cli_image_arguments(cmd, optarg, fault))
				return CLI_USAGE;
			wish.arguments = optarg;
		} else {
			return cli_bad_option(fault, cmd, argv);
		}
	}
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one FILE or TARGET:PATH"));
	plan = cli_image_open_plan(&im, argv[optind], &wish, &rc, fault);
	if (!plan)
		return rc;

	plan_warn_of_layer(argv[optind], fault);
	cli_start_of(&im, plan, POD_OK, NULL, only ? only->bit : POD_START_ALL, &start);
	rc = CLI_FAILED;
	if (finds_read(&im, plan, &finds, fault)) {
		rc = json ? report_json(&im, argv[optind], plan, &finds, only, &start, fault)
			  : report_text(&im, argv[optind], plan, &finds, only, &start, fault);
		finds_free(&finds);
	}
	if (rc == CLI_OK && start.starts == POD_STARTS_NOT)
		rc = CLI_CHECK;
	cli_image_close_plan(&im, plan);
	return rc;
}

const struct cli_command cli_plan = {
	.name = "plan",
	.arguments =
		"FILE | TARGET:PATH [--firmware bios|uefi|uefi-ia32|uefi-aa64] [--image N] [--arguments WORDS] [--json] [--unsafe-read]",
	.summary = N_("say what each firmware will start in an image, and what is patched and why"),
	.help = N_("  --firmware F  only this firmware\n"
		   "  --image N     of a WIM, start this image\n"
		   "  --arguments W  give every kernel line of its boot menus these words; -WORD takes one out\n"
		   "  --json        report as JSON, with the whole map\n"
		   "  --unsafe-read read a FILE that another program is writing to\n"
		   "Exit status 1: the image does not start there.\n"),
	.run = run,
};
