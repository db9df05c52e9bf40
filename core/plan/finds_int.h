/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files that say how a system finds its medium. */
#ifndef POD_PLAN_FINDS_INT_H
#define POD_PLAN_FINDS_INT_H

#include "core/base/str.h"
#include "core/plan/finds.h"

/* A word of a script: quotes are gone, each variable is one POD_W_VAR. */
#define POD_W_VAR  '\x01'
#define POD_W_LEN  160u
#define POD_W_VARS 4u
struct pod_word {
	char text[POD_W_LEN];
	uint32_t var[POD_W_VARS]; /* hashes of the names of its first variables */
	uint32_t line;
};

enum { POD_CMD_WORDS = 48 };
/* A simple command, or the part of one in front of or behind a substitution. */
struct pod_command {
	struct pod_word word[POD_CMD_WORDS];
	uint32_t count;
	unsigned depth;	  /* of the substitutions it is in */
	bool piped;	  /* its output goes to a further command */
	bool from_pipe;	  /* its input comes from one */
	bool pattern;	  /* patterns of a `case` */
	bool goes_on;	  /* a part of the command before, behind a substitution */
	uint32_t inside;  /* the variable that takes the substitution's output; 0: none that is known */
	uint32_t outside; /* the variable that takes the output of what follows */
};
typedef enum pod_status pod_command_fn(void *ctx, const struct pod_command *c);

struct pod_shell;
struct pod_shell *pod_shell_new(struct pod_alloc *a);
/* Calls `cb` for each command in [start, end) of a text, whose first line is number `line`. */
enum pod_status POD_MUST_USE pod_shell_read(struct pod_shell *sh, const char *start, const char *end, uint32_t line,
					    struct pod_budget *b, pod_command_fn *cb, void *ctx);

/* FNV-1a, without regard to case: the parameter boot= becomes the variable BOOT. */
static inline uint32_t pod_finds_hash(const char *s, size_t len)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)pod_tolower(s[i])) * 16777619u;
	return h;
}

/* What a word says of devices. */
enum pod_device_word {
	POD_DW_NONE,
	POD_DW_ANY,
	POD_DW_ID,	 /* by a label or identifier that the word itself has */
	POD_DW_ID_ASKED, /* by one that somebody must give */
	POD_DW_DEVICE,
	POD_DW_WHOLE,
	POD_DW_OPTICAL, /* by a name in /dev */
	POD_DW_DRIVES,	/* optical drives, as the kernel or udev list them */
	POD_DW_COUNT,
};
/* `derived`: the word's first variable holds a name of a disk. */
enum pod_device_word pod_device_word(const char *word, bool derived);
/* "sda", "sr*": a name without a folder. */
enum pod_device_word pod_device_name(const char *name);
/* Shell patterns; a variable is any text. */
bool pod_finds_match(const char *pattern, const char *text);

/* The files. */
struct pod_finds_files {
	struct pod_alloc *alloc;
	const struct pod_finds_file *file;
	size_t count;
	uint32_t *order; /* by path, the last one of each only */
	size_t sorted;
	uint64_t looked_at; /* files, since somebody paid for it */
};
#define POD_FINDS_NO_FILE UINT32_MAX
enum pod_status POD_MUST_USE pod_finds_files_open(struct pod_finds_files *fs, const struct pod_finds_request *rq,
						  struct pod_alloc *a);
void pod_finds_files_close(struct pod_finds_files *fs);
/* Follows links. */
uint32_t pod_finds_lookup(const struct pod_finds_files *fs, const char *path);
/* A command by its name alone. */
uint32_t pod_finds_program(const struct pod_finds_files *fs, const char *name);
/* Calls `cb` for each file that a path with patterns and variables means, or that is in a folder of that path. False: there is none. */
typedef void pod_finds_file_fn(void *ctx, uint32_t file, bool in_folder);
bool pod_finds_each(struct pod_finds_files *fs, const char *path, pod_finds_file_fn *cb, void *ctx);

