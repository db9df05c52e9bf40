/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unified kernel images (UAPI Group specification "Unified Kernel Image"): an EFI program, systemd-stub, with the kernel in its section
 * .linux and the initrd in .initrd. The stub hands the kernel .initrd first and what it found beside itself behind it, so the shim goes
 * into the section:
 *
 *   [the file in front of it, headers patched][pre][the original .initrd][zeros][post][the file behind it]
 *
 * The kernel's arguments are its section .cmdline, one a profile where there are several; other ones take the place of what is in
 * it. The stub takes those of whoever starts it instead, if there are any, but not with Secure Boot on. Addons (small EFI
 * programs beside it) add to them.
 *
 * Some stubs let the kernel run where it lies, with memory behind it that its own headers ask for: a section that moves in memory moves
 * behind that, too. Sections behind one named .profile belong to that profile: the table then stays in its order.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/firm/pe.h"
#include "core/plan/menu.h"

enum { HEAD = 4096, KERNEL = 1024, POST_ALIGN = 2048, GROWTH_ALIGN = 2048, CMDLINE_MAX = 16 << 10 };

struct job {
	struct pod_handover *h;
	struct pod_scan *s;
	const struct pod_found *f;
	uint64_t base;
	struct pod_uki *out;
	struct pod_pe pe;
	uint32_t above;				       /* where the kernel in .linux ends in memory */
	bool many;				       /* .profile, or several of a name: the order of the table stays */
	bool initrds;				       /* there are some */
	uint8_t head[HEAD], old[HEAD], kernel[KERNEL]; /* old: the head before anything was changed */
};

static const uint8_t *entry_of(const struct job *j, uint32_t i)
{
	return j->head + pod_pe_entry(&j->pe, i);
}

/* As it was before anything was changed. */
static const uint8_t *old_entry(const struct job *j, uint32_t i)
{
	return j->old + pod_pe_entry(&j->pe, i);
}

/* The bytes of a section that are in the file. */
static uint32_t content(const uint8_t *entry)
{
	uint32_t size = pod_get_le32(entry + 8), raw = pod_get_le32(entry + 16);
	return size && size < raw ? size : raw;
}

static uint32_t count(const uint8_t *head, const struct pod_pe *pe, const char *name)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < pe->section_count; i++)
		n += pod_pe_entry_is(head + pod_pe_entry(pe, i), name);
	return n;
}

/* The beginning of a file, with the whole table. False: it is none. */
static bool read_unified(struct pod_fs *fs, const struct pod_node *file, uint8_t head[HEAD], struct pod_pe *pe)
{
	return pod_fs_read(fs, file, 0, head, HEAD) == POD_OK && pod_pe_head(head, HEAD, file->size_bytes, pe, NULL) == POD_OK &&
	       count(head, pe, ".linux");
}

/* Is there a command line in it? An empty one is none for the stub either. */
static bool has_cmdline(const uint8_t *head, const struct pod_pe *pe)
{
	for (uint32_t i = 0; i < pe->section_count; i++) {
		const uint8_t *e = head + pod_pe_entry(pe, i);
		if (pod_pe_entry_is(e, ".cmdline") && content(e))
			return true;
	}
	return false;
}

static enum pod_status is_unified(struct pod_scan *s, const struct pod_node *file, bool *yes, bool *own)
{
	struct pod_pe pe;
	uint8_t *head = s->alloc->alloc(s->alloc, HEAD);
	if (!head)
		return POD_E_NOMEM;
	*yes = read_unified(s->fs, file, head, &pe);
	*own = *yes && has_cmdline(head, &pe);
	pod_free(s->alloc, head);
	return POD_OK;
}

static bool read_head(struct job *j)
{
	if (!read_unified(j->s->fs, &j->f->node, j->head, &j->pe))
		return false;
	uint32_t initrds = count(j->head, &j->pe, ".initrd");
	j->initrds = initrds;
	j->many = initrds > 1 || count(j->head, &j->pe, ".cmdline") > 1 || count(j->head, &j->pe, ".profile");
	return pod_pe_machine(j->pe.machine, &j->out->machine);
}

