/* SPDX-License-Identifier: BSD-2-Clause */
/* A hive on a device: every key, value and name that can be reached; each is found again by its name. The checksum is repaired unless
 * the last byte says not to. */
#include "tests/fuzz/fuzz.h"
#include "core/regf/regf_int.h"

static struct fuzz_env e;
static struct pod_regf h;

static void look_at_value(const struct pod_regf_value *v)
{
	static char name[POD_REGF_VALUE_MAX], text[4096];
	uint8_t data[300];
	uint64_t number;
	(void)!pod_regf_value_name(&h, v, name, sizeof name);
	(void)!pod_regf_text(&h, v, text, sizeof text);
	(void)!pod_regf_number(&h, v, &number);
	for (uint32_t at = 0; at < v->size_bytes; at += 5000)
		if (pod_regf_read(&h, v, at, data, (size_t)pod_min_u64(sizeof data, v->size_bytes - at)) != POD_OK)
			break;
}

static enum pod_status visit(void *ctx, const struct pod_regf_key *key, uint32_t depth, bool after)
{
	char name[POD_REGF_NAME_MAX], cls[64];
	struct pod_regf_key up, again;
	struct pod_regf_iter it;
	struct pod_regf_value v;
	enum pod_status st;
	(void)ctx;
	if (after)
		return POD_OK;
	FUZZ_REQUIRE(depth < POD_REGF_DEPTH_MAX);
	POD_TRY(pod_regf_key_name(&h, key, name, sizeof name));
	(void)!pod_regf_key_class(&h, key, cls, sizeof cls);
	if (depth && depth < 3 && pod_regf_parent(&h, key, &up) == POD_OK)
		(void)!pod_regf_lookup(&h, &up, name, &again);
	POD_TRY(pod_regf_values(&h, key, &it));
	while ((st = pod_regf_next_value(&it, &v)) == POD_OK)
		look_at_value(&v);
	(void)!pod_regf_value(&h, key, "CmdLine", &v);
	return st == POD_END ? POD_OK : st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[512 << 10];
	struct pod_regf_key key;
	fuzz_init(&e, data, size, 512, 0, 0);
	if (e.len > sizeof buf || e.len < 512)
		return 0;
	memcpy(buf, data, e.len);
	if (!(buf[e.len - 1] & 1))
		pod_put_le32(buf + 508, regf_base_sum(buf));
	e.data = buf;
	if (pod_regf_open_dev(&h, &e.dev, NULL) == POD_OK) {
		struct pod_regf_key root = {.cell = h.root};
		(void)!pod_regf_walk(&h, &root, &e.alloc, visit, NULL);
		(void)!pod_regf_lookup(&h, NULL, "ControlSet001\\Services\\S2", &key);
		(void)!pod_regf_lookup(&h, NULL, "üBER", &key);
	}
	fuzz_done(&e);
	return 0;
}
