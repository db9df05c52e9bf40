/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/vhd/member.h"
#include "core/base/mem.h"

static const enum pod_diskfile diskfile[] = {
	[POD_MEMBER_RAW] = POD_DISKFILE_RAW,
	[POD_MEMBER_VHD] = POD_DISKFILE_VHD,
	[POD_MEMBER_VHDX] = POD_DISKFILE_VHDX,
	[POD_MEMBER_QCOW2] = POD_DISKFILE_QCOW2,
	[POD_MEMBER_VMDK] = POD_DISKFILE_VMDK,
	[POD_MEMBER_VDI] = POD_DISKFILE_VDI,
	[POD_MEMBER_QCOW] = POD_DISKFILE_QCOW,
	[POD_MEMBER_QED] = POD_DISKFILE_QED,
	[POD_MEMBER_PARALLELS] = POD_DISKFILE_PARALLELS,
};

const char *pod_member_kind_name(enum pod_member_kind kind)
{
	return pod_diskfile_text(diskfile[kind]);
}

/* A file that is to be one and has not its signature is damaged, not of another format. */
static enum pod_status named_but(enum pod_status st, const char *what, struct pod_diag *diag)
{
	return st == POD_E_FORMAT ? pod_fail(diag, POD_E_CORRUPT, what, 0, 1, 0) : st;
}

static enum pod_status open_vhdx(struct pod_member *l, struct pod_alloc *a, const struct pod_member_options *opt,
				 struct pod_diag *diag)
{
	struct pod_vhdx_options o = {.writable = opt->writable, .env = opt->env, .cache_pages = opt->cache_pages};
	struct pod_vhdx *x = &l->u.vhdx;
	enum pod_status st = pod_vhdx_open(x, l->file, a, &o, diag);
	if (st != POD_OK)
		return named_but(st, "file type identifier", diag);
	l->kind = POD_MEMBER_VHDX;
	l->dev = x->dev;
	l->size_bytes = x->size_bytes;
	l->sector_size = 1u << x->sector_shift;
	l->has_parent = x->has_parent;
	l->fixed = x->leave_allocated;
	return POD_OK;
}

static enum pod_status open_vhd(struct pod_member *l, struct pod_alloc *a, const struct pod_member_options *opt,
				struct pod_diag *diag)
{
	struct pod_vhd_options o = {.writable = opt->writable, .env = opt->env, .cache_pages = opt->cache_pages};
	struct pod_vhd *v = &l->u.vhd;
	enum pod_status st = pod_vhd_open(v, l->file, a, &o, diag);
	if (st != POD_OK)
		return named_but(st, "footer", diag);
	l->kind = POD_MEMBER_VHD;
	l->size_bytes = v->size_bytes;
	l->has_parent = v->type == POD_VHD_DIFFERENCING;
	l->fixed = v->type == POD_VHD_FIXED;
	return POD_OK;
}

static enum pod_status open_foreign(struct pod_member *l, struct pod_alloc *a, enum pod_diskfile f,
				    const struct pod_member_options *opt, struct pod_diag *diag)
{
	struct pod_foreign_options o = {.follow = opt->follow,
					.opener = opt->opener,
					.failed_path = opt->failed_path,
					.failed_path_size = opt->failed_path_size,
					.cache_pages = opt->cache_pages};
	struct pod_foreign *x = &l->u.foreign;
	if (opt->writable)
		return pod_fail(diag, POD_E_UNSUPPORTED, "image of another program is only read", 0, 0, 0);
	enum pod_status st = pod_foreign_open(x, l->file, a, f, &o, diag);
	if (st != POD_OK)
		return named_but(st, "signature", diag);
	l->kind = POD_MEMBER_QCOW2;
	while (diskfile[l->kind] != f)
		l->kind++;
	l->opener = opt->opener;
	l->dev = &x->dev;
	l->size_bytes = x->size_bytes;
	l->has_parent = x->parent_path;
	l->fixed = x->fixed;
	return POD_OK;
}