/* Of which machine is the kernel, and what memory does it take? */
static void read_kernel(struct job *j)
{
	struct pod_pe kernel;
	for (uint32_t i = 0; i < j->pe.section_count; i++) {
		const uint8_t *e = entry_of(j, i);
		uint32_t n = content(e);
		if (!pod_pe_entry_is(e, ".linux") || n < sizeof j->kernel ||
		    pod_fs_read(j->s->fs, &j->f->node, pod_get_le32(e + 20), j->kernel, sizeof j->kernel) != POD_OK)
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
	POD_TRY(j->s->fs->ops->extents(j->s->fs, &j->f->node, add_run, j));
	return j->out->served.size_bytes == j->f->node.size_bytes ? POD_OK : POD_E_CORRUPT;
}

/* Where a section lies in the file as it is served so far, and what it becomes. */
struct change {
	uint32_t at, raw; /* its place in the file */
	uint32_t index;	  /* in the table */
	uint64_t len;	  /* of what is in it then */
};

/* A map of the file up to the section. */
static enum pod_status begin(struct job *j, const struct change *c, struct pod_map *m)
{
	pod_map_init(m, j->h->plan->alloc);
	return pod_map_append_part(m, &j->out->served, 0, c->at);
}

/* And of what is behind it, with the headers for it; then it takes the place of the old one. */
static enum pod_status end(struct job *j, const struct change *c, struct pod_map *m)
{
	struct pod_map *old = &j->out->served;
	uint32_t align = pod_get_le32(j->head + j->pe.optional_bytes + 36);
	uint64_t grow_align = align > GROWTH_ALIGN ? align : GROWTH_ALIGN;
	uint64_t raw = c->len > c->raw ? c->raw + pod_align_up(c->len - c->raw, grow_align) : c->raw,
		 behind = c->at + (uint64_t)c->raw;
	if (raw > UINT32_MAX)
		return POD_E_LIMIT;
	POD_TRY(pod_map_append(m, POD_SEG_ZERO, 0, c->at + raw - m->size_bytes));
	POD_TRY(pod_map_append_part(m, old, behind, old->size_bytes - behind));
	POD_TRY(pod_pe_grow(j->head, &j->pe, c->index, (uint32_t)c->len, (uint32_t)raw, j->above, !j->many));
	pod_map_fini(old);
	*old = *m;
	pod_map_init(m, j->h->plan->alloc);
	return POD_OK;
}

static struct change change_of(const struct job *j, uint32_t index)
{
	const uint8_t *e = entry_of(j, index);
	return (struct change){.at = pod_get_le32(e + 20), .raw = pod_get_le32(e + 16), .index = index};
}

/* [pre][n bytes as they are][zeros][post] */
static enum pod_status put_initrd(struct job *j, struct change *c, uint32_t n, struct pod_map *m)
{
	const struct pod_map *post;
	uint64_t pre;
	POD_TRY(pod_handover_post(j->h, j->out->machine, &post));
	POD_TRY(pod_handover_pre(j->h, &pre));
	POD_TRY(begin(j, c, m));
	POD_TRY(pod_map_append(m, POD_SEG_MEM, pre, POD_PRE_LEN));
	POD_TRY(pod_map_append_part(m, &j->out->served, c->at, n));
	POD_TRY(pod_map_pad(m, POST_ALIGN));
	POD_TRY(pod_plan_append(m, post));
	c->len = m->size_bytes - c->at;
	return end(j, c, m);
}

/* Where the original's data begin on the virtual disk; only where it is in one piece can it be looked at there. */
static uint64_t original(const struct job *j, uint32_t i)
{
	return j->base + j->f->start_bytes + pod_get_le32(old_entry(j, i) + 20);
}

/* Section `i` is .initrd. *done: it is served with the shim. */
static enum pod_status wrap(struct job *j, uint32_t i, bool *done)
{
	uint32_t n = content(entry_of(j, i));
	struct change c = change_of(j, i);
	uint8_t magic[6];
	struct pod_map m;
	*done = false;
	if (n < sizeof magic || j->out->initrd_count == POD_UKI_INITRDS)
		return POD_OK;
	POD_TRY(pod_fs_read(j->s->fs, &j->f->node, pod_get_le32(old_entry(j, i) + 20), magic, sizeof magic));
	if (!pod_menu_initrd_content(magic))
		return POD_OK;
	pod_map_init(&m, j->h->plan->alloc);
	enum pod_status st = put_initrd(j, &c, n, &m);
	pod_map_fini(&m);
	if (st != POD_OK)
		return st;
	j->out->initrd[j->out->initrd_count].start_bytes = original(j, i);
	j->out->initrd[j->out->initrd_count++].length_bytes = n;
	*done = true;
	return POD_OK;
}

static enum pod_status wrap_all(struct job *j)
{
	for (uint32_t i = 0; i < j->pe.section_count; i++) {
		bool done = false;
		if (pod_pe_entry_is(entry_of(j, i), ".initrd"))
			POD_TRY(wrap(j, i, &done));
		if (done && !j->many)
			break; /* its entry may have moved to the end */
	}
	return POD_OK;
}

static enum pod_status put_text(struct job *j, struct change *c, const char *text, struct pod_map *m)
{
	uint64_t at;
	POD_TRY(pod_map_mem(&j->h->plan->map, text, (size_t)c->len, &at));
	POD_TRY(begin(j, c, m));
	POD_TRY(pod_map_append(m, POD_SEG_MEM, at, c->len));
	return end(j, c, m);
}

static enum pod_status edit(struct job *j, const uint8_t *old, struct change *c, char *text)
{
	struct pod_alloc *a = j->h->plan->alloc;
	char words[POD_ARGUMENTS_WORDS], *out;
	uint32_t n = content(old);
	size_t len;
	struct pod_map m;
	if (n > CMDLINE_MAX)
		return POD_E_LIMIT;
	POD_TRY(pod_fs_read(j->s->fs, &j->f->node, pod_get_le32(old + 20), text, n));
	pod_arguments_words(j->h, words);
	POD_TRY(pod_arguments_edit_line(words, text, n, a, &out, &len));
	pod_map_init(&m, a);
	c->len = len;
	enum pod_status st = put_text(j, c, out, &m);
	pod_map_fini(&m);
	pod_free(a, out);
	return st;
}

/* Where it is in the table now; where there are several of a name, nothing has moved. */
static uint32_t now_at(const struct job *j, uint32_t i)
{
	for (uint32_t k = 0; !j->many && k < j->pe.section_count; k++)
		if (memcmp(entry_of(j, k), old_entry(j, i), 8) == 0)
			return k;
	return i;
}

static bool of_its_form(enum pod_status st)
{
	return st == POD_E_CORRUPT || st == POD_E_LIMIT || st == POD_E_RANGE;
}

static enum pod_status edit_all(struct job *j)
{
	struct pod_alloc *a = j->h->plan->alloc;
	char *text = a->alloc(a, CMDLINE_MAX);
	uint32_t failed = 0;
	enum pod_status st = text ? POD_OK : POD_E_NOMEM;
	for (uint32_t i = 0; st == POD_OK && i < j->pe.section_count; i++) {
		const uint8_t *old = old_entry(j, i);
		if (!pod_pe_entry_is(old, ".cmdline") || !content(old))
			continue;
		struct change c = change_of(j, now_at(j, i));
		st = edit(j, old, &c, text);
		j->out->cmdline_count += st == POD_OK;
		if (of_its_form(st)) { /* the others are changed */
			failed++;
			st = POD_OK;
		}
	}
	pod_free(a, text);
	if (st != POD_OK)
		return st;
	if (failed)
		pod_arguments_refuse_uki(j->h->plan, j->f, j->out->cmdline_count ? POD_UKI_PART : POD_UKI_FORM);
	else if (!j->out->cmdline_count)
		pod_arguments_refuse_uki(j->h->plan, j->f, POD_UKI_NO_CMDLINE);
	return POD_OK;
}

static void warn_of_addon(struct job *j)
{
	char words[POD_ARGUMENTS_WORDS];
	pod_arguments_words(j->h, words);
	if (j->out->cmdline_count && j->s->addon[0] && pod_arguments_take_out(words))
		pod_plan_warn(j->h->plan, "%.80s: what this addon has of arguments is not taken out of it.", j->s->addon);
}

static enum pod_status change_all(struct job *j)
{
	uint64_t at;
	POD_TRY(open_file(j));
	memcpy(j->old, j->head, sizeof j->old);
	POD_TRY(wrap_all(j));
	if (pod_arguments_wanted(j->h)) /* also for a persistence file, which was looked for now if there is an initrd */
		POD_TRY(edit_all(j));
	warn_of_addon(j);
	if (!j->out->initrd_count && !j->out->cmdline_count)
		return POD_OK;
	/* No section begins before the table's end: pod_pe_grow has looked. */
	size_t table_end = pod_pe_entry(&j->pe, j->pe.section_count);
	POD_TRY(pod_map_mem(&j->h->plan->map, j->head, table_end, &at));
	return pod_map_replace(&j->out->served, 0, table_end, POD_SEG_MEM, at);
}

static enum pod_status look(struct job *j)
{
	struct pod_plan *p = j->h->plan;
	bool arguments = pod_arguments_wanted(j->h);
	if (!read_head(j) || !(j->initrds || arguments))
		return POD_OK;
	if (j->h->rq->secure_boot) {
		if (j->initrds)
			pod_plan_warn(
				p, "%.60s: Secure Boot is on, so it starts unchanged: the system in it may not find its medium.",
				j->f->path);
		if (arguments)
			pod_arguments_refuse_uki(p, j->f,
						 has_cmdline(j->head, &j->pe) ? POD_UKI_SECURE_BOOT : POD_UKI_NO_CMDLINE);
		return POD_OK;
	}
	j->out->was_signed = j->pe.cert_len != 0;
	read_kernel(j);
	enum pod_status st = change_all(j);
	if (!of_its_form(st))
		return st;
	pod_plan_warn(p, "%.60s: this unified kernel image is damaged or of an unknown form; it is served unchanged.",
		      j->f->path);
	if (pod_arguments_wanted(j->h))
		pod_arguments_refuse_uki(p, j->f, POD_UKI_FORM);
	j->out->initrd_count = j->out->cmdline_count = 0;
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
		*j = (struct job){.h = h, .s = s, .f = &s->efi[i], .base = base, .out = &out};
		st = look(j);
		if (st == POD_OK && (out.initrd_count || out.cmdline_count))
			st = cb(ctx, &s->efi[i], &out);
		pod_map_fini(&out.served);
	}
	pod_free(a, j);
	return st;
}

static enum pod_status note(struct pod_plan *p, const struct pod_found *f, const struct pod_uki *uki, uint64_t start)
{
	uint64_t size = uki->served.size_bytes;
	for (uint32_t i = 0; i < uki->initrd_count; i++)
		POD_TRY(pod_plan_add_initrd(p, f->path, uki->initrd[i].start_bytes, uki->initrd[i].length_bytes, uki->machine,
					    ".initrd section"));
	p->argument_lines += uki->cmdline_count;
	if (uki->initrd_count)
		POD_TRY(pod_plan_note(
			p, POD_OVERLAY_UKI, start, size, f->path,
			uki->was_signed
				? "shim put into its .initrd section; its signature is void: with Secure Boot on it starts unchanged"
				: "shim put into its .initrd section"));
	if (!uki->cmdline_count)
		return POD_OK;
	return pod_plan_note(
		p, POD_OVERLAY_UKI, start, size, f->path,
		uki->was_signed
			? "kernel arguments changed in its .cmdline section; its signature is void: with Secure Boot on it starts unchanged"
			: "kernel arguments changed in its .cmdline section");
}

const struct pod_uki_ops pod_plan_ukis = {is_unified, each, pod_offer_look, pod_offer_make, note};
