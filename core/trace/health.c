/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/trace/health.h"
#include "core/base/mem.h"

static bool all_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/* Of whatever kind: a later version may know more of them. */
static bool is_record(const uint8_t *s)
{
	return pod_rec_valid(s, (enum pod_rec_kind)s[POD_REC_KIND_OFF]);
}

static void take_sector(struct pod_state_health *h, const uint8_t *s)
{
	if (all_zero(s, POD_REC_SECTOR))
		return;
	if (is_record(s))
		h->records++;
	else
		h->records_bad++;
}

static enum pod_status look_at_boots(struct pod_dev *state, uint8_t *buf, struct pod_state_health *out)
{
	for (uint32_t i = 0; i < POD_REC_BOOTS; i++) {
		POD_TRY(pod_dev_read(state, pod_rec_offset(i, 0), buf, POD_REC_BOOT_SIZE));
		for (uint32_t k = 0; k < POD_REC_SECTORS; k++)
			take_sector(out, buf + (size_t)k * POD_REC_SECTOR);
	}
	return POD_OK;
}

static enum pod_status look(struct pod_dev *state, uint8_t *buf, struct pod_state_health *out)
{
	for (uint32_t i = 0; i < 2; i++) {
		POD_TRY(pod_dev_read(state, (uint64_t)i * POD_STATE_SLOT, buf, POD_STATE_SLOT));
		out->choices_bad += !all_zero(buf, POD_STATE_SLOT) && !pod_state_slot_valid(buf);
	}
	POD_TRY(look_at_boots(state, buf, out));
	for (uint32_t i = 0; i < POD_REC_LOGS; i++) {
		POD_TRY(pod_dev_read(state, pod_rec_log_offset(i), buf, POD_REC_SECTOR));
		take_sector(out, buf);
	}
	return POD_OK;
}

enum pod_status pod_state_look(struct pod_dev *state, struct pod_alloc *a, struct pod_state_health *out)
{
	_Static_assert(POD_REC_BOOT_SIZE == POD_STATE_SLOT, "one buffer for both");
	memset(out, 0, sizeof *out);
	uint8_t *buf = a->alloc(a, POD_STATE_SLOT);
	if (!buf)
		return POD_E_NOMEM;
	enum pod_status st = look(state, buf, out);
	pod_free(a, buf);
	return st;
}

bool pod_state_is_garbage(const struct pod_state_health *h)
{
	return h->choices_bad == 2 || h->records_bad > h->records + 1;
}
