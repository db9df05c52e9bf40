/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod drivers: INF folders into a WIM, into a layer store, onto a stick; each as far as it can be done outside Windows. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/stick/target.h"
#include "cli/togo/drivers.h"
#include "core/base/bytes.h"
#include "core/base/str.h"

#define STICK_FOLDER "/drivers"

struct options {
	const char *target, *edition;
	char **folder;
	unsigned folders;
	bool add, json;
};

enum kind { KIND_PE, KIND_INSTALLED, KIND_STORE, KIND_STICK };

/* --- what it is ----------------------------------------------------------------------------------------------------- */

static bool is_wim(const char *path)
{
	static const char magic[8] = "MSWIM\0\0";
	char head[sizeof magic];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && read(fd, head, sizeof head) == (ssize_t)sizeof head && memcmp(head, magic, sizeof magic) == 0;

	if (fd >= 0)
		close(fd);
	return is;
}

/* --- into a WIM ------------------------------------------------------------------------------------------------------ */

/* Windows PE has no edition, or this one. */
static bool is_pe(const struct togo_edition *e)
{
	return !e->id[0] || pod_strcasecmp(e->id, "WindowsPE") == 0;
}

static int change_wim(const struct options *o, const struct drivers_set *set, enum kind *kind, char **list, struct fault *fault)
{
	struct togo_source source;
	struct togo_editions editions = {0};
	const struct togo_edition *e = NULL;
	int rc = togo_source_open(&source, o->target, TOGO_INDEX, o->target, fault), fd = -1;

	if (rc == CLI_OK && source.parts > 1)
		rc = fault_set(fault, _("%s: a split WIM cannot be changed; join its parts first (wimlib-imagex join)"),
			       o->target);
	if (rc == CLI_OK)
		rc = togo_wim_look(&source, &editions, fault);
	togo_source_close(&source);
	if (rc == CLI_OK)
		rc = togo_edition_choose(&editions, o->edition, o->target, &e, fault);
	if (rc == CLI_OK) {
		*kind = is_pe(e) ? KIND_PE : KIND_INSTALLED;
		fd = open(o->target, (set ? O_RDWR : O_RDONLY) | O_CLOEXEC);
		if (fd < 0)
			rc = fault_set(fault, _("%s: cannot open: %s"), o->target, strerror(errno));
	}
	if (rc == CLI_OK)
		rc = drivers_wim(fd, o->target, e->index, *kind == KIND_PE ? &drivers_place_pe : &drivers_place_installed, set,
				 list, fault);
	if (fd >= 0)
		close(fd);
	togo_editions_free(&editions);
	return rc;
}

/* --- onto a stick ----------------------------------------------------------------------------------------------------- */

/* The folders as they lie below ours, each file by `isopod add`: its checks, its hashes, its power-cut safety. */
static int add_to_stick(const char *target, const struct drivers_set *set, char *const *folder, struct fault *fault)
{
	int rc = CLI_OK;

	for (unsigned i = 0; i < set->files.n && rc == CLI_OK; i++) {
		const char *path = set->files.v[i].path, *rel = strchr(path, '/') + 1, *slash = strrchr(path, '/');
		unsigned which = 0;

		while (which + 1 < set->names &&
		       (strncmp(set->name[which], path, strlen(set->name[which])) != 0 || path[strlen(set->name[which])] != '/'))
			which++;
		char *file = cli_xasprintf("%s/%s", folder[which], rel),
		     *to = cli_xasprintf(STICK_FOLDER "/%.*s", (int)(slash - path), path);
		char name[] = "isopod add", option[] = "--to",
		     *argv[] = {name, (char *)(uintptr_t)target, file, option, to, NULL};

		optind = 0; /* getopt begins anew */
		rc = cli_add.run(&cli_add, 5, argv, fault);
		free(file);
		free(to);
	}
	return rc;
}

struct found {
	struct pod_fs *fs;
	char *list;
	unsigned steps;
};

/* NOLINTNEXTLINE(misc-no-recursion): POD_DEPTH_MAX deep */
static void list_folder(struct found *f, const struct pod_node *node, const char *path, unsigned depth)
{
	struct pod_dirent *e = cli_xzalloc(sizeof *e);
	struct pod_dir dir;

	if (depth < POD_DEPTH_MAX && pod_dir_open(&dir, f->fs, node) == POD_OK)
		while (pod_dir_next(&dir, e) == POD_OK && f->steps++ < 100000) {
			char *below = cli_xasprintf("%s%s%s", path, *path ? "/" : "", e->name);
			struct pod_node n = e->node;

			if (n.is_dir) {
				list_folder(f, &n, below, depth + 1);
			} else if (pod_ends_with_nocase(e->name, ".inf")) {
				char *more = cli_xasprintf("%s%s\n", f->list, below);

				free(f->list);
				f->list = more;
			}
			free(below);
		}
	free(e);
}

static int list_stick(const char *target, char **list, struct fault *fault)
{
	struct cli_target *t = cli_target_open(target, false, fault);
	struct found f = {.list = cli_xstrdup("")};
	struct pod_node node;

	if (!t) {
		free(f.list);
		return CLI_FAILED;
	}
	f.fs = &t->data;
	if (pod_fs_lookup(&t->data, STICK_FOLDER, &node, &t->scratch) == POD_OK && node.is_dir)
		list_folder(&f, &node, "", 0);
	cli_target_close(t);
	*list = f.list;
	return CLI_OK;
}

/* --- the command -------------------------------------------------------------------------------------------------------- */

static unsigned lines_of(const char *list)
{
	unsigned n = 0;

	for (; *list; list++)
		n += *list == '\n';
	return n;
}

