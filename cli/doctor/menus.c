/* SPDX-License-Identifier: BSD-2-Clause */
/* Collects what the boot menus of an image name, and looks it up as their loaders do. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/menus.h"
#include "core/base/bytes.h"
#include "core/base/str.h"
#include "core/fs/iso9660.h"

#define CONFIG_MAX (256u << 10)

/* --- volumes --------------------------------------------------------------------------------------------------------------- */

static void add_volume(struct menus *m, const struct pod_fs_ops *ops, struct pod_dev *dev, const char *name)
{
	struct menus_volume *v = &m->volume[m->volumes];
	enum pod_status st = m->volumes == MENUS_VOLUMES ? POD_E_LIMIT
			     : ops			 ? pod_fs_open_as(&v->fs, ops, dev, &cli_alloc, NULL)
							 : pod_image_open_tree(&v->fs, dev, &cli_alloc, NULL);

	if (st != POD_OK)
		return;
	v->name = name;
	v->fat = v->fs.ops == &pod_fs_fat;
	v->joliet = v->fs.ops == &pod_fs_joliet;
	v->cased = v->joliet || (v->fs.ops == &pod_fs_iso9660 && (pod_iso9660_flags(&v->fs) & POD_ISO_ROCK_RIDGE)) ||
		   v->fs.ops == &pod_fs_udf;
	m->volumes++;
}

static void add_window(struct menus *m, struct pod_dev *dev, uint64_t start, uint64_t len, const char *name)
{
	if (m->volumes < MENUS_VOLUMES && start < dev->size_bytes &&
	    pod_window_init(&m->volume[m->volumes].win, dev, start, pod_min_u64(len, dev->size_bytes - start)) == POD_OK)
		add_volume(m, &pod_fs_fat, &m->volume[m->volumes].win.dev, name);
}

static void open_volumes(struct menus *m)
{
	const struct pod_image *im = m->im->image;
	struct pod_parttab *t;

	if (im->kind == POD_IMAGE_ISO) {
		add_volume(m, NULL, m->im->bytes, "");
		if (m->volumes && !m->volume[0].cased && im->joliet)
			add_volume(m, &pod_fs_joliet, m->im->bytes, "");
		for (uint32_t i = 0; i < im->boot_count; i++)
			if (im->boot[i].platform == 0xef)
				add_window(m, m->im->bytes, (uint64_t)im->boot[i].lba * 2048, im->boot[i].length_bytes,
					   "El Torito: ");
	} else if (im->kind == POD_IMAGE_DISK || im->kind == POD_IMAGE_FLOPPY || m->im->disk != m->im->bytes) {
		t = cli_xzalloc(sizeof *t);
		if (pod_parttab_read(m->im->disk, &cli_alloc, t, NULL) == POD_OK)
			for (uint32_t i = 0; i < t->count; i++)
				add_window(m, m->im->disk, t->part[i].start_bytes, t->part[i].length_bytes, "");
		else
			add_volume(m, &pod_fs_fat, m->im->disk, "");
		free(t);
	}
}

bool menus_lookup(struct menus *m, uint32_t volume, const char *path, struct pod_node *out)
{
	return pod_fs_lookup(&m->volume[volume].fs, path, out, m->scratch) == POD_OK && !out->is_dir;
}

/* --- what a loader opens by itself ------------------------------------------------------------------------------------------ */

/* "a/b" of "a/b/c" */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return cli_xasprintf("%.*s", slash ? (int)(slash - path) : 0, path);
}

static bool add_root(struct menus *m, enum menus_loader loader, uint32_t volume, uint32_t firmware, const char *path)
{
	struct pod_node node;

	while (*path == '/')
		path++;
	for (uint32_t i = 0; i < m->roots; i++)
		if (m->root[i].volume == volume && pod_strcasecmp(m->root[i].path, path) == 0)
			return true;
	if (m->roots == MENUS_ROOTS || !menus_lookup(m, volume, path, &node))
		return false;
	m->root[m->roots++] = (struct menus_root){
		.loader = loader, .volume = volume, .firmware = firmware, .path = cli_xstrdup(path), .folder = folder_of(path)};
	return true;
}

static void add_config(struct menus *m, uint32_t root, uint32_t volume, const char *path)
{
	for (uint32_t i = 0; i < m->configs; i++)
		if (m->config[i].volume == volume && pod_strcasecmp(m->config[i].path, path) == 0)
			return;
	if (m->configs < MENUS_CONFIGS)
		m->config[m->configs++] = (struct menus_config){.root = root, .volume = volume, .path = cli_xstrdup(path)};
}

