/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text from media (file names, labels, firmware strings, logs) on its way to a person: one filter for every sink, be it a
 * terminal, a serial line, the kernel's log, JSON or the menu.
 */
#ifndef POD_BASE_TEXT_H
#define POD_BASE_TEXT_H

#include "core/base/status.h"

/* Must a reader never be shown this code point as it is? C0 and C1 (a terminal obeys them), line and paragraph separators, what
 * turns the direction of writing, what has no width (so that two names look alike), tag characters, U+FEFF.
 * Unicode 15, UAX #9 (bidi controls) and Default_Ignorable_Code_Point. */
bool pod_text_hidden(uint32_t cp);
/* Replaces, in place, each hidden code point and each byte that is not UTF-8 by one '?'; `keep` is a string of ASCII characters
 * that stay as they are ("\n"), or NULL. Returns the new length, never more than the old. */
size_t pod_text_disarm(char *s, const char *keep);
/* Could this be taken for another name? Latin letters next to Cyrillic, Greek, Armenian, Cherokee or full-width ones in one word
 * (UTS #39, 5.2: mixed script), or hidden code points. */
bool pod_text_looks_alike(const char *s);

#endif
