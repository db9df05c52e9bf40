/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parttab_tool read IMAGE SECTOR_SIZE: kind, signature or GUID, and one line per partition.
 * parttab_tool write IMAGE SECTOR_SIZE mbr|gpt START,LENGTH,TYPE[,active] ...: bytes; TYPE is a hex byte, esp or data.
 */
#include <inttypes.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/disk/parttab.h"
#include "tests/interop/tool.h"

static struct pod_parttab table;

static void print_guid(const uint8_t *g)
{
	printf("%08X-%04X-%04X-%02X%02X-", pod_get_le32(g), pod_get_le16(g + 4), pod_get_le16(g + 6), g[8], g[9]);
	for (int i = 10; i < 16; i++)
		printf("%02X", g[i]);
}

static void print_table(void)
{
	static const char *const kinds[] = {"none", "mbr", "gpt"};
	printf("%s ", kinds[table.kind]);
	if (table.kind == POD_PARTTAB_GPT)
		print_guid(table.disk_guid);
	else
		printf("%08x", table.mbr_signature);
	printf("%s\n", table.used_backup ? " backup" : "");
	for (uint32_t i = 0; i < table.count; i++) {
		const struct pod_part *p = &table.part[i];
		printf("%u %" PRIu64 " %" PRIu64 " ", p->number, p->start_bytes, p->length_bytes);
		if (table.kind == POD_PARTTAB_GPT) {
			print_guid(p->type_guid);
			printf(" %s\n", p->name);
		} else {
			printf("%x%s\n", p->mbr_type, p->active ? " active" : "");
		}
	}
}

static void take(const char *arg, uint32_t number)
{
	struct pod_part *p = &table.part[table.count++];
	char type[8] = "", active[8] = "";
	if (sscanf(arg, "%" SCNu64 ",%" SCNu64 ",%7[^,],%7s", &p->start_bytes, &p->length_bytes, type, active) < 3)
		exit(2);
	p->number = number;
	p->active = !strcmp(active, "active");
	p->mbr_type = (uint8_t)strtoul(type, NULL, 16);
	memcpy(p->type_guid, strcmp(type, "esp") ? pod_guid_basic_data : pod_guid_esp, 16);
	memset(p->part_guid, (int)(0x10 + number), 16);
	snprintf(p->name, sizeof p->name, "Teil %u: Ünï 盘", number);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	struct tool_file file;
	if (!tool_open(&file, argv[2], true, (uint32_t)atoi(argv[3]))) {
		perror(argv[2]);
		return 1;
	}
	struct pod_diag diag = {0};
	enum pod_status st;
	if (!strcmp(argv[1], "read")) {
		st = pod_parttab_read(&file.dev, &host, &table, &diag);
		if (st == POD_OK)
			print_table();
	} else {
		table.kind = !strcmp(argv[4], "gpt") ? POD_PARTTAB_GPT : POD_PARTTAB_MBR;
		table.mbr_signature = 0x1501B0D5;
		memset(table.disk_guid, 0x42, 16);
		for (int i = 5; i < argc; i++)
			take(argv[i], (uint32_t)i - 4);
		st = pod_parttab_write(&file.dev, &host, &table, NULL);
	}
	if (st != POD_OK)
		fprintf(stderr, "%s: %s at %" PRIu64 " (expected %" PRIu64 ", got %" PRIu64 ")\n", argv[2],
			diag.what ? diag.what : pod_status_text(st), diag.offset_bytes, diag.expected, diag.got);
	return st == POD_OK ? 0 : 1;
}
