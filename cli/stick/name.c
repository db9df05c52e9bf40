/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that Windows cannot open: Microsoft, "Naming Files, Paths, and Namespaces" (2024). A device's name is one in any folder
 * and with any ending ("con.iso"), blanks before the dot not counted; the superscript digits of ISO 8859-1 count as digits. What
 * Win32 cuts off at the end of a name (dots, blanks) makes it another name.
 */
#include <string.h>
#include "cli/stick/name.h"
#include "core/base/str.h"
#include "core/base/text.h"

static bool is_port_number(const char *s, size_t n)
{
	if (n == 1)
		return s[0] >= '0' && s[0] <= '9';
	/* U+00B9, U+00B2, U+00B3 */
	return n == 2 && s[0] == '\xc2' && (s[1] == '\xb9' || s[1] == '\xb2' || s[1] == '\xb3');
}

static bool is_device(const char *name, size_t n)
{
	static const char *const whole[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};

	for (size_t i = 0; i < POD_ARRAY_LEN(whole); i++)
		if (strlen(whole[i]) == n && pod_strncasecmp(name, whole[i], n) == 0)
			return true;
	return n > 3 && (pod_strncasecmp(name, "COM", 3) == 0 || pod_strncasecmp(name, "LPT", 3) == 0) &&
	       is_port_number(name + 3, n - 3);
}

static bool is_bad_for_windows(const char *name, size_t n)
{
	size_t stem = 0;

	if (name[n - 1] == '.' || name[n - 1] == ' ')
		return true;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < 0x20 || strchr("<>:\"|?*\\", name[i]))
			return true;
	while (stem < n && name[stem] != '.')
		stem++;
	while (stem && name[stem - 1] == ' ')
		stem--;
	return is_device(name, stem);
}

unsigned cli_name_problems(const char *path)
{
	unsigned found = pod_text_looks_alike(path) ? CLI_NAME_ALIKE : 0;

	while (*path) {
		size_t n = strcspn(path, "/");

		if (n && is_bad_for_windows(path, n))
			found |= CLI_NAME_WINDOWS;
		path += n + (path[n] == '/');
	}
	return found;
}

void cli_name_warn(const char *path, struct fault *fault)
{
	unsigned found = cli_name_problems(path);

	if (found & CLI_NAME_WINDOWS)
		fault_warn(fault, _("%s: Windows cannot open a file of this name; it starts all the same"), path);
	if (found & CLI_NAME_ALIKE)
		fault_warn(fault,
			   _("%s: the name can be taken for another: it mixes letters that look alike, or holds invisible ones"),
			   path);
}
