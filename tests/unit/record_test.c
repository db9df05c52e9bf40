/* SPDX-License-Identifier: BSD-2-Clause */
/* The flight recorder's ring: what is written is read back; whatever else lies there is not. */
#include "core/trace/record.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "tests/unit/faultdev.h"
#include "tests/unit/test.h"

static uint8_t file[POD_STATE_SIZE];
static struct pod_memdev mem;

static void fresh(void)
{
	memset(file, 0, sizeof file);
	pod_memdev_init(&mem, file, sizeof file, 512, false);
}

static enum pod_status new_number(struct pod_dev *state, uint32_t *n)
{
	uint32_t latest;
	POD_TRY(pod_rec_latest(state, &latest));
	return pod_rec_new_number(state, &test_alloc, latest, n);
}

static struct pod_rec_machine machine_of(uint32_t boot)
{
	struct pod_rec_machine m = {.firmware = 2,
				    .secure_boot = POD_SB_ON,
				    .flags = POD_REC_M_RSDP,
				    .acpi_tables = 9,
				    .clock_seconds = 1700000000,
				    .memory_bytes = (uint64_t)boot << 20,
				    .largest_bytes = 5,
				    .largest_low_bytes = 4,
				    .memory_entries = 77,
				    .firmware_revision = 0x20046,
				    .stick_bytes = (uint64_t)64 << 30,
				    .stick_sector_size = 512};
	strcpy(m.acpi_oem, "BOCHS ");
	strcpy(m.acpi_table, "BXPCXSDT");
	strcpy(m.acpi_fadt, "BXPCFACP");
	strcpy(m.version, "0.2.0");
	strcpy(m.firmware_vendor, "EDK II");
	strcpy(m.vendor, "联想");
	strcpy(m.product, "Standard PC");
	strcpy(m.board, "Board 1");
	strcpy(m.bios_version, "1.16.2");
	strcpy(m.bios_date, "04/01/2014");
	return m;
}

static void put_machine(uint32_t boot)
{
	uint8_t s[POD_REC_SECTOR];
	struct pod_rec_machine m = machine_of(boot);
	pod_rec_put_machine(s, &m);
	pod_rec_seal(s, boot, 1);
	CHECK_EQ(pod_rec_write(&mem.dev, boot, POD_REC_AT_MACHINE, s), POD_OK);
}

static void put_progress(uint32_t boot, uint32_t update, uint64_t bytes)
{
	uint8_t s[POD_REC_SECTOR];
	struct pod_rec_progress p = {.bytes = bytes, .reads = update};
	pod_stages_add(&p.stages, POD_STAGE_STARTED, 1, 0);
	pod_rec_put_progress(s, &p);
	pod_rec_seal(s, boot, update);
	CHECK_EQ(pod_rec_write(&mem.dev, boot, POD_REC_AT_PROGRESS + (update & 1), s), POD_OK);
}

static struct pod_rec_boot boot; /* large */

