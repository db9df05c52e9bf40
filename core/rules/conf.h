/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stick's configuration, /isopod.conf on the data partition: UTF-8, one `key = value` per line, `#` starts a comment
 * line. Lines may end in CR LF; a byte-order mark is skipped. Spaces around key and value do not count; keys are
 * case-insensitive.
 *
 *   timeout   seconds (0..3600) until `default` starts by itself; without `default` it has no effect
 *   default   path of an image on the data partition, "/images/debian.iso"
 *   language  en | zh_CN
 *   view      flat | folders
 *   windows   disk | cd: whether Windows media are served as the hard disk that core/plan/windows.c makes of them, or as they are
 *   windows_image  number (1..4096) of the image of a WIM that starts; where it has none of that number, the WIM's own choice
 *   answer    path of an answer file on the data partition, which every Windows Setup started from the stick is given
 *   labconfig names of values that Windows Setup looks at before it refuses a machine (BypassTPMCheck ...), with blanks between them
 *   write     on | off: whether a Linux in a disk image writes into the image, where that can be (core/plan/handover_disk.c)
 *   memory    on | off | patterns (core/rules/match.h): which images are read into memory and served from there, so that a system that does
 *             not see the stick finds its medium
 *   partition on | off | patterns: which images are started with the image as a partition of the stick (core/disk/partmode.h), without asking
 *   snapshot  on | off | patterns: of which images the state before a start is kept as a snapshot, where their files can hold one
 *   recorder  on | off: whether the boot manager writes its flight recorder into the state file (core/trace/record.h)
 *
 * Parsing never fails: a line that makes no sense is skipped, and the last valid line for a key counts. pod_conf_lint says what
 * was skipped and why.
 */
#ifndef POD_RULES_CONF_H
#define POD_RULES_CONF_H

#include "core/base/status.h"

#define POD_CONF_FILE	     "isopod.conf"
#define POD_CONF_SIZE_MAX    (64u << 10)
#define POD_CONF_PATH_MAX    1024u /* bytes of `default`, incl. NUL */
#define POD_CONF_TIMEOUT_MAX 3600u
#define POD_CONF_IMAGE_MAX   4096u
#define POD_CONF_LAB_MAX     256u /* bytes of `labconfig`, incl. NUL */

enum pod_conf_language { POD_LANG_EN, POD_LANG_ZH_CN, POD_LANG_COUNT };
enum pod_conf_view { POD_VIEW_FLAT, POD_VIEW_FOLDERS };

struct pod_conf {
	bool has_timeout;
	uint32_t timeout_seconds;
	char default_path[POD_CONF_PATH_MAX]; /* "" if none; always starts with '/' otherwise */
	enum pod_conf_language language;
	enum pod_conf_view view;
	bool recorder_off;
	char memory[POD_CONF_PATH_MAX];	   /* patterns; "" if none, "*" for all */
	char partition[POD_CONF_PATH_MAX]; /* as memory */
	char snapshot[POD_CONF_PATH_MAX];  /* as memory */
	bool windows_cd;
	bool write;
	uint32_t windows_image;		     /* 0: none */
	char answer_path[POD_CONF_PATH_MAX]; /* as default_path */
	char labconfig[POD_CONF_LAB_MAX];    /* words of letters and digits, one blank between two; "" if none */
};

/* Values without a file. */
void pod_conf_init(struct pod_conf *c);
/* Fills `c` from `len` bytes of text (all values not named get their defaults). Only the first POD_CONF_SIZE_MAX bytes count. */
void pod_conf_parse(struct pod_conf *c, const char *text, size_t len);

/* A name that editors and people give the file, which is then not read? */
bool pod_conf_misnamed(const char *name);

/* Why no line of a file counts: a static English sentence about its encoding; NULL: it is a text as it should be. */
const char *pod_conf_encoding(const char *text, size_t len);

enum pod_conf_problem {
	POD_CONF_LINE,	    /* no key and value in it */
	POD_CONF_UNKNOWN,   /* no such key */
	POD_CONF_VALUE,	    /* not a value of this key */
	POD_CONF_DUPLICATE, /* a second line for one key */
	POD_CONF_DEAD,	    /* names what is not there */
	POD_CONF_NO_EFFECT, /* needs another key */
	POD_CONF_TOO_LONG,  /* of the file */
	POD_CONF_ENCODING,  /* of the file: no line of it is read */
};

/* One finding; `line` is 1-based, `what` a static English sentence, `key` the key's text as written (not terminated). */
struct pod_conf_finding {
	uint32_t line;
	const char *what;
	const char *key;
	size_t key_len;
	enum pod_conf_problem problem;
	uint32_t other_line; /* DUPLICATE: the last line before this one that gives the key */
};

struct pod_conf_lint {
	/* Called for each finding, in line order. */
	void (*report)(void *ctx, const struct pod_conf_finding *f);
	/* Does this path name an image on the stick? NULL: not checked. */
	bool (*exists)(void *ctx, const char *path);
	/* Does it name any file there? NULL: not checked. */
	bool (*is_file)(void *ctx, const char *path);
	void *ctx;
};
/* Returns the number of findings. `scratch` is a caller's struct (they are large). */
uint32_t pod_conf_lint(const struct pod_conf_lint *l, const char *text, size_t len, struct pod_conf *scratch);

/* The keys' names by number; NULL behind the last one. */
const char *pod_conf_key(unsigned key);
/* Where a key gets its value from: the last valid line for it. */
struct pod_conf_place {
	uint32_t line;	   /* 1-based */
	const char *value; /* the text as written, not terminated */
	size_t value_len;
};
/* False: no line gives the key a valid value, the default counts. */
bool pod_conf_find(const char *text, size_t len, unsigned key, struct pod_conf *scratch, struct pod_conf_place *out);

#endif
