/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan/plan.h"

struct collector {
	struct pod_shim *out;
	uint64_t volume_start;
};

static enum pod_status take(void *ctx, const struct pod_extent *e)
{
	struct collector *c = ctx;
	struct pod_shim *s = c->out;
	if (e->hole || s->extent_count == POD_SHIM_EXTENT_MAX)
		return POD_E_CORRUPT;
	s->extent[s->extent_count] = *e;
	s->extent[s->extent_count++].dev_bytes += c->volume_start;
	return POD_OK;
}

enum pod_status pod_shim_by_reference(struct pod_fs *esp, uint64_t esp_start_bytes, const struct pod_node *file,
				      struct pod_shim *out)
{
	struct collector c = {.out = out, .volume_start = esp_start_bytes};
	if (file->is_dir || !file->size_bytes || file->size_bytes > POD_SHIM_SIZE_MAX || file->size_bytes & (POD_SHIM_ALIGN - 1))
		return POD_E_CORRUPT;
	out->data = NULL;
	out->len = (size_t)file->size_bytes;
	out->extent_count = 0;
	return esp->ops->extents(esp, file, take, &c);
}
