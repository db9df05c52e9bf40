/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry points of the resident server, its calls of the old handlers, and memory above 1 MiB. All 16-bit.
 *
 * A loader in "unreal" mode (SDM vol. 3A, 9.9.2 leaves what a segment register holds beside its selector as it was) may have a base in FS
 * or GS that no longer follows from the selector: they are not touched, and not loaded anew where the BIOS gave them back. DS and ES are;
 * they keep a limit of 4 GiB.
 */
#include "boot/bios/int13.h"

	/* Offsets in struct i13_regs. */
	.equ	R_EDI, 0
	.equ	R_ESI, 4
	.equ	R_EBP, 8
	.equ	R_EBX, 16
	.equ	R_EDX, 20
	.equ	R_ECX, 24
	.equ	R_EAX, 28
	.equ	R_DS, 32
	.equ	R_ES, 34
	.equ	R_FLAGS, 40

	.section .head, "aw"
	.globl	i13
i13:
	.word	int13_entry, int15_entry, launch, i13_stack_top
	.org	I13_ENTRIES
	.word	int16_entry, int10_entry
	.org	I13_STATE_SIZE

	.section .text16, "awx"
	.code16

	/* From the caller's stack to ours, EAX as it was; to \busy instead if we are at work already. */
	.macro	ENTER busy
	cli
	cmpb	$0, %cs:I13_BUSY
	jne	\busy
	movb	$1, %cs:I13_BUSY
	movl	%eax, %cs:caller_eax
	movl	%esp, %cs:caller_esp
	movw	%ss, %cs:caller_ss
	movw	%cs, %ax
	movw	%ax, %ss
	movl	$i13_stack_top, %esp
	movl	%cs:caller_eax, %eax
	.endm

/* --- INT 13h ------------------------------------------------------------------------------------------- */
int13_entry:
	cmpb	%cs:I13_DRIVE0, %dl
	je	ours
	cmpb	%cs:I13_DRIVE1, %dl
	je	ours
	cmpb	$0x81, %dl
	jb	1f
	cmpb	%cs:I13_SHIFT_LAST, %dl
	jbe	ours
1:	cmpb	$I13_TERMINATE, %dl
	jne	chain13
	cmpb	$0x4b, %ah
	je	ours
chain13:
	ljmpw	*%cs:I13_OLD13

/*
 * While a request is being served, the BIOS may call INT 13h for itself: those calls are about its own drives.
 * A write then is not let through, lest an emulated drive's number hit a real one.
 */
nested:
	cmpb	$0x03, %ah
	je	1f
	cmpb	$0x05, %ah
	je	1f
	cmpb	$0x0b, %ah
	je	1f
	cmpb	$0x43, %ah
	jne	chain13
1:	movb	$0xaa, %ah
	jmp	return_carry

ours:
	ENTER	nested
	pushl	$0	/* flags */
	pushl	$0	/* FS and GS: see the head of this file */
	pushw	%es
	pushw	%ds
	pushal
	movw	%cs, %ax
	movw	%ax, %ds
	movw	%ax, %es
	cld
	sti
	movl	%esp, %eax
	calll	i13_serve
	cli
	movb	R_FLAGS(%esp), %al
	andb	$1, %al
	movb	%al, carry
	popal
	popw	%ds
	popw	%es
	movw	%cs:caller_ss, %ss
	movl	%cs:caller_esp, %esp
	movb	$0, %cs:I13_BUSY
	cmpb	$0, %cs:carry
	jne	return_carry
return_ok:
	pushw	%bp
	movw	%sp, %bp
	andb	$0xfe, 6(%bp)
	popw	%bp
	iretw
return_carry:
	pushw	%bp
	movw	%sp, %bp
	orb	$1, 6(%bp)
	popw	%bp
	iretw

/* --- INT 16h: a loader that waits for a key ------------------------------------------------------------------------------ */
int16_entry:
	testb	$0xee, %ah	/* 00h, 01h, 10h, 11h */
	jnz	chain16
	ENTER	chain16
	pushfw
	pushw	%es
	pushw	%ds
	pushal
	movw	%cs, %bx
	movw	%bx, %ds
	movw	%bx, %es
	cld
	sti
	movzbl	%ah, %eax
	notl	%eax
	andl	$1, %eax
	calll	i13_idle
	cli
	popal
	popw	%ds
	popw	%es
	popfw
	movw	%cs:caller_ss, %ss
	movl	%cs:caller_esp, %esp
	movb	$0, %cs:I13_BUSY
