/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder at work in the boot manager: one boot's sectors, written as things happen.
 *
 * It never gets in the way: a call that cannot write switches the recorder off and returns, and `status` says why. All times are
 * milliseconds since the boot manager started.
 */
#ifndef POD_TRACE_RECORDER_H
#define POD_TRACE_RECORDER_H

#include "core/trace/progress.h"
#include "core/trace/screen.h"

#define POD_RECORDER_INTERVAL_MS 250u
#define POD_RECORDER_STALE_MS	 1000u

struct pod_recorder {
	struct pod_dev *state; /* NULL: nothing is recorded */
	uint32_t previous;     /* number of the latest boot before this one; 0: none. Known on a read-only stick, too */
	uint32_t boot;	       /* number of this boot; 0: none yet */
	uint32_t update;       /* of the PROGRESS sector written last */
	uint32_t written;      /* sectors */
	enum pod_status status;
	struct pod_pace pace;
	uint32_t last_ms;   /* of the last write of PROGRESS */
	uint32_t quiet_ms;  /* a timer's next write when nothing is read */
	bool dirty;	    /* PROGRESS has changed since */
	uint32_t screens;   /* SCREEN sectors written in this boot */
	uint32_t screen_ms; /* of the last one */
	uint8_t machine[POD_REC_SECTOR];
	uint8_t progress[POD_REC_SECTOR];
};

/* Takes a number for this boot. `state` must outlive the recorder. Nothing is written yet. */
enum pod_status POD_MUST_USE pod_recorder_open(struct pod_recorder *r, struct pod_dev *state, struct pod_alloc *a);
/* Writes the boot's first record and reads it back: from then on the slot is this boot's. Nothing is recorded unless that works.
 */
void pod_recorder_machine(struct pod_recorder *r, const struct pod_rec_machine *m);
/* A second image is started by the same boot manager: a story of its own, with the first's machine and its two first stages. */
void pod_recorder_again(struct pod_recorder *r, struct pod_alloc *a);
void pod_recorder_image(struct pod_recorder *r, const struct pod_rec_image *im);
void pod_recorder_message(struct pod_recorder *r, enum pod_status st, const char *text);
/* The kernel arguments of this start; the next stage brings them to the stick. */
void pod_recorder_arguments(struct pod_recorder *r, const char *words);
/* Notes a stage, the first time, and writes it at once. */
void pod_recorder_stage(struct pod_recorder *r, enum pod_stage stage, uint32_t ms, uint32_t arg);
/* Has this stage been noted? */
bool pod_recorder_has(const struct pod_recorder *r, enum pod_stage stage);
/* Around a read of the virtual disk. */
void pod_recorder_read(struct pod_recorder *r, uint64_t off, uint32_t len, uint32_t ms);
void pod_recorder_read_done(struct pod_recorder *r, uint32_t done, enum pod_status st, uint32_t code, uint32_t ms);
void pod_recorder_outside(struct pod_recorder *r, uint64_t off, uint32_t ms);
/* Once a second from a timer: writes what is not on the stick yet; when nothing happens, at growing distances, so that the record
 * tells how long. */
void pod_recorder_tick(struct pod_recorder *r, uint32_t ms);
/* Brings what a loader printed to the stick: once it stands still from one call to the next (a timer's), or at once; seldom what never
 * does, and only so often in one start. */
void pod_recorder_screen(struct pod_recorder *r, struct pod_screen *s, uint32_t ms, bool at_once);
/* The sector as it would be written next, for a server that goes on with it. */
void pod_recorder_template(const struct pod_recorder *r, uint8_t s[POD_REC_SECTOR]);

#endif
