/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing into the slot of a boot from inside what it started; see slot.h. */
#include "core/trace/slot.h"

bool pod_slot_is_of(const uint8_t first[POD_REC_SECTOR], uint32_t boot)
{
	return boot && pod_rec_valid(first, POD_REC_MACHINE) && pod_rec_boot_of(first) == boot;
}

unsigned pod_slot_seal(uint8_t sector[POD_REC_SECTOR], uint32_t boot, uint32_t update)
{
	pod_rec_seal(sector, boot, update + 1);
	return POD_REC_AT_SYSTEM + (update & 1);
}

static enum pod_status check_slot(const struct pod_slot *s)
{
	uint8_t first[POD_REC_SECTOR];
	if (!s->boot)
		return POD_E_CHANGED;
	POD_TRY(pod_dev_read(s->state, pod_rec_offset(s->boot, POD_REC_AT_MACHINE), first, sizeof first));
	return pod_slot_is_of(first, s->boot) ? POD_OK : POD_E_CHANGED;
}

enum pod_status pod_slot_write(struct pod_slot *s, uint8_t sector[POD_REC_SECTOR])
{
	POD_TRY(check_slot(s));
	unsigned at = pod_slot_seal(sector, s->boot, s->update);
	POD_TRY(pod_rec_write(s->state, s->boot, at, sector));
	s->update++;
	return POD_OK;
}

enum pod_status pod_slot_save_log(struct pod_slot *s, const char *text, size_t len, uint32_t *saved)
{
	POD_TRY(check_slot(s));
	if (len > POD_REC_LOG_TEXT) {
		const char *end = text + len;
		text = end - POD_REC_LOG_TEXT;
		while (text < end && text[-1] != '\n')
			text++;
		len = (size_t)(end - text);
	}
	POD_TRY(pod_rec_write_log(s->state, s->boot, text, len));
	*saved = (uint32_t)len;
	return POD_OK;
}
