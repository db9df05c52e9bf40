/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isopod togo: a disk with Windows on it, made of an installer's image.
 *
 * In layers, each of which uses those above it:
 *
 *   source.c    IMAGE -> WIM files that libwim can open
 *   volume.c    files on an NTFS volume, by libntfs-3g       } run in the child
 *   system.c    the SYSTEM hive's values for a portable disk } behind walls
 *   edition.c   which image of a WIM is meant
 *   wim.c       libwim: what is in a WIM; one image onto a volume
 *   answer.c    the answer file for Windows' first start
 *   esp.c       the boot partition: the image's own boot files, and a BCD
 *   build.c     a whole disk
 *   create.c    isopod togo create
 *
 * and isopod drivers: inf.c reads INF folders, drivers_wim.c and drivers_volume.c put them into a WIM or onto a volume, drivers.c is the
 * command.
 */
#ifndef POD_CLI_TOGO_H
#define POD_CLI_TOGO_H

#include "cli/disk/disk.h"
#include "cli/host/sandbox.h"

/* --- source.c ----------------------------------------------------------------------------------------------- */

#define TOGO_PARTS_MAX (SANDBOX_INPUTS - 1) /* the disk is an input as well */

struct togo_source {
	const char *shown;
	int fd[TOGO_PARTS_MAX];	    /* of a split WIM the parts in order, else one */
	char *copy[TOGO_PARTS_MAX]; /* the temporary file that it is; NULL: where it lies */
	unsigned parts;
	uint64_t bytes; /* of all parts */
};
enum togo_need {
	TOGO_INDEX, /* as much as tells what is in it */
	TOGO_ALL,
};
/* IMAGE: a WIM, the first part of a split one, or an ISO that holds either; FILE or TARGET:PATH. What libwim cannot open where it lies
 * is copied next to `beside`. CLI_OK, or CLI_FAILED and has said why; togo_source_close in any case. */
int togo_source_open(struct togo_source *s, const char *image, enum togo_need need, const char *beside, struct fault *fault);
void togo_source_close(struct togo_source *s);

/* --- wim.c, edition.c -------------------------------------------------------------------------------------------------- */

enum togo_arch { TOGO_X86 = 0, TOGO_ARM = 5, TOGO_X64 = 9, TOGO_ARM64 = 12, TOGO_ARCH_UNKNOWN = 255 };

/* One image of a WIM, as its XML data describe it. */
struct togo_edition {
	uint32_t index, arch;
	uint64_t bytes, files;
	char name[128], id[64], version[64]; /* "Windows 11 Pro", "Professional", "10.0.22631" */
};
#define TOGO_EDITIONS_MAX 256u

struct togo_editions {
	struct togo_edition *v;
	unsigned n;
};
/* CLI_OK, or CLI_FAILED and has said why. */
int togo_wim_look(const struct togo_source *s, struct togo_editions *out, struct fault *fault);

void togo_editions_free(struct togo_editions *e);
/* The one of that name, edition id or number; NULL: the only one. CLI_OK, or CLI_FAILED and has said which there are. */
int togo_edition_choose(const struct togo_editions *all, const char *name, const char *image, const struct togo_edition **out,
			struct fault *fault);
const char *togo_arch_name(uint32_t arch);

/* A file in memory: of the image, for the boot partition; of a driver. */
struct togo_file {
	char *path; /* where it goes */
	uint8_t *data;
	uint32_t len;
};
struct togo_files {
	struct togo_file *v;
	unsigned n;
	uint64_t bytes;
};
void togo_files_free(struct togo_files *f);

struct togo_apply {
	const struct togo_source *source;
	const struct togo_edition *edition;
	struct disk_file *disk; /* open for writing; nothing else has it open as a disk */
	enum pod_diskfile format;
	uint64_t start_bytes, length_bytes; /* of the partition, which holds an empty NTFS volume */
	char *answer;			    /* the answer file's text; NULL: none */
	const char *label;		    /* of the progress bar */
};
/* Puts one image on the partition, edits what a portable Windows needs, and brings the boot files. CLI_OK, or CLI_FAILED and has said
 * why. */
int togo_wim_apply(struct togo_apply *a, struct togo_files *boot, struct fault *fault);

/* --- answer.c ----------------------------------------------------------------------------------------------- */

struct togo_answer {
	const char *computer, *user, *locale, *timezone;
	bool no_account_nag;
};
/* NULL: nothing was asked for. */
char *togo_answer_text(const struct togo_answer *a, uint32_t arch);
/* Has said why not, on false. */
bool togo_answer_check(const struct togo_answer *a, const struct cli_command *cmd, struct fault *fault);

/* --- esp.c -------------------------------------------------------------------------------------------------- */

struct togo_place {
	uint8_t disk_guid[16], part_guid[16]; /* of Windows' partition */
	uint64_t esp_start_bytes;
	uint32_t sector_size;
	const char *title, *locale;
};
/* Fills the boot partition, which reads as zeros. */
enum pod_status togo_esp_make(struct pod_dev *esp, const struct togo_files *boot, uint32_t arch, const struct togo_place *p,
			      struct pod_diag *diag);

/* --- build.c ------------------------------------------------------------------------------------------------ */

struct togo_disk {
	uint64_t size_bytes;
	const struct togo_source *source;
	const struct togo_edition *edition;
	const struct togo_answer *answer;
	const char *beside; /* temporary files get names like this one */
	bool raw;	    /* else a VHDX */
};
/* How much room the image takes on a disk, and how much of the host's disk while it is made. */
uint64_t togo_disk_least(const struct togo_edition *e);
uint64_t togo_disk_needs(const struct togo_disk *d);
/* `f` is a VHDX or a raw file, zeros, of size_bytes. CLI_OK, or CLI_FAILED and has said why. */
int togo_disk_build(const struct togo_disk *d, struct disk_file *f, struct fault *fault);

/* --- commands ----------------------------------------------------------------------------------------------- */

int togo_cmd_create(const struct cli_command *cmd, int argc, char **argv, struct fault *fault);

#endif
