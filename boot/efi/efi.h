/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the UEFI port share. One boot manager runs at a time, so there is one `struct pod_efi`. */
#ifndef POD_EFI_EFI_H
#define POD_EFI_EFI_H

#include "boot/boot.h"
#include "boot/efi/uefi.h"
#include "core/base/hash.h"

/* The table of boot services was changed: its checksum is made anew (UEFI 2.10 clause 4.2). */
static inline void pod_efi_seal(EFI_BOOT_SERVICES *bs)
{
	bs->Hdr.CRC32 = 0;
	bs->Hdr.CRC32 = pod_crc32(0, bs, bs->Hdr.HeaderSize);
}

/* --- devpath.c: device paths (UEFI 2.10 clause 10) --- */

/* Length in bytes without the end node; 0 if the path is malformed (a node shorter than its header). */
size_t pod_efi_path_len(const EFI_DEVICE_PATH_PROTOCOL *p);
/* True if `p` starts with all nodes of `prefix`. *rest, if not NULL, is the first node behind the prefix. */
bool pod_efi_path_extends(const EFI_DEVICE_PATH_PROTOCOL *p, const EFI_DEVICE_PATH_PROTOCOL *prefix,
			  const EFI_DEVICE_PATH_PROTOCOL **rest);
/* The node after this one. */
const EFI_DEVICE_PATH_PROTOCOL *pod_efi_path_next(const EFI_DEVICE_PATH_PROTOCOL *p);
bool pod_efi_path_is(const EFI_DEVICE_PATH_PROTOCOL *p, uint8_t type, uint8_t subtype);
/* A new path: `base` (NULL: empty), one node of `type`, `subtype` with `len` bytes of data, end. NULL when out of memory, or if
 * `base` is malformed, or the path would be too long. */
EFI_DEVICE_PATH_PROTOCOL *pod_efi_path_append(struct pod_alloc *a, const EFI_DEVICE_PATH_PROTOCOL *base, uint8_t type,
					      uint8_t subtype, const void *data, size_t len);

/* --- disk.c: a whole disk of the firmware as a pod_dev --- */

struct pod_efi_disk {
	struct pod_dev dev;
	EFI_BLOCK_IO_PROTOCOL *bio;
	uint32_t media_id;
	uint32_t block_shift;
	uint32_t align_mask; /* buffers of the caller must have these address bits clear */
	size_t chunk_bytes;  /* most bytes of one firmware call */
	uint8_t *bounce;     /* POD_EFI_BOUNCE bytes, page-aligned */
	uint8_t first[512];  /* of LBA 0, to know the medium again */
	bool first_valid;
};

#define POD_EFI_BOUNCE (64u << 10)

/* `bounce` is POD_EFI_BOUNCE bytes on a page boundary. POD_E_UNSUPPORTED for block sizes we cannot serve, POD_E_CHANGED without
 * a medium. */
enum pod_status POD_MUST_USE pod_efi_disk_open(struct pod_efi_disk *d, EFI_BLOCK_IO_PROTOCOL *bio, uint8_t *bounce);
/* Firmware status to ours. */
enum pod_status POD_MUST_USE pod_efi_status(EFI_STATUS st);

/* --- vdisk.c: the virtual disk, served to the firmware --- */

struct pod_efi_vdisk {
	EFI_BLOCK_IO_PROTOCOL bio; /* first: the firmware calls us with this address */
	EFI_BLOCK_IO_MEDIA media;
	EFI_BOOT_SERVICES *bs;
	const struct pod_map *map; /* NULL: withdrawn; reads answer EFI_NO_MEDIA */
	struct pod_dev *stick;
	uint64_t base_bytes, size_bytes; /* the part of the map that is shown */
	EFI_HANDLE handle;
	EFI_DEVICE_PATH_PROTOCOL *path; /* owned */
	struct pod_alloc *alloc;
	struct pod_fw *fw;	    /* whose recorder is told of each read; NULL: nobody is */
	enum pod_status read_error; /* the first failed read, for the message afterwards */
	uint64_t read_error_bytes;  /* where in the virtual disk */
};

struct pod_efi_vdisk_args {
	const struct pod_map *map;
	struct pod_dev *stick;
	uint64_t base_bytes, size_bytes;
	uint32_t block_size;
	uint32_t io_align;		/* what the stick's firmware driver wants; passed on as advice */
	struct pod_fw *fw;		/* its recorder is told of each read; NULL: nobody is */
	bool partition;			/* LogicalPartition: the part of another disk */
	EFI_DEVICE_PATH_PROTOCOL *path; /* taken over, also on failure */
};

