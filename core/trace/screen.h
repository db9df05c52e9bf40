/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a loader printed: kept while it runs, brought down to what fits a sector of the flight recorder, and understood afterwards.
 * Nothing of it is trusted: it is text from whoever made the image.
 */
#ifndef POD_TRACE_SCREEN_H
#define POD_TRACE_SCREEN_H

#include "core/trace/hazard.h"
#include "core/trace/record.h"

#define POD_SCREEN_KEPT 4096u

/* At least the last POD_SCREEN_KEPT bytes that were printed, UTF-8, lines ended by '\n'. */
struct pod_screen {
	uint32_t len;
	uint32_t printed; /* counts characters, round 32 bits */
	uint32_t noted;	  /* `printed` when it was last brought to the stick */
	uint32_t seen;	  /* ... when the timer last looked: what still changes is not noted yet */
	bool blank;	  /* a blank comes before the next character, unless the line ends */
	char text[2 * POD_SCREEN_KEPT];
};

void pod_screen_clear(struct pod_screen *s);
/* A printed character: frames of menus count as blanks, blanks in a row as one, those at a line's end as none. */
void pod_screen_put(struct pod_screen *s, uint32_t cp);
/* The cursor went elsewhere. */
void pod_screen_break(struct pod_screen *s);
/* The text for the record, at most POD_REC_SCREEN_MAX bytes and terminated: lines that tell of an error, wherever they stand, and then
 * the end. Returns its length. */
size_t pod_screen_condense(const char *text, size_t len, char out[POD_REC_SCREEN_MAX + 1]);

struct pod_screen_finding {
	const char *id; /* as in core/trace/verdict.h */
	enum pod_hazard hazard;
	bool ends;	      /* the loader ends with it: no question whether it went on */
	const char *evidence; /* a message of the catalogues */
	const char *line;     /* into the text, not terminated */
	size_t line_len;
};
/* Looks for what loaders say when they fail; the weightiest line counts. False: nothing is known. */
bool pod_screen_classify(const char *text, size_t len, struct pod_screen_finding *out);

#endif
