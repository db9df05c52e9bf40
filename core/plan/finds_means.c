/* SPDX-License-Identifier: BSD-2-Clause */
/* What a command of an init script looks at. Texts for people, and things that are done to a device, look for nothing. */
#include "core/plan/finds_int.h"
#include "core/base/mem.h"

/* A command without its assignments and what it is started by. */
struct call {
	struct pod_finder *f;
	const struct pod_command *c;
	uint32_t at;	  /* the word that is its name */
	const char *name; /* without its folder */
	bool disks;	  /* names of disks go through it */
	bool assigns;
};

bool pod_is_one_of(const char *name, const char *list)
{
	size_t n = pod_strlen(name);
	for (const char *p = list; *p; p++)
		if (*p == ' ' && pod_strncasecmp(p + 1, name, n) == 0 && p[1 + n] == ' ')
			return n != 0;
	return false;
}

void pod_finds_clue_set(struct pod_finds_clue *c, const char *file, uint32_t line, const char *word, size_t len)
{
	(void)pod_strlcpy(c->file, file, sizeof c->file);
	c->line = line;
	size_t n = 0;
	for (size_t i = 0; i < len && n < sizeof c->word - 1; i++)
		c->word[n++] = word[i] == POD_W_VAR ? '$' : word[i] >= 0x20 && word[i] < 0x7f ? word[i] : '?';
	c->word[n] = 0;
}

void pod_finds_note(struct pod_finder *f, enum pod_device_word w, const char *file, uint32_t line, const char *word, uint8_t rank)
{
	if (w == POD_DW_NONE || (f->clue[w].file[0] && f->rank[w] >= rank))
		return;
	pod_finds_clue_set(&f->clue[w], file, line, word, pod_strlen(word));
	f->rank[w] = rank;
}

static const struct pod_word *word_of(const struct call *x, uint32_t i)
{
	return &x->c->word[i];
}

static bool is_positional(uint32_t var)
{
	static const char *const name[] = {"1", "2", "3", "4", "@", "*"};
	for (size_t i = 0; i < POD_ARRAY_LEN(name); i++)
		if (var == pod_finds_hash(name[i], 1))
			return true;
	return false;
}

static bool is_derived(const struct call *x, uint32_t var)
{
	const struct pod_finder *f = x->f;
	if (!var)
		return false;
	return pod_finds_has(f->derived, is_positional(var) ? pod_argument_hash(f->now->name) : var);
}

static void note(struct call *x, enum pod_device_word w, const struct pod_word *word)
{
	bool list = word->text[0] == '/' && (word->text[1] == 's' || word->text[1] == 'p');
	uint8_t rank = x->assigns ? 0 : list || is_derived(x, word->var[0]) ? 2 : 1;
	pod_finds_note(x->f, w, x->f->rq->file[x->f->now->file].path, word->line, word->text, rank);
}

static void derive(struct call *x, uint32_t var)
{
	if (var)
		x->f->changed |= pod_finds_put(x->f->derived, is_positional(var) ? pod_argument_hash(x->f->now->name) : var);
}

/* What the word says of devices; true: it is, or gives, names of disks. */
static bool look(struct call *x, const struct pod_word *w)
{
	bool derived = false;
	for (unsigned i = 0; i < POD_W_VARS; i++)
		derived |= is_derived(x, w->var[i]);
	enum pod_device_word d = pod_device_word(w->text, is_derived(x, w->var[0]));
	note(x, d, w);
	bool disks = derived || d == POD_DW_WHOLE || d == POD_DW_ANY;
	x->disks |= disks;
	return disks;
}

/* "NAME=": the length of the name; 0: it is none. */
static size_t assigned_name(const char *text)
{
	size_t n = 0;
	while ((text[n] >= '0' && text[n] <= '9') || (pod_tolower(text[n]) >= 'a' && pod_tolower(text[n]) <= 'z') ||
	       text[n] == '_')
		n++;
	return n && (text[n] == '=' || (text[n] == '+' && text[n + 1] == '=')) ? n : 0;
}

static void assign(struct call *x, const struct pod_word *w)
{
	size_t n = assigned_name(w->text);
	uint32_t name = pod_finds_hash(w->text, n);
	const char *value = w->text + n + 1;
	x->assigns = true;
	if (look(x, w))
		derive(x, name);
	x->assigns = false;
	for (const char *p = value; *p; p++)
		if (*p == POD_W_VAR)
			return;
	x->f->changed |= pod_finds_put(x->f->assigned, name ^ pod_finds_hash(value, pod_strlen(value)));
}

