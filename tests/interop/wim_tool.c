/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wim FILE info               the header, one "key=value" a line
 * wim FILE tree IMAGE         every file and directory, tab-separated: d|f|r  path  size  SHA-1 of the bytes read  SHA-1 told
 *                             attributes
 * wim FILE cat IMAGE PATH     a file's bytes, read in uneven pieces
 * wim FILE cost IMAGE PATH    bytes and reads for opening, selecting and the first KiB of a file
 * Ends with 1, the status and the diagnosis on stderr when a call fails.
 */
#include <string.h>
#include "core/base/sha1.h"
#include "core/wim/wim.h"
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
	static const char *const name[] = {"none", "XPRESS", "LZX", "LZMS", "other"};
	const char *not_bootable = pod_wim_not_bootable(w);
	printf("compression=%s\nchunk=%u\nimages=%u\nboot=%u\npart=%u/%u\nnot_bootable=%s\n", name[w->compression], w->chunk_size,
	       w->image_count, w->boot_index, w->part, w->parts, not_bootable ? not_bootable : "-");
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
	} else {
		return 2;
	}
	pod_wim_close(&w);
	return 0;
}
