/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registry hives ("regf" 1.3 to 1.6, Windows XP to 11): read where they lie, edited in memory.
 *
 * The reader allocates nothing and has nothing to close. Names and paths are UTF-8; a path's parts are separated by '\' (a name may
 * hold '/'); names are compared as Windows does, without regard to case. What a key's or value's struct says was true when it was
 * filled in: afterwards only `cell` is used, so it may be kept while the hive is edited, until the key itself is deleted.
 *
 *   struct pod_regf h;
 *   struct pod_regf_key setup;
 *   struct pod_regf_value v;
 *   char text[256];
 *   POD_TRY(pod_regf_open_dev(&h, dev, diag));
 *   POD_TRY(pod_regf_lookup(&h, NULL, "Setup", &setup));
 *   POD_TRY(pod_regf_value(&h, &setup, "CmdLine", &v));
 *   POD_TRY(pod_regf_text(&h, &v, text, sizeof text));
 */
#ifndef POD_REGF_REGF_H
#define POD_REGF_REGF_H

#include "core/disk/dev.h"

#define POD_REGF_BASE	   4096u		 /* the base block; what hives call offsets count from behind it */
#define POD_REGF_MAX	   0x7FFFF000u		 /* bytes of hive bins */
#define POD_REGF_NAME_MAX  768u			 /* bytes of a key's name in UTF-8: 255 UTF-16 units, and a terminator */
#define POD_REGF_VALUE_MAX (16383u * 3u + 1u)	 /* of a value's name */
#define POD_REGF_DATA_MAX  (16u * 1024u * 1024u) /* of a value's data that the editor takes */
#define POD_REGF_DEPTH_MAX 512u			 /* keys in each other */
#define POD_REGF_NONE	   UINT32_MAX		 /* "no cell" */
#define POD_REGF_BIG	   16344u		 /* longer data lies in segments of so many bytes, from 1.4 on */

enum pod_regf_type {
	POD_REG_NONE = 0,
	POD_REG_SZ = 1,
	POD_REG_EXPAND_SZ = 2,
	POD_REG_BINARY = 3,
	POD_REG_DWORD = 4,
	POD_REG_DWORD_BIG_ENDIAN = 5,
	POD_REG_LINK = 6,
	POD_REG_MULTI_SZ = 7,
	POD_REG_QWORD = 11,
};

struct pod_regf {
	/* One of the two. */
	struct pod_dev *dev;
	const uint8_t *bytes;
	struct pod_budget *budget; /* the device's; for bytes in memory the caller may set one after opening */
	uint32_t bins_bytes;	   /* length of all hive bins */
	uint32_t root;		   /* cell of the root key */
	uint32_t minor;		   /* version 1.minor */
	uint32_t sequence;	   /* secondary sequence number */
	uint64_t written;	   /* FILETIME */
	bool dirty;		   /* the last write did not come to its end; what log files hold is missing here */
};

struct pod_regf_key {
	uint32_t cell;
	uint32_t subkeys, values;
	uint64_t written; /* FILETIME */
	bool link;	  /* a symbolic link: its value SymbolicLinkValue names another key. Links are not followed */
};

struct pod_regf_value {
	uint32_t cell;
	uint32_t type; /* enum pod_regf_type, or what else somebody wrote */
	uint32_t size_bytes;
	uint32_t data; /* cell, or the data itself if they are `resident` */
	bool resident;
};

/* A walk through the children or the values of one key; the hive must not be edited meanwhile. */
struct pod_regf_iter {
	const struct pod_regf *hive;
	uint32_t left;		      /* entries to come */
	uint32_t list, list_at;	      /* the list they stand in (a leaf, or the value list) and the next entry there */
	uint32_t index, index_at;     /* index root (ri), or POD_REGF_NONE */
	uint32_t list_len, index_len; /* entries */
	uint32_t entry_len;	      /* 8 in lf and lh, 4 in li */
	bool hashed;		      /* lh */
};

/* POD_E_FORMAT: no hive. POD_E_CORRUPT: checksum, sizes. POD_E_UNSUPPORTED: a version before 1.3, a log file. */
enum pod_status POD_MUST_USE pod_regf_open(struct pod_regf *h, const uint8_t *bytes, size_t len, struct pod_diag *diag);
/* Only what is asked for is read. */
enum pod_status POD_MUST_USE pod_regf_open_dev(struct pod_regf *h, struct pod_dev *dev, struct pod_diag *diag);

/* The key at `path` below `top` (NULL: the root); "" is `top` itself. */
enum pod_status POD_MUST_USE pod_regf_lookup(const struct pod_regf *h, const struct pod_regf_key *top, const char *path,
					     struct pod_regf_key *out);
enum pod_status POD_MUST_USE pod_regf_parent(const struct pod_regf *h, const struct pod_regf_key *key, struct pod_regf_key *out);
/* Name and class as UTF-8; POD_E_LIMIT if `size` does not suffice. A key without a class has the class "". */
enum pod_status POD_MUST_USE pod_regf_key_name(const struct pod_regf *h, const struct pod_regf_key *key, char *buf, size_t size);
enum pod_status POD_MUST_USE pod_regf_key_class(const struct pod_regf *h, const struct pod_regf_key *key, char *buf, size_t size);

