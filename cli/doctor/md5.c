/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The implanted MD5. What md5.h tells of its layout, and this, was seen with isomd5sum 1.2.3: the volume is hashed in steps of
 * 32 KiB; behind each step whose first byte lies in another fragment than that of the step before, the sum so far is noted: of
 * each of its first 60/FRAGMENT COUNT bytes the first digit that "%x" prints.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"
#include "cli/doctor/md5.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

enum { PVD = 32768, APP_OFFSET = 883, APP_SIZE = 512, STEP = 32768, FRAGMENT_DIGITS = 60 };

/* The value of "NAME = value;" in `out`; false if it is not there or does not fit. */
static bool item(const char *app, const char *name, char *out, size_t size)
{
	const char *p = strstr(app, name), *end;

	if (!p)
		return false;
	p += strlen(name);
	p += strspn(p, " ");
	if (*p != '=')
		return false;
	p++;
	p += strspn(p, " ");
	end = strchr(p, ';');
	if (!end || (size_t)(end - p) >= size)
		return false;
	memcpy(out, p, (size_t)(end - p));
	out[end - p] = '\0';
	return true;
}

static bool parse(struct doctor_md5 *m, struct pod_dev *image)
{
	char app[APP_SIZE + 1], number[16];
	uint64_t skip = 0, count = 0, volume;
	uint8_t size[4];

	if (image->size_bytes < PVD + 2048 || pod_dev_read(image, PVD + 80, size, sizeof size) != POD_OK ||
	    pod_dev_read(image, PVD + APP_OFFSET, app, APP_SIZE) != POD_OK)
		return false;
	app[APP_SIZE] = '\0';
	volume = (uint64_t)pod_get_le32(size) * 2048;
	if (!item(app, "ISO MD5SUM", m->hex, sizeof m->hex) || strspn(m->hex, "0123456789abcdef") != 32)
		return false;
	if (item(app, "SKIPSECTORS", number, sizeof number) && !cli_parse_uint(number, UINT32_MAX, &skip))
		return false;
	/* Of a volume that is cut off nothing can be said: total_bytes stays 0, and image.truncated tells. */
	if (skip * 2048 < volume && volume - skip * 2048 <= image->size_bytes)
		m->total_bytes = volume - skip * 2048;
	if (item(app, "FRAGMENT COUNT", number, sizeof number) && cli_parse_uint(number, FRAGMENT_DIGITS, &count) && count &&
	    FRAGMENT_DIGITS / count <= 16 && item(app, "FRAGMENT SUMS", m->fragment_sums, sizeof m->fragment_sums) &&
	    strlen(m->fragment_sums) == FRAGMENT_DIGITS / count * count)
		m->fragments = m->total_bytes / (count + 1) < STEP ? 0 : (unsigned)count;
	return true;
}

struct doctor_md5 *doctor_md5_open(struct pod_dev *image)
{
	struct doctor_md5 *m = cli_xzalloc(sizeof *m);

	if (parse(m, image))
		return m;
	doctor_md5_close(m);
	return NULL;
}

void doctor_md5_close(struct doctor_md5 *m)
{
	if (m)
		cli_digest_free(m->sum);
	free(m);
}

/* The sum so far is that of fragment number m->fragment, counted from 1, unless damage lies before here. */
static void check_fragment(struct doctor_md5 *m, uint64_t done)
{
	uint64_t length = m->total_bytes / (m->fragments + 1);
	size_t digits = FRAGMENT_DIGITS / m->fragments;
	uint8_t md[CLI_DIGEST_MAX] = {0};
	const char *want = m->fragment_sums + (m->fragment - 1) * digits;

	cli_digest_so_far(m->sum, md);
	for (size_t i = 0; i < digits && !m->part_bad; i++) {
		char two[3];

		snprintf(two, sizeof two, "%x", md[i]);
		if (pod_tolower(want[i]) != two[0]) {
			m->part_bad = true;
			/* the sum before was right: it was taken behind the first step of this fragment */
			m->bad_from = m->fragment > 1 ? (m->fragment - 1) * length / STEP * STEP : 0;
			m->bad_to = done;
		}
	}
}

static void step(struct doctor_md5 *m, uint64_t at, uint8_t *buf, size_t len)
{
	uint64_t fragment = m->fragments ? at / (m->total_bytes / (m->fragments + 1)) : 0;
	uint64_t app = PVD + APP_OFFSET;

	if (at <= app && app - at < len) {
		/* The field is blank for the sum, but not for others who hash this buffer. */
		uint8_t keep[APP_SIZE];
		size_t n = (size_t)pod_min_u64(APP_SIZE, len - (app - at));

		memcpy(keep, buf + (app - at), n);
		memset(buf + (app - at), ' ', n);
		cli_digest_update(m->sum, buf, len);
		memcpy(buf + (app - at), keep, n);
	} else {
		cli_digest_update(m->sum, buf, len);
	}
	if (m->fragments && fragment != m->fragment && fragment <= m->fragments) {
		m->fragment = (unsigned)fragment;
		if (!m->part_bad)
			check_fragment(m, at + len);
	}
}

void doctor_md5_update(struct doctor_md5 *m, uint64_t at, uint8_t *buf, size_t len)
{
	if (!m->sum)
		m->sum = cli_digest_new("md5");
	for (size_t i = 0; m->sum && i < len && at + i < m->total_bytes; i += STEP) {
		size_t n = (size_t)pod_min_u64(pod_min_u64(STEP, len - i), m->total_bytes - at - i);

		step(m, at + i, buf + i, n);
	}
	m->done = at + len;
}

enum doctor_md5_verdict doctor_md5_result(struct doctor_md5 *m, uint64_t *from, uint64_t *to)
{
	char hex[2 * CLI_DIGEST_MAX + 1] = "";

	if (m->sum && m->total_bytes && m->done >= m->total_bytes)
		cli_digest_hex(m->sum, hex);
	if (!*hex)
		return DOCTOR_MD5_UNKNOWN;
	if (strcmp(hex, m->hex) == 0)
		return DOCTOR_MD5_SAME;
	*from = m->part_bad ? m->bad_from : m->fragments ? m->fragments * (m->total_bytes / (m->fragments + 1)) : 0;
	*to = m->part_bad ? m->bad_to : m->total_bytes;
	return m->fragments ? DOCTOR_MD5_PART : DOCTOR_MD5_DIFFERENT;
}
