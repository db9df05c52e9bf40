/* SPDX-License-Identifier: BSD-2-Clause */
/* What QEMU's machine protocol may answer to a request for a picture: the first line that is a return or an error decides,
 * whatever comes around it; lines that are too long and an end in the middle are no answer. */
#include <sys/socket.h>
#include <unistd.h>
#include "tests/fuzz/fuzz.h"
#include "cli/ui/ui.h"
#include "cli/vm/qmp.h"

#define LINE_MAX_BYTES 1023

static bool starts_with(const uint8_t *line, size_t len, const char *word)
{
	return len >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

static bool says_yes(const uint8_t *data, size_t len)
{
	for (const uint8_t *end = data + len, *nl; data < end; data = nl + 1) {
		nl = memchr(data, '\n', (size_t)(end - data));
		if (!nl || nl - data >= LINE_MAX_BYTES)
			return false;
		if (starts_with(data, (size_t)(nl - data), "{\"return\""))
			return true;
		if (starts_with(data, (size_t)(nl - data), "{\"error\""))
			return false;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault = {0};
	int pair[2];
	bool ok;

	if (size > 8192) /* it fits into the socket */
		return 0;
	FUZZ_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	FUZZ_REQUIRE(size == 0 || send(pair[1], data, size, 0) == (ssize_t)size);
	shutdown(pair[1], SHUT_WR);
	ok = cli_qmp_screenshot(pair[0], "/tmp/\"a\nb\".png", "png", &fault);
	FUZZ_REQUIRE(ok == says_yes(data, size));
	fault_free(&fault);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
