/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * regf dump FILE [dev]: every key and value of a hive, one per line: PATH, or PATH, value's name, type, data in hex, separated by tabs.
 *     `dev`: read as a device; a last line says how many bytes were read.
 * regf value FILE PATH NAME: one value as text, read as a device.
 * regf new FILE MINOR ROOT: an empty hive.
 * regf edit IN OUT < commands: one per line, fields separated by tabs; answers "ok" or the status per line:
 *     key PATH | drop PATH | set PATH NAME TYPE HEX | text PATH NAME TYPE TEXT | unset PATH NAME
 * regf bcd FILE: what a boot configuration holds. regf make OUT wim|vhd|partition|memtest [NAME=VALUE...]: one from nothing, see make().
 * regf hostile FILE COUNT: so many mutations of it, each read and, if it is fit for that, edited; how many were.
 * regf sdi OUT [VOLUME]: boot.sdi.
 */
#include <inttypes.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/base/guid.h"
#include "core/base/str.h"
#include "core/regf/bcd.h"
#include "core/wim/sdi.h"
#include "tests/interop/tool.h"

#define NOW 133485408000000000ull /* 2024-01-01 */

static int fail(const char *what, enum pod_status st, const struct pod_diag *d)
{
	fprintf(stderr, "%s: %s%s%s at %" PRIu64 "\n", what, pod_status_text(st), d->what ? ": " : "", d->what ? d->what : "",
		d->offset_bytes);
	return 1;
}

static void save(const char *path, const void *p, size_t len)
{
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(p, 1, len, f) != len || fclose(f) != 0) {
		perror(path);
		exit(3);
	}
}

/* --- dump ---------------------------------------------------------------------------------------------------- */

struct dump {
	const struct pod_regf *hive;
	char path[1 << 16];
	size_t end[POD_REGF_DEPTH_MAX + 1];
};

static enum pod_status dump_value(struct dump *d, const struct pod_regf_value *v)
{
	static char name[POD_REGF_VALUE_MAX];
	uint8_t *data = malloc(v->size_bytes + 1);
	enum pod_status st = pod_regf_value_name(d->hive, v, name, sizeof name);
	if (st == POD_OK)
		st = pod_regf_read(d->hive, v, 0, data, v->size_bytes);
	if (st == POD_OK) {
		printf("%s\t%s\t%u\t", d->path, name, v->type);
		for (uint32_t i = 0; i < v->size_bytes; i++)
			printf("%02x", data[i]);
		printf("\n");
	}
	free(data);
	return st;
}

static enum pod_status dump_key(void *ctx, const struct pod_regf_key *key, uint32_t depth, bool after)
{
	struct dump *d = ctx;
	struct pod_regf_iter it;
	struct pod_regf_value v;
	enum pod_status st;
	if (after)
		return POD_OK;
	size_t at = depth ? d->end[depth - 1] : 0;
	if (depth > 1)
		d->path[at++] = '\\';
	d->path[at] = '\0';
	if (depth)
		POD_TRY(pod_regf_key_name(d->hive, key, d->path + at, sizeof d->path - at - 1));
	d->end[depth] = strlen(d->path);
	printf("%s\n", d->path);
	POD_TRY(pod_regf_values(d->hive, key, &it));
	while ((st = pod_regf_next_value(&it, &v)) == POD_OK)
		POD_TRY(dump_value(d, &v));
	return st == POD_END ? POD_OK : st;
}

static int dump(const char *path, bool dev)
{
	static struct dump d;
	struct tool_file file;
	struct pod_regf h;
	struct pod_diag diag = {0};
	struct pod_budget budget = {0};
	enum pod_status st;
	pod_budget_start(&budget, 1 << 24, POD_BUDGET_UNLIMITED, 0);
	if (dev && tool_open(&file, path, false, 512)) {
		file.dev.budget = &budget;
		st = pod_regf_open_dev(&h, &file.dev, &diag);
	} else {
		size_t len;
		uint8_t *bytes = tool_slurp(path, &len);
		st = pod_regf_open(&h, bytes, len, &diag);
		h.budget = &budget;
	}
	if (st == POD_OK && h.dirty)
		fprintf(stderr, "dirty\n");
	d.hive = &h;
	struct pod_regf_key root = {.cell = h.root};
	if (st == POD_OK)
		st = pod_regf_walk(&h, &root, &host, dump_key, &d);
	if (st != POD_OK)
		return fail(path, st, &diag);
	if (dev)
		fprintf(stderr, "%llu bytes in %llu reads\n", file.read_bytes, file.reads);
	return 0;
}

