/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows the disk that is the image, or that is in it, with its own partitions: from below,
 *
 *   1. device-mapper "isopod-base": the pieces of the disk on the stick, and zeros between them; read-only
 *   2. device-mapper "isopod-overlay": a snapshot of it, whose store is a loop device on a file in memory: what the system writes. Nothing
 *      on the stick changes. (drivers/md/dm-snap.c: "snapshot ORIGIN STORE N CHUNK", not persistent, chunks in sectors)
 *      Or the store is a file on the stick, which the record names, and there is device-mapper "isopod-store" for its bytes: "P" instead of
 *      "N", or "PO", by which a full store fails further writes and keeps what it has (Linux 4.4; without it a full one is lost).
 *   3. a loop device with a scan for partitions, which device-mapper has not got: so the kernel itself reads their numbers, places
 *      and PARTUUIDs, and udev makes the links.
 *
 * Where the record says so, 1 can be written to, and there is no 2. Without a snapshot the disk is read-only. Without device-mapper a
 * copy in memory is shown (attach_memory.c); and where there is no room for one, or the record says that the system writes to the file,
 * a loop device can show a disk in one piece by itself.
 */
#include "linux/attach.h"
#include "linux/observe.h"
#include "core/base/mem.h"

#define BASE  "isopod-base"
#define DISK  "isopod-overlay"
#define STORE "isopod-store"

#define CHUNK_SECTORS 8u

#define OVERLAY_LOST "the overlay beside %s cannot be used: what it holds is not shown, and nothing will be kept"

static bool make_base(const struct pod_ho_disk *d, const struct pod_disk *disk, bool write, struct pod_shown *out,
		      struct pod_try *t)
{
	pod_dm_begin();
	for (uint32_t i = 0; i < d->seg_count; i++) {
		struct pod_ho_run s;
		pod_ho_disk_seg(d, i, &s);
		if (!(s.start_bytes ? pod_dm_add_linear(disk, &s) : pod_dm_add(s.length_bytes, "zero", "")))
			return pod_try_fail(t, "the disk is in too many pieces", 0);
	}
	return pod_dm_make(BASE, write ? POD_DM_HIDDEN_RW : POD_DM_HIDDEN, out, t);
}

/* How much the system may write: as much as the disk has, or half of the memory. */
static uint64_t store_size(const struct pod_ho_disk *d)
{
	static char text[4096];
	uint64_t half = 0;
	if (pod_read_text(POD_PROC_DIR "/meminfo", text, sizeof text) > 0)
		half = ((uint64_t)pod_meminfo_kib(text, "MemTotal") << 10) / 2;
	return pod_min_u64(d->size_bytes, half) & ~(uint64_t)4095;
}

/* A loop device on an empty file in memory. */
static bool make_store(const struct pod_watch *w, struct pod_shown *out, struct pod_try *t)
{
	uint64_t size = store_size(&w->vdisk);
	if (!size)
		return pod_try_fail(t, "the size of the memory is not known", 0);
	long fd = pod_memory_open(size, t);
	bool done = fd >= 0 && pod_loop_show(w, (int)fd, 0, 0, 0, out, t);
	if (fd >= 0)
		pod_memory_close((int)fd); /* the loop device keeps the file */
	return done;
}

/* In the first of some ways that this kernel knows. */
static bool make_snapshot(const struct pod_watch *w, const struct pod_shown *base, const struct pod_shown *store,
			  const char *const *how, size_t ways, uint32_t chunk, struct pod_shown *out, struct pod_try *t)
{
	char params[40];
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < ways; i++) {
			(void)pod_snprintf(params, sizeof params, "%u:%u %u:%u %s %u", (unsigned)base->major,
					   (unsigned)base->minor, (unsigned)store->major, (unsigned)store->minor, how[i],
					   (unsigned)chunk);
			pod_dm_begin();
			if (pod_dm_add(w->vdisk.size_bytes, "snapshot", params) && pod_dm_make(DISK, POD_DM_HIDDEN_RW, out, t))
				return true;
		}
		if (!again)
			pod_modprobe("dm-snapshot");
	}
	return false;
}

static bool make_overlay(const struct pod_watch *w, const struct pod_shown *base, struct pod_shown *out, struct pod_try *t)
{
	static const char *const how[] = {"N"};
	struct pod_shown store;
	if (!make_store(w, &store, t))
		return false;
	if (make_snapshot(w, base, &store, how, POD_ARRAY_LEN(how), CHUNK_SECTORS, out, t))
		return true;
	pod_loop_clear(&store);
	return false;
}

