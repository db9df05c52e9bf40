/* SPDX-License-Identifier: BSD-2-Clause */
/* Initramfs' as one text each (tests/unit/finds_bundle.h), read for how they find their medium: in bounded steps and memory, and what is
 * said has its place among the files or the menus. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/finds_bundle.h"

static bool is_known_place(const struct bundle *b, const struct pod_finds_clue *c)
{
	for (size_t i = 0; i < b->files; i++)
		if (strncmp(b->file[i].path, c->file, sizeof c->file - 1) == 0)
			return true;
	for (size_t i = 0; i < b->commands; i++)
		if (strcmp(b->command[i].file, c->file) == 0)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_env env;
	struct bundle *b;
	struct pod_finds f;
	enum pod_status st;
	char *text;

	fuzz_init(&env, data, size, 512, 0, 0);
	text = malloc(env.len + 1);
	FUZZ_REQUIRE(text);
	memcpy(text, data, env.len);
	text[env.len] = 0;
	b = bundle_of(text);
	st = bundle_read(b, &env.alloc, &env.budget, &f);
	FUZZ_REQUIRE(st == POD_OK || st == POD_E_NOMEM || st == POD_E_BUDGET || st == POD_E_LIMIT);
	FUZZ_REQUIRE(f.how < POD_FINDS_COUNT && strlen(f.clue.file) < sizeof f.clue.file &&
		     strlen(f.clue.word) < sizeof f.clue.word);
	FUZZ_REQUIRE(!f.clue.file[0] || is_known_place(b, &f.clue));
	FUZZ_REQUIRE(st == POD_OK || f.how == POD_FINDS_UNKNOWN);
	FUZZ_REQUIRE(env.live == 0);
	bundle_free(b);
	return 0;
}
