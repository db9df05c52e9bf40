/* SPDX-License-Identifier: BSD-2-Clause */
/* The hand-over record for the helper in Windows PE: written and read; the layout is told in winhandover.h. */
#include "core/map/winhandover.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/str.h"

enum {
	OFF_TOTAL = 0x08,
	OFF_CRC = 0x0c,
	UNIT = 512,
	IMAGE = 0x0e, /* in a word: the image's path */
};

/* --- words ------------------------------------------------------------------------------------------------------ */

#define N_(s) (s)

#define NO_STICK                                                                                                                  \
	N_("Windows does not see the stick that it was started from, and goes on without it: it will miss its files.\n\nPut the " \
	   "stick into another port (USB 2, without a hub). It is still being looked for; this window closes when it is found.")
#define CODE N_("Windows' error code:"), " 0x\4"

/* Four pieces one behind the other; the first and the third are translated. */
static const char *const word[POD_WHO_PROGRAM][4] = {
	[POD_WHO_NO_STICK] = {NO_STICK},
	[POD_WHO_NO_DRIVER] = {NO_STICK, "\n\n", N_("This controller has no driver:"), "\n\6"},
	[POD_WHO_NOT_ATTACHED] = {N_("The stick was found, but Windows cannot attach the image:"), "\n\x0e\n\n", CODE},
	[POD_WHO_NO_PROVIDER] =
		{N_("This Windows cannot attach ISO files (Windows 7 and older cannot). Setup will miss its files."),
		 "\n\x0e\n\n", CODE},
	[POD_WHO_NO_PROGRAM] = {N_("The program that Windows PE starts with cannot be started:"), "\n\n", CODE},
	[POD_WHO_LOG_BEGUN] = {NULL, "started in the place of: \1"},
	[POD_WHO_LOG_ANSWER] = {NULL, "an answer file was handed over: \\Autounattend.xml"},
	[POD_WHO_LOG_LAB] = {NULL, "LabConfig: \1 (0x\4)"},
	[POD_WHO_LOG_DRIVER] = {NULL, "driver loaded: \1"},
	[POD_WHO_LOG_DRIVER_FAILED] = {NULL, "driver not loaded: \1 (0x\4)"},
	[POD_WHO_LOG_CONTROLLER] = {NULL, "this controller has no driver: \6"},
	[POD_WHO_LOG_OFTEN] = {NULL, "Windows tells of no volumes: looking often"},
	[POD_WHO_LOG_FOUND] = {NULL, "stick found: \3"},
	[POD_WHO_LOG_MISSING] = {NULL, "the stick is not there: going on without it"},
	[POD_WHO_LOG_ATTACHED] = {NULL, "the image is attached as drive: \1"},
	[POD_WHO_LOG_NO_LETTER] = {NULL, "the image is attached, without a letter"},
	[POD_WHO_LOG_NOT_ATTACHED] = {NULL, "the image cannot be attached: \x0e (0x\4)"},
	[POD_WHO_LOG_UNWRITTEN] = {NULL, "the state file cannot be written (0x\4)"},
	[POD_WHO_LOG_FOREIGN] = {NULL, "the state file is another start's: nothing is recorded"},
	[POD_WHO_LOG_NOT_MOVED] = {NULL, "cannot move away from: \1 (0x\4)"},
	[POD_WHO_LOG_NOT_RESTORED] = {NULL, "cannot restore: \1 (0x\4)"},
	[POD_WHO_LOG_NOT_STARTED] = {NULL, "cannot start: \1 (0x\4)"},
	[POD_WHO_LOG_STARTED] = {NULL, "started: \1"},
	[POD_WHO_LOG_ENDED] = {NULL, "the program ended (0x\4)"},
	[POD_WHO_LOG_TOLD] = {NULL, "told in a window"},
	[POD_WHO_DRVLOAD] = {NULL, "\2\\Windows\\System32\\drvload.exe"},
	[POD_WHO_DRVLOAD_COMMAND] = {NULL, "drvload \"\1\""},
	[POD_WHO_DISK] = {NULL, "\\\\.\\PhysicalDrive\5"},
	[POD_WHO_DEVICES] = {NULL, "SYSTEM\\CurrentControlSet\\Enum"},
	[POD_WHO_LABCONFIG] = {NULL, "SYSTEM\\Setup\\LabConfig"},
	[POD_WHO_EARLY_DRIVERS] = {NULL, "\2\\Windows\\System32\\isopod\\drivers"},
};

