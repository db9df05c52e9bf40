/* SPDX-License-Identifier: BSD-2-Clause */
/* GUIDs in the byte order of Windows' and GPT's structures: the first three fields little-endian. */
#ifndef POD_BASE_GUID_H
#define POD_BASE_GUID_H

#include "core/base/status.h"

#define POD_GUID_TEXT 39u /* "{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}" and a terminator */

/* The text form of a GUID as Windows writes it. */
void pod_guid_text(const uint8_t guid[16], char out[POD_GUID_TEXT]);
/* With or without braces. False if it is none. */
bool pod_guid_parse(const char *text, uint8_t guid[16]);
bool pod_guid_is_zero(const uint8_t guid[16]);

#endif
