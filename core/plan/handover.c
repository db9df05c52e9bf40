/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two archives around an initrd (doc/FORMATS/handover.md):
 *
 *   pre   /isopod, nothing else
 *   post  a second name for whatever /init is by now, file or link: /isopod/i-1, what had that name from an earlier initrd being
 *         i-2, and so on; then /isopod/shim, /isopod/map, and /init as a symbolic link to the shim
 *
 * An archive can only link names it has made itself. So each name is announced once through /isopod/r/, where nothing can be made
 * because r is a file; then r becomes a link to the root, and the kernel, told to link the announced name, finds the old file.
 */
#include "core/plan/internal.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/map/handover.h"

enum { S_DIR = 0040755, S_EXEC = 0100755, S_FILE = 0100644, S_LINK = 0120777, S_FIFO = 0010755 };
enum { POST_GAP = 16, SAVED_MAX = 8, SAVED_INO = 0x69736f10 };

static void build_pre(struct pod_cpio *c)
{
	pod_cpio_add(c, "isopod", S_DIR, 2, 0x69736f01, NULL, 0);
	pod_cpio_end(c, POD_PRE_LEN);
}

enum pod_status pod_handover_pre(struct pod_handover *h, uint64_t *blob_off)
{
	if (!h->have_pre) {
		POD_TRY(pod_map_mem(&h->plan->map, NULL, POD_PRE_LEN, &h->pre));
		struct pod_cpio c = {.out = h->plan->map.mem + (size_t)h->pre, .cap = POD_PRE_LEN};
		build_pre(&c);
		if (c.len != POD_PRE_LEN)
			return POD_E_LIMIT;
		h->have_pre = true;
	}
	*blob_off = h->pre;
	return POD_OK;
}

/* Neighbouring runs become one: the shim then needs a single partition. */
static size_t merged_runs(const struct pod_plan_request *rq, uint8_t *out)
{
	size_t n = 0;
	uint64_t start = 0, len = 0;
	for (size_t i = 0; i <= rq->extent_count; i++) {
		const struct pod_extent *e = i < rq->extent_count ? &rq->extent[i] : NULL;
		if (e && len && start + len == e->dev_bytes) {
			len += e->length_bytes;
			continue;
		}
		if (len) {
			if (out) {
				pod_put_le64(out + n * POD_HO_EXTENT_SIZE, start);
				pod_put_le64(out + n * POD_HO_EXTENT_SIZE + 8, len);
			}
			n++;
		}
		if (e) {
			start = e->dev_bytes;
			len = e->length_bytes;
		}
	}
	return n;
}

/* Reads of the file that was chosen, of which the image is only what is in it. */
static enum pod_status read_file(const struct pod_handover *h, uint64_t off, void *buf, size_t len)
{
	const struct pod_plan_request *rq = h->rq;
	struct pod_map file;
	pod_map_init(&file, h->plan->alloc);
	enum pod_status st = pod_plan_file_map(rq->disk, rq->extent, rq->extent_count, rq->image_bytes, &file);
	if (st == POD_OK)
		st = pod_map_read(&file, rq->disk, off, buf, len);
	pod_map_fini(&file);
	return st;
}

/* CRC-32 of the image's first volume descriptor as it lies on the stick; of a VHD or VHDX, of the bytes at that place of the file. */
static enum pod_status descriptor_crc(struct pod_handover *h, uint32_t *crc)
{
	enum { AT = 32768, LEN = 2048 };
	*crc = 0;
	if (h->rq->image_bytes < AT + LEN)
		return POD_OK;
	uint8_t *sector = pod_zalloc(h->plan->alloc, LEN, 1);
	if (!sector)
		return POD_E_NOMEM;
	enum pod_status st = read_file(h, AT, sector, LEN);
	*crc = pod_crc32(0, sector, LEN);
	pod_free(h->plan->alloc, sector);
	return st;
}

