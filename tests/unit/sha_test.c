/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-1 and SHA-256 against the examples of FIPS 180 and, at every length around a block's end, against sha1sum and sha256sum. */
#include "core/base/sha1.h"
#include "core/base/sha256.h"
#include "tests/unit/test.h"

static const struct sha {
	const char *program;
	size_t len;
	const char *nothing, *abc, *two_blocks, *million;
} shas[] = {
	{"sha1sum", POD_SHA1_LEN, "da39a3ee5e6b4b0d3255bfef95601890afd80709", "a9993e364706816aba3e25717850c26c9cd0d89d",
	 "84983e441c3bd26ebaae4aa1f95129e5e54670f1", "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
	{"sha256sum", POD_SHA256_LEN, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
	 "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static const char *hex(const struct sha *sha, const void *data, size_t len, size_t piece)
{
	static char out[2 * POD_SHA256_LEN + 1];
	uint8_t sum[POD_SHA256_LEN];
	struct pod_sha1 one;
	struct pod_sha256 two;
	bool is_one = sha->len == POD_SHA1_LEN;
	pod_sha1_init(&one);
	pod_sha256_init(&two);
	for (size_t at = 0; at < len; at += piece) {
		const uint8_t *p = (const uint8_t *)data + at;
		size_t n = len - at < piece ? len - at : piece;
		if (is_one)
			pod_sha1_update(&one, p, n);
		else
			pod_sha256_update(&two, p, n);
	}
	if (is_one)
		pod_sha1_final(&one, sum);
	else
		pod_sha256_final(&two, sum);
	for (size_t i = 0; i < sha->len; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
	return out;
}

TEST(fips_examples)
{
	char *a = malloc(1000000);
	REQUIRE(a);
	memset(a, 'a', 1000000);
	for (const struct sha *s = shas; s < shas + POD_ARRAY_LEN(shas); s++) {
		CHECK_STR(hex(s, "", 0, 1), s->nothing);
		CHECK_STR(hex(s, "abc", 3, 3), s->abc);
		CHECK_STR(hex(s, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, 56), s->two_blocks);
		CHECK_STR(hex(s, a, 1000000, 1000000), s->million);
		CHECK_STR(hex(s, a, 1000000, 999), s->million);
	}
	free(a);
}

/* One stream of lines, each the sum of the first n of 200 bytes; coreutils' program makes the same. */
static void as_program(const struct sha *s)
{
	uint8_t data[200];
	char line[96], path[] = "/tmp/pod-sha-XXXXXX", cmd[160];
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7 + 3);
	int fd = mkstemp(path);
	REQUIRE(fd >= 0);
	FILE *f = fdopen(fd, "wb");
	REQUIRE(f && fwrite(data, 1, sizeof data, f) == sizeof data && fclose(f) == 0);
	snprintf(cmd, sizeof cmd, "for n in $(seq 0 200); do head -c $n %s | %s; done", path, s->program);
	FILE *p = popen(cmd, "r");
	REQUIRE(p);
	unsigned n = 0;
	for (; n <= sizeof data && fgets(line, sizeof line, p); n++) {
		line[2 * s->len] = 0;
		CHECK_STR(hex(s, data, n, 1 + n % 67), line);
	}
	CHECK_EQ(n, 201);
	pclose(p);
	remove(path);
}

TEST(as_sha1sum)
{
	as_program(&shas[0]);
}

TEST(as_sha256sum)
{
	as_program(&shas[1]);
}
