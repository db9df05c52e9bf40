/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that boot menus lead to: are they what the loader takes them for, whole, and do their own checksums fit? */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/firmware.h"
#include "cli/doctor/infile.h"
#include "cli/doctor/menus.h"
#include "core/base/bytes.h"
#include "core/base/str.h"
#include "core/image/bootfile.h"

const struct doctor_check doctor_check_bootfiles = {
	.id = "image.bootfiles",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("kernels, initrds and loaders"),
	.explain = N_(
		"Each file that the boot menus name is looked at by its own rules: the header of a Linux kernel and its length, "
		"its CRC-32 (kernels before 6.15 have one), whether an initrd begins with an archive or a compression that "
		"kernels know, multiboot headers, modules of SYSLINUX and the modules that those need, headers of EFI "
		"programs. A file that is not what it should be was damaged on the way or badly copied into the image: "
		"download the image again and compare its hash; if that is right, the image was made wrong."),
};

#define AGAIN	 _("download or copy the image again, and compare its hash with the publisher's")
#define CHUNK	 (256u << 10)
#define SIGN_MAX (64u << 20)

/* One file; several entries may name it. */
struct boot {
	struct menus *m;
	const struct menus_want *w;
	const char *name; /* with its volume */
	struct pod_dev *file;
	uint8_t *buf; /* CHUNK */
};

/* A file in an entry that is of no use as a rule is no alarm: it may be started in a way that is not known here. */
static enum doctor_level how_bad(const struct boot *b)
{
	const struct menus_entry *e = b->w->entry == MENUS_NOWHERE ? NULL : &b->m->entry[b->w->entry];

	return b->w->unsure || (e && (e->foreign || (e->optional && !e->is_default))) ? DOCTOR_WARN : DOCTOR_BAD;
}

static void say(const struct boot *b, const char *what)
{
	char *config = menus_config_name(b->m, b->w->config);

	b->m->wrong++;
	doctor_reportf(b->m->d, &doctor_check_bootfiles, how_bad(b), b->m->im->subject, AGAIN, _("%s (%s, line %u): %s"), b->name,
		       config, b->w->line, what);
	free(config);
}

/* What a reader of core found wrong. */
static void say_status(const struct boot *b, enum pod_status st, const struct pod_diag *g, const char *is_none)
{
	char *text;

	if (st == POD_E_BUDGET || st == POD_E_CANCELLED)
		return;
	if (st == POD_E_FORMAT)
		text = cli_xstrdup(is_none);
	else if (st == POD_E_RANGE)
		text = cli_xasprintf(_("it is cut off: %llu of %llu bytes are there (%s)"), (unsigned long long)g->got,
				     (unsigned long long)g->expected, g->what);
	else if (st == POD_E_CORRUPT && g->what)
		text = cli_xasprintf(_("it is damaged: %s at offset %llu: expected %llu, found %llu"), g->what,
				     (unsigned long long)g->offset_bytes, (unsigned long long)g->expected,
				     (unsigned long long)g->got);
	else
		text = cli_xasprintf(_("it cannot be read: %s"), cli_status_text(st));
	say(b, text);
	free(text);
}

/* All of it in memory, for digests. */
static uint8_t *slurp(const struct boot *b, size_t *len)
{
	uint8_t *data;

	*len = (size_t)b->file->size_bytes;
	if (b->file->size_bytes > SIGN_MAX)
		return NULL;
	data = cli_xmalloc(*len + 1);
	if (pod_dev_read(b->file, 0, data, *len) == POD_OK)
		return data;
	free(data);
	return NULL;
}

/* An EFI program: its headers lead nowhere outside, and it is what was signed. True: it is signed, and that has been judged. */
static bool check_program(const struct boot *b)
{
	struct pod_diag g = {0};
	struct pod_pe pe;
	bool judged = false;
	size_t len;
	uint8_t *data = slurp(b, &len);
	enum pod_status st;

	if (!data)
		return false;
	st = pod_pe_read(data, len, &pe, &g);
	if (st != POD_OK)
		say_status(b, st, &g, _("it is no EFI program"));
	else if (pe.cert_len)
		judged = firmware_signature_of(b->m->d, b->m->im, b->name, data, len);
	free(data);
	return judged || st != POD_OK;
}

static enum menus_loader loader_of(const struct boot *b)
{
	return b->m->root[b->m->config[b->w->config].root].loader;
}

/* GRUB Legacy starts multiboot kernels by the same word. */
static bool is_multiboot(const struct boot *b)
{
	return loader_of(b) == MENUS_LEGACY && pod_multiboot_read(b->file, b->buf, NULL) == POD_OK;
}

static void check_kernel(const struct boot *b)
{
	struct pod_diag g = {0};
	struct pod_kernel k;
	enum pod_status st = pod_kernel_read(b->file, &k, &g);
	bool good = true;

	if (st == POD_E_FORMAT && is_multiboot(b))
		return;
	if (st != POD_OK) {
		say_status(b, st, &g, _("it is no kernel: it has neither a boot sector's mark nor the header of any kind"));
		return;
	}
	if (k.kind == POD_KERNEL_ARM64 && !(b->m->im->image->firmware & POD_FW_AA64))
		say(b, _("it is a kernel for ARM, and nothing in the image starts on such a machine"));
	if (k.pe && check_program(b))
		return;
	if (k.has_crc && pod_kernel_crc(b->file, &k, b->buf, CHUNK, &good) == POD_OK && !good)
		say(b, _("it is damaged: its CRC-32 is wrong"));
}

