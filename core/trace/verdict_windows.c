/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a start stopped inside Windows PE; see verdict.h. */
#include "core/trace/verdict_int.h"
#include "core/base/str.h"

enum { LETTER_LEN = 2 }; /* what a drive letter takes of `line` */

/* Windows' error codes (winerror.h, virtdisk.h in Microsoft's documentation). */
#define WINDOWS_NO_MODULE      126u
#define WINDOWS_UNKNOWN_VOLUME 1005u
#define WINDOWS_IO_DEVICE      1117u
#define WINDOWS_FILE_CORRUPT   1392u
#define WINDOWS_NO_PROVIDER    0xc03a0014u

static const struct pod_stage_event *windows_stage(const struct maker *m, enum pod_stage s)
{
	return pod_stages_find(&m->b->windows.stages, s);
}

static void tell_windows(struct maker *m)
{
	const struct pod_rec_windows *w = &m->b->windows;
	const struct pod_stage_event *e = windows_stage(m, POD_STAGE_VOLUME_FOUND);
	if (e)
		pod_verdict_evidence(
			m, pod_say_u(N_("Windows saw the stick %u seconds after its first program started."), e->ms / 1000));
	if (windows_stage(m, POD_STAGE_VOLUME_MISSING))
		pod_verdict_evidence(m, pod_say(N_("Its own program had been started without it by then.")));
	if (w->controller[0])
		pod_verdict_evidence(m, pod_say_s(N_("This controller had no driver: %s"), w->controller));
	if (w->drivers_failed)
		pod_verdict_evidence(m, pod_say_u(N_("Drivers that did not load: %u."), w->drivers_failed));
	if (windows_stage(m, POD_STAGE_ISO_ATTACHED)) {
		m->v->line[0] = w->letter; /* `line` is zeros, and there is no kernel log */
		pod_verdict_evidence(m, w->letter ? pod_say_s(N_("The image is drive %s: there."), m->v->line)
						  : pod_say(N_("The image is attached, but has no drive letter.")));
	}
}

static void windows_failed(struct maker *m, const char *headline, uint32_t code)
{
	pod_verdict_end(m, POD_OUTCOME_FAILED, pod_say(headline));
	tell_windows(m);
	char *text = m->v->line + LETTER_LEN;
	(void)pod_snprintf(text, sizeof m->v->line - LETTER_LEN, "0x%08x", (unsigned)code);
	pod_verdict_evidence(m, pod_say_s(N_("Windows' error code: %s."), text));
}

static void not_attached(struct maker *m, uint32_t code)
{
	windows_failed(m, N_("Windows PE found the stick, but could not make the image a CD drive."), code);
	if (pod_verdict_find_cause(m))
		return;
	if (code == WINDOWS_NO_MODULE || code == WINDOWS_NO_PROVIDER)
		pod_verdict_blame(
			m, POD_HAZARD_DRIVER, "no-iso-provider",
			N_("This Windows cannot attach ISO files: Windows 7 and older cannot. Take a medium of Windows 8 or later, or "
			   "write this one to a stick of its own."),
			POD_RETRY_NONE);
	else if (code == WINDOWS_UNKNOWN_VOLUME)
		pod_verdict_blame(
			m, POD_HAZARD_DRIVER, "volume-unreadable",
			N_("This Windows has no driver for the stick's filesystem: make the stick anew with NTFS ('isopod create --fs "
			   "ntfs')."),
			POD_RETRY_NONE);
	else if (code == WINDOWS_IO_DEVICE)
		pod_verdict_blame(m, POD_HAZARD_DRIVE, "read-error", OTHER_PORT, POD_RETRY_OTHER_PORT);
	else if (code == WINDOWS_FILE_CORRUPT)
		pod_verdict_blame(m, POD_HAZARD_IMAGE, "damaged-image", COPY_AGAIN, POD_RETRY_AFTER_COPY);
	else
		pod_verdict_unknown(m, "iso-not-attached",
				    N_("Look the code up in Microsoft's list of system error codes: it is Windows' own reason."),
				    COPY_AGAIN, OTHER_PORT);
}

void pod_verdict_in_windows(struct maker *m)
{
	const struct pod_stage_event *e;
	if ((e = windows_stage(m, POD_STAGE_PROGRAM_FAILED)) != NULL) {
		windows_failed(m, N_("The program that Windows PE starts with could not be started."), e->arg);
		if (!pod_verdict_find_cause(m))
			pod_verdict_unknown(
				m, "program-failed",
				N_("Look the code up in Microsoft's list of system error codes: it is Windows' own reason."),
				CHECK_IMAGE, COPY_AGAIN);
	} else if ((e = windows_stage(m, POD_STAGE_ISO_NOT_ATTACHED)) != NULL) {
		not_attached(m, e->arg);
	} else if (windows_stage(m, POD_STAGE_HANDED_OVER)) {
		pod_verdict_end(m, POD_OUTCOME_FINISHED, pod_say(N_("Windows PE started, and has what is on the stick.")));
		m->v->id = "finished";
		tell_windows(m);
	} else {
		pod_verdict_end(
			m, POD_OUTCOME_STOPPED,
			pod_say(N_("It stopped after Windows PE had found the stick, before its own program was started.")));
		tell_windows(m);
		if (!pod_verdict_find_cause(m))
			pod_verdict_unknown(m, "stopped-in-helper", ONCE_MORE, OTHER_PORT, CHECK_IMAGE);
	}
}
