/* SPDX-License-Identifier: BSD-2-Clause */
/* What the readers of configurations have in common that go line by line: menu_lines.c, menu_legacy.c, menu_refind.c, menu_limine.c. */
#ifndef POD_PLAN_MENU_LINES_H
#define POD_PLAN_MENU_LINES_H

#include "core/plan/menu.h"

/* A piece of the text that is read. */
struct pod_span {
	const char *p;
	size_t len;
};

struct pod_lines {
	const char *begin, *p, *end;
	uint32_t line, entry;
	uint32_t uncounted; /* so many of the entries so far have no number ... */
	bool no_number;	    /* ... and this one */
	pod_menu_fn *cb;
	void *ctx;
	char kernel[POD_MENU_NAME_MAX]; /* of this entry */
	/* Where this entry's kernel has its arguments: behind its name, and on a line of their own. p: NULL if it has none. */
	struct pod_span behind, own;
	const char *initrd; /* pod_menu_item.initrd */
	bool program;	    /* an EFI program is started, not a kernel */
	bool unsure;	    /* what this line names need not be read, or is one of several */
	bool all_have;	    /* what stands in front of the first entry has some, for all that have none of their own */
};

bool pod_lines_blank(char c);
/* Bytes of a BOM (of UTF-8) in front, for those loaders that pass over it. */
size_t pod_lines_bom(const char *text, size_t len);
/* The next line without the blanks around it; false at the end. */
bool pod_lines_next(struct pod_lines *l, struct pod_span *out);
/* Takes the first word off. */
struct pod_span pod_lines_word(struct pod_span *s);
/* In any letters, capital or small. */
bool pod_lines_is(struct pod_span w, const char *what);
bool pod_lines_ends_with(struct pod_span s, const char *suffix);
/* Does the name hold that of the hypervisor, which starts a kernel that is a module? */
bool pod_lines_holds_xen(struct pod_span name);
/* Calls back; not for what is empty, too long, or has control characters in it. */
void pod_lines_give(struct pod_lines *l, enum pod_menu_kind kind, struct pod_span s);
/* The same of what may be on another device. */
void pod_lines_give_on(struct pod_lines *l, enum pod_menu_kind kind, struct pod_span s, bool elsewhere);
void pod_lines_give_arguments(struct pod_lines *l, struct pod_span where, const char *in_front);

#endif
