/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a start stopped inside Linux; see verdict.h. */
#include "core/trace/verdict_int.h"
#include "core/base/str.h"

/* Not only looked into. */
static bool stays_mounted(const struct maker *m)
{
	return pod_verdict_linux_stage(m, POD_STAGE_MEDIUM_MOUNTED) && m->b->linux_.mount[0];
}

static void gave_up(struct maker *m)
{
	bool mounted = stays_mounted(m);
	bool looked = !mounted && pod_verdict_linux_stage(m, POD_STAGE_MEDIUM_MOUNTED);
	pod_verdict_end(
		m, POD_OUTCOME_FAILED,
		pod_say(looked	  ? N_("The system looked into the image, did not find there what it looks for, and opened a "
					  "rescue shell.")
			: mounted ? N_("The system mounted its medium, but could not go on, and opened a rescue shell.")
				  : N_("The system did not find its medium, and opened a rescue shell.")));
	pod_verdict_tell_linux(m);
	pod_verdict_tell_log(m);
	if (pod_verdict_find_cause(m))
		return;
	if (mounted)
		pod_verdict_unknown(
			m, "root-not-found",
			N_("The kernel arguments name a root file system: leave them as they are, or see whether the image "
			   "has it."),
			CHECK_IMAGE, COPY_AGAIN);
	else
		pod_verdict_unknown(
			m, "medium-not-found",
			N_("The kernel arguments name the label or a file of the medium: leave them as they are; 'isopod "
			   "doctor' tells whether the image has that label."),
			CHECK_IMAGE, OTHER_PORT);
}

static void not_shown(struct maker *m)
{
	pod_verdict_end(m, POD_OUTCOME_FAILED,
			pod_say(N_("The system saw the stick, but the image could not be shown to it as a device.")));
	pod_verdict_tell_log(m);
	if (pod_verdict_find_cause(m))
		return;
	if (m->b->has_image && (m->b->image.flags & POD_REC_I_FRAGMENTED))
		pod_verdict_blame(
			m, POD_HAZARD_DRIVE, "fragmented-image",
			N_("The image lies on the stick in pieces, and this system cannot put them together: remove it and "
			   "add it again with 'isopod add'."),
			POD_RETRY_AFTER_COPY);
	else
		pod_verdict_unknown(
			m, "not-shown",
			N_("Another program held the stick's partition, or the kernel lacks what is needed; the saved log "
			   "says which."),
			ONCE_MORE, NULL);
}

/* An installer's medium stays mounted while it works; live systems mount theirs elsewhere, or change their root soon. */
static bool is_installers_mount(const struct pod_rec_linux *l)
{
	return pod_streq(l->mount, "/cdrom") || pod_streq(l->mount, "/hd-media");
}

/* What the log says is about the stick or the image, and not about any device: else a system that needs neither would raise an alarm. */
static bool log_is_grave(const struct maker *m)
{
	static const char *const grave[] = {"read-error",     "memory",		 "damaged-image",
					    "damaged-initrd", "truncated-image", "stick-pulled"};
	for (size_t i = 0; m->has_log && i < POD_ARRAY_LEN(grave); i++)
		if (pod_streq(m->log.id, grave[i]))
			return true;
	return false;
}

static void lives_in_initrd(struct maker *m)
{
	pod_verdict_end(m, POD_OUTCOME_TAKEN_OVER,
			pod_say(N_("The system runs from its initrd, as installers do, and can read the image.")));
	m->v->id = "taken-over";
	pod_verdict_tell_linux(m);
}

void pod_verdict_in_linux(struct maker *m)
{
	const struct pod_rec_linux *l = &m->b->linux_;
	if (pod_verdict_linux_stage(m, POD_STAGE_ROOT_SWITCHED)) {
		pod_verdict_end(m, POD_OUTCOME_FINISHED, pod_say(N_("The system started from the image.")));
		m->v->id = "finished";
		pod_verdict_tell_linux(m);
	} else if (pod_verdict_linux_stage(m, POD_STAGE_RESCUE_SHELL)) {
		gave_up(m);
	} else if (pod_verdict_linux_stage(m, POD_STAGE_NOT_SHOWN)) {
		not_shown(m);
	} else if (pod_verdict_linux_stage(m, POD_STAGE_LIVES_IN_INITRD)) {
		lives_in_initrd(m);
	} else if (!pod_verdict_linux_stage(m, POD_STAGE_SHOWN)) {
		pod_verdict_end(m, POD_OUTCOME_STOPPED, pod_say(N_("It stopped while the image was being shown to the system.")));
		pod_verdict_tell_log(m);
		if (!pod_verdict_find_cause(m))
			pod_verdict_unknown(m, "stopped-at-stick", ONCE_MORE, OTHER_PORT, WITHOUT_QUIET);
	} else if (stays_mounted(m) && !is_installers_mount(l)) {
		pod_verdict_end(m, POD_OUTCOME_STOPPED,
				pod_say(N_("It stopped while the system was starting what is on its medium.")));
		pod_verdict_tell_linux(m);
		pod_verdict_tell_log(m);
		if (!pod_verdict_find_cause(m))
			pod_verdict_unknown(m, "root-not-switched", ONCE_MORE, WITHOUT_QUIET, CHECK_IMAGE);
	} else if (log_is_grave(m)) {
		pod_verdict_end(m, POD_OUTCOME_STOPPED,
				pod_say(N_("The system saw the image, but something failed before the image was mounted.")));
		pod_verdict_tell_linux(m);
		pod_verdict_tell_log(m);
		(void)pod_verdict_find_cause(m);
	} else {
		lives_in_initrd(m);
	}
}
