/* SPDX-License-Identifier: BSD-2-Clause */
/* The last start, as the flight recorder has it: what it says on a page, and starting its image again. */
#include "boot/menu/menu.h"
#include "core/trace/where.h"

/* Stages in words, in the order of enum pod_stage. */
static const struct {
	uint8_t stage;
	const char *text;
} stage_text[] = {
	{POD_STAGE_STARTED, N_("the boot manager started")},
	{POD_STAGE_MENU, N_("the menu was shown")},
	{POD_STAGE_CHOSEN, N_("the image was chosen")},
	{POD_STAGE_PLANNED, N_("the plan was made")},
	{POD_STAGE_LOADER_STARTED, N_("the image's loader was started")},
	{POD_STAGE_LOADER_RETURNED, N_("the image's loader returned")},
	{POD_STAGE_EXIT_BOOT_SERVICES, N_("the firmware was left: the system takes over")},
	{POD_STAGE_START_FAILED, N_("the image could not be started")},
	{POD_STAGE_SHIM_STARTED, N_("Linux ran Isopod's helper")},
	{POD_STAGE_INIT_EXECUTED, N_("the system's own init was started")},
	{POD_STAGE_STICK_FOUND, N_("Linux found the stick")},
	{POD_STAGE_SHOWN, N_("Linux was shown the image")},
	{POD_STAGE_MEDIUM_MOUNTED, N_("the live system mounted the image")},
	{POD_STAGE_ROOT_SWITCHED, N_("the live system took over")},
	{POD_STAGE_NOT_SHOWN, N_("Linux could not be shown the image")},
	{POD_STAGE_RESCUE_SHELL, N_("Linux gave up and opened a shell")},
	{POD_STAGE_LOG_SAVED, N_("the kernel's log was saved on the stick")},
	{POD_STAGE_WATCH_ENDED, N_("Isopod's helper stopped waiting")},
};

static const char *text_of(uint8_t stage)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(stage_text); i++)
		if (stage_text[i].stage == stage)
			return stage_text[i].text;
	return "?";
}

void story_load(struct menu *m, uint32_t boot)
{
	pod_free(m->alloc, m->before);
	struct pod_rec_boot *b = boot ? pod_zalloc(m->alloc, 1, sizeof *b) : NULL;
	if (b && pod_rec_read(&m->stick.state.dev, m->alloc, boot, b) != POD_OK) {
		pod_free(m->alloc, b);
		b = NULL;
	}
	m->before = b;
}

static void add_stages(struct menu *m, struct menu_pager *p, const struct pod_stages *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		char line[300];
		const struct pod_stage_event *e = &t->event[i];
		pod_snprintf(line, sizeof line, "%6u.%u s   %s", e->ms / 1000, e->ms % 1000 / 100,
			     menu_translate(m->language, text_of(e->stage)));
		pager_add(m, p, line);
	}
}

/* Index of the image of that start, if it is on the stick unchanged; SIZE_MAX. */
static size_t same_image(struct menu *m)
{
	const struct pod_rec_image *r = &m->before->image;
	if (!m->before->has_image || r->path_len >= sizeof r->path)
		return SIZE_MAX;
	size_t i = scan_find(&m->stick, r->path, m->path, sizeof m->path);
	if (i == SIZE_MAX || m->stick.image[i].node.size_bytes != r->size_bytes || m->stick.image[i].node.mtime != r->mtime)
		return SIZE_MAX;
	return i;
}

/* "boot/vmlinuz, 40 %", or the place itself where no file is known. */
static void place(struct menu *m, size_t image, uint64_t off, char *out, size_t size)
{
	struct pod_plan *plan = image == SIZE_MAX ? NULL : pod_zalloc(m->alloc, 1, sizeof *plan);
	struct pod_where *w = plan ? pod_zalloc(m->alloc, 1, sizeof *w) : NULL;
	char *text = w ? pod_zalloc(m->alloc, 1, 2048) : NULL;
	size_t extents;
	pod_snprintf(out, size, T("byte %llu of the image"), (unsigned long long)off);
	if (text && start_plan(m, image, plan, &extents, text, 2048) == POD_OK) {
		if (pod_where_find(plan, m->fw->disk, off, m->alloc, w) == POD_OK && w->path[0])
			pod_snprintf(out, size, "%s, %u %%", w->path, w->percent);
		pod_plan_free(plan);
	}
	pod_free(m->alloc, text);
	pod_free(m->alloc, w);
	pod_free(m->alloc, plan);
}

