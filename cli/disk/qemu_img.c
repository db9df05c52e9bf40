/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "cli/disk/qemu_img.h"
#include "cli/host/sandbox.h"
#include "core/base/str.h"

/* Disks are large, and sticks slow. */
#define SECONDS_MAX (24u * 3600u)

/* A disk at the other end of a socket that is open already. */
#define NBD "{\"driver\":\"nbd\",\"export\":\"disk\",\"server\":{\"type\":\"fd\",\"str\":\"%d\"}}"

static int connect_to(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) < sizeof addr.sun_path)
		pod_strlcpy(addr.sun_path, path, sizeof addr.sun_path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof addr) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

bool qemu_img_run(const struct qemu_img *q, const char *format, const struct cli_args *options, struct fault *fault)
{
	char *program = cli_proc_find("qemu-img");
	int from = q->from ? connect_to(q->from) : -1, to = q->to ? connect_to(q->to) : -1, status = -1;
	struct sandbox s = {.who = "qemu-img",
			    .about = q->about,
			    .program = program,
			    .seconds = SECONDS_MAX,
			    .input = {q->out},
			    .inputs = !q->to,
			    .keep = {from, to},
			    .keeps = (unsigned)(from >= 0) + (to >= 0)};
	struct cli_args a = {0};
	bool lent = false;

	cli_args_add(&a, "qemu-img");
	for (unsigned i = 0; i < options->n; i++)
		cli_args_add(&a, options->v[i]);
	if (from >= 0)
		cli_args_addf(&a, "json:{\"driver\":\"%s\",\"backing\":null,\"file\":" NBD "}", format, from);
	if (to >= 0)
		cli_args_addf(&a, "json:{\"driver\":\"raw\",\"file\":" NBD "}", to);
	else if (from >= 0)
		cli_args_add(&a, QEMU_IMG_OUT);
	if (!program)
		fault_set(fault, "%s", _("qemu-img is not installed; install the package qemu-utils"));
	else if ((q->from && from < 0) || (q->to && to < 0))
		fault_set(fault, _("%s: cannot connect: %s"), q->from, strerror(errno));
	else if (!q->to && !(lent = sandbox_lend(q->out)))
		fault_set(fault, _("%s: cannot be given to the user as whom qemu-img runs: %s"), q->about, strerror(errno));
	else
		status = sandbox_program(&s, &a, fault);
	if (status > 0)
		fault_set(fault, _("%s failed (status %d)"), "qemu-img", status);
	if (lent && !sandbox_take_back(q->out))
		status = fault_set(fault, _("%s: its owner cannot be set: %s"), q->about, strerror(errno));
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	cli_args_free(&a);
	free(program);
	return status == 0;
}
