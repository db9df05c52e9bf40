/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernels, modules of SYSLINUX, root images, boot information tables: the first byte says as what the rest is read. */
#include "tests/fuzz/fuzz.h"
#include "core/base/str.h"
#include "core/image/bootfile.h"

static void kernel(struct pod_dev *dev, uint8_t *buf)
{
	struct pod_kernel k;
	bool good;
	if (pod_kernel_read(dev, &k, NULL) != POD_OK)
		return;
	FUZZ_REQUIRE(pod_strlen(k.version) < sizeof k.version);
	FUZZ_REQUIRE(!k.has_crc || k.image_bytes <= dev->size_bytes);
	if (k.has_crc)
		(void)pod_kernel_crc(dev, &k, buf, 4096, &good);
}

static void com32(struct pod_dev *dev)
{
	struct pod_com32 c;
	if (pod_com32_read(dev, &c, NULL) != POD_OK)
		return;
	FUZZ_REQUIRE(c.needed_count <= POD_ARRAY_LEN(c.needed));
	for (uint32_t i = 0; i < c.needed_count; i++)
		FUZZ_REQUIRE(c.needed[i][0] && pod_strlen(c.needed[i]) < sizeof c.needed[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pod_diag diag = {0};
	struct pod_bootinfo b;
	struct fuzz_env e;
	if (!size)
		return 0;
	fuzz_init(&e, data + 1, size - 1, 512, 0, 0);
	uint8_t *buf = malloc(32768);
	FUZZ_REQUIRE(buf);
	switch (data[0] % 6) {
	case 0:
		kernel(&e.dev, buf);
		break;
	case 1:
		(void)pod_multiboot_read(&e.dev, buf, &diag);
		break;
	case 2:
		com32(&e.dev);
		break;
	case 3:
		(void)pod_squashfs_check(&e.dev, &diag);
		break;
	case 4:
		(void)pod_erofs_check(&e.dev, &diag);
		break;
	default:
		(void)pod_bootinfo_read(&e.dev, 0, &b);
	}
	free(buf);
	fuzz_done(&e);
	return 0;
}
