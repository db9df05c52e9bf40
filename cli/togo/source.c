/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IMAGE as libwim can open it.
 *
 * A WIM that lies in an ISO or on a stick is no file that it could open: what is needed of it is copied into a file without a name.
 * To tell what is in it, the header, the table of blobs and the XML data do, in a file as long as the WIM and otherwise a hole.
 *
 * Header of a WIM (208 bytes; wimlib's documentation, "WIM file format"): +0 8 "MSWIM\0\0\0"  +24 16 GUID, the same in all parts
 * +40 2 part number  +42 2 parts in all  +48 24 table of blobs  +72 24 XML data; a place is 7 bytes of size, flags, u64 offset.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/host/tempfile.h"
#include "cli/stick/image.h"
#include "cli/togo/togo.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

#define HEADER	  208u
#define PIECE	  (1u << 20)
#define TABLE_MAX (256ull << 20)

struct header {
	uint8_t guid[16];
	unsigned part, parts;
	uint64_t table, table_len, xml, xml_len;
};

static const uint8_t magic[8] = {'M', 'S', 'W', 'I', 'M', 0, 0, 0};

static uint64_t get_size(const uint8_t *p)
{
	return pod_get_le64(p) & ((1ull << 56) - 1);
}

static bool parse(const uint8_t *p, struct header *h)
{
	if (memcmp(p, magic, sizeof magic) != 0)
		return false;
	memcpy(h->guid, p + 24, sizeof h->guid);
	h->part = pod_get_le16(p + 40);
	h->parts = pod_get_le16(p + 42);
	h->table_len = get_size(p + 48);
	h->table = pod_get_le64(p + 56);
	h->xml_len = get_size(p + 72);
	h->xml = pod_get_le64(p + 80);
	return true;
}

/* --- where the bytes come from: a device, or a file on a filesystem on it --------------------------------------- */

struct from {
	struct pod_dev *dev;
	struct pod_fs *fs; /* NULL: the whole device */
	struct pod_node node;
	uint64_t size;
};

static enum pod_status read_at(struct from *f, uint64_t off, void *buf, size_t len)
{
	return f->fs ? pod_fs_read(f->fs, &f->node, off, buf, len) : pod_dev_read(f->dev, off, buf, len);
}

static bool read_header(struct from *f, struct header *h)
{
	uint8_t head[HEADER];

	return f->size >= sizeof head && read_at(f, 0, head, sizeof head) == POD_OK && parse(head, h);
}

/* --- copies ------------------------------------------------------------------------------------------------------ */

/* A piece of the same place. */
static bool copy_piece(struct from *f, int to, uint64_t off, uint64_t len, struct fault *fault)
{
	uint8_t *buf = cli_xmalloc(PIECE);
	enum pod_status st = POD_OK;
	ssize_t n = 1;

	for (uint64_t at = 0; at < len && st == POD_OK && n > 0 && !cli_interrupted; at += (uint64_t)n) {
		n = (ssize_t)pod_min_u64(PIECE, len - at);
		st = read_at(f, off + at, buf, (size_t)n);
		if (st == POD_OK)
			n = pwrite(to, buf, (size_t)n, (off_t)(off + at));
	}
	free(buf);
	if (st != POD_OK)
		fault_set(fault, "%s: %s", _("cannot read the WIM in the image"), cli_status_text(st));
	else if (n < 0)
		fault_set(fault, _("cannot copy the WIM in the image: %s"), strerror(errno));
	else if (cli_interrupted)
		fault_set(fault, "%s", _("interrupted"));
	return st == POD_OK && n > 0 && !cli_interrupted;
}

/* Runs of a file on a medium that is a file of the host: the kernel copies them, or shares them where it can. */
static enum pod_status copy_run(void *ctx, const struct pod_extent *e)
{
	const int *fd = ctx;
	off_t from = (off_t)e->dev_bytes, to = (off_t)e->file_bytes;
	uint64_t left = e->hole ? 0 : e->length_bytes;

	while (left && !cli_interrupted) {
		ssize_t n = copy_file_range(fd[0], &from, fd[1], &to, (size_t)pod_min_u64(left, 64ull << 20), 0);

		if (n <= 0)
			return POD_E_IO;
		left -= (uint64_t)n;
	}
	return cli_interrupted ? POD_E_CANCELLED : POD_OK;
}

static bool copy_all(struct from *f, int host_fd, int to, struct fault *fault)
{
	int both[2] = {host_fd, to};

	if (host_fd >= 0 && f->fs && f->fs->ops->extents(f->fs, &f->node, copy_run, both) == POD_OK)
		return true;
	return copy_piece(f, to, 0, f->size, fault);
}

static bool copy_index(struct from *f, const struct header *h, int to, struct fault *fault)
{
	if (!pod_in_range(h->table, h->table_len, f->size) || !pod_in_range(h->xml, h->xml_len, f->size) ||
	    h->table_len > TABLE_MAX || h->xml_len > TABLE_MAX) {
		fault_set(fault, "%s", _("the WIM in the image is damaged, or was not copied to its end"));
		return false;
	}
	return copy_piece(f, to, 0, HEADER, fault) && copy_piece(f, to, h->table, h->table_len, fault) &&
	       copy_piece(f, to, h->xml, h->xml_len, fault);
}

/* A copy next to `beside`, open for reading; -1, and has said why. */
static int copy_part(struct togo_source *s, struct from *f, int host_fd, enum togo_need need, const char *beside,
		     struct fault *fault)
{
	char *name = tempfile_make(beside, fault);
	int out = name ? open(name, O_RDWR | O_CLOEXEC) : -1, in = -1;
	struct fault why = {0};
	struct header h;
	bool ok = out >= 0 && ftruncate(out, (off_t)f->size) == 0;

	if (ok)
		ok = need == TOGO_ALL ? copy_all(f, host_fd, out, &why) : read_header(f, &h) && copy_index(f, &h, out, &why);
	/* The child, whoever it is, reads it. */
	if (ok && fchmod(out, 0444) == 0)
		in = open(name, O_RDONLY | O_CLOEXEC);
	if (in < 0 && name) {
		if (fault_is_set(&why))
			fault_set(fault, "%s: %s", s->shown, fault_text(&why));
		else
			fault_set(fault, _("%s: cannot copy the WIM in the image: %s"), s->shown, strerror(errno));
		unlink(name);
	}
	fault_free(&why);
	if (out >= 0)
		close(out);
	if (in >= 0)
		s->copy[s->parts] = name;
	else
		free(name);
	return in;
}

/* --- parts of a split WIM --------------------------------------------------------------------------------------- */

/* "install.swm", 2 -> "install2.swm". */
static char *part_name(const char *first, unsigned n)
{
	const char *dot = strrchr(first, '.');

	if (!dot || strchr(dot, '/'))
		dot = first + strlen(first);
	return cli_xasprintf("%.*s%u%s", (int)(dot - first), first, n, dot);
}

static bool is_part(const struct header *first, const struct header *h, unsigned n)
{
	return h->part == n && h->parts == first->parts && memcmp(h->guid, first->guid, sizeof h->guid) == 0;
}

static int wrong_part(const char *name, unsigned n, unsigned parts, struct fault *fault)
{
	return fault_set(fault, _("%s: not part %u of %u of this WIM; put all parts there"), name, n, parts);
}

static bool parts_ok(const struct togo_source *s, const struct header *h, struct fault *fault)
{
	if (h->part == 1 && h->parts >= 1 && h->parts <= TOGO_PARTS_MAX)
		return true;
	if (h->part > 1)
		fault_set(fault, _("%s: part %u of a split WIM; name the first part"), s->shown, h->part);
	else
		fault_set(fault, _("%s: a WIM in %u parts, which is more than %u"), s->shown, h->parts, TOGO_PARTS_MAX);
	return false;
}

/* --- a WIM on the host: opened where it lies ----------------------------------------------------------------------- */

static int host_part(struct togo_source *s, const char *path, unsigned n, const struct header *first, enum togo_need need,
		     const char *beside, struct fault *fault)
{
	struct cli_dev dev;
	struct header h;
	int fd, rc = CLI_FAILED;

	if (!cli_dev_open(&dev, path, false, fault))
		return CLI_FAILED;
	struct from f = {.dev = &dev.dev, .size = dev.dev.size_bytes};

	if (!read_header(&f, &h) || (n > 1 && !is_part(first, &h, n)))
		rc = wrong_part(path, n, first->parts, fault);
	else {
		fd = dev.is_block ? -1 : open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && !sandbox_can_open(fd)) {
			close(fd);
			fd = -1;
		}
		if (fd < 0)
			fd = copy_part(s, &f, dev.fd, need, beside, fault);
		if (fd >= 0) {
			s->fd[s->parts++] = fd;
			s->bytes += f.size;
			rc = CLI_OK;
		}
	}
	cli_dev_close(&dev);
	return rc;
}