static void read_boot(uint32_t n)
{
	CHECK_EQ(pod_rec_read(&mem.dev, &test_alloc, n, &boot), POD_OK);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(an_empty_file_has_no_boots)
{
	uint32_t n = 9, list[POD_REC_BOOTS], count = 9;
	fresh();
	CHECK_EQ(pod_rec_latest(&mem.dev, &n), POD_OK);
	CHECK_EQ(n, 0);
	CHECK_EQ(pod_rec_list(&mem.dev, &test_alloc, list, &count), POD_OK);
	CHECK_EQ(count, 0);
	CHECK_EQ(new_number(&mem.dev, &n), POD_OK);
	CHECK_EQ(n, 1);
	CHECK_EQ(pod_rec_read(&mem.dev, &test_alloc, 1, &boot), POD_E_NOT_FOUND);
	CHECK_EQ(pod_rec_read(&mem.dev, &test_alloc, 0, &boot), POD_E_NOT_FOUND);
	CHECK_EQ(test_alloc_live, 0);
}

TEST(every_field_comes_back)
{
	uint8_t s[POD_REC_SECTOR];
	fresh();
	put_machine(7);
	struct pod_rec_image im = {.size_bytes = 1,
				   .volume_bytes = 2,
				   .disk_bytes = 3,
				   .memory_bytes = 4,
				   .flags = POD_REC_I_HANDOVER,
				   .descriptor_crc = 6,
				   .mtime = -7,
				   .kind = 1,
				   .entry = -2,
				   .initrds = 8,
				   .overlays = 9,
				   .extents = 10,
				   .path_len = 14,
				   .label = "标签",
				   .path = "/images/甲.iso"};
	pod_rec_put_image(s, &im);
	pod_rec_seal(s, 7, 1);
	CHECK_EQ(pod_rec_write(&mem.dev, 7, POD_REC_AT_IMAGE, s), POD_OK);
	struct pod_rec_progress p = {.arguments = "acpi=off -quiet",
				     .ms = 1,
				     .flags = POD_REC_P_READING,
				     .bytes = 2,
				     .reads = 3,
				     .last_len = 4,
				     .last_off = (uint64_t)5 << 40,
				     .run_off = 6,
				     .errors = 7,
				     .error_status = POD_E_IO,
				     .error_code = 0x10,
				     .error_off = 8,
				     .outside = 9,
				     .read_ms = 10,
				     .outside_off = 11,
				     .slow = {{1, 40}, {2, 30}, {3, 20}, {4, 10}},
				     .last_read_ms = 12,
				     .written = 13};
	for (unsigned i = 0; i < 20; i++)
		CHECK(pod_stages_add(&p.stages, (enum pod_stage)(i + 1), i * 100, i) == (i < POD_STAGE_MAX));
	CHECK(!pod_stages_add(&p.stages, POD_STAGE_STARTED, 5, 5));
	pod_rec_put_progress(s, &p);
	pod_rec_seal(s, 7, 1);
	CHECK_EQ(pod_rec_write(&mem.dev, 7, POD_REC_AT_PROGRESS, s), POD_OK);
	struct pod_rec_linux l = {.ms = 1,
				  .log_len = 2,
				  .usb_kbit = 480000,
				  .memory_kib = 3,
				  .memory_available_kib = 4,
				  .release = "6.1.0-18-amd64",
				  .disk = "sda",
				  .device = "sda1",
				  .fs = "iso9660",
				  .mount = "/run/live/medium"};
	pod_stages_add(&l.stages, POD_STAGE_ROOT_SWITCHED, 9000, 0);
	pod_rec_put_linux(s, &l);
	pod_rec_seal(s, 7, 4);
	CHECK_EQ(pod_rec_write(&mem.dev, 7, POD_REC_AT_SYSTEM + 1, s), POD_OK);
	struct pod_rec_message msg = {.status = POD_E_CORRUPT, .text = "x.iso: the image is damaged"};
	pod_rec_put_message(s, &msg);
	pod_rec_seal(s, 7, 1);
	CHECK_EQ(pod_rec_write(&mem.dev, 7, POD_REC_AT_MESSAGE, s), POD_OK);
	read_boot(7);
	CHECK(boot.has_machine && boot.has_image && boot.has_progress && boot.has_linux && boot.has_message);
	CHECK_EQ(boot.damaged, 0);
	CHECK_EQ(boot.stale, 0);
	struct pod_rec_machine m = machine_of(7);
	CHECK_STR(boot.machine.vendor, m.vendor);
	CHECK_STR(boot.machine.acpi_oem, "BOCHS ");
	CHECK_STR(boot.machine.acpi_fadt, "BXPCFACP");
	CHECK_STR(boot.machine.bios_date, "04/01/2014");
	CHECK_EQ(boot.machine.memory_bytes, m.memory_bytes);
	CHECK_EQ(boot.machine.firmware_revision, m.firmware_revision);
	CHECK(boot.image.mtime == -7 && boot.image.entry == -2);
	CHECK_EQ(boot.image.path_len, 14);
	CHECK_STR(boot.image.label, "标签");
	CHECK_STR(boot.image.path, "/images/甲.iso");
	/* structs were zeroed before they were filled, so that they compare byte by byte where no text follows its end */
	CHECK(memcmp(&boot.progress.slow, &p.slow, sizeof p.slow) == 0);
	CHECK_EQ(boot.progress.stages.count, POD_STAGE_MAX);
	CHECK_EQ(pod_stages_find(&boot.progress.stages, POD_STAGE_CHOSEN)->ms, 200);
	CHECK(!pod_stages_find(&boot.progress.stages, POD_STAGE_ROOT_SWITCHED));
	CHECK_EQ(boot.progress.last_off, p.last_off);
	CHECK_EQ(boot.progress.error_code, 0x10);
	CHECK_EQ(boot.progress.written, 13);
	CHECK_STR(boot.progress.arguments, "acpi=off -quiet");
	CHECK_EQ(boot.progress.last_read_ms, 12);
	CHECK_STR(boot.linux_.mount, "/run/live/medium");
	CHECK_EQ(boot.linux_.usb_kbit, 480000);
	CHECK_EQ(boot.linux_.stages.event[0].ms, 9000);
	CHECK_STR(boot.message.text, msg.text);
	CHECK_EQ(boot.message.status, POD_E_CORRUPT);
}

/* Places other programs rely on: the INT 13h server and the documentation. */
TEST(a_stage_is_noted_the_first_time)
{
	struct pod_stages t = {0};
	CHECK(pod_stages_add(&t, POD_STAGE_MENU, 10, 1));
	CHECK(!pod_stages_add(&t, POD_STAGE_MENU, 20, 2));
	CHECK_EQ(t.count, 1);
	CHECK_EQ(pod_stages_find(&t, POD_STAGE_MENU)->ms, 10);
}

TEST(layout)
{
	uint8_t s[POD_REC_SECTOR];
	struct pod_rec_progress p = {.bytes = 0x1122334455667788, .reads = 5, .last_read_ms = 0x01020304};
	pod_stages_add(&p.stages, POD_STAGE_MENU, 0x0a0b0c0d, 0x10);
	pod_rec_put_progress(s, &p);
	pod_rec_seal(s, 0x99, 3);
	CHECK(memcmp(s, "ISOPODR1", 8) == 0);
	CHECK_EQ(pod_get_le32(s + 0x0c), 0x99);
	CHECK_EQ(s[0x10], POD_REC_PROGRESS);
	CHECK_EQ(pod_get_le32(s + 0x14), 3);
	CHECK_EQ(s[0x1c], 1);
	CHECK_EQ(pod_get_le64(s + 0x20), p.bytes);
	CHECK_EQ(s[0x90], POD_STAGE_MENU);
	CHECK_EQ(pod_get_le32(s + 0x94), 0x0a0b0c0d);
	CHECK_EQ(pod_get_le32(s + 0x124), 0x01020304);
	uint32_t crc = pod_get_le32(s + 8);
	pod_put_le32(s + 8, 0);
	CHECK_EQ(pod_crc32(0, s, sizeof s), crc);
	CHECK_EQ(pod_rec_offset(37, 3), 0x2000 + 4096 + 3 * 512);
	CHECK_EQ(pod_rec_offset(35, 7) + 512, POD_REC_LOG_OFF);
	CHECK_EQ(pod_rec_log_offset(5) + POD_REC_LOG_SIZE, 0x3e000);
}

TEST(the_ring_keeps_the_last_boots)
{
	uint32_t n, list[POD_REC_BOOTS], count;
	fresh();
	for (uint32_t i = 1; i <= 100; i++) {
		CHECK_EQ(new_number(&mem.dev, &n), POD_OK);
		CHECK_EQ(n, i);
		put_machine(n);
		put_progress(n, 1, i);
		CHECK_EQ(pod_rec_list(&mem.dev, &test_alloc, list, &count), POD_OK);
		CHECK_EQ(count, i < POD_REC_BOOTS ? i : POD_REC_BOOTS);
		for (uint32_t k = 0; k < count; k++) {
			CHECK_EQ(list[k], i - k);
			read_boot(list[k]);
			CHECK_EQ(boot.progress.bytes, i - k);
		}
	}
	CHECK_EQ(pod_rec_read(&mem.dev, &test_alloc, 64, &boot), POD_E_NOT_FOUND);
}

TEST(boot_numbers_wrap)
{
	uint32_t n, list[POD_REC_BOOTS], count;
	fresh();
	put_machine(0xfffffffe);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(new_number(&mem.dev, &n), POD_OK);
		CHECK_EQ(n, i == 0 ? 0xffffffffu : i);
		put_machine(n);
	}
	CHECK_EQ(pod_rec_list(&mem.dev, &test_alloc, list, &count), POD_OK);
	CHECK_EQ(list[0], 3);
	CHECK_EQ(list[1], 2);
	CHECK(pod_rec_later(1, 0xffffffff) && !pod_rec_later(0xffffffff, 1) && !pod_rec_later(5, 5));
	CHECK_EQ(pod_rec_after(0xffffffff), 1);
}

