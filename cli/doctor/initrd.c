/* SPDX-License-Identifier: BSD-2-Clause */
/* Our side of reading an initrd: what the child says it found, believed as far as it can be true. */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/initrd.h"
#include "cli/doctor/initrd_walk.h"

#define SECONDS_MAX 60u
#define ANSWER_MAX  (256u << 20)

struct reading {
	struct initrd *r;
	struct initrd_found found;
	bool complete;
};

/* A string of at most `max` bytes that ends within `len`; its length with the NUL, or 0. */
static size_t string_length(const uint8_t *data, size_t len, size_t max)
{
	const uint8_t *end = memchr(data, 0, len < max ? len : max);

	return end ? (size_t)(end - data) + 1 : 0;
}

static bool take_file(struct reading *x, const uint8_t *data, size_t len)
{
	const char *path = (const char *)data;
	size_t n = string_length(data, len, INITRD_NAME_MAX);
	char *copy = NULL;

	if (!n || len - n > MODULES_TEXT_MAX || (len > n && !modules_wants_content(path)))
		return false;
	len -= n;
	if (len) {
		copy = cli_xmalloc(len + 1);
		memcpy(copy, data + n, len);
		copy[len] = 0;
	}
	modules_add(&x->r->modules, path, copy, len);
	return true;
}

static bool take(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct reading *x = ctx;

	if (x->complete)
		return false;
	switch (kind) {
	case INITRD_FILE:
		return take_file(x, data, len);
	case INITRD_ALIAS:
		return modules_add_alias(&x->r->modules, (const char *)data, len);
	case INITRD_FOUND:
		if (len != sizeof x->found)
			return false;
		memcpy(&x->found, data, len);
		x->complete = true;
		return x->found.problem < INITRD_PROBLEM_COUNT;
	default:
		return false;
	}
}

/* What the child's words mean. */
static void conclude(struct initrd *r, const struct initrd_found *f)
{
	r->files = (size_t)f->files;
	r->read_bytes = f->read_bytes;
	r->has_init = f->has_init;
	r->has_squashfs = f->has_squashfs;
	r->unread = f->problem == INITRD_NO_LIBRARY;
	r->damaged = r->seen = f->problem == INITRD_BREAKS_OFF || f->problem == INITRD_WRONG_SUM;
	switch ((enum initrd_problem)f->problem) {
	case INITRD_READ_ERROR:
		r->problem = cli_xstrdup(_("read error"));
		break;
	case INITRD_UNKNOWN:
		r->problem = cli_xstrdup(_("a compression that is not known here"));
		break;
	case INITRD_BREAKS_OFF:
		r->problem = cli_xasprintf(_("it is cut off or damaged at its offset %llu, after %zu files"),
					   (unsigned long long)f->stopped_at, r->files);
		break;
	case INITRD_WRONG_SUM:
		r->problem =
			cli_xasprintf(_("what begins at its offset %llu has another CRC-32 than its end says: it is damaged"),
				      (unsigned long long)f->stopped_at);
		break;
	case INITRD_NO_LIBRARY:
		r->problem = cli_xstrdup(initrd_library());
		break;
	default:
		break;
	}
}

static void read_once(struct initrd *out, struct initrd_request *q, const char *path)
{
	struct reading x = {.r = out};
	struct sandbox s = {.who = "libarchive",
			    .about = path,
			    .seconds = SECONDS_MAX,
			    .answer_bytes = ANSWER_MAX,
			    .work = initrd_walk,
			    .take = take,
			    .ctx = q};
	struct fault why = {0};
	enum sandbox_result result;

	s.take_ctx = &x;
	result = sandbox_run(&s, &why);
	if (result == SANDBOX_DONE && x.complete) {
		conclude(out, &x.found);
	} else {
		out->unread = result == SANDBOX_NOT_STARTED;
		out->damaged = !out->unread;
		out->problem = cli_xstrdup(fault_text(&why));
	}
	fault_free(&why);
}

void initrd_read(struct initrd *out, struct pod_dev *dev, const char *path, uint64_t start_bytes, uint64_t length_bytes)
{
	struct initrd_request q = {
		.dev = dev, .start_bytes = start_bytes, .length_bytes = length_bytes, .missing = initrd_library() != NULL};

	memset(out, 0, sizeof *out);
	if (!pod_in_range(start_bytes, length_bytes, dev->size_bytes)) {
		out->problem = cli_xstrdup(_("it reaches beyond the end of the image"));
		return;
	}
	read_once(out, &q, path);
	/* debian-installer makes modules.alias only when it runs */
	if (!out->problem && !out->modules.has_alias && out->modules.file.n) {
		q.scan = true;
		read_once(out, &q, path);
		out->modules.has_alias = true;
	}
	/* Modules in a squashfs inside (dracut's squash module), or in another initrd that is loaded with this one. */
	out->modules.incomplete = out->problem || out->has_squashfs || !out->modules.file.n;
}

void initrd_free(struct initrd *r)
{
	modules_free(&r->modules);
	free(r->problem);
	memset(r, 0, sizeof *r);
}

static enum modules_has either(enum modules_has a, enum modules_has b)
{
	if (a == MODULES_YES || b == MODULES_YES)
		return MODULES_YES;
	return a == MODULES_UNKNOWN || b == MODULES_UNKNOWN ? MODULES_UNKNOWN : MODULES_NO;
}

void initrd_facts(struct modules *m, struct initrd_facts *out)
{
	/* xhci_pci is the driver, xhci_hcd its library; kernels before 3.17 have only the latter. */
	out->xhci = either(modules_has(m, "xhci_pci"), modules_has(m, "xhci_hcd"));
	out->usb_host = either(
		out->xhci, either(either(modules_has(m, "ehci_pci"), modules_has(m, "ehci_hcd")), modules_has(m, "uhci_hcd")));
	out->usb_storage = either(modules_has(m, "usb_storage"), modules_has(m, "uas"));
	out->sd_mod = modules_has(m, "sd_mod");
	out->iso9660 = modules_has(m, "isofs");
	out->loop = modules_has(m, "loop");
	out->squashfs = modules_has(m, "squashfs");
	out->overlay = modules_has(m, "overlay");
}