enum pod_status POD_MUST_USE pod_regf_keys(const struct pod_regf *h, const struct pod_regf_key *key, struct pod_regf_iter *it);
enum pod_status POD_MUST_USE pod_regf_next_key(struct pod_regf_iter *it, struct pod_regf_key *out);
enum pod_status POD_MUST_USE pod_regf_values(const struct pod_regf *h, const struct pod_regf_key *key, struct pod_regf_iter *it);
enum pod_status POD_MUST_USE pod_regf_next_value(struct pod_regf_iter *it, struct pod_regf_value *out);

/* `name` "": the key's default value. */
enum pod_status POD_MUST_USE pod_regf_value(const struct pod_regf *h, const struct pod_regf_key *key, const char *name,
					    struct pod_regf_value *out);
enum pod_status POD_MUST_USE pod_regf_value_name(const struct pod_regf *h, const struct pod_regf_value *v, char *buf,
						 size_t size);
/* Exactly `len` bytes of the data from `off` on; POD_E_RANGE beyond its size. */
enum pod_status POD_MUST_USE pod_regf_read(const struct pod_regf *h, const struct pod_regf_value *v, uint32_t off, void *buf,
					   size_t len);
/* The string up to its NUL or its end, as UTF-8, whatever its type says; of several (REG_MULTI_SZ) the first. */
enum pod_status POD_MUST_USE pod_regf_text(const struct pod_regf *h, const struct pod_regf_value *v, char *buf, size_t size);
/* POD_E_FORMAT: neither DWORD nor QWORD, nor of their size. */
enum pod_status POD_MUST_USE pod_regf_number(const struct pod_regf *h, const struct pod_regf_value *v, uint64_t *out);

/* Calls `visit` for `top` and every key below it, before (`after` false) and after its children; a status other than POD_OK ends the
 * walk. POD_E_LOOP or POD_E_LIMIT for a hive that contains itself or is too deep. After a key's second call it may be gone. */
enum pod_status POD_MUST_USE pod_regf_walk(const struct pod_regf *h, const struct pod_regf_key *top, struct pod_alloc *a,
					   enum pod_status (*visit)(void *ctx, const struct pod_regf_key *key, uint32_t depth,
								    bool after),
					   void *ctx);

/* --- editing ------------------------------------------------------------------------------------------------ */

/*
 * The editor has a copy of the hive, which grows. `hive` reads it at any time. What cannot be done changes nothing, except where a
 * key was created on the way. Times are the caller's: `now` is given to what changes.
 */
struct pod_regf_edit {
	struct pod_regf hive;
	uint64_t now; /* FILETIME */
	/* private */
	struct pod_alloc *alloc;
	uint8_t *bytes;
	size_t cap;
	uint32_t free_from; /* no free cell lies before this one */
};

/* Copies a hive, after looking at every cell of it that is in use: POD_E_CORRUPT, POD_E_LOOP for what would not stand being edited;
 * POD_E_UNSUPPORTED if it is dirty. A file's tail behind the last hive bin is left out. */
enum pod_status POD_MUST_USE pod_regf_edit_open(struct pod_regf_edit *e, const uint8_t *bytes, size_t len, uint64_t now,
						struct pod_alloc *a, struct pod_diag *diag);
/* A hive of version 1.minor with nothing but a root key of that name, whose one security descriptor (self-relative) all keys share. */
enum pod_status POD_MUST_USE pod_regf_edit_new(struct pod_regf_edit *e, const char *root_name, uint32_t minor,
					       const uint8_t *security, size_t security_len, uint64_t now, struct pod_alloc *a);
void pod_regf_edit_close(struct pod_regf_edit *e); /* zeroed is legal */
/* Makes base block, sequence numbers and checksum right; the bytes are the editor's, until it is used again or closed. */
void pod_regf_edit_finish(struct pod_regf_edit *e, const uint8_t **bytes, size_t *len);

/* The key at `path` below `top` (NULL: the root), made where it is missing. POD_E_INVALID: names that are empty, too long or no UTF-8. */
enum pod_status POD_MUST_USE pod_regf_edit_key(struct pod_regf_edit *e, const struct pod_regf_key *top, const char *path,
					       struct pod_regf_key *out);
/* With everything below it. The root cannot be deleted. */
enum pod_status POD_MUST_USE pod_regf_edit_delete_key(struct pod_regf_edit *e, const struct pod_regf_key *key);
/* Makes or replaces a value. */
enum pod_status POD_MUST_USE pod_regf_edit_set(struct pod_regf_edit *e, const struct pod_regf_key *key, const char *name,
					       uint32_t type, const void *data, size_t len);
enum pod_status POD_MUST_USE pod_regf_edit_set_text(struct pod_regf_edit *e, const struct pod_regf_key *key, const char *name,
						    uint32_t type, const char *utf8);
enum pod_status POD_MUST_USE pod_regf_edit_set_dword(struct pod_regf_edit *e, const struct pod_regf_key *key, const char *name,
						     uint32_t v);
enum pod_status POD_MUST_USE pod_regf_edit_delete_value(struct pod_regf_edit *e, const struct pod_regf_key *key,
							const char *name);

#endif
