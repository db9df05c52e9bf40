/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doctor: checks for the six hazards (doc/DOCTOR.md). A module is a file of its own here with a const `struct doctor_module`:
 * its checks, and hooks that look and report. doctor.c holds the table of modules, opens what is examined, calls the hooks and
 * prints. A hook only reports: it does not print, exit, or write to what it examines (the one exception is --probe).
 *
 * What cannot be examined is a finding (DOCTOR_SKIPPED with the reason, or DOCTOR_BAD), never an error that ends the run: images
 * may be damaged on purpose. Without --full a hook reads little: all hooks together have 100 ms for an image.
 */
#ifndef POD_CLI_DOCTOR_H
#define POD_CLI_DOCTOR_H

#include "cli/ui/ui.h"
#include "cli/stick/image.h"
#include "cli/stick/starts.h"
#include "core/trace/hazard.h"

enum doctor_level {
	DOCTOR_GOOD,	/* checked and in order */
	DOCTOR_NOTE,	/* worth knowing; nothing to do */
	DOCTOR_WARN,	/* may fail on some machines */
	DOCTOR_BAD,	/* will fail, or has failed: exit status 1 */
	DOCTOR_SKIPPED, /* not checked; the evidence says why */
	DOCTOR_LEVEL_COUNT,
};

struct doctor_check {
	const char *id; /* "image.truncated": what --explain takes and --json prints; stable */
	enum pod_hazard hazard;
	const char *title;   /* N_(): a few words */
	const char *explain; /* N_(): the long text for --explain: what it means, why it matters, what to do */
};

/* --- the machine ---------------------------------------------------------------------------------------------------------- */

/*
 * The machine that shall boot: this one, or one whose inventory was saved (inventory.c). Both are seen as the files of /proc and
 * /sys that they are (were) there: a check reads "/proc/meminfo" or "/sys/firmware/memmap/0/start" and need not know which.
 */
struct doctor_machine;

/* `inventory` NULL: this machine, looked for below cli_safety_root. NULL, and has said why, if the file is none. */
struct doctor_machine *doctor_machine_open(const char *inventory, struct fault *fault);
void doctor_machine_close(struct doctor_machine *m); /* NULL is legal */
/* Writes this machine's inventory: an exit status, and has said why if it failed. */
int doctor_machine_save(const char *file, struct fault *fault);
/* A file's content with a NUL behind it, or NULL; *len (may be NULL) without it. The caller frees. */
char *doctor_machine_read(const struct doctor_machine *m, const char *path, size_t *len);
/* The names in a folder, sorted, NULL-terminated, one allocation of malloc; NULL if there is no such folder. */
char **doctor_machine_list(const struct doctor_machine *m, const char *path);
/* The target of a symbolic link (".../drivers/xhci_hcd"), or NULL. The caller frees. */
char *doctor_machine_link(const struct doctor_machine *m, const char *path);
/* What it is called in reports: "this machine", or the vendor and model of an inventory. */
const char *doctor_machine_name(const struct doctor_machine *m);

/* --- what is examined ------------------------------------------------------------------------------------------------------ */

enum doctor_probe { DOCTOR_PROBE_NONE, DOCTOR_PROBE_SAMPLE, DOCTOR_PROBE_FULL };

struct doctor {
	bool unsafe;	/* --unsafe-read */
	bool full;	/* --full: reading all of an image is allowed */
	bool benchmark; /* --benchmark */
	enum doctor_probe probe;
	const struct doctor_machine *machine; /* NULL: --no-machine */
	const char *acpi;		      /* --acpi: a dump of ACPI tables that counts instead of the machine's; NULL */
	const char *drivers;		      /* --drivers: a folder with drivers for Windows that can be added; NULL */
	const char *log;		      /* --log: a kernel's log that counts instead of the machine's; NULL */
	struct cli_target *target;	      /* the stick, or NULL: a file of the host, or the machine alone */
	struct cli_hashlist *hashes;	      /* of the stick; NULL without one */
	const char *arg;		      /* TARGET, FILE or TARGET:PATH as given; NULL: the machine alone */
	struct doctor_state *state;	      /* doctor.c's own */
};

/* One image, opened; valid during the hook. */
struct doctor_image {
	const char *subject;	       /* what to pass to doctor_report: its path on the stick, or the FILE as given */
	const char *path;	       /* on the stick, or what it would be called there: "/images/x.iso" */
	const char *host_path;	       /* the FILE; NULL if it lies on the stick */
	const struct pod_node *node;   /* on the stick; NULL for a FILE */
	struct cli_image *file;	       /* its runs (dev_bytes absolute on file->disk), disk, size */
	struct pod_dev *bytes;	       /* the image's own bytes */
	struct pod_dev *disk;	       /* the disk in a VHD or VHDX that could be planned; else `bytes` */
	uint64_t size_bytes;	       /* of the file */
	const struct pod_image *image; /* what was found in it; NULL if it cannot be examined at all (plan_status says why) */
	const struct pod_plan *plan;   /* NULL if it could not be made; plan->image speaks of the patched virtual disk */
	enum pod_status plan_status;   /* why not */
	const char *parent;	       /* ... the parent of a VHD or VHDX that is the reason, or "" */
	const struct pod_diag *plan_diag;
	struct pod_start start; /* what the menu says of it */
};

struct doctor_module {
	const struct doctor_check *const *check; /* every check that its hooks report on */
	size_t count;
	/* NULL where there is nothing to look at. A hook is called if at least one of the module's checks is wanted. */
	void (*run_machine)(struct doctor *d); /* once, if d->machine */
	void (*run_stick)(struct doctor *d);   /* once, if d->target, and TARGET was given without a PATH */
	void (*run_image)(struct doctor *d, const struct doctor_image *im);
	/* Behind it, for contents: run_image is for structures that somebody else wrote, and reads only so much. */
	void (*run_content)(struct doctor *d, const struct doctor_image *im);
};

/* In the order of the hazards; doctor.c lists them. */
extern const struct doctor_module doctor_mod_image, doctor_mod_menus, doctor_mod_drivers, doctor_mod_rules, doctor_mod_memory,
	doctor_mod_firmware, doctor_mod_drive, doctor_mod_stick, doctor_mod_kernel;

/* --- reporting ------------------------------------------------------------------------------------------------------------- */

/* Is this check asked for (--only, --skip)? For hooks that would do costly work for nothing. */
bool doctor_wants(const struct doctor *d, const struct doctor_check *c);
/* One finding. `subject` is what it is about ("/images/x.iso", a device, a table) or NULL; evidence is what was seen, fix is what
 * to do (NULL or "" for GOOD). Both are translated sentences; the doctor copies them. Dropped if the check is not wanted. */
void doctor_report(struct doctor *d, const struct doctor_check *c, enum doctor_level level, const char *subject,
		   const char *evidence, const char *fix);
/* The same with the evidence as printf makes it. */
void doctor_reportf(struct doctor *d, const struct doctor_check *c, enum doctor_level level, const char *subject, const char *fix,
		    const char *evidence, ...) __attribute__((format(printf, 6, 7)));
/* Long reads say how far they are: a bar on a terminal. `total` > 0 starts a new one, doctor_progress_end takes it away. */
void doctor_progress(struct doctor *d, const char *label, uint64_t done, uint64_t total);
void doctor_progress_end(struct doctor *d);

#endif