/* Fills *v without telling the firmware (so that host tests can call the server). POD_E_INVALID if the sizes make no disk. */
enum pod_status POD_MUST_USE pod_efi_vdisk_init(struct pod_efi_vdisk *v, EFI_BOOT_SERVICES *bs, struct pod_alloc *a,
						const struct pod_efi_vdisk_args *args);
/* Allocates, fills and installs on a new handle. NULL with *st set on failure. */
struct pod_efi_vdisk *pod_efi_vdisk_install(EFI_BOOT_SERVICES *bs, struct pod_alloc *a, const struct pod_efi_vdisk_args *args,
					    EFI_STATUS *st);
/* Disconnects the drivers, uninstalls and frees. If a driver does not let go, the disk stays as an empty drive and its
 * memory is leaked on purpose: the firmware still holds the pointers. NULL is legal. */
void pod_efi_vdisk_remove(struct pod_efi_vdisk *v);

/* --- memory.c: an image in memory --- */

struct pod_efi;
/* struct pod_fw.take_memory, give_memory_back */
uint8_t *pod_efi_memory_take(struct pod_fw *fw, uint64_t size, uint64_t *largest);
void pod_efi_memory_give_back(struct pod_fw *fw, uint8_t *p, uint64_t size);
/* The firmware's own disk over a map's lent memory; NULL: it makes none. Remove takes NULL. */
EFI_DEVICE_PATH_PROTOCOL *pod_efi_ramdisk_install(struct pod_efi *e, const struct pod_map *map, bool cd);
void pod_efi_ramdisk_remove(struct pod_efi *e, EFI_DEVICE_PATH_PROTOCOL *path);

/* --- order.c --- */

/* From here on searches for handles begin with `first` and what is below it, which stays valid until the end. */
void pod_efi_order_begin(EFI_BOOT_SERVICES *bs, const EFI_DEVICE_PATH_PROTOCOL *first);
void pod_efi_order_end(EFI_BOOT_SERVICES *bs);

/* --- initrd.c --- */

struct pod_efi_initrd;
/* Offers plan->offered to kernels that look for it. NULL: there is nothing to offer, or it cannot be. */
struct pod_efi_initrd *pod_efi_initrd_offer(EFI_BOOT_SERVICES *bs, struct pod_alloc *a, const struct pod_plan *plan,
					    struct pod_dev *stick);
void pod_efi_initrd_withdraw(struct pod_efi_initrd *i); /* NULL is legal */

/* --- sfs.c: a read-only file system of the core, served to the firmware --- */

struct pod_efi_sfs;
/* Installs EFI_SIMPLE_FILE_SYSTEM_PROTOCOL for the volume `dev` on `handle`; `dev` must outlive it. */
struct pod_efi_sfs *pod_efi_sfs_install(EFI_BOOT_SERVICES *bs, struct pod_alloc *a, EFI_HANDLE handle, struct pod_dev *dev);
void pod_efi_sfs_remove(struct pod_efi_sfs *s); /* NULL is legal */

/* --- the whole --- */

struct pod_efi {
	struct pod_fw fw;
	struct pod_alloc alloc;
	EFI_HANDLE image;
	EFI_SYSTEM_TABLE *st;
	EFI_BOOT_SERVICES *bs;
	EFI_HANDLE boot_device; /* the volume we were loaded from; NULL if unknown */
	struct pod_efi_disk disk;
	struct pod_efi_disk state_disk; /* the same disk with its own bounce buffer: the recorder writes from a timer */

	/* console.c */
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
	uint32_t gop_mode_before, gop_mode_ours;
	int32_t text_mode_before, text_attr_before;
	bool cursor_before;
	CHAR16 run[256]; /* characters of one row not yet written */
	size_t run_len;
	uint32_t run_col, run_row;
	uint8_t run_attr;

	/* input.c */
	EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL *in_ex;
	EFI_SERIAL_IO_PROTOCOL *serial;
	bool serial_dead;
	EFI_EVENT tick;
	uint64_t clock_last, clock_ms;
	uint32_t clock_per_ms;
};

static inline struct pod_efi *pod_efi_of(struct pod_fw *fw)
{
	return fw->ctx;
}

/* console.c: takes the screen (fills fw.fb or fw.text_*), and gives it back as it was found. */
void pod_efi_console_take(struct pod_efi *e);
void pod_efi_console_give_back(struct pod_efi *e);
void pod_efi_console_flush(struct pod_efi *e);

