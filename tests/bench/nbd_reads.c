/* SPDX-License-Identifier: BSD-2-Clause */
/* nbd_reads SOCKET seq|random LENGTH DEPTH SECONDS: reads through a Unix socket with DEPTH requests under way; prints MiB per second.
 * As little of a client as that takes (simple replies), so that what is measured is the server. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "core/base/bytes.h"

#define DEPTH_MAX  256u
#define LENGTH_MAX (32u << 20)

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void take(int fd, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		ssize_t n = recv(fd, p, len, 0);

		if (n <= 0)
			die("recv");
		p += n;
		len -= (size_t)n;
	}
}

static void give(int fd, const void *buf, size_t len)
{
	if (send(fd, buf, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("send");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The default export, the old way in. Returns its size. */
static uint64_t enter(int fd, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	uint8_t h[20] = {0};

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (connect(fd, (const struct sockaddr *)&a, sizeof a) != 0)
		die(path);
	take(fd, h, 18);
	memset(h, 0, sizeof h);
	h[3] = 3;
	memcpy(h + 4, "IHAVEOPT\0\0\0\1\0\0\0\0", 16);
	give(fd, h, 20);
	take(fd, h, 10);
	return pod_get_be64(h);
}

int main(int argc, char **argv)
{
	static uint8_t ask[DEPTH_MAX * 28];
	uint32_t len = argc == 6 ? (uint32_t)atoi(argv[3]) : 0, depth = argc == 6 ? (uint32_t)atoi(argv[4]) : 0;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), random_reads;
	uint64_t size, at = 0, bytes = 0, seed = 88172645463325252ull;
	uint8_t *buf;
	double start, end;

	if (!len || len > LENGTH_MAX || !depth || depth > DEPTH_MAX)
		return 2;
	random_reads = strcmp(argv[2], "random") == 0;
	buf = malloc(len + 16u);
	size = enter(fd, argv[1]) / len;
	start = now();
	end = start + atof(argv[5]);
	for (uint32_t queued = depth; now() < end;) {
		/* What was answered is asked for anew, in one piece. */
		for (uint32_t i = 0; i < queued; i++) {
			uint8_t *h = ask + (size_t)i * 28;

			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			pod_put_be32(h, 0x25609513);
			pod_put_be64(h + 16, (random_reads ? seed % size : at++ % size) * len);
			pod_put_be32(h + 24, len);
		}
		give(fd, ask, (size_t)queued * 28);
		queued = depth > 3 ? depth / 4 : 1;
		for (uint32_t i = 0; i < queued; i++) {
			take(fd, buf, len + 16u);
			if (pod_get_be32(buf) != 0x67446698 || pod_get_be32(buf + 4))
				return 1;
			bytes += len;
		}
	}
	printf("%.1f\n", (double)bytes / 1048576 / (now() - start));
	return 0;
}
