/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What runs from the image, a live Linux or Windows PE, writes its part of the flight recorder (record.h) into the slot of this boot: the
 * two sectors that are its own, in turn, and a log.
 */
#ifndef POD_TRACE_SLOT_H
#define POD_TRACE_SLOT_H

#include "core/trace/record.h"

struct pod_slot {
	struct pod_dev *state; /* over the state file's bytes and no other */
	uint32_t boot;
	uint32_t update; /* of the last sector written; 0: none */
};

/* Both look first whether the slot is this boot's: POD_E_CHANGED, and nothing is written, if its first sector says otherwise.
 *
 * Seals and writes what pod_rec_put_linux or pod_rec_put_windows filled. */
enum pod_status POD_MUST_USE pod_slot_write(struct pod_slot *s, uint8_t sector[POD_REC_SECTOR]);
/* Saves the end of a log, from the start of a line. *saved: how many bytes. */
enum pod_status POD_MUST_USE pod_slot_save_log(struct pod_slot *s, const char *text, size_t len, uint32_t *saved);

/* The two halves of that, for a writer that has no device: is this the first sector of the boot's slot? Seals a sector; which one of
 * the slot it is to be. `update` as above. */
bool pod_slot_is_of(const uint8_t first[POD_REC_SECTOR], uint32_t boot);
unsigned pod_slot_seal(uint8_t sector[POD_REC_SECTOR], uint32_t boot, uint32_t update);

#endif
