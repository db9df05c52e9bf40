/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod export: the virtual disk of an image, overlays included, for any NBD client. */
#include <getopt.h>
#include "cli/ui/ui.h"
#include "cli/nbd/nbd.h"
#include "cli/disk/disk.h"
#include "cli/stick/image.h"

/* Where the map has zeros; what it has of the stick or of memory is data. */
static enum pod_status extent(void *ctx, unsigned context, uint64_t off, uint64_t len, struct cli_nbd_extent *out)
{
	const struct pod_map *m = ctx;
	const struct pod_seg *s = &m->seg[pod_map_find(m, off)];

	(void)context;
	out->len = pod_min_u64(len, s->length_bytes - (off - s->start_bytes));
	out->flags = s->kind == POD_SEG_ZERO ? CLI_NBD_HOLE | CLI_NBD_ZERO : CLI_NBD_DATA;
	return POD_OK;
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"nbd", required_argument, NULL, 'n'},
						{"once", no_argument, NULL, 'o'},
						{"image", required_argument, NULL, 'i'},
						{"arguments", required_argument, NULL, 'a'},
						DISK_UNSAFE_OPTION,
						{NULL, 0, NULL, 0}};
	const char *path = NULL;
	struct cli_image im;
	struct pod_plan *plan;
	struct pod_mapdev md;
	struct cli_image_wish wish = {0};
	bool once = false;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			path = optarg;
		else if (c == 'o')
			once = true;
		else if (c == 'U')
			wish.unsafe = true;
		else if (c == 'i' && !cli_image_number(cmd, optarg, &wish.wim_image, fault))
			return CLI_USAGE;
		else if (c == 'a' && !cli_image_arguments(cmd, optarg, fault))
			return CLI_USAGE;
		else if (c == 'a')
			wish.arguments = optarg;
		else if (c == 'i')
			continue;
		else
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind != 1 || !path)
		return cli_usage(fault, cmd, "%s", _("name one FILE or TARGET:PATH, and --nbd SOCKET"));
	plan = cli_image_open_plan(&im, argv[optind], &wish, &rc, fault);
	if (!plan)
		return rc;

	pod_mapdev_init(&md, &plan->map, im.disk, plan->sector_size);
	rc = cli_nbd_run(&(struct cli_nbd_export){.dev = &md.dev,
						  .name = im.path + 1,
						  .description = "isopod virtual disk",
						  .extent = extent,
						  .ctx = &plan->map},
			 im.path, path, once, fault);
	cli_image_close_plan(&im, plan);
	return rc;
}

const struct cli_command cli_export = {
	.name = "export",
	.arguments = "FILE | TARGET:PATH --nbd SOCKET [--image N] [--arguments WORDS] [--once] [--unsafe-read]",
	.summary = N_("serve an image's virtual disk, as the machine would see it, to any NBD client"),
	.help = N_("  --nbd SOCKET  Unix socket to listen on\n"
		   "  --image N     of a WIM, start this image\n"
		   "  --arguments W  give every kernel line of its boot menus these words; -WORD takes one out\n"
		   "  --once        end when the last client has left\n"
		   "  --unsafe-read read a FILE that another program is writing to\n"
		   "Read-only, patches included; ends on Ctrl-C.\n"),
	.run = run,
};
