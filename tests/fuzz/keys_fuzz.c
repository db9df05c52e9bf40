/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is typed: bytes of a serial terminal (boot/menu/serial.c), or keystrokes of UEFI (boot/efi/input.c), and the sequences in
 * either (boot/menu/escape.c). Every input ends, a
 * key is a code point or one that has a name, and only an escape sequence or the firmware makes one of those.
 *
 * Input: +0 bit 0: UEFI; then, serial: a byte is itself, but FF is followed by a pause in units of 8 ms. UEFI: u16 scan code, u16
 * character.
 */
#include "tests/fuzz/fuzz.h"
#include "boot/efi/input.c"
#include "boot/menu/escape.c"
#include "boot/menu/serial.c"

static const uint8_t *next;
static size_t left;
static uint64_t now;
static bool escape;

void pod_efi_console_flush(struct pod_efi *e)
{
	(void)e;
}

static int typed(struct pod_fw *fw)
{
	(void)fw;
	if (!left)
		return -1;
	left--;
	if (*next != 0xff) {
		escape |= *next == 27;
		return *next++;
	}
	next++;
	if (left) {
		left--;
		now += *next++ * 8u;
	}
	return -1;
}

static uint64_t clock_of(struct pod_fw *fw)
{
	(void)fw;
	return now;
}

static void check_key(uint32_t key)
{
	FUZZ_REQUIRE(key <= POD_KEY_F12);
	FUZZ_REQUIRE(key < 0xd800 || key >= 0xe000);
}

static void serial_keys(void)
{
	static struct menu m;
	struct pod_fw fw = {.serial_read = typed, .millis = clock_of};
	uint32_t keys = 0;
	memset(&m, 0, sizeof m);
	m.fw = &fw;
	size_t all = left;
	for (unsigned quiet = 0; quiet < 3;) {
		uint32_t key = serial_key(&m);
		check_key(key);
		FUZZ_REQUIRE(key < 0x110000 || escape);
		keys += key != POD_KEY_NONE;
		if (key == POD_KEY_NONE && !left)
			quiet++, now += 1000;
	}
	FUZZ_REQUIRE(keys <= all);
	/* Nothing is kept back: the next byte is a key of its own. */
	static const uint8_t letter[] = "a";
	next = letter, left = 1;
	if (!m.serial.utf8_left)
		FUZZ_REQUIRE(serial_key(&m) == 'a');
}

static EFI_STATUS stroke(EFI_SIMPLE_TEXT_INPUT_PROTOCOL *in, EFI_INPUT_KEY *key)
{
	(void)in;
	if (left < 4)
		return EFI_NOT_READY;
	key->ScanCode = pod_get_le16(next);
	key->UnicodeChar = pod_get_le16(next + 2);
	next += 4, left -= 4;
	return EFI_SUCCESS;
}

static void efi_keys(void)
{
	EFI_SIMPLE_TEXT_INPUT_PROTOCOL in = {.ReadKeyStroke = stroke};
	EFI_SYSTEM_TABLE st = {.ConIn = &in};
	static struct pod_efi e;
	memset(&e, 0, sizeof e);
	struct menu_escape escapes = {0};
	e.st = &st;
	e.fw.ctx = &e;
	while (left >= 4) {
		size_t before = left;
		uint32_t key = get_key(&e.fw);
		check_key(key);
		check_key(escape_key(&escapes, key, now));
		check_key(escape_wait(&escapes, now += 100, ESCAPE_LINE_MS));
		FUZZ_REQUIRE(left < before);
	}
	/* Nothing is kept back. */
	(void)escape_wait(&escapes, now, ESCAPE_LINE_MS);
	(void)escape_wait(&escapes, now + 1000, ESCAPE_LINE_MS);
	FUZZ_REQUIRE(escape_key(&escapes, 'a', now + 1000) == 'a');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!len)
		return 0;
	next = data + 1, left = len - 1, now = 0, escape = false;
	if (data[0] & 1)
		efi_keys();
	else
		serial_keys();
	return 0;
}
