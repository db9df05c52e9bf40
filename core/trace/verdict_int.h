/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files behind verdict.h share; nobody outside includes this. */
#ifndef POD_TRACE_VERDICT_INT_H
#define POD_TRACE_VERDICT_INT_H

#include "core/trace/klog.h"
#include "core/trace/screen.h"
#include "core/trace/verdict.h"

#define N_(s) (s)

struct maker {
	const struct pod_rec_boot *b;
	const struct pod_verdict_facts *f;
	struct pod_verdict *v;
	struct pod_klog_finding log;
	struct pod_screen_finding screen;
	bool has_log, has_screen, handover, helper;
};

/* --- verdict_say.c: sentences, and what was seen */

struct pod_sentence pod_say(const char *message);
struct pod_sentence pod_say_u(const char *message, uint32_t n);
struct pod_sentence pod_say_s(const char *message, const char *text);
/* "%s ... %u" */
struct pod_sentence pod_say_su(const char *message, const char *text, uint32_t n);
void pod_verdict_evidence(struct maker *m, struct pod_sentence s);
void pod_verdict_end(struct maker *m, enum pod_outcome outcome, struct pod_sentence headline);
void pod_verdict_tell_reads(struct maker *m);
void pod_verdict_tell_message(struct maker *m);
void pod_verdict_tell_log(struct maker *m);
void pod_verdict_tell_linux(struct maker *m);

const struct pod_stage_event *pod_verdict_menu_stage(const struct maker *m, enum pod_stage s);
const struct pod_stage_event *pod_verdict_linux_stage(const struct maker *m, enum pod_stage s);
bool pod_verdict_is_truncated(const struct maker *m);
/* How many bytes a millisecond of reading brought. */
uint32_t pod_verdict_read_rate(const struct pod_rec_progress *p);
/* The folder that the last read was in, "/" for the root: what was looked for there was not found. NULL: it was elsewhere. */
const char *pod_verdict_folder(const struct maker *m);

/* --- verdict_cause.c: what is to blame, and what to do */

#define COPY_AGAIN                                                                                                               \
	N_("Copy the image to the stick again, after comparing it with its publisher's checksum; 'isopod doctor' on it tells "   \
	   "more.")
#define OTHER_PORT                                                                                                               \
	N_("Put the stick into another port, without a hub; if that does not help, test the stick with 'isopod doctor'.")
#define MORE_MEMORY   N_("Give the machine more memory, or start an image that needs less; 'toram' and similar words need most.")
#define CHECK_IMAGE   N_("Have the image checked: 'isopod doctor --full' reads all of it and names what is damaged or missing.")
#define SIGNED_ONE    N_("Secure Boot refused the loader: switch it off in the firmware's setup, or use an image that is signed.")
#define UPDATE_STICK  N_("'isopod update' writes the stick's own files anew; it touches no image.")
#define ONCE_MORE     N_("If the machine was switched off by hand, nothing is wrong: start it once more.")
#define WITHOUT_QUIET N_("Start it without the kernel argument 'quiet': the kernel then shows where it stops.")
#define OTHER_MODE    N_("Start the machine in its other mode (UEFI or BIOS): the image has a loader for that as well.")

/* There is evidence for `hazard`. */
void pod_verdict_blame(struct maker *m, enum pod_hazard hazard, const char *id, const char *remedy, enum pod_retry retry);
/* There is none: up to three steps, NULL for those there are not. OTHER_MODE is left out unless the image has it. */
void pod_verdict_unknown(struct maker *m, const char *id, const char *first, const char *second, const char *third);
/* Something that weighs more than the place where it stopped: a failed read, damage, a line of the log or the screen. */
bool pod_verdict_find_cause(struct maker *m);

/* --- the parts of the way */

void pod_verdict_in_linux(struct maker *m);
void pod_verdict_in_windows(struct maker *m);

#endif
