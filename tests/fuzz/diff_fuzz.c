/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `isopod layer diff` between two states of a disk with FAT or exFAT on it: byte 0 the number of changes, then {u24 offset, u8
 * value} each, then the disk as it is before them. The list of ranges is held against the bytes; the report must be made of whole
 * JSON strings. ext4 and NTFS are other people's libraries, which read in a process of their own.
 */
#include "tests/fuzz/fuzz.h"
#include "cli/layer/diff.c"

/* --- what reads other filesystems, and opens a store: not here ----------------------------------------------------------------
 */

static enum pod_status none(struct pod_dev *volume, const struct diff_map *changed, struct diff_list *out)
{
	(void)volume, (void)changed, (void)out;
	return POD_E_FORMAT;
}
const struct diff_reader diff_ntfs = {.name = "ntfs", .list = none}, diff_ext = {.name = "ext4", .list = none};

/* NOLINTBEGIN(misc-unused-parameters) */
#define NOT_HERE(type, name, ...)                                                                                                \
	type name(__VA_ARGS__)                                                                                                   \
	{                                                                                                                        \
		abort();                                                                                                         \
	}
#pragma clang diagnostic ignored "-Wunused-parameter"
NOT_HERE(int, layer_store_open, struct layer_store *ls, const char *arg, bool writable, struct fault *f)
NOT_HERE(int, layer_store_close, struct layer_store *ls, struct fault *f)
NOT_HERE(struct pod_stored *, layer_store_get, struct layer_store *ls, const char *name, struct fault *f)
NOT_HERE(struct pod_stored *, layer_store_current, struct layer_store *ls, struct fault *f)
NOT_HERE(int, layer_store_open_disk, struct layer_store *ls, const struct pod_stored *e, struct disk *d, struct fault *f)
NOT_HERE(int, layer_store_close_disk, struct layer_store *ls, struct disk *d, struct fault *f)
NOT_HERE(int, disk_fail, const char *a, const char *b, enum pod_status st, const struct pod_diag *d, const char *c,
	 struct fault *f)
/* NOLINTEND(misc-unused-parameters) */

/* --- the target
 * ----------------------------------------------------------------------------------------------------------------- */

static bool differ(const uint8_t *a, const uint8_t *b, size_t off, size_t len)
{
	return memcmp(a + off, b + off, len) != 0;
}

static void check_map(const struct diff_map *m, const uint8_t *a, const uint8_t *b, size_t len)
{
	struct diff_map window;
	uint64_t bytes = 0, last = 0;

	for (size_t i = 0; i < m->n; i++) {
		FUZZ_REQUIRE(m->v[i].off < m->v[i].end && (i == 0 || m->v[i].off > last) && m->v[i].end <= len);
		bytes += m->v[i].end - m->v[i].off;
		last = m->v[i].end;
	}
	FUZZ_REQUIRE(bytes == m->bytes);
	for (size_t off = 0; off < len; off += 3000) {
		size_t n = (size_t)pod_min_u64(1500, len - off);
		FUZZ_REQUIRE(diff_map_touches(m, off, n) == differ(a, b, off, n));
	}
	diff_map_window(m, len / 3, len / 2, &window);
	FUZZ_REQUIRE(diff_map_touches(&window, 0, len / 2) == differ(a, b, len / 3, len / 2));
	diff_map_free(&window);
}

static void check_report(const char *text, size_t len)
{
	int depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		FUZZ_REQUIRE((uint8_t)text[i] >= 0x20 || text[i] == '\n');
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted)
			depth += (text[i] == '{' || text[i] == '[') - (text[i] == '}' || text[i] == ']');
		FUZZ_REQUIRE(depth >= 0);
	}
	FUZZ_REQUIRE(depth == 0 && !quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_env env;
	size_t patches = size ? data[0] % 32 : 0, text_len = 0;
	char *text = NULL;

	if (size < 1 + 4 * patches)
		return 0;
	fuzz_init(&env, data + 1 + 4 * patches, size - 1 - 4 * patches, 512, 0, 0);
	uint8_t *after = malloc(env.len + 1);
	FUZZ_REQUIRE(after);
	memcpy(after, env.data, env.len);
	for (const uint8_t *p = data + 1; patches--; p += 4) {
		size_t at = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16;
		if (env.len)
			after[at % env.len] = p[3];
	}
	struct pod_memdev m;
	pod_memdev_init(&m, after, env.len, 512, true);
	struct pod_dev *disk[2] = {&env.dev, &m.dev};
	static uint8_t pieces[2 * PIECE];
	struct diff_map changed = {.disk = {disk[0], disk[1]}, .pieces = pieces};
	for (size_t off = 0; off < env.len; off += 512) {
		size_t n = (size_t)pod_min_u64(512, env.len - off);
		if (differ(env.data, after, off, n))
			diff_map_add(&changed, off, n);
	}
	if (!env.fail_read)
		check_map(&changed, env.data, after, env.len);

	FILE *f = open_memstream(&text, &text_len);
	struct cli_json j;
	FUZZ_REQUIRE(f);
	cli_json_init(&j, f);
	cli_json_open(&j, NULL, '[');
	compare_volumes(disk, &changed, &j, NULL);
	cli_json_close(&j, ']');
	FUZZ_REQUIRE(fclose(f) == 0);
	check_report(text, text_len);
	free(text);
	diff_map_free(&changed);
	free(after);
	fuzz_done(&env);
	return 0;
}
