/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isopod create: makes a drive or a file a stick.
 *
 * Layout: partition table and BIOS stage 2 below 1 MiB; data partition from 1 MiB; ESP of 64 MiB behind it; what --reserve leaves
 * free; with a GPT its backup in the last MiB. The old table is taken away first and the new first sector written last, so that
 * nothing in between looks like a stick.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli/disk/disk.h"
#include "cli/stick/bootcode.h"
#include "cli/ui/ui.h"
#include "cli/host/dev.h"
#include "cli/stick/esp.h"
#include "cli/host/identity.h"
#include "cli/host/overwrite.h"
#include "cli/host/safety.h"
#include "cli/stick/ntfs.h"
#include "core/base/str.h"
#include "core/disk/parttab.h"
#include "core/fs/exfat_write.h"

#define MIB	   (1ull << 20)
#define TIB	   (1ull << 40)
#define DATA_START MIB
#define ESP_SIZE   (64 * MIB)
#define DATA_MIN   (8 * MIB)

struct options {
	const char *target, *label;
	uint64_t size_bytes, reserve_bytes;
	bool have_size, yes, ntfs, seeded;
	enum pod_parttab_kind table; /* NONE: by size */
	struct cli_identity *identity;
};

struct layout {
	uint64_t data_bytes, esp_start, esp_bytes;
	enum pod_parttab_kind table;
};

struct materials {
	struct cli_bootcode boot;
	struct cli_esp_files esp;
};

static struct pod_exfat_format volume_of(const struct options *o)
{
	return (struct pod_exfat_format){.label = o->label, .partition_offset_bytes = DATA_START};
}

static bool plan_layout(const struct options *o, const struct cli_dev *d, struct layout *l, struct fault *fault)
{
	uint64_t size = d->dev.size_bytes, end, least;
	struct pod_exfat_format params = volume_of(o);
	struct pod_dev volume = {.sector_size = d->dev.sector_size};
	struct pod_diag diag = {0};
	enum pod_status st;
	char text[16], need[16];

	l->table = o->table;
	if (l->table == POD_PARTTAB_NONE)
		l->table = size > 2 * TIB ? POD_PARTTAB_GPT : POD_PARTTAB_MBR;
	l->esp_bytes = ESP_SIZE;
	least = DATA_START + DATA_MIN + ESP_SIZE + MIB;
	if (o->reserve_bytes > size || size - o->reserve_bytes < least) {
		fault_set(fault, _("%s: too small: %s, and %s are needed (a stick without images)"), d->path,
			  pod_format_size(text, size), pod_format_size(need, least + o->reserve_bytes));
		return false;
	}
	end = size - o->reserve_bytes;
	/* the backup GPT is the last 33 sectors of the drive */
	if (l->table == POD_PARTTAB_GPT && o->reserve_bytes < MIB)
		end = size - MIB;
	end &= ~(MIB - 1);
	l->esp_start = end - ESP_SIZE;
	l->data_bytes = l->esp_start - DATA_START;
	if (l->table == POD_PARTTAB_MBR && end / d->dev.sector_size > UINT32_MAX) {
		fault_set(fault, _("%s: an MBR reaches only the first 2 TiB; use --table gpt, or --reserve the rest"), d->path);
		return false;
	}
	volume.size_bytes = l->data_bytes;
	st = o->ntfs ? POD_OK : pod_exfat_format_check(&volume, &params, &diag);
	if (st != POD_OK)
		fault_status(fault, d->path, _("cannot make the stick"), st, &diag);
	return st == POD_OK;
}

static bool size_makes_sense(const struct options *o, const struct cli_dev *d, struct fault *fault)
{
	if (d->is_block && o->have_size) {
		fault_set(fault, _("%s: --size is for files; a drive is used whole (--reserve leaves a part of it free)"),
			  d->path);
		return false;
	}
	if (!d->is_block && o->size_bytes == 0) {
		fault_set(fault,
			  _("%s: no such file or drive, or an empty file; to make a file, give its size, such as --size 16G"),
			  o->target);
		return false;
	}
	return true;
}

/* A file is emptied first: nothing of the old content stays in the free space of the new. Before that it is made as long as the
 * new one will be, so that a length which the file system cannot take costs nothing. */
