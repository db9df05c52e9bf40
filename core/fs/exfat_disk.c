/* SPDX-License-Identifier: BSD-2-Clause */
/* exFAT: boot regions, checksums, timestamps. Layout and clauses: exfat_disk.h. */
#include "core/fs/exfat_disk.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/fs/time.h"

/* --- checksums ---------------------------------------------------------------------------------------- */

uint32_t pod_exfat_table_sum(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = (sum << 31 | sum >> 1) + p[i];
	return sum;
}

uint32_t pod_exfat_boot_sum(uint32_t sum, const uint8_t *p, size_t len, bool first)
{
	for (size_t i = 0; i < len; i++) {
		if (first && (i == 106 || i == 107 || i == 112))
			continue;
		sum = (sum << 31 | sum >> 1) + p[i];
	}
	return sum;
}

static uint16_t sum16(uint16_t sum, uint8_t byte)
{
	return (uint16_t)(((uint32_t)sum << 15 | (uint32_t)sum >> 1) + byte);
}

uint16_t pod_exfat_set_sum(uint16_t sum, const uint8_t *entry, bool first)
{
	for (int i = 0; i < POD_EXFAT_ENTRY_SIZE; i++)
		if (!first || (i != 2 && i != 3))
			sum = sum16(sum, entry[i]);
	return sum;
}

uint16_t pod_exfat_name_hash(const uint16_t *upcased, size_t n)
{
	uint16_t sum = 0;
	for (size_t i = 0; i < n; i++) {
		sum = sum16(sum, (uint8_t)upcased[i]);
		sum = sum16(sum, (uint8_t)(upcased[i] >> 8));
	}
	return sum;
}

/* --- time --------------------------------------------------------------------------------------------- */

/* Days from 1970-01-01 to the first of March of `year` (1972 to 2108), the start of the computational year. */
static int32_t days_to_march(int32_t year)
{
	/* 2000 is the only century in range that is also a leap year; 2100 is not. */
	int32_t leaps = year / 4 - 1972 / 4;
	if (year >= 2100)
		leaps--;
	return (year - 1972) * 365 + leaps + 790; /* 1972-03-01 is day 790 */
}

static const uint16_t march_days[12] = {0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337};

int64_t pod_exfat_to_unix(uint32_t stamp, uint8_t ms10, uint8_t utc_offset)
{
	if (ms10 > 199)
		return 0;
	int64_t t = pod_civil_seconds(1980 + (stamp >> 25), stamp >> 21 & 15, stamp >> 16 & 31, stamp >> 11 & 31, stamp >> 5 & 63,
				      (stamp & 31) * 2);
	if (t == 0)
		return 0;
	t += ms10 >= 100;
	if (utc_offset & 0x80) { /* 7 bits, two's complement, quarter hours east of Greenwich */
		int32_t quarters = utc_offset & 0x7F;
		t -= (int64_t)(quarters < 64 ? quarters : quarters - 128) * 900;
	}
	return t;
}

uint32_t pod_exfat_from_unix(int64_t t, uint8_t *ms10)
{
	const int64_t first = 315532800, last = 4354819199; /* 1980-01-01 00:00:00, 2107-12-31 23:59:59 */
	uint32_t left;
	int32_t days = 0;
	if (t > last)
		t = last;
	if (t < first)
		t = first;
	/* Split by subtraction: 64-bit division is not available on every target. 2^31 s = 24855 days + 11647 s. */
	if (t >= 0x80000000LL) {
		t -= 0x80000000LL;
		days = 24855;
		left = (uint32_t)t + 11648;
	} else {
		left = (uint32_t)t;
	}
	days += (int32_t)(left / 86400);
	left %= 86400;
	int32_t year = 1970 + days / 366;
	while (days_to_march(year + 1) <= days)
		year++;
	if (days_to_march(year) > days)
		year--;
	int32_t in = days - days_to_march(year), m = 11;
	while (march_days[m] > in)
		m--;
	int32_t day = in - march_days[m] + 1, month = m < 10 ? m + 3 : m - 9;
	if (month < 3)
		year++;
	*ms10 = left & 1 ? 100 : 0;
	return (uint32_t)(year - 1980) << 25 | (uint32_t)month << 21 | (uint32_t)day << 16 | (left / 3600) << 11 |
	       (left / 60 % 60) << 5 | (left % 60) / 2;
}

/* --- boot region -------------------------------------------------------------------------------------- */

static bool names_exfat(const uint8_t *b)
{
	static const uint8_t magic[8] = {'E', 'X', 'F', 'A', 'T', ' ', ' ', ' '};
	return memcmp(b + 3, magic, sizeof magic) == 0;
}

