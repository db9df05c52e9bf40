/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistence: a file beside an image, "/images/x.iso.persist", holds a filesystem that the live system in the image keeps its
 * changes in. It is shown to that system as a further partition of the stick, which its initramfs finds by its label; the same
 * label says which live system it is made for. Beside an image that is a disk it holds an overlay (cow.h).
 */
#ifndef POD_PLAN_PERSIST_H
#define POD_PLAN_PERSIST_H

#include "core/plan/cow.h"

#define POD_PERSIST_SUFFIX    ".persist"
#define POD_PERSIST_SNAPSHOT  POD_PERSIST_SUFFIX "-snapshot" /* a copy of it, to go back to */
#define POD_PERSIST_LABEL     17u			     /* bytes of a label with its NUL */
#define POD_PERSIST_LABEL_DR  "isopod-rw"
#define POD_PERSIST_LABEL_KI  "cow"
#define POD_PERSIST_LABEL_AR  "isopod-cow"
#define POD_PERSIST_LABEL_AL  "isopod-lbu"
#define POD_PERSIST_LABEL_PU  "isopod-pup"
#define POD_PERSIST_LABEL_TC  "isopod-tce"
#define POD_PERSIST_FOLDER_PU "pupsave"

enum pod_persist_kind {
	POD_PERSIST_NONE,
	POD_PERSIST_LIVE_BOOT, /* "persistence" */
	POD_PERSIST_CASPER,    /* "writable", before Ubuntu 19.10 "casper-rw" */
	POD_PERSIST_DRACUT,    /* takes any label: POD_PERSIST_LABEL_DR */
	POD_PERSIST_ARCHISO,   /* the label that the kernel's command line names: POD_PERSIST_LABEL_AR */
	POD_PERSIST_ALPINE,    /* any filesystem with an apkovl in it: POD_PERSIST_LABEL_AL */
	POD_PERSIST_PUPPY,     /* as archiso: POD_PERSIST_LABEL_PU, and a folder POD_PERSIST_FOLDER_PU in it */
	POD_PERSIST_TINYCORE,  /* as archiso: POD_PERSIST_LABEL_TC */
	POD_PERSIST_KIWI,      /* POD_PERSIST_LABEL_KI, which it knows itself */
	POD_PERSIST_DISK,      /* no filesystem: what is written to the disk in the image */
	POD_PERSIST_KINDS,
};

struct pod_persist {
	enum pod_persist_kind kind;
	char label[POD_PERSIST_LABEL];
	uint64_t start_bytes, length_bytes; /* of the file on the disk it was looked at on */
	uint64_t fs_bytes, free_bytes;	    /* of the filesystem */
	bool full;			    /* next to nothing can be written */
	struct pod_cow cow;		    /* of DISK; fs_bytes and free_bytes are those of its store */
};

/* Looks at the filesystem (ext2, ext3, ext4), or the overlay, that begins at `start_bytes` of a disk. POD_E_FORMAT: there is none;
 * POD_E_CORRUPT: longer than the file, or numbers that cannot be; POD_E_UNSUPPORTED: no live system that is known looks for its label. */
enum pod_status POD_MUST_USE pod_persist_look(struct pod_dev *disk, uint64_t start_bytes, uint64_t length_bytes,
					      struct pod_persist *out);

/* The words by which a system is told on the kernel's command line to use it; "": it needs none there. */
const char *pod_persist_words(enum pod_persist_kind kind);

/* English, one word: "live-boot". */
const char *pod_persist_kind_text(enum pod_persist_kind kind);

#endif