static int open_host(struct togo_source *s, const char *path, const struct header *h, enum togo_need need, const char *beside,
		     struct fault *fault)
{
	int rc = parts_ok(s, h, fault) ? host_part(s, path, 1, h, need, beside, fault) : CLI_FAILED;

	for (unsigned n = 2; n <= h->parts && rc == CLI_OK; n++) {
		char *name = part_name(path, n);

		rc = host_part(s, name, n, h, need, beside, fault);
		free(name);
	}
	return rc;
}

/* --- a WIM in something else ---------------------------------------------------------------------------------------- */

struct inside {
	struct pod_fs fs;
	struct pod_dirent scratch;
	int host_fd; /* of the medium, if its bytes are those of a file of the host */
};

/* Where installers have it; of a medium for two architectures the 64-bit one. */
static const char *find_wim(struct inside *in, struct pod_node *node)
{
	static const char *const path[] = {"sources/install.wim",     "sources/install.esd",	 "sources/install.swm",
					   "x64/sources/install.wim", "x64/sources/install.esd", "x64/sources/install.swm",
					   "x86/sources/install.wim", "x86/sources/install.esd", "x86/sources/install.swm"};

	for (size_t i = 0; i < POD_ARRAY_LEN(path); i++)
		if (pod_fs_lookup(&in->fs, path[i], node, &in->scratch) == POD_OK && !node->is_dir)
			return path[i];
	return NULL;
}

