/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder's part in Windows PE. Windows lets nobody write to sectors that a mounted file system covers: the ESP is locked
 * and dismounted first, and written through its volume. Where Windows has no volume for it (older ones show only the first
 * partition of a removable drive) nothing is mounted there, and the disk takes the write.
 */
#include "core/trace/slot.h"
#include "windows/helper.h"

/* ReadFile or WriteFile: a sector of the slot that begins at `slot`. */
static bool transfer(WIN_TRANSFER *how, void *device, uint64_t slot, unsigned number, uint8_t *sector)
{
	uint32_t n;
	return SetFilePointerEx(device, (int64_t)(slot + number * POD_REC_SECTOR), NULL, 0) &&
	       how(device, sector, POD_REC_SECTOR, &n, NULL) && n == POD_REC_SECTOR;
}

/* POD_WHO_LOG_UNWRITTEN, POD_WHO_LOG_FOREIGN or, if all is well, 0. */
static unsigned write_slot(void *device, uint64_t slot)
{
	struct helper *h = self();
	uint32_t boot = pod_get_le32(h->ho + POD_WHO_BOOT_OFF);
	slot += pod_rec_offset(boot, 0);
	if (!transfer(ReadFile, device, slot, POD_REC_AT_MACHINE, h->first))
		return POD_WHO_LOG_UNWRITTEN;
	if (!pod_slot_is_of(h->first, boot))
		return POD_WHO_LOG_FOREIGN;
	/* Name and version are those of all records. */
	memcpy(h->sector, h->first, POD_REC_KIND_OFF);
	h->sector[POD_REC_KIND_OFF] = POD_REC_WINDOWS;
	pod_put_le32(h->sector + POD_REC_WINDOWS_MS, helper_ms());
	memcpy(h->sector + POD_REC_WINDOWS_PROGRAM, h->ho + POD_WHO_NAME_OFF, POD_WHO_NAME_SIZE);
	unsigned number = pod_slot_seal(h->sector, boot, h->updates);
	return transfer((WIN_TRANSFER *)WriteFile, device, slot, number, h->sector) && FlushFileBuffers(device)
		       ? 0
		       : POD_WHO_LOG_UNWRITTEN;
}

/* Each stage once; there are fewer kinds of them than places. */
void record_stage(enum pod_stage stage, uint32_t arg)
{
	struct helper *h = self();
	uint8_t *e = h->sector + POD_REC_WINDOWS_STAGE;
	for (; *e; e += POD_REC_STAGE_SIZE)
		if (*e == (uint8_t)stage)
			return;
	e[0] = (uint8_t)stage;
	pod_put_le32(e + 4, helper_ms());
	pod_put_le32(e + 8, arg);
	h->sector[POD_REC_WINDOWS_STAGES]++;
	h->unwritten = true;
}

void record_write(void)
{
	struct helper *h = self();
	if (!h->unwritten || !h->volume[0] || !pod_get_le32(h->ho + POD_WHO_BOOT_OFF))
		return;
	unsigned word = POD_WHO_LOG_UNWRITTEN;
	uint64_t start = pod_get_le64(h->ho + POD_WHO_STATE_OFF);
	void *device = volume_open_esp();
	if (device == INVALID_HANDLE_VALUE) {
		device = volume_open_disk();
		if (device != INVALID_HANDLE_VALUE)
			word = write_slot(device, start);
	} else if (volume_control(device, FSCTL_LOCK_VOLUME, NULL, 0) && volume_control(device, FSCTL_DISMOUNT_VOLUME, NULL, 0)) {
		word = write_slot(device, start - pod_get_le64(h->ho + POD_WHO_ESP_OFF));
	}
	h->number = GetLastError();
	if (device != INVALID_HANDLE_VALUE)
		CloseHandle(device); /* unlocks */
	if (word)
		say_log(word);
	if (word == POD_WHO_LOG_UNWRITTEN)
		return;
	h->unwritten = false;
	h->updates++;
}
