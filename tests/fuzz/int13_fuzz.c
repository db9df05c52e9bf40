/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to the resident INT 13h server, whatever registers and packets hold: the machine behind it
 * (tests/unit/int13_machine.h) is never asked for what old BIOSes are strict about, a read that is said to be done is right, and
 * a caller's other registers are as they were.
 *
 * Input: four bytes of what the machine and the map are like, then requests of 44 bytes: +0 selector, +1 AH, +2 AL, +3 drive's
 * choice, +4 BX, +6 CX, +8 DX's high byte, +10 ES, +12 DS, +14 SI; +16 a packet of 24 bytes put at DS:SI; +40 u32 reserved.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/int13_machine.h"

#define REQUEST	     44u
#define REQUESTS_MAX 16u
#define MAP_BYTES    (512u << 10)

static uint8_t packet[24]; /* as the request found it */

static void make_units(uint8_t kind)
{
	uint64_t sectors = i13.size_bytes >> 9;
	struct i13_unit disk = {.sectors = sectors, .shift = 9, .heads = 4, .track_sectors = 17, .cylinders = 8};
	i13.eltorito = 1;
	if (kind == I13_CD)
		return; /* make_map's */
	i13.unit[1] = i13.unit[0];
	i13.drive[1] = 0xe0;
	disk.kind = kind;
	i13.unit[0] = disk;
	i13.drive[0] = kind == I13_FLOPPY ? 0 : 0x80;
}

static bool overlaps(uint32_t a, uint32_t len, uint32_t b, uint32_t blen)
{
	return a < b + blen && b < a + len;
}

/* A read that succeeded has brought the disk's bytes, unless the caller had them put over what the machine itself uses. */
static void check_read(const struct i13_regs *r, const struct i13_regs *was)
{
	uint8_t op = (uint8_t)(was->eax >> 8);
	const struct i13_unit *u = (uint8_t)was->edx == i13.drive[0] ? &i13.unit[0] : &i13.unit[1];
	uint32_t count, linear;
	uint64_t lba;
	if (r->flags & 1 || (op != 0x02 && op != 0x42))
		return;
	if (op == 0x02) {
		uint32_t cyl = (was->ecx >> 8 & 0xff) | (was->ecx & 0xc0) << 2;
		count = was->eax & 0xff;
		lba = (cyl * u->heads + (was->edx >> 8 & 0xff)) * u->track_sectors + (was->ecx & 0x3f) - 1;
		linear = far_linear(was->es, was->ebx);
	} else {
		const uint8_t *p = packet;
		count = pod_get_le16(p + 2);
		lba = pod_get_le64(p + 8);
		linear = pod_get_le32(p + 4) == ~0u ? pod_get_le32(p + 16) : far_linear(pod_get_le16(p + 6), pod_get_le16(p + 4));
	}
	uint32_t len = count << u->shift;
	FUZZ_REQUIRE(lba < u->sectors && count <= u->sectors - lba);
	if (overlaps(linear, len, BOUNCE, i13.bounce_size) || overlaps(linear, len, 0x400, 0x100))
		return;
	FUZZ_REQUIRE(memcmp(low + linear, want_disk + u->start_bytes + (lba << u->shift), len) == 0);
}

static void request(const uint8_t *q)
{
	static const uint8_t drives[4] = {0xe0, 0x80, 0x00, I13_TERMINATE};
	struct i13_regs r = {.eax = 0xaaaa0000u | (uint32_t)q[1] << 8 | q[2],
			     .ebx = 0xbbbb0000u | pod_get_le16(q + 4),
			     .ecx = 0xcccc0000u | pod_get_le16(q + 6),
			     .edx = 0xdddd0000u | (uint32_t)q[8] << 8 | drives[q[3] & 3],
			     .es = pod_get_le16(q + 10),
			     .ds = pod_get_le16(q + 12),
			     .esi = 0x55550000u | pod_get_le16(q + 14),
			     .edi = 0x77777777,
			     .ebp = 0x66666666};
	struct i13_regs was = r;
	bool ours = (uint8_t)r.edx == i13.drive[0] || (uint8_t)r.edx == i13.drive[1] ||
		    ((uint8_t)r.edx == I13_TERMINATE && q[1] == 0x4b); /* as resident.S sorts them */
	if (!ours)
		return;
	if (q[0] & 1)
		flaky = 1 + (q[0] >> 4);
	if (q[0] & 2)
		memcpy(low + far_linear(r.ds, r.esi), q + 16, 24);
	memcpy(packet, low + far_linear(r.ds, r.esi), sizeof packet);
	i13_serve(&r);
	FUZZ_REQUIRE(violations == 0);
	FUZZ_REQUIRE(r.esi == was.esi && r.ebp == was.ebp && r.ds == was.ds && r.edi >> 16 == 0x7777);
	FUZZ_REQUIRE(r.eax >> 16 == 0xaaaa && r.ebx >> 16 == 0xbbbb && r.ecx >> 16 == 0xcccc && r.edx >> 16 == 0xdddd);
	check_read(&r, &was);
	flaky = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint32_t counts[] = {1, 3, 64, 65, 200}, aligns[] = {2048, 512};
	static bool filled;
	if (len < 4)
		return 0;
	if (!filled)
		fill_machine();
	filled = true;
	reset_state();
	rnd_state = data[0];
	v86 = data[1] & 1;
	i13.stick_edd = !(data[1] & 2);
	if (data[1] & 4)
		i13.stick_shift = 12, i13.bounce_size = 4096;
	a20_stuck = data[1] & 8;
	make_map_of(counts[data[2] % POD_ARRAY_LEN(counts)], aligns[data[3] & 1], MAP_BYTES);
	make_units(data[2] >> 4 > 2 ? I13_CD : data[2] >> 4);
	data += 4, len -= 4;
	for (uint32_t i = 0; i < REQUESTS_MAX && len >= REQUEST; i++, data += REQUEST, len -= REQUEST)
		request(data);
	return 0;
}