/* main.c: the boot manager, from entry.c. */
EFI_STATUS pod_efi_run(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

/* input.c: the processor's own counter. */
uint64_t pod_efi_ticks(void);
/* input.c: keys, serial port, clock. stop() closes every event, so that nothing of ours fires under a loader. */
void pod_efi_input_start(struct pod_efi *e);
void pod_efi_input_stop(struct pod_efi *e);

/* start.c: the device path of a handle, or NULL. */
EFI_DEVICE_PATH_PROTOCOL *pod_efi_path_of(struct pod_efi *e, EFI_HANDLE h);
/* struct pod_fw.start */
enum pod_status pod_efi_start(struct pod_fw *fw, struct pod_plan *plan, const char *path, char *msg, size_t msg_size);
/* A program that is a file on a volume of the firmware's, with its load options; otherwise as above. */
struct pod_efi_program {
	EFI_HANDLE volume;
	const CHAR16 *file;
	size_t file_bytes; /* with its NUL */
	const void *options;
	size_t options_len;
};
enum pod_status pod_efi_start_file(struct pod_fw *fw, const struct pod_efi_program *p, char *msg, size_t msg_size);

/* The loader that firmware starts where nothing else is said (UEFI 2.10 clause 3.5.1.1). */
#if defined(__x86_64__)
#define POD_EFI_LOADER	    u"\\EFI\\BOOT\\BOOTX64.EFI"
#define POD_EFI_LOADER_TEXT "EFI/BOOT/BOOTX64.EFI"
#elif defined(__i386__)
#define POD_EFI_LOADER	    u"\\EFI\\BOOT\\BOOTIA32.EFI"
#define POD_EFI_LOADER_TEXT "EFI/BOOT/BOOTIA32.EFI"
#else
#define POD_EFI_LOADER	    u"\\EFI\\BOOT\\BOOTAA64.EFI"
#define POD_EFI_LOADER_TEXT "EFI/BOOT/BOOTAA64.EFI"
#endif

/* own.c: struct pod_fw.own_list, own_start */
size_t pod_efi_own_list(struct pod_fw *fw, struct pod_own own[POD_OWN_MAX]);
enum pod_status pod_efi_own_start(struct pod_fw *fw, uint32_t id, char *msg, size_t msg_size);

/* machine.c: the memory map; `map` is freed by FreePool. Descriptors are `desc` bytes apart. */
struct pod_efi_memory {
	EFI_MEMORY_DESCRIPTOR *map;
	UINTN size, desc;
};
bool pod_efi_memory_get(struct pod_efi *e, struct pod_efi_memory *mem);
static inline const EFI_MEMORY_DESCRIPTOR *pod_efi_memory_at(const struct pod_efi_memory *mem, UINTN off)
{
	return (const EFI_MEMORY_DESCRIPTOR *)((const uint8_t *)mem->map + off);
}

/* machine.c: struct pod_fw.describe */
void pod_efi_describe(struct pod_fw *fw, struct pod_rec_machine *m);
uint8_t pod_efi_secure_boot(struct pod_efi *e); /* POD_SB_* */
bool pod_efi_is_below_shim(struct pod_efi *e);
bool pod_efi_wants_2023(struct pod_fw *fw);
void pod_efi_judge_loader(struct pod_fw *fw, struct pod_plan *plan, const char *name);
/* running.c, around StartImage: the recorder's timer, and its note of the end of boot services. */
void pod_efi_record_begin(struct pod_efi *e, bool from_memory);
void pod_efi_record_end(struct pod_efi *e, EFI_STATUS st);

/* listen.c: keeps what is printed to the console from begin to end. */
void pod_efi_listen_begin(struct pod_efi *e);
struct pod_screen *pod_efi_listen_screen(void);
void pod_efi_listen_end(void);

/* start.c: does the volume, as the firmware reads it, hold this file? */
bool pod_efi_has_file(struct pod_efi *e, EFI_HANDLE volume, const CHAR16 *name);

/* "Not Found (14)", in the language in use */
char *pod_efi_status_text(const struct pod_fw *fw, EFI_STATUS st, char *buf, size_t size);

extern const EFI_GUID pod_efi_guid_block_io, pod_efi_guid_device_path, pod_efi_guid_global, pod_efi_guid_loaded_image,
	pod_efi_guid_sfs;

#endif
