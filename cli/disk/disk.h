/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual disks as files of the host: what `isopod disk` and the layer store share. */
#ifndef POD_CLI_DISK_H
#define POD_CLI_DISK_H

#include <sys/stat.h>
#include "cli/ui/ui.h"
#include "cli/host/dev.h"
#include "core/vhd/chain.h"

struct disk_elsewhere;
/* A file that a virtual disk lives in: of the host or, for reading, TARGET:/path. Points into itself once it is open: not to be copied. */
struct disk_file {
	struct pod_vfile vf; /* first */
	struct cli_dev dev;
	struct disk_elsewhere *elsewhere; /* elsewhere.h; NULL: a file of the host */
	bool unsafe;			  /* read although somebody may be writing to it; its parents are read so too */
};
/* What a disk is opened for. The files of a reader, and the parents of a writer, are locked against writers; what is written to,
 * against readers too (cli/host/lock.h). */
enum disk_use {
	DISK_READ = false,
	DISK_WRITE = true,
	DISK_READ_UNSAFE = 2, /* no locks: what is read may be half-written */
	DISK_USE = 3,	      /* those above */
	DISK_FOLLOW = 4,      /* or'ed to them: files that an image of another program names are opened too */
};
/* Both say what is wrong. `create` makes a new file and refuses an old one. */
bool disk_file_open(struct disk_file *f, const char *path, enum disk_use use, struct fault *fault);
bool disk_file_create(struct disk_file *f, const char *path, struct fault *fault);
void disk_file_close(struct disk_file *f);
/* fsync, the folder it lies in included. */
bool disk_file_sync(struct disk_file *f, struct fault *fault);

/* Identifiers and time from the host. */
extern const struct pod_vhd_env disk_env;

struct disk {
	struct pod_chain chain;
	struct pod_chain_opener opener; /* finds parents next to their children; its ctx is a struct fault, or NULL */
	struct disk_file file;
	char failed[POD_VHD_PATH_MAX];
	enum pod_status st; /* why it could not be opened */
	struct pod_diag diag;
};
/* "raw", "vhd" ...: what the user said of a file with --input-format. False: none of them. */
#define DISK_INPUT_OPTION                                                                                                        \
	{                                                                                                                        \
		"input-format", required_argument, NULL, 'F'                                                                     \
	}
/* Files that an image of another program names are opened from now on: its backing file, its extents. */
#define DISK_FOLLOW_OPTION                                                                                                       \
	{                                                                                                                        \
		"follow", no_argument, NULL, 'L'                                                                                 \
	}
bool disk_parse_input(const char *text, enum pod_diskfile *said);
/* How a file holds its disk: what was said, what is in it, its name. CLI_OK, or CLI_FAILED, and has said why. */
int disk_decide(struct disk_file *f, enum pod_diskfile said, enum pod_diskfile *out, struct fault *fault);
/* CLI_FAILED: a container of another program, which is only read here, or not even that. */
int disk_only_read(const char *path, enum pod_diskfile format, struct fault *fault);
int disk_cannot_be_parent(const char *path, const struct pod_member *l, struct fault *fault);
/* The same of an open file; CLI_OK if it is none. */
int disk_is_ours(struct disk_file *f, struct fault *fault);
/* For what is to be a drive's own bytes (a stick): CLI_OK unless its name or its content says that it is a container. */
int disk_must_be_raw(struct cli_dev *dev, const char *path, struct fault *fault);
/* Opens an image and its parents; `said`: POD_DISKFILE_NONE for nothing. CLI_OK, or CLI_FAILED, and has said why. */
int disk_open(struct disk *d, const char *path, enum pod_diskfile said, enum disk_use use, struct fault *fault);
struct disk_look {
	enum pod_diskfile said;
	enum disk_use use; /* how the file is opened, and so its parents */
	uint64_t steps;	   /* opening costs at most so many, of a budget that the parents share */
	bool partial;	   /* as far as the chain goes: d->st tells whether it is whole, disk_broken says why not */
};
/* The same to report about it: the rest only ends with cli_interrupted, as POD_E_CANCELLED. */
int disk_look(struct disk *d, const char *path, const struct disk_look *how, struct fault *fault);
/* Says why an image, or a parent of it, could not be opened. */
int disk_broken(const struct disk *d, const char *path, struct fault *fault);
/* Files that somebody writes to meanwhile are read all the same. */
#define DISK_UNSAFE_OPTION                                                                                                       \
	{                                                                                                                        \
		"unsafe-read", no_argument, NULL, 'U'                                                                            \
	}
/* Writes what is pending. CLI_OK, or CLI_FAILED, and has said why. */
int disk_close(struct disk *d, struct fault *fault);
/* One line for a failure with an image; `parent` is the path of a parent that the failure is about, "" or NULL for none. */
int disk_fail(const char *path, const char *what, enum pod_status st, const struct pod_diag *diag, const char *parent,
	      struct fault *fault);