static void named_device(struct call *x, const struct pod_word *w)
{
	for (const char *p = w->text; *p; p++)
		if (*p == '/' || *p == POD_W_VAR)
			return;
	enum pod_device_word d = pod_device_name(w->text);
	note(x, d, w);
	x->disks |= d == POD_DW_WHOLE || d == POD_DW_ANY;
}

static void loop(struct call *x)
{
	const struct pod_command *c = x->c;
	uint32_t in = x->at + 2;
	bool disks = false;
	if (c->count <= x->at + 1)
		return;
	for (uint32_t i = in; i < c->count; i++) {
		disks |= look(x, word_of(x, i));
		named_device(x, word_of(x, i));
		pod_reach_path(x->f, word_of(x, i), POD_REACH_NAMED);
	}
	if (disks || x->disks)
		derive(x, pod_finds_hash(c->word[x->at + 1].text, pod_strlen(c->word[x->at + 1].text)));
}

static bool is_literal(const char *text)
{
	for (; *text; text++)
		if (*text == POD_W_VAR)
			return false;
	return true;
}

static bool is_tag(const char *text)
{
	return pod_starts_with_nocase(text, "LABEL=") || pod_starts_with_nocase(text, "UUID=") ||
	       pod_starts_with_nocase(text, "PARTUUID=") || pod_starts_with_nocase(text, "PARTLABEL=");
}

static void by_tag(struct call *x, const struct pod_word *w)
{
	note(x, is_literal(w->text) ? POD_DW_ID : POD_DW_ID_ASKED, w);
}

/* Options that take a value, by their letters. */
static bool takes_value(const char *option, const char *letters)
{
	if (option[0] != '-' || !option[1] || option[1] == '-')
		return false;
	char last = option[pod_strlen(option) - 1];
	for (; *letters; letters++)
		if (*letters == last)
			return true;
	return false;
}

static void blkid(struct call *x)
{
	bool one = false, asked = false;
	for (uint32_t i = x->at + 1; i < x->c->count; i++) {
		const struct pod_word *w = word_of(x, i);
		const char *t = w->text;
		bool label = t[0] == '-' && t[1] != '-' && (t[pod_strlen(t) - 1] == 'L' || t[pod_strlen(t) - 1] == 'U');
		if (label || pod_starts_with_nocase(t, "--label") || pod_starts_with_nocase(t, "--uuid") || is_tag(t)) {
			if (is_tag(t) || i + 1 == x->c->count)
				by_tag(x, w);
			else
				by_tag(x, word_of(x, ++i));
			asked = true;
		} else if (takes_value(t, "ostcwOSnu")) {
			const struct pod_word *next = i + 1 < x->c->count ? word_of(x, i + 1) : w;
			bool tag = t[pod_strlen(t) - 1] == 't' && (is_tag(next->text) || next->text[0] == POD_W_VAR);
			if (tag)
				by_tag(x, next);
			asked |= tag;
			i++;
		} else if (t[0] != '-') {
			one = true;
			(void)look(x, w);
		}
	}
	/* of all devices; alone it shows them to a person */
	if (!one && !asked && (x->c->depth || x->c->piped))
		note(x, POD_DW_ANY, word_of(x, x->at));
}

static void listing(struct call *x)
{
	bool one = false;
	for (uint32_t i = x->at + 1; i < x->c->count; i++) {
		const char *t = word_of(x, i)->text;
		one |= t[0] == '/' || t[0] == POD_W_VAR;
		if (takes_value(t, "oIe"))
			i++;
	}
	if (!one && (x->c->depth || x->c->piped))
		note(x, POD_DW_ANY, word_of(x, x->at));
}

/* debian-installer's */
static void list_devices(struct call *x)
{
	for (uint32_t i = x->at + 1; i < x->c->count; i++) {
		const struct pod_word *w = word_of(x, i);
		if (pod_streq(w->text, "cd"))
			note(x, POD_DW_DRIVES, w);
		else if (pod_ends_with_nocase(w->text, "partition"))
			note(x, POD_DW_ANY, w);
		else if (pod_streq(w->text, "disk"))
			note(x, POD_DW_WHOLE, w);
	}
}

static void search_files(struct call *x)
{
	bool dev = false, name = false;
	const struct pod_word *type = NULL;
	for (uint32_t i = x->at + 1; i < x->c->count; i++) {
		const struct pod_word *w = word_of(x, i);
		dev |= pod_streq(w->text, "/dev") || pod_streq(w->text, "/dev/");
		if (dev && pod_streq(w->text, "-name") && i + 1 < x->c->count) {
			name = true;
			named_device(x, word_of(x, ++i));
		} else if (pod_streq(w->text, "-type") && i + 1 < x->c->count && pod_streq(word_of(x, i + 1)->text, "b")) {
			type = w;
		} else {
			(void)look(x, w);
		}
	}
	if (dev && type && !name)
		note(x, POD_DW_ANY, word_of(x, x->at));
}

