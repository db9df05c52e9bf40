/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder's part in Windows PE. Windows lets nobody write to sectors that a mounted file system covers: the ESP is locked
 * and dismounted first, and written through its volume. Where Windows has no volume for it (older ones show only the first
 * partition of a removable drive) nothing is mounted there, and the disk takes the write.
 */
#include "core/base/mem.h"
#include "core/trace/slot.h"
#include "windows/helper.h"

static uint8_t sector[POD_REC_SECTOR] __attribute__((aligned(4096)));

static bool control(void *device, uint32_t code)
{
	uint32_t got;
	return DeviceIoControl(device, code, NULL, 0, NULL, 0, &got, NULL);
}

/* The device, and where the state file begins on it. */
static bool open_state(const struct helper *h, void **device, uint64_t *start)
{
	const struct pod_who_facts *f = &h->ho->facts;
	*device = volume_open_at(h, f->esp_start_bytes);
	*start = f->state_start_bytes;
	if (*device == INVALID_HANDLE_VALUE) {
		*device = volume_open_disk(h->disk, GENERIC_READ_WRITE);
		return *device != INVALID_HANDLE_VALUE;
	}
	*start -= f->esp_start_bytes;
	return control(*device, FSCTL_LOCK_VOLUME) && control(*device, FSCTL_DISMOUNT_VOLUME);
}

static bool go_to(void *device, uint64_t start, uint32_t boot, unsigned number)
{
	return SetFilePointerEx(device, (int64_t)(start + pod_rec_offset(boot, number)), NULL, 0);
}

static enum pod_status write_slot(struct helper *h, void *device, uint64_t start)
{
	uint32_t boot = h->ho->facts.boot_number, n = 0;
	if (!go_to(device, start, boot, POD_REC_AT_MACHINE) || !ReadFile(device, sector, sizeof sector, &n, NULL))
		return POD_E_IO;
	if (n != sizeof sector || !pod_slot_is_of(sector, boot))
		return POD_E_CHANGED;
	h->record.ms = helper_ms(h);
	pod_rec_put_windows(sector, &h->record);
	unsigned number = pod_slot_seal(sector, boot, h->updates);
	return go_to(device, start, boot, number) && WriteFile(device, sector, sizeof sector, &n, NULL) && n == sizeof sector &&
			       FlushFileBuffers(device)
		       ? POD_OK
		       : POD_E_IO;
}

void record_stage(struct helper *h, enum pod_stage stage, uint32_t arg)
{
	if (pod_stages_add(&h->record.stages, stage, helper_ms(h), arg))
		h->unwritten = true;
}

void record_write(struct helper *h)
{
	uint64_t start;
	void *device;
	if (!h->unwritten || !h->volume[0] || !h->ho->facts.boot_number)
		return;
	enum pod_status st = open_state(h, &device, &start) ? write_slot(h, device, start) : POD_E_IO;
	uint32_t error = GetLastError();
	if (device != INVALID_HANDLE_VALUE)
		CloseHandle(device); /* unlocks */
	if (st == POD_E_IO) {
		say_log(h, "the state file cannot be written", NULL, error);
		return;
	}
	h->unwritten = false;
	h->updates++;
	if (st == POD_E_CHANGED)
		say_log(h, "the state file is another start's: nothing is recorded", NULL, 0);
}
