/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of core/plan share; nobody outside includes this. */
#ifndef POD_PLAN_INTERNAL_H
#define POD_PLAN_INTERNAL_H

#include "core/base/str.h"
#include "core/disk/lvm.h"
#include "core/plan/arguments.h"
#include "core/plan/menu.h"
#include "core/plan/plan.h"
#include "core/vhd/vfile.h"

#define POD_SCAN_FOUND_MAX 256u /* of each sort of files */

/* A file worth knowing while the plan is made. */
struct pod_found {
	char path[256]; /* inside its tree, no leading slash */
	struct pod_node node;
	uint64_t start_bytes; /* first byte of its data on the tree's device; UINT64_MAX for empty files */
	/* Of a kernel, once it was read; POD_MACHINE_COUNT: none that is known. */
	bool machine_read;
	enum pod_machine machine;
};

/* One directory record, to find every name of the same data. */
struct pod_record {
	uint64_t start_bytes, size_bytes, entry_bytes;
	uint32_t entry_len;
	bool split; /* the file has further records (ISO 9660, from 4 GiB on) */
};

/* What a walk through one tree (ISO 9660, Joliet, FAT) brings together. */
struct pod_scan {
	struct pod_alloc *alloc;
	struct pod_fs *fs;
	struct pod_found *initrd, *kernel, *config, *wim, *efi; /* efi: programs large enough for a kernel and an initrd */
	size_t initrd_count, initrd_cap, kernel_count, kernel_cap, config_count, config_cap, wim_count, wim_cap, efi_count,
		efi_cap;
	struct pod_record *record;
	size_t record_count, record_cap;
	const char **by;	    /* per initrd: the path of the configuration that names it, or NULL */
	struct pod_dirent *entry;   /* scratch */
	bool hashed;		    /* a configuration has what files that are served changed no longer fit (POD_MENU_HASH) */
	bool cut_short;		    /* a limit, ours or the budget's, left something out */
	char addon[256];	    /* the first addon of a unified kernel image, or "" */
	char damaged[256];	    /* a folder that could not be read, or "" */
	bool loop;		    /* because it contains itself */
	struct pod_menu_vars *vars; /* of GRUB, while configurations are read */
	bool built_in;		    /* kernels without an initrd have theirs built in (pod_lone_built_in) */
	const char *lone;	    /* the path of the file that kernels without an initrd are given (lone.c), or NULL */
};

/* Walks the directories where loaders keep kernels, breadth first, within a limit of directory bytes and the device's budget;
 * where they end, what was found counts. */
enum pod_status POD_MUST_USE pod_scan_tree(struct pod_scan *s, struct pod_fs *fs, struct pod_alloc *a);
void pod_scan_free(struct pod_scan *s);
/* Adds what the loaders' configuration files name as initrd; where the budget ends, what was named so far counts. */
enum pod_status POD_MUST_USE pod_scan_configs(struct pod_scan *s);
/* Says in the plan's warnings what was left out. */
void pod_scan_warn(struct pod_plan *p, const struct pod_scan *s);
/* Drops candidates whose content is no initrd, and calls `cb` for each that is left, once per place of data. `found_by` is the
 * configuration's path or "content". Ramdisks that a configuration names are told in the plan's warnings. */
enum pod_status POD_MUST_USE pod_scan_initrds(struct pod_scan *s, struct pod_plan *p,
					      enum pod_status (*cb)(void *ctx, const struct pod_found *f, const char *found_by),
					      void *ctx);
/* Is the file list[i] one of those before it? Files that share data are told by what they are; else by where their data is, which
 * has several records. */
bool pod_scan_was_there(const struct pod_scan *s, const struct pod_found *list, size_t i);
/* Adds a candidate, whose start is looked up; *index: which one it is, also if it was known before. One more than is kept is left out:
 * *index is initrd_count. POD_E_CORRUPT: it lies nowhere. */
