/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot configuration, written: objects and elements, and the stores that start a WIM, a VHD or a partition. */
#include "core/regf/bcd.h"
#include "core/base/bytes.h"
#include "core/base/guid.h"
#include "core/base/str.h"

/* Security descriptor, self-relative ([MS-DTYP] 2.4.6): Administrators own it; they and the system may do all, on what is below as
 * well. Without one, Windows' boot manager refuses the hive (0xc000014c). */
static const uint8_t security[] =
	{
		1,    0, 0x04, 0x80, 72,   0, 0,    0, 88,   0, 0,    0, 0,  0, 0, 0, 20,   0, 0, 0, /* owner, group, -, DACL */
		2,    0, 52,   0,    2,	   0, 0,    0,						     /* two entries */
		0,    2, 24,   0,    0x3F, 0, 0x0F, 0, 1,    2, 0,    0, 0,  0, 0, 5, 32,   0, 0, 0,
		0x20, 2, 0,    0,    0,	   2, 20,   0, 0x3F, 0, 0x0F, 0, 1,  1, 0, 0, 0,    0, 0, 5,
		18,   0, 0,    0,    1,	   2, 0,    0, 0,    0, 0,    5, 32, 0, 0, 0, 0x20, 2, 0, 0, /* S-1-5-32-544 */
		1,    1, 0,    0,    0,	   0, 0,    5, 18,   0, 0,    0,			     /* S-1-5-18 */
};

/* The first loader of ours; further ones count up in the last byte. {b349f129-6bb3-45d4-8c32-6d3f38871e00} */
static const uint8_t loader_guid[16] = {0x29, 0xf1, 0x49, 0xb3, 0xb3, 0x6b, 0xd4, 0x45,
					0x8c, 0x32, 0x6d, 0x3f, 0x38, 0x87, 0x1e, 0x00};

#define ORDER_MAX 32u /* loaders in the boot manager's menu */

enum pod_status pod_bcd_new(struct pod_bcd *b, uint64_t now, struct pod_alloc *a)
{
	struct pod_regf_edit *e = &b->hive;
	struct pod_regf_key key;
	POD_TRY(pod_regf_edit_new(e, "NewStoreRoot", 3, security, sizeof security, now, a));
	enum pod_status st = pod_regf_edit_key(e, NULL, "Description", &key);
	if (st == POD_OK)
		st = pod_regf_edit_set_text(e, &key, "KeyName", POD_REG_SZ, "BCD00000000");
	if (st == POD_OK)
		st = pod_regf_edit_set_dword(e, &key, "System", 1);
	if (st == POD_OK)
		st = pod_regf_edit_set_dword(e, &key, "TreatAsSystem", 1);
	if (st == POD_OK)
		st = pod_regf_edit_key(e, NULL, "Objects", &key);
	if (st != POD_OK)
		pod_bcd_close(b);
	return st;
}

enum pod_status pod_bcd_open(struct pod_bcd *b, const uint8_t *bytes, size_t len, uint64_t now, struct pod_alloc *a,
			     struct pod_diag *diag)
{
	struct pod_regf_iter it;
	POD_TRY(pod_regf_edit_open(&b->hive, bytes, len, now, a, diag));
	enum pod_status st = pod_bcd_objects(&b->hive.hive, &it);
	if (st != POD_OK)
		pod_bcd_close(b);
	return st;
}

void pod_bcd_close(struct pod_bcd *b)
{
	pod_regf_edit_close(&b->hive);
}

void pod_bcd_finish(struct pod_bcd *b, const uint8_t **bytes, size_t *len)
{
	pod_regf_edit_finish(&b->hive, bytes, len);
}

/* --- objects and elements --------------------------------------------------------------------------------------------- */

enum pod_status pod_bcd_add(struct pod_bcd *b, const uint8_t guid[16], uint32_t type)
{
	struct pod_regf_edit *e = &b->hive;
	struct pod_regf_key key, objects, part;
	char name[POD_GUID_TEXT];
	pod_guid_text(guid, name);
	POD_TRY(pod_regf_edit_key(e, NULL, "Objects", &objects));
	POD_TRY(pod_regf_edit_key(e, &objects, name, &key));
	POD_TRY(pod_regf_edit_key(e, &key, "Description", &part));
	POD_TRY(pod_regf_edit_set_dword(e, &part, "Type", type));
	return pod_regf_edit_key(e, &key, "Elements", &part);
}

