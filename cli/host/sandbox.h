/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What others wrote and what a medium feeds it, behind walls: a program, or a function of ours that calls a library, runs in a
 * child process that can neither see nor change what it was not given, with limits on time, memory and everything it says and
 * writes. A bomb or a crash in it is a sentence of ours.
 *
 * The child (walls.c, seccomp.c) runs as the invoking user (SUDO_UID; nobody, if root called) without groups or capabilities, in
 * namespaces of its own (mount, PID, network, IPC, UTS; as a user in a user namespace), in an empty root with one small tmpfs
 * that can be written to, under Landlock, a seccomp filter and resource limits. It dies with us. What a kernel has not got is
 * left out, and sandbox_walls() tells; but root starts nothing that would stay root, or could write anywhere.
 *
 * `work` runs in the child, on a copy of our memory (fork). Of the files we hold open it keeps those open for reading only (the
 * media); its own answers come back as records through a pipe. Whoever takes them believes nothing.
 */
#ifndef POD_CLI_HOST_SANDBOX_H
#define POD_CLI_HOST_SANDBOX_H

#include "cli/host/proc.h"
#include "cli/ui/ui.h"

#define SANDBOX_INPUTS	   32u
#define SANDBOX_RECORD_MAX (32u << 20)

struct sandbox_child;

struct sandbox {
	const char *who;   /* in sentences: "libwim" */
	const char *about; /* what it is let loose on: "/sources/boot.wim" */
	const char
		*program; /* that `work` starts, by its whole path (cli_proc_find): /usr and the like can be seen; NULL: none */
	unsigned seconds; /* of real and of CPU time; 0: until it ends by itself, or a signal ends us */
	uint64_t memory_bytes; /* 0: 1 GiB; 4 GiB of addresses for a program */
	uint64_t disk_bytes;   /* of the folder it works in, which is its only one; 0: 64 MiB */
	unsigned files_max;    /* in there; 0: 4096 */
	uint64_t answer_bytes; /* all records; 0: 64 MiB */
	/* Open files that it can open again, as "in0", "in1" ... in its folder. What is open for writing can be written to. */
	int input[SANDBOX_INPUTS];
	unsigned inputs;
	int keep[SANDBOX_INPUTS]; /* open files that keep their number, a program's too: sockets */
	unsigned keeps;
	void (*work)(struct sandbox_child *c, void *ctx);
	void *ctx;
	/* In our own process. False: no answer that `work` would give, and the end of it. NULL: there are none. */
	bool (*take)(void *ctx, unsigned kind, const uint8_t *data, size_t len);
	void *take_ctx;
};

enum sandbox_result {
	SANDBOX_DONE,	     /* `work` has returned, and all of its records were taken */
	SANDBOX_BAD,	     /* it crashed, reached a limit, or lied: so much for the medium */
	SANDBOX_NOT_STARTED, /* nothing is known about the medium */
};
/* But for DONE the fault says in one sentence what happened. */
enum sandbox_result sandbox_run(const struct sandbox *s, struct fault *fault);
/* Can a file that is open be opened again by the child, under its own identity, for reading? */
bool sandbox_can_open(int fd);
/* A new file of ours becomes the child's, to be written to, and ours again. False: errno tells. */
bool sandbox_lend(int fd);
bool sandbox_take_back(int fd);

/* For `work`. A record of any kind but 0. */
void sandbox_send(struct sandbox_child *c, unsigned kind, const void *data, size_t len);
/* Records are gathered; what somebody waits for (progress) is sent at once. */
void sandbox_flush(struct sandbox_child *c);
/* Runs the program to its end, mute, in the folder; its exit status. One that crashes ends the child. */
int sandbox_exec(struct sandbox_child *c, const struct cli_args *a);
/* The same, and all that `work` would do: `s->program` with these arguments. Its exit status, or -1, and the fault says why. */
int sandbox_program(const struct sandbox *s, const struct cli_args *a, struct fault *fault);

/* Which walls stand on this machine, found out by a child that does nothing. Bits, lowest first: sandbox_wall_name(). */
enum sandbox_wall {
	WALL_IDENTITY,
	WALL_MOUNT,
	WALL_PID,
	WALL_NETWORK,
	WALL_IPC,
	WALL_UTS,
	WALL_LANDLOCK,
	WALL_SECCOMP,
	WALL_COUNT,
};
bool sandbox_walls(unsigned *walls, struct fault *fault);
const char *sandbox_wall_name(enum sandbox_wall wall); /* one English word, for JSON and reports */

#endif
