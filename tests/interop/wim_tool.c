/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wim FILE info               the header, one "key=value" a line
 * wim FILE tree IMAGE         every file and directory, tab-separated: d|f|r  path  size  SHA-1 of the bytes read  SHA-1 told
 *                             attributes
 * wim FILE cat IMAGE PATH     a file's bytes, read in uneven pieces
 * wim FILE cost IMAGE PATH    bytes and reads for opening, selecting and the first KiB of a file
 * wim FILE patch IMAGE BOOT OUT CHANGE...
 *                             writes the changed WIM to OUT; a change is add:PATH:FILE, redirect:PATH:FILE, alias:PATH:FROM or
 *                             slice:PATH:OFFSET:LENGTH (of FILE itself). Prints the bytes and reads it took.
 * wim FILE mutate COUNT       reads COUNT damaged copies of FILE, patches those that can be selected, reads what came out. Prints how
 *                             many could be opened, selected, walked to the end, patched
 * Ends with 1, the status and the diagnosis on stderr when a call fails.
 */
#include <string.h>
#include "core/base/sha1.h"
#include "core/wim/patch.h"
#include "tests/interop/tool.h"

static struct pod_diag diag;

static void must(enum pod_status st, const char *what)
{
	if (st == POD_OK)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, pod_status_text(st), diag.what ? diag.what : "-");
	exit(1);
}

static void print_sha1(const uint8_t *sum)
{
	printf("\t");
	for (int i = 0; i < 20; i++)
		printf("%02x", sum[i]);
}

static enum pod_status show(void *ctx, const char *path, const struct pod_wim_node *n)
{
	static uint8_t buf[100000];
	struct pod_sha1 s;
	uint8_t sum[20];
	bool reparse = n->attributes & POD_WIM_ATTR_REPARSE;
	printf("%s\t%s\t%llu", reparse ? "r" : n->is_dir ? "d" : "f", path, (unsigned long long)n->size_bytes);
	pod_sha1_init(&s);
	for (uint64_t off = 0; off < n->size_bytes && !n->is_dir;) {
		size_t len = (size_t)pod_min_u64(sizeof buf, n->size_bytes - off);
		must(pod_wim_read(ctx, n, off, buf, len), path);
		pod_sha1_update(&s, buf, len);
		off += len;
	}
	pod_sha1_final(&s, sum);
	print_sha1(sum);
	print_sha1(n->sha1);
	printf("\t%x\n", n->attributes);
	return POD_OK;
}

static void print_info(struct pod_wim *w)
{
	const char *not_bootable = pod_wim_not_bootable(w);
	printf("compression=%s\nchunk=%u\nimages=%u\nboot=%u\npart=%u/%u\nnot_bootable=%s\n",
	       pod_wim_compression_text(w->compression), w->chunk_size, w->image_count, w->boot_index, w->part, w->parts,
	       not_bootable ? not_bootable : "-");
}

static void cat(struct pod_wim *w, const char *path)
{
	static uint8_t buf[70001];
	struct pod_wim_node n;
	struct pod_wim_file f;
	must(pod_wim_lookup(w, path, &n), path);
	must(pod_wim_dev(w, &n, &f), path);
	for (uint64_t off = 0; off < f.dev.size_bytes;) {
		size_t len = (size_t)pod_min_u64(1 + (off * 7919 + 12345) % sizeof buf, f.dev.size_bytes - off);
		must(pod_dev_read(&f.dev, off, buf, len), path);
		fwrite(buf, 1, len, stdout);
		off += len;
	}
}

/* --- patch ------------------------------------------------------------------------------------------------ */

