/* SPDX-License-Identifier: BSD-2-Clause */
/* unpack_tool FILE HAVE MAX: unpacks the first MAX bytes of FILE from its first HAVE bytes, or as many as it needs, to the standard
 * output.
 * unpack_tool FILE all MAX: all of it, which is MAX bytes at most; on the other stream, how many bytes of FILE that was. */
#include <string.h>
#include "core/base/unpack.h"
#include "tests/interop/tool.h"

static int unpack_all(const uint8_t *data, size_t size, size_t max)
{
	size_t len, used;
	/* Blocks of their own, so that the sanitizer sees a byte too far. */
	static uint8_t *in, *out; /* reachable when it ends */
	in = malloc(size);
	out = malloc(max);
	if (!in || !out)
		return 2;
	memcpy(in, data, size);
	enum pod_status st = pod_unpack_all(&host, in, size, out, max, NULL, &len, &used);
	fprintf(stderr, "%s %zu\n", pod_status_text(st), used);
	if (st != POD_OK)
		return 1;
	return fwrite(out, 1, len, stdout) == len ? 0 : 2;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	size_t size, have = strtoul(argv[2], NULL, 0), max = strtoul(argv[3], NULL, 0), len = 0;
	static uint8_t *data;
	data = tool_slurp(argv[1], &size);
	if (strcmp(argv[2], "all") == 0)
		return unpack_all(data, size, max);
	size_t need = pod_unpack_needs(data, have < size ? have : size);
	have = need > have ? need : have;
	have = have < size ? have : size;
	/* Blocks of their own, so that the sanitizer sees a byte too far. */
	static uint8_t *in, *out; /* reachable when it ends */
	in = malloc(have);
	out = malloc(max);
	if (!in || !out)
		return 2;
	memcpy(in, data, have);
	enum pod_status st = pod_unpack_first(&host, in, have, out, max, &len);
	if (st != POD_OK) {
		fprintf(stderr, "%s\n", pod_status_text(st));
		return 1;
	}
	return fwrite(out, 1, len, stdout) == len ? 0 : 2;
}
