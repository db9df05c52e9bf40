/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exfat_tool COMMAND IMAGE ...: the exFAT code on an image file, for the interoperability tests.
 *   tree IMAGE            one line per node: kind, size, valid size, mtime, extents, CRC-32 of the content, path
 *   attributes IMAGE      one line per node: attributes, path
 *   cost IMAGE            bytes and operations read by opening the volume and walking the whole tree
 *   info IMAGE            label, serial number, cluster size
 *   format IMAGE LABEL CLUSTER_SIZE [SECTOR_SIZE]
 *   add IMAGE HOST_FILE PATH | replace ... | fragments ...
 *   append IMAGE HOST_FILE PATH | grow IMAGE SIZE PATH | cut IMAGE SIZE PATH
 *   attr IMAGE BITS PATH  read-only, hidden, system and archive become as in BITS
 *   mkdir IMAGE PATH | rm IMAGE PATH | mv IMAGE FROM TO
 *   space IMAGE           total, free, largest run
 * The writing commands mount, do one thing and unmount.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/hash.h"
#include "core/fs/exfat_write.h"
#include "core/fs/fs.h"
#include "tests/interop/tool.h"

static void die(const char *what, enum pod_status st)
{
	fprintf(stderr, "%s: %s\n", what, pod_status_text(st));
	exit(1);
}

struct sum {
	struct pod_fs *fs;
	uint32_t crc, extents;
	uint64_t at;
};

static enum pod_status add_run(void *ctx, const struct pod_extent *e)
{
	struct sum *s = ctx;
	static uint8_t buf[1 << 20];
	if (e->file_bytes != s->at)
		return POD_E_CORRUPT;
	s->extents++;
	s->at += e->length_bytes;
	memset(buf, 0, sizeof buf);
	for (uint64_t done = 0; done < e->length_bytes;) {
		size_t n = (size_t)pod_min_u64(sizeof buf, e->length_bytes - done);
		if (!e->hole && pod_dev_read(s->fs->dev, e->dev_bytes + done, buf, n) != POD_OK)
			return POD_E_IO;
		s->crc = pod_crc32(s->crc, buf, n);
		done += n;
	}
	return POD_OK;
}

static void tree(struct pod_fs *fs, const struct pod_node *node, const char *path, char what)
{
	struct pod_dir dir = {.fs = fs, .node = *node};
	struct pod_dirent *e = malloc(sizeof *e);
	enum pod_status st;
	while ((st = fs->ops->readdir(&dir, e)) == POD_OK) {
		char sub[POD_PATH_MAX];
		snprintf(sub, sizeof sub, "%s/%s", path, e->name);
		struct sum s = {fs, 0, 0, 0};
		if (what == 't' && !e->node.is_dir && (st = fs->ops->extents(fs, &e->node, add_run, &s)) != POD_OK)
			die(sub, st);
		if (what == 'a')
			printf("%02x %s\n", e->node.attributes, sub);
		if (what == 't')
			printf("%c %" PRIu64 " %" PRIu64 " %" PRId64 " %u %08x %s\n", e->node.is_dir ? 'd' : 'f',
			       e->node.is_dir ? 0 : e->node.size_bytes, e->node.is_dir ? 0 : e->node.valid_bytes, e->node.mtime,
			       s.extents, s.crc, sub);
		if (e->node.is_dir)
			tree(fs, &e->node, sub, what);
	}
	if (st != POD_END)
		die(path[0] ? path : "/", st);
	free(e);
}

static int reader(const char *command, struct tool_file *file)
{
	struct pod_fs fs = {.ops = &pod_fs_exfat, .dev = &file->dev, .alloc = &host};
	struct pod_diag diag = {0};
	enum pod_status st = fs.ops->open(&fs, &diag);
	if (st != POD_OK) {
		fprintf(stderr, "%s at %" PRIu64 ": %s (expected %" PRIu64 ", got %" PRIu64 ")\n", diag.what ? diag.what : "open",
			diag.offset_bytes, pod_status_text(st), diag.expected, diag.got);
		return 1;
	}
	struct pod_node root;
	if ((st = fs.ops->root(&fs, &root)) != POD_OK)
		die("root", st);
	if (!strcmp(command, "info"))
		printf("%s\n%08x\n%u\n", fs.label, fs.serial, fs.cluster_size);
	else
		tree(&fs, &root, "", *command);
	if (!strcmp(command, "cost"))
		printf("%llu bytes, %llu reads\n", file->read_bytes, file->reads);
	fs.ops->close(&fs);
	return 0;
}

static enum pod_status add(struct pod_exfat_vol *v, const char *host_file, const char *path, uint32_t flags,
			   struct pod_diag *diag)
{
	struct pod_exfat_new n;
	struct stat sb;
	static uint8_t buf[1 << 20];
	int fd = open(host_file, O_RDONLY);
	if (fd < 0 || fstat(fd, &sb) < 0) {
		perror(host_file);
		exit(1);
	}
	enum pod_status st = pod_exfat_begin(v, path, (uint64_t)sb.st_size, flags, &n, diag);
	if (st != POD_OK)
		return st;
	for (size_t i = 0; i < n.extents; i++) {
		for (uint64_t done = 0; done < n.extent[i].length_bytes;) {
			size_t len = (size_t)pod_min_u64(sizeof buf, n.extent[i].length_bytes - done);
			if (pread(fd, buf, len, (off_t)(n.extent[i].file_bytes + done)) != (ssize_t)len ||
			    pod_dev_write(v->dev, n.extent[i].dev_bytes + done, buf, len) != POD_OK) {
				pod_exfat_abort(v, &n);
				return POD_E_IO;
			}
			done += len;
		}
	}
	close(fd);
	return pod_exfat_commit(v, path, &n, sb.st_mtime, diag);
}