/* --- facts ------------------------------------------------------------------------------------------------------ */

/* Fields of a record: a range of the disk, where it begins and how long it is. */
static uint64_t end_of(const uint8_t *place)
{
	return pod_get_le64(place) + pod_get_le64(place + 8);
}

/* Whole sectors, ending where numbers still do. */
static bool is_place(const uint8_t *place)
{
	uint64_t start = pod_get_le64(place), length = pod_get_le64(place + 8);
	return start && length && !((start | length) % UNIT) && length <= ~start;
}

/* What is wrong with the facts of a record, or NULL: writer and reader ask the same. */
static const char *fault_in(const uint8_t *r)
{
	const uint8_t *part = r + POD_WHO_PART_OFF, *state = r + POD_WHO_STATE_OFF, *esp = r + POD_WHO_ESP_OFF;
	if (!is_place(part))
		return "data partition";
	if (!pod_get_le32(r + POD_WHO_BOOT_OFF))
		return pod_get_le64(state) | pod_get_le64(state + 8) ? "state file" : NULL;
	if (!is_place(state))
		return "state file";
	/* Nothing is ever written into the data partition. */
	if (!is_place(esp) || pod_get_le64(state) < pod_get_le64(esp) || end_of(state) > end_of(esp) ||
	    (pod_get_le64(esp) < end_of(part) && pod_get_le64(part) < end_of(esp)))
		return "EFI system partition";
	return NULL;
}

static void put_facts(uint8_t *r, const struct pod_who_facts *f)
{
	pod_put_le32(r + POD_WHO_FLAGS_OFF, f->flags);
	pod_put_le32(r + POD_WHO_SIGNATURE_OFF, f->mbr_signature);
	memcpy(r + POD_WHO_GUID_OFF, f->disk_guid, sizeof f->disk_guid);
	pod_put_le64(r + POD_WHO_PART_OFF, f->part_start_bytes);
	pod_put_le64(r + POD_WHO_PART_OFF + 8, f->part_length_bytes);
	pod_put_le64(r + POD_WHO_STATE_OFF, f->state_start_bytes);
	pod_put_le64(r + POD_WHO_STATE_OFF + 8, f->state_length_bytes);
	pod_put_le32(r + POD_WHO_BOOT_OFF, f->boot_number);
	pod_put_le64(r + POD_WHO_ESP_OFF, f->esp_start_bytes);
	pod_put_le64(r + POD_WHO_ESP_OFF + 8, f->esp_length_bytes);
	pod_put_le32(r + POD_WHO_WAIT_OFF, f->wait_ms);
}

