/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: what the programs of Debian 12 (grub-pc-bin 2.06, grub-efi-amd64-bin, shim 15.8, systemd-boot 252, syslinux 6.04,
 * ipxe 1.0, dosfstools 4.2) and Windows 10's and 11's boot managers hold; Ventoy's bytes as grub-fm's boot record detection
 * names them.
 */
#include <string.h>
#include "cli/doctor/foreign.h"
#include "core/base/status.h"

struct mark {
	const char *name;
	const char *word;
	size_t len;
	bool wide; /* in UTF-16LE */
};
#define WORD(name, word)                                                                                                         \
	{                                                                                                                        \
		name, word, sizeof(word) - 1, false                                                                              \
	}
#define WIDE(name, word)                                                                                                         \
	{                                                                                                                        \
		name, word, sizeof(word) - 1, true                                                                               \
	}

static bool holds(const uint8_t *p, size_t len, const struct mark *m)
{
	size_t step = m->wide ? 2 : 1, need = m->len * step;

	for (size_t i = 0; i + need <= len; i++) {
		size_t k = 0;

		if (p[i] != (uint8_t)m->word[0])
			continue;
		while (k < m->len && p[i + k * step] == (uint8_t)m->word[k] && (!m->wide || p[i + k * step + 1] == 0))
			k++;
		if (k == m->len)
			return true;
	}
	return false;
}

/* The first that fits: what is made of another comes before it. */
static const char *first_of(const uint8_t *p, size_t len, const struct mark *mark, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (holds(p, len, &mark[i]))
			return mark[i].name;
	return NULL;
}

const char *doctor_foreign_mbr(const uint8_t code[440])
{
	static const struct mark mark[] = {
		WORD("Ventoy", "VT\0Ge\0HD"),
		WORD("GRUB", "GRUB \0Geom"),
		WORD("isolinux", "isolinux.bin missing"),
		WORD("syslinux", "Operating system load error."),
		WORD("syslinux", "Missing OS"),
		WORD("Windows", "Invalid partition table\0Error loading operating system"),
		WORD("Windows", "Error loading operating system\0Missing operating system"),
		WORD("mkfs.fat", "This is not a bootable disk."),
		WORD("Windows", "BOOTMGR"),
	};

	return first_of(code, 440, mark, POD_ARRAY_LEN(mark));
}

const char *doctor_foreign_loader(const uint8_t *p, size_t len)
{
	static const struct mark mark[] = {
		WORD("systemd-boot", "LoaderInfo: systemd-boot"),
		WIDE("rEFInd", "rEFInd"),
		WORD("shim", "\nshim,"),
		WIDE("Windows", "bootmgfw"),
		WIDE("Windows", "bootmgr.exe"),
		WORD("GRUB", "\ngrub,"),
		WORD("Ventoy", "ventoy"),
		WORD("GRUB", "grub_"),
		WORD("GRUB", "normal.mod"),
		WORD("iPXE", "iPXE"),
		WORD("memtest86+", "Memtest86+"),
	};
	static const struct mark ours = WORD("Isopod", "ISOPODN1");

	if (holds(p, len, &ours))
		return NULL;
	if (len > 0x206 && memcmp(p + 0x202, "HdrS", 4) == 0)
		return "Linux";
	return first_of(p, len, mark, POD_ARRAY_LEN(mark));
}

bool doctor_all_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}
