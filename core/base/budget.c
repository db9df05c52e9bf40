/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/budget.h"

/* Asking the clock or the keyboard costs more than a step, and a firmware's keyboard much more. A slow drive reads so many bytes
 * in some tenths of a second. */
enum { ASK_STEPS = 1024, ASK_BYTES = 1 << 20 };

static void ask_soon(struct pod_budget *b)
{
	b->until_asked = ASK_STEPS;
	b->until_asked_bytes = ASK_BYTES;
}

void pod_budget_start(struct pod_budget *b, uint64_t steps, uint64_t bytes, uint64_t ms)
{
	b->steps_left = steps;
	b->bytes_left = bytes;
	b->steps_spent = 0;
	b->deadline_ms = ms && b->now_ms ? b->now_ms(b) + ms : 0;
	b->hit = POD_BUDGET_NONE;
	ask_soon(b);
}

void pod_budget_unlimited(struct pod_budget *b)
{
	pod_budget_start(b, POD_BUDGET_UNLIMITED, POD_BUDGET_UNLIMITED, 0);
}

enum pod_status pod_budget_status(const struct pod_budget *b)
{
	if (!b || b->hit == POD_BUDGET_NONE)
		return POD_OK;
	return b->hit == POD_BUDGET_CANCEL ? POD_E_CANCELLED : POD_E_BUDGET;
}

static bool take(uint64_t *left, uint64_t n)
{
	if (n > *left)
		return false;
	if (*left != POD_BUDGET_UNLIMITED)
		*left -= n;
	return true;
}

static void ask(struct pod_budget *b)
{
	ask_soon(b);
	if (b->cancelled && b->cancelled(b))
		b->hit = POD_BUDGET_CANCEL;
	else if (b->deadline_ms && b->steps_spent >= POD_BUDGET_UNTIMED && b->now_ms(b) >= b->deadline_ms)
		b->hit = POD_BUDGET_TIME;
}

enum pod_status pod_budget_spend(struct pod_budget *b, uint64_t steps, uint64_t bytes)
{
	if (!b)
		return POD_OK;
	if (b->hit == POD_BUDGET_NONE && !take(&b->steps_left, steps))
		b->hit = POD_BUDGET_STEPS;
	if (b->hit == POD_BUDGET_NONE && !take(&b->bytes_left, bytes))
		b->hit = POD_BUDGET_BYTES;
	if (b->hit == POD_BUDGET_NONE) {
		b->steps_spent += steps;
		if (steps < b->until_asked && bytes < b->until_asked_bytes) {
			b->until_asked -= (uint32_t)steps;
			b->until_asked_bytes -= bytes;
		} else {
			ask(b);
		}
	}
	return pod_budget_status(b);
}

static uint64_t set_aside(uint64_t *left)
{
	uint64_t half = *left == POD_BUDGET_UNLIMITED ? 0 : *left / 2;
	if (half)
		*left -= half;
	return half;
}

static void give_back(uint64_t *left, uint64_t part)
{
	if (*left != POD_BUDGET_UNLIMITED)
		*left += part;
}

void pod_budget_split(struct pod_budget *b, struct pod_budget_part *part)
{
	*part = (struct pod_budget_part){0};
	if (!b)
		return;
	part->steps = set_aside(&b->steps_left);
	part->bytes = set_aside(&b->bytes_left);
	part->deadline_ms = b->deadline_ms;
	if (b->deadline_ms) {
		uint64_t now = b->now_ms(b);
		b->deadline_ms = now < b->deadline_ms ? now + (b->deadline_ms - now) / 2 : now;
	}
}

enum pod_budget_limit pod_budget_join(struct pod_budget *b, const struct pod_budget_part *part)
{
	if (!b)
		return POD_BUDGET_NONE;
	enum pod_budget_limit hit = b->hit;
	give_back(&b->steps_left, part->steps);
	give_back(&b->bytes_left, part->bytes);
	b->deadline_ms = part->deadline_ms;
	if (hit != POD_BUDGET_CANCEL)
		b->hit = POD_BUDGET_NONE;
	return hit;
}