enum pod_status POD_MUST_USE pod_scan_add_initrd(struct pod_scan *s, struct pod_found *f, size_t *index);
/* Calls `cb` for each kernel, initrd and module that a configuration names, until it returns something else than POD_OK, which is
 * returned; where the budget ends, the rest is left out. */
typedef enum pod_status pod_scan_item_fn(void *ctx, const char *config, const struct pod_menu_item *item);
enum pod_status POD_MUST_USE pod_scan_each_named(struct pod_scan *s, pod_scan_item_fn *cb, void *ctx);
/* The same with each configuration's text. */
typedef enum pod_status pod_scan_text_fn(void *ctx, const char *config, const char *text, size_t len);
enum pod_status POD_MUST_USE pod_scan_each_text(struct pod_scan *s, pod_scan_text_fn *cb, void *ctx);
/* Looks for what a configuration names: relative names count from its own folder (isolinux), else from the root. f->path is where
 * it was found, or should have been. POD_E_NOT_FOUND: it is not there. */
enum pod_status POD_MUST_USE pod_scan_named(struct pod_scan *s, const char *config, const char *path, size_t len,
					    struct pod_found *f);

/* Calls `cb` with the tree of an ISO as the plan's map shows it, walked; another image has none, and is POD_OK. `disk` is the
 * device the plan was made on. */
typedef enum pod_status pod_plan_tree_fn(void *ctx, struct pod_scan *s);
enum pod_status POD_MUST_USE pod_plan_in_tree(const struct pod_plan *p, struct pod_dev *disk, struct pod_alloc *a,
					      pod_plan_tree_fn *cb, void *ctx);

/* The length of "a/b" in "a/b/c". */
size_t pod_path_folder(const char *path);
/* Reads a configuration at `path` in the grammar of the loader whose it seems to be. `vars`: GRUB's variables so far. */
void pod_config_read(const char *path, const char *text, size_t len, struct pod_menu_vars *vars, pod_menu_fn *cb, void *ctx);
/* Is it an entry of the Boot Loader Specification? */
bool pod_config_is_bls(const char *text, size_t len);

/* Is a kernel given an initrd, whatever its name, or told what its root filesystem is? */
bool pod_config_has_root(const char *text, size_t len);

/* What is in a file that may be an initrd? */
enum pod_content {
	POD_CONTENT_OTHER,
	POD_CONTENT_ARCHIVE, /* cpio, packed or not: an initramfs */
	POD_CONTENT_RAMDISK, /* a filesystem, packed or not: it becomes /dev/ram0 */
	POD_CONTENT_UNKNOWN, /* it is packed, and cannot be unpacked here */
};
/* *ramdisk: which filesystem. */
enum pod_content pod_content_of(struct pod_fs *fs, const struct pod_node *node, struct pod_alloc *a, const char **ramdisk);

/* Which Linux lies beside the initrd at `path`? */
enum pod_machine pod_kernel_machine(struct pod_scan *s, const char *path, uint32_t firmware);

/* The same from the first POD_KERNEL_HEAD bytes of a kernel, where they tell. */
#define POD_KERNEL_HEAD 0x240u
bool pod_kernel_head_machine(const uint8_t *head, enum pod_machine *out);
bool pod_pe_machine(uint16_t machine, enum pod_machine *out);

/* cpio "newc" archives. */
struct pod_cpio {
	uint8_t *out; /* NULL: only count */
	size_t len, cap;
	uint32_t ino;
};
void pod_cpio_add(struct pod_cpio *c, const char *name, uint32_t mode, uint32_t nlink, uint32_t ino, const void *data,
		  size_t len);
/* Only the header of a file whose data follows from elsewhere: zeros behind the name make the archive a
 * multiple of `align` bytes so far. */
void pod_cpio_add_header(struct pod_cpio *c, const char *name, uint32_t mode, uint32_t ino, size_t data_len, size_t align);
/* That data, padded. */
void pod_cpio_put(struct pod_cpio *c, const void *data, size_t len);
void pod_cpio_end(struct pod_cpio *c, size_t align);

