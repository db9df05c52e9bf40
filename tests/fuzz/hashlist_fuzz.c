/* SPDX-License-Identifier: BSD-2-Clause */
/* The stick's own list of hashes: whatever the file says, what was read of it is written so that it reads the same again, and
 * every entry is a path that sha256sum would look for. */
#include "tests/fuzz/fuzz.h"
#include "cli/stick/hashlist.h"
#include "cli/ui/ui.h"

static void entries_are_sound(const struct cli_hashlist *l)
{
	for (size_t i = 0; i < l->count; i++) {
		FUZZ_REQUIRE(strlen(l->item[i].hex) == 64 && strspn(l->item[i].hex, "0123456789abcdef") == 64);
		FUZZ_REQUIRE(l->item[i].path[0] == '/' && l->item[i].path[1] && l->item[i].path[1] != '/');
	}
}

static void same(const struct cli_hashlist *a, const struct cli_hashlist *b)
{
	FUZZ_REQUIRE(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct cli_hash *x = &a->item[i], *y = &b->item[i];

		FUZZ_REQUIRE(strcmp(x->path, y->path) == 0 && strcmp(x->hex, y->hex) == 0 && x->has_state == y->has_state);
		FUZZ_REQUIRE(!x->has_state ||
			     (x->size_bytes == y->size_bytes && x->mtime == y->mtime && x->recorded == y->recorded));
	}
}

/* Everything that changes a list, on its first entry. */
static void change(struct cli_hashlist *l)
{
	struct pod_node node = {.size_bytes = 7, .mtime = -9};
	char *path = strdup(l->item[0].path), hex[65];

	memset(hex, 'a', 64);
	hex[64] = 0;
	cli_hashlist_set(l, path, &node, hex);
	FUZZ_REQUIRE(strcmp(cli_hashlist_get(l, path, &node)->hex, hex) == 0);
	node.mtime++;
	FUZZ_REQUIRE(!cli_hashlist_get(l, path, &node));
	FUZZ_REQUIRE(cli_hashlist_rename(l, path, "/to/another.iso"));
	entries_are_sound(l);
	FUZZ_REQUIRE(cli_hashlist_drop(l, "/TO") && !cli_hashlist_get(l, "/to/another.iso", &node));
	free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cli_hashlist first = {0}, again = {0};
	char *text;
	size_t len;

	cli_hashlist_parse(&first, (const char *)data, size);
	entries_are_sound(&first);
	text = cli_hashlist_text(&first, &len);
	FUZZ_REQUIRE(strlen(text) == len);
	cli_hashlist_parse(&again, text, len);
	same(&first, &again);
	free(text);
	if (first.count)
		change(&first);
	cli_hashlist_free(&first);
	cli_hashlist_free(&again);
	return 0;
}
