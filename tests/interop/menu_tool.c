/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * menu FILE     what the boot manager's menu finds on a stick: a line for each image with its path, size, and the first byte of its data on
 *               the volume (-1: it has none); ends with 1 if folders could not be read; on
 *               the other stream, whether persistence files are looked for
 */
#include "boot/menu/menu.h"
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

int main(int argc, char **argv)
{
	struct tool_file f;
	struct menu *m = calloc(1, sizeof *m);
	struct pod_fw fw = {.name = "test", .alloc = &host, .disk = &f.dev, .millis = no_time, .get_key = no_key};
	if (argc != 2 || !m || !tool_open(&f, argv[1], false, 512))
		return 2;
	m->fw = &fw;
	m->alloc = &host;
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
		print_image(m, i);
	if (m->stick.may_persist)
		fprintf(stderr, "a persistence file is looked for\n");
	bool whole = !m->stick.unreadable;
	stick_close(m);
	free(m->entry);
	free(m);
	return whole ? 0 : 1;
}
