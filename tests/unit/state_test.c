/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/trace/health.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "tests/unit/test.h"

static uint8_t file[2 * POD_STATE_SLOT];
static struct pod_memdev mem;
static struct pod_dev dev;
static unsigned torn_after; /* bytes of the next write that reach the medium; 0 = all */
static char path[POD_STATE_NEXT_MAX + 1];

static enum pod_status rd(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	(void)d;
	return pod_dev_read(&mem.dev, off, buf, len);
}

static enum pod_status wr(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	(void)d;
	if (!torn_after)
		return pod_dev_write(&mem.dev, off, buf, len);
	memcpy(file + off, buf, torn_after < len ? torn_after : len);
	return POD_E_IO;
}

static void fresh(void)
{
	memset(file, 0, sizeof file);
	pod_memdev_init(&mem, file, sizeof file, 512, false);
	dev = (struct pod_dev){.size_bytes = sizeof file, .sector_size = 512, .read = rd, .write = wr};
	torn_after = 0;
}

static const char *get(void)
{
	strcpy(path, "?");
	CHECK_EQ(pod_state_next_get(&dev, &test_alloc, path, sizeof path), POD_OK);
	return path;
}

static enum pod_status set(const char *p)
{
	return pod_state_next_set(&dev, &test_alloc, p);
}

TEST(empty_file_has_no_choice)
{
	fresh();
	CHECK_STR(get(), "");
	CHECK_EQ(test_alloc_live, 0);
}

TEST(the_last_choice_counts)
{
	fresh();
	for (int i = 0; i < 9; i++) {
		char t[32];
		snprintf(t, sizeof t, "/images/%d.iso", i);
		CHECK_EQ(set(t), POD_OK);
		CHECK_STR(get(), t);
	}
	CHECK_EQ(set(NULL), POD_OK);
	CHECK_STR(get(), "");
	CHECK_EQ(set("/中文.iso"), POD_OK);
	CHECK_STR(get(), "/中文.iso");
	CHECK_EQ(set(""), POD_OK);
	CHECK_STR(get(), "");
}

/* The layout other programs rely on. */
TEST(layout)
{
	fresh();
	CHECK_EQ(set("/a.iso"), POD_OK);
	CHECK(memcmp(file, "ISOPODN1", 8) == 0);
	CHECK_EQ(pod_get_le32(file + 12), 1);
	CHECK_EQ(pod_get_le32(file + 16), 6);
	CHECK(memcmp(file + 20, "/a.iso\0", 7) == 0);
	uint32_t crc = pod_get_le32(file + 8);
	pod_put_le32(file + 8, 0);
	CHECK_EQ(pod_crc32(0, file, POD_STATE_SLOT), crc);
	pod_put_le32(file + 8, crc);
	CHECK_EQ(set("/b.iso"), POD_OK);
	CHECK_EQ(pod_get_le32(file + POD_STATE_SLOT + 12), 2);
}

TEST(a_torn_write_leaves_the_old_choice)
{
	for (unsigned n = 1; n < POD_STATE_SLOT; n += n < 64 ? 1 : 509) {
		fresh();
		CHECK_EQ(set("/old.iso"), POD_OK);
		CHECK_EQ(set("/older.iso"), POD_OK);
		torn_after = n;
		CHECK_EQ(set("/new.iso"), POD_E_IO);
		torn_after = 0;
		const char *g = get();
		/* "/old.iso" and "/new.iso" differ up to byte 23: from then on the new one is whole */
		CHECK(strcmp(g, "/older.iso") == 0 || (n >= 24 && strcmp(g, "/new.iso") == 0));
		CHECK_EQ(set("/next.iso"), POD_OK);
		CHECK_STR(get(), "/next.iso");
	}
}

TEST(sequence_numbers_wrap)
{
	fresh();
	CHECK_EQ(set("/a"), POD_OK);
	pod_put_le32(file + 12, 0xffffffff);
	pod_put_le32(file + 8, 0);
	pod_put_le32(file + 8, pod_crc32(0, file, POD_STATE_SLOT));
	CHECK_STR(get(), "/a");
	CHECK_EQ(set("/b"), POD_OK);
	CHECK_STR(get(), "/b");
	CHECK_EQ(set("/c"), POD_OK);
	CHECK_STR(get(), "/c");
}

TEST(any_flipped_bit_is_noticed)
{
	fresh();
	CHECK_EQ(set("/a.iso"), POD_OK);
	for (size_t i = 0; i < POD_STATE_SLOT; i++) {
		file[i] ^= 0x10;
		CHECK_STR(get(), "");
		file[i] ^= 0x10;
	}
	CHECK_STR(get(), "/a.iso");
}

TEST(length_bounds)
{
	static char t[POD_STATE_NEXT_MAX + 2];
	fresh();
	memset(t, 'x', POD_STATE_NEXT_MAX + 1);
	CHECK_EQ(set(t), POD_E_LIMIT);
	t[POD_STATE_NEXT_MAX] = 0;
	CHECK_EQ(set(t), POD_OK);
	CHECK_STR(get(), t);
	char tiny[8];
	CHECK_EQ(pod_state_next_get(&dev, &test_alloc, tiny, sizeof tiny), POD_E_LIMIT);
	CHECK_EQ(pod_state_next_get(&dev, &test_alloc, tiny, 0), POD_E_INVALID);
	/* a length beyond the slot, with a right checksum */
	pod_put_le32(file + 16, 0xfffffff0);
	pod_put_le32(file + 8, 0);
	pod_put_le32(file + 8, pod_crc32(0, file, POD_STATE_SLOT));
	CHECK_STR(get(), "");
}

