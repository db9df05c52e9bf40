/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod.conf: parser and linter agree with each other, and findings name real lines. */
#include "tests/fuzz/fuzz.h"
#include "core/base/str.h"
#include "core/rules/conf.h"
#include "core/rules/match.h"

struct seen {
	const uint8_t *data;
	size_t len;
	uint32_t lines, count;
};

static void report(void *ctx, const struct pod_conf_finding *f)
{
	struct seen *s = ctx;
	s->count++;
	FUZZ_REQUIRE(f->line <= s->lines && f->what);
	/* the key is a piece of the text */
	if (f->key_len)
		FUZZ_REQUIRE((const uint8_t *)f->key >= s->data && (const uint8_t *)f->key + f->key_len <= s->data + s->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pod_conf a, b;
	struct seen s = {data, size, 1, 0};
	for (size_t i = 0; i < size; i++)
		s.lines += data[i] == '\n';
	struct pod_conf_lint l = {report, NULL, NULL, &s};
	pod_conf_parse(&a, (const char *)data, size);
	uint32_t n = pod_conf_lint(&l, (const char *)data, size, &b);
	FUZZ_REQUIRE(n == s.count);
	FUZZ_REQUIRE(a.timeout_seconds == b.timeout_seconds && a.has_timeout == b.has_timeout && a.language == b.language &&
		     a.view == b.view && pod_streq(a.default_path, b.default_path));
	FUZZ_REQUIRE(a.timeout_seconds <= POD_CONF_TIMEOUT_MAX && (!a.default_path[0] || a.default_path[0] == '/'));
	FUZZ_REQUIRE(pod_streq(a.memory, b.memory) && !(pod_rules_match(a.memory, a.default_path) && !a.memory[0]));
	FUZZ_REQUIRE(pod_streq(a.snapshot, b.snapshot) && !(pod_rules_match(a.snapshot, a.default_path) && !a.snapshot[0]));
	struct pod_conf_place place;
	for (unsigned k = 0; pod_conf_key(k); k++)
		if (pod_conf_find((const char *)data, size, k, &b, &place))
			FUZZ_REQUIRE(place.line && place.line <= s.lines &&
				     (!place.value_len || ((const uint8_t *)place.value >= data &&
							   (const uint8_t *)place.value + place.value_len <= data + size)));
	return 0;
}
