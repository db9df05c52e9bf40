/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot Configuration Data: the hive that tells Windows' boot manager what to start and from where.
 *
 * A store holds objects (boot manager, loaders, options), named by GUIDs in the byte order of disks; an object has elements, named by a
 * number that also says of what kind it is. doc/FORMATS/bcd.md tells the bytes.
 *
 * A store that starts a WIM, from nothing:
 *
 *   struct pod_bcd b;
 *   POD_TRY(pod_bcd_new(&b, now, alloc));
 *   st = pod_bcd_start_wim(&b, &(struct pod_bcd_start){.efi = true, .title = "Windows Setup"}, "\\sources\\boot.wim",
 *                          "\\boot\\boot.sdi");
 *   if (st == POD_OK)
 *           pod_bcd_finish(&b, &bytes, &len);   // valid until close
 *   ...
 *   pod_bcd_close(&b);
 */
#ifndef POD_REGF_BCD_H
#define POD_REGF_BCD_H

#include "core/regf/regf.h"

extern const uint8_t pod_bcd_bootmgr[16], pod_bcd_ramdisk_options[16], pod_bcd_memtest[16];

enum {
	/* types of objects */
	POD_BCD_BOOT_MANAGER = 0x10100002,
	POD_BCD_LOADER = 0x10200003,
	POD_BCD_MEMTEST = 0x10200005,
	POD_BCD_DEVICE_OPTIONS = 0x30000000,
	/* elements; bits 24 to 27 are the kind */
	POD_BCD_KIND_MASK = 0x0F000000,
	POD_BCD_KIND_DEVICE = 0x01000000,
	POD_BCD_KIND_STRING = 0x02000000,
	POD_BCD_KIND_GUID = 0x03000000,
	POD_BCD_KIND_GUIDS = 0x04000000,
	POD_BCD_KIND_INTEGER = 0x05000000,
	POD_BCD_KIND_BOOLEAN = 0x06000000,
	POD_BCD_KIND_INTEGERS = 0x07000000,
	POD_BCD_DEVICE = 0x11000001, /* where the program is */
	POD_BCD_PATH = 0x12000002,   /* the program */
	POD_BCD_TITLE = 0x12000004,
	POD_BCD_LOCALE = 0x12000005,
	POD_BCD_INHERIT = 0x14000006,
	POD_BCD_RECOVERY = 0x16000009,	   /* recoveryenabled */
	POD_BCD_EMS = 0x16000020,	   /* bootems */
	POD_BCD_GRAPHICS_OFF = 0x16000046, /* text, which reaches a serial console too */
	POD_BCD_DEFAULT = 0x23000003,	   /* boot manager: what starts */
	POD_BCD_ORDER = 0x24000001,	   /* boot manager: what its menu shows */
	POD_BCD_TIMEOUT = 0x25000004,
	POD_BCD_SHOW_MENU = 0x26000020,
	POD_BCD_OS_DEVICE = 0x21000001, /* loader: where Windows is */
	POD_BCD_SYSTEM_ROOT = 0x22000002,
	POD_BCD_NX = 0x25000020,
	POD_BCD_MENU_POLICY = 0x250000C2,
	POD_BCD_DETECT_HAL = 0x26000010,
	POD_BCD_WINPE = 0x26000022,
	POD_BCD_SDI_DEVICE = 0x31000003, /* ramdisk options */
	POD_BCD_SDI_PATH = 0x32000004,
};

/* --- devices ---------------------------------------------------------------------------------------------- */

enum pod_bcd_device_kind {
	POD_BCD_BOOT,		/* where the boot manager was read from */
	POD_BCD_PARTITION,	/* by signature and place (MBR) or by GUIDs (GPT) */
	POD_BCD_LOCATE_PATH,	/* the partition that has a file at `path` */
	POD_BCD_LOCATE_ELEMENT, /* the partition (of `parent`, or any) that has the path that this object's `element` holds */
	POD_BCD_FILE,		/* the file `path` on `parent` */
	POD_BCD_VHD,		/* the disk in the file `parent` (a POD_BCD_FILE), VHD or VHDX */
	POD_BCD_RAMDISK,	/* the image `path` on `parent`, with the options of the object `options` */
	POD_BCD_UNKNOWN,	/* reading only: `type` says which */
};

