/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device paths, UEFI 2.10 clause 10: a chain of nodes { type, subtype, length (16 bits, incl. the 4 bytes of header) },
 * closed by the node 7F FF. Firmware hands them out byte-packed, so lengths are read byte by byte.
 */
#include "boot/efi/efi.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

/* A path longer than this is a loop or garbage. */
#define PATH_LIMIT 65536u

const EFI_GUID pod_efi_guid_block_io = EFI_BLOCK_IO_PROTOCOL_GUID;
const EFI_GUID pod_efi_guid_device_path = EFI_DEVICE_PATH_PROTOCOL_GUID;
const EFI_GUID pod_efi_guid_global = EFI_GLOBAL_VARIABLE;
const EFI_GUID pod_efi_guid_loaded_image = EFI_LOADED_IMAGE_PROTOCOL_GUID;
const EFI_GUID pod_efi_guid_sfs = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;

static size_t node_len(const EFI_DEVICE_PATH_PROTOCOL *p)
{
	return pod_get_le16(p->Length);
}

const EFI_DEVICE_PATH_PROTOCOL *pod_efi_path_next(const EFI_DEVICE_PATH_PROTOCOL *p)
{
	return (const EFI_DEVICE_PATH_PROTOCOL *)((const uint8_t *)p + node_len(p));
}

bool pod_efi_path_is(const EFI_DEVICE_PATH_PROTOCOL *p, uint8_t type, uint8_t subtype)
{
	return p->Type == type && p->SubType == subtype;
}

/* Some firmware ends paths with type FF instead of 7F (EFI 1.02 allowed both). */
static bool is_end(const EFI_DEVICE_PATH_PROTOCOL *p)
{
	return (p->Type & 0x7F) == END_DEVICE_PATH_TYPE;
}

size_t pod_efi_path_len(const EFI_DEVICE_PATH_PROTOCOL *p)
{
	size_t len = 0;

	for (; !is_end(p); p = pod_efi_path_next(p)) {
		if (node_len(p) < sizeof(*p) || len + node_len(p) > PATH_LIMIT)
			return 0;
		len += node_len(p);
	}
	return len;
}

bool pod_efi_path_extends(const EFI_DEVICE_PATH_PROTOCOL *p, const EFI_DEVICE_PATH_PROTOCOL *prefix,
			  const EFI_DEVICE_PATH_PROTOCOL **rest)
{
	size_t len = pod_efi_path_len(p), prefix_len = pod_efi_path_len(prefix);

	if (prefix_len == 0 || prefix_len > len || memcmp(p, prefix, prefix_len) != 0)
		return false;
	if (rest)
		*rest = (const EFI_DEVICE_PATH_PROTOCOL *)((const uint8_t *)p + prefix_len);
	return true;
}

EFI_DEVICE_PATH_PROTOCOL *pod_efi_path_append(struct pod_alloc *a, const EFI_DEVICE_PATH_PROTOCOL *base, uint8_t type,
					      uint8_t subtype, const void *data, size_t len)
{
	size_t base_len = base ? pod_efi_path_len(base) : 0;
	uint8_t *p, *q;

	if ((base && !base_len && !is_end(base)) || len + sizeof(EFI_DEVICE_PATH_PROTOCOL) > UINT16_MAX ||
	    base_len + len + sizeof(EFI_DEVICE_PATH_PROTOCOL) > PATH_LIMIT)
		return NULL;
	p = a->alloc(a, base_len + len + 2 * sizeof(EFI_DEVICE_PATH_PROTOCOL));
	if (!p)
		return NULL;
	if (base_len)
		memcpy(p, base, base_len);
	q = p + base_len;
	q[0] = type;
	q[1] = subtype;
	pod_put_le16(q + 2, (uint16_t)(len + 4));
	memcpy(q + 4, data, len);
	q += 4 + len;
	q[0] = END_DEVICE_PATH_TYPE;
	q[1] = END_ENTIRE_SUBTYPE;
	pod_put_le16(q + 2, 4);
	return (EFI_DEVICE_PATH_PROTOCOL *)p;
}
