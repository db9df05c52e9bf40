/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layer_model DIR OPERATIONS SEED: random operations on a layer store in DIR (write, trim, read, flush, compact, snapshot, rollback, commit,
 * flatten, rebase, delete, rename, a kiosk's boots, rebuilding of the index, reopening; requests of guests who are served meanwhile, and
 * snapshots of what they are at) against plain arrays of bytes, beside threads that hold layers open. Prints what went wrong; ends with the
 * usual line of results. Linked with the command's own objects.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/interop/layer_model.h"

#define LAYERS	  14
#define TURN	  8	/* operations, until readers read again */
#define SHORT	  10000 /* operations: in a longer run readers are in the way less often, as each time is waited for */
#define REQUESTS  24u	/* of a guest, at most twice as many */
#define SNAPSHOTS 3u

pthread_mutex_t model_lock = PTHREAD_MUTEX_INITIALIZER;

static struct model layer[LAYERS + 2];
static int layers;
static uint32_t current, locked;
static uint64_t seed;
static const char *store;
static long operation, operations;
static struct disk *disk;  /* the current layer, open for writing; NULL: closed */
static struct fault fault; /* why the last one did not work */
static bool refused;	   /* it did not, as a reader had the layer */
static long refusals;
static pthread_mutex_t count_lock = PTHREAD_MUTEX_INITIALIZER;
static int failures;
static long checks;

uint32_t model_rnd(uint64_t *of)
{
	*of = *of * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*of >> 33);
}

static uint32_t rnd(void)
{
	return model_rnd(&seed);
}

bool model_check(bool ok, const char *what, struct fault *why)
{
	pthread_mutex_lock(&count_lock);
	checks++;
	if (!ok) {
		fprintf(stderr, "FAILED operation %ld: %s\n", operation, what);
		if (why)
			fault_print(why);
		if (++failures > 20)
			exit(1);
	}
	pthread_mutex_unlock(&count_lock);
	if (why)
		fault_free(why);
	return ok;
}

static bool check(bool ok, const char *what)
{
	return model_check(ok, what, &fault);
}

/* Something was done to the store, or a reader was in the way. */
static bool went(int rc, const char *what)
{
	refused = rc != CLI_OK && readers_are_in() && strstr(fault_text(&fault), "in use");
	if (!refused)
		return check(rc == CLI_OK, what);
	refusals++;
	fault_free(&fault);
	return false;
}

struct model *model_find(uint32_t id)
{
	for (int i = 0; i < layers; i++)
		if (layer[i].id == id)
			return &layer[i];
	return NULL;
}

static struct model *find(uint32_t id)
{
	return model_find(id);
}

static int children(uint32_t id)
{
	int n = 0;

	for (int i = 0; i < layers; i++)
		n += layer[i].parent == id;
	return n;
}

static struct model *add(uint32_t id, uint32_t parent, const uint8_t *bytes)
{
	struct model *m = &layer[layers++];

	m->id = id;
	m->parent = parent;
	m->bytes = malloc(SIZE);
	memcpy(m->bytes, bytes, SIZE);
	return m;
}

static void drop(uint32_t id)
{
	struct model *m = find(id);

	free(m->bytes);
	*m = layer[--layers];
}

/* --- the disk ------------------------------------------------------------------------------------------- */

static void close_disk(void)
{
	if (disk)
		check(disk_close(disk, &fault) == CLI_OK, "closing the current layer");
	free(disk);
	disk = NULL;
}

static char *current_path(void)
{
	struct layer_store ls;
	char *file, *path = NULL;

	if (layer_store_open(&ls, store, false, &fault) != CLI_OK)
		return NULL;
	file = layer_store_file(&ls, pod_store_find(&ls.s, ls.s.current), &fault);
	if (file)
		path = store_dir_name(&ls.dir, file);
	free(file);
	layer_store_close(&ls, &fault);
	return path;
}

