/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The systems on the machine's own disks, as its firmware knows them (UEFI 2.10 clause 3.1): the active options of BootOrder that name a file
 * on a partition. A partition is found again by what its node tells (clause 10.3.5.1), since options begin with it as a rule. Then
 * what such a file is called by custom, where no option names it: Windows' boot manager, and the default loader (clause 3.5.1.1).
 * Nothing on the stick is listed.
 */
#include "boot/efi/efi.h"
#include "boot/text/text.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum {
	OPTION_MAX = 8192, /* bytes of a load option that are looked at */
	ORDER_MAX = 64,
	FILE_MAX = 256,
	ACTIVE = 1,	  /* LOAD_OPTION_ACTIVE */
	VOLUME = 0x10000, /* id: so much and the number of the volume, times the customary names, and which of these */
	HD_START = 8,
	HD_SIGNATURE = 24,
	HD_TYPE = 41,
	HD_LEN = 42,
};

static const struct {
	const CHAR16 *file;
	size_t bytes;
	const char *name;
} custom[] = {
	{u"\\EFI\\Microsoft\\Boot\\bootmgfw.efi", sizeof(u"\\EFI\\Microsoft\\Boot\\bootmgfw.efi"),
	 PLAIN_("Windows Boot Manager")},
	{POD_EFI_LOADER, sizeof(POD_EFI_LOADER), POD_EFI_LOADER_TEXT},
};

struct search {
	struct pod_efi *e;
	const EFI_DEVICE_PATH_PROTOCOL *stick; /* its drive */
	EFI_HANDLE *volume;		       /* of the firmware; freed by FreePool */
	UINTN volumes;
};

/* One load option (clause 3.1.3). */
struct option {
	uint8_t data[OPTION_MAX];
	UINTN size;
	uint32_t attributes;
	const EFI_DEVICE_PATH_PROTOCOL *hd; /* the partition's node */
	CHAR16 file[FILE_MAX];
	size_t file_bytes;
	char name[96];
	const uint8_t *rest; /* optional data */
	size_t rest_len;
};

/* The last node of a partition in a path. */
static const EFI_DEVICE_PATH_PROTOCOL *partition_of(const EFI_DEVICE_PATH_PROTOCOL *p)
{
	const EFI_DEVICE_PATH_PROTOCOL *found = NULL;

	for (size_t left = pod_efi_path_len(p); left; p = pod_efi_path_next(p)) {
		if (pod_efi_path_is(p, MEDIA_DEVICE_PATH, MEDIA_HARDDRIVE_DP) && pod_get_le16(p->Length) >= HD_LEN)
			found = p;
		left -= pod_get_le16(p->Length);
	}
	return found;
}

static bool same_partition(const EFI_DEVICE_PATH_PROTOCOL *a, const EFI_DEVICE_PATH_PROTOCOL *b)
{
	const uint8_t *x = (const uint8_t *)a, *y = (const uint8_t *)b;

	return memcmp(x + HD_START, y + HD_START, 8) == 0 && memcmp(x + HD_SIGNATURE, y + HD_SIGNATURE, 16) == 0 &&
	       x[HD_TYPE] == y[HD_TYPE];
}

/* The device path of the stick's drive, wherever this program came from. */
static const EFI_DEVICE_PATH_PROTOCOL *path_of_stick(struct pod_efi *e)
{
	const EFI_DEVICE_PATH_PROTOCOL *found = NULL;
	EFI_BLOCK_IO_PROTOCOL *bio;
	EFI_HANDLE *h = NULL;
	UINTN n = 0;

	if (EFI_ERROR(e->bs->LocateHandleBuffer(ByProtocol, &pod_efi_guid_block_io, NULL, &n, &h)))
		return NULL;
	for (UINTN i = 0; i < n && !found; i++)
		if (!EFI_ERROR(e->bs->HandleProtocol(h[i], &pod_efi_guid_block_io, (void **)&bio)) && bio == e->disk.bio)
			found = pod_efi_path_of(e, h[i]);
	(void)e->bs->FreePool(h);
	return found;
}

static bool begin(struct search *s, struct pod_efi *e)
{
	*s = (struct search){.e = e, .stick = path_of_stick(e)};
	return s->stick && !EFI_ERROR(e->bs->LocateHandleBuffer(ByProtocol, &pod_efi_guid_sfs, NULL, &s->volumes, &s->volume));
}

static void end(struct search *s)
{
	(void)s->e->bs->FreePool(s->volume);
}

/* What cannot be told is taken for it. */
static bool is_on_stick(const struct search *s, EFI_HANDLE volume)
{
	const EFI_DEVICE_PATH_PROTOCOL *p = pod_efi_path_of(s->e, volume);

	return !p || pod_efi_path_extends(p, s->stick, NULL);
}

/* With a NUL behind it, whether the node has one or not. */
static void take_file(struct option *o, const uint8_t *text, size_t len)
{
	size_t n = 0;

	if (len > sizeof o->file - sizeof o->file[0])
		return;
	memset(o->file, 0, sizeof o->file);
	memcpy(o->file, text, len);
	while (o->file[n])
		n++;
	o->file_bytes = (n + 1) * sizeof o->file[0];
}

