/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PROGRESS sector while it is being kept: its fields in place, as record.h tells them. The boot manager and the INT 13h
 * server (16-bit code with little room) keep the same sector by the same rules, so all of it is here, inline.
 */
#ifndef POD_TRACE_PROGRESS_H
#define POD_TRACE_PROGRESS_H

#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/trace/record.h"

enum {
	POD_PR_CRC = 0x08,
	POD_PR_UPDATE = 0x14,
	POD_PR_MS = 0x18,
	POD_PR_STAGE_COUNT = 0x1c,
	POD_PR_FLAGS = 0x1d,
	POD_PR_BYTES = 0x20,
	POD_PR_READS = 0x28,
	POD_PR_LAST_LEN = 0x2c,
	POD_PR_LAST = 0x30,
	POD_PR_RUN = 0x38,
	POD_PR_ERRORS = 0x40,
	POD_PR_ERROR_STATUS = 0x44,
	POD_PR_ERROR = 0x48,
	POD_PR_OUTSIDE = 0x50,
	POD_PR_READ_MS = 0x54,
	POD_PR_OUTSIDE_AT = 0x58,
	POD_PR_SLOW = 0x60,
	POD_PR_STAGE = 0x90,
	POD_PR_ERROR_CODE = 0x120,
	POD_PR_LAST_MS = 0x124,
	POD_PR_WRITTEN = 0x128,
	POD_PR_ARGUMENTS = 0x12c,
	POD_PR_SLOW_SIZE = 12,
	POD_PR_STAGE_SIZE = 12,
};

static inline void pod_progress_count(uint8_t *p, uint32_t n)
{
	uint32_t was = pod_get_le32(p), sum = was + n;
	pod_put_le32(p, sum < was ? ~0u : sum);
}

/* A read of the virtual disk begins. True if it does not follow the one before. */
static inline bool pod_progress_begin(uint8_t *s, uint64_t off, uint32_t len, uint32_t ms)
{
	bool jump = off != pod_get_le64(s + POD_PR_LAST) + pod_get_le32(s + POD_PR_LAST_LEN) || !pod_get_le32(s + POD_PR_READS);
	if (jump)
		pod_put_le64(s + POD_PR_RUN, off);
	pod_put_le64(s + POD_PR_LAST, off);
	pod_put_le32(s + POD_PR_LAST_LEN, len);
	pod_put_le32(s + POD_PR_LAST_MS, ms);
	s[POD_PR_FLAGS] |= POD_REC_P_READING;
	return jump;
}

static inline void pod_progress_slow(uint8_t *s, uint64_t off, uint32_t took_ms)
{
	/* What is pushed out of a place goes on to the next one. */
	for (uint8_t *e = s + POD_PR_SLOW; e < s + POD_PR_SLOW + POD_REC_SLOW_MAX * POD_PR_SLOW_SIZE; e += POD_PR_SLOW_SIZE) {
		uint64_t was_off = pod_get_le64(e);
		uint32_t was = pod_get_le32(e + 8);
		if (was >= took_ms)
			continue;
		pod_put_le64(e, off);
		pod_put_le32(e + 8, took_ms);
		off = was_off;
		took_ms = was;
	}
}

/* The read that began is over: `done` bytes arrived; `status` (enum pod_status) and the firmware's own `code` if it failed. */
static inline void pod_progress_end(uint8_t *s, uint32_t done, uint32_t status, uint32_t code, uint32_t ms)
{
	uint32_t took = ms - pod_get_le32(s + POD_PR_LAST_MS);
	uint64_t off = pod_get_le64(s + POD_PR_LAST);
	s[POD_PR_FLAGS] &= (uint8_t)~POD_REC_P_READING;
	pod_put_le64(s + POD_PR_BYTES, pod_get_le64(s + POD_PR_BYTES) + done);
	pod_progress_count(s + POD_PR_READS, 1);
	pod_progress_count(s + POD_PR_READ_MS, took);
	pod_put_le32(s + POD_PR_LAST_MS, ms);
	if (took)
		pod_progress_slow(s, off, took);
	if (status == POD_OK)
		return;
	if (!pod_get_le32(s + POD_PR_ERRORS)) {
		pod_put_le32(s + POD_PR_ERROR_STATUS, status);
		pod_put_le64(s + POD_PR_ERROR, off);
		pod_put_le32(s + POD_PR_ERROR_CODE, code);
	}
	pod_progress_count(s + POD_PR_ERRORS, 1);
}

/* Somebody asked for what lies outside the virtual disk. */
static inline void pod_progress_outside(uint8_t *s, uint64_t off)
{
	if (!pod_get_le32(s + POD_PR_OUTSIDE))
		pod_put_le64(s + POD_PR_OUTSIDE_AT, off);
	pod_progress_count(s + POD_PR_OUTSIDE, 1);
}

/* Beyond so many sectors in one boot it is written seldom how reading goes on: 256 KiB last for a long start. */
#define POD_RECORDER_BUDGET 400u

/* How often the sector is written: at a jump to another place if the last writes leave credit (POD_PACE_BURST at once, then
 * one an `interval`), and at any read after `stale`. Times in any unit, counted by the caller, wrapping. */
#define POD_PACE_BURST 16u
struct pod_pace {
	uint32_t last, filled, credit;
};
static inline bool pod_pace_due(struct pod_pace *p, uint32_t now, bool jump, uint32_t interval, uint32_t stale)
{
	while (p->credit < POD_PACE_BURST && now - p->filled >= interval) {
		p->credit++;
		p->filled += interval;
	}
	if (p->credit >= POD_PACE_BURST)
		p->filled = now;
	if (!(jump && p->credit) && now - p->last < stale)
		return false;
	if (p->credit)
		p->credit--;
	p->last = now;
	return true;
}

#endif
