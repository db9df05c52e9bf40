/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files core/plan/windows*.c only. */
#ifndef POD_PLAN_WINDOWS_INT_H
#define POD_PLAN_WINDOWS_INT_H

#include "core/map/fatdisk.h"
#include "core/plan/internal.h"
#include "core/regf/bcd.h"
#include "core/wim/wim.h"

enum { WINDOWS_FOLDERS_MAX = 64, WINDOWS_DEPTH_MAX = 5, WINDOWS_NAMES_MAX = 16 };

/* The boot configurations of a medium. */
enum { WINDOWS_EFI, WINDOWS_BIOS, WINDOWS_STORES };
struct windows_store {
	char sdi[POD_FATDISK_PATH_MAX]; /* on the disk: the boot.sdi of its entries */
	bool has_sdi, damaged;
};

/* A file that they name: its path in the image, and on the disk behind a slash. */
struct windows_name {
	char path[POD_FATDISK_PATH_MAX - 1];
	bool wim;
};

struct windows_folder {
	struct pod_node node;
	uint32_t depth, parent; /* index; of the uppermost: itself */
	char path[256];
};

struct windows_job {
	const struct pod_plan_request *rq;
	struct pod_plan *plan;
	struct pod_fatdisk disk;
	/* the image's tree; of a bare WIM none is open */
	struct pod_fs fs;
	struct pod_dirent entry;
	struct windows_folder folder[WINDOWS_FOLDERS_MAX];
	uint32_t folders;
	struct windows_store store[WINDOWS_STORES];
	struct windows_name named[WINDOWS_NAMES_MAX]; /* of an ISO; the WIM that starts by itself is the first of the WIMs */
	uint32_t names;
	bool other; /* the WIM below is a further one: the plan does not speak of it */
	/* the WIM that starts */
	struct pod_map wim_map; /* its bytes, as they lie on the stick */
	struct pod_mapdev wim_dev;
	struct pod_wim wim;
	bool wim_open;	      /* and an image is selected */
	uint32_t winload_efi; /* the firmware that its loader for UEFI is for; 0: it has none */
	bool winload_exe;
	bool is_pe; /* it looks like one that starts from a WIM */
	struct pod_wim_dirent wim_entry;
	struct pod_map patched; /* what is served in its place; empty: itself */
	char replaced[256];	/* the program in it that the helper stands in for, "": none */
};

extern const char windows_wim_path[];			     /* on the disk, and in an ISO */
extern const char *const windows_bcd[WINDOWS_STORES];	     /* on the disk */
extern const char windows_bootmgfw[], windows_bootmgfw_ex[]; /* in Windows: the loader for UEFI, signed in 2011, and in 2023 */
extern const char windows_stl[], windows_bootmgr[], windows_fonts[];
extern const uint64_t windows_bcd_time;

/* What ends the search: no answer, or nobody who waits for one. Of a budget that is used up something may still be served. */
static inline bool windows_is_fatal(enum pod_status st)
{
	return pod_is_fatal(st) && st != POD_E_BUDGET;
}

/* windows.c */
/* A new file on the disk, noted for whoever asks the plan. POD_E_EXISTS and POD_E_INVALID (a name that FAT has not): left out. */
enum pod_status POD_MUST_USE windows_file(struct windows_job *j, const char *path, enum pod_disk_from origin, const char *from);

/* The map becomes that of the disk, with bootmgr started by a BIOS and loaders by UEFI if they are among `firmware`. */
enum pod_status POD_MUST_USE windows_finish(struct windows_job *j, uint32_t firmware, struct pod_diag *diag);

/* windows_wim.c */
/* The UEFI that a PE program is for; 0: none that is known, or no program. */
uint32_t windows_program(enum pod_status (*read)(void *ctx, uint64_t off, void *buf, size_t len), void *ctx, uint64_t size_bytes);
/* One run of the WIM's file, for pod_fs_ops.extents; `ctx` is the job. */
enum pod_status windows_wim_run(void *ctx, const struct pod_extent *e);
/* Closed, and empty for another one. */
void windows_wim_reset(struct windows_job *j);
/* Is it one that the boot manager shows Latin text with? */
bool windows_is_font(const char *name);
/* The font `name` of windows_fonts: once for UEFI, by `take`, and shown again where a BIOS's boot manager looks. */
typedef enum pod_status windows_take(void *ctx, const char *from, const char *to);
enum pod_status POD_MUST_USE windows_font(struct windows_job *j, const char *name, enum pod_disk_from origin, windows_take *take,
					  void *ctx);
/* Puts a store that was made onto the disk. */
enum pod_status POD_MUST_USE windows_put_bcd(struct windows_job *j, struct pod_bcd *b, const char *to);
bool windows_wim_has(struct windows_job *j, const char *path, struct pod_wim_node *node);
/* The firmware that a loader for UEFI in it is for; 0: none, or none that is known. */
uint32_t windows_wim_program(struct windows_job *j, const char *path);
/* Opens the WIM in j->wim_map and selects the image that starts. What it cannot be opened for is said in a warning. */
enum pod_status POD_MUST_USE windows_wim_open(struct windows_job *j);
/* The machine of a PE program in it; POD_MACHINE_COUNT: none that is known. */
enum pod_machine windows_machine(struct windows_job *j, const struct pod_wim_node *node);
void windows_wim_close(struct windows_job *j);
/* Adds what the disk lacks and the WIM has; then what nobody has. */
enum pod_status POD_MUST_USE windows_wim_fill(struct windows_job *j, const char *wim /* its path on the disk */);

/* windows_bcd.c */
void windows_usual_store(struct windows_store *s);
/* Reads the stores of the image's tree into j->store and j->named. What is wrong with them is no error. */
enum pod_status POD_MUST_USE windows_read_stores(struct windows_job *j);
/* Is it among them? */
bool windows_is_named(const struct windows_job *j, const char *path, bool wim);

/* windows_images.c */
/* Selects the image of the opened WIM that starts, and says in the plan which, and what else there is. */
enum pod_status POD_MUST_USE windows_choose_image(struct windows_job *j, struct pod_diag *diag);
/* Has the WIM that is served name the image that was selected, if it names another one and was not changed for other reasons. */
enum pod_status POD_MUST_USE windows_name_image(struct windows_job *j);

/* windows_vhd.c */
/* Of a VHD or VHDX with Windows: the disk that starts it. POD_E_NOT_FOUND: there is no Windows in it. */
enum pod_status POD_MUST_USE windows_vhd(struct windows_job *j, struct pod_diag *diag);

/* windows_patch.c */
/* Puts the helper in front of the program that Windows PE runs: j->patched, j->replaced. POD_OK also where that cannot be done: *why
 * says so then. */
enum pod_status POD_MUST_USE windows_patch(struct windows_job *j, const char **why);

/* windows_cd.c */
/* Are there several WIMs that start beside those in sources and those that Windows' own boot menu names? Then the image has a
 * boot menu that offers them. */
enum pod_status POD_MUST_USE windows_cd_has_menu(struct windows_job *j, struct pod_iso_trees *x, bool *yes,
						 struct pod_diag *diag);

#endif