static void test(struct call *x)
{
	for (uint32_t i = x->at + 1; i < x->c->count; i++) {
		const char *t = word_of(x, i)->text;
		if (pod_streq(t, "=") || pod_streq(t, "==") || pod_streq(t, "!=") || pod_streq(t, "=~"))
			i++; /* compared, not looked at */
		else if (i + 1 >= x->c->count || word_of(x, i + 1)->text[0] != '=')
			(void)look(x, word_of(x, i));
	}
}

static bool is_made_by_kernel(const char *what)
{
	return pod_is_one_of(
		what,
		" proc sysfs tmpfs ramfs devtmpfs devpts none udev dev sys run shm tmp cgroup cgroup2 overlay overlayfs aufs "
		"unionfs securityfs debugfs efivarfs mqueue configfs pstore bpf tracefs nfs nfs4 cifs 9p virtiofs rootfs "
		"fusectl hugetlbfs autofs binfmt_misc ");
}

static void mount(struct call *x)
{
	const struct pod_word *from = NULL;
	bool made = false, tag = false;
	for (uint32_t i = x->at + 1; i < x->c->count; i++) {
		const struct pod_word *w = word_of(x, i), *next = i + 1 < x->c->count ? word_of(x, i + 1) : NULL;
		const char *t = w->text;
		if (pod_streq(t, "-a"))
			pod_reach_path(x->f, &(struct pod_word){.text = "/etc/fstab"}, POD_REACH_NAMED);
		made |= pod_streq(t, "-a") || pod_starts_with_nocase(t, "--move") || pod_starts_with_nocase(t, "--bind") ||
			pod_starts_with_nocase(t, "--rbind") || pod_streq(t, "-M") || pod_streq(t, "-B") ||
			pod_starts_with_nocase(t, "--make");
		if (next && (pod_streq(t, "-L") || pod_streq(t, "-U"))) {
			by_tag(x, next);
			tag = true;
			i++;
		} else if (next && pod_streq(t, "-t")) {
			made |= is_made_by_kernel(next->text);
			i++;
		} else if (next && takes_value(t, "oOt")) {
			for (const char *p = next->text; *p; p++)
				made |= pod_starts_with_nocase(p, "move") || pod_starts_with_nocase(p, "bind") ||
					pod_starts_with_nocase(p, "rbind") || pod_starts_with_nocase(p, "remount");
			i++;
		} else if (pod_starts_with_nocase(t, "-t") && t[2]) {
			made |= is_made_by_kernel(t + 2);
		} else if (t[0] != '-' && !from) {
			from = w;
		}
	}
	if (!from || tag)
		return;
	if (is_tag(from->text))
		by_tag(x, from);
	else if (!look(x, from) && !made && !is_made_by_kernel(from->text) && pod_device_word(from->text, false) == POD_DW_NONE &&
		 (from->text[0] == POD_W_VAR || pod_starts_with_nocase(from->text, "/dev/mapper")) && !x->f->outside.file[0])
		pod_finds_clue_set(&x->f->outside, x->f->rq->file[x->f->now->file].path, from->line, from->text,
				   pod_strlen(from->text));
}

/* Everything else: its words, what they lead to, and the function or program that it is. */
static void words(struct call *x, bool devices)
{
	const struct pod_command *c = x->c;
	bool with_disk = false, gives = false;
	for (uint32_t i = x->at + 1; i < c->count; i++) {
		const struct pod_word *w = word_of(x, i);
		const char *t = w->text;
		bool disk = devices ? look(x, w) : false;
		with_disk |= disk;
		if (t[0] == '/' && t[1])
			pod_reach_path(x->f, w, POD_REACH_NAMED);
		else if (is_literal(t) && t[0] != '-' && t[0])
			pod_reach_function(x->f, t, false, &gives);
	}
	pod_reach_function(x->f, x->name, with_disk, &gives);
	x->disks |= gives;
}

static void run(struct call *x)
{
	const struct pod_word *w = word_of(x, x->at);
	bool init = pod_is_one_of(x->name, " init linuxrc systemd ");
	unsigned how = POD_REACH_RUN | (init ? (unsigned)POD_REACH_INIT : 0u);
	if (w->text[0] == '/' || w->text[0] == '.') {
		pod_reach_path(x->f, w, how);
	} else if (is_literal(w->text)) {
		uint32_t file = pod_finds_program(&x->f->files, w->text);
		if (file != POD_FINDS_NO_FILE)
			pod_reach_file(x->f, file, how);
	}
}

