/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The helper in Windows PE: started in the place of the program that PE starts first, it finds the stick and attaches the image, then
 * starts that program. doc/WINDOWS-HELPER.md tells how.
 */
#ifndef POD_WINDOWS_HELPER_H
#define POD_WINDOWS_HELPER_H

#include "core/base/bytes.h"
#include "core/map/winhandover.h"
#include "core/trace/record.h"
#include "windows/win.h"

/* What texts are put together in has room for the longest, a path in the middle of a text of the record: then no call need say how much
 * room there is. */
#define TEXT_MAX  (POD_WHO_TEXT_MAX * 2u)
#define TEXTS_MAX 256u
#define NAME_MAX  260u /* of a file or a key, with its end */

/* Hides from the compiler which variable a pointer leads to: relative to a register, a member costs half of what its full address does. */
#define OPAQUE(pointer) __asm__("" : "+r"(pointer))

/* Words that do not come from the record (text.c). */
enum own_word { OWN_LOG = POD_WHO_WORDS + 2 * POD_WHO_LIST_MAX, OWN_FOLDER, OWN_LINE, OWN_DAMAGED };

struct helper {
	const uint8_t *ho; /* the hand-over record; NULL: there is none that can be used */
	void *program;	   /* the original program's process */
	void *arrival;	   /* an event: behind `program`, both are waited for */
	void *window;	   /* the thread that shows it */
	wchar *own_name;   /* "winpeshl.exe" */
	/* What text() and all that says something put into a text. */
	const wchar *detail;
	uint32_t number;
	uint32_t texts; /* that were put together */
	uint32_t start_ms;
	uint32_t look_ms;    /* how often the stick is looked for */
	uint32_t disk;	     /* the stick's number, once found */
	uint32_t updates;    /* of its part of the state file */
	uint32_t files;	     /* looked at in the folders of drivers */
	uint32_t ids_used;   /* drivers.c */
	uint32_t controller; /* there: where the first controller without a driver stands, plus one; 0: none */
	struct STORAGE_DEVICE_NUMBER cd, number_of; /* the image's drive; the volume that is looked at */
	struct VOLUME_DISK_EXTENTS extent;	    /* of the volume that is looked at */
	struct VIRTUAL_STORAGE_TYPE any;	    /* zeros: Windows finds out itself what an image is */
	bool unwritten;				    /* stages that are not there yet */
	bool told;				    /* that the stick is missing */
	wchar drive[3];				    /* "X:" */
	/* What goes into the flight recorder, and what was read there: whole sectors are read and written, aligned as such. */
	uint8_t sector[POD_REC_SECTOR] __attribute__((aligned(512)));
	uint8_t first[POD_REC_SECTOR];
	wchar name[64];	     /* of the volume that is looked at, "\\?\Volume{...}\" */
	wchar volume[64];    /* the stick's data volume, once found */
	wchar own[TEXT_MAX]; /* where this program is */
	wchar text[TEXTS_MAX][TEXT_MAX];
};

extern struct helper helper;

/* One register instead of an argument of every function. */
static inline struct helper *self(void)
{
#ifdef __aarch64__
	/* It begins a page: half of an address is enough. */
	struct helper *h;
	__asm__("adrp %0, %1" : "=r"(h) : "S"(&helper));
#else
	struct helper *h = &helper;
	OPAQUE(h);
#endif
	return h;
}

/* --- text.c ----------------------------------------------------------------------------------------------------------- */
/* A text of the record, or one of enum own_word, with h->detail and h->number where it wants them; cut where it does not fit. It stays
 * until TEXTS_MAX others were made. */
wchar *text(unsigned word);
/* The same about something. */
wchar *text_about(unsigned word, const wchar *detail);
wchar *text_end(wchar *s);

/* --- say.c ------------------------------------------------------------------------------------------------------------ */
/* A line in \isopod.log. */
void say_log(unsigned word);
/* A window over all others, which nobody waits for. */
void say_window(unsigned word);
/* Closes it, if it is still there. */
void say_no_more(void);

/* --- volume.c --------------------------------------------------------------------------------------------------------- */
/* Looks for the data volume: fills disk and volume. */
bool volume_find_stick(void);
/* Opens the ESP's volume for writing; INVALID_HANDLE_VALUE. */
void *volume_open_esp(void);
/* DeviceIoControl with what is always the same left out. */
bool volume_control(void *device, uint32_t code, void *out, uint32_t size);
/* Opens the stick's disk for writing; INVALID_HANDLE_VALUE. */
void *volume_open_disk(void);
/* The drive letter of the volume on a device ("\\.\CDROM0"), waiting for Windows to give one, else giving one; 0. */
wchar volume_letter(const wchar *device);
/* From now on arrival is set when a volume arrives; look_ms says how often to look all the same. */
void volume_watch_arrival(void);

/* --- library.c -------------------------------------------------------------------------------------------------------- */
/* A function of a DLL that may not be there; NULL. */
void *library_function(const char *dll, const char *name);
/* A file, a volume or a disk that is there, for whoever else uses it, too; INVALID_HANDLE_VALUE. */
void *open_existing(const wchar *path, uint32_t access);

/* --- attach.c --------------------------------------------------------------------------------------------------------- */
/* 0, or Windows' error code. */
uint32_t attach_image(void);

/* --- drivers.c -------------------------------------------------------------------------------------------------------- */
/* Loads, of the INF files in the folder that is this text and those below it, each that names a device which has no driver. */
void drivers_load(unsigned word);
/* The first USB or storage controller that has no driver goes into the record. */
void drivers_note_controller(void);

/* --- record.c --------------------------------------------------------------------------------------------------------- */
void record_stage(enum pod_stage stage, uint32_t arg);
/* Writes what is new into the stick's state file, if the stick was found. */
void record_write(void);

/* --- start.c ---------------------------------------------------------------------------------------------------------- */
/* Starts a program; drvload, or the original with all that is ours. Returns 0, or Windows' error code. */
uint32_t run(const wchar *program, wchar *command, bool original, void **process);
/* Starts the original program with our own arguments. 0, or Windows' error code. */
uint32_t start_original(void);

/* --- main.c ----------------------------------------------------------------------------------------------------------- */
uint32_t helper_ms(void);
void helper_pause(uint32_t ms);

#endif
