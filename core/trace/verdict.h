/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a recorded boot tells: how it ended, which of the six hazards is to blame, the evidence, what to do. Pure: the menu, the
 * command and the tests ask the same function.
 *
 * A hazard is blamed on evidence of its own: a read that failed, a status, a file that is damaged or missing, a line of the log or of
 * the screen. Where a start merely stopped, `hazard` is none, the headline says that the cause is unknown and where it stopped, and
 * up to three steps say what is worth trying.
 *
 * It must not cry wolf. A program that is no Linux with a patched initrd takes the machine over and records nothing more, and
 * that is how a sound boot of it looks: POD_OUTCOME_TAKEN_OVER. The Debian Installer neither mounts its medium nor changes its
 * root. A machine switched off while a loader's menu waits looks like a loader that hangs: the sentences tell what was seen, not
 * more.
 */
#ifndef POD_TRACE_VERDICT_H
#define POD_TRACE_VERDICT_H

#include "core/trace/hazard.h"
#include "core/trace/record.h"
#include "core/trace/where.h"
#include "core/plan/starts.h"

enum pod_outcome {
	POD_OUTCOME_FINISHED,	    /* a live system runs; or the program ended by itself */
	POD_OUTCOME_TAKEN_OVER,	    /* the image took over, and nothing more can be known */
	POD_OUTCOME_NOTHING_CHOSEN, /* the menu only */
	POD_OUTCOME_STOPPED,	    /* nothing was recorded where something should have been */
	POD_OUTCOME_FAILED,	    /* something said that it failed */
	POD_OUTCOME_COUNT
};

enum pod_retry {
	POD_RETRY_NONE,
	POD_RETRY_SAME,		  /* the same once more */
	POD_RETRY_OTHER_PORT,	  /* the same, the stick in another port */
	POD_RETRY_OTHER_FIRMWARE, /* the same, the firmware in its other mode */
	POD_RETRY_AFTER_COPY,	  /* after the image was copied anew */
	POD_RETRY_COUNT
};

/* An English message with the % directives %s, %u and %% (a message of the catalogues), and what fills them, in order. Texts
 * point into what the verdict was made from, or into the verdict. */
#define POD_SENTENCE_ARGS 4
struct pod_sentence {
	const char *message; /* NULL: there is none */
	unsigned count;
	struct {
		const char *text; /* for %s */
		uint32_t number;  /* for %u */
	} arg[POD_SENTENCE_ARGS];
};
/* Fills `translated` (NULL: the message itself). A directive that does not fit its argument shows as '?'. */
void pod_sentence_fill(const struct pod_sentence *s, const char *translated, char *buf, size_t size);

enum pod_known { POD_UNKNOWN, POD_NO, POD_YES };

/* What may be known beyond the record; all optional (zeros). */
struct pod_verdict_facts {
	const struct pod_where *last;	 /* the last byte that was read */
	const struct pod_where *error;	 /* the first read that failed */
	const struct pod_where *slowest; /* the slowest read */
	const char *log;		 /* the kernel log that was saved */
	size_t log_len;
	enum pod_known usb_storage; /* the image's initrds hold usb-storage, or the kernel has it built in */
	enum pod_known other_mode;  /* the image has something for the firmware's other mode, BIOS or UEFI */
	const char *damaged_file;   /* a file of the image whose own checksum or sum is wrong */
	const char *stick_file;	    /* a file of the stick's own that is not what was written there */
	const char *missing_file;   /* what the loader's configuration names in the folder that was read last, and is not there */
	uint64_t initrd_bytes;	    /* of the largest initrd */
	const struct pod_start *start; /* pod_start_of_system, on that firmware */
	enum pod_start_why why;	       /* what the plan says against a start on that firmware */
	bool image_changed;	       /* by now another file has that path */
};

#define POD_EVIDENCE_MAX 8
#define POD_REMEDY_MAX	 3
struct pod_verdict {
	enum pod_outcome outcome;
	enum pod_hazard
		hazard; /* may be set in a boot that went well, as a hint; none in one that did not: the cause is unknown */
	const char *id; /* "read-error"...; "finished", "taken-over", "nothing-chosen" where nothing is wrong. Stable */
	struct pod_sentence headline;
	struct pod_sentence evidence[POD_EVIDENCE_MAX];
	unsigned evidence_count;
	struct pod_sentence remedy[POD_REMEDY_MAX]; /* the most useful first */
	unsigned remedy_count;			    /* 0: nothing to do */
	enum pod_retry retry;
	char line[200];	 /* quoted from the kernel log or the screen */
	bool stop_codes; /* Windows may have stopped with a code: what the usual ones mean is worth showing */
};

/* May a kernel have been started of which nothing was heard? Then what it was made of is worth looking at. */
bool pod_verdict_is_silent(const struct pod_rec_boot *b);
/* Did the image's own loader not even begin? Then that is worth looking at. */
bool pod_verdict_is_stillborn(const struct pod_rec_boot *b);
void pod_verdict_make(const struct pod_rec_boot *b, const struct pod_verdict_facts *f, struct pod_verdict *v);
/* It should have gone further than it did. */
static inline bool pod_verdict_alarm(const struct pod_verdict *v)
{
	return v->outcome == POD_OUTCOME_STOPPED || v->outcome == POD_OUTCOME_FAILED;
}

/* A code that Windows may have shown on the screen when it stopped. */
struct pod_stop_code {
	const char *code;   /* "0x0000007B" */
	const char *cause;  /* a message */
	const char *source; /* who says so; a message */
};
/* From 0 on; NULL behind the last. To be shown with a verdict whose `stop_codes` is set. */
const struct pod_stop_code *pod_stop_code(unsigned i);

/* Messages: "image damaged or does not follow its format"...; "" for 0. */
/* A message for what to try, "" for NONE. */
const char *pod_retry_text(enum pod_retry r);
/* "finished", "taken-over", "nothing-chosen", "stopped", "failed". */
const char *pod_outcome_text(enum pod_outcome o);
/* "loader-started"...; stable. Never NULL. */
const char *pod_stage_id(enum pod_stage s);
/* A message: "The loader was started."... */
const char *pod_stage_text(enum pod_stage s);

#endif
