/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot.sdi: the empty volume that Windows' boot manager lays a WIM over when it makes a ramdisk of it.
 *
 *   +0x000  8   "$SDI0001"
 *   +0x070  8   2
 *   +0x1F8  1   makes the bytes 0 to 0x1FF sum to 0
 *   +0x400 64   "PART", u64 0 @0x08, u64 offset of the volume @0x10, u64 its length @0x18, u64 7 (type of an NTFS partition) @0x20
 *   +0x440 64   "WIM", u64 offset @0x50 behind the volume, u64 length 0: the boot manager puts its WIM there
 *   +0x2000     the volume
 */
#ifndef POD_WIM_SDI_H
#define POD_WIM_SDI_H

#include "core/base/status.h"

#define POD_SDI_HEAD 0x2000u

/* Fills in the head for a volume of `volume_bytes`, which follows it, and returns the length of the whole file: the volume is padded
 * with zeros up to there. */
uint64_t pod_sdi_head(uint8_t head[POD_SDI_HEAD], uint64_t volume_bytes);

#endif
