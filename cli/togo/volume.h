/* SPDX-License-Identifier: BSD-2-Clause */
/* Files on an NTFS volume, through libntfs-3g; for the child behind walls. */
#ifndef POD_CLI_TOGO_VOLUME_H
#define POD_CLI_TOGO_VOLUME_H

#include "cli/ui/ui.h"
#include "core/disk/dev.h"

struct togo_volume;

/* NULL once it can be used, else why not: before the child is made. */
const char *togo_volume_missing(void);
/* From now on, in this process, libntfs-3g opens `dev` whatever name it is given: libwim gives it only names. */
void togo_volume_hook(struct pod_dev *dev);
/* The status of the last access to `dev` that failed, or POD_OK. */
enum pod_status togo_volume_failed(void);

struct togo_volume *togo_volume_open(void);
bool togo_volume_close(struct togo_volume *v);
/* Paths are those of Windows with '/', from the root; case does not count. What is read is to be freed. POD_E_NOT_FOUND; POD_E_LIMIT:
 * longer than `max`. */
enum pod_status togo_volume_read(struct togo_volume *v, const char *path, size_t max, uint8_t **out, size_t *len);
/* Replaces the content of a file, or makes it and the folders above it: with the security of the folder that was there. */
enum pod_status togo_volume_write(struct togo_volume *v, const char *path, const void *data, size_t len);

#endif
