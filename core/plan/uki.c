/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unified kernel images (UAPI Group specification "Unified Kernel Image"): an EFI program, systemd-stub, with the kernel in its section
 * .linux and the initrd in .initrd. The stub hands the kernel .initrd first and what it found beside itself behind it, so the shim goes
 * into the section:
 *
 *   [the file in front of it, headers patched][pre][the original .initrd][zeros][post][the file behind it]
 *
 * Some stubs let the kernel run where it lies, with memory behind it that its own headers ask for: a section that moves in memory moves
 * behind that, too. Sections behind one named .profile belong to that profile: the table then stays in its order.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/firm/pe.h"
#include "core/plan/menu.h"

enum { HEAD = 4096, KERNEL = 1024, POST_ALIGN = 2048, GROWTH_ALIGN = 2048 };

struct job {
	struct pod_handover *h;
	struct pod_fs *fs;
	const struct pod_found *f;
	uint64_t base;
	struct pod_uki *out;
	struct pod_pe pe;
	uint32_t above;				       /* where the kernel in .linux ends in memory */
	bool many;				       /* .profile, or several .initrd: the order of the table stays */
	uint8_t head[HEAD], old[HEAD], kernel[KERNEL]; /* old: the head before anything was changed */
};

static const uint8_t *entry_of(const struct job *j, uint32_t i)
{
	return j->head + pod_pe_entry(&j->pe, i);
}

/* The bytes of a section that are in the file. */
static uint32_t content(const uint8_t *entry)
{
	uint32_t size = pod_get_le32(entry + 8), raw = pod_get_le32(entry + 16);
	return size && size < raw ? size : raw;
}

/* Is it a unified kernel image with an initrd? */
static bool is_uki(struct job *j)
{
	uint64_t size = j->f->node.size_bytes;
	uint32_t linux_sections = 0, initrds = 0, profiles = 0;
	if (pod_fs_read(j->fs, &j->f->node, 0, j->head, sizeof j->head) != POD_OK ||
	    pod_pe_head(j->head, sizeof j->head, size, &j->pe, NULL) != POD_OK)
		return false;
	for (uint32_t i = 0; i < j->pe.section_count; i++) {
		linux_sections += pod_pe_entry_is(entry_of(j, i), ".linux");
		initrds += pod_pe_entry_is(entry_of(j, i), ".initrd");
		profiles += pod_pe_entry_is(entry_of(j, i), ".profile");
	}
	j->many = initrds > 1 || profiles;
	return linux_sections && initrds && pod_pe_machine(j->pe.machine, &j->out->machine);
}

/* Of which machine is the kernel, and what memory does it take? */
static void read_kernel(struct job *j)
{
	struct pod_pe kernel;
	for (uint32_t i = 0; i < j->pe.section_count; i++) {
		const uint8_t *e = entry_of(j, i);
		uint32_t n = content(e);
		if (!pod_pe_entry_is(e, ".linux") || n < sizeof j->kernel ||
		    pod_fs_read(j->fs, &j->f->node, pod_get_le32(e + 20), j->kernel, sizeof j->kernel) != POD_OK)
			continue;
		(void)pod_kernel_head_machine(j->kernel, &j->out->machine);
		if (pod_pe_head(j->kernel, sizeof j->kernel, n, &kernel, NULL) != POD_OK)
			continue;
		uint64_t end = (uint64_t)pod_get_le32(e + 12) + pod_get_le32(j->kernel + kernel.optional_bytes + 56);
		j->above = (uint32_t)pod_min_u64(end, UINT32_MAX);
	}
}

static enum pod_status add_run(void *ctx, const struct pod_extent *e)
{
	struct job *j = ctx;
	struct pod_map *m = &j->out->served;
	uint64_t left = j->f->node.size_bytes - m->size_bytes, n = pod_min_u64(e->length_bytes, left);
	uint64_t end = j->h->plan->image.size_bytes;
	if (e->hole)
		return pod_map_append(m, POD_SEG_ZERO, 0, n);
	if (e->dev_bytes > end || !pod_in_range(j->base + e->dev_bytes, n, end))
		return POD_E_CORRUPT;
	return pod_map_append_part(m, &j->h->plan->map, j->base + e->dev_bytes, n);
}

/* The file as it is, as a map. */
static enum pod_status open_file(struct job *j)
{
	POD_TRY(j->fs->ops->extents(j->fs, &j->f->node, add_run, j));
	return j->out->served.size_bytes == j->f->node.size_bytes ? POD_OK : POD_E_CORRUPT;
}

/* j->out->served with the section's data in the new form. */
static enum pod_status put(struct job *j, uint32_t at, uint32_t raw, uint32_t n, uint64_t post_at, const struct pod_map *post,
			   uint32_t new_raw)
{
	struct pod_map *old = &j->out->served, m;
	uint64_t pre;
	POD_TRY(pod_handover_pre(j->h, &pre));
	pod_map_init(&m, j->h->plan->alloc);
	enum pod_status st = pod_map_append_part(&m, old, 0, at);
	if (st == POD_OK)
		st = pod_map_append(&m, POD_SEG_MEM, pre, POD_PRE_LEN);
	if (st == POD_OK)
		st = pod_map_append_part(&m, old, at, n);
	if (st == POD_OK)
		st = pod_map_append(&m, POD_SEG_ZERO, 0, post_at - m.size_bytes);
	if (st == POD_OK)
		st = pod_plan_append(&m, post);
	if (st == POD_OK)
		st = pod_map_append(&m, POD_SEG_ZERO, 0, at + (uint64_t)new_raw - m.size_bytes);
	if (st == POD_OK)
		st = pod_map_append_part(&m, old, at + (uint64_t)raw, old->size_bytes - at - raw);
	if (st != POD_OK) {
		pod_map_fini(&m);
		return st;
	}
	pod_map_fini(old);
	*old = m;
	return POD_OK;
}

