/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is led to from an initramfs' first program: scripts as functions, since one that nobody calls looks for nothing; programs as
 * their strings; inittab (busybox' and sysvinit's), fstab(5), and the units of systemd (systemd.syntax(7)) as the commands in them.
 */
#include "core/plan/finds_int.h"
#include "core/base/mem.h"

bool pod_finds_has(const uint32_t *set, uint32_t hash)
{
	hash += !hash;
	for (uint32_t i = 0; i < POD_FINDS_NAMES; i++) {
		uint32_t v = set[(hash + i) % POD_FINDS_NAMES];
		if (v == hash || !v)
			return v == hash;
	}
	return false;
}

bool pod_finds_put(uint32_t *set, uint32_t hash)
{
	hash += !hash;
	for (uint32_t i = 0; i < POD_FINDS_NAMES; i++) {
		uint32_t *v = &set[(hash + i) % POD_FINDS_NAMES];
		if (*v == hash)
			return false;
		if (!*v) {
			*v = hash;
			return true;
		}
	}
	return false;
}

static const char *base_of(const char *path)
{
	const char *last = path;
	for (; *path; path++)
		last = *path == '/' ? path + 1 : last;
	return last;
}

/* --- units ---------------------------------------------------------------------------------------------------- */

static struct pod_unit *add_unit(struct pod_finder *f, uint32_t file, const char *start, const char *end, uint32_t line,
				 uint32_t name)
{
	void *v = f->unit;
	if (f->st != POD_OK || (!name && start >= end))
		return NULL;
	f->st = pod_grow(f->alloc, &v, f->unit_count, &f->unit_cap, f->unit_count + 1, sizeof *f->unit, POD_FINDS_UNIT_MAX);
	f->unit = v;
	if (f->st != POD_OK)
		return NULL;
	struct pod_unit *u = &f->unit[f->unit_count++];
	*u = (struct pod_unit){.file = file, .line = line, .name = name, .start = start, .end = end, .reached = !name};
	if (name) {
		uint32_t *head = &f->bucket[name % POD_FINDS_BUCKETS];
		u->next = *head;
		*head = (uint32_t)f->unit_count;
	}
	f->changed = true;
	return u;
}

struct line {
	const char *start, *first, *end; /* first: no blank */
};

static struct line line_at(const char *p, const char *end)
{
	struct line l = {p, p, p};
	while (l.end < end && *l.end != '\n')
		l.end++;
	while (l.first < l.end && (*l.first == ' ' || *l.first == '\t'))
		l.first++;
	return l;
}

static bool is_name_char(char c)
{
	return (c >= '0' && c <= '9') || (pod_tolower(c) >= 'a' && pod_tolower(c) <= 'z') || c == '_' || c == '-' || c == '.' ||
	       c == ':';
}