struct pod_bcd_device {
	enum pod_bcd_device_kind kind;
	bool gpt;			 /* PARTITION */
	uint32_t signature;		 /* MBR: of the disk */
	uint64_t offset_bytes;		 /* MBR: of the partition */
	uint8_t disk[16], partition[16]; /* GPT: GUIDs */
	uint32_t element;		 /* LOCATE_ELEMENT */
	uint8_t options[16];		 /* RAMDISK */
	uint32_t type;			 /* UNKNOWN: the number it has */
	const char *path;		 /* UTF-8 with '\' */
	const struct pod_bcd_device *parent;
};

#define POD_BCD_DEPTH_MAX  8u	 /* devices in each other */
#define POD_BCD_DEVICE_MAX 4096u /* bytes of an element of kind device */

/* `d` as an element's data; *len_out bytes. POD_E_LIMIT: longer than `size`, or nested too deep. POD_E_INVALID: a parent or a path is
 * missing. */
enum pod_status POD_MUST_USE pod_bcd_encode(const struct pod_bcd_device *d, uint8_t *out, size_t size, size_t *len_out);

/* A device that was read, the outermost first; each one's parent, if it has one, is the next. Too large for a stack. */
struct pod_bcd_decoded {
	struct pod_bcd_device device[POD_BCD_DEPTH_MAX];
	uint32_t count, text_len;
	char text[2048];		 /* paths */
	uint8_t raw[POD_BCD_DEVICE_MAX]; /* the element, for pod_bcd_read_device */
};
/* POD_E_CORRUPT: sizes that do not fit into each other. `d` must stay where it is: its devices point into it. */
enum pod_status POD_MUST_USE pod_bcd_decode(struct pod_bcd_decoded *d, const uint8_t *data, size_t len);
/* The first one of that kind, or NULL. */
const struct pod_bcd_device *pod_bcd_find(const struct pod_bcd_decoded *d, enum pod_bcd_device_kind kind);

/* --- reading: any opened hive; allocates nothing ------------------------------------------------------------ */

struct pod_bcd_object {
	uint8_t guid[16];
	uint32_t type;
	struct pod_regf_key elements;
};
struct pod_bcd_element {
	uint32_t id;
	struct pod_regf_value value;
};

/* The objects of the store; POD_E_FORMAT: a hive, but no store. Keys that are no objects are passed over. */
enum pod_status POD_MUST_USE pod_bcd_objects(const struct pod_regf *h, struct pod_regf_iter *it);
enum pod_status POD_MUST_USE pod_bcd_next_object(struct pod_regf_iter *it, struct pod_bcd_object *out);
enum pod_status POD_MUST_USE pod_bcd_object(const struct pod_regf *h, const uint8_t guid[16], struct pod_bcd_object *out);
enum pod_status POD_MUST_USE pod_bcd_elements(const struct pod_regf *h, const struct pod_bcd_object *o, struct pod_regf_iter *it);
enum pod_status POD_MUST_USE pod_bcd_next_element(struct pod_regf_iter *it, struct pod_bcd_element *out);
enum pod_status POD_MUST_USE pod_bcd_element(const struct pod_regf *h, const struct pod_bcd_object *o, uint32_t id,
					     struct pod_bcd_element *out);
/* What an element says. Strings are read with pod_regf_text. POD_E_FORMAT: not of that kind. */
enum pod_status POD_MUST_USE pod_bcd_read_device(const struct pod_regf *h, const struct pod_bcd_element *el,
						 struct pod_bcd_decoded *out);
