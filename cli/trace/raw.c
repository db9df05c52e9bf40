/* SPDX-License-Identifier: BSD-2-Clause */
/* The records as they are: what each sector is, its fields, and the bytes of what is no record. */
#include <stdlib.h>
#include <string.h>
#include "cli/trace/trace.h"
#include "core/base/bytes.h"

static void hex(const uint8_t *s)
{
	for (size_t at = 0; at < POD_REC_SECTOR; at += 16) {
		bool zero = true;

		for (size_t i = 0; i < 16; i++)
			zero = zero && !s[at + i];
		if (zero)
			continue;
		printf("    %03zx ", at);
		for (size_t i = 0; i < 16; i++)
			printf(" %02x", s[at + i]);
		printf("  ");
		for (size_t i = 0; i < 16; i++)
			putchar(s[at + i] >= 0x20 && s[at + i] < 0x7f ? s[at + i] : '.');
		putchar('\n');
	}
}

static void raw_machine(const uint8_t *s)
{
	struct pod_rec_machine m;

	pod_rec_get_machine(s, &m);
	cli_print("    firmware %u secure_boot %u flags %u acpi_tables %u clock %llu\n", m.firmware, m.secure_boot, m.flags,
		  m.acpi_tables, (unsigned long long)m.clock_seconds);
	cli_print("    memory %llu largest %llu largest_low %llu entries %u\n", (unsigned long long)m.memory_bytes,
		  (unsigned long long)m.largest_bytes, (unsigned long long)m.largest_low_bytes, m.memory_entries);
	cli_print("    firmware_revision %u stick %llu sector_size %u acpi '%s' '%s' '%s'\n", m.firmware_revision,
		  (unsigned long long)m.stick_bytes, m.stick_sector_size, m.acpi_oem, m.acpi_table, m.acpi_fadt);
	cli_print("    version '%s' firmware_vendor '%s' vendor '%s' product '%s' board '%s' bios '%s' '%s'\n", m.version,
		  m.firmware_vendor, m.vendor, m.product, m.board, m.bios_version, m.bios_date);
}

static void raw_image(const uint8_t *s)
{
	struct pod_rec_image i;

	pod_rec_get_image(s, &i);
	cli_print("    size %llu volume %llu disk %llu memory %llu flags %u crc %08x mtime %lld\n",
		  (unsigned long long)i.size_bytes, (unsigned long long)i.volume_bytes, (unsigned long long)i.disk_bytes,
		  (unsigned long long)i.memory_bytes, i.flags, i.descriptor_crc, (long long)i.mtime);
	cli_print("    kind %u entry %d initrds %u overlays %u extents %u path_len %u label '%s' path '%s'\n", i.kind, i.entry,
		  i.initrds, i.overlays, i.extents, i.path_len, i.label, i.path);
}

static void raw_stages(const struct pod_stages *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		cli_print("    stage %u %s ms %u arg %u\n", t->event[i].stage, pod_stage_id((enum pod_stage)t->event[i].stage),
			  t->event[i].ms, t->event[i].arg);
}

static void raw_progress(const uint8_t *s)
{
	struct pod_rec_progress p;

	pod_rec_get_progress(s, &p);
	cli_print("    ms %u flags %u bytes %llu reads %u read_ms %u written %u\n", p.ms, p.flags, (unsigned long long)p.bytes,
		  p.reads, p.read_ms, p.written);
	cli_print("    last %llu + %u ms %u run %llu\n", (unsigned long long)p.last_off, p.last_len, p.last_read_ms,
		  (unsigned long long)p.run_off);
	cli_print("    errors %u status %u code %u at %llu outside %u at %llu\n", p.errors, p.error_status, p.error_code,
		  (unsigned long long)p.error_off, p.outside, (unsigned long long)p.outside_off);
	for (size_t i = 0; i < POD_REC_SLOW_MAX && p.slow[i].ms; i++)
		cli_print("    slow %llu ms %u\n", (unsigned long long)p.slow[i].off_bytes, p.slow[i].ms);
	raw_stages(&p.stages);
}

