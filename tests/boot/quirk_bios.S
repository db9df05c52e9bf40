/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A BIOS with the faults of other BIOSes: a boot sector on the first disk, which stays at the top of conventional memory in front of INT 13h
 * and 15h and starts the second disk, the stick, as if that were the first. Which faults it has, QEMU's command line says
 * (-fw_cfg name=opt/isopod.quirks,string=LETTERS); quirk_cases.py has the letters' names, and where each fault was seen.
 */
	.code16
	.globl	_start

	.equ	SECTORS, 4	/* behind the boot sector */
	.equ	KIB, 4
	.equ	BUFFER, 0x7000	/* of fw_cfg's directory */
	.equ	NAME, 8		/* in an entry there */
	.equ	SMAP, 0x534d4150
	.equ	BAD, 0xbad1bad1

#define R(label) (label - resident)

	/* To `jump` if the fault of this letter is not on. */
	.macro	UNLESS letter, jump
	btl	$(\letter - 'A'), %cs:R(faults)
	jnc	\jump
	.endm

_start:
	ljmpw	$0, $1f
1:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0x7c00, %sp
	sti
	cld
	subw	$KIB, 0x413
	movw	0x413, %ax
	shlw	$6, %ax
	movw	%ax, %es
	xorw	%bx, %bx
	movw	$(0x0200 + SECTORS), %ax
	movw	$2, %cx
	xorb	%dh, %dh
	int	$0x13
	jc	2f
	pushw	%es
	pushw	$R(install)
	lretw
2:	movw	$(0x0e00 + '!'), %ax
	int	$0x10
3:	hlt
	jmp	3b
	.org	510
	.word	0xaa55

/* --- what stays, CS at the top of conventional memory ------------------------------------------------------ */
resident:
old13:		.long	0
old15:		.long	0
faults:		.long	0
regions:	.long	0	/* in the table */
carry:		.byte	0
function:	.byte	0
drive:		.byte	0
		.byte	0

/* Ends a call as `carry` says. Stack: IP, CS, flags. */
give_back:
	pushw	%bp
	movw	%sp, %bp
	pushw	%ax
	andb	$0xfe, 6(%bp)
	movb	%cs:R(carry), %al
	orb	%al, 6(%bp)
	UNLESS	'I', 1f		/* without interrupts */
	andb	$0xfd, 7(%bp)
1:	UNLESS	'N', 2f		/* with interrupts, asked for or not */
	orb	$2, 7(%bp)
2:	UNLESS	'D', 3f		/* with the direction flag set */
	orb	$4, 7(%bp)
3:	UNLESS	'C', 4f		/* with A20 closed */
	inb	$0x92, %al
	andb	$0xfc, %al
	outb	%al, $0x92
4:	popw	%ax
	popw	%bp
	iretw

/* A call that is not known: carry; or, as some do, carry as it was. */
unknown15:
	movb	$0x86, %ah
	jmp	1f
unknown13:
	movb	$1, %ah
1:	UNLESS	'F', 2f
	iretw
2:	movb	$1, %cs:R(carry)
	jmp	give_back

/* --- INT 13h ------------------------------------------------------------------------------------------------ */
hook13:
	cmpb	$0x80, %dl
	je	1f
	cmpb	$0x81, %dl
	je	1f
	ljmpw	*%cs:R(old13)
1:	movb	%ah, %cs:R(function)
	movb	%dl, %cs:R(drive)
	cmpb	$0x41, %ah
	jb	pass
	cmpb	$0x49, %ah
	ja	pass
	UNLESS	'E', 2f		/* no EDD */
	jmp	unknown13
2:	cmpb	$0x48, %ah
	jne	3f
	UNLESS	'P', pass	/* tells no parameters */
	jmp	unknown13
3:	cmpb	$0x42, %ah
	je	4f
	cmpb	$0x43, %ah
	jne	pass
4:	UNLESS	'X', 5f		/* has EDD, and fails it */
	jmp	short_read
