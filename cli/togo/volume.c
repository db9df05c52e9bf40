/* SPDX-License-Identifier: BSD-2-Clause */
/* libntfs-3g is under the GPL: a binary with this file in it is, as a whole, under the GPL as well. NTFS=no leaves it out. */
#include "cli/togo/volume.h"

#ifdef ISOPOD_WITH_NTFS
#include <stdlib.h>
#include <string.h>
#include "cli/host/lazy.h"
#include "cli/host/ntfs_device.h"
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/logging.h>
#include <ntfs-3g/unistr.h>
#include <ntfs-3g/volume.h>

/* clang-format off */
#define FUNCTIONS(X) \
	X(AT_UNNAMED) X(ntfs_attr_close) X(ntfs_attr_open) X(ntfs_attr_pread) X(ntfs_attr_pwrite) X(ntfs_attr_truncate) \
	X(ntfs_create) X(ntfs_device_unix_io_ops) X(ntfs_inode_close) X(ntfs_log_handler_null) X(ntfs_log_set_handler) \
	X(ntfs_mbstoucs) X(ntfs_mount) X(ntfs_pathname_to_inode) X(ntfs_set_char_encoding) X(ntfs_set_ignore_case) X(ntfs_umount)
/* clang-format on */
LAZY_LIBRARY(lib, ntfs_3g, FUNCTIONS);

/* Of the child alone, which does one thing with one volume. */
static struct ntfs_source hooked;

/*
 * libntfs-3g looks for free clusters 4096 clusters behind what it gave last (NTFS_LCNALLOC_SKIP in its lcnalloc.c), so that files can
 * grow. In a virtual disk each file would take a block of its own: 8 GiB for 1 GiB of Windows. So the leap is taken back at the next
 * access, before there can be another.
 */
enum { LEAP = 4096 };
static ntfs_volume *packed; /* that libwim has mounted */
static LCN looks_at;	    /* where it looked for free clusters at the last access */

const char *togo_volume_missing(void)
{
	return lazy_load(&lib_library);
}

static void take_leap_back(void)
{
	if (!packed)
		return;
	if (packed->data1_zone_pos > looks_at + LEAP)
		packed->data1_zone_pos -= LEAP;
	looks_at = packed->data1_zone_pos;
}

/* Stands in front of the library's own, for libwim alone: a program's functions are found before a library's (-Wl,--export-dynamic-symbol). */
ntfs_volume *ntfs_mount(const char *name, ntfs_mount_flags flags)
{
	ntfs_volume *v = togo_volume_missing() ? NULL : lib.ntfs_mount(name, flags);

	if (hooked.dev) {
		packed = v;
		looks_at = v ? v->data1_zone_pos : 0;
	}
	return v;
}

static int close_hooked(struct ntfs_device *d)
{
	packed = NULL; /* it is about to be freed */
	return ntfs_source_ops.close(d);
}

static s64 pread_hooked(struct ntfs_device *d, void *buf, s64 count, s64 off)
{
	take_leap_back();
	return ntfs_source_ops.pread(d, buf, count, off);
}

static s64 pwrite_hooked(struct ntfs_device *d, const void *buf, s64 count, s64 off)
{
	take_leap_back();
	return ntfs_source_ops.pwrite(d, buf, count, off);
}

static int open_hooked(struct ntfs_device *d, int flags)
{
	d->d_private = &hooked;
	return ntfs_source_ops.open(d, flags);
}

/*
 * ntfs_mount(), which libwim calls, takes a file's name and has the table of operations for files, which the library exports and
 * which is not constant. Our operations in it, and a volume can lie within a virtual disk: nothing is written twice.
 */
void togo_volume_hook(struct pod_dev *dev)
{
	hooked = (struct ntfs_source){.dev = dev};
	*lib.ntfs_device_unix_io_ops = ntfs_source_ops;
	lib.ntfs_device_unix_io_ops->open = open_hooked;
	lib.ntfs_device_unix_io_ops->close = close_hooked;
	lib.ntfs_device_unix_io_ops->pread = pread_hooked;
	lib.ntfs_device_unix_io_ops->pwrite = pwrite_hooked;
	lib.ntfs_log_set_handler(lib.ntfs_log_handler_null);
	lib.ntfs_set_char_encoding("UTF-8");
}

enum pod_status togo_volume_failed(void)
{
	return hooked.failed;
}

