/* SPDX-License-Identifier: BSD-2-Clause */
/* What an ISO says twice: numbers in both byte orders, path tables and folders. */
#include "cli/doctor/images.h"
#include "core/fs/iso9660.h"

const struct doctor_check doctor_check_descriptors = {
	.id = "image.descriptors",
	.hazard = POD_HAZARD_IMAGE,
	.title = N_("volume descriptors and path tables"),
	.explain =
		N_("ISO 9660 states numbers in both byte orders, and where its folders lie in two path tables beside the folders "
		   "themselves. Loaders and systems each read one of them; where they disagree, the image starts with one and "
		   "not with another. The image is damaged, or was patched by a tool that knew only one: download it again and "
		   "compare its hash, or take another edition."),
};

void doctor_descriptors(struct doctor *d, const struct doctor_image *im)
{
	struct pod_diag g = {0};
	enum pod_status st = pod_iso9660_check(im->bytes, &cli_alloc, &g);

	if (st == POD_E_CORRUPT && !im->image->truncated)
		doctor_reportf(
			d, &doctor_check_descriptors, DOCTOR_WARN, im->subject,
			_("it may start on some machines only: compare its hash with the publisher's, or take another edition"),
			_("%s, at offset %llu: %llu here, %llu there"), g.what, (unsigned long long)g.offset_bytes,
			(unsigned long long)g.expected, (unsigned long long)g.got);
	else if (st == POD_OK)
		doctor_report(d, &doctor_check_descriptors, DOCTOR_GOOD, im->subject,
			      _("byte orders, path tables and folders agree"), NULL);
}
