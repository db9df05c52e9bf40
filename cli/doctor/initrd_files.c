/* SPDX-License-Identifier: BSD-2-Clause */
/* Some files of an initrd, by their paths. */
#include <stdlib.h>
#include <string.h>
#include "cli/doctor/initrd.h"
#include "cli/doctor/initrd_walk.h"

#define SECONDS_MAX 60u

struct visiting {
	void (*each)(void *ctx, const char *path, const char *text);
	void *ctx;
	struct initrd_found found;
};

static bool take(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct visiting *x = ctx;
	size_t n = strnlen((const char *)data, len < INITRD_NAME_MAX ? len : INITRD_NAME_MAX) + 1;
	char *text;

	if (kind == INITRD_FOUND) {
		if (len != sizeof x->found)
			return false;
		memcpy(&x->found, data, len);
		return x->found.problem < INITRD_PROBLEM_COUNT;
	}
	if (kind != INITRD_FILE || n > len || n > INITRD_NAME_MAX || len - n > MODULES_TEXT_MAX)
		return false;
	text = cli_xmalloc(len - n + 1);
	memcpy(text, data + n, len - n);
	text[len - n] = 0;
	x->each(x->ctx, (const char *)data, text);
	free(text);
	return true;
}

bool initrd_each(struct pod_dev *dev, const char *path, uint64_t start_bytes, uint64_t length_bytes,
		 bool (*wants)(const char *path), void (*each)(void *ctx, const char *path, const char *text), void *ctx,
		 struct fault *fault)
{
	struct initrd_request q = {.dev = dev, .start_bytes = start_bytes, .length_bytes = length_bytes, .wants = wants};
	struct visiting x = {.each = each, .ctx = ctx};
	struct sandbox s = {.who = "libarchive",
			    .about = path,
			    .seconds = SECONDS_MAX,
			    .work = initrd_walk,
			    .take = take,
			    .ctx = &q,
			    .take_ctx = &x};

	if (initrd_library())
		fault_set(fault, "%s: %s", path, initrd_library());
	else if (!pod_in_range(start_bytes, length_bytes, dev->size_bytes))
		fault_set(fault, _("%s: it reaches beyond the end of the image"), path);
	else if (sandbox_run(&s, fault) == SANDBOX_DONE && x.found.problem == INITRD_READ_ERROR)
		fault_set(fault, "%s: %s", path, _("read error"));
	return !fault_is_set(fault);
}
