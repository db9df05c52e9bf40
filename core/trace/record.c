/* SPDX-License-Identifier: BSD-2-Clause */
/* The flight recorder's records: fields to bytes and back, and the ring of boots; the layout is told in record.h. */
#include "core/trace/record.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/text.h"

static const char magic[8] = "ISOPODR1";

enum {
	OFF_CRC = 0x08,
	OFF_BOOT = 0x0c,
	OFF_KIND = POD_REC_KIND_OFF,
	OFF_UPDATE = 0x14,
	EVENT_SIZE = POD_REC_STAGE_SIZE,
	SLOW_SIZE = 12
};

/* --- header ----------------------------------------------------------------------------------------------------- */

static uint32_t checksum(const uint8_t *s)
{
	return pod_crc32_without(s, POD_REC_SECTOR, OFF_CRC);
}

static void begin(uint8_t *s, enum pod_rec_kind kind)
{
	memset(s, 0, POD_REC_SECTOR);
	memcpy(s, magic, sizeof magic);
	s[OFF_KIND] = (uint8_t)kind;
}

void pod_rec_seal(uint8_t s[POD_REC_SECTOR], uint32_t boot, uint32_t update)
{
	pod_put_le32(s + OFF_BOOT, boot);
	pod_put_le32(s + OFF_UPDATE, update);
	pod_put_le32(s + OFF_CRC, checksum(s));
}

bool pod_rec_valid(const uint8_t s[POD_REC_SECTOR], enum pod_rec_kind kind)
{
	return memcmp(s, magic, sizeof magic) == 0 && s[OFF_KIND] == (uint8_t)kind && pod_rec_boot_of(s) &&
	       pod_get_le32(s + OFF_CRC) == checksum(s);
}

uint32_t pod_rec_boot_of(const uint8_t s[POD_REC_SECTOR])
{
	return pod_get_le32(s + OFF_BOOT);
}

uint32_t pod_rec_update_of(const uint8_t s[POD_REC_SECTOR])
{
	return pod_get_le32(s + OFF_UPDATE);
}

/* --- texts and stages ------------------------------------------------------------------------------------------- */

/* The field holds up to `size` bytes; the text is terminated in memory. */
static void put_text(uint8_t *to, size_t size, const char *text)
{
	char cut[POD_REC_SECTOR];
	(void)pod_strlcpy(cut, text, size + 1);
	memcpy(to, cut, pod_strlen(cut));
}

/* `to` has size + 1 bytes. As it was written: a path names a file, and who shows it disarms it. */
static void get_path(char *to, const uint8_t *from, size_t size)
{
	size_t n = 0;
	while (n < size && from[n])
		n++;
	memcpy(to, from, n);
	to[n] = 0;
}

/* The same for a text that only people read. */
static void get_text(char *to, const uint8_t *from, size_t size)
{
	get_path(to, from, size);
	(void)pod_text_disarm(to, NULL);
}

static void put_stages(uint8_t *s, size_t count_at, size_t at, const struct pod_stages *t)
{
	uint32_t n = t->count < POD_STAGE_MAX ? t->count : POD_STAGE_MAX;
	s[count_at] = (uint8_t)n;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *e = s + at + (size_t)i * EVENT_SIZE;
		e[0] = t->event[i].stage;
		pod_put_le32(e + 4, t->event[i].ms);
		pod_put_le32(e + 8, t->event[i].arg);
	}
}

static void get_stages(const uint8_t *s, size_t count_at, size_t at, struct pod_stages *t)
{
	memset(t, 0, sizeof *t);
	t->count = s[count_at] < POD_STAGE_MAX ? s[count_at] : POD_STAGE_MAX;
	for (uint32_t i = 0; i < t->count; i++) {
		const uint8_t *e = s + at + (size_t)i * EVENT_SIZE;
		t->event[i].stage = e[0];
		t->event[i].ms = pod_get_le32(e + 4);
		t->event[i].arg = pod_get_le32(e + 8);
	}
}

