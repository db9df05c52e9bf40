/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes the place of modules that are not there (weak): the machine's files are read where they are. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/doctor/doctor.h"
#include "cli/safety.h"

#define WEAK __attribute__((weak))

WEAK const struct doctor_module doctor_mod_image = {0};
WEAK const struct doctor_module doctor_mod_drivers = {0};
WEAK const struct doctor_module doctor_mod_rules = {0};
WEAK const struct doctor_module doctor_mod_memory = {0};
WEAK const struct doctor_module doctor_mod_firmware = {0};
WEAK const struct doctor_module doctor_mod_drive = {0};

WEAK struct doctor_machine *doctor_machine_open(const char *inventory)
{
	if (inventory)
		cli_error("%s: %s", inventory, cli_status_text(POD_E_UNSUPPORTED));
	return inventory ? NULL : cli_xzalloc(1);
}

WEAK void doctor_machine_close(struct doctor_machine *m)
{
	free(m);
}

WEAK int doctor_machine_save(const char *file)
{
	return cli_fail("%s: %s", file, cli_status_text(POD_E_UNSUPPORTED));
}

WEAK char *doctor_machine_read(const struct doctor_machine *m, const char *path, size_t *len)
{
	char *full = cli_xasprintf("%s%s", cli_safety_root, path), *text = NULL;
	int fd = open(full, O_RDONLY | O_CLOEXEC);
	size_t n = 0, cap = 0;
	ssize_t got = 1;

	(void)m;
	free(full);
	while (fd >= 0 && got > 0 && n < 16u << 20) {
		if (cap - n < 4096)
			text = realloc(text, cap = cap ? cap * 2 : 8192);
		if (!text)
			break;
		got = read(fd, text + n, cap - n - 1);
		n += got > 0 ? (size_t)got : 0;
	}
	if (fd >= 0)
		close(fd);
	if (text)
		text[n] = '\0';
	if (len)
		*len = n;
	return text;
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

WEAK char **doctor_machine_list(const struct doctor_machine *m, const char *path)
{
	char *full = cli_xasprintf("%s%s", cli_safety_root, path), *w;
	struct dirent **e;
	int n = scandir(full, &e, visible, alphasort);
	size_t bytes = 0;
	char **out;

	(void)m;
	free(full);
	if (n < 0)
		return NULL;
	for (int i = 0; i < n; i++)
		bytes += strlen(e[i]->d_name) + 1;
	out = cli_xzalloc(((size_t)n + 1) * sizeof *out + bytes);
	w = (char *)(out + n + 1);
	for (int i = 0; i < n; i++) {
		out[i] = strcpy(w, e[i]->d_name);
		w += strlen(w) + 1;
		free(e[i]);
	}
	free(e);
	return out;
}

WEAK char *doctor_machine_link(const struct doctor_machine *m, const char *path)
{
	char *full = cli_xasprintf("%s%s", cli_safety_root, path), *target = cli_xzalloc(PATH_MAX);
	ssize_t n = readlink(full, target, PATH_MAX - 1);

	(void)m;
	free(full);
	if (n <= 0) {
		free(target);
		return NULL;
	}
	return target;
}

WEAK const char *doctor_machine_name(const struct doctor_machine *m)
{
	(void)m;
	return _("this machine");
}
