/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys (UEFI 2.10 clauses 12.2, 12.3), the first serial port (clause 12.8), and time.
 *
 * Time comes from the processor's own counter, measured once against Stall(): a periodic timer event would wake the
 * processor for nothing, GetTime() counts in seconds, and the timer tick of firmware differs from 1 to 55 ms. Firmware runs on
 * one processor and sleeps no deeper than HLT, in which the x86 time-stamp counter goes on.
 */
#include "boot/efi/efi.h"

static const EFI_GUID guid_in_ex = EFI_SIMPLE_TEXT_INPUT_EX_PROTOCOL_GUID;
static const EFI_GUID guid_serial = EFI_SERIAL_IO_PROTOCOL_GUID;

/* In 100 ns. The keyboard ends the wait by itself; a raw serial port must be polled before its 16-byte FIFO is full. */
#define IDLE_KEYS   500000u
#define IDLE_SERIAL 10000u

uint64_t pod_efi_ticks(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t v;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
#error no clock for this processor
#endif
}

/* The shortest of three: whatever interrupts the measurement only makes it longer. */
static void clock_start(struct pod_efi *e)
{
	uint64_t best = UINT32_MAX;

	for (int i = 0; i < 3; i++) {
		uint64_t from = pod_efi_ticks();

		(void)e->bs->Stall(1000);
		best = pod_min_u64(best, pod_efi_ticks() - from);
	}
	e->clock_per_ms = best ? (uint32_t)best : 1;
	e->clock_last = pod_efi_ticks();
}

static uint64_t millis(struct pod_fw *fw)
{
	struct pod_efi *e = pod_efi_of(fw);
	uint64_t now = pod_efi_ticks(), whole;

	/* A counter that jumps back (a broken resume, a migrated machine) stands still instead. */
	if (now < e->clock_last)
		e->clock_last = now;
	whole = (now - e->clock_last) / e->clock_per_ms;
	e->clock_ms += whole;
	e->clock_last += whole * e->clock_per_ms;
	return e->clock_ms;
}

static void idle(struct pod_fw *fw)
{
	struct pod_efi *e = pod_efi_of(fw);
	EFI_EVENT ev[2];
	UINTN n = 0, index;

	pod_efi_console_flush(e);
	if (!e->tick || EFI_ERROR(e->bs->SetTimer(e->tick, TimerRelative, fw->serial_read ? IDLE_SERIAL : IDLE_KEYS))) {
		(void)e->bs->Stall(10000);
		return;
	}
	ev[n++] = e->tick;
	if (e->in_ex && e->in_ex->WaitForKeyEx)
		ev[n++] = e->in_ex->WaitForKeyEx;
	else if (e->st->ConIn && e->st->ConIn->WaitForKey)
		ev[n++] = e->st->ConIn->WaitForKey;
	if (EFI_ERROR(e->bs->WaitForEvent(n, ev, &index)))
		(void)e->bs->Stall(10000);
}

static uint32_t key_of(const EFI_INPUT_KEY *k)
{
	static const uint32_t scan[] = {
		[SCAN_UP] = POD_KEY_UP,	     [SCAN_DOWN] = POD_KEY_DOWN,    [SCAN_RIGHT] = POD_KEY_RIGHT,
		[SCAN_LEFT] = POD_KEY_LEFT,  [SCAN_HOME] = POD_KEY_HOME,    [SCAN_END] = POD_KEY_END,
		[SCAN_DELETE] = POD_KEY_DEL, [SCAN_PAGE_UP] = POD_KEY_PGUP, [SCAN_PAGE_DOWN] = POD_KEY_PGDN,
		[SCAN_F1] = POD_KEY_F1,	     [SCAN_F1 + 1] = POD_KEY_F2,    [SCAN_F1 + 2] = POD_KEY_F3,
		[SCAN_F1 + 3] = POD_KEY_F4,  [SCAN_F1 + 4] = POD_KEY_F5,    [SCAN_F1 + 5] = POD_KEY_F6,
		[SCAN_F1 + 6] = POD_KEY_F7,  [SCAN_F1 + 7] = POD_KEY_F8,    [SCAN_F1 + 8] = POD_KEY_F9,
		[SCAN_F10] = POD_KEY_F10,    [SCAN_F11] = POD_KEY_F11,	    [SCAN_F12] = POD_KEY_F12,
		[SCAN_ESC] = POD_KEY_ESC,
	};

	switch (k->UnicodeChar) {
	case 0:
		return k->ScanCode < POD_ARRAY_LEN(scan) ? scan[k->ScanCode] : POD_KEY_NONE;
	case '\n':
		return POD_KEY_ENTER;
	case 0x7F: /* what many terminals send for the backspace key */
		return POD_KEY_BACKSPACE;
	default:
		/* Half a surrogate pair means nothing alone, and keyboards send no pairs. */
		return k->UnicodeChar >= 0xD800 && k->UnicodeChar < 0xE000 ? POD_KEY_NONE : k->UnicodeChar;
	}
}

static uint32_t get_key(struct pod_fw *fw)
{
	struct pod_efi *e = pod_efi_of(fw);
	EFI_KEY_DATA data = {{0, 0}, {0, 0}};

	pod_efi_console_flush(e);
	/* A key of no meaning to us (a lone shift on some firmware) must not hide the one behind it. */
	for (int i = 0; i < 16; i++) {
		uint32_t key;
		EFI_STATUS st = EFI_NOT_READY;

		if (e->in_ex)
			st = e->in_ex->ReadKeyStrokeEx(e->in_ex, &data);
		if (EFI_ERROR(st) && st != EFI_NOT_READY)
			e->in_ex = NULL; /* the older protocol is there as well */
		if (!e->in_ex && e->st->ConIn)
			st = e->st->ConIn->ReadKeyStroke(e->st->ConIn, &data.Key);
		if (EFI_ERROR(st))
			return POD_KEY_NONE;
		key = key_of(&data.Key);
		/* Whoever asks for the screen anew may have connected a terminal by now. */
		if (key == POD_KEY_CTRL('L'))
			e->serial_dead = false;
		if (key != POD_KEY_NONE)
			return key;
	}
	return POD_KEY_NONE;
}