const struct pod_stage_event *pod_stages_find(const struct pod_stages *t, enum pod_stage stage)
{
	for (uint32_t i = 0; i < t->count && i < POD_STAGE_MAX; i++)
		if (t->event[i].stage == stage)
			return &t->event[i];
	return NULL;
}

bool pod_stages_add(struct pod_stages *t, enum pod_stage stage, uint32_t ms, uint32_t arg)
{
	if (t->count >= POD_STAGE_MAX || pod_stages_find(t, stage))
		return false;
	t->event[t->count++] = (struct pod_stage_event){.stage = (uint8_t)stage, .ms = ms, .arg = arg};
	return true;
}

/* --- the kinds -------------------------------------------------------------------------------------------------- */

void pod_rec_put_machine(uint8_t s[POD_REC_SECTOR], const struct pod_rec_machine *r)
{
	begin(s, POD_REC_MACHINE);
	pod_put_le32(s + 0x18, r->firmware);
	s[0x1c] = r->secure_boot;
	s[0x1d] = r->flags;
	pod_put_le16(s + 0x1e, r->acpi_tables);
	pod_put_le64(s + 0x20, r->clock_seconds);
	pod_put_le64(s + 0x28, r->memory_bytes);
	pod_put_le64(s + 0x30, r->largest_bytes);
	pod_put_le64(s + 0x38, r->largest_low_bytes);
	pod_put_le32(s + 0x40, r->memory_entries);
	pod_put_le32(s + 0x44, r->firmware_revision);
	pod_put_le64(s + 0x48, r->stick_bytes);
	pod_put_le32(s + 0x50, r->stick_sector_size);
	put_text(s + 0x54, 6, r->acpi_oem);
	put_text(s + 0x5a, 8, r->acpi_table);
	put_text(s + 0x62, 8, r->acpi_fadt);
	put_text(s + 0x70, 32, r->version);
	put_text(s + 0x90, 64, r->firmware_vendor);
	put_text(s + 0xd0, 64, r->vendor);
	put_text(s + 0x110, 64, r->product);
	put_text(s + 0x150, 64, r->board);
	put_text(s + 0x190, 48, r->bios_version);
	put_text(s + 0x1c0, 16, r->bios_date);
}

void pod_rec_get_machine(const uint8_t s[POD_REC_SECTOR], struct pod_rec_machine *r)
{
	memset(r, 0, sizeof *r);
	r->firmware = pod_get_le32(s + 0x18);
	r->secure_boot = s[0x1c];
	r->flags = s[0x1d];
	r->acpi_tables = pod_get_le16(s + 0x1e);
	r->clock_seconds = pod_get_le64(s + 0x20);
	r->memory_bytes = pod_get_le64(s + 0x28);
	r->largest_bytes = pod_get_le64(s + 0x30);
	r->largest_low_bytes = pod_get_le64(s + 0x38);
	r->memory_entries = pod_get_le32(s + 0x40);
	r->firmware_revision = pod_get_le32(s + 0x44);
	r->stick_bytes = pod_get_le64(s + 0x48);
	r->stick_sector_size = pod_get_le32(s + 0x50);
	get_text(r->acpi_oem, s + 0x54, 6);
	get_text(r->acpi_table, s + 0x5a, 8);
	get_text(r->acpi_fadt, s + 0x62, 8);
	get_text(r->version, s + 0x70, 32);
	get_text(r->firmware_vendor, s + 0x90, 64);
	get_text(r->vendor, s + 0xd0, 64);
	get_text(r->product, s + 0x110, 64);
	get_text(r->board, s + 0x150, 64);
	get_text(r->bios_version, s + 0x190, 48);
	get_text(r->bios_date, s + 0x1c0, 16);
}

