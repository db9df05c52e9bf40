/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder's part in Windows PE. Windows lets nobody write to sectors that a mounted file system covers: the ESP is locked
 * and dismounted first, and written through its volume. Where Windows has no volume for it (older ones show only the first
 * partition of a removable drive) nothing is mounted there, and the disk takes the write.
 */
#include "core/base/mem.h"
#include "core/trace/slot.h"
#include "windows/helper.h"

struct state {
	struct pod_dev dev; /* the first member: this */
	void *device;
	uint64_t start; /* of the state file on the device */
	uint32_t error; /* Windows' code of what failed */
};

static uint8_t bounce[POD_REC_SECTOR] __attribute__((aligned(4096)));

static enum pod_status result(struct state *s, bool ok)
{
	if (!ok)
		s->error = GetLastError();
	return ok ? POD_OK : POD_E_IO;
}

/* One sector at a time is all that is asked for. */
static enum pod_status state_read(struct pod_dev *d, uint64_t off, void *to, size_t len)
{
	struct state *s = (struct state *)d;
	uint32_t got = 0;
	if (len != sizeof bounce)
		return POD_E_INVALID;
	POD_TRY(result(s, SetFilePointerEx(s->device, (int64_t)(s->start + off), NULL, 0) &&
				  ReadFile(s->device, bounce, sizeof bounce, &got, NULL)));
	memcpy(to, bounce, sizeof bounce);
	return got == sizeof bounce ? POD_OK : POD_E_IO;
}

static enum pod_status state_write(struct pod_dev *d, uint64_t off, const void *from, size_t len)
{
	struct state *s = (struct state *)d;
	uint32_t done = 0;
	if (len != sizeof bounce)
		return POD_E_INVALID;
	memcpy(bounce, from, sizeof bounce);
	POD_TRY(result(s, SetFilePointerEx(s->device, (int64_t)(s->start + off), NULL, 0) &&
				  WriteFile(s->device, bounce, sizeof bounce, &done, NULL)));
	return done == sizeof bounce ? POD_OK : POD_E_IO;
}

static enum pod_status state_flush(struct pod_dev *d)
{
	struct state *s = (struct state *)d;
	return result(s, FlushFileBuffers(s->device));
}

static bool control(struct state *s, uint32_t code)
{
	uint32_t got;
	return result(s, DeviceIoControl(s->device, code, NULL, 0, NULL, 0, &got, NULL)) == POD_OK;
}

static bool open_state(const struct helper *h, struct state *s)
{
	const struct pod_who_facts *f = &h->ho->facts;
	s->dev = (struct pod_dev){.size_bytes = f->state_length_bytes,
				  .sector_size = POD_REC_SECTOR,
				  .read = state_read,
				  .write = state_write,
				  .flush = state_flush};
	s->device = volume_open_at(h, f->esp_start_bytes);
	if (s->device != INVALID_HANDLE_VALUE) {
		s->start = f->state_start_bytes - f->esp_start_bytes;
		return control(s, FSCTL_LOCK_VOLUME) && control(s, FSCTL_DISMOUNT_VOLUME);
	}
	s->device = volume_open_disk(h->disk, GENERIC_READ_WRITE);
	s->start = f->state_start_bytes;
	return result(s, s->device != INVALID_HANDLE_VALUE) == POD_OK;
}

static enum pod_status write_slot(struct helper *h, struct state *s)
{
	uint8_t sector[POD_REC_SECTOR];
	struct pod_slot slot = {.state = &s->dev, .boot = h->ho->facts.boot_number, .update = h->updates};
	h->record.ms = helper_ms(h);
	pod_rec_put_windows(sector, &h->record);
	return pod_slot_write(&slot, sector);
}

void record_stage(struct helper *h, enum pod_stage stage, uint32_t arg)
{
	if (pod_stages_add(&h->record.stages, stage, helper_ms(h), arg))
		h->unwritten = true;
}

void record_write(struct helper *h)
{
	struct state s = {.device = INVALID_HANDLE_VALUE};
	enum pod_status st = POD_E_IO;
	if (!h->unwritten || !h->volume[0] || !h->ho->facts.boot_number)
		return;
	if (open_state(h, &s))
		st = write_slot(h, &s);
	if (st == POD_OK) {
		h->updates++;
		h->unwritten = false;
	} else if (st == POD_E_CHANGED) {
		say_log(h, "the stick's state file is another start's: nothing is recorded", NULL, 0);
		h->unwritten = false;
	} else {
		say_log(h, "the stick's state file cannot be written", NULL, s.error);
	}
	if (s.device != INVALID_HANDLE_VALUE)
		CloseHandle(s.device); /* unlocks */
}
