/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a layer store lies: a folder of the host, or one on a stick's volume. */
#ifndef POD_CLI_LAYER_DIR_H
#define POD_CLI_LAYER_DIR_H

#include "cli/disk/disk.h"
#include "cli/stick/volume.h"
#include "core/layer/index.h"

struct store_dir;

/* All but `exists` say what is wrong. Names are those of files in the store, without a path. */
struct store_ops {
	bool sparse; /* of a file, what was never written takes no space */
	/* Every opened file is a struct disk_file (its dev.path is what to show). For writing it is locked. */
	struct disk_file *(*open)(struct store_dir *d, const char *name, bool writable, struct fault *fault);
	/* A new, empty file that can grow to `capacity` bytes. It is on the medium, its name included, after `finish`. */
	struct disk_file *(*create)(struct store_dir *d, const char *name, uint64_t capacity, struct fault *fault);
	bool (*finish)(struct store_dir *d, struct disk_file *f, struct fault *fault);
	/* Closes, and removes it if it was created and not finished. */
	void (*close)(struct store_dir *d, struct disk_file *f, struct fault *fault);
	bool (*exists)(struct store_dir *d, const char *name);
	bool (*rename)(struct store_dir *d, const char *from, const char *to, struct fault *fault);
	bool (*remove)(struct store_dir *d, const char *name, struct fault *fault);
	/* The names made, changed and removed so far survive a power cut. */
	bool (*sync)(struct store_dir *d, struct fault *fault);
	bool (*each)(struct store_dir *d, void (*cb)(void *ctx, const char *name, uint64_t size, int64_t mtime, bool read_only),
		     void *ctx, struct fault *fault);
	bool (*space)(struct store_dir *d, uint64_t *free_bytes, struct fault *fault);
	/* Sets or clears the read-only attribute of a file; only where the store is open for writing. It guards against accidents
	 * and decides nothing: what cannot be set is a warning at most. False: it is not as asked for. */
	bool (*protect)(struct store_dir *d, const char *name, bool read_only, struct fault *fault);
	void (*shut)(struct store_dir *d);
};

struct store_dir {
	const struct store_ops *ops;
	char *shown; /* FOLDER or TARGET:/folder */
	char *path;  /* the folder, on the host or on the stick */
	bool writable;
	bool unsafe;		   /* files are read although somebody may be writing to them: set by whoever opened it */
	int fd;			   /* host: the folder */
	struct cli_volume volume;  /* stick, for writing */
	struct cli_target *target; /* stick, for reading */
};

/* "TARGET:/folder", or a file in one: the part in front of the first ":/" is a file or a drive, and the whole is nothing of the host. */
bool store_dir_is_on_stick(const char *arg);
/* STORE as the user names it. `make`: the folder is made if it is not there. False, and has said why. */
bool store_dir_open(struct store_dir *d, const char *arg, bool writable, bool make, struct fault *fault);
bool store_dir_close(struct store_dir *d, struct fault *fault);
bool store_host_open(struct store_dir *d, bool make, struct fault *fault);
bool store_stick_open(struct store_dir *d, const char *target, bool make, struct fault *fault);
/* For a reader that stays: a stick is locked against writers until it is closed; in a folder of the host each file is, by itself. */
bool store_dir_lock(struct store_dir *d, struct fault *fault);
/* What to show for a file of the store. The caller frees. */
char *store_dir_name(const struct store_dir *d, const char *name);

#endif
