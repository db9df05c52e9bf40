/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions of DLLs that not every Windows PE has. */
#include "windows/helper.h"

void *library_function(const wchar *dll, const char *name)
{
	void *module = LoadLibraryW(dll);
	return module ? GetProcAddress(module, name) : NULL;
}