/* A partition, the whole disk where there are none, or a logical volume. */
struct pod_volume {
	uint32_t number;     /* of the partition, of a logical volume the one with its first byte; 0: there are none */
	const char *name;    /* of a logical volume, else "" */
	const char *why;     /* NULL; or that it is LVM that cannot be read, and why, where that is known: then it has no bytes */
	struct pod_map runs; /* where it lies on the disk */
	struct pod_mapdev dev;
};
/* What there is of them on the disk that a map shows. */
struct pod_volumes {
	struct pod_alloc *alloc;
	struct pod_mapdev disk;
	struct pod_cache cache; /* over it: as it was when it was read first */
	struct pod_parttab table;
	struct pod_lvm lvm;
};
/* Of a zeroed one. To be closed in any case. */
enum pod_status POD_MUST_USE pod_volumes_open(struct pod_volumes *x, const struct pod_map *map, struct pod_dev *disk,
					      struct pod_alloc *a);
void pod_volumes_close(struct pod_volumes *x);
/* Partitions first. `v` is the callback's until it returns. What is wrong with one (pod_is_fatal) does not hide the others. */
typedef enum pod_status pod_volume_fn(void *ctx, struct pod_volume *v);
enum pod_status POD_MUST_USE pod_volumes_each(struct pod_volumes *x, pod_volume_fn *cb, void *ctx);

/* A kernel module that comes with the record. */
struct pod_module {
	char name[96]; /* in the archive */
	uint8_t *data;
	size_t len;
};
#define POD_MODULES_MAX 32

/* The archives around an initrd, as pieces for the map to show: built once per plan, the second once per machine. */
struct pod_handover {
	const struct pod_plan_request *rq;
	struct pod_plan *plan;
	bool have_pre;
	uint64_t pre; /* blob offset of POD_PRE_LEN bytes */
	struct {
		struct pod_initrd kernel;	/* path: "" none yet */
		bool no;			/* something speaks against it */
	} offer;				/* offer.c */
	struct pod_map post[POD_MACHINE_COUNT]; /* segments only; memory is the plan's blob. Empty until asked for */
	uint8_t *chunk;				/* of the record, as they lie there */
	size_t chunk_bytes;
	struct pod_module *module; /* POD_MODULES_MAX of them, or NULL: there is none */
	uint32_t module_count;
	bool asked;		     /* for a persistence file, and what a disk needs */
	enum pod_status answer;	     /* to that */
	bool disk_told;		     /* the record has the chunk of the disk */
	struct pod_volumes *volumes; /* of a disk, while its initrds are served; else NULL */
};
enum { POD_PRE_LEN = 2048 };
enum pod_status POD_MUST_USE pod_handover_pre(struct pod_handover *h, uint64_t *blob_off);
/* Before anything in the map is served otherwise; a second time it does nothing, and says what it said before. */
enum pod_status POD_MUST_USE pod_handover_prepare(struct pod_handover *h);
enum pod_status POD_MUST_USE pod_handover_post(struct pod_handover *h, enum pod_machine m, const struct pod_map **pieces);
/* Appends both, with no initrd between them, at a multiple of `align` bytes: *start. `to`: the plan's map, or segments that count in its blob. */
enum pod_status POD_MUST_USE pod_handover_alone(struct pod_handover *h, enum pod_machine m, struct pod_map *to, uint64_t align,
						uint64_t *start);
/* Adds a chunk to the record (core/map/handover.h): before the first post is asked for, each type once. POD_E_LIMIT: more than a record
 * holds. */
enum pod_status POD_MUST_USE pod_handover_chunk(struct pod_handover *h, uint32_t type, const void *data, size_t len);
/* Tells the shim of the disk that the plan's map shows now; the first post of a disk image does. POD_E_UNSUPPORTED: it cannot be
 * told, and a warning says why; then a shim would be of no use. */
enum pod_status POD_MUST_USE pod_handover_disk(struct pod_handover *h);
/* Gives the shim the modules that it needs to show a disk, of each kernel that is installed on it; after pod_handover_disk. What
 * is not there is no error. */