static int value(const char *path, const char *key_path, const char *name)
{
	static char text[1 << 16];
	struct tool_file file;
	struct pod_regf h;
	struct pod_regf_key key;
	struct pod_regf_value v;
	struct pod_diag diag = {0};
	if (!tool_open(&file, path, false, 512))
		return 3;
	enum pod_status st = pod_regf_open_dev(&h, &file.dev, &diag);
	if (st == POD_OK)
		st = pod_regf_lookup(&h, NULL, key_path, &key);
	if (st == POD_OK)
		st = pod_regf_value(&h, &key, name, &v);
	if (st == POD_OK)
		st = pod_regf_text(&h, &v, text, sizeof text);
	if (st != POD_OK)
		return fail(path, st, &diag);
	printf("%s\n", text);
	fprintf(stderr, "%llu bytes in %llu reads\n", file.read_bytes, file.reads);
	return 0;
}

/* --- edit ---------------------------------------------------------------------------------------------------- */

static size_t unhex(const char *s, uint8_t *out)
{
	size_t n = 0;
	for (unsigned b; sscanf(s, "%2x", &b) == 1; s += 2)
		out[n++] = (uint8_t)b;
	return n;
}

static enum pod_status command(struct pod_regf_edit *e, char **f, int n)
{
	struct pod_regf_key key;
	if (n >= 2 && !strcmp(f[0], "key"))
		return pod_regf_edit_key(e, NULL, f[1], &key);
	if (n < 2)
		return POD_E_INVALID;
	POD_TRY(pod_regf_lookup(&e->hive, NULL, f[1], &key));
	if (!strcmp(f[0], "drop"))
		return pod_regf_edit_delete_key(e, &key);
	if (n >= 3 && !strcmp(f[0], "unset"))
		return pod_regf_edit_delete_value(e, &key, f[2]);
	if (n >= 5 && !strcmp(f[0], "text"))
		return pod_regf_edit_set_text(e, &key, f[2], (uint32_t)atol(f[3]), f[4]);
	if (n < 5 || strcmp(f[0], "set") != 0)
		return POD_E_INVALID;
	uint8_t *data = malloc(strlen(f[4]) / 2 + 1);
	enum pod_status st = pod_regf_edit_set(e, &key, f[2], (uint32_t)atol(f[3]), data, unhex(f[4], data));
	free(data);
	return st;
}

static int edit(const char *in, const char *out)
{
	struct pod_regf_edit e;
	struct pod_diag diag = {0};
	size_t len, cap = 0;
	uint8_t *bytes = tool_slurp(in, &len);
	const uint8_t *result;
	char *line = NULL;
	enum pod_status st = pod_regf_edit_open(&e, bytes, len, NOW, &host, &diag);
	if (st != POD_OK)
		return fail(in, st, &diag);
	while (getline(&line, &cap, stdin) > 0) {
		char *field[5] = {line}, *p = line;
		int n = 1;
		line[strcspn(line, "\n")] = '\0';
		while (n < 5 && (p = strchr(p, '\t')) != NULL) {
			*p++ = '\0';
			field[n++] = p;
		}
		st = command(&e, field, n);
		printf("%s\n", st == POD_OK ? "ok" : pod_status_text(st));
	}
	free(line);
	pod_regf_edit_finish(&e, &result, &len);
	save(out, result, len);
	pod_regf_edit_close(&e);
	free(bytes);
	return 0;
}

