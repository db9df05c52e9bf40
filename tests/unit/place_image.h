/* SPDX-License-Identifier: BSD-2-Clause */
/* A volume in memory as what pod_place shows changes of: they are made in it. */
#ifndef POD_TESTS_PLACE_IMAGE_H
#define POD_TESTS_PLACE_IMAGE_H

#include <stdlib.h>
#include <string.h>
#include "core/fs/place.h"

static inline enum pod_status place_image_show(struct pod_place *p, uint64_t off, const void *data, size_t len)
{
	if (!pod_in_range(off, len, p->fs->dev->size_bytes))
		abort();
	memcpy((uint8_t *)p->ctx + off, data, len);
	return POD_OK;
}

static inline enum pod_status place_image_shown(struct pod_place *p, uint64_t off, void *buf, size_t len)
{
	return pod_dev_read(p->fs->dev, off, buf, len);
}

/* `image`: what the device of `fs` reads from. */
static inline void place_image_begin(struct pod_place *p, const struct pod_place_ops *ops, struct pod_fs *fs, uint8_t *image)
{
	pod_place_init(p, ops, fs);
	p->show = place_image_show;
	p->shown = place_image_shown;
	p->ctx = image;
}

#endif
