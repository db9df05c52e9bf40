/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod layer serve: a store to any NBD client, the current layer under the store's name. */
#include <getopt.h>
#include <stdlib.h>
#include "cli/layer/layer.h"
#include "cli/layer/live.h"

#define NBD_SOCKET "isopod-nbd.sock" /* in the store's folder, if none is named */

struct serving {
	struct live live;
	struct fault *fault;
	bool lost;
};

static void list(void *ctx, bool (*cb)(void *arg, const char *name), void *arg)
{
	struct serving *s = ctx;

	live_list(&s->live, cb, arg);
}

static const struct cli_nbd_export *use(void *ctx, const char *name)
{
	struct serving *s = ctx;

	return live_use(&s->live, name);
}

static void leave(void *ctx, const struct cli_nbd_export *ex)
{
	struct serving *s = ctx;

	live_leave(&s->live, ex);
}

static bool asked(void *ctx, int fd)
{
	struct serving *s = ctx;

	s->lost = !live_control_answer(&s->live, fd, s->fault);
	return !s->lost;
}

static int serve(struct serving *s, const char *socket, bool once, struct fault *fault)
{
	struct cli_nbd_source source = {.list = list, .open = use, .close = leave, .ctx = s};
	int folder = s->live.files.ls.dir.fd;
	struct cli_nbd_run run = {.source = &source,
				  .shown = s->live.arg,
				  .path = socket,
				  .size_bytes = s->live.current.d.chain.dev.size_bytes,
				  .once = once,
				  .also_fd = -1,
				  .also = asked,
				  .ctx = s};
	int rc = CLI_OK;

	if (s->live.writable && folder >= 0)
		run.also_fd = live_control_open(folder, fault);
	if (fault_is_set(fault))
		return CLI_FAILED;
	fault_print(fault);
	s->fault = fault;
	s->live.current.served.ex.name = s->live.name;
	rc = cli_nbd_run_all(&run, fault);
	live_control_close(folder, run.also_fd);
	return s->lost ? CLI_FAILED : rc;
}

static int open_and_serve(const char *store, const char *socket, bool writable, bool once, struct fault *fault)
{
	struct serving *s = cli_xzalloc(sizeof *s);
	char *path = socket ? cli_xstrdup(socket) : cli_xasprintf("%s/%s", store, NBD_SOCKET);
	int rc = live_open(&s->live, store, writable, fault);

	if (rc == CLI_OK && !socket && s->live.files.ls.dir.fd < 0) {
		fault_set(fault, _("%s: cannot listen in a folder of a stick that is not mounted; name a socket with --nbd"),
			  store);
		(void)live_close(&s->live, fault);
		rc = CLI_FAILED;
	} else if (rc == CLI_OK) {
		rc = serve(s, path, once, fault);
		if (!s->lost)
			disk_served_warn(&s->live.current.served, fault);
		if (live_close(&s->live, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(path);
	free(s);
	return rc;
}

int layer_cmd_serve(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"nbd", required_argument, NULL, 'n'},
						{"once", no_argument, NULL, 'o'},
						{"write", no_argument, NULL, 'w'},
						{NULL, 0, NULL, 0}};
	const char *socket = NULL;
	bool once = false, writable = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			socket = optarg;
		else if (c == 'o')
			once = true;
		else if (c == 'w')
			writable = true;
		else
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one STORE"));
	return open_and_serve(argv[optind], socket, writable, once, fault);
}
