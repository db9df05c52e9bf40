/* SPDX-License-Identifier: BSD-2-Clause */
/* The recorder's part in UEFI, against a firmware of a few functions: what it says of the machine, the timer, and the end of boot
 * services. */
#include "tests/unit/test.h"
#include "boot/efi/devpath.c"
#include "boot/efi/machine.c"
#include "boot/efi/running.c"
#include "boot/efi/listen.c"
#include "core/base/bytes.h"

/* --- a firmware --- */

static EFI_TPL tpl = TPL_APPLICATION;
static uint64_t now;
static unsigned events, timers_on, exits, pools;
static void (*notify)(EFI_EVENT, void *);
static void *notify_context;
static EFI_MEMORY_DESCRIPTOR memory[8];
static UINTN memory_count;
static int secure = -1, setup = -1;
static struct pod_efi efi;
static EFI_BOOT_SERVICES bs;
static EFI_RUNTIME_SERVICES rt;
static EFI_SYSTEM_TABLE st;
static EFI_CONFIGURATION_TABLE config[2];
static uint8_t state[POD_STATE_SIZE];
static struct pod_memdev state_dev;
static struct pod_recorder rec;
static struct pod_rec_boot boot;
static EFI_STATUS exit_answer;

static EFI_TPL raise_tpl(EFI_TPL to)
{
	EFI_TPL was = tpl;

	CHECK(to >= tpl); /* lowering by RaiseTPL is a crime (clause 7.1.8) */
	tpl = to;
	return was;
}

static void restore_tpl(EFI_TPL to)
{
	CHECK(to <= tpl);
	tpl = to;
}

static EFI_STATUS get_memory_map(UINTN *size, EFI_MEMORY_DESCRIPTOR *map, UINTN *key, UINTN *desc, uint32_t *version)
{
	UINTN need = memory_count * sizeof(*memory);

	*desc = sizeof(*memory);
	*version = 1;
	*key = 7;
	if (!map || *size < need) {
		*size = need;
		return EFI_BUFFER_TOO_SMALL;
	}
	memcpy(map, memory, need);
	*size = need;
	return EFI_SUCCESS;
}

static EFI_STATUS allocate_pool(EFI_MEMORY_TYPE type, UINTN size, void **buffer)
{
	(void)type;
	pools++;
	*buffer = malloc(size);
	return EFI_SUCCESS;
}

static EFI_STATUS free_pool(void *p)
{
	pools--;
	free(p);
	return EFI_SUCCESS;
}

static EFI_STATUS create_event(uint32_t type, EFI_TPL level, void (*fn)(EFI_EVENT, void *), void *context, EFI_EVENT *e)
{
	CHECK_EQ(type, EVT_TIMER | EVT_NOTIFY_SIGNAL);
	CHECK_EQ(level, TPL_CALLBACK); /* no higher: Block I/O is used */
	events++;
	notify = fn;
	notify_context = context;
	*e = &events;
	return EFI_SUCCESS;
}

static EFI_STATUS set_timer(EFI_EVENT e, EFI_TIMER_DELAY kind, uint64_t time)
{
	CHECK(e == &events);
	CHECK(kind == TimerCancel || (kind == TimerPeriodic && time == 10000000));
	timers_on = kind == TimerPeriodic;
	return EFI_SUCCESS;
}

static EFI_STATUS close_event(EFI_EVENT e)
{
	CHECK(e == &events);
	events--;
	timers_on = 0;
	return EFI_SUCCESS;
}

static EFI_STATUS get_variable(const CHAR16 *name, const EFI_GUID *guid, uint32_t *attributes, UINTN *size, void *data)
{
	int v = name[1] == u'e' && name[2] == u'c' ? secure : setup;

	(void)guid;
	(void)attributes;
	CHECK_EQ(*size, 1);
	if (v < 0)
		return EFI_NOT_FOUND;
	*(uint8_t *)data = (uint8_t)v;
	return EFI_SUCCESS;
}