void pod_rec_put_image(uint8_t s[POD_REC_SECTOR], const struct pod_rec_image *r)
{
	begin(s, POD_REC_IMAGE);
	pod_put_le64(s + 0x18, r->size_bytes);
	pod_put_le64(s + 0x20, r->volume_bytes);
	pod_put_le64(s + 0x28, r->disk_bytes);
	pod_put_le64(s + 0x30, r->memory_bytes);
	pod_put_le32(s + 0x38, r->flags);
	pod_put_le32(s + 0x3c, r->descriptor_crc);
	pod_put_le64(s + 0x40, (uint64_t)r->mtime);
	s[0x48] = r->kind;
	pod_put_le16(s + 0x4a, (uint16_t)r->entry);
	pod_put_le16(s + 0x4c, r->initrds);
	pod_put_le16(s + 0x4e, r->overlays);
	pod_put_le32(s + 0x50, r->extents);
	pod_put_le32(s + 0x54, r->path_len);
	put_text(s + 0x58, 64, r->label);
	put_text(s + 0x98, 360, r->path);
}

void pod_rec_get_image(const uint8_t s[POD_REC_SECTOR], struct pod_rec_image *r)
{
	memset(r, 0, sizeof *r);
	r->size_bytes = pod_get_le64(s + 0x18);
	r->volume_bytes = pod_get_le64(s + 0x20);
	r->disk_bytes = pod_get_le64(s + 0x28);
	r->memory_bytes = pod_get_le64(s + 0x30);
	r->flags = pod_get_le32(s + 0x38);
	r->descriptor_crc = pod_get_le32(s + 0x3c);
	r->mtime = (int64_t)pod_get_le64(s + 0x40);
	r->kind = s[0x48];
	r->entry = (int16_t)pod_get_le16(s + 0x4a);
	r->initrds = pod_get_le16(s + 0x4c);
	r->overlays = pod_get_le16(s + 0x4e);
	r->extents = pod_get_le32(s + 0x50);
	r->path_len = pod_get_le32(s + 0x54);
	get_text(r->label, s + 0x58, 64);
	get_path(r->path, s + 0x98, 360);
}

void pod_rec_put_progress(uint8_t s[POD_REC_SECTOR], const struct pod_rec_progress *r)
{
	begin(s, POD_REC_PROGRESS);
	pod_put_le32(s + 0x18, r->ms);
	s[0x1d] = r->flags;
	pod_put_le64(s + 0x20, r->bytes);
	pod_put_le32(s + 0x28, r->reads);
	pod_put_le32(s + 0x2c, r->last_len);
	pod_put_le64(s + 0x30, r->last_off);
	pod_put_le64(s + 0x38, r->run_off);
	pod_put_le32(s + 0x40, r->errors);
	pod_put_le32(s + 0x44, r->error_status);
	pod_put_le64(s + 0x48, r->error_off);
	pod_put_le32(s + 0x50, r->outside);
	pod_put_le32(s + 0x54, r->read_ms);
	pod_put_le64(s + 0x58, r->outside_off);
	for (unsigned i = 0; i < POD_REC_SLOW_MAX; i++) {
		pod_put_le64(s + 0x60 + (size_t)i * SLOW_SIZE, r->slow[i].off_bytes);
		pod_put_le32(s + 0x68 + (size_t)i * SLOW_SIZE, r->slow[i].ms);
	}
	put_stages(s, 0x1c, 0x90, &r->stages);
	pod_put_le32(s + 0x120, r->error_code);
	pod_put_le32(s + 0x124, r->last_read_ms);
	pod_put_le32(s + 0x128, r->written);
	put_text(s + 0x12c, POD_REC_ARGUMENTS_MAX, r->arguments);
}