static enum pod_status build_record(struct pod_handover *h, uint8_t **out, size_t *out_len)
{
	const struct pod_plan_request *rq = h->rq;
	static const struct pod_stick_id nobody;
	const struct pod_stick_id *id = rq->id ? rq->id : &nobody;
	size_t runs = merged_runs(rq, NULL), path_len = pod_strlen(rq->path);
	uint32_t crc;
	if (runs > POD_HO_EXTENT_MAX || path_len > POD_PATH_MAX)
		return POD_E_LIMIT;
	POD_TRY(descriptor_crc(h, &crc));
	size_t path_off = POD_HO_HEADER_SIZE + runs * POD_HO_EXTENT_SIZE, total = path_off + path_len;
	size_t chunk_off = (size_t)pod_align_up(total, 8);
	if (h->chunk_bytes)
		total = chunk_off + h->chunk_bytes;
	uint8_t *r = pod_zalloc(h->plan->alloc, total, 1);
	if (!r)
		return POD_E_NOMEM;
	memcpy(r, POD_HO_MAGIC, 8);
	pod_put_le32(r + 0x08, (uint32_t)total);
	pod_put_le32(r + 0x10, id->gpt ? (uint32_t)POD_HO_GPT : 0u);
	pod_put_le32(r + 0x14, id->mbr_signature);
	memcpy(r + 0x18, id->disk_guid, 16);
	pod_put_le64(r + 0x28, id->part_start_bytes);
	pod_put_le64(r + 0x30, id->part_length_bytes);
	pod_put_le32(r + 0x38, id->part_number);
	pod_put_le32(r + 0x3c, id->volume_serial);
	pod_put_le32(r + 0x40, id->sector_size);
	pod_put_le32(r + 0x44, crc);
	pod_put_le64(r + 0x48, rq->image_bytes);
	pod_put_le32(r + 0x50, (uint32_t)runs);
	pod_put_le32(r + 0x54, (uint32_t)path_off);
	pod_put_le32(r + 0x58, (uint32_t)path_len);
	pod_put_le64(r + 0x60, rq->state_start_bytes);
	pod_put_le32(r + 0x68, rq->state_length_bytes);
	pod_put_le32(r + 0x6c, rq->boot_number);
	if (h->chunk_bytes) {
		pod_put_le32(r + 0x70, (uint32_t)chunk_off);
		pod_put_le32(r + 0x74, (uint32_t)h->chunk_bytes);
		memcpy(r + chunk_off, h->chunk, h->chunk_bytes);
	}
	(void)merged_runs(rq, r + POD_HO_HEADER_SIZE);
	memcpy(r + path_off, rq->path, path_len);
	pod_put_le32(r + 0x0c, pod_crc32(0, r, total));
	*out = r;
	*out_len = total;
	return POD_OK;
}

enum pod_status pod_handover_chunk(struct pod_handover *h, uint32_t type, const void *data, size_t len)
{
	struct pod_alloc *a = h->plan->alloc;
	if (len > POD_HO_CHUNKS_MAX - POD_HO_CHUNK_HEAD)
		return POD_E_LIMIT;
	size_t size = (size_t)pod_align_up(POD_HO_CHUNK_HEAD + len, 8);
	if (size > POD_HO_CHUNKS_MAX - h->chunk_bytes)
		return POD_E_LIMIT;
	uint8_t *all = pod_zalloc(a, h->chunk_bytes + size, 1);
	if (!all)
		return POD_E_NOMEM;
	uint8_t *c = all + h->chunk_bytes;
	if (h->chunk_bytes)
		memcpy(all, h->chunk, h->chunk_bytes);
	pod_put_le32(c, type);
	pod_put_le32(c + 4, (uint32_t)len);
	memcpy(c + POD_HO_CHUNK_HEAD, data, len);
	pod_free(a, h->chunk);
	h->chunk = all;
	h->chunk_bytes += size;
	return POD_OK;
}

static void save_init(struct pod_cpio *c)
{
	char name[32];
	pod_cpio_add(c, "isopod/r", S_FILE, 1, 0, NULL, 0); /* takes an earlier initrd's link away */
	pod_cpio_add(c, "isopod/r/init", S_FIFO, 2, SAVED_INO, NULL, 0);
	for (unsigned k = 1; k < SAVED_MAX; k++) {
		(void)pod_snprintf(name, sizeof name, "isopod/r/isopod/i-%u", k);
		pod_cpio_add(c, name, S_FIFO, 2, SAVED_INO + k, NULL, 0);
	}
	pod_cpio_add(c, "isopod/r", S_LINK, 1, 0, "..", 2);
	for (unsigned k = SAVED_MAX; k-- > 0;) {
		(void)pod_snprintf(name, sizeof name, "isopod/i-%u", k + 1);
		pod_cpio_add(c, name, S_FIFO, 2, SAVED_INO + k, NULL, 0);
	}
}

/* What comes before the shim's own bytes: up to a sector's end. */
static void build_front(struct pod_cpio *c, const struct pod_shim *shim)
{
	/* The kernel's LZ4 reader knows the end of its stream by four zero bytes. */
	c->len += POST_GAP; /* the blob is zeroed */
	pod_cpio_add(c, "isopod", S_DIR, 2, 0x69736f01, NULL, 0);
	save_init(c);
	pod_cpio_add_header(c, "isopod/shim", S_EXEC, 0x69736f03, shim->len, POD_SHIM_ALIGN);
}

static void build_rest(struct pod_cpio *c, const struct pod_handover *h, const void *rec, size_t rec_len)
{
	static const char target[] = "isopod/shim";
	for (uint32_t i = 0; i < h->module_count; i++)
		pod_cpio_add(c, h->module[i].name, S_FILE, 1, 0x69736f20 + i, h->module[i].data, h->module[i].len);
	pod_handover_persist_files(c, h->plan->persist.kind);
	pod_cpio_add(c, "isopod/map", S_FILE, 1, 0x69736f04, rec, rec_len);
	pod_cpio_add(c, "init", S_LINK, 1, 0x69736f05, target, sizeof target - 1);
	pod_cpio_end(c, POD_SHIM_ALIGN);
}

