/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot menus: whatever the text holds, what is named is short, on a line of it, and the walk ends. The first byte says which loader. */
#include "tests/fuzz/fuzz.h"
#include "core/base/str.h"
#include "core/plan/menu.h"

struct bounds {
	uint32_t lines, line, entry;
	size_t items, size;
};

static void inside(void *ctx, const struct pod_menu_item *i)
{
	struct bounds *b = ctx;
	b->items++;
	if (i->kind >= POD_MENU_ARGUMENTS) {
		FUZZ_REQUIRE(pod_in_range(i->at, i->len, b->size));
		return;
	}
	FUZZ_REQUIRE(i->line >= 1 && i->line <= b->lines && i->text[0]);
	FUZZ_REQUIRE(pod_strlen(i->text) < POD_MENU_NAME_MAX);
	FUZZ_REQUIRE(i->firmware && !(i->firmware & ~(uint32_t)(POD_FW_BIOS | POD_FW_X64)));
	FUZZ_REQUIRE(i->kind <= POD_MENU_ARCH);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bounds b = {.lines = 1, .size = size - (size != 0)};
	if (!size)
		return 0;
	struct pod_menu_vars *vars = calloc(1, sizeof *vars);
	char *text = malloc(size);
	FUZZ_REQUIRE(vars && text);
	memcpy(text, data + 1, size - 1);
	for (size_t i = 1; i < size; i++)
		b.lines += data[i] == '\n';
	pod_menu_set(vars, "prefix", "/boot/grub");
	static void (*const plain[])(const char *, size_t, pod_menu_fn *, void *) = {
		pod_menu_syslinux, pod_menu_bls, pod_menu_legacy, pod_menu_refind, pod_menu_refind_linux, pod_menu_limine};
	unsigned which = data[0] % (POD_ARRAY_LEN(plain) + 1);
	if (which)
		plain[which - 1](text, size - 1, inside, &b);
	else
		pod_menu_grub(text, size - 1, vars, inside, &b);
	/* no word is named more than a few times */
	FUZZ_REQUIRE(b.items <= 2 * size && vars->count <= POD_MENU_VARS_MAX);
	free(text);
	free(vars);
	return 0;
}