5:	UNLESS	'S', 6f		/* wants packets of 16 bytes */
	cmpb	$16, (%si)
	jne	unknown13
6:	UNLESS	'L', 7f		/* moves 63 sectors at most */
	cmpw	$63, 2(%si)
	ja	short_read
7:	UNLESS	'O', pass
	call	use_zone
pass:
	xorb	$1, %dl
	pushfw
	lcallw	*%cs:R(old13)
	movb	$0, %cs:R(carry)
	adcb	$0, %cs:R(carry)
	cmpb	$8, %cs:R(function)
	je	1f
	movb	%cs:R(drive), %dl
1:	UNLESS	'T', give_back	/* destroys what it should keep */
	movl	$BAD, %esi
	movl	%esi, %ebp
	cmpb	$8, %cs:R(function)
	je	2f
	movl	%esi, %edi
	movw	%si, %es
	movb	%dl, %dh
	cmpb	$0x41, %cs:R(function)
	je	2f
	movl	%esi, %ebx
	movl	%esi, %ecx
	movl	%esi, %edx
2:	movw	%si, %ds
	orl	$0xbad00000, %eax
	orl	$0xbad00000, %ebx
	orl	$0xbad00000, %ecx
	orl	$0xbad00000, %edx
	jmp	give_back

short_read:
	movw	$0, 2(%si)
	movb	$1, %ah
	movb	$1, %cs:R(carry)
	jmp	give_back

/* Writes to the memory that is the BIOS's, though another region says that it is free. */
use_zone:
	pushal
	pushw	%ds
	pushw	%es
	movw	%cs, %si
	movw	%si, %es
	movw	$R(move), %si
	movw	$0x4000, %cx
	movb	$0x87, %ah
	pushfw
	lcallw	*%cs:R(old15)
	popw	%es
	popw	%ds
	popal
	ret

/* --- INT 15h ------------------------------------------------------------------------------------------------ */
hook15:
	cmpw	$0xe820, %ax
	je	e820
	cmpw	$0xe801, %ax
	jne	1f
	UNLESS	'B', 3f		/* no E801h */
	jmp	unknown15
1:	cmpb	$0x24, %ah
	jne	3f
	UNLESS	'G', 3f		/* no call for A20 */
	jmp	unknown15
3:	ljmpw	*%cs:R(old15)

e820:
	UNLESS	'M', 1f		/* no E820h */
	jmp	unknown15
1:	pushl	%esi
	pushl	%edi
	pushw	%ds
	movl	%ebx, %esi
	UNLESS	'U', 2f		/* backwards */
	notl	%esi
	addl	%cs:R(regions), %esi
2:	imulw	$20, %si
	addw	$R(table), %si
	movw	%cs, %cx
	movw	%cx, %ds
	movl	$20, %ecx
	cld
	rep movsb
	popw	%ds
	popl	%edi
	popl	%esi
	movb	$20, %cl
	movl	$SMAP, %eax
	incl	%ebx
	cmpl	%cs:R(regions), %ebx
	jb	3f
	xorl	%ebx, %ebx
3:	UNLESS	'T', 4f
	movl	$BAD, %esi
	movl	%esi, %edi
	movl	%esi, %ebp
	movl	%esi, %edx
	movw	%si, %es
	movw	%si, %ds
4:	movb	$0, %cs:R(carry)
	jmp	give_back

/* INT 15h AH=87h: 32 KiB of the BIOS's ROM to `zone`. */
	.balign	8
move:	.quad	0, 0, 0x0000930f0000ffff
	.word	0xffff
zone:	.word	0
	.byte	0
	.byte	0x93, 0
	.byte	0
	.quad	0, 0

