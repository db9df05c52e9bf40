/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens a stick: table, data partition, ESP. */
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli/stick/bootcode.h"
#include "cli/ui/ui.h"
#include "cli/host/safety.h"
#include "cli/stick/target.h"
#include "core/base/bytes.h"
#include "core/trace/state.h"

#define DATA_START (1ull << 20)

static bool is_esp(const struct pod_parttab *t, const struct pod_part *p)
{
	if (t->kind == POD_PARTTAB_GPT)
		return memcmp(p->type_guid, pod_guid_esp, sizeof pod_guid_esp) == 0;
	return p->mbr_type == 0xef;
}

static bool read_table(struct cli_target *t, struct pod_dev *dev, struct fault *fault)
{
	struct pod_diag diag = {0};
	enum pod_status st = pod_parttab_read(dev, &cli_alloc, &t->table, &diag);

	if (st != POD_OK) {
		fault_status(fault, t->file.path, _("cannot read the partition table"), st, &diag);
		return false;
	}
	if (t->table.kind == POD_PARTTAB_NONE) {
		fault_set(fault, _("%s: not an Isopod stick: no partition table; 'isopod create' makes one"), t->file.path);
		return false;
	}
	for (uint32_t i = 0; i < t->table.count; i++) {
		const struct pod_part *p = &t->table.part[i];

		if (is_esp(&t->table, p) && !t->esp_part)
			t->esp_part = p;
	}
	return true;
}

/* A stick whose ESP is damaged or missing can still be listed and copied to. */
static void open_esp(struct cli_target *t)
{
	if (!t->esp_part ||
	    pod_window_init(&t->esp_win, &t->file.dev, t->esp_part->start_bytes, t->esp_part->length_bytes) != POD_OK)
		return;
	if (pod_fs_open_as(&t->esp, &pod_fs_fat, &t->esp_win.dev, &cli_alloc, NULL) != POD_OK)
		memset(&t->esp, 0, sizeof t->esp);
}

/* The stick was last started with an image as a partition. */
static bool leave_partmode(struct cli_target *t, bool writable, struct fault *fault)
{
	struct pod_partmode *p = cli_xzalloc(sizeof *p);
	struct pod_window state, record;
	enum pod_status st = POD_E_NOT_FOUND;

	open_esp(t);
	t->partmode = p;
	if (!t->esp.ops)
		st = POD_E_IO;
	else if (cli_target_state(t, &state, NULL, NULL) &&
		 pod_window_init(&record, &state.dev, POD_STATE_PARTMODE, POD_PARTMODE_RECORD) == POD_OK)
		st = pod_partmode_load(p, &t->file.dev, &record.dev);
	if (st == POD_E_NOT_FOUND || st == POD_E_CHANGED) {
		fault_set(
			fault,
			_("%s: its partition table names an image, and was changed since, or what it was before is lost; give the data "
			  "partition its entry back with a partitioning tool: it begins at 1 MiB and ends where the ESP begins"),
			t->file.path);
		return false;
	}
	if (st == POD_OK && writable) {
		st = pod_partmode_end(p);
		if (st == POD_OK && t->file.is_block)
			(void)ioctl(t->file.fd, BLKRRPART);
	}
	if (st != POD_OK) {
		fault_status(fault, t->file.path, _("cannot put the partition table back"), st, NULL);
		return false;
	}
	pod_fs_close(&t->esp);
	memset(&t->esp, 0, sizeof t->esp);
	t->esp_part = NULL;
	return read_table(t, &p->dev, fault);
}

/* As the boot manager chooses: the first partition that is not an ESP and holds a filesystem we read. */
static bool open_data(struct cli_target *t, struct fault *fault)
{
	struct pod_diag diag = {0}, first_diag = {0};
	enum pod_status first = POD_E_NOT_FOUND, st = POD_E_NOT_FOUND;
	const struct pod_part *tried = NULL;

	for (uint32_t i = 0; i < t->table.count && st != POD_OK; i++) {
		const struct pod_part *p = &t->table.part[i];

		if (is_esp(&t->table, p))
			continue;
		st = pod_window_init(&t->data_win, &t->file.dev, p->start_bytes, p->length_bytes);
		if (st == POD_OK)
			st = pod_fs_open(&t->data, &t->data_win.dev, &cli_alloc, &diag);
		if (st == POD_OK)
			t->data_part = p;
		if (!tried) {
			tried = p;
			first = st;
			first_diag = diag;
		}
	}
	if (st == POD_OK)
		return true;
	if (!tried)
		fault_set(fault, _("%s: not an Isopod stick: no data partition; 'isopod create' makes one"), t->file.path);
	else if (first == POD_E_FORMAT)
		fault_set(
			fault,
			_("%s: partition %u holds no filesystem isopod reads (exFAT, NTFS, FAT); if there were files on it, let "
			  "fsck.exfat "
			  "look at it first; 'isopod create' makes a new, empty stick"),
			t->file.path, tried->number);
	else
		fault_status(fault, t->file.path, _("cannot open the data partition"), first, &first_diag);
	return false;
}

