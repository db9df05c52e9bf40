/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the files of `isopod layer diff --export` go: a new folder (diff_folder.c), or a tar archive (diff_tar.c).
 *
 * Paths are as they are shown, "p2/Users/me/letter.txt": no name in them is "." or "..", has a control character, or is longer than
 * 255 bytes. What is the same twice, or lies below something that is no folder, is for the sink to refuse. All of them set errno
 * when they fail; `error`, if that is about everything.
 */
#ifndef POD_CLI_LAYER_DIFF_SINK_H
#define POD_CLI_LAYER_DIFF_SINK_H

#include <sys/types.h>
#include "cli/layer/diff_export.h"

#define DIFF_REMOVED "removed.txt"
#define DIFF_MISSING "missing.txt"

struct diff_sink {
	const struct diff_sink_ops *ops;
	char *path; /* that it is made under; shown */
	int error;  /* nothing can be written any more */
};
struct diff_sink_ops {
	bool (*folder)(struct diff_sink *s, const char *path, const struct diff_want *w);
	/* A file that is to be written with pwrite(), of that length; one at a time. -1 and errno. */
	int (*begin)(struct diff_sink *s, const char *path, uint64_t size_bytes);
	/* All that it is to hold was written, or, not `whole`, it is to be as if it had never been. */
	bool (*end)(struct diff_sink *s, const char *path, const struct diff_want *w, bool whole);
	bool (*link)(struct diff_sink *s, const char *path, const struct diff_want *w, const char *target);
	/* One of the texts above, which the sink closes. */
	FILE *(*text)(struct diff_sink *s, const char *name);
	/* `ok`: it gets its name; else nothing of it stays. Frees the sink. */
	int (*close)(struct diff_sink *s, bool ok, struct fault *fault);
};

/* NULL, and has said why. */
struct diff_sink *diff_folder_begin(const char *dir, struct fault *fault);
/* "-" is standard output. */
struct diff_sink *diff_tar_begin(const char *file, struct fault *fault);

#endif