/* Where the original's data begin on the virtual disk; only where it is in one piece can it be looked at there. */
static uint64_t original(const struct job *j, uint32_t i)
{
	return j->base + j->f->start_bytes + pod_get_le32(j->old + pod_pe_entry(&j->pe, i) + 20);
}

/* Section `i` is .initrd. *done: it is served with the shim. */
static enum pod_status wrap(struct job *j, uint32_t i, bool *done)
{
	const uint8_t *e = entry_of(j, i);
	uint32_t at = pod_get_le32(e + 20), raw = pod_get_le32(e + 16), n = content(e),
		 align = pod_get_le32(j->head + j->pe.optional_bytes + 36);
	const struct pod_map *post;
	uint8_t magic[6];
	*done = false;
	if (n < sizeof magic || j->out->initrd_count == POD_UKI_INITRDS)
		return POD_OK;
	POD_TRY(pod_map_read(&j->out->served, j->h->rq->disk, at, magic, sizeof magic));
	if (!pod_menu_initrd_content(magic))
		return POD_OK;
	POD_TRY(pod_handover_post(j->h, j->out->machine, &post));
	uint64_t post_at = pod_align_up(at + (uint64_t)POD_PRE_LEN + n, POST_ALIGN), len = post_at - at + post->size_bytes;
	uint64_t grow_align = align > GROWTH_ALIGN ? align : GROWTH_ALIGN;
	uint64_t new_raw = len > raw ? raw + pod_align_up(len - raw, grow_align) : raw;
	if (new_raw > UINT32_MAX)
		return POD_E_LIMIT;
	POD_TRY(pod_pe_grow(j->head, &j->pe, i, (uint32_t)len, (uint32_t)new_raw, j->above, !j->many));
	POD_TRY(put(j, at, raw, n, post_at, post, (uint32_t)new_raw));
	j->out->initrd[j->out->initrd_count].start_bytes = original(j, i);
	j->out->initrd[j->out->initrd_count++].length_bytes = n;
	*done = true;
	return POD_OK;
}

static enum pod_status wrap_all(struct job *j)
{
	uint64_t at;
	POD_TRY(open_file(j));
	memcpy(j->old, j->head, sizeof j->old);
	for (uint32_t i = 0; i < j->pe.section_count; i++) {
		bool done = false;
		if (pod_pe_entry_is(entry_of(j, i), ".initrd"))
			POD_TRY(wrap(j, i, &done));
		if (done && !j->many)
			break; /* its entry may have moved to the end */
	}
	if (!j->out->initrd_count)
		return POD_OK;
	/* No section begins before the table's end: pod_pe_grow has looked. */
	size_t table_end = pod_pe_entry(&j->pe, j->pe.section_count);
	POD_TRY(pod_map_mem(&j->h->plan->map, j->head, table_end, &at));
	return pod_map_replace(&j->out->served, 0, table_end, POD_SEG_MEM, at);
}

static enum pod_status look(struct job *j)
{
	struct pod_plan *p = j->h->plan;
	if (!is_uki(j))
		return POD_OK;
	if (j->h->rq->secure_boot) {
		pod_plan_warn(p, "%.60s: Secure Boot is on, so it starts unchanged: the system in it may not find its medium.",
			      j->f->path);
		return POD_OK;
	}
	j->out->was_signed = j->pe.cert_len != 0;
	read_kernel(j);
	enum pod_status st = wrap_all(j);
	if (st != POD_E_CORRUPT && st != POD_E_LIMIT && st != POD_E_RANGE)
		return st;
	pod_plan_warn(p, "%.60s: this unified kernel image is damaged or of an unknown form; it is served unchanged.",
		      j->f->path);
	j->out->initrd_count = 0;
	return POD_OK;
}

static enum pod_status each(struct pod_handover *h, struct pod_scan *s, uint64_t base,
			    enum pod_status (*cb)(void *ctx, const struct pod_found *f, struct pod_uki *uki), void *ctx)
{
	struct pod_alloc *a = h->plan->alloc;
	struct pod_uki out;
	struct job *j = s->efi_count ? pod_zalloc(a, 1, sizeof *j) : NULL;
	if (s->efi_count && !j)
		return POD_E_NOMEM;
	enum pod_status st = POD_OK;
	for (size_t i = 0; st == POD_OK && i < s->efi_count; i++) {
		if (s->efi[i].start_bytes == UINT64_MAX || pod_scan_was_there(s, s->efi, i))
			continue;
		out = (struct pod_uki){0};
		pod_map_init(&out.served, a);
		*j = (struct job){.h = h, .fs = s->fs, .f = &s->efi[i], .base = base, .out = &out};
		st = look(j);
		if (st == POD_OK && out.initrd_count)
			st = cb(ctx, &s->efi[i], &out);
		pod_map_fini(&out.served);
	}
	pod_free(a, j);
	return st;
}

static enum pod_status note(struct pod_plan *p, const struct pod_found *f, const struct pod_uki *uki, uint64_t start)
{
	for (uint32_t i = 0; i < uki->initrd_count; i++)
		POD_TRY(pod_plan_add_initrd(p, f->path, uki->initrd[i].start_bytes, uki->initrd[i].length_bytes, uki->machine,
					    ".initrd section"));
	return pod_plan_note(
		p, POD_OVERLAY_UKI, start, uki->served.size_bytes, f->path,
		uki->was_signed
			? "shim put into its .initrd section; its signature is void: with Secure Boot on it starts unchanged"
			: "shim put into its .initrd section");
}

const struct pod_uki_ops pod_plan_ukis = {each, pod_offer_look, pod_offer_make, note};