/* An interrupted change to an NTFS volume is to be seen as one that has happened. */
static bool look_ahead(struct cli_target *t, struct fault *fault)
{
	const struct pod_ntfs_volume_id id = {t->data_part->start_bytes, t->data_part->length_bytes, t->data.serial};
	struct pod_diag diag = {0};
	enum pod_status st;

	t->journal = POD_E_NOT_FOUND;
	if (t->data.ops != &pod_fs_ntfs)
		return true;
	t->journal = pod_ntfs_journal_load(&t->ahead, &t->esp, &t->scratch, &t->data_win.dev, &id, &cli_alloc);
	if (t->journal != POD_OK)
		return true;
	pod_fs_close(&t->data);
	st = pod_fs_open(&t->data, &t->ahead.dev, &cli_alloc, &diag);
	if (st != POD_OK)
		fault_status(fault, t->file.path, _("cannot open the data partition"), st, &diag);
	return st == POD_OK;
}

static void fill_id(struct cli_target *t)
{
	t->id.gpt = t->table.kind == POD_PARTTAB_GPT;
	t->id.mbr_signature = t->table.mbr_signature;
	if (t->id.gpt) {
		memcpy(t->id.disk_guid, t->table.disk_guid, sizeof t->id.disk_guid);
		memcpy(t->id.part_guid, t->data_part->part_guid, sizeof t->id.part_guid);
	}
	t->id.part_start_bytes = t->data_part->start_bytes;
	t->id.part_length_bytes = t->data_part->length_bytes;
	t->id.part_number = t->data_part->number;
	t->id.volume_serial = t->data.serial;
	t->id.sector_size = t->file.dev.sector_size;
}

struct cli_target *cli_target_open(const char *path, bool writable, struct fault *fault)
{
	struct cli_target *t = cli_xzalloc(sizeof *t);

	if ((writable && !cli_safety_check_idle(path, fault)) || !cli_dev_open(&t->file, path, writable, fault)) {
		free(t);
		return NULL;
	}
	if (!read_table(t, &t->file.dev, fault) || (pod_partmode_shows(&t->table) && !leave_partmode(t, writable, fault)) ||
	    !open_data(t, fault)) {
		cli_target_close(t);
		return NULL;
	}
	open_esp(t);
	if (!look_ahead(t, fault)) {
		cli_target_close(t);
		return NULL;
	}
	fill_id(t);
	return t;
}

/* A first sector without a table, and where a stick has its data partition a volume that says it begins there: exFAT's
 * PartitionOffset is in sectors, NTFS' hidden sectors are. */
static bool lost_its_table(struct pod_dev *dev)
{
	uint8_t first[512], data[512];

	if (dev->size_bytes < DATA_START + sizeof data || pod_dev_read(dev, 0, first, sizeof first) != POD_OK ||
	    pod_dev_read(dev, DATA_START, data, sizeof data) != POD_OK || pod_get_le16(first + 510) == 0xAA55)
		return false;
	if (memcmp(data + 3, "EXFAT   ", 8) == 0)
		return pod_get_le64(data + 64) << (data[108] & 15) == DATA_START;
	return memcmp(data + 3, "NTFS    ", 8) == 0 && (uint64_t)pod_get_le32(data + 28) * dev->sector_size == DATA_START;
}

/* An ESP that holds our state file, or our boot code: a stick rather than an image. */
static bool looks_like_stick(struct pod_dev *dev)
{
	struct pod_parttab *t = cli_xzalloc(sizeof *t);
	struct pod_dirent *scratch = cli_xzalloc(sizeof *scratch);
	bool found = cli_bootcode_present(dev) || lost_its_table(dev);

	if (!found && pod_parttab_read(dev, &cli_alloc, t, NULL) == POD_OK)
		for (uint32_t i = 0; i < t->count && !found; i++) {
			struct pod_window win;
			struct pod_fs fs;
			struct pod_node node;

			if (pod_window_init(&win, dev, t->part[i].start_bytes, t->part[i].length_bytes) != POD_OK ||
			    pod_fs_open_as(&fs, &pod_fs_fat, &win.dev, &cli_alloc, NULL) != POD_OK)
				continue;
			found = pod_fs_lookup(&fs, POD_STATE_FILE, &node, scratch) == POD_OK;
			pod_fs_close(&fs);
		}
	free(scratch);
	free(t);
	return found;
}