TEST(write_protected_and_short_devices)
{
	fresh();
	dev.write = NULL;
	dev.read_only = true;
	CHECK_EQ(set("/a"), POD_E_READONLY);
	fresh();
	dev.size_bytes = POD_STATE_SLOT;
	CHECK_EQ(pod_state_next_get(&dev, &test_alloc, path, sizeof path), POD_OK);
	dev.size_bytes = 100;
	CHECK_EQ(pod_state_next_get(&dev, &test_alloc, path, sizeof path), POD_E_RANGE);
	CHECK_EQ(test_alloc_live, 0);
	fresh();
	test_alloc_count = 0;
	test_alloc_fail_at = 1;
	CHECK_EQ(set("/a"), POD_E_NOMEM);
	test_alloc_fail_at = 0;
}

/* Whatever the sector holds, a language comes out, and only what was written counts as a choice. */
TEST(language)
{
	static uint8_t whole[POD_STATE_SIZE];
	struct pod_memdev m;
	pod_memdev_init(&m, whole, sizeof whole, 512, false);
	memset(whole, 0, sizeof whole);
	CHECK_EQ(pod_state_language_get(&m.dev, POD_LANG_ZH_CN), POD_LANG_ZH_CN);
	CHECK_EQ(pod_state_language_set(&m.dev, POD_LANG_ZH_CN, POD_LANG_EN), POD_OK);
	CHECK_EQ(pod_state_language_get(&m.dev, POD_LANG_EN), POD_LANG_ZH_CN);
	/* isopod.conf was changed since, to and fro */
	CHECK_EQ(pod_state_language_set(&m.dev, POD_LANG_EN, POD_LANG_EN), POD_OK);
	CHECK_EQ(pod_state_language_get(&m.dev, POD_LANG_ZH_CN), POD_LANG_ZH_CN);
	CHECK_EQ(pod_state_language_get(&m.dev, POD_LANG_EN), POD_LANG_EN);
	CHECK_EQ(pod_state_language_set(&m.dev, POD_LANG_ZH_CN, POD_LANG_EN), POD_OK);
	for (unsigned i = 0; i < 512; i++) {
		whole[POD_STATE_LANGUAGE + i] ^= 0x41;
		CHECK_EQ(pod_state_language_get(&m.dev, POD_LANG_EN), POD_LANG_EN);
		whole[POD_STATE_LANGUAGE + i] ^= 0x41;
	}
	/* a state file of an earlier version may be shorter */
	fresh();
	CHECK_EQ(pod_state_language_get(&dev, POD_LANG_ZH_CN), POD_LANG_ZH_CN);
	CHECK(pod_state_language_set(&dev, POD_LANG_EN, POD_LANG_ZH_CN) != POD_OK);
}

TEST(what_is_in_a_state_file)
{
	static uint8_t whole[POD_STATE_SIZE];
	static struct pod_memdev all;
	const struct pod_rec_message m = {.text = "x"};
	struct pod_state_health h;

	pod_memdev_init(&all, whole, sizeof whole, 512, false);
	CHECK_EQ(pod_state_look(&all.dev, &test_alloc, &h), POD_OK);
	CHECK(!h.choices_bad && !h.records && !h.records_bad && !pod_state_is_garbage(&h));
	CHECK_EQ(pod_state_next_set(&all.dev, &test_alloc, "/a"), POD_OK);
	uint8_t *s = whole + pod_rec_offset(3, POD_REC_AT_MESSAGE);
	pod_rec_put_message(s, &m);
	pod_rec_seal(s, 3, 1);
	CHECK_EQ(pod_state_look(&all.dev, &test_alloc, &h), POD_OK);
	CHECK(!h.choices_bad && h.records == 1 && !h.records_bad);
	/* a torn record, and a torn choice: nothing to worry about */
	s[100] ^= 1;
	whole[30] ^= 1;
	CHECK_EQ(pod_state_look(&all.dev, &test_alloc, &h), POD_OK);
	CHECK(h.choices_bad == 1 && !h.records && h.records_bad == 1 && !pod_state_is_garbage(&h));
	whole[POD_STATE_SLOT] = 1;
	CHECK_EQ(pod_state_look(&all.dev, &test_alloc, &h), POD_OK);
	CHECK(pod_state_is_garbage(&h));
	memset(whole, 0x5a, sizeof whole);
	memset(whole, 0, 2 * POD_STATE_SLOT);
	CHECK_EQ(pod_state_look(&all.dev, &test_alloc, &h), POD_OK);
	CHECK(h.records_bad == POD_REC_BOOTS * POD_REC_SECTORS + POD_REC_LOGS && pod_state_is_garbage(&h));
	test_alloc_count = 0;
	test_alloc_fail_at = 1;
	CHECK_EQ(pod_state_look(&all.dev, &test_alloc, &h), POD_E_NOMEM);
	test_alloc_fail_at = 0;
	CHECK_EQ(test_alloc_live, 0);
}
