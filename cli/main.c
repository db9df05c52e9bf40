/* SPDX-License-Identifier: BSD-2-Clause */
/* The `isopod` command: finds the subcommand and hands over. */
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/ui/ui.h"

static const struct cli_command *const commands[] = {
	&cli_create, &cli_update, &cli_add,   &cli_list,  &cli_remove, &cli_move,  &cli_next, &cli_plan,    &cli_vm,
	&cli_export, &cli_doctor, &cli_rules, &cli_trace, &cli_disk,   &cli_layer, &cli_togo, &cli_drivers, &cli_persist,
};

static void print_usage(FILE *f)
{
	fprintf(f, "%s\n\n%s\n", _("Usage: isopod COMMAND [ARGUMENT]..."), _("One stick that boots every image you drop on it."));
	fprintf(f, "\n%s\n", _("Commands:"));
	for (size_t i = 0; i < POD_ARRAY_LEN(commands); i++)
		fprintf(f, "  %-8s %s\n", commands[i]->name, _(commands[i]->summary));
	fprintf(f, "\n%s\n", _("TARGET is a USB drive (/dev/sdX) or a file that holds the image of one."));
	fprintf(f, "%s\n", _("'isopod COMMAND --help' explains a command, 'man isopod-COMMAND' at length."));
	fprintf(f, "%s\n", _("Exit status: 0 done, 1 a check found something wrong, 2 usage, 3 the operation failed."));
}

static const struct cli_command *find(const char *name)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static void set_language(void)
{
	const char *dir = getenv("ISOPOD_LOCALEDIR");

	/* Numbers, times and order are not a matter of language here, in JSON and on the command line least of all. */
	setlocale(LC_CTYPE, "");
	setlocale(LC_MESSAGES, "");
	bindtextdomain("isopod", dir ? dir : ISOPOD_LOCALEDIR);
	bind_textdomain_codeset("isopod", "UTF-8");
	textdomain("isopod");
}

/*
 * A caller may have closed a standard stream ("isopod add ... 2>&-"). The next open() would then give its number to the stick,
 * and a warning would be written over the stick's first sector. Each gets a stand-in on which the wrong direction fails, so that
 * a report that cannot be written is still an error.
 */
static bool keep_standard_numbers(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			return false;
	return true;
}

/* Was a report in JSON asked for? getopt takes beginnings of a long option too. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strncmp(argv[i], "--j", 3) == 0 && strncmp("--json", argv[i], strlen(argv[i])) == 0)
			return true;
	return false;
}

/* Runs a command whose report is JSON: what it writes is held back, so that one that fails leaves one object that says why, and
 * nothing of a report it could not finish. */
static int run_json(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	FILE *out = stdout;
	char *text = NULL;
	size_t len = 0;
	int rc;

	stdout = open_memstream(&text, &len);
	if (!stdout) {
		stdout = out;
		return fault_set(fault, "%s", _("out of memory"));
	}
	rc = cmd->run(cmd, argc, argv, fault);
	if (fclose(stdout) != 0)
		rc = fault_set(fault, "%s", _("out of memory"));
	stdout = out;
	if (rc == CLI_OK || rc == CLI_CHECK)
		fwrite(text, 1, len, stdout);
	else
		fault_print_json(fault, rc);
	free(text);
	if (cli_flush(fault) != CLI_OK && rc <= CLI_CHECK)
		rc = CLI_FAILED;
	return rc;
}

static int run(int argc, char **argv, struct fault *fault)
{
	const struct cli_command *cmd;
	char name[64];

	if (argc < 2) {
		print_usage(stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("isopod %s\n", ISOPOD_VERSION);
		return cli_flush(fault);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return cli_flush(fault);
	}
	if (strcmp(argv[1], "help") == 0) {
		cmd = argc > 2 ? find(argv[2]) : NULL;
		if (cmd)
			cli_print_help(cmd);
		else
			print_usage(stdout);
		return cli_flush(fault);
	}
	cmd = find(argv[1]);
	if (!cmd) {
		fault_set(fault, _("unknown command '%s'; 'isopod --help' lists the commands"), argv[1]);
		return CLI_USAGE;
	}
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			cli_print_help(cmd);
			return cli_flush(fault);
		}
	snprintf(name, sizeof name, "isopod %s", cmd->name);
	argv[1] = name;
	opterr = 0; /* cli_bad_option says it */
	return wants_json(argc, argv) ? run_json(cmd, argc - 1, argv + 1, fault) : cmd->run(cmd, argc - 1, argv + 1, fault);
}

int main(int argc, char **argv)
{
	struct fault fault = {0};
	int rc;

	if (!keep_standard_numbers())
		return CLI_FAILED;
	set_language();
	/* The cache of each file of a chain is some 2 MiB: from the heap, which grows in few steps, and not by two calls for each. What
	 * was never touched takes no memory. */
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TOP_PAD, 8 << 20);
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
	/* A reader that goes away ends the output, not us halfway through a write to the stick. */
	signal(SIGPIPE, SIG_IGN);
	rc = run(argc, argv, &fault);
	fault_print(&fault);
	fault_free(&fault);
	return rc;
}
