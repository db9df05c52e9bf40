/* SPDX-License-Identifier: BSD-2-Clause */
/* A layer store in the menu: one entry, back to the last snapshot, and a locked one that begins anew. */
#include "tests/unit/menu_looks.h"
#include "core/vhd/chain.h"
#include "core/layer/index.h"
#include "tests/unit/vhd_util.h"

#define BASE_FILE  "base.00000001.vhdx"
#define CHILD_FILE "layer-1.00000002.vhdx"
#define DISK	   (2u << 20)

static uint32_t child_cluster;
static uint64_t child_size;

static void add_layer(struct pod_store *s, uint32_t id, uint32_t parent, const char *name, const char *file, uint32_t flags,
		      const uint8_t *guid)
{
	struct pod_stored e = {.id = id, .parent = parent, .flags = flags, .size_bytes = DISK};
	pod_strlcpy(e.name, name, sizeof e.name);
	pod_strlcpy(e.file, file, sizeof e.file);
	if (guid)
		memcpy(e.data_guid, guid, 16);
	CHECK(pod_store_add(s, &e) == POD_OK);
}

/* /vm/win with a base and the current layer, to which something was written. */
static void store_stick(bool locked)
{
	static uint8_t index[POD_STORE_LEN], buf[4096];
	struct ex_dir win = {0}, vm = {0};
	struct pod_memdev md;
	struct pod_chain c;
	struct pod_store s;
	unsigned slot = 1;
	mem_clear();
	struct mem_file *base = mem_make(BASE_FILE), *child = mem_make(CHILD_FILE);
	CHECK(make_disk(base, POD_MEMBER_VHDX, DISK, 1u << 20, 512, NULL) == POD_OK);
	CHECK(make_disk(child, POD_MEMBER_VHDX, DISK, 1u << 20, 512, base) == POD_OK);
	pod_store_init(&s, &test_alloc);
	add_layer(&s, 1, 0, "clean", BASE_FILE, POD_STORED_FROZEN, NULL);
	CHECK(open_chain(&c, child, false, NULL) == POD_OK);
	add_layer(&s, 2, 1, "layer-1", CHILD_FILE, locked ? POD_STORED_PASSING : 0, c.member[0]->u.vhdx.data_write_guid);
	CHECK(pod_chain_close(&c) == POD_OK);
	s.current = 2;
	s.locked = locked ? 1 : 0;
	memset(buf, 'w', sizeof buf);
	CHECK(open_chain(&c, child, true, NULL) == POD_OK && pod_dev_write(&c.dev, 0, buf, sizeof buf) == POD_OK);
	CHECK(pod_chain_close(&c) == POD_OK);
	memset(index, 0, sizeof index);
	pod_memdev_init(&md, index, sizeof index, 512, false);
	CHECK(pod_store_save(&s, &md.dev, &slot) == POD_OK);
	pod_store_fini(&s);

	stick_begin(&stick, 24 << 20, FONT_FILE);
	ex_file(&stick.ex, &win, "isopod-layers.idx", sizeof index, index, sizeof index);
	ex_file(&stick.ex, &win, BASE_FILE, base->dev.size_bytes, base->fault.data, (size_t)base->dev.size_bytes);
	child_size = child->dev.size_bytes;
	child_cluster = ex_file(&stick.ex, &win, CHILD_FILE, child_size, child->fault.data, (size_t)child_size);
	ex_file(&stick.ex, &win, "other.vhdx", 100, buf, 100);
	ex_subdir(&stick.ex, &vm, "win", &win);
	ex_subdir(&stick.ex, &stick.root, "vm", &vm);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
}

/* What the first byte of the disk is, as the file lies on the stick now. */
static int first_byte(void)
{
	struct mem_file *base = mem_find(BASE_FILE), *child = mem_find(CHILD_FILE);
	struct pod_chain c;
	uint8_t b = 1;
	(void)base;
	memcpy(child->fault.data, ex_at(&stick.ex, child_cluster), (size_t)child_size);
	CHECK(open_chain(&c, child, false, NULL) == POD_OK && pod_dev_read(&c.dev, 0, &b, 1) == POD_OK);
	CHECK(pod_chain_close(&c) == POD_OK);
	return b;
}

static void done(void)
{
	mem_clear();
	CHECK_EQ(test_alloc_live, 0);
	stick_free(&stick);
}

TEST(a_store_is_one_entry)
{
	store_stick(false);
	RUN(SHOT(0));
	HAS(0, "2 images");
	HAS(0, CHILD_FILE);
	HAS(0, "other.vhdx");
	LACKS(0, "base.");
	CHECK_EQ(first_byte(), 'w');
	done();
}

TEST(back_to_the_last_snapshot)
{
	store_stick(false);
	RUN(POD_KEY_TAB, SHOT(0), 'r', SHOT(1), POD_KEY_ESC, SHOT(2));
	HAS(0, "clean");
	HAS(1, "Back to the last snapshot?");
	HAS(1, "gone for good");
	HAS(2, CHILD_FILE);
	CHECK_EQ(first_byte(), 'w');
	done();
	store_stick(false);
	RUN(POD_KEY_TAB, 'R', POD_KEY_ENTER, SHOT(0));
	HAS(0, "the state of the snapshot clean again");
	CHECK_EQ(first_byte(), 0);
	done();
}

TEST(a_stick_that_cannot_be_written)
{
	store_stick(false);
	stick.write_protected = true;
	RUN(POD_KEY_TAB, 'R', POD_KEY_ENTER, SHOT(0));
	HAS(0, "Not done");
	CHECK_EQ(first_byte(), 'w');
	done();
	store_stick(true);
	stick.write_protected = true;
	RUN(POD_KEY_ENTER, SHOT(0), POD_KEY_ESC, SHOT(1));
	HAS(0, "Does not begin anew");
	HAS(1, "2 images");
	CHECK_EQ(fake.starts, 0);
	done();
}

TEST(a_locked_store_begins_anew)
{
	store_stick(true);
	RUN(POD_KEY_TAB, SHOT(0), POD_KEY_ESC, POD_KEY_ENTER, SHOT(1));
	HAS(0, "Locked");
	CHECK_EQ(first_byte(), 0);
	done();
}
