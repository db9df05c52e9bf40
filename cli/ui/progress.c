/* SPDX-License-Identifier: BSD-2-Clause */
/* The progress bar: drawn at most ten times a second, only on a terminal, erased when done. */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli/ui/ui.h"
#include "core/base/str.h"
#include "core/base/text.h"

void cli_progress_start(struct cli_progress *p, const char *label, uint64_t total)
{
	memset(p, 0, sizeof *p);
	p->label = label;
	p->total = total;
	p->active = isatty(STDERR_FILENO) && total > 0;
	p->started_ms = cli_millis();
}

static unsigned terminal_columns(void)
{
	struct winsize ws;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col >= 40)
		return ws.ws_col;
	return 80;
}

void cli_progress_update(struct cli_progress *p, uint64_t done)
{
	char bar[33], size[16], rate[16], label[64];
	uint64_t now, took, left;
	unsigned percent, cells, width;

	if (!p->active)
		return;
	now = cli_millis();
	if (p->shown_at_ms && now - p->shown_at_ms < 100 && done < p->total)
		return;
	p->shown_at_ms = now;
	took = now - p->started_ms;
	percent = (unsigned)(done * 100 / p->total);
	cells = (unsigned)(done * (sizeof bar - 1) / p->total);
	memset(bar, '.', sizeof bar - 1);
	memset(bar, '#', cells);
	bar[sizeof bar - 1] = '\0';
	left = done && took > 500 ? took * (p->total - done) / done / 1000 : 0;
	width = terminal_columns();
	/* 70 columns of figures; the label takes what is left, at most 40 bytes */
	pod_strlcpy(label, p->label, width > 110 ? 40 : width > 90 ? width - 70 : 20);
	pod_text_disarm(label, NULL);
	fprintf(stderr, "\r\033[K%s [%s] %3u%% %s %s/s", label, bar, percent, pod_format_size(size, done),
		pod_format_size(rate, took ? done * 1000 / took : 0));
	if (left)
		fprintf(stderr, " %u:%02u", (unsigned)(left / 60), (unsigned)(left % 60));
	fflush(stderr);
}

void cli_progress_end(struct cli_progress *p)
{
	if (p->active && p->shown_at_ms) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
	p->active = false;
}