chain16:
	ljmpw	*%cs:I13_OLD16

/* --- INT 10h: what is printed ------------------------------------------------------------------------------------------ */
int10_entry:
	cmpb	$0x0e, %ah
	jne	chain10
	pushw	%bx
	movw	%cs:i13_tty_at, %bx
	andw	$511, %bx
	movb	%al, %cs:i13_tty(%bx)
	incw	%cs:i13_tty_at
	popw	%bx
chain10:
	ljmpw	*%cs:I13_OLD10

/* --- INT 15h: memory sizes without what is ours --------------------------------------------------------- */
int15_entry:
	cmpw	$0xe820, %ax
	je	e820
	cmpw	$0xe801, %ax
	je	e801
	cmpw	$0xe881, %ax
	je	refuse
	cmpb	$0x88, %ah
	je	ah88
	cmpb	$0x8a, %ah
	je	refuse
chain15:
	ljmpw	*%cs:I13_OLD15

refuse:
	testb	$I13_HIDE_REFUSE, %cs:I13_HIDE
	jz	chain15
refuse_now:
	movb	$0x86, %ah
	jmp	return_carry

e801:
	testb	$I13_HIDE_E801, %cs:I13_HIDE
	jz	chain15
	movw	%cs:I13_E801_AX, %ax
	movw	%cs:I13_E801_BX, %bx
	movw	%ax, %cx
	movw	%bx, %dx
	jmp	return_ok

ah88:
	testb	$I13_HIDE_88, %cs:I13_HIDE
	jz	chain15
	movw	%cs:I13_AH88, %ax
	jmp	return_ok

/* Entries in our table: base, length, type, attributes (24 bytes), size to report (4 bytes). */
e820:
	testb	$I13_HIDE_E820, %cs:I13_HIDE
	jz	chain15
	cmpl	$0x534d4150, %edx
	jne	refuse_now
	cmpl	$20, %ecx
	jb	refuse_now
	pushl	%esi
	movzwl	%cs:I13_E820_COUNT, %esi
	cmpl	%esi, %ebx
	popl	%esi
	jae	refuse_now
	pushl	%esi
	pushl	%edi
	imulw	$28, %bx, %si
	addw	%cs:I13_E820_OFFSET, %si
	movl	%cs:24(%si), %eax
	cmpl	%ecx, %eax
	jae	1f
	movl	%eax, %ecx
1:	cmpl	$24, %ecx
	jae	2f
	movl	$20, %ecx
2:	pushw	%cx
	cld
	rep movsb %cs:(%si), %es:(%di)
	popw	%cx
	popl	%edi
	popl	%esi
	movzwl	%cx, %ecx
	movl	%edx, %eax
	incl	%ebx
	cmpw	%cs:I13_E820_COUNT, %bx
	jb	return_ok
	xorl	%ebx, %ebx
	jmp	return_ok

/* --- the old handlers: void i13_old13(struct i13_regs *r); and i13_int15 ---------------------------------- */
/* A V86 monitor sees the instruction, and does itself what the BIOS cannot there. */
int15:
	int	$0x15
	lretw	$2

	.globl	i13_old13, i13_int15
i13_int15:
	movw	%cs, %dx
	shll	$16, %edx
	movw	$int15, %dx
	jmp	1f
i13_old13:
	movl	I13_OLD13, %edx
