/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of core/regf. Offsets count from the first hive bin, as in the hive; a cell's payload begins 4 bytes behind it. */
#ifndef POD_REGF_INT_H
#define POD_REGF_INT_H

#include "core/regf/regf.h"

enum {
	REGF_BIN_HEAD = 32,
	REGF_BIN_ALIGN = 4096,
	REGF_NK_HEAD = 76, /* in front of a key's name */
	REGF_VK_HEAD = 20,
	REGF_SK_HEAD = 20,
	/* fields of a key (nk) */
	REGF_NK_FLAGS = 2,
	REGF_NK_TIME = 4,
	REGF_NK_PARENT = 16,
	REGF_NK_SUBKEYS = 20,
	REGF_NK_LIST = 28,
	REGF_NK_VOLATILE_LIST = 32,
	REGF_NK_VALUES = 36,
	REGF_NK_VALUE_LIST = 40,
	REGF_NK_SK = 44,
	REGF_NK_CLASS = 48,
	REGF_NK_MAX_NAME = 52, /* of the longest child, in bytes of UTF-16; u16, flags behind it */
	REGF_NK_MAX_CLASS = 56,
	REGF_NK_MAX_VALUE_NAME = 60,
	REGF_NK_MAX_VALUE_DATA = 64,
	REGF_NK_NAME_LEN = 72,
	REGF_NK_CLASS_LEN = 74,
	/* its flags */
	REGF_KEY_LINK = 0x10,
	REGF_KEY_ASCII = 0x20,
	REGF_KEY_ROOT = 0x0C, /* a hive's root; not to be deleted */
	/* security (sk) */
	REGF_SK_NEXT = 4,
	REGF_SK_PREVIOUS = 8,
	REGF_SK_USERS = 12,
	REGF_SK_LEN = 16,
	/* a value (vk) */
	REGF_VK_NAME_LEN = 2,
	REGF_VK_SIZE = 4,
	REGF_VK_DATA = 8,
	REGF_VK_TYPE = 12,
	REGF_VK_FLAGS = 16,
	REGF_VALUE_ASCII = 1,

	REGF_KEY_UNITS_MAX = 255,
	REGF_VALUE_UNITS_MAX = 16383,
};
#define REGF_RESIDENT 0x80000000u /* in a value's size */

struct regf_nk {
	uint32_t cell, parent, subkeys, list, values, value_list, sk, class_cell;
	uint64_t time;
	uint16_t flags, name_len, class_len; /* bytes */
};

struct regf_vk {
	struct pod_regf_value v;
	uint16_t name_len; /* bytes */
	bool ascii;
};

/* A name as it lies in the hive. */
struct regf_name {
	uint32_t off, len; /* bytes */
	bool ascii;	   /* a byte each (Latin-1), else UTF-16 */
};

enum pod_status POD_MUST_USE regf_get(const struct pod_regf *h, uint32_t off, void *buf, uint32_t len);
/* The size of a cell's payload; POD_E_CORRUPT unless it is in use and within the hive. */
enum pod_status POD_MUST_USE regf_cell(const struct pod_regf *h, uint32_t cell, uint32_t *payload);
enum pod_status POD_MUST_USE regf_nk(const struct pod_regf *h, uint32_t cell, struct regf_nk *nk);
enum pod_status POD_MUST_USE regf_vk(const struct pod_regf *h, uint32_t cell, struct regf_vk *vk);
struct regf_name regf_nk_name(const struct regf_nk *nk);
struct regf_name regf_vk_name(const struct regf_vk *vk);
/* The next child's cell, POD_END behind the last. */
enum pod_status POD_MUST_USE regf_next_cell(struct pod_regf_iter *it, uint32_t *cell, uint32_t *hash);
enum pod_status POD_MUST_USE regf_iter_keys(const struct pod_regf *h, const struct regf_nk *nk, struct pod_regf_iter *it);
/* `all`: does not trust hashes. */
enum pod_status POD_MUST_USE regf_find_key(const struct pod_regf *h, const struct regf_nk *nk, const char *name, size_t len,
					   bool all, struct regf_nk *out);
enum pod_status POD_MUST_USE regf_find_value(const struct pod_regf *h, const struct regf_nk *nk, const char *name,
					     struct regf_vk *out);
/* Is a value's data in segments? Then: their list and how many. */
enum pod_status POD_MUST_USE regf_segments(const struct pod_regf *h, const struct pod_regf_value *v, uint32_t *list, uint32_t *n);
uint32_t regf_base_sum(const uint8_t *base);
void regf_key_out(const struct regf_nk *nk, struct pod_regf_key *out);
/* Splits off a path's first part; false: there is none. */
bool regf_path_next(const char **path, const char **part, size_t *len);

/* names.c */
/* How `name` (UTF-8) stands to a stored name: below zero, 0, above zero, as Windows sorts. */
enum pod_status POD_MUST_USE regf_name_compare(const struct pod_regf *h, const char *name, size_t len, struct regf_name stored,
					       int *order);
/* The hash of lh lists. False: beyond ASCII, where hives may have been made with other tables. */
bool regf_name_hash(const char *name, size_t len, uint32_t *hash);
enum pod_status POD_MUST_USE regf_stored_hash(const struct pod_regf *h, struct regf_name stored, uint32_t *hash);
/* In UTF-16 units; POD_E_INVALID: no UTF-8, or longer than `max`. */
enum pod_status POD_MUST_USE regf_name_measure(const char *name, size_t len, uint32_t max, uint32_t *units, bool *ascii);
void regf_name_store(const char *name, size_t len, bool ascii, uint8_t *out);

/* walk.c */
struct regf_frame {
	struct pod_regf_key key;
	struct pod_regf_iter it;
};
/* As pod_regf_walk; the memory is the caller's: POD_REGF_DEPTH_MAX frames. */
enum pod_status POD_MUST_USE regf_walk(const struct pod_regf *h, const struct pod_regf_key *top, struct regf_frame *stack,
				       enum pod_status (*visit)(void *ctx, const struct pod_regf_key *key, uint32_t depth,
								bool after),
				       void *ctx);

/* check.c */
enum pod_status POD_MUST_USE regf_check(struct pod_regf_edit *e, struct pod_diag *diag);

/* cells.c */
/* Room for that payload, zeroed. */
enum pod_status POD_MUST_USE regf_alloc(struct pod_regf_edit *e, uint32_t payload, uint32_t *cell);
/* POD_REGF_NONE is legal. */
void regf_free(struct pod_regf_edit *e, uint32_t cell);
/* Where an offset lies now: until the next regf_alloc. */
static inline uint8_t *regf_at(struct pod_regf_edit *e, uint32_t off)
{
	return e->bytes + POD_REGF_BASE + off;
}

#endif