/* Makes PATH as much longer as HOST_FILE is, with its content; without one, `size` bytes long, the new ones zeros. */
static enum pod_status append(struct pod_exfat_vol *v, const char *host_file, uint64_t size, const char *path,
			      struct pod_diag *diag)
{
	struct pod_exfat_file f;
	int fd = host_file ? open(host_file, O_RDONLY) : -1;
	struct stat sb;
	if (host_file && (fd < 0 || fstat(fd, &sb) < 0)) {
		perror(host_file);
		exit(1);
	}
	POD_TRY(pod_exfat_file_open(v, path, &f, diag));
	uint64_t old = f.size_bytes, valid = f.valid_bytes;
	if (host_file)
		size = valid = old + (uint64_t)sb.st_size;
	enum pod_status st = pod_exfat_reserve(v, &f, size, POD_EXFAT_FRAGMENTS, diag);
	for (size_t i = 0; st == POD_OK && fd >= 0 && i < f.extents; i++) {
		const struct pod_extent *e = &f.extent[i];
		uint64_t from = old > e->file_bytes ? old - e->file_bytes : 0,
			 to = pod_min_u64(e->length_bytes, size - e->file_bytes);
		static uint8_t buf[1 << 20];
		for (; from < to && st == POD_OK; from += sizeof buf) {
			size_t n = (size_t)pod_min_u64(sizeof buf, to - from);
			if (pread(fd, buf, n, (off_t)(e->file_bytes + from - old)) != (ssize_t)n)
				st = POD_E_IO;
			else
				st = pod_dev_write(v->dev, e->dev_bytes + from, buf, n);
		}
	}
	if (st == POD_OK)
		st = pod_exfat_extend(v, path, &f, size, valid, diag);
	pod_exfat_file_close(v, &f);
	if (fd >= 0)
		close(fd);
	return st;
}

static enum pod_status cut(struct pod_exfat_vol *v, uint64_t size, const char *path, struct pod_diag *diag)
{
	struct pod_exfat_file f;
	POD_TRY(pod_exfat_file_open(v, path, &f, diag));
	enum pod_status st = pod_exfat_truncate(v, path, &f, size, diag);
	pod_exfat_file_close(v, &f);
	return st;
}

static enum pod_status change(struct pod_exfat_vol *v, int argc, char **argv, struct pod_diag *diag)
{
	const char *command = argv[1];
	if (!strcmp(command, "add") && argc == 5)
		return add(v, argv[3], argv[4], 0, diag);
	if (!strcmp(command, "replace") && argc == 5)
		return add(v, argv[3], argv[4], POD_EXFAT_REPLACE, diag);
	if (!strcmp(command, "fragments") && argc == 5)
		return add(v, argv[3], argv[4], POD_EXFAT_FRAGMENTS, diag);
	if (!strcmp(command, "append") && argc == 5)
		return append(v, argv[3], 0, argv[4], diag);
	if (!strcmp(command, "grow") && argc == 5)
		return append(v, NULL, strtoull(argv[3], NULL, 0), argv[4], diag);
	if (!strcmp(command, "cut") && argc == 5)
		return cut(v, strtoull(argv[3], NULL, 0), argv[4], diag);
	if (!strcmp(command, "attr") && argc == 5)
		return pod_exfat_set_attributes(v, argv[4], (uint16_t)strtoul(argv[3], NULL, 0), 0x27, diag);
	if (!strcmp(command, "mkdir") && argc == 4)
		return pod_exfat_mkdir(v, argv[3], 1700000000, diag);
	if (!strcmp(command, "rm") && argc == 4)
		return pod_exfat_remove(v, argv[3], diag);
	if (!strcmp(command, "mv") && argc == 5)
		return pod_exfat_rename(v, argv[3], argv[4], 0, diag);
	if (!strcmp(command, "space") && argc == 3) {
		struct pod_exfat_space s;
		pod_exfat_space(v, &s);
		printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", s.total_bytes, s.free_bytes, s.largest_run_bytes);
		return POD_OK;
	}
	return POD_E_INVALID;
}

static int writer(int argc, char **argv, struct pod_dev *dev)
{
	struct pod_exfat_vol v;
	struct pod_diag diag = {0};
	enum pod_status st;
	if (!strcmp(argv[1], "format") && argc >= 5) {
		struct pod_exfat_format f = {.label = argv[3], .cluster_size = (uint32_t)atoi(argv[4]), .serial = 0xB007ED01};
		if (argc > 5)
			dev->sector_size = (uint32_t)atoi(argv[5]);
		st = pod_exfat_format(dev, &host, &f, &diag);
	} else {
		st = pod_exfat_mount(&v, dev, &host, &diag);
		if (st == POD_OK) {
			st = change(&v, argc, argv, &diag);
			enum pod_status end = pod_exfat_unmount(&v);
			if (st == POD_OK)
				st = end;
		}
	}
	if (st != POD_OK)
		fprintf(stderr, "%s: %s: %s at %" PRIu64 " (expected %" PRIu64 ", got %" PRIu64 ")\n", argv[1],
			pod_status_text(st), diag.what ? diag.what : "", diag.offset_bytes, diag.expected, diag.got);
	return st == POD_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: exfat_tool COMMAND IMAGE ...\n");
		return 2;
	}
	struct tool_file file;
	if (!tool_open(&file, argv[2], true, 512)) {
		perror(argv[2]);
		return 1;
	}
	if (!strcmp(argv[1], "tree") || !strcmp(argv[1], "attributes") || !strcmp(argv[1], "cost") || !strcmp(argv[1], "info"))
		return reader(argv[1], &file);
	return writer(argc, argv, &file.dev);
}
