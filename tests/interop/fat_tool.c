/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fat FILE format BITS SECTOR LABEL     an empty volume over the whole file
 * fat FILE mkdir PATH
 * fat FILE put DIR NAME=HOSTFILE...     several files at once; prints how many lost clusters were reclaimed
 * With STOP_AFTER=n in the environment the n-th sector write and all later ones do not happen (and it ends with 9).
 */
#include <string.h>
#include "core/fs/fat_write.h"
#include "tests/interop/tool.h"

static long left = -1;

static enum pod_status sector_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	for (size_t i = 0; i < len; i += d->sector_size) {
		if (left == 0)
			exit(9);
		left -= left > 0;
		POD_TRY(tool_write(d, off + i, (const char *)buf + i, d->sector_size));
	}
	return POD_OK;
}

static enum pod_status put(struct pod_fatw *w, int argc, char **argv)
{
	struct pod_fatw_file f[16];
	uint32_t n = 0;
	for (int i = 4; i < argc && n < 16; i++, n++) {
		size_t len;
		char *eq = strchr(argv[i], '=');
		*eq = 0;
		f[n].name = argv[i];
		f[n].data = tool_slurp(eq + 1, &len);
		f[n].len = (uint32_t)len;
	}
	enum pod_status st = pod_fatw_put(w, argv[3], f, n);
	while (n--)
		free((void *)(uintptr_t)f[n].data);
	return st;
}

int main(int argc, char **argv)
{
	struct tool_file file;
	struct pod_fatw w;
	if (argc < 4)
		return 2;
	if (!tool_open(&file, argv[1], true, 512))
		return 2;
	file.dev.write = sector_write;
	if (getenv("STOP_AFTER"))
		left = atol(getenv("STOP_AFTER"));
	enum pod_status st;
	if (!strcmp(argv[2], "format") && argc == 6) {
		struct pod_fat_params pp = {.bits = (uint32_t)atoi(argv[3]),
					    .sector_size = (uint32_t)atoi(argv[4]),
					    .serial = 0xCAFE1234,
					    .label = argv[5],
					    .hidden_sectors = 2048,
					    .date = 0x5821};
		file.dev.sector_size = pp.sector_size;
		st = pod_fat_format(&file.dev, &host, &pp, NULL);
	} else {
		st = pod_fatw_open(&w, &file.dev, &host, 0x5821, 0x6000, NULL);
		if (st == POD_OK) {
			printf("reclaimed %u\n", w.reclaimed);
			st = !strcmp(argv[2], "mkdir") ? pod_fatw_mkdir(&w, argv[3]) : put(&w, argc, argv);
			pod_fatw_close(&w);
		}
	}
	if (st != POD_OK)
		fprintf(stderr, "%s\n", pod_status_text(st));
	return st != POD_OK;
}
