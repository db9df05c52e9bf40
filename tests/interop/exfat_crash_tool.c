/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exfat_crash DIR CLUSTER_SIZE [OPERATION [STEP]]: every state a power cut can leave (tests/unit/faultdev.h) of the operations in
 * tests/unit/exfat_scenario.h, shown to fsck.exfat -n. States that were seen already are not shown twice; of operations with many
 * states every STEPth is shown. Prints one line per operation and "N passed, N failed".
 *
 * Where a chained file changes its length, its chain is longer than it for a moment: there fsck.exfat must say this and nothing
 * else, and after fsck.exfat -y the volume must be clean and hold what it held before or after the operation.
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
	long shown, bad, met, step, stray, longer;
	bool long_chain;
	size_t end; /* the operation is done, and flushed */
	struct listing before, after;
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

/* fsck.exfat cuts the chain, and the file is what it was. */
static bool mended(struct show *s, const char *path)
{
	char command[1200];
	struct listing l;
	struct fault_dev f;
	snprintf(command, sizeof command,
		 "test $(grep -c ERROR %s/log) = 1 && grep -q 'more clusters are allocated' %s/log && "
		 "! fsck.exfat -y %s >%s/log2 2>&1 && fsck.exfat -n %s >%s/log3 2>&1",
		 s->dir, s->dir, path, s->dir, path, s->dir);
	FILE *file = system(command) == 0 ? fopen(path, "rb") : NULL;
	if (!file)
		return false;
	bool ok = fread(s->state, 1, SIZE, file) == SIZE;
	fclose(file);
	fault_init(&f, s->state, SIZE, 512);
	list_volume(&l, &f.dev, &host);
	ok = ok && (list_equal(&l, &s->before) || list_equal(&l, &s->after));
	list_free(&l);
	s->longer += ok;
	return ok;
}

static void check(void *ctx, size_t cut)
{
	struct show *s = ctx;
	char path[512], command[1200];
	uint64_t d = digest(s->state);
	for (size_t i = 0; i < s->n; i++)
		if (s->seen[i] == d && cut != s->end)
			return;
	if (s->n < SEEN)
		s->seen[s->n++] = d;
	if (s->met++ % s->step && cut != s->end)
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
	if (st != 0 && s->long_chain && cut != s->end && mended(s, path))
		return;
	if (st == 0)
		return;
	printf("%s, cut at %zu: fsck.exfat ends with %d: ", s->name, cut, WEXITSTATUS(st));
	fflush(stdout);
	snprintf(command, sizeof command, "(grep ERROR %s/log || cat %s/log) | head -n 3 | tr '\\n' ' '; echo", s->dir, s->dir);
	int told = system(command);
	if (s->bad++ < 3) {
		snprintf(command, sizeof command, "cp %s %s/bad.%s.%zu", path, s->dir, s->name, cut);
		told |= system(command);
	}
	if (told != 0)
		exit(1);
}

/* Why the operation as a whole is none that passed; NULL: it is. */
static const char *verdict(const struct show *s, enum pod_status st)
{
	if (st != POD_OK)
		return pod_status_text(st);
	if (s->before.st != POD_OK || s->after.st != POD_OK)
		return "the volume cannot be listed";
	if (!s->shown)
		return "no state was shown";
	return s->bad ? "bad states" : NULL;
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
		s->shown = s->bad = s->met = s->stray = s->longer = 0;
		s->long_chain = operations[i].long_chain;
		list_volume(&s->before, &f.dev, &host);
		s->step = argc > 4 ? atoi(argv[4]) : 1;
		enum pod_status st = run_operation(&operations[i], &f.dev, &host);
		list_volume(&s->after, &f.dev, &host);
		s->end = f.n;
		fault_states(&f, s->state, i, check, s);
		const char *why_not = verdict(s, st);
		printf("%s %s: %s; %ld of %ld states shown, %ld bad, %ld with a remark, %ld with a long chain\n",
		       why_not ? "FAILED" : "ok", s->name, why_not ? why_not : "done", s->shown, s->met, s->bad, s->stray,
		       s->longer);
		fflush(stdout);
		*(why_not ? &failed : &passed) += 1;
		list_free(&s->before);
		list_free(&s->after);
		fault_fini(&f);
	}
	printf("%d passed, %d failed\n", passed, failed);
	free(base);
	free(data);
	free(s->state);
	free(s);
	return failed != 0 || passed == 0;
}
