/* SPDX-License-Identifier: BSD-2-Clause */
/* The UEFI port's disk code against a firmware that insists on every rule of EFI_BLOCK_IO_PROTOCOL (UEFI 2.10 clause 13.9). */
#include "tests/unit/test.h"
#include "boot/efi/devpath.c"
#include "boot/efi/disk.c"
#include "boot/efi/vdisk.c"

/* --- a strict firmware --- */

struct fw_disk {
	EFI_BLOCK_IO_PROTOCOL bio;
	EFI_BLOCK_IO_MEDIA media;
	uint8_t *data;
	size_t max_call;  /* longer calls fail */
	EFI_LBA bad_lba;  /* a block that cannot be read; UINT64_MAX: none */
	unsigned bad_for; /* so many calls; 0: for good */
	unsigned calls, misuse, writes;
};

static EFI_STATUS check_args(struct fw_disk *f, uint32_t id, EFI_LBA lba, UINTN len, const void *buf)
{
	f->calls++;
	if (!f->media.MediaPresent)
		return EFI_NO_MEDIA;
	if (id != f->media.MediaId)
		return EFI_MEDIA_CHANGED;
	if (len == 0 || len % f->media.BlockSize || lba > f->media.LastBlock ||
	    len / f->media.BlockSize > f->media.LastBlock + 1 - lba ||
	    (f->media.IoAlign > 1 && (uintptr_t)buf % f->media.IoAlign)) {
		f->misuse++;
		return EFI_INVALID_PARAMETER;
	}
	if (len > f->max_call)
		return EFI_DEVICE_ERROR;
	if (f->bad_lba >= lba && f->bad_lba - lba < len / f->media.BlockSize) {
		if (f->bad_for && --f->bad_for == 0)
			f->bad_lba = UINT64_MAX;
		return EFI_DEVICE_ERROR;
	}
	return EFI_SUCCESS;
}

static EFI_STATUS fw_read(EFI_BLOCK_IO_PROTOCOL *This, uint32_t id, EFI_LBA lba, UINTN len, void *buf)
{
	struct fw_disk *f = (struct fw_disk *)This;
	EFI_STATUS st = check_args(f, id, lba, len, buf);

	if (!EFI_ERROR(st))
		memcpy(buf, f->data + lba * f->media.BlockSize, len);
	return st;
}

static EFI_STATUS fw_write(EFI_BLOCK_IO_PROTOCOL *This, uint32_t id, EFI_LBA lba, UINTN len, const void *buf)
{
	struct fw_disk *f = (struct fw_disk *)This;
	EFI_STATUS st = check_args(f, id, lba, len, buf);

	f->writes++;
	if (!EFI_ERROR(st))
		memcpy(f->data + lba * f->media.BlockSize, buf, len);
	return st;
}

static EFI_STATUS fw_flush(EFI_BLOCK_IO_PROTOCOL *This)
{
	(void)This;
	return EFI_SUCCESS;
}

#define DISK_BYTES (4u << 20)

