/* SPDX-License-Identifier: BSD-2-Clause */
/* Times of directory entries to seconds since 1970, without 64-bit division. */
#ifndef POD_FS_TIME_H
#define POD_FS_TIME_H

#include "core/base/status.h"

/* Gregorian; 0 for fields that are no date (month 0, day 0, before 1970). */
static inline int64_t pod_civil_seconds(uint32_t year, uint32_t month, uint32_t day, uint32_t hour, uint32_t minute,
					uint32_t second)
{
	static const uint16_t before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
	    second > 60)
		return 0;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	uint32_t y = year - 1;
	uint32_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162; /* 1970-01-01 is day 719162 from 0001-01-01 */
	days += before[month - 1] + (leap && month > 2 ? 1u : 0u) + day - 1;
	return (int64_t)days * 86400 + (int64_t)(hour * 3600 + minute * 60 + second);
}

/* v / by, where `by` is below 2^21: schoolbook, by 11 bits, since 32-bit machines have no 64-bit division here. */
static inline uint64_t pod_time_divide(uint64_t v, uint32_t by)
{
	uint64_t q = 0;
	uint32_t rest = 0;
	for (int shift = 55; shift >= 0; shift -= 11) {
		uint32_t n = rest << 11 | ((uint32_t)(v >> shift) & 0x7FF);
		q = q << 11 | n / by;
		rest = n % by;
	}
	return q;
}

#endif
