/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layer_model DIR OPERATIONS SEED: random operations on a layer store in DIR (write, trim, snapshot, rollback, commit, flatten,
 * rebase, delete, rename, a kiosk's boots, rebuilding of the index, reopening) against plain arrays of bytes. Prints what went
 * wrong; ends with the usual line of results. Linked with the command's own objects.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/layer/ops.h"

#define SIZE   (5u << 20)
#define LAYERS 14

struct model {
	uint32_t id, parent;
	uint8_t *bytes;
};

static struct model layer[LAYERS + 2];
static int layers;
static uint32_t current, locked;
static uint64_t seed;
static const char *store;
static long operation;
static struct disk *disk;  /* the current layer, open for writing; NULL: closed */
static struct fault fault; /* why the last one did not work */
static int failures;
static long checks;

static uint32_t rnd(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33);
}

static bool check(bool ok, const char *what)
{
	checks++;
	if (ok) {
		fault_free(&fault);
		return true;
	}
	fprintf(stderr, "FAILED operation %ld: %s\n", operation, what);
	fault_print(&fault);
	if (++failures > 20)
		exit(1);
	return false;
}

static struct model *find(uint32_t id)
{
	for (int i = 0; i < layers; i++)
		if (layer[i].id == id)
			return &layer[i];
	return NULL;
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
		if (all || layer[i].id == current || rnd() % 4 == 0)
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
	if (!check(layer_store_rollback(ls, name_of(ls, to), discard, &fault) == CLI_OK, "rollback"))
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
	if (!check(layer_store_commit(ls, name_of(ls, id), &fault) == CLI_OK, "commit"))
		return;
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
	if (!check(layer_store_flatten(ls, name, &fault) == CLI_OK, "flatten"))
		return;
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
	if (!check((layer_store_rebase(ls, before.name, name, &fault) == CLI_OK) == ok,
		   ok ? "rebase" : "a rebase that must not be") ||
	    !ok)
		return;
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
	if (check(layer_store_delete(ls, name_of(ls, id), &fault) == CLI_OK, "delete"))
		drop(id);
}

static void do_rename(struct layer_store *ls)
{
	char name[32];

	snprintf(name, sizeof name, "renamed %ld", operation);
	check(layer_store_rename(ls, name_of(ls, any_layer()), name, &fault) == CLI_OK, "rename");
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

static void tree_step(void)
{
	static void (*const step[])(struct layer_store * ls) = {do_snapshot, do_snapshot, do_snapshot, do_rollback, do_rollback,
								do_commit,   do_flatten,  do_delete,   do_rebase,   do_rebase,
								do_delete,   do_rename,	  do_kiosk,    do_rebuild};
	struct layer_store ls;

	close_disk();
	if (!check(layer_store_open(&ls, store, true, &fault) == CLI_OK, "opening the store"))
		return;
	if (layers >= LAYERS - 2) {
		for (int i = 0; i < 60 && layers > LAYERS / 2; i++)
			rnd() % 2 ? do_delete(&ls) : do_commit(&ls);
		if (layers >= LAYERS - 2)
			do_rollback(&ls);
	} else {
		step[rnd() % POD_ARRAY_LEN(step)](&ls);
	}
	compare(&ls, rnd() % 8 == 0);
	layer_store_close(&ls, &fault);
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
	long operations = argc > 2 ? atol(argv[2]) : 0;

	if (argc != 4)
		return 2;
	store = argv[1];
	seed = (uint64_t)atoll(argv[3]);
	if (!start())
		return 1;
	for (operation = 0; operation < operations; operation++) {
		uint32_t r = rnd() % 100;

		if (r < 45)
			do_write();
		else if (r < 58)
			do_trim();
		else if (r < 80)
			do_read();
		else if (r < 90)
			close_disk();
		else
			tree_step();
	}
	close_disk();
	fault_free(&fault);
	for (int i = 0; i < layers; i++)
		free(layer[i].bytes);
	printf("%ld operations, %ld checks\n%ld passed, %d failed\n", operations, checks, checks - failures, failures);
	return failures != 0;
}
