/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/host/content.h"
#include "cli/host/overwrite.h"
#include "cli/host/safety.h"

bool cli_may_overwrite(struct cli_dev *d, bool yes, struct fault *fault)
{
	struct cli_content there;
	const char *why = d->dev.size_bytes ? cli_content_cannot_name() : NULL;
	bool fixed = cli_safety_is_fixed(d->path), may = yes;

	cli_content_look(d, &there);
	if (yes) {
		if (there.what)
			fault_warn(fault, _("%s: what is on it will be lost: %s"), d->path, there.what);
		else if (there.unreadable)
			fault_warn(fault, _("%s: it cannot be read at byte %llu; the drive may be failing"), d->path,
				   (unsigned long long)there.at_bytes);
	} else if (fixed && there.what) {
		fault_set(
			fault,
			_("%s: refused: not a removable drive but a disk of this machine, and it holds %s, which would be lost; "
			  "if it is meant, add --yes"),
			d->path, there.what);
	} else if (fixed) {
		fault_set(fault, _("%s: refused: not a removable drive but a disk of this machine; if you mean it, add --yes"),
			  d->path);
	} else if (why) {
		fault_set(fault, _("%s: refused: cannot tell what is on it: %s; to overwrite it, add --yes"), d->path, why);
	} else if (there.what) {
		fault_set(fault, _("%s: refused: it holds %s, which would be lost; to overwrite it, add --yes"), d->path,
			  there.what);
	} else if (there.unreadable) {
		fault_set(fault,
			  _("%s: refused: it cannot be read at byte %llu, so what is on it is not known; to overwrite it, add "
			    "--yes"),
			  d->path, (unsigned long long)there.at_bytes);
	} else {
		may = true;
	}
	fault_print(fault);
	cli_content_free(&there);
	return may;
}
