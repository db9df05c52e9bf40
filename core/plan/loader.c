/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program that UEFI starts an image with.
 *
 * Secure Boot, before the key is pressed: against the machine's lists. Only that one is judged: what shim starts, shim judges.
 * Without anybody who can verify RSA, what is told is what is certain without it: no signature, another digest than was signed, a
 * chain that leads to nobody in db, an entry of dbx.
 *
 * After a start that failed: does it keep its own rules, and is it for that machine?
 */
#include "core/plan/internal.h"
#include "core/base/mem.h"
#include "core/firm/trust.h"

enum {
	WHOLE_MAX = 8 << 20, /* a program that is read for its digest; of a longer one, headers and certificates */
	HEAD_BYTES = 16 << 10,
	CERTS_MAX = 256 << 10,
	CACHE_LINES = 16,
	CACHE_LINE_BYTES = 4096,
	SECTOR = 2048, /* of El Torito */
};

struct judge {
	const struct pod_plan *plan;
	struct pod_alloc *alloc;
	const char *path; /* in the volume */
	enum pod_status (*look)(struct judge *j, struct pod_dev *program);
	/* judge_program */
	const struct pod_trust *trust;
	enum pod_refusal refusal;
	char who[POD_X509_NAME_MAX];
	/* examine_program */
	uint16_t machine; /* that it must be for */
	bool damaged;
};

static void hash(void *ctx, const void *data, size_t len)
{
	pod_sha256_update(ctx, data, len);
}

/* Where its certificates are: in its first `have` bytes at `p`, if that is all of it, else read into *own, which the caller frees. */
static enum pod_status certificates(struct judge *j, struct pod_dev *x, const struct pod_pe *pe, const uint8_t *p, size_t have,
				    const uint8_t **out, uint8_t **own)
{
	if (pe->cert_len > CERTS_MAX)
		return POD_E_LIMIT;
	if (have == x->size_bytes) {
		*out = p + pe->cert_bytes; /* pod_pe_head has seen that they lie within it */
		return POD_OK;
	}
	*out = *own = pod_zalloc(j->alloc, 1, (size_t)pe->cert_len + 1);
	return *own ? pod_dev_read(x, pe->cert_bytes, *own, pe->cert_len) : POD_E_NOMEM;
}

/* `p`: its first `have` bytes. */
static enum pod_status judge_bytes(struct judge *j, struct pod_dev *x, const uint8_t *p, size_t have)
{
	struct pod_pe pe;
	struct pod_sha256 sum;
	uint8_t digest[POD_SHA256_LEN], *own = NULL;
	struct pod_trust_program program = {0};
	POD_TRY(pod_pe_head(p, have, x->size_bytes, &pe, NULL));
	struct pod_signature *scratch = pod_zalloc(j->alloc, 1, sizeof *scratch);
	enum pod_status st = scratch ? certificates(j, x, &pe, p, have, &program.certs, &own) : POD_E_NOMEM;
	if (st == POD_OK && have == x->size_bytes) {
		pod_sha256_init(&sum);
		st = pod_pe_digest(p, have, &pe, hash, &sum, NULL);
		pod_sha256_final(&sum, digest);
		program.digest = digest;
	}
	if (st == POD_OK) {
		program.certs_len = pe.cert_len;
		j->refusal = pod_trust_judge(j->trust, &program, scratch, j->who);
	}
	pod_free(j->alloc, own);
	pod_free(j->alloc, scratch);
	return st;
}

static enum pod_status judge_program(struct judge *j, struct pod_dev *x)
{
	size_t have = x->size_bytes <= WHOLE_MAX ? (size_t)x->size_bytes : HEAD_BYTES;
	uint8_t *p = have ? j->alloc->alloc(j->alloc, have) : NULL;
	if (!p)
		return POD_E_NOMEM;
	enum pod_status st = pod_dev_read(x, 0, p, have);
	if (st == POD_OK)
		st = judge_bytes(j, x, p, have);
	pod_free(j->alloc, p);
	return st;
}

static enum pod_status examine_program(struct judge *j, struct pod_dev *x)
{
	struct pod_pe pe;
	size_t have = (size_t)pod_min_u64(x->size_bytes, HEAD_BYTES);
	uint8_t *p = pod_zalloc(j->alloc, 1, have + 1);
	enum pod_status st = p ? pod_dev_read(x, 0, p, have) : POD_E_NOMEM, is = POD_OK;
	if (st == POD_OK)
		is = pod_pe_head(p, have, x->size_bytes, &pe, NULL);
	j->damaged = st == POD_OK && (is != POD_OK || pe.machine != j->machine);
	pod_free(j->alloc, p);
	return st;
}

uint16_t pod_plan_pe_machine(uint32_t firmware)
{
	return firmware == POD_FW_X64 ? POD_PE_X64 : firmware == POD_FW_IA32 ? POD_PE_IA32 : POD_PE_AA64;
}

/* --- where it is ------------------------------------------------------------------------------------------ */

static enum pod_status in_volume(struct judge *j, struct pod_fs *fs)
{
	struct pod_file_dev f;
	struct pod_node node;
	struct pod_dirent *scratch = pod_zalloc(j->alloc, 1, sizeof *scratch);
	enum pod_status st = scratch ? pod_fs_lookup(fs, j->path, &node, scratch) : POD_E_NOMEM;
	pod_free(j->alloc, scratch);
	POD_TRY(st);
	pod_file_dev_init(&f, fs, &node);
	return j->look(j, &f.dev);
}

