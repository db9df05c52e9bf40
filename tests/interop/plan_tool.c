/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan_tool IMAGE SHIM OUT [secure] [WORDS]: writes the virtual disk that the plan makes of IMAGE (with the bytes of SHIM as every machine's shim)
 * to OUT, and prints the initrds and overlays, one a line; `secure`: as with Secure Boot on; WORDS: with these kernel arguments.
 */
#include "core/base/str.h"
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

int main(int argc, char **argv)
{
	bool secure = argc > 4 && pod_streq(argv[4], "secure");
	if (argc < 4 || argc > 5 + secure)
		return 2;
	struct blob image, bin;
	struct pod_memdev dev;
	struct pod_diag diag = {0};
	image.data = tool_slurp(argv[1], &image.len);
	bin.data = tool_slurp(argv[2], &bin.len);
	pod_memdev_init(&dev, image.data, image.len, 512, true);
	struct pod_extent x = {.length_bytes = image.len};
	struct pod_plan_request rq = {.disk = &dev.dev,
				      .extent = &x,
				      .extent_count = 1,
				      .image_bytes = image.len,
				      .path = argv[1],
				      .shim = shim,
				      .shim_ctx = &bin,
				      .ukis = &pod_plan_ukis,
				      .secure_boot = secure,
				      .arguments = argc > 4 + secure ? argv[4 + secure] : NULL,
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
