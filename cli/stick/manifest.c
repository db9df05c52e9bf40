/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/stick/manifest.h"
#include "cli/stick/target.h"
#include "core/base/sha1.h"

#define TITLE	 "# Isopod "
#define FILE_MAX (4u << 20)

static void sha1_hex(const void *data, size_t len, char out[41])
{
	struct pod_sha1 s;
	uint8_t digest[POD_SHA1_LEN];

	pod_sha1_init(&s);
	pod_sha1_update(&s, data, len);
	pod_sha1_final(&s, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void cli_manifest_add(struct cli_manifest *m, const char *name, const void *data, size_t len)
{
	if (m->count == CLI_MANIFEST_MAX)
		return;
	snprintf(m->item[m->count].name, sizeof m->item[0].name, "%s", name);
	sha1_hex(data, len, m->item[m->count++].sha1);
}

char *cli_manifest_text(const struct cli_manifest *m, size_t *len)
{
	char *text = cli_xasprintf("%s%s\n", TITLE, m->version);

	for (size_t i = 0; i < m->count; i++) {
		bool is_file = strchr(m->item[i].name, '/') != NULL;
		char *more = cli_xasprintf("%s%s%s  %s\n", text, is_file ? "" : "# ", m->item[i].sha1, m->item[i].name);

		free(text);
		text = more;
	}
	*len = strlen(text);
	return text;
}

static void take_line(struct cli_manifest *m, const char *line)
{
	size_t n;

	if (strncmp(line, "# ", 2) == 0)
		line += 2;
	n = strspn(line, "0123456789abcdef");
	if (n != 40 || strncmp(line + n, "  ", 2) != 0 || m->count == CLI_MANIFEST_MAX)
		return;
	snprintf(m->item[m->count].sha1, sizeof m->item[0].sha1, "%.40s", line);
	snprintf(m->item[m->count].name, sizeof m->item[0].name, "%s", line + n + 2);
	m->count++;
}

bool cli_manifest_parse(const char *text, size_t len, struct cli_manifest *out)
{
	char *copy = cli_xzalloc(len + 1);

	memset(out, 0, sizeof *out);
	memcpy(copy, text, len);
	for (char *save = NULL, *line = strtok_r(copy, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
		if (!out->version[0] && strncmp(line, TITLE, strlen(TITLE)) == 0)
			snprintf(out->version, sizeof out->version, "%.*s", (int)strspn(line + strlen(TITLE), "0123456789."),
				 line + strlen(TITLE));
		else
			take_line(out, line);
	}
	free(copy);
	return out->version[0] && out->count;
}

bool cli_manifest_has(const struct cli_manifest *m, const char *name, const void *data, size_t len)
{
	char hex[41];

	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->item[i].name, name) == 0) {
			sha1_hex(data, len, hex);
			return strcmp(m->item[i].sha1, hex) == 0;
		}
	return false;
}

int cli_version_compare(const char *a, const char *b)
{
	while (*a || *b) {
		char *next_a, *next_b;
		unsigned long x = strtoul(a, &next_a, 10), y = strtoul(b, &next_b, 10);

		if (x != y)
			return x < y ? -1 : 1;
		a = next_a + (*next_a == '.');
		b = next_b + (*next_b == '.');
		if (a == next_a && b == next_b)
			break; /* no number and no dot */
	}
	return 0;
}

void cli_manifest_read(struct cli_target *t, struct cli_manifest *out)
{
	struct pod_node node;
	char *text = cli_xzalloc(CLI_MANIFEST_SIZE);

	if (pod_fs_lookup(&t->esp, CLI_MANIFEST_FILE, &node, &t->scratch) != POD_OK || node.is_dir ||
	    node.size_bytes > CLI_MANIFEST_SIZE || pod_fs_read(&t->esp, &node, 0, text, (size_t)node.size_bytes) != POD_OK ||
	    !cli_manifest_parse(text, (size_t)node.size_bytes, out))
		memset(out, 0, sizeof *out);
	free(text);
}

bool cli_manifest_differs(struct cli_target *t, const struct cli_manifest *m, const char *name)
{
	struct pod_node node;
	char *data;
	bool named = false, differs = false;

	for (size_t i = 0; i < m->count; i++)
		named |= strcmp(m->item[i].name, name) == 0;
	if (!named || pod_fs_lookup(&t->esp, name, &node, &t->scratch) != POD_OK || node.is_dir || node.size_bytes > FILE_MAX)
		return false;
	data = cli_xmalloc((size_t)node.size_bytes + 1);
	if (pod_fs_read(&t->esp, &node, 0, data, (size_t)node.size_bytes) == POD_OK)
		differs = !cli_manifest_has(m, name, data, (size_t)node.size_bytes);
	free(data);
	return differs;
}
