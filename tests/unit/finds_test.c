/* SPDX-License-Identifier: BSD-2-Clause */
/* How a system finds its medium, as small initramfs' say it that search as the families of real ones do (tests/finds). */
#include <dirent.h>
#include "tests/unit/finds_bundle.h"
#include "tests/unit/test.h"

#define FOLDER "tests/finds"

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = calloc(1, 65536);
	size_t n = f ? fread(text, 1, 65535, f) : 0;
	if (f)
		fclose(f);
	text[n] = 0;
	return text;
}

static struct bundle *bundle_named(const char *name)
{
	char path[512];
	snprintf(path, sizeof path, FOLDER "/%s", name);
	return bundle_of(slurp(path));
}

static void check_one(const char *name)
{
	struct bundle *b = bundle_named(name);
	struct pod_finds f;
	char place[128], message[512];
	const char *word;
	if (bundle_read(b, &test_alloc, NULL, &f) != POD_OK) {
		test_fail(name, 0, "it could not be read");
		bundle_free(b);
		return;
	}
	word = f.no_init ? "no-init" : pod_finds_word(f.how);
	snprintf(place, sizeof place, f.clue.line ? "%s:%u" : "%s", f.clue.file, f.clue.line);
	if (!b->expect || strcmp(word, b->expect) != 0 || strcmp(place, b->where ? b->where : "") != 0) {
		snprintf(message, sizeof message, "expected %s %s, said %s %s \"%s\"", b->expect, b->where, word, place,
			 f.clue.word);
		test_fail(name, 1, message);
	}
	bundle_free(b);
}

TEST(finds_families)
{
	DIR *d = opendir(FOLDER);
	struct dirent *e;
	unsigned n = 0;
	REQUIRE(d != NULL);
	while ((e = readdir(d)))
		if (strstr(e->d_name, ".txt")) {
			check_one(e->d_name);
			n++;
		}
	closedir(d);
	CHECK(n >= 30);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(finds_out_of_memory_or_budget)
{
	struct bundle *b = bundle_named("partitions-in-sysfs.txt");
	struct pod_budget budget = {0};
	struct pod_finds f;
	long all;
	REQUIRE(bundle_read(b, &test_alloc, NULL, &f) == POD_OK);
	all = test_alloc_count;
	for (long i = 1; i <= all; i++) {
		test_alloc_count = 0;
		test_alloc_fail_at = i;
		CHECK_EQ(bundle_read(b, &test_alloc, NULL, &f), POD_E_NOMEM);
		CHECK_EQ(f.how, POD_FINDS_UNKNOWN);
		CHECK_EQ(test_alloc_live, 0);
	}
	test_alloc_fail_at = 0;
	pod_budget_start(&budget, 1 << 20, 1 << 20, 0);
	REQUIRE(bundle_read(b, &test_alloc, &budget, &f) == POD_OK);
	CHECK(budget.steps_spent > 100);
	for (uint64_t steps = 1, need = budget.steps_spent; steps < need; steps++) {
		pod_budget_start(&budget, steps, 1 << 20, 0);
		CHECK_EQ(bundle_read(b, &test_alloc, &budget, &f), POD_E_BUDGET);
		CHECK_EQ(f.how, POD_FINDS_UNKNOWN);
	}
	bundle_free(b);
}

/* Of the same path the last file counts: archives behind each other. */
TEST(finds_last_file_counts)
{
	static const char first[] = "#!/bin/sh\nmount /dev/sr0 /mnt\n", second[] = "#!/bin/sh\nmount LABEL=X /mnt\n";
	struct pod_finds_file file[] = {{"init", first, sizeof first - 1, false}, {"init", second, sizeof second - 1, false}};
	struct pod_finds_request rq = {.file = file, .files = 2};
	struct pod_finds f;
	REQUIRE(pod_finds_read(&rq, &test_alloc, &f) == POD_OK);
	CHECK_EQ(f.how, POD_FINDS_ID);
	CHECK_STR(f.clue.word, "LABEL=X");
	rq.files = 1;
	REQUIRE(pod_finds_read(&rq, &test_alloc, &f) == POD_OK);
	CHECK_EQ(f.how, POD_FINDS_OPTICAL);
}

/* Links that lead to themselves, and out of the archive. */
TEST(finds_links)
{
	struct pod_finds_file file[] = {{"init", "a", 1, true}, {"a", "b", 1, true}, {"b", "../../a", 7, true}};
	struct pod_finds_request rq = {.file = file, .files = 3};
	struct pod_finds f;
	REQUIRE(pod_finds_read(&rq, &test_alloc, &f) == POD_OK);
	CHECK(f.no_init);
	rq.files = 0;
	REQUIRE(pod_finds_read(&rq, &test_alloc, &f) == POD_OK);
	CHECK(f.no_init);
}

TEST(finds_wants_no_modules)
{
	static const char *const yes[] = {"init", "scripts/live", "usr/lib/dracut/hooks/cmdline/x.sh", "bin/busybox",
					  "hooks/a.b"},
				 *const no[] = {"lib/modules/6.1/kernel/x.ko", "usr/lib/firmware/x", "usr/lib/libc.so.6",
						"x.ko.xz", "kernel/x86/microcode/x"};
	for (size_t i = 0; i < POD_ARRAY_LEN(yes); i++)
		CHECK(pod_finds_wants(yes[i]));
	for (size_t i = 0; i < POD_ARRAY_LEN(no); i++)
		CHECK(!pod_finds_wants(no[i]));
}

/* "LINE: TEXT" of each. */
static const char *commands(const char *path, const char *text)
{
	static struct pod_finds_command c[8];
	static char all[512];
	size_t n = pod_finds_commands(path, text, strlen(text), c, 8), at = 0;
	all[0] = 0;
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(all + at, sizeof all - at, "%u:%.*s|", c[i].line, (int)c[i].len, c[i].text);
	return all;
}

TEST(finds_command_lines_of_each_loader)
{
	CHECK_STR(commands("grub.cfg", "menuentry x {\n\tlinux /k a\n}\n"), "2: /k a|");
	CHECK_STR(commands("menu.lst", "title x\nkernel /k a\n"), "2: /k a|");
	CHECK_STR(commands("menu.lst", "title=x\nkernel=/k a\nmodule=/l b\n"), "2:/k a|3:/l b|");
	CHECK_STR(commands("refind.conf", "menuentry x {\n options \"a\"\n submenuentry y {\n  add_options \"b\"\n"),
		  "2: \"a\"|4: \"b\"|");
	CHECK_STR(commands("boot/refind_linux.conf", "# x\n\"Live\" \"a b\"\n"), "2:\"Live\" \"a b\"|");
	CHECK_STR(commands("grub.cfg", "\"Live\" \"a b\"\n"), "");
	CHECK_STR(commands("limine.conf", "/x\n  cmdline: a=b\n"), "2: a=b|");
	CHECK_STR(commands("limine.conf", "/x\ncmdline:a=b\nKernel_Cmdline:c\n"), "2:a=b|3:c|");
	CHECK_STR(commands("limine.cfg", ":x\nKERNEL_CMDLINE=a=b\nCMDLINE=\n"), "2:a=b|");
}
