/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot configuration, read from a hive. */
#include "core/regf/bcd.h"
#include "core/base/bytes.h"
#include "core/base/guid.h"
#include "core/base/str.h"

/* Of a GUID as text in UTF-16, without a terminator. */
#define GUID_UNITS (POD_GUID_TEXT - 1)

const uint8_t pod_bcd_bootmgr[16] = {0x2c, 0x86, 0xea, 0x9d, 0xdd, 0x5c, 0x70, 0x4e,
				     0xac, 0xc1, 0xf3, 0x2b, 0x34, 0x4d, 0x47, 0x95};
const uint8_t pod_bcd_ramdisk_options[16] = {0xe0, 0x34, 0x55, 0xae, 0x24, 0xa9, 0x6c, 0x46,
					     0xb8, 0x36, 0x75, 0x85, 0x39, 0xa3, 0xee, 0x3a};
const uint8_t pod_bcd_memtest[16] = {0x73, 0x1d, 0x72, 0xb2, 0xb4, 0x1d, 0x62, 0x4c,
				     0xbf, 0x78, 0xc5, 0x48, 0xa8, 0x80, 0x14, 0x2d};

enum pod_status pod_bcd_objects(const struct pod_regf *h, struct pod_regf_iter *it)
{
	struct pod_regf_key objects;
	enum pod_status st = pod_regf_lookup(h, NULL, "Objects", &objects);
	if (st != POD_OK)
		return st == POD_E_NOT_FOUND ? POD_E_FORMAT : st;
	return pod_regf_keys(h, &objects, it);
}

/* POD_E_NOT_FOUND: the key is no object. */
static enum pod_status read_object(const struct pod_regf *h, const struct pod_regf_key *key, struct pod_bcd_object *out)
{
	struct pod_regf_key description;
	struct pod_regf_value v;
	uint64_t type;
	POD_TRY(pod_regf_lookup(h, key, "Description", &description));
	POD_TRY(pod_regf_value(h, &description, "Type", &v));
	enum pod_status st = pod_regf_number(h, &v, &type);
	if (st != POD_OK)
		return st == POD_E_FORMAT ? POD_E_NOT_FOUND : st;
	out->type = (uint32_t)type;
	return pod_regf_lookup(h, key, "Elements", &out->elements);
}

enum pod_status pod_bcd_next_object(struct pod_regf_iter *it, struct pod_bcd_object *out)
{
	for (;;) {
		struct pod_regf_key key;
		char name[POD_GUID_TEXT];
		POD_TRY(pod_regf_next_key(it, &key));
		enum pod_status st = pod_regf_key_name(it->hive, &key, name, sizeof name);
		if (st == POD_E_LIMIT || (st == POD_OK && (name[0] != '{' || !pod_guid_parse(name, out->guid))))
			continue;
		if (st == POD_OK)
			st = read_object(it->hive, &key, out);
		if (st != POD_E_NOT_FOUND)
			return st;
	}
}

enum pod_status pod_bcd_object(const struct pod_regf *h, const uint8_t guid[16], struct pod_bcd_object *out)
{
	struct pod_regf_key objects, key;
	char name[POD_GUID_TEXT];
	pod_guid_text(guid, name);
	memcpy(out->guid, guid, 16);
	POD_TRY(pod_regf_lookup(h, NULL, "Objects", &objects));
	POD_TRY(pod_regf_lookup(h, &objects, name, &key));
	return read_object(h, &key, out);
}

enum pod_status pod_bcd_elements(const struct pod_regf *h, const struct pod_bcd_object *o, struct pod_regf_iter *it)
{
	return pod_regf_keys(h, &o->elements, it);
}

static bool parse_id(const char *s, uint32_t *id)
{
	*id = 0;
	for (uint32_t i = 0; i < 8; i++) {
		char c = pod_tolower(s[i]);
		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
		*id = *id << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return s[8] == '\0';
}

enum pod_status pod_bcd_next_element(struct pod_regf_iter *it, struct pod_bcd_element *out)
{
	for (;;) {
		struct pod_regf_key key;
		char name[16];
		POD_TRY(pod_regf_next_key(it, &key));
		enum pod_status st = pod_regf_key_name(it->hive, &key, name, sizeof name);
		if (st == POD_E_LIMIT || (st == POD_OK && !parse_id(name, &out->id)))
			continue;
		if (st == POD_OK)
			st = pod_regf_value(it->hive, &key, "Element", &out->value);
		if (st != POD_E_NOT_FOUND)
			return st;
	}
}

enum pod_status pod_bcd_element(const struct pod_regf *h, const struct pod_bcd_object *o, uint32_t id,
				struct pod_bcd_element *out)
{
	struct pod_regf_key key;
	char name[16];
	pod_snprintf(name, sizeof name, "%08x", id);
	out->id = id;
	POD_TRY(pod_regf_lookup(h, &o->elements, name, &key));
	return pod_regf_value(h, &key, "Element", &out->value);
}

enum pod_status pod_bcd_read_device(const struct pod_regf *h, const struct pod_bcd_element *el, struct pod_bcd_decoded *out)
{
	if ((el->id & POD_BCD_KIND_MASK) != POD_BCD_KIND_DEVICE)
		return POD_E_FORMAT;
	if (el->value.size_bytes > sizeof out->raw)
		return POD_E_LIMIT;
	POD_TRY(pod_regf_read(h, &el->value, 0, out->raw, el->value.size_bytes));
	return pod_bcd_decode(out, out->raw, el->value.size_bytes);
}

enum pod_status pod_bcd_read_number(const struct pod_regf *h, const struct pod_bcd_element *el, uint64_t *out)
{
	uint32_t kind = el->id & POD_BCD_KIND_MASK;
	uint8_t b[8] = {0};
	/* Integers are written as short as they may be, too. */
	if ((kind != POD_BCD_KIND_INTEGER && kind != POD_BCD_KIND_BOOLEAN) || el->value.size_bytes > sizeof b)
		return POD_E_FORMAT;
	POD_TRY(pod_regf_read(h, &el->value, 0, b, el->value.size_bytes));
	*out = pod_get_le64(b);
	return POD_OK;
}

enum pod_status pod_bcd_read_guid(const struct pod_regf *h, const struct pod_bcd_element *el, uint32_t n, uint8_t out[16])
{
	uint32_t kind = el->id & POD_BCD_KIND_MASK;
	uint8_t b[GUID_UNITS * 2];
	char text[POD_GUID_TEXT];
	if (kind != POD_BCD_KIND_GUID && kind != POD_BCD_KIND_GUIDS)
		return POD_E_FORMAT;
	/* All texts of GUIDs are of one length. */
	if (n > el->value.size_bytes / sizeof b)
		return POD_END;
	uint32_t at = n * (POD_GUID_TEXT * 2);
	if (at > el->value.size_bytes || el->value.size_bytes - at < sizeof b || (n && kind == POD_BCD_KIND_GUID))
		return POD_END;
	POD_TRY(pod_regf_read(h, &el->value, at, b, sizeof b));
	POD_TRY(pod_utf16le_to_utf8(b, GUID_UNITS, text, sizeof text));
	return pod_guid_parse(text, out) ? POD_OK : POD_E_CORRUPT;
}
