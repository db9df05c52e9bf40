/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot configuration. The first byte says how the rest is taken: even: it is a hive (its checksum is repaired), all objects and
 * elements of which are read, and which then gets one more entry; odd: it is an element of kind device. A device that was read can be
 * written, and is then read as the same.
 */
#include "tests/fuzz/fuzz.h"
#include "core/regf/bcd.h"
#include "core/regf/regf_int.h"

static struct fuzz_env e;
static struct pod_bcd_decoded first, second;

static void same_device(const struct pod_bcd_decoded *d)
{
	static uint8_t out[POD_BCD_DEVICE_MAX];
	size_t len;
	FUZZ_REQUIRE(d->count > 0 && d->count <= POD_BCD_DEPTH_MAX && d->text_len <= sizeof d->text);
	for (uint32_t i = 0; i < d->count; i++)
		FUZZ_REQUIRE(d->device[i].parent == (i + 1 < d->count ? &d->device[i + 1] : NULL));
	if (pod_bcd_encode(d->device, out, sizeof out, &len) != POD_OK)
		return; /* of an unknown kind, or a disk that is in no file */
	FUZZ_REQUIRE(pod_bcd_decode(&second, out, len) == POD_OK && second.count <= d->count);
	for (uint32_t i = 0; i < second.count; i++) {
		const struct pod_bcd_device *a = &d->device[i], *b = &second.device[i];
		FUZZ_REQUIRE(a->kind == b->kind && a->element == b->element && a->signature == b->signature);
		FUZZ_REQUIRE(!a->path == !b->path && (!a->path || strcmp(a->path, b->path) == 0));
	}
}

static void read_all(const struct pod_regf *h)
{
	struct pod_regf_iter objects, elements;
	struct pod_bcd_object o;
	struct pod_bcd_element el;
	uint64_t number;
	uint8_t guid[16];
	if (pod_bcd_objects(h, &objects) != POD_OK)
		return;
	while (pod_bcd_next_object(&objects, &o) == POD_OK) {
		if (pod_bcd_elements(h, &o, &elements) != POD_OK)
			continue;
		while (pod_bcd_next_element(&elements, &el) == POD_OK) {
			if (pod_bcd_read_device(h, &el, &first) == POD_OK)
				same_device(&first);
			(void)!pod_bcd_read_number(h, &el, &number);
			for (uint32_t n = 0; n < 4 && pod_bcd_read_guid(h, &el, n, guid) == POD_OK; n++)
				;
		}
	}
}

static void change(const uint8_t *bytes, size_t len)
{
	struct pod_bcd b;
	struct pod_regf h;
	const uint8_t *out;
	if (pod_bcd_open(&b, bytes, len, 1, &e.alloc, NULL) != POD_OK)
		return;
	enum pod_status st = pod_bcd_start_wim(&b, &(struct pod_bcd_start){.efi = true}, "\\x.wim", "\\x.sdi");
	pod_bcd_finish(&b, &out, &len);
	FUZZ_REQUIRE(pod_regf_open(&h, out, len, NULL) == POD_OK);
	if (st == POD_OK) {
		struct pod_bcd_object o;
		FUZZ_REQUIRE(pod_bcd_object(&h, pod_bcd_bootmgr, &o) == POD_OK);
	}
	pod_bcd_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[256 << 10];
	struct pod_regf h;
	fuzz_init(&e, data, size, 512, 0, 0);
	if (e.len < 1 || e.len > sizeof buf)
		return 0;
	size_t len = e.len - 1;
	memcpy(buf, data + 1, len);
	if (data[0] & 1) {
		if (pod_bcd_decode(&first, buf, len) == POD_OK)
			same_device(&first);
	} else if (len >= 512) {
		pod_put_le32(buf + 508, regf_base_sum(buf));
		e.data = buf;
		e.dev.size_bytes = len;
		if (pod_regf_open_dev(&h, &e.dev, NULL) == POD_OK)
			read_all(&h);
		change(buf, len);
	}
	fuzz_done(&e);
	return 0;
}
