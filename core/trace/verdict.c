/* SPDX-License-Identifier: BSD-2-Clause */
/* The verdict: first where the boot stopped, then why; see verdict.h. Here the boot manager's part and the loader's. */
#include "core/trace/verdict_int.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum {
	LOADER_QUIET_MS = 60000,  /* a loader that read nothing for so long */
	FOLDER_QUIET_MS = 3000,	  /* ... after it looked into a folder */
	READ_HANG_MS = 10000,	  /* a read that did not come back for so long */
	SLOW_USB_KBIT = 12000,	  /* USB 1 */
	SLOW_BYTES_PER_MS = 1100, /* about what USB 1 gives */
	SLOW_LEAST_BYTES = 8 << 20,
	TIGHT_BASE_BYTES = 192 << 20, /* what a kernel wants beside its initrd */
	BEHIND_MS = 1500,
	LEFT_OF_INITRD = 64 << 10, /* a loader that came so near the end has read it */
};

/* EFI_STATUS without its high bit (UEFI specification, appendix D). */
enum {
	EFI_OUT_OF_RESOURCES = 9,
	EFI_NO_MEDIA = 12,
	EFI_MEDIA_CHANGED = 13,
	EFI_DENIED = 15,
	EFI_ABORTED = 21,
	EFI_SECURITY = 26
};

static uint32_t since_last_read_ms(const struct maker *m)
{
	const struct pod_rec_progress *p = &m->b->progress;
	return p->ms > p->last_read_ms ? p->ms - p->last_read_ms : 0;
}

/* Did the loader read the initrd it was served to the end? Then the kernel was started next. Without a timer the record is up to
 * a second and a half behind: what may have been read meanwhile counts as read. */
static bool initrd_read(const struct maker *m)
{
	const struct pod_where *w = m->f->last;
	const struct pod_rec_progress *p = &m->b->progress;
	if (!w || w->kind != POD_WHERE_INITRD)
		return false;
	uint64_t left = w->length_bytes - w->offset_bytes;
	if (left <= LEFT_OF_INITRD)
		return true;
	return !(p->flags & (POD_REC_P_TIMER | POD_REC_P_READING)) && left <= (uint64_t)pod_verdict_read_rate(p) * BEHIND_MS;
}

static bool memory_is_tight(const struct maker *m)
{
	uint64_t have = m->b->has_machine ? m->b->machine.memory_bytes : 0;
	return have && m->f->initrd_bytes && have < TIGHT_BASE_BYTES + 4 * m->f->initrd_bytes;
}

/* --- where it stopped --------------------------------------------------------------------------------------------------- */

/* The boot manager made no start of it: what the plan says now was so then. */
static void nothing_to_start(struct maker *m)
{
	switch (m->f->why) {
	case POD_WHY_NO_LOADER:
	case POD_WHY_BOOT_IMAGE:
		pod_verdict_blame(m, POD_HAZARD_IMAGE, "nothing-to-start", CHECK_IMAGE, POD_RETRY_AFTER_COPY);
		break;
	case POD_WHY_OTHER_FIRMWARE:
		pod_verdict_blame(m, POD_HAZARD_FIRMWARE, "nothing-to-start",
				  m->f->other_mode == POD_YES
					  ? OTHER_MODE
					  : N_("The image has nothing for this firmware; 'isopod plan' shows what it has."),
				  m->f->other_mode == POD_YES ? POD_RETRY_OTHER_FIRMWARE : POD_RETRY_NONE);
		break;
	default:
		pod_verdict_unknown(m, "nothing-to-start", CHECK_IMAGE, OTHER_MODE, COPY_AGAIN);
	}
}

/* One of the stick's own files was missing, or none of ours, and the message names it. */
static bool stick_is_damaged(const struct maker *m, uint32_t status)
{
	return m->b->has_image && (m->b->image.flags & POD_REC_I_SHIM_MISSING) &&
	       (status == POD_E_NOT_FOUND || status == POD_E_CORRUPT || status == POD_E_FORMAT);
}