/* Of GRUB and rEFInd, `name` in each folder of EFI; of systemd-boot, each entry, which are configurations of `root`. */
static void add_folder(struct menus *m, enum menus_loader loader, uint32_t root, uint32_t volume, const char *name)
{
	const char *folder = loader == MENUS_BLS ? "loader/entries" : "EFI";
	struct menus_volume *v = &m->volume[volume];
	struct pod_dir *dir = cli_xmalloc(sizeof *dir);
	struct pod_dirent *e = cli_xmalloc(sizeof *e);
	struct pod_node node;

	if (pod_fs_lookup(&v->fs, folder, &node, e) == POD_OK && node.is_dir && pod_dir_open(dir, &v->fs, &node) == POD_OK)
		for (unsigned n = 0; n < 256 && pod_dir_next(dir, e) == POD_OK; n++) {
			char *path = cli_xasprintf("%s/%s%s", folder, e->name, name);

			if (loader != MENUS_BLS && e->node.is_dir)
				(void)add_root(m, loader, volume, POD_FW_X64, path);
			else if (loader == MENUS_BLS && pod_ends_with_nocase(e->name, ".conf"))
				add_config(m, root, volume, path);
			free(path);
		}
	free(e);
	free(dir);
}

static void grub_roots(struct menus *m, uint32_t volume)
{
	static const char *const both[] = {"boot/grub/grub.cfg", "boot/grub2/grub.cfg", "grub/grub.cfg", "grub2/grub.cfg"};

	add_folder(m, MENUS_GRUB, 0, volume, "/grub.cfg");
	for (size_t i = 0; i < POD_ARRAY_LEN(both); i++)
		(void)add_root(m, MENUS_GRUB, volume, m->volume[volume].fat ? POD_FW_X64 : POD_FW_BIOS | POD_FW_X64, both[i]);
}

/* As isolinux and syslinux look for it: the first one counts. */
static void syslinux_roots(struct menus *m, uint32_t volume)
{
	static const char *const folders[] = {"boot/isolinux/", "isolinux/", "boot/syslinux/", "syslinux/", ""};
	static const char *const names[] = {"isolinux.cfg", "syslinux.cfg"};

	for (size_t n = m->volume[volume].fat; n < POD_ARRAY_LEN(names); n++)
		for (size_t i = 0; i < POD_ARRAY_LEN(folders); i++) {
			char *path = cli_xasprintf("%s%s", folders[i], names[n]);
			bool there = add_root(m, MENUS_SYSLINUX, volume, POD_FW_BIOS, path);

			free(path);
			if (there)
				return;
		}
}

/* The first of these that is there is the only one that counts. */
static bool add_first(struct menus *m, enum menus_loader loader, uint32_t volume, uint32_t firmware, const char *const *path,
		      size_t paths)
{
	for (size_t i = 0; i < paths; i++)
		if (add_root(m, loader, volume, firmware, path[i]))
			return true;
	return false;
}

/* GRUB4DOS: Grub4dos Guide, "Embedded Menu". */
static void legacy_roots(struct menus *m)
{
	static const char *const known[] = {"menu.lst", "boot/grub/menu.lst", "grub/menu.lst"};

	if (m->legacy[0])
		(void)add_root(m, MENUS_LEGACY, 0, POD_FW_BIOS, m->legacy);
	if (m->grub4dos)
		(void)add_first(m, MENUS_LEGACY, 0, POD_FW_BIOS, known, POD_ARRAY_LEN(known));
}

/* Beside the program, and beside kernels, which it finds in folders of EFI and in these. */
static void refind_roots(struct menus *m, uint32_t volume)
{
	add_folder(m, MENUS_REFIND, 0, volume, "/refind.conf");
	add_folder(m, MENUS_REFIND, 0, volume, "/refind_linux.conf");
	(void)add_root(m, MENUS_REFIND, volume, POD_FW_X64, "boot/refind_linux.conf");
	(void)add_root(m, MENUS_REFIND, volume, POD_FW_X64, "refind_linux.conf");
}

