/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the block device that root= means, as init/do_mounts.c of Linux does:
 *
 *   PARTUUID=...        the GUID of an entry of a GPT; or SSSSSSSS-NN, an MBR's disk signature and the partition's number, both hexadecimal.
 *                       With /PARTNROFF=N behind it the partition whose number is N more
 *   PARTLABEL=...       the name in the entry of a GPT
 *   /dev/NAME
 *   MAJOR:MINOR         or both as one hexadecimal number, new_encode_dev() of include/linux/kdev_t.h
 *
 * The image is made for a machine that has no other disk, or has it first; here the disk in it is a loop device. So names and numbers that
 * every system has for its disks (sda2, mmcblk0p2, 8:2) mean the partition of that number on the disk that is shown, whichever is the first
 * one here.
 *
 *   MBR  signature at 0x1b8, types of the entries at 0x1be + 16 * i + 4
 *   GPT  header in sector 1: +72 u64 first sector of the entries, +80 u32 how many, +84 u32 size of one; entry +16 its GUID
 *        (UEFI specification 2.10, 5.3)
 */
#include "linux/root.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"

#define CLASS	  POD_SYS_DIR "/class/block"
#define BLKSSZGET 0x1268u

enum { GUID_TEXT = 36 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static uint32_t number_of(const char **p)
{
	uint32_t v = 0;
	for (; is_digit(**p) && v < 1000000; ++*p)
		v = v * 10 + (uint32_t)(**p - '0');
	return v;
}

/* "sda2", "mmcblk0p2", "nvme0n1p2", and the disks themselves: the partition's number, 0 of a disk. False: another name. */
static bool number_in_name(const char *name, uint32_t *number)
{
	static const char *const lettered[] = {"sd", "hd", "vd", "xvd"};
	const char *p = NULL;
	*number = 0;
	for (size_t i = 0; i < POD_ARRAY_LEN(lettered) && !p; i++)
		if (pod_starts_with(name, lettered[i])) {
			const char *letters = p = name + pod_strlen(lettered[i]);
			while (*p >= 'a' && *p <= 'z')
				p++;
			if (p == letters)
				return false;
		}
	if (!p && (pod_starts_with(name, "mmcblk") || pod_starts_with(name, "nvme"))) {
		p = name + (*name == 'm' ? 6 : 4);
		if (!is_digit(*p))
			return false;
		(void)number_of(&p);
		if (*name == 'n' && (*p++ != 'n' || !is_digit(*p)))
			return false;
		if (*name == 'n')
			(void)number_of(&p);
		if (!*p)
			return true;
		if (*p++ != 'p' || !is_digit(*p))
			return false;
	}
	if (!p)
		return false;
	if (!*p)
		return true;
	if (*p == '0') /* nor does the kernel take that for a number */
		return false;
	*number = number_of(&p);
	return *number && !*p;
}

/* IDE's and SCSI's major numbers have always been these; the others' are the machine's. */
static void number_in_numbers(struct pod_root_want *w)
{
	w->has_number = w->major == 8 || w->major == 3;
	w->number = w->minor & (w->major == 8 ? 15 : 63);
}

static bool parse_numbers(const char *root, struct pod_root_want *w)
{
	const char *p = root;
	if (is_digit(*p)) {
		w->major = number_of(&p);
		if (*p == ':' && is_digit(p[1])) {
			p++;
			w->minor = number_of(&p);
			return !*p;
		}
	}
	uint32_t v = 0;
	size_t n = 0;
	for (p = root; *p && n <= 8; p++, n++) {
		char c = pod_tolower(*p);
		if (!is_digit(c) && (c < 'a' || c > 'f'))
			return false;
		v = v << 4 | (uint32_t)(is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	pod_split_dev(v, &w->major, &w->minor);
	return n && n <= 8;
}

/* "/PARTNROFF=-1" behind a PARTUUID. */
static bool parse_offset(struct pod_root_want *w)
{
	static const char name[] = "/PARTNROFF=";
	char *slash = w->text;
	while (*slash && *slash != '/')
		slash++;
	if (!*slash)
		return true;
	const char *p = slash + sizeof name - 1;
	if (!pod_starts_with(slash, name))
		return false;
	bool minus = *p == '-';
	p += minus || *p == '+';
	if (!is_digit(*p))
		return false;
	w->offset = (int)number_of(&p);
	if (minus)
		w->offset = -w->offset;
	*slash = 0;
	return !*p;
}

bool pod_root_parse(const char *root, struct pod_root_want *w, const char **why)
{
	static const char uuid[] = "PARTUUID=", label[] = "PARTLABEL=", dev[] = "/dev/";
	*w = (struct pod_root_want){.by = POD_ROOT_NUMBER};
	*why = "a kernel does not know what that is";
	const char *text = root;
	if (pod_starts_with(root, uuid)) {
		w->by = POD_ROOT_PARTUUID;
		text += sizeof uuid - 1;
	} else if (pod_starts_with(root, label)) {
		w->by = POD_ROOT_PARTLABEL;
		text += sizeof label - 1;
	} else if (pod_starts_with(root, dev)) {
		w->by = POD_ROOT_NAME;
		text += sizeof dev - 1;
	} else if (pod_starts_with(root, "UUID=") || pod_starts_with(root, "LABEL=")) {
		*why = "without an initramfs of its own a kernel cannot look for it by what is inside a file system";
		return false;
	} else {
		bool known = parse_numbers(root, w);
		number_in_numbers(w);
		return known;
	}
	if (!*text || pod_strlcpy(w->text, text, sizeof w->text) >= sizeof w->text)
		return false;
	if (w->by == POD_ROOT_NAME) {
		w->has_number = number_in_name(w->text, &w->number);
		/* as sysfs writes cciss/c0d0 */
		for (char *p = w->text; *p; p++)
			if (*p == '/')
				*p = '!';
		return w->text[0] != '.';
	}
	return w->by != POD_ROOT_PARTUUID || (parse_offset(w) && w->text[0]);
}

/* A block device in sysfs. */
struct candidate {
	const char *name;
	uint32_t major, minor;
	uint32_t number;	     /* of a partition; 0: a disk */
	uint32_t on_major, on_minor; /* its disk */
};

static bool read_attr(const char *name, const char *attr, char *text, size_t size)
{
	char path[96];
	(void)pod_snprintf(path, sizeof path, CLASS "/%.39s/%s", name, attr);
	return pod_read_text(path, text, size) > 0;
}

static bool get_candidate(const char *name, struct candidate *c)
{
	char text[32];
	*c = (struct candidate){.name = name};
	if (pod_strlen(name) > 39 || !read_attr(name, "dev", text, sizeof text) || !pod_parse_dev(text, &c->major, &c->minor))
		return false;
	c->on_major = c->major;
	c->on_minor = c->minor;
	if (!read_attr(name, "partition", text, sizeof text))
		return true;
	const char *p = text;
	c->number = number_of(&p);
	/* what is in the class is a link to a folder below the disk's */
	return c->number && read_attr(name, "../dev", text, sizeof text) && pod_parse_dev(text, &c->on_major, &c->on_minor);
}

static bool is_gpt(const uint8_t *sector)
{
	for (size_t i = 0; i < 4; i++)
		if (sector[0x1be + 16 * i + 4] == 0xee)
			return true;
	return false;
}

static bool gpt_guid(int fd, uint32_t number, char out[GUID_TEXT + 1])
{
	uint8_t head[512], g[16];
	int sector = 512;
	(void)pod_sys_ioctl(fd, BLKSSZGET, &sector);
	if (sector < 512 || sector > 65536 || pod_sys_pread(fd, head, sizeof head, (uint64_t)sector) != (long)sizeof head ||
	    memcmp(head, "EFI PART", 8) != 0)
		return false;
	uint64_t first = pod_get_le64(head + 72);
	uint32_t count = pod_get_le32(head + 80), size = pod_get_le32(head + 84);
	if (first < 2 || first > UINT32_MAX || size < 128 || size > 4096 || number > count)
		return false;
	uint64_t at = first * (uint32_t)sector + (uint64_t)size * (number - 1);
	if (pod_sys_pread(fd, g, sizeof g, at + 16) != (long)sizeof g)
		return false;
	(void)pod_snprintf(out, GUID_TEXT + 1, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", (unsigned)pod_get_le32(g),
			   (unsigned)pod_get_le16(g + 4), (unsigned)pod_get_le16(g + 6), g[8], g[9], g[10], g[11], g[12], g[13],
			   g[14], g[15]);
	return true;
}

static bool has_partuuid(const struct candidate *c, const char *want)
{
	uint8_t sector[512];
	char text[GUID_TEXT + 1];
	long fd = pod_open_node("table", SYS_S_IFBLK, c->on_major, c->on_minor, SYS_O_RDONLY | SYS_O_NONBLOCK);
	if (fd < 0)
		return false;
	bool known = pod_sys_pread((int)fd, sector, sizeof sector, 0) == (long)sizeof sector && sector[510] == 0x55 &&
		     sector[511] == 0xaa;
	if (known && is_gpt(sector))
		known = gpt_guid((int)fd, c->number, text);
	else if (known)
		(void)pod_snprintf(text, sizeof text, "%08x-%02x", (unsigned)pod_get_le32(sector + 0x1b8), (unsigned)c->number);
	pod_sys_close((int)fd);
	return known && pod_strcasecmp(text, want) == 0;
}

static bool has_label(const struct candidate *c, const char *want)
{
	static const char name[] = "PARTNAME=";
	char text[1024];
	if (!read_attr(c->name, "uevent", text, sizeof text))
		return false;
	for (char *line = text, *end; *line; line = *end ? end + 1 : end) {
		for (end = line; *end && *end != '\n';)
			end++;
		bool same = pod_starts_with(line, name) && pod_strlen(want) == (size_t)(end - line) - (sizeof name - 1) &&
			    memcmp(line + sizeof name - 1, want, pod_strlen(want)) == 0;
		if (same)
			return true;
	}
	return false;
}

struct search {
	const struct pod_root_want *want;
	bool on_shown; /* only what is on the disk of these numbers */
	uint32_t major, minor;
	bool by_number; /* the partition of this number */
	uint32_t number;
	bool found;
	struct candidate at;
	struct pod_root_dev *out;
};

static bool matches(const struct search *s, const struct candidate *c)
{
	const struct pod_root_want *w = s->want;
	if (s->on_shown && (c->on_major != s->major || c->on_minor != s->minor))
		return false;
	if (s->by_number)
		return c->number == s->number;
	switch (w->by) {
	case POD_ROOT_PARTUUID:
		return c->number && has_partuuid(c, w->text);
	case POD_ROOT_PARTLABEL:
		return c->number && has_label(c, w->text);
	case POD_ROOT_NAME:
		return pod_streq(c->name, w->text);
	default:
		return c->major == w->major && c->minor == w->minor;
	}
}

static bool look_at(void *ctx, const char *name)
{
	struct search *s = ctx;
	struct candidate c;
	if (!get_candidate(name, &c) || !matches(s, &c))
		return true;
	s->found = true;
	s->at = c;
	(void)pod_strlcpy(s->out->name, name, sizeof s->out->name);
	s->out->major = c.major;
	s->out->minor = c.minor;
	return false;
}

static bool look(struct search *s)
{
	s->found = false;
	(void)pod_each_name(CLASS, look_at, s);
	return s->found;
}

/* And of what was found, the one that PARTNROFF leads to. */
static bool look_and_go_on(struct search *s)
{
	if (!look(s) || !s->want->offset)
		return s->found;
	int64_t number = (int64_t)s->at.number + s->want->offset;
	struct search next = {.want = s->want,
			      .on_shown = true,
			      .major = s->at.on_major,
			      .minor = s->at.on_minor,
			      .by_number = true,
			      .number = (uint32_t)number,
			      .out = s->out};
	return number > 0 && look(&next);
}

bool pod_root_find(const struct pod_root_want *want, const char *disk, struct pod_root_dev *out)
{
	struct candidate shown;
	struct search s = {.want = want, .out = out};
	if (disk[0] && get_candidate(disk, &shown)) {
		s.on_shown = true;
		s.major = shown.major;
		s.minor = shown.minor;
		s.by_number = want->has_number;
		s.number = want->number;
		if (look_and_go_on(&s))
			return true;
	}
	s.on_shown = s.by_number = false;
	return look_and_go_on(&s);
}
