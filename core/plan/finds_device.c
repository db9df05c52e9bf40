/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which devices a word of a script means, by the kernel's names (Documentation/admin-guide/devices.txt), udev's links, and what sysfs and
 * proc list: a pattern means whatever it matches.
 */
#include "core/plan/finds_int.h"
#include "core/base/mem.h"

static bool in_class(const char **pattern, char c)
{
	const char *p = *pattern + 1;
	bool no = *p == '!' || *p == '^', yes = false;
	p += no;
	for (const char *first = p; *p && (*p != ']' || p == first); p++) {
		if (p[1] == '-' && p[2] && p[2] != ']') {
			yes |= c >= p[0] && c <= p[2];
			p += 2;
		} else {
			yes |= *p == c;
		}
	}
	if (!*p)
		return false;
	*pattern = p + 1;
	return yes != no;
}

bool pod_finds_match(const char *p, const char *s)
{
	const char *star = NULL, *from = NULL;
	for (;;) {
		const char *next = p;
		if (*p == '*' || *p == POD_W_VAR) {
			star = ++p;
			from = s;
			continue;
		}
		if (!*p && !*s)
			return true;
		if (*s && (*p == '?' || (*p == '[' ? in_class(&next, *s) : *p == *s))) {
			p = *p == '[' ? next : p + 1;
			s++;
			continue;
		}
		if (!star || !*from)
			return false;
		p = star;
		s = ++from;
	}
}

static bool matches_one(const char *pattern, const char *const *name)
{
	for (; *name; name++)
		if (pod_finds_match(pattern, *name))
			return true;
	return false;
}

static const char *const partitions[] = {"sda1", "sdb1", "sdb2", "sdc1", "hda1", "vda1", "nvme0n1p1", "mmcblk0p1", NULL};
static const char *const disks[] = {"sda", "sdb", "sdc", "sdd", "sde", "hda", "hdb", "vda", "nvme0n1", "mmcblk0", NULL};
static const char *const drives[] = {"sr0",  "sr1", "scd0", "scd1",  "cdrom",	      "cdrom0",	       "cdrom1",
				     "cdrw", "dvd", "dvd0", "dvdrw", "cdroms/cdrom0", "cdroms/cdrom1", NULL};

static bool is_pattern(char c)
{
	return c == '*' || c == '?' || c == '[';
}

/* A variable behind the beginning of a name stands for the letter or number of a disk: sd$x */
static void variables_as_letters(char *name)
{
	unsigned literal = 0;
	for (; *name; name++) {
		if (*name == POD_W_VAR && literal >= 2)
			*name = '?';
		literal += *name != POD_W_VAR && !is_pattern(*name);
	}
}

/* One name without braces. */
static enum pod_device_word name_means(const char *text)
{
	char name[POD_W_LEN];
	bool pattern = false, letter = false;
	(void)pod_strlcpy(name, text, sizeof name);
	if (name[0] == POD_W_VAR) { /* ${disk}1: a number behind the name of a disk */
		char c = name[1];
		bool number = (c >= '0' && c <= '9') || is_pattern(c) || (c == 'p' && name[2]);
		return number ? POD_DW_ANY : POD_DW_NONE;
	}
	variables_as_letters(name);
	for (const char *p = name; *p; p++) {
		pattern |= is_pattern(*p) || *p == POD_W_VAR;
		letter |= !is_pattern(*p) && *p != POD_W_VAR;
	}
	if (!letter)
		return POD_DW_NONE;
	if (matches_one(name, partitions))
		return POD_DW_ANY;
	if (matches_one(name, disks))
		return POD_DW_WHOLE;
	if (matches_one(name, drives))
		return POD_DW_OPTICAL;
	if (pattern)
		return POD_DW_NONE;
	/* another partition, by its own name */
	size_t n = pod_strlen(name);
	bool disk = pod_finds_match("[shv]d[a-z][1-9]*", name) || pod_finds_match("nvme[0-9]n[0-9]p[1-9]*", name) ||
		    pod_finds_match("mmcblk[0-9]p[1-9]*", name);
	return disk && n < 16 ? POD_DW_DEVICE : POD_DW_NONE;
}

/* The wider of two. */
static enum pod_device_word wider(enum pod_device_word a, enum pod_device_word b)
{
	if (a == POD_DW_NONE || (b != POD_DW_NONE && b < a))
		return b;
	return a;
}

/* {sd,hd}* is sd* and hd*; one pair of braces is looked at. */
static enum pod_device_word each_alternative(const char *word, enum pod_device_word (*means)(const char *))
{
	const char *open = word, *close;
	char one[POD_W_LEN];
	enum pod_device_word w = POD_DW_NONE;
	while (*open && *open != '{')
		open++;
	for (close = open; *close && *close != '}'; close++)
		;
	if (!*close)
		return means(word);
	for (const char *from = open + 1, *to; from <= close; from = to + 1) {
		for (to = from; to < close && *to != ','; to++)
			;
		size_t head = (size_t)(open - word), part = (size_t)(to - from);
		if (head + part + pod_strlen(close + 1) >= sizeof one)
			break;
		memcpy(one, word, head);
		memcpy(one + head, from, part);
		(void)pod_strlcpy(one + head + part, close + 1, sizeof one - head - part);
		w = wider(w, means(one));
	}
	return w;
}

enum pod_device_word pod_device_name(const char *name)
{
	return each_alternative(name, name_means);
}

