/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole disk: GPT, boot partition, Microsoft's reserved partition, Windows. The table is written last: what is not whole is no disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/host/identity.h"
#include "cli/host/mkntfs.h"
#include "cli/host/tempfile.h"
#include "cli/togo/togo.h"
#include "core/base/str.h"
#include "core/disk/parttab.h"

#define MIB	  (1ull << 20)
#define GIB	  (1ull << 30)
#define START	  MIB
#define ESP_SIZE  (260 * MIB) /* FAT32 with clusters of 4 KiB begins here */
#define MSR_SIZE  (16 * MIB)
#define TAIL	  MIB	     /* the backup table */
#define FILE_COST (6u << 10) /* a record, its place in a folder, half a cluster */
#define SECTOR	  512u
#define LABEL	  "Windows"

/* E3C9E316-0B5C-4DB8-817D-F92DF00215AE (Microsoft, "CREATE_PARTITION_PARAMETERS") */
static const uint8_t guid_msr[16] = {0x16, 0xe3, 0xc9, 0xe3, 0x5c, 0x0b, 0xb8, 0x4d,
				     0x81, 0x7d, 0xf9, 0x2d, 0xf0, 0x02, 0x15, 0xae};

enum { ESP, MSR, WINDOWS, PARTITIONS };

void togo_files_free(struct togo_files *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		free(f->v[i].path);
		free(f->v[i].data);
	}
	free(f->v);
	memset(f, 0, sizeof *f);
}

/* The log and the bitmaps of the volume, and a little to start with. */
uint64_t togo_disk_least(const struct togo_edition *e)
{
	uint64_t all = START + ESP_SIZE + MSR_SIZE + TAIL + 128 * MIB + e->bytes + e->files * FILE_COST;

	return pod_align_up(all, MIB);
}

uint64_t togo_disk_needs(const struct togo_disk *d)
{
	/* 2 MiB of the boot partition's tables and of what the format needs for itself */
	return togo_disk_least(d->edition) - ESP_SIZE + 64 * MIB + d->size_bytes / (1u << 17);
}

static void lay_out(const struct togo_disk *d, struct pod_parttab *t)
{
	static const char *const name[PARTITIONS] = {"EFI system partition", "Microsoft reserved partition", LABEL};
	uint64_t end = (d->size_bytes - TAIL) & ~(MIB - 1);

	memset(t, 0, sizeof *t);
	t->kind = POD_PARTTAB_GPT;
	cli_identity_guid(NULL, t->disk_guid);
	t->count = PARTITIONS;
	t->part[ESP].start_bytes = START;
	t->part[ESP].length_bytes = ESP_SIZE;
	t->part[MSR].start_bytes = START + ESP_SIZE;
	t->part[MSR].length_bytes = MSR_SIZE;
	t->part[WINDOWS].start_bytes = START + ESP_SIZE + MSR_SIZE;
	t->part[WINDOWS].length_bytes = end - t->part[WINDOWS].start_bytes;
	for (unsigned i = 0; i < PARTITIONS; i++) {
		t->part[i].number = i + 1;
		memcpy(t->part[i].type_guid, i == ESP ? pod_guid_esp : i == MSR ? guid_msr : pod_guid_basic_data, 16);
		cli_identity_guid(NULL, t->part[i].part_guid);
		pod_strlcpy(t->part[i].name, name[i], sizeof t->part[i].name);
	}
}

static enum pod_diskfile format_of(const struct togo_disk *d)
{
	return d->raw ? POD_DISKFILE_RAW : POD_DISKFILE_VHDX;
}

/* The disk, for one step of the making. */
static enum pod_status open_disk(const struct togo_disk *d, struct disk_file *f, struct pod_chain *c, struct pod_diag *diag)
{
	struct pod_chain_options opt = {.top = {.writable = true, .format = format_of(d), .env = &disk_env}};

	return pod_chain_open(c, &f->vf, &cli_alloc, NULL, &opt, diag);
}

static enum pod_status close_disk(struct pod_chain *c, enum pod_status st)
{
	enum pod_status closed = pod_chain_close(c);

	return st == POD_OK ? closed : st;
}

static bool make_empty_file(const char *name, uint64_t size, const struct mkntfs *m, struct fault *fault)
{
	int fd = open(name, O_RDWR | O_CLOEXEC);
	bool ok = fd >= 0 && ftruncate(fd, (off_t)size) == 0;

	if (!ok)
		fault_set(fault, _("%s: cannot make a file: %s"), name, strerror(errno));
	ok = ok && cli_mkntfs(fd, m, fault);
	if (fd >= 0)
		close(fd);
	return ok;
}

