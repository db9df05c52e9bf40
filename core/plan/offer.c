/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernels that are started without an initrd, because theirs is built in (CONFIG_INITRAMFS_SOURCE): there is no file to put the shim into.
 * Linux' EFI stub (since 5.8, Documentation/arch/x86/boot.rst and drivers/firmware/efi/libstub) asks for an initrd at the device path
 * LINUX_EFI_INITRD_MEDIA_GUID, and the kernel unpacks it behind the built-in one. So the port for UEFI offers the two archives there. (On a BIOS it is
 * the boot menu that loads them: iso_lone.c.)
 *
 * What the stub finds there takes the place of what a loader gave, and loaders with one of their own refuse to start beside ours:
 * nothing is offered where anything in the image might be an initrd, or not all of it was looked at. Neither is it where a
 * command line has root=: a kernel without any initramfs mounts that itself, and our /init would come before it.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"

struct job {
	struct pod_handover *h;
	struct pod_scan *s;
};

static void take(struct job *j, const struct pod_found *f, const char *by)
{
	struct pod_initrd *o = &j->h->offer.kernel;
	uint8_t head[POD_KERNEL_HEAD];
	enum pod_machine m;
	if (o->path[0] || f->node.size_bytes < sizeof head || pod_fs_read(j->s->fs, &f->node, 0, head, sizeof head) != POD_OK ||
	    head[0] != 'M' || head[1] != 'Z' || !pod_kernel_head_machine(head, &m))
		return;
	(void)pod_strlcpy(o->path, f->path, sizeof o->path);
	(void)pod_strlcpy(o->found_by, by, sizeof o->found_by);
	o->machine = m;
}

static enum pod_status named_kernel(void *ctx, const char *config, const struct pod_menu_item *item)
{
	struct job *j = ctx;
	struct pod_found f;
	if (item->kind == POD_MENU_INITRD)
		return POD_OK;
	enum pod_status st = pod_scan_named(j->s, config, item->text, pod_strlen(item->text), &f);
	if (st == POD_OK)
		take(j, &f, config);
	return st == POD_E_NOT_FOUND ? POD_OK : st;
}

enum pod_status pod_offer_look(struct pod_handover *h, struct pod_scan *s)
{
	struct job j = {.h = h, .s = s};
	bool built_in;
	if (h->offer.no)
		return POD_OK;
	POD_TRY(pod_lone_built_in(h, s, &built_in));
	if (!built_in) {
		h->offer.no = true;
		return POD_OK;
	}
	for (size_t i = 0; i < s->efi_count; i++) {
		bool unified, own;
		POD_TRY(h->rq->ukis->is(s, &s->efi[i].node, &unified, &own));
		h->offer.no |= unified;		 /* it brings its own, if any */
		take(&j, &s->efi[i], "content"); /* the firmware starts it */
	}
	return h->offer.no ? POD_OK : pod_scan_each_named(s, named_kernel, &j);
}

enum pod_status pod_offer_make(struct pod_handover *h)
{
	struct pod_initrd *o = &h->plan->offered;
	struct pod_map *map = &h->plan->map;
	if (h->offer.no || h->plan->initrd_count || !h->offer.kernel.path[0])
		return POD_OK;
	*o = h->offer.kernel;
	POD_TRY(pod_handover_alone(h, o->machine, map, POD_ISO_TREES_SECTOR, &o->start_bytes));
	o->length_bytes = map->size_bytes - o->start_bytes;
	return pod_plan_note(h->plan, POD_OVERLAY_INITRD, o->start_bytes, o->length_bytes, o->path,
			     "it is started without an initrd: UEFI offers it this one, with the shim, behind a built-in one");
}
