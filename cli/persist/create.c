/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a persistence file: room in one piece on the stick; the filesystem in a sparse file of the host, by others' programs that see
 * nothing of the stick; what they wrote, and the journal as zeros, copied to that room; then the name. Power may fail at any moment
 * before: then there is no such file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/host/mkext4.h"
#include "cli/host/temporary.h"
#include "cli/persist/persist.h"
#include "cli/stick/copy.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

#define MIB	     (UINT64_C(1) << 20)
#define SIZE_MIN     (64 * MIB)
#define SIZE_MOST    (UINT64_C(8) << 40) /* half of what 32 bits of blocks hold */
#define SIZE_DEFAULT (4096 * MIB)

char *persist_path(const char *image)
{
	return cli_xasprintf("%s" POD_PERSIST_SUFFIX, image);
}

/* As much as fits, and not all of it. */
static uint64_t default_size(struct cli_volume *v, const struct persist_type *type)
{
	struct pod_exfat_space space;
	uint64_t most = SIZE_DEFAULT;

	if (type->kind == POD_PERSIST_DISK)
		most = pod_min_u64(most, pod_align_up(persist_overlay_most(type->disk_bytes), SIZE_MIN));
	cli_volume_space(v, &space);
	return pod_min_u64(most, space.largest_run_bytes / 2 / MIB * MIB);
}

bool persist_reserve(struct cli_volume *v, const char *path, uint64_t size, uint32_t flags, struct pod_exfat_new *n,
		     struct fault *fault)
{
	struct pod_exfat_space space;
	struct pod_diag diag = {0};
	char need[16], there[16], run[16];
	enum pod_status st = cli_volume_begin(v, path, size, flags, n, &diag);

	if (st == POD_OK)
		return true;
	if (st == POD_E_EXISTS) {
		fault_set(fault, _("%s:%s: it is there already; 'isopod persist remove' takes it away"), v->t->file.path, path);
	} else if (st == POD_E_NOSPACE) {
		cli_volume_space(v, &space);
		fault_set(fault,
			  _("%s: not enough space in one piece for %s: it needs %s, %s are free (largest piece %s); remove "
			    "images first"),
			  v->t->file.path, path, pod_format_size(need, size), pod_format_size(there, space.free_bytes),
			  pod_format_size(run, space.largest_run_bytes));
	} else {
		cli_volume_fail(v, path, _("cannot create"), st, &diag, fault);
	}
	return false;
}

/* mke2fs clears the journal by making a hole of it. What lies there on the stick could be taken for a journal: it is written. The
 * superblock has a copy of where it is (s_jnl_blocks, +0x10C), an extent tree's root: +0 u16 F30Ah, +2 u16 entries, +6 u16 depth; from
 * +12 on 12 bytes each, +4 u16 blocks, +6 u16 and +8 u32 first block. */
static enum pod_status clear_journal(struct cli_dev *fs, struct pod_dev *to, uint64_t start)
{
	uint8_t sb[1024], *zeros;
	const uint8_t *root = sb + 0x10c;
	enum pod_status st = pod_dev_read(&fs->dev, 1024, sb, sizeof sb);
	unsigned entries = pod_get_le16(root + 2);

	if (st != POD_OK)
		return st;
	if (sb[0xfd] != 1 || pod_get_le16(root) != 0xf30a || pod_get_le16(root + 6) != 0 || !entries || entries > 4)
		return POD_E_UNSUPPORTED;
	zeros = cli_xzalloc(MIB);
	for (unsigned i = 0; i < entries && st == POD_OK; i++) {
		const uint8_t *e = root + 12 + 12 * i;
		uint64_t at = ((uint64_t)pod_get_le16(e + 6) << 32 | pod_get_le32(e + 8)) << 12,
			 left = (uint64_t)pod_get_le16(e + 4) << 12;

		for (uint64_t n; left && st == POD_OK && !cli_interrupted; at += n, left -= n) {
			n = pod_min_u64(left, MIB);
			st = pod_in_range(at, n, fs->dev.size_bytes) ? pod_dev_write(to, start + at, zeros, (size_t)n)
								     : POD_E_CORRUPT;
		}
	}
	free(zeros);
	return st;
}

/* Into the room for it. */
static bool copy(struct cli_volume *v, const char *path, struct cli_dev *fs, uint64_t start, struct fault *fault)
{
	struct pod_dev *to = &v->t->data_win.dev;
	enum pod_status st = clear_journal(fs, to, start);

	if (st == POD_OK)
		st = cli_copy_data(fs, to, start);
	if (st != POD_OK && !cli_interrupted)
		cli_volume_fail(v, path, _("cannot write"), st, NULL, fault);
	if (cli_interrupted)
		fault_set(fault, _("%s:%s: not created: %s"), v->t->file.path, path, _("interrupted"));
	return st == POD_OK && !cli_interrupted;
}

