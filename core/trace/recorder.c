/* SPDX-License-Identifier: BSD-2-Clause */
/* The flight recorder at work; see recorder.h. */
#include "core/trace/recorder.h"
#include "core/base/str.h"

#define QUIET_MAX_MS 64000u
#define SELDOM_MS    16000u
#define SCREENS_MAX  32u

static void write_sector(struct pod_recorder *r, unsigned at, const uint8_t *s)
{
	enum pod_status st = pod_rec_write(r->state, r->boot, at, s);
	if (st == POD_OK) {
		r->written++;
		return;
	}
	r->status = st;
	r->state = NULL;
}

/* The two PROGRESS sectors in turn. */
static void write_progress(struct pod_recorder *r, uint32_t ms)
{
	if (!r->state || !r->boot)
		return;
	r->update++;
	r->dirty = false;
	r->last_ms = ms;
	pod_put_le32(r->progress + POD_PR_MS, ms);
	pod_put_le32(r->progress + POD_PR_WRITTEN, r->written);
	pod_rec_seal(r->progress, r->boot, r->update);
	write_sector(r, POD_REC_AT_PROGRESS + (r->update & 1), r->progress);
}

/* How reading goes on is worth a budget; beyond it this is written seldom. */
static void write_reading(struct pod_recorder *r, uint32_t ms)
{
	if (r->written < POD_RECORDER_BUDGET || ms - r->last_ms >= SELDOM_MS)
		write_progress(r, ms);
}

static void clear_progress(struct pod_recorder *r)
{
	static const struct pod_rec_progress none;
	pod_rec_put_progress(r->progress, &none);
	r->quiet_ms = POD_RECORDER_STALE_MS;
	r->pace = (struct pod_pace){.credit = POD_PACE_BURST};
}

enum pod_status pod_recorder_open(struct pod_recorder *r, struct pod_dev *state, struct pod_alloc *a)
{
	memset(r, 0, sizeof *r);
	clear_progress(r);
	r->status = pod_rec_latest(state, &r->previous);
	if (r->status == POD_OK && (!state->write || state->read_only))
		r->status = POD_E_READONLY;
	if (r->status == POD_OK)
		r->status = pod_rec_new_number(state, a, r->previous, &r->boot);
	if (r->status == POD_OK)
		r->state = state;
	return r->status;
}

/* A stick that takes a write and forgets it must not count as recorded on. */
static void write_machine(struct pod_recorder *r)
{
	uint8_t back[POD_REC_SECTOR];
	pod_rec_seal(r->machine, r->boot, 1);
	write_sector(r, POD_REC_AT_MACHINE, r->machine);
	if (!r->state)
		return;
	r->status = pod_dev_read(r->state, pod_rec_offset(r->boot, POD_REC_AT_MACHINE), back, sizeof back);
	if (r->status == POD_OK && memcmp(back, r->machine, sizeof back) != 0)
		r->status = POD_E_READONLY;
	if (r->status != POD_OK)
		r->state = NULL;
}

void pod_recorder_machine(struct pod_recorder *r, const struct pod_rec_machine *m)
{
	if (!r->state)
		return;
	pod_rec_put_machine(r->machine, m);
	write_machine(r);
}

void pod_recorder_again(struct pod_recorder *r, struct pod_alloc *a)
{
	struct pod_rec_progress was;
	if (!r->state)
		return;
	pod_rec_get_progress(r->progress, &was);
	r->status = pod_rec_new_number(r->state, a, r->boot, &r->boot);
	if (r->status != POD_OK) {
		r->state = NULL;
		return;
	}
	clear_progress(r);
	r->update = r->written = r->screens = 0;
	write_machine(r);
	for (unsigned stage = POD_STAGE_STARTED; stage <= POD_STAGE_MENU; stage++) {
		const struct pod_stage_event *e = pod_stages_find(&was.stages, (enum pod_stage)stage);
		if (e)
			pod_recorder_stage(r, (enum pod_stage)stage, e->ms, e->arg);
	}
}

void pod_recorder_image(struct pod_recorder *r, const struct pod_rec_image *im)
{
	uint8_t s[POD_REC_SECTOR];
	if (!r->state)
		return;
	pod_rec_put_image(s, im);
	pod_rec_seal(s, r->boot, 1);
	write_sector(r, POD_REC_AT_IMAGE, s);
}

void pod_recorder_message(struct pod_recorder *r, enum pod_status st, const char *text)
{
	uint8_t s[POD_REC_SECTOR];
	struct pod_rec_message msg = {.status = (uint32_t)st};
	if (!r->state)
		return;
	(void)pod_strlcpy(msg.text, text, sizeof msg.text);
	pod_rec_put_message(s, &msg);
	pod_rec_seal(s, r->boot, 1);
	write_sector(r, POD_REC_AT_MESSAGE, s);
}

