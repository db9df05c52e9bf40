/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exfat_crash DIR CLUSTER_SIZE [OPERATION [STEP]]: every state a power cut can leave (tests/unit/faultdev.h) of the operations in
 * tests/unit/exfat_scenario.h, shown to fsck.exfat -n. States that were seen already are not shown twice; of operations with many
 * states every STEPth is shown. Prints one line per operation and "N passed, N failed".
 */
#include <sys/wait.h>
#include "tests/interop/tool.h"
#include "tests/unit/exfat_scenario.h"

enum { SIZE = 1 << 20, SEEN = 1 << 16 };

struct show {
	const char *dir, *name;
	uint8_t *state;
	uint64_t seen[SEEN];
	size_t n;
	long shown, bad, met, step, stray;
};

static uint64_t digest(const uint8_t *p)
{
	uint64_t h = 0, w;
	for (size_t i = 0; i < SIZE; i += 8) {
		memcpy(&w, p + i, 8);
		h = (h ^ w) * 0x9E3779B97F4A7C15u;
		h ^= h >> 29;
	}
	return h;
}

static void check(void *ctx, size_t cut)
{
	struct show *s = ctx;
	char path[512], command[1200];
	uint64_t d = digest(s->state);
	for (size_t i = 0; i < s->n; i++)
		if (s->seen[i] == d)
			return;
	if (s->n < SEEN)
		s->seen[s->n++] = d;
	if (s->met++ % s->step)
		return;
	snprintf(path, sizeof path, "%s/state", s->dir);
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(s->state, 1, SIZE, f) != SIZE || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
	snprintf(command, sizeof command, "fsck.exfat -n %s >%s/log 2>&1", path, s->dir);
	int st = system(command);
	s->shown++;
	snprintf(command, sizeof command, "grep -q ERROR %s/log", s->dir);
	if (system(command) == 0)
		s->stray++;
	if (st != 0 && s->bad++ < 3) {
		printf("%s, cut at %zu: fsck.exfat ends with %d\n", s->name, cut, WEXITSTATUS(st));
		fflush(stdout);
		snprintf(command, sizeof command, "head -n 5 %s/log; cp %s %s/bad.%s.%zu", s->dir, path, s->dir, s->name, cut);
		if (system(command) != 0)
			exit(1);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	uint8_t *base = calloc(1, SIZE), *data = malloc(SIZE);
	struct show *s = calloc(1, sizeof *s);
	struct fault_dev f;
	int passed = 0, failed = 0;
	s->dir = argv[1];
	s->state = malloc(SIZE);
	fault_init(&f, base, SIZE, 512);
	scenario_base(&f, &host, (uint32_t)atoi(argv[2]));
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
		if (argc > 3 && argv[3][0] && strcmp(argv[3], operations[i].name) != 0)
			continue;
		memcpy(data, base, SIZE);
		fault_init(&f, data, SIZE, 512);
		fault_record(&f);
		s->name = operations[i].name;
		s->n = 0;
		s->shown = s->bad = s->met = s->stray = 0;
		s->step = argc > 4 ? atoi(argv[4]) : 1;
		enum pod_status st = run_operation(&operations[i], &f.dev, &host);
		fault_states(&f, s->state, i, check, s);
		printf("%s: %s; %ld of %ld states shown, %ld bad, %ld with a remark\n", s->name, pod_status_text(st), s->shown,
		       s->met, s->bad, s->stray);
		fflush(stdout);
		if (st != POD_OK || s->bad)
			failed++;
		else
			passed++;
		fault_fini(&f);
	}
	printf("%d passed, %d failed\n", passed, failed);
	free(base);
	free(data);
	free(s->state);
	free(s);
	return failed != 0;
}