static void source(struct call *x)
{
	if (x->at + 1 < x->c->count) {
		const struct pod_word *w = word_of(x, x->at + 1);
		if (w->text[0] == POD_W_VAR && w->text[1] != '/') /* a file whose folder stands elsewhere */
			return;
		pod_reach_path(x->f, w, POD_REACH_SOURCE);
		if (w->text[0] != '/' && is_literal(w->text)) {
			uint32_t file = pod_finds_program(&x->f->files, w->text);
			if (file != POD_FINDS_NO_FILE)
				pod_reach_file(x->f, file, POD_REACH_SOURCE);
		}
	}
}

/* Texts for people: they may lead somewhere, but look at nothing. */
static bool only_says(const struct call *x)
{
	if (x->c->depth || x->c->piped)
		return false;
	return pod_is_one_of(x->name,
			     " echo printf cat log info warn warning die panic msg err debug vinfo vwarn log_begin_msg "
			     "log_success_msg log_failure_msg log_warning_msg log_end_msg splash_msg message bootmsg ebegin "
			     "einfo eerror ewarn ");
}

static void dispatch(struct call *x)
{
	const char *n = x->name;
	if (pod_is_one_of(n, " for select "))
		loop(x);
	else if (pod_is_one_of(n, " . source "))
		source(x);
	else if (pod_is_one_of(n, " blkid "))
		blkid(x);
	else if (pod_is_one_of(n, " lsblk "))
		listing(x);
	else if (pod_is_one_of(n, " list-devices "))
		list_devices(x);
	else if (pod_is_one_of(n, " find "))
		search_files(x);
	else if (pod_is_one_of(n, " test [ [[ "))
		test(x);
	else if (pod_is_one_of(n, " mount "))
		mount(x);
	else if (pod_is_one_of(n, " nlplug-findfs "))
		note(x, POD_DW_ANY, word_of(x, x->at));
	else if (pod_is_one_of(n, " findfs ") && x->at + 1 < x->c->count)
		by_tag(x, word_of(x, x->at + 1));
	else if (pod_is_one_of(n, " switch_root run-init pivot_root chroot case "))
		return;
	else
		words(x, !only_says(x) &&
				 !pod_is_one_of(
					 n, " umount eject mknod rm ln chmod chown mkdir modprobe insmod grep egrep fgrep sed "
					    "blockdev hdparm dd "));
}

static void take_input(struct call *x)
{
	if (!pod_is_one_of(x->name, " read mapfile readarray "))
		return;
	for (uint32_t i = x->at + 1; i < x->c->count; i++)
		derive(x, pod_finds_hash(word_of(x, i)->text, pod_strlen(word_of(x, i)->text)));
}

/* What lists devices may be given to any command: grep x /proc/partitions */
static void tables(struct call *x)
{
	for (uint32_t i = x->at + 1; i < x->c->count; i++) {
		const struct pod_word *w = word_of(x, i);
		if (pod_starts_with_nocase(w->text, "/proc/") || pod_starts_with_nocase(w->text, "/sys/"))
			(void)look(x, w);
	}
}

static bool is_prefix(const char *name)
{
	return pod_is_one_of(
		name, " exec eval command busybox env nohup setsid builtin local export readonly declare typeset cttyhack ");
}

enum pod_status pod_finds_command_means(void *ctx, const struct pod_command *c)
{
	struct pod_finder *f = ctx;
	struct call x = {.f = f, .c = c};
	if (c->pattern)
		return POD_OK;
	f->pipe &= c->from_pipe;
	while (x.at < c->count && (assigned_name(c->word[x.at].text) || is_prefix(c->word[x.at].text))) {
		if (assigned_name(c->word[x.at].text))
			assign(&x, &c->word[x.at]);
		x.at++;
	}
	if (x.at < c->count) {
		const char *t = c->word[x.at].text;
		x.name = t;
		for (; *t; t++)
			x.name = *t == '/' ? t + 1 : x.name;
		(void)look(&x, &c->word[x.at]); /* the further words of a list in quotes */
		if (f->pipe)
			take_input(&x);
		dispatch(&x);
		if (pod_is_one_of(x.name, " grep egrep fgrep sed awk "))
			tables(&x);
		run(&x);
	}
	if (x.disks) {
		f->pipe |= c->piped;
		derive(&x, c->inside);
		f->now->gives = true;
	}
	return f->st;
}
