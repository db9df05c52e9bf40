/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 against the examples of FIPS 180 and, at every length around a block's end, against sha256sum. */
#include "core/base/sha256.h"
#include "tests/unit/test.h"

static const char *hex(const void *data, size_t len, size_t piece)
{
	static char out[65];
	uint8_t sum[32];
	struct pod_sha256 s;
	pod_sha256_init(&s);
	for (size_t at = 0; at < len; at += piece)
		pod_sha256_update(&s, (const uint8_t *)data + at, len - at < piece ? len - at : piece);
	pod_sha256_final(&s, sum);
	for (size_t i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
	return out;
}

TEST(fips_examples)
{
	CHECK_STR(hex("", 0, 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	CHECK_STR(hex("abc", 3, 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	CHECK_STR(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, 56),
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	char *a = malloc(1000000);
	memset(a, 'a', 1000000);
	CHECK_STR(hex(a, 1000000, 1000000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	CHECK_STR(hex(a, 1000000, 999), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(a);
}

/* One stream of lines, each the sum of the first n of 200 bytes; sha256sum makes the same. */
TEST(as_sha256sum)
{
	uint8_t data[200];
	char line[96], path[] = "/tmp/pod-sha256-XXXXXX", cmd[160];
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7 + 3);
	int fd = mkstemp(path);
	REQUIRE(fd >= 0);
	FILE *f = fdopen(fd, "wb");
	REQUIRE(f && fwrite(data, 1, sizeof data, f) == sizeof data && fclose(f) == 0);
	snprintf(cmd, sizeof cmd, "for n in $(seq 0 200); do head -c $n %s | sha256sum; done", path);
	FILE *p = popen(cmd, "r");
	REQUIRE(p);
	unsigned n = 0;
	for (; n <= sizeof data && fgets(line, sizeof line, p); n++) {
		line[64] = 0;
		CHECK_STR(hex(data, n, 1 + n % 67), line);
	}
	CHECK_EQ(n, 201);
	pclose(p);
	remove(path);
}