static void parse_change(char *text, const struct pod_map *self, struct pod_dev *dev, struct pod_wim_change *c)
{
	char *kind = strtok(text, ":"), *path = strtok(NULL, ":"), *what = strtok(NULL, ":");
	size_t len;
	if (!kind || !path || !what)
		exit(2);
	*c = (struct pod_wim_change){.path = path};
	if (!strcmp(kind, "alias")) {
		c->kind = POD_WIM_ALIAS;
		c->from = what;
		return;
	}
	c->kind = strcmp(kind, "redirect") != 0 ? POD_WIM_ADD : POD_WIM_REDIRECT;
	if (strcmp(kind, "slice") != 0) {
		c->data = tool_slurp(what, &len);
		c->len = len;
		return;
	}
	char *length = strtok(NULL, ":");
	struct pod_sha1 s;
	c->content = self;
	c->at_bytes = strtoull(what, NULL, 0);
	c->len = length ? strtoull(length, NULL, 0) : 0;
	uint8_t *bytes = malloc(c->len + 1);
	must(bytes ? pod_dev_read(dev, c->at_bytes, bytes, c->len) : POD_E_NOMEM, "slice");
	pod_sha1_init(&s);
	pod_sha1_update(&s, bytes, c->len);
	pod_sha1_final(&s, c->sha1);
	free(bytes);
}

static void write_out(const struct pod_map *m, struct pod_dev *stick, const char *path)
{
	static uint8_t buf[1 << 20];
	FILE *f = fopen(path, "wb");
	for (uint64_t off = 0; f && off < m->size_bytes; off += sizeof buf) {
		size_t n = (size_t)pod_min_u64(sizeof buf, m->size_bytes - off);
		must(pod_map_read(m, stick, off, buf, n), "map");
		fwrite(buf, 1, n, f);
	}
	if (!f || fclose(f) != 0) {
		perror(path);
		exit(3);
	}
	for (size_t i = 1; i < m->count; i++)
		if (m->seg[i].start_bytes % 2048)
			must(POD_E_CORRUPT, "a segment inside a sector");
}

static void patch(struct pod_wim *w, struct tool_file *file, char **argv)
{
	struct pod_map self, out;
	struct pod_wim_change change[32];
	size_t n = 0;
	pod_map_init(&self, &host);
	must(pod_map_append(&self, POD_SEG_DEV, 0, file->dev.size_bytes), "map");
	unsigned long long bytes = file->read_bytes, reads = file->reads;
	for (; argv[2 + n] && n < POD_ARRAY_LEN(change); n++)
		parse_change(argv[2 + n], &self, &file->dev, &change[n]);
	file->read_bytes = bytes, file->reads = reads;
	must(pod_wim_patch(w, &self, &file->dev, change, n, (uint32_t)atoi(argv[0]), &out, &diag), "patch");
	printf("%llu %llu\n", file->read_bytes, file->reads);
	write_out(&out, &file->dev, argv[1]);
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)change[i].data);
	pod_map_fini(&out);
	pod_map_fini(&self);
}

/* --- mutations -------------------------------------------------------------------------------------------- */

enum { OPENED, SELECTED, WALKED, PATCHED, MUTATE_COUNTS, MUTATE_STEPS = 1 << 20 };

static uint32_t next_random(uint32_t *state)
{
	return *state = *state * 1664525 + 1013904223;
}

static void damage(uint8_t *data, size_t len, uint32_t *random)
{
	/* The header, and the blob table and metadata, which lie at the end, are hit more often than content. */
	for (uint32_t n = 1 + next_random(random) % 4; n; n--) {
		uint32_t where = next_random(random) >> 8, zone = next_random(random) >> 30;
		size_t at = zone == 0 ? where % 208 : zone == 1 ? where % len : len - 1 - where % (len / 4);
		data[at] = (uint8_t)(next_random(random) >> 24);
	}
}

static enum pod_status read_a_bit(void *ctx, const char *path, const struct pod_wim_node *n)
{
	uint8_t buf[4096];
	(void)path;
	if (!n->is_dir)
		(void)!pod_wim_read(ctx, n, n->size_bytes / 2, buf, (size_t)pod_min_u64(sizeof buf, n->size_bytes / 2));
	return POD_OK;
}

