/* SPDX-License-Identifier: BSD-2-Clause */
/* Causes of a failed start, heaviest first, each on evidence of its own; see verdict.h. */
#include "core/trace/verdict_int.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/image/image.h"

/* EFI_STATUS without its high bit (UEFI specification, appendix D). */
enum { EFI_NO_MEDIA = 12, EFI_MEDIA_CHANGED = 13 };

#define NAME_MISSING                                                                                                                  \
	N_("The image is not whole, or its menu names a file that it never had: compare it with its publisher's checksum, or choose " \
	   "another entry of its menu.")

static void add_remedy(struct maker *m, const char *message)
{
	bool other_mode = message && pod_streq(message, OTHER_MODE);
	if (message && m->v->remedy_count < POD_REMEDY_MAX && (!other_mode || m->f->other_mode == POD_YES))
		m->v->remedy[m->v->remedy_count++] = pod_say(message);
}

void pod_verdict_blame(struct maker *m, enum pod_hazard hazard, const char *id, const char *remedy, enum pod_retry retry)
{
	m->v->hazard = hazard;
	m->v->id = id;
	m->v->remedy_count = 0;
	add_remedy(m, remedy);
	m->v->retry = retry;
}

void pod_verdict_unknown(struct maker *m, const char *id, const char *first, const char *second, const char *third)
{
	pod_verdict_blame(m, POD_HAZARD_NONE, id, first, POD_RETRY_NONE);
	add_remedy(m, second);
	add_remedy(m, third);
}

static bool log_says(const struct maker *m, const char *id)
{
	return m->has_log && pod_streq(m->log.id, id);
}

struct what_to_do {
	const char *id, *remedy;
	enum pod_retry retry;
};

static const struct what_to_do *to_do(const char *id)
{
	static const struct what_to_do table[] = {
		{"memory", MORE_MEMORY, POD_RETRY_NONE},
		{"damaged-image", COPY_AGAIN, POD_RETRY_AFTER_COPY},
		{"damaged-initrd", COPY_AGAIN, POD_RETRY_AFTER_COPY},
		{"truncated-image", COPY_AGAIN, POD_RETRY_AFTER_COPY},
		{"no-initrd", COPY_AGAIN, POD_RETRY_AFTER_COPY},
		{"over-current", OTHER_PORT, POD_RETRY_OTHER_PORT},
		{"usb-trouble", OTHER_PORT, POD_RETRY_OTHER_PORT},
		{"stick-pulled", OTHER_PORT, POD_RETRY_OTHER_PORT},
		{"read-error", OTHER_PORT, POD_RETRY_OTHER_PORT},
		{"file-not-found", NAME_MISSING, POD_RETRY_AFTER_COPY},
		{"secure-boot", SIGNED_ONE, POD_RETRY_NONE},
		{"crashed",
		 N_("The program or the firmware is at fault, or what was loaded is damaged: 'isopod doctor --full' tells whether the "
		    "image is."),
		 POD_RETRY_NONE},
		{"kernel-panic", CHECK_IMAGE, POD_RETRY_NONE},
	};
	for (size_t i = 0; i < POD_ARRAY_LEN(table); i++)
		if (pod_streq(table[i].id, id))
			return &table[i];
	return NULL;
}

static bool blame_log(struct maker *m)
{
	const struct what_to_do *t = m->has_log ? to_do(m->log.id) : NULL;
	if (t)
		pod_verdict_blame(m, m->log.hazard, m->log.id, t->remedy, t->retry);
	return t;
}

static bool blame_screen(struct maker *m)
{
	const struct what_to_do *t = m->has_screen ? to_do(m->screen.id) : NULL;
	/* What a loader went on from, and started a kernel, is no reason. */
	if (!t || (!m->screen.ends && pod_verdict_menu_stage(m, POD_STAGE_EXIT_BOOT_SERVICES)))
		return false;
	size_t n = m->screen.line_len < sizeof m->v->line - 1 ? m->screen.line_len : sizeof m->v->line - 1;
	memcpy(m->v->line, m->screen.line, n);
	m->v->line[n] = 0;
	pod_verdict_evidence(m, pod_say(m->screen.evidence));
	pod_verdict_evidence(m, pod_say_s(N_("The screen said: %s"), m->v->line));
	pod_verdict_blame(m, m->screen.hazard, m->screen.id, t->remedy, t->retry);
	return true;
}

/* The firmware's own code says so: an EFI_STATUS, or AH of INT 13h (31h: no media in drive). */
static bool medium_is_gone(const struct maker *m, uint32_t code)
{
	if (m->b->has_machine && m->b->machine.firmware == POD_FW_BIOS)
		return code == 0x31;
	return code == EFI_NO_MEDIA || code == EFI_MEDIA_CHANGED;
}

bool pod_verdict_find_cause(struct maker *m)
{
	const struct pod_rec_progress *p = &m->b->progress;
	bool errors = m->b->has_progress && p->errors;
	if (errors && (p->error_status == POD_E_CHANGED || medium_is_gone(m, p->error_code))) {
		pod_verdict_blame(m, POD_HAZARD_DRIVE, "stick-pulled",
				  N_("The stick was disconnected while it was read: leave it in, or try another port."),
				  POD_RETRY_OTHER_PORT);
	} else if (errors || log_says(m, "read-error")) {
		pod_verdict_blame(
			m, POD_HAZARD_DRIVE, "read-error",
			N_("The stick cannot be read there: copy the image to another stick, or try another port first."),
			POD_RETRY_OTHER_PORT);
	} else if (m->f->stick_file) {
		pod_verdict_evidence(m, pod_say_s(N_("%s, a file of the stick's own, is damaged."), m->f->stick_file));
		pod_verdict_blame(m, POD_HAZARD_DRIVE, "stick-damaged", UPDATE_STICK, POD_RETRY_SAME);
	} else if (pod_verdict_is_truncated(m)) {
		pod_verdict_evidence(m, pod_say(N_("The file is shorter than the volume inside it says.")));
		pod_verdict_blame(m, POD_HAZARD_IMAGE, "truncated-image",
				  N_("The image is not whole: download it again, and copy it with 'isopod add --verify'."),
				  POD_RETRY_AFTER_COPY);
	} else if (m->f->damaged_file) {
		pod_verdict_evidence(m, pod_say_s(N_("%s is damaged in the image."), m->f->damaged_file));
		pod_verdict_blame(m, POD_HAZARD_IMAGE, "damaged-image", COPY_AGAIN, POD_RETRY_AFTER_COPY);
	} else if (m->f->missing_file) {
		(void)blame_screen(m);
		pod_verdict_evidence(m, pod_say_s(N_("The loader's configuration names %s, and the image has no such file."),
						  m->f->missing_file));
		pod_verdict_blame(m, POD_HAZARD_IMAGE, "file-not-found", NAME_MISSING, POD_RETRY_AFTER_COPY);
	} else {
		return blame_screen(m) || blame_log(m);
	}
	return true;
}
