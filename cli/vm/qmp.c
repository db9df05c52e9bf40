/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QMP: one JSON object a line. A command is answered by one object with "return" or "error"; objects with "event" come in
 * between. We look only at which of the three a line is.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "cli/ui/ui.h"
#include "cli/vm/qmp.h"
#include "core/base/str.h"

#define ANSWER_MS 20000

/* Reads up to a newline; false on a timeout, end of stream, or a line that does not fit. */
static bool read_line(int fd, char *line, size_t size, uint64_t deadline)
{
	size_t n = 0;

	while (n + 1 < size) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = cli_millis();

		if (now >= deadline || poll(&p, 1, (int)(deadline - now)) <= 0 || read(fd, line + n, 1) != 1)
			return false;
		if (line[n] == '\n') {
			line[n] = '\0';
			return true;
		}
		n++;
	}
	return false;
}

/* Sends a command and waits for its answer. False: none, or an error, whose text is then in `line`. */
static bool execute(int fd, const char *command, char *line, size_t size)
{
	uint64_t deadline = cli_millis() + ANSWER_MS;
	size_t len = strlen(command);

	line[0] = '\0';
	if (send(fd, command, len, MSG_NOSIGNAL) != (ssize_t)len)
		return false;
	while (read_line(fd, line, size, deadline)) {
		if (strncmp(line, "{\"return\"", 9) == 0)
			return true;
		if (strncmp(line, "{\"error\"", 8) == 0)
			return false;
	}
	line[0] = '\0';
	return false;
}

int cli_qmp_connect(const char *socket_path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timespec pause = {.tv_nsec = 20000000};
	char line[1024];
	int fd;

	if (pod_strlcpy(addr.sun_path, socket_path, sizeof addr.sun_path) >= sizeof addr.sun_path)
		return -1;
	for (unsigned i = 0; i < 500; i++) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -1;
		if (connect(fd, (const struct sockaddr *)&addr, sizeof addr) == 0) {
			if (read_line(fd, line, sizeof line, cli_millis() + ANSWER_MS) &&
			    execute(fd, "{\"execute\":\"qmp_capabilities\"}\n", line, sizeof line))
				return fd;
			close(fd);
			return -1;
		}
		close(fd);
		nanosleep(&pause, NULL);
	}
	return -1;
}

bool cli_qmp_screenshot(int fd, const char *file, const char *format, struct fault *fault)
{
	char *command = NULL, line[1024];
	size_t len = 0;
	FILE *f = open_memstream(&command, &len);
	struct cli_json j;
	bool ok;

	if (!f) {
		fault_set(fault, "%s", _("out of memory"));
		return false;
	}
	cli_json_init(&j, f);
	cli_json_open(&j, NULL, '{');
	cli_json_str(&j, "execute", "screendump");
	cli_json_open(&j, "arguments", '{');
	cli_json_str(&j, "filename", file);
	cli_json_str(&j, "format", format);
	cli_json_close(&j, '}');
	cli_json_close(&j, '}');
	fputc('\n', f);
	if (fclose(f) != 0) {
		free(command);
		fault_set(fault, "%s", _("out of memory"));
		return false;
	}
	ok = execute(fd, command, line, sizeof line);
	if (!ok)
		fault_set(fault, _("%s: QEMU could not take the screenshot: %s"), file, *line ? line : _("no answer"));
	free(command);
	return ok;
}
