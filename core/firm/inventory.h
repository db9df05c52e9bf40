/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine's inventory: files of /proc and /sys as they were on that machine, in one text file (doc/FORMATS/inventory.md).
 *
 *   isopod-inventory 1
 *   # a remark
 *   text PATH CONTENT     escapes: \n newline, \t tab, \\ backslash, \xHH a byte
 *   data PATH BASE64      RFC 4648 clause 4
 *   link PATH TARGET      escaped as text
 *
 * One space between the fields; a path starts with '/', has no "." or ".." or empty part and no space (write \x20). The content
 * may be missing: an empty file. A path that comes twice is an error.
 */
#ifndef POD_FIRM_INVENTORY_H
#define POD_FIRM_INVENTORY_H

#include "core/base/alloc.h"

#define POD_INVENTORY_MAGIC	"isopod-inventory 1"
#define POD_INVENTORY_SIZE_MAX	(32u << 20)
#define POD_INVENTORY_ENTRY_MAX 65536u
#define POD_INVENTORY_PATH_MAX	512u

enum pod_inventory_kind { POD_INVENTORY_TEXT, POD_INVENTORY_DATA, POD_INVENTORY_LINK };

struct pod_inventory_entry {
	enum pod_inventory_kind kind;
	const char *path; /* terminated */
	const char *data; /* terminated; may hold NULs */
	size_t len;	  /* without the NUL behind it */
};

struct pod_inventory {
	struct pod_alloc *alloc;
	struct pod_inventory_entry *entry; /* sorted by path */
	size_t count, cap;
};

/* Parses `text` in place: entries point into it, so it must outlive them; text[len] must be a writable byte. POD_E_FORMAT if it
 * is no inventory, POD_E_CORRUPT for a line that breaks the rules, POD_E_LIMIT; diag->offset_bytes is then the number of the line
 * (from 1). On failure nothing is left allocated. */
enum pod_status POD_MUST_USE pod_inventory_parse(char *text, size_t len, struct pod_alloc *a, struct pod_inventory *out,
						 struct pod_diag *diag);
void pod_inventory_free(struct pod_inventory *inv);
/* NULL if there is no such path. */
const struct pod_inventory_entry *pod_inventory_find(const struct pod_inventory *inv, const char *path);
/* The first entry whose path is not less than `path`: where the entries below a folder start. May be inv->count. */
size_t pod_inventory_lower(const struct pod_inventory *inv, const char *path);

#endif