static enum pod_status copy_volume(const struct togo_disk *d, struct disk_file *volume, struct disk_file *f, uint64_t at)
{
	struct pod_chain_options opt = {.top = {.format = POD_DISKFILE_RAW, .env = &disk_env}};
	struct pod_chain from, to;
	enum pod_status st;

	POD_TRY(pod_chain_open(&from, &volume->vf, &cli_alloc, NULL, &opt, NULL));
	st = open_disk(d, f, &to, NULL);
	if (st == POD_OK)
		st = close_disk(&to, disk_copy(&from, &to, at, f->dev.path));
	cli_dev_buffered(&f->dev);
	return close_disk(&from, st);
}

/* An empty volume, made in a sparse file: mkntfs knows no other place. */
static int make_volume(const struct togo_disk *d, struct disk_file *f, const struct pod_part *p, struct fault *fault)
{
	struct mkntfs m = {.label = LABEL, .sector_size = SECTOR, .start_bytes = p->start_bytes};
	char *name = tempfile_make(d->beside, fault);
	struct disk_file volume;
	enum pod_status st;
	int rc = CLI_FAILED;

	if (!name)
		return CLI_FAILED;
	if (make_empty_file(name, p->length_bytes, &m, fault) && disk_file_open(&volume, name, false, fault)) {
		st = copy_volume(d, &volume, f, p->start_bytes);
		rc = st == POD_OK ? CLI_OK : fault_status(fault, f->dev.path, _("cannot write the disk"), st, NULL);
		disk_file_close(&volume);
	}
	unlink(name);
	free(name);
	return rc;
}

static int finish(const struct togo_disk *d, struct disk_file *f, const struct pod_parttab *t, const struct togo_files *boot,
		  struct fault *fault)
{
	struct togo_place place = {.esp_start_bytes = t->part[ESP].start_bytes,
				   .sector_size = SECTOR,
				   .title = d->edition->name[0] ? d->edition->name : NULL,
				   .locale = d->answer->locale};
	struct pod_diag diag = {0};
	struct pod_window esp;
	struct pod_chain c;
	enum pod_status st = open_disk(d, f, &c, &diag);

	memcpy(place.disk_guid, t->disk_guid, sizeof place.disk_guid);
	memcpy(place.part_guid, t->part[WINDOWS].part_guid, sizeof place.part_guid);
	if (st == POD_OK) {
		st = pod_window_init(&esp, &c.dev, t->part[ESP].start_bytes, t->part[ESP].length_bytes);
		if (st == POD_OK)
			st = togo_esp_make(&esp.dev, boot, d->edition->arch, &place, &diag);
		if (st == POD_OK)
			st = pod_parttab_write(&c.dev, &cli_alloc, t, NULL);
		st = close_disk(&c, st);
	}
	return st == POD_OK ? CLI_OK : disk_fail(f->dev.path, _("cannot make the boot partition"), st, &diag, NULL, fault);
}

/* What a child has written to a file makes it longer behind our back. */
static bool look_again(struct disk_file *f, struct fault *fault)
{
	struct stat st;

	if (fstat(f->dev.fd, &st) != 0) {
		fault_set(fault, _("%s: cannot look at it: %s"), f->dev.path, strerror(errno));
		return false;
	}
	f->dev.dev.size_bytes = (uint64_t)st.st_size;
	return true;
}

int togo_disk_build(const struct togo_disk *d, struct disk_file *f, struct fault *fault)
{
	struct pod_parttab *t = cli_xzalloc(sizeof *t);
	struct togo_files boot = {0};
	struct togo_apply a = {.source = d->source,
			       .edition = d->edition,
			       .disk = f,
			       .format = format_of(d),
			       .answer = togo_answer_text(d->answer, d->edition->arch),
			       .label = d->edition->name};
	int rc;

	lay_out(d, t);
	a.start_bytes = t->part[WINDOWS].start_bytes;
	a.length_bytes = t->part[WINDOWS].length_bytes;
	rc = make_volume(d, f, &t->part[WINDOWS], fault);
	if (rc == CLI_OK)
		rc = togo_wim_apply(&a, &boot, fault);
	if (rc == CLI_OK)
		rc = look_again(f, fault) ? finish(d, f, t, &boot, fault) : CLI_FAILED;
	togo_files_free(&boot);
	free(a.answer);
	free(t);
	return rc;
}