/* CONFIG.md, "Location of the config file". */
static void limine_roots(struct menus *m, uint32_t volume)
{
	static const char *const known[] = {
		"limine.conf", "limine/limine.conf", "boot/limine.conf", "boot/limine/limine.conf", "EFI/BOOT/limine.conf",
		"limine.cfg",  "limine/limine.cfg",  "boot/limine.cfg",	 "boot/limine/limine.cfg",  "EFI/BOOT/limine.cfg",
	};

	(void)add_first(m, MENUS_LIMINE, volume, POD_FW_BIOS | POD_FW_X64, known, POD_ARRAY_LEN(known));
}

/* GRUB Legacy has its version and its configuration's path behind the sector that El Torito's has in front (stage2/asm.S: "0.97" at 12h); the
 * beginning of grldr looks for a file of this name. */
static void look_for_legacy(struct menus *m, const char *head, size_t n)
{
	const size_t version = 512 + 0x12, most = 16;
	size_t at = version;

	m->grub4dos |= memmem(head, n, "GRLDR", 5) != NULL;
	if (n < version + most + sizeof m->legacy || head[at] != '0' || head[at + 1] != '.')
		return;
	while (at < version + most && head[at])
		at++;
	if (!head[at] && head[at + 1] == '/')
		snprintf(m->legacy, sizeof m->legacy, "%.*s", (int)sizeof m->legacy - 1, head + at + 1);
}

/* "ISOLINUX 6.04 " in the boot image. */
static void find_bios_loader(struct menus *m)
{
	const struct pod_image *im = m->im->image;
	uint8_t *buf = cli_xmalloc(32768);

	for (uint32_t i = 0; im->kind == POD_IMAGE_ISO && i < im->boot_count; i++) {
		uint64_t at = (uint64_t)im->boot[i].lba * 2048;
		size_t n = at < m->im->size_bytes ? (size_t)pod_min_u64(32768, m->im->size_bytes - at) : 0;
		const uint8_t *hit;

		if (im->boot[i].platform || im->boot[i].media || !n || pod_dev_read(m->im->bytes, at, buf, n) != POD_OK)
			continue;
		hit = memmem(buf, n, "ISOLINUX ", 9);
		if (hit && hit + 11 < buf + n) {
			m->isolinux_bytes = at;
			m->isolinux_major = hit[9] >= '0' && hit[9] <= '9' ? (unsigned)(hit[9] - '0') : 0;
		} else {
			look_for_legacy(m, (const char *)buf, n);
		}
	}
	free(buf);
}

static bool has_syslinux(struct menus *m, uint32_t volume)
{
	uint8_t sector[512];

	return m->volume[volume].fat && pod_dev_read(m->volume[volume].fs.dev, 0, sector, sizeof sector) == POD_OK &&
	       memmem(sector, sizeof sector, "SYSLINUX", 8) != NULL;
}

static void find_roots(struct menus *m)
{
	bool iso = m->im->image->kind == POD_IMAGE_ISO;

	find_bios_loader(m);
	for (uint32_t i = 0; i < m->volumes; i++) {
		/* Of a disk GRUB's files lie on a volume that it searches for. */
		if (iso)
			grub_roots(m, i);
		if ((m->isolinux_bytes && !i) || has_syslinux(m, i))
			syslinux_roots(m, i);
		if (m->volume[i].fat) {
			(void)add_root(m, MENUS_BLS, i, POD_FW_X64, "loader/loader.conf");
			refind_roots(m, i);
		}
		limine_roots(m, i);
	}
	if (m->volumes)
		legacy_roots(m);
}

/* --- looking up ------------------------------------------------------------------------------------------------------------- */

/* Is there something in its folder by this very name? If not, and there is by one that differs in case, *other is that. */
static bool is_exact(struct menus *m, uint32_t volume, const char *folder, const char *name, char **other)
{
	struct pod_fs *fs = &m->volume[volume].fs;
	struct pod_dir *dir = cli_xmalloc(sizeof *dir);
	struct pod_node node;
	bool same = false;

	*other = NULL;
	if (pod_fs_lookup(fs, folder, &node, m->scratch) == POD_OK && pod_dir_open(dir, fs, &node) == POD_OK)
		while (!same && pod_dir_next(dir, m->scratch) == POD_OK) {
			same = strcmp(m->scratch->name, name) == 0;
			if (!*other && !same && pod_strcasecmp(m->scratch->name, name) == 0)
				*other = cli_xasprintf("%s/%s", folder, m->scratch->name);
		}
	free(dir);
	return same;
}

