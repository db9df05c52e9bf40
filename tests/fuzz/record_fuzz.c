/* SPDX-License-Identifier: BSD-2-Clause */
/* The flight recorder's ring over whatever lies in the state file (fuzz_record.h). */
#include "tests/fuzz/fuzz_record.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/base/text.h"

static uint8_t file[POD_STATE_SIZE];

static void text_is_sound(const char *t, size_t max)
{
	size_t n = pod_strlen(t);
	FUZZ_REQUIRE(n <= max);
	for (const char *s = t; *s;) {
		const char *before = s;
		uint32_t cp = pod_utf8_next(&s, n - (size_t)(s - t));
		FUZZ_REQUIRE(!pod_text_hidden(cp) && (cp != 0xfffd || s != before + 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pod_rec_boot b;
	static char log[POD_REC_LOG_TEXT + 1];
	struct fuzz_env e;
	struct pod_memdev m;
	uint32_t number[POD_REC_BOOTS], count, latest, next;
	size_t len;
	fuzz_init(&e, data, size, 512, 0, 0);
	fuzz_strew(file, data, e.len);
	pod_memdev_init(&m, file, sizeof file, 512, false);
	FUZZ_REQUIRE(pod_rec_latest(&m.dev, &latest) == POD_OK);
	enum pod_status st = pod_rec_list(&m.dev, &e.alloc, number, &count);
	FUZZ_REQUIRE(st == POD_OK || st == POD_E_NOMEM);
	FUZZ_REQUIRE(count <= POD_REC_BOOTS && (st != POD_OK || !latest || count));
	for (uint32_t i = 0; i < count; i++) {
		st = pod_rec_read(&m.dev, &e.alloc, number[i], &b);
		FUZZ_REQUIRE(st == POD_OK || st == POD_E_NOMEM);
		text_is_sound(b.machine.vendor, 64);
		text_is_sound(b.machine.bios_version, 48);
		FUZZ_REQUIRE(pod_strlen(b.image.path) <= 360); /* names a file: who shows it disarms it */
		text_is_sound(b.linux_.mount, 64);
		text_is_sound(b.windows.controller, 64);
		text_is_sound(b.windows.program, 64);
		text_is_sound(b.message.text, POD_REC_MESSAGE_MAX);
		FUZZ_REQUIRE(b.progress.stages.count <= POD_STAGE_MAX && b.linux_.stages.count <= POD_STAGE_MAX &&
			     b.windows.stages.count <= POD_STAGE_MAX);
		st = pod_rec_read_log(&m.dev, number[i], log, &len);
		FUZZ_REQUIRE(len <= POD_REC_LOG_TEXT && (st == POD_OK || !len));
	}
	/* a new boot can be written over all that, and is read back */
	if (pod_rec_new_number(&m.dev, &e.alloc, latest, &next) == POD_OK) {
		uint8_t s[POD_REC_SECTOR];
		FUZZ_REQUIRE(next && next != latest);
		memset(&b.machine, 0, sizeof b.machine);
		pod_rec_put_machine(s, &b.machine);
		pod_rec_seal(s, next, 1);
		FUZZ_REQUIRE(pod_rec_write(&m.dev, next, POD_REC_AT_MACHINE, s) == POD_OK);
		st = pod_rec_read(&m.dev, &e.alloc, next, &b);
		FUZZ_REQUIRE(st == POD_E_NOMEM || (st == POD_OK && b.has_machine && !b.has_progress && !b.has_linux));
	}
	fuzz_done(&e);
	return 0;
}
