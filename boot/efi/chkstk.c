/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack probe clang calls on Windows targets in functions with frames of 4 KiB and more. Windows grows stacks page by page;
 * firmware's stack is all there (UEFI 2.10 clause 2.3: at least 128 KiB), so there is nothing to touch.
 *
 *   x64    __chkstk: size in rax, kept; the caller subtracts it from rsp itself
 *   ia32   _chkstk:  size in eax; the helper itself lowers esp (its C name has one more underscore)
 *   aa64   __chkstk: size / 16 in x15, kept; the caller subtracts
 */
#if defined(__x86_64__)
__asm__(".text\n.globl __chkstk\n__chkstk:\n\tret\n");
#elif defined(__i386__)
__asm__(".text\n.globl __chkstk\n__chkstk:\n"
	"\tpopl %ecx\n" /* the return address */
	"\tsubl %eax, %esp\n"
	"\tjmpl *%ecx\n");
#elif defined(__aarch64__)
__asm__(".text\n.globl __chkstk\n__chkstk:\n\tret\n");
#endif

/* ISO C wants a declaration in every file. */
extern int pod_efi_chkstk_;
