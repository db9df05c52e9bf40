/* SPDX-License-Identifier: BSD-2-Clause */
/* What the end of a Linux kernel log says about why a boot failed. Pure; never meant for logs of boots that went well, where some
 * of these lines stand without harm. */
#ifndef POD_TRACE_KLOG_H
#define POD_TRACE_KLOG_H

#include "core/base/status.h"
#include "core/trace/hazard.h"

struct pod_klog_finding {
	const char *id; /* "read-error", "memory", ...; as in core/trace/verdict.h */
	enum pod_hazard hazard;
	const char *evidence; /* an English sentence; a message of the catalogues */
	const char *line;     /* into the text, not terminated: the first line that says so, without level and time */
	size_t line_len;
	uint32_t count; /* of lines that say so */
};

/* Looks for known messages in `text` (lines as the kernel's ring buffer gives them, "<3>[   12.345678] ..."); the weightiest one
 * counts. False: none is known. */
bool pod_klog_classify(const char *text, size_t len, struct pod_klog_finding *out);

/* A kernel argument that works around what the log complains of, where somebody has seen it help: NULL, there is none. It has its price, and
 * says nothing about the cause: to be offered after a boot that failed. */
const char *pod_klog_argument(const char *text, size_t len);

#endif