static EFI_STATUS get_time(EFI_TIME *t, void *capabilities)
{
	(void)capabilities;
	*t = (EFI_TIME){.Year = 2024, .Month = 2, .Day = 29, .Hour = 12};
	return EFI_SUCCESS;
}

static EFI_STATUS firmwares_exit(EFI_HANDLE image, UINTN key)
{
	CHECK(image == &st && key == 99);
	exits++;
	return exit_answer;
}

static uint64_t millis(struct pod_fw *fw)
{
	(void)fw;
	return now;
}

/* --- its console */

static SIMPLE_TEXT_OUTPUT_MODE mode;
static unsigned printed, moved, cleared;

static EFI_STATUS firmwares_output(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, const CHAR16 *s)
{
	(void)This;
	while (*s++)
		printed++;
	return EFI_SUCCESS;
}

static EFI_STATUS firmwares_clear(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This)
{
	(void)This;
	cleared++;
	return EFI_DEVICE_ERROR; /* what is passed on comes back */
}

static EFI_STATUS firmwares_move(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, UINTN col, UINTN row)
{
	moved++;
	This->Mode->CursorColumn = (int32_t)col;
	This->Mode->CursorRow = (int32_t)row;
	return EFI_SUCCESS;
}

static EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL con;

static bool table_is_sound(void)
{
	EFI_BOOT_SERVICES copy = bs;

	copy.Hdr.CRC32 = 0;
	return pod_crc32(0, &copy, sizeof(copy)) == bs.Hdr.CRC32;
}

static void power_on(void)
{
	memset(state, 0, sizeof(state));
	pod_memdev_init(&state_dev, state, sizeof(state), 512, false);
	bs = (EFI_BOOT_SERVICES){.RaiseTPL = raise_tpl,
				 .RestoreTPL = restore_tpl,
				 .GetMemoryMap = get_memory_map,
				 .AllocatePool = allocate_pool,
				 .FreePool = free_pool,
				 .CreateEvent = create_event,
				 .SetTimer = set_timer,
				 .CloseEvent = close_event,
				 .ExitBootServices = firmwares_exit};
	bs.Hdr.HeaderSize = sizeof(bs);
	bs.Hdr.CRC32 = pod_crc32(0, &bs, sizeof(bs));
	rt = (EFI_RUNTIME_SERVICES){.GetVariable = get_variable, .GetTime = get_time};
	st = (EFI_SYSTEM_TABLE){.RuntimeServices = &rt, .BootServices = &bs, .FirmwareRevision = 0x10000};
	con = (EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL){.OutputString = firmwares_output,
						.ClearScreen = firmwares_clear,
						.SetCursorPosition = firmwares_move,
						.Mode = &mode};
	printed = moved = cleared = 0;
	st.ConOut = &con;
	memset(&efi, 0, sizeof(efi));
	efi.bs = &bs;
	efi.st = &st;
	efi.fw = (struct pod_fw){.millis = millis, .ctx = &efi, .recorder = &rec, .state_disk = &state_dev.dev};
	now = 5000;
	exits = 0;
	exit_answer = EFI_SUCCESS;
	CHECK_EQ(pod_recorder_open(&rec, &state_dev.dev, &test_alloc), POD_OK);
	struct pod_rec_machine m = {.firmware = 2};
	pod_recorder_machine(&rec, &m);
}

static const struct pod_stage_event *stage(enum pod_stage s)
{
	return pod_rec_read(&state_dev.dev, &test_alloc, 1, &boot) == POD_OK ? pod_stages_find(&boot.progress.stages, s) : NULL;
}

/* --- while a loader runs --- */

TEST(a_loader_that_exits_boot_services)
{
	power_on();
	pod_efi_record_begin(&efi, false);
	CHECK(stage(POD_STAGE_LOADER_STARTED) != NULL);
	CHECK(bs.ExitBootServices != firmwares_exit);
	CHECK(table_is_sound());
	CHECK(events == 1 && timers_on);
	now = 9000;
	CHECK(bs.ExitBootServices(&st, 99) == EFI_SUCCESS);
	CHECK_EQ(exits, 1);
	CHECK(!timers_on);
	CHECK(bs.ExitBootServices == firmwares_exit);
	CHECK(table_is_sound());
	REQUIRE(stage(POD_STAGE_EXIT_BOOT_SERVICES));
	CHECK_EQ(stage(POD_STAGE_EXIT_BOOT_SERVICES)->ms, 9000);
	CHECK_EQ(tpl, TPL_APPLICATION);
	pod_efi_record_end(&efi, EFI_SUCCESS);
}

