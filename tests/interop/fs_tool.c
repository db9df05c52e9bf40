/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fs FORMAT FILE ls           every directory and file below the root, one line each, tab-separated:
 *                             d|f  path  size  CRC-32  first-byte+length[,...]  entry's place; what has no runs says why instead
 * fs FORMAT FILE cat PATH     the file's bytes
 * fs FORMAT FILE node PATH    size, directory records (ISO 9660), extents
 * fs FORMAT FILE mutate N     damages the volume N times, in places that are not zeros, and walks it: nothing but a status may come
 *                             of it, within the steps that a fuzz target has (tests/fuzz/fuzz.h)
 * fs xfs|btrfs FILE state     clean or dirty: its log
 * fs FORMAT FILE info         label, serial, total bytes, bytes and reads used to open
 * FORMAT is any, tree (the one that shows a medium's content), exfat, ntfs, fat, iso9660, joliet, udf, ext, xfs, btrfs or btrfs-default. Ends with 1 and the status
 * on stderr when a call fails.
 */
#include <string.h>
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/fs/btrfs.h"
#include "core/fs/iso9660.h"
#include "core/fs/xfs.h"
#include "core/image/image.h"
#include "tests/interop/tool.h"

static void must(enum pod_status st, const char *what)
{
	if (st == POD_OK)
		return;
	fprintf(stderr, "%s: %s\n", what, pod_status_text(st));
	exit(1);
}

static void print_runs(struct pod_fs *fs, const struct pod_node *n, const char *path)
{
	struct pod_extent *ext;
	size_t count;
	enum pod_status st = pod_fs_extents(fs, n, &host, &ext, &count);
	if (st == POD_E_UNSUPPORTED && fs->diag.what) {
		printf("%s", fs->diag.what);
		return;
	}
	must(st, path);
	for (size_t i = 0; i < count; i++)
		printf("%s%s%llu+%llu", i ? "," : "", ext[i].hole ? "hole@" : "", (unsigned long long)ext[i].dev_bytes,
		       (unsigned long long)ext[i].length_bytes);
	printf("%s", count ? "" : "-");
	pod_free(&host, ext);
}

/* POD_E_UNSUPPORTED is an answer. */
static enum pod_status checksum(struct pod_fs *fs, const struct pod_node *n, uint32_t *crc)
{
	static uint8_t buf[65536];
	*crc = 0;
	for (uint64_t off = 0; off < n->size_bytes;) {
		size_t len = (size_t)pod_min_u64(sizeof buf, n->size_bytes - off);
		POD_TRY(pod_fs_read(fs, n, off, buf, len));
		*crc = pod_crc32(*crc, buf, len);
		off += len;
	}
	return POD_OK;
}

static void print_file(struct pod_fs *fs, const struct pod_node *n, const char *path)
{
	uint32_t crc;
	enum pod_status st = checksum(fs, n, &crc);
	printf("f\t%s\t%llu\t", path, (unsigned long long)n->size_bytes);
	if (st == POD_E_UNSUPPORTED) {
		printf("-\t");
	} else {
		must(st, path);
		printf("%08x\t", crc);
	}
	print_runs(fs, n, path);
	printf("\t%llu\n", (unsigned long long)n->entry_bytes);
}

static void list(struct pod_fs *fs, const struct pod_node *dir, const char *path, int depth)
{
	struct pod_dir d;
	struct pod_dirent *e = malloc(sizeof *e);
	char *sub = malloc(POD_PATH_MAX);
	enum pod_status st;
	must(pod_dir_open(&d, fs, dir), path);
	while ((st = pod_dir_next(&d, e)) == POD_OK) {
		snprintf(sub, POD_PATH_MAX, "%s/%s", path, e->name);
		if (!e->node.is_dir) {
			print_file(fs, &e->node, sub);
			continue;
		}
		printf("d\t%s\t0\t-\t-\t%llu\n", sub, (unsigned long long)e->node.entry_bytes);
		if (depth < POD_DEPTH_MAX)
			list(fs, &e->node, sub, depth + 1);
	}
	if (st != POD_END)
		must(st, st == POD_E_UNSUPPORTED && fs->diag.what ? fs->diag.what : path);
	free(e);
	free(sub);
}

static void print_node(struct pod_fs *fs, const char *path)
{
	struct pod_dirent *scratch = malloc(sizeof *scratch);
	struct pod_node n;
	must(pod_fs_lookup(fs, path, &n, scratch), path);
	printf("%llu %u ", (unsigned long long)n.size_bytes, pod_iso9660_records(&n));
	print_runs(fs, &n, path);
	printf("\n");
	free(scratch);
}

static void cat(struct pod_fs *fs, const char *path)
{
	static uint8_t buf[65536];
	struct pod_dirent *scratch = malloc(sizeof *scratch);
	struct pod_node n;
	must(pod_fs_lookup(fs, path, &n, scratch), path);
	for (uint64_t off = 0; off < n.size_bytes;) {
		size_t len = (size_t)pod_min_u64(sizeof buf, n.size_bytes - off);
		must(pod_fs_read(fs, &n, off, buf, len), path);
		fwrite(buf, 1, len, stdout);
		off += len;
	}
	free(scratch);
}

/* --- damage ------------------------------------------------------------------------------------------- */

#define STEPS (1u << 20)

static uint32_t next_random(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*x >> 33);
}

