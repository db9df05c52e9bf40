/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EFI programs (PE/COFF, Microsoft specification revision 11, clauses 3 and 4) and the removable-media loaders
 * (UEFI 2.10 clause 3.5.1.1).
 *
 *   MZ header      +0 2 "MZ", +60 4 offset of the PE header
 *   PE header      +0 4 "PE" 00 00, +4 2 machine, +20 2 size of the optional header
 *   optional       +24 2 magic 10Bh PE32 / 20Bh PE32+, +92 2 subsystem: 10 EFI application, 11 and 12 drivers
 */
#include "core/image/internal.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

static const struct {
	uint32_t bit;
	uint16_t machine;
	const char *file;
	const char *path;
} loaders[] = {
	{POD_FW_X64, 0x8664, "BOOTX64.EFI", "EFI/BOOT/BOOTX64.EFI"},
	{POD_FW_IA32, 0x014C, "BOOTIA32.EFI", "EFI/BOOT/BOOTIA32.EFI"},
	{POD_FW_AA64, 0xAA64, "BOOTAA64.EFI", "EFI/BOOT/BOOTAA64.EFI"},
};

const char *pod_efi_loader_path(uint32_t firmware_bit)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(loaders); i++)
		if (loaders[i].bit == firmware_bit)
			return loaders[i].path;
	return NULL;
}

enum pod_status image_efi_loaders(struct probe *p, struct pod_fs *fs, uint32_t *firmware)
{
	struct pod_node node;
	struct pod_dir dir;
	*firmware = 0;
	enum pod_status st = pod_fs_lookup(fs, "EFI/BOOT", &node, &p->dirent);
	if (st == POD_OK)
		st = node.is_dir ? pod_dir_open(&dir, fs, &node) : POD_END;
	while (st == POD_OK) {
		st = pod_dir_next(&dir, &p->dirent);
		for (size_t i = 0; st == POD_OK && i < POD_ARRAY_LEN(loaders); i++)
			if (!p->dirent.node.is_dir && p->dirent.node.size_bytes &&
			    pod_strcasecmp(p->dirent.name, loaders[i].file) == 0)
				*firmware |= loaders[i].bit;
	}
	return st == POD_E_IO || st == POD_E_NOMEM ? st : POD_OK;
}

enum pod_status image_efi_in_fat(struct probe *p, uint64_t start, uint64_t len, uint32_t *firmware, bool *fat)
{
	struct pod_window w;
	struct pod_fs fs;
	*firmware = 0;
	if (fat)
		*fat = false;
	enum pod_status st = pod_window_init(&w, p->dev, start, len);
	if (st == POD_OK)
		st = pod_fs_open_as(&fs, &pod_fs_fat, &w.dev, p->alloc, NULL);
	if (st != POD_OK)
		return st == POD_E_IO || st == POD_E_NOMEM ? st : POD_OK;
	if (fat)
		*fat = true;
	st = image_efi_loaders(p, &fs, firmware);
	pod_fs_close(&fs);
	return st;
}

enum pod_status image_probe_efi(struct probe *p)
{
	if (p->head[0] != 'M' || p->head[1] != 'Z')
		return POD_E_FORMAT;
	uint32_t at = pod_get_le32(p->head + 60);
	uint8_t *pe = p->buf;
	if (!pod_in_range(at, 94, p->dev->size_bytes))
		return POD_E_FORMAT;
	if (at <= PROBE_HEAD - 94)
		pe = p->head + at;
	else
		POD_TRY(pod_dev_read(p->dev, at, pe, 94));
	uint16_t magic = pod_get_le16(pe + 24);
	if (memcmp(pe, "PE\0\0", 4) != 0 || (magic != 0x10B && magic != 0x20B) || pod_get_le16(pe + 20) < 70 ||
	    pod_get_le16(pe + 92) != 10)
		return POD_E_FORMAT;
	for (size_t i = 0; i < POD_ARRAY_LEN(loaders); i++)
		if (pod_get_le16(pe + 4) == loaders[i].machine)
			p->out->firmware = loaders[i].bit;
	p->out->kind = POD_IMAGE_EFI;
	return POD_OK;
}
