/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers that a user brings, as folders with INF files, on their way into a Windows.
 *
 * Where they go is decided by what the target is (struct drivers_place). What was added is written down in a list next to them, so that
 * it can be told later without an opinion about Windows' own driver store.
 */
#ifndef POD_CLI_TOGO_DRIVERS_H
#define POD_CLI_TOGO_DRIVERS_H

#include "cli/layer/ops.h"
#include "cli/togo/togo.h"

#define DRIVERS_LIST	 "isopod-drivers.txt" /* of paths of INF files, one a line */
#define DRIVERS_LIST_MAX (1u << 20)

struct drivers_set {
	struct togo_files files; /* paths: "folder/sub/file.inf" */
	char **name;		 /* of the folders */
	unsigned names, infs;
	char *list;	   /* of the INF files, one a line */
	bool no_catalogue; /* nothing in it could be signed */
};
/* False, and has said why. drivers_set_free in any case. */
bool drivers_set_read(struct drivers_set *s, char *const *folder, unsigned n, struct fault *fault);
void drivers_set_free(struct drivers_set *s);

struct drivers_place {
	const char *folder[2]; /* each gets all of the set; the list lies in the first. NULL: none */
	/* A script that Windows runs once, at the end of its first start; refused if there is another one. NULL: none. */
	const char *script, *script_text;
};
extern const struct drivers_place drivers_place_pe, drivers_place_installed;

/* The old list and what was added, without doubles. The caller frees. */
char *drivers_list_merge(const char *old, const char *added);

/* `set` NULL: only looks at what is there. *list: what is there afterwards, "" for nothing; the caller frees. CLI_OK, or CLI_FAILED and has
 * said why. */
int drivers_wim(int fd, const char *shown, uint32_t image, const struct drivers_place *p, const struct drivers_set *set,
		char **list, struct fault *fault);
/* The same on Windows' volume on the current layer of a store. */
int drivers_store(const char *store, const struct drivers_place *p, const struct drivers_set *set, char **list,
		  struct fault *fault);

/* For both: how a child answers. */
enum { DRIVERS_ERROR = 1, DRIVERS_STATUS, DRIVERS_TAKEN, DRIVERS_FOUND };
struct drivers_answer {
	const char *shown;
	char *list;
	struct fault *fault;
	bool failed;
};
bool drivers_take(void *ctx, unsigned kind, const uint8_t *data, size_t len);
int drivers_run(const struct sandbox *given, const char *shown, char **list, struct fault *fault);

#endif
