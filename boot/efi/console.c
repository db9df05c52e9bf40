/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen: a linear frame buffer from EFI_GRAPHICS_OUTPUT_PROTOCOL (UEFI 2.10 clause 12.9) or, without one, the firmware's
 * text console (clause 12.4).
 *
 * The firmware usually mirrors its text console to the first serial port. The menu mirrors itself there, too, in UTF-8
 * and with fewer bytes. So that nothing is drawn twice: with a frame buffer the text console is never written to; without
 * one, it is used only if it shows on something other than a serial port (pod_efi_console_take decides).
 */
#include "boot/efi/efi.h"
#include "core/base/mem.h"
#include "core/base/text.h"

static const EFI_GUID guid_gop = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
static const EFI_GUID guid_text_out = EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL_GUID;

/* Wanted screen sizes: below the first the menu is cramped, above the second drawing gets slow for nothing. */
#define MIN_WIDTH  800u
#define MIN_HEIGHT 600u
#define MAX_WIDTH  1920u
#define MAX_HEIGHT 1200u

static bool linear(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *i)
{
	return i->PixelFormat == PixelRedGreenBlueReserved8BitPerColor || i->PixelFormat == PixelBlueGreenRedReserved8BitPerColor;
}

/* The current mode shows a frame buffer that holds the whole picture. */
static bool usable(const EFI_GRAPHICS_OUTPUT_PROTOCOL *gop)
{
	const EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE *m = gop->Mode;

	if (!m || !m->Info || m->FrameBufferBase == 0 || m->FrameBufferBase > UINTPTR_MAX || !linear(m->Info))
		return false;
	/* Some firmware reports a FrameBufferSize of 0 or one page: only a size that is plainly too small and set is telling,
	 * so it is not looked at. The scan line must hold the picture, though. */
	return m->Info->HorizontalResolution >= 320 && m->Info->VerticalResolution >= 200 &&
	       m->Info->PixelsPerScanLine >= m->Info->HorizontalResolution && m->Info->PixelsPerScanLine <= 32768 &&
	       m->Info->VerticalResolution <= 32768;
}

/* The largest linear mode within the wanted sizes, or the current one. */
static uint32_t best_mode(struct pod_efi *e, EFI_GRAPHICS_OUTPUT_PROTOCOL *gop)
{
	const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *cur = gop->Mode->Info;
	uint32_t best = gop->Mode->Mode, best_area = 0;

	if (usable(gop)) {
		if (cur->HorizontalResolution >= MIN_WIDTH && cur->VerticalResolution >= MIN_HEIGHT)
			return best;
		best_area = cur->HorizontalResolution * cur->VerticalResolution;
	}
	for (uint32_t i = 0; i < gop->Mode->MaxMode && i < 256; i++) {
		EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info = NULL;
		UINTN size = 0;

		if (EFI_ERROR(gop->QueryMode(gop, i, &size, &info)) || !info)
			continue;
		if (linear(info) && info->HorizontalResolution <= MAX_WIDTH && info->VerticalResolution <= MAX_HEIGHT &&
		    info->HorizontalResolution * info->VerticalResolution > best_area) {
			best_area = info->HorizontalResolution * info->VerticalResolution;
			best = i;
		}
		(void)e->bs->FreePool(info);
	}
	return best;
}

static bool try_gop(struct pod_efi *e, EFI_GRAPHICS_OUTPUT_PROTOCOL *gop)
{
	uint32_t before, mode;

	if (!gop->Mode || !gop->Mode->Info)
		return false;
	before = gop->Mode->Mode;
	mode = best_mode(e, gop);
	if (mode != before && EFI_ERROR(gop->SetMode(gop, mode)))
		mode = before;
	if (!usable(gop)) {
		if (mode != before)
			(void)gop->SetMode(gop, before);
		return false;
	}
	e->gop = gop;
	e->gop_mode_before = before;
	e->gop_mode_ours = mode;
	e->fw.fb.base = (uint8_t *)(uintptr_t)gop->Mode->FrameBufferBase;
	e->fw.fb.width = gop->Mode->Info->HorizontalResolution;
	e->fw.fb.height = gop->Mode->Info->VerticalResolution;
	e->fw.fb.pitch_bytes = gop->Mode->Info->PixelsPerScanLine * 4;
	e->fw.fb.bgr = gop->Mode->Info->PixelFormat == PixelBlueGreenRedReserved8BitPerColor;
	return true;
}

/* The console's own GOP first: with several screens it is the one the user looks at. It may be a splitter that can only
 * Blt; then the first real one that is linear. */
static bool take_graphics(struct pod_efi *e)
{
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = NULL;
	EFI_HANDLE *h = NULL;
	UINTN n = 0;
	bool ok = false;

	if (e->st->ConsoleOutHandle && !EFI_ERROR(e->bs->HandleProtocol(e->st->ConsoleOutHandle, &guid_gop, (void **)&gop)) &&
	    gop && try_gop(e, gop))
		return true;
	if (EFI_ERROR(e->bs->LocateHandleBuffer(ByProtocol, &guid_gop, NULL, &n, &h)))
		return false;
	for (UINTN i = 0; i < n && !ok; i++)
		ok = h[i] != e->st->ConsoleOutHandle && !EFI_ERROR(e->bs->HandleProtocol(h[i], &guid_gop, (void **)&gop)) &&
		     gop && try_gop(e, gop);
	(void)e->bs->FreePool(h);
	return ok;
}