static void add_reading(struct menu *m, struct menu_pager *p, size_t image)
{
	const struct pod_rec_progress *r = &m->before->progress;
	char t[400], size[16];
	if (!r->reads && !(r->flags & POD_REC_P_READING))
		return;
	pager_add(m, p, "");
	pager_add_marked(m, p, MARK_HEAD, T("Reading the image"));
	place(m, image, r->last_off, t, sizeof t);
	pager_add_pair(m, p, r->flags & POD_REC_P_READING ? T("Being read") : T("Read last"), t);
	pod_snprintf(t, sizeof t, T("%s in %u reads"), pod_format_size(size, r->bytes), r->reads);
	pager_add_pair(m, p, T("Read in all"), t);
	if (r->slow[0].ms >= 1000) {
		pod_snprintf(t, sizeof t, T("%u s at byte %llu"), r->slow[0].ms / 1000, (unsigned long long)r->slow[0].off_bytes);
		pager_add_pair(m, p, T("Slowest read"), t);
	}
	if (r->errors) {
		char at[300];
		place(m, image, r->error_off, at, sizeof at);
		pod_snprintf(t, sizeof t, T("%u read errors, the first in %s (%s)."), r->errors, at,
			     menu_status(m, (enum pod_status)r->error_status));
		pager_add_marked(m, p, MARK_WARN, t);
	}
	if (r->outside) {
		pod_snprintf(t, sizeof t, T("%u reads beyond the end of the image."), r->outside);
		pager_add_marked(m, p, MARK_WARN, t);
	}
}

static void add_machine(struct menu *m, struct menu_pager *p)
{
	static const char *const fw_name[4] = {"BIOS", "UEFI x64", "UEFI ia32", "UEFI aa64"};
	const struct pod_rec_machine *r = &m->before->machine;
	char t[200];
	pod_snprintf(t, sizeof t, "%s %s", r->vendor, r->product);
	if (r->vendor[0] || r->product[0])
		pager_add_pair(m, p, T("Computer"), t);
	for (unsigned i = 0; i < 4; i++)
		if (r->firmware == 1u << i)
			pager_add_pair(m, p, T("Firmware"), fw_name[i]);
}

static void add_linux(struct menu *m, struct menu_pager *p)
{
	const struct pod_rec_linux *r = &m->before->linux_;
	if (!m->before->has_linux)
		return;
	pager_add(m, p, "");
	pager_add_marked(m, p, MARK_HEAD, r->release[0] ? r->release : "Linux");
	add_stages(m, p, &r->stages);
	if (r->log_len)
		pager_add(m, p, T("The kernel's log is on the stick; on another computer: isopod trace --raw"));
}

void page_story(struct menu *m)
{
	struct menu_pager p = {0};
	/* an image that came back to this very menu is the last start now */
	if (m->recorder.state && pod_recorder_has(&m->recorder, POD_STAGE_CHOSEN))
		story_load(m, m->recorder.boot);
	const struct pod_rec_boot *b = m->before;
	if (!b) {
		page_message(m, T("The last start"), T("There is no record of a start before this one."));
		return;
	}
	m->busy = T("Reading the image ...");
	for (uint32_t i = 0; i < m->screens; i++)
		view_draw(m, &m->screen[i]);
	screen_flush(m);
	m->busy = NULL;
	size_t image = same_image(m);
	if (b->has_image)
		pager_add_pair(m, &p, T("Image"), b->image.path);
	if (b->has_machine)
		add_machine(m, &p);
	pager_add(m, &p, "");
	if (b->has_progress)
		add_stages(m, &p, &b->progress.stages);
	if (b->has_message)
		pager_add_marked(m, &p, MARK_WARN, b->message.text);
	if (b->has_progress)
		add_reading(m, &p, image);
	add_linux(m, &p);
	uint32_t key = pager_run(m, T("The last start"), &p,
				 image == SIZE_MAX ? T("Arrow and page keys scroll, any other key goes back.")
						   : T("Enter starts this image again, any other key goes back."));
	pod_free(m->alloc, p.text);
	if (key == POD_KEY_ENTER && image != SIZE_MAX) {
		view_select_image(m, image);
		start_image(m, image, CHOSEN_BY_HAND);
	}
}
