/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isopod disk shrink: the end of a disk that no partition uses is cut off.
 *
 * Order of writes, for a GPT: its backup at the new end, the first copy that names it, the protective MBR, each flushed
 * (pod_parttab_write); then the image gets smaller. Until then the old end is there, and each step leaves a table that counts.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/disk/kin.h"
#include "core/base/bytes.h"
#include "core/disk/parttab.h"

enum { MBR_ENTRIES = 446, ENTRY = 16, PROTECTIVE = 0xee, DYNAMIC_DISK = 0x42, GPT_ARRAY = 128 * 128 };

/* What the disk's table asks for. */
struct need {
	struct pod_parttab *table;
	uint8_t mbr[512];
	uint32_t sector_size; /* that it counts in */
	uint32_t last;	      /* the partition that ends last */
	uint64_t end_bytes;   /* and where */
	uint64_t least_bytes; /* so small can the disk be */
};

static int read_table(struct pod_dev *d, const char *path, struct need *n, struct fault *fault)
{
	struct pod_diag diag = {0};
	enum pod_status st = pod_parttab_read(d, &cli_alloc, n->table, &diag);

	if (st == POD_OK && d->size_bytes >= sizeof n->mbr)
		st = pod_dev_read(d, 0, n->mbr, sizeof n->mbr);
	if (st != POD_OK)
		return fault_status(fault, path, _("cannot read the partition table"), st, &diag);
	if (n->table->kind == POD_PARTTAB_NONE)
		return fault_set(fault,
				 _("%s: has no partition table, so nobody knows what its end holds; only a disk with partitions "
				   "is made smaller"),
				 path);
	return CLI_OK;
}

static void ends_at(struct need *n, uint32_t number, uint64_t end)
{
	if (end <= n->end_bytes)
		return;
	n->end_bytes = end;
	n->last = number;
}

/* Only a table that pod_parttab_write would write as it is, but for its place. */
static bool gpt_can_move(struct pod_dev *d, struct need *n)
{
	uint8_t h[92];

	if (n->table->used_backup)
		return false;
	for (n->sector_size = 512; n->sector_size <= 4096; n->sector_size *= 8) {
		if (pod_dev_read(d, n->sector_size, h, sizeof h) != POD_OK || memcmp(h, "EFI PART", 8) != 0)
			continue;
		for (unsigned i = 0; i < 4; i++)
			if (n->mbr[MBR_ENTRIES + ENTRY * i + 4] != 0 && n->mbr[MBR_ENTRIES + ENTRY * i + 4] != PROTECTIVE)
				return false;
		return pod_get_le64(h + 72) == 2 && pod_get_le32(h + 80) == 128 && pod_get_le32(h + 84) == 128;
	}
	return false;
}

static int look_at_gpt(struct pod_dev *d, const char *path, struct need *n, struct fault *fault)
{
	if (!gpt_can_move(d, n))
		return fault_set(
			fault,
			_("%s: its GPT cannot be moved: its first copy is damaged, or it has a hybrid MBR or a table of another "
			  "size; mend it first, with sgdisk for example"),
			path);
	for (uint32_t i = 0; i < n->table->count; i++)
		ends_at(n, n->table->part[i].number, n->table->part[i].start_bytes + n->table->part[i].length_bytes);
	/* The table's backup, and room for it if there are no partitions. */
	n->least_bytes = (n->end_bytes ? n->end_bytes : GPT_ARRAY + 3ull * n->sector_size) + GPT_ARRAY + n->sector_size;
	return CLI_OK;
}

static int look_at_mbr(struct pod_dev *d, const char *path, struct need *n, struct fault *fault)
{
	n->sector_size = d->sector_size == 4096 ? 4096 : 512;
	for (uint32_t i = 0; i < 4; i++) {
		const uint8_t *e = n->mbr + MBR_ENTRIES + (size_t)ENTRY * i;

		if (e[4] == DYNAMIC_DISK)
			return fault_set(fault, _("%s: is a dynamic disk of Windows, which keeps its tables at the end"), path);
		/* An extended one too: what is in it ends within it. */
		if (pod_get_le32(e + 12))
			ends_at(n, i + 1, ((uint64_t)pod_get_le32(e + 8) + pod_get_le32(e + 12)) * n->sector_size);
	}
	for (uint32_t i = 0; i < n->table->count; i++)
		ends_at(n, n->table->part[i].number, n->table->part[i].start_bytes + n->table->part[i].length_bytes);
	n->least_bytes = n->end_bytes > n->sector_size ? n->end_bytes : n->sector_size;
	return CLI_OK;
}