static bool path_has_uart(const EFI_DEVICE_PATH_PROTOCOL *p)
{
	if (pod_efi_path_len(p) == 0)
		return false;
	for (; (p->Type & 0x7F) != END_DEVICE_PATH_TYPE; p = pod_efi_path_next(p))
		if (pod_efi_path_is(p, MESSAGING_DEVICE_PATH, MSG_UART_DP))
			return true;
	return false;
}

/* Does the text console show anywhere but on a serial port? The splitter itself has no device path. */
static bool text_is_visible(struct pod_efi *e)
{
	EFI_HANDLE *h = NULL;
	UINTN n = 0, serial = 0, other = 0;

	if (EFI_ERROR(e->bs->LocateHandleBuffer(ByProtocol, &guid_text_out, NULL, &n, &h)))
		return true;
	for (UINTN i = 0; i < n; i++) {
		EFI_DEVICE_PATH_PROTOCOL *p = NULL;

		if (EFI_ERROR(e->bs->HandleProtocol(h[i], &pod_efi_guid_device_path, (void **)&p)) || !p)
			continue;
		if (path_has_uart(p))
			serial++;
		else
			other++;
	}
	(void)e->bs->FreePool(h);
	/* No handle with a path at all: an odd firmware; write to ConOut rather than to nobody. */
	return other > 0 || serial == 0;
}

void pod_efi_console_flush(struct pod_efi *e)
{
	EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *out = e->st->ConOut;

	if (!e->run_len)
		return;
	e->run[e->run_len] = 0;
	(void)out->SetCursorPosition(out, e->run_col, e->run_row);
	(void)out->SetAttribute(out, e->run_attr & 0x7Fu);
	(void)out->OutputString(out, e->run);
	e->run_len = 0;
}

/* What the text console can show of a code point. Latin-1 and the box drawing, block and arrow characters of clause
 * 12.4.1 ("required Unicode drawing symbols") are always there; for the rest the console is asked. */
static CHAR16 text_char(struct pod_efi *e, uint32_t cp)
{
	CHAR16 s[2] = {(CHAR16)cp, 0};

	if (pod_text_hidden(cp) || cp > 0xFFFF || (cp >= 0xD800 && cp < 0xE000))
		return u'?';
	if (cp < 0x100)
		return s[0];
	return EFI_ERROR(e->st->ConOut->TestString(e->st->ConOut, s)) ? u'?' : s[0];
}

static bool text_has(struct pod_fw *fw, uint32_t cp)
{
	return cp == '?' || text_char(pod_efi_of(fw), cp) != u'?';
}

/* Cells are collected into runs of one row and attribute: one call per cell makes a serial or remote console crawl. */
static void text_put(struct pod_fw *fw, uint32_t col, uint32_t row, uint32_t cp, uint8_t attr)
{
	struct pod_efi *e = pod_efi_of(fw);

	/* Writing to the last cell scrolls the screen (clause 12.4.3). */
	if (col >= fw->text_cols || row >= fw->text_rows || (col == fw->text_cols - 1 && row == fw->text_rows - 1))
		return;
	if (e->run_len && (row != e->run_row || col != e->run_col + e->run_len || attr != e->run_attr ||
			   e->run_len + 1 >= POD_ARRAY_LEN(e->run)))
		pod_efi_console_flush(e);
	if (!e->run_len) {
		e->run_row = row;
		e->run_col = col;
		e->run_attr = attr;
	}
	e->run[e->run_len++] = text_char(e, cp);
}

void pod_efi_console_take(struct pod_efi *e)
{
	EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *out = e->st->ConOut;

	memset(&e->fw.fb, 0, sizeof(e->fw.fb));
	e->fw.text_cols = e->fw.text_rows = 0;
	e->fw.text_put = text_put;
	e->fw.text_has = text_has;
	e->gop = NULL;
	e->run_len = 0;
	if (out && out->Mode) {
		e->text_mode_before = out->Mode->Mode;
		e->text_attr_before = out->Mode->Attribute;
		e->cursor_before = out->Mode->CursorVisible;
	}
	if (take_graphics(e)) {
		/* A blinking cursor would be drawn into our picture. Asked for only if it is on: the call reaches the serial
		 * port. */
		if (out && out->Mode && e->cursor_before)
			(void)out->EnableCursor(out, 0);
		return;
	}
	if (out && out->Mode && text_is_visible(e)) {
		UINTN cols = 0, rows = 0;

		if (out->Mode->Mode < 0 || EFI_ERROR(out->QueryMode(out, (UINTN)out->Mode->Mode, &cols, &rows)) || cols < 40 ||
		    rows < 10)
			cols = 80, rows = 25; /* mode 0, which clause 12.4.1 demands */
		e->fw.text_cols = (uint32_t)cols;
		e->fw.text_rows = (uint32_t)rows;
		if (e->cursor_before)
			(void)out->EnableCursor(out, 0);
		/* What the firmware or a loader left there: the menu draws only its own cells. */
		(void)out->SetAttribute(out, 0x07);
		(void)out->ClearScreen(out);
	}
}

void pod_efi_console_give_back(struct pod_efi *e)
{
	EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *out = e->st->ConOut;

	pod_efi_console_flush(e);
	if (e->gop && e->gop->Mode->Mode != e->gop_mode_before)
		(void)e->gop->SetMode(e->gop, e->gop_mode_before);
	if (!out || !out->Mode)
		return;
	if (e->text_mode_before >= 0 && out->Mode->Mode != e->text_mode_before)
		(void)out->SetMode(out, (UINTN)e->text_mode_before);
	(void)out->SetAttribute(out, (UINTN)e->text_attr_before);
	(void)out->ClearScreen(out);
	if (e->cursor_before)
		(void)out->EnableCursor(out, 1);
}