static bool open_disk(void)
{
	char *path;

	if (disk)
		return true;
	path = current_path();
	disk = calloc(1, sizeof *disk);
	if (!check(path && disk_open(disk, path, POD_DISKFILE_NONE, true, &fault) == CLI_OK, "opening the current layer")) {
		free(disk);
		disk = NULL;
	}
	free(path);
	return disk != NULL;
}

static void somewhere(uint64_t *off, size_t *len)
{
	static const uint32_t longest[] = {600, 4096, 70000, 2500000};

	*off = rnd() % SIZE;
	*len = 1 + rnd() % longest[rnd() % 4];
	if (rnd() % 3) {
		*off &= ~511ull;
		*len = (*len + 511) & ~511u;
	}
	if (*len > SIZE - *off)
		*len = (size_t)(SIZE - *off);
}

static void do_write(void)
{
	uint64_t off;
	size_t len;

	if (!open_disk())
		return;
	somewhere(&off, &len);
	uint8_t *p = find(current)->bytes + off, v = (uint8_t)rnd();
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(v + i * 7 + (i >> 8));
	check(pod_dev_write(&disk->chain.dev, off, p, len) == POD_OK, "write");
}

static void do_trim(void)
{
	uint64_t off;
	size_t len;

	if (!open_disk())
		return;
	somewhere(&off, &len);
	memset(find(current)->bytes + off, 0, len);
	check(pod_chain_trim(&disk->chain, off, len) == POD_OK, "trim");
}

static void do_flush(void)
{
	if (open_disk())
		check(pod_dev_flush(&disk->chain.dev) == POD_OK, "flush");
}

static void do_compact(void)
{
	if (open_disk())
		check(pod_member_compact(disk->chain.member[0], NULL, NULL) == POD_OK, "compact");
}

static void do_read(void)
{
	static uint8_t buf[SIZE];
	uint64_t off;
	size_t len;

	if (!open_disk())
		return;
	somewhere(&off, &len);
	check(pod_dev_read(&disk->chain.dev, off, buf, len) == POD_OK && memcmp(buf, find(current)->bytes + off, len) == 0,
	      "read");
}

/* --- the tree ------------------------------------------------------------------------------------------- */

static void compare_layer(struct layer_store *ls, struct model *m)
{
	static uint8_t buf[SIZE];
	struct pod_stored *e = pod_store_find(&ls->s, m->id);
	struct disk *d = calloc(1, sizeof *d);

	if (check(e && layer_store_open_disk(ls, e, d, &fault) == CLI_OK, "opening a layer")) {
		check(pod_dev_read(&d->chain.dev, 0, buf, SIZE) == POD_OK && memcmp(buf, m->bytes, SIZE) == 0,
		      "a layer's content");
		check(layer_store_close_disk(ls, d, &fault) == CLI_OK, "closing a layer");
	}
	free(d);
}

/* The store says the same as the model. */
static void compare(struct layer_store *ls, bool all)
{
	check(ls->s.count == (size_t)layers, "number of layers");
	check(ls->s.current == current, "current layer");
	check(ls->s.locked == locked, "locked layer");
	for (int i = 0; i < layers; i++) {
		struct pod_stored *e = pod_store_find(&ls->s, layer[i].id);

		check(e && e->parent == layer[i].parent, "parent of a layer");
		if (all || layer[i].id == current || rnd() % 12 == 0)
			compare_layer(ls, &layer[i]);
	}
}

static const char *name_of(struct layer_store *ls, uint32_t id)
{
	return pod_store_find(&ls->s, id)->name;
}

static uint32_t any_layer(void)
{
	return layer[rnd() % (uint32_t)layers].id;
}