static enum pod_status open_raw(struct pod_member *l)
{
	l->kind = POD_MEMBER_RAW;
	l->fixed = true;
	l->size_bytes = l->dev->size_bytes;
	l->sector_size = 1;
	return l->size_bytes ? POD_OK : POD_E_FORMAT;
}

enum pod_status pod_member_open(struct pod_member *l, struct pod_vfile *file, struct pod_alloc *a,
				const struct pod_member_options *opt, struct pod_diag *diag)
{
	enum pod_diskfile f = POD_DISKFILE_NONE;
	memset(l, 0, sizeof *l);
	POD_TRY(pod_diskfile_decide(file->dev, opt->format, POD_DISKFILE_NONE, &f, diag));
	l->file = file;
	l->dev = file->dev;
	l->sector_size = 512;
	l->writable = opt->writable;
	enum pod_status st = f == POD_DISKFILE_VHDX  ? open_vhdx(l, a, opt, diag)
			     : f == POD_DISKFILE_VHD ? open_vhd(l, a, opt, diag)
			     : f == POD_DISKFILE_RAW ? open_raw(l)
			     : pod_member_reads(f)   ? open_foreign(l, a, f, opt, diag)
						     : pod_fail(diag, POD_E_UNSUPPORTED, "container of another program", 0, 0, 0);
	if (st != POD_OK)
		l->file = NULL;
	return st;
}

enum pod_status pod_member_close(struct pod_member *l)
{
	if (!l->file)
		return POD_OK;
	l->file = NULL;
	switch (l->kind) {
	case POD_MEMBER_VHDX:
		return pod_vhdx_close(&l->u.vhdx);
	case POD_MEMBER_VHD:
		return pod_vhd_close(&l->u.vhd);
	case POD_MEMBER_QCOW2:
	case POD_MEMBER_VMDK:
	case POD_MEMBER_VDI:
	case POD_MEMBER_QCOW:
	case POD_MEMBER_QED:
	case POD_MEMBER_PARALLELS:
		pod_foreign_close(&l->u.foreign, l->opener);
		return POD_OK;
	default:
		return l->writable ? pod_dev_flush(l->dev) : POD_OK;
	}
}

enum pod_status pod_member_run(struct pod_member *l, uint64_t off, uint64_t len, struct pod_run *run)
{
	switch (l->kind) {
	case POD_MEMBER_VHDX:
		return pod_vhdx_run(&l->u.vhdx, off, len, run);
	case POD_MEMBER_VHD:
		return pod_vhd_run(&l->u.vhd, off, len, run);
	case POD_MEMBER_QCOW2:
	case POD_MEMBER_VMDK:
	case POD_MEMBER_VDI:
	case POD_MEMBER_QCOW:
	case POD_MEMBER_QED:
	case POD_MEMBER_PARALLELS:
		return pod_foreign_run(&l->u.foreign, off, len, run);
	default:
		if (!len || !pod_in_range(off, len, l->size_bytes))
			return POD_E_RANGE;
		*run = (struct pod_run){POD_RUN_DATA, off, len};
		return POD_OK;
	}
}

enum pod_status pod_member_write(struct pod_member *l, uint64_t off, const void *buf, size_t len)
{
	switch (l->kind) {
	case POD_MEMBER_VHDX:
		return pod_vhdx_write(&l->u.vhdx, off, buf, len);
	case POD_MEMBER_VHD:
		return pod_vhd_write(&l->u.vhd, off, buf, len);
	default:
		if (!l->writable)
			return POD_E_READONLY;
		return buf ? pod_dev_write(l->dev, off, buf, len) : pod_vfile_zero(l->file, off, len);
	}
}

