/* SPDX-License-Identifier: BSD-2-Clause */
#include <blkid/blkid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/host/content.h"
#include "cli/host/lazy.h"
#include "core/disk/parttab.h"

/* clang-format off */
#define FUNCTIONS(X) \
	X(blkid_do_probe) X(blkid_free_probe) X(blkid_new_probe) \
	X(blkid_partition_get_partno) X(blkid_partition_get_size) X(blkid_partition_get_start) \
	X(blkid_partition_is_extended) X(blkid_partlist_get_partition) X(blkid_partlist_numof_partitions) \
	X(blkid_probe_enable_partitions) X(blkid_probe_enable_superblocks) \
	X(blkid_probe_get_partitions) X(blkid_probe_lookup_value) X(blkid_probe_set_device) \
	X(blkid_probe_set_superblocks_flags)
/* clang-format on */
LAZY_LIBRARY(lib, blkid, FUNCTIONS);

#define READ_SIZE      (64u << 10)
#define EDGE_READS     16u /* at each end: 1 MiB */
#define SPREAD_READS   200u
#define NAMED_MAX      8u  /* the rest of a long list is counted */
#define SIGNATURES_MAX 16u /* on one range: a damaged or hostile drive cannot make the list endless */

struct range {
	uint64_t start_bytes, length_bytes;
};

struct look {
	struct cli_dev *d;
	struct cli_content *out;
	bool can_name;
	size_t count; /* things found */
	bool has_gpt;
	struct range part[4 * POD_PART_MAX];
	size_t parts;
	uint8_t buf[READ_SIZE];
};

/* --- what can be named ------------------------------------------------------------------------------------------------------ */

/* Takes `thing`. */
static void found(struct look *l, char *thing)
{
	char *before = l->out->what;

	if (l->count == 0)
		l->out->what = cli_xstrdup(thing);
	else if (l->count < NAMED_MAX)
		l->out->what = cli_xasprintf(_("%s, %s"), before, thing);
	if (l->out->what != before)
		free(before);
	free(thing);
	l->count++;
}

static void count_the_rest(struct look *l)
{
	char *before = l->out->what;

	if (l->count <= NAMED_MAX)
		return;
	l->out->what = cli_xasprintf(_("%s, and %zu more"), before, l->count - NAMED_MAX);
	free(before);
}

/* What libblkid calls it: "ext4 filesystem 'root' in partition 2". `part` 0: on the whole drive. */
static char *name_signature(const char *type, const char *usage, const char *label, int part)
{
	char *kind = cli_xasprintf(strcmp(usage, "filesystem") == 0 ? _("%s filesystem")
				   : strcmp(usage, "raid") == 0	    ? _("member of a RAID or volume group (%s)")
				   : strcmp(usage, "crypto") == 0   ? _("encrypted data (%s)")
								    : _("data (%s)"),
				   type);
	char *out;

	if (label && part)
		out = cli_xasprintf(_("%s '%s' in partition %d"), kind, label, part);
	else if (label)
		out = cli_xasprintf(_("%s '%s'"), kind, label);
	else if (part)
		out = cli_xasprintf(_("%s in partition %d"), kind, part);
	else
		return kind;
	free(kind);
	return out;
}

static const char *value(blkid_probe pr, const char *key)
{
	const char *v = NULL;

	return lib.blkid_probe_lookup_value(pr, key, &v, NULL) == 0 ? v : NULL;
}

/* Every signature that libblkid knows in a range, one after the other: also where two contradict each other. */
static void name_range(struct look *l, const struct range *r, int part)
{
	blkid_probe pr = l->can_name ? lib.blkid_new_probe() : NULL;
	size_t before = l->count;

	if (pr && lib.blkid_probe_set_device(pr, l->d->fd, (blkid_loff_t)r->start_bytes, (blkid_loff_t)r->length_bytes) == 0) {
		lib.blkid_probe_enable_superblocks(pr, 1);
		lib.blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_USAGE);
		lib.blkid_probe_enable_partitions(pr, part == 0);
		for (unsigned i = 0; i < SIGNATURES_MAX && lib.blkid_do_probe(pr) == 0; i++) {
			const char *type = value(pr, "TYPE"), *usage = value(pr, "USAGE"), *table = value(pr, "PTTYPE");

			if (type)
				found(l, name_signature(type, usage ? usage : "", value(pr, "LABEL"), part));
			else if (table && !(l->has_gpt && (strcmp(table, "gpt") == 0 || strcmp(table, "PMBR") == 0)))
				found(l, cli_xasprintf(_("partition table (%s)"), table));
		}
	}
	if (pr)
		lib.blkid_free_probe(pr);
	if (part && l->count == before)
		found(l, cli_xasprintf(_("partition %d"), part));
}

/* A partition that one table names and another too is told once. */
static void name_partition(struct look *l, uint64_t start_bytes, uint64_t length_bytes, int number)
{
	struct range r = {start_bytes, length_bytes};

	for (size_t i = 0; i < l->parts; i++)
		if (l->part[i].start_bytes == r.start_bytes && l->part[i].length_bytes == r.length_bytes)
			return;
	if (l->parts == POD_ARRAY_LEN(l->part))
		return;
	l->part[l->parts++] = r;
	name_range(l, &r, number);
}