TEST(a_loader_from_memory_is_not_followed)
{
	power_on();
	pod_efi_record_begin(&efi, true);
	REQUIRE(stage(POD_STAGE_LOADER_STARTED));
	CHECK_EQ(stage(POD_STAGE_LOADER_STARTED)->arg, POD_REC_FROM_MEMORY);
	CHECK(bs.ExitBootServices == firmwares_exit);
	CHECK(events == 0 && !timers_on);
	pod_efi_record_end(&efi, EFI_SUCCESS);
}

/* The key was stale: the loader calls again, straight to the firmware. */
TEST(a_second_call_is_the_firmwares_own)
{
	power_on();
	pod_efi_record_begin(&efi, false);
	exit_answer = EFI_INVALID_PARAMETER;
	CHECK(bs.ExitBootServices(&st, 99) == EFI_INVALID_PARAMETER);
	uint32_t written = rec.written;
	exit_answer = EFI_SUCCESS;
	CHECK(bs.ExitBootServices(&st, 99) == EFI_SUCCESS);
	CHECK_EQ(exits, 2);
	CHECK_EQ(rec.written, written);
	pod_efi_record_end(&efi, EFI_SUCCESS);
}

/* Above TPL_CALLBACK no Block I/O may be used: the call goes through, unnoted. */
TEST(a_call_at_a_high_level_writes_nothing)
{
	power_on();
	pod_efi_record_begin(&efi, false);
	uint32_t written = rec.written;
	tpl = 16;
	CHECK(bs.ExitBootServices(&st, 99) == EFI_SUCCESS);
	CHECK_EQ(tpl, 16);
	tpl = TPL_APPLICATION;
	CHECK_EQ(rec.written, written);
	CHECK(!stage(POD_STAGE_EXIT_BOOT_SERVICES));
	pod_efi_record_end(&efi, EFI_SUCCESS);
}

TEST(a_loader_that_returns_leaves_nothing_behind)
{
	EFI_BOOT_SERVICES before;

	power_on();
	before = bs;
	pod_efi_record_begin(&efi, false);
	now = 60000;
	pod_efi_record_end(&efi, EFI_NOT_FOUND);
	CHECK(memcmp(&before, &bs, sizeof(bs)) == 0);
	CHECK_EQ(events, 0);
	REQUIRE(stage(POD_STAGE_LOADER_RETURNED));
	CHECK_EQ(stage(POD_STAGE_LOADER_RETURNED)->arg, 0x8000000eu);
	CHECK_EQ(stage(POD_STAGE_LOADER_RETURNED)->ms, 60000);
}

/* Somebody hooked on top of ours and did not leave: calls still reach the firmware, and a second start works. */
static EFI_STATUS (*under)(EFI_HANDLE, UINTN);
static EFI_STATUS somebodys_exit(EFI_HANDLE image, UINTN key)
{
	return under(image, key);
}

TEST(a_hook_on_top_of_ours)
{
	power_on();
	pod_efi_record_begin(&efi, false);
	under = bs.ExitBootServices;
	set_exit(&bs, somebodys_exit);
	pod_efi_record_end(&efi, EFI_SUCCESS);
	CHECK(bs.ExitBootServices == somebodys_exit);
	CHECK(bs.ExitBootServices(&st, 99) == EFI_SUCCESS);
	CHECK_EQ(exits, 1);
	CHECK(!stage(POD_STAGE_EXIT_BOOT_SERVICES));
}