/* GRUB takes names as they are written. The name that a file, or a folder above it, has in fact; NULL: that one. */
static char *real_name(struct menus *m, uint32_t volume, const char *path)
{
	char *left = cli_xstrdup(path), *slash, *other = NULL;
	bool exact = true;

	while (exact && (slash = strrchr(left, '/')) != NULL) {
		*slash = 0;
		/* What is there by no such name at all is a symbolic link. */
		exact = is_exact(m, volume, left, slash + 1, &other) || !other;
		if (exact)
			free(other);
	}
	free(left);
	return exact ? NULL : other;
}

/* `path` in a volume; true: it is found, or it is there by another name, which the loader does not take. */
static bool try_path(struct menus *m, struct menus_want *w, uint32_t volume, const char *path, bool grub)
{
	if (!menus_lookup(m, volume, path, &w->node))
		return false;
	if (grub && m->volume[volume].cased) {
		w->other = real_name(m, volume, path);
		if (w->other)
			return true;
	}
	w->volume = volume;
	w->path = cli_xstrdup(path[0] == '/' ? path + 1 : path);
	return true;
}

static void look_up_syslinux(struct menus *m, struct menus_want *w, const struct menus_root *r)
{
	static const char *const endings[] = {"", ".c32", ".cbt", ".bss", ".bs", ".com"};
	const char *at = r->folders ? r->folders : "";
	bool done = false;
	char *path;

	for (size_t i = 0; i < (w->kind == POD_MENU_KERNEL ? POD_ARRAY_LEN(endings) : 1) && !done; i++) {
		path = w->text[0] == '/' ? cli_xasprintf("%s%s", w->text, endings[i])
					 : cli_xasprintf("%s/%s%s", r->folder, w->text, endings[i]);
		done = try_path(m, w, r->volume, path, false);
		free(path);
	}
	while (w->kind == POD_MENU_COM32 && !done && *at) { /* PATH a:b */
		size_t n = strcspn(at, ":\n");

		path = cli_xasprintf("%.*s/%s", (int)n, at, strrchr(w->text, '/') ? strrchr(w->text, '/') + 1 : w->text);
		done = n && try_path(m, w, r->volume, path, false);
		free(path);
		at += n + (at[n] != 0);
	}
}

static void look_up(struct menus *m, struct menus_want *w)
{
	const struct menus_root *r = &m->root[m->config[w->config].root];
	uint32_t own = m->config[w->config].volume;

	w->volume = MENUS_NOWHERE;
	if (r->loader == MENUS_SYSLINUX) {
		look_up_syslinux(m, w, r);
		return;
	}
	if (r->loader == MENUS_REFIND)
		for (char *p = w->text; *p; p++)
			*p = *p == '\\' ? '/' : *p;
	if (try_path(m, w, own, w->text, r->loader == MENUS_GRUB) || r->loader != MENUS_GRUB)
		return;
	for (uint32_t i = 0; i < m->volumes; i++)
		if (i != own && try_path(m, w, i, w->text, true))
			return;
}

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

bool menus_is_optional(const char *name)
{
	static const char *const part[] = {"memtest", "mt86",	  "hdt",      "chain.c32", "reboot",	"poweroff",
					   "local",   "hard d",	  "first d",  "pxe",	   "ipxe",	"netboot.xyz",
					   "fwsetup", "firmware", "uefi f",   "bios",	   "shell",	"freedos",
					   "gpxe",    "dos",	  "memdisk",  "plpbt",	   "sgd",	"super gr",
					   "ifcpu",   "whichsys", "loadfont", "diag",	   "test this", "mediacheck"};

	for (size_t i = 0; i < POD_ARRAY_LEN(part); i++)
		if (pod_strcasestr(name, part[i]))
			return true;
	return false;
}

static bool is_file(enum pod_menu_kind kind)
{
	return kind <= POD_MENU_FILE;
}

static struct menus_entry *entry_at(struct menus *m, uint32_t number)
{
	return number && m->base + number - 1 < m->entries ? &m->entry[m->base + number - 1] : NULL;
}

static void add_name(struct menus_entry *e, const char *name)
{
	char *all = cli_xasprintf("%s%s\n", e->names ? e->names : "\n", name);

	free(e->names);
	e->names = all;
	e->optional |= menus_is_optional(name);
}

