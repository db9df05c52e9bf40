/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fatdisk_tool OUT SOURCE PATH=START+LENGTH[,...]...: a disk of files that are slices of SOURCE ("m" in front of a START: copied
 * into memory; "z": zeros), written to OUT, and its partition to OUT.volume, with its zeros as holes.
 */
#include <string.h>
#include "core/base/mem.h"
#include "core/map/fatdisk.h"
#include "tests/interop/tool.h"

static struct pod_fatdisk disk;
static struct pod_map source, zeros;
static struct tool_file file;

static void must(enum pod_status st, const char *what)
{
	if (st == POD_OK)
		return;
	printf("%s: %s\n", what, pod_status_text(st));
	exit(1);
}

static void add(char *spec)
{
	char *p = strchr(spec, '=');
	*p++ = '\0';
	must(pod_fatdisk_file(&disk, spec), spec);
	while (*p) {
		char kind = *p == 'm' || *p == 'z' ? *p++ : 0;
		unsigned long long start = strtoull(p, &p, 10), len = strtoull(p + 1, &p, 10);
		uint8_t *to;
		if (kind == 'm') {
			must(pod_fatdisk_room(&disk, len, &to), "room");
			must(pod_map_read(&source, &file.dev, start, to, len), "source");
		} else {
			must(pod_fatdisk_slice(&disk, kind == 'z' ? &zeros : &source, start, len), "slice");
		}
		p += *p == ',';
	}
}

/* The disk from `from` on. */
static int write_out(const struct pod_map *m, const char *path, off_t from)
{
	static uint8_t buf[1 << 20];
	int out = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (out < 0 || ftruncate(out, (off_t)m->size_bytes - from))
		return 3;
	for (size_t i = 0; i < m->count; i++) {
		const struct pod_seg *s = &m->seg[i];
		for (uint64_t at = 0; at < s->length_bytes && s->kind != POD_SEG_ZERO; at += sizeof buf) {
			size_t n = (size_t)pod_min_u64(sizeof buf, s->length_bytes - at);
			must(pod_map_read(m, &file.dev, s->start_bytes + at, buf, n), "read");
			if ((off_t)s->start_bytes >= from &&
			    pwrite(out, buf, n, (off_t)(s->start_bytes + at) - from) != (ssize_t)n)
				return 3;
		}
	}
	return close(out) ? 3 : 0;
}

int main(int argc, char **argv)
{
	char volume[256];
	const struct pod_fatdisk_params params = {.signature = 0xC0FFEE01, .serial = 0x12345678, .label = "ISOPOD"};
	struct pod_map m;
	if (argc < 3 || !tool_open(&file, argv[2], false, 512))
		return 2;
	pod_map_init(&source, &host);
	must(pod_map_append(&source, POD_SEG_DEV, 0, file.dev.size_bytes), "map");
	pod_map_init(&zeros, &host);
	must(pod_map_append(&zeros, POD_SEG_ZERO, 0, UINT64_C(1) << 32), "map");
	must(pod_fatdisk_init(&disk, &file.dev, &host), "disk");
	for (int i = 3; i < argc; i++)
		add(argv[i]);
	must(pod_fatdisk_finish(&disk, &params, &m, NULL), "finish");
	int rc = write_out(&m, argv[1], 0);
	snprintf(volume, sizeof volume, "%s.volume", argv[1]);
	if (!rc)
		rc = write_out(&m, volume, (off_t)POD_FATDISK_PART_LBA * POD_FATDISK_SECTOR);
	pod_map_fini(&m);
	pod_map_fini(&source);
	pod_map_fini(&zeros);
	pod_fatdisk_fini(&disk);
	return rc;
}