TEST(the_later_update_counts)
{
	fresh();
	put_machine(1);
	put_progress(1, 1, 10);
	put_progress(1, 2, 20);
	read_boot(1);
	CHECK_EQ(boot.progress.bytes, 20);
	put_progress(1, 3, 30);
	read_boot(1);
	CHECK_EQ(boot.progress.bytes, 30);
	CHECK_EQ(boot.progress_update, 3);
	put_progress(1, 0xffffffff, 40);
	read_boot(1);
	CHECK_EQ(boot.progress.bytes, 20);		   /* "2" follows 0xffffffff */
	file[pod_rec_offset(1, POD_REC_AT_PROGRESS)] ^= 1; /* where update 2 lies */
	read_boot(1);
	CHECK_EQ(boot.progress.bytes, 40);
	CHECK_EQ(boot.damaged, 1u << POD_REC_AT_PROGRESS);
}

/* The slot's last owner is still in the other sectors; they must not become the new boot's. */
TEST(sectors_of_an_older_boot_are_stale)
{
	fresh();
	put_machine(4);
	put_progress(4, 9, 99);
	put_machine(40);
	read_boot(40);
	CHECK(boot.has_machine && !boot.has_progress);
	CHECK_EQ(boot.stale, 1u << (POD_REC_AT_PROGRESS + 1));
	read_boot(4);
	CHECK(!boot.has_machine && boot.has_progress);
}