static bool parse(struct option *o)
{
	size_t at = 6, units = 0, left;

	if (o->size < 8)
		return false;
	o->attributes = pod_get_le32(o->data);
	while (at + 2 * units + 2 <= o->size && pod_get_le16(o->data + at + 2 * units))
		units++;
	if (at + 2 * units + 2 > o->size)
		return false;
	if (pod_utf16le_to_utf8(o->data + at, units, o->name, sizeof o->name) != POD_OK && !o->name[0])
		return false;
	at += 2 * units + 2;
	left = pod_get_le16(o->data + 4);
	if (left > o->size - at || left < sizeof(EFI_DEVICE_PATH_PROTOCOL))
		return false;
	o->rest = o->data + at + left;
	o->rest_len = o->size - at - left;
	/* Node by node, as the length is the variable's word and not the firmware's. */
	for (const uint8_t *p = o->data + at; left >= sizeof(EFI_DEVICE_PATH_PROTOCOL);) {
		const EFI_DEVICE_PATH_PROTOCOL *node = (const EFI_DEVICE_PATH_PROTOCOL *)p;
		size_t n = pod_get_le16(node->Length);

		if (n < sizeof *node || n > left || (node->Type & 0x7f) == END_DEVICE_PATH_TYPE)
			break;
		if (pod_efi_path_is(node, MEDIA_DEVICE_PATH, MEDIA_HARDDRIVE_DP) && n >= HD_LEN)
			o->hd = node;
		if (pod_efi_path_is(node, MEDIA_DEVICE_PATH, MEDIA_FILEPATH_DP))
			take_file(o, p + sizeof *node, n - sizeof *node);
		p += n;
		left -= n;
	}
	return o->hd && o->file[0];
}

/* Boot#### of that number. */
static bool read_option(struct pod_efi *e, uint32_t number, struct option *o)
{
	static const char hex[] = "0123456789ABCDEF";
	CHAR16 name[] = u"Boot0000";

	for (unsigned i = 0; i < 4; i++)
		name[4 + i] = (CHAR16)hex[number >> (12 - 4 * i) & 15];
	memset(o, 0, sizeof *o);
	o->size = sizeof o->data;
	return !EFI_ERROR(e->st->RuntimeServices->GetVariable(name, &pod_efi_guid_global, NULL, &o->size, o->data)) && parse(o);
}

static EFI_HANDLE volume_of(struct search *s, const struct option *o)
{
	for (UINTN i = 0; i < s->volumes; i++) {
		const EFI_DEVICE_PATH_PROTOCOL *p = pod_efi_path_of(s->e, s->volume[i]), *hd = p ? partition_of(p) : NULL;

		if (hd && same_partition(hd, o->hd) && !is_on_stick(s, s->volume[i]) &&
		    pod_efi_has_file(s->e, s->volume[i], o->file))
			return s->volume[i];
	}
	return NULL;
}

static size_t list_options(struct search *s, struct option *o, struct pod_own *own, EFI_HANDLE *where)
{
	uint16_t order[ORDER_MAX];
	UINTN size = sizeof order;
	size_t n = 0;

	if (EFI_ERROR(s->e->st->RuntimeServices->GetVariable(u"BootOrder", &pod_efi_guid_global, NULL, &size, order)))
		return 0;
	for (size_t i = 0; i < size / sizeof *order && n < POD_OWN_MAX; i++) {
		if (!read_option(s->e, order[i], o) || !(o->attributes & ACTIVE) || !(where[n] = volume_of(s, o)))
			continue;
		own[n].id = order[i];
		(void)pod_strlcpy(own[n++].name, o->name, sizeof own->name);
	}
	return n;
}

static size_t list_custom(struct search *s, struct pod_own *own, EFI_HANDLE *where, size_t n)
{
	for (UINTN i = 0; i < s->volumes; i++) {
		bool known = is_on_stick(s, s->volume[i]);

		for (size_t k = 0; k < n; k++)
			known |= where[k] == s->volume[i];
		for (size_t c = 0; c < POD_ARRAY_LEN(custom) && !known && n < POD_OWN_MAX; c++) {
			if (!pod_efi_has_file(s->e, s->volume[i], custom[c].file))
				continue;
			own[n].id = VOLUME + (uint32_t)(POD_ARRAY_LEN(custom) * i + c);
			where[n] = s->volume[i];
			(void)pod_strlcpy(own[n++].name, custom[c].name, sizeof own->name);
			break;
		}
	}
	return n;
}

size_t pod_efi_own_list(struct pod_fw *fw, struct pod_own own[POD_OWN_MAX])
{
	struct pod_efi *e = pod_efi_of(fw);
	struct option *o = pod_zalloc(fw->alloc, 1, sizeof *o);
	EFI_HANDLE where[POD_OWN_MAX];
	struct search s;
	size_t n = 0;

	if (o && begin(&s, e)) {
		n = list_options(&s, o, own, where);
		n = list_custom(&s, own, where, n);
		end(&s);
	}
	pod_free(fw->alloc, o);
	return n;
}

enum pod_status pod_efi_own_start(struct pod_fw *fw, uint32_t id, char *msg, size_t msg_size)
{
	struct pod_efi *e = pod_efi_of(fw);
	struct option *o = pod_zalloc(fw->alloc, 1, sizeof *o);
	struct pod_efi_program p = {.file = NULL};
	struct search s;

	if (o && begin(&s, e)) {
		if (id < VOLUME && read_option(e, id, o)) {
			p = (struct pod_efi_program){volume_of(&s, o), o->file, o->file_bytes, o->rest, o->rest_len};
		} else if (id >= VOLUME && (id - VOLUME) / POD_ARRAY_LEN(custom) < s.volumes) {
			size_t v = (id - VOLUME) / POD_ARRAY_LEN(custom), c = (id - VOLUME) % POD_ARRAY_LEN(custom);
			p = (struct pod_efi_program){s.volume[v], custom[c].file, custom[c].bytes, NULL, 0};
		}
		end(&s);
	}
	enum pod_status st = POD_E_NOT_FOUND;
	if (p.volume)
		st = pod_efi_start_file(fw, &p, msg, msg_size);
	else
		(void)pod_strlcpy(msg, FT(fw, "The disk cannot be found any more."), msg_size);
	pod_free(fw->alloc, o);
	return st;
}
