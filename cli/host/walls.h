/* SPDX-License-Identifier: BSD-2-Clause */
/* What sandbox.c builds its child's walls of. */
#ifndef POD_CLI_HOST_WALLS_H
#define POD_CLI_HOST_WALLS_H

#include "cli/host/sandbox.h"

/* Whose rights the child has. */
struct walls_identity {
	uid_t uid;
	gid_t gid;
	bool change; /* from ours */
};
struct walls_identity walls_identity(void);

struct walls {
	const struct sandbox *s;
	struct walls_identity id;
	const char *folder; /* empty, and the child's: what its tmpfs is mounted on, or where it works without one */
	int answers;	    /* the pipe */
	unsigned standing;  /* bits of enum sandbox_wall */
	uint64_t mapped_bytes;
	const char *failed; /* what could not be done, and errno why */
};

/* In the first child, before it forks the second one, which is process 1 of the new PID namespace. */
void walls_unshare(struct walls *w);
/* In the second: everything else. False: it must not go on. */
bool walls_close_in(struct walls *w);
/* In a child of that which is about to run a program. */
void walls_before_exec(const struct walls *w);

/* seccomp.c: denies everything that is not on its list. */
enum walls_filter {
	FILTER_FUNCTION, /* no new process, no program */
	FILTER_START,	 /* both, for the one that starts a program */
	FILTER_PROGRAM,	 /* on top of that, for the program: no new process */
};
bool walls_filter(enum walls_filter kind);

#endif