/* After a timeout: waits until the driver's own buffer is empty. False if it stays full for half a second. */
static bool serial_drained(struct pod_efi *e)
{
	for (int i = 0; i < 500; i++) {
		uint32_t control = 0;

		if (EFI_ERROR(e->serial->GetControl(e->serial, &control)) || (control & EFI_SERIAL_OUTPUT_BUFFER_EMPTY))
			return true;
		/* The terminal driver's timer polls the port and pushes the rest out; events run while we stall. */
		(void)e->bs->Stall(1000);
	}
	return false;
}

/*
 * A timeout is not the end of the port: the terminal driver of EDK II sets it to the time of a few characters, and a busy
 * UART (a BMC, an emulator) is slower at times. EDK II's driver keeps the byte that timed out in its buffer, though it does not
 * count it as written: sending it again would double it. A port that takes nothing for half a second has nobody at
 * the other end; each further byte would cost its full timeout, so the mirror is switched off: until somebody types there, asks for the
 * screen anew, or an image has come back.
 */
static void serial_write(struct pod_fw *fw, const char *s, size_t len)
{
	struct pod_efi *e = pod_efi_of(fw);

	while (len && e->serial && !e->serial_dead) {
		UINTN n = len;
		EFI_STATUS st = e->serial->Write(e->serial, &n, s);

		if (n > len)
			n = len;
		if (EFI_ERROR(st)) {
			e->serial_dead = st != EFI_TIMEOUT || !serial_drained(e);
			n += n < len;
		}
		s += n;
		len -= n;
	}
}

static int serial_read(struct pod_fw *fw)
{
	struct pod_efi *e = pod_efi_of(fw);
	uint32_t control = 0;
	uint8_t byte;
	UINTN n = 1;

	/* Read() on an empty port waits for its timeout, so the port is asked first. */
	if (!e->serial || EFI_ERROR(e->serial->GetControl(e->serial, &control)) || (control & EFI_SERIAL_INPUT_BUFFER_EMPTY))
		return -1;
	if (EFI_ERROR(e->serial->Read(e->serial, &n, &byte)) || n != 1)
		return -1;
	e->serial_dead = false;
	return byte;
}

/* True if a driver (the terminal driver) reads from the port: what is typed there arrives as keys, and reading the
 * port as well would take every other byte from it. */
static bool has_driver(struct pod_efi *e, EFI_HANDLE h)
{
	EFI_OPEN_PROTOCOL_INFORMATION_ENTRY *info = NULL;
	UINTN n = 0;
	bool found = false;

	if (EFI_ERROR(e->bs->OpenProtocolInformation(h, &guid_serial, &info, &n)))
		return false;
	for (UINTN i = 0; i < n; i++)
		found = found || (info[i].Attributes & EFI_OPEN_PROTOCOL_BY_DRIVER) != 0;
	(void)e->bs->FreePool(info);
	return found;
}

static void find_serial(struct pod_efi *e)
{
	EFI_HANDLE *h = NULL;
	UINTN n = 0;

	e->serial = NULL;
	e->serial_dead = false;
	e->fw.serial_write = NULL;
	e->fw.serial_read = NULL;
	e->fw.terminal_keys = false;
	if (EFI_ERROR(e->bs->LocateHandleBuffer(ByProtocol, &guid_serial, NULL, &n, &h)))
		return;
	if (n && !EFI_ERROR(e->bs->HandleProtocol(h[0], &guid_serial, (void **)&e->serial)) && e->serial) {
		/* Without a frame buffer and with a text console that may reach this very port, the console alone speaks. */
		e->fw.terminal_keys = has_driver(e, h[0]);
		if (e->fw.text_cols == 0 || !e->fw.terminal_keys) {
			e->fw.serial_write = serial_write;
			if (!e->fw.terminal_keys)
				e->fw.serial_read = serial_read;
		}
	}
	(void)e->bs->FreePool(h);
}

void pod_efi_input_start(struct pod_efi *e)
{
	e->in_ex = NULL;
	if (e->st->ConsoleInHandle && EFI_ERROR(e->bs->HandleProtocol(e->st->ConsoleInHandle, &guid_in_ex, (void **)&e->in_ex)))
		e->in_ex = NULL;
	/* Some firmware has this protocol in name only: its event is none (systemd-boot's console.c knows of such, too). */
	if (e->in_ex && (!e->in_ex->WaitForKeyEx || e->bs->CheckEvent(e->in_ex->WaitForKeyEx) == EFI_INVALID_PARAMETER))
		e->in_ex = NULL;
	e->tick = NULL;
	if (EFI_ERROR(e->bs->CreateEvent(EVT_TIMER, 0, NULL, NULL, &e->tick)))
		e->tick = NULL;
	find_serial(e);
	if (!e->clock_per_ms)
		clock_start(e);
	e->fw.get_key = get_key;
	e->fw.idle = idle;
	e->fw.millis = millis;
}

void pod_efi_input_stop(struct pod_efi *e)
{
	if (e->tick) {
		(void)e->bs->SetTimer(e->tick, TimerCancel, 0);
		(void)e->bs->CloseEvent(e->tick);
	}
	e->tick = NULL;
}
