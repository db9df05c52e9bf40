/* SPDX-License-Identifier: BSD-2-Clause */
/* What a WIM holds, for plan and doctor: its images, and which of them Windows' boot managers can start. */
#ifndef POD_CLI_STICK_WIM_H
#define POD_CLI_STICK_WIM_H

#include "cli/ui/ui.h"
#include "core/wim/wim.h"

#define CLI_WIM_IMAGES 64u /* of more, the rest is left out */

struct cli_wim_image {
	struct pod_wim_about about;
	bool looked;		/* into its tree */
	bool bios, efi;		/* it has Windows\System32\boot\winload.exe (or \winload.exe), winload.efi */
	enum pod_status status; /* of its tree */
	const char *what;	/* is wrong with it; NULL: no more is known */
};

struct cli_wim {
	struct pod_wim header; /* closed: the facts alone */
	uint32_t count;
	struct cli_wim_image image[CLI_WIM_IMAGES];
};

enum cli_wim_trees {
	CLI_WIM_NO_TREE,
	CLI_WIM_BOOT_TREE, /* of the bootable image; of all if there is none such, and few */
	CLI_WIM_ALL_TREES,
};

/* The header, the XML data, and the trees of images. POD_E_FORMAT: no WIM. */
enum pod_status POD_MUST_USE cli_wim_read(struct cli_wim *w, struct pod_dev *dev, enum cli_wim_trees trees,
					  struct pod_diag *diag);

/* "Windows' boot manager cannot read it: it is compressed with LZMS", NULL if it can; the caller frees. */
char *cli_wim_refusal(const struct cli_wim *w);
const char *cli_wim_remedy(const struct cli_wim *w);
/* "Microsoft Windows Setup (x64), x64, 10.0.17763.253"; the caller frees. */
char *cli_wim_image_text(const struct cli_wim *w, uint32_t no);

#endif
