/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The helper in Windows PE: started in the place of the program that PE starts first, it finds the stick and attaches the image, then
 * starts that program. doc/WINDOWS-HELPER.md tells how.
 */
#ifndef POD_WINDOWS_HELPER_H
#define POD_WINDOWS_HELPER_H

#include "core/map/winhandover.h"
#include "core/trace/record.h"
#include "windows/win.h"

/* What texts are put together in has room for the longest, a path of the record in the middle of what a window says: then no call
 * need say how much room there is. */
#define TEXT_MAX (POD_WHO_TEXT_MAX + 576u)

/* Hides from the compiler which variable a pointer leads to: relative to a register, a member costs half of what its full address does. */
#define OPAQUE(pointer) __asm__("" : "+r"(pointer))

/* What it says in its window; the order of the table in say.c. */
enum word {
	WORD_NO_STICK,
	WORD_NO_DRIVER,
	WORD_NOT_ATTACHED,
	WORD_NO_PROVIDER,
	WORD_NO_PROGRAM,
	WORD_BAD_HANDOVER,
	WORD_ERROR_CODE,

};

struct helper {
	const struct pod_who_record *ho;
	void *program; /* the original program's process */
	void *arrival; /* an event */
	void *window;  /* the thread that shows it */
	uint32_t start_ms;
	uint32_t look_ms; /* how often the stick is looked for */
	uint32_t disk;	  /* the stick's number, once found */
	uint32_t updates; /* of its part of the state file */
	bool unwritten;	  /* stages that are not there yet */
	bool told;	  /* that the stick is missing */
	wchar drive[4];	  /* "X:" */
	wchar volume[64]; /* its data volume, "\\?\Volume{...}", once found */
	struct pod_rec_windows record;
	wchar own[TEXT_MAX];	  /* where this program is */
	wchar own_name[TEXT_MAX]; /* "winpeshl.exe" */
};

/* --- text.c: 16-bit texts in arrays of TEXT_MAX characters, cut where they do not fit ---------------------------------- */
size_t text_len(const wchar *s);
void text_copy(wchar *to, const wchar *from);
void text_join(wchar *to, const wchar *first, const wchar *second);
void text_add(wchar *to, const wchar *from);
/* A number, in decimal or as 0x and eight hexadecimal digits. */
void text_add_number(wchar *to, uint32_t n, bool hex);
/* Where the last component of a path begins. */
wchar *text_name(wchar *path);
/* From UTF-8 and back; the end is always there. */
void text_add_utf8(wchar *to, const char *from);
void text_to_utf8(char *to, size_t size, const wchar *from);
/* A path below \Windows\System32 of the drive that PE runs from. */
void text_system32(const struct helper *h, wchar *to, const char *rest);
/* A text of the hand-over record. */
const wchar *text_of(const struct pod_who_text *t);

/* --- say.c ------------------------------------------------------------------------------------------------------------ */
/* A line in \isopod.log; `detail` and `code` (not 0) are added. */
void say_log(struct helper *h, const char *what, const wchar *detail, uint32_t code);
/* A window over all others, which nobody waits for. */
void say_window(struct helper *h, enum word word, const wchar *detail, uint32_t code);
/* Closes it, if it is still there. */
void say_no_more(struct helper *h);

/* --- volume.c --------------------------------------------------------------------------------------------------------- */
/* Looks for the data volume: fills disk and volume. */
bool volume_find_stick(struct helper *h);
/* Opens the volume that begins at `start` of the stick, for writing; INVALID_HANDLE_VALUE. */
void *volume_open_at(const struct helper *h, uint64_t start);
void *volume_open_disk(uint32_t disk, uint32_t access);
/* The drive letter of the volume on a device ("\\.\CDROM0"), waiting for Windows to give one, else giving one; 0. */
wchar volume_letter(const wchar *device);
/* From now on arrival is set when a volume arrives; look_ms says how often to look all the same. */
void volume_watch_arrival(struct helper *h);

/* --- library.c -------------------------------------------------------------------------------------------------------- */
/* A function of a DLL that may not be there; NULL. */
void *library_function(const char *dll, const char *name);
/* A file, a volume or a disk that is there, for whoever else uses it, too; INVALID_HANDLE_VALUE. */
void *open_existing(const wchar *path, uint32_t access);

/* --- attach.c --------------------------------------------------------------------------------------------------------- */
/* 0, or Windows' error code. */
uint32_t attach_image(struct helper *h);

/* --- drivers.c -------------------------------------------------------------------------------------------------------- */
/* Loads, of the INF files in a folder and those below it, each that names a device which has no driver. */
void drivers_load(struct helper *h, const wchar *folder);
/* The first USB or storage controller that has no driver goes into the record. */
void drivers_note_controller(struct helper *h);

/* --- record.c --------------------------------------------------------------------------------------------------------- */
void record_stage(struct helper *h, enum pod_stage stage, uint32_t arg);
/* Writes what is new into the stick's state file, if the stick was found. */
void record_write(struct helper *h);

/* --- start.c ---------------------------------------------------------------------------------------------------------- */
/* Starts the original program with our own arguments. 0, or Windows' error code. */
uint32_t start_original(struct helper *h);

uint32_t helper_ms(const struct helper *h);

#endif
