/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel may ask of a mounted disk (cli/mount/tree.h), without a kernel: the input is the disk. Folders are listed, names
 * looked up, files read in pieces, links followed in text; nodes are forgotten in the order in which they came, and then all of
 * them are gone. What is shown can be typed: no control characters, no slash; a link leads to no place above its filesystem.
 */
#include "tests/fuzz/fuzz.h"
#include "cli/mount/about.h"
#include "cli/mount/list.h"

#define LOOKUPS 400u

struct walk {
	struct tree *t;
	uint64_t id[LOOKUPS];
	unsigned depth[LOOKUPS]; /* below the root of the filesystem */
	unsigned n;
};

static void check_name(const char *name)
{
	FUZZ_REQUIRE(name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strlen(name) <= TREE_NAME_MAX);
	for (; *name; name++)
		FUZZ_REQUIRE((uint8_t)*name >= 0x20 && *name != 0x7f && *name != '/');
}

/* "../" at most as often as there are folders, then names. */
static void check_target(const char *target, unsigned depth)
{
	unsigned up = 0;

	FUZZ_REQUIRE(target[0] && target[0] != '/');
	for (const char *p = target; *p;) {
		size_t n = strcspn(p, "/");
		bool dots = n == 2 && p[0] == '.' && p[1] == '.';

		FUZZ_REQUIRE(n && (!dots || p == target + 3 * (size_t)up));
		up += dots;
		p += n + (p[n] == '/');
	}
	FUZZ_REQUIRE(up <= depth);
}

static void read_file(struct tree *t, const struct tree_attr *a)
{
	static uint8_t whole[3000], part[700];
	struct tree_file *f;
	size_t got, n;

	if (tree_file_open(t, a->id, &f) != POD_OK)
		return;
	if (tree_file_read(t, f, 0, whole, sizeof whole, &got) == POD_OK) {
		FUZZ_REQUIRE(got == pod_min_u64(sizeof whole, a->size_bytes));
		if (got > 800 && tree_file_read(t, f, 90, part, sizeof part, &n) == POD_OK)
			FUZZ_REQUIRE(n == sizeof part && memcmp(part, whole + 90, n) == 0);
	}
	if (tree_file_read(t, f, a->size_bytes, part, 1, &got) == POD_OK)
		FUZZ_REQUIRE(got == 0);
	tree_file_close(t, f);
}

static void visit(struct walk *w, uint64_t folder, const char *name, unsigned depth)
{
	struct tree_attr a, again;
	char *target = malloc(POD_PATH_MAX);

	FUZZ_REQUIRE(target);
	check_name(name);
	if (w->n < LOOKUPS && tree_lookup(w->t, folder, name, &a) == POD_OK) {
		w->id[w->n] = a.id;
		w->depth[w->n++] = depth;
		FUZZ_REQUIRE(tree_attr(w->t, a.id, &again) == POD_OK && again.size_bytes == a.size_bytes);
		if (a.kind == TREE_FILE)
			read_file(w->t, &a);
		if (a.kind == TREE_LINK && tree_readlink(w->t, a.id, target, POD_PATH_MAX) == POD_OK)
			check_target(target, depth - 1);
	}
	free(target);
}

/* Breadth first: each folder's names, then those of what was found. */
static void walk(struct walk *w)
{
	for (unsigned at = 0; at <= w->n && at < LOOKUPS; at++) {
		uint64_t folder = at ? w->id[at - 1] : TREE_ROOT;
		unsigned depth = at ? w->depth[at - 1] + 1 : 0;
		struct tree_list *l;
		enum tree_kind kind;
		const char *name;
		bool sure;

		if (tree_list_open(w->t, folder, &l) != POD_OK)
			continue;
		for (uint64_t i = 0; i < 64 && (name = tree_list_name(l, i, &kind, &sure)) != NULL; i++)
			visit(w, folder, name, depth);
		tree_list_close(l);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_env env;
	struct walk w = {0};
	struct tree_attr a;

	fuzz_init(&env, data, size, 512, 0, 0);
	w.t = tree_open(&env.dev, size % 2);
	char *about = about_text(w.t);
	tree_set_about(w.t, about);
	free(about);
	walk(&w);
	FUZZ_REQUIRE(tree_lookup(w.t, TREE_ROOT, "no such name", &a) == POD_E_NOT_FOUND);
	for (unsigned i = 0; i < w.n; i++)
		tree_forget(w.t, w.id[i], 1);
	for (unsigned i = 0; i < w.n; i++)
		FUZZ_REQUIRE(tree_attr(w.t, w.id[i], &a) == POD_E_NOT_FOUND);
	tree_forget(w.t, UINT64_MAX, 1);
	tree_close(w.t);
	fuzz_done(&env);
	return 0;
}
