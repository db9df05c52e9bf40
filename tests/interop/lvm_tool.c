/* SPDX-License-Identifier: BSD-2-Clause */
/* lvm_tool FILE: the logical volumes of a disk, one a line: GROUP/VOLUME partition N, then first byte+length of each run, or why it has none. */
#include "core/disk/lvm.h"
#include "tests/interop/tool.h"

int main(int argc, char **argv)
{
	static struct pod_parttab table;
	struct pod_memdev dev;
	struct pod_lvm lvm;
	size_t len;
	if (argc != 2)
		return 2;
	uint8_t *data = tool_slurp(argv[1], &len);
	pod_memdev_init(&dev, data, len, 512, true);
	enum pod_status st = pod_parttab_read(&dev.dev, &host, &table, NULL);
	if (st == POD_OK)
		st = pod_lvm_read(&dev.dev, &table, &host, &lvm);
	if (st != POD_OK) {
		printf("%s\n", pod_status_text(st));
		return 1;
	}
	for (size_t i = 0; i < lvm.volumes; i++) {
		const struct pod_lvm_volume *v = &lvm.volume[i];
		printf("%s partition %u%s%s", v->name, v->partition, *v->why ? " " : "", v->why);
		for (size_t k = 0; k < v->runs; k++)
			printf(" %llu+%llu", (unsigned long long)v->run[k].start_bytes,
			       (unsigned long long)v->run[k].length_bytes);
		printf("\n");
	}
	if (lvm.unread != UINT32_MAX)
		printf("unread %u\n", lvm.unread);
	pod_lvm_free(&lvm, &host);
	free(data);
	return 0;
}
