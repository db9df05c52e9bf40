/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * menu FILE     what the boot manager's menu finds on a stick: a line for each image with its path, size, and the first byte of its data on
 *               the volume (-1: it has none); ends with 1 if folders could not be read; on
 *               the other stream, whether persistence files are looked for
 * menu FILE BIT  what the menu of a firmware (POD_FW_*) says of each image: its path, whether its row is marked, and the sentence on Enter
 */
#include "boot/menu/pages.h"
#include "tests/interop/tool.h"

static uint64_t no_time(struct pod_fw *fw)
{
	(void)fw;
	return 0;
}

static uint32_t no_key(struct pod_fw *fw)
{
	(void)fw;
	return POD_KEY_NONE;
}

static void print_image(struct menu *m, size_t i)
{
	const struct pod_node *node = &m->stick.image[i].node;
	struct pod_extent *ext = NULL;
	size_t n = 0;
	long long first = -1;
	if (pod_fs_extents(&m->stick.data, node, m->alloc, &ext, &n) == POD_OK && n && !ext[0].hole)
		first = (long long)ext[0].dev_bytes;
	scan_image_path(&m->stick, i, m->path, sizeof m->path);
	printf("%s\t%llu\t%lld\n", m->path, (unsigned long long)node->size_bytes, first);
	pod_free(m->alloc, ext);
}

static void print_start(struct menu *m, size_t i)
{
	struct pod_plan *plan = calloc(1, sizeof *plan);
	struct pod_start why = {0};
	char text[2048];
	size_t extents;
	if (plan && start_plan(m, i, plan, &extents, &why) == POD_OK)
		pod_plan_free(plan);
	free(plan);
	probe_image(m, i);
	start_sentence(m, i, &why, text, sizeof text);
	scan_image_path(&m->stick, i, m->path, sizeof m->path);
	printf("%s\t%d\t%s\n", m->path, m->stick.image[i].not_here, text);
}

int main(int argc, char **argv)
{
	struct tool_file f;
	struct menu *m = calloc(1, sizeof *m);
	struct pod_fw fw = {.name = "test", .alloc = &host, .disk = &f.dev, .millis = no_time, .get_key = no_key};
	struct pod_conf *conf = calloc(1, sizeof *conf);
	if (argc < 2 || !m || !conf || !tool_open(&f, argv[1], false, 512))
		return 2;
	m->fw = &fw;
	m->alloc = &host;
	m->conf = conf;
	fw.firmware_bit = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : POD_FW_BIOS;
	fw.ukis = &pod_plan_ukis;
	m->entry = calloc(1, sizeof *m->entry);
	f.dev.budget = &m->budget;
	menu_budget_start(m, MENU_SCAN_STEPS, POD_BUDGET_UNLIMITED);
	stick_open(m);
	enum pod_status st = m->entry ? scan_run(m) : POD_E_NOMEM;
	menu_budget_end(m);
	if (st != POD_OK || !m->stick.has_data) {
		fprintf(stderr, "%s\n", pod_status_text(st != POD_OK ? st : m->stick.data_status));
		return 1;
	}
	for (size_t i = 0; i < m->stick.image_count; i++)
		(argc > 2 ? print_start : print_image)(m, i);
	if (m->stick.may_persist)
		fprintf(stderr, "a persistence file is looked for\n");
	bool whole = !m->stick.unreadable;
	stick_close(m);
	free(m->entry);
	free(conf);
	free(m);
	return whole ? 0 : 1;
}