void pod_rec_get_progress(const uint8_t s[POD_REC_SECTOR], struct pod_rec_progress *r)
{
	memset(r, 0, sizeof *r);
	r->ms = pod_get_le32(s + 0x18);
	r->flags = s[0x1d];
	r->bytes = pod_get_le64(s + 0x20);
	r->reads = pod_get_le32(s + 0x28);
	r->last_len = pod_get_le32(s + 0x2c);
	r->last_off = pod_get_le64(s + 0x30);
	r->run_off = pod_get_le64(s + 0x38);
	r->errors = pod_get_le32(s + 0x40);
	r->error_status = pod_get_le32(s + 0x44);
	r->error_off = pod_get_le64(s + 0x48);
	r->outside = pod_get_le32(s + 0x50);
	r->read_ms = pod_get_le32(s + 0x54);
	r->outside_off = pod_get_le64(s + 0x58);
	for (unsigned i = 0; i < POD_REC_SLOW_MAX; i++) {
		r->slow[i].off_bytes = pod_get_le64(s + 0x60 + (size_t)i * SLOW_SIZE);
		r->slow[i].ms = pod_get_le32(s + 0x68 + (size_t)i * SLOW_SIZE);
	}
	get_stages(s, 0x1c, 0x90, &r->stages);
	r->error_code = pod_get_le32(s + 0x120);
	r->last_read_ms = pod_get_le32(s + 0x124);
	r->written = pod_get_le32(s + 0x128);
	get_text(r->arguments, s + 0x12c, POD_REC_ARGUMENTS_MAX);
}

void pod_rec_put_linux(uint8_t s[POD_REC_SECTOR], const struct pod_rec_linux *r)
{
	begin(s, POD_REC_LINUX);
	pod_put_le32(s + 0x18, r->ms);
	pod_put_le32(s + 0x20, r->log_len);
	pod_put_le32(s + 0x24, r->usb_kbit);
	pod_put_le32(s + 0x28, r->memory_kib);
	pod_put_le32(s + 0x2c, r->memory_available_kib);
	put_text(s + 0x30, 64, r->release);
	put_text(s + 0x70, 24, r->disk);
	put_text(s + 0x88, 40, r->device);
	put_text(s + 0xb0, 16, r->fs);
	put_text(s + 0xc0, 64, r->mount);
	put_stages(s, 0x1c, 0x100, &r->stages);
}

void pod_rec_get_linux(const uint8_t s[POD_REC_SECTOR], struct pod_rec_linux *r)
{
	memset(r, 0, sizeof *r);
	r->ms = pod_get_le32(s + 0x18);
	r->log_len = pod_get_le32(s + 0x20);
	r->usb_kbit = pod_get_le32(s + 0x24);
	r->memory_kib = pod_get_le32(s + 0x28);
	r->memory_available_kib = pod_get_le32(s + 0x2c);
	get_text(r->release, s + 0x30, 64);
	get_text(r->disk, s + 0x70, 24);
	get_text(r->device, s + 0x88, 40);
	get_text(r->fs, s + 0xb0, 16);
	get_text(r->mount, s + 0xc0, 64);
	get_stages(s, 0x1c, 0x100, &r->stages);
}

void pod_rec_put_windows(uint8_t s[POD_REC_SECTOR], const struct pod_rec_windows *r)
{
	begin(s, POD_REC_WINDOWS);
	pod_put_le32(s + POD_REC_WINDOWS_MS, r->ms);
	s[POD_REC_WINDOWS_LETTER] = (uint8_t)r->letter;
	pod_put_le32(s + POD_REC_WINDOWS_VERSION, r->version);
	pod_put_le32(s + POD_REC_WINDOWS_BUILD, r->build);
	pod_put_le32(s + POD_REC_WINDOWS_LOADED, r->drivers_loaded);
	pod_put_le32(s + POD_REC_WINDOWS_FAILED, r->drivers_failed);
	put_text(s + POD_REC_WINDOWS_CONTROLLER, 64, r->controller);
	put_text(s + POD_REC_WINDOWS_PROGRAM, 64, r->program);
	put_stages(s, POD_REC_WINDOWS_STAGES, POD_REC_WINDOWS_STAGE, &r->stages);
}