/* One whose store the kernel gave up is made, and no byte of it can be read. */
static bool can_be_read(const struct pod_shown *s, struct pod_try *t)
{
	uint8_t sector[512];
	long fd = pod_open_node("kept", SYS_S_IFBLK, s->major, s->minor, SYS_O_RDONLY);
	long n = fd < 0 ? fd : pod_sys_pread((int)fd, sector, sizeof sector, 0);
	if (fd >= 0)
		pod_sys_close((int)fd);
	if (n == (long)sizeof sector)
		return true;
	pod_dm_remove(DISK);
	return pod_try_fail(t, "it is not valid any more", n < 0 ? n : 0);
}

/* The same with the store on the stick. */
static bool make_kept(const struct pod_watch *w, const struct pod_disk *disk, const struct pod_shown *base, struct pod_shown *out,
		      struct pod_try *t)
{
	static const char *const how[] = {"PO", "P"};
	struct pod_shown store;
	pod_dm_begin();
	if (!pod_dm_add_linear(disk, &w->record.cow) || !pod_dm_make(STORE, POD_DM_HIDDEN_RW, &store, t))
		return false;
	if (make_snapshot(w, base, &store, how, POD_ARRAY_LEN(how), w->record.cow_sectors, out, t) && can_be_read(out, t))
		return true;
	pod_dm_remove(STORE);
	return false;
}

/* A loop device with partitions over a block device, or a part of it. */
static bool make_loop(const struct pod_watch *w, const struct pod_shown *under, uint64_t offset, bool write,
		      struct pod_shown *out, struct pod_try *t)
{
	uint32_t flags = POD_LOOP_PARTITIONS | POD_LOOP_DIRECT | (write ? 0 : POD_LOOP_READ_ONLY);
	long fd = pod_open_node("under", SYS_S_IFBLK, under->major, under->minor, write ? SYS_O_RDWR : SYS_O_RDONLY);
	if (fd < 0)
		return pod_try_fail(t, "the disk below cannot be opened", fd);
	bool done = pod_loop_show(w, (int)fd, offset, w->vdisk.size_bytes, flags, out, t);
	pod_sys_close((int)fd);
	return done;
}

static bool show_mapped(const struct pod_watch *w, const struct pod_disk *disk, bool write, struct pod_shown *out,
			const char **note, struct pod_try *t)
{
	struct pod_shown base, over;
	if (!make_base(&w->vdisk, disk, write, &base, t))
		return false;
	bool keeps = !write && w->record.cow.length_bytes, kept = keeps && make_kept(w, disk, &base, &over, t);
	if (keeps && !kept)
		pod_say(POD_SAY_ERROR, OVERLAY_LOST ": %s (error %u)", w->path, t->why, (unsigned)-t->err);
	bool overlay = kept || (!write && make_overlay(w, &base, &over, t));
	if (!write && !overlay)
		pod_say(POD_SAY_ERROR, "nothing can be written to the disk in %s: %s (error %u)", w->path, t->why,
			(unsigned)-t->err);
	if (make_loop(w, overlay ? &over : &base, 0, write || overlay, out, t)) {
		*note = write	  ? "what is written to it goes into the file"
			: kept	  ? "what is written to it goes into the file beside it"
			: overlay ? "what is written to it stays in memory and is gone when the machine is switched off"
				  : "it is read-only";
		return true;
	}
	if (overlay)
		pod_dm_remove(DISK);
	if (kept)
		pod_dm_remove(STORE);
	pod_dm_remove(BASE);
	return false;
}

/* Without device-mapper. */
static bool show_unmapped(const struct pod_watch *w, const struct pod_disk *disk, bool write, struct pod_shown *out,
			  const char **note, struct pod_try *t)
{
	struct pod_shown under = {.major = disk->major, .minor = disk->minor};
	struct pod_ho_run first;
	if (w->record.cow.length_bytes)
		pod_say(POD_SAY_ERROR, OVERLAY_LOST ": %s (error %u)", w->path, t->why, (unsigned)-t->err);
	*note = "a copy in memory is shown; what is written to it is gone when the machine is switched off";
	if (!write && pod_memory_show(w, disk, out, t))
		return true;
	pod_ho_disk_seg(&w->vdisk, 0, &first);
	if (w->vdisk.seg_count != 1 || !first.start_bytes)
		return false;
	*note = write ? "what is written to it goes into the file" : "it is read-only";
	return make_loop(w, &under, first.start_bytes, write, out, t);
}

bool pod_disk_show(const struct pod_watch *w, const struct pod_disk *disk, struct pod_shown *out, const char **note,
		   struct pod_try *t)
{
	bool write = (w->vdisk.flags & POD_HO_DISK_WRITE) != 0;
	bool done = w->use != POD_USE_LOOP && show_mapped(w, disk, write, out, note, t);
	if (!done && (t->busy || w->use == POD_USE_DM || !show_unmapped(w, disk, write, out, note, t)))
		return false;
	pod_udev_shown(out);
	pod_lvmdev_shown(out);
	return true;
}
