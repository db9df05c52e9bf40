/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-1 against the examples of FIPS 180 and, at every length around a block's end, against sha1sum. */
#include "core/base/sha1.h"
#include "tests/unit/test.h"

static const char *hex(const void *data, size_t len, size_t piece)
{
	static char out[41];
	uint8_t sum[20];
	struct pod_sha1 s;
	pod_sha1_init(&s);
	for (size_t at = 0; at < len; at += piece)
		pod_sha1_update(&s, (const uint8_t *)data + at, len - at < piece ? len - at : piece);
	pod_sha1_final(&s, sum);
	for (size_t i = 0; i < 20; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
	return out;
}

TEST(fips_examples)
{
	CHECK_STR(hex("", 0, 1), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	CHECK_STR(hex("abc", 3, 3), "a9993e364706816aba3e25717850c26c9cd0d89d");
	CHECK_STR(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, 56),
		  "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	char *a = malloc(1000000);
	memset(a, 'a', 1000000);
	CHECK_STR(hex(a, 1000000, 1000000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
	CHECK_STR(hex(a, 1000000, 999), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
	free(a);
}

/* One stream of lines, each the sum of the first n of 200 bytes; sha1sum makes the same. */
TEST(as_sha1sum)
{
	uint8_t data[200];
	char line[64], path[] = "/tmp/pod-sha1-XXXXXX", cmd[160];
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7 + 3);
	int fd = mkstemp(path);
	REQUIRE(fd >= 0);
	FILE *f = fdopen(fd, "wb");
	REQUIRE(f && fwrite(data, 1, sizeof data, f) == sizeof data && fclose(f) == 0);
	snprintf(cmd, sizeof cmd, "for n in $(seq 0 200); do head -c $n %s | sha1sum; done", path);
	FILE *p = popen(cmd, "r");
	REQUIRE(p);
	unsigned n = 0;
	for (; n <= sizeof data && fgets(line, sizeof line, p); n++) {
		line[40] = 0;
		CHECK_STR(hex(data, n, 1 + n % 67), line);
	}
	CHECK_EQ(n, 201);
	pclose(p);
	remove(path);
}