static void start_failed(struct maker *m, uint32_t status)
{
	pod_verdict_end(m, POD_OUTCOME_FAILED, pod_say(N_("The image could not be started.")));
	pod_verdict_tell_message(m);
	pod_verdict_tell_reads(m);
	if (pod_verdict_find_cause(m))
		return;
	if (status == POD_E_NOMEM)
		pod_verdict_blame(m, POD_HAZARD_MEMORY, "memory", MORE_MEMORY, POD_RETRY_NONE);
	else if (status == POD_E_IO)
		pod_verdict_blame(m, POD_HAZARD_DRIVE, "read-error", OTHER_PORT, POD_RETRY_OTHER_PORT);
	else if (status == POD_E_CHANGED)
		pod_verdict_blame(m, POD_HAZARD_DRIVE, "stick-pulled", OTHER_PORT, POD_RETRY_OTHER_PORT);
	else if (stick_is_damaged(m, status))
		pod_verdict_blame(m, POD_HAZARD_DRIVE, "stick-damaged", UPDATE_STICK, POD_RETRY_SAME);
	else if (status == POD_E_NOT_FOUND || (m->b->has_image && m->b->image.entry == POD_ENTRY_NONE))
		nothing_to_start(m);
	else if (status == POD_E_CORRUPT || status == POD_E_FORMAT)
		pod_verdict_blame(m, POD_HAZARD_IMAGE, "damaged-image", COPY_AGAIN, POD_RETRY_AFTER_COPY);
	else
		pod_verdict_unknown(m, "start-failed", N_("What the boot manager said names the reason."), CHECK_IMAGE,
				    COPY_AGAIN);
}

static void loader_returned(struct maker *m, uint32_t arg)
{
	uint32_t code = arg & 0xffff;
	if (!(arg >> 31) || code == EFI_ABORTED) {
		pod_verdict_end(m, POD_OUTCOME_FINISHED, pod_say(N_("The program ended by itself, and the menu came back.")));
		m->v->id = "finished";
		return;
	}
	pod_verdict_end(m, POD_OUTCOME_FAILED, pod_say_u(N_("The image's loader gave up with the firmware's error %u."), code));
	pod_verdict_tell_message(m);
	pod_verdict_tell_reads(m);
	if (pod_verdict_find_cause(m))
		return;
	if (code == EFI_OUT_OF_RESOURCES)
		pod_verdict_blame(m, POD_HAZARD_MEMORY, "memory", MORE_MEMORY, POD_RETRY_NONE);
	else if (code == EFI_NO_MEDIA || code == EFI_MEDIA_CHANGED)
		pod_verdict_blame(m, POD_HAZARD_DRIVE, "stick-pulled", OTHER_PORT, POD_RETRY_OTHER_PORT);
	else if (code == EFI_SECURITY || (code == EFI_DENIED && m->b->has_machine && m->b->machine.secure_boot == POD_SB_ON))
		pod_verdict_blame(m, POD_HAZARD_FIRMWARE, "secure-boot", SIGNED_ONE, POD_RETRY_NONE);
	else
		pod_verdict_unknown(m, "loader-returned", N_("Look at the screen when it fails: most loaders print the reason."),
				    CHECK_IMAGE, OTHER_MODE);
}

/* The loader or what it started; no word from Linux. */
static void never_reached(struct maker *m)
{
	pod_verdict_end(m, POD_OUTCOME_STOPPED,
			pod_say(N_("It stopped while the kernel was starting, before it saw the stick.")));
	pod_verdict_tell_reads(m);
	if (pod_verdict_find_cause(m))
		return;
	if (memory_is_tight(m)) {
		pod_verdict_evidence(m, pod_say_u(N_("The machine has %u MiB of memory; this kernel and its initrd want more."),
						  (uint32_t)(m->b->machine.memory_bytes >> 20)));
		pod_verdict_blame(m, POD_HAZARD_MEMORY, "memory", MORE_MEMORY, POD_RETRY_NONE);
		return;
	}
	pod_verdict_evidence(m, pod_say(N_("The first program in its initrd was not heard of.")));
	if (m->f->usb_storage == POD_NO) {
		pod_verdict_evidence(m, pod_say(N_("The image's initrd has no driver for USB storage (usb-storage).")));
		pod_verdict_blame(
			m, POD_HAZARD_DRIVER, "never-reached-stick",
			N_("Use an image whose initrd has drivers for this machine; 'isopod doctor' names what is missing."),
			POD_RETRY_NONE);
		return;
	}
	if (m->f->usb_storage == POD_YES)
		pod_verdict_evidence(m, pod_say(N_("The image's initrd has a driver for USB storage (usb-storage).")));
	pod_verdict_unknown(
		m, "never-reached-stick", WITHOUT_QUIET, CHECK_IMAGE,
		N_("Put the stick into another port (USB 2, without a hub): the kernel may lack a driver for this one."));
}