/* The first write of a boot was torn later: its number must not be given out again. */
TEST(a_lost_machine_sector_still_owns_its_number)
{
	uint32_t n, list[POD_REC_BOOTS], count;
	fresh();
	put_machine(1);
	put_machine(2);
	put_progress(2, 50, 5);
	memset(file + pod_rec_offset(2, 0), 0xff, 512);
	CHECK_EQ(pod_rec_latest(&mem.dev, &n), POD_OK);
	CHECK_EQ(n, 1);
	CHECK_EQ(new_number(&mem.dev, &n), POD_OK);
	CHECK_EQ(n, 3);
	CHECK_EQ(pod_rec_list(&mem.dev, &test_alloc, list, &count), POD_OK);
	CHECK_EQ(count, 2);
	CHECK_EQ(list[0], 2);
}

TEST(any_flipped_bit_is_noticed)
{
	fresh();
	put_machine(1);
	uint8_t *s = file + pod_rec_offset(1, 0);
	for (unsigned bit = 0; bit < POD_REC_SECTOR * 8; bit++) {
		s[bit / 8] ^= (uint8_t)(1 << (bit & 7));
		CHECK(!pod_rec_valid(s, POD_REC_MACHINE));
		s[bit / 8] ^= (uint8_t)(1 << (bit & 7));
	}
	CHECK(pod_rec_valid(s, POD_REC_MACHINE));
	CHECK(!pod_rec_valid(s, POD_REC_IMAGE));
}

TEST(a_record_in_a_foreign_place_does_not_count)
{
	uint32_t n;
	fresh();
	put_machine(1);
	/* whole, but of boot 1 in the slot of boot 2 */
	memmove(file + pod_rec_offset(2, 0), file + pod_rec_offset(1, 0), 512);
	memset(file + pod_rec_offset(1, 0), 0, 512);
	CHECK_EQ(pod_rec_latest(&mem.dev, &n), POD_OK);
	CHECK_EQ(n, 0);
	/* and in another sector of its slot */
	put_machine(3);
	memmove(file + pod_rec_offset(3, 1), file + pod_rec_offset(3, 0), 512);
	read_boot(3);
	CHECK(boot.has_machine && !boot.has_image);
	CHECK_EQ(boot.damaged, 2);
}