static int new_hive(const char *out, uint32_t minor, const char *root)
{
	static const uint8_t nobody[20] = {1, 0, 0, 0x80};
	struct pod_regf_edit e;
	struct pod_diag diag = {0};
	const uint8_t *bytes;
	size_t len;
	enum pod_status st = pod_regf_edit_new(&e, root, minor, nobody, sizeof nobody, NOW, &host);
	if (st != POD_OK)
		return fail(out, st, &diag);
	pod_regf_edit_finish(&e, &bytes, &len);
	save(out, bytes, len);
	pod_regf_edit_close(&e);
	return 0;
}

/* --- boot configuration ---------------------------------------------------------------------------------------- */

static void show_device(const struct pod_bcd_device *d)
{
	static const char *const kind[] = {"boot", "partition", "locate", "locate", "file", "vhd", "ramdisk", "unknown"};
	char a[POD_GUID_TEXT], b[POD_GUID_TEXT];
	for (; d; d = d->parent) {
		printf("%s", kind[d->kind]);
		if (d->kind == POD_BCD_PARTITION && d->gpt) {
			pod_guid_text(d->disk, a);
			pod_guid_text(d->partition, b);
			printf(" gpt %s %s", a, b);
		} else if (d->kind == POD_BCD_PARTITION) {
			printf(" mbr %08x %" PRIu64, d->signature, d->offset_bytes);
		} else if (d->kind == POD_BCD_LOCATE_ELEMENT) {
			printf(" %08x", d->element);
		} else if (d->kind == POD_BCD_RAMDISK) {
			pod_guid_text(d->options, a);
			printf(" %s", a);
		} else if (d->kind == POD_BCD_UNKNOWN) {
			printf(" %u", d->type);
		}
		printf("%s%s%s", d->path ? " " : "", d->path ? d->path : "", d->parent ? " < " : "");
	}
}

static enum pod_status show_element(const struct pod_regf *h, const struct pod_bcd_element *el)
{
	static struct pod_bcd_decoded decoded;
	static char text[1 << 16];
	uint64_t number;
	uint8_t guid[16];
	enum pod_status st;
	printf("  %08x ", el->id);
	switch (el->id & POD_BCD_KIND_MASK) {
	case POD_BCD_KIND_DEVICE:
		POD_TRY(pod_bcd_read_device(h, el, &decoded));
		show_device(decoded.device);
		break;
	case POD_BCD_KIND_STRING:
		POD_TRY(pod_regf_text(h, &el->value, text, sizeof text));
		printf("%s", text);
		break;
	case POD_BCD_KIND_INTEGER:
	case POD_BCD_KIND_BOOLEAN:
		POD_TRY(pod_bcd_read_number(h, el, &number));
		printf("%" PRIu64, number);
		break;
	case POD_BCD_KIND_GUID:
	case POD_BCD_KIND_GUIDS:
		for (uint32_t i = 0; (st = pod_bcd_read_guid(h, el, i, guid)) != POD_END; i++) {
			POD_TRY(st);
			pod_guid_text(guid, text);
			printf("%s%s", i ? " " : "", text);
		}
		break;
	default:
		printf("%u bytes", el->value.size_bytes);
	}
	printf("\n");
	return POD_OK;
}

static enum pod_status show_store(const struct pod_regf *h)
{
	struct pod_regf_iter objects, elements;
	struct pod_bcd_object o;
	struct pod_bcd_element el;
	enum pod_status st;
	POD_TRY(pod_bcd_objects(h, &objects));
	while ((st = pod_bcd_next_object(&objects, &o)) == POD_OK) {
		char text[POD_GUID_TEXT];
		pod_guid_text(o.guid, text);
		printf("%s %08x\n", text, o.type);
		POD_TRY(pod_bcd_elements(h, &o, &elements));
		while ((st = pod_bcd_next_element(&elements, &el)) == POD_OK)
			POD_TRY(show_element(h, &el));
		if (st != POD_END)
			return st;
	}
	return st == POD_END ? POD_OK : st;
}

static int show(const char *path)
{
	struct tool_file file;
	struct pod_budget budget = {0};
	struct pod_regf h;
	struct pod_diag diag = {0};
	if (!tool_open(&file, path, false, 512))
		return 3;
	pod_budget_start(&budget, 1 << 20, POD_BUDGET_UNLIMITED, 0);
	file.dev.budget = &budget;
	enum pod_status st = pod_regf_open_dev(&h, &file.dev, &diag);
	if (st == POD_OK)
		st = show_store(&h);
	return st == POD_OK ? 0 : fail(path, st, &diag);
}