static bool make_fs(const char *file, uint64_t size, const struct persist_type *type, struct fault *fault)
{
	static const char *const folder[POD_PERSIST_KINDS][3] = {[POD_PERSIST_DRACUT] = {"overlayfs", "ovlwork"},
								 [POD_PERSIST_PUPPY] = {POD_PERSIST_FOLDER_PU},
								 [POD_PERSIST_TINYCORE] = {"tce"}};
	static const char conf[] = "/ union\n";
	uint8_t *ovl = NULL;
	struct mkext4 m = {.label = type->label,
			   .journal_mib = (unsigned)pod_min_u64(4 + size / (128 * MIB), 64),
			   .folder = folder[type->kind]};
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok = false;

	if (type->kind == POD_PERSIST_LIVE_BOOT) {
		m.file = "persistence.conf";
		m.data = conf;
		m.data_len = sizeof conf - 1;
	} else if (type->kind == POD_PERSIST_ALPINE) {
		m.file = PERSIST_APKOVL;
		m.data = ovl = persist_apkovl(type->label, &m.data_len);
	}
	if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
		fault_set(fault, _("%s: cannot set the size: %s"), file, strerror(errno));
	else
		ok = cli_mkext4(fd, &m, fault);
	free(ovl);
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool fill(struct cli_volume *v, const char *path, const struct pod_exfat_new *n, const struct persist_type *type,
		 struct fault *fault)
{
	char *folder = temporary_folder(), *file = folder ? cli_xasprintf("%s/volume", folder) : NULL;
	struct cli_dev fs;
	bool ok = false;

	if (!folder) {
		fault_set(fault, "%s", _("no folder for temporary files"));
	} else if (make_fs(file, n->size_bytes, type, fault) && cli_dev_open(&fs, file, false, fault)) {
		ok = copy(v, path, &fs, n->extent[0].dev_bytes, fault);
		cli_dev_close(&fs);
	}
	free(file);
	temporary_remove(folder);
	return ok;
}

static int report(const char *path, uint64_t size, const struct persist_type *type, bool json, struct fault *fault)
{
	struct cli_json j;
	char text[16];

	if (!json && type->kind == POD_PERSIST_DISK) {
		cli_print(_("%s: %s, for what is written to the disk in the image\n"), path, pod_format_size(text, size));
		return cli_flush(fault);
	}
	if (!json) {
		cli_print(_("%s: %s, for %s (label %s)\n"), path, pod_format_size(text, size), pod_persist_kind_text(type->kind),
			  type->label);
		return cli_flush(fault);
	}
	cli_json_init(&j, stdout);
	cli_json_open(&j, NULL, '{');
	cli_json_str(&j, "path", path);
	cli_json_u64(&j, "size", size);
	cli_json_str(&j, "kind", pod_persist_kind_text(type->kind));
	if (*type->label)
		cli_json_str(&j, "label", type->label);
	cli_json_close(&j, '}');
	return cli_json_end(&j, fault);
}

static int make(struct cli_volume *v, const char *path, const struct persist_type *type, uint64_t size, struct fault *fault)
{
	struct pod_exfat_new n;
	struct pod_diag diag = {0};
	enum pod_status st;

	if (!persist_reserve(v, path, size, 0, &n, fault))
		return CLI_FAILED;
	if (!(type->kind == POD_PERSIST_DISK ? persist_overlay_write : fill)(v, path, &n, type, fault)) {
		cli_volume_abort(v, &n);
		return CLI_FAILED;
	}
	st = cli_volume_commit(v, path, &n, (int64_t)time(NULL), &diag);
	return st == POD_OK ? CLI_OK : cli_volume_fail(v, path, _("cannot create"), st, &diag, fault);
}

int persist_create(struct cli_volume *v, const char *image, const struct persist_type *type, uint64_t size_bytes, bool json,
		   struct fault *fault)
{
	uint64_t size = (size_bytes ? size_bytes : default_size(v, type)) / 4096 * 4096;
	char *path = persist_path(image), least[16], most[16];
	struct pod_node node;
	int rc = CLI_FAILED;

	if (cli_volume_lookup(v, path, &node) == POD_OK)
		fault_set(fault, _("%s:%s: it is there already; 'isopod persist remove' takes it away"), v->t->file.path, path);
	else if (size < SIZE_MIN || size > SIZE_MOST)
		fault_set(fault, _("%s:%s: a persistence file has %s to %s; choose another --size, or remove images first"),
			  v->t->file.path, path, pod_format_size(least, SIZE_MIN), pod_format_size(most, SIZE_MOST));
	else if (type->kind == POD_PERSIST_DISK || cli_mkext4_ready(fault))
		rc = make(v, path, type, size, fault);
	if (rc == CLI_OK)
		rc = report(path, size, type, json, fault);
	free(path);
	return rc;
}
