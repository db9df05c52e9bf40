/* SPDX-License-Identifier: BSD-2-Clause */
/* The mirror on the serial port in UEFI: a port that takes nothing is left alone, until somebody is there again. */
#include "tests/unit/test.h"
#include "boot/efi/input.c"

static EFI_BOOT_SERVICES bs;
static EFI_SYSTEM_TABLE st;
static EFI_SERIAL_IO_PROTOCOL port;
static EFI_SIMPLE_TEXT_INPUT_PROTOCOL keyboard;
static struct pod_efi efi;
static EFI_STATUS answer; /* of the port to a byte */
static unsigned writes, stalls;
static char written[64];
static uint8_t typed; /* at the port; 0: nothing */
static uint32_t pressed;
static bool driver;
static EFI_HANDLE handles[1];

void pod_efi_console_flush(struct pod_efi *e)
{
	(void)e;
}

static EFI_STATUS stall(UINTN us)
{
	(void)us;
	stalls++;
	return EFI_SUCCESS;
}

static EFI_STATUS locate(EFI_LOCATE_SEARCH_TYPE type, const EFI_GUID *guid, void *key, UINTN *n, EFI_HANDLE **out)
{
	(void)type;
	(void)guid;
	(void)key;
	*n = 1;
	*out = handles;
	return EFI_SUCCESS;
}

static EFI_STATUS handle_protocol(EFI_HANDLE h, const EFI_GUID *guid, void **out)
{
	(void)h;
	*out = guid == &guid_serial ? &port : NULL;
	return *out ? EFI_SUCCESS : EFI_UNSUPPORTED;
}

static EFI_STATUS open_information(EFI_HANDLE h, const EFI_GUID *guid, EFI_OPEN_PROTOCOL_INFORMATION_ENTRY **out, UINTN *n)
{
	static EFI_OPEN_PROTOCOL_INFORMATION_ENTRY by;
	(void)h;
	(void)guid;
	by.Attributes = EFI_OPEN_PROTOCOL_BY_DRIVER;
	*out = &by;
	*n = driver;
	return EFI_SUCCESS;
}

static EFI_STATUS free_pool(void *p)
{
	(void)p;
	return EFI_SUCCESS;
}

static EFI_STATUS create_event(uint32_t type, EFI_TPL tpl, void (*notify)(EFI_EVENT, void *), void *ctx, EFI_EVENT *out)
{
	(void)type, (void)tpl, (void)notify, (void)ctx, (void)out;
	return EFI_OUT_OF_RESOURCES;
}

static EFI_STATUS get_control(EFI_SERIAL_IO_PROTOCOL *p, uint32_t *control)
{
	(void)p;
	*control = typed ? 0 : EFI_SERIAL_INPUT_BUFFER_EMPTY;
	return EFI_SUCCESS;
}

static EFI_STATUS port_write(EFI_SERIAL_IO_PROTOCOL *p, UINTN *n, const void *data)
{
	(void)p;
	writes++;
	if (EFI_ERROR(answer)) {
		*n = 0;
		return answer;
	}
	strncat(written, data, *n);
	return EFI_SUCCESS;
}

static EFI_STATUS port_read(EFI_SERIAL_IO_PROTOCOL *p, UINTN *n, void *data)
{
	(void)p;
	*(uint8_t *)data = typed;
	*n = 1;
	typed = 0;
	return EFI_SUCCESS;
}

static EFI_STATUS read_key(EFI_SIMPLE_TEXT_INPUT_PROTOCOL *in, EFI_INPUT_KEY *key)
{
	(void)in;
	if (!pressed)
		return EFI_NOT_READY;
	*key = (EFI_INPUT_KEY){0, (CHAR16)pressed};
	pressed = 0;
	return EFI_SUCCESS;
}

static void begin(bool with_driver)
{
	efi = (struct pod_efi){.st = &st, .bs = &bs};
	efi.fw.ctx = &efi;
	driver = with_driver;
	bs.Stall = stall;
	bs.LocateHandleBuffer = locate;
	bs.HandleProtocol = handle_protocol;
	bs.OpenProtocolInformation = open_information;
	bs.FreePool = free_pool;
	bs.CreateEvent = create_event;
	port.GetControl = get_control;
	port.Write = port_write;
	port.Read = port_read;
	keyboard.ReadKeyStroke = read_key;
	st.ConIn = &keyboard;
	answer = EFI_SUCCESS;
	written[0] = 0;
	typed = 0;
	pressed = 0;
	efi.fw.text_cols = with_driver ? 0 : 80;
	pod_efi_input_start(&efi);
}

static void say(const char *s)
{
	/* With a driver on the port and a text console the console alone speaks; the mirror is asked all the same. */
	serial_write(&efi.fw, s, strlen(s));
}

/* A port that does not even drain costs half a second, once. */
static void die(void)
{
	answer = EFI_TIMEOUT;
	writes = stalls = 0;
	say("x");
	CHECK(efi.serial_dead);
	CHECK_EQ(writes, 1);
	CHECK_EQ(stalls, 500);
	say("yz");
	CHECK_EQ(writes, 1);
	answer = EFI_SUCCESS;
}

TEST(a_port_that_takes_nothing_is_left_alone)
{
	begin(false);
	CHECK(efi.fw.serial_write && efi.fw.serial_read);
	say("ab");
	CHECK_STR(written, "ab");
	die();
	say("c");
	CHECK_STR(written, "ab");
}

TEST(who_types_there_is_answered)
{
	begin(false);
	die();
	CHECK_EQ(efi.fw.serial_read(&efi.fw), -1);
	say("a");
	CHECK_STR(written, "");
	typed = 'q';
	CHECK_EQ(efi.fw.serial_read(&efi.fw), 'q');
	say("b");
	CHECK_STR(written, "b");
}

TEST(an_image_that_came_back_leaves_a_port_to_try)
{
	begin(false);
	die();
	pod_efi_input_stop(&efi);
	pod_efi_input_start(&efi);
	say("a");
	CHECK_STR(written, "a");
}

/* Its keys come as the firmware's: one of them says that the screen is wanted anew. */
TEST(a_terminal_that_was_connected_late)
{
	begin(true);
	CHECK(efi.fw.terminal_keys && !efi.fw.serial_read);
	die();
	pressed = 'a';
	CHECK_EQ(efi.fw.get_key(&efi.fw), 'a');
	say("a");
	CHECK_STR(written, "");
	pressed = POD_KEY_CTRL('L');
	CHECK_EQ(efi.fw.get_key(&efi.fw), POD_KEY_CTRL('L'));
	say("b");
	CHECK_STR(written, "b");
}
