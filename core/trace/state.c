/* SPDX-License-Identifier: BSD-2-Clause */
/* The one-shot choice and the language in the state file; their layout is told in state.h. */
#include "core/trace/state.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"

static const char magic[8] = "ISOPODN1";

enum { OFF_CRC = 8, OFF_SEQ = 12, OFF_LEN = 16, OFF_PATH = 20 };

bool pod_state_slot_valid(uint8_t *slot)
{
	if (memcmp(slot, magic, sizeof magic) != 0)
		return false;
	uint32_t crc = pod_get_le32(slot + OFF_CRC), len = pod_get_le32(slot + OFF_LEN);
	memset(slot + OFF_CRC, 0, 4);
	bool ok = pod_crc32(0, slot, POD_STATE_SLOT) == crc;
	pod_put_le32(slot + OFF_CRC, crc);
	if (!ok || len > POD_STATE_NEXT_MAX)
		return false;
	for (uint32_t i = 0; i < len; i++)
		if (!slot[OFF_PATH + i])
			return false;
	return true;
}

/* Is sequence number a later than b? Counts round the end of 32 bits. */
static bool later(uint32_t a, uint32_t b)
{
	return a - b - 1 < 0x7fffffffu;
}

/* Reads both slots into `buf` (2 slots). Returns in *current the index of the one that counts, or -1. A slot that cannot be read
 * is as good as damaged, unless both cannot. */
static enum pod_status read_slots(struct pod_dev *state, uint8_t *buf, int *current)
{
	enum pod_status bad = POD_OK;
	unsigned unread = 0;
	*current = -1;
	for (int i = 0; i < 2; i++) {
		uint8_t *slot = buf + (size_t)i * POD_STATE_SLOT;
		enum pod_status st = pod_dev_read(state, (uint64_t)i * POD_STATE_SLOT, slot, POD_STATE_SLOT);
		if (st != POD_OK) {
			bad = st;
			unread++;
			continue;
		}
		if (!pod_state_slot_valid(slot))
			continue;
		if (*current < 0 || later(pod_get_le32(slot + OFF_SEQ), pod_get_le32(buf + OFF_SEQ)))
			*current = i;
	}
	return unread == 2 ? bad : POD_OK;
}

enum pod_status pod_state_next_get(struct pod_dev *state, struct pod_alloc *a, char *path, size_t size)
{
	int current;
	if (!size)
		return POD_E_INVALID;
	path[0] = 0;
	uint8_t *buf = pod_zalloc(a, 2, POD_STATE_SLOT);
	if (!buf)
		return POD_E_NOMEM;
	enum pod_status st = read_slots(state, buf, &current);
	if (st == POD_OK && current >= 0) {
		const uint8_t *slot = buf + (size_t)current * POD_STATE_SLOT;
		uint32_t len = pod_get_le32(slot + OFF_LEN);
		if (len >= size) {
			st = POD_E_LIMIT;
		} else {
			memcpy(path, slot + OFF_PATH, len);
			path[len] = 0;
		}
	}
	pod_free(a, buf);
	return st;
}

enum pod_status pod_state_next_set(struct pod_dev *state, struct pod_alloc *a, const char *path)
{
	int current;
	size_t len = path ? pod_strlen(path) : 0;
	if (len > POD_STATE_NEXT_MAX)
		return POD_E_LIMIT;
	uint8_t *buf = pod_zalloc(a, 2, POD_STATE_SLOT);
	if (!buf)
		return POD_E_NOMEM;
	enum pod_status st = read_slots(state, buf, &current);
	if (st == POD_OK) {
		/* the slot that does not count is overwritten, so that a torn write leaves the one that does */
		int target = current == 0 ? 1 : 0;
		uint32_t seq = current < 0 ? 1 : pod_get_le32(buf + (size_t)current * POD_STATE_SLOT + OFF_SEQ) + 1;
		uint8_t *slot = buf;
		memset(slot, 0, POD_STATE_SLOT);
		memcpy(slot, magic, sizeof magic);
		pod_put_le32(slot + OFF_SEQ, seq);
		pod_put_le32(slot + OFF_LEN, (uint32_t)len);
		if (len)
			memcpy(slot + OFF_PATH, path, len);
		pod_put_le32(slot + OFF_CRC, pod_crc32(0, slot, POD_STATE_SLOT));
		st = pod_dev_write(state, (uint64_t)target * POD_STATE_SLOT, slot, POD_STATE_SLOT);
		if (st == POD_OK)
			st = pod_dev_flush(state);
	}
	pod_free(a, buf);
	return st;
}

static const char language_magic[8] = "ISOPODL1";

enum { LANGUAGE_SECTOR = 512, OFF_CHOSEN = 12, OFF_CONF = 16 };

static void language_sector(uint8_t *b, uint32_t chosen, uint32_t conf)
{
	memset(b, 0, LANGUAGE_SECTOR);
	memcpy(b, language_magic, sizeof language_magic);
	pod_put_le32(b + OFF_CHOSEN, chosen);
	pod_put_le32(b + OFF_CONF, conf);
	pod_put_le32(b + OFF_CRC, pod_crc32(0, b, LANGUAGE_SECTOR));
}

enum pod_conf_language pod_state_language_get(struct pod_dev *state, enum pod_conf_language conf)
{
	uint8_t have[LANGUAGE_SECTOR], want[LANGUAGE_SECTOR];
	if (pod_dev_read(state, POD_STATE_LANGUAGE, have, sizeof have) != POD_OK)
		return conf;
	uint32_t chosen = pod_get_le32(have + OFF_CHOSEN);
	if (chosen >= POD_LANG_COUNT)
		return conf;
	/* there is one sector that says so, to the byte */
	language_sector(want, chosen, (uint32_t)conf);
	return memcmp(have, want, sizeof have) == 0 ? (enum pod_conf_language)chosen : conf;
}

enum pod_status pod_state_language_set(struct pod_dev *state, enum pod_conf_language chosen, enum pod_conf_language conf)
{
	uint8_t b[LANGUAGE_SECTOR];
	language_sector(b, (uint32_t)chosen, (uint32_t)conf);
	POD_TRY(pod_dev_write(state, POD_STATE_LANGUAGE, b, sizeof b));
	return pod_dev_flush(state);
}