TEST(random_bytes_are_no_boots)
{
	uint64_t seed = 5;
	uint32_t n, list[POD_REC_BOOTS], count;
	fresh();
	for (size_t i = 0; i < sizeof file; i++)
		file[i] = (uint8_t)fault_random(&seed);
	CHECK_EQ(pod_rec_latest(&mem.dev, &n), POD_OK);
	CHECK_EQ(n, 0);
	CHECK_EQ(pod_rec_list(&mem.dev, &test_alloc, list, &count), POD_OK);
	CHECK_EQ(count, 0);
	put_machine(1);
	read_boot(1);
	CHECK_EQ(boot.damaged, 0xfe);
}

TEST(hostile_fields_are_tamed)
{
	uint8_t s[POD_REC_SECTOR];
	struct pod_rec_progress p;
	struct pod_rec_machine m;
	struct pod_rec_message msg;
	memset(s, 0xff, sizeof s);
	pod_rec_get_progress(s, &p);
	CHECK_EQ(p.stages.count, POD_STAGE_MAX);
	pod_rec_get_machine(s, &m);
	CHECK_EQ(strlen(m.vendor), 64);
	CHECK_EQ(m.vendor[0], '?');
	pod_rec_get_message(s, &msg);
	CHECK_EQ(strlen(msg.text), POD_REC_MESSAGE_MAX);
	memcpy(s + 0xd0, "a\x1b[2J\xc2\x9b\x7f\0", 10);
	pod_rec_get_machine(s, &m);
	CHECK_STR(m.vendor, "a?[2J??");
	/* What turns the direction of writing, and what has no width. */
	memcpy(s + 0xd0,
	       "a\xe2\x80\xae"
	       "b\xe2\x80\x8b"
	       "c\0",
	       10);
	pod_rec_get_machine(s, &m);
	CHECK_STR(m.vendor, "a?b?c");
}

/* It is looked up on the stick: shown as '?', its letters would name another file. */
TEST(a_path_is_kept_as_it_was)
{
	static const char name[] = "/a\xe2\x80\x8b.iso";
	uint8_t s[POD_REC_SECTOR] = {0};
	struct pod_rec_image in = {.path_len = sizeof name - 1}, out;
	strcpy(in.path, name);
	pod_rec_put_image(s, &in);
	pod_rec_get_image(s, &out);
	CHECK_STR(out.path, name);
}

TEST(long_texts_are_cut_at_a_character)
{
	uint8_t s[POD_REC_SECTOR];
	struct pod_rec_machine m = {0}, back;
	memset(m.bios_date, 'x', 15);
	strcpy(m.bios_date + 14, "\xe5\x9b"); /* half a character */
	strcpy(m.vendor, "0123456789012345678901234567890123456789012345678901234567890123");
	pod_rec_put_machine(s, &m);
	pod_rec_get_machine(s, &back);
	CHECK_EQ(strlen(back.vendor), 64);
	struct pod_rec_message msg = {0}, out;
	for (unsigned i = 0; i < 160; i++)
		strcat(msg.text, "中");
	pod_rec_put_message(s, &msg);
	pod_rec_get_message(s, &out);
	CHECK_STR(out.text, msg.text);
}

TEST(only_first_sectors_are_read_to_find_the_latest)
{
	struct fault_dev f;
	uint32_t n;
	fresh();
	put_machine(5);
	fault_init(&f, file, sizeof file, 512);
	CHECK_EQ(pod_rec_latest(&f.dev, &n), POD_OK);
	CHECK_EQ(n, 5);
	CHECK_EQ(f.reads, POD_REC_BOOTS);
}

