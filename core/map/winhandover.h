/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * \Windows\System32\isopod\handover.bin: what the boot manager tells the helper in Windows PE (windows/), and all the words that this
 * one says. One flat little-endian record; written by core/plan, read by windows/. See doc/FORMATS/winhandover.md.
 *
 *   +0x00  8  magic "ISOPODW2": name and version
 *   +0x08  4  total length in bytes, even, at most POD_WHO_SIZE_MAX
 *   +0x0C  4  CRC-32 of the record with this field zero
 *   +0x10  4  flags (POD_WHO_*)
 *   +0x14  4  disk signature of the stick (MBR, offset 0x1B8)
 *   +0x18 16  GPT disk GUID as on the disk, or zeros
 *   +0x28  8  data partition: first byte on the disk
 *   +0x30  8  data partition: length in bytes
 *   +0x38  8  the flight recorder's state file: first byte on the disk; 0 = nothing is recorded
 *   +0x40  8  its length in bytes
 *   +0x48  8  the ESP that holds the state file: first byte on the disk
 *   +0x50  8  the ESP: length in bytes
 *   +0x58  4  number of this boot in the state file (core/trace/record.h); 0 = nothing is recorded
 *   +0x5C  4  how long the original program waits for the stick, in milliseconds
 *   +0x60  2  number of driver folders
 *   +0x62  2  number of LabConfig values
 *   +0x64 28  zero
 *   +0x80 64  the original program's name, UTF-8, filled up with zeros: as the flight recorder's record has it
 *   +0xC0 128 the LabConfig values, 4 bytes each
 *   +0x140    texts: UTF-16, each ends with a zero, one behind the other: those of enum pod_who_word, the driver folders, the
 *             LabConfig values' names
 *
 * Units below 8 in a text stand for what is only known in Windows (enum pod_who_unit).
 */
#ifndef POD_MAP_WINHANDOVER_H
#define POD_MAP_WINHANDOVER_H

#include "core/base/status.h"

#define POD_WHO_MAGIC	    "ISOPODW2"
#define POD_WHO_PATH	    "Windows/System32/isopod/handover.bin" /* in the WIM */
#define POD_WHO_FOLDER	    "Windows/System32/isopod"		   /* the same for the program's second name */
#define POD_WHO_HEADER_SIZE 0x140u
#define POD_WHO_SIZE_MAX    65536u
#define POD_WHO_TEXT_MAX    1024u /* code units of one text, without its end */
#define POD_WHO_LIST_MAX    32u	  /* driver folders; LabConfig values */
#define POD_WHO_WAIT_MS	    10000u

/* Where the helper finds what is no text. */
enum {
	POD_WHO_FLAGS_OFF = 0x10,
	POD_WHO_SIGNATURE_OFF = 0x14,
	POD_WHO_GUID_OFF = 0x18,
	POD_WHO_PART_OFF = 0x28,
	POD_WHO_STATE_OFF = 0x38,
	POD_WHO_ESP_OFF = 0x48,
	POD_WHO_BOOT_OFF = 0x58,
	POD_WHO_WAIT_OFF = 0x5c,
	POD_WHO_DRIVERS_OFF = 0x60,
	POD_WHO_LABS_OFF = 0x62,
	POD_WHO_NAME_OFF = 0x80,
	POD_WHO_NAME_SIZE = 64,
	POD_WHO_VALUE_OFF = 0xc0,
};

enum {
	POD_WHO_GPT = 1u << 0,	  /* the GUID counts, not the signature */
	POD_WHO_ATTACH = 1u << 1, /* the image is an ISO that is to be attached; without it, a bare WIM: nothing is */
	POD_WHO_ANSWER = 1u << 2, /* \Autounattend.xml was put into the WIM */
	POD_WHO_RESTORE =
		1u << 3, /* the program looks at its own name (anything but winpeshl.exe): it gets its first name back before */
};

/* In texts: what the helper puts there. */
enum pod_who_unit {
	POD_WHO_DETAIL = 1, /* what a message is about, or the rest of a path */
	POD_WHO_DRIVE,	    /* "X:", where Windows PE runs */
	POD_WHO_VOLUME,	    /* the stick's data volume with its last backslash */
	POD_WHO_CODE,	    /* a number, as eight hexadecimal digits: Windows' error code */
	POD_WHO_NUMBER,	    /* the same in decimal */
	POD_WHO_CONTROLLER, /* the controller without a driver */
	POD_WHO_UNITS = 8,  /* none from here on */
};

