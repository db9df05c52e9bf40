/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * menu FILE     what the boot manager's menu finds on a stick: a line for each image with its path, size, and the first byte of its data on
 *               the volume (-1: it has none); ends with 1 if folders could not be read; on
 *               the other stream, whether persistence files are looked for
 * menu FILE keys WRITES KEY...  runs the menu itself (of UEFI x64) with these keys on the stick, which it writes to; what a terminal on its serial
 *               port would get is on standard output. WRITES: after so many writes power fails; -1: it does not; with MENU_PULLED nothing
 *               can be read any more then. ISOPOD_MENU_FIRMWARE (POD_FW_*)
 *               makes it that of another firmware; with ISOPOD_MENU_CLOCK each write takes a second, else nothing takes any time. The
 *               key "-" is none
 * menu FILE BIT  what the menu of a firmware (POD_FW_*) says of each image: its path, whether its row is marked, and the sentence on Enter
 */
#include <string.h>
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

/* --- the menu itself --------------------------------------------------------------------------------------------- */

static char **key_word;
static long writes_left;
static uint64_t clock_ms, write_ms;

static uint64_t clock_of_writes(struct pod_fw *fw)
{
	(void)fw;
	return clock_ms;
}

static void serial_write(struct pod_fw *fw, const char *s, size_t len)
{
	(void)fw;
	fwrite(s, 1, len, stdout);
}

static unsigned looks_left; /* for keys, until the next one is pressed */

/* The next word: a letter, or the name of a key; a number: so often there is no key. Behind the last one the machine is switched off. */
static uint32_t next_key(struct pod_fw *fw)
{
	static const struct {
		const char *word;
		uint32_t key;
	} known[] = {{"enter", POD_KEY_ENTER}, {"esc", POD_KEY_ESC},   {"tab", POD_KEY_TAB},
		     {"up", POD_KEY_UP},       {"down", POD_KEY_DOWN}, {"end", POD_KEY_END},
		     {"f3", POD_KEY_F3},       {"f9", POD_KEY_F9},     {"ctrl-l", POD_KEY_CTRL('L')}};
	(void)fw;
	if (looks_left && looks_left--)
		return POD_KEY_NONE;
	const char *w = *key_word++;
	if (!w) {
		fflush(stdout);
		_exit(0);
	}
	if (strcmp(w, "-") == 0)
		return POD_KEY_NONE;
	if (w[0] >= '1' && w[0] <= '9' && w[1]) {
		looks_left = (unsigned)strtoul(w, NULL, 10);
		return POD_KEY_NONE;
	}
	uint32_t key = (uint8_t)w[0];
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcmp(w, known[i].word) == 0)
			key = known[i].key;
	looks_left = 1; /* between two keys there is none */
	return key;
}

static enum pod_status until_power_fails(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	clock_ms += write_ms;
	if (writes_left >= 0 && writes_left-- == 0) {
		writes_left = 0;
		return POD_E_IO;
	}
	return tool_write(d, off, buf, len);
}

static bool pulls; /* MENU_PULLED */

static enum pod_status until_it_is_pulled(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	return pulls && writes_left == 0 ? POD_E_IO : tool_read(d, off, buf, len);
}

static enum pod_status no_start(struct pod_fw *fw, struct pod_plan *plan, const char *path, char *msg, size_t size)
{
	(void)fw;
	(void)plan;
	pod_snprintf(msg, size, "%s", path);
	return POD_E_UNSUPPORTED;
}

static long flushes_left; /* MENU_NO_FLUSH: that one fails, and it alone */

static enum pod_status synced(struct pod_dev *d)
{
	(void)d;
	return flushes_left && --flushes_left == 0 ? POD_E_IO : POD_OK;
}

static void nothing(struct pod_fw *fw)
{
	(void)fw;
}

/* MENU_CLOCK: seconds since 1970 by the firmware's clock, 0: it has none. */
static void clock_only(struct pod_fw *fw, struct pod_rec_machine *m)
{
	const char *clock = getenv("MENU_CLOCK");
	(void)fw;
	m->clock_seconds = clock ? strtoull(clock, NULL, 10) : 1700000000;
}

static int run_keys(const char *path, long writes, char **words)
{
	struct tool_file f;
	if (!tool_open(&f, path, true, 512))
		return 2;
	f.dev.read = until_it_is_pulled;
	f.dev.write = until_power_fails;
	f.dev.flush = synced;
	writes_left = writes;
	pulls = getenv("MENU_PULLED") != NULL;
	flushes_left = getenv("MENU_NO_FLUSH") ? strtol(getenv("MENU_NO_FLUSH"), NULL, 10) : 0;
	key_word = words;
	write_ms = getenv("ISOPOD_MENU_CLOCK") ? 1000 : 0;
	const char *firmware = getenv("ISOPOD_MENU_FIRMWARE");
	struct pod_fw fw = {.name = "test",
			    .firmware_bit = firmware ? (uint32_t)strtoul(firmware, NULL, 0) : POD_FW_X64,
			    .alloc = &host,
			    .disk = &f.dev,
			    .serial_write = serial_write,
			    .get_key = next_key,
			    .millis = clock_of_writes,
			    .idle = nothing,
			    .describe = clock_only,
			    .start = no_start,
			    .reboot = nothing};
	pod_boot_main(&fw);
	return 1;
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
	if (argc > 3 && strcmp(argv[2], "keys") == 0)
		return run_keys(argv[1], strtol(argv[3], NULL, 10), argv + 4);
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
