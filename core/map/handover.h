/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /isopod/map: what the boot manager tells the initramfs shim about where the image lies.
 * One flat little-endian record; written by core/plan, read by linux/. See doc/FORMATS/handover.md.
 *
 *   +0x00  8  magic "ISOPODH2"
 *   +0x08  4  total length in bytes
 *   +0x0C  4  CRC-32 of the record with this field zero
 *   +0x10  4  flags (POD_HO_*)
 *   +0x14  4  disk signature (MBR, offset 0x1B8)
 *   +0x18 16  GPT disk GUID, or zeros
 *   +0x28  8  data partition: first byte on the disk
 *   +0x30  8  data partition: length in bytes
 *   +0x38  4  data partition: number (1-based)
 *   +0x3C  4  data volume serial number (exFAT VolumeSerialNumber, FAT volume ID)
 *   +0x40  4  logical sector size of the stick in bytes
 *   +0x44  4  CRC-32 of the image's 2048 bytes at image offset 32768 (the ISO's first volume descriptor), 0 if
 *             the image is shorter
 *   +0x48  8  image size in bytes
 *   +0x50  4  number of extents
 *   +0x54  4  offset of the path in this record
 *   +0x58  4  length of the path in bytes (UTF-8, not terminated)
 *   +0x5C  4  zero
 *   +0x60  8  the flight recorder's state file: first byte on the disk; 0 = nothing is recorded
 *   +0x68  4  its length in bytes
 *   +0x6C  4  number of this boot in it (core/trace/record.h)
 *   +0x70  4  offset of the chunks in this record, a multiple of 8; 0 = there are none
 *   +0x74  4  their length in bytes, a multiple of 8
 *   +0x78  8  zero
 *   +0x80     extents: 16 bytes each, { u64 first byte on the disk, u64 length in bytes }, in image order
 *
 * A chunk is { u32 type, u32 length of what follows, bytes, zeros to a multiple of 8 }. One type comes once. Whoever does not know a
 * type passes over it: what the older shim would do without it must still be right.
 *
 * POD_HO_CHUNK_DISK: the image is a disk, or a file that holds one; the system is shown that disk.
 *   +0x00  8  its size in bytes, a multiple of 512
 *   +0x08  4  its sector size in bytes
 *   +0x0C  4  flags (POD_HO_DISK_*)
 *   +0x10  4  number of segments, 1 to POD_HO_DISK_SEG_MAX
 *   +0x14  4  zero
 *   +0x18     segments: 16 bytes each, { u64 first byte on the stick, 0: zeros, u64 length in bytes }, in the disk's order; both are
 *             multiples of 512, what lies on the stick lies in the data partition, and the lengths add up to the size
 *
 * POD_HO_CHUNK_COW: what is written to that disk is kept on the stick, as device-mapper's persistent snapshots keep it.
 *   +0x00  8  the store's first byte on the stick
 *   +0x08  8  its length in bytes; both multiples of 512
 *   +0x10  4  sectors of a chunk
 *   +0x14  4  zero
 */
#ifndef POD_MAP_HANDOVER_H
#define POD_MAP_HANDOVER_H

#define POD_HO_MAGIC	   "ISOPODH2"
#define POD_HO_HEADER_SIZE 0x80u
#define POD_HO_EXTENT_SIZE 16u
#define POD_HO_EXTENT_MAX  65536u
#define POD_HO_CHUNK_HEAD  8u
#define POD_HO_CHUNKS_MAX  (2u << 20) /* bytes of all of them */

#define POD_HO_DISK_HEAD    0x18u
#define POD_HO_DISK_SEG_MAX 65536u
#define POD_HO_PERSIST_SIZE 16u
#define POD_HO_COW_SIZE	    0x18u

/* Types of chunks. */
enum pod_ho_chunk {
	POD_HO_CHUNK_DISK = 0x4b534944, /* "DISK" */
	/* { u64 first byte on the disk, u64 length in bytes } of a persistence file: shown as a further partition, to be written to */
	POD_HO_CHUNK_PERSIST = 16,
	POD_HO_CHUNK_COW = 17,
};

enum {
	POD_HO_DISK_WRITE = 1u << 0, /* what the system writes goes into the image; else into an overlay */
};

enum {
	POD_HO_GPT = 1u << 0, /* the GUID counts, not only the signature */
};

#endif
