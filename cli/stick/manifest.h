/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ISOPOD/FILES.TXT on the ESP: which version of Isopod wrote this stick, and the SHA-1 of each of its files, so that a file
 * of another version can be told from a damaged one. In the format of sha1sum(1); the boot code, which is no file, stands in comments:
 *
 *     # Isopod 0.3.0
 *     # da39a3ee5e6b4b0d3255bfef95601890afd80709  mbr.bin
 *     da39a3ee5e6b4b0d3255bfef95601890afd80709  EFI/BOOT/BOOTX64.EFI
 */
#ifndef POD_CLI_MANIFEST_H
#define POD_CLI_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#define CLI_MANIFEST_FILE   "ISOPOD/FILES.TXT"
#define CLI_MANIFEST_MBR    "mbr.bin"
#define CLI_MANIFEST_STAGE2 "stage2.bin"
#define CLI_MANIFEST_MAX    24u
#define CLI_MANIFEST_SIZE   8192u /* of a file that is read; ours are shorter than one KiB */

struct cli_manifest {
	char version[24]; /* "" without a list */
	size_t count;
	struct {
		char name[40], sha1[41];
	} item[CLI_MANIFEST_MAX];
};

void cli_manifest_add(struct cli_manifest *m, const char *name, const void *data, size_t len);
/* As it stands on the stick; from malloc, without the terminating NUL in *len. */
char *cli_manifest_text(const struct cli_manifest *m, size_t *len);
/* False if it is none, or not whole: a list without a version or without files. */
bool cli_manifest_parse(const char *text, size_t len, struct cli_manifest *out);
/* Is this what the list says of the name? False if it does not name it. */
bool cli_manifest_has(const struct cli_manifest *m, const char *name, const void *data, size_t len);
/* That of a stick; no items if it has none. */
struct cli_target;
void cli_manifest_read(struct cli_target *t, struct cli_manifest *out);
/* Is this file of its ESP another one than the list says? False also if the list does not name it, or it is not there. */
bool cli_manifest_differs(struct cli_target *t, const struct cli_manifest *m, const char *name);
/* Negative: a is older than b; "0.9.1", "0.10". */
int cli_version_compare(const char *a, const char *b);

#endif
