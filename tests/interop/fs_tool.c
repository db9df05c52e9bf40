/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fs FORMAT FILE ls           every directory and file below the root, one line each, tab-separated:
 *                             d|f  path  size  CRC-32  first-byte+length[,...]  entry's place
 * fs FORMAT FILE cat PATH     the file's bytes
 * fs FORMAT FILE node PATH    size, directory records (ISO 9660), extents
 * fs FORMAT FILE info         label, serial, total bytes, bytes and reads used to open
 * FORMAT is any, exfat, fat, iso9660, joliet or udf. Ends with 1 and the status on stderr when a call fails.
 */
#include <string.h>
#include "core/base/hash.h"
#include "core/fs/iso9660.h"
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
	must(pod_fs_extents(fs, n, &host, &ext, &count), path);
	for (size_t i = 0; i < count; i++)
		printf("%s%s%llu+%llu", i ? "," : "", ext[i].hole ? "hole@" : "", (unsigned long long)ext[i].dev_bytes,
		       (unsigned long long)ext[i].length_bytes);
	printf("%s", count ? "" : "-");
	pod_free(&host, ext);
}

static void print_file(struct pod_fs *fs, const struct pod_node *n, const char *path)
{
	static uint8_t buf[65536];
	uint32_t crc = 0;
	for (uint64_t off = 0; off < n->size_bytes;) {
		size_t len = (size_t)pod_min_u64(sizeof buf, n->size_bytes - off);
		must(pod_fs_read(fs, n, off, buf, len), path);
		crc = pod_crc32(crc, buf, len);
		off += len;
	}
	printf("f\t%s\t%llu\t%08x\t", path, (unsigned long long)n->size_bytes, crc);
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
		must(st, path);
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

int main(int argc, char **argv)
{
	static const struct pod_fs_ops *const known[] = {&pod_fs_exfat, &pod_fs_fat, &pod_fs_iso9660, &pod_fs_joliet,
							 &pod_fs_udf};
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
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (!strcmp(argv[1], known[i]->name))
			st = pod_fs_open_as(&fs, known[i], &file.dev, &host, &diag);
	must(st, diag.what ? diag.what : argv[2]);
	if (!strcmp(argv[3], "ls")) {
		struct pod_node root;
		must(fs.ops->root(&fs, &root), "root");
		list(&fs, &root, "", 0);
	} else if (!strcmp(argv[3], "cat") && argc == 5) {
		cat(&fs, argv[4]);
	} else if (!strcmp(argv[3], "node") && argc == 5) {
		print_node(&fs, argv[4]);
	} else if (!strcmp(argv[3], "info")) {
		printf("%s label=%s serial=%08x total=%llu cluster=%u bytes=%llu reads=%llu\n", fs.ops->name, fs.label, fs.serial,
		       (unsigned long long)fs.total_bytes, fs.cluster_size, file.read_bytes, file.reads);
	} else {
		return 2;
	}
	pod_fs_close(&fs);
	return 0;
}