/* Checks the fields of one boot sector that lies at `at` and fills `g`. */
static enum pod_status parse(struct pod_dev *dev, const uint8_t *b, uint64_t at, struct pod_exfat_geom *g, struct pod_diag *diag)
{
	if (!names_exfat(b) || pod_get_le16(b + 510) != 0xAA55)
		return pod_fail(diag, POD_E_FORMAT, "FileSystemName", at + 3, 0, 0);
	for (uint32_t i = 11; i < 64; i++)
		if (b[i])
			return pod_fail(diag, POD_E_FORMAT, "MustBeZero", at + i, 0, b[i]);
	if (b[105] != 1)
		return pod_fail(diag, POD_E_UNSUPPORTED, "FileSystemRevision", at + 104, 0x100, pod_get_le16(b + 104));
	uint32_t ss = b[108], sc = b[109];
	if (ss < 9 || ss > 12)
		return pod_fail(diag, POD_E_CORRUPT, "BytesPerSectorShift", at + 108, 9, ss);
	if (sc > 25 - ss)
		return pod_fail(diag, POD_E_CORRUPT, "SectorsPerClusterShift", at + 109, 25 - ss, sc);
	if (b[110] != 1 && b[110] != 2)
		return pod_fail(diag, POD_E_CORRUPT, "NumberOfFats", at + 110, 1, b[110]);
	uint64_t sectors = pod_get_le64(b + 72);
	if (sectors > dev->size_bytes >> ss)
		return pod_fail(diag, POD_E_CORRUPT, "VolumeLength", at + 72, dev->size_bytes >> ss, sectors);
	uint64_t fat = pod_get_le32(b + 80), fat_len = pod_get_le32(b + 84), heap = pod_get_le32(b + 88);
	uint32_t count = pod_get_le32(b + 92), root = pod_get_le32(b + 96);
	if (count == 0 || count > POD_EXFAT_CLUSTER_MAX || heap > sectors || count > (sectors - heap) >> sc)
		return pod_fail(diag, POD_E_CORRUPT, "ClusterCount", at + 92, heap > sectors ? 0 : (sectors - heap) >> sc, count);
	if (fat < 2 * POD_EXFAT_BOOT_SECTORS || !pod_in_range(fat, fat_len * b[110], heap))
		return pod_fail(diag, POD_E_CORRUPT, "FatOffset", at + 80, heap, fat);
	if (fat_len << ss < ((uint64_t)count + 2) * 4)
		return pod_fail(diag, POD_E_CORRUPT, "FatLength", at + 84, (((uint64_t)count + 2) * 4) >> ss, fat_len);
	g->sector_shift = ss;
	g->cluster_shift = ss + sc;
	g->cluster_count = count;
	g->root_cluster = root;
	g->flags = pod_get_le16(b + 106);
	g->fats = b[110];
	if (g->fats == 2 && (g->flags & 1))
		fat += fat_len; /* ActiveFat */
	g->fat_bytes = fat << ss;
	g->fat_len_bytes = fat_len << ss;
	g->heap_bytes = heap << ss;
	g->volume_bytes = sectors << ss;
	g->serial = pod_get_le32(b + 100);
	if (!pod_exfat_cluster_ok(g, root))
		return pod_fail(diag, POD_E_CORRUPT, "FirstClusterOfRootDirectory", at + 96, count + 1, root);
	return POD_OK;
}

struct scratch {
	uint8_t *p;
	size_t len; /* multiple of 512 */
};

/* Reads the region that starts at `at`; `sector_size` 0 = take it from the boot sector. */
static enum pod_status read_region(struct pod_dev *dev, uint64_t at, uint32_t sector_size, struct scratch buf,
				   struct pod_exfat_geom *g, bool *named, struct pod_diag *diag)
{
	enum pod_status st = pod_dev_read(dev, at, buf.p, 512);
	if (st != POD_OK)
		return pod_fail(diag, st, "boot sector", at, 0, 0);
	*named = names_exfat(buf.p);
	st = parse(dev, buf.p, at, g, diag);
	if (st != POD_OK)
		return st;
	if (sector_size && 1u << g->sector_shift != sector_size)
		return pod_fail(diag, POD_E_CORRUPT, "BytesPerSectorShift", at + 108, sector_size, g->sector_shift);
	uint32_t sum = pod_exfat_boot_sum(0, buf.p, 512, true);
	uint64_t pos = at + 512, end = at + (11ull << g->sector_shift);
	while (pos < end) {
		size_t n = (size_t)pod_min_u64(buf.len, end - pos);
		st = pod_dev_read(dev, pos, buf.p, n);
		if (st != POD_OK)
			return pod_fail(diag, st, "boot region", pos, 0, 0);
		sum = pod_exfat_boot_sum(sum, buf.p, n, false);
		pos += n;
	}
	st = pod_dev_read(dev, end, buf.p, 512);
	if (st != POD_OK)
		return pod_fail(diag, st, "BootChecksum", end, 0, 0);
	if (pod_get_le32(buf.p) != sum)
		return pod_fail(diag, POD_E_CORRUPT, "BootChecksum", end, sum, pod_get_le32(buf.p));
	return POD_OK;
}

enum pod_status pod_exfat_read_boot(struct pod_dev *dev, uint8_t *scratch, size_t scratch_len, struct pod_exfat_geom *g,
				    struct pod_diag *diag)
{
	bool named = false, other;
	struct scratch buf = {scratch, scratch_len};
	memset(g, 0, sizeof *g);
	enum pod_status st = read_region(dev, 0, 0, buf, g, &named, diag);
	/* A volume that was reformatted to something else may still hold the old backup region: it speaks only for a
	 * main sector that still names exFAT, or that cannot be read at all. */
	if (st == POD_OK || (st != POD_E_IO && !named))
		return st == POD_E_RANGE ? POD_E_FORMAT : st; /* too small to be a volume */
	for (uint32_t shift = 9; shift <= 12; shift++) {
		uint64_t at = (uint64_t)POD_EXFAT_BOOT_SECTORS << shift;
		if (read_region(dev, at, 1u << shift, buf, g, &other, NULL) == POD_OK) {
			g->from_backup = true;
			return POD_OK;
		}
	}
	return st;
}