enum pod_status POD_MUST_USE pod_handover_modules(struct pod_handover *h);
/* Of one filesystem. */
enum pod_status POD_MUST_USE pod_handover_modules_of(struct pod_handover *h, struct pod_fs *root);
void pod_handover_fini(struct pod_handover *h);
/* Looks for the image's persistence file, and says so in the plan and in the record. Once: of a disk pod_handover_overlay does,
 * of another image pod_handover_prepare. */
enum pod_status POD_MUST_USE pod_handover_persist(struct pod_handover *h);
/* Fills in the plan's disk_id; when done before, without effect. */
enum pod_status POD_MUST_USE pod_handover_disk_id(struct pod_handover *h);
/* Of a disk, before anything is looked for on it: the map shows it with what its overlay holds from then on. */
enum pod_status POD_MUST_USE pod_handover_overlay(struct pod_handover *h);
/* Adds what makes a live system use it. */
void pod_handover_persist_files(struct pod_cpio *c, enum pod_persist_kind kind);
/* Appends another map's segments; both count in the same blob. */
enum pod_status POD_MUST_USE pod_plan_append(struct pod_map *to, const struct pod_map *pieces);

/* Appends the runs of a file to an empty map, as they lie on the stick. */
enum pod_status POD_MUST_USE pod_plan_file_map(const struct pod_dev *disk, const struct pod_extent *extent, size_t count,
					       uint64_t size_bytes, struct pod_map *m);
/* p->map and p->image speak of a VHD or VHDX file: makes them those of the disk inside. */
enum pod_status POD_MUST_USE pod_plan_container(const struct pod_plan_request *rq, struct pod_plan *p, struct pod_diag *diag);
/* Where on the volume is the parent of `child` (absolute paths)? `beside`: by its name alone, next to the child. False: nowhere.
 */
bool pod_plan_parent_path(const char *child, enum pod_parent_path kind, const char *path, bool beside, char *out, size_t size);
/* What is in the image: pod_image_probe with half of the budget, and a warning if that was not enough. */
enum pod_status POD_MUST_USE pod_plan_probe(struct pod_plan *p, struct pod_dev *image, const char *name, struct pod_image *out,
					    struct pod_diag *diag);
