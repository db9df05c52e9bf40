/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index of a layer store: which VHDX file is whose child, what it is called, which one is written to now.
 * doc/FORMATS/layer-store.md tells the bytes.
 *
 * The index is one file with two slots that are written in turn; the one with the higher sequence number counts. A slot that was
 * torn fails its checksum, and the other one holds the state before.
 */
#ifndef POD_LAYER_INDEX_H
#define POD_LAYER_INDEX_H

#include "core/disk/dev.h"

#define POD_STORE_INDEX	    "isopod-layers.idx"
#define POD_STORE_SLOT	    (1u << 20)
#define POD_STORE_LEN	    (2u * POD_STORE_SLOT)
#define POD_STORE_LAYERS    4096u
#define POD_STORE_DEEP	    200u /* layers on top of each other: time to say how there get fewer */
#define POD_STORE_NAME_MAX  120u /* bytes of a name, terminator included */
#define POD_STORE_FILE_MAX  144u /* of a file's name: NAME.xxxxxxxx.vhdx, and .part while it is made */
#define POD_STORE_ID_DIGITS 8u

enum {
	POD_STORED_FROZEN = 1,	/* never written to again */
	POD_STORED_HASHED = 2,	/* `sha256` is that of the file */
	POD_STORED_PASSING = 4, /* made by a boot of a locked store: the next one throws it away */
	POD_STORED_MERGING =
		8,	      /* its content is being written into its parent, which is neither old nor new until that is done */
	POD_STORED_FLAT = 32, /* reads as its parent does without needing it, and is about to take its place */
	POD_STORED_GONE = 16, /* deleted, but its file may still be there */
	POD_STORED_REBASING = 64, /* is going onto another layer: its file says on which one it stands now */
	POD_STORED_SPARE = 128,	  /* no layer: an empty file for the boot manager to go on in, which makes none itself */
	POD_STORED_STARTED = 256, /* a snapshot that the boot manager took before a start */
	POD_STORED_UNDER_WAY = POD_STORED_MERGING | POD_STORED_FLAT | POD_STORED_REBASING,
};

struct pod_stored {
	uint32_t id, parent; /* parent 0: a base */
	uint32_t flags;
	uint8_t data_guid[16];	 /* DataWriteGuid when it was made or frozen */
	int64_t created, frozen; /* seconds since 1970; frozen 0: is not */
	uint64_t size_bytes;	 /* of the disk */
	uint64_t file_bytes;	 /* length of the file when last looked at */
	uint8_t sha256[32];
	char name[POD_STORE_NAME_MAX];
	char file[POD_STORE_FILE_MAX];
};

struct pod_store {
	struct pod_alloc *alloc;
	uint8_t id[16];
	uint64_t sequence;
	uint32_t current;	  /* id of the layer that is written to; 0: none */
	uint32_t locked;	  /* id of the layer from which each boot starts anew; 0: the store is not locked */
	uint32_t serial;	  /* deltas made so far: the next one's number in its name */
	struct pod_stored *layer; /* parents before their children */
	size_t count, cap;
	struct pod_stored *spare; /* files that are no layers yet; without a parent */
	size_t spares, spare_cap;
	uint32_t spares_wanted; /* isopod layer makes so many again */
};

void pod_store_init(struct pod_store *s, struct pod_alloc *a);
void pod_store_fini(struct pod_store *s);
struct pod_stored *pod_store_find(const struct pod_store *s, uint32_t id);
/* By name (ASCII case folded), or by id as eight hexadecimal digits. NULL: none. */
struct pod_stored *pod_store_named(const struct pod_store *s, const char *name);
/* How many layers have this one as their parent. */
size_t pod_store_children(const struct pod_store *s, uint32_t id);
/* How many layers a layer is read through: itself and all below it. */
unsigned pod_store_depth(const struct pod_store *s, uint32_t id);
/* The current layer, if it can be made empty where it lies to go on from its parent: nothing is based on it, and it is known what it
 * was when it was made. NULL: there is none, or it cannot. */
