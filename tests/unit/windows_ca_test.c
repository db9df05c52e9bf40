/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of Windows' loaders a machine starts, by its db and dbx. */
#include "core/plan/plan.h"
#include "tests/unit/test.h"

static const char old[] = "....Microsoft Windows Production PCA 2011....", new[] = "..Windows UEFI CA 2023";
static const char both[] = "Microsoft Windows Production PCA 2011, Windows UEFI CA 2023";

static bool wants(const char *db, const char *dbx)
{
	/* exactly as long as they are: the sanitizer sees a byte too many */
	size_t a = strlen(db), b = strlen(dbx);
	uint8_t *pa = a ? malloc(a) : NULL, *pb = b ? malloc(b) : NULL;
	if (a)
		memcpy(pa, db, a);
	if (b)
		memcpy(pb, dbx, b);
	bool w = pod_plan_wants_2023(pa, a, pb, b);
	free(pa);
	free(pb);
	return w;
}

TEST(the_loader_of_2023_where_that_of_2011_does_not_start)
{
	CHECK(wants(new, ""));
	CHECK(wants(both, old));
	CHECK(!wants(both, ""));
	CHECK(!wants(old, ""));
	CHECK(!wants("", ""));
	CHECK(!wants("", old));
	CHECK(!wants("Windows UEFI CA 202", ""));
	CHECK(!wants(both, both));
	CHECK(!wants(old, old));
}
