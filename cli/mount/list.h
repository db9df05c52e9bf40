/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder's entries, read once, in the order of their names; and what names and targets of links become. */
#ifndef POD_CLI_MOUNT_LIST_H
#define POD_CLI_MOUNT_LIST_H

#include "cli/mount/tree.h"

/* What a name stands for. */
enum entry_kind {
	ENTRY_ABOUT,
	ENTRY_BYTES, /* of a volume */
	ENTRY_FILES, /* its filesystem's root */
	ENTRY_NODE,  /* what a filesystem has */
};
struct list_entry {
	enum entry_kind kind;
	unsigned volume;
	size_t name;  /* in `names` */
	size_t order; /* in which they were found */
	struct pod_node node;
};
struct tree_list {
	unsigned refs;
	enum pod_status status; /* of reading it: what failed once is not tried for each name again */
	bool sure;		/* the entries' kinds are what they say */
	struct list_entry *v;
	size_t n, cap;
	char *names;
	size_t names_len, names_cap;
};

struct tree_list *list_new(void);
/* POD_E_LIMIT: too many. */
enum pod_status POD_MUST_USE list_add(struct tree_list *l, enum entry_kind kind, unsigned volume, const char *name,
				      const struct pod_node *node);
/* All of a folder. */
enum pod_status POD_MUST_USE list_fill(struct tree_list *l, struct pod_fs *fs, const struct pod_node *folder, unsigned volume);
/* Sorts; of entries of the same name the first stays. */
void list_finish(struct tree_list *l);
const struct list_entry *list_find(const struct tree_list *l, const char *name);
size_t list_bytes(const struct tree_list *l);

/* A name as it is shown: what is neither printable nor UTF-8 as %XX, so that terminals and scripts are safe from it. False: it does
 * not fit. */
bool list_show_name(const char *name, char *buf, size_t size);
/* Where a symbolic link leads that lies `depth` folders below the root of its filesystem, in `folder` ("/a/b", as shown; "" is the
 * root): relative, and never above that root. False: it does not fit. */
bool list_show_target(const char *target, const char *folder, unsigned depth, char *buf, size_t size);

#endif