static void raw_linux(const uint8_t *s)
{
	struct pod_rec_linux l;

	pod_rec_get_linux(s, &l);
	cli_print("    ms %u log %u usb_kbit %u memory %u available %u release '%s'\n", l.ms, l.log_len, l.usb_kbit, l.memory_kib,
		  l.memory_available_kib, l.release);
	cli_print("    disk '%s' device '%s' fs '%s' mount '%s'\n", l.disk, l.device, l.fs, l.mount);
	raw_stages(&l.stages);
}

static void raw_windows(const uint8_t *s)
{
	struct pod_rec_windows w;

	pod_rec_get_windows(s, &w);
	cli_print("    ms %u version %u.%u build %u drivers %u failed %u letter '%.1s'\n", w.ms, w.version >> 16,
		  w.version & 0xffff, w.build, w.drivers_loaded, w.drivers_failed, &w.letter);
	cli_print("    controller '%s' program '%s'\n", w.controller, w.program);
	raw_stages(&w.stages);
}

static void raw_message(const uint8_t *s)
{
	struct pod_rec_message m;

	pod_rec_get_message(s, &m);
	cli_print("    status %u '%s'\n", m.status, m.text);
}

static void raw_screen(const uint8_t *s)
{
	struct pod_rec_screen r;

	pod_rec_get_screen(s, &r);
	for (char *p = r.text; *p; p++)
		if (*p == '\n')
			*p = '|';
	cli_print("    ms %u '%s'\n", r.ms, r.text);
}

static void raw_sector(const uint8_t *s, uint32_t at, uint32_t boot)
{
	static const struct {
		enum pod_rec_kind kind;
		const char *name;
		void (*show)(const uint8_t *s);
	} kinds[] = {{POD_REC_MACHINE, "MACHINE", raw_machine},	   {POD_REC_IMAGE, "IMAGE", raw_image},
		     {POD_REC_PROGRESS, "PROGRESS", raw_progress}, {POD_REC_LINUX, "LINUX", raw_linux},
		     {POD_REC_WINDOWS, "WINDOWS", raw_windows},	   {POD_REC_MESSAGE, "MESSAGE", raw_message},
		     {POD_REC_SCREEN, "SCREEN", raw_screen}};
	static const uint8_t zero[POD_REC_SECTOR];

	for (size_t i = 0; i < POD_ARRAY_LEN(kinds); i++) {
		if (!pod_rec_valid(s, kinds[i].kind))
			continue;
		cli_print("  %05x %s boot %u update %u%s\n", at, kinds[i].name, pod_rec_boot_of(s), pod_rec_update_of(s),
			  pod_rec_boot_of(s) == boot ? "" : " (left over)");
		kinds[i].show(s);
		return;
	}
	if (memcmp(s, zero, sizeof zero) == 0)
		return;
	cli_print("  %05x %s\n", at, _("no record, or a damaged one:"));
	hex(s);
}

int trace_raw(struct trace *t, struct fault *fault)
{
	uint8_t s[POD_REC_SECTOR];

	for (size_t i = 0; i < t->count; i++) {
		uint32_t n = t->boot[i].rec.number;

		cli_print(_("Boot %u"), n);
		cli_print("\n");
		for (unsigned k = 0; k < POD_REC_SECTORS; k++) {
			uint32_t at = pod_rec_offset(n, k);

			if (pod_dev_read(&t->state.dev, at, s, sizeof s) != POD_OK)
				cli_print("  %05x %s\n", at, cli_status_text(POD_E_IO));
			else
				raw_sector(s, at, n);
		}
		if (t->boot[i].log)
			cli_print("  %05x LOG boot %u length %zu\n", pod_rec_log_offset(n), n, t->boot[i].log_len);
	}
	return cli_flush(fault);
}
