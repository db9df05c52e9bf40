/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include "cli/stick/stray.h"
#include "cli/ui/ui.h"
#include "core/base/str.h"
#include "core/image/image.h"
#include "core/rules/conf.h"

/* Is what stands in front of the last dot the name of an image? */
static bool names_image(const char *name)
{
	char *front = cli_xstrdup(name), *dot = strrchr(front, '.');
	bool is = false;

	if (dot) {
		*dot = '\0';
		is = pod_image_kind_of_name(front) != POD_IMAGE_UNKNOWN;
	}
	free(front);
	return is;
}

static bool is_packed(const char *name)
{
	static const char *const ending[] = {".zip", ".gz", ".xz", ".zst", ".bz2", ".7z", ".rar", ".lz4"};

	for (size_t i = 0; i < POD_ARRAY_LEN(ending); i++)
		if (pod_ends_with_nocase(name, ending[i]))
			return names_image(name);
	return false;
}

enum cli_stray cli_stray_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (pod_conf_misnamed(name) || (pod_strcasecmp(name, POD_CONF_FILE) == 0 && slash && slash != path))
		return CLI_STRAY_CONF;
	if (pod_ends_with_nocase(name, ".aria2"))
		return CLI_STRAY_CONTROL;
	if (pod_instead_unfinished_name(name))
		return CLI_STRAY_UNFINISHED;
	return is_packed(name) ? CLI_STRAY_PACKED : CLI_STRAY_NONE;
}

const char *cli_stray_text(enum cli_stray s)
{
	switch (s) {
	case CLI_STRAY_NONE:
		break;
	case CLI_STRAY_CONF:
		return _("it is not read: the configuration is /isopod.conf, at the top of the data partition, and nothing else");
	case CLI_STRAY_UNFINISHED:
		return _("the menu does not list it: it is a download that is not finished, by its name");
	case CLI_STRAY_CONTROL:
		return _("the download of the file beside it is not finished");
	case CLI_STRAY_PACKED:
		return _("the menu does not list it: it is a packed image, by its name");
	}
	return "";
}

const char *cli_stray_fix(enum cli_stray s)
{
	switch (s) {
	case CLI_STRAY_NONE:
		break;
	case CLI_STRAY_CONF:
		return _("move it there, under this name (Windows may hide an ending .txt)");
	case CLI_STRAY_UNFINISHED:
	case CLI_STRAY_CONTROL:
		return _("let the download come to its end, or download the image again");
	case CLI_STRAY_PACKED:
		return _("unpack it, and copy the image that is in it");
	}
	return "";
}
