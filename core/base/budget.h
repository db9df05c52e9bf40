/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an operation on foreign bytes may cost.
 *
 * Whoever starts one (a scan, a plan, a command) gives a budget and hangs it on the device; everything built on that device takes
 * it over (windows, caches, maps, filesystems, chains) and spends from it: a read costs a step and its bytes at every device it
 * goes through, a directory entry or a block of a virtual disk costs a step. A step is some tenths of a microsecond of work on a
 * PC.
 *
 * Once a limit is met, every further step fails with the same status and `hit` keeps which limit it was, also where a parser took
 * the failed read for the end of a list. So who gave the budget looks at `hit`, and says what was left out.
 */
#ifndef POD_BASE_BUDGET_H
#define POD_BASE_BUDGET_H

#include "core/base/status.h"

enum pod_budget_limit {
	POD_BUDGET_NONE,
	POD_BUDGET_STEPS,
	POD_BUDGET_BYTES,
	POD_BUDGET_TIME,
	POD_BUDGET_CANCEL, /* somebody asked to stop */
};

#define POD_BUDGET_UNLIMITED UINT64_MAX
/* Bytes that are unpacked for a step. */
#define POD_UNPACKED_STEP 256u

/* The deadline counts only from this step on: a sound medium needs fewer, and may lie on a slow drive. */
#define POD_BUDGET_UNTIMED 16384u

struct pod_budget {
	uint64_t steps_left, bytes_left, steps_spent;
	uint64_t deadline_ms; /* by `now_ms`; 0: none */
	/* Both may be NULL. They are asked every so many steps. */
	uint64_t (*now_ms)(struct pod_budget *b);
	bool (*cancelled)(struct pod_budget *b);
	void *ctx;
	enum pod_budget_limit hit;
	uint32_t until_asked; /* steps */
	uint64_t until_asked_bytes;
};

/* A new operation: `hit` is forgotten. `ms` 0: no deadline. The callbacks and `ctx` stay as they are. */
void pod_budget_start(struct pod_budget *b, uint64_t steps, uint64_t bytes, uint64_t ms);
/* No limit but being cancelled. */
void pod_budget_unlimited(struct pod_budget *b);

/* POD_OK, POD_E_BUDGET or POD_E_CANCELLED. NULL is legal: no budget, no limit. */
enum pod_status POD_MUST_USE pod_budget_spend(struct pod_budget *b, uint64_t steps, uint64_t bytes);
/* What a further step would return. */
enum pod_status pod_budget_status(const struct pod_budget *b);

/*
 * A part of an operation that may be cut off without spoiling the rest: it gets half of what is left, and afterwards what it did
 * not need comes back. Parts may be nested.
 *
 *   pod_budget_split(b, &part);
 *   ...search...
 *   hit = pod_budget_join(b, &part);     POD_BUDGET_NONE if the part came to its end; being cancelled stays in force
 */
struct pod_budget_part {
	uint64_t steps, bytes, deadline_ms; /* set aside */
};
void pod_budget_split(struct pod_budget *b, struct pod_budget_part *part);
enum pod_budget_limit pod_budget_join(struct pod_budget *b, const struct pod_budget_part *part);

#endif
