/* SPDX-License-Identifier: BSD-2-Clause */
/* What Secure Boot would refuse, told before it does: by the lists alone, and by the plan of an image. RSA is verified, and compared with
 * openssl's, in tests/interop/doctor_signed.py. */
#include "core/base/sha256.h"
#include "core/firm/trust.h"
#include "core/map/map.h"
#include "core/plan/plan.h"
#include "tests/unit/der.h"
#include "tests/unit/test.h"

enum { CERTS = 0x800, ROOM = 16384 };

static uint8_t program[ROOM], list_db[8192], list_dbx[8192];
static size_t program_len;
static struct pod_trust trust;
static struct pod_plan plan;

/* PE32+ with one section; the certificate table, as long as `certs` is, at its end. */
static void make_program(struct der certs)
{
	uint8_t *o = program + 0x98;

	memset(program, 0, sizeof program);
	memcpy(program, "MZ", 2);
	pod_put_le32(program + 0x3c, 0x80);
	memcpy(program + 0x80, "PE\0\0", 4);
	pod_put_le16(program + 0x84, POD_PE_X64);
	pod_put_le16(program + 0x86, 1);
	pod_put_le16(program + 0x94, 240);
	pod_put_le16(o, 0x20b);
	pod_put_le32(o + 60, 0x200);
	pod_put_le16(o + 68, 10);
	pod_put_le32(o + 108, 16);
	memcpy(o + 240, ".text", 5);
	pod_put_le32(o + 240 + 16, 0x600);
	pod_put_le32(o + 240 + 20, 0x200);
	memset(program + 0x200, 'c', 0x600);
	program_len = CERTS;
	if (!certs.len)
		return;
	pod_put_le32(program + CERTS, (uint32_t)certs.len + 8);
	pod_put_le16(program + CERTS + 4, 0x200);
	pod_put_le16(program + CERTS + 6, 2);
	memcpy(program + CERTS + 8, certs.p, certs.len);
	program_len = CERTS + ((certs.len + 8 + 7) & ~7u);
	pod_put_le32(o + 112 + 32, CERTS);
	pod_put_le32(o + 112 + 36, (uint32_t)(program_len - CERTS));
}

static void hash(void *ctx, const void *data, size_t len)
{
	pod_sha256_update(ctx, data, len);
}

static const uint8_t *digest(void)
{
	static uint8_t out[32];
	struct pod_pe pe;
	struct pod_sha256 s;

	pod_sha256_init(&s);
	CHECK(pod_pe_read(program, program_len, &pe, NULL) == POD_OK &&
	      pod_pe_digest(program, program_len, &pe, hash, &s, NULL) == POD_OK);
	pod_sha256_final(&s, out);
	return out;
}

static const uint8_t sha256_guid[] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
				      0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28},
		     x509_guid[] = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
				    0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72},
		     tbs_guid[] = {0x92, 0xa4, 0xd2, 0x3b, 0xc0, 0x96, 0x79, 0x40,
				   0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03, 0xed};

/* One more list with one entry. */
static void add(struct pod_trust_list *t, uint8_t *to, const uint8_t guid[16], const void *data, size_t len)
{
	uint8_t *p = to + t->len;

	t->p = to;
	memcpy(p, guid, 16);
	pod_put_le32(p + 16, (uint32_t)(28 + 16 + len));
	pod_put_le32(p + 20, 0);
	pod_put_le32(p + 24, (uint32_t)(16 + len));
	memcpy(p + 44, data, len);
	t->len += 44 + len;
}

static struct der ca, leaf, other;
static char who[POD_X509_NAME_MAX];

/* A machine that trusts "Moth CA" and has revoked one hash of nobody's; a program that "Moth", whom Moth CA vouches for, signed. */
static void start(void)
{
	uint8_t none[32] = {1};

	ca = certificate(1, "Moth CA", "Moth CA", 7, 7);
	leaf = certificate(2, "Moth CA", "Moth", 9, 7);
	other = certificate(3, "Larva CA", "Larva CA", 8, 8);
	memset(&trust, 0, sizeof trust);
	add(&trust.db, list_db, x509_guid, ca.p, ca.len);
	add(&trust.dbx, list_dbx, sha256_guid, none, 32);
	make_program(signature_of(cat(ca, leaf), "Moth CA", 2, none)); /* for its length */
	make_program(signature_of(cat(ca, leaf), "Moth CA", 2, digest()));
}