/* --- before the stick starts ---------------------------------------------------------------------------------- */
install:
	movw	%cs, %ax
	movw	%ax, %es
	xorw	%ax, %ax
	movw	%ax, %ds
	call	read_faults
	call	read_map
	movw	%cs, %ax
	shll	$16, %eax
	movl	4 * 0x13, %edx
	movl	%edx, %cs:R(old13)
	movw	$R(hook13), %ax
	movl	%eax, 4 * 0x13
	movl	4 * 0x15, %edx
	movl	%edx, %cs:R(old15)
	movw	$R(hook15), %ax
	movl	%eax, 4 * 0x15
	/* The stick's first sector, by the BIOS itself. */
	xorw	%ax, %ax
	movw	%ax, %es
	movw	$0x7c00, %bx
	movw	$0x0201, %ax
	movw	$1, %cx
	movw	$0x0081, %dx
	pushfw
	lcallw	*%cs:R(old13)
	jc	9f
	UNLESS	'K', 1f		/* counts no drives */
	movb	$0, 0x475
1:	UNLESS	'A', 2f		/* A20 closed */
	inb	$0x92, %al
	andb	$0xfc, %al
	outb	%al, $0x92
2:	movw	$0x80, %dx
	UNLESS	'Z', 3f		/* says it starts the first floppy */
	movb	$0, %dl
3:	UNLESS	'Y', 4f		/* ... what happens to be in DL */
	movb	$0xfe, %dl
4:	UNLESS	'W', 5f		/* ... the other disk */
	movb	$0x81, %dl
5:	xorw	%cx, %cx
	movw	%cx, %es
	ljmpw	$0, $0x7c00
9:	hlt
	jmp	9b

/* QEMU's fw_cfg: a number to port 510h, then bytes from 511h; item 19h is the directory. */
read_faults:
	movw	$0x510, %dx
	movw	$0x19, %ax
	outw	%ax, %dx
	incw	%dx
	movl	$4, %ecx
1:	shll	$8, %ebx
	inb	%dx, %al
	movb	%al, %bl
	loop	1b
2:	testl	%ebx, %ebx
	jz	6f
	decl	%ebx
	movw	$BUFFER, %di
	movw	$64, %cx
3:	inb	%dx, %al
	movb	%al, (%di)
	incw	%di
	loop	3b
	movw	$(BUFFER + NAME), %si
	movw	$R(name), %di
	movw	$(name_end - name), %cx
	repe cmpsb
	jne	2b
	movw	BUFFER + 4, %ax
	xchgb	%al, %ah
	decw	%dx
	outw	%ax, %dx
	incw	%dx
	movb	BUFFER + 3, %cl
	xorl	%eax, %eax
4:	inb	%dx, %al
	subb	$'A', %al
	btsl	%eax, %es:R(faults)
	loop	4b
	ret
	/* Nobody says which: a test would pass with no fault at all. */
6:	movw	$(0x0e00 + '?'), %ax
	int	$0x10
7:	hlt
	jmp	7b
name:	.asciz	"opt/isopod.quirks"
name_end:

/* The memory map; with a region that is not free laid over one that is, 64 MiB below the end of memory at 1 MiB. */
read_map:
	xorl	%ebx, %ebx
	movw	$R(table), %di
1:	movl	$0xe820, %eax
	movl	$SMAP, %edx
	movl	$20, %ecx
	int	$0x15
	jc	3f
	incl	%es:R(regions)
	cmpl	$0x100000, %es:(%di)
	jne	2f
	movl	%es:8(%di), %ebp
2:	addw	$20, %di
	testl	%ebx, %ebx
	jnz	1b
3:	UNLESS	'O', 4f
	subl	$(0x4000000 - 0x100000), %ebp
	xorl	%eax, %eax
	cld
	movl	%eax, %es:4(%di)
	movl	%eax, %es:12(%di)
	movl	%ebp, %es:(%di)
	movl	$0x100000, %es:8(%di)
	movl	$2, %es:16(%di)
	incl	%es:R(regions)
	/* Where stage 2 would have its stack: it is in use. */
	addl	$0x18000, %ebp
	movw	%bp, %es:R(zone)
	shrl	$16, %ebp
	movw	%bp, %ax
	movb	%al, %es:R(zone + 2)
	movb	%ah, %es:R(zone + 5)
4:	ret

	.balign	4
table:				/* to the end of KIB */
	.org	512 * (SECTORS + 1)
