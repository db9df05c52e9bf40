/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of stage 2 and the way between 32-bit C and the BIOS's real mode.
 *
 * Entered at 1000:0000 in real mode with DL = boot drive (from the MBR), or as a multiboot kernel in protected mode
 * (GRUB, iPXE), which copies itself down to 0x10000 and enters there. Then low.c unpacks the part that runs above 1 MiB.
 */
	.equ	BASE, 0x10000
	.equ	REAL_STACK, 0x7c00	/* its top */
	.equ	SEG, 0x1000
	.equ	CODE32, 0x08
	.equ	DATA32, 0x10
	.equ	CODE16, 0x18
	.equ	DATA16, 0x20
	/* Offsets in struct bios_regs. */
	.equ	R_EDI, 0
	.equ	R_ESI, 4
	.equ	R_EBP, 8
	.equ	R_EBX, 12
	.equ	R_EDX, 16
	.equ	R_ECX, 20
	.equ	R_EAX, 24
	.equ	R_DS, 28
	.equ	R_ES, 30
	.equ	R_FLAGS, 32

	.section .start16, "awx"
	.code16
	.globl	stage2_start
stage2_start:
	jmp	entry16

	/* Multiboot 0.6.96 clause 3.1: header with addresses; all offsets as if the file lay at MB_BASE. Load end 0: the whole file. */
	.equ	MB_BASE, 0x200000
	.balign	4
mb_header:
	.long	0x1badb002
	.long	0x00010000
	.long	-(0x1badb002 + 0x00010000)
	.long	MB_BASE + (mb_header - stage2_start)
	.long	MB_BASE
	.long	0
	.long	0
	.long	MB_BASE + (mb_entry - stage2_start)

	/* Filled in by pack.py: length of the whole file, CRC-32 of the part that is packed. */
	.globl	bios_image_bytes, bios_high_crc
	.org	0x24
bios_image_bytes:
	.long	0
bios_high_crc:
	.long	0

entry16:
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	xorw	%ax, %ax
	movw	%ax, %ss
	movl	$REAL_STACK, %esp
	/* Drive and A20 wait on the stack: low.c sums the image as it was loaded, so nothing is written into it before. */
	pushw	%dx
	call	a20_on
	cli
	setnz	%al
	pushw	%ax
	lgdtl	gdt_pointer - stage2_start
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$CODE32, $entry32

/* --- A20: memory at 1 MiB must not be memory at 0 ------------------------------------------------------ */
/* Opens the line if it is closed; ZF = 1 if it stays so. Changes AX, BX and CX. */
a20_on:
	call	a20_test
	jnz	9f
	movw	$0x2401, %ax
	int	$0x15
	movw	$SEG, %ax
	movw	%ax, %ds
	call	a20_test
	jnz	9f
	inb	$0x92, %al
	testb	$2, %al
	jnz	1f
	orb	$2, %al
	andb	$0xfe, %al
	outb	%al, $0x92
1:	call	a20_test
	jnz	9f
	/* The keyboard controller's output port. */
	call	kbc_wait
	movb	$0xd1, %al
	outb	%al, $0x64
	call	kbc_wait
	movb	$0xdf, %al
	outb	%al, $0x60
	call	kbc_wait
	call	a20_test
9:	ret

kbc_wait:
	movw	$0xffff, %cx
1:	inb	$0x64, %al
	testb	$2, %al
	loopnz	1b
	ret

/* ZF = 1 if the line is off. Waits a little for slow gates. */
a20_test:
	pushw	%ds
	pushw	%es
	xorw	%ax, %ax
	movw	%ax, %ds
	decw	%ax
	movw	%ax, %es
	movw	0x5f8, %bx
	movw	$512, %cx
1:	incw	0x5f8
	outb	%al, $0x80
	movw	0x5f8, %ax
	cmpw	%es:0x608, %ax
	loope	1b
	movw	%bx, 0x5f8
	popw	%es
	popw	%ds
	ret