static int fits(const struct disk *d, const char *path, const struct need *n, uint64_t size, struct fault *fault)
{
	uint32_t sector = d->chain.member[0]->sector_size;

	if (sector < n->sector_size)
		sector = n->sector_size;
	if (size < n->least_bytes && n->last)
		return fault_set(fault, _("%s: partition %u ends at byte %llu; the smallest size is %llu"), path, n->last,
				 (unsigned long long)n->end_bytes, (unsigned long long)n->least_bytes);
	if (size < n->least_bytes)
		return fault_set(fault, _("%s: the smallest size is %llu"), path, (unsigned long long)n->least_bytes);
	if (size % sector)
		return fault_set(fault, _("%s: a size must be a multiple of %u"), path, sector);
	return CLI_OK;
}

static int can_be_cut(const struct disk *d, const char *path, uint64_t size, struct fault *fault)
{
	if (d->file.dev.is_block)
		return fault_set(fault, _("%s: is a drive; only a file can be made smaller"), path);
	if (d->chain.depth > 1)
		return fault_set(fault,
				 _("%s: is based on another image; make it independent first ('isopod disk rebase --flatten')"),
				 path);
	if (size > d->chain.dev.size_bytes)
		return fault_set(fault, _("%s: has %llu bytes; 'isopod disk grow' makes a disk larger"), path,
				 (unsigned long long)d->chain.dev.size_bytes);
	return CLI_OK;
}

static int move_gpt(struct disk *d, const char *path, const struct need *n, uint64_t size, struct fault *fault)
{
	struct pod_window w;
	enum pod_status st = pod_window_init(&w, &d->chain.dev, 0, size);

	w.dev.sector_size = n->sector_size;
	if (st == POD_OK)
		st = pod_parttab_write(&w.dev, &cli_alloc, n->table, NULL);
	return st == POD_OK ? CLI_OK : fault_status(fault, path, _("cannot write the partition table"), st, NULL);
}

static int shrink(struct disk *d, const char *path, uint64_t size, bool dry_run, struct fault *fault)
{
	struct need n = {.table = cli_xzalloc(sizeof *n.table)};
	enum pod_status st;
	int rc = can_be_cut(d, path, size, fault);

	if (rc == CLI_OK)
		rc = read_table(&d->chain.dev, path, &n, fault);
	if (rc == CLI_OK && n.table->kind == POD_PARTTAB_GPT)
		rc = look_at_gpt(&d->chain.dev, path, &n, fault);
	else if (rc == CLI_OK)
		rc = look_at_mbr(&d->chain.dev, path, &n, fault);
	if (rc == CLI_OK)
		rc = fits(d, path, &n, size, fault);
	if (rc == CLI_OK && dry_run)
		cli_print(_("%s: %llu bytes now, at least %llu; nothing was changed\n"), path,
			  (unsigned long long)d->chain.dev.size_bytes, (unsigned long long)n.least_bytes);
	else if (rc == CLI_OK && size < d->chain.dev.size_bytes) {
		if (n.table->kind == POD_PARTTAB_GPT)
			rc = move_gpt(d, path, &n, size, fault);
		st = rc == CLI_OK ? pod_chain_shrink(&d->chain, size) : POD_OK;
		if (st != POD_OK)
			rc = disk_fail(path, _("cannot make it smaller"), st, NULL, NULL, fault);
	}
	free(n.table);
	return rc;
}

int disk_cmd_shrink(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {{"size", required_argument, NULL, 's'},
						{"dry-run", no_argument, NULL, 'd'},
						DISK_ORPHAN_OPTION,
						DISK_INPUT_OPTION,
						{NULL, 0, NULL, 0}};
	enum pod_diskfile said = POD_DISKFILE_NONE;
	bool dry_run = false, orphan = false;
	uint64_t size = 0;
	struct disk *d;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			dry_run = true;
		else if (c == 'O')
			orphan = true;
		else if (c != 's' && c != 'F')
			return cli_bad_option(fault, cmd, argv);
		else if (c == 's' ? !cli_parse_size(optarg, &size) : !disk_parse_input(optarg, &said))
			return cli_usage(fault, cmd, _("'%s' is not valid here"), optarg);
	}
	if (argc - optind != 1 || !size)
		return cli_usage(fault, cmd, "%s", _("name one FILE, and --size N"));
	/* What is cut off is no longer behind its children. */
	if (!orphan && disk_kin_guard(argv[optind], NULL, fault) != CLI_OK)
		return CLI_FAILED;
	d = cli_xzalloc(sizeof *d);
	rc = disk_open(d, argv[optind], said, dry_run ? DISK_READ : DISK_WRITE, fault);
	if (rc == CLI_OK) {
		rc = shrink(d, argv[optind], size, dry_run, fault);
		if (disk_close(d, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(d);
	return rc == CLI_OK ? cli_flush(fault) : rc;
}
