/* SPDX-License-Identifier: BSD-2-Clause */
/* Names that Windows compares without regard to case: one UTF-16 unit to one. */
#ifndef POD_BASE_UPCASE_H
#define POD_BASE_UPCASE_H

#include <stdint.h>

/* The mapping that exFAT recommends (exFAT specification 7.2.5.1), which is Windows' own. */
uint16_t pod_upcase(uint16_t unit);

#endif