/* A warning more than the plan holds is dropped, and one that is there already. */
void pod_plan_warn(struct pod_plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What `s` says, in English, as a warning. */
void pod_plan_warn_start(struct pod_plan *p, const struct pod_start *s);
/* A warning that is also the answer to "does it start": it will not, or may not. */
void pod_plan_because(struct pod_plan *p, enum pod_start_why why, const char *arg0, const char *arg1);
enum pod_status POD_MUST_USE pod_plan_note(struct pod_plan *p, enum pod_overlay_kind kind, uint64_t start, uint64_t len,
					   const char *path, const char *reason);
enum pod_status POD_MUST_USE pod_plan_add_initrd(struct pod_plan *p, const char *path, uint64_t start, uint64_t len,
						 enum pod_machine machine, const char *found_by);

/* A unified kernel image with the shim in it, and with other kernel arguments. */
#define POD_UKI_INITRDS 8u
struct pod_uki {
	struct pod_map served; /* the whole file; segments only, memory is the plan's blob */
	struct {
		uint64_t start_bytes, length_bytes; /* of the original on the virtual disk */
	} initrd[POD_UKI_INITRDS];
	uint32_t initrd_count;
	uint32_t cmdline_count; /* .cmdline sections that are served with other arguments */
	enum pod_machine machine;
	bool was_signed;
};
struct pod_uki_ops {
	/* Is this file of the tree one? *own: it has a command line. */
	enum pod_status (*is)(struct pod_scan *s, const struct pod_node *file, bool *yes, bool *own);
	/* Calls `cb` for each unified kernel image among what was found in a tree, which begins at `base` of the virtual disk. What cannot
	 * be served otherwise than it is is told in the plan's warnings. */
	enum pod_status (*each)(struct pod_handover *h, struct pod_scan *s, uint64_t base,
				enum pod_status (*cb)(void *ctx, const struct pod_found *f, struct pod_uki *uki), void *ctx);
	/* offer.c: for each tree, and in the end. */
	enum pod_status (*offer_look)(struct pod_handover *h, struct pod_scan *s);
	enum pod_status (*offer_make)(struct pod_handover *h);
	/* Says in the plan that it is served at `start`. */
	enum pod_status (*note)(struct pod_plan *p, const struct pod_found *f, const struct pod_uki *uki, uint64_t start);
};

#define POD_ARGUMENTS_WORDS (POD_ARGUMENTS_MAX + 64)
/* A boot menu with other kernel arguments: those of the request, and the words for a persistence file (persist.h). */
struct pod_menu_served {
	struct pod_map map; /* segments only, in whole sectors of 512 bytes; memory is the plan's blob */
	uint64_t size_bytes;
	uint32_t lines; /* of kernels that were given arguments */
	uint32_t lone;	/* that were given an initrd */
};
/* Is any boot menu of the tree served changed? With arguments, with an initrd more, or without the hash of one in it. */
bool pod_menus_change(const struct pod_handover *h, const struct pod_scan *s);
/* Are there any: in the request, or for the persistence file? Known when pod_handover_prepare was called, where there is an initrd. */
bool pod_arguments_wanted(const struct pod_handover *h);
/* All of them. */
void pod_arguments_words(const struct pod_handover *h, char out[POD_ARGUMENTS_WORDS]);
/* Warns of a persistence file that no boot menu tells the system of. */
void pod_arguments_missed(struct pod_handover *h);
/* Calls `cb` for each configuration among what was found in a tree that has kernel lines. */
enum pod_status POD_MUST_USE pod_arguments_each(struct pod_handover *h, struct pod_scan *s,
						enum pod_status (*cb)(void *ctx, const struct pod_found *f,
								      struct pod_menu_served *menu),
						void *ctx);
/* Says in the plan that it is served so at `start`. */
enum pod_status POD_MUST_USE pod_arguments_note(struct pod_handover *h, const struct pod_found *f,
						const struct pod_menu_served *menu, uint64_t start);
/* That it could not be. `s`: the tree. */
void pod_arguments_refuse(struct pod_handover *h, const struct pod_scan *s, const struct pod_found *f);
/* The same of a unified kernel image. */
enum pod_uki_refusal { POD_UKI_SECURE_BOOT, POD_UKI_NO_CMDLINE, POD_UKI_FORM, POD_UKI_PART };
void pod_arguments_refuse_uki(struct pod_plan *p, const struct pod_found *f, enum pod_uki_refusal why);
/* That one with changed command lines, if it has any, could not be served so. */
void pod_arguments_lost(struct pod_plan *p, const struct pod_found *f, const struct pod_uki *uki);

/* Kernels that no initrd is loaded for (lone.c), while the boot menu that starts them is read. */
#define POD_LONE_ENTRIES 512u
struct pod_lone {
	struct pod_scan *s;
	const char *config;		  /* the path of the menu */
	bool entry[POD_LONE_ENTRIES + 1]; /* in this one something is loaded; the last: in all that are beyond */
	uint32_t of_entry;
	enum pod_machine
		machine; /* of the last kernel; POD_MACHINE_COUNT: it is no Linux of this volume, or is not to be given one */
	struct pod_found kernel;
};
/* Have kernels of this tree that no initrd is loaded for theirs built in? Nothing in it may be one, nothing of it be left out, and no menu
 * tell a kernel of a root. */
enum pod_status POD_MUST_USE pod_lone_built_in(struct pod_handover *h, struct pod_scan *s, bool *yes);
/* Before a text of this path is read; it must be read twice. */
void pod_lone_begin(struct pod_lone *l, struct pod_scan *s, const char *config, const char *text, size_t len);
/* Of each item of the text, in order: is it the arguments of a kernel that is to be given an initrd? */
bool pod_lone_wants(struct pod_lone *l, const char *text, const struct pod_menu_item *item);
/* The first kernel of a tree that wants one: out->path "": there is none. Behind pod_scan_configs. */
enum pod_status POD_MUST_USE pod_lone_look(struct pod_scan *s, struct pod_initrd *out);

/* Gives those of an ISO one, on a BIOS (iso_lone.c): p->lone, and s->lone of the first tree. Before its menus are served. */
struct pod_iso_trees;
enum pod_status POD_MUST_USE pod_iso_lone(struct pod_handover *h, struct pod_iso_trees *x);

enum pod_status POD_MUST_USE pod_offer_look(struct pod_handover *h, struct pod_scan *s);
enum pod_status POD_MUST_USE pod_offer_make(struct pod_handover *h);

/* The trees of an ISO, searched once for whoever serves files of them changed. Zeroed but for the first three: nothing is open. */
#define POD_ISO_TREES_SECTOR 2048u
struct pod_iso_tree {
	struct pod_fs fs;
	struct pod_scan scan;
};
struct pod_iso_trees {
	const struct pod_plan_request *rq;
	struct pod_plan *plan;
	struct pod_dev *image;
	/* The first one is where files are looked for; the others show the same files. */
	struct pod_iso_tree tree[3];
	size_t count;
	bool opened, all;
	bool udf_moved;	  /* a File Entry was re-pointed: the partition must reach the end */
	bool space_grows; /* the volume descriptors of ISO 9660 say that it does, too */
	uint8_t block[POD_ISO_TREES_SECTOR];
};
/* The tree that shows the content; without effect when done before. What it holds is in tree[0].scan. */
enum pod_status POD_MUST_USE pod_iso_trees_open(struct pod_iso_trees *x, struct pod_diag *diag);
/* And the others; without effect when done before. */
enum pod_status POD_MUST_USE pod_iso_trees_open_all(struct pod_iso_trees *x);
bool pod_iso_tree_is_udf(const struct pod_iso_tree *t);
/* How many records in all trees name the file; *split: one of them is not alone, and cannot be re-pointed. */
size_t pod_iso_trees_names(const struct pod_iso_trees *x, const struct pod_found *f, bool *split);
/* All of them name [start, start + len) of the virtual disk from now on, the served `what`. */
enum pod_status POD_MUST_USE pod_iso_trees_move(struct pod_iso_trees *x, const struct pod_found *f, uint64_t start, uint64_t len,
						const char *what);
/* When nothing more is appended: the volume reaches the end of the virtual disk, where it has to. */
enum pod_status POD_MUST_USE pod_iso_trees_grow(struct pod_iso_trees *x);
void pod_iso_trees_close(struct pod_iso_trees *x);

/* Serves the initrds of the ISO's own trees and re-points their directory records. */
enum pod_status POD_MUST_USE pod_plan_iso_initrds(struct pod_handover *h, struct pod_iso_trees *x, struct pod_diag *diag);
/* The same for initrds inside the FAT of El Torito entry `index`: the FAT is served rebuilt, past the end. */
enum pod_status POD_MUST_USE pod_plan_fat_initrds(struct pod_handover *h, struct pod_dev *image, uint32_t index,
						  struct pod_diag *diag);

/* The same for those of the systems that are installed in a disk image: in the clusters of its own partitions. */
enum pod_status POD_MUST_USE pod_plan_disk_initrds(struct pod_handover *h);

/* Of a Windows medium (x->image; its trees are opened where it is an ISO): makes the map that of a hard disk which Windows' own
 * boot manager starts from, and says so in p->windows and p->image.firmware. Whatever is no such medium stays as it is. */
enum pod_status POD_MUST_USE pod_plan_windows(struct pod_iso_trees *x, struct pod_diag *diag);
/* Of an ISO that is served as the CD it is: puts the helper into each WIM that Windows PE starts from (windows_cd.c). */
enum pod_status POD_MUST_USE pod_plan_windows_cd(struct pod_iso_trees *x, struct pod_diag *diag);

#endif