static ntfs_volume *vol_of(struct togo_volume *v)
{
	return (ntfs_volume *)(void *)v;
}

struct togo_volume *togo_volume_open(void)
{
	ntfs_volume *vol = lib.ntfs_mount("volume", 0);

	if (vol && lib.ntfs_set_ignore_case(vol) != 0) {
		lib.ntfs_umount(vol, TRUE);
		vol = NULL;
	}
	return (struct togo_volume *)(void *)vol;
}

bool togo_volume_close(struct togo_volume *v)
{
	return !v || lib.ntfs_umount(vol_of(v), FALSE) == 0;
}

static enum pod_status read_data(ntfs_inode *ni, size_t max, uint8_t **out, size_t *len)
{
	ntfs_attr *na = lib.ntfs_attr_open(ni, AT_DATA, *lib.AT_UNNAMED, 0);
	enum pod_status st = POD_OK;

	if (!na)
		return POD_E_CORRUPT;
	if (na->data_size < 0 || (uint64_t)na->data_size > max)
		st = POD_E_LIMIT;
	if (st == POD_OK) {
		*len = (size_t)na->data_size;
		*out = cli_xmalloc(*len + 1);
		if (lib.ntfs_attr_pread(na, 0, na->data_size, *out) != na->data_size) {
			free(*out);
			st = POD_E_IO;
		}
	}
	lib.ntfs_attr_close(na);
	return st;
}

enum pod_status togo_volume_read(struct togo_volume *v, const char *path, size_t max, uint8_t **out, size_t *len)
{
	ntfs_inode *ni = lib.ntfs_pathname_to_inode(vol_of(v), NULL, path);
	enum pod_status st = ni ? read_data(ni, max, out, len) : POD_E_NOT_FOUND;

	if (ni)
		lib.ntfs_inode_close(ni);
	return st;
}

static enum pod_status write_data(ntfs_inode *ni, const void *data, size_t len)
{
	ntfs_attr *na = lib.ntfs_attr_open(ni, AT_DATA, *lib.AT_UNNAMED, 0);
	bool ok = na && lib.ntfs_attr_truncate(na, 0) == 0;

	ok = ok && (!len || lib.ntfs_attr_pwrite(na, 0, (s64)len, data) == (s64)len);
	if (na)
		lib.ntfs_attr_close(na);
	return ok ? POD_OK : hooked.failed != POD_OK ? hooked.failed : POD_E_NOSPACE;
}

static ntfs_inode *make(ntfs_inode *folder, const char *name, bool is_dir)
{
	ntfschar *units = NULL;
	int n = lib.ntfs_mbstoucs(name, &units);
	ntfs_inode *ni = NULL;

	if (n > 0 && n < 256)
		ni = lib.ntfs_create(folder, folder->security_id, units, (u8)n, is_dir ? S_IFDIR : S_IFREG);
	free(units);
	return ni;
}

/* The file or folder at `path`, made with the folders above it if it is not there. */
static ntfs_inode *reach(ntfs_volume *vol, const char *path)
{
	ntfs_inode *at = lib.ntfs_pathname_to_inode(vol, NULL, "/");
	char *copy = cli_xstrdup(path), *part = copy + (*copy == '/'), *slash;

	while (at && part) {
		ntfs_inode *next;

		slash = strchr(part, '/');
		if (slash)
			*slash = '\0';
		next = lib.ntfs_pathname_to_inode(vol, at, part);
		if (!next)
			next = make(at, part, slash != NULL);
		lib.ntfs_inode_close(at);
		at = next;
		part = slash ? slash + 1 : NULL;
	}
	free(copy);
	return at;
}

enum pod_status togo_volume_write(struct togo_volume *v, const char *path, const void *data, size_t len)
{
	ntfs_inode *ni = reach(vol_of(v), path);
	enum pod_status st;

	if (!ni)
		return hooked.failed != POD_OK ? hooked.failed : POD_E_NOSPACE;
	st = ni->mrec->flags & MFT_RECORD_IS_DIRECTORY ? POD_E_EXISTS : write_data(ni, data, len);
	if (lib.ntfs_inode_close(ni) != 0 && st == POD_OK)
		st = POD_E_IO;
	return st;
}

#else

const char *togo_volume_missing(void)
{
	return _("this isopod was built without libntfs-3g");
}
#endif
