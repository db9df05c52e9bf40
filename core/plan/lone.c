/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernels in disk images that no initrd is loaded for: they mount what root= names by drivers of their own (OpenWrt, many of Buildroot and
 * Yocto), or have their initramfs built in (LibreELEC). There is no file to put the shim into. So the volume of the kernel is shown with a further file, our two
 * archives alone, and the boot menu with a command that loads it. A built-in initramfs is unpacked before that; where there is none, the
 * shim mounts root= as the kernel would have done, which then does not (linux/root.c).
 *
 * On an ISO it is the same, for a BIOS (iso_lone.c); there the kernel has its initramfs built in, or would start nothing. For UEFI there is
 * offer.c, and there may be no other way beside it.
 *
 * An entry gets the initrd if none is loaded in it, its kernel is a Linux in the same volume, and its arguments name a device in a way that needs
 * no program: what has a root=UUID= and no initrd does not start anywhere. On an ISO it need not name one, but the kernel has to be known as a Linux:
 * memory tests and network loaders say that they are kernels, too.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

/* Does `s` begin with it? */
static bool begins(const char *s, size_t len, const char *what)
{
	size_t n = pod_strlen(what);
	return len >= n && pod_strncasecmp(s, what, n) == 0;
}

/* Does the kernel itself find what root= names so? */
static bool kernel_finds(const char *root, size_t len)
{
	static const char *const other[] = {"/dev/ram", "/dev/nfs", "/dev/cifs", "/dev/mapper/", "/dev/disk/"};
	for (size_t i = 0; i < POD_ARRAY_LEN(other); i++)
		if (begins(root, len, other[i]))
			return false;
	return begins(root, len, "PARTUUID=") || begins(root, len, "PARTLABEL=") || begins(root, len, "/dev/") ||
	       (len && *root >= '0' && *root <= '9');
}

/* Do the arguments name a device that is to be found without a program of an initrd's? */
static bool names_device(const char *p, size_t len)
{
	bool has_root = false, finds = false, other = false;
	for (size_t at = 0, end; at < len; at = end) {
		while (at < len && (p[at] <= ' ' || p[at] == '"' || p[at] == '\''))
			at++;
		for (end = at; end < len && p[end] > ' ' && p[end] != '"' && p[end] != '\''; end++)
			other |= begins(p + end, len - end, "=UUID=") || begins(p + end, len - end, "=LABEL=");
		if (begins(p + at, end - at, "root=")) { /* the last one counts */
			has_root = true;
			finds = kernel_finds(p + at + 5, end - at - 5);
		}
	}
	return has_root ? finds : other;
}

static bool *has_initrd(struct pod_lone *l, uint32_t entry)
{
	return &l->entry[entry < POD_LONE_ENTRIES ? entry : POD_LONE_ENTRIES];
}

static void note_initrd(void *ctx, const struct pod_menu_item *item)
{
	if (item->kind == POD_MENU_INITRD || item->kind == POD_MENU_MULTIBOOT || item->kind == POD_MENU_MODULE)
		*has_initrd(ctx, item->entry) = true;
}

void pod_lone_begin(struct pod_lone *l, struct pod_scan *s, const char *config, const char *text, size_t len)
{
	memset(l->entry, 0, sizeof l->entry);
	l->entry[POD_LONE_ENTRIES] = true;
	l->s = s;
	l->config = config;
	l->machine = POD_MACHINE_COUNT;
	pod_config_read(config, text, len, s->vars, note_initrd, l);
}

/* Linux/x86 boot protocol: at 0x20E where its version stands, less 0x200: "6.1.0-13-amd64 (USER@HOST) #1 ...". Memtest86+ and iPXE have a
 * text of their own there. */