static bool set_size(const struct options *o, struct cli_dev *d, struct fault *fault)
{
	enum pod_status st;

	if (d->is_block)
		return true;
	st = o->size_bytes > d->dev.size_bytes ? cli_dev_truncate(d, o->size_bytes) : POD_OK;
	if (st == POD_OK)
		st = cli_dev_truncate(d, 0);
	if (st == POD_OK)
		st = cli_dev_truncate(d, o->size_bytes);
	if (st != POD_OK)
		fault_status(fault, d->path, _("cannot set the size"), st, NULL);
	return st == POD_OK;
}

/* Takes away the old table and whatever a prober would still recognise. */
static enum pod_status wipe(struct pod_dev *d, const struct layout *l)
{
	uint8_t *zeros = cli_xzalloc(MIB);
	enum pod_status st = pod_dev_write(d, 0, zeros, d->sector_size);

	if (st == POD_OK)
		st = pod_dev_flush(d);
	if (st == POD_OK)
		st = pod_dev_write(d, d->sector_size, zeros, MIB - d->sector_size);
	if (st == POD_OK)
		st = pod_dev_write(d, DATA_START, zeros, MIB);
	if (st == POD_OK)
		st = pod_dev_write(d, l->esp_start, zeros, MIB);
	if (st == POD_OK)
		st = pod_dev_write(d, d->size_bytes - MIB, zeros, MIB);
	if (st == POD_OK)
		st = pod_dev_flush(d);
	free(zeros);
	return st;
}

static bool make_ntfs(struct cli_dev *d, const struct options *o, const struct layout *l, struct fault *fault)
{
	const struct cli_ntfs_format f = {.start_bytes = DATA_START,
					  .length_bytes = l->data_bytes,
					  .label = o->label,
					  .serial = cli_identity_u32(o->identity),
					  .time = cli_identity_time(o->identity),
					  .fixed_time = o->seeded};

	return cli_ntfs_format(d, &f, fault);
}

static enum pod_status make_exfat(struct pod_dev *disk, const struct options *o, const struct layout *l, struct pod_diag *diag)
{
	struct pod_exfat_format params = volume_of(o);
	struct pod_window win;
	struct pod_exfat_vol vol;
	enum pod_status st, closed;

	params.serial = cli_identity_u32(o->identity);
	POD_TRY(pod_window_init(&win, disk, DATA_START, l->data_bytes));
	POD_TRY(pod_exfat_format(&win.dev, &cli_alloc, &params, diag));
	POD_TRY(pod_exfat_mount(&vol, &win.dev, &cli_alloc, diag));
	st = pod_exfat_mkdir(&vol, "/images", cli_identity_time(o->identity), diag);
	closed = pod_exfat_unmount(&vol);
	return st != POD_OK ? st : closed;
}

static void fill_table(struct pod_parttab *t, const struct options *o, const struct layout *l)
{
	struct pod_part *data = &t->part[0], *esp = &t->part[1];

	t->kind = l->table;
	t->mbr_signature = cli_identity_u32(o->identity);
	cli_identity_guid(o->identity, t->disk_guid);
	t->count = 2;
	data->number = 1;
	data->start_bytes = DATA_START;
	data->length_bytes = l->data_bytes;
	data->mbr_type = 0x07;
	/* Some BIOSes pass over a drive without an active partition. */
	data->active = true;
	memcpy(data->type_guid, pod_guid_basic_data, sizeof data->type_guid);
	cli_identity_guid(o->identity, data->part_guid);
	pod_strlcpy(data->name, "Isopod data", sizeof data->name);
	esp->number = 2;
	esp->start_bytes = l->esp_start;
	esp->length_bytes = l->esp_bytes;
	esp->mbr_type = 0xef;
	memcpy(esp->type_guid, pod_guid_esp, sizeof esp->type_guid);
	cli_identity_guid(o->identity, esp->part_guid);
	pod_strlcpy(esp->name, "Isopod boot", sizeof esp->name);
}

/* POD_E_UNSUPPORTED with a fault that is set: it says why. */
static enum pod_status write_stick(struct cli_dev *d, const struct options *o, const struct layout *l, const struct materials *m,
				   struct pod_diag *diag, struct fault *fault)
{
	struct pod_dev *disk = &d->dev;
	struct pod_parttab *t;
	struct pod_window esp;
	uint8_t code[CLI_MBR_CODE_SIZE] = {0};
	enum pod_status st;