static const char *option(int argc, char **argv, const char *name, const char *fallback)
{
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], name, strlen(name)) && argv[i][strlen(name)] == '=')
			return argv[i] + strlen(name) + 1;
	return fallback;
}

/* One entry for each wim=; the last one starts. */
static enum pod_status start_wims(struct pod_bcd *b, const struct pod_bcd_start *s, int argc, char **argv)
{
	const char *sdi = option(argc, argv, "sdi", "\\boot\\boot.sdi");
	if (!option(argc, argv, "wim", NULL))
		return pod_bcd_start_wim(b, s, "\\sources\\boot.wim", sdi);
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "wim=", 4))
			POD_TRY(pod_bcd_start_wim(b, s, argv[i] + 4, sdi));
	return POD_OK;
}

/* wim= ... sdi= | path= on= | on= | nothing; efi=1 text=1 title= loader=; on=boot | locate:PATH | mbr:SIGNATURE:OFFSET |
 * gpt:DISK:PARTITION | file:PATH (a VHD on the boot device, and the partition in it that has `path`) */
static int make(const char *out, const char *what, int argc, char **argv)
{
	struct pod_bcd b;
	struct pod_diag diag = {0};
	struct pod_bcd_start s = {.efi = option(argc, argv, "efi", NULL),
				  .text = option(argc, argv, "text", NULL),
				  .title = option(argc, argv, "title", NULL),
				  .loader = option(argc, argv, "loader", NULL)};
	const char *path = option(argc, argv, "path", "\\w.vhdx"), *on = option(argc, argv, "on", "boot");
	struct pod_bcd_device boot = {.kind = POD_BCD_BOOT}, file = {.kind = POD_BCD_FILE, .parent = &boot},
			      vhd = {.kind = POD_BCD_VHD, .parent = &file}, d = boot;
	char disk[64], partition[64];
	if (!strncmp(on, "locate:", 7)) {
		d = (struct pod_bcd_device){.kind = POD_BCD_LOCATE_PATH, .path = on + 7};
	} else if (!strncmp(on, "file:", 5)) {
		file.path = on + 5;
		d = (struct pod_bcd_device){.kind = POD_BCD_LOCATE_ELEMENT, .element = POD_BCD_PATH, .parent = &vhd};
	} else if (sscanf(on, "gpt:%63[^:]:%63s", disk, partition) == 2) {
		d = (struct pod_bcd_device){.kind = POD_BCD_PARTITION, .gpt = true};
		if (!pod_guid_parse(disk, d.disk) || !pod_guid_parse(partition, d.partition))
			return 2;
	} else if (!strncmp(on, "mbr:", 4)) {
		d = (struct pod_bcd_device){.kind = POD_BCD_PARTITION};
		if (sscanf(on, "mbr:%" SCNx32 ":%" SCNu64, &d.signature, &d.offset_bytes) != 2)
			return 2;
	}
	enum pod_status st = pod_bcd_new(&b, NOW, &host);
	if (st != POD_OK)
		return fail(out, st, &diag);
	if (!strcmp(what, "wim"))
		st = start_wims(&b, &s, argc, argv);
	else if (!strcmp(what, "vhd"))
		st = pod_bcd_start_vhd(&b, &s, path, &d);
	else if (!strcmp(what, "partition"))
		st = pod_bcd_start_partition(&b, &s, &d);
	else
		st = pod_bcd_start_memtest(&b, &s);
	if (st == POD_OK) {
		const uint8_t *bytes;
		size_t len;
		pod_bcd_finish(&b, &bytes, &len);
		save(out, bytes, len);
	}
	pod_bcd_close(&b);
	return st == POD_OK ? 0 : fail(out, st, &diag);
}

