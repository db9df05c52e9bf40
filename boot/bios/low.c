/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first 32-bit code of stage 2. All of stage 2 is loaded to 0x10000, since a BIOS reads below 1 MiB only, but just its low part
 * runs there: what enters and leaves real mode, and this. The rest is packed (LZMA, pack.py) and is unpacked to 1 MiB, where it runs.
 * So neither conventional memory nor a slot's length on the stick is what the boot manager has to fit into as it is.
 *
 * Nothing here may refer to the high part, which is not there yet: stage2.ld looks after that.
 */
#include "boot/bios/bios.h"
#include "boot/text/text.h"
#include "core/base/hash.h"
#include "core/base/unpack.h"

#define SCRATCH_SIZE 0x8000u /* the unpacker's, behind the high part */

_Noreturn void bios_low_main(uint32_t drive, bool a20_open);

struct pod_bootcode bios_own;

/* On the screen as the BIOS left it, as the MBR does. */
static _Noreturn void stop(const char *why)
{
	struct bios_regs r;
	for (; *why; why++) {
		r = (struct bios_regs){.eax = 0x0e00u | (uint8_t)*why, .ebx = 7};
		bios_int(&r, 0x10);
	}
	r = (struct bios_regs){0};
	bios_int(&r, 0x16);
	bios_reset();
}

static uint32_t scratch_start(void)
{
	return ((uint32_t)(uintptr_t)high_end + 15) & ~15u;
}

/* The unpacker asks once. */
static void *scratch(struct pod_alloc *a, size_t size)
{
	(void)a;
	return size <= SCRATCH_SIZE ? bios_ptr(scratch_start()) : NULL;
}

static void release(struct pod_alloc *a, void *p)
{
	(void)a;
	(void)p;
}

static bool unpack(void)
{
	struct pod_alloc a = {.alloc = scratch, .release = release};
	size_t packed = BIOS_IMAGE + bios_image_bytes - (uintptr_t)low_end, size = (uintptr_t)high_image_end - BIOS_HIGH, got;
	uint8_t *to = bios_ptr(BIOS_HIGH);
	if (pod_unpack_lzma(&a, low_end, packed, to, size, &got) != POD_OK || got != size ||
	    pod_crc32(0, to, size) != bios_high_crc)
		return false;
	memset(to + size, 0, (uintptr_t)high_end - (uintptr_t)high_image_end);
	return true;
}

_Noreturn void bios_low_main(uint32_t drive, bool a20_open)
{
	/* Before anything writes into the image. */
	bios_own = (struct pod_bootcode){.sectors = bios_image_bytes / POD_BOOTCODE_SECTOR,
					 .sum = pod_bootcode_sum(bios_ptr(BIOS_IMAGE), bios_image_bytes)};
	if (!a20_open)
		stop(PLAIN_("Isopod: this BIOS keeps memory above 1 MiB closed (A20)."));
	bios_memory_map();
	if (!bios_memory_has(BIOS_HIGH, scratch_start() + SCRATCH_SIZE))
		stop(PLAIN_("Isopod: not enough free memory at 1 MiB. It needs 8 MiB in all."));
	if (!unpack())
		stop(PLAIN_("Isopod: stage 2 damaged. Try: isopod update"));
	/* Its first instruction goes to bios_main. */
	((void (*)(uint32_t))(uintptr_t)BIOS_HIGH)(drive);
	__builtin_unreachable();
}