static void walk(struct pod_fs *fs, const struct pod_node *dir, int depth, unsigned *left)
{
	struct pod_dir d;
	struct pod_dirent *e = malloc(sizeof *e);
	uint8_t buf[3000];
	must(pod_dir_open(&d, fs, dir), "directory");
	while (*left && pod_dir_next(&d, e) == POD_OK) {
		--*left;
		if (e->node.is_dir && depth < POD_DEPTH_MAX)
			walk(fs, &e->node, depth + 1, left);
		else if (!e->node.is_dir)
			(void)!pod_fs_read(fs, &e->node, 0, buf, (size_t)pod_min_u64(e->node.size_bytes, sizeof buf));
	}
	free(e);
}

/* Only blocks that hold something are worth damage: most of a volume is empty. */
static int mutate(const struct pod_fs_ops *ops, struct tool_file *file, unsigned times)
{
	enum { BLOCK = 512, DAMAGE = 6 };
	size_t len = (size_t)file->dev.size_bytes, used = 0;
	uint8_t *bytes = malloc(len);
	uint32_t *block = malloc(len / BLOCK * sizeof *block);
	uint64_t seed = 1;
	unsigned opened = 0;
	must(pod_dev_read(&file->dev, 0, bytes, len), "volume");
	for (size_t i = 0; i < len / BLOCK; i++)
		if (!pod_all_zero(bytes + i * BLOCK, BLOCK) && bytes[i * BLOCK] != 0xFF)
			block[used++] = (uint32_t)i;
	for (unsigned i = 0; i < times; i++) {
		struct pod_memdev mem;
		struct pod_budget budget = {0};
		struct pod_fs fs;
		struct pod_node root;
		uint8_t old[DAMAGE];
		size_t at[DAMAGE];
		unsigned left = 2000;
		for (int k = 0; k < DAMAGE; k++) {
			at[k] = (size_t)block[next_random(&seed) % used] * BLOCK + next_random(&seed) % 128 * (k & 1 ? 1 : 4);
			old[k] = bytes[at[k]];
			bytes[at[k]] = (uint8_t)next_random(&seed);
		}
		pod_memdev_init(&mem, bytes, len, 512, true);
		pod_budget_start(&budget, STEPS, POD_BUDGET_UNLIMITED, 0);
		mem.dev.budget = &budget;
		if (pod_fs_open_as(&fs, ops, &mem.dev, &host, NULL) == POD_OK) {
			opened++;
			must(fs.ops->root(&fs, &root), "root");
			walk(&fs, &root, 0, &left);
			pod_fs_close(&fs);
		}
		if (budget.hit != POD_BUDGET_NONE) {
			fprintf(stderr, "mutation %u needs more than %u steps\n", i, STEPS);
			return 1;
		}
		for (int k = DAMAGE - 1; k >= 0; k--)
			bytes[at[k]] = old[k];
	}
	printf("%u opened\n", opened);
	free(bytes);
	free(block);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct pod_fs_ops *const known[] = {&pod_fs_exfat,	 &pod_fs_ntfs,	       &pod_fs_fat, &pod_fs_iso9660,
							 &pod_fs_joliet, &pod_fs_udf,	       &pod_fs_ext, &pod_fs_xfs,
							 &pod_fs_btrfs,	 &pod_fs_btrfs_default};
	struct pod_fs fs;
	struct pod_diag diag = {0};
	struct tool_file file;
	if (argc < 4)
		return 2;
	if (!tool_open(&file, argv[2], false, 512)) {
		perror(argv[2]);
		return 2;
	}
	enum pod_status st = POD_E_INVALID;
	if (!strcmp(argv[1], "any"))
		st = pod_fs_open(&fs, &file.dev, &host, &diag);
	if (!strcmp(argv[1], "tree"))
		st = pod_image_open_tree(&fs, &file.dev, &host, &diag);
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (!strcmp(argv[1], known[i]->name))
			st = pod_fs_open_as(&fs, known[i], &file.dev, &host, &diag);
	must(st, diag.what ? diag.what : argv[2]);
	if (!strcmp(argv[3], "mutate") && argc == 5) {
		const struct pod_fs_ops *ops = fs.ops;
		pod_fs_close(&fs);
		return mutate(ops, &file, (unsigned)atoi(argv[4]));
	}
	if (!strcmp(argv[3], "ls")) {
		struct pod_node root;
		must(fs.ops->root(&fs, &root), "root");
		list(&fs, &root, "", 0);
	} else if (!strcmp(argv[3], "cat") && argc == 5) {
		cat(&fs, argv[4]);
	} else if (!strcmp(argv[3], "node") && argc == 5) {
		print_node(&fs, argv[4]);
	} else if (!strcmp(argv[3], "state") && fs.ops == &pod_fs_xfs) {
		bool dirty;
		must(pod_xfs_log_is_dirty(&fs, &dirty), "log");
		printf("%s\n", dirty ? "dirty" : "clean");
	} else if (!strcmp(argv[3], "state") && fs.ops == &pod_fs_btrfs) {
		printf("%s\n", pod_btrfs_is_dirty(&fs) ? "dirty" : "clean");
	} else if (!strcmp(argv[3], "info")) {
		printf("%s label=%s serial=%08x total=%llu cluster=%u bytes=%llu reads=%llu\n", fs.ops->name, fs.label, fs.serial,
		       (unsigned long long)fs.total_bytes, fs.cluster_size, file.read_bytes, file.reads);
	} else {
		return 2;
	}
	pod_fs_close(&fs);
	return 0;
}
