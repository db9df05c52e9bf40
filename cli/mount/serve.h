/* SPDX-License-Identifier: BSD-2-Clause */
/* What FUSE asks, answered from a tree. */
#ifndef POD_CLI_MOUNT_SERVE_H
#define POD_CLI_MOUNT_SERVE_H

#include <sys/types.h>
#include "cli/mount/mount.h"
#include "cli/mount/tree.h"

struct serve {
	struct tree *tree;
	bool still;
	uid_t uid; /* whose the files are */
	gid_t gid;
	void (*ready)(void *ctx); /* the kernel has asked the first question */
	void *ctx;
	struct fuse_session *session;
};

/* NULL, or in a sentence why nothing can be mounted. */
const char *serve_missing(void);
/* Mounts at `dir`, a whole path. False, and has said why. */
bool serve_open(struct serve *s, const char *dir, const struct mount_how *how, struct fault *fault);
/* What the kernel's questions come through. */
int serve_fd(const struct serve *s);
/* Answers until it is unmounted; the tree must be there by now. */
void serve_run(struct serve *s);
/* Unmounts if it is still mounted, even if somebody uses it. */
void serve_close(struct serve *s);

#endif
