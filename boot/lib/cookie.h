/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stack cookies of the UEFI builds: with -fstack-protector-strong, clang on *-unknown-windows targets puts __security_cookie
 * above a function's arrays and hands what it finds there at the end to __security_check_cookie (the Microsoft ABI; seen with
 * clang 14).
 */
#ifndef POD_LIB_COOKIE_H
#define POD_LIB_COOKIE_H

#include <stdint.h>

#if defined(__i386__)
#define POD_COOKIE_CALL __attribute__((fastcall))
#else
#define POD_COOKIE_CALL
#endif

extern uintptr_t __security_cookie;
void POD_COOKIE_CALL __security_check_cookie(uintptr_t found);

/* Sets the cookie, from whatever is hard to guess. Only a function without a cookie of its own may call it. */
void pod_cookie_seed(uint64_t seed);
/* A function's frame was overwritten: says so and stops. The port's. */
_Noreturn void pod_stack_overwritten(void);

#endif