	POD_TRY(wipe(disk, l));
	if (!o->ntfs)
		POD_TRY(make_exfat(disk, o, l, diag));
	else if (!make_ntfs(d, o, l, fault))
		return POD_E_UNSUPPORTED;
	POD_TRY(pod_window_init(&esp, disk, l->esp_start, l->esp_bytes));
	POD_TRY(cli_esp_create(&esp.dev, &m->esp, cli_identity_u32(o->identity), l->esp_start, diag));
	if (cli_bootcode_fits(disk))
		POD_TRY(cli_bootcode_first(disk, &m->boot, code));
	POD_TRY(pod_dev_flush(disk));
	t = cli_xzalloc(sizeof *t);
	fill_table(t, o, l);
	st = pod_parttab_write(disk, &cli_alloc, t, code);
	free(t);
	return st;
}

static int create_on(struct cli_dev *d, const struct options *o, const struct materials *m, struct fault *fault)
{
	struct pod_diag diag = {0};
	struct layout l;
	char size[16];
	enum pod_status st;

	if (!plan_layout(o, d, &l, fault))
		return CLI_FAILED;
	st = write_stick(d, o, &l, m, &diag, fault);
	if (st != POD_OK && fault_is_set(fault))
		return CLI_FAILED;
	if (st != POD_OK)
		return fault_status(fault, d->path, _("cannot make the stick"), st, &diag);
	/* The kernel shows the new partitions at once; if it cannot, it will when the drive is plugged in again. */
	if (d->is_block)
		(void)ioctl(d->fd, BLKRRPART);
	if (!cli_bootcode_fits(&d->dev))
		fault_warn(fault, _("%s: sectors of %u bytes: BIOS machines cannot boot it, and not every UEFI machine can"),
			   d->path, d->dev.sector_size);
	cli_print(_("%s: a stick with %s for images (%s)\n"), d->path, pod_format_size(size, l.data_bytes),
		  l.table == POD_PARTTAB_GPT ? "GPT" : "MBR");
	return cli_flush(fault);
}

/* Opens TARGET; a new file only once nothing else can be wrong, and an old one is looked at last: that may take a while. */
static bool open_target(struct options *o, bool existed, struct cli_dev *d, struct fault *fault)
{
	struct cli_dev wanted = {.path = (char *)o->target, .dev = {.sector_size = 512}};
	struct layout l;

	if (existed) {
		if (!cli_safety_check_idle(o->target, fault) || !cli_dev_open(d, o->target, true, fault))
			return false;
		wanted.dev = d->dev;
	}
	if (!o->have_size)
		o->size_bytes = d->dev.size_bytes;
	else if (!d->is_block)
		wanted.dev.size_bytes = o->size_bytes;
	if (!size_makes_sense(o, d, fault) || !plan_layout(o, &wanted, &l, fault))
		return false;
	return existed ? cli_may_overwrite(d, o->yes, fault) : cli_dev_create(d, o->target, fault);
}

static int create(struct options *o, struct fault *fault)
{
	struct materials *m = cli_xzalloc(sizeof *m);
	struct stat st;
	struct cli_dev d;
	bool existed = stat(o->target, &st) == 0;
	int rc = CLI_FAILED;

	memset(&d, 0, sizeof d);
	if (!existed && disk_must_be_raw(NULL, o->target, fault) != CLI_OK) {
		free(m);
		return CLI_FAILED;
	}
	/* Everything that can be missing is looked for before the first byte is written. */
	if (cli_bootcode_load(&m->boot, fault) && cli_esp_load(&m->esp, cli_identity_time(o->identity), fault) &&
	    open_target(o, existed, &d, fault) && set_size(o, &d, fault))
		rc = create_on(&d, o, m, fault);
	/* A file that was not there before and is no stick now is of no use to anybody. */
	if (rc != CLI_OK && !existed && d.path)
		unlink(o->target);
	cli_dev_close(&d);
	cli_bootcode_free(&m->boot);
	cli_esp_free(&m->esp);
	free(m);
	return rc;
}

enum { O_SIZE = 256, O_TABLE, O_FS, O_RESERVE, O_LABEL, O_YES, O_SEED };