/* The four places where a GPT can be; only the first one found is told of, the partitions of all. */
static void name_gpt(struct look *l, struct pod_parttab *copy)
{
	for (unsigned i = 0; i < 4; i++) {
		bool backup = i & 1;
		enum pod_status st = pod_parttab_read_gpt(&l->d->dev, &cli_alloc, i & 2 ? 4096 : 512, backup, copy, NULL);

		if (st != POD_OK)
			continue;
		if (!l->has_gpt)
			found(l, cli_xstrdup(backup ? _("backup of a partition table (GPT)") : _("partition table (GPT)")));
		l->has_gpt = true;
		for (uint32_t k = 0; k < copy->count; k++)
			name_partition(l, copy->part[k].start_bytes, copy->part[k].length_bytes, (int)copy->part[k].number);
	}
}

/* MBR and the tables of other systems. */
static void name_other_tables(struct look *l)
{
	blkid_probe pr = l->can_name ? lib.blkid_new_probe() : NULL;
	blkid_partlist list = NULL;

	if (pr && lib.blkid_probe_set_device(pr, l->d->fd, 0, (blkid_loff_t)l->d->dev.size_bytes) == 0)
		list = lib.blkid_probe_get_partitions(pr);
	for (int i = 0; list && i < lib.blkid_partlist_numof_partitions(list); i++) {
		blkid_partition p = lib.blkid_partlist_get_partition(list, i);

		if (!lib.blkid_partition_is_extended(p))
			name_partition(l, (uint64_t)lib.blkid_partition_get_start(p) * 512,
				       (uint64_t)lib.blkid_partition_get_size(p) * 512, lib.blkid_partition_get_partno(p));
	}
	if (pr)
		lib.blkid_free_probe(pr);
}

/* --- data of any kind ------------------------------------------------------------------------------------------------------ */

/* True: all zeros. Else tells where the first other byte is, or that it cannot be read. */
static bool is_blank(struct look *l, uint64_t at, uint64_t end)
{
	size_t n = (size_t)pod_min_u64(READ_SIZE, end - at), i = 0;

	if (pod_dev_read(&l->d->dev, at, l->buf, n) != POD_OK) {
		l->out->unreadable = true;
		l->out->at_bytes = at;
		return false;
	}
	if (n == 0 || (l->buf[0] == 0 && memcmp(l->buf, l->buf + 1, n - 1) == 0))
		return true;
	while (l->buf[i] == 0)
		i++;
	found(l, cli_xasprintf(_("data of an unknown kind from byte %llu on"), (unsigned long long)at + i));
	return false;
}

/* What the file system says was never written is not read. */
static void search_file(struct look *l)
{
	uint64_t size = l->d->dev.size_bytes, at = 0;
	struct cli_progress p;

	cli_progress_start(&p, _("looking for data"), size);
	while (at < size) {
		off_t data = lseek(l->d->fd, (off_t)at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break;
		at = data < 0 ? at : (uint64_t)data;
		hole = lseek(l->d->fd, (off_t)at, SEEK_HOLE);
		for (uint64_t end = hole < 0 ? size : pod_min_u64((uint64_t)hole, size); at < end;
		     at += pod_min_u64(READ_SIZE, end - at)) {
			if (!is_blank(l, at, end))
				goto out;
			cli_progress_update(&p, at);
		}
	}
out:
	cli_progress_end(&p);
}

/* Copies of superblocks, counted from the start of a filesystem: btrfs (64 MiB, 256 GiB), ext2 to ext4 (the second block group
 * with blocks of 1, 2 and 4 KiB). */
static const uint64_t copies[] = {64ull << 20, 256ull << 30, 8ull << 20, 32ull << 20, 128ull << 20};

static void search_drive(struct look *l)
{
	uint64_t size = l->d->dev.size_bytes, edge = pod_min_u64(size, EDGE_READS * READ_SIZE);

	for (uint64_t i = 0; i < edge; i += READ_SIZE)
		if (!is_blank(l, i, size))
			return;
	for (uint64_t i = size - edge; i < size; i += READ_SIZE)
		if (!is_blank(l, i, size))
			return;
	for (size_t i = 0; i < 2 * POD_ARRAY_LEN(copies); i++) {
		/* the whole drive, and a partition where the first one begins as a rule */
		uint64_t at = copies[i / 2] + (i % 2 ? 1u << 20 : 0);

		if (at < size && !is_blank(l, at, size))
			return;
	}
	for (uint64_t i = 1; i < SPREAD_READS; i++)
		if (!is_blank(l, size / SPREAD_READS * i & ~4095ull, size))
			return;
}

/* --- entry ----------------------------------------------------------------------------------------------------------------- */

const char *cli_content_cannot_name(void)
{
	return lazy_load(&lib_library);
}

void cli_content_look(struct cli_dev *d, struct cli_content *out)
{
	struct pod_parttab *copy = cli_xmalloc(sizeof *copy);
	struct look *l = cli_xzalloc(sizeof *l);
	struct range whole = {0, d->dev.size_bytes};

	*out = (struct cli_content){0};
	l->d = d;
	l->out = out;
	l->can_name = cli_content_cannot_name() == NULL;
	name_gpt(l, copy);
	name_range(l, &whole, 0);
	name_other_tables(l);
	if (l->count == 0 && d->is_block)
		search_drive(l);
	else if (l->count == 0)
		search_file(l);
	count_the_rest(l);
	free(l);
	free(copy);
}

void cli_content_free(struct cli_content *c)
{
	free(c->what);
	c->what = NULL;
}
