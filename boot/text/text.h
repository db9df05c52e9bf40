/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts in the language in use, for the menu and for the ports. */
#ifndef POD_BOOT_TEXT_H
#define POD_BOOT_TEXT_H

#include "core/base/status.h"
#include "core/rules/conf.h"

/*
 * Every literal in boot/ that reads like words is in one of these, and `make lint-menu` finds those that are not:
 *   T("...")          translated here (menu.h: where there is a struct menu *m)
 *   FT(fw, "...")     the same where there is a struct pod_fw *
 *   N_("...")         translated where it is used
 *   PLAIN_("...")     is never translated: shown only where there is nothing but ASCII (before the menu, after a fault), or a
 * name
 */
#define FT(fw, s) menu_translate((fw)->language, s)
#define N_(s)	  (s)
#define PLAIN_(s) (s)

struct menu_text {
	const char *id, *text;
};
/* One catalogue, sorted by id; generated from po/. */
extern const struct menu_text menu_text_zh_cn[];
extern const size_t menu_text_zh_cn_count;
extern const char menu_version[];

/* The text for an English message; the message itself if there is none. */
const char *menu_translate(enum pod_conf_language lang, const char *id) __attribute__((format_arg(2)));
/* Translates a text the core made from one of the catalogue's messages by filling in its % directives; into buf if it has to be
 * put together. Returns the text itself if no message fits. */
const char *menu_translate_filled(enum pod_conf_language lang, const char *text, char *buf, size_t size);
/* What a status means. */
const char *menu_status_text(enum pod_conf_language lang, enum pod_status st);

#endif