static void begin_entry(struct menus *m, const struct pod_menu_item *item)
{
	struct menus_entry *e;

	/* The first entry of a submenu has its line before it: submenus are no entries of their own. */
	while (item->entry && m->base + item->entry > m->entries && m->entries < MENUS_ENTRIES) {
		e = &m->entry[m->entries++];
		*e = (struct menus_entry){.root = m->config[m->reading].root,
					  .config = m->reading,
					  .number = m->entries - m->base,
					  .position = item->position};
	}
	e = entry_at(m, item->entry);
	if (!e)
		return;
	if (!*item->text)
		return;
	if (!e->title)
		e->title = cli_xstrdup(item->text);
	add_name(e, item->text);
}

static void add_want(struct menus *m, const struct pod_menu_item *item)
{
	struct menus_want *w = &m->want[m->wants];
	struct menus_entry *e;

	if (m->wants == MENUS_WANTS)
		return;
	if (item->entry)
		begin_entry(m, &(struct pod_menu_item){.entry = item->entry, .position = item->position, .text = ""});
	e = entry_at(m, item->entry);
	*w = (struct menus_want){.kind = item->kind,
				 .config = m->reading,
				 .line = item->line,
				 .entry = e ? (uint32_t)(e - m->entry) : MENUS_NOWHERE,
				 .firmware = item->firmware,
				 .unsure = item->unsure,
				 .text = cli_xstrdup(item->text)};
	m->wants++;
	if (is_file(item->kind) || item->kind == POD_MENU_SEARCH)
		look_up(m, w);
	if (item->kind == POD_MENU_CONFIG && w->volume != MENUS_NOWHERE)
		add_config(m, m->config[m->reading].root, w->volume, w->path); /* each is read once */
}

static void take_default(struct menus *m, const struct pod_menu_item *item)
{
	struct menus_root *r = &m->root[m->config[m->reading].root];
	struct menus_entry *e = entry_at(m, item->entry);

	if (r->loader == MENUS_SYSLINUX && strcmp(item->text, ".") == 0) {
		if (e)
			e->is_default = true;
		return;
	}
	free(r->by_default);
	r->by_default = cli_xstrdup(item->text);
	if (r->loader == MENUS_SYSLINUX && pod_ends_with_nocase(item->text, ".c32")) {
		struct pod_menu_item ui = *item;

		ui.kind = POD_MENU_COM32;
		ui.entry = 0;
		r->ui = true;
		add_want(m, &ui);
	}
}

static bool is_our_arch(const char *arch)
{
	return pod_strcasecmp(arch, "x64") == 0 || pod_strcasecmp(arch, "x86-64") == 0 || pod_strcasecmp(arch, "ia32") == 0 ||
	       pod_strcasecmp(arch, "aa64") == 0;
}

static void take(void *ctx, const struct pod_menu_item *item)
{
	struct menus *m = ctx;
	struct menus_root *r = &m->root[m->config[m->reading].root];

	if (!(item->firmware & r->firmware) || item->elsewhere)
		return;
	switch (item->kind) {
	case POD_MENU_ENTRY:
	case POD_MENU_ENTRY_NAME:
		begin_entry(m, item);
		break;
	case POD_MENU_DEFAULT:
		take_default(m, item);
		break;
	case POD_MENU_ARCH:
		if (entry_at(m, item->entry))
			entry_at(m, item->entry)->foreign = !is_our_arch(item->text);
		break;
	case POD_MENU_FOLDER:
		free(r->folders);
		r->folders = cli_xstrdup(item->text);
		break;
	default:
		r->ui |= r->loader == MENUS_SYSLINUX && item->kind == POD_MENU_COM32 && !item->entry;
		add_want(m, item);
	}
}

