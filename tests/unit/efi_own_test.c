/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's own systems, against a firmware with four volumes and boot options of every kind, sound and not. */
#include "tests/unit/test.h"
#include "boot/efi/devpath.c"
#include "boot/efi/own.c"

enum { STICK, DISK, OTHER, BARE, VOLUMES }; /* BARE: a volume without a partition */

static struct pod_efi efi;
static EFI_BOOT_SERVICES bs;
static EFI_RUNTIME_SERVICES rt;
static EFI_SYSTEM_TABLE table;
static EFI_DEVICE_PATH_PROTOCOL *path[VOLUMES];
static EFI_HANDLE handle[VOLUMES] = {&path[STICK], &path[DISK], &path[OTHER], &path[BARE]};

static const struct {
	unsigned volume;
	const CHAR16 *name;
} files[] = {
	{STICK, u"\\EFI\\BOOT\\BOOTX64.EFI"},
	{STICK, u"\\EFI\\debian\\shimx64.efi"},
	{DISK, u"\\EFI\\debian\\shimx64.efi"},
	{DISK, u"\\EFI\\Microsoft\\Boot\\bootmgfw.efi"},
	{OTHER, u"\\EFI\\Microsoft\\Boot\\bootmgfw.efi"},
	{BARE, u"\\EFI\\BOOT\\BOOTX64.EFI"},
};

/* What the firmware's variables hold, by number. */
static struct {
	uint8_t data[600];
	size_t len;
} variable[16];
static uint16_t order[16];
static size_t ordered;

static struct pod_efi_program started;
static CHAR16 started_file[64];
static char started_options[16];

const char *menu_translate(enum pod_conf_language lang, const char *id)
{
	(void)lang;
	return id;
}