/* Where the shim lies on the disk: [header in memory][its sectors][the rest in memory]. */
static enum pod_status post_by_reference(struct pod_handover *h, const struct pod_shim *shim, const void *rec, size_t rec_len,
					 struct pod_map *out)
{
	struct pod_map *map = &h->plan->map;
	struct pod_cpio before = {0}, behind = {0};
	uint64_t at, total = 0;
	for (size_t i = 0; i < shim->extent_count; i++)
		total += shim->extent[i].length_bytes;
	if (shim->len & (POD_SHIM_ALIGN - 1) || total != shim->len)
		return POD_E_INVALID;
	build_front(&before, shim);
	build_rest(&behind, h, rec, rec_len);
	POD_TRY(pod_map_mem(map, NULL, before.len + behind.len, &at));
	struct pod_cpio front = {.out = map->mem + (size_t)at, .cap = before.len};
	struct pod_cpio rest = {.out = map->mem + (size_t)at + before.len, .cap = behind.len};
	build_front(&front, shim);
	build_rest(&rest, h, rec, rec_len);
	POD_TRY(pod_map_append(out, POD_SEG_MEM, at, before.len));
	for (size_t i = 0; i < shim->extent_count; i++)
		POD_TRY(pod_map_append(out, POD_SEG_DEV, shim->extent[i].dev_bytes, shim->extent[i].length_bytes));
	return pod_map_append(out, POD_SEG_MEM, at + before.len, behind.len);
}

static void build_post(struct pod_cpio *c, const struct pod_handover *h, const struct pod_shim *shim, const void *rec,
		       size_t rec_len)
{
	build_front(c, shim);
	pod_cpio_put(c, shim->data, shim->len);
	build_rest(c, h, rec, rec_len);
}

static enum pod_status post_by_value(struct pod_handover *h, const struct pod_shim *shim, const void *rec, size_t rec_len,
				     struct pod_map *out)
{
	struct pod_cpio count = {0};
	uint64_t at;
	build_post(&count, h, shim, rec, rec_len);
	POD_TRY(pod_map_mem(&h->plan->map, NULL, count.len, &at));
	struct pod_cpio c = {.out = h->plan->map.mem + (size_t)at, .cap = count.len};
	build_post(&c, h, shim, rec, rec_len);
	return pod_map_append(out, POD_SEG_MEM, at, count.len);
}

static enum pod_status ask(struct pod_handover *h)
{
	if (h->plan->image.kind != POD_IMAGE_DISK)
		return pod_handover_persist(h);
	POD_TRY(pod_handover_disk(h));
	return pod_handover_modules(h);
}

enum pod_status pod_handover_prepare(struct pod_handover *h)
{
	if (!h->asked)
		h->answer = ask(h);
	h->asked = true;
	return h->answer;
}

enum pod_status pod_handover_post(struct pod_handover *h, enum pod_machine m, const struct pod_map **pieces)
{
	struct pod_map *out = &h->post[m];
	if (!out->count) {
		struct pod_shim shim = {0};
		size_t rec_len;
		uint8_t *rec;
		pod_map_init(out, h->plan->alloc);
		POD_TRY(pod_handover_prepare(h));
		POD_TRY(h->rq->shim(h->rq->shim_ctx, m, &shim));
		POD_TRY(build_record(h, &rec, &rec_len));
		enum pod_status st =
			shim.data ? post_by_value(h, &shim, rec, rec_len, out) : post_by_reference(h, &shim, rec, rec_len, out);
		pod_free(h->plan->alloc, rec);
		if (st != POD_OK)
			return st;
	}
	*pieces = out;
	return POD_OK;
}

enum pod_status pod_handover_alone(struct pod_handover *h, enum pod_machine m, struct pod_map *to, uint64_t align,
				   uint64_t *start)
{
	const struct pod_map *post;
	uint64_t pre;
	POD_TRY(pod_handover_pre(h, &pre));
	POD_TRY(pod_handover_post(h, m, &post));
	POD_TRY(pod_map_pad(to, align));
	*start = to->size_bytes;
	POD_TRY(pod_map_append(to, POD_SEG_MEM, pre, POD_PRE_LEN));
	return pod_plan_append(to, post);
}

void pod_handover_fini(struct pod_handover *h)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(h->post); i++)
		pod_map_fini(&h->post[i]);
	for (uint32_t i = 0; i < h->module_count; i++)
		pod_free(h->plan->alloc, h->module[i].data);
	pod_free(h->plan->alloc, h->module);
	pod_free(h->plan->alloc, h->chunk);
}

enum pod_status pod_plan_append(struct pod_map *to, const struct pod_map *pieces)
{
	for (size_t i = 0; i < pieces->count; i++)
		POD_TRY(pod_map_append(to, (enum pod_seg_kind)pieces->seg[i].kind, pieces->seg[i].source,
				       pieces->seg[i].length_bytes));
	return POD_OK;
}