1:	movl	%edx, old_target
	pushal
	pushw	%ds
	pushw	%es
	pushw	%fs
	pushw	%gs
	pushl	%eax
	movl	%eax, %ebx
	inb	$0x92, %al
	movb	%al, a20_before
	movl	%ebx, %eax
	pushw	R_DS(%eax)
	movw	R_ES(%eax), %es
	movl	R_EDI(%eax), %edi
	movl	R_ESI(%eax), %esi
	movl	R_EBP(%eax), %ebp
	movl	R_EBX(%eax), %ebx
	movl	R_EDX(%eax), %edx
	movl	R_ECX(%eax), %ecx
	movl	R_EAX(%eax), %eax
	popw	%ds
	stc			/* as in stage2.S */
	pushfw
	cli
	lcallw	*%cs:old_target
	pushfw
	sti
	cld
	pushw	%ds
	pushl	%eax
	movw	%cs, %ax
	movw	%ax, %ds
	movzwl	%sp, %esp
	movl	8(%esp), %eax
	movl	%edi, R_EDI(%eax)
	movl	%esi, R_ESI(%eax)
	movl	%ebp, R_EBP(%eax)
	movl	%ebx, R_EBX(%eax)
	movl	%edx, R_EDX(%eax)
	movl	%ecx, R_ECX(%eax)
	movw	%es, R_ES(%eax)
	popl	R_EAX(%eax)
	popw	R_DS(%eax)
	popw	R_FLAGS(%eax)
	/* Some BIOSes come back with A20 closed, and a loader counts on what it opened. */
	inb	$0x92, %al
	testb	$2, a20_before
	jz	2f
	testb	$2, %al
	jnz	2f
	orb	$2, %al
	andb	$0xfe, %al
	outb	%al, $0x92
	/* Many drive USB in protected mode, and come back with limits of 64 KiB: a loader in "unreal" mode needs its own. */
2:	smsww	%ax
	testb	$1, %al
	jnz	3f
	cli
	call	flat_on
	call	flat_off
	sti
3:	popl	%eax
	popw	%bx
	movw	%gs, %ax
	cmpw	%bx, %ax
	je	4f
	movw	%bx, %gs
4:	popw	%bx
	movw	%fs, %ax
	cmpw	%bx, %ax
	je	5f
	movw	%bx, %fs
5:	popw	%es
	popw	%ds
	popal
	retl

/* --- memory --------------------------------------------------------------------------------------------- */
	.globl	i13_segment
i13_segment:
	movw	%cs, %ax
	retl

	.globl	i13_in_v86
i13_in_v86:
	smsww	%ax
	andl	$1, %eax
	retl

/* Linear %eax to segment %ax and offset %bx; HMA included. */
split:
	movl	%eax, %ebx
	shrl	$4, %eax
	cmpl	$0xffff, %eax
	jbe	1f
	movl	$0xffff, %eax
1:	pushl	%eax
	shll	$4, %eax
	subl	%eax, %ebx
	popl	%eax
	ret

/* void i13_get(void *near_to, uint32_t linear, uint32_t len) */
	.globl	i13_get
i13_get:
	pushal
	pushw	%ds
	movw	%ax, %di
	movl	%edx, %eax
	call	split
	movw	%bx, %si
	movw	%ax, %ds
	rep movsb
	popw	%ds
	popal
	retl

/* void i13_put(uint32_t linear, const void *near_from, uint32_t len) */
	.globl	i13_put
i13_put:
	pushal
	pushw	%es
	call	split
	movw	%dx, %si
	movw	%bx, %di
	movw	%ax, %es
	rep movsb
	popw	%es
	popal
	retl

/* void i13_far_copy(uint32_t to, uint32_t from, uint32_t len) */
	.globl	i13_far_copy
i13_far_copy:
	pushal
	pushw	%ds
	pushw	%es
	call	split
	movw	%bx, %di
	movw	%ax, %es
	movl	%edx, %eax
	call	split
	movw	%bx, %si
	movw	%ax, %ds
	movw	%cx, %dx
	shrw	$2, %cx
	rep movsl
	movw	%dx, %cx
	andw	$3, %cx
	rep movsb
	popw	%es
	popw	%ds
	popal
	retl

/* void i13_far_zero(uint32_t to, uint32_t len) */
	.globl	i13_far_zero
i13_far_zero:
	pushal
	pushw	%es
	call	split
	movw	%bx, %di
	movw	%ax, %es
	movw	%dx, %cx
	xorl	%eax, %eax
	shrw	$2, %cx
	rep stosl
	movw	%dx, %cx
	andw	$3, %cx
	rep stosb
	popw	%es
	popal
	retl

/* bool i13_flat_copy(uint32_t to, uint32_t from, uint32_t len): in protected mode for its duration, interrupts off. */
	.globl	i13_flat_copy
i13_flat_copy:
	pushl	%ebx
	pushl	%ebp
	pushl	%esi
	pushl	%edi
	pushfw
	cli
	movl	%eax, %edi
	movl	%edx, %esi
	/* A caller may have closed A20. */
	movw	$0xffff, %bp
	call	a20_closed
	jnz	1f
	inb	$0x92, %al
	movzbw	%al, %bp
	orb	$2, %al
	andb	$0xfe, %al
	outb	%al, $0x92
	call	a20_closed
	jnz	1f
	popfw
	xorl	%eax, %eax
	jmp	4f
