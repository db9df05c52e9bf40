/* SPDX-License-Identifier: BSD-2-Clause */
/* layer_call STORE TIMES: snapshot and rollback as library calls, the store open; prints microseconds of each, one pair a line.
 */
#include <stdlib.h>
#include <time.h>
#include "cli/layer/ops.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	struct layer_store ls;
	struct fault fault = {0};
	int rc;

	if (argc != 3)
		return CLI_USAGE;
	rc = layer_store_open(&ls, argv[1], true, &fault);
	for (int i = 0; rc == CLI_OK && i < atoi(argv[2]); i++) {
		double a = now(), b;

		rc = layer_store_snapshot(&ls, NULL, &fault);
		b = now();
		if (rc == CLI_OK)
			rc = layer_store_rollback(&ls, NULL, true, &fault);
		printf("%.0f %.0f\n", b - a, now() - b);
	}
	layer_store_close(&ls, &fault);
	fault_print(&fault);
	fault_free(&fault);
	return rc;
}
