/* SPDX-License-Identifier: BSD-2-Clause */
/* The hand-over record for the helper in Windows PE: written and read; the layout is told in winhandover.h. */
#include "core/map/winhandover.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/str.h"

enum {
	OFF_TOTAL = 0x08,
	OFF_CRC = 0x0c,
	OFF_FLAGS = 0x10,
	OFF_SIGNATURE = 0x14,
	OFF_GUID = 0x18,
	OFF_PART = 0x28,
	OFF_PART_LEN = 0x30,
	OFF_STATE = 0x38,
	OFF_STATE_LEN = 0x40,
	OFF_BOOT = 0x44,
	OFF_ESP = 0x48,
	OFF_ESP_LEN = 0x50,
	OFF_WAIT = 0x58,
	OFF_LANGUAGE = 0x5c,
	OFF_DRIVERS = 0x5e,
	OFF_LABS = 0x60,
	OFF_PROGRAM = 0x64,
	OFF_REPLACED = 0x68,
	OFF_IMAGE = 0x6c,
	OFF_DRIVER = 0x70,
	OFF_LAB = 0x74,
	UNIT = 512,
};

static uint32_t checksum(const uint8_t *r, size_t len)
{
	static const uint8_t zero[4];
	uint32_t crc = pod_crc32(0, r, OFF_CRC);
	crc = pod_crc32(crc, zero, sizeof zero);
	return pod_crc32(crc, r + OFF_CRC + 4, len - OFF_CRC - 4);
}

/* A range of the disk in whole sectors that ends where numbers still do. */
static bool is_place(uint64_t start, uint64_t length)
{
	return start && length && !(start % UNIT) && !(length % UNIT) && length <= ~start;
}

