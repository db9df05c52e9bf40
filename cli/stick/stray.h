/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of the data partition that the menu passes over, and somebody may miss: told by their names. */
#ifndef POD_CLI_STRAY_H
#define POD_CLI_STRAY_H

enum cli_stray {
	CLI_STRAY_NONE,
	CLI_STRAY_CONF,	      /* the configuration under another name, or in another folder */
	CLI_STRAY_UNFINISHED, /* "x.iso.part" */
	CLI_STRAY_CONTROL,    /* "x.iso.aria2": what lies beside it is not finished */
	CLI_STRAY_PACKED,     /* "x.iso.xz" */
};

/* Of a path on the data partition, "/images/x.iso.part". */
enum cli_stray cli_stray_of(const char *path);
/* What it is, and what to do; translated. */
const char *cli_stray_text(enum cli_stray s);
const char *cli_stray_fix(enum cli_stray s);

#endif