/* Without a word from firmware (BIOS) that it was left: the boot manager reads boot.wim to its end and starts Windows from there. */
static bool wim_read(const struct maker *m)
{
	const struct pod_where *w = m->f->last;
	return w && w->kind == POD_WHERE_FILE && pod_ends_with_nocase(w->path, ".wim") &&
	       w->length_bytes - w->offset_bytes <= LEFT_OF_INITRD;
}

/* Windows' kernel, or what is in it. */
static void helper_silent(struct maker *m)
{
	pod_verdict_end(m, POD_OUTCOME_STOPPED, pod_say(N_("Windows was started, but nothing was heard from inside it.")));
	pod_verdict_tell_reads(m);
	if (pod_verdict_find_cause(m))
		return;
	pod_verdict_evidence(
		m,
		pod_say(N_(
			"Either Windows stopped, with a code on the screen, or it did not see the stick; then a window of Isopod's "
			"said so, and named the controller that has no driver.")));
	m->v->stop_codes = true;
	pod_verdict_unknown(m, "helper-not-reached",
			    N_("If Windows came up with its files, all is well. With a code on the screen: look it up below."),
			    OTHER_PORT, N_("Add the driver of the machine's USB controller to the image's folder of drivers."));
}

/* Nothing is heard from a system that has no helper of ours; but its plan said beforehand that it stops, or may. */
static void tell_start(struct maker *m)
{
	const struct pod_start *s = m->f->start;
	if (!s || s->starts == POD_STARTS)
		return;
	struct pod_sentence why = pod_say(pod_start_what(s->why));
	for (const char *p = why.message; *p && why.count < POD_ARRAY_LEN(s->arg); p++)
		if (*p == '%') { /* a %s: there is no other in these */
			why.arg[why.count].text = s->arg[why.count];
			why.count++;
		}
	pod_verdict_evidence(m, why);
	if (s->starts != POD_STARTS_NOT)
		return;
	m->v->outcome = POD_OUTCOME_STOPPED;
	pod_verdict_unknown(m, "cannot-start-here", CHECK_IMAGE, NULL, NULL);
}

static void taken_over(struct maker *m, const char *message)
{
	pod_verdict_end(m, POD_OUTCOME_TAKEN_OVER, pod_say(message));
	m->v->id = "taken-over";
	pod_verdict_tell_reads(m);
	tell_start(m);
}

/* Waiting in its own menu, or hanging: from here both look alike. */
static void in_quiet_loader(struct maker *m, uint32_t quiet_ms)
{
	pod_verdict_end(m, POD_OUTCOME_STOPPED,
			pod_say_u(N_("It stopped while the image's loader was running; that had read nothing for %u seconds."),
				  quiet_ms / 1000));
	pod_verdict_tell_reads(m);
	if (!pod_verdict_find_cause(m))
		pod_verdict_unknown(m, "loader-hang", N_("If its own menu was waiting, nothing is wrong: choose an entry there."),
				    OTHER_MODE, CHECK_IMAGE);
}

static void in_folder(struct maker *m, const char *folder)
{
	pod_verdict_end(m, POD_OUTCOME_STOPPED,
			pod_say_s(N_("The image's loader did not find a file that it looked for in the folder %s."), folder));
	pod_verdict_tell_reads(m);
	if (!pod_verdict_find_cause(m))
		pod_verdict_unknown(m, "file-not-found",
				    N_("If its own menu was waiting, nothing is wrong: what it looked for may be optional."),
				    N_("Look at the screen: most loaders name the file that they did not find."), CHECK_IMAGE);
}

