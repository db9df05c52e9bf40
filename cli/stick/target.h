/* SPDX-License-Identifier: BSD-2-Clause */
/* A stick (TARGET) opened: its table, its data partition, its ESP. */
#ifndef POD_CLI_TARGET_H
#define POD_CLI_TARGET_H

#include "cli/host/dev.h"
#include "core/disk/parttab.h"
#include "core/fs/fs.h"
#include "core/plan/plan.h"

struct cli_target {
	struct cli_dev file;
	struct pod_parttab table;
	const struct pod_part *data_part, *esp_part; /* esp_part may be NULL */
	struct pod_window data_win, esp_win;
	struct pod_fs data, esp; /* esp.ops == NULL: no ESP, or not readable */
	struct pod_stick_id id;
	struct pod_dirent scratch;
};

/* Opens TARGET. Returns NULL and has said why if it is no stick. Block devices opened for writing are checked by
 * cli_safety_check_idle first. */
struct cli_target *cli_target_open(const char *path, bool writable, struct fault *fault);
/* 1: a drive, or a file with our boot code or our state file on an ESP; 0: another file; -1: cannot be opened, has been said. */
int cli_target_is_stick(const char *path, struct fault *fault);
void cli_target_close(struct cli_target *t);
/* Looks up a file on the data partition; says so and returns false if it is not there, or a folder. */
bool cli_target_find(struct cli_target *t, const char *path, struct pod_node *out, struct fault *fault);
/* "images//x.iso" -> "/images/x.iso": the form paths are printed and stored in. NULL for "." or ".." in it. The caller frees. */
char *cli_normal_path(const char *path);
/* TARGET of "TARGET:PATH", freshly allocated, and where PATH begins; NULL if `arg` is no such thing. */
char *cli_target_split(const char *arg, const char **path);
/* Finds /ISOPOD/STATE.BIN on the ESP and shows it as a device. Says what is missing and returns false. */
bool cli_target_state(struct cli_target *t, struct pod_window *out, uint64_t *start_bytes, struct fault *fault);

/* Are the shims on the ESP what `isopod create` wrote? NULL, or the path of the first one that is not. */
const char *cli_target_bad_shim(struct cli_target *t);

/* FILE or TARGET:PATH. */
struct cli_image {
	struct cli_target *target; /* NULL: a file of the host */
	bool borrowed;		   /* the target is the caller's */
	struct cli_dev file;	   /* the host file if target is NULL */
	struct cli_files *files;   /* that file and those it stands on, if target is NULL */
	struct pod_dev *disk;	   /* what the extents are offsets on */
	struct pod_extent *extent;
	size_t extent_count;
	uint64_t size_bytes;
	char *path;		       /* on the stick, or what it would be called there */
	struct fault *fault;	       /* while planning: why another file it needs cannot be opened */
	void *shim[POD_MACHINE_COUNT]; /* loaded on demand */
	size_t shim_len[POD_MACHINE_COUNT];
};
/* A file on a stick that is open already; it stays open after cli_image_close. */
enum pod_status POD_MUST_USE cli_image_on_target(struct cli_image *im, struct cli_target *t, const char *path,
						 const struct pod_node *node);
/* Opens either form; has said why on false. */
bool cli_image_open(struct cli_image *im, const char *arg, struct fault *fault);
void cli_image_close(struct cli_image *im);
/* The image's own bytes as a device. `map` is storage for it. */
bool cli_image_bytes(struct cli_image *im, struct pod_map *map, struct pod_mapdev *out, struct fault *fault);
/* What is read of it: the stick, or the file of the host. */
struct cli_dev *cli_image_file(struct cli_image *im);
/* The plan of an open image. */
enum pod_status POD_MUST_USE cli_image_plan(struct cli_image *im, struct pod_plan *out, struct pod_diag *diag,
					    struct fault *fault);
/* Opens either form and makes the plan of it. NULL: it has said why, *rc is the exit status, and nothing is left open. */
struct pod_plan *cli_image_open_plan(struct cli_image *im, const char *arg, int *rc, struct fault *fault);
void cli_image_close_plan(struct cli_image *im, struct pod_plan *plan);

#endif
