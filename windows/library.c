/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions of DLLs that not every Windows PE has; files and devices, opened the one way that is needed. */
#include "windows/helper.h"

void *library_function(const char *dll, const char *name)
{
	void *module = LoadLibraryA(dll);
	return module ? GetProcAddress(module, name) : NULL;
}

void *open_existing(const wchar *path, uint32_t access)
{
	return CreateFileW(path, access, FILE_SHARE_READ_WRITE, NULL, OPEN_EXISTING, FILE_FLAG_WRITE_THROUGH, NULL);
}
