/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine's inventory: entries are sorted, lie in the text, and are found again. */
#include "tests/fuzz/fuzz.h"
#include "core/base/str.h"
#include "core/firm/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_env e;
	struct pod_inventory inv;
	struct pod_diag diag = {0};

	fuzz_init(&e, data, size, 512, 0, 0);
	char *text = malloc(e.len + 1);
	FUZZ_REQUIRE(text);
	memcpy(text, e.data, e.len);
	if (pod_inventory_parse(text, e.len, &e.alloc, &inv, &diag) == POD_OK) {
		for (size_t i = 0; i < inv.count; i++) {
			const struct pod_inventory_entry *n = &inv.entry[i];

			FUZZ_REQUIRE(n->path >= text && n->data + n->len <= text + e.len && n->data[n->len] == 0);
			FUZZ_REQUIRE(i == 0 || pod_strcmp(inv.entry[i - 1].path, n->path) < 0);
			FUZZ_REQUIRE(pod_inventory_find(&inv, n->path) == n);
			FUZZ_REQUIRE(n->path[0] == '/' && pod_strlen(n->path) < POD_INVENTORY_PATH_MAX);
		}
		pod_inventory_free(&inv);
	}
	fuzz_done(&e);
	free(text);
	return 0;
}