/* The key of an element, made where it is missing. */
static enum pod_status element_key(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, uint32_t kind,
				   struct pod_regf_key *out)
{
	struct pod_bcd_object o;
	char name[16];
	if ((id & POD_BCD_KIND_MASK) != kind)
		return POD_E_INVALID;
	POD_TRY(pod_bcd_object(&b->hive.hive, guid, &o));
	pod_snprintf(name, sizeof name, "%08x", id);
	return pod_regf_edit_key(&b->hive, &o.elements, name, out);
}

static enum pod_status set(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, uint32_t kind, uint32_t type, const void *data,
			   size_t len)
{
	struct pod_regf_key key;
	POD_TRY(element_key(b, guid, id, kind, &key));
	return pod_regf_edit_set(&b->hive, &key, "Element", type, data, len);
}

enum pod_status pod_bcd_set_device(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, const struct pod_bcd_device *d)
{
	struct pod_alloc *a = b->hive.alloc;
	size_t len;
	uint8_t *buf = a->alloc(a, POD_BCD_DEVICE_MAX);
	if (!buf)
		return POD_E_NOMEM;
	enum pod_status st = pod_bcd_encode(d, buf, POD_BCD_DEVICE_MAX, &len);
	if (st == POD_OK)
		st = set(b, guid, id, POD_BCD_KIND_DEVICE, POD_REG_BINARY, buf, len);
	pod_free(a, buf);
	return st;
}

enum pod_status pod_bcd_set_string(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, const char *utf8)
{
	struct pod_regf_key key;
	POD_TRY(element_key(b, guid, id, POD_BCD_KIND_STRING, &key));
	return pod_regf_edit_set_text(&b->hive, &key, "Element", POD_REG_SZ, utf8);
}

/* GUIDs as UTF-16 text, each with a terminator; returns the length in bytes. */
static size_t guid_text(uint8_t *out, const uint8_t guid[16])
{
	char text[POD_GUID_TEXT];
	pod_guid_text(guid, text);
	for (uint32_t i = 0; i < POD_GUID_TEXT; i++)
		pod_put_le16(out + i * 2, (uint8_t)text[i]);
	return POD_GUID_TEXT * 2;
}

enum pod_status pod_bcd_set_guid(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, const uint8_t value[16])
{
	uint8_t text[POD_GUID_TEXT * 2];
	return set(b, guid, id, POD_BCD_KIND_GUID, POD_REG_SZ, text, guid_text(text, value));
}

enum pod_status pod_bcd_set_guids(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, const uint8_t (*v)[16], size_t n)
{
	struct pod_alloc *a = b->hive.alloc;
	size_t len = 0;
	if (n > POD_BCD_DEVICE_MAX)
		return POD_E_LIMIT;
	uint8_t *text = pod_zalloc(a, n * POD_GUID_TEXT + 1, 2);
	if (!text)
		return POD_E_NOMEM;
	for (size_t i = 0; i < n; i++)
		len += guid_text(text + len, v[i]);
	enum pod_status st = set(b, guid, id, POD_BCD_KIND_GUIDS, POD_REG_MULTI_SZ, text, len + 2);
	pod_free(a, text);
	return st;
}

enum pod_status pod_bcd_set_integer(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, uint64_t v)
{
	uint8_t data[8];
	pod_put_le64(data, v);
	return set(b, guid, id, POD_BCD_KIND_INTEGER, POD_REG_BINARY, data, sizeof data);
}

enum pod_status pod_bcd_set_integers(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, const uint64_t *v, size_t n)
{
	struct pod_alloc *a = b->hive.alloc;
	if (!n || n > POD_BCD_DEVICE_MAX)
		return POD_E_LIMIT;
	uint8_t *data = pod_zalloc(a, n, 8);
	if (!data)
		return POD_E_NOMEM;
	for (size_t i = 0; i < n; i++)
		pod_put_le64(data + i * 8, v[i]);
	enum pod_status st = set(b, guid, id, POD_BCD_KIND_INTEGERS, POD_REG_BINARY, data, n * 8);
	pod_free(a, data);
	return st;
}

