/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/doctor/infile.h"

enum pod_status doctor_infile_open(struct doctor_infile *f, struct pod_fs *fs, const struct pod_node *node)
{
	struct pod_extent *extent = NULL;
	size_t n = 0;
	enum pod_status st = pod_fs_extents(fs, node, &cli_alloc, &extent, &n);

	pod_map_init(&f->map, &cli_alloc);
	for (size_t i = 0; i < n && st == POD_OK; i++)
		st = pod_map_append(&f->map, extent[i].hole ? POD_SEG_ZERO : POD_SEG_DEV, extent[i].dev_bytes,
				    extent[i].length_bytes);
	pod_free(&cli_alloc, extent);
	if (st == POD_OK)
		pod_mapdev_init(&f->file, &f->map, fs->dev, 512);
	else
		pod_map_fini(&f->map);
	return st;
}

void doctor_infile_close(struct doctor_infile *f)
{
	pod_map_fini(&f->map);
}
