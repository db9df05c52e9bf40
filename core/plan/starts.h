/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can an image be started here? One answer for `add`, `list`, `plan`, the doctor and the menu, in the same words: a code that stays the
 * same, what was seen, and what to do about it.
 */
#ifndef POD_PLAN_STARTS_H
#define POD_PLAN_STARTS_H

#include "core/image/image.h"

enum pod_starts {
	POD_STARTS,	    /* nothing is known that speaks against it */
	POD_STARTS_NOT,	    /* known from its bytes, or from where it lies */
	POD_STARTS_UNKNOWN, /* it may not; what is said is why */
};

enum pod_start_why {
	POD_WHY_NONE,
	/* the image itself */
	POD_WHY_NOT_AN_IMAGE,
	POD_WHY_UNKNOWN_KIND,
	POD_WHY_CUT_OFF,
	POD_WHY_NOT_COPIED,
	POD_WHY_UNWRITTEN,
	POD_WHY_NO_LOADER,
	POD_WHY_BOOT_IMAGE,
	POD_WHY_OTHER_FIRMWARE,
	/* it cannot be planned */
	POD_WHY_PARENT_MISSING,
	POD_WHY_PARENT_CHANGED,
	POD_WHY_PARENT_DAMAGED,
	POD_WHY_STICK_DAMAGED,
	POD_WHY_DAMAGED,
	POD_WHY_RANGE,
	POD_WHY_UNSUPPORTED,
	POD_WHY_LIMIT,
	POD_WHY_READ_ERROR,
	POD_WHY_MEMORY,
	POD_WHY_CANCELLED,
	POD_WHY_NOT_PLANNED,
	/* Windows */
	POD_WHY_WINDOWS_VOLUME,
	POD_WHY_WINDOWS_ROOM,
	POD_WHY_WINDOWS_VHD,
	POD_WHY_WINDOWS_BOOTVHD,
	POD_WHY_WINDOWS_LOADER,
	POD_WHY_WINDOWS_LAYOUT,
	POD_WHY_WINDOWS_RAW,
	POD_WHY_BITLOCKER,
	POD_WHY_PARENTS_ELSEWHERE,
	POD_WHY_SECTORS_4096,
	POD_WHY_WIM_FORMAT,
	POD_WHY_WIM_NO_PE,
	/* Linux in a disk image */
	POD_WHY_LINUX_PIECES,
	POD_WHY_LINUX_LOG,
	POD_WHY_LINUX_BLOCKS,
	POD_WHY_LINUX_CLOSED,
	POD_WHY_LINUX_INITRD,
	/* Secure Boot is on (pod_plan_judge_loader) */
	POD_WHY_SECURE_UNSIGNED,
	POD_WHY_SECURE_CHANGED,
	POD_WHY_SECURE_STRANGER,
	POD_WHY_SECURE_REVOKED,
	POD_WHY_SECURE_REVOKED_HASH,
	POD_WHY_COUNT
};

#define POD_START_ARG  96u
#define POD_START_TEXT 512u

struct pod_start {
	enum pod_starts starts;
	enum pod_start_why why;
	const char *fix;	    /* English, what to do; "" if pod_start_what says it all */
	char arg[2][POD_START_ARG]; /* may be words of ours, to be translated, or names in the image */
};

#define POD_START_ALL 0x0fu /* POD_FW_*: any machine */

/* "windows-volume": stable, for programs; "starts" of one that does. */
const char *pod_start_code(enum pod_start_why why);
/* English, with at most two %s; "" where there is nothing to say. */
const char *pod_start_what(enum pod_start_why why);

/* As far as the image alone tells. `firmware`: POD_FW_* of those who want to start it. */
void pod_start_of_image(const struct pod_image *im, uint32_t firmware, struct pod_start *out);
/* Why none of its boot images is started by UEFI, or by a BIOS, though the catalogue promises one: POD_WHY_BOOT_IMAGE. False:
 * another reason, or none. */
bool pod_start_of_boot_images(const struct pod_image *im, bool uefi, struct pod_start *out);
/* Does it take a plan to tell? */
bool pod_start_needs_plan(const struct pod_image *im, uint32_t firmware);
struct pod_plan;
void pod_start_of_plan(const struct pod_plan *p, uint32_t firmware, struct pod_start *out);
/* Of a file that is empty, or of which a part was never written; false: it is neither. */
bool pod_start_of_extents(const struct pod_extent *e, size_t count, uint64_t size_bytes, struct pod_start *out);
/* The same, if it is about what the image's system will meet once it runs; else false. */
bool pod_start_of_system(const struct pod_plan *p, uint32_t firmware, struct pod_start *out);
/* Of a plan that could not be made. parent: pod_plan.parent. stick_file: one of the stick's own files that is missing or damaged;
 * NULL: none is. */
void pod_start_of_failure(enum pod_status st, const struct pod_diag *d, const char *parent, const char *stick_file,
			  struct pod_start *out);

/* Of a loader that Secure Boot refuses, POD_WHY_SECURE_*; `who`: whose signature that is about, or "". */
void pod_start_of_refusal(enum pod_start_why why, const char *loader, const char *who, struct pod_start *out);
/* English: what to do about a signature that a machine does not accept, or has revoked. */
const char *pod_start_fix_signature(const char *who, bool revoked);

/* "WHAT; FIX" into out, each translated by `translate`, which gives back what it does not know; NULL: English. */
void pod_start_say(const struct pod_start *s, const char *(*translate)(void *ctx, const char *text), void *ctx, char *out,
		   size_t size);
/* Does the plan's warning i say that, too? Whoever has said it leaves that warning out. */
bool pod_start_is_warning(const struct pod_start *s, const struct pod_plan *p, uint32_t i);

#endif
