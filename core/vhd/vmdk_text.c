/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of a VMDK (VMware "Virtual Disk Format 5.0", "The Descriptor File"), lines with LF or CR LF:
 *
 *   CID=fffffffe   parentCID=ffffffff   parentFileNameHint="base.vmdk"   createType="twoGbMaxExtentSparse"
 *   RW 4192256 SPARSE "disk-s001.vmdk"       access, sectors, type, file, and for FLAT the first sector in it
 *   RW 63 FLAT "disk-flat.vmdk" 0            RW 63 ZERO
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/vhd/chain.h"
#include "core/vhd/foreign_int.h"

/* The next line, its end cut off; NULL behind the last one. */
static char *next_line(char **text)
{
	char *line = *text, *p = line;
	if (!*line)
		return NULL;
	while (*p && *p != '\n' && *p != '\r')
		p++;
	while (*p == '\n' || *p == '\r')
		*p++ = '\0';
	*text = p;
	while (*line == ' ' || *line == '\t')
		line++;
	return line;
}

/* The value behind `key` and "=", without quotes; NULL if the line is about something else. */
static char *value_of(char *line, const char *key)
{
	size_t n = pod_strlen(key);
	if (pod_strncasecmp(line, key, n) != 0)
		return NULL;
	for (line += n; *line == ' ' || *line == '\t'; line++)
		;
	if (*line++ != '=')
		return NULL;
	while (*line == ' ' || *line == '\t' || *line == '"')
		line++;
	for (char *p = line; *p; p++)
		if (*p == '"')
			*p = '\0';
	return line;
}

static uint32_t hex_of(const char *p)
{
	uint32_t v = 0;
	for (; *p; p++) {
		char c = pod_tolower(*p);
		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else
			break;
	}
	return v;
}

/* The next word, or what is in the next quotes; its end cut off. "" behind the last one. */
static char *next_word(char **line)
{
	char *p = *line;
	while (*p == ' ' || *p == '\t')
		p++;
	char end = ' ';
	if (*p == '"')
		end = *p++;
	char *word = p;
	while (*p && *p != end && (end == '"' || *p != '\t'))
		p++;
	if (*p)
		*p++ = '\0';
	*line = p;
	return word;
}

static bool number_of(const char *p, uint64_t *v)
{
	*v = 0;
	if (!*p)
		return false;
	for (; *p; p++) {
		if (*p < '0' || *p > '9' || *v > POD_FOREIGN_SIZE)
			return false;
		*v = *v * 10 + (uint64_t)(*p - '0');
	}
	return true;
}

static bool is_extent(const char *line)
{
	return pod_strncasecmp(line, "RW ", 3) == 0 || pod_strncasecmp(line, "RDONLY ", 7) == 0 ||
	       pod_strncasecmp(line, "NOACCESS ", 9) == 0;
}

/* Opens an extent's file and adds it. */
static enum pod_status add_file(struct pod_foreign *x, const char *name, bool flat, uint64_t length, uint64_t first,
				const struct pod_foreign_options *opt, struct pod_diag *diag)
{
	struct pod_vfile *f = NULL;
	if (!opt->follow || !opt->opener)
		return pod_fail(diag, POD_E_UNSUPPORTED, POD_FOREIGN_EXTENTS, 0, 0, 1);
	enum pod_status st = opt->opener->open(opt->opener, x->file, pod_foreign_path_kind(name), name, &f);
	if (st != POD_OK) {
		if (opt->failed_path)
			pod_strlcpy(opt->failed_path, name, opt->failed_path_size);
		return pod_fail(diag, st, POD_FOREIGN_MISSING, 0, 1, 0);
	}
	struct pod_foreign_part p = {.file = f, .opened = true, .length_bytes = length, .flat_bytes = first};
	if (flat)
		st = pod_in_range(first, length, f->dev->size_bytes)
			     ? foreign_add_part(x, &p)
			     : pod_fail(diag, POD_E_CORRUPT, "extent is cut short", 0, length, f->dev->size_bytes);
	else
		st = foreign_vmdk_sparse(x, f, true, length, diag);
	if (st != POD_OK) {
		if (opt->failed_path)
			pod_strlcpy(opt->failed_path, name, opt->failed_path_size);
		opt->opener->close(opt->opener, f);
	}
	return st;
}

static enum pod_status add_extent(struct pod_foreign *x, char *line, const struct pod_foreign_options *opt, struct pod_diag *diag)
{
	uint64_t sectors = 0, first = 0;
	const char *access = next_word(&line), *count = next_word(&line), *type = next_word(&line), *name = next_word(&line),
		   *at = next_word(&line);
	bool flat = pod_strcasecmp(type, "FLAT") == 0;
	if (!number_of(count, &sectors) || !sectors || sectors > POD_FOREIGN_SIZE >> 9 || (*at && !number_of(at, &first)) ||
	    first > POD_FOREIGN_SIZE >> 9)
		return pod_fail(diag, POD_E_CORRUPT, "extent line of the descriptor", 0, 1, sectors);
	if (pod_strcasecmp(access, "NOACCESS") == 0)
		return pod_fail(diag, POD_E_UNSUPPORTED, "extent without access", 0, 0, 0);
	if (pod_strcasecmp(type, "ZERO") == 0)
		return foreign_add_part(x, &(struct pod_foreign_part){.length_bytes = sectors << 9});
	if (!flat && pod_strcasecmp(type, "SPARSE") != 0)
		return pod_fail(diag, POD_E_UNSUPPORTED, "extent type of ESXi", 0, 0, 0);
	if (!*name)
		return pod_fail(diag, POD_E_CORRUPT, "extent line of the descriptor", 0, 1, 0);
	return add_file(x, name, flat, sectors << 9, first << 9, opt, diag);
}

static enum pod_status keep_parent(struct pod_foreign *x, const char *path)
{
	size_t n = pod_strlen(path) + 1;
	if (x->parent_path || n == 1)
		return POD_OK;
	x->parent_path = x->alloc->alloc(x->alloc, n);
	if (!x->parent_path)
		return POD_E_NOMEM;
	memcpy(x->parent_path, path, n);
	x->parent_format = POD_DISKFILE_VMDK;
	return POD_OK;
}

enum pod_status foreign_vmdk_text(struct pod_foreign *x, char *text, bool own_file, const struct pod_foreign_options *opt,
				  struct pod_diag *diag)
{
	uint32_t extents = 0;
	for (char *line, *v; (line = next_line(&text));) {
		if ((v = value_of(line, "CID")))
			x->cid = hex_of(v);
		else if ((v = value_of(line, "parentCID")))
			x->parent_cid = hex_of(v);
		else if ((v = value_of(line, "parentFileNameHint")))
			POD_TRY(keep_parent(x, v));
		else if (is_extent(line) && ++extents && !own_file)
			POD_TRY(add_extent(x, line, opt, diag));
	}
	if (own_file ? extents > 1 : !extents)
		return pod_fail(diag, own_file ? POD_E_UNSUPPORTED : POD_E_CORRUPT, POD_FOREIGN_EXTENTS, 0, 1, extents);
	if (x->parent_cid != POD_FOREIGN_NO_CID && !x->parent_path)
		return pod_fail(diag, POD_E_CORRUPT, "parentFileNameHint", 0, 1, 0);
	if (x->parent_cid == POD_FOREIGN_NO_CID) {
		pod_free(x->alloc, x->parent_path);
		x->parent_path = NULL;
	}
	x->fixed = !own_file && x->parts && !x->part[0].lookup;
	return POD_OK;
}
