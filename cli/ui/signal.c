/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGINT, SIGTERM, SIGHUP; the clock that does not jump. */
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include "cli/ui/ui.h"

volatile int cli_interrupted;

static void on_signal(int sig)
{
	/* A second one ends us at once: the first may wait for a drive that no longer answers. */
	if (cli_interrupted)
		_exit(128 + sig);
	cli_interrupted = sig;
}

void cli_catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

uint64_t cli_millis(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}