/* Behind "/dev/". */
static enum pod_device_word in_dev(const char *name)
{
	static const char *const by[] = {"disk/by-label", "disk/by-uuid", "disk/by-partuuid", "disk/by-partlabel"};
	for (size_t i = 0; i < POD_ARRAY_LEN(by); i++) {
		size_t n = pod_strlen(by[i]);
		if (pod_strncasecmp(name, by[i], n) != 0)
			continue;
		bool own = name[n] == '/' && name[n + 1] && name[n + 1] != POD_W_VAR && !is_pattern(name[n + 1]) &&
			   name[n + 1] != '%';
		return own ? POD_DW_ID : POD_DW_ID_ASKED;
	}
	return pod_streq(name, "*") ? POD_DW_ANY : name_means(name);
}

/* Behind "/sys/block": disks, and in the folder of each its partitions and attributes. */
static enum pod_device_word in_sys_block(const char *rest)
{
	char disk[POD_W_LEN];
	size_t n = 0;
	if (*rest && *rest != '/')
		return POD_DW_NONE;
	while (*rest == '/')
		rest++;
	if (!*rest)
		return POD_DW_WHOLE;
	for (; rest[n] && rest[n] != '/' && n < sizeof disk - 1; n++)
		disk[n] = rest[n];
	disk[n] = 0;
	const char *below = rest + n + (rest[n] == '/');
	bool pattern = false, disk_pattern = false;
	for (const char *p = below; *p && *p != '/'; p++)
		pattern |= is_pattern(*p);
	for (const char *p = disk; *p; p++)
		disk_pattern |= is_pattern(*p);
	if (pattern) {
		char part[POD_W_LEN];
		size_t m = 0;
		for (; below[m] && below[m] != '/'; m++)
			part[m] = below[m];
		part[m] = 0;
		if (matches_one(part, partitions))
			return POD_DW_ANY;
	}
	if (!disk_pattern) /* of one disk, whose name somebody has found elsewhere */
		return *disk == POD_W_VAR || *below ? POD_DW_NONE
		       : matches_one(disk, drives)  ? POD_DW_DRIVES
						    : pod_device_name(disk);
	return matches_one(disk, disks) ? POD_DW_WHOLE : matches_one(disk, drives) ? POD_DW_DRIVES : POD_DW_NONE;
}

static enum pod_device_word in_sys(const char *rest)
{
	if (pod_strncasecmp(rest, "class/block", 11) == 0 || pod_strncasecmp(rest, "dev/block", 9) == 0) {
		const char *name = rest + (rest[0] == 'c' ? 11 : 9);
		name += *name == '/';
		/* of one device */
		return !*name || is_pattern(*name) ? POD_DW_ANY : POD_DW_NONE;
	}
	return pod_strncasecmp(rest, "block", 5) == 0 ? in_sys_block(rest + 5) : POD_DW_NONE;
}

static enum pod_device_word in_proc(const char *rest)
{
	if (pod_streq(rest, "partitions") || pod_streq(rest, "diskstats"))
		return POD_DW_ANY;
	return pod_strncasecmp(rest, "sys/dev/cdrom", 13) == 0 ? POD_DW_DRIVES : POD_DW_NONE;
}

/* A path, from its slash on. */
static enum pod_device_word path_means(const char *path)
{
	static const struct {
		const char *folder;
		enum pod_device_word (*means)(const char *);
	} in[] = {{"/dev/", in_dev}, {"/sys/", in_sys}, {"/proc/", in_proc}};
	for (size_t i = 0; i < POD_ARRAY_LEN(in); i++) {
		size_t n = pod_strlen(in[i].folder);
		if (pod_strncasecmp(path, in[i].folder, n) == 0)
			return in[i].means(path + n);
	}
	return POD_DW_NONE;
}

/* What follows the name of a disk, or its folder in sysfs, that a variable holds. */
static enum pod_device_word behind_disk(const char *rest)
{
	if (*rest == '/') {
		bool pattern = false;
		char part[POD_W_LEN];
		size_t n = 0;
		for (rest++; rest[n] && rest[n] != '/'; n++) {
			pattern |= is_pattern(rest[n]);
			part[n] = rest[n];
		}
		part[n] = 0;
		return pattern && matches_one(part, partitions) ? POD_DW_ANY : POD_DW_NONE;
	}
	bool number = is_pattern(*rest) || (*rest >= '0' && *rest <= '9') || (*rest == 'p' && rest[1]);
	return number ? POD_DW_ANY : POD_DW_NONE;
}

enum pod_device_word pod_device_word(const char *word, bool derived)
{
	enum pod_device_word w = POD_DW_NONE;
	char path[POD_W_LEN];
	for (const char *p = word; *p; p++) {
		bool begins = p == word || p[-1] == '=' || p[-1] == ':' || p[-1] == '-' || p[-1] == ',' || p[-1] == '"';
		if (*p != '/' || !begins)
			continue;
		size_t n = 0, braces = 0;
		for (; p[n] && p[n] != ':'; n++) { /* ${x:-/dev/sr0} ends at its brace */
			braces += p[n] == '{';
			if (p[n] == '}' && !braces--)
				break;
			path[n] = p[n];
		}
		path[n] = 0;
		w = wider(w, each_alternative(path, path_means));
	}
	if (w == POD_DW_NONE && derived && word[0] == POD_W_VAR)
		w = behind_disk(word + 1);
	/* /dev/$disk$number */
	bool pair = pod_strncasecmp(word, "/dev/", 5) == 0 && word[5] == POD_W_VAR && word[6] == POD_W_VAR;
	if (w == POD_DW_NONE && derived && pair && !word[7])
		w = POD_DW_ANY;
	return w;
}