static enum pod_status read_key(void *ctx, const struct pod_regf_key *key, uint32_t depth, bool after)
{
	const struct pod_regf *h = ctx;
	char name[POD_REGF_NAME_MAX];
	uint8_t data[64];
	struct pod_regf_iter it;
	struct pod_regf_value v;
	enum pod_status st;
	(void)depth;
	if (after)
		return POD_OK;
	POD_TRY(pod_regf_key_name(h, key, name, sizeof name));
	POD_TRY(pod_regf_values(h, key, &it));
	while ((st = pod_regf_next_value(&it, &v)) == POD_OK)
		POD_TRY(pod_regf_read(h, &v, 0, data, (size_t)pod_min_u64(v.size_bytes, sizeof data)));
	return st == POD_END ? POD_OK : st;
}

static bool edit_mutated(const uint8_t *bytes, size_t len)
{
	struct pod_regf_edit e, again;
	struct pod_regf_key key;
	if (pod_regf_edit_open(&e, bytes, len, NOW, &host, NULL) != POD_OK)
		return false;
	bool ok = pod_regf_edit_key(&e, NULL, "New\\Key", &key) == POD_OK &&
		  pod_regf_edit_set(&e, &key, "v", POD_REG_BINARY, bytes, 30000) == POD_OK;
	pod_regf_edit_finish(&e, &bytes, &len);
	if (ok && pod_regf_edit_open(&again, bytes, len, NOW, &host, NULL) != POD_OK)
		abort();
	pod_regf_edit_close(ok ? &again : &e);
	if (ok)
		pod_regf_edit_close(&e);
	return ok;
}

static int hostile(const char *path, uint32_t count)
{
	size_t len;
	uint8_t *good = tool_slurp(path, &len), *bad = malloc(len);
	uint32_t x = 12345, whole = 0, edited = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct pod_budget budget = {0};
		struct pod_regf h;
		memcpy(bad, good, len);
		for (uint32_t n = 0; n < 1 + i % 8; n++) {
			x = x * 1664525 + 1013904223;
			size_t at = POD_REGF_BASE + (x >> 8) % (uint32_t)(len - POD_REGF_BASE);
			x = x * 1664525 + 1013904223;
			bad[at] = (uint8_t)(x >> 24);
		}
		pod_budget_start(&budget, 1 << 20, POD_BUDGET_UNLIMITED, 0);
		if (pod_regf_open(&h, bad, len, NULL) == POD_OK) {
			struct pod_regf_key root = {.cell = h.root};
			h.budget = &budget;
			whole += pod_regf_walk(&h, &root, &host, read_key, &h) == POD_OK;
		}
		if (budget.hit)
			abort();
		edited += edit_mutated(bad, len);
	}
	printf("%u whole, %u edited\n", whole, edited);
	free(good);
	free(bad);
	return 0;
}

static int sdi(const char *out, const char *volume)
{
	size_t len = 0;
	uint8_t *data = volume ? tool_slurp(volume, &len) : NULL;
	uint8_t head[POD_SDI_HEAD];
	uint64_t size = pod_sdi_head(head, len);
	uint8_t *all = calloc(1, size);
	memcpy(all, head, sizeof head);
	if (len)
		memcpy(all + sizeof head, data, len);
	save(out, all, size);
	free(all);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";
	if (!strcmp(verb, "dump"))
		return dump(argv[2], argc > 3);
	if (!strcmp(verb, "value") && argc == 5)
		return value(argv[2], argv[3], argv[4]);
	if (!strcmp(verb, "new") && argc == 5)
		return new_hive(argv[2], (uint32_t)atol(argv[3]), argv[4]);
	if (!strcmp(verb, "edit") && argc == 4)
		return edit(argv[2], argv[3]);
	if (!strcmp(verb, "hostile") && argc == 4)
		return hostile(argv[2], (uint32_t)atol(argv[3]));
	if (!strcmp(verb, "bcd"))
		return show(argv[2]);
	if (!strcmp(verb, "make") && argc >= 4)
		return make(argv[2], argv[3], argc - 4, argv + 4);
	if (!strcmp(verb, "sdi"))
		return sdi(argv[2], argc > 3 ? argv[3] : NULL);
	return 2;
}
