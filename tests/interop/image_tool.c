/* SPDX-License-Identifier: BSD-2-Clause */
/* image FILE: what the probe says, as "key=value" lines, and what it cost in reads. */
#include "core/image/image.h"
#include "tests/interop/tool.h"

static void print_firmware(const char *key, uint32_t fw)
{
	static const char *const name[] = {"bios", "x64", "ia32", "aa64"};
	printf("%s=", key);
	for (int i = 0, n = 0; i < 4; i++)
		if (fw & (1u << i))
			printf("%s%s", n++ ? "," : "", name[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	struct pod_diag diag = {0};
	struct pod_image im;
	struct tool_file file;
	if (argc != 2 || !tool_open(&file, argv[1], false, 2048))
		return 2;
	enum pod_status st = pod_image_probe(&file.dev, argv[1], &host, &im, &diag);
	printf("status=%s\n", pod_status_text(st));
	if (st != POD_OK)
		return 1;
	printf("kind=%s\nlabel=%s\nvolume=%llu\ntruncated=%d\njoliet=%d\nrock_ridge=%d\nudf=%d\nhybrid_mbr=%d\nhybrid_gpt=%d\n",
	       pod_image_kind_text(im.kind), im.label, (unsigned long long)im.volume_bytes, im.truncated, im.joliet,
	       im.rock_ridge, im.udf, im.hybrid_mbr, im.hybrid_gpt);
	print_firmware("firmware", im.firmware);
	print_firmware("tree_efi", im.tree_efi);
	printf("catalog=%llu\n", (unsigned long long)im.catalog_bytes);
	for (uint32_t i = 0; i < im.boot_count; i++) {
		const struct pod_eltorito_entry *e = &im.boot[i];
		printf("boot%u=platform:%02x bootable:%d media:%u segment:%x count:%u lba:%u length:%llu entry:%llu ", i,
		       e->platform, e->bootable, e->media, e->load_segment, e->sector_count, e->lba,
		       (unsigned long long)e->length_bytes, (unsigned long long)e->entry_bytes);
		print_firmware("firmware", e->firmware);
	}
	printf("bytes=%llu\nreads=%llu\n", file.read_bytes, file.reads);
	return 0;
}