static enum pod_refusal judge(bool with_digest)
{
	struct pod_signature *scratch = malloc(sizeof *scratch);
	const struct pod_trust_program x = {program + CERTS, (uint32_t)(program_len - CERTS), with_digest ? digest() : NULL};
	enum pod_refusal r = pod_trust_judge(&trust, &x, scratch, who);

	free(scratch);
	return r;
}

TEST(trusted_by_its_chain)
{
	start();
	CHECK_EQ(judge(true), POD_REFUSED_NOT);
	CHECK_EQ(judge(false), POD_REFUSED_NOT);
}

TEST(unsigned_one)
{
	start();
	make_program(EMPTY);
	CHECK_EQ(judge(true), POD_REFUSED_UNSIGNED);
	CHECK_EQ(judge(false), POD_REFUSED_UNSIGNED);
	/* its hash is in db */
	add(&trust.db, list_db, sha256_guid, digest(), 32);
	CHECK_EQ(judge(true), POD_REFUSED_NOT);
	/* nobody read all of it: it may be that one */
	CHECK_EQ(judge(false), POD_REFUSED_NOT);
}

TEST(changed_since_it_was_signed)
{
	start();
	program[0x300] ^= 1;
	CHECK_EQ(judge(true), POD_REFUSED_CHANGED);
	CHECK_EQ(judge(false), POD_REFUSED_NOT);
}

TEST(signed_by_nobody_in_db)
{
	start();
	trust.db.len = 0;
	add(&trust.db, list_db, x509_guid, other.p, other.len);
	CHECK_EQ(judge(true), POD_REFUSED_STRANGER);
	CHECK_STR(who, "Moth CA");
	CHECK_EQ(judge(false), POD_REFUSED_STRANGER);
	/* the same name, another key */
	struct der namesake = certificate(1, "Moth CA", "Moth CA", 6, 6);
	trust.db.len = 0;
	add(&trust.db, list_db, x509_guid, namesake.p, namesake.len);
	CHECK_EQ(judge(true), POD_REFUSED_STRANGER);
	/* the signer himself */
	add(&trust.db, list_db, x509_guid, leaf.p, leaf.len);
	CHECK_EQ(judge(true), POD_REFUSED_NOT);
}

TEST(revoked)
{
	start();
	add(&trust.dbx, list_dbx, x509_guid, ca.p, ca.len);
	CHECK_EQ(judge(true), POD_REFUSED_REVOKED);
	CHECK_STR(who, "Moth CA");
	start();
	add(&trust.dbx, list_dbx, sha256_guid, digest(), 32);
	CHECK_EQ(judge(true), POD_REFUSED_REVOKED_HASH);
	CHECK_EQ(judge(false), POD_REFUSED_NOT);
	/* the hash of what the signer's certificate says, and the time from which on it holds */
	start();
	struct pod_x509 x;
	struct pod_sha256 s;
	uint8_t tbs[48] = {0};
	REQUIRE(pod_x509_read(leaf.p, leaf.len, &x) == POD_OK);
	pod_sha256_init(&s);
	pod_sha256_update(&s, x.tbs.p, x.tbs.len);
	pod_sha256_final(&s, tbs);
	add(&trust.dbx, list_dbx, tbs_guid, tbs, sizeof tbs);
	CHECK_EQ(judge(true), POD_REFUSED_REVOKED);
	CHECK_STR(who, "Moth");
}

TEST(what_cannot_be_read_is_not_refused)
{
	start();
	pod_put_le16(program + CERTS + 6, 0xef1); /* a kind of the firmware's own */
	trust.db.len = 0;
	CHECK_EQ(judge(true), POD_REFUSED_NOT);
	start();
	trust.db.len = 0;
	program[CERTS + 12] ^= 0x55;
	CHECK_EQ(judge(true), POD_REFUSED_NOT);
}