static int inner_part(struct togo_source *s, struct inside *in, const char *path, unsigned n, struct header *h,
		      enum togo_need need, const char *beside, struct fault *fault)
{
	struct from f = {.fs = &in->fs};
	struct header now;
	int fd;

	if (pod_fs_lookup(&in->fs, path, &f.node, &in->scratch) != POD_OK || f.node.is_dir)
		return fault_set(fault, _("%s: has no /%s"), s->shown, path);
	f.size = f.node.size_bytes;
	if (!read_header(&f, &now))
		return fault_set(fault, _("%s: /%s in it is no WIM"), s->shown, path);
	if (n == 1)
		*h = now;
	if (n == 1 ? !parts_ok(s, h, fault) : !is_part(h, &now, n))
		return n == 1 ? CLI_FAILED : wrong_part(path, n, h->parts, fault);
	fd = copy_part(s, &f, in->host_fd, need, beside, fault);
	if (fd < 0)
		return CLI_FAILED;
	s->fd[s->parts++] = fd;
	s->bytes += f.size;
	return CLI_OK;
}

static int open_medium(struct togo_source *s, struct pod_dev *bytes, int host_fd, enum togo_need need, const char *beside,
		       struct fault *fault)
{
	struct inside *in = cli_xzalloc(sizeof *in);
	struct header h = {0};
	struct pod_node node;
	const char *path;
	int rc;

	in->host_fd = host_fd;
	if (pod_fs_open(&in->fs, bytes, &cli_alloc, NULL) != POD_OK) {
		free(in);
		return fault_set(fault, _("%s: neither a WIM (install.wim, .esd, .swm) nor an ISO image that holds one"),
				 s->shown);
	}
	path = find_wim(in, &node);
	if (!path)
		rc = fault_set(fault, _("%s: holds no sources/install.wim, .esd or .swm"), s->shown);
	else
		rc = inner_part(s, in, path, 1, &h, need, beside, fault);
	for (unsigned n = 2; n <= h.parts && rc == CLI_OK; n++) {
		char *name = part_name(path, n);

		rc = inner_part(s, in, name, n, &h, need, beside, fault);
		free(name);
	}
	pod_fs_close(&in->fs);
	free(in);
	return rc;
}

/* A WIM on a stick: one file; a split one is made for media that are not read this way. */
static int open_stick_wim(struct togo_source *s, struct from *f, const struct header *h, enum togo_need need, const char *beside,
			  struct fault *fault)
{
	int fd;

	if (h->parts != 1)
		return fault_set(fault, _("%s: a split WIM on a stick cannot be used there; copy its parts to a folder"),
				 s->shown);
	fd = copy_part(s, f, -1, need, beside, fault);
	if (fd < 0)
		return CLI_FAILED;
	s->fd[s->parts++] = fd;
	s->bytes = f->size;
	return CLI_OK;
}

int togo_source_open(struct togo_source *s, const char *image, enum togo_need need, const char *beside, struct fault *fault)
{
	struct cli_image *im = cli_xzalloc(sizeof *im);
	struct pod_mapdev md;
	struct pod_map map;
	struct header h;
	int rc = CLI_FAILED;

	memset(s, 0, sizeof *s);
	s->shown = image;
	if (cli_image_open(im, image, false, fault)) {
		if (cli_image_bytes(im, &map, &md, fault)) {
			struct from f = {.dev = &md.dev, .size = md.dev.size_bytes};
			bool is_wim = read_header(&f, &h);

			if (is_wim && !im->target)
				rc = open_host(s, image, &h, need, beside, fault);
			else if (is_wim)
				rc = open_stick_wim(s, &f, &h, need, beside, fault);
			else
				rc = open_medium(s, &md.dev, im->target ? -1 : im->file.fd, need, beside, fault);
			pod_map_fini(&map);
		}
		cli_image_close(im);
	}
	free(im);
	return rc;
}

void togo_source_close(struct togo_source *s)
{
	for (unsigned i = 0; i < s->parts; i++) {
		close(s->fd[i]);
		if (s->copy[i])
			unlink(s->copy[i]);
		free(s->copy[i]);
	}
	memset(s, 0, sizeof *s);
}
