/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts of procfs and sysfs, and what they say about a boot. */
#include "linux/observe.h"
#include "core/base/mem.h"
#include "core/base/str.h"

/* The next word of a line, up to a space; false at the line's end. */
static bool next_word(const char **p, const char **word, size_t *len)
{
	const char *s = *p;
	while (*s == ' ')
		s++;
	*word = s;
	while (*s && *s != ' ' && *s != '\n')
		s++;
	*len = (size_t)(s - *word);
	*p = s;
	return *len > 0;
}

static bool number(const char **p, uint32_t *out)
{
	const char *s = *p;
	uint32_t v = 0;
	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (uint32_t)(*s - '0');
	bool any = s != *p;
	*p = s;
	*out = v;
	return any;
}

static void copy_word(char *to, size_t size, const char *word, size_t len)
{
	size_t n = len < size - 1 ? len : size - 1;
	memcpy(to, word, n);
	to[n] = 0;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": id, parent, device, root, place, options, any number of
 * optional fields, "-", type, source, options. */
static bool read_line(const char *p, uint32_t major, uint32_t minor, struct pod_mounted *out)
{
	const char *word, *dev;
	size_t len;
	uint32_t a, b;
	for (unsigned i = 0; i < 3; i++)
		if (!next_word(&p, &word, &len))
			return false;
	dev = word;
	if (!number(&dev, &a) || *dev++ != ':' || !number(&dev, &b) || dev != p || a != major || b != minor)
		return false;
	for (unsigned i = 0; i < 2; i++)
		if (!next_word(&p, &word, &len))
			return false;
	copy_word(out->where, sizeof out->where, word, len);
	while (next_word(&p, &word, &len)) {
		if (len != 1 || *word != '-')
			continue;
		if (!next_word(&p, &word, &len))
			return false;
		copy_word(out->fs, sizeof out->fs, word, len);
		if (!next_word(&p, &word, &len))
			return false;
		if (len > 5 && memcmp(word, "/dev/", 5) == 0) {
			word += 5;
			len -= 5;
		}
		copy_word(out->source, sizeof out->source, word, len);
		return true;
	}
	return false;
}

bool pod_find_mount(const char *text, uint32_t major, uint32_t minor, struct pod_mounted *out)
{
	while (*text) {
		if (read_line(text, major, minor, out))
			return true;
		while (*text && *text++ != '\n')
			;
	}
	return false;
}

static const char *base_name(const char *path)
{
	const char *base = path;
	for (; *path; path++)
		if (*path == '/')
			base = path + 1;
	return *base == '-' ? base + 1 : base; /* a login shell */
}

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pod_streq(name, list[i]))
			return true;
	return false;
}

bool pod_is_rescue_shell(const char *cmdline, size_t len)
{
	static const char *const shells[] = {"sh", "ash", "bash", "dash", "busybox"};
	static const char *const helpers[] = {"sulogin", "systemd-sulogin-shell"};
	if (!len || cmdline[len - 1])
		return false;
	const char *name = base_name(cmdline);
	if (is_one_of(name, helpers, POD_ARRAY_LEN(helpers)))
		return true;
	if (!is_one_of(name, shells, POD_ARRAY_LEN(shells)))
		return false;
	for (size_t at = pod_strlen(cmdline) + 1; at < len; at += pod_strlen(cmdline + at) + 1) {
		const char *word = cmdline + at;
		if (pod_streq(word, "-i"))
			return true;
		/* what comes behind a command or a script is not the shell's */
		if (word[0] != '-' && !(pod_streq(name, "busybox") && (pod_streq(word, "sh") || pod_streq(word, "ash"))))
			return false;
		if (pod_streq(word, "-c"))
			return false;
	}
	return false;
}

/* The kernel's name for it, and an interpreter's ("/bin/busybox sh /init") first. */
bool pod_is_still_init(const char *cmdline, size_t len)
{
	if (!len || cmdline[len - 1])
		return true; /* not known */
	size_t at = 0;
	for (unsigned i = 0; i < 4 && at < len; i++, at += pod_strlen(cmdline + at) + 1)
		if (pod_streq(cmdline + at, "/init"))
			return true;
	return false;
}

bool pod_is_login_service(const char *cmdline, size_t len)
{
	static const char *const services[] = {"getty", "agetty", "mingetty", "login"};
	return len && !cmdline[len - 1] && is_one_of(base_name(cmdline), services, POD_ARRAY_LEN(services));
}

uint32_t pod_usb_speed_kbit(const char *text)
{
	uint32_t whole;
	if (!number(&text, &whole) || whole > 4000000)
		return 0;
	whole *= 1000;
	if (text[0] == '.' && text[1] >= '0' && text[1] <= '9')
		whole += (uint32_t)(text[1] - '0') * 100;
	return whole;
}

uint32_t pod_meminfo_kib(const char *text, const char *name)
{
	size_t n = pod_strlen(name);
	while (*text) {
		uint32_t kib;
		if (pod_strncasecmp(text, name, n) == 0 && text[n] == ':') {
			for (text += n + 1; *text == ' ';)
				text++;
			return number(&text, &kib) ? kib : 0;
		}
		while (*text && *text++ != '\n')
			;
	}
	return 0;
}