/* What was refused may have been begun: whoever opens the store next brings it to its end, but for a commit. */
static void again(struct layer_store *ls)
{
	readers_away();
	layer_store_close(ls, &fault);
	if (check(layer_store_load(ls, store, true, &fault) == CLI_OK, "loading the store again") && layer_store_merging(&ls->s))
		check((rnd() % 2 ? layer_store_resume_commit(ls, &fault) : layer_store_undo_commit(ls, &fault)) == CLI_OK,
		      "an interrupted commit goes on, or back");
	layer_store_close(ls, &fault);
	check(layer_store_open(ls, store, true, &fault) == CLI_OK, "opening the store again");
}

static void fresh_current(struct layer_store *ls, uint32_t parent)
{
	current = ls->s.current;
	add(current, parent, find(parent)->bytes);
}

static void do_snapshot(struct layer_store *ls)
{
	char name[32];
	uint32_t old = current;

	snprintf(name, sizeof name, "state %ld", operation);
	if (check(layer_store_snapshot(ls, rnd() % 2 ? name : NULL, &fault) == CLI_OK, "snapshot"))
		fresh_current(ls, old);
}

static void do_rollback(struct layer_store *ls)
{
	uint32_t to = rnd() % 3 ? any_layer() : find(current)->parent, old = current;
	bool discard = rnd() % 2;

	if (!to || to == current)
		return;
	if (!went(layer_store_rollback(ls, name_of(ls, to), discard, &fault), "rollback"))
		return;
	/* A delta that nobody wrote to stays where it is made, or goes by itself; one that shows anything of its own does neither. */
	if (ls->s.current == old) {
		struct model *m = find(old), *p = find(m->parent);

		check(m->parent == to && memcmp(m->bytes, p->bytes, SIZE) == 0, "what goes on being written to is fresh");
		return;
	}
	if (!pod_store_find(&ls->s, old)) {
		struct model *m = find(old), *p = find(m->parent);

		check(discard || (p && memcmp(m->bytes, p->bytes, SIZE) == 0), "what was written is kept");
		drop(old);
	} else {
		check(!discard || children(old), "rollback --discard keeps nothing");
	}
	fresh_current(ls, to);
}

static void do_commit(struct layer_store *ls)
{
	uint32_t id = rnd() % 2 ? current : any_layer(), parent = find(id)->parent;
	struct model *m = find(id);

	if (!parent || children(parent) > 1)
		return;
	if (!went(layer_store_commit(ls, name_of(ls, id), &fault), "commit")) {
		if (!refused)
			return;
		again(ls);
		if (pod_store_find(&ls->s, id))
			return;
	}
	memcpy(find(parent)->bytes, m->bytes, SIZE);
	for (int i = 0; i < layers; i++)
		if (layer[i].parent == id)
			layer[i].parent = parent;
	if (locked == id)
		locked = parent;
	drop(id);
	if (id == current)
		fresh_current(ls, parent);
}

static void do_flatten(struct layer_store *ls)
{
	uint32_t id = rnd() % 2 ? current : any_layer();
	char name[POD_STORE_NAME_MAX];
	struct pod_stored *e;

	if (!find(id)->parent)
		return;
	strcpy(name, name_of(ls, id));
	if (!went(layer_store_flatten(ls, name, &fault), "flatten")) {
		if (!refused)
			return;
		again(ls);
		if (pod_store_find(&ls->s, id))
			return;
	}
	e = pod_store_named(&ls->s, name);
	if (!check(e && e->id != id, "a flattened layer keeps its name"))
		return;
	find(id)->parent = 0;
	for (int i = 0; i < layers; i++)
		if (layer[i].parent == id)
			layer[i].parent = e->id;
	if (current == id)
		current = e->id;
	if (locked == id)
		locked = e->id;
	find(id)->id = e->id;
}

static bool stands_on(uint32_t id, uint32_t under)
{
	while (id && id != under)
		id = find(id)->parent;
	return id == under;
}