void pod_who_get_facts(const uint8_t *r, struct pod_who_facts *f)
{
	f->flags = pod_get_le32(r + POD_WHO_FLAGS_OFF);
	f->mbr_signature = pod_get_le32(r + POD_WHO_SIGNATURE_OFF);
	memcpy(f->disk_guid, r + POD_WHO_GUID_OFF, sizeof f->disk_guid);
	f->part_start_bytes = pod_get_le64(r + POD_WHO_PART_OFF);
	f->part_length_bytes = pod_get_le64(r + POD_WHO_PART_OFF + 8);
	f->state_start_bytes = pod_get_le64(r + POD_WHO_STATE_OFF);
	f->state_length_bytes = pod_get_le64(r + POD_WHO_STATE_OFF + 8);
	f->boot_number = pod_get_le32(r + POD_WHO_BOOT_OFF);
	f->esp_start_bytes = pod_get_le64(r + POD_WHO_ESP_OFF);
	f->esp_length_bytes = pod_get_le64(r + POD_WHO_ESP_OFF + 8);
	f->wait_ms = pod_get_le32(r + POD_WHO_WAIT_OFF);
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

struct writer {
	uint8_t *out; /* NULL: only counts */
	size_t len, size;
	unsigned units; /* of the text that is being written */
	const char *image;
};

/* Where a piece of a text comes from: ourselves; a path; a name. */
enum piece { OWN, PATH, NAME };

static enum pod_status put_unit(struct writer *w, uint16_t unit)
{
	if (w->len > POD_WHO_SIZE_MAX - 2 || (w->out && w->len > w->size - 2))
		return POD_E_LIMIT;
	if (w->out)
		pod_put_le16(w->out + w->len, unit);
	w->len += 2;
	return POD_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): once, for the image's path */
static enum pod_status put_piece(struct writer *w, enum piece kind, const char *text)
{
	size_t left = text ? pod_strlen(text) : 0;
	while (left) {
		const char *before = text;
		uint32_t c = pod_utf8_next(&text, left);
		size_t used = (size_t)(text - before);
		/* a true U+FFFD takes three bytes */
		if ((c == 0xfffd && used == 1) || (kind != OWN && c < ' '))
			return POD_E_INVALID;
		left -= used;
		if (c == IMAGE) {
			POD_TRY(put_piece(w, PATH, w->image));
			continue;
		}
		uint16_t unit[2];
		unsigned n = pod_utf16_put(unit, kind == PATH && c == '/' ? '\\' : c);
		w->units += n;
		if (w->units > POD_WHO_TEXT_MAX)
			return POD_E_LIMIT;
		for (unsigned i = 0; i < n; i++)
			POD_TRY(put_unit(w, unit[i]));
	}
	return POD_OK;
}

static enum pod_status put_end(struct writer *w)
{
	w->units = 0;
	return put_unit(w, 0);
}

/* `where` in front of it, if it is a path at all. */
static enum pod_status put_path(struct writer *w, const char *where, const char *path)
{
	if (path && *path) {
		POD_TRY(put_piece(w, OWN, where));
		POD_TRY(put_piece(w, PATH, path));
	}
	return put_end(w);
}

/* The data volume ends in a backslash. */
static const char *on_volume(const char *path)
{
	return path && *path == '/' ? path + 1 : path;
}

static enum pod_status put_words(struct writer *w, const struct pod_who_input *in)
{
	for (unsigned i = 0; i < POD_ARRAY_LEN(word); i++) {
		for (unsigned k = 0; k < 4; k++) {
			const char *piece = word[i][k];
			if (piece && k % 2 == 0 && in->translate)
				piece = in->translate(in->translate_ctx, piece);
			POD_TRY(put_piece(w, OWN, piece));
		}
		POD_TRY(put_end(w));
	}
	POD_TRY(put_path(w, "\2", in->program));
	POD_TRY(put_path(w, "\2", in->replaced));
	return put_path(w, "\3", on_volume(in->image));
}

static enum pod_status put_texts(struct writer *w, const struct pod_who_input *in)
{
	POD_TRY(put_words(w, in));
	for (size_t i = 0; i < in->driver_count; i++)
		POD_TRY(put_path(w, "\3", on_volume(in->driver[i])));
	for (size_t i = 0; i < in->lab_count; i++) {
		POD_TRY(put_piece(w, NAME, in->lab[i].name));
		POD_TRY(put_end(w));
	}
	return POD_OK;
}

static bool is_text(const char *s)
{
	return s && *s;
}

enum pod_status pod_who_write(const struct pod_who_input *in, uint8_t *out, size_t size, size_t *len)
{
	struct writer w = {.out = out, .len = POD_WHO_HEADER_SIZE, .size = size, .image = in->image};
	uint32_t flags = in->facts.flags;
	uint8_t head[POD_WHO_HEADER_SIZE] = POD_WHO_MAGIC;
	char name[POD_WHO_NAME_SIZE + 1];
	if (in->driver_count > POD_WHO_LIST_MAX || in->lab_count > POD_WHO_LIST_MAX || (out && size < POD_WHO_HEADER_SIZE))
		return POD_E_LIMIT;
	put_facts(head, &in->facts);
	if (fault_in(head) || !is_text(in->program) || (flags & POD_WHO_RESTORE && !is_text(in->replaced)) ||
	    (flags & POD_WHO_ATTACH && !is_text(in->image)))
		return POD_E_INVALID;
	POD_TRY(put_texts(&w, in));
	*len = w.len;
	if (!out)
		return POD_OK;
	memcpy(out, head, sizeof head);
	pod_put_le32(out + OFF_TOTAL, (uint32_t)w.len);
	pod_put_le16(out + POD_WHO_DRIVERS_OFF, (uint16_t)in->driver_count);
	pod_put_le16(out + POD_WHO_LABS_OFF, (uint16_t)in->lab_count);
	(void)pod_strlcpy(name, pod_last_name(in->program), sizeof name);
	memcpy(out + POD_WHO_NAME_OFF, name, pod_strlen(name));
	for (size_t i = 0; i < in->lab_count; i++)
		pod_put_le32(out + POD_WHO_VALUE_OFF + 4 * i, in->lab[i].value);
	pod_put_le32(out + OFF_CRC, pod_crc32_without(out, w.len, OFF_CRC));
	return POD_OK;
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

const uint8_t *pod_who_text(const uint8_t *data, unsigned n)
{
	data += POD_WHO_HEADER_SIZE;
	for (; n; data += 2)
		n -= pod_get_le16(data) == 0;
	return data;
}

/* How many texts, all with their ends; 0: one is too long, or has none. */
static uint32_t count_texts(const uint8_t *data, uint32_t len)
{
	uint32_t n = 0, units = 0;
	for (uint32_t at = POD_WHO_HEADER_SIZE; at < len; at += 2) {
		if (pod_get_le16(data + at)) {
			if (++units > POD_WHO_TEXT_MAX)
				return 0;
			continue;
		}
		n++;
		units = 0;
	}
	return units ? 0 : n;
}

enum pod_status pod_who_check(const uint8_t *data, size_t len, struct pod_diag *diag)
{
	if (len < POD_WHO_HEADER_SIZE || memcmp(data, POD_WHO_MAGIC, 8) != 0)
		return pod_fail(diag, POD_E_FORMAT, "magic", 0, 0, 0);
	uint32_t total = pod_get_le32(data + OFF_TOTAL);
	if (total < POD_WHO_HEADER_SIZE || total > len || total > POD_WHO_SIZE_MAX || total % 2)
		return pod_fail(diag, POD_E_CORRUPT, "length", OFF_TOTAL, len, total);
	uint32_t crc = pod_crc32_without(data, total, OFF_CRC);
	if (crc != pod_get_le32(data + OFF_CRC))
		return pod_fail(diag, POD_E_CORRUPT, "checksum", OFF_CRC, crc, pod_get_le32(data + OFF_CRC));
	const char *fault = fault_in(data);
	if (fault)
		return pod_fail(diag, POD_E_CORRUPT, fault, POD_WHO_PART_OFF, 0, 0);
	uint32_t drivers = pod_get_le16(data + POD_WHO_DRIVERS_OFF), labs = pod_get_le16(data + POD_WHO_LABS_OFF);
	if (drivers > POD_WHO_LIST_MAX || labs > POD_WHO_LIST_MAX)
		return pod_fail(diag, POD_E_LIMIT, "number of entries", POD_WHO_DRIVERS_OFF, POD_WHO_LIST_MAX, 0);
	if (count_texts(data, total) != POD_WHO_WORDS + drivers + labs)
		return pod_fail(diag, POD_E_CORRUPT, "texts", POD_WHO_HEADER_SIZE, POD_WHO_WORDS + drivers + labs, 0);
	if (!pod_get_le16(pod_who_text(data, POD_WHO_PROGRAM)) ||
	    (pod_get_le32(data + POD_WHO_FLAGS_OFF) & POD_WHO_ATTACH && !pod_get_le16(pod_who_text(data, POD_WHO_IMAGE))))
		return pod_fail(diag, POD_E_CORRUPT, "path", POD_WHO_HEADER_SIZE, 0, 0);
	return POD_OK;
}