int cli_target_is_stick(const char *path, struct fault *fault)
{
	struct cli_dev dev;
	int stick;

	if (!cli_dev_open(&dev, path, false, fault))
		return -1;
	stick = dev.is_block || looks_like_stick(&dev.dev);
	cli_dev_close(&dev);
	return stick;
}

void cli_target_close(struct cli_target *t)
{
	if (!t)
		return;
	pod_fs_close(&t->data);
	pod_fs_close(&t->esp);
	pod_ntfs_journal_close(&t->ahead);
	cli_dev_close(&t->file);
	free(t->conf);
	free(t->partmode);
	free(t);
}

char *cli_normal_path(const char *path)
{
	char *out = cli_xmalloc(strlen(path) + 2), *w = out;

	while (*path) {
		size_t n;

		while (*path == '/')
			path++;
		n = strcspn(path, "/");
		if (n == 0)
			break;
		if ((n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.')) {
			free(out);
			return NULL;
		}
		*w++ = '/';
		memcpy(w, path, n);
		w += n;
		path += n;
	}
	if (w == out)
		*w++ = '/';
	*w = '\0';
	return out;
}

/* The first colon that leaves the name of something that exists. A file whose own name holds a colon is found before that. */
char *cli_target_split(const char *arg, const char **path)
{
	if (access(arg, F_OK) == 0)
		return NULL;
	for (const char *c = strchr(arg, ':'); c; c = strchr(c + 1, ':')) {
		char *target = strndup(arg, (size_t)(c - arg));

		if (target && access(target, F_OK) == 0) {
			*path = c + 1;
			return target;
		}
		free(target);
	}
	return NULL;
}

char *cli_target_path(const char *arg, struct fault *fault)
{
	char *path = cli_normal_path(arg);

	if (!path)
		fault_set(fault, _("%s: a path on a stick cannot hold '.' or '..'"), arg);
	return path;
}

bool cli_target_find(struct cli_target *t, const char *path, struct pod_node *out, struct fault *fault)
{
	enum pod_status st = pod_fs_lookup(&t->data, path, out, &t->scratch);

	if (st == POD_E_NOT_FOUND) {
		fault_set(fault, _("%s: there is no file %s; 'isopod list' shows what there is"), t->file.path, path);
		return false;
	}
	if (st != POD_OK) {
		char *where = cli_xasprintf("%s:%s", t->file.path, path);

		fault_status(fault, where, _("cannot read the folder"), st, NULL);
		free(where);
		return false;
	}
	if (out->is_dir) {
		fault_set(fault, _("%s: %s is a folder; name a file in it"), t->file.path, path);
		return false;
	}
	return true;
}

bool cli_target_state(struct cli_target *t, struct pod_window *out, uint64_t *start_bytes, struct fault *fault)
{
	struct pod_node node;
	struct pod_extent *e = NULL;
	size_t n = 0;
	enum pod_status st;
	bool ok;

	if (!t->esp.ops) {
		fault_set(fault, _("%s: no readable ESP; 'isopod update' rewrites the ESP of an Isopod stick"), t->file.path);
		return false;
	}
	st = pod_fs_lookup(&t->esp, POD_STATE_FILE, &node, &t->scratch);
	if (st == POD_OK)
		st = pod_fs_extents(&t->esp, &node, &cli_alloc, &e, &n);
	if (st != POD_OK) {
		fault_status(fault, t->file.path, _("no state file ISOPOD/STATE.BIN on the ESP ('isopod update' writes it)"), st,
			     NULL);
		return false;
	}
	ok = n == 1 && !e[0].hole && e[0].length_bytes >= POD_STATE_SIZE;
	if (!ok)
		fault_set(fault,
			  _("%s: the state file ISOPOD/STATE.BIN is too short or in pieces; 'isopod update' writes a new "
			    "one"),
			  t->file.path);
	else if (pod_window_init(out, &t->file.dev, t->esp_part->start_bytes + e[0].dev_bytes, POD_STATE_SIZE) != POD_OK)
		ok = false;
	if (ok && start_bytes)
		*start_bytes = t->esp_part->start_bytes + e[0].dev_bytes;
	pod_free(&cli_alloc, e);
	return ok;
}