static void in_read(struct maker *m)
{
	const struct pod_rec_progress *p = &m->b->progress;
	bool unfinished = p->flags & POD_REC_P_READING, hangs = unfinished && since_last_read_ms(m) >= READ_HANG_MS;
	const struct pod_where *w = m->f->last;
	if (hangs)
		pod_verdict_end(
			m, POD_OUTCOME_STOPPED,
			pod_say_u(N_("A read of the stick had not come back after %u seconds."), since_last_read_ms(m) / 1000));
	else if (w && w->path[0] && w->kind != POD_WHERE_DIRECTORY)
		pod_verdict_end(m, POD_OUTCOME_STOPPED,
				pod_say_s(N_("It stopped while the image's loader was reading %s."), w->path));
	else
		pod_verdict_end(m, POD_OUTCOME_STOPPED,
				pod_say(N_("It stopped while the image's loader was running, before a kernel was started.")));
	pod_verdict_tell_reads(m);
	if (pod_verdict_find_cause(m))
		return;
	if (hangs)
		pod_verdict_blame(m, POD_HAZARD_DRIVE, "read-hang", OTHER_PORT, POD_RETRY_OTHER_PORT);
	else
		pod_verdict_unknown(m, unfinished ? "read-hang" : "stopped-while-reading", ONCE_MORE,
				    N_("Leave the stick in, and try another port: nothing can be recorded once it is gone."),
				    CHECK_IMAGE);
}

/* The loader was started and neither came back nor, as far as is known, started a kernel. */
static void in_loader(struct maker *m)
{
	const struct pod_rec_progress *p = &m->b->progress;
	bool reading = p->flags & POD_REC_P_READING, timer = p->flags & POD_REC_P_TIMER;
	const char *folder = pod_verdict_folder(m);
	bool said = m->has_screen && m->screen.ends;
	uint32_t quiet = since_last_read_ms(m);
	if (!m->handover && !p->errors && !reading && !said && !(pod_verdict_is_truncated(m) && p->outside)) {
		taken_over(m, N_("The image's own program took over; what it did is not known."));
		if (timer)
			pod_verdict_evidence(m, pod_say_u(N_("Last seen %u seconds after its last read."), quiet / 1000));
	} else if (!reading && timer && folder && quiet >= FOLDER_QUIET_MS) {
		in_folder(m, folder);
	} else if (!reading && timer && quiet >= LOADER_QUIET_MS) {
		in_quiet_loader(m, quiet);
	} else {
		in_read(m);
	}
}

static void without_linux(struct maker *m)
{
	const struct pod_stage_event *e;
	if ((e = pod_verdict_menu_stage(m, POD_STAGE_START_FAILED)) != NULL) {
		start_failed(m, e->arg);
	} else if ((e = pod_verdict_menu_stage(m, POD_STAGE_PLANNED)) != NULL && e->arg != POD_OK) {
		start_failed(m, e->arg);
	} else if ((e = pod_verdict_menu_stage(m, POD_STAGE_LOADER_RETURNED)) != NULL) {
		loader_returned(m, e->arg);
	} else if (!pod_verdict_menu_stage(m, POD_STAGE_CHOSEN)) {
		pod_verdict_end(m, POD_OUTCOME_NOTHING_CHOSEN, pod_say(N_("Nothing was chosen from the menu.")));
		m->v->id = "nothing-chosen";
	} else if (pod_verdict_menu_stage(m, POD_STAGE_EXIT_BOOT_SERVICES)) {
		if (m->handover)
			never_reached(m);
		else if (m->helper)
			helper_silent(m);
		else
			taken_over(m, N_("A system took over from the firmware; what it did after that is not known."));
	} else if ((e = pod_verdict_menu_stage(m, POD_STAGE_LOADER_STARTED)) != NULL) {
		if (e->arg == POD_REC_FROM_MEMORY)
			taken_over(m, N_("It was started from memory, without the stick; what it did is not known."));
		else if (m->handover && !m->b->progress.errors && initrd_read(m))
			never_reached(m);
		else if (m->helper && !m->b->progress.errors && wim_read(m))
			helper_silent(m);
		else
			in_loader(m);
	} else {
		pod_verdict_end(m, POD_OUTCOME_STOPPED,
				pod_say(N_("It stopped while the boot manager was preparing the image.")));
		pod_verdict_tell_message(m);
		pod_verdict_tell_reads(m);
		if (!pod_verdict_find_cause(m))
			pod_verdict_unknown(m, "stopped-in-menu", ONCE_MORE, OTHER_PORT, CHECK_IMAGE);
	}
}

