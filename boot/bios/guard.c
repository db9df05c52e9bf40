/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words under both stacks, that of real-mode calls and that of 32-bit code, which are looked at whenever a call into the BIOS
 * comes back: a BIOS that needs more stack than there is, or a recursion of ours, is told instead of whatever would follow.
 */
#include "boot/bios/bios.h"
#include "boot/text/text.h"

#define GUARD_WORDS 16u
#define GUARD_VALUE 0x5ac3964bu

static const char *const name[BIOS_STACKS] = {PLAIN_("real-mode"), PLAIN_("32-bit")};
static uint32_t bottom[BIOS_STACKS]; /* 0: not guarded */

void bios_guard(enum bios_stack which, uint32_t address)
{
	bios_after_call = bios_guard_check;
	bottom[which] = address;
	for (uint32_t i = 0; i < GUARD_WORDS; i++)
		pod_put_le32(bios_ptr(address + 4 * i), GUARD_VALUE ^ i);
}

static bool whole(uint32_t address)
{
	for (uint32_t i = 0; i < GUARD_WORDS; i++)
		if (bios_peek32(address + 4 * i) != (GUARD_VALUE ^ i))
			return false;
	return true;
}

void bios_guard_check(void)
{
	for (uint32_t i = 0; i < BIOS_STACKS; i++) {
		if (!bottom[i] || whole(bottom[i]))
			continue;
		char line[80];
		memset(bottom, 0, sizeof bottom); /* what follows calls the BIOS */
		pod_snprintf(line, sizeof line, PLAIN_("Isopod stopped: the %s stack ran over."), name[i]);
		bios_stop(&(const char *){line}, 1);
	}
}