static enum pod_status in_fat(struct judge *j, struct pod_dev *dev, uint64_t start, uint64_t len)
{
	struct pod_window w;
	struct pod_fs fs;
	POD_TRY(pod_window_init(&w, dev, start, len));
	POD_TRY(pod_fs_open_as(&fs, &pod_fs_fat, &w.dev, j->alloc, NULL));
	enum pod_status st = in_volume(j, &fs);
	pod_fs_close(&fs);
	return st;
}

static enum pod_status in_tree(struct judge *j, struct pod_dev *dev)
{
	struct pod_fs fs;
	POD_TRY(pod_image_open_tree(&fs, dev, j->alloc, NULL));
	enum pod_status st = in_volume(j, &fs);
	pod_fs_close(&fs);
	return st;
}

/* Which of several volumes a firmware takes, nobody knows: then nothing is said. */
static enum pod_status in_partitions(struct judge *j, struct pod_dev *dev, const struct pod_parttab *t)
{
	uint32_t found = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		enum pod_status st = in_fat(j, dev, t->part[i].start_bytes, t->part[i].length_bytes);
		if (st != POD_OK && st != POD_E_FORMAT && st != POD_E_CORRUPT && st != POD_E_NOT_FOUND)
			return st;
		found += st == POD_OK;
	}
	return found == 1 ? POD_OK : POD_E_NOT_FOUND;
}

static enum pod_status in_disk(struct judge *j, struct pod_dev *dev)
{
	struct pod_parttab *t = pod_zalloc(j->alloc, 1, sizeof *t);
	enum pod_status st = t ? pod_parttab_read(dev, j->alloc, t, NULL) : POD_E_NOMEM;
	if (st == POD_OK)
		st = t->kind == POD_PARTTAB_NONE ? in_fat(j, dev, 0, dev->size_bytes) : in_partitions(j, dev, t);
	pod_free(j->alloc, t);
	return st;
}

static enum pod_status in_image(struct judge *j, struct pod_dev *dev, int entry)
{
	const struct pod_image *im = &j->plan->image;
	struct pod_window whole;
	if (im->kind == POD_IMAGE_EFI) {
		POD_TRY(pod_window_init(&whole, dev, 0, im->size_bytes)); /* the map is whole sectors */
		return j->look(j, &whole.dev);
	}
	if (im->kind != POD_IMAGE_ISO || j->plan->windows.count)
		return in_disk(j, dev);
	if (entry == POD_ENTRY_OWN)
		return in_tree(j, dev);
	return in_fat(j, dev, (uint64_t)im->boot[entry].lba * SECTOR, im->boot[entry].length_bytes);
}

static const enum pod_start_why why_of[] = {
	[POD_REFUSED_UNSIGNED] = POD_WHY_SECURE_UNSIGNED,	  [POD_REFUSED_CHANGED] = POD_WHY_SECURE_CHANGED,
	[POD_REFUSED_STRANGER] = POD_WHY_SECURE_STRANGER,	  [POD_REFUSED_REVOKED] = POD_WHY_SECURE_REVOKED,
	[POD_REFUSED_REVOKED_HASH] = POD_WHY_SECURE_REVOKED_HASH,
};

/* firmware: POD_FW_*, of UEFI */
static enum pod_status find(struct judge *j, struct pod_dev *disk, uint32_t firmware)
{
	const struct pod_plan *p = j->plan;
	struct pod_mapdev md;
	struct pod_cache cache;
	int entry = pod_plan_entry(p, firmware);
	j->path = pod_efi_loader_path(firmware);
	if (!j->path || entry == POD_ENTRY_NONE)
		return POD_E_NOT_FOUND;
	pod_mapdev_init(&md, &p->map, disk, p->sector_size);
	POD_TRY(pod_cache_init(&cache, &md.dev, j->alloc, CACHE_LINES, CACHE_LINE_BYTES));
	enum pod_status st = in_image(j, &cache.dev, entry);
	pod_cache_fini(&cache, j->alloc);
	return st;
}

void pod_plan_judge_loader(struct pod_plan *p, struct pod_dev *disk, const char *name, uint32_t firmware,
			   const struct pod_trust *t)
{
	struct judge j = {.plan = p, .alloc = p->alloc, .look = judge_program, .trust = t};
	if (p->why.starts == POD_STARTS_NOT || find(&j, disk, firmware) != POD_OK || j.refusal == POD_REFUSED_NOT)
		return;
	pod_start_of_refusal(why_of[j.refusal], p->image.kind == POD_IMAGE_EFI ? name : j.path, j.who, &p->why);
}

const char *pod_plan_damaged_loader(const struct pod_plan *p, struct pod_dev *disk, uint32_t firmware, struct pod_alloc *a)
{
	struct judge j = {.plan = p, .alloc = a, .look = examine_program, .machine = pod_plan_pe_machine(firmware)};
	return p->image.kind != POD_IMAGE_EFI && find(&j, disk, firmware) == POD_OK && j.damaged ? j.path : NULL;
}
