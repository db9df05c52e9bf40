/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a loader prints: while it runs, the calls of the console that print (UEFI 2.10 clause 12.4) lead through here, are passed on
 * unchanged, and what was printed is kept for the flight recorder. As in running.c the calls are replaced in place, in the
 * protocol that the system table names, so that a loader which compares handles or protocols sees nothing new. What is drawn into the
 * frame buffer, as GRUB's gfxterm and Windows do, is not seen.
 */
#include "boot/efi/efi.h"

/* The calls have no argument that could lead here. */
static struct {
	EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *out; /* NULL: nobody listens */
	EFI_STATUS (*output)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *, const CHAR16 *);
	EFI_STATUS (*clear)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *);
	EFI_STATUS (*move)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *, UINTN, UINTN);
	struct pod_screen screen;
} ear;

static EFI_STATUS output_string(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, const CHAR16 *String)
{
	if (ear.out == This && String)
		for (const CHAR16 *p = String; *p; p++)
			if (*p != u'\b')
				pod_screen_put(&ear.screen, *p);
	return ear.output(This, String);
}

static EFI_STATUS clear_screen(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This)
{
	if (ear.out == This)
		pod_screen_break(&ear.screen);
	return ear.clear(This);
}

static EFI_STATUS set_cursor(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, UINTN Column, UINTN Row)
{
	if (ear.out == This && This->Mode && Row != (UINTN)This->Mode->CursorRow)
		pod_screen_break(&ear.screen);
	return ear.move(This, Column, Row);
}

void pod_efi_listen_begin(struct pod_efi *e)
{
	EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *out = e->st->ConOut;

	pod_screen_clear(&ear.screen);
	ear.out = out;
	if (!out || out->OutputString == output_string || out->ClearScreen == clear_screen ||
	    out->SetCursorPosition == set_cursor)
		return; /* still ours: somebody hooked on top of them, and forgot to leave */
	ear.output = out->OutputString;
	ear.clear = out->ClearScreen;
	ear.move = out->SetCursorPosition;
	out->OutputString = output_string;
	out->ClearScreen = clear_screen;
	out->SetCursorPosition = set_cursor;
}

struct pod_screen *pod_efi_listen_screen(void)
{
	return &ear.screen;
}

/* Calls that somebody hooked on top of go on through here, and nothing is kept. */
void pod_efi_listen_end(void)
{
	EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *out = ear.out;

	ear.out = NULL;
	if (!out)
		return;
	if (out->OutputString == output_string)
		out->OutputString = ear.output;
	if (out->ClearScreen == clear_screen)
		out->ClearScreen = ear.clear;
	if (out->SetCursorPosition == set_cursor)
		out->SetCursorPosition = ear.move;
}
