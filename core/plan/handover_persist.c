/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image's persistence file (persist.h) in what is handed over: the record says where it lies, and the archive behind the initrd
 * brings the one small file by which its system is told to use it, as if somebody had typed the word on the kernel's command line:
 *
 *   live-boot   sources /etc/live/boot/ before it looks at the command line (live-boot 4 and later, components/9990-main.sh)
 *   casper      is sourced by initramfs-tools' /init, which sources /conf/conf.d/ before
 *   dracut      takes lines of /etc/cmdline.d/ for the command line (dracut.cmdline(7)); the folders are those of an overlay
 *   kiwi        is a module of dracut's (kiwi-live)
 *
 * Others need no such file: archiso, Puppy and Tiny Core are told by their boot menus (arguments_serve.c), Alpine looks into
 * every filesystem there is.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/map/handover.h"

enum { S_DIR = 0040755, S_FILE = 0100644, INO_FIRST = 0x69736f20, FOLDERS = 3 };

static const struct told {
	const char *folder[FOLDERS], *path, *text;
} told[POD_PERSIST_KINDS] = {
	[POD_PERSIST_LIVE_BOOT] = {{"etc", "etc/live", "etc/live/boot"},
				   "etc/live/boot/isopod",
				   "PERSISTENCE=true\nexport PERSISTENCE\n"},
	[POD_PERSIST_CASPER] = {{"conf", "conf/conf.d"}, "conf/conf.d/isopod", "export PERSISTENT=Yes\n"},
	[POD_PERSIST_DRACUT] = {{"etc", "etc/cmdline.d"},
				"etc/cmdline.d/90-isopod.conf",
				"rd.live.overlay=LABEL=" POD_PERSIST_LABEL_DR ":/overlayfs rd.live.overlay.overlayfs=1\n"},
	[POD_PERSIST_KIWI] = {{"etc", "etc/cmdline.d"}, "etc/cmdline.d/90-isopod.conf", "rd.live.overlay.persistent=1\n"},
};

void pod_handover_persist_files(struct pod_cpio *c, enum pod_persist_kind kind)
{
	const struct told *t = &told[kind];
	if (!t->path)
		return;
	for (uint32_t i = 0; i < FOLDERS && t->folder[i]; i++)
		pod_cpio_add(c, t->folder[i], S_DIR, 2, INO_FIRST + i, NULL, 0);
	pod_cpio_add(c, t->path, S_FILE, 1, INO_FIRST + FOLDERS, t->text, pod_strlen(t->text));
}

/* One run, neighbouring extents counted as one; false: more, or parts that were never written. */
static bool one_run(const struct pod_plan_file *f, uint64_t *start)
{
	uint64_t end = 0;
	for (size_t i = 0; i < f->extent_count; i++) {
		const struct pod_extent *e = &f->extent[i];
		if (e->hole || (i && e->dev_bytes != end))
			return false;
		if (!i)
			*start = e->dev_bytes;
		end = e->dev_bytes + e->length_bytes;
	}
	return f->extent_count > 0;
}

/* Is the disk still the one that it was made for? Else what it holds belongs to other bytes. */
static enum pod_status is_its_overlay(struct pod_handover *h, const struct pod_persist *found, const char *name, bool *same)
{
	struct pod_plan *p = h->plan;
	POD_TRY(pod_handover_disk_id(h));
	*same = found->cow.disk_bytes == p->image.size_bytes && memcmp(found->cow.id, p->disk_id, POD_COW_ID) == 0;
	if (!*same)
		pod_plan_warn(p,
			      "%.60s is of another disk, or of this one before it was written to: the system starts without it.",
			      name);
	else if (h->rq->write)
		pod_plan_warn(p, "'write = on' is not followed: what is written goes into %.80s.", name);
	return POD_OK;
}

static enum pod_status use_file(struct pod_handover *h, const struct pod_plan_file *f, const char *name)
{
	struct pod_plan *p = h->plan;
	struct pod_persist found;
	uint8_t chunk[POD_HO_PERSIST_SIZE];
	uint64_t start = 0;
	char free_text[16], all[16];
	if (!one_run(f, &start)) {
		pod_plan_warn(p, "%.80s is not in one piece: the system starts without it. 'isopod persist' makes such files.",
			      name);
		return POD_OK;
	}
	enum pod_status st = pod_persist_look(h->rq->disk, start, f->size_bytes, &found);
	if (st == POD_OK && (found.kind == POD_PERSIST_DISK) != (p->image.kind == POD_IMAGE_DISK))
		st = POD_E_UNSUPPORTED;
	if (st == POD_E_BUDGET || st == POD_E_CANCELLED)
		return st;
	if (st != POD_OK) {
		pod_plan_warn(p, "%.80s holds no filesystem for persistence (%s): the system starts without it.", name,
			      pod_status_text(st));
		return POD_OK;
	}
	if (found.kind == POD_PERSIST_DISK) {
		bool same;
		POD_TRY(is_its_overlay(h, &found, name, &same));
		if (!same)
			return POD_OK;
	}
	if (found.full)
		pod_plan_warn(p, "%.80s is full: %s of %s are free. What the system writes may be lost.", name,
			      pod_format_size(free_text, found.free_bytes), pod_format_size(all, found.fs_bytes));
	p->persist = found;
	if (found.kind == POD_PERSIST_DISK)
		return POD_OK;
	pod_put_le64(chunk, start);
	pod_put_le64(chunk + 8, f->size_bytes & ~(uint64_t)511);
	return pod_handover_chunk(h, POD_HO_CHUNK_PERSIST, chunk, sizeof chunk);
}

enum pod_status pod_handover_persist(struct pod_handover *h)
{
	const struct pod_plan_request *rq = h->rq;
	struct pod_plan_file f = {0};
	size_t len = pod_strlen(rq->path), size = len + sizeof POD_PERSIST_SUFFIX;
	if (!rq->find)
		return POD_OK;
	char *path = pod_zalloc(h->plan->alloc, size, 1);
	if (!path)
		return POD_E_NOMEM;
	(void)pod_snprintf(path, size, "%s" POD_PERSIST_SUFFIX, rq->path);
	enum pod_status st = rq->find(rq->find_ctx, path, h->plan->alloc, &f);
	if (st == POD_OK) {
		const char *name = path;
		for (const char *s = path; *s; s++)
			name = *s == '/' ? s + 1 : name;
		st = use_file(h, &f, name);
	} else if (st != POD_E_NOMEM && st != POD_E_CANCELLED) {
		st = POD_OK; /* there is none */
	}
	pod_free(h->plan->alloc, f.extent);
	pod_free(h->plan->alloc, path);
	return st;
}
