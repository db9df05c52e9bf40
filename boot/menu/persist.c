/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Back to the snapshot of a persistence file: "x.iso.persist-snapshot" becomes "x.iso.persist", by the core's exFAT writer, as `isopod persist
 * rollback` does it. Until the new name is there the snapshot has its own, whatever moment power fails in. NTFS is only written to on a
 * computer.
 */
#include "boot/menu/menu.h"
#include "core/fs/exfat_write.h"
#include "core/plan/persist.h"

/* The paths of the file and of its snapshot, in `buf` of 2 * POD_PATH_MAX. */
static bool paths(struct menu *m, size_t image, char *buf)
{
	const size_t room = POD_PATH_MAX - sizeof POD_PERSIST_SNAPSHOT;
	scan_image_path(&m->stick, image, buf, POD_PATH_MAX);
	size_t n = pod_strlen(buf);
	if (n > room)
		return false;
	memcpy(buf + POD_PATH_MAX, buf, n);
	memcpy(buf + n, POD_PERSIST_SUFFIX, sizeof POD_PERSIST_SUFFIX);
	memcpy(buf + POD_PATH_MAX + n, POD_PERSIST_SNAPSHOT, sizeof POD_PERSIST_SNAPSHOT);
	return true;
}

enum pod_status persist_snapshot_path(struct menu *m, size_t image, char out[POD_PATH_MAX])
{
	char *buf = pod_zalloc(m->alloc, 2, POD_PATH_MAX);
	enum pod_status st = !buf ? POD_E_NOMEM : paths(m, image, buf) ? POD_OK : POD_E_LIMIT;
	if (st == POD_OK)
		memcpy(out, buf + POD_PATH_MAX, POD_PATH_MAX);
	pod_free(m->alloc, buf);
	return st;
}

enum pod_status persist_snapshot(struct menu *m, size_t image, struct pod_node *out)
{
	/* Not where the scan saw that there is none: looking costs reads. */
	char *buf = m->stick.may_persist ? pod_zalloc(m->alloc, 2, POD_PATH_MAX) : NULL;
	enum pod_status st = buf && paths(m, image, buf) ? POD_OK : POD_E_NOT_FOUND;
	if (st == POD_OK)
		st = pod_fs_lookup(&m->stick.data, buf + POD_PATH_MAX, out, m->entry);
	pod_free(m->alloc, buf);
	return st == POD_OK && out->is_dir ? POD_E_NOT_FOUND : st;
}

static enum pod_status give_name(struct menu *m, const char *from, const char *to)
{
	struct pod_exfat_vol *v = pod_zalloc(m->alloc, 1, sizeof *v);
	enum pod_status st = v ? pod_exfat_mount(v, &m->stick.data_window.dev, m->alloc, NULL) : POD_E_NOMEM;
	if (st == POD_OK) {
		st = pod_exfat_rename(v, from, to, POD_EXFAT_REPLACE, NULL);
		enum pod_status closed = pod_exfat_unmount(v);
		st = st == POD_OK ? closed : st;
	}
	pod_free(m->alloc, v);
	enum pod_status again = stick_reread(m);
	return st == POD_OK ? again : st;
}

enum pod_status persist_go_back(struct menu *m, size_t image, char *text, size_t size)
{
	const char *name = m->stick.image[image].name;
	char *buf = pod_zalloc(m->alloc, 2, POD_PATH_MAX);
	enum pod_status st = !buf ? POD_E_NOMEM : paths(m, image, buf) ? POD_OK : POD_E_LIMIT;
	text[0] = 0;
	if (m->stick.data.ops != &pod_fs_exfat) {
		st = POD_E_UNSUPPORTED;
		pod_snprintf(
			text, size,
			T("%s: the menu does not change the names of files on NTFS. On a computer, use: isopod persist rollback"),
			name);
	}
	if (st == POD_OK && (m->fw->disk->read_only || !m->fw->disk->write))
		st = POD_E_READONLY;
	if (st == POD_OK)
		st = give_name(m, buf + POD_PATH_MAX, buf);
	if (st != POD_OK && !text[0])
		pod_snprintf(text, size, T("%s: could not go back to that snapshot: %s."), name, menu_status(m, st));
	pod_free(m->alloc, buf);
	return st;
}