TEST(the_timer_writes_what_was_read_since)
{
	power_on();
	pod_efi_record_begin(&efi, false);
	pod_recorder_read(&rec, 4096, 2048, 5100);
	pod_recorder_read_done(&rec, 2048, POD_OK, 0, 5101);
	now = 6000;
	notify(&events, notify_context);
	REQUIRE(stage(POD_STAGE_LOADER_STARTED));
	CHECK_EQ(boot.progress.ms, 6000);
	CHECK_EQ(boot.progress.reads, 1);
	CHECK_EQ(boot.progress.flags, POD_REC_P_TIMER);
	pod_efi_record_end(&efi, EFI_SUCCESS);
}

TEST(without_a_recorder_nothing_is_touched)
{
	EFI_BOOT_SERVICES before;

	power_on();
	before = bs;
	efi.fw.recorder = NULL;
	pod_efi_record_begin(&efi, false);
	CHECK(memcmp(&before, &bs, sizeof(bs)) == 0);
	CHECK_EQ(events, 0);
	pod_efi_record_end(&efi, EFI_SUCCESS);
	efi.fw.recorder = &rec;
	efi.fw.state_disk = NULL; /* no buffer of its own: a timer could not write */
	pod_efi_record_begin(&efi, false);
	CHECK(memcmp(&before, &bs, sizeof(bs)) == 0);
	CHECK_EQ(events, 0);
}

/* --- what it prints --- */

static const char *screen(void)
{
	return pod_rec_read(&state_dev.dev, &test_alloc, 1, &boot) == POD_OK && boot.has_screen ? boot.screen.text : "";
}

TEST(what_a_loader_prints_is_kept)
{
	EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL before;

	power_on();
	before = con;
	pod_efi_record_begin(&efi, false);
	CHECK(con.OutputString(&con, u"Booting\r\n") == EFI_SUCCESS);
	CHECK(con.SetCursorPosition(&con, 0, 7) == EFI_SUCCESS);
	CHECK(con.OutputString(&con, u"error: file `/x' not found.") == EFI_SUCCESS);
	CHECK(con.ClearScreen(&con) == EFI_DEVICE_ERROR);
	CHECK(printed == 36 && moved == 1 && cleared == 1);
	notify(&events, notify_context); /* it may go on printing */
	CHECK_STR(screen(), "");
	now += 1000;
	notify(&events, notify_context);
	CHECK_STR(screen(), "Booting\nerror: file `/x' not found.\n");
	uint32_t written = rec.screens;
	for (int i = 0; i < 100; i++, now += 1000)
		notify(&events, notify_context);
	CHECK_EQ(rec.screens, written);
	CHECK(con.OutputString(&con, u"bye\n") == EFI_SUCCESS);
	CHECK(bs.ExitBootServices(&st, 99) == EFI_SUCCESS);
	CHECK_STR(screen(), "Booting\nerror: file `/x' not found.\nbye\n");
	CHECK(memcmp(&before, &con, sizeof(con)) == 0);
	CHECK(stage(POD_STAGE_EXIT_BOOT_SERVICES) != NULL);
	pod_efi_record_end(&efi, EFI_SUCCESS);
}

TEST(a_loader_that_never_stops_printing)
{
	power_on();
	pod_efi_record_begin(&efi, false);
	for (int i = 0; i < 2000; i++, now += 1000) {
		CHECK(con.OutputString(&con, i & 1 ? u"tick\n" : u"tack\n") == EFI_SUCCESS);
		notify(&events, notify_context);
	}
	CHECK_EQ(rec.screens, 32); /* the stick is not worn out */
	pod_efi_record_end(&efi, EFI_NOT_FOUND);
	CHECK_EQ(rec.screens, 32);
}

static EFI_STATUS (*con_under)(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *, const CHAR16 *);
static EFI_STATUS somebodys_output(EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL *This, const CHAR16 *s)
{
	return con_under(This, s);
}

