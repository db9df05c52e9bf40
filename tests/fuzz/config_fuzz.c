/* SPDX-License-Identifier: BSD-2-Clause */
/* Loader configuration texts: every name given lies inside the text, and the walk ends. */
#include <stdlib.h>
#include "core/plan/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bounds {
	const char *start, *end;
};

static void inside(void *ctx, const char *path, size_t len)
{
	const struct bounds *b = ctx;
	if (path < b->start || path + len > b->end || len >= 256 || len == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bounds b = {(const char *)data, (const char *)data + size};
	pod_config_initrds(b.start, size, inside, &b);
	return 0;
}
