/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan/plan.h"

const char *const pod_shim_path[POD_MACHINE_COUNT] = {
	[POD_MACHINE_X64] = "ISOPOD/SHIMX64", [POD_MACHINE_IA32] = "ISOPOD/SHIMIA32", [POD_MACHINE_AA64] = "ISOPOD/SHIMAA64"};
const char *const pod_helper_path[POD_MACHINE_COUNT] = {[POD_MACHINE_X64] = "ISOPOD/WINX64.EXE",
							[POD_MACHINE_IA32] = "ISOPOD/WINIA32.EXE",
							[POD_MACHINE_AA64] = "ISOPOD/WINAA64.EXE"};

enum pod_status pod_helper_read(struct pod_fs *esp, enum pod_machine m, struct pod_dirent *scratch, struct pod_alloc *a,
				uint8_t **data, size_t *len)
{
	struct pod_node node;
	if (m >= POD_MACHINE_COUNT)
		return POD_E_NOT_FOUND;
	POD_TRY(pod_fs_lookup(esp, pod_helper_path[m], &node, scratch));
	if (node.is_dir || !node.size_bytes || node.size_bytes > POD_HELPER_SIZE_MAX)
		return POD_E_NOT_FOUND;
	*len = (size_t)node.size_bytes;
	*data = a->alloc(a, *len);
	return *data ? pod_fs_read(esp, &node, 0, *data, *len) : POD_E_NOMEM;
}

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