TEST(a_console_hook_on_top_of_ours)
{
	power_on();
	pod_efi_record_begin(&efi, false);
	con_under = con.OutputString;
	con.OutputString = somebodys_output;
	CHECK(con.OutputString(&con, u"one\n") == EFI_SUCCESS);
	pod_efi_record_end(&efi, EFI_NOT_FOUND);
	CHECK_STR(screen(), "one\n");
	CHECK(con.OutputString == somebodys_output && con.ClearScreen == firmwares_clear);
	CHECK(con.OutputString(&con, u"two\n") == EFI_SUCCESS);
	CHECK_EQ(printed, 8);
	/* and a machine without a console */
	power_on();
	st.ConOut = NULL;
	pod_efi_record_begin(&efi, false);
	pod_efi_record_end(&efi, EFI_SUCCESS);
	CHECK_STR(screen(), "");
}

/* --- the machine --- */

TEST(secure_boot_states)
{
	static const struct {
		int secure, setup;
		uint8_t want;
	} t[] = {{-1, -1, POD_SB_UNKNOWN}, {0, 0, POD_SB_OFF}, {1, 0, POD_SB_ON}, {0, 1, POD_SB_SETUP}, {-1, 1, POD_SB_SETUP}};

	power_on();
	for (size_t i = 0; i < POD_ARRAY_LEN(t); i++) {
		struct pod_rec_machine m = {0};

		secure = t[i].secure;
		setup = t[i].setup;
		pod_efi_describe(&efi.fw, &m);
		CHECK_EQ(m.secure_boot, t[i].want);
		CHECK(m.flags & POD_REC_M_SEES_EXIT);
		CHECK_EQ(m.clock_seconds, 1709208000);
	}
	CHECK_EQ(pools, 0);
}

TEST(memory_is_summed_up)
{
	static const EFI_MEMORY_DESCRIPTOR map[] = {
		{.Type = EfiConventionalMemory, .PhysicalStart = 0, .NumberOfPages = 0xa0},
		{.Type = EfiConventionalMemory, .PhysicalStart = 0x100000, .NumberOfPages = 0x700},
		{.Type = EfiConventionalMemory, .PhysicalStart = 0x800000, .NumberOfPages = 0x100}, /* goes on */
		{.Type = EfiBootServicesData, .PhysicalStart = 0x900000, .NumberOfPages = 0x10},
		{.Type = EfiConventionalMemory, .PhysicalStart = 0xfff00000, .NumberOfPages = 0x40000},
	};
	struct pod_rec_machine m = {0};

	power_on();
	memcpy(memory, map, sizeof(map));
	memory_count = POD_ARRAY_LEN(map);
	pod_efi_describe(&efi.fw, &m);
	memory_count = 0;
	CHECK_EQ(m.memory_entries, 5);
	CHECK_EQ(m.largest_bytes, (uint64_t)0x40000 << 12);
	CHECK_EQ(m.largest_low_bytes, (uint64_t)0x800 << 12);
	CHECK_EQ(pools, 0);
}

/* Tables are read where the memory map knows memory, and only there. */
TEST(tables_are_read_inside_the_memory_map_only)
{
	static _Alignas(4096) uint8_t page[4096];
	static const EFI_GUID acpi = {0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
	uint8_t sum = 0;

	power_on();
	memcpy(page, "RSD PTR ", 8);
	memcpy(page + 9, "BOCHS ", 6);
	for (size_t i = 0; i < 20; i++)
		sum = (uint8_t)(sum + page[i]);
	page[8] = (uint8_t)-sum;
	config[0] = (EFI_CONFIGURATION_TABLE){acpi, page};
	st.ConfigurationTable = config;
	st.NumberOfTableEntries = 1;
	memory[0] = (EFI_MEMORY_DESCRIPTOR){.Type = 9, .PhysicalStart = (uintptr_t)page, .NumberOfPages = 1};
	memory_count = 1;
	for (unsigned type = 7; type <= 12; type++) {
		struct pod_rec_machine m = {0};

		memory[0].Type = type;
		pod_efi_describe(&efi.fw, &m);
		CHECK_EQ((m.flags & POD_REC_M_RSDP) != 0, type != 8 && type != 11 && type != 12);
	}
	memory[0].PhysicalStart += 4096;
	memory[0].Type = 9;
	struct pod_rec_machine m = {0};

	pod_efi_describe(&efi.fw, &m);
	CHECK(!(m.flags & POD_REC_M_RSDP));
	memory_count = 0;
}