static int never(const struct pod_signed *s, const struct pod_x509 *by, const struct pod_bytes *data, size_t pieces)
{
	(void)s, (void)by, (void)data, (void)pieces;
	return 0;
}

TEST(whoever_can_verify_decides)
{
	start();
	trust.db.signed_with = never;
	CHECK_EQ(judge(true), POD_REFUSED_STRANGER);
}

/* --- by the plan ---------------------------------------------------------------------------------------------------------- */

static struct pod_memdev disk;

static void judge_planned(uint32_t firmware)
{
	plan = (struct pod_plan){.alloc = &test_alloc,
				 .image = {.kind = POD_IMAGE_EFI, .size_bytes = program_len},
				 .sector_size = 512,
				 .bios_entry = POD_ENTRY_NONE,
				 .efi_entry = {POD_ENTRY_NONE, POD_ENTRY_OWN, POD_ENTRY_NONE, POD_ENTRY_NONE}};
	pod_memdev_init(&disk, program, sizeof program, 512, true);
	pod_map_init(&plan.map, &test_alloc);
	REQUIRE(pod_map_append(&plan.map, POD_SEG_DEV, 0, sizeof program) == POD_OK);
	pod_plan_judge_loader(&plan, &disk.dev, "moth.efi", firmware, &trust);
	pod_map_fini(&plan.map);
}

TEST(a_program_that_is_refused)
{
	struct pod_start s;
	char text[POD_START_TEXT];

	start();
	judge_planned(POD_FW_X64);
	CHECK_EQ(plan.why.why, POD_WHY_NONE);
	program[0x300] ^= 1;
	judge_planned(POD_FW_X64);
	pod_start_of_plan(&plan, POD_FW_X64, &s);
	CHECK_EQ(s.starts, POD_STARTS_NOT);
	pod_start_say(&s, NULL, NULL, text, sizeof text);
	CHECK_STR(
		text,
		"Secure Boot is on, and the firmware refuses moth.efi: it is not what was signed; switch Secure Boot off for this "
		"image, or sign its loader with an enrolled key");
	judge_planned(POD_FW_AA64); /* which has nothing to start there */
	CHECK_EQ(plan.why.why, POD_WHY_NONE);
}

/* A kernel of 60 MiB is not read for its digest. */
TEST(of_a_large_program_little_is_read)
{
	struct pod_budget budget = {0};

	start();
	trust.db.len = 0;
	add(&trust.db, list_db, x509_guid, other.p, other.len);
	size_t large = 60 << 20;
	uint8_t *p = calloc(1, large);
	REQUIRE(p);
	memcpy(p, program, program_len);
	memcpy(p + large - (program_len - CERTS), program + CERTS, program_len - CERTS);
	pod_put_le32(p + 0x98 + 112 + 32, (uint32_t)(large - (program_len - CERTS)));
	pod_budget_start(&budget, 1000, 1 << 20, 0);
	plan = (struct pod_plan){.alloc = &test_alloc,
				 .image = {.kind = POD_IMAGE_EFI, .size_bytes = large},
				 .sector_size = 512,
				 .efi_entry = {POD_ENTRY_NONE, POD_ENTRY_OWN, POD_ENTRY_NONE, POD_ENTRY_NONE}};
	pod_memdev_init(&disk, p, large, 512, true);
	disk.dev.budget = &budget;
	pod_map_init(&plan.map, &test_alloc);
	REQUIRE(pod_map_append(&plan.map, POD_SEG_DEV, 0, large) == POD_OK);
	pod_plan_judge_loader(&plan, &disk.dev, "moth.efi", POD_FW_X64, &trust);
	CHECK_EQ(plan.why.why, POD_WHY_SECURE_STRANGER);
	CHECK_STR(plan.why.arg[1], "Moth CA");
	CHECK_EQ(budget.hit, POD_BUDGET_NONE);
	pod_map_fini(&plan.map);
	free(p);
}