static bool same(const CHAR16 *a, const CHAR16 *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

EFI_DEVICE_PATH_PROTOCOL *pod_efi_path_of(struct pod_efi *e, EFI_HANDLE h)
{
	(void)e;
	return h ? *(EFI_DEVICE_PATH_PROTOCOL **)h : NULL;
}

bool pod_efi_has_file(struct pod_efi *e, EFI_HANDLE volume, const CHAR16 *name)
{
	(void)e;
	for (size_t i = 0; i < POD_ARRAY_LEN(files); i++)
		if (handle[files[i].volume] == volume && same(files[i].name, name))
			return true;
	return false;
}

enum pod_status pod_efi_start_file(struct pod_fw *fw, const struct pod_efi_program *p, char *msg, size_t msg_size)
{
	(void)fw;
	started = *p;
	memcpy(started_file, p->file, p->file_bytes);
	if (p->options_len)
		memcpy(started_options, p->options, p->options_len);
	pod_strlcpy(msg, "came back", msg_size);
	return POD_OK;
}

/* The drives of STICK and DISK. */
static EFI_BLOCK_IO_PROTOCOL bio[2];
static EFI_DEVICE_PATH_PROTOCOL *drive_path[2];
static EFI_HANDLE drive[2] = {&drive_path[0], &drive_path[1]};

static EFI_STATUS locate(EFI_LOCATE_SEARCH_TYPE type, const EFI_GUID *guid, void *key, UINTN *n, EFI_HANDLE **buffer)
{
	bool drives = guid == &pod_efi_guid_block_io;
	(void)type;
	(void)key;
	CHECK(drives || guid == &pod_efi_guid_sfs);
	*n = drives ? 2 : VOLUMES;
	*buffer = drives ? drive : handle;
	return EFI_SUCCESS;
}

static EFI_STATUS handle_protocol(EFI_HANDLE h, const EFI_GUID *guid, void **out)
{
	CHECK(guid == &pod_efi_guid_block_io);
	*out = h == drive[0] ? &bio[0] : &bio[1];
	return EFI_SUCCESS;
}

static EFI_STATUS free_pool(void *p)
{
	CHECK(p == handle || p == drive);
	return EFI_SUCCESS;
}

static EFI_STATUS get_variable(const CHAR16 *name, const EFI_GUID *guid, uint32_t *attributes, UINTN *size, void *data)
{
	const void *from = order;
	size_t len = ordered * sizeof *order;
	(void)guid;
	(void)attributes;
	if (!same(name, u"BootOrder")) {
		unsigned n = 0;
		for (unsigned i = 4; i < 8; i++)
			n = n << 4 | (unsigned)(name[i] > '9' ? name[i] - 'A' + 10 : name[i] - '0');
		from = n < 16 ? variable[n].data : NULL;
		len = n < 16 ? variable[n].len : 0;
	}
	if (!len)
		return EFI_NOT_FOUND;
	if (len > *size)
		return EFI_BUFFER_TOO_SMALL;
	memcpy(data, from, *size = len);
	return EFI_SUCCESS;
}

/* A partition's node; `signature` in all of its bytes. */
static size_t hd_node(uint8_t *p, uint8_t signature)
{
	memset(p, 0, HD_LEN);
	p[0] = MEDIA_DEVICE_PATH;
	p[1] = MEDIA_HARDDRIVE_DP;
	p[2] = HD_LEN;
	p[4] = 1;
	p[HD_START + 1] = 8;
	memset(p + HD_SIGNATURE, signature, 16);
	p[40] = p[HD_TYPE] = 2;
	return HD_LEN;
}

static size_t end_node(uint8_t *p)
{
	memcpy(p, "\x7f\xff\x04", 4);
	return 4;
}

static size_t file_node(uint8_t *p, const CHAR16 *file)
{
	size_t n = 0;
	while (file[n++])
		;
	p[0] = MEDIA_DEVICE_PATH;
	p[1] = MEDIA_FILEPATH_DP;
	pod_put_le16(p + 2, (uint16_t)(4 + 2 * n));
	memcpy(p + 4, file, 2 * n);
	return 4 + 2 * n;
}

/* A drive's node, and the partition's. */
static EFI_DEVICE_PATH_PROTOCOL *device(uint8_t drive, uint8_t signature)
{
	uint8_t *p = calloc(1, 128);
	size_t n = 5;
	if (!p)
		abort();
	memcpy(p, (uint8_t[]){1, 4, 5, 0, drive}, 5);
	if (signature)
		n += hd_node(p + n, signature);
	(void)end_node(p + n);
	return (EFI_DEVICE_PATH_PROTOCOL *)(void *)p;
}

/* Boot#### `n`, and its turn. */
static void option(unsigned n, uint32_t attributes, const CHAR16 *name, uint8_t signature, const CHAR16 *file, const char *rest)
{
	uint8_t *p = variable[n].data;
	size_t at = 6, from;
	pod_put_le32(p, attributes);
	do {
		pod_put_le16(p + at, *name);
		at += 2;
	} while (*name++);
	from = at;
	if (signature)
		at += hd_node(p + at, signature);
	if (file)
		at += file_node(p + at, file);
	at += end_node(p + at);
	pod_put_le16(p + 4, (uint16_t)(at - from));
	memcpy(p + at, rest, strlen(rest));
	variable[n].len = at + strlen(rest);
	order[ordered++] = (uint16_t)n;
}

static void set_up(void)
{
	bs = (EFI_BOOT_SERVICES){.LocateHandleBuffer = locate, .HandleProtocol = handle_protocol, .FreePool = free_pool};
	rt = (EFI_RUNTIME_SERVICES){.GetVariable = get_variable};
	table = (EFI_SYSTEM_TABLE){.RuntimeServices = &rt, .BootServices = &bs};
	efi = (struct pod_efi){.st = &table, .bs = &bs, .disk.bio = &bio[0]};
	efi.fw = (struct pod_fw){.ctx = &efi, .alloc = &test_alloc, .firmware_bit = POD_FW_X64};
	drive_path[0] = device('s', 0);
	drive_path[1] = device('d', 0);
	path[STICK] = device('s', 0x51);
	path[DISK] = device('d', 0x52);
	path[OTHER] = device('o', 0x53);
	path[BARE] = device('b', 0);
	memset(variable, 0, sizeof variable);
	memset(&started, 0, sizeof started);
	ordered = 0;
}

static void tear_down(void)
{
	for (unsigned i = 0; i < VOLUMES; i++)
		free(path[i]);
	free(drive_path[0]);
	free(drive_path[1]);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(options_of_the_machine_and_what_none_names)
{
	struct pod_own own[POD_OWN_MAX];
	char msg[80];
	set_up();
	option(5, 1, u"stick", 0x51, u"\\EFI\\debian\\shimx64.efi", "");
	option(10, 1, u"debian", 0x52, u"\\EFI\\debian\\shimx64.efi", "opt");
	option(3, 0, u"not active", 0x52, u"\\EFI\\debian\\shimx64.efi", "");
	option(2, 1, u"lost file", 0x52, u"\\EFI\\lost.efi", "");
	option(1, 1, u"lost disk", 0x77, u"\\EFI\\debian\\shimx64.efi", "");
	option(4, 1, u"network", 0, NULL, "");
	order[ordered++] = 0x1234; /* no such option */
	REQUIRE(pod_efi_own_list(&efi.fw, own) == 3);
	CHECK_STR(own[0].name, "debian");
	CHECK_EQ(own[0].id, 10);
	CHECK_STR(own[1].name, "Windows Boot Manager");
	CHECK_STR(own[2].name, "EFI/BOOT/BOOTX64.EFI");
	CHECK_EQ(pod_efi_own_start(&efi.fw, own[0].id, msg, sizeof msg), POD_OK);
	CHECK(started.volume == handle[DISK] && same(started_file, u"\\EFI\\debian\\shimx64.efi"));
	CHECK(started.options_len == 3 && memcmp(started_options, "opt", 3) == 0);
	CHECK_EQ(pod_efi_own_start(&efi.fw, own[1].id, msg, sizeof msg), POD_OK);
	CHECK(started.volume == handle[OTHER] && same(started_file, u"\\EFI\\Microsoft\\Boot\\bootmgfw.efi") &&
	      !started.options_len);
	CHECK_EQ(pod_efi_own_start(&efi.fw, own[2].id, msg, sizeof msg), POD_OK);
	CHECK(started.volume == handle[BARE]);
	CHECK_EQ(pod_efi_own_start(&efi.fw, 1, msg, sizeof msg), POD_E_NOT_FOUND);
	CHECK_EQ(pod_efi_own_start(&efi.fw, VOLUME + 99, msg, sizeof msg), POD_E_NOT_FOUND);
	CHECK_STR(msg, "The disk cannot be found any more.");
	tear_down();
}

/* Every byte of an option wrong in turn, and every length of it: it is listed or not, and nothing is read beside it. */
TEST(options_that_are_damaged)
{
	struct pod_own own[POD_OWN_MAX];
	set_up();
	option(0, 1, u"debian", 0x52, u"\\EFI\\debian\\shimx64.efi", "");
	size_t len = variable[0].len;
	for (size_t i = 0; i < len; i++)
		for (unsigned v = 0; v < 256; v += 5) {
			uint8_t before = variable[0].data[i];
			variable[0].data[i] = (uint8_t)v;
			size_t n = pod_efi_own_list(&efi.fw, own);
			CHECK(n >= 2 && n <= 4);
			variable[0].data[i] = before;
		}
	for (; variable[0].len > 0; variable[0].len--)
		CHECK(pod_efi_own_list(&efi.fw, own) >= 2);
	tear_down();
}

/* Nothing is listed where it is not known what is on the stick; started from the machine's own disk, the stick is the stick all the same. */
TEST(firmware_that_does_not_tell_the_stick)
{
	struct pod_own own[POD_OWN_MAX];
	set_up();
	efi.boot_device = handle[DISK];
	REQUIRE(pod_efi_own_list(&efi.fw, own) == 3);
	CHECK_STR(own[0].name, "Windows Boot Manager");
	efi.disk.bio = NULL;
	CHECK_EQ(pod_efi_own_list(&efi.fw, own), 0);
	tear_down();
}
