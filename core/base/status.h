/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Status codes and diagnostics of the core.
 *
 * The core reports; it never prints, exits or asserts on the content of an image. A function returns
 * one `enum pod_status`; where the reader of a message needs more (which field, at which offset, what
 * was expected), the caller may pass a `struct pod_diag`.
 */
#ifndef POD_BASE_STATUS_H
#define POD_BASE_STATUS_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

enum pod_status {
	POD_OK = 0,
	POD_END,	   /* an iteration is over; not an error */
	POD_E_IO,	   /* the device reported a read or write error */
	POD_E_NOMEM,	   /* the allocator is out of memory */
	POD_E_NOT_FOUND,   /* no such file, partition, entry */
	POD_E_FORMAT,	   /* not of this format (a probe's "no") */
	POD_E_CORRUPT,	   /* of this format, but it breaks the format's rules */
	POD_E_UNSUPPORTED, /* sound, but uses a feature we do not implement */
	POD_E_RANGE,	   /* an access outside the device, map or buffer */
	POD_E_LIMIT,	   /* a stated limit of ours was exceeded (depth, count, size) */
	POD_E_NOSPACE,	   /* volume or table full */
	POD_E_EXISTS,	   /* name already in use */
	POD_E_READONLY,	   /* the device cannot be written */
	POD_E_INVALID,	   /* the caller's arguments make no sense */
	POD_E_BUSY,	   /* in use by somebody else */
	POD_E_CHANGED,	   /* medium changed or gone */
	POD_E_BUDGET,	   /* it would cost more than its budget of steps, bytes or time (budget.h) */
	POD_E_CANCELLED,   /* somebody asked to stop */
	POD_E_LOOP,	   /* it contains itself */
	POD_STATUS_COUNT
};

#define POD_MUST_USE __attribute__((warn_unused_result))

/* Detail of the last failure. `what` is a static string naming the field or structure in the terms of
 * its standard; `offset_bytes` is where it lies on the device or in the file that was being parsed. */
struct pod_diag {
	const char *what;
	uint64_t offset_bytes;
	uint64_t expected;
	uint64_t got;
};

/* A short English phrase for a status ("read error"). Never NULL. */
const char *pod_status_text(enum pod_status st);

/* Fills `d` if it is not NULL, and returns `st`, so that a parser can say
 * `return pod_fail(d, POD_E_CORRUPT, "BytesPerSectorShift", off, 9, got);` */
static inline enum pod_status pod_fail(struct pod_diag *d, enum pod_status st, const char *what, uint64_t offset_bytes,
				       uint64_t expected, uint64_t got)
{
	if (d) {
		d->what = what;
		d->offset_bytes = offset_bytes;
		d->expected = expected;
		d->got = got;
	}
	return st;
}

/* Returns the status of `expr` to the caller unless it is POD_OK. */
#define POD_TRY(expr)                                                                                                            \
	do {                                                                                                                     \
		enum pod_status pod_try_st_ = (expr);                                                                            \
		if (pod_try_st_ != POD_OK)                                                                                       \
			return pod_try_st_;                                                                                      \
	} while (0)

/* Is it one that a search meets wherever it looks next, because nothing more can be read or had, or nobody waits for more? What is damaged or
 * unknown in one place says nothing about the next. */
static inline bool pod_is_fatal(enum pod_status st)
{
	return st == POD_E_IO || st == POD_E_NOMEM || st == POD_E_BUDGET || st == POD_E_CANCELLED;
}

/* True if the range [off, off + len) lies within [0, max). Never overflows. */
static inline bool pod_in_range(uint64_t off, uint64_t len, uint64_t max)
{
	return off <= max && len <= max - off;
}

static inline uint64_t pod_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Rounds up to a power of two `align`; the caller keeps `v` below 2^63. */
static inline uint64_t pod_align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

#define POD_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