/* All that the helper says, and names. */
enum pod_who_word {
	/* in the window; POD_WHO_NO_DRIVER is POD_WHO_NO_STICK where a controller has no driver */
	POD_WHO_NO_STICK,
	POD_WHO_NO_DRIVER,
	POD_WHO_NOT_ATTACHED,
	POD_WHO_NO_PROVIDER,
	POD_WHO_NO_PROGRAM,
	/* in the log */
	POD_WHO_LOG_BEGUN,
	POD_WHO_LOG_ANSWER,
	POD_WHO_LOG_LAB,
	POD_WHO_LOG_DRIVER,
	POD_WHO_LOG_DRIVER_FAILED,
	POD_WHO_LOG_CONTROLLER,
	POD_WHO_LOG_OFTEN,
	POD_WHO_LOG_FOUND,
	POD_WHO_LOG_MISSING,
	POD_WHO_LOG_ATTACHED,
	POD_WHO_LOG_NO_LETTER,
	POD_WHO_LOG_NOT_ATTACHED,
	POD_WHO_LOG_UNWRITTEN,
	POD_WHO_LOG_FOREIGN,
	POD_WHO_LOG_NOT_MOVED,
	POD_WHO_LOG_NOT_RESTORED,
	POD_WHO_LOG_NOT_STARTED,
	POD_WHO_LOG_STARTED,
	POD_WHO_LOG_ENDED,
	POD_WHO_LOG_TOLD,
	/* files, devices and keys of the registry */
	POD_WHO_DRVLOAD,
	POD_WHO_DRVLOAD_COMMAND,
	POD_WHO_DISK,
	POD_WHO_DEVICES,
	POD_WHO_LABCONFIG,
	POD_WHO_EARLY_DRIVERS,
	/* and those of this start */
	POD_WHO_PROGRAM,
	POD_WHO_REPLACED,
	POD_WHO_IMAGE,
	POD_WHO_WORDS
};

/* What is not text, as written and as read. */
struct pod_who_facts {
	uint32_t flags;
	uint32_t mbr_signature;
	uint8_t disk_guid[16];
	uint64_t part_start_bytes, part_length_bytes;
	uint64_t state_start_bytes, state_length_bytes; /* 0: nothing is recorded */
	uint64_t esp_start_bytes, esp_length_bytes;
	uint32_t boot_number, wait_ms;
};

struct pod_who_value {
	const char *name; /* "BypassTPMCheck" */
	uint32_t value;
};

/* Texts are UTF-8; slashes of paths become backslashes. NULL: empty. */
struct pod_who_input {
	struct pod_who_facts facts;
	/* Translates what stands in the window; NULL: it is in English. */
	const char *(*translate)(const void *ctx, const char *text);
	const void *translate_ctx;
	const char *program;	   /* "/Windows/System32/isopod/winpeshl.exe", the original's second name */
	const char *replaced;	   /* "/Windows/System32/winpeshl.exe": where it was, and the helper is */
	const char *image;	   /* "/images/win.iso" */
	const char *const *driver; /* folders on the data volume: "/drivers/usb" */
	size_t driver_count;
	const struct pod_who_value *lab;
	size_t lab_count;
};

/* Writes the record into `out` and its length into *len; out NULL only counts. POD_E_LIMIT: longer than `size`, or over one of the
 * limits above; POD_E_INVALID: a text is no UTF-8 or has control characters, or the facts contradict each other, so that the reader would
 * refuse them. */
enum pod_status POD_MUST_USE pod_who_write(const struct pod_who_input *in, uint8_t *out, size_t size, size_t *len);

/* May the helper use it? POD_E_FORMAT: not this record or another version; else `diag` says which field. */
enum pod_status POD_MUST_USE pod_who_check(const uint8_t *data, size_t len, struct pod_diag *diag);

/* Of a record that passed: text n, counted from the first word; little-endian units up to a zero. */
const uint8_t *pod_who_text(const uint8_t *data, unsigned n);
void pod_who_get_facts(const uint8_t *data, struct pod_who_facts *f);

#endif