void pod_recorder_arguments(struct pod_recorder *r, const char *words)
{
	size_t n = pod_strlen(words);
	memset(r->progress + POD_PR_ARGUMENTS, 0, POD_REC_ARGUMENTS_MAX);
	memcpy(r->progress + POD_PR_ARGUMENTS, words, n < POD_REC_ARGUMENTS_MAX ? n : POD_REC_ARGUMENTS_MAX);
}

bool pod_recorder_has(const struct pod_recorder *r, enum pod_stage stage)
{
	for (unsigned i = 0; i < r->progress[POD_PR_STAGE_COUNT]; i++)
		if (r->progress[POD_PR_STAGE + i * POD_PR_STAGE_SIZE] == (uint8_t)stage)
			return true;
	return false;
}

void pod_recorder_stage(struct pod_recorder *r, enum pod_stage stage, uint32_t ms, uint32_t arg)
{
	unsigned n = r->progress[POD_PR_STAGE_COUNT];
	if (!r->state || n >= POD_STAGE_MAX || pod_recorder_has(r, stage))
		return;
	uint8_t *e = r->progress + POD_PR_STAGE + n * POD_PR_STAGE_SIZE;
	e[0] = (uint8_t)stage;
	pod_put_le32(e + 4, ms);
	pod_put_le32(e + 8, arg);
	r->progress[POD_PR_STAGE_COUNT] = (uint8_t)(n + 1);
	write_progress(r, ms);
}

void pod_recorder_read(struct pod_recorder *r, uint64_t off, uint32_t len, uint32_t ms)
{
	if (!r->state)
		return;
	bool jump = pod_progress_begin(r->progress, off, len, ms);
	r->dirty = true;
	r->quiet_ms = POD_RECORDER_STALE_MS;
	/* before the read: it may never come back */
	if (pod_pace_due(&r->pace, ms, jump, POD_RECORDER_INTERVAL_MS, POD_RECORDER_STALE_MS))
		write_reading(r, ms);
}

void pod_recorder_read_done(struct pod_recorder *r, uint32_t done, enum pod_status st, uint32_t code, uint32_t ms)
{
	if (!r->state)
		return;
	uint32_t errors = pod_get_le32(r->progress + POD_PR_ERRORS);
	pod_progress_end(r->progress, done, (uint32_t)st, code, ms);
	r->dirty = true;
	/* a loader that tries again for ever does not wear the stick out */
	if (st != POD_OK &&
	    (errors < POD_PACE_BURST || pod_pace_due(&r->pace, ms, false, POD_RECORDER_INTERVAL_MS, POD_RECORDER_STALE_MS)))
		write_reading(r, ms);
}

void pod_recorder_outside(struct pod_recorder *r, uint64_t off, uint32_t ms)
{
	if (!r->state)
		return;
	pod_progress_outside(r->progress, off);
	r->dirty = true;
	if (pod_get_le32(r->progress + POD_PR_OUTSIDE) == 1)
		write_reading(r, ms);
}

void pod_recorder_tick(struct pod_recorder *r, uint32_t ms)
{
	if (!r->state)
		return;
	r->progress[POD_PR_FLAGS] |= POD_REC_P_TIMER;
	if (!r->dirty) {
		if (ms - r->last_ms < r->quiet_ms)
			return;
		if (r->quiet_ms < QUIET_MAX_MS)
			r->quiet_ms *= 2;
	}
	write_reading(r, ms);
	r->pace.last = ms;
}

void pod_recorder_screen(struct pod_recorder *r, struct pod_screen *scr, uint32_t ms, bool at_once)
{
	uint8_t s[POD_REC_SECTOR];
	struct pod_rec_screen rec = {.ms = ms};
	bool still = scr->seen == scr->printed;
	scr->seen = scr->printed;
	if (!r->state || !r->boot || scr->noted == scr->printed || r->screens >= SCREENS_MAX)
		return;
	if (!at_once && !still && ms - r->screen_ms < SELDOM_MS)
		return;
	(void)pod_screen_condense(scr->text, scr->len, rec.text);
	scr->noted = scr->printed;
	r->screen_ms = ms;
	pod_rec_put_screen(s, &rec);
	pod_rec_seal(s, r->boot, ++r->screens);
	write_sector(r, POD_REC_AT_SCREEN, s);
}

void pod_recorder_template(const struct pod_recorder *r, uint8_t s[POD_REC_SECTOR])
{
	memcpy(s, r->progress, POD_REC_SECTOR);
	pod_put_le32(s + POD_PR_UPDATE, r->update);
	pod_put_le32(s + POD_PR_WRITTEN, r->written);
}
