/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/test.h"

struct test_case *test_list;
int test_failed_checks;
long test_alloc_fail_at, test_alloc_count, test_alloc_live;

void test_fail(const char *file, int line, const char *what)
{
	test_failed_checks++;
	printf("%s:%d: %s\n", file, line, what);
}

static void *host_alloc(struct pod_alloc *a, size_t size)
{
	(void)a;
	if (++test_alloc_count == test_alloc_fail_at)
		return NULL;
	test_alloc_live++;
	return malloc(size ? size : 1);
}

static void host_release(struct pod_alloc *a, void *p)
{
	(void)a;
	if (p)
		test_alloc_live--;
	free(p);
}

struct pod_alloc test_alloc = {host_alloc, host_release, NULL};

int main(int argc, char **argv)
{
	int passed = 0, failed = 0;
	for (struct test_case *t = test_list; t; t = t->next) {
		if (argc > 1 && !strstr(t->name, argv[1]))
			continue;
		int before = test_failed_checks;
		test_alloc_fail_at = test_alloc_count = test_alloc_live = 0;
		t->fn();
		if (test_failed_checks == before) {
			passed++;
		} else {
			failed++;
			printf("FAILED %s\n", t->name);
		}
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
