/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place FORMAT FILE PATH FRONT BEHIND: has a file of the volume shown with the bytes of FRONT (padded to a cluster) before its own and those
 * of BEHIND after them, and writes what is shown to FILE, as a loader would read it. Prints how many runs it has. FORMAT: xfs, btrfs.
 */
#include <string.h>
#include "core/base/bytes.h"
#include "core/fs/btrfs.h"
#include "core/fs/xfs.h"
#include "tests/interop/tool.h"

static void must(enum pod_status st, const char *what)
{
	if (st == POD_OK)
		return;
	fprintf(stderr, "%s: %s\n", what, pod_status_text(st));
	exit(1);
}

static enum pod_status show(struct pod_place *p, uint64_t off, const void *data, size_t len)
{
	return pod_dev_write(p->ctx, off, data, len);
}

static enum pod_status shown(struct pod_place *p, uint64_t off, void *buf, size_t len)
{
	return pod_dev_read(p->ctx, off, buf, len);
}

/* The bytes of a host file, `skip` zeros before them and zeros behind, in whole clusters. */
static uint8_t *padded(const struct pod_fs *fs, const char *path, size_t skip, size_t *len, size_t *data)
{
	uint8_t *raw = tool_slurp(path, data);
	*len = (size_t)pod_align_up(*data + skip, fs->cluster_size);
	uint8_t *p = calloc(1, *len);
	memcpy(p + skip, raw, *data);
	free(raw);
	return p;
}

static void lay(struct pod_place *p, const struct pod_place_run *run, const uint8_t *data, size_t len)
{
	for (; len; run++) {
		size_t n = (size_t)pod_min_u64(len, run->length_bytes);
		must(show(p, run->dev_bytes, data, n), "new bytes");
		data += n, len -= n;
	}
}

int main(int argc, char **argv)
{
	static const struct pod_place_ops *const known[] = {&pod_place_xfs, &pod_place_btrfs, &pod_place_btrfs_default};
	struct tool_file file;
	struct pod_fs fs;
	struct pod_place p;
	struct pod_place_runs runs = {0};
	struct pod_dirent *e = calloc(1, sizeof *e);
	struct pod_node n;
	size_t front_len, behind_len, data;
	if (argc != 6 || !e || !tool_open(&file, argv[2], true, 512))
		return 2;
	const struct pod_place_ops *ops = NULL;
	for (size_t i = 0; i < POD_ARRAY_LEN(known); i++)
		if (!strcmp(known[i]->fs->name, argv[1]))
			ops = known[i];
	if (!ops)
		return 2;
	must(pod_fs_open_as(&fs, ops->fs, &file.dev, &host, NULL), argv[2]);
	pod_place_init(&p, ops, &fs);
	p.show = show;
	p.shown = shown;
	p.ctx = &file.dev;
	must(pod_fs_lookup(&fs, argv[3], &n, e), argv[3]);
	size_t tail = (size_t)(n.size_bytes & (fs.cluster_size - 1));
	uint8_t *front = padded(&fs, argv[4], 0, &front_len, &data), *behind = padded(&fs, argv[5], tail, &behind_len, &data);
	must(pod_fs_read(&fs, &n, n.size_bytes - tail, behind, tail), "the last cluster");
	must(pod_place_room(&p, front_len, &runs), "room");
	must(pod_place_kept(&p, &n, &runs), "the file's own");
	size_t behind_at = runs.count;
	must(pod_place_room(&p, behind_len, &runs), "room");
	must(ops->point(&p, &n, &runs, front_len + n.size_bytes + data), "record");
	lay(&p, runs.run, front, front_len);
	lay(&p, runs.run + behind_at, behind, behind_len);
	printf("%zu %zu\n", runs.count, front_len);
	pod_place_runs_free(&p, &runs);
	pod_place_fini(&p);
	pod_fs_close(&fs);
	free(front);
	free(behind);
	free(e);
	return 0;
}