TEST(unreadable_sectors_hide_only_themselves)
{
	struct fault_dev f;
	uint32_t n, list[POD_REC_BOOTS], count;
	fresh();
	for (uint32_t i = 1; i <= POD_REC_BOOTS; i++)
		put_machine(i);
	for (long k = 1; k <= 36; k++) {
		fault_init(&f, file, sizeof file, 512);
		f.fail_read_at = k;
		CHECK_EQ(pod_rec_latest(&f.dev, &n), POD_OK);
		CHECK_EQ(n, k == 1 ? 35 : 36); /* boot 36 is in slot 0 */
		fault_init(&f, file, sizeof file, 512);
		f.fail_read_at = k;
		CHECK_EQ(pod_rec_list(&f.dev, &test_alloc, list, &count), POD_OK);
		CHECK_EQ(count, 36); /* read again by sectors */
	}
	fault_init(&f, file, sizeof file, 512);
	f.fail_read_at = 1;
	f.dead = true;
	CHECK_EQ(pod_rec_latest(&f.dev, &n), POD_E_IO);
	CHECK_EQ(pod_rec_list(&f.dev, &test_alloc, list, &count), POD_E_IO);
	CHECK_EQ(new_number(&f.dev, &n), POD_E_IO);
	pod_memdev_init(&mem, file, 8192, 512, false);
	CHECK_EQ(pod_rec_latest(&mem.dev, &n), POD_E_RANGE);
	CHECK_EQ(pod_rec_list(&mem.dev, &test_alloc, list, &count), POD_E_RANGE);
	CHECK_EQ(test_alloc_live, 0);
	test_alloc_count = 0;
	test_alloc_fail_at = 1;
	fresh();
	CHECK_EQ(pod_rec_list(&mem.dev, &test_alloc, list, &count), POD_E_NOMEM);
}

TEST(logs)
{
	static char text[POD_REC_LOG_TEXT + 1], longer[40000];
	size_t len;
	fresh();
	CHECK_EQ(pod_rec_read_log(&mem.dev, 1, text, &len), POD_E_NOT_FOUND);
	CHECK_EQ(pod_rec_write_log(&mem.dev, 1, "usb 1-1: new device", 19), POD_OK);
	CHECK_EQ(pod_rec_read_log(&mem.dev, 1, text, &len), POD_OK);
	CHECK_STR(text, "usb 1-1: new device");
	memset(longer, 'a', sizeof longer);
	memcpy(longer + sizeof longer - 3, "end", 3);
	CHECK_EQ(pod_rec_write_log(&mem.dev, 7, longer, sizeof longer), POD_OK);
	CHECK_EQ(pod_rec_read_log(&mem.dev, 7, text, &len), POD_OK);
	CHECK_EQ(len, POD_REC_LOG_TEXT);
	CHECK_STR(text + len - 4, "aend");
	CHECK_EQ(pod_rec_read_log(&mem.dev, 1, text, &len), POD_E_NOT_FOUND); /* the same slot */
	file[pod_rec_log_offset(7) + 600] ^= 1;
	CHECK_EQ(pod_rec_read_log(&mem.dev, 7, text, &len), POD_E_NOT_FOUND);
	CHECK_EQ(len, 0);
	CHECK_EQ(pod_rec_write_log(&mem.dev, 2, "", 0), POD_OK);
	CHECK_EQ(pod_rec_read_log(&mem.dev, 2, text, &len), POD_OK);
	CHECK_EQ(len, 0);
}

/* --- power lost at any write of a boot: the 35 boots before it are whole ----------------------------------------- */

static uint8_t after[POD_STATE_SIZE];
static long states;

static void earlier_boots_are_whole(void *ctx, size_t cut)
{
	(void)ctx;
	(void)cut;
	struct pod_memdev m;
	uint32_t list[POD_REC_BOOTS], count, first = 0;
	states++;
	pod_memdev_init(&m, after, sizeof after, 512, false);
	CHECK_EQ(pod_rec_list(&m.dev, &test_alloc, list, &count), POD_OK);
	if (count && list[0] == 51)
		first = 1;
	CHECK(count >= 35);
	for (uint32_t i = 0; i < 35; i++) {
		CHECK_EQ(list[first + i], 50 - i);
		CHECK_EQ(pod_rec_read(&m.dev, &test_alloc, 50 - i, &boot), POD_OK);
		CHECK(boot.has_machine && boot.has_progress && !boot.damaged);
		CHECK_EQ(boot.progress.bytes, 50 - i);
	}
	/* what there is of the new one is true */
	if (pod_rec_read(&m.dev, &test_alloc, 51, &boot) == POD_OK && boot.has_progress)
		CHECK(boot.progress.bytes >= 1000 && boot.progress.bytes <= 1003);
	CHECK_EQ(new_number(&m.dev, &first), POD_OK);
	CHECK(first == 51 || first == 52);
}

