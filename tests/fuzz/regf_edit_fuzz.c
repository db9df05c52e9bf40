/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits of a hive from who knows where. The first 64 bytes are edits, the hive follows; its checksum is repaired. What is fit to be
 * edited stays so, whatever is done to it and whatever memory is refused; what was written is read, what was deleted is gone.
 */
#include "tests/fuzz/fuzz.h"
#include "core/regf/regf_int.h"

enum { EDITS = 64 };

static struct fuzz_env e;
static struct pod_regf_edit edit;
static uint8_t data[40000];

static const char *const paths[] = {"",	       "Setup", "ControlSet001", "ControlSet001\\Services", "ControlSet001\\Services\\S1",
				    "A\\B\\C", "Über",	"New\\盘"};
static const char *const names[] = {"", "n", "CmdLine", "big", "盘", "v1", "v2", "Start"};
static const uint32_t sizes[] = {0, 3, 4, 5, 60, 4000, POD_REGF_BIG, 40000};

static void set_value(const struct pod_regf_key *k, const char *name, uint32_t size)
{
	static uint8_t back[sizeof data];
	struct pod_regf_value v;
	if (pod_regf_edit_set(&edit, k, name, POD_REG_BINARY, data, size) != POD_OK)
		return;
	FUZZ_REQUIRE(pod_regf_value(&edit.hive, k, name, &v) == POD_OK && v.size_bytes == size && v.type == POD_REG_BINARY);
	FUZZ_REQUIRE(pod_regf_read(&edit.hive, &v, 0, back, size) == POD_OK && memcmp(back, data, size) == 0);
}

static void one(uint8_t what, uint8_t with)
{
	const char *path = paths[what & 7], *name = names[with & 7];
	struct pod_regf_key k, again;
	switch (what >> 3 & 3) {
	case 0:
		if (pod_regf_edit_key(&edit, NULL, path, &k) == POD_OK)
			FUZZ_REQUIRE(pod_regf_lookup(&edit.hive, NULL, path, &again) == POD_OK);
		break;
	case 1:
		if (pod_regf_lookup(&edit.hive, NULL, path, &k) == POD_OK)
			set_value(&k, name, sizes[with >> 3 & 7]);
		break;
	case 2:
		if (pod_regf_lookup(&edit.hive, NULL, path, &k) == POD_OK)
			(void)!pod_regf_edit_delete_value(&edit, &k, name);
		break;
	default:
		if (pod_regf_lookup(&edit.hive, NULL, path, &k) == POD_OK)
			(void)!pod_regf_edit_delete_key(&edit, &k);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size)
{
	static uint8_t buf[512 << 10];
	const uint8_t *bytes;
	size_t len;
	struct pod_regf_edit again;
	fuzz_init(&e, in, size, 512, 0, 0);
	if (e.len > sizeof buf || e.len < EDITS + 512)
		return 0;
	memcpy(buf, in + EDITS, e.len - EDITS);
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 31 + in[0]);
	pod_put_le32(buf + 508, regf_base_sum(buf));
	if (pod_regf_edit_open(&edit, buf, e.len - EDITS, 1, &e.alloc, NULL) == POD_OK) {
		edit.hive.budget = &e.budget;
		for (unsigned i = 0; i < EDITS && in[i]; i += 2)
			one(in[i], in[i + 1]);
		pod_regf_edit_finish(&edit, &bytes, &len);
		e.fail_alloc = 0;
		FUZZ_REQUIRE(pod_regf_edit_open(&again, bytes, len, 1, &e.alloc, NULL) == POD_OK);
		pod_regf_edit_close(&again);
		pod_regf_edit_close(&edit);
	}
	fuzz_done(&e);
	return 0;
}