/* What no loader can read as text: it shows no menu then. */
static void judge_text(struct menus *m, const struct menus_config *c, char *text, size_t n)
{
	bool utf16 = n > 3 && ((text[0] == '\xff' && text[1] == '\xfe') || (text[0] == '\xfe' && text[1] == '\xff') ||
			       (text[0] && !text[1]));
	enum pod_instead is = POD_INSTEAD_NONE;
	struct pod_memdev dev;
	char *name;

	/* rEFInd reads UTF-16, too, and without a menu shows what it finds. */
	if (m->root[c->root].loader == MENUS_REFIND)
		return;
	pod_memdev_init(&dev, text, n, 512, true);
	if (utf16 || pod_instead_look(&dev.dev, NULL, &is) != POD_OK)
		is = POD_INSTEAD_NONE;
	if (!utf16 && is != POD_INSTEAD_EMPTY && is != POD_INSTEAD_ZEROS && is != POD_INSTEAD_HTML &&
	    !(is >= POD_INSTEAD_ZIP && is <= POD_INSTEAD_PACKAGE))
		return;
	name = cli_xasprintf("%s%s", m->volume[c->volume].name, c->path);
	doctor_reportf(m->d, &doctor_check_menus, DOCTOR_WARN, m->im->subject,
		       _("take the original image; or make it anew with a configuration that is plain text"),
		       _("the loader gets no menu from %s: it is %s"), name,
		       utf16 ? _("text in UTF-16") : _(pod_instead_text(is)));
	free(name);
}

static void read_text(struct menus *m, const struct menus_config *c, char *text, size_t n)
{
	switch (m->root[c->root].loader) {
	case MENUS_GRUB:
		pod_menu_grub(text, n, m->vars, take, m);
		break;
	case MENUS_SYSLINUX:
		pod_menu_syslinux(text, n, take, m);
		break;
	case MENUS_BLS:
		pod_menu_bls(text, n, take, m);
		break;
	case MENUS_LEGACY:
		pod_menu_legacy(text, n, take, m);
		break;
	case MENUS_REFIND:
		(pod_config_is_refind_linux(c->path) ? pod_menu_refind_linux : pod_menu_refind)(text, n, take, m);
		break;
	case MENUS_LIMINE:
		pod_menu_limine(text, n, take, m);
		break;
	}
}

static void read_config(struct menus *m, uint32_t config)
{
	struct menus_config *c = &m->config[config];
	struct menus_root *r = &m->root[c->root];
	struct pod_node node;
	char *text, *prefix;
	size_t n;

	if (!menus_lookup(m, c->volume, c->path, &node))
		return;
	n = (size_t)pod_min_u64(node.size_bytes, CONFIG_MAX);
	text = cli_xmalloc(n + 1);
	m->reading = config;
	m->base = m->entries;
	prefix = cli_xasprintf("/%s", r->folder);
	pod_menu_set(m->vars, "prefix", prefix);
	if (!n) {
		judge_text(m, c, text, n);
	} else if (pod_fs_read(&m->volume[c->volume].fs, &node, 0, text, n) == POD_OK) {
		judge_text(m, c, text, n);
		read_text(m, c, text, n);
	}
	/* An entry of systemd-boot is known by the name of its file. */
	if (r->loader == MENUS_BLS && entry_at(m, 1)) {
		char *id = cli_xstrdup(strrchr(c->path, '/') ? strrchr(c->path, '/') + 1 : c->path);

		add_name(entry_at(m, 1), id);
		id[strlen(id) - strlen(".conf")] = 0;
		add_name(entry_at(m, 1), id);
		free(id);
	}
	free(prefix);
	free(text);
}

/* --- which entry starts by itself ------------------------------------------------------------------------------------------- */

/* By one of its names; loader.conf has patterns. */
static bool is_named(const struct menus_entry *e, const char *pattern, bool glob)
{
	char *names = cli_xstrdup(e->names ? e->names : ""), *save = NULL;
	bool hit = false;

	for (char *s = strtok_r(names, "\n", &save); s && !hit; s = strtok_r(NULL, "\n", &save))
		hit = glob ? fnmatch(pattern, s, FNM_CASEFOLD) == 0 : strcmp(pattern, s) == 0;
	free(names);
	return hit;
}

static void find_default(struct menus *m, uint32_t root)
{
	const struct menus_root *r = &m->root[root];
	const char *name = r->by_default ? r->by_default : "0", *sub = strrchr(name, '>');
	struct menus_entry *first = NULL, *hit = NULL;
	bool by_number = r->loader == MENUS_GRUB || r->loader == MENUS_LEGACY || r->loader == MENUS_LIMINE;
	bool by_name = !by_number || r->loader == MENUS_GRUB;
	unsigned long number;
	char *end;

	number = strtoul(name, &end, 10);
	if (r->loader == MENUS_LIMINE && number)
		number--; /* from 1 */
	for (uint32_t i = 0; i < m->entries; i++) {
		struct menus_entry *e = &m->entry[i];

		if (e->root != root)
			continue;
		if (e->is_default)
			return; /* `menu default` says it */
		first = first ? first : e;
		if (!hit && ((by_name && is_named(e, sub ? sub + 1 : name, r->loader == MENUS_BLS)) ||
			     (by_number && end != name && !*end && e->position == number)))
			hit = e;
	}
	/* SYSLINUX shows its menu, or asks: the first one is as good as any. systemd-boot takes the newest version, rEFInd the last choice. */
	if (!hit && r->loader != MENUS_BLS && r->loader != MENUS_REFIND)
		hit = first;
	if (hit)
		hit->is_default = true;
}