TEST(power_cut_at_any_write)
{
	struct fault_dev f;
	uint8_t s[POD_REC_SECTOR];
	fresh();
	for (uint32_t i = 1; i <= 50; i++) {
		put_machine(i);
		put_progress(i, 1, i);
	}
	fault_init(&f, file, sizeof file, 512);
	fault_record(&f);
	struct pod_rec_machine m = machine_of(51);
	pod_rec_put_machine(s, &m);
	pod_rec_seal(s, 51, 1);
	CHECK_EQ(pod_rec_write(&f.dev, 51, POD_REC_AT_MACHINE, s), POD_OK);
	for (uint32_t u = 1; u <= 4; u++) {
		struct pod_rec_progress p = {.bytes = 999 + u};
		pod_rec_put_progress(s, &p);
		pod_rec_seal(s, 51, u);
		CHECK_EQ(pod_rec_write(&f.dev, 51, POD_REC_AT_PROGRESS + (u & 1), s), POD_OK);
	}
	CHECK_EQ(pod_rec_write_log(&f.dev, 51, "log", 3), POD_OK);
	states = 0;
	fault_states(&f, after, 11, earlier_boots_are_whole, NULL);
	CHECK(states > 50);
	fault_fini(&f);
	CHECK_EQ(test_alloc_live, 0);
}

/* A write torn inside a sector, as some flash does: byte by byte. */
TEST(a_torn_sector_leaves_the_other_of_the_pair)
{
	uint8_t s[POD_REC_SECTOR];
	for (unsigned n = 1; n < POD_REC_SECTOR; n++) {
		fresh();
		put_machine(1);
		put_progress(1, 1, 1);
		put_progress(1, 2, 2);
		struct pod_rec_progress p = {.bytes = 3, .reads = 3};
		pod_stages_add(&p.stages, POD_STAGE_STARTED, 1, 0);
		pod_rec_put_progress(s, &p);
		pod_rec_seal(s, 1, 3);
		memcpy(file + pod_rec_offset(1, POD_REC_AT_PROGRESS + 1), s, n);
		read_boot(1);
		CHECK(boot.has_progress);
		/* the rest is zero or alike from some byte on: then the new one is whole */
		CHECK(boot.progress.bytes == 2 || (n > 0x28 && boot.progress.bytes == 3));
	}
}

/* In the place of LINUX stands what Windows PE wrote; of the two kinds the later sector counts. */
TEST(record_windows)
{
	uint8_t s[POD_REC_SECTOR];
	struct pod_rec_windows w = {.ms = 1,
				    .letter = 'D',
				    .version = 10 << 16,
				    .build = 22621,
				    .drivers_loaded = 2,
				    .drivers_failed = 3,
				    .controller = "PCI\\VEN_8086&DEV_9A0B",
				    .program = "winpeshl.exe"};
	struct pod_rec_linux l = {.release = "6.1"};
	fresh();
	pod_stages_add(&w.stages, POD_STAGE_ISO_NOT_ATTACHED, 700, 0xc03a0014);
	pod_rec_put_windows(s, &w);
	pod_rec_seal(s, 7, 1);
	CHECK_EQ(pod_rec_write(&mem.dev, 7, POD_REC_AT_SYSTEM, s), POD_OK);
	read_boot(7);
	CHECK(boot.has_windows && !boot.has_linux);
	CHECK_EQ(boot.damaged, 0);
	CHECK_EQ(boot.system_update, 1);
	CHECK(memcmp(&boot.windows, &w, sizeof w) == 0);
	s[0x1d] = 0x1b;
	pod_rec_get_windows(s, &w);
	CHECK_EQ(w.letter, 0);
	pod_rec_put_linux(s, &l);
	pod_rec_seal(s, 7, 2);
	CHECK_EQ(pod_rec_write(&mem.dev, 7, POD_REC_AT_SYSTEM + 1, s), POD_OK);
	read_boot(7);
	CHECK(boot.has_linux && !boot.has_windows);
	/* nowhere else */
	pod_rec_put_windows(s, &w);
	pod_rec_seal(s, 7, 1);
	CHECK_EQ(pod_rec_write(&mem.dev, 7, POD_REC_AT_PROGRESS, s), POD_OK);
	read_boot(7);
	CHECK_EQ(boot.damaged, 1u << POD_REC_AT_PROGRESS);
}
