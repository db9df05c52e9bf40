/* SPDX-License-Identifier: BSD-2-Clause */
/* The image probe. The input is the image without bytes 1024..32767, which nobody looks at. */
#include "core/image/image.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_env env;
	struct pod_image *im = malloc(sizeof *im);
	struct pod_diag diag;
	FUZZ_REQUIRE(im);
	fuzz_init(&env, data, len, 512, 1024, 31744);
	if (pod_image_probe(&env.dev, "x.iso", &env.alloc, im, &diag) == POD_OK) {
		FUZZ_REQUIRE((unsigned)im->kind < POD_IMAGE_KIND_COUNT && im->boot_count <= POD_ELTORITO_MAX);
		FUZZ_REQUIRE(memchr(im->label, 0, sizeof im->label));
		for (uint32_t i = 0; i < im->boot_count; i++) {
			const struct pod_eltorito_entry *e = &im->boot[i];
			FUZZ_REQUIRE(!e->length_bytes ||
				     pod_in_range((uint64_t)e->lba * 2048, e->length_bytes, env.dev.size_bytes));
			FUZZ_REQUIRE(!e->firmware || e->bootable);
			FUZZ_REQUIRE((im->firmware & e->firmware) == e->firmware);
		}
	}
	free(im);
	fuzz_done(&env);
	return 0;
}
