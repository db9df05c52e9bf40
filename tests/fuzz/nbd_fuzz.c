/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an NBD client may send. The first byte: bit 0 the export can be written, bit 1 each seventh access to the disk fails, bit 2
 * zeros are fast, bit 3 places are told; the rest is what comes through the socket, after which the client is silent. The server
 * leaves, asks the disk for nothing outside it, does not write what is not to be written, said its greeting, and closes what it
 * opened.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tests/fuzz/fuzz.h"
#include "cli/ui/ui.h"
#include "cli/nbd/nbd.h"

#define DISK   (192u << 10)
#define LAYERS 3u
/* What a client of at most 256 KiB can get out of the server: each 28 bytes may ask for the whole disk. */
#define ANSWER_MAX ((262144ull / 28 + 1) * (DISK + 28) + 65536)

struct disk {
	struct pod_dev dev;
	uint8_t data[DISK];
	bool fails, writable;
	unsigned accesses;
};

static enum pod_status access_disk(struct disk *d, uint64_t off, uint64_t len)
{
	FUZZ_REQUIRE(off <= DISK && len <= DISK - off);
	return d->fails && ++d->accesses % 7 == 0 ? POD_E_IO : POD_OK;
}

static enum pod_status disk_read(struct pod_dev *dev, uint64_t off, void *buf, size_t len)
{
	struct disk *d = dev->ctx;

	POD_TRY(access_disk(d, off, len));
	memcpy(buf, d->data + off, len);
	return POD_OK;
}

static enum pod_status disk_write(struct pod_dev *dev, uint64_t off, const void *buf, size_t len)
{
	struct disk *d = dev->ctx;

	FUZZ_REQUIRE(d->writable);
	POD_TRY(access_disk(d, off, len));
	memcpy(d->data + off, buf, len);
	return POD_OK;
}

static enum pod_status disk_flush(struct pod_dev *dev)
{
	return access_disk(dev->ctx, 0, 0);
}

static enum pod_status disk_zero(void *ctx, uint64_t off, uint64_t len)
{
	struct disk *d = ctx;

	FUZZ_REQUIRE(d->writable);
	POD_TRY(access_disk(d, off, len));
	memset(d->data + off, 0, (size_t)len);
	return POD_OK;
}

static enum pod_status disk_extent(void *ctx, unsigned context, uint64_t off, uint64_t len, struct cli_nbd_extent *out)
{
	struct disk *d = ctx;

	FUZZ_REQUIRE(context <= LAYERS && len > 0);
	POD_TRY(access_disk(d, off, len));
	out->len = pod_min_u64(len, 4096 - (off & 4095));
	out->flags = d->data[off] ? CLI_NBD_DATA : CLI_NBD_HOLE | CLI_NBD_ZERO;
	return POD_OK;
}

static const char *disk_since(void *ctx, unsigned n)
{
	static const char *const name[LAYERS] = {"base", "one", "two"};

	(void)ctx;
	return n <= LAYERS ? name[n - 1] : NULL;
}

/* Sectors that are zeros have no place. */
static unsigned disk_locate(void *ctx, uint64_t off, size_t len, struct cli_nbd_piece *out, unsigned max)
{
	struct disk *d = ctx;
	unsigned n = 0;

	FUZZ_REQUIRE(len > 0 && off <= DISK && len <= DISK - off);
	for (; len && n < max; n++) {
		size_t part = (size_t)pod_min_u64(len, 4096 - (off & 4095));

		out[n] = (struct cli_nbd_piece){.dev = off & 4096 ? &d->dev : NULL, .off_bytes = off, .len = part};
		off += part, len -= part;
	}
	return n;
}

struct server {
	struct cli_nbd_export ex;
	struct cli_nbd_source source;
	unsigned open;
	int fd;
};

static void list(void *ctx, bool (*cb)(void *arg, const char *name), void *arg)
{
	(void)ctx;
	if (cb(arg, "disk"))
		(void)cb(arg, "again");
}

static const struct cli_nbd_export *open_export(void *ctx, const char *name)
{
	struct server *s = ctx;

	if (strcmp(name, "none") == 0)
		return NULL;
	s->open++;
	return &s->ex;
}

static void close_export(void *ctx, const struct cli_nbd_export *ex)
{
	struct server *s = ctx;

	FUZZ_REQUIRE(ex == &s->ex && s->open-- > 0);
}

static void *serve(void *arg)
{
	struct server *s = arg;

	cli_nbd_serve(s->fd, &s->source);
	FUZZ_REQUIRE(s->open == 0);
	shutdown(s->fd, SHUT_RDWR);
	return NULL;
}

/* Sends it all, reads until the server closes. */
static void talk(int fd, const uint8_t *data, size_t len)
{
	static uint8_t buf[65536];
	uint64_t got = 0;
	size_t sent = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = (short)(POLLIN | (sent < len ? POLLOUT : 0))};
		ssize_t n;

		n = poll(&p, 1, 60000);
		if (n < 0 && errno == EINTR) /* libFuzzer's clock */
			continue;
		FUZZ_REQUIRE(n == 1); /* it hangs */
		if (p.revents & POLLOUT) {
			n = send(fd, data + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
			sent = n < 0 ? len : sent + (size_t)n;
			if (sent == len)
				shutdown(fd, SHUT_WR);
		}
		if (!(p.revents & (POLLIN | POLLHUP)))
			continue;
		n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
		if (n <= 0)
			break;
		FUZZ_REQUIRE(got > 0 || (n >= 18 && memcmp(buf, "NBDMAGICIHAVEOPT", 16) == 0));
		got += (uint64_t)n;
		FUZZ_REQUIRE(got <= ANSWER_MAX);
	}
	FUZZ_REQUIRE(got >= 18);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct disk disk;
	pthread_rwlock_t gate = PTHREAD_RWLOCK_INITIALIZER;
	struct server s = {.ex = {.dev = &disk.dev,
				  .name = "disk",
				  .description = "a disk",
				  .gate = &gate,
				  .extent = disk_extent,
				  .since = disk_since,
				  .ctx = &disk},
			   .source = {.list = list, .open = open_export, .close = close_export, .ctx = &s}};
	pthread_t thread;
	int pair[2];

	if (size < 2)
		return 0;
	memset(&disk, 0, sizeof disk);
	disk.writable = data[0] & 1;
	disk.fails = data[0] & 2;
	disk.dev = (struct pod_dev){.size_bytes = DISK,
				    .sector_size = 512,
				    .read_only = !disk.writable,
				    .read = disk_read,
				    .write = disk_write,
				    .flush = disk_flush,
				    .ctx = &disk};
	s.ex.zero = disk.writable ? disk_zero : NULL;
	s.ex.zero_is_fast = data[0] & 4;
	s.ex.locate = data[0] & 8 ? disk_locate : NULL;
	FUZZ_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	s.fd = pair[0];
	FUZZ_REQUIRE(pthread_create(&thread, NULL, serve, &s) == 0);
	talk(pair[1], data + 1, size - 1);
	pthread_join(thread, NULL);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
