/* SPDX-License-Identifier: BSD-2-Clause */
/* Configurations of loaders, whoever's they are taken for: what is named is short, and the walk ends. */
#include "tests/fuzz/fuzz.h"
#include "core/plan/internal.h"

static void look(void *ctx, const struct pod_menu_item *i)
{
	size_t *items = ctx;
	FUZZ_REQUIRE(i->text[0] && pod_strlen(i->text) < POD_MENU_NAME_MAX);
	++*items;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t items = 0;
	struct pod_menu_vars *vars = calloc(1, sizeof *vars);
	char *text = malloc(size ? size : 1);
	FUZZ_REQUIRE(vars && text);
	memcpy(text, data, size);
	pod_config_read("boot/grub/grub.cfg", text, size, vars, look, &items);
	FUZZ_REQUIRE(items <= 2 * size);
	free(text);
	free(vars);
	return 0;
}
