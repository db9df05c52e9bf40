/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's own disks: each drive but the stick with code in its first sector, which is started as the BIOS does (BIOS Boot Specification
 * 1.01, 6.5.1: at 0:7C00h, DL the drive). The drive keeps the number that the BIOS gave it beside the stick, 81h as a rule.
 */
#include "boot/bios/bios.h"
#include "boot/text/text.h"

enum { SECTOR = 512, CODE_END = 440 };

/* GPT disks that only UEFI starts have zeros there. */
static bool has_code(const uint8_t *s)
{
	return !pod_all_zero(s, CODE_END) && pod_get_le16(s + 510) == 0xaa55;
}

static bool read_first(struct bios_disk *d, uint32_t drive, uint8_t s[SECTOR])
{
	return bios_disk_init(d, (uint8_t)drive) && d->sector_shift == 9 && pod_dev_read(&d->dev, 0, s, SECTOR) == POD_OK &&
	       has_code(s);
}

size_t bios_own_list(struct pod_fw *fw, struct pod_own own[POD_OWN_MAX])
{
	const struct bios_disk *stick = fw->ctx;
	uint8_t s[SECTOR];
	struct bios_disk d;
	char size[16];
	size_t n = 0;
	for (uint32_t drive = BIOS_DRIVE_FIRST; drive <= BIOS_DRIVE_LAST && n < POD_OWN_MAX; drive++) {
		if (drive == stick->drive || !read_first(&d, drive, s))
			continue;
		own[n].id = drive;
		pod_snprintf(own[n++].name, sizeof own->name, FT(fw, "drive %xh, %s"), (unsigned)drive,
			     d.dev.size_bytes == BIOS_SIZE_UNKNOWN ? "?" : pod_format_size(size, d.dev.size_bytes));
	}
	return n;
}

enum pod_status bios_own_start(struct pod_fw *fw, uint32_t id, char *msg, size_t msg_size)
{
	uint8_t s[SECTOR];
	struct bios_disk d;
	struct bios_regs r = {.edx = id};
	if (!read_first(&d, id, s)) {
		(void)pod_strlcpy(msg, FT(fw, "The drive cannot be read any more."), msg_size);
		return POD_E_IO;
	}
	bios_video_text();
	memcpy(bios_ptr(BIOS_BOOT_SECTOR), s, SECTOR);
	bios_far_call(&r, 0, BIOS_BOOT_SECTOR);
	bios_video_init(fw); /* only if that code gave up by a return, which none should */
	(void)pod_strlcpy(msg, FT(fw, "The drive's boot code came back."), msg_size);
	return POD_OK;
}