/* Which entries start something, and which of them lack what they need. */
static void mark_entries(struct menus *m)
{
	for (uint32_t i = 0; i < m->wants; i++) {
		struct menus_want *w = &m->want[i];
		struct menus_entry *e = w->entry == MENUS_NOWHERE ? NULL : &m->entry[w->entry];
		bool starts = w->kind == POD_MENU_KERNEL || w->kind == POD_MENU_MULTIBOOT || w->kind == POD_MENU_CHAIN;

		if (!e || w->unsure)
			continue;
		e->starts |= starts || w->kind == POD_MENU_COM32;
		if (starts && !e->kernel)
			e->kernel = w->text;
		e->broken |=
			is_file(w->kind) && w->kind != POD_MENU_CONFIG && w->kind != POD_MENU_FONT && w->volume == MENUS_NOWHERE;
		e->optional |= starts && menus_is_optional(w->text);
	}
}

void menus_collect(struct menus *m, struct doctor *d, const struct doctor_image *im)
{
	m->d = d;
	m->im = im;
	m->scratch = cli_xzalloc(sizeof *m->scratch);
	m->vars = cli_xzalloc(sizeof *m->vars);
	m->entry = cli_xzalloc(MENUS_ENTRIES * sizeof *m->entry);
	m->want = cli_xzalloc(MENUS_WANTS * sizeof *m->want);
	open_volumes(m);
	find_roots(m);
	for (uint32_t i = 0; i < m->roots; i++) {
		uint32_t next = m->configs;

		memset(m->vars, 0, sizeof *m->vars);
		if (m->configs < MENUS_CONFIGS)
			m->config[m->configs++] = (struct menus_config){
				.root = i, .volume = m->root[i].volume, .path = cli_xstrdup(m->root[i].path)};
		if (m->root[i].loader == MENUS_BLS)
			add_folder(m, MENUS_BLS, i, m->root[i].volume, "");
		for (; next < m->configs && !cli_interrupted; next++)
			read_config(m, next);
		find_default(m, i);
	}
	mark_entries(m);
}

char *menus_config_name(const struct menus *m, uint32_t config)
{
	return cli_xasprintf("%s%s", m->volume[m->config[config].volume].name, m->config[config].path);
}

void menus_free(struct menus *m)
{
	for (uint32_t i = 0; i < m->volumes; i++)
		pod_fs_close(&m->volume[i].fs);
	for (uint32_t i = 0; i < m->roots; i++) {
		free(m->root[i].path);
		free(m->root[i].folder);
		free(m->root[i].by_default);
		free(m->root[i].folders);
	}
	for (uint32_t i = 0; i < m->configs; i++)
		free(m->config[i].path);
	for (uint32_t i = 0; i < m->entries; i++) {
		free(m->entry[i].title);
		free(m->entry[i].names);
	}
	for (uint32_t i = 0; i < m->wants; i++) {
		free(m->want[i].text);
		free(m->want[i].path);
		free(m->want[i].other);
	}
	free(m->scratch);
	free(m->vars);
	free(m->entry);
	free(m->want);
}

/* --- the hook --------------------------------------------------------------------------------------------------------------- */

static void run_image(struct doctor *d, const struct doctor_image *im)
{
	struct menus *m;

	if (!im->image || im->size_bytes == 0)
		return;
	m = cli_xzalloc(sizeof *m);
	menus_collect(m, d, im);
	menus_missing(m);
	menus_contents(m);
	menus_isolinux(m);
	menus_rootimages(m);
	menus_free(m);
	free(m);
}

static const struct doctor_check *const checks[] = {&doctor_check_menus, &doctor_check_bootfiles, &doctor_check_isolinux,
						    &doctor_check_roots};
const struct doctor_module doctor_mod_menus = {.check = checks, .count = POD_ARRAY_LEN(checks), .run_image = run_image};
