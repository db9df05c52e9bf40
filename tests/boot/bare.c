/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least that a UEFI firmware can start: prints two words. What bench.py subtracts as the firmware's own time.
 * Built without any header: EFI_SYSTEM_TABLE has ConOut at offset 64 (64 bit), OutputString is the second function there
 * (UEFI specification 2.10, 4.3 and 12.4).
 */
typedef unsigned long long efi_status;
typedef efi_status (*output_string)(void *self, const unsigned short *text);

efi_status efi_main(void *image, unsigned char *system_table);

efi_status efi_main(void *image, unsigned char *system_table)
{
	static const unsigned short text[] = u"bare firmware\r\n";
	void **out = *(void ***)(void *)(system_table + 64);

	(void)image;
	((output_string)out[1])(out, text);
	for (;;)
		__asm__ volatile("hlt");
}
