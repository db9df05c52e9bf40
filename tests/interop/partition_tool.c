/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * partition FILE MODE   the boot manager's menu started on a stick: with "away" what it starts never comes back, as on a BIOS, with "back" it
 *                       does, as a loader for UEFI may. Prints "started", and "menu" when it waits for a key, with what it says there; ends
 *                       with 0 at either.
 */
#include <string.h>
#include "boot/boot.h"
#include "tests/interop/tool.h"

struct machine {
	struct pod_fw fw;
	bool back;
};

static uint64_t no_time(struct pod_fw *fw)
{
	(void)fw;
	return 1000;
}

_Noreturn static void leave(const char *word)
{
	puts(word);
	fflush(stdout);
	_exit(0);
}

static uint32_t first_key(struct pod_fw *fw)
{
	(void)fw;
	leave("menu");
}

static void no_wait(struct pod_fw *fw)
{
	(void)fw;
}

static void serial(struct pod_fw *fw, const char *s, size_t len)
{
	(void)fw;
	(void)fwrite(s, 1, len, stderr);
}

static enum pod_status start(struct pod_fw *fw, struct pod_plan *plan, const char *path, char *msg, size_t size)
{
	struct machine *m = (struct machine *)fw;
	(void)plan;
	(void)path;
	(void)size;
	if (!m->back)
		leave("started");
	puts("started");
	msg[0] = 0;
	return POD_OK;
}

int main(int argc, char **argv)
{
	struct tool_file f;
	if (argc != 3 || !tool_open(&f, argv[1], access(argv[1], W_OK) == 0, 512))
		return 2;
	struct machine m = {.back = !strcmp(argv[2], "back"),
			    .fw = {.name = "UEFI x64",
				   .firmware_bit = POD_FW_X64,
				   .alloc = &host,
				   .disk = &f.dev,
				   .serial_write = serial,
				   .get_key = first_key,
				   .millis = no_time,
				   .idle = no_wait,
				   .start = start,
				   .ukis = &pod_plan_ukis}};
	pod_boot_main(&m.fw);
	return 1;
}
