/* SPDX-License-Identifier: BSD-2-Clause */
/* EFI programs, SBAT texts and signature lists: whatever the bytes, readers stay inside them. */
#include "tests/fuzz/fuzz.h"
#include "core/firm/pe.h"

struct sum {
	const uint8_t *p;
	size_t len;
	unsigned value;
};

static void update(void *ctx, const void *data, size_t len)
{
	struct sum *s = ctx;
	const uint8_t *b = data;
	FUZZ_REQUIRE(!len || (b >= s->p && b + len <= s->p + s->len));
	for (size_t i = 0; i < len; i++)
		s->value += b[i];
}

static void sbat(const char *text, size_t len)
{
	struct pod_sbat s;
	size_t at = 0;
	while (pod_sbat_next(text, len, &at, &s) == POD_OK) {
		FUZZ_REQUIRE(at <= len && s.component >= text && s.component + s.component_len <= text + len);
		FUZZ_REQUIRE(s.rest + s.rest_len <= text + len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p = malloc(size ? size : 1);
	struct pod_diag diag = {0};
	struct pod_siglist l;
	struct pod_sig e;
	struct pod_pe pe;

	FUZZ_REQUIRE(p);
	memcpy(p, data, size);
	if (pod_pe_read(p, size, &pe, &diag) == POD_OK) {
		const uint8_t *section;
		size_t n;
		uint16_t version[4];
		struct sum s = {p, size, 0};
		(void)!pod_pe_version(p, size, &pe, version);
		(void)!pod_pe_digest(p, size, &pe, update, &s, &diag);
		if (pod_pe_section(p, size, &pe, ".sbat", &section, &n) == POD_OK) {
			FUZZ_REQUIRE(section >= p && section + n <= p + size);
			sbat((const char *)section, n);
		}
	}
	sbat((const char *)p, size);
	pod_siglist_init(&l, p, size);
	for (size_t before = 0; pod_siglist_next(&l, &e) == POD_OK; before++) {
		FUZZ_REQUIRE(before <= size && e.data >= p && e.data + e.len <= p + size);
		FUZZ_REQUIRE(e.kind != POD_SIG_SHA256 || e.len == 32);
	}
	free(p);
	return 0;
}
