/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state file: /ISOPOD/STATE.BIN on the ESP, preallocated and contiguous, written by sector and never
 * through the filesystem. It holds the one-shot choice; the flight recorder's ring (record.h) follows behind it.
 *
 * One-shot choice: two slots of 4096 bytes at file offsets 0 and 4096; the valid slot with the higher sequence
 * number counts, a write goes to the other one, so that a torn write leaves the old choice.
 *   +0x000  8  magic "ISOPODN1"
 *   +0x008  4  CRC-32 of the 4096 bytes with this field zero
 *   +0x00C  4  sequence number
 *   +0x010  4  length of the path in bytes; 0 = nothing chosen
 *   +0x014     path on the data partition, UTF-8, not terminated, at most 3072 bytes
 *
 * Language: one sector at file offset 0x3E000, behind the flight recorder's ring and logs.
 *   +0x000  8  magic "ISOPODL1"
 *   +0x008  4  CRC-32 of the 512 bytes with this field zero
 *   +0x00C  4  enum pod_conf_language that was chosen in the menu
 *   +0x010  4  that of isopod.conf at the time: if it says another now, that is the later choice
 */
#ifndef POD_TRACE_STATE_H
#define POD_TRACE_STATE_H

#include "core/disk/dev.h"
#include "core/rules/conf.h"

#define POD_STATE_FILE	   "ISOPOD/STATE.BIN"
#define POD_STATE_SIZE	   (256u << 10)
#define POD_STATE_SLOT	   4096u
#define POD_STATE_NEXT_MAX 3072u
#define POD_STATE_LANGUAGE 0x3E000u
#define POD_STATE_PARTMODE 0x3E200u /* the record of partition mode (core/disk/partmode.h) */

/* `state` is a device (window) over the state file's contiguous bytes. */
/* Reads the choice into path (size bytes); "" when none or when both slots are damaged. */
enum pod_status POD_MUST_USE pod_state_next_get(struct pod_dev *state, struct pod_alloc *a, char *path, size_t size);
/* Writes it; NULL or "" clears. Flushes. */
enum pod_status POD_MUST_USE pod_state_next_set(struct pod_dev *state, struct pod_alloc *a, const char *path);

/* The language to use, given that of isopod.conf: the one chosen in the menu since, or the given one. */
enum pod_conf_language pod_state_language_get(struct pod_dev *state, enum pod_conf_language conf);
/* Notes what was chosen, and flushes. */
enum pod_status POD_MUST_USE pod_state_language_set(struct pod_dev *state, enum pod_conf_language chosen,
						    enum pod_conf_language conf);
/* Is this a whole slot of POD_STATE_SLOT bytes, with a path a filesystem could hold? */
bool pod_state_slot_valid(uint8_t *slot);

#endif
