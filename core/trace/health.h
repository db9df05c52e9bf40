/* SPDX-License-Identifier: BSD-2-Clause */
/* Is what lies in a state file a state file? For those who look after a stick; the boot manager reads what it can. */
#ifndef POD_TRACE_HEALTH_H
#define POD_TRACE_HEALTH_H

#include "core/trace/record.h"

struct pod_state_health {
	uint32_t choices_bad; /* of the two slots of the one-shot choice: neither empty nor whole */
	uint32_t records, records_bad;
};

/* `state`: a device over the file's bytes. The text of saved logs is not looked at. */
enum pod_status POD_MUST_USE pod_state_look(struct pod_dev *state, struct pod_alloc *a, struct pod_state_health *out);
/* Not what a torn write or a worn sector leaves: no choice can be read, or more is damaged than is whole. */
bool pod_state_is_garbage(const struct pod_state_health *h);

#endif
