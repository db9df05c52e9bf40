/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow, QED and Parallels files, read by qemu-img, and qcow2 files, written by it. What the core reads itself (qcow2, VMDK, VDI) does
 * not come here.
 *
 * A container can name further files (a backing file), and qemu-img would open them: as root, any file of
 * the host. So its header is read here first, and one that names others is refused. qemu-img runs behind walls and gets connected
 * sockets of our NBD server: what it reads under a driver that we name, with a backing file ruled out, and what it writes to.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/disk/disk.h"
#include "cli/disk/qemu_img.h"
#include "cli/host/proc.h"
#include "cli/host/tempfile.h"
#include "cli/nbd/nbd.h"

/* What the core says of containers, so that the catalogue holds it. */
static const char *const names_text[] __attribute__((unused)) = {
	N_("backing file"),
	N_("extent files"),
};

int disk_foreign_size(struct disk_file *f, enum pod_diskfile format, uint64_t *size_bytes, struct fault *fault)
{
	const char *path = f->dev.path, *format_text = pod_diskfile_text(format);
	struct pod_diag diag = {0};
	enum pod_status st = pod_diskfile_alone(f->vf.dev, format, size_bytes, &diag);

	if (st == POD_E_FORMAT)
		return fault_set(fault, _("%s: is a %s image, which cannot be read here"), path, format_text);
	if (st == POD_E_UNSUPPORTED)
		return fault_set(fault,
				 _("%s: not read, as it names other files (%s), which could be any on this computer; make it "
				   "one file first with 'qemu-img convert'"),
				 path, _(diag.what));
	if (st == POD_E_NOT_FOUND)
		return disk_not_one(path, format, fault);
	if (st != POD_OK)
		return disk_fail(path, _("cannot open the image"), st, &diag, NULL, fault);
	if (!cli_proc_on_path("qemu-img"))
		return fault_set(fault, _("%s: %s images need the program qemu-img; install the package qemu-utils"), path,
				 format_text);
	return CLI_OK;
}

static enum pod_status zero(void *ctx, uint64_t off, uint64_t len)
{
	return pod_chain_trim(ctx, off, len);
}

/* One run of qemu-img: from bytes of ours to a disk of ours, or to a file. */
struct run {
	pthread_mutex_t lock;
	char *folder, *from_socket, *to_socket;
	struct cli_nbd_server *from, *to;
};

static bool start(struct run *r, struct pod_dev *from, struct pod_chain *to, struct fault *fault)
{
	struct cli_nbd_export in = {.dev = from, .name = "disk", .description = "isopod virtual disk", .lock = &r->lock};
	struct cli_nbd_export out = in;

	r->folder = tempfile_folder(fault);
	if (!r->folder)
		return false;
	r->from_socket = cli_xasprintf("%s/from", r->folder);
	r->to_socket = cli_xasprintf("%s/to", r->folder);
	r->from = cli_nbd_start(&in, r->from_socket, fault);
	if (!r->from || !to)
		return r->from;
	out.dev = &to->dev;
	out.zero = zero;
	out.ctx = to;
	r->to = cli_nbd_start(&out, r->to_socket, fault);
	return r->to;
}

static void stop(struct run *r)
{
	if (r->to)
		cli_nbd_stop(r->to);
	if (r->from)
		cli_nbd_stop(r->from);
	if (r->folder)
		rmdir(r->folder);
	free(r->from_socket);
	free(r->to_socket);
	free(r->folder);
}

static int convert(struct pod_dev *from, enum pod_diskfile format, struct pod_chain *to, const char *path, const char *shown,
		   struct fault *fault)
{
	struct run r = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct cli_args a = {0};
	int rc = CLI_FAILED, out = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (path && out < 0)
		return fault_set(fault, _("%s: cannot make the image: %s"), shown, strerror(errno));
	if (start(&r, from, to, fault)) {
		struct qemu_img q = {.about = shown, .from = r.from_socket, .to = to ? r.to_socket : NULL, .out = out};

		cli_args_add(&a, "convert");
		cli_args_add(&a, "-q");
		cli_args_add(&a, "-O");
		cli_args_add(&a, to ? "raw" : "qcow2");
		if (to) {
			cli_args_add(&a, "-n");
			cli_args_add(&a, "--target-is-zero");
		}
		if (qemu_img_run(&q, pod_diskfile_text(format), &a, fault))
			rc = CLI_OK;
		cli_args_free(&a);
	}
	stop(&r);
	if (out >= 0)
		close(out);
	return rc;
}

int disk_foreign_read(struct pod_dev *from, enum pod_diskfile format, struct pod_chain *to, const char *shown,
		      struct fault *fault)
{
	return convert(from, format, to, NULL, shown, fault);
}

int disk_foreign_write(struct pod_dev *from, enum pod_diskfile format, const char *path, const char *shown, struct fault *fault)
{
	if (!cli_proc_on_path("qemu-img"))
		return fault_set(fault, "%s", _("qcow2 needs the program qemu-img; install the package qemu-utils"));
	return convert(from, format, NULL, path, shown, fault);
}