/* --- from a multiboot loader ---------------------------------------------------------------------------- */
	.code32
mb_entry:
	cli
	cld
	movb	$0x80, %dl
	cmpl	$0x2badb002, %eax
	jne	1f
	testb	$2, (%ebx)
	jz	1f
	movb	15(%ebx), %dl
1:	/* Our own place: a loader may have put us elsewhere than it said. */
	movl	$0x8000, %esp
	call	2f
2:	popl	%esi
	subl	$(2b - stage2_start), %esi
	movl	$BASE, %edi
	movl	bios_image_bytes - stage2_start(%esi), %ecx
	rep movsb
	movl	$mb_low, %eax
	jmp	*%eax
mb_low:
	lgdtl	gdt_pointer
	ljmpl	$CODE16, $(mb_low16 - stage2_start)
	.code16
mb_low16:
	movw	$DATA16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	lidtl	%cs:(idt_real - stage2_start)
	movl	%cr0, %eax
	andl	$0x7ffffffe, %eax
	movl	%eax, %cr0
	ljmpw	$SEG, $(mb_real - stage2_start)
mb_real:
	xorw	%ax, %ax
	movw	%ax, %ss
	movw	$REAL_STACK, %sp
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	jmp	entry16

	.code32
entry32:
	movw	$DATA32, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	movl	$0x10000, %esp
	cld
	movl	$low_bss, %edi
	movl	$low_bss_end, %ecx
	subl	%edi, %ecx
	xorl	%eax, %eax
	rep stosb
	movzbl	REAL_STACK - 4, %eax
	pushl	%eax
	movzbl	REAL_STACK - 2, %eax
	pushl	%eax
	call	bios_low_main
1:	hlt
	jmp	1b

/* --- calls into real mode ------------------------------------------------------------------------------- */
/* void bios_int(struct bios_regs *r, uint8_t vector) */
	.globl	bios_int
bios_int:
	movzbl	8(%esp), %eax
	movl	(,%eax,4), %eax
	movl	%eax, far_target
	jmp	1f

/* void bios_far_call(struct bios_regs *r, uint16_t seg, uint16_t off) */
	.globl	bios_far_call
bios_far_call:
	movw	8(%esp), %ax
	movw	%ax, far_target + 2
	movw	12(%esp), %ax
	movw	%ax, far_target
1:	movl	4(%esp), %eax
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	pushl	%eax
	movl	%eax, %esi
	movl	$regs, %edi
	movl	$9, %ecx
	rep movsl
	movl	%esp, saved_esp
	sidtl	idt_saved
	ljmpl	$CODE16, $(to_real - stage2_start)

	.code16
to_real:
	movw	$DATA16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	lidtl	idt_real - stage2_start
	movl	%cr0, %eax
	andb	$0xfe, %al
	movl	%eax, %cr0
	ljmpw	$SEG, $(in_real - stage2_start)
in_real:
	xorw	%ax, %ax
	movw	%ax, %ss
	movl	$REAL_STACK, %esp
	movw	%ax, %fs
	movw	%ax, %gs
	movw	$SEG, %ax
	movw	%ax, %ds
	movl	regs - stage2_start + R_EDI, %edi
	movl	regs - stage2_start + R_ESI, %esi
	movl	regs - stage2_start + R_EBP, %ebp
	movl	regs - stage2_start + R_EBX, %ebx
	movl	regs - stage2_start + R_EDX, %edx
	movl	regs - stage2_start + R_ECX, %ecx
	movl	regs - stage2_start + R_EAX, %eax
	movw	regs - stage2_start + R_ES, %es
	movw	regs - stage2_start + R_DS, %ds
	/* With carry, as whoever does not know a call may come back without having touched the flags. */
	sti
	stc
	pushfw
	cli
	lcallw	*%cs:(far_target - stage2_start)
	cli
	cld
	movl	%eax, %cs:(regs - stage2_start + R_EAX)
	pushfw
	popw	%ax
	movw	%ax, %cs:(regs - stage2_start + R_FLAGS)
	movw	%ds, %ax
	movw	%ax, %cs:(regs - stage2_start + R_DS)
	movw	$SEG, %ax
	movw	%ax, %ds
	movw	%es, regs - stage2_start + R_ES
	movl	%edi, regs - stage2_start + R_EDI
	movl	%esi, regs - stage2_start + R_ESI
	movl	%ebp, regs - stage2_start + R_EBP
	movl	%ebx, regs - stage2_start + R_EBX
	movl	%edx, regs - stage2_start + R_EDX
	movl	%ecx, regs - stage2_start + R_ECX
	/* Some BIOSes leave the line closed behind them, and what comes now lies above 1 MiB. */
	call	a20_on
	cli
	lgdtl	gdt_pointer - stage2_start
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$CODE32, $back32

	.code32
