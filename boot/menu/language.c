/* SPDX-License-Identifier: BSD-2-Clause */
/* The language of the menu: isopod.conf's or the one chosen since, if the screen has letters for it. */
#include "boot/menu/menu.h"
#include "core/trace/state.h"

/* A Chinese character that the menu's texts are full of. */
#define HAN 0x4e2du

bool language_shows_chinese(const struct menu *m)
{
	for (uint32_t i = 0; i < m->screens; i++)
		if (m->screen[i].kind == SCREEN_TEXT && m->fw->text_has && !m->fw->text_has(m->fw, HAN))
			return false;
	return true;
}

/* False: the screen cannot show that language. */
static bool use(struct menu *m, enum pod_conf_language language)
{
	bool shown = language == POD_LANG_EN || language_shows_chinese(m);
	m->fw->language = shown ? language : POD_LANG_EN;
	return shown;
}

void language_say_english(struct menu *m)
{
	if (!m->note[0])
		pod_strlcpy(m->note, PLAIN_("This screen has no Chinese characters: the menu is in English here."),
			    sizeof m->note);
}

bool language_open(struct menu *m)
{
	enum pod_conf_language language = m->conf->language;
	if (m->stick.has_state)
		language = pod_state_language_get(&m->stick.state.dev, language);
	return use(m, language);
}

void language_change(struct menu *m)
{
	if (!use(m, m->fw->language == POD_LANG_EN ? POD_LANG_ZH_CN : POD_LANG_EN))
		language_say_english(m);
	else if (m->stick.has_state) /* a stick that cannot be written to forgets it */
		(void)!pod_state_language_set(&m->stick.state.dev, m->fw->language, m->conf->language);
}