enum pod_status pod_member_trim(struct pod_member *l, uint64_t off, uint64_t len)
{
	switch (l->kind) {
	case POD_MEMBER_VHDX:
		return pod_vhdx_trim(&l->u.vhdx, off, len);
	case POD_MEMBER_VHD:
		return pod_vhd_trim(&l->u.vhd, off, len);
	default:
		return l->writable ? pod_vfile_zero(l->file, off, len) : POD_E_READONLY;
	}
}

enum pod_status pod_member_flush(struct pod_member *l)
{
	switch (l->kind) {
	case POD_MEMBER_VHDX:
		return pod_vhdx_flush(&l->u.vhdx);
	case POD_MEMBER_VHD:
		return pod_vhd_flush(&l->u.vhd);
	default:
		return l->writable ? pod_dev_flush(l->dev) : POD_E_READONLY;
	}
}

enum pod_status pod_member_compact(struct pod_member *l, void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx)
{
	if (l->kind == POD_MEMBER_VHDX)
		return pod_vhdx_compact(&l->u.vhdx, progress, ctx);
	return l->kind == POD_MEMBER_VHD ? pod_vhd_compact(&l->u.vhd, progress, ctx) : POD_E_UNSUPPORTED;
}

enum pod_status pod_member_grow(struct pod_member *l, uint64_t size)
{
	enum pod_status st;
	if (l->kind == POD_MEMBER_VHDX)
		st = pod_vhdx_grow(&l->u.vhdx, size);
	else if (l->kind == POD_MEMBER_VHD)
		st = pod_vhd_grow(&l->u.vhd, size);
	else if (!l->writable)
		st = POD_E_READONLY;
	else
		st = size < l->size_bytes ? POD_E_INVALID : pod_vfile_resize(l->file, size);
	if (st == POD_OK)
		l->size_bytes = size;
	return st;
}

enum pod_status pod_member_shrink(struct pod_member *l, uint64_t size)
{
	enum pod_status st;
	if (l->kind == POD_MEMBER_VHDX)
		st = pod_vhdx_shrink(&l->u.vhdx, size);
	else if (l->kind == POD_MEMBER_VHD)
		st = pod_vhd_shrink(&l->u.vhd, size);
	else if (!l->writable)
		st = POD_E_READONLY;
	else
		st = !size || size > l->size_bytes ? POD_E_INVALID : pod_vfile_resize(l->file, size);
	if (st == POD_OK)
		l->size_bytes = size;
	return st;
}

enum pod_status pod_member_set_parent(struct pod_member *l, const struct pod_parent_spec *p)
{
	switch (l->kind) {
	case POD_MEMBER_VHDX:
		return pod_vhdx_set_parent(&l->u.vhdx, p);
	case POD_MEMBER_VHD:
		return pod_vhd_set_parent(&l->u.vhd, p);
	default:
		return POD_E_INVALID;
	}
}

const char *pod_member_parent_path(const struct pod_member *l, enum pod_parent_path which)
{
	/* One path, which says itself whether it is absolute. */
	if (pod_member_is_foreign(l->kind))
		return l->has_parent && pod_foreign_path_kind(l->u.foreign.parent_path) == which ? l->u.foreign.parent_path
												 : NULL;
	return l->kind == POD_MEMBER_VHDX  ? l->u.vhdx.parent.path[which]
	       : l->kind == POD_MEMBER_VHD ? l->u.vhd.parent_path[which]
					   : NULL;
}

/* When its file was last written to, as a VHD counts; 0: not known. */
static uint32_t changed(const struct pod_member *l)
{
	uint64_t t = l->file->changed_unix;
	return t > POD_VHD_EPOCH && t - POD_VHD_EPOCH <= UINT32_MAX ? (uint32_t)(t - POD_VHD_EPOCH) : 0;
}

