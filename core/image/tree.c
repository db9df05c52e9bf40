/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which tree shows what is in a medium? A bridge volume has two: ISO 9660 and UDF. Most writers put the same files into both, and then
 * loaders of Linux read ISO 9660. Windows media have a README there, which says that the rest is in UDF.
 */
#include "core/image/image.h"
#include "core/base/mem.h"
#include "core/fs/iso9660.h"

/* Of so many files in a root directory without a folder the rest makes no difference. */
#define FILES_MAX 1024u

struct in_root {
	uint32_t folders, files;
};

/* Up to the first folder, which decides. */
static enum pod_status count_root(struct pod_fs *fs, struct pod_dirent *e, struct in_root *n)
{
	struct pod_node root;
	struct pod_dir dir;
	*n = (struct in_root){0, 0};
	enum pod_status st = fs->ops->root(fs, &root);
	if (st == POD_OK)
		st = pod_dir_open(&dir, fs, &root);
	while (st == POD_OK && !n->folders && n->files < FILES_MAX && (st = pod_dir_next(&dir, e)) == POD_OK) {
		n->folders += e->node.is_dir;
		n->files += !e->node.is_dir;
	}
	return st == POD_END ? POD_OK : st;
}

/* What a tree that cannot be read shows is nothing. */
static enum pod_status compare(struct pod_fs *iso, struct pod_fs *udf, struct pod_dirent *e, bool *better)
{
	struct in_root in_iso, in_udf;
	enum pod_status st = count_root(iso, e, &in_iso);
	*better = false;
	if (pod_is_fatal(st) || in_iso.folders)
		return pod_is_fatal(st) ? st : POD_OK;
	POD_TRY(pod_fs_open_as(udf, &pod_fs_udf, iso->dev, iso->alloc, NULL));
	st = count_root(udf, e, &in_udf);
	*better = in_udf.folders || in_udf.files > in_iso.files;
	if (pod_is_fatal(st) || !*better)
		pod_fs_close(udf);
	return pod_is_fatal(st) ? st : POD_OK;
}

enum pod_status pod_image_prefer_udf(struct pod_fs *fs)
{
	struct pod_fs udf;
	bool better;
	if (fs->ops != &pod_fs_iso9660 || !(pod_iso9660_flags(fs) & POD_ISO_HAS_UDF))
		return POD_OK;
	struct pod_dirent *e = pod_zalloc(fs->alloc, 1, sizeof *e);
	if (!e)
		return POD_E_NOMEM;
	enum pod_status st = compare(fs, &udf, e, &better);
	pod_free(fs->alloc, e);
	if (st != POD_OK)
		return pod_is_fatal(st) ? st : POD_OK; /* UDF that is damaged or beyond us leaves ISO 9660 */
	if (better) {
		pod_fs_close(fs);
		*fs = udf;
	}
	return POD_OK;
}

enum pod_status pod_image_open_tree(struct pod_fs *fs, struct pod_dev *dev, struct pod_alloc *a, struct pod_diag *diag)
{
	enum pod_status st = pod_fs_open_as(fs, &pod_fs_iso9660, dev, a, diag);
	if (st == POD_E_FORMAT || st == POD_E_CORRUPT)
		return pod_fs_open(fs, dev, a, diag);
	POD_TRY(st);
	st = pod_image_prefer_udf(fs);
	if (st != POD_OK)
		pod_fs_close(fs);
	return st;
}
