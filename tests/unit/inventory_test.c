/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/firm/inventory.h"
#include "tests/unit/test.h"

static char text[1 << 16];
static struct pod_inventory inv;
static struct pod_diag diag;

static enum pod_status parse(const char *t)
{
	size_t n = strlen(t);

	memcpy(text, t, n + 1);
	memset(&diag, 0, sizeof diag);
	return pod_inventory_parse(text, n, &test_alloc, &inv, &diag);
}

static const char *content(const char *path)
{
	const struct pod_inventory_entry *e = pod_inventory_find(&inv, path);

	return e ? e->data : "(none)";
}

TEST(reads_text_data_and_links)
{
	REQUIRE(parse("isopod-inventory 1\n# remark\n\ntext /proc/x a b\\n\\tc\\\\d\\x41\r\ndata /sys/z AAECAwQ=\n"
		      "link /sys/a ../../drivers/ahci\ntext /sys/empty\ndata /sys/nothing \ntext /a\\x20b x") == POD_OK);
	CHECK_EQ(inv.count, 6);
	CHECK_STR(content("/proc/x"), "a b\n\tc\\dA");
	CHECK_STR(content("/sys/a"), "../../drivers/ahci");
	CHECK_STR(content("/sys/empty"), "");
	CHECK_STR(content("/sys/nothing"), "");
	CHECK_STR(content("/a b"), "x");
	CHECK(!pod_inventory_find(&inv, "/sys"));
	const struct pod_inventory_entry *e = pod_inventory_find(&inv, "/sys/z");
	REQUIRE(e);
	CHECK_EQ(e->len, 5);
	CHECK(memcmp(e->data, "\0\1\2\3\4", 6) == 0);
	CHECK_STR(inv.entry[pod_inventory_lower(&inv, "/sys/")].path, "/sys/a");
	pod_inventory_free(&inv);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(base64_lengths)
{
	REQUIRE(parse("isopod-inventory 1\ndata /1 QQ==\ndata /2 QUI=\ndata /3 QUJD\ndata /4 QUJDRA==") == POD_OK);
	CHECK_STR(content("/1"), "A");
	CHECK_STR(content("/2"), "AB");
	CHECK_STR(content("/3"), "ABC");
	CHECK_STR(content("/4"), "ABCD");
	pod_inventory_free(&inv);
}

static void refuse(const char *body, enum pod_status want, const char *what, unsigned line)
{
	enum pod_status st = parse(body);

	CHECK_EQ(st, want);
	CHECK_STR(diag.what ? diag.what : "", what);
	CHECK_EQ(diag.offset_bytes, line);
	CHECK_EQ(test_alloc_live, 0);
	pod_inventory_free(&inv);
}

TEST(refuses_what_breaks_the_rules)
{
	refuse("", POD_E_FORMAT, "first line", 1);
	refuse("isopod-inventory 2\n", POD_E_FORMAT, "first line", 1);
	refuse("{\"json\": 1}\n", POD_E_FORMAT, "first line", 1);
	refuse("isopod-inventory 1\nbogus /x y\n", POD_E_CORRUPT, "keyword", 2);
	refuse("isopod-inventory 1\n\ntext\n", POD_E_CORRUPT, "keyword", 3);
	refuse("isopod-inventory 1\ntext x y\n", POD_E_CORRUPT, "path", 2);
	refuse("isopod-inventory 1\ntext /x/../y z\n", POD_E_CORRUPT, "path", 2);
	refuse("isopod-inventory 1\ntext /x//y z\n", POD_E_CORRUPT, "path", 2);
	refuse("isopod-inventory 1\ntext /x/ z\n", POD_E_CORRUPT, "path", 2);
	refuse("isopod-inventory 1\ntext /a\\x00b z\n", POD_E_CORRUPT, "path", 2);
	refuse("isopod-inventory 1\ntext /x a\\q\n", POD_E_CORRUPT, "escape", 2);
	refuse("isopod-inventory 1\ntext /x a\\\n", POD_E_CORRUPT, "escape", 2);
	refuse("isopod-inventory 1\ntext /x \\x4\n", POD_E_CORRUPT, "escape", 2);
	refuse("isopod-inventory 1\ndata /x QUJ\n", POD_E_CORRUPT, "base64", 2);
	refuse("isopod-inventory 1\ndata /x Q===\n", POD_E_CORRUPT, "base64", 2);
	refuse("isopod-inventory 1\ndata /x QU*D\n", POD_E_CORRUPT, "base64", 2);
	refuse("isopod-inventory 1\ntext /x 1\ntext /y 2\ntext /x 3\n", POD_E_CORRUPT, "path given twice", 0);
}

TEST(sorts_and_finds_all_of_many)
{
	size_t n = (size_t)sprintf(text, "isopod-inventory 1\n");

	for (unsigned i = 0; i < 1000; i++)
		n += (size_t)sprintf(text + n, "text /n/%u %u\n", i * 7919 % 1000, i * 7919 % 1000);
	REQUIRE(pod_inventory_parse(text, n, &test_alloc, &inv, &diag) == POD_OK);
	CHECK_EQ(inv.count, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		char path[16], want[8];

		sprintf(path, "/n/%u", i);
		sprintf(want, "%u", i);
		CHECK_STR(content(path), want);
	}
	pod_inventory_free(&inv);
}

TEST(out_of_memory_leaves_nothing)
{
	test_alloc_fail_at = 1;
	CHECK_EQ(parse("isopod-inventory 1\ntext /x y\n"), POD_E_NOMEM);
	CHECK_EQ(test_alloc_live, 0);
}