enum pod_status pod_bcd_set_boolean(struct pod_bcd *b, const uint8_t guid[16], uint32_t id, bool v)
{
	uint8_t data = v;
	return set(b, guid, id, POD_BCD_KIND_BOOLEAN, POD_REG_BINARY, &data, 1);
}

enum pod_status pod_bcd_delete(struct pod_bcd *b, const uint8_t guid[16], uint32_t id)
{
	struct pod_bcd_object o;
	struct pod_regf_key key;
	char name[16];
	POD_TRY(pod_bcd_object(&b->hive.hive, guid, &o));
	pod_snprintf(name, sizeof name, "%08x", id);
	POD_TRY(pod_regf_lookup(&b->hive.hive, &o.elements, name, &key));
	return pod_regf_edit_delete_key(&b->hive, &key);
}

/* --- what we start ------------------------------------------------------------------------------------------------------ */

/* A store in the making: the first failure stays, and what follows it does nothing. */
struct maker {
	struct pod_bcd *b;
	const struct pod_bcd_start *s;
	uint8_t guid[16]; /* the loader's */
	enum pod_status st;
};

static void text(struct maker *m, uint32_t id, const char *v)
{
	if (m->st == POD_OK)
		m->st = pod_bcd_set_string(m->b, m->guid, id, v);
}

static void device(struct maker *m, uint32_t id, const struct pod_bcd_device *d)
{
	if (m->st == POD_OK)
		m->st = pod_bcd_set_device(m->b, m->guid, id, d);
}

static void boolean(struct maker *m, uint32_t id, bool v)
{
	if (m->st == POD_OK)
		m->st = pod_bcd_set_boolean(m->b, m->guid, id, v);
}

static void integer(struct maker *m, uint32_t id, uint64_t v)
{
	if (m->st == POD_OK)
		m->st = pod_bcd_set_integer(m->b, m->guid, id, v);
}

/* What every program's object has. */
static void common(struct maker *m, const char *title)
{
	text(m, POD_BCD_TITLE, title);
	text(m, POD_BCD_LOCALE, m->s->locale ? m->s->locale : "en-US");
	if (m->s->text)
		boolean(m, POD_BCD_GRAPHICS_OFF, true);
}

/* The boot manager, which starts this loader at once, and shows it behind those that are there. */
static void boot_manager(struct maker *m)
{
	uint8_t order[ORDER_MAX][16];
	struct pod_bcd_object o;
	struct pod_bcd_element el;
	const struct pod_regf *h = &m->b->hive.hive;
	struct maker boss = {.b = m->b, .s = m->s, .st = m->st};
	uint32_t n = 0;
	memcpy(boss.guid, pod_bcd_bootmgr, 16);
	if (boss.st == POD_OK && pod_bcd_object(h, pod_bcd_bootmgr, &o) == POD_E_NOT_FOUND) {
		boss.st = pod_bcd_add(m->b, pod_bcd_bootmgr, POD_BCD_BOOT_MANAGER);
		common(&boss, "Windows Boot Manager");
	} else if (boss.st == POD_OK && pod_bcd_element(h, &o, POD_BCD_ORDER, &el) == POD_OK) {
		while (n < ORDER_MAX - 1 && pod_bcd_read_guid(h, &el, n, order[n]) == POD_OK)
			n++;
	}
	uint32_t at = 0;
	while (at < n && memcmp(order[at], m->guid, 16) != 0)
		at++;
	memcpy(order[at], m->guid, 16);
	integer(&boss, POD_BCD_TIMEOUT, 0);
	if (boss.st == POD_OK)
		boss.st = pod_bcd_set_guid(m->b, boss.guid, POD_BCD_DEFAULT, m->guid);
	if (boss.st == POD_OK)
		boss.st = pod_bcd_set_guids(m->b, boss.guid, POD_BCD_ORDER, (const uint8_t(*)[16])order, at < n ? n : n + 1);
	m->st = boss.st;
}

/* The program's object, with what all of them have. */
static void program(struct maker *m, uint32_t type, const char *path)
{
	struct pod_bcd_object o;
	memcpy(m->guid, m->s->guid, 16);
	if (pod_guid_is_zero(m->guid)) {
		memcpy(m->guid, loader_guid, 16);
		while (pod_bcd_object(&m->b->hive.hive, m->guid, &o) == POD_OK && m->guid[15] != 0xFF)
			m->guid[15]++;
	}
	m->st = pod_bcd_add(m->b, m->guid, type);
	common(m, m->s->title ? m->s->title : "Windows");
	text(m, POD_BCD_PATH, m->s->loader ? m->s->loader : path);
}

