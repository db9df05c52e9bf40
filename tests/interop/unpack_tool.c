/* SPDX-License-Identifier: BSD-2-Clause */
/* unpack_tool FILE HAVE MAX: unpacks the first MAX bytes of FILE from its first HAVE bytes, or as many as it needs, to the standard
 * output. */
#include <string.h>
#include "core/base/unpack.h"
#include "tests/interop/tool.h"

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	size_t size, have = strtoul(argv[2], NULL, 0), max = strtoul(argv[3], NULL, 0), len = 0;
	static uint8_t *data;
	data = tool_slurp(argv[1], &size);
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