static bool has_version(struct pod_scan *s, const struct pod_node *file, const uint8_t *head)
{
	char text[128];
	size_t n = 0;
	uint64_t at = 0x200 + (uint64_t)pod_get_le16(head + 0x20e);
	if (memcmp(head + 0x202, "HdrS", 4) != 0 || at == 0x200 || !pod_in_range(at, sizeof text, file->size_bytes) ||
	    pod_fs_read(s->fs, file, at, text, sizeof text) != POD_OK)
		return false;
	text[sizeof text - 1] = 0;
	while (text[n] >= '0' && text[n] <= '9')
		n++;
	return n && text[n] == '.' && text[n + 1] >= '0' && text[n + 1] <= '9' && pod_strcasestr(text, " (");
}

static void look_at_kernel(struct pod_lone *l, const struct pod_menu_item *item)
{
	uint8_t head[POD_KERNEL_HEAD];
	l->of_entry = item->entry;
	l->machine = POD_MACHINE_COUNT;
	if (pod_scan_named(l->s, l->config, item->text, pod_strlen(item->text), &l->kernel) != POD_OK ||
	    l->kernel.node.size_bytes < sizeof head || pod_fs_read(l->s->fs, &l->kernel.node, 0, head, sizeof head) != POD_OK ||
	    !pod_kernel_head_machine(head, &l->machine) ||
	    (l->s->built_in && (!(item->firmware & POD_FW_BIOS) || !has_version(l->s, &l->kernel.node, head))))
		l->machine = POD_MACHINE_COUNT;
}

bool pod_lone_wants(struct pod_lone *l, const char *text, const struct pod_menu_item *item)
{
	if (item->kind == POD_MENU_KERNEL && !*has_initrd(l, item->entry))
		look_at_kernel(l, item);
	return item->kind == POD_MENU_ARGUMENTS && item->initrd && l->machine != POD_MACHINE_COUNT &&
	       item->entry == l->of_entry && !*has_initrd(l, item->entry) &&
	       (l->s->built_in || names_device(text + item->at, item->len));
}

/* --- built in --------------------------------------------------------------------------------------------- */

static enum pod_status look_for_root(void *ctx, const char *config, const char *text, size_t len)
{
	bool *yes = ctx;
	(void)config;
	*yes = *yes && !pod_config_has_root(text, len);
	return POD_OK;
}

enum pod_status pod_lone_built_in(struct pod_handover *h, struct pod_scan *s, bool *yes)
{
	*yes = !s->initrd_count && !s->cut_short && !h->plan->initrd_count;
	return *yes ? pod_scan_each_text(s, look_for_root, yes) : POD_OK;
}

/* --- the first of them ------------------------------------------------------------------------------------ */

struct looking {
	struct pod_lone lone;
	const char *text;
	struct pod_initrd *out;
};

static void look(void *ctx, const struct pod_menu_item *item)
{
	struct looking *k = ctx;
	if (!pod_lone_wants(&k->lone, k->text, item) || k->out->path[0])
		return;
	(void)pod_strlcpy(k->out->path, k->lone.kernel.path, sizeof k->out->path);
	(void)pod_strlcpy(k->out->found_by, k->lone.config, sizeof k->out->found_by);
	k->out->machine = k->lone.machine;
}

static enum pod_status look_into(void *ctx, const char *config, const char *text, size_t len)
{
	struct looking *k = ctx;
	if (k->out->path[0])
		return POD_OK;
	k->text = text;
	pod_lone_begin(&k->lone, k->lone.s, config, text, len);
	pod_config_read(config, text, len, k->lone.s->vars, look, k);
	return POD_OK;
}

enum pod_status pod_lone_look(struct pod_scan *s, struct pod_initrd *out)
{
	struct looking *k = pod_zalloc(s->alloc, 1, sizeof *k);
	if (!k)
		return POD_E_NOMEM;
	k->lone.s = s;
	k->out = out;
	s->vars->count = 0;
	enum pod_status st = pod_scan_each_text(s, look_into, k);
	pod_free(s->alloc, k);
	return st;
}
