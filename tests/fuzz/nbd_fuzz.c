/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an NBD client may send. The first byte: bit 0 the export can be written, bit 1 each seventh access to the disk fails; the
 * rest is what comes through the socket, after which the client is silent. The server leaves, asks the disk for nothing outside
 * it, does not write what is not to be written, and said its greeting.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tests/fuzz/fuzz.h"
#include "cli/ui/ui.h"
#include "cli/nbd/nbd.h"

#define DISK (192u << 10)
/* What a client of at most 256 KiB can get out of the server: each 28 bytes may ask for the whole disk. */
#define ANSWER_MAX ((262144ull / 28 + 1) * (DISK + 16) + 65536)

struct disk {
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

struct server {
	struct cli_nbd_export ex;
	int fd;
};

static void *serve(void *arg)
{
	struct server *s = arg;

	cli_nbd_serve(s->fd, &s->ex);
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
	struct pod_dev dev = {.size_bytes = DISK,
			      .sector_size = 512,
			      .read = disk_read,
			      .write = disk_write,
			      .flush = disk_flush,
			      .ctx = &disk};
	struct server s = {.ex = {.dev = &dev, .name = "disk", .description = "a disk", .ctx = &disk}};
	pthread_t thread;
	int pair[2];

	if (size < 2)
		return 0;
	memset(&disk, 0, sizeof disk);
	disk.writable = data[0] & 1;
	disk.fails = data[0] & 2;
	dev.read_only = !disk.writable;
	s.ex.zero = disk.writable ? disk_zero : NULL;
	FUZZ_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	s.fd = pair[0];
	FUZZ_REQUIRE(pthread_create(&thread, NULL, serve, &s) == 0);
	talk(pair[1], data + 1, size - 1);
	pthread_join(thread, NULL);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
