/* SPDX-License-Identifier: BSD-2-Clause */
/* A file inside an image as a device that holds nothing else. */
#ifndef POD_CLI_DOCTOR_INFILE_H
#define POD_CLI_DOCTOR_INFILE_H

#include "cli/ui/ui.h"
#include "core/fs/fs.h"
#include "core/map/map.h"

struct doctor_infile {
	struct pod_map map;
	struct pod_mapdev file; /* &file.dev is the device */
};

/* POD_E_CORRUPT: it does not lie inside the image. Only after POD_OK there is something to close; `fs` stays open until then. */
enum pod_status doctor_infile_open(struct doctor_infile *f, struct pod_fs *fs, const struct pod_node *node);
void doctor_infile_close(struct doctor_infile *f);

#endif