static bool mutant_patches(struct pod_wim *w, struct pod_dev *dev)
{
	const struct pod_wim_change change[] = {
		{.kind = POD_WIM_ADD, .path = "new/b", .data = "new", .len = 3},
		{.kind = POD_WIM_ALIAS, .path = "new/c", .from = "Windows/System32/winpeshl.exe"}};
	struct pod_map self, out;
	struct pod_mapdev md;
	struct pod_wim again;
	struct pod_wim_node n;
	bool ok = false;
	pod_map_init(&self, &host);
	must(pod_map_append(&self, POD_SEG_DEV, 0, dev->size_bytes), "map");
	if (pod_wim_patch(w, &self, dev, change, 2, 0, &out, NULL) == POD_OK) {
		pod_mapdev_init(&md, &out, dev, 512);
		must(pod_wim_open(&again, &md.dev, &host, &diag), "patched mutant");
		must(pod_wim_select(&again, w->image, &diag), "patched mutant");
		must(pod_wim_lookup(&again, "new/b", &n), "patched mutant");
		ok = n.size_bytes == 3;
		pod_wim_close(&again);
		pod_map_fini(&out);
	}
	pod_map_fini(&self);
	return ok;
}

static void try_mutant(uint8_t *data, size_t len, unsigned counts[MUTATE_COUNTS])
{
	struct pod_budget budget = {0};
	struct pod_memdev m;
	struct pod_wim w;
	pod_memdev_init(&m, data, len, 512, true);
	pod_budget_start(&budget, MUTATE_STEPS, POD_BUDGET_UNLIMITED, 0);
	m.dev.budget = &budget;
	if (pod_wim_open(&w, &m.dev, &host, NULL) != POD_OK)
		return;
	counts[OPENED]++;
	for (uint32_t i = 1; i <= 2; i++) {
		if (pod_wim_select(&w, i, NULL) != POD_OK)
			continue;
		counts[SELECTED]++;
		counts[WALKED] += pod_wim_walk(&w, read_a_bit, &w, NULL) == POD_OK;
		counts[PATCHED] += mutant_patches(&w, &m.dev);
	}
	must(pod_budget_status(&budget), "budget of a mutant");
	pod_wim_close(&w);
}

static void mutate(const char *path, unsigned n)
{
	size_t len;
	uint8_t *whole = tool_slurp(path, &len), *copy = malloc(len);
	unsigned counts[MUTATE_COUNTS] = {0};
	uint32_t random = 1;
	for (unsigned i = 0; copy && i < n; i++) {
		memcpy(copy, whole, len);
		damage(copy, len, &random);
		try_mutant(copy, len, counts);
	}
	printf("%u %u %u %u\n", counts[OPENED], counts[SELECTED], counts[WALKED], counts[PATCHED]);
	free(whole);
	free(copy);
}

int main(int argc, char **argv)
{
	struct tool_file file;
	struct pod_wim w;
	if (argc < 3)
		return 2;
	if (!tool_open(&file, argv[1], false, 512)) {
		perror(argv[1]);
		return 2;
	}
	if (!strcmp(argv[2], "mutate") && argc == 4) {
		mutate(argv[1], (unsigned)atoi(argv[3]));
		return 0;
	}
	must(pod_wim_open(&w, &file.dev, &host, &diag), argv[1]);
	if (argc > 3)
		must(pod_wim_select(&w, (uint32_t)atoi(argv[3]), &diag), "select");
	if (!strcmp(argv[2], "info")) {
		print_info(&w);
	} else if (!strcmp(argv[2], "tree") && argc == 4) {
		must(pod_wim_walk(&w, show, &w, &diag), "walk");
	} else if (!strcmp(argv[2], "cat") && argc == 5) {
		cat(&w, argv[4]);
	} else if (!strcmp(argv[2], "cost") && argc == 5) {
		struct pod_wim_node n;
		uint8_t buf[1024];
		must(pod_wim_lookup(&w, argv[4], &n), argv[4]);
		must(pod_wim_read(&w, &n, 0, buf, (size_t)pod_min_u64(sizeof buf, n.size_bytes)), argv[4]);
		printf("%llu %llu\n", file.read_bytes, file.reads);
	} else if (!strcmp(argv[2], "patch") && argc > 5) {
		patch(&w, &file, argv + 4);
	} else {
		return 2;
	}
	pod_wim_close(&w);
	return 0;
}
