/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod persist: files beside images in which live systems keep what they change (core/plan/persist.h). */
#ifndef POD_CLI_PERSIST_H
#define POD_CLI_PERSIST_H

#include "cli/stick/image.h"
#include "cli/stick/volume.h"
#include "core/plan/persist.h"

/* Which live system is in an image, and the label that it looks for. */
struct persist_type {
	enum pod_persist_kind kind;
	const char *label;   /* "": there is no filesystem */
	uint64_t disk_bytes; /* of DISK */
	uint8_t disk_id[POD_COW_ID];
};
/* By its name; false: it is none of PERSIST_TYPES. */
bool persist_type_named(const char *name, struct persist_type *out);
/* The names, for a sentence. */
#define PERSIST_TYPES "live-boot, casper, casper-rw, dracut, kiwi, archiso, alpine, puppy, tinycore"
/* Read out of the image: whether it is a disk, else out of its own initrds, unless the type was `named` in *out. `t` is open for reading
 * only: what reads them in a child is given nothing else. False: it has said why not. */
bool persist_type_find(struct cli_target *t, const char *image, bool named, struct persist_type *out, struct fault *fault);

/* What Alpine finds in a new one (apkovl.c); to be freed. */
#define PERSIST_APKOVL "localhost.apkovl.tar.gz"
uint8_t *persist_apkovl(const char *label, size_t *len);

/* An overlay of a disk image (overlay.c): the size from which on it cannot become full; and all that has to be written of one. False: it
 * has said why not. */
uint64_t persist_overlay_most(uint64_t disk_bytes);
bool persist_overlay_write(struct cli_volume *v, const char *path, const struct pod_exfat_new *n, const struct persist_type *type,
			   struct fault *fault);

/* The file beside an image; to be freed. */
char *persist_path(const char *image);
/* The one beside that one: its snapshot. */
char *persist_snapshot_path(const char *image);
/* Room for a file of that size in one piece. False: it has said why not. */
bool persist_reserve(struct cli_volume *v, const char *path, uint64_t size_bytes, uint32_t flags, struct pod_exfat_new *out,
		     struct fault *fault);
/* Says that an image has no such file: CLI_FAILED. */
int persist_none(struct cli_volume *v, const char *path, struct fault *fault);

/* `size_bytes` 0: as fits. */
int persist_create(struct cli_volume *v, const char *image, const struct persist_type *type, uint64_t size_bytes, bool json,
		   struct fault *fault);
int persist_snapshot(struct cli_volume *v, const char *image, struct fault *fault);
int persist_rollback(struct cli_volume *v, const char *image, struct fault *fault);
/* An image has another path now: what is beside it goes with it. False: it has said what did not. */
bool persist_move(struct cli_volume *v, const char *from, const char *to, struct fault *fault);
/* An image is gone: says that its persistence file is not, if it had one. */
void persist_warn_left(struct cli_volume *v, const char *image, struct fault *fault);
int persist_list(const char *target, bool json, struct fault *fault);

#endif
