/* SPDX-License-Identifier: BSD-2-Clause */
/* A layer store in the menu: one entry, back to its snapshots, and a locked one that begins anew. */
#include "tests/unit/menu_looks.h"
#include "core/vhd/chain.h"
#include "core/layer/index.h"
#include "tests/unit/vhd_util.h"

#define BASE_FILE  "base.00000001.vhdx"
#define MID_FILE   "layer-2.00000003.vhdx"
#define CHILD_FILE "layer-1.00000002.vhdx"
#define DISK	   (2u << 20)

static uint32_t child_cluster, mid_cluster, index_cluster;
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

static void guid_of(struct mem_file *f, uint8_t guid[16])
{
	struct pod_chain c;
	CHECK(open_chain(&c, f, false, NULL) == POD_OK);
	memcpy(guid, c.member[0]->u.vhdx.data_write_guid, 16);
	CHECK(pod_chain_close(&c) == POD_OK);
}

static void write_byte(struct mem_file *f, int byte)
{
	uint8_t buf[4096];
	struct pod_chain c;
	memset(buf, byte, sizeof buf);
	CHECK(open_chain(&c, f, true, NULL) == POD_OK && pod_dev_write(&c.dev, 0, buf, sizeof buf) == POD_OK);
	CHECK(pod_chain_close(&c) == POD_OK);
}

/* Changes the store before it is saved. */
typedef void change(struct pod_store *s);

/* /vm/win: a base, if `deep` a snapshot on it, and the current layer, to which something was written. */
static void make_store(bool deep, change *also)
{
	static uint8_t index[POD_STORE_LEN];
	const uint8_t nothing[100] = {0};
	uint8_t guid[16];
	struct ex_dir win = {0}, vm = {0};
	struct pod_memdev md;
	struct pod_store s;
	unsigned slot = 1;
	mem_clear();
	struct mem_file *base = mem_make(".\\" BASE_FILE), *mid = mem_make(".\\" MID_FILE), *child = mem_make(".\\" CHILD_FILE);
	CHECK(make_disk(base, POD_MEMBER_VHDX, DISK, 1u << 20, 512, NULL) == POD_OK);
	pod_store_init(&s, &test_alloc);
	add_layer(&s, 1, 0, "clean", BASE_FILE, POD_STORED_FROZEN, NULL);
	s.layer[0].created = 1747488000; /* 2025-05-17 13:20 */
	if (deep) {
		CHECK(make_disk(mid, POD_MEMBER_VHDX, DISK, 1u << 20, 512, base) == POD_OK);
		write_byte(mid, 'm');
		guid_of(mid, guid);
		add_layer(&s, 3, 1, "monday", MID_FILE, POD_STORED_FROZEN, guid);
		s.layer[1].frozen = 1747491660;
	}
	CHECK(make_disk(child, POD_MEMBER_VHDX, DISK, 1u << 20, 512, deep ? mid : base) == POD_OK);
	guid_of(child, guid);
	add_layer(&s, 2, deep ? 3 : 1, "layer-1", CHILD_FILE, 0, guid);
	s.current = 2;
	if (also)
		also(&s);
	write_byte(child, 'w');
	memset(index, 0, sizeof index);
	pod_memdev_init(&md, index, sizeof index, 512, false);
	CHECK(pod_store_save(&s, &md.dev, &slot) == POD_OK);
	pod_store_fini(&s);

	stick_begin(&stick, 32 << 20, FONT_FILE);
	index_cluster = ex_file(&stick.ex, &win, "isopod-layers.idx", sizeof index, index, sizeof index);
	ex_file(&stick.ex, &win, BASE_FILE, base->dev.size_bytes, base->fault.data, (size_t)base->dev.size_bytes);
	if (deep)
		mid_cluster =
			ex_file(&stick.ex, &win, MID_FILE, mid->dev.size_bytes, mid->fault.data, (size_t)mid->dev.size_bytes);
	child_size = child->dev.size_bytes;
	child_cluster = ex_file(&stick.ex, &win, CHILD_FILE, child_size, child->fault.data, (size_t)child_size);
	ex_file(&stick.ex, &win, "other.vhdx", 100, nothing, 100);
	ex_subdir(&stick.ex, &vm, "win", &win);
	ex_subdir(&stick.ex, &stick.root, "vm", &vm);
	stick_end(&stick);
	fake_init(&fake, &stick, 80, 25);
}

static void lock(struct pod_store *s)
{
	pod_store_find(s, 2)->flags = POD_STORED_PASSING;
	s->locked = 1;
}

static void store_stick(bool locked)
{
	make_store(false, locked ? lock : NULL);
}

/* What the first byte of the disk is, as the file lies on the stick now. */
static int first_byte(void)
{
	struct mem_file *child = mem_find(".\\" CHILD_FILE);
	struct pod_chain c;
	uint8_t b = 1;
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
	RUN(POD_KEY_TAB, SHOT(0), 'r', SHOT(1), POD_KEY_ENTER, SHOT(2), POD_KEY_ESC, SHOT(3));
	HAS(0, "clean");
	HAS(1, "Back to which snapshot?");
	HAS(2, "Back to the snapshot clean?");
	HAS(2, "gone for good");
	HAS(3, CHILD_FILE);
	CHECK_EQ(first_byte(), 'w');
	done();
	store_stick(false);
	RUN(POD_KEY_TAB, 'R', POD_KEY_ENTER, POD_KEY_ENTER, SHOT(0));
	HAS(0, "the state of the snapshot clean again");
	CHECK_EQ(first_byte(), 0);
	done();
}

