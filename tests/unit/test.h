/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small test framework: TEST(name) { CHECK(cond); CHECK_EQ(a, b); ... } and one main per test program.
 * Every failed check is counted and printed with its place; the program prints "N passed, N failed" (tests) and
 * exits 1 if any failed.
 */
#ifndef POD_TESTS_TEST_H
#define POD_TESTS_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/alloc.h"

struct test_case {
	const char *name;
	void (*fn)(void);
	struct test_case *next;
};

extern struct test_case *test_list;
extern int test_failed_checks;
void test_fail(const char *file, int line, const char *what);

#define TEST(ident)                                                                                                              \
	static void ident(void);                                                                                                 \
	static struct test_case case_##ident = {#ident, ident, NULL};                                                            \
	__attribute__((constructor)) static void register_##ident(void)                                                          \
	{                                                                                                                        \
		case_##ident.next = test_list;                                                                                   \
		test_list = &case_##ident;                                                                                       \
	}                                                                                                                        \
	static void ident(void)

#define CHECK(cond)                                                                                                              \
	do {                                                                                                                     \
		if (!(cond))                                                                                                     \
			test_fail(__FILE__, __LINE__, #cond);                                                                    \
	} while (0)
/* Stops the test at a failed check that later ones depend on. */
#define REQUIRE(cond)                                                                                                            \
	do {                                                                                                                     \
		if (!(cond)) {                                                                                                   \
			test_fail(__FILE__, __LINE__, #cond);                                                                    \
			return;                                                                                                  \
		}                                                                                                                \
	} while (0)
#define CHECK_EQ(a, b)                                                                                                           \
	do {                                                                                                                     \
		unsigned long long va_ = (unsigned long long)(a), vb_ = (unsigned long long)(b);                                 \
		if (va_ != vb_) {                                                                                                \
			char m_[256];                                                                                            \
			snprintf(m_, sizeof m_, "%s == %s: %llu != %llu", #a, #b, va_, vb_);                                     \
			test_fail(__FILE__, __LINE__, m_);                                                                       \
		}                                                                                                                \
	} while (0)
#define CHECK_STR(a, b)                                                                                                          \
	do {                                                                                                                     \
		const char *sa_ = (a), *sb_ = (b);                                                                               \
		if (strcmp(sa_, sb_) != 0) {                                                                                     \
			char m_[512];                                                                                            \
			snprintf(m_, sizeof m_, "%s == %s: \"%.100s\" != \"%.100s\"", #a, #b, sa_, sb_);                         \
			test_fail(__FILE__, __LINE__, m_);                                                                       \
		}                                                                                                                \
	} while (0)

/* malloc as a pod_alloc; test_alloc_fail_at > 0 makes that allocation (counted from 1) and none other fail; test_alloc_live
 * counts what was not given back. */
extern struct pod_alloc test_alloc;
extern long test_alloc_fail_at, test_alloc_count, test_alloc_live;

#endif