static void loader(struct maker *m, const char *efi, const char *bios)
{
	program(m, POD_BCD_LOADER, m->s->efi ? efi : bios);
	text(m, POD_BCD_SYSTEM_ROOT, "\\Windows");
	boolean(m, POD_BCD_DETECT_HAL, true);
	integer(m, POD_BCD_MENU_POLICY, 0); /* its choices, if any, come in text, before Windows is loaded */
}

static void installed(struct maker *m)
{
	loader(m, "\\Windows\\System32\\winload.efi", "\\Windows\\System32\\winload.exe");
	boolean(m, POD_BCD_RECOVERY, false);
	integer(m, POD_BCD_NX, 0); /* OptIn */
}

enum pod_status pod_bcd_start_wim(struct pod_bcd *b, const struct pod_bcd_start *s, const char *wim, const char *sdi)
{
	struct maker m = {.b = b, .s = s};
	const struct pod_bcd_device boot = {.kind = POD_BCD_BOOT};
	struct pod_bcd_device ramdisk = {.kind = POD_BCD_RAMDISK, .path = wim, .parent = &boot};
	memcpy(ramdisk.options, pod_bcd_ramdisk_options, 16);
	loader(&m, "\\Windows\\System32\\boot\\winload.efi", "\\Windows\\System32\\boot\\winload.exe");
	device(&m, POD_BCD_DEVICE, &ramdisk);
	device(&m, POD_BCD_OS_DEVICE, &ramdisk);
	boolean(&m, POD_BCD_WINPE, true);
	if (m.st == POD_OK)
		m.st = pod_bcd_add(b, pod_bcd_ramdisk_options, POD_BCD_DEVICE_OPTIONS);
	if (m.st == POD_OK)
		m.st = pod_bcd_set_device(b, pod_bcd_ramdisk_options, POD_BCD_SDI_DEVICE, &boot);
	if (m.st == POD_OK)
		m.st = pod_bcd_set_string(b, pod_bcd_ramdisk_options, POD_BCD_SDI_PATH, sdi);
	boot_manager(&m);
	return m.st;
}

enum pod_status pod_bcd_start_vhd(struct pod_bcd *b, const struct pod_bcd_start *s, const char *path,
				  const struct pod_bcd_device *host)
{
	struct maker m = {.b = b, .s = s};
	const struct pod_bcd_device file = {.kind = POD_BCD_FILE, .path = path, .parent = host};
	const struct pod_bcd_device vhd = {.kind = POD_BCD_VHD, .parent = &file};
	/* Which partition of the disk inside: the one with the loader, and with Windows. */
	struct pod_bcd_device inside = {.kind = POD_BCD_LOCATE_ELEMENT, .element = POD_BCD_PATH, .parent = &vhd};
	installed(&m);
	device(&m, POD_BCD_DEVICE, &inside);
	inside.element = POD_BCD_SYSTEM_ROOT;
	device(&m, POD_BCD_OS_DEVICE, &inside);
	boot_manager(&m);
	return m.st;
}

enum pod_status pod_bcd_start_partition(struct pod_bcd *b, const struct pod_bcd_start *s, const struct pod_bcd_device *where)
{
	struct maker m = {.b = b, .s = s};
	installed(&m);
	device(&m, POD_BCD_DEVICE, where);
	device(&m, POD_BCD_OS_DEVICE, where);
	boot_manager(&m);
	return m.st;
}

enum pod_status pod_bcd_start_memtest(struct pod_bcd *b, const struct pod_bcd_start *s)
{
	const struct pod_bcd_device boot = {.kind = POD_BCD_BOOT};
	struct pod_bcd_start named = *s;
	struct maker m = {.b = b, .s = &named};
	if (pod_guid_is_zero(named.guid))
		memcpy(named.guid, pod_bcd_memtest, 16);
	program(&m, POD_BCD_MEMTEST, s->efi ? "\\EFI\\Microsoft\\Boot\\memtest.efi" : "\\boot\\memtest.exe");
	device(&m, POD_BCD_DEVICE, &boot);
	boot_manager(&m);
	return m.st;
}