back32:
	movw	$DATA32, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	movl	saved_esp, %esp
	lidtl	idt_saved
	popl	%edi
	movl	$regs, %esi
	movl	$9, %ecx
	rep movsl
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	jmp	*bios_after_call

/* void bios_halt(void) */
	.globl	bios_halt
bios_halt:
	subl	$36, %esp
	movl	%esp, %eax
	pushl	$(halt16 - stage2_start)
	pushl	$SEG
	pushl	%eax
	call	bios_far_call
	addl	$48, %esp
	ret
	.code16
halt16:
	sti
	hlt
	iretw

	.code32
nothing:
	ret

/* Keyboard controller, then the chipset's reset port, then a triple fault: one of them works. */
	.globl	bios_reset
bios_reset:
	cli
	movb	$0xfe, %al
	outb	%al, $0x64
	movl	$0x100000, %ecx
1:	outb	%al, $0x80
	loop	1b
	movw	$0xcf9, %dx
	movb	$0x02, %al
	outb	%al, %dx
	movb	$0x06, %al
	outb	%al, %dx
	movl	$0x100000, %ecx
1:	outb	%al, $0x80
	loop	1b
	lidtl	idt_none
	int3
1:	hlt
	jmp	1b

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	/* CODE32: flat */
	.quad	0x00cf93000000ffff	/* DATA32: flat */
	.quad	0x00009b010000ffff	/* CODE16: base 0x10000, 64 KiB */
	.quad	0x000093010000ffff	/* DATA16: the same */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt
	.balign	4
idt_real:
	.word	0x3ff
	.long	0
	.balign	4
idt_none:
	.word	0
	.long	0
	.balign	4
idt_saved:
	.word	0
	.long	0
	.balign	4
	.globl	bios_after_call
bios_after_call: .long	nothing	/* what each call into real mode ends in */
saved_esp:	.long	0
far_target:	.long	0
regs:		.fill	36, 1, 0

/* --- above 1 MiB ------------------------------------------------------------------------------------------ */
	/* Entered by low.c, which knows nothing of this part but where it lies. */
	.section .high_start, "ax"
	.code32
	jmp	bios_main

/* --- processor exceptions: each stub leaves [error code, vector] and goes to the common part ------------ */
	.section .text
	.code32
	.balign	16
	.globl	bios_fault_stub
bios_fault_stub:
	.set	vec, 0
	.rept	32
	.balign	16
	.if	vec != 8 && (vec < 10 || vec > 14) && vec != 17 && vec != 21
	pushl	$0
	.endif
	pushl	$vec
	jmp	fault_common
	.set	vec, vec + 1
	.endr
	.balign	16
fault_common:
	pushal
	movl	%cr2, %eax
	pushl	%eax
	cld
	pushl	%esp
	call	bios_fault
1:	hlt
	jmp	1b

	.section .resident, "a"
	.globl	bios_resident_image, bios_resident_end
bios_resident_image:
	.incbin	"bios/resident.bin"
bios_resident_end:
	.section .note.GNU-stack, "", @progbits