/* The store as its index on the stick has it. */
static void load_store(struct pod_store *s)
{
	struct pod_memdev md;
	unsigned slot;
	pod_memdev_init(&md, ex_at(&stick.ex, index_cluster), POD_STORE_LEN, 512, true);
	pod_store_init(s, &test_alloc);
	CHECK(pod_store_load(s, &md.dev, &slot, NULL) == POD_OK);
}

TEST(back_to_any_snapshot)
{
	struct pod_store s;
	uint8_t guid[16];
	make_store(true, NULL);
	RUN(POD_KEY_F9, SHOT(0), POD_KEY_DOWN, POD_KEY_ENTER, SHOT(1), POD_KEY_ENTER, SHOT(2), ' ', '\\', SHOT(3));
	HAS(0, "* 2025-05-17 14:21");
	HAS(0, "monday");
	HAS(0, "  2025-05-17 13:20");
	HAS(1, "Back to the snapshot clean?");
	HAS(1, "since the snapshot monday");
	HAS(2, "the state of the snapshot clean again");
	HAS(3, "* 2025-05-17 13:20");
	CHECK_EQ(first_byte(), 0);
	load_store(&s);
	guid_of(mem_find(".\\" CHILD_FILE), guid);
	CHECK(s.current == 2 && s.count == 3 && pod_store_find(&s, 2)->parent == 1 && !pod_store_find(&s, 2)->flags);
	CHECK(memcmp(pod_store_find(&s, 2)->data_guid, guid, 16) == 0);
	pod_store_fini(&s);
	/* and on to the other one */
	RUN(POD_KEY_F9, POD_KEY_HOME, POD_KEY_ENTER, POD_KEY_ENTER, SHOT(0));
	HAS(0, "the state of the snapshot monday again");
	CHECK_EQ(first_byte(), 'm');
	done();
}

TEST(power_fails_on_the_way_back)
{
	bool whole = false;
	int olds = 0, between = 0;
	for (long n = 0; !whole && n < 64; n++) {
		struct pod_store s;
		make_store(true, NULL);
		stick.power_fails = true;
		stick.writes = n;
		RUN(POD_KEY_F9, POD_KEY_END, POD_KEY_ENTER, POD_KEY_ENTER, SHOT(0));
		whole = strstr(shot[0], "again");
		CHECK(whole || strstr(shot[0], "Not done"));
		int now = first_byte();
		CHECK(now == 'w' || now == 0);
		load_store(&s);
		const struct pod_stored *e = pod_store_find(&s, 2);
		/* unless the index says that the file knows it, it is what the index says */
		CHECK(e->flags == POD_STORED_REBASING || (e->flags == 0 && e->parent == (now ? 3 : 1)));
		olds += now == 'w';
		between += e->flags == POD_STORED_REBASING;
		pod_store_fini(&s);
		stick.power_fails = false;
		/* the next one brings it to its end, wherever it goes */
		RUN(POD_KEY_F9, POD_KEY_HOME, POD_KEY_ENTER, POD_KEY_ENTER, SHOT(0));
		HAS(0, "monday again");
		CHECK_EQ(first_byte(), 'm');
		load_store(&s);
		CHECK(pod_store_find(&s, 2)->parent == 3 && !pod_store_find(&s, 2)->flags);
		pod_store_fini(&s);
		done();
	}
	CHECK(whole && olds > 2 && between > 5);
}

static void merging(struct pod_store *s)
{
	pod_store_find(s, 3)->flags |= POD_STORED_MERGING;
}

static void rebasing(struct pod_store *s)
{
	pod_store_find(s, 3)->flags |= POD_STORED_REBASING;
}

static void no_snapshot(struct pod_store *s)
{
	pod_store_find(s, 1)->flags = 0;
}

static void frozen(struct pod_store *s)
{
	pod_store_find(s, 2)->flags |= POD_STORED_FROZEN;
}

static void another(struct pod_store *s)
{
	pod_store_find(s, 3)->data_guid[0] ^= 1;
}

TEST(why_there_is_no_way_back)
{
	static const struct {
		bool deep;
		change *also;
		const char *say;
	} c[] = {{true, merging, "commit of the layer monday"},
		 {true, rebasing, "a change of the layer monday was"},
		 {false, no_snapshot, "has no snapshot"},
		 {true, lock, "is locked: each start"},
		 {true, frozen, "isopod layer rollback"}};
	for (size_t i = 0; i < POD_ARRAY_LEN(c); i++) {
		make_store(c[i].deep, c[i].also);
		RUN(POD_KEY_F9, SHOT(0));
		HAS(0, "Not possible");
		HAS(0, c[i].say);
		CHECK_EQ(first_byte(), 'w');
		done();
	}
	make_store(true, NULL);
	RUN(POD_KEY_DOWN, POD_KEY_F9, SHOT(0));
	HAS(0, "not the current layer of a layer");
	/* a snapshot that was written to since, and one whose file is damaged, are not worth what would be lost */
	done();
	make_store(true, another);
	RUN(POD_KEY_F9, POD_KEY_HOME, POD_KEY_ENTER, POD_KEY_ENTER, SHOT(0));
	HAS(0, "The snapshot monday cannot be gone back to");
	CHECK_EQ(first_byte(), 'w');
	done();
	make_store(true, NULL);
	memset(ex_at(&stick.ex, mid_cluster), 0, 512);
	RUN(POD_KEY_F9, POD_KEY_HOME, POD_KEY_ENTER, POD_KEY_ENTER, SHOT(0));
	HAS(0, "The snapshot monday cannot be gone back to");
	CHECK_EQ(first_byte(), 'w');
	done();
}

TEST(a_stick_that_cannot_be_written)
{
	store_stick(false);
	stick.write_protected = true;
	RUN(POD_KEY_TAB, 'R', POD_KEY_ENTER, POD_KEY_ENTER, SHOT(0));
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