/* It may have been enough for what ran; it is not whole all the same. */
static void hint_truncated(struct maker *m)
{
	if (m->v->outcome == POD_OUTCOME_TAKEN_OVER && !m->v->hazard && pod_verdict_is_truncated(m))
		(void)pod_verdict_find_cause(m);
}

static void hint_slow(struct maker *m)
{
	const struct pod_rec_progress *p = &m->b->progress;
	uint32_t kbit = m->b->has_linux ? m->b->linux_.usb_kbit : 0;
	bool slow_firmware = m->b->has_progress && p->bytes >= SLOW_LEAST_BYTES && p->read_ms > 10000 &&
			     p->bytes < (uint64_t)p->read_ms * SLOW_BYTES_PER_MS;
	if (m->v->hazard || !((kbit && kbit <= SLOW_USB_KBIT) || slow_firmware))
		return;
	if (kbit && kbit <= SLOW_USB_KBIT)
		pod_verdict_evidence(m, pod_say_u(N_("The stick ran at USB 1 speed (%u Mbit/s)."), kbit / 1000));
	if (slow_firmware)
		pod_verdict_evidence(m, pod_say_u(N_("The firmware read %u KiB a second from it."),
						  (uint32_t)((uint64_t)pod_verdict_read_rate(p) * 1000 >> 10)));
	if (pod_verdict_alarm(m->v)) /* slow is no reason to stop */
		return;
	m->v->hazard = POD_HAZARD_DRIVE;
	m->v->id = "slow-stick";
	m->v->remedy[0] = pod_say(N_("Put the stick into a faster port (USB 3, without a hub or an extension)."));
	m->v->remedy_count = 1;
}

bool pod_verdict_is_silent(const struct pod_rec_boot *b)
{
	const struct pod_stages *s = &b->progress.stages;
	return !b->has_linux && !b->has_windows && b->has_progress && (b->image.flags & POD_REC_I_HANDOVER) &&
	       pod_stages_find(s, POD_STAGE_LOADER_STARTED) && !pod_stages_find(s, POD_STAGE_LOADER_RETURNED);
}

bool pod_verdict_is_stillborn(const struct pod_rec_boot *b)
{
	const struct pod_stages *s = &b->progress.stages;
	return b->has_progress && b->has_machine && pod_stages_find(s, POD_STAGE_START_FAILED) &&
	       !pod_stages_find(s, POD_STAGE_LOADER_STARTED);
}

void pod_verdict_make(const struct pod_rec_boot *b, const struct pod_verdict_facts *f, struct pod_verdict *v)
{
	static const struct pod_verdict_facts none;
	struct maker m = {.b = b, .f = f ? f : &none, .v = v};
	memset(v, 0, sizeof *v);
	v->id = "taken-over";
	m.handover = b->has_image && (b->image.flags & POD_REC_I_HANDOVER) && !(b->image.flags & POD_REC_I_SHIM_MISSING);
	m.helper = b->has_image && (b->image.flags & POD_REC_I_HELPER);
	m.has_log = m.f->log_len && pod_klog_classify(m.f->log, m.f->log_len, &m.log);
	m.has_screen = b->has_screen && pod_screen_classify(b->screen.text, pod_strlen(b->screen.text), &m.screen);
	if (b->has_linux)
		pod_verdict_in_linux(&m);
	else if (b->has_windows)
		pod_verdict_in_windows(&m);
	else if (b->has_progress)
		without_linux(&m);
	else
		pod_verdict_end(&m, POD_OUTCOME_NOTHING_CHOSEN, pod_say(N_("Little was recorded of this start.")));
	if (!b->has_linux && !b->has_windows && !b->has_progress)
		v->id = "nothing-chosen";
	hint_truncated(&m);
	hint_slow(&m);
	if (m.f->image_changed)
		pod_verdict_evidence(
			&m, pod_say(N_("Another file has the image's name by now; what is said about files may not fit.")));
}
