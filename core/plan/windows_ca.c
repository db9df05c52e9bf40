/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of Windows' two loaders for UEFI a machine with Secure Boot starts, by its db and dbx (UEFI 2.10, 32.4.1: lists of
 * certificates and hashes). The certificates are told by their subjects' names: DER holds them as they are, and nothing else in these
 * variables does. In dbx the certificate of 2011 says that it is revoked.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/plan/plan.h"

static bool holds(const uint8_t *data, size_t len, const char *name)
{
	size_t n = pod_strlen(name);
	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(data + i, name, n) == 0)
			return true;
	return false;
}

bool pod_plan_wants_2023(const uint8_t *db, size_t db_len, const uint8_t *dbx, size_t dbx_len)
{
	static const char old[] = "Microsoft Windows Production PCA 2011", new[] = "Windows UEFI CA 2023";
	bool old_starts = holds(db, db_len, old) && !holds(dbx, dbx_len, old);
	return !old_starts && holds(db, db_len, new) && !holds(dbx, dbx_len, new);
}
