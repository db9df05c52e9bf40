/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the firmware enters: the stack cookie is set here, before any function that has one runs; and what is said when one is
 * overwritten. */
#include "boot/efi/efi.h"
#include "boot/lib/cookie.h"
#include "boot/text/text.h"

#define RESTART_SECONDS 30u

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

static EFI_SYSTEM_TABLE *table;

/* The firmware's random numbers if it has any (UEFI 2.10 clause 37.5), and in any case the time and where we were loaded. */
static uint64_t seed(EFI_SYSTEM_TABLE *st)
{
	static const EFI_GUID guid_rng = EFI_RNG_PROTOCOL_GUID;
	uint64_t value = 0;
	EFI_RNG_PROTOCOL *rng = 0;

	if (!EFI_ERROR(st->BootServices->LocateProtocol(&guid_rng, 0, (void **)&rng)) && rng)
		(void)rng->GetRNG(rng, 0, sizeof(value), (uint8_t *)&value);
	return value ^ pod_efi_ticks() ^ (uint64_t)(uintptr_t)&value << 32 ^ (uint64_t)(uintptr_t)&rng;
}

/* One cookie for all that runs below: set before the call, and this function itself has none. */
__attribute__((no_stack_protector)) EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	table = st;
	pod_cookie_seed(seed(st));
	return pod_efi_run(image, st);
}

/* Uses no more of the program than it must: what failed may be anything. */
_Noreturn void pod_stack_overwritten(void)
{
	EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *out = table->ConOut;

	if (out) {
		(void)out->SetAttribute(out, 0x4f);
		(void)out->OutputString(out, PLAIN_(u"\r\nIsopod stopped: its stack was overwritten, a fault in Isopod.\r\n"
						    u"The computer restarts in 30 seconds.\r\n"));
	}
	(void)table->BootServices->Stall(RESTART_SECONDS * 1000000u);
	table->RuntimeServices->ResetSystem(EfiResetCold, EFI_ABORTED, 0, 0);
	for (;;)
		;
}
