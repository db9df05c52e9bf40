/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware's clock; seconds since 1970 as a date. */
#include "boot/menu/menu.h"
#include "core/fs/time.h"
#include "core/trace/record.h"

#define DAY 86400u /* seconds */

int64_t menu_clock(struct menu *m)
{
	struct pod_rec_machine *r = m->fw->describe ? pod_zalloc(m->alloc, 1, sizeof *r) : NULL;
	if (!r)
		return 0;
	m->fw->describe(m->fw, r);
	uint64_t s = r->clock_seconds;
	pod_free(m->alloc, r);
	return s < UINT64_C(1) << 33 ? (int64_t)s : 0;
}

static bool is_leap(uint32_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* In the Gregorian calendar; `seconds` below 2^33. */
void menu_date(char *buf, size_t size, int64_t seconds, bool time)
{
	static const uint8_t len[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	uint32_t days = (uint32_t)pod_time_divide((uint64_t)seconds, DAY), year = 1970, month = 0;
	uint32_t sec = (uint32_t)((uint64_t)seconds - (uint64_t)days * DAY);
	for (uint32_t n; days >= (n = is_leap(year) ? 366 : 365); year++)
		days -= n;
	for (uint32_t n; days >= (n = len[month] + (month == 1 && is_leap(year) ? 1u : 0u)); month++)
		days -= n;
	int n = pod_snprintf(buf, size, "%04u-%02u-%02u", year, month + 1, days + 1);
	if (time)
		pod_snprintf(buf + n, size - (size_t)n, " %02u:%02u", sec / 3600, sec % 3600 / 60);
}