/* memdisk is given disks, wimboot and iPXE (*.lkrn, by whatever name in front) files of any kind. */
static bool takes_anything(const char *kernel)
{
	static const char *const name[] = {"memdisk", "wimboot", "ipxe", "grub", "plop", "gpxe", ".lkrn"};

	for (size_t i = 0; kernel && i < POD_ARRAY_LEN(name); i++)
		if (pod_strcasestr(kernel, name[i]))
			return true;
	return false;
}

static void check_initrd(const struct boot *b)
{
	const struct menus_entry *e = b->w->entry == MENUS_NOWHERE ? NULL : &b->m->entry[b->w->entry];
	uint8_t head[512] = {0};
	size_t n = (size_t)pod_min_u64(sizeof head, b->file->size_bytes), zeros = 0;

	if (e && takes_anything(e->kernel))
		return;
	if (pod_dev_read(b->file, 0, head, n) != POD_OK) {
		say(b, _("it cannot be read"));
		return;
	}
	if (memcmp(head, "#!ipxe", 6) == 0 || memcmp(head, "#!gpxe", 6) == 0) /* scripts, which are for no Linux */
		return;
	/* The kernel passes over zeros in front of an archive. */
	while (zeros < n && !head[zeros])
		zeros++;
	if (zeros == n && b->file->size_bytes > n)
		say(b, _("it is no initrd: it begins with nothing but zeros"));
	else if (n - zeros < 6 || !pod_menu_initrd_content(head + zeros))
		say(b, _("it is no initrd: it begins neither with an archive nor with a compression that kernels know"));
}

static void check_com32(const struct boot *b)
{
	struct pod_diag g = {0};
	struct pod_com32 c;
	enum pod_status st = pod_com32_read(b->file, &c, &g);

	if (st != POD_OK)
		say_status(b, st, &g, _("it is no module of SYSLINUX"));
	else if (b->m->isolinux_major >= 3 && c.elf != (b->m->isolinux_major >= 5))
		say(b, c.elf ? _("it is a module of SYSLINUX 5 or later, and isolinux is older: they do not work together")
			     : _("it is a module of SYSLINUX 4 or older, and isolinux is newer: they do not work together"));
}

static void check_font(const struct boot *b)
{
	uint8_t head[12] = {0};

	size_t n = (size_t)pod_min_u64(sizeof head, b->file->size_bytes);

	if (pod_ends_with_nocase(b->w->path, ".pf2") && pod_dev_read(b->file, 0, head, n) == POD_OK &&
	    memcmp(head, "FILE\0\0\0\4PFF2", sizeof head) != 0)
		doctor_reportf(b->m->d, &doctor_check_bootfiles, DOCTOR_NOTE, b->m->im->subject, NULL,
			       _("%s is no font of GRUB: its menu appears as plain text"), b->name);
}

static void check_multiboot(const struct boot *b)
{
	struct pod_diag g = {0};
	enum pod_status st;

	if (loader_of(b) == MENUS_LIMINE) /* those of its own protocol have none */
		return;
	st = pod_multiboot_read(b->file, b->buf, &g);

	if (st != POD_OK && st != POD_E_UNSUPPORTED)
		say_status(b, st, &g, _("it has no multiboot header"));
}

static void check_one(const struct boot *b)
{
	switch (b->w->kind) {
	case POD_MENU_KERNEL:
		check_kernel(b);
		break;
	case POD_MENU_INITRD:
		check_initrd(b);
		break;
	case POD_MENU_COM32:
		check_com32(b);
		break;
	case POD_MENU_MULTIBOOT:
		check_multiboot(b);
		break;
	case POD_MENU_FONT:
		check_font(b);
		break;
	case POD_MENU_CHAIN:
		if (pod_ends_with_nocase(b->w->path, ".efi"))
			(void)check_program(b);
		break;
	default:
		break;
	}
}

/* Looked at once, for the first line that names it for this purpose. */
static bool is_first(const struct menus *m, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (m->want[k].volume == m->want[i].volume && m->want[k].kind == m->want[i].kind &&
		    m->want[k].node.entry_bytes == m->want[i].node.entry_bytes)
			return false;
	return true;
}

static void check_want(struct menus *m, const struct menus_want *w, uint8_t *buf)
{
	char *name = cli_xasprintf("%s%s", m->volume[w->volume].name, w->path);
	struct boot b = {.m = m, .w = w, .name = name, .buf = buf};
	struct doctor_infile f;
	enum pod_status st;

	if (!w->node.size_bytes) {
		if (w->kind != POD_MENU_CONFIG && w->kind != POD_MENU_FILE)
			say(&b, _("it is empty"));
	} else if ((st = doctor_infile_open(&f, &m->volume[w->volume].fs, &w->node)) == POD_OK) {
		b.file = &f.file.dev;
		check_one(&b);
		doctor_infile_close(&f);
	} else if (st == POD_E_CORRUPT) {
		say(&b, _("it does not lie inside the image"));
	}
	free(name);
}

void menus_contents(struct menus *m)
{
	uint8_t *buf = cli_xmalloc(CHUNK);
	unsigned files = 0;

	for (uint32_t i = 0; i < m->wants && !cli_interrupted; i++) {
		if (m->want[i].kind > POD_MENU_FILE || m->want[i].volume == MENUS_NOWHERE || !is_first(m, i))
			continue;
		files++;
		check_want(m, &m->want[i], buf);
	}
	if (files && !m->wrong)
		doctor_reportf(m->d, &doctor_check_bootfiles, DOCTOR_GOOD, m->im->subject, NULL,
			       _("%u files are what they should be"), files);
	free(buf);
}
