/* SPDX-License-Identifier: BSD-2-Clause */
/* What a key in the list leads to. */
#ifndef POD_MENU_PAGES_H
#define POD_MENU_PAGES_H

#include "boot/menu/menu.h"

/* --- the flight recorder (journal.c) ------------------------------------------------------------------------- */

/* Who chose the image, as POD_STAGE_CHOSEN tells it. */
enum start_choice { CHOSEN_BY_HAND = 0, CHOSEN_ONCE = 1, CHOSEN_DEFAULT = 2 };
/* Takes a number for this start and writes what the machine is. Says so in a note if the stick cannot be written. */
void record_open(struct menu *m);
void record_stage(struct menu *m, enum pod_stage stage, uint32_t arg);
void record_chosen(struct menu *m, size_t image, enum start_choice by);
void record_planned(struct menu *m, size_t image, const struct pod_plan *plan, size_t extents, enum pod_status st);
/* What the user is told at the end of a start. */
void record_message(struct menu *m, enum pod_status st, const char *text);

/* --- the last start (last.c) -------------------------------------------------------------------------------------- */

/* Reads its record into m->before. */
void story_load(struct menu *m, uint32_t boot);
/* Says in a note that it did not finish, if so. */
void story_note(struct menu *m);

/* --- starting (start.c, launch.c) ---------------------------------------------------------------------------------- */

/* Plans an image, and says whether it starts here. */
enum pod_status POD_MUST_USE start_plan(struct menu *m, size_t image, struct pod_plan *plan, size_t *extents,
					struct pod_start *why);
/* "NAME: WHY" in the language in use; "" where there is nothing to say. */
void start_sentence(struct menu *m, size_t image, const struct pod_start *why, char *text, size_t size);
/* Its entry for this firmware, or POD_ENTRY_NONE. */
int plan_entry(const struct menu *m, const struct pod_plan *p);
void start_image(struct menu *m, size_t image, enum start_choice by);
/* The other way than isopod.conf says: from memory, or from the stick. */
void start_other_way(struct menu *m, size_t image);
/* With the image as a partition of the stick; asks first. */
void start_as_partition(struct menu *m, size_t image);
/* As start_image, but the user chooses which image of the WIM in it starts. */
void start_choosing(struct menu *m, size_t image);

/* --- kernel arguments (arguments.c) --------------------------------------------------------------------------------- */

/* Asks for words, with those of isopod.conf or of `words` to begin with, and starts the image with them (core/plan/arguments.h). */
void start_with_arguments(struct menu *m, size_t image, const char *words);
/* Could the system in the image have boot menus that can be changed? */
static inline bool arguments_possible(const struct pod_plan *p)
{
	return !p->windows.count && (p->image.kind == POD_IMAGE_ISO || p->image.kind == POD_IMAGE_DISK);
}

/* --- memory mode (memory.c) ----------------------------------------------------------------------------------------- */

/* Does isopod.conf say that this image is started from memory? */
bool memory_by_rule(struct menu *m, size_t image);
/* Is it something that can be? */
bool memory_possible(const struct menu *m, const struct pod_plan *p);
/* Reads all that the plan shows into memory, from where it is served from then on. On failure `text` holds the sentence, or "". */
enum pod_status POD_MUST_USE memory_load(struct menu *m, struct pod_plan *p, const char *name, char *text, size_t size);
void memory_unload(struct menu *m, struct pod_plan *p);

/* --- partition mode (partition.c) ---------------------------------------------------------------------------------- */

/* Does isopod.conf say that this image is started as a partition of the stick? */
bool partition_by_rule(struct menu *m, size_t image);
/* Is it something that can be? */
bool partition_possible(const struct menu *m, const struct pod_plan *p);
/* Says what will be, and asks. */
bool partition_ask(struct menu *m, const char *name);
/* Writes the table. On failure `text` holds the sentence. */
enum pod_status POD_MUST_USE partition_begin(struct menu *m, struct pod_plan *p, const char *name, char *text, size_t size);
/* Puts it back. */
void partition_end(struct menu *m);
/* Notes how that went, or how it did when the menu began. */
void partition_note(struct menu *m, enum pod_status st);

/* --- a snapshot before a start (before.c) ---------------------------------------------------------------------------- */

/* Does isopod.conf say that the state before each start of this image is kept? */
bool snapshot_by_rule(struct menu *m, size_t image);
/* Takes it, if so: *image is another file of the same store then, and m->kept says what became of it. False: it could not be, and nobody
 * wants to start all the same. */
bool snapshot_before(struct menu *m, size_t *image, enum start_choice by);
/* A layer that a snapshot before a start has frozen must not be started any more: the current one of its store. Else `image`. */
size_t snapshot_followed(struct menu *m, size_t image);
/* The same for a start. False: it would start by itself, and nobody knows which one is current; it has been said. */
bool POD_MUST_USE snapshot_follow(struct menu *m, size_t *image, enum start_choice by);
/* If so, and the plan has a persistence file: that becomes its snapshot (persist_keep.c). False: it did not, and who chose the image does not want
 * it without. */
bool keep_persistence(struct menu *m, size_t image, const struct pod_plan *plan, enum start_choice by);

/* --- how the systems in an image find their medium (looking.c) ------------------------------------------------------ */

struct looking;
/* NULL: there is nothing to look at, or no memory. The plan must outlive it, and stay as it is. */
struct looking *looking_begin(struct menu *m, const struct pod_plan *plan);
/* A piece of what is to be read, or an initrd unpacked, which Esc ends: it is the next key then. */
void looking_step(struct menu *m, struct looking *l);
bool looking_ended(const struct looking *l);
/* What is known of an initrd, as lines. */
void looking_say(struct menu *m, const struct looking *l, size_t initrd, struct menu_pager *p);
void looking_end(struct menu *m, struct looking *l);

/* Does it start here? Marks it if not (probe.c). */
void probe_image(struct menu *m, size_t image);
/* Looks at the next image on the screen that was not looked at yet (probe.c); false: there is none. */
bool probe_next(struct menu *m);

/* --- pages (pages.c, story.c), the list's keys (browse.c) ----------------------------------------------------------- */

/* Which image of a WIM? 0: none, the user went back (images.c). */
uint32_t page_images(struct menu *m, const char *name, const struct pod_plan_windows *w);
/* How many there are for this firmware. */
size_t images_offered(const struct menu *m, const struct pod_plan_windows *w);
/* One of them as a line. */
void images_text(const struct menu *m, const struct pod_plan_windows *w, const struct pod_wim_choice *c, char *out, size_t size);
/* "2026-05-17" */
void page_date(char *buf, size_t size, int64_t seconds);
/* Goes back to a snapshot of a layer store (snapshots.c). */
void page_snapshots(struct menu *m, size_t image);
void page_help(struct menu *m);
void page_details(struct menu *m, size_t image);
void page_actions(struct menu *m);
/* Starts a system of the machine's own disks. */
void page_own(struct menu *m);
void page_story(struct menu *m);
void view_key(struct menu *m, uint32_t key);

#endif