/* What is wrong with the facts, or NULL: writer and reader ask the same. */
static const char *fault_in(const struct pod_who_facts *f)
{
	if (!is_place(f->part_start_bytes, f->part_length_bytes))
		return "data partition";
	if (f->language > POD_WHO_CHINESE)
		return "language";
	if (!f->state_start_bytes)
		return f->boot_number || f->state_length_bytes ? "state file" : NULL;
	if (!f->boot_number || !is_place(f->state_start_bytes, f->state_length_bytes))
		return "state file";
	if (!is_place(f->esp_start_bytes, f->esp_length_bytes) || f->state_start_bytes < f->esp_start_bytes ||
	    !pod_in_range(f->state_start_bytes - f->esp_start_bytes, f->state_length_bytes, f->esp_length_bytes))
		return "EFI system partition";
	/* Nothing is ever written into the data partition. */
	if (f->esp_start_bytes < f->part_start_bytes + f->part_length_bytes &&
	    f->part_start_bytes < f->esp_start_bytes + f->esp_length_bytes)
		return "EFI system partition";
	return NULL;
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

struct writer {
	uint8_t *out; /* NULL: only counts */
	size_t len, size;
};

static enum pod_status put(struct writer *w, uint32_t v, size_t bytes)
{
	if (w->len > POD_WHO_SIZE_MAX - bytes)
		return POD_E_LIMIT;
	if (w->out) {
		if (bytes > w->size || w->len > w->size - bytes)
			return POD_E_LIMIT;
		for (size_t i = 0; i < bytes; i++)
			w->out[w->len + i] = (uint8_t)(v >> 8 * i);
	}
	w->len += bytes;
	return POD_OK;
}

static enum pod_status put_text(struct writer *w, const char *text)
{
	size_t left = pod_strlen(text), units = 0;
	while (left) {
		const char *before = text;
		uint32_t c = pod_utf8_next(&text, left);
		size_t used = (size_t)(text - before);
		if (c == 0xfffd && used == 1)
			return POD_E_INVALID; /* a true U+FFFD takes three bytes */
		left -= used;
		uint16_t unit[2];
		unsigned n = pod_utf16_put(unit, c == '/' ? '\\' : c);
		units += n;
		if (units > POD_WHO_TEXT_MAX)
			return POD_E_LIMIT;
		for (unsigned i = 0; i < n; i++)
			POD_TRY(put(w, unit[i], 2));
	}
	return put(w, 0, 2);
}

static enum pod_status put_optional(struct writer *w, const char *text, uint32_t *at)
{
	*at = 0;
	if (!text || !text[0])
		return POD_OK;
	*at = (uint32_t)w->len;
	return put_text(w, text);
}

static void put_facts(uint8_t *r, const struct pod_who_facts *f)
{
	pod_put_le32(r + OFF_FLAGS, f->flags);
	pod_put_le32(r + OFF_SIGNATURE, f->mbr_signature);
	memcpy(r + OFF_GUID, f->disk_guid, sizeof f->disk_guid);
	pod_put_le64(r + OFF_PART, f->part_start_bytes);
	pod_put_le64(r + OFF_PART_LEN, f->part_length_bytes);
	pod_put_le64(r + OFF_STATE, f->state_start_bytes);
	pod_put_le32(r + OFF_STATE_LEN, f->state_length_bytes);
	pod_put_le32(r + OFF_BOOT, f->boot_number);
	pod_put_le64(r + OFF_ESP, f->esp_start_bytes);
	pod_put_le64(r + OFF_ESP_LEN, f->esp_length_bytes);
	pod_put_le32(r + OFF_WAIT, f->wait_ms);
	pod_put_le16(r + OFF_LANGUAGE, f->language);
}

struct offsets {
	uint32_t program, replaced, image, driver, lab;
};

static enum pod_status put_texts(struct writer *w, const struct pod_who_input *in, struct offsets *at)
{
	POD_TRY(put_optional(w, in->program, &at->program));
	POD_TRY(put_optional(w, in->replaced, &at->replaced));
	POD_TRY(put_optional(w, in->image, &at->image));
	at->driver = in->driver_count ? (uint32_t)w->len : 0;
	for (size_t i = 0; i < in->driver_count; i++)
		POD_TRY(put_text(w, in->driver[i]));
	at->lab = in->lab_count ? (uint32_t)w->len : 0;
	for (size_t i = 0; i < in->lab_count; i++) {
		POD_TRY(put(w, in->lab[i].value, 4));
		POD_TRY(put_text(w, in->lab[i].name));
	}
	return POD_OK;
}

enum pod_status pod_who_write(const struct pod_who_input *in, uint8_t *out, size_t size, size_t *len)
{
	struct writer w = {out, POD_WHO_HEADER_SIZE, size};
	struct offsets at;
	bool attach = in->facts.flags & POD_WHO_ATTACH;
	if (in->driver_count > POD_WHO_LIST_MAX || in->lab_count > POD_WHO_LIST_MAX || (out && size < POD_WHO_HEADER_SIZE))
		return POD_E_LIMIT;
	if (fault_in(&in->facts) || !in->program || !in->program[0] || (attach && (!in->image || !in->image[0])))
		return POD_E_INVALID;
	POD_TRY(put_texts(&w, in, &at));
	*len = w.len;
	if (!out)
		return POD_OK;
	memset(out, 0, POD_WHO_HEADER_SIZE);
	memcpy(out, POD_WHO_MAGIC, 8);
	pod_put_le32(out + OFF_TOTAL, (uint32_t)w.len);
	put_facts(out, &in->facts);
	pod_put_le16(out + OFF_DRIVERS, (uint16_t)in->driver_count);
	pod_put_le16(out + OFF_LABS, (uint16_t)in->lab_count);
	pod_put_le32(out + OFF_PROGRAM, at.program);
	pod_put_le32(out + OFF_REPLACED, at.replaced);
	pod_put_le32(out + OFF_IMAGE, at.image);
	pod_put_le32(out + OFF_DRIVER, at.driver);
	pod_put_le32(out + OFF_LAB, at.lab);
	pod_put_le32(out + OFF_CRC, checksum(out, w.len));
	return POD_OK;
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

struct reader {
	const uint8_t *data;
	uint32_t len;
};

/* The text at *at, which moves behind its end. */
static enum pod_status get_text(const struct reader *r, struct pod_diag *diag, const char *what, uint32_t *at,
				struct pod_who_text *t)
{
	if (*at < POD_WHO_HEADER_SIZE || *at % 2 || *at >= r->len)
		return pod_fail(diag, POD_E_CORRUPT, what, *at, POD_WHO_HEADER_SIZE, r->len);
	t->at = r->data + *at;
	for (t->units = 0; t->units <= POD_WHO_TEXT_MAX && r->len - *at >= 2; t->units++) {
		uint16_t c = pod_get_le16(r->data + *at);
		*at += 2;
		if (!c)
			return POD_OK;
	}
	return pod_fail(diag, POD_E_CORRUPT, what, *at, 0, r->len);
}

static enum pod_status get_optional(const struct reader *r, struct pod_diag *diag, const char *what, uint32_t field,
				    struct pod_who_text *t)
{
	static const uint8_t empty[2];
	uint32_t at = pod_get_le32(r->data + field);
	*t = (struct pod_who_text){empty, 0};
	return at ? get_text(r, diag, what, &at, t) : POD_OK;
}

static enum pod_status get_lists(const struct reader *r, struct pod_diag *diag, struct pod_who_record *out)
{
	uint32_t at = pod_get_le32(r->data + OFF_DRIVER);
	for (uint32_t i = 0; i < out->driver_count; i++)
		POD_TRY(get_text(r, diag, "driver folder", &at, &out->driver[i]));
	at = pod_get_le32(r->data + OFF_LAB);
	for (uint32_t i = 0; i < out->lab_count; i++) {
		if (at < POD_WHO_HEADER_SIZE || !pod_in_range(at, 4, r->len))
			return pod_fail(diag, POD_E_CORRUPT, "LabConfig value", at, POD_WHO_HEADER_SIZE, r->len);
		out->lab[i].value = pod_get_le32(r->data + at);
		at += 4;
		POD_TRY(get_text(r, diag, "LabConfig value", &at, &out->lab[i].name));
	}
	return POD_OK;
}

static void get_facts(const uint8_t *r, struct pod_who_facts *f)
{
	f->flags = pod_get_le32(r + OFF_FLAGS);
	f->mbr_signature = pod_get_le32(r + OFF_SIGNATURE);
	memcpy(f->disk_guid, r + OFF_GUID, sizeof f->disk_guid);
	f->part_start_bytes = pod_get_le64(r + OFF_PART);
	f->part_length_bytes = pod_get_le64(r + OFF_PART_LEN);
	f->state_start_bytes = pod_get_le64(r + OFF_STATE);
	f->state_length_bytes = pod_get_le32(r + OFF_STATE_LEN);
	f->boot_number = pod_get_le32(r + OFF_BOOT);
	f->esp_start_bytes = pod_get_le64(r + OFF_ESP);
	f->esp_length_bytes = pod_get_le64(r + OFF_ESP_LEN);
	f->wait_ms = pod_get_le32(r + OFF_WAIT);
	f->language = pod_get_le16(r + OFF_LANGUAGE);
}

enum pod_status pod_who_parse(struct pod_who_record *out, const uint8_t *data, size_t len, struct pod_diag *diag)
{
	struct reader r = {.data = data};
	if (len < POD_WHO_HEADER_SIZE || memcmp(data, POD_WHO_MAGIC, 8) != 0)
		return pod_fail(diag, POD_E_FORMAT, "magic", 0, 0, 0);
	r.len = pod_get_le32(data + OFF_TOTAL);
	if (r.len < POD_WHO_HEADER_SIZE || r.len > len || r.len > POD_WHO_SIZE_MAX)
		return pod_fail(diag, POD_E_CORRUPT, "length", OFF_TOTAL, len, r.len);
	uint32_t crc = checksum(data, r.len);
	if (crc != pod_get_le32(data + OFF_CRC))
		return pod_fail(diag, POD_E_CORRUPT, "checksum", OFF_CRC, crc, pod_get_le32(data + OFF_CRC));
	memset(out, 0, sizeof *out);
	get_facts(data, &out->facts);
	const char *fault = fault_in(&out->facts);
	if (fault)
		return pod_fail(diag, POD_E_CORRUPT, fault, OFF_PART, 0, 0);
	out->driver_count = pod_get_le16(data + OFF_DRIVERS);
	out->lab_count = pod_get_le16(data + OFF_LABS);
	if (out->driver_count > POD_WHO_LIST_MAX || out->lab_count > POD_WHO_LIST_MAX)
		return pod_fail(diag, POD_E_LIMIT, "number of entries", OFF_DRIVERS, POD_WHO_LIST_MAX, 0);
	POD_TRY(get_optional(&r, diag, "program", OFF_PROGRAM, &out->program));
	POD_TRY(get_optional(&r, diag, "replaced program", OFF_REPLACED, &out->replaced));
	POD_TRY(get_optional(&r, diag, "image", OFF_IMAGE, &out->image));
	if (!out->program.units || (out->facts.flags & POD_WHO_ATTACH && !out->image.units))
		return pod_fail(diag, POD_E_CORRUPT, "path", OFF_PROGRAM, 0, 0);
	return get_lists(&r, diag, out);
}
