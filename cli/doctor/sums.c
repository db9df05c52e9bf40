/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hashes that the maker of an image publishes beside it: lines as sha256sum(1) writes them ("<hex>  name", "<hex> *name"), as BSD
 * does ("SHA256 (name) = <hex>"), or a file "name.sha256" that holds the hex digits alone. The number of digits tells the
 * algorithm. Signatures and comments around are ignored.
 */
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/doctor/images.h"
#include "core/base/str.h"

#define SUMS_MAX  (1u << 20)
#define FILES_MAX 10000u /* of a folder that are looked at */

static const char *algorithm_of(size_t digits)
{
	switch (digits) {
	case 32:
		return "md5";
	case 40:
		return "sha1";
	case 64:
		return "sha256";
	case 128:
		return "sha512";
	default:
		return NULL;
	}
}

/* "SHA256SUMS", "x.iso.md5", "Fedora-41-CHECKSUM", "sha512sum.txt"; no image and no signature. */
static bool is_sums_name(const char *name)
{
	static const char *const part[] = {"sha256", "sha512", "sha1", "md5", "checksum"};
	static const char *const signature[] = {".sig", ".asc", ".gpg", ".sign"};

	for (size_t i = 0; i < POD_ARRAY_LEN(signature); i++)
		if (pod_ends_with_nocase(name, signature[i]))
			return false;
	if (pod_image_kind_of_name(name) != POD_IMAGE_UNKNOWN || pod_strcasecmp(name, "isopod.sha256") == 0)
		return false;
	for (size_t i = 0; i < POD_ARRAY_LEN(part); i++)
		if (pod_strcasestr(name, part[i]))
			return true;
	return false;
}

static size_t hex_length(const char *s)
{
	return strspn(s, "0123456789abcdefABCDEF");
}

static bool same_name(const char *s, size_t n, const char *name)
{
	const char *slash;

	while ((slash = memchr(s, '/', n))) {
		n -= (size_t)(slash + 1 - s);
		s = slash + 1;
	}
	return n == strlen(name) && pod_strncasecmp(s, name, n) == 0;
}

static bool take(struct doctor_sum *best, const char *hex, size_t digits, const char *source)
{
	const char *algorithm = algorithm_of(digits);

	if (!algorithm || digits <= strlen(best->hex))
		return false;
	pod_strlcpy(best->algorithm, algorithm, sizeof best->algorithm);
	pod_strlcpy(best->source, source, sizeof best->source);
	for (size_t i = 0; i < digits; i++)
		best->hex[i] = pod_tolower(hex[i]);
	best->hex[digits] = '\0';
	return true;
}

/* One line, terminated. `alone`: the file is named after the image, so that a bare hash is its. */
static void take_line(struct doctor_sum *best, char *line, const char *name, bool alone, const char *source)
{
	char *open, *close, *p;
	size_t n;

	line[strcspn(line, "\r")] = '\0';
	line += strspn(line, " \t\\");
	n = hex_length(line);
	if (algorithm_of(n) && (line[n] == ' ' || line[n] == '\t')) {
		p = line + n + strspn(line + n, " \t");
		p += *p == '*';
		if (same_name(p, strlen(p), name))
			take(best, line, n, source);
	} else if (algorithm_of(n) && !line[n] && alone) {
		take(best, line, n, source);
	} else if ((open = strchr(line, '(')) && (close = strstr(open, ") = ")) &&
		   same_name(open + 1, (size_t)(close - open - 1), name)) {
		take(best, close + 4, hex_length(close + 4), source);
	}
}

/* `text` is taken apart. */
static void take_text(struct doctor_sum *best, char *text, const char *name, const char *source)
{
	size_t n = strlen(name);
	const char *dot = strrchr(name, '.');
	size_t stem = dot ? (size_t)(dot - name) : n;
	bool alone = (pod_strncasecmp(source, name, n) == 0 && source[n] == '.') ||
		     (pod_strncasecmp(source, name, stem) == 0 && source[stem] == '.');

	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_line(best, line, name, alone, source);
}

static void look_on_host(const char *host_path, const char *name, struct doctor_sum *best)
{
	char *copy = cli_xstrdup(host_path), *folder = dirname(copy);
	DIR *dir = opendir(folder);
	struct dirent *e;
	unsigned seen = 0;

	while (dir && (e = readdir(dir)) && seen++ < FILES_MAX) {
		struct stat st;
		int fd;
		char *text;
		ssize_t n;

		if (!is_sums_name(e->d_name))
			continue;
		fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)SUMS_MAX) {
			if (fd >= 0)
				close(fd);
			continue;
		}
		text = cli_xzalloc((size_t)st.st_size + 1);
		n = read(fd, text, (size_t)st.st_size);
		text[n > 0 ? n : 0] = '\0';
		take_text(best, text, name, e->d_name);
		free(text);
		close(fd);
	}
	if (dir)
		closedir(dir);
	free(copy);
}

static void look_on_stick(struct doctor *d, const char *path, const char *name, struct doctor_sum *best)
{
	struct pod_dirent *e = cli_xmalloc(sizeof *e);
	struct pod_dir *dir = cli_xzalloc(sizeof *dir);
	char *folder = cli_xstrdup(path);
	struct pod_fs *fs = &d->target->data;
	struct pod_node node;
	unsigned seen = 0;

	*strrchr(folder, '/') = '\0';
	if (pod_fs_lookup(fs, folder, &node, e) == POD_OK && pod_dir_open(dir, fs, &node) == POD_OK)
		while (pod_dir_next(dir, e) == POD_OK && seen++ < FILES_MAX) {
			char *text;

			if (e->node.is_dir || e->node.size_bytes > SUMS_MAX || !is_sums_name(e->name))
				continue;
			text = cli_xzalloc((size_t)e->node.size_bytes + 1);
			if (pod_fs_read(fs, &e->node, 0, text, (size_t)e->node.size_bytes) == POD_OK)
				take_text(best, text, name, e->name);
			free(text);
		}
	free(folder);
	free(dir);
	free(e);
}

bool doctor_sum_find(struct doctor *d, const struct doctor_image *im, struct doctor_sum *out)
{
	const char *name = strrchr(im->path, '/') + 1;

	memset(out, 0, sizeof *out);
	if (im->host_path)
		look_on_host(im->host_path, name, out);
	else
		look_on_stick(d, im->path, name, out);
	return out->hex[0] != '\0';
}