void pod_member_describe(const struct pod_member *parent, struct pod_parent_spec *spec)
{
	memset(spec->linkage2, 0, 16);
	if (parent->kind == POD_MEMBER_VHDX) {
		memcpy(spec->linkage, parent->u.vhdx.data_write_guid, 16);
	} else if (parent->kind == POD_MEMBER_VHD) {
		memcpy(spec->linkage, parent->u.vhd.id, 16);
		spec->vhd_timestamp = changed(parent) ? changed(parent) : parent->u.vhd.timestamp;
	}
}

enum pod_status pod_member_relink(struct pod_member *child, const struct pod_member *parent, const uint8_t next[16])
{
	struct pod_parent_spec spec = {0};
	for (unsigned i = 0; i < POD_PARENT_PATHS; i++)
		spec.path[i] = pod_member_parent_path(child, (enum pod_parent_path)i);
	pod_member_describe(parent, &spec);
	if (next)
		memcpy(spec.linkage2, next, 16);
	return pod_member_set_parent(child, &spec);
}

enum pod_status pod_member_can_stand_on(const struct pod_member *child, const struct pod_member *parent, struct pod_diag *diag)
{
	if (child->kind != parent->kind)
		return pod_fail(diag, POD_E_UNSUPPORTED, "parent of another format", 0, (uint64_t)child->kind,
				(uint64_t)parent->kind);
	if (child->sector_size != parent->sector_size)
		return pod_fail(diag, POD_E_UNSUPPORTED, "parent with another sector size", 0, child->sector_size,
				parent->sector_size);
	return POD_OK;
}

/* A qcow2, qcow or QED stands on anything, and says nothing that would tell one file from another. */
static enum pod_status foreign_linked(const struct pod_member *child, const struct pod_member *parent, struct pod_diag *diag)
{
	if (child->kind != POD_MEMBER_VMDK)
		return POD_OK;
	if (parent->kind != POD_MEMBER_VMDK)
		return pod_fail(diag, POD_E_UNSUPPORTED, "parent of another format", 0, (uint64_t)child->kind,
				(uint64_t)parent->kind);
	if (child->u.foreign.parent_cid != parent->u.foreign.cid)
		return pod_fail(diag, POD_E_CHANGED, "parentCID is not the parent's CID", 0, child->u.foreign.parent_cid,
				parent->u.foreign.cid);
	return POD_OK;
}

enum pod_status pod_member_linked(const struct pod_member *child, const struct pod_member *parent, struct pod_diag *diag)
{
	if (pod_member_is_foreign(child->kind))
		return foreign_linked(child, parent, diag);
	POD_TRY(pod_member_can_stand_on(child, parent, diag));
	if (child->kind == POD_MEMBER_VHDX) {
		const struct pod_vhdx_parent *p = &child->u.vhdx.parent;
		const uint8_t *guid = parent->u.vhdx.data_write_guid;
		if (memcmp(guid, p->linkage, 16) == 0 || (!pod_guid_is_zero(p->linkage2) && memcmp(guid, p->linkage2, 16) == 0))
			return POD_OK;
		return pod_fail(diag, POD_E_CHANGED, "parent_linkage is not the parent's DataWriteGuid", 0, 0, 0);
	}
	if (memcmp(child->u.vhd.parent_id, parent->u.vhd.id, 16) != 0)
		return pod_fail(diag, POD_E_CHANGED, "Parent Unique ID is not the parent's Unique ID", 0, 0, 0);
	return POD_OK;
}

bool pod_member_time_differs(const struct pod_member *child, const struct pod_member *parent)
{
	if (child->kind != POD_MEMBER_VHD || parent->kind != POD_MEMBER_VHD)
		return false;
	uint32_t held = child->u.vhd.parent_timestamp, now = changed(parent), made = child->u.vhd.timestamp;
	if (!held || !now)
		return false;
	/* Some writers (Isopod up to 0.3 among them) put there what stands in the parent's footer: then only what is later than the
	 * child says anything. FAT keeps times to two seconds. */
	if (held == parent->u.vhd.timestamp)
		return now > made && now - made > 1;
	return (now > held ? now - held : held - now) > 1;
}
