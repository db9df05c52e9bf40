/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan_tool IMAGE SHIM OUT [secure] [bios] [persist=FILE] [WORDS]: writes the virtual disk that the plan makes of IMAGE (with the bytes of SHIM as every machine's shim)
 * to OUT, and prints the initrds and overlays, one a line; `secure`: as with Secure Boot on; `bios`: on a BIOS; FILE: its persistence file, which lies behind it; WORDS: with these kernel arguments.
 */
#include <string.h>
#include "core/base/str.h"
#include "core/plan/persist.h"
#include "core/plan/plan.h"
#include "tests/interop/tool.h"

struct blob {
	uint8_t *data;
	size_t len;
};

static enum pod_status shim(void *ctx, enum pod_machine m, struct pod_shim *out)
{
	const struct blob *b = ctx;
	(void)m;
	out->data = b->data;
	out->len = b->len;
	return POD_OK;
}

static enum pod_status find(void *ctx, const char *path, struct pod_alloc *a, struct pod_plan_file *out)
{
	const struct pod_extent *x = ctx;
	size_t n = strlen(path), end = sizeof POD_PERSIST_SUFFIX - 1;
	if (n < end || strcmp(path + n - end, POD_PERSIST_SUFFIX) != 0)
		return POD_E_NOT_FOUND;
	out->extent = a->alloc(a, sizeof *x);
	if (!out->extent)
		return POD_E_NOMEM;
	*out->extent = *x;
	out->extent_count = 1;
	out->size_bytes = x->length_bytes;
	return POD_OK;
}

/* The bytes of `path` behind those of the image; the whole length. */
static size_t append(struct blob *image, const char *path, struct pod_extent *x)
{
	struct blob more;
	more.data = tool_slurp(path, &more.len);
	image->data = realloc(image->data, image->len + more.len);
	if (!image->data)
		exit(2);
	memcpy(image->data + image->len, more.data, more.len);
	*x = (struct pod_extent){.dev_bytes = image->len, .length_bytes = more.len};
	free(more.data);
	return image->len + more.len;
}

int main(int argc, char **argv)
{
	bool secure = argc > 4 && pod_streq(argv[4], "secure");
	int next = 4 + secure;
	bool bios = argc > next && pod_streq(argv[next], "bios");
	next += bios;
	bool persist = argc > next && strncmp(argv[next], "persist=", 8) == 0;
	next += persist;
	if (argc < 4 || argc > next + 1)
		return 2;
	struct blob image, bin;
	struct pod_extent behind = {.length_bytes = 0};
	struct pod_memdev dev;
	struct pod_diag diag = {0};
	image.data = tool_slurp(argv[1], &image.len);
	bin.data = tool_slurp(argv[2], &bin.len);
	size_t len = persist ? append(&image, argv[next - 1] + 8, &behind) : image.len;
	pod_memdev_init(&dev, image.data, len, 512, true);
	struct pod_extent x = {.length_bytes = image.len};
	struct pod_plan_request rq = {.disk = &dev.dev,
				      .extent = &x,
				      .extent_count = 1,
				      .image_bytes = image.len,
				      .path = argv[1],
				      .find = persist ? find : NULL,
				      .find_ctx = &behind,
				      .shim = shim,
				      .shim_ctx = &bin,
				      .ukis = bios ? NULL : &pod_plan_ukis,
				      .bios = bios,
				      .secure_boot = secure,
				      .arguments = argc > next ? argv[next] : NULL,
				      .state_start_bytes = 0x123456000,
				      .state_length_bytes = 0x40000,
				      .boot_number = 77};
	struct pod_plan *p = malloc(sizeof *p);
	enum pod_status st = pod_plan_make(&rq, &host, p, &diag);
	if (st != POD_OK) {
		printf("%s: %s at %llu\n", pod_status_text(st), diag.what ? diag.what : "",
		       (unsigned long long)diag.offset_bytes);
		return 1;
	}
	for (size_t i = 0; i < p->initrd_count; i++)
		printf("initrd %s machine %d by %s\n", p->initrd[i].path, (int)p->initrd[i].machine, p->initrd[i].found_by);
	if (p->offered.length_bytes)
		printf("offered %s machine %d by %s: %llu %llu\n", p->offered.path, (int)p->offered.machine, p->offered.found_by,
		       (unsigned long long)p->offered.start_bytes, (unsigned long long)p->offered.length_bytes);
	if (p->lone.length_bytes)
		printf("lone %s machine %d by %s\n", p->lone.path, (int)p->lone.machine, p->lone.found_by);
	for (size_t i = 0; i < p->overlay_count; i++)
		printf("overlay %d %s %llu %llu\n", (int)p->overlay[i].kind, p->overlay[i].path,
		       (unsigned long long)p->overlay[i].start_bytes, (unsigned long long)p->overlay[i].length_bytes);
	printf("kernel lines %u\n", p->argument_lines);
	for (uint32_t i = 0; i < p->warning_count; i++)
		printf("warning %s\n", p->warning[i]);
	FILE *out = fopen(argv[3], "wb");
	static uint8_t buf[1 << 20];
	for (uint64_t at = 0; out && at < p->map.size_bytes; at += sizeof buf) {
		size_t n = (size_t)pod_min_u64(sizeof buf, p->map.size_bytes - at);
		if (pod_map_read(&p->map, &dev.dev, at, buf, n) != POD_OK || fwrite(buf, 1, n, out) != n)
			return 3;
	}
	if (!out || fclose(out))
		return 3;
	pod_plan_free(p);
	free(p);
	free(image.data);
	free(bin.data);
	return 0;
}