static void do_rebase(struct layer_store *ls)
{
	uint32_t id = rnd() % 2 ? current : any_layer(), to = any_layer();
	bool ok = find(id)->parent && find(id)->parent != to && to != current && !stands_on(to, id);
	char name[POD_STORE_NAME_MAX];
	struct pod_stored before = *pod_store_find(&ls->s, id);

	strcpy(name, name_of(ls, to));
	int rc = layer_store_rebase(ls, before.name, name, &fault);
	if (!ok) {
		check(rc != CLI_OK, "a rebase that must not be");
		return;
	}
	if (!went(rc, "rebase")) {
		if (!refused)
			return;
		again(ls);
		if (pod_store_find(&ls->s, id)->parent != to)
			return;
	}
	find(id)->parent = to;
	check(!(pod_store_find(&ls->s, id)->flags & POD_STORED_UNDER_WAY), "a rebase is over");
	check(id == current || memcmp(before.data_guid, pod_store_find(&ls->s, id)->data_guid, 16) == 0,
	      "a rebase leaves a frozen layer's identifier alone");
	/* Before anybody writes: is what it took in something to keep? */
	if (id == current && rnd() % 2)
		do_rollback(ls);
}

static void do_delete(struct layer_store *ls)
{
	uint32_t id = any_layer();

	if (id == current || id == locked || children(id))
		return;
	if (went(layer_store_delete(ls, name_of(ls, id), &fault), "delete"))
		drop(id);
	else if (refused)
		again(ls);
}

static void do_rename(struct layer_store *ls)
{
	char name[32];

	snprintf(name, sizeof name, "renamed %ld", operation);
	if (!went(layer_store_rename(ls, name_of(ls, any_layer()), name, &fault), "rename") && refused)
		again(ls);
}

static void do_kiosk(struct layer_store *ls)
{
	uint32_t base = any_layer(), old = current;

	if (base == current || locked)
		return;
	if (!check(layer_store_lock(ls, name_of(ls, base), &fault) == CLI_OK, "lock"))
		return;
	locked = base;
	if (!check(layer_store_fresh(ls, &fault) == CLI_OK, "a kiosk's boot"))
		return;
	if (!pod_store_find(&ls->s, old)) {
		struct model *m = find(old), *p = find(m->parent);

		check(p && memcmp(m->bytes, p->bytes, SIZE) == 0, "what was written before a kiosk is kept");
		drop(old);
	}
	if (ls->s.current != old)
		fresh_current(ls, base);
	old = current;
	compare(ls, false);
	/* What it writes is gone at the next boot. */
	layer_store_close(ls, &fault);
	do_write();
	close_disk();
	if (!check(layer_store_open(ls, store, true, &fault) == CLI_OK && layer_store_fresh(ls, &fault) == CLI_OK,
		   "a kiosk's second boot"))
		return;
	check(ls->s.current == old, "a kiosk goes on in the same layer");
	memcpy(find(old)->bytes, find(base)->bytes, SIZE);
	compare(ls, false);
	check(layer_store_unlock(ls, &fault) == CLI_OK, "unlock");
	locked = 0;
}

/* The index is lost and made anew from the files. */
static void do_rebuild(struct layer_store *ls)
{
	char *index = store_dir_name(&ls->dir, POD_STORE_INDEX);

	check(unlink(index) == 0, "removing the index");
	free(index);
	check(layer_store_rebuild(ls, &fault) == CLI_OK, "rebuilding the index");
	/* Before anybody writes: does it know that there is something to lose? */
	if (rnd() % 2)
		do_rollback(ls);
}

static void taken(uint32_t old, uint32_t now, const uint8_t *bytes)
{
	memcpy(find(old)->bytes, bytes, SIZE);
	current = now;
	add(now, old, bytes);
}