static const struct option long_options[] = {
	{"size", required_argument, NULL, O_SIZE},	{"table", required_argument, NULL, O_TABLE},
	{"fs", required_argument, NULL, O_FS},		{"reserve", required_argument, NULL, O_RESERVE},
	{"label", required_argument, NULL, O_LABEL},	{"yes", no_argument, NULL, O_YES},
	{"uuid-seed", required_argument, NULL, O_SEED}, {NULL, 0, NULL, 0}};

/* exFAT is asked on a volume that is large enough for everything else. */
static bool label_fits(const struct options *o)
{
	struct pod_exfat_format params = volume_of(o);
	struct pod_dev any = {.size_bytes = DATA_MIN, .sector_size = 512};
	uint16_t units[CLI_NTFS_LABEL_MAX];
	size_t n = 0;
	bool plain = pod_utf8_to_utf16(o->label, units, CLI_NTFS_LABEL_MAX, &n) == POD_OK;

	if (!o->ntfs)
		return pod_exfat_format_check(&any, &params, NULL) == POD_OK;
	for (size_t i = 0; i < n; i++)
		plain = plain && units[i] >= 0x20;
	return plain;
}

static int parse(const struct cli_command *cmd, struct options *o, int argc, char **argv, struct fault *fault)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case O_SIZE:
		case O_RESERVE:
			if (!cli_parse_size(optarg, c == O_SIZE ? &o->size_bytes : &o->reserve_bytes))
				return cli_usage(fault, cmd, _("'%s' is not a size (512M, 16G)"), optarg);
			o->have_size |= c == O_SIZE;
			break;
		case O_TABLE:
			if (strcmp(optarg, "gpt") == 0)
				o->table = POD_PARTTAB_GPT;
			else if (strcmp(optarg, "mbr") == 0)
				o->table = POD_PARTTAB_MBR;
			else
				return cli_usage(fault, cmd, _("unknown partition table '%s'; use gpt or mbr"), optarg);
			break;
		case O_FS:
			o->ntfs = strcmp(optarg, "ntfs") == 0;
			if (!o->ntfs && strcmp(optarg, "exfat") != 0)
				return cli_usage(fault, cmd, _("filesystem '%s' is not supported; use exfat or ntfs"), optarg);
			break;
		case O_LABEL:
			o->label = optarg;
			break;
		case O_YES:
			o->yes = true;
			break;
		case O_SEED:
			if (!cli_identity_seed(o->identity, optarg))
				return cli_usage(fault, cmd, "%s", _("--uuid-seed takes hexadecimal digits"));
			o->seeded = true;
			break;
		default:
			return cli_bad_option(fault, cmd, argv);
		}
	}
	if (!label_fits(o))
		return cli_usage(fault, cmd,
				 _("'%s' is no label: it has more than %u characters, holds control characters, or is not UTF-8"),
				 o->label, o->ntfs ? CLI_NTFS_LABEL_MAX : 11u);
	if (argc - optind != 1)
		return cli_usage(fault, cmd, "%s", _("name one TARGET"));
	o->target = argv[optind];
	return CLI_OK;
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	struct cli_identity identity = {0};
	struct options o = {.target = "", .label = "ISOPOD", .identity = &identity};
	int rc = parse(cmd, &o, argc, argv, fault);

	return rc == CLI_OK ? create(&o, fault) : rc;
}

const struct cli_command cli_create = {
	.name = "create",
	.arguments = "TARGET [--size N] [--table gpt|mbr] [--fs exfat|ntfs] [--reserve N] [--label TEXT] [--yes]",
	.summary = N_("make a drive or a file a stick; what is on it is lost"),
	.help = N_("  --size N         length of the file to make (16G); not for drives\n"
		   "  --table gpt|mbr  partition table (default mbr up to 2 TiB, else gpt)\n"
		   "  --fs exfat|ntfs  filesystem for the images (default exfat); Windows starts VHDX files from ntfs alone\n"
		   "  --reserve N      leave so much at the end unused\n"
		   "  --label TEXT     name of the data partition (default ISOPOD)\n"
		   "  --yes            overwrite what is there\n"
		   "  --uuid-seed HEX  take UUIDs from these digits instead of at random: reproducible sticks\n"),
	.run = run,
};