void pod_rec_get_windows(const uint8_t s[POD_REC_SECTOR], struct pod_rec_windows *r)
{
	memset(r, 0, sizeof *r);
	r->ms = pod_get_le32(s + POD_REC_WINDOWS_MS);
	r->letter = s[POD_REC_WINDOWS_LETTER] >= 'A' && s[POD_REC_WINDOWS_LETTER] <= 'Z' ? (char)s[POD_REC_WINDOWS_LETTER] : 0;
	r->version = pod_get_le32(s + POD_REC_WINDOWS_VERSION);
	r->build = pod_get_le32(s + POD_REC_WINDOWS_BUILD);
	r->drivers_loaded = pod_get_le32(s + POD_REC_WINDOWS_LOADED);
	r->drivers_failed = pod_get_le32(s + POD_REC_WINDOWS_FAILED);
	get_text(r->controller, s + POD_REC_WINDOWS_CONTROLLER, 64);
	get_text(r->program, s + POD_REC_WINDOWS_PROGRAM, 64);
	get_stages(s, POD_REC_WINDOWS_STAGES, POD_REC_WINDOWS_STAGE, &r->stages);
}

/* The text of a message or of the screen, its length in front of it. */
static void put_words(uint8_t s[POD_REC_SECTOR], size_t max, const char *text)
{
	put_text(s + 0x20, max, text);
	size_t n = pod_strlen(text);
	pod_put_le32(s + 0x1c, (uint32_t)(n < max ? n : max));
}

static size_t words_len(const uint8_t s[POD_REC_SECTOR], size_t max)
{
	return (size_t)pod_min_u64(pod_get_le32(s + 0x1c), max);
}

void pod_rec_put_message(uint8_t s[POD_REC_SECTOR], const struct pod_rec_message *r)
{
	begin(s, POD_REC_MESSAGE);
	pod_put_le32(s + 0x18, r->status);
	put_words(s, POD_REC_MESSAGE_MAX, r->text);
}

void pod_rec_get_message(const uint8_t s[POD_REC_SECTOR], struct pod_rec_message *r)
{
	memset(r, 0, sizeof *r);
	r->status = pod_get_le32(s + 0x18);
	get_text(r->text, s + 0x20, words_len(s, POD_REC_MESSAGE_MAX));
}

void pod_rec_put_screen(uint8_t s[POD_REC_SECTOR], const struct pod_rec_screen *r)
{
	begin(s, POD_REC_SCREEN);
	pod_put_le32(s + 0x18, r->ms);
	put_words(s, POD_REC_SCREEN_MAX, r->text);
}

void pod_rec_get_screen(const uint8_t s[POD_REC_SECTOR], struct pod_rec_screen *r)
{
	memset(r, 0, sizeof *r);
	r->ms = pod_get_le32(s + 0x18);
	get_path(r->text, s + 0x20, words_len(s, POD_REC_SCREEN_MAX));
	(void)pod_text_disarm(r->text, "\n");
}

/* --- the ring --------------------------------------------------------------------------------------------------- */

enum pod_status pod_rec_latest(struct pod_dev *state, uint32_t *boot)
{
	uint8_t s[POD_REC_SECTOR];
	enum pod_status bad = POD_OK;
	unsigned unread = 0;
	*boot = 0;
	if (state->size_bytes < POD_STATE_SIZE)
		return POD_E_RANGE;
	for (uint32_t slot = 0; slot < POD_REC_BOOTS; slot++) {
		enum pod_status st = pod_dev_read(state, pod_rec_offset(slot, POD_REC_AT_MACHINE), s, sizeof s);
		if (st != POD_OK) {
			bad = st;
			unread++;
			continue;
		}
		uint32_t n = pod_rec_boot_of(s);
		if (n % POD_REC_BOOTS == slot && pod_rec_valid(s, POD_REC_MACHINE) && (!*boot || pod_rec_later(n, *boot)))
			*boot = n;
	}
	return unread == POD_REC_BOOTS ? bad : POD_OK;
}