/* Calls back for each line. */
static void each_line(const char *list, void (*cb)(void *ctx, const char *line), void *ctx)
{
	char *copy = cli_xstrdup(list), *rest = copy, *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line)
			cb(ctx, line);
	free(copy);
}

static void json_line(void *ctx, const char *line)
{
	cli_json_str(ctx, NULL, line);
}

static void print_line(void *ctx, const char *line)
{
	(void)ctx;
	cli_print("%s\n", line);
}

static int report_json(const struct options *o, enum kind kind, const char *list, struct fault *fault)
{
	static const char *const name[] = {"pe", "installed", "store", "stick"};
	struct cli_json j;

	cli_json_init(&j, stdout);
	cli_json_open(&j, NULL, '{');
	cli_json_str(&j, "target", o->target);
	cli_json_str(&j, "kind", name[kind]);
	cli_json_open(&j, "inf", '[');
	each_line(list, json_line, &j);
	cli_json_close(&j, ']');
	cli_json_close(&j, '}');
	return cli_json_end(&j, fault);
}

static int report(const struct options *o, enum kind kind, const char *list, const struct drivers_set *set, struct fault *fault)
{
	static const char *const how_far[] = {
		[KIND_PE] = N_(
			"Isopod's helper loads those that fit the machine when this Windows PE starts from a stick, and Windows "
			"Setup looks at them, too; Windows refuses unsigned ones"),
		[KIND_INSTALLED] =
			N_("Windows installs them at the end of its first start; the disk it starts from must work without "
			   "them"),
		[KIND_STORE] = N_(
			"Windows installs them at the end of its first start, and not if that is over; the disk it starts from "
			"must work without them"),
		[KIND_STICK] =
			N_("Isopod's helper loads those that fit the machine when a Windows PE or Setup starts from the stick; "
			   "Windows refuses unsigned ones"),
	};

	if (o->json)
		return report_json(o, kind, list, fault);
	if (!set)
		each_line(list, print_line, NULL);
	else
		cli_print(_("%s: %u driver files (INF) added, %u in all. %s\n"), o->target, set->infs, lines_of(list),
			  _(how_far[kind]));
	return cli_flush(fault);
}

static int change(const struct options *o, const struct drivers_set *set, enum kind *kind, char **list, struct fault *fault)
{
	struct stat st;
	int rc;

	if (is_wim(o->target))
		return change_wim(o, set, kind, list, fault);
	*kind = KIND_STORE;
	if (stat(o->target, &st) == 0 && S_ISDIR(st.st_mode))
		return drivers_store(o->target, &drivers_place_installed, set, list, fault);
	*kind = KIND_STICK;
	rc = cli_target_is_stick(o->target, fault);
	if (rc < 0)
		return CLI_FAILED;
	if (rc == 0)
		return fault_set(fault, _("%s: neither a WIM, nor a layer store, nor a stick"), o->target);
	rc = set ? add_to_stick(o->target, set, o->folder, fault) : CLI_OK;
	return rc == CLI_OK ? list_stick(o->target, list, fault) : rc;
}

static int run_both(const struct options *o, struct fault *fault)
{
	struct drivers_set set = {0};
	enum kind kind = KIND_STICK;
	char *list = NULL;
	int rc = CLI_OK;

	if (o->add && !drivers_set_read(&set, o->folder, o->folders, fault))
		rc = CLI_FAILED;
	if (rc == CLI_OK && set.no_catalogue)
		fault_warn(fault, _("%s: no catalogue (.cat) lies with the driver: Windows loads no unsigned drivers"),
			   o->folder[0]);
	if (rc == CLI_OK)
		rc = change(o, o->add ? &set : NULL, &kind, &list, fault);
	if (rc == CLI_OK)
		rc = report(o, kind, list, o->add ? &set : NULL, fault);
	drivers_set_free(&set);
	free(list);
	return rc;
}

static int run(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	static const struct option options[] = {
		{"edition", required_argument, NULL, 'e'}, {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	struct options o = {0};
	int c;

	if (argc < 2 || (strcmp(argv[1], "add") != 0 && strcmp(argv[1], "list") != 0))
		return cli_usage(fault, cmd, "%s", _("say what to do: add, list"));
	o.add = strcmp(argv[1], "add") == 0;
	argc--;
	argv++;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'e')
			o.edition = optarg;
		else if (c == 'j')
			o.json = true;
		else
			return cli_bad_option(fault, cmd, argv);
	}
	if (o.add ? argc - optind < 2 : argc - optind != 1)
		return cli_usage(fault, cmd, "%s",
				 o.add ? _("name a target and at least one folder with an INF file") : _("name one target"));
	if (o.add && o.json)
		return cli_usage(fault, cmd, "%s", _("--json goes with list"));
	o.target = argv[optind];
	o.folder = argv + optind + 1;
	o.folders = (unsigned)(argc - optind - 1);
	cli_catch_signals();
	return run_both(&o, fault);
}

const struct cli_command cli_drivers = {
	.name = "drivers",
	.arguments = "add WIM|STORE|TARGET FOLDER... | list WIM|STORE|TARGET",
	.summary = N_("give a Windows drivers: folders with INF files into a WIM, a layer store, or onto a stick"),
	.help = N_(
		"  --edition NAME|INDEX   which image of a WIM\n"
		"  --json                 the list as JSON\n"
		"Into Windows PE and onto a stick: loaded when it starts. Into an installed Windows: installed at its first start.\n"
		"A driver for the disk that Windows itself starts from cannot be added outside Windows.\n"),
	.run = run,
};