enum pod_status POD_MUST_USE pod_bcd_read_number(const struct pod_regf *h, const struct pod_bcd_element *el, uint64_t *out);
/* The nth of one or several GUIDs; POD_END behind the last. */
enum pod_status POD_MUST_USE pod_bcd_read_guid(const struct pod_regf *h, const struct pod_bcd_element *el, uint32_t n,
					       uint8_t out[16]);

/* --- writing ------------------------------------------------------------------------------------------------- */

struct pod_bcd {
	struct pod_regf_edit hive;
};

/* A store without objects; or an existing one. */
enum pod_status POD_MUST_USE pod_bcd_new(struct pod_bcd *b, uint64_t now, struct pod_alloc *a);
enum pod_status POD_MUST_USE pod_bcd_open(struct pod_bcd *b, const uint8_t *bytes, size_t len, uint64_t now, struct pod_alloc *a,
					  struct pod_diag *diag);
void pod_bcd_close(struct pod_bcd *b); /* zeroed is legal */
void pod_bcd_finish(struct pod_bcd *b, const uint8_t **bytes, size_t *len);

/* Makes an object, or gives an existing one this type. */
enum pod_status POD_MUST_USE pod_bcd_add(struct pod_bcd *b, const uint8_t guid[16], uint32_t type);
/* Each makes or replaces an element of an object that is there; POD_E_INVALID: the element is of another kind. */
enum pod_status POD_MUST_USE pod_bcd_set_device(struct pod_bcd *b, const uint8_t guid[16], uint32_t id,
						const struct pod_bcd_device *d);
enum pod_status POD_MUST_USE pod_bcd_set_string(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, const char *utf8);
enum pod_status POD_MUST_USE pod_bcd_set_guid(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, const uint8_t value[16]);
enum pod_status POD_MUST_USE pod_bcd_set_guids(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, const uint8_t (*v)[16],
					       size_t n);
enum pod_status POD_MUST_USE pod_bcd_set_integer(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, uint64_t v);
enum pod_status POD_MUST_USE pod_bcd_set_integers(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, const uint64_t *v,
						  size_t n);
enum pod_status POD_MUST_USE pod_bcd_set_boolean(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, bool v);
/* POD_E_NOT_FOUND: it has none. */
enum pod_status POD_MUST_USE pod_bcd_delete(struct pod_bcd *b, const uint8_t guid[16], uint32_t id);

/* --- what we start -------------------------------------------------------------------------------------------- */

/* Each of the functions below makes the boot manager's object, if it is not there yet, and one loader's, and has the boot manager start
 * that without a menu. Called again, they add a further loader, which becomes the one that starts. */
struct pod_bcd_start {
	bool efi;	    /* winload.efi, else winload.exe */
	const char *title;  /* NULL: "Windows" */
	const char *locale; /* NULL: "en-US" */
	const char *loader; /* NULL: the usual path of winload */
	bool text;	    /* POD_BCD_GRAPHICS_OFF on both: for tests on a serial console */
	uint8_t guid[16];   /* of the loader; zeros: one of ours, by how many there are */
};
/* Windows PE: `wim` on the boot device as a ramdisk, with `sdi` from there. */
enum pod_status POD_MUST_USE pod_bcd_start_wim(struct pod_bcd *b, const struct pod_bcd_start *s, const char *wim,
					       const char *sdi);
/* Windows in the VHD or VHDX `path` on `host`: a POD_BCD_PARTITION, POD_BCD_BOOT, or { POD_BCD_LOCATE_PATH, .path = path }. */
enum pod_status POD_MUST_USE pod_bcd_start_vhd(struct pod_bcd *b, const struct pod_bcd_start *s, const char *path,
					       const struct pod_bcd_device *host);
/* Windows on a partition (To Go); `where` as for `host`. */
enum pod_status POD_MUST_USE pod_bcd_start_partition(struct pod_bcd *b, const struct pod_bcd_start *s,
						     const struct pod_bcd_device *where);
/* The memory test at s->loader (NULL: its usual path) on the boot device. */
enum pod_status POD_MUST_USE pod_bcd_start_memtest(struct pod_bcd *b, const struct pod_bcd_start *s);

#endif
