/* SPDX-License-Identifier: BSD-2-Clause */
/* What every subcommand says of itself, and of a command line that makes no sense. */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "cli/ui/ui.h"

void cli_print_help(const struct cli_command *cmd)
{
	printf(_("Usage: isopod %s %s\n"), cmd->name, cmd->arguments);
	printf("\n%s\n", _(cmd->summary));
	if (cmd->help)
		printf("\n%s", _(cmd->help));
}

int cli_usage(struct fault *f, const struct cli_command *cmd, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = cli_xvasprintf(fmt, ap);
	va_end(ap);
	fault_set(f, _("%s; see 'isopod %s --help'"), s, cmd->name);
	free(s);
	return CLI_USAGE;
}

/* getopt's own lines are switched off (main.c): they would be in another style, and no part of a report in JSON. */
int cli_bad_option(struct fault *f, const struct cli_command *cmd, char **argv)
{
	const char *word = argv[optind - 1];
	char name[3] = {'-', (char)optopt, '\0'};

	if (strncmp(word, "--", 2) == 0 && optopt == 0)
		fault_set(f, _("there is no option '%s'; 'isopod %s --help' lists them"), word, cmd->name);
	else if (strncmp(word, "--", 2) == 0 && strchr(word, '='))
		fault_set(f, _("option '%s' takes no value; 'isopod %s --help' explains"), word, cmd->name);
	else if (strncmp(word, "--", 2) == 0)
		fault_set(f, _("option '%s' needs a value; 'isopod %s --help' explains"), word, cmd->name);
	else
		fault_set(f, _("there is no option '%s'; 'isopod %s --help' lists them"), name, cmd->name);
	return CLI_USAGE;
}

bool cli_only_json(const struct cli_command *cmd, int argc, char **argv, bool *json, struct fault *f)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	int c;

	*json = false;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j') {
			cli_bad_option(f, cmd, argv);
			return false;
		}
		*json = true;
	}
	return true;
}