/* The store is served while its clients write, and snapshots are taken. */
static void do_guests(struct layer_store *ls)
{
	struct guests_run g = {.store = store,
			       .current = current,
			       .requests = REQUESTS + rnd() % REQUESTS,
			       .snapshots = rnd() % (SNAPSHOTS + 1),
			       .seed = rnd(),
			       .taken = taken};
	uint8_t *bytes = malloc(SIZE);

	if (layers + (int)g.snapshots > LAYERS)
		g.snapshots = 0;
	memcpy(bytes, find(current)->bytes, SIZE);
	layer_store_close(ls, &fault);
	guests_run(&g, bytes);
	memcpy(find(current)->bytes, bytes, SIZE);
	free(bytes);
	operation += 2 * g.requests;
	check(layer_store_open(ls, store, true, &fault) == CLI_OK, "opening the store that was served");
}

static void tree_step(void)
{
	static const struct {
		void (*run)(struct layer_store *ls);
		bool alone; /* it takes layers that a reader may have, or puts away the index */
	} step[] = {{do_snapshot, false}, {do_snapshot, false}, {do_snapshot, false}, {do_guests, false}, {do_rollback, false},
		    {do_rollback, false}, {do_commit, true},	{do_flatten, true},   {do_delete, true},  {do_rebase, true},
		    {do_rebase, true},	  {do_delete, true},	{do_rename, true},    {do_kiosk, false},  {do_rebuild, true}};
	unsigned what = rnd() % POD_ARRAY_LEN(step);
	bool room = layers < LAYERS - 2, beside = rnd() % (operations < SHORT ? 6 : 40) == 0;
	struct layer_store ls;

	close_disk();
	pthread_mutex_lock(&model_lock);
	readers_step();
	if ((!room || step[what].alone) && !beside)
		readers_away();
	if (check(layer_store_open(&ls, store, true, &fault) == CLI_OK, "opening the store")) {
		if (!room) {
			for (int i = 0; i < 60 && layers > LAYERS / 2; i++)
				rnd() % 2 ? do_delete(&ls) : do_commit(&ls);
			if (layers >= LAYERS - 2)
				do_rollback(&ls);
		} else {
			step[what].run(&ls);
		}
		compare(&ls, rnd() % 8 == 0);
		layer_store_close(&ls, &fault);
	}
	readers_step();
	readers_back();
	pthread_mutex_unlock(&model_lock);
}

static bool start(void)
{
	char *folder = cli_xstrdup(store);
	struct layer_store ls;
	char *argv[] = {(char[]){"layer"}, (char[]){"create"}, folder, (char[]){"--size"}, (char[]){"5M"}, NULL};
	uint8_t *zeros = calloc(1, SIZE);

	if (!check(cli_layer.run(&cli_layer, 5, argv, &fault) == CLI_OK, "create") ||
	    !check(layer_store_open(&ls, store, true, &fault) == CLI_OK, "opening the new store"))
		return false;
	current = ls.s.current;
	add(ls.s.layer[0].id, 0, zeros);
	add(current, ls.s.layer[0].id, zeros);
	layer_store_close(&ls, &fault);
	free(zeros);
	free(folder);
	return true;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	operations = atol(argv[2]);
	store = argv[1];
	seed = (uint64_t)atoll(argv[3]);
	if (!start())
		return 1;
	readers_start(store);
	for (operation = 0; operation < operations; operation++) {
		uint32_t r = rnd() % 100;

		if (operation % TURN == 0)
			readers_turn();

		if (r < 50)
			do_write();
		else if (r < 64)
			do_trim();
		else if (r < 84)
			do_read();
		else if (r < 88)
			do_flush();
		else if (r < 89)
			do_compact();
		else if (r < 95)
			close_disk();
		else
			tree_step();
	}
	close_disk();
	readers_end();
	fault_free(&fault);
	for (int i = 0; i < layers; i++)
		free(layer[i].bytes);
	printf("%ld operations, %ld checks, %ld layers held by readers, %ld refusals\n%ld passed, %d failed\n", operation, checks,
	       readers_layers(), refusals, checks - failures, failures);
	return failures != 0;
}
