/* SPDX-License-Identifier: BSD-2-Clause */
/* An image, FILE or TARGET:PATH, as the commands take it: where its bytes lie, and what the boot manager would do with it. */
#ifndef POD_CLI_IMAGE_H
#define POD_CLI_IMAGE_H

#include "cli/stick/target.h"

struct cli_image {
	struct cli_target *target; /* NULL: a file of the host */
	bool borrowed;		   /* the target is the caller's */
	struct cli_dev file;	   /* the host file if target is NULL */
	struct cli_files *files;   /* that file and those it stands on, if target is NULL */
	struct pod_dev *disk;	   /* what the extents are offsets on */
	struct pod_extent *extent;
	size_t extent_count;
	uint64_t size_bytes;
	int64_t mtime;		       /* of a file on a stick */
	bool disk_id;		       /* the plan says which disk it is */
	char *path;		       /* on the stick, or what it would be called there */
	struct fault *fault;	       /* while planning: why another file it needs cannot be opened */
	void *shim[POD_MACHINE_COUNT]; /* loaded on demand */
	size_t shim_len[POD_MACHINE_COUNT];
	uint32_t wim_image;    /* of a WIM: the image to start; 0: as isopod.conf or the WIM says */
	bool wim_images;       /* look at all of them */
	const char *arguments; /* kernel arguments for this start; NULL: none */
	const char
		*fs; /* of a file of the host: the filesystem it is going to lie on, for the plan's warnings; NULL: not known */
};
/* A file on a stick that is open already; it stays open after cli_image_close. */
enum pod_status POD_MUST_USE cli_image_on_target(struct cli_image *im, struct cli_target *t, const char *path,
						 const struct pod_node *node);
/* Opens either form; has said why on false. A file of the host that somebody is writing to is refused, unless `unsafe`. */
bool cli_image_open(struct cli_image *im, const char *arg, bool unsafe, struct fault *fault);
void cli_image_close(struct cli_image *im);
/* The image's own bytes as a device. `map` is storage for it. */
bool cli_image_bytes(struct cli_image *im, struct pod_map *map, struct pod_mapdev *out, struct fault *fault);
/* Is it a WIM, or an ISO with what Windows is started by? Then the plan says what will not start. `bytes`: the image's own. */
bool cli_image_has_windows(struct pod_dev *bytes, const struct pod_image *image);
/* What is read of it: the stick, or the file of the host. */
struct cli_dev *cli_image_file(struct cli_image *im);
/* Patterns of images (core/rules/match.h) of which the menu keeps the state before each start; "": none. */
const char *cli_image_snapshot_rule(struct cli_image *im);
/* Does the stick's isopod.conf say that it is started from memory? */
bool cli_image_from_memory(struct cli_image *im);
/* ... or as a partition of the stick? */
bool cli_image_as_partition(struct cli_image *im, const struct pod_plan *plan);
/* ... and that its persistence file is kept as a snapshot before each start? */
bool cli_image_keeps(struct cli_image *im, const struct pod_plan *plan);
/* The plan of an open image. */
enum pod_status POD_MUST_USE cli_image_plan(struct cli_image *im, struct pod_plan *out, struct pod_diag *diag,
					    struct fault *fault);
/* What a start can be asked for besides its image. Zeroed: nothing. */
struct cli_image_wish {
	uint32_t wim_image;    /* this image of a WIM; 0: the one that starts by itself */
	const char *arguments; /* kernel arguments (core/plan/arguments.h), or NULL */
	bool unsafe;	       /* a file that another program is writing to is read nonetheless */
};
/* Opens either form and makes the plan of it. NULL: it has said why, *rc is the exit status, and nothing is left open. */
struct pod_plan *cli_image_open_plan(struct cli_image *im, const char *arg, const struct cli_image_wish *wish, int *rc,
				     struct fault *fault);
/* The words in --arguments; false: it has said why not. */
bool cli_image_arguments(const struct cli_command *cmd, const char *arg, struct fault *fault);
/* The number in --image; false: it has said why not. */
bool cli_image_number(const struct cli_command *cmd, const char *arg, uint32_t *out, struct fault *fault);
/* Why an image of a WIM is not one to choose; NULL: it is. */
const char *cli_wim_start_text(enum pod_wim_start start);
void cli_image_close_plan(struct cli_image *im, struct pod_plan *plan);

/* Are the shims on the ESP what `isopod create` wrote? NULL, or the path of the first one that is not. */
const char *cli_target_bad_shim(struct cli_target *t);

#endif
