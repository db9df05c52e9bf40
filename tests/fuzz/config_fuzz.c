/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configurations of loaders, whoever's they are taken for: what is named is short, arguments stand in the text, one behind the other, and
 * the walk ends. With other kernel arguments such a text has as many kernel lines as before, and keeps what was not asked for.
 */
#include "tests/fuzz/fuzz.h"
#include "core/plan/internal.h"

struct seen {
	size_t items, lines, hashes, end, size;
};

static void look(void *ctx, const struct pod_menu_item *i)
{
	struct seen *s = ctx;
	FUZZ_REQUIRE((i->text[0] || i->kind >= POD_MENU_ARGUMENTS) && pod_strlen(i->text) < POD_MENU_NAME_MAX);
	s->items++;
	if (i->kind < POD_MENU_ARGUMENTS)
		return;
	FUZZ_REQUIRE(i->at >= s->end && pod_in_range(i->at, i->len, s->size));
	FUZZ_REQUIRE(!i->initrd || pod_in_range(i->device, i->device_len, i->at));
	s->end = i->at + i->len;
	s->lines += i->kind == POD_MENU_ARGUMENTS && !i->unsure;
	s->hashes += i->kind == POD_MENU_HASH;
}

static void edit_unified(const char *text, size_t size, const char *words)
{
	struct fuzz_env e = {0};
	char *out;
	size_t len;
	uint32_t lines;
	e.alloc = (struct pod_alloc){fuzz_alloc, fuzz_release, &e};
	for (int own = 0; own < 2; own++)
		if (pod_arguments_edit_unified(words, text, size, own, &e.alloc, &out, &len, &lines) == POD_OK) {
			FUZZ_REQUIRE(lines < 2 && !out == !lines);
			pod_free(&e.alloc, out);
		}
	if (pod_arguments_edit_line(words, text, size, &e.alloc, &out, &len) == POD_OK) {
		FUZZ_REQUIRE(len && len <= size + pod_strlen(words) * 2 + 1);
		pod_free(&e.alloc, out);
	}
	FUZZ_REQUIRE(!e.live);
}

static void edit(const char *path, const char *text, size_t size, struct pod_menu_vars *vars, const char *words,
		 const struct seen *s)
{
	struct fuzz_env e = {0};
	char *out;
	size_t len;
	uint32_t lines;
	vars->count = 0;
	e.alloc = (struct pod_alloc){fuzz_alloc, fuzz_release, &e};
	if (pod_arguments_edit(words, path, text, size, vars, NULL, &e.alloc, &out, &len, &lines) != POD_OK)
		return;
	FUZZ_REQUIRE(lines == (*words ? s->lines : 0) && !out == !(lines + s->hashes));
	FUZZ_REQUIRE(*words || !out || len < size);
	/* The words, and in an entry without arguments a line for them. */
	FUZZ_REQUIRE(!out || len <= size + lines * (pod_strlen(words) * 2 + sizeof "\noptions "));
	pod_free(&e.alloc, out);
	FUZZ_REQUIRE(!e.live);
}

/* Every kernel that can be given an initrd gets one. */
static bool wants(void *ctx, const char *text, const struct pod_menu_item *item)
{
	size_t *added = ctx;
	(void)text;
	if (item->kind != POD_MENU_ARGUMENTS || !item->initrd)
		return false;
	*added += pod_strlen(item->initrd) + item->device_len + sizeof "/x" - 1;
	return true;
}

static void add_initrds(const char *path, const char *text, size_t size, struct pod_menu_vars *vars)
{
	struct fuzz_env e = {0};
	size_t len, added = 0;
	struct pod_arguments_initrd more = {.wants = wants, .ctx = &added, .path = "x"};
	char *out;
	uint32_t lines;
	vars->count = 0;
	e.alloc = (struct pod_alloc){fuzz_alloc, fuzz_release, &e};
	if (pod_arguments_edit("", path, text, size, vars, &more, &e.alloc, &out, &len, &lines) != POD_OK)
		return;
	FUZZ_REQUIRE(!lines && (!more.count || (out && len <= size + added)));
	pod_free(&e.alloc, out);
	FUZZ_REQUIRE(!e.live);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pod_menu_vars *vars = calloc(1, sizeof *vars);
	char *text = malloc(size ? size : 1);
	FUZZ_REQUIRE(vars && text);
	memcpy(text, data, size);
	/* The second one is told by its name. */
	static const char *const paths[] = {"boot/grub/grub.cfg", "boot/refind_linux.conf"};
	for (size_t i = 0; i < POD_ARRAY_LEN(paths); i++) {
		struct seen s = {.size = size};
		vars->count = 0;
		pod_config_read(paths[i], text, size, vars, look, &s);
		FUZZ_REQUIRE(s.items <= 2 * size);
		edit(paths[i], text, size, vars, "a=$b -quiet x;\"c d\"", &s);
		edit(paths[i], text, size, vars, "-a", &s);
		edit(paths[i], text, size, vars, "", &s);
		add_initrds(paths[i], text, size, vars);
	}
	edit_unified(text, size, "a=$b -quiet x;\"c d\"");
	free(text);
	free(vars);
	return 0;
}