const struct pod_stored *pod_store_emptiable(const struct pod_store *s);
/* A boot of a locked store can begin with the current layer made empty. */
bool pod_store_boots_anew(const struct pod_store *s);
/* Adds one; its parent must be there. POD_E_EXISTS: name or id taken; POD_E_INVALID: name, parent; POD_E_LIMIT. */
enum pod_status POD_MUST_USE pod_store_add(struct pod_store *s, const struct pod_stored *e);
/* Takes one out; its children become children of `heir` (0: bases). */
void pod_store_drop(struct pod_store *s, uint32_t id, uint32_t heir);
/* A spare file; NULL: none has this number. The first one that a disk of this size fits into is for the caller to find. */
struct pod_stored *pod_store_spare(const struct pod_store *s, uint32_t id);
/* Is there a layer or a spare file of this number? */
bool pod_store_knows(const struct pod_store *s, uint32_t id);
/* Adds one. POD_E_EXISTS: its number is taken; POD_E_INVALID: name; POD_E_LIMIT. */
enum pod_status POD_MUST_USE pod_store_add_spare(struct pod_store *s, const struct pod_stored *e);
void pod_store_drop_spare(struct pod_store *s, uint32_t id);
/* The current layer is a snapshot of that name from `when` on, and the spare file, which is an empty child of it and has this DataWriteGuid,
 * the current one. In memory. POD_E_NOT_FOUND, POD_E_EXISTS: the name; POD_E_INVALID: not a name. */
enum pod_status POD_MUST_USE pod_store_go_on(struct pod_store *s, uint32_t spare, const uint8_t made[16], const char *name,
					     int64_t when);
/* The parent locator of a spare file names no layer: this identifier, and a path to nothing. */
#define POD_STORE_SPARE_PATH ".\\isopod.spare"
extern const uint8_t pod_store_spare_linkage[16];
/* Puts parents before their children. POD_E_CORRUPT: a parent is missing or the tree is a loop. */
enum pod_status POD_MUST_USE pod_store_sort(struct pod_store *s);

/* A name for people that is a file name everywhere: 1 to 119 bytes of UTF-8 without controls and without \ / : * ? " < > |, no
 * blank or full stop at the end, no full stop in front. */
bool pod_store_name_ok(const char *name);
/* A name that Windows keeps for a device, whatever follows a full stop: CON, NUL, COM1 ... No new layer gets one. */
bool pod_store_name_reserved(const char *name);
/* "NAME.0123abcd.vhdx". */
void pod_store_file_name(char out[POD_STORE_FILE_MAX], const char *name, uint32_t id);
/* The parts of such a name; false if it is none. `name` may be NULL. */
bool pod_store_parse_file(const char *file, char name[POD_STORE_NAME_MAX], uint32_t *id);

/* The bytes of a slot. *len is how many; POD_E_LIMIT if they are more than POD_STORE_SLOT. `buf` holds POD_STORE_SLOT. */
enum pod_status POD_MUST_USE pod_store_encode(const struct pod_store *s, uint8_t *buf, size_t *len);
/* `s` must be initialised and empty. POD_E_FORMAT: no index; POD_E_CORRUPT. */
enum pod_status POD_MUST_USE pod_store_decode(struct pod_store *s, const uint8_t *buf, size_t len, struct pod_diag *diag);

/* Reads the newer sound slot. *slot: which. */
enum pod_status POD_MUST_USE pod_store_load(struct pod_store *s, struct pod_dev *dev, unsigned *slot, struct pod_diag *diag);
/* Writes the next state into the other slot, and flushes. *slot is the one that counts, before and after. */
enum pod_status POD_MUST_USE pod_store_save(struct pod_store *s, struct pod_dev *dev, unsigned *slot);

#endif