/* A record in that sector of a slot. */
static bool valid_at(const uint8_t *s, unsigned sector)
{
	static const uint8_t kind[POD_REC_SECTORS] = {POD_REC_MACHINE, POD_REC_IMAGE, POD_REC_PROGRESS, POD_REC_PROGRESS,
						      POD_REC_LINUX,   POD_REC_LINUX, POD_REC_MESSAGE,	POD_REC_SCREEN};
	return pod_rec_valid(s, (enum pod_rec_kind)kind[sector]) ||
	       (kind[sector] == POD_REC_LINUX && pod_rec_valid(s, POD_REC_WINDOWS));
}

static bool all_zero(const uint8_t *s)
{
	for (unsigned i = 0; i < POD_REC_SECTOR; i++)
		if (s[i])
			return false;
	return true;
}

/* The valid record in sector `i` of a slot, or NULL. */
static const uint8_t *record_in(const uint8_t *slot, uint32_t index, unsigned i)
{
	const uint8_t *s = slot + (size_t)i * POD_REC_SECTOR;
	if (!valid_at(s, i) || pod_rec_boot_of(s) % POD_REC_BOOTS != index)
		return NULL;
	return s;
}

/* Reads a slot, by sectors if it cannot be read whole; *unread has a bit for each that could not. */
static enum pod_status read_slot(struct pod_dev *state, uint32_t index, uint8_t *slot, uint32_t *unread)
{
	*unread = 0;
	if (state->size_bytes < POD_STATE_SIZE)
		return POD_E_RANGE;
	if (pod_dev_read(state, pod_rec_offset(index, 0), slot, POD_REC_BOOT_SIZE) == POD_OK)
		return POD_OK;
	enum pod_status st = POD_OK;
	for (unsigned i = 0; i < POD_REC_SECTORS; i++) {
		uint8_t *s = slot + (size_t)i * POD_REC_SECTOR;
		enum pod_status one = pod_dev_read(state, pod_rec_offset(index, i), s, POD_REC_SECTOR);
		if (one != POD_OK) {
			memset(s, 0, POD_REC_SECTOR);
			*unread |= 1u << i;
			st = one;
		}
	}
	return *unread == (1u << POD_REC_SECTORS) - 1 ? st : POD_OK;
}

enum pod_status pod_rec_new_number(struct pod_dev *state, struct pod_alloc *a, uint32_t latest, uint32_t *boot)
{
	uint32_t n = latest, unread;
	*boot = 0;
	uint8_t *slot = pod_zalloc(a, 1, POD_REC_BOOT_SIZE);
	if (!slot)
		return POD_E_NOMEM;
	enum pod_status st = POD_OK;
	/* A boot whose MACHINE sector is lost still owns its number: else its sectors would count as the new boot's. */
	for (unsigned tries = 0; tries < POD_REC_BOOTS && st == POD_OK; tries++) {
		bool taken = false;
		n = pod_rec_after(n);
		st = read_slot(state, n % POD_REC_BOOTS, slot, &unread);
		for (unsigned i = 0; i < POD_REC_SECTORS && st == POD_OK; i++) {
			const uint8_t *s = record_in(slot, n % POD_REC_BOOTS, i);
			taken = taken || (s && pod_rec_boot_of(s) == n);
		}
		if (!taken)
			break;
	}
	pod_free(a, slot);
	if (st == POD_OK)
		*boot = n;
	return st;
}

/* Of the two sectors written in turn, the one that counts. */
static const uint8_t *newer_of(const uint8_t *slot, const struct pod_rec_boot *b, unsigned first)
{
	const uint8_t *best = NULL;
	for (unsigned i = first; i < first + 2; i++) {
		const uint8_t *s = record_in(slot, b->number % POD_REC_BOOTS, i);
		if (s && pod_rec_boot_of(s) == b->number &&
		    (!best || pod_rec_later(pod_rec_update_of(s), pod_rec_update_of(best))))
			best = s;
	}
	return best;
}