1:	call	flat_on
	movl	%ecx, %edx
	shrl	$2, %ecx
	addr32 rep movsl
	movl	%edx, %ecx
	andl	$3, %ecx
	addr32 rep movsb
	call	flat_off
	cmpw	$0xffff, %bp
	je	5f
	movw	%bp, %ax
	outb	%al, $0x92
5:	popfw
	movl	$1, %eax
4:	popl	%edi
	popl	%esi
	popl	%ebp
	popl	%ebx
	retl

/* Protected mode with data segments of 4 GiB, and back; interrupts off. They keep that limit afterwards, which hurts nobody and is what a
 * caller in "unreal" mode counts on. Changes EAX, EBX and EDX. */
flat_on:
	sgdtl	gdt_saved
	/* Bases of this segment, wherever it lies. */
	movw	%cs, %ax
	movw	%ax, back_segment
	movzwl	%ax, %eax
	shll	$4, %eax
	movl	%eax, %edx
	addl	$gdt, %edx
	movl	%edx, gdt_pointer + 2
	movw	%ax, gdt_code + 2
	shrl	$16, %eax
	movb	%al, gdt_code + 4
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpw	$8, $1f
1:	movw	$16, %bx
	movw	%bx, %ds
	movw	%bx, %es
	ret

flat_off:
	movl	%cr0, %eax
	andb	$0xfe, %al
	movl	%eax, %cr0
	.byte	0xea
	.word	1f
back_segment:
	.word	0
1:	movw	%cs, %ax
	movw	%ax, %ds
	movw	%ax, %es
	lgdtl	gdt_saved
	ret

/* ZF = 1 if memory at 1 MiB is memory at 0. */
a20_closed:
	pushw	%ds
	pushw	%es
	pushw	%cx
	xorw	%ax, %ax
	movw	%ax, %ds
	decw	%ax
	movw	%ax, %es
	movw	0x4f0, %bx	/* the BIOS data area's inter-application bytes */
	movw	$64, %cx
1:	incw	0x4f0
	outb	%al, $0x80
	movw	0x4f0, %ax
	cmpw	%es:0x500, %ax
	loope	1b
	movw	%bx, 0x4f0
	popw	%cx
	popw	%es
	popw	%ds
	ret

/* --- start ----------------------------------------------------------------------------------------------- */
/* Called by stage 2 as an interrupt handler is; it comes back, with carry, only if the boot image cannot be put in its place. */
launch:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movl	%esp, caller_esp
	movw	%ss, caller_ss
	movw	%ax, %ss
	movl	$i13_stack_top, %esp
	calll	i13_launch
	cli
	testb	%al, %al
	jnz	1f
	movw	caller_ss, %ss
	movl	caller_esp, %esp
	jmp	return_carry
1:	movzbl	I13_BOOT_DRIVE, %edx
	xorl	%eax, %eax
	movw	%ax, %ss
	movl	$0x7c00, %esp
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movl	%eax, %ebx
	movl	%eax, %ecx
	movl	%eax, %esi
	movl	%eax, %edi
	movl	%eax, %ebp
	movw	%ax, %ds
	sti
	ljmpw	*%cs:I13_BOOT_ENTRY

/* gcc may call these for a structure's copy. */
	.globl	memcpy, memset
memcpy:
	pushl	%edi
	pushl	%esi
	pushl	%eax
	movl	%eax, %edi
	movl	%edx, %esi
	rep movsb
	popl	%eax
	popl	%esi
	popl	%edi
	retl

memset:
	pushl	%edi
	pushl	%eax
	movl	%eax, %edi
	movb	%dl, %al
	rep stosb
	popl	%eax
	popl	%edi
	retl

	.balign	8
gdt:
	.quad	0
gdt_code:
	.quad	0x00009b000000ffff
	.quad	0x00cf93000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	0
	.balign	4
gdt_saved:
	.word	0
	.long	0
	.balign	4
	.globl	i13_tty, i13_tty_at
i13_tty:	.fill	512
i13_tty_at:	.word	0
	.balign	4
caller_eax:	.long	0
caller_esp:	.long	0
old_target:	.long	0
caller_ss:	.word	0
carry:		.byte	0
a20_before:	.byte	0
	.section .note.GNU-stack, "", @progbits
