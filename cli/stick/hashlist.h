/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /isopod.sha256 on the data partition: the SHA-256 of each image that `isopod add` copied, in the format of sha256sum(1)
 * ("<64 hex digits>  images/x.iso", escaped as GNU coreutils does), so that `sha256sum -c isopod.sha256` at the root of the
 * mounted stick checks them all. A comment line before each ("# size 123 mtime 456 recorded 789"; sha256sum skips comments)
 * says which state of the file was hashed, and when: a file replaced by other tools since has no known hash. The list is what was
 * once written down, by whomever: only reading the file shows what it holds now.
 */
#ifndef POD_CLI_HASHLIST_H
#define POD_CLI_HASHLIST_H

#include "cli/stick/target.h"

#define CLI_HASHLIST_PATH "/isopod.sha256"

struct cli_hash {
	char hex[65];
	char *path; /* with the leading slash */
	bool has_state;
	uint64_t size_bytes;
	int64_t mtime;
	int64_t recorded; /* when, seconds since 1970: of an entry that does not say so, when the list was last written */
};
struct cli_hashlist {
	struct cli_hash *item;
	size_t count, cap;
};

/* Reads the list; one that is missing or unreadable is empty: hashes are a comfort, not a condition. */
void cli_hashlist_load(struct cli_hashlist *l, struct cli_target *t);
void cli_hashlist_free(struct cli_hashlist *l);
/* What was recorded for a path whose file is `node` now, or NULL. Paths compare without regard to ASCII case, as exFAT does. */
const struct cli_hash *cli_hashlist_get(const struct cli_hashlist *l, const char *path, const struct pod_node *node);
void cli_hashlist_set(struct cli_hashlist *l, const char *path, const struct pod_node *node, const char *hex);
/* Forgets a file, or all in a folder. True if the list changed. */
bool cli_hashlist_drop(struct cli_hashlist *l, const char *path);
/* Follows a rename of a file or a folder. True if the list changed. */
bool cli_hashlist_rename(struct cli_hashlist *l, const char *from, const char *to);
/* The list as text, freshly allocated; *len without the terminating NUL. */
char *cli_hashlist_text(const struct cli_hashlist *l, size_t *len);
void cli_hashlist_parse(struct cli_hashlist *l, const char *text, size_t len);

#endif