static void fw_init(struct fw_disk *f, uint32_t block, uint32_t align)
{
	memset(f, 0, sizeof(*f));
	f->bio.Media = &f->media;
	f->bio.ReadBlocks = fw_read;
	f->bio.WriteBlocks = fw_write;
	f->bio.FlushBlocks = fw_flush;
	f->media.MediaId = 7;
	f->media.MediaPresent = 1;
	f->media.BlockSize = block;
	f->media.IoAlign = align;
	f->media.LastBlock = DISK_BYTES / block - 1;
	f->max_call = SIZE_MAX;
	f->bad_lba = UINT64_MAX;
	f->data = malloc(DISK_BYTES);
	for (uint32_t i = 0; i < DISK_BYTES; i++)
		f->data[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

static uint8_t *bounce_new(void)
{
	return aligned_alloc(4096, POD_EFI_BOUNCE);
}

/* --- the disk --- */

static const uint64_t offsets[] = {0, 1, 511, 512, 513, 2047, 2048, 4095, 4096, 65535, 65536, 100000, 1048575, 1048577};
static const size_t lengths[] = {1, 3, 511, 512, 513, 2048, 4096, 4097, 65536, 65537, 131071, 1048576, 1048577, 2000000};

TEST(reads_at_any_place_length_and_alignment)
{
	static const uint32_t blocks[] = {512, 2048, 4096}, aligns[] = {0, 1, 2, 4, 64, 512, 4096, 3, 65536};
	uint8_t *mem = aligned_alloc(4096, DISK_BYTES);

	for (size_t b = 0; b < POD_ARRAY_LEN(blocks); b++)
		for (size_t a = 0; a < POD_ARRAY_LEN(aligns); a++) {
			struct fw_disk f;
			struct pod_efi_disk d;
			uint8_t *bounce = bounce_new();

			/* 3 and 65536 are nonsense a firmware may say but cannot mean. */
			fw_init(&f, blocks[b], aligns[a]);
			if (aligns[a] == 3 || aligns[a] == 65536)
				f.media.IoAlign = aligns[a];
			REQUIRE(pod_efi_disk_open(&d, &f.bio, bounce) == POD_OK);
			if (aligns[a] == 3 || aligns[a] == 65536)
				f.media.IoAlign = 4096, f.misuse = 0;
			CHECK_EQ(d.dev.size_bytes, DISK_BYTES);
			for (size_t o = 0; o < POD_ARRAY_LEN(offsets); o++)
				for (size_t l = 0; l < POD_ARRAY_LEN(lengths); l++)
					for (size_t shift = 0; shift < 5; shift += 1 + shift * 2) {
						size_t len = lengths[l];

						memset(mem + shift, 0xEE, len + 1);
						CHECK(pod_dev_read(&d.dev, offsets[o], mem + shift, len) == POD_OK);
						CHECK(memcmp(mem + shift, f.data + offsets[o], len) == 0);
						CHECK_EQ(mem[shift + len], 0xEE);
					}
			CHECK_EQ(f.misuse, 0);
			free(f.data);
			free(bounce);
		}
	free(mem);
}

TEST(one_call_for_a_contiguous_aligned_read)
{
	struct fw_disk f;
	struct pod_efi_disk d;
	uint8_t *bounce = bounce_new(), *mem = aligned_alloc(4096, 1 << 20);

	fw_init(&f, 512, 4);
	REQUIRE(pod_efi_disk_open(&d, &f.bio, bounce) == POD_OK);
	f.calls = 0;
	CHECK(pod_dev_read(&d.dev, 2048, mem, 1 << 20) == POD_OK);
	CHECK_EQ(f.calls, 1);
	f.calls = 0;
	CHECK(pod_dev_read(&d.dev, 100, mem, 3000) == POD_OK); /* ragged at both ends: still one */
	CHECK_EQ(f.calls, 1);
	free(f.data);
	free(bounce);
	free(mem);
}

TEST(long_calls_that_fail_are_cut)
{
	struct fw_disk f;
	struct pod_efi_disk d;
	uint8_t *bounce = bounce_new(), *mem = malloc(1 << 20);

	fw_init(&f, 512, 0);
	f.max_call = 65535;
	REQUIRE(pod_efi_disk_open(&d, &f.bio, bounce) == POD_OK);
	CHECK(pod_dev_read(&d.dev, 0, mem, 1 << 20) == POD_OK);
	CHECK(memcmp(mem, f.data, 1 << 20) == 0);
	free(f.data);
	free(bounce);
	free(mem);
}

TEST(a_bad_block_is_a_read_error_and_only_that_block)
{
	struct fw_disk f;
	struct pod_efi_disk d;
	uint8_t *bounce = bounce_new(), *mem = malloc(1 << 20);

	fw_init(&f, 512, 0);
	f.bad_lba = 100;
	REQUIRE(pod_efi_disk_open(&d, &f.bio, bounce) == POD_OK);
	CHECK_EQ(pod_dev_read(&d.dev, 0, mem, 1 << 20), POD_E_IO);
	CHECK_EQ(pod_dev_read(&d.dev, 100 * 512 + 5, mem, 1), POD_E_IO);
	CHECK_EQ(pod_dev_read(&d.dev, 0, mem, 100 * 512), POD_OK);
	CHECK_EQ(pod_dev_read(&d.dev, 101 * 512, mem, 1 << 20), POD_OK);
	CHECK_EQ(d.chunk_bytes, 1 << 20);
	CHECK_EQ(pod_dev_read(&d.dev, DISK_BYTES - 1, mem, 2), POD_E_RANGE);
	free(f.data);
	free(bounce);
	free(mem);
}

TEST(what_fails_once_or_twice_is_tried_again)
{
	struct fw_disk f;
	struct pod_efi_disk d;
	uint8_t *bounce = bounce_new(), mem[512];

	fw_init(&f, 512, 0);
	REQUIRE(pod_efi_disk_open(&d, &f.bio, bounce) == POD_OK);
	for (unsigned times = 1; times < 4; times++) {
		f.bad_lba = 100;
		f.bad_for = times;
		CHECK_EQ(pod_dev_read(&d.dev, 100 * 512, mem, 512), times < 3 ? POD_OK : POD_E_IO);
		CHECK_EQ(pod_dev_read(&d.dev, 100 * 512, mem, 512), POD_OK);
		CHECK(memcmp(mem, f.data + 100 * 512, 512) == 0);
	}
	free(f.data);
	free(bounce);
}

TEST(writes_change_exactly_their_bytes)
{
	static const uint32_t blocks[] = {512, 2048, 4096};
	uint8_t *mem = malloc(200000), *want = malloc(DISK_BYTES);

	for (size_t i = 0; i < 200000; i++)
		mem[i] = (uint8_t)(i * 7 + 1);
	for (size_t b = 0; b < POD_ARRAY_LEN(blocks); b++) {
		struct fw_disk f;
		struct pod_efi_disk d;
		uint8_t *bounce = bounce_new();

		fw_init(&f, blocks[b], 512);
		REQUIRE(pod_efi_disk_open(&d, &f.bio, bounce) == POD_OK);
		memcpy(want, f.data, DISK_BYTES);
		for (size_t o = 0; o < POD_ARRAY_LEN(offsets); o++)
			for (size_t l = 0; l < POD_ARRAY_LEN(lengths) && lengths[l] < 200000; l++) {
				CHECK(pod_dev_write(&d.dev, offsets[o], mem, lengths[l]) == POD_OK);
				memcpy(want + offsets[o], mem, lengths[l]);
			}
		CHECK(memcmp(want, f.data, DISK_BYTES) == 0);
		CHECK_EQ(f.misuse, 0);
		free(f.data);
		free(bounce);
	}
	free(mem);
	free(want);
}

TEST(a_new_media_id_is_adopted_only_for_the_same_stick)
{
	struct fw_disk f;
	struct pod_efi_disk d;
	uint8_t *bounce = bounce_new(), *mem = malloc(100000);

	fw_init(&f, 512, 4);
	REQUIRE(pod_efi_disk_open(&d, &f.bio, bounce) == POD_OK);
	f.media.MediaId++;
	CHECK_EQ(pod_dev_read(&d.dev, 512, mem, 100000), POD_OK);
	CHECK(memcmp(mem, f.data + 512, 100000) == 0);
	f.media.MediaId++;
	CHECK_EQ(pod_dev_read(&d.dev, 7, mem, 9), POD_OK);
	CHECK(memcmp(mem, f.data + 7, 9) == 0);
	f.media.MediaId++;
	f.data[0x1B8] ^= 1; /* another disk signature: another stick */
	CHECK_EQ(pod_dev_read(&d.dev, 512, mem, 100000), POD_E_CHANGED);
	CHECK_EQ(pod_dev_read(&d.dev, 7, mem, 9), POD_E_CHANGED);
	CHECK_EQ(pod_dev_write(&d.dev, 512, mem, 512), POD_E_CHANGED);
	f.media.MediaPresent = 0;
	CHECK_EQ(pod_dev_read(&d.dev, 512, mem, 512), POD_E_CHANGED);
	free(f.data);
	free(bounce);
	free(mem);
}

TEST(disks_that_make_no_sense_are_refused)
{
	static const uint32_t blocks[] = {0, 1, 256, 513, 3000, 65536};
	struct fw_disk f;
	struct pod_efi_disk d;
	uint8_t *bounce = bounce_new();

	for (size_t i = 0; i < POD_ARRAY_LEN(blocks); i++) {
		fw_init(&f, 512, 0);
		f.media.BlockSize = blocks[i];
		CHECK_EQ(pod_efi_disk_open(&d, &f.bio, bounce), POD_E_UNSUPPORTED);
		free(f.data);
	}
	fw_init(&f, 512, 0);
	f.media.LastBlock = UINT64_MAX;
	CHECK_EQ(pod_efi_disk_open(&d, &f.bio, bounce), POD_E_UNSUPPORTED);
	f.media.MediaPresent = 0;
	CHECK_EQ(pod_efi_disk_open(&d, &f.bio, bounce), POD_E_CHANGED);
	free(f.data);
	free(bounce);
}

/* --- the virtual disk --- */

static unsigned tpl_depth;

static EFI_TPL raise_tpl(EFI_TPL tpl)
{
	CHECK_EQ(tpl, TPL_CALLBACK);
	tpl_depth++;
	return TPL_APPLICATION;
}

static void restore_tpl(EFI_TPL tpl)
{
	CHECK_EQ(tpl, TPL_APPLICATION);
	tpl_depth--;
}

static void *plain_alloc(struct pod_alloc *a, size_t n)
{
	(void)a;
	return malloc(n);
}

static void plain_release(struct pod_alloc *a, void *p)
{
	(void)a;
	free(p);
}

TEST(the_virtual_disk_checks_arguments_and_serves_the_map)
{
	struct pod_alloc a = {plain_alloc, plain_release, NULL};
	EFI_BOOT_SERVICES bs = {.RaiseTPL = raise_tpl, .RestoreTPL = restore_tpl};
	struct fw_disk f;
	struct pod_efi_disk d;
	struct pod_efi_vdisk v;
	struct pod_map m;
	uint8_t *bounce = bounce_new(), *mem = aligned_alloc(4096, 65536);
	uint64_t off;

	fw_init(&f, 512, 4);
	REQUIRE(pod_efi_disk_open(&d, &f.bio, bounce) == POD_OK);
	pod_map_init(&m, &a);
	REQUIRE(pod_map_append(&m, POD_SEG_DEV, 1 << 20, 10 * 2048) == POD_OK);
	REQUIRE(pod_map_mem(&m, "overlay", 8, &off) == POD_OK);
	REQUIRE(pod_map_append(&m, POD_SEG_MEM, off, 8) == POD_OK);
	REQUIRE(pod_map_append(&m, POD_SEG_ZERO, 0, 2048 - 8 + 100) == POD_OK); /* the last block is ragged */

	struct pod_efi_vdisk_args args = {.map = &m, .stick = &d.dev, .size_bytes = m.size_bytes, .block_size = 2048};
	REQUIRE(pod_efi_vdisk_init(&v, &bs, &a, &args) == POD_OK);
	EFI_BLOCK_IO_PROTOCOL *b = &v.bio;
	uint32_t id = b->Media->MediaId;

	CHECK_EQ(b->Media->LastBlock, 11);
	CHECK(b->ReadBlocks(b, id, 0, 12 * 2048, mem) == EFI_SUCCESS);
	CHECK(memcmp(mem, f.data + (1 << 20), 10 * 2048) == 0);
	CHECK(memcmp(mem + 10 * 2048, "overlay", 8) == 0);
	for (size_t i = 10 * 2048 + 8; i < 12 * 2048; i++)
		CHECK_EQ(mem[i], 0);
	memset(mem, 0xEE, 4096);
	CHECK(b->ReadBlocks(b, id, 11, 2048, mem) == EFI_SUCCESS);
	CHECK(mem[0] == 0 && mem[2047] == 0 && mem[2048] == 0xEE);

	CHECK(b->ReadBlocks(b, id + 1, 0, 2048, mem) == EFI_MEDIA_CHANGED);
	CHECK(b->ReadBlocks(b, id, 0, 2047, mem) == EFI_BAD_BUFFER_SIZE);
	CHECK(b->ReadBlocks(b, id, 0, 2048, NULL) == EFI_INVALID_PARAMETER);
	CHECK(b->ReadBlocks(b, id, 0, 0, mem) == EFI_SUCCESS);
	CHECK(b->ReadBlocks(b, id, 12, 2048, mem) == EFI_INVALID_PARAMETER);
	CHECK(b->ReadBlocks(b, id, 11, 4096, mem) == EFI_INVALID_PARAMETER);
	CHECK(b->ReadBlocks(b, id, UINT64_MAX, 2048, mem) == EFI_INVALID_PARAMETER);
	CHECK(b->ReadBlocks(b, id, UINT64_MAX / 2048 + 1, 2048, mem) == EFI_INVALID_PARAMETER);
	CHECK(b->WriteBlocks(b, id, 0, 2048, mem) == EFI_WRITE_PROTECTED);
	CHECK(b->WriteBlocks(b, id + 1, 0, 2048, mem) == EFI_MEDIA_CHANGED);
	CHECK_EQ(v.read_error, POD_OK);

	f.bad_lba = (1 << 20) / 512 + 8; /* in virtual block 2 */
	CHECK(b->ReadBlocks(b, id, 2, 2048, mem) == EFI_DEVICE_ERROR);
	CHECK_EQ(v.read_error, POD_E_IO);
	CHECK_EQ(v.read_error_bytes, 4096);
	CHECK(b->ReadBlocks(b, id, 3, 2048, mem) == EFI_SUCCESS);
	f.media.MediaPresent = 0;
	CHECK(b->ReadBlocks(b, id, 3, 2048, mem) == EFI_NO_MEDIA);
	CHECK_EQ(tpl_depth, 0);
	CHECK_EQ(f.misuse, 0);

	args.base_bytes = 2 * 2048;
	args.size_bytes = 3 * 2048;
	args.partition = true;
	f.media.MediaPresent = 1;
	f.bad_lba = UINT64_MAX;
	REQUIRE(pod_efi_vdisk_init(&v, &bs, &a, &args) == POD_OK);
	CHECK(v.media.LogicalPartition == 1 && v.media.LastBlock == 2);
	CHECK(b->ReadBlocks(b, id, 1, 2048, mem) == EFI_SUCCESS);
	CHECK(memcmp(mem, f.data + (1 << 20) + 3 * 2048, 2048) == 0);
	CHECK(b->ReadBlocks(b, id, 3, 2048, mem) == EFI_INVALID_PARAMETER);

	args.size_bytes = m.size_bytes;
	CHECK_EQ(pod_efi_vdisk_init(&v, &bs, &a, &args), POD_E_INVALID);
	pod_map_fini(&m);
	free(f.data);
	free(bounce);
	free(mem);
}

/* --- the flight recorder --- */

static uint64_t clock_ms;

static uint64_t fake_millis(struct pod_fw *fw)
{
	(void)fw;
	CHECK_EQ(tpl_depth, 1); /* the clock is shared with the recorder's timer */
	return clock_ms++;
}

TEST(the_virtual_disk_tells_the_recorder)
{
	struct pod_alloc a = {plain_alloc, plain_release, NULL};
	EFI_BOOT_SERVICES bs = {.RaiseTPL = raise_tpl, .RestoreTPL = restore_tpl};
	static struct pod_recorder rec;
	static struct pod_rec_boot boot;
	static uint8_t file[POD_STATE_SIZE];
	struct pod_memdev state;
	struct pod_fw fw = {.millis = fake_millis, .recorder = &rec};
	struct fw_disk f;
	struct pod_efi_disk d;
	struct pod_efi_vdisk v;
	struct pod_map m;
	uint8_t *bounce = bounce_new(), *mem = aligned_alloc(4096, 65536);

	memset(file, 0, sizeof(file));
	pod_memdev_init(&state, file, sizeof(file), 512, false);
	REQUIRE(pod_recorder_open(&rec, &state.dev, &a) == POD_OK);
	struct pod_rec_machine machine = {.firmware = 2};
	pod_recorder_machine(&rec, &machine);
	fw_init(&f, 512, 4);
	REQUIRE(pod_efi_disk_open(&d, &f.bio, bounce) == POD_OK);
	pod_map_init(&m, &a);
	REQUIRE(pod_map_append(&m, POD_SEG_DEV, 1 << 20, 64 * 2048) == POD_OK);
	/* a partition of the virtual disk: what is told are places on the whole disk */
	struct pod_efi_vdisk_args args = {.map = &m,
					  .stick = &d.dev,
					  .base_bytes = 4 * 2048,
					  .size_bytes = 32 * 2048,
					  .block_size = 2048,
					  .fw = &fw,
					  .partition = true};
	REQUIRE(pod_efi_vdisk_init(&v, &bs, &a, &args) == POD_OK);
	EFI_BLOCK_IO_PROTOCOL *b = &v.bio;
	uint32_t id = b->Media->MediaId;

	CHECK(b->ReadBlocks(b, id, 0, 2048, mem) == EFI_SUCCESS);
	CHECK(b->ReadBlocks(b, id, 1, 3 * 2048, mem) == EFI_SUCCESS);
	CHECK(b->ReadBlocks(b, id, 32, 2048, mem) == EFI_INVALID_PARAMETER);
	f.bad_lba = (1 << 20) / 512 + 4 * 14 + 1; /* virtual block 14, block 10 of the partition */
	CHECK(b->ReadBlocks(b, id, 10, 2048, mem) == EFI_DEVICE_ERROR);
	CHECK_EQ(tpl_depth, 0);
	/* an error is on the stick at once */
	REQUIRE(pod_rec_read(&state.dev, &a, 1, &boot) == POD_OK);
	CHECK_EQ(boot.progress.reads, 3);
	CHECK_EQ(boot.progress.bytes, 4 * 2048);
	CHECK_EQ(boot.progress.errors, 1);
	CHECK_EQ(boot.progress.error_off, 14 * 2048);
	CHECK_EQ(boot.progress.error_status, POD_E_IO);
	CHECK_EQ(boot.progress.error_code, 7);
	CHECK_EQ(boot.progress.outside, 1);
	CHECK_EQ(boot.progress.outside_off, 36 * 2048);
	CHECK_EQ(boot.progress.last_off, 14 * 2048);
	/* what fails in the recorder is no failure of the read */
	state.dev.write = NULL;
	f.bad_lba = UINT64_MAX;
	clock_ms += 5000;
	CHECK(b->ReadBlocks(b, id, 20, 2048, mem) == EFI_SUCCESS);
	CHECK(!rec.state);
	CHECK(b->ReadBlocks(b, id, 21, 2048, mem) == EFI_SUCCESS);
	CHECK_EQ(f.misuse, 0);
	pod_map_fini(&m);
	free(f.data);
	free(bounce);
	free(mem);
}

/* --- device paths --- */

TEST(device_paths)
{
	struct pod_alloc a = {plain_alloc, plain_release, NULL};
	static const uint8_t vendor[20] = {1, 2, 3}, cd[20] = {0};
	static const uint8_t broken[8] = {1, 4, 2, 0, 0x7F, 0xFF, 4, 0};
	EFI_DEVICE_PATH_PROTOCOL *disk =
		pod_efi_path_append(&a, NULL, HARDWARE_DEVICE_PATH, HW_VENDOR_DP, vendor, sizeof(vendor));
	EFI_DEVICE_PATH_PROTOCOL *part = pod_efi_path_append(&a, disk, MEDIA_DEVICE_PATH, MEDIA_CDROM_DP, cd, sizeof(cd));
	const EFI_DEVICE_PATH_PROTOCOL *rest = NULL;

	REQUIRE(disk && part);
	CHECK_EQ(pod_efi_path_len(disk), 24);
	CHECK_EQ(pod_efi_path_len(part), 48);
	CHECK(pod_efi_path_extends(part, disk, &rest));
	CHECK(rest && pod_efi_path_is(rest, MEDIA_DEVICE_PATH, MEDIA_CDROM_DP));
	CHECK(pod_efi_path_extends(disk, disk, NULL));
	CHECK(!pod_efi_path_extends(disk, part, NULL));
	CHECK_EQ(pod_efi_path_len((const EFI_DEVICE_PATH_PROTOCOL *)broken), 0);
	CHECK(!pod_efi_path_extends((const EFI_DEVICE_PATH_PROTOCOL *)broken, disk, NULL));
	free(disk);
	free(part);
}
