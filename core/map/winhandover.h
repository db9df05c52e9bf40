/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * \Windows\System32\isopod\handover.bin: what the boot manager tells the helper in Windows PE (windows/). One flat little-endian
 * record; written by core/plan, read by windows/. See doc/FORMATS/winhandover.md.
 *
 *   +0x00  8  magic "ISOPODW1": name and version
 *   +0x08  4  total length in bytes, at most POD_WHO_SIZE_MAX
 *   +0x0C  4  CRC-32 of the record with this field zero
 *   +0x10  4  flags (POD_WHO_*)
 *   +0x14  4  disk signature of the stick (MBR, offset 0x1B8)
 *   +0x18 16  GPT disk GUID as on the disk, or zeros
 *   +0x28  8  data partition: first byte on the disk
 *   +0x30  8  data partition: length in bytes
 *   +0x38  8  the flight recorder's state file: first byte on the disk; 0 = nothing is recorded
 *   +0x40  4  its length in bytes
 *   +0x44  4  number of this boot in it (core/trace/record.h)
 *   +0x48  8  the ESP that holds the state file: first byte on the disk
 *   +0x50  8  the ESP: length in bytes
 *   +0x58  4  how long the original program waits for the stick, in milliseconds
 *   +0x5C  2  language, enum pod_who_language
 *   +0x5E  2  number of driver folders
 *   +0x60  2  number of LabConfig values
 *   +0x62  2  zero
 *   +0x64  4  offset of the original program's second name
 *   +0x68  4  offset of its first name
 *   +0x6C  4  offset of the image's path on the data volume
 *   +0x70  4  offset of the first driver folder; the others follow it
 *   +0x74  4  offset of the first LabConfig value { u32 value, name }; the others follow it
 *   +0x78  8  zero
 *   +0x80     texts: UTF-16, each ends with a zero; offsets are even
 *
 * An offset of 0 is an empty text or list. Paths are absolute without a drive letter, with backslashes.
 */
#ifndef POD_MAP_WINHANDOVER_H
#define POD_MAP_WINHANDOVER_H

#include "core/base/status.h"

#define POD_WHO_MAGIC	    "ISOPODW1"
#define POD_WHO_PATH	    "Windows/System32/isopod/handover.bin" /* in the WIM */
#define POD_WHO_FOLDER	    "Windows/System32/isopod"		   /* the same for the program's second name */
#define POD_WHO_HEADER_SIZE 0x80u
#define POD_WHO_SIZE_MAX    65536u
#define POD_WHO_TEXT_MAX    1024u /* code units of one text, without its end */
#define POD_WHO_LIST_MAX    32u	  /* driver folders; LabConfig values */
#define POD_WHO_WAIT_MS	    10000u

enum {
	POD_WHO_GPT = 1u << 0,	  /* the GUID counts, not the signature */
	POD_WHO_ATTACH = 1u << 1, /* the image is an ISO that is to be attached; without it, a bare WIM: nothing is */
	POD_WHO_ANSWER = 1u << 2, /* \Autounattend.xml was put into the WIM */
	POD_WHO_RESTORE =
		1u << 3, /* the program looks at its own name (anything but winpeshl.exe): it gets its first name back before */
};

enum pod_who_language { POD_WHO_ENGLISH = 0, POD_WHO_CHINESE = 1 };

/* What is not text, as written and as read. */
struct pod_who_facts {
	uint32_t flags;
	uint32_t mbr_signature;
	uint8_t disk_guid[16];
	uint64_t part_start_bytes, part_length_bytes;
	uint64_t state_start_bytes; /* 0: nothing is recorded */
	uint32_t state_length_bytes, boot_number;
	uint64_t esp_start_bytes, esp_length_bytes;
	uint32_t wait_ms;
	uint16_t language; /* enum pod_who_language */
};

struct pod_who_value {
	const char *name; /* "BypassTPMCheck" */
	uint32_t value;
};

/* Texts are UTF-8; slashes become backslashes. NULL: empty. */
struct pod_who_input {
	struct pod_who_facts facts;
	const char *program;	   /* "/Windows/System32/isopod/winpeshl.exe", the original's second name */
	const char *replaced;	   /* "/Windows/System32/winpeshl.exe": where it was, and the helper is */
	const char *image;	   /* "/images/win.iso" */
	const char *const *driver; /* folders on the data volume: "/drivers/usb" */
	size_t driver_count;
	const struct pod_who_value *lab;
	size_t lab_count;
};

/* Writes the record into `out` and its length into *len; out NULL only counts. POD_E_LIMIT: longer than `size`, or over one of the
 * limits above; POD_E_INVALID: a text is no UTF-8, or the facts contradict each other, so that the reader would refuse them. */
enum pod_status POD_MUST_USE pod_who_write(const struct pod_who_input *in, uint8_t *out, size_t size, size_t *len);

/* A text in the record: `units` UTF-16 code units, then a zero. */
struct pod_who_text {
	const uint8_t *at; /* an even offset of the record; never NULL */
	uint32_t units;
};

struct pod_who_record {
	struct pod_who_facts facts;
	struct pod_who_text program, replaced, image;
	struct pod_who_text driver[POD_WHO_LIST_MAX];
	uint32_t driver_count;
	struct {
		struct pod_who_text name;
		uint32_t value;
	} lab[POD_WHO_LIST_MAX];
	uint32_t lab_count;
};

/* Reads it. Texts point into `data`. POD_E_FORMAT: not this record or another version; POD_E_CORRUPT: `diag` says which field. */
enum pod_status POD_MUST_USE pod_who_parse(struct pod_who_record *r, const uint8_t *data, size_t len, struct pod_diag *diag);

#endif