/* What is known of the command lines. */
bool pod_command_has_value(const struct pod_finds_request *rq, uint32_t name_hash, const char *value);
/* The clue in them, if `known` says of a parameter's name that the initramfs has it. */
enum pod_device_word pod_command_look(const struct pod_finds_request *rq, bool (*known)(void *ctx, const char *name, size_t len),
				      void *ctx, struct pod_finds_clue *clue);

/* --- what is reached ----------------------------------------------------------------------------------------- */

/* A function of a script, or what is outside of all. */
struct pod_unit {
	uint32_t file, line;
	uint32_t name; /* hash; 0: outside */
	uint32_t next; /* of the same bucket, + 1 */
	const char *start, *end;
	bool reached;
	bool gives; /* it deals with names of disks, and may print one */
};

struct pod_script {
	uint32_t order; /* in which it was reached: what is sourced later defines functions anew; 0: not */
	bool sourced;
};

#define POD_FINDS_UNIT_MAX 65536u
enum { POD_FINDS_BUCKETS = 1024, POD_FINDS_NAMES = 1024 };

struct pod_finder {
	const struct pod_finds_request *rq;
	struct pod_alloc *alloc;
	struct pod_finds_files files;
	struct pod_shell *shell;
	struct pod_script *script; /* of each file */
	uint32_t orders;
	struct pod_unit *unit;
	size_t unit_count, unit_cap;
	uint32_t bucket[POD_FINDS_BUCKETS]; /* of units by name, + 1 */
	uint32_t derived[POD_FINDS_NAMES];  /* variables that hold a disk's name */
	uint32_t assigned[POD_FINDS_NAMES]; /* name and literal value, hashed together */
	struct pod_unit *now;		    /* that is being read */
	bool changed;
	unsigned programs; /* within each other, that are being read */
	bool pipe;	   /* what comes through the pipe has names of disks */
	enum pod_status st;
	struct pod_finds_clue clue[POD_DW_COUNT];
	uint8_t rank[POD_DW_COUNT];
	struct pod_finds_clue opaque;  /* a program that is not to be seen through */
	struct pod_finds_clue outside; /* something that is mounted, and not known */
	struct pod_finds_clue init;
};

/* A set of hashes in a table of POD_FINDS_NAMES; full: nothing more is taken. True: it is new. */
bool pod_finds_put(uint32_t *set, uint32_t hash);
bool pod_finds_has(const uint32_t *set, uint32_t hash);

enum { POD_REACH_RUN = 1, POD_REACH_SOURCE = 2, POD_REACH_INIT = 4, POD_REACH_NAMED = 8, POD_REACH_FOLDER = 16 };
/* A file is led to. */
void pod_reach_file(struct pod_finder *f, uint32_t file, unsigned how);
/* All that a path with patterns and variables means. */
void pod_reach_path(struct pod_finder *f, const struct pod_word *w, unsigned how);
/* The functions of that name; `with_disk`: one of the arguments is a disk. *gives: one of them may print disks. */
void pod_reach_function(struct pod_finder *f, const char *name, bool with_disk, bool *gives);
/* The variables of a function's arguments are one. */
uint32_t pod_argument_hash(uint32_t function);

/* One command of f->now. */
enum pod_status pod_finds_command_means(void *ctx, const struct pod_command *c);
/* A word, or a string of a program. The better evidence stays: 0, the value of a variable; 1, something is done with it; 2, it is
 * one of the kernel's lists of devices, or comes from there. */
void pod_finds_note(struct pod_finder *f, enum pod_device_word w, const char *file, uint32_t line, const char *word,
		    uint8_t rank);
/* `list`: words with a space in front of and behind each. */
bool pod_is_one_of(const char *name, const char *list);

void pod_finds_clue_set(struct pod_finds_clue *c, const char *file, uint32_t line, const char *word, size_t len);

#endif