static const uint8_t *only_of(const uint8_t *slot, const struct pod_rec_boot *b, unsigned i)
{
	const uint8_t *s = record_in(slot, b->number % POD_REC_BOOTS, i);
	return s && pod_rec_boot_of(s) == b->number ? s : NULL;
}

static void decode(const uint8_t *slot, struct pod_rec_boot *out)
{
	const uint8_t *s;
	for (unsigned i = 0; i < POD_REC_SECTORS; i++) {
		s = record_in(slot, out->number % POD_REC_BOOTS, i);
		if (!s && !all_zero(slot + (size_t)i * POD_REC_SECTOR))
			out->damaged |= 1u << i;
		else if (s && pod_rec_boot_of(s) != out->number)
			out->stale |= 1u << i;
	}
	if ((s = only_of(slot, out, POD_REC_AT_MACHINE)) != NULL)
		pod_rec_get_machine(s, &out->machine);
	out->has_machine = s != NULL;
	if ((s = only_of(slot, out, POD_REC_AT_IMAGE)) != NULL)
		pod_rec_get_image(s, &out->image);
	out->has_image = s != NULL;
	if ((s = only_of(slot, out, POD_REC_AT_MESSAGE)) != NULL)
		pod_rec_get_message(s, &out->message);
	out->has_message = s != NULL;
	if ((s = only_of(slot, out, POD_REC_AT_SCREEN)) != NULL)
		pod_rec_get_screen(s, &out->screen);
	out->has_screen = s != NULL;
	if ((s = newer_of(slot, out, POD_REC_AT_PROGRESS)) != NULL) {
		pod_rec_get_progress(s, &out->progress);
		out->progress_update = pod_rec_update_of(s);
	}
	out->has_progress = s != NULL;
	if ((s = newer_of(slot, out, POD_REC_AT_SYSTEM)) != NULL) {
		out->has_linux = s[OFF_KIND] == POD_REC_LINUX;
		out->has_windows = !out->has_linux;
		if (out->has_linux)
			pod_rec_get_linux(s, &out->linux_);
		else
			pod_rec_get_windows(s, &out->windows);
		out->system_update = pod_rec_update_of(s);
	}
}

enum pod_status pod_rec_read(struct pod_dev *state, struct pod_alloc *a, uint32_t boot, struct pod_rec_boot *out)
{
	uint32_t unread;
	memset(out, 0, sizeof *out);
	if (!boot)
		return POD_E_NOT_FOUND;
	uint8_t *slot = pod_zalloc(a, 1, POD_REC_BOOT_SIZE);
	if (!slot)
		return POD_E_NOMEM;
	enum pod_status st = read_slot(state, boot % POD_REC_BOOTS, slot, &unread);
	if (st == POD_OK) {
		out->number = boot;
		decode(slot, out);
		out->damaged |= unread;
		if (!out->has_machine && !out->has_image && !out->has_progress && !out->has_linux && !out->has_windows &&
		    !out->has_message && !out->has_screen)
			st = POD_E_NOT_FOUND;
	}
	pod_free(a, slot);
	return st;
}

/* The boot a slot belongs to: MACHINE's number; if that is lost, the latest among the others. */
static uint32_t owner(const uint8_t *slot, uint32_t index)
{
	const uint8_t *s = record_in(slot, index, POD_REC_AT_MACHINE);
	uint32_t n = s ? pod_rec_boot_of(s) : 0;
	for (unsigned i = 1; i < POD_REC_SECTORS && !record_in(slot, index, POD_REC_AT_MACHINE); i++) {
		s = record_in(slot, index, i);
		if (s && (!n || pod_rec_later(pod_rec_boot_of(s), n)))
			n = pod_rec_boot_of(s);
	}
	return n;
}