/* "name() {", "function name {": where the name is, and what is behind it. */
static bool is_function(const struct line *l, const char **name, size_t *len, const char **rest)
{
	const char *p = l->first;
	bool word = l->end - p > 9 && memcmp(p, "function", 8) == 0 && (p[8] == ' ' || p[8] == '\t');
	for (p += word ? 9 : 0; word && p < l->end && (*p == ' ' || *p == '\t'); p++)
		;
	*name = p;
	while (p < l->end && is_name_char(*p))
		p++;
	*len = (size_t)(p - *name);
	while (p < l->end && (*p == ' ' || *p == '\t'))
		p++;
	bool brackets = p < l->end && *p == '(';
	if (brackets) {
		for (p++; p < l->end && (*p == ' ' || *p == '\t'); p++)
			;
		brackets = p < l->end && *p == ')';
		p += brackets;
	}
	*rest = p;
	return *len && (brackets || word);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Braces that are words of their own open and close in [start, end); returns where the one closes that makes `*open` 0, or NULL. */
static const char *closing(const char *start, const char *end, unsigned *open)
{
	for (const char *p = start; p < end; p++) {
		bool begins = p == start || is_blank(p[-1]) || p[-1] == ';' || p[-1] == '(';
		bool ends = p + 1 == end || is_blank(p[1]) || p[1] == ';' || p[1] == ')' || p[1] == '|' || p[1] == '>';
		if (!begins || !ends)
			continue;
		*open += *p == '{';
		if (*p == '}' && --*open == 0)
			return p;
	}
	return NULL;
}

struct body {
	const char *start, *end; /* end: of the text that belongs to it; the next line begins behind `next` */
	const char *next;
	uint32_t line, next_line;
};

/* From the function's header on: its body ends with the brace that closes it, or with one that stands no further in than the header. */
static struct body body_of(const struct line *head, const char *rest, const char *end, uint32_t line)
{
	struct body b = {.line = line};
	struct line l = *head;
	unsigned open = 1;
	while (rest < l.end && is_blank(*rest))
		rest++;
	while (rest == l.end && l.end < end) { /* the brace is on the next line */
		l = line_at(l.end + 1, end);
		rest = l.first;
		b.line = ++line;
	}
	b.start = rest < l.end && (*rest == '{' || *rest == '(') ? rest + 1 : rest;
	b.end = closing(b.start, l.end, &open);
	size_t indent = (size_t)(head->first - head->start);
	while (!b.end && l.end < end) {
		l = line_at(l.end + 1, end);
		line++;
		if (l.first < l.end && (*l.first == '}' || *l.first == ')') && (size_t)(l.first - l.start) <= indent)
			b.end = l.first;
		else
			b.end = closing(l.start, l.end, &open);
	}
	if (!b.end)
		b.end = end;
	b.next = l.end < end ? l.end + 1 : end;
	b.next_line = line + 1;
	return b;
}

static void add_script(struct pod_finder *f, uint32_t file)
{
	const struct pod_finds_file *s = &f->rq->file[file];
	const char *p = s->text, *end = s->text + s->len, *outside = p, *name, *rest;
	uint32_t line = 1, outside_line = 1;
	size_t len;
	while (p < end && f->st == POD_OK) {
		struct line l = line_at(p, end);
		if (is_function(&l, &name, &len, &rest)) {
			struct body b = body_of(&l, rest, end, line);
			(void)add_unit(f, file, outside, l.start, outside_line, 0);
			(void)add_unit(f, file, b.start, b.end, b.line, pod_finds_hash(name, len));
			p = outside = b.next;
			line = outside_line = b.next_line;
			continue;
		}
		p = l.end < end ? l.end + 1 : end;
		line++;
	}
	if (outside < end)
		(void)add_unit(f, file, outside, end, outside_line, 0);
}

/* --- what is no script --------------------------------------------------------------------------------------------- */

static bool text_begins(const char *p, const char *end, const char *with)
{
	size_t n = pod_strlen(with);
	return (size_t)(end - p) >= n && memcmp(p, with, n) == 0;
}

/* Exec...=, What= and Where the kernel's own words stand in a unit. */
static void add_systemd_unit(struct pod_finder *f, uint32_t file)
{
	const struct pod_finds_file *s = &f->rq->file[file];
	const char *end = s->text + s->len;
	uint32_t line = 1;
	for (const char *p = s->text; p < end && f->st == POD_OK; line++) {
		struct line l = line_at(p, end);
		const char *v = l.first;
		if (text_begins(v, l.end, "Exec") || text_begins(v, l.end, "What=")) {
			while (v < l.end && *v != '=')
				v++;
			for (v += v < l.end; v < l.end && (*v == '-' || *v == '@' || *v == '+' || *v == '!' || *v == ':'); v++)
				;
			(void)add_unit(f, file, v, l.end, line, 0);
		}
		p = l.end < end ? l.end + 1 : end;
	}
}

/* id:runlevels:action:command */
static void add_inittab(struct pod_finder *f, uint32_t file)
{
	const struct pod_finds_file *s = &f->rq->file[file];
	const char *end = s->text + s->len;
	uint32_t line = 1;
	for (const char *p = s->text; p < end && f->st == POD_OK; line++) {
		struct line l = line_at(p, end);
		const char *v = l.first;
		unsigned colons = 0;
		if (v < l.end && *v != '#')
			for (; v < l.end && colons < 3; v++)
				colons += *v == ':';
		v += v < l.end && *v == '-';
		if (colons == 3)
			(void)add_unit(f, file, v, l.end, line, 0);
		p = l.end < end ? l.end + 1 : end;
	}
}

static void reach_named(void *ctx, uint32_t file, bool in_folder)
{
	pod_reach_file(ctx, file, POD_REACH_NAMED | (in_folder ? (unsigned)POD_REACH_FOLDER : 0u));
}

static void reach_run(void *ctx, uint32_t file, bool in_folder)
{
	(void)in_folder;
	pod_reach_file(ctx, file, POD_REACH_RUN);
}

static void reach_systemd(struct pod_finder *f)
{
	static const char *const folder[] = {"usr/lib/systemd/system", "lib/systemd/system", "etc/systemd/system",
					     "usr/lib/systemd/system-generators"};
	for (size_t i = 0; i < POD_ARRAY_LEN(folder); i++)
		(void)pod_finds_each(&f->files, folder[i], reach_named, f);
	(void)pod_finds_each(&f->files, "etc/fstab", reach_named, f);
	uint32_t release = pod_finds_lookup(&f->files, "etc/initrd-release");
	if (release != POD_FINDS_NO_FILE)
		pod_finds_clue_set(&f->outside, f->rq->file[release].path, 0, "systemd", 7);
}

static void reach_inittab(struct pod_finder *f)
{
	uint32_t tab = pod_finds_lookup(&f->files, "etc/inittab");
	if (tab != POD_FINDS_NO_FILE && !f->script[tab].order) {
		f->script[tab].order = ++f->orders;
		add_inittab(f, tab);
	}
	(void)pod_finds_each(&f->files, "etc/init.d/rcS", reach_run, f);
}

/* printf's %c, %d and %s are variables. */
static size_t string_as_word(const char *s, size_t len, char out[POD_W_LEN])
{
	size_t n = 0;
	for (size_t i = 0; i < len && n < POD_W_LEN - 1; i++) {
		bool format =
			s[i] == '%' && i + 1 < len && (s[i + 1] == 'c' || s[i + 1] == 'd' || s[i + 1] == 's' || s[i + 1] == 'u');
		out[n++] = format ? POD_W_VAR : s[i];
		i += format;
	}
	out[n] = 0;
	return n;
}

enum { PROGRAMS_DEEP = 32 };

static void look_at_string(struct pod_finder *f, uint32_t file, const char *s, size_t len, bool *unsure, bool *told)
{
	char word[POD_W_LEN];
	struct pod_word w = {.line = 0};
	if (len < 5 || len >= POD_W_LEN)
		return;
	(void)string_as_word(s, len, word);
	enum pod_device_word d = pod_device_word(word, false);
	/* which of the folder's entries it takes, and what these libraries find, is not to be seen */
	bool folder = d == POD_DW_WHOLE && word[0] == '/' && word[1] == 's';
	*unsure |= folder || text_begins(s, s + len, "libblkid") || text_begins(s, s + len, "libudev");
	if (d != POD_DW_NONE && !folder) {
		*told |= d != POD_DW_ID_ASKED;
		pod_finds_note(f, d, f->rq->file[file].path, 0, word, 1);
	}
	if (word[0] == '/' && word[1] && f->st == POD_OK) {
		(void)pod_strlcpy(w.text, word, sizeof w.text);
		(void)pod_finds_each(&f->files, w.text, reach_named, f);
	}
}

/* By whatever name it is there. */
static bool is_busybox(const struct pod_finds_file *s)
{
	static const char sign[] = "BusyBox v";
	for (size_t i = 0; i + sizeof sign <= s->len; i++)
		if (s->text[i] == 'B' && memcmp(s->text + i, sign, sizeof sign - 1) == 0)
			return true;
	return false;
}

/* What its strings say. What they do not say of a program that is not known stays open. */
static void reach_program(struct pod_finder *f, uint32_t file, bool run)
{
	const struct pod_finds_file *s = &f->rq->file[file];
	if (is_busybox(s))
		return;
	const char *end = s->text + s->len, *from = s->text;
	/* Nobody's programs name each other so deep: what is behind is not looked at. */
	bool unsure = f->programs == PROGRAMS_DEEP, told = false;
	if (unsure)
		from = end;
	f->programs++;
	f->st = pod_budget_spend(f->rq->budget, s->len / 16, 0);
	for (const char *p = from; p <= end && f->st == POD_OK; p++) {
		bool printable = p < end && *p >= 0x20 && *p < 0x7f;
		if (printable)
			continue;
		look_at_string(f, file, from, (size_t)(p - from), &unsure, &told);
		from = p + 1;
	}
	f->programs--;
	if (run && (unsure || !told) && !f->opaque.file[0])
		pod_finds_clue_set(&f->opaque, s->path, 0, base_of(s->path), pod_strlen(base_of(s->path)));
}

static bool is_known_program(const char *name)
{
	static const char known[] =
		" busybox [ nfsmount mount.nfs mount.cifs mount.nfs4 rpcbind rpc.statd nbd-client iscsistart iscsid "
		"sh bash dash ash mount umount blkid findfs udevadm systemd-udevd udevd eudev mdev modprobe insmod depmod kmod "
		"lsmod rmmod losetup dmsetup lvm mdadm cryptsetup fsck e2fsck fsck.ext4 sleep usleep cat ls ln cp mv rm mkdir mknod chmod "
		"chown echo printf grep egrep fgrep sed awk gawk mawk cut tr sort uniq head tail wc test true false expr basename dirname "
		"readlink realpath stat find xargs tee touch date dd sync kill killall pidof ps dmesg logger klogd syslogd getty agetty "
		"login su setsid cttyhack openvt chvt deallocvt loadkeys loadfont kbd_mode setfont setupcon plymouth plymouthd switch_root "
		"run-init pivot_root chroot nuke resume minips fstype ipconfig ip dhclient dhcpcd udhcpc wget curl ping ifconfig route "
		"halt reboot poweroff init systemctl systemd systemd-tmpfiles systemd-shutdown systemd-cgls journalctl systemd-sysctl "
		"systemd-modules-load systemd-journald systemd-vconsole-setup systemd-hibernate-resume systemd-fsck nlplug-findfs lsblk "
		"tar gzip gunzip zcat xz unxz xzcat zstd bzip2 cpio md5sum sha1sum sha256sum sha512sum od hexdump strings cmp diff seq "
		"env id uname hostname stty tty clear reset vi nano less more mktemp nproc free df du mountpoint mke2fs mkfs.ext4 mkswap "
		"swapon swapoff hwclock rngd haveged unsquashfs ntfs-3g mount.ntfs mount.fuse fusermount debconf udpkg anna sysctl dbus-daemon "
		"debconf-communicate start-stop-daemon rtc_cmos checkisomd5 xfs_db xfs_repair btrfs blockdev partprobe partx kexec dumpkeys ";
	return pod_strncasecmp(name, "systemd-", 8) == 0 || pod_is_one_of(name, known);
}

/* --- files ------------------------------------------------------------------------------------------------------ */

/* A first line that names a shell. */
static bool is_shell(const struct pod_finds_file *s)
{
	static const char *const shell[] = {"sh", "bash", "dash", "ash", "busybox", "ksh", "mksh", "zsh", "hush"};
	struct line l = line_at(s->text, s->text + s->len);
	for (const char *p = l.start + 2; p < l.end;) {
		const char *word;
		for (word = p; p < l.end && *p != ' ' && *p != '\t' && *p != '/'; p++)
			;
		for (size_t i = 0; i < POD_ARRAY_LEN(shell); i++)
			if (pod_strlen(shell[i]) == (size_t)(p - word) && memcmp(word, shell[i], (size_t)(p - word)) == 0)
				return true;
		p++;
	}
	return false;
}

static bool is_text(const struct pod_finds_file *s)
{
	for (size_t i = 0; i < s->len && i < 512; i++)
		if (!s->text[i])
			return false;
	return true;
}

static bool is_script_by_name(const char *path)
{
	return pod_ends_with_nocase(path, ".sh") || pod_ends_with_nocase(path, ".service") ||
	       pod_ends_with_nocase(path, ".mount") || pod_ends_with_nocase(path, ".conf") || pod_streq(base_of(path), "ORDER");
}

static void reach_elf(struct pod_finder *f, uint32_t file, unsigned how)
{
	const char *name = base_of(f->rq->file[file].path);
	if (how & POD_REACH_INIT && pod_streq(name, "systemd"))
		reach_systemd(f);
	else if (how & POD_REACH_INIT &&
		 (pod_streq(name, "busybox") || pod_ends_with_nocase(f->rq->file[file].path, "/sbin/init") ||
		  pod_streq(f->rq->file[file].path, "sbin/init")))
		reach_inittab(f);
	if (how & POD_REACH_INIT && (pod_streq(name, "systemd") || pod_streq(name, "busybox")))
		return;
	if (pod_streq(name, "init") || !is_known_program(name))
		reach_program(f, file, (how & (POD_REACH_RUN | POD_REACH_INIT)) != 0);
}

void pod_reach_file(struct pod_finder *f, uint32_t file, unsigned how)
{
	const struct pod_finds_file *s = &f->rq->file[file];
	struct pod_script *sc = &f->script[file];
	if (sc->order && how & POD_REACH_SOURCE) /* its functions are defined once more */
		sc->order = f->orders;
	if (sc->order || f->st != POD_OK)
		return;
	bool elf = s->len > 4 && memcmp(s->text,
					"\x7f"
					"ELF",
					4) == 0;
	bool interpreted = s->len > 2 && s->text[0] == '#' && s->text[1] == '!';
	if (elf && !(how & POD_REACH_INIT) && is_known_program(base_of(s->path)))
		return;
	/* that a folder is named leads to the scripts in it, not to its tables and texts */
	if (how & POD_REACH_FOLDER && !elf && !interpreted && !is_script_by_name(s->path))
		return;
	sc->order = how & POD_REACH_SOURCE ? f->orders : ++f->orders;
	sc->sourced = (how & POD_REACH_SOURCE) != 0;
	f->changed = true;
	if (elf)
		reach_elf(f, file, how);
	else if (pod_ends_with_nocase(s->path, ".service") || pod_ends_with_nocase(s->path, ".mount") ||
		 pod_ends_with_nocase(s->path, ".conf"))
		pod_ends_with_nocase(s->path, ".conf") && how &POD_REACH_SOURCE ? add_script(f, file) : add_systemd_unit(f, file);
	else if (interpreted && !is_shell(s))
		reach_program(f, file, (how & POD_REACH_RUN) != 0);
	else if (is_text(s))
		add_script(f, file);
}

struct choice {
	struct pod_finder *f;
	unsigned how;
	uint32_t var; /* of the path's last part; 0: none */
	bool by_value, by_assignment;
};

/* Has the variable in the path this file's name as its value? */
static bool is_value(const struct choice *c, const char *name)
{
	const struct pod_finder *f = c->f;
	if (c->by_value)
		return pod_command_has_value(f->rq, c->var, name);
	return !c->by_assignment || pod_finds_has(f->assigned, c->var ^ pod_finds_hash(name, pod_strlen(name)));
}

static void any_value(void *ctx, uint32_t file, bool in_folder)
{
	struct choice *c = ctx;
	const char *name = base_of(c->f->rq->file[file].path);
	(void)in_folder;
	c->by_value |= pod_command_has_value(c->f->rq, c->var, name);
	c->by_assignment |= pod_finds_has(c->f->assigned, c->var ^ pod_finds_hash(name, pod_strlen(name)));
}

static void reach_chosen(void *ctx, uint32_t file, bool in_folder)
{
	struct choice *c = ctx;
	if (!c->var || is_value(c, base_of(c->f->rq->file[file].path)))
		pod_reach_file(c->f, file, c->how | (in_folder ? (unsigned)POD_REACH_FOLDER : 0u));
}

void pod_reach_path(struct pod_finder *f, const struct pod_word *w, unsigned how)
{
	struct choice c = {.f = f, .how = how};
	const char *last = base_of(w->text);
	unsigned vars = 0;
	for (const char *p = w->text; *p; p++)
		vars += *p == POD_W_VAR;
	/* /scripts/${BOOT}: the last part is one variable, which the command line or a script gives */
	if (last[0] == POD_W_VAR && !last[1] && vars <= POD_W_VARS) {
		c.var = w->var[vars - 1];
		if (c.var)
			(void)pod_finds_each(&f->files, w->text, any_value, &c);
	}
	if (how & POD_REACH_SOURCE)
		f->orders++;
	(void)pod_finds_each(&f->files, w->text, reach_chosen, &c);
	if (f->st == POD_OK)
		f->st = pod_budget_spend(f->rq->budget, f->files.looked_at, 0);
	f->files.looked_at = 0;
}

/* --- functions -------------------------------------------------------------------------------------------------- */

uint32_t pod_argument_hash(uint32_t function)
{
	return function * 31u + 0xa5u;
}

/* The definition that is in force: the script's own where it is run by itself, else that of the file that was read last. */
static uint32_t order_in_force(const struct pod_finder *f, uint32_t name)
{
	uint32_t best = 0;
	bool alone = f->now && !f->script[f->now->file].sourced;
	for (uint32_t i = f->bucket[name % POD_FINDS_BUCKETS]; i; i = f->unit[i - 1].next) {
		const struct pod_unit *u = &f->unit[i - 1];
		uint32_t order = f->script[u->file].order;
		if (u->name != name)
			continue;
		if (alone && u->file == f->now->file)
			return order;
		if (order > best)
			best = order;
	}
	return best;
}

void pod_reach_function(struct pod_finder *f, const char *name, bool with_disk, bool *gives)
{
	uint32_t hash = pod_finds_hash(name, pod_strlen(name)), order = order_in_force(f, hash);
	for (uint32_t i = order ? f->bucket[hash % POD_FINDS_BUCKETS] : 0; i; i = f->unit[i - 1].next) {
		struct pod_unit *u = &f->unit[i - 1];
		if (u->name != hash || f->script[u->file].order != order)
			continue;
		f->changed |= !u->reached;
		u->reached = true;
		*gives |= u->gives;
		if (with_disk)
			f->changed |= pod_finds_put(f->derived, pod_argument_hash(hash));
	}
}