/* `parent` as a child in the folder of `child` names it: relative, with backslashes. NULL, and said, if a path does not exist. */
char *disk_relative(const char *child, const char *parent, struct fault *fault);
/* What a child's path of its parent may mean here. Whether it is the right one is for the identifiers to say. The caller frees. */
char *disk_parent_place(const char *child, enum pod_parent_path kind, const char *path);
/* The same, and what is there: a child that is reached through a link lies where the link leads to. NULL: nothing is there. */
char *disk_parent_find(const char *child, enum pod_parent_path kind, const char *path, struct stat *st);
/* The path of the direct parent of an open image as the opener found it, or NULL. */
const char *disk_parent_path(const struct disk *d);

struct disk_create {
	enum pod_member_kind kind;
	uint64_t size_bytes;
	uint32_t block_size, sector_size;
	bool fixed;
	const char *parent; /* path, or NULL */
};
/* Makes an image file (it must not exist) and closes it. `f` stays open for writing if not NULL. */
int disk_create(const char *path, const struct disk_create *c, struct disk_file *f, struct fault *fault);
/* Copies all of `from` to byte `base` of `to`, which reads as zeros yet; zeros are left out. */
enum pod_status disk_copy(struct pod_chain *from, struct pod_chain *to, uint64_t base, const char *label);
struct disk_copy_job {
	struct pod_chain *from;
	struct pod_dev *to;
	struct disk_file *file; /* that `to` lies in */
	uint64_t base;		/* of `to`, where byte 0 of `from` goes */
	uint64_t start, end;	/* what of `from` */
	bool zeros;		/* `to` does not read as zeros yet: they are written */
	struct cli_progress *bar;
};
/* What of an open disk is written to: a raw file itself, which several threads may write to. */
struct pod_dev *disk_copy_target(struct pod_chain *to);
/* A part of it, to a disk that a file is being made of. */
enum pod_status disk_copy_range(const struct disk_copy_job *job);

/* How a child is told who its parent is. */
struct disk_relink {
	const char *relative; /* the path; NULL: those that it has */
	const uint8_t *next;  /* without a path: an identifier that the parent is about to get, as well; NULL: none */
	bool any_identity;    /* else POD_E_CHANGED if the parent is not the one it was made for */
};
/* In one step. POD_E_INVALID: it has no parent; POD_E_UNSUPPORTED: another format or sector size. */
enum pod_status disk_relink(struct disk_file *child, struct disk_file *parent, const struct disk_relink *how,
			    struct pod_diag *diag);
int disk_relink_path(const char *child, const char *parent, const struct disk_relink *how, struct fault *fault);

/* A pod_chain_progress for a struct cli_progress as `ctx`. */
void disk_progress(void *ctx, uint64_t done, uint64_t total);
/* Plans a rebase of an open image with a bar, and says why it cannot be. `file`: the image's, `parent`: to be shown. */
int disk_rebase_plan(struct pod_chain_rebase *r, struct pod_chain *c, struct pod_chain *onto, const char *file,
		     const char *parent, struct fault *fault);
/* Does what was planned. */
int disk_rebase_run(struct pod_chain_rebase *r, struct pod_parent_spec *spec, const char *file, struct fault *fault);
/* False, and has said so, if the file's volume has not `need` bytes and a little. */
bool disk_room(const struct disk_file *f, uint64_t need, struct fault *fault);
/* At most so many bytes of its volume does that take. */
uint64_t disk_rebase_bytes(struct disk_file *f, const struct pod_chain_rebase *r);

/* CLI_FAILED, and has said why, if the tables of a file of the chain are damaged: what is read would be another block's. */
int disk_must_be_sound(struct disk *d, struct fault *fault);
/* Writes an open disk as another file, which appears when it is whole, or onto a drive. */
struct disk_convert_how {
	const char *format; /* NULL: the name tells */
	bool replace;	    /* what is there */
	bool yes;	    /* on a drive: whatever it holds */
};
int disk_convert(struct disk *from, const char *dst, const struct disk_convert_how *how, struct fault *fault);

/* A block device: it is written into, never replaced. */
bool disk_drive_is(const char *path);
/* The bytes of an open disk onto a drive, if it is idle and large enough, and nothing is on it that may not be lost. */
int disk_drive_write(struct disk *from, const char *dst, bool yes, struct fault *fault);

/* "raw", "vhd", "vhdx", "qcow2": false if it is none. qcow2 is not one of pod_member_kind: *qcow2 is set. */
bool disk_parse_format(const char *name, enum pod_member_kind *kind, bool *qcow2);

/* The subcommands of `isopod disk`. */
int disk_cmd_info(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int disk_cmd_create(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int disk_cmd_convert(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int disk_cmd_check(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int disk_cmd_map(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int disk_cmd_merge(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int disk_cmd_rebase(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int disk_cmd_compact(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int disk_cmd_grow(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int disk_cmd_shrink(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int disk_cmd_mount(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);
int disk_cmd_serve(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);

#endif
