/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The values (Windows To Go as its own tools make it; doc/TOGO.md):
 *
 *   ControlSetNNN\Control\PortableOperatingSystem = 1            drivers of every USB controller start at boot
 *   ControlSetNNN\Services\partmgr\Parameters\SanPolicy = 4      the machine's own disks stay offline
 *   ControlSetNNN\Services\FsDepends\Parameters\VirtualDiskExpandOnMount = 4   a dynamic VHDX stays as long as it is
 *   HardwareConfig\{GUID}\BootDriverFlags = 14h                  of machines that the image has seen: USB, SD and their buses
 */
#include <string.h>
#include "cli/togo/system.h"
#include "cli/ui/ui.h"

#define SETS_MAX 999u

struct value {
	const char *key, *name;
	uint32_t number;
};

static enum pod_status set(struct pod_regf_edit *e, const struct pod_regf_key *top, const struct value *v)
{
	struct pod_regf_key key;

	POD_TRY(pod_regf_edit_key(e, top, v->key, &key));
	return pod_regf_edit_set_dword(e, &key, v->name, v->number);
}

/* "ControlSet001": the one that Windows starts with. */
static enum pod_status control_set(const struct pod_regf *h, struct pod_regf_key *out)
{
	struct pod_regf_key select;
	struct pod_regf_value v;
	char name[16];
	uint64_t n;

	POD_TRY(pod_regf_lookup(h, NULL, "Select", &select));
	POD_TRY(pod_regf_value(h, &select, "Default", &v));
	POD_TRY(pod_regf_number(h, &v, &n));
	if (!n || n > SETS_MAX)
		return POD_E_NOT_FOUND;
	snprintf(name, sizeof name, "ControlSet%03u", (unsigned)n);
	return pod_regf_lookup(h, NULL, name, out);
}

/* Each setting of the walk changes the hive: so one key is looked up at a time, by its place. */
static enum pod_status nth_key(const struct pod_regf *h, const struct pod_regf_key *top, uint32_t n, struct pod_regf_key *out)
{
	struct pod_regf_iter it;

	POD_TRY(pod_regf_keys(h, top, &it));
	for (uint32_t i = 0; i <= n; i++)
		POD_TRY(pod_regf_next_key(&it, out));
	return POD_OK;
}

static enum pod_status edit_machines(struct pod_regf_edit *e)
{
	struct pod_regf_key machines, one;
	enum pod_status st = pod_regf_lookup(&e->hive, NULL, "HardwareConfig", &machines);

	for (uint32_t n = 0; st == POD_OK; n++) {
		char name[64];

		st = nth_key(&e->hive, &machines, n, &one);
		if (st == POD_OK && pod_regf_key_name(&e->hive, &one, name, sizeof name) == POD_OK && name[0] == '{')
			st = set(e, &one, &(struct value){"", "BootDriverFlags", 0x14});
	}
	return st == POD_END || st == POD_E_NOT_FOUND ? POD_OK : st;
}

enum pod_status togo_system_edit(struct pod_regf_edit *e)
{
	static const struct value value[] = {
		{"Control", "PortableOperatingSystem", 1},
		{"Services\\partmgr\\Parameters", "SanPolicy", 4},
		{"Services\\FsDepends\\Parameters", "VirtualDiskExpandOnMount", 4},
	};
	struct pod_regf_key top;
	enum pod_status st = control_set(&e->hive, &top);

	if (st == POD_E_NOT_FOUND)
		return POD_E_FORMAT;
	POD_TRY(st);
	for (size_t i = 0; i < POD_ARRAY_LEN(value); i++)
		POD_TRY(set(e, &top, &value[i]));
	return edit_machines(e);
}
