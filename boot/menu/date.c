/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware's clock; seconds since 1970 as a date, by the well-known proleptic Gregorian arithmetic, 32-bit only. */
#include "boot/menu/menu.h"
#include "core/trace/record.h"

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

void menu_date(char *buf, size_t size, int64_t seconds, bool time)
{
	uint32_t days = 0;
	for (uint64_t left = (uint64_t)seconds; left >= 86400u << 14; left -= 86400u << 14)
		days += 1u << 14;
	uint64_t rest = (uint64_t)seconds;
	for (uint32_t i = 0; i < days >> 14; i++)
		rest -= 86400u << 14;
	uint32_t sec = (uint32_t)rest; /* below 2^31 */
	days += sec / 86400;
	uint32_t year = 1970, month = 0;
	static const uint8_t len[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	for (;; year++) {
		uint32_t n = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 366 : 365;
		if (days < n)
			break;
		days -= n;
	}
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	for (;; month++) {
		uint32_t n = len[month] + (month == 1 && leap ? 1u : 0u);
		if (days < n)
			break;
		days -= n;
	}
	int n = pod_snprintf(buf, size, "%04u-%02u-%02u", year, month + 1, days + 1);
	if (time)
		pod_snprintf(buf + n, size - (size_t)n, " %02u:%02u", sec % 86400 / 3600, sec % 3600 / 60);
}