enum pod_status pod_rec_list(struct pod_dev *state, struct pod_alloc *a, uint32_t number[POD_REC_BOOTS], uint32_t *count)
{
	enum pod_status bad = POD_OK;
	uint32_t n = 0, unread, failed = 0;
	*count = 0;
	uint8_t *slot = pod_zalloc(a, 1, POD_REC_BOOT_SIZE);
	if (!slot)
		return POD_E_NOMEM;
	for (uint32_t i = 0; i < POD_REC_BOOTS; i++) {
		enum pod_status st = read_slot(state, i, slot, &unread);
		if (st != POD_OK) {
			bad = st;
			failed++;
			continue;
		}
		uint32_t boot = owner(slot, i), at = n;
		if (!boot)
			continue;
		while (at && pod_rec_later(boot, number[at - 1])) {
			number[at] = number[at - 1];
			at--;
		}
		number[at] = boot;
		n++;
	}
	pod_free(a, slot);
	*count = n;
	return failed == POD_REC_BOOTS ? bad : POD_OK;
}

enum pod_status pod_rec_write(struct pod_dev *state, uint32_t boot, unsigned sector, const uint8_t s[POD_REC_SECTOR])
{
	if (!boot || sector >= POD_REC_SECTORS)
		return POD_E_INVALID;
	if (state->size_bytes < POD_STATE_SIZE)
		return POD_E_RANGE;
	POD_TRY(pod_dev_write(state, pod_rec_offset(boot, sector), s, POD_REC_SECTOR));
	return pod_dev_flush(state);
}

/* --- the log ---------------------------------------------------------------------------------------------------- */

enum pod_status pod_rec_write_log(struct pod_dev *state, uint32_t boot, const char *text, size_t len)
{
	uint8_t s[POD_REC_SECTOR];
	uint32_t at = pod_rec_log_offset(boot);
	if (!boot)
		return POD_E_INVALID;
	if (state->size_bytes < POD_STATE_SIZE)
		return POD_E_RANGE;
	if (len > POD_REC_LOG_TEXT) {
		text += len - POD_REC_LOG_TEXT;
		len = POD_REC_LOG_TEXT;
	}
	for (size_t done = 0; done < len; done += sizeof s) {
		size_t n = len - done < sizeof s ? len - done : sizeof s;
		memset(s, 0, sizeof s);
		memcpy(s, text + done, n);
		POD_TRY(pod_dev_write(state, at + POD_REC_SECTOR + done, s, sizeof s));
	}
	POD_TRY(pod_dev_flush(state));
	begin(s, POD_REC_LOG);
	pod_put_le32(s + 0x18, (uint32_t)len);
	pod_put_le32(s + 0x1c, pod_crc32(0, text, len));
	pod_rec_seal(s, boot, 1);
	POD_TRY(pod_dev_write(state, at, s, sizeof s));
	return pod_dev_flush(state);
}

enum pod_status pod_rec_read_log(struct pod_dev *state, uint32_t boot, char *text, size_t *len)
{
	uint8_t s[POD_REC_SECTOR];
	uint32_t at = pod_rec_log_offset(boot);
	text[0] = 0;
	*len = 0;
	if (!boot)
		return POD_E_NOT_FOUND;
	if (state->size_bytes < POD_STATE_SIZE)
		return POD_E_RANGE;
	POD_TRY(pod_dev_read(state, at, s, sizeof s));
	uint32_t n = pod_get_le32(s + 0x18);
	if (!pod_rec_valid(s, POD_REC_LOG) || pod_rec_boot_of(s) != boot || n > POD_REC_LOG_TEXT)
		return POD_E_NOT_FOUND;
	POD_TRY(pod_dev_read(state, at + POD_REC_SECTOR, text, n));
	if (pod_crc32(0, text, n) != pod_get_le32(s + 0x1c)) {
		text[0] = 0;
		return POD_E_NOT_FOUND;
	}
	text[n] = 0;
	*len = n;
	return POD_OK;
}
