/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies a file of the host onto a device, hashing on the way; reads it back. */
#ifndef POD_CLI_COPY_H
#define POD_CLI_COPY_H

#include "cli/ui/ui.h"
#include "cli/host/dev.h"
#include "core/fs/fs.h"

struct cli_copy {
	int source_fd;
	const char *source; /* name, for messages */
	uint64_t size_bytes;
	struct cli_dev *dev;
	const struct pod_extent *extent; /* of the destination; dev_bytes absolute on `dev`, in file order, no holes */
	size_t extent_count;
	char hex[65]; /* out: SHA-256 of what was copied */
};

/* Reading, hashing and writing go on at once. Stops early when cli_interrupted is set. False, and has said why (not when
 * interrupted), if not everything was copied, or the file was written to meanwhile, or holds more than its size says. Does not
 * flush. */
bool cli_copy_run(struct cli_copy *c, struct fault *fault);
/* Reads the copy back from the medium, past the page cache, and compares with `hex`. *same tells; false, and has said why (not
 * when interrupted), if it cannot be read. The device must have been flushed. */
bool cli_copy_verify(struct cli_copy *c, bool *same, struct fault *fault);
/* Copies what a file with holes holds to the same places behind `start_bytes` of a device; where it has holes, nothing is written.
 * POD_E_CANCELLED when cli_interrupted is set. */
enum pod_status POD_MUST_USE cli_copy_data(struct cli_dev *from, struct pod_dev *to, uint64_t start_bytes);

#endif
