/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Master boot record: loads stage 2 at 0x10000, checks its sum and jumps to it with DL = this drive.
 *
 * Fields that the command line patches (little-endian; 512-byte sectors):
 *   +0x1A0  4  LBA of stage 2
 *   +0x1A4  2  sectors of stage 2
 *   +0x1A6  2  version (1)
 *   +0x1A8  4  sum of all 32-bit words of these sectors
 *   +0x1AC  4  partition mode's mark, +0x1B0 8 zero
 *
 * The BIOS gives: CS:IP = 0:7C00 (or 07C0:0), DL = drive. Some give another DL (0, or what was in it), so that the drives from 80h on are
 * tried when stage 2 is not whole on the one that is named. The partition table is never looked at, so a protective
 * MBR is as good as any. Reads go by EDD packets of 64 sectors (32 KiB: never across a 64 KiB boundary from
 * 0x10000 on); a BIOS without EDD, or one that refuses as many, gets CHS reads, sector by sector.
 *
 * Of what a BIOS leaves behind nothing is believed but what it was asked for: see int13.
 */
	.code16
	.section .text
	.globl	_start

	.equ	LOAD_SEG, 0x1000
	.equ	CHUNK, 64
	.equ	field_lba, mbr + 0x1a0
	.equ	field_sectors, mbr + 0x1a4
	.equ	field_sum, mbr + 0x1a8

mbr:
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movw	%ax, %ds
	movw	%ax, %es
	cld
	movw	%sp, %si
	movw	$mbr, %di
	movw	$256, %cx
	rep movsw
	ljmpw	$0, $moved
moved:
	movb	$0x7f, %dh
	movw	%dx, drive	/* and next_drive */
	jmp	try
next:
	incb	next_drive
	movb	next_drive, %al
	cmpb	$0x90, %al
	je	say
	movb	%al, drive
try:
	movb	$0x41, %ah
	movw	$0x55aa, %bx
	call	int13_asks
	jc	chs
	cmpw	$0xaa55, %bx
	jne	chs

/* --- EDD: %di sectors from LBA %ebp to %es ------------------------------------------------------------- */
	call	begin
	jz	bad_image
edd:
	movw	$CHUNK, %cx
	cmpw	%cx, %di
	jae	1f
	movw	%di, %cx
1:	movw	$3, %bx
2:	pushl	$0		/* the packet: LBA high */
	pushl	%ebp		/* LBA low */
	pushw	%es
	pushw	$0		/* offset */
	pushw	%cx		/* sectors */
	pushw	$16		/* its size */
	movw	%sp, %si
	movb	$0x42, %ah
	call	int13
	leaw	16(%si), %sp
	jnc	3f
	xorw	%ax, %ax
	call	int13
	decw	%bx
	jnz	2b
	jmp	chs		/* some BIOSes claim EDD for a drive and fail it */
3:	movzwl	%cx, %ecx
	addl	%ecx, %ebp
	shlw	$5, %cx
	movw	%es, %ax
	addw	%cx, %ax
	movw	%ax, %es
	subw	$CHUNK, %di
	ja	edd
	jmp	check

/* --- CHS: the same, one sector a call ----------------------------------------------------------------- */
chs:
	movb	$8, %ah
	call	int13_asks
	jc	next
	andw	$0x3f, %cx
	jz	next
	movzwl	%cx, %esi
	movzbl	%dh, %ebx
	incw	%bx
	call	begin
	jz	bad_image
chs_next:
	movl	%ebp, %eax
	cltd
	divl	%esi
	movw	%dx, %cx
	incw	%cx
	cltd
	divl	%ebx
	cmpw	$1023, %ax
	ja	next
	movb	%dl, %dh
	movb	%al, %ch
	shlb	$6, %ah
	orb	%ah, %cl
	movb	$3, retries
4:	pushw	%bx
	xorw	%bx, %bx
	movw	$0x0201, %ax
	call	int13
	popw	%bx
	jnc	5f
	xorw	%ax, %ax
	call	int13
	decb	retries
	jnz	4b
	jmp	next
5:	incl	%ebp
	movw	%es, %ax
	addw	$32, %ax
	movw	%ax, %es
	decw	%di
	jnz	chs_next

/* --- sum and jump ------------------------------------------------------------------------------------- */
check:
	movw	field_sectors, %cx
	movw	$LOAD_SEG, %bx
	xorl	%edx, %edx
6:	pushw	%cx
	movw	%bx, %ds
	xorw	%si, %si
	movw	$128, %cx
7:	lodsl
	addl	%eax, %edx
	loop	7b
	popw	%cx
	addw	$32, %bx
	loop	6b
	movw	%cx, %ds
	cmpl	field_sum, %edx
	jne	bad_image
	movb	drive, %dl
	ljmpw	$LOAD_SEG, $0

bad_image:
	movw	$text_image, why
	jmp	next
say:
	movw	$text_name, %si
	call	print
	movw	why, %si
	call	print
	xorw	%ax, %ax
	int	$0x16
	int	$0x18
8:	hlt
	jmp	8b

print:
	lodsb
	testb	%al, %al
	jz	9f
	movw	$7, %bx
	movb	$0x0e, %ah
	int	$0x10
	jmp	print
9:	ret

/* Place, target and length of stage 2 to %ebp, %es and %di; ZF if there is none. */
begin:
	movl	field_lba, %ebp
	pushw	$LOAD_SEG
	popw	%es
	movw	field_sectors, %di
	testw	%di, %di
	ret

/* Keeps all registers; carry says how it went. */
int13:
	pushal
	pushw	%es
	call	int13_asks
	popw	%es
	popal
	ret

/* Keeps DS and the stack: some BIOSes come back with other registers changed, without interrupts, with the direction flag set, or with
 * carry as it was. */
int13_asks:
	pushw	%ds
	movb	drive, %dl
	stc
	int	$0x13
	sti
	cld
	popw	%ds
	ret

why:		.word	text_read
text_name:	.asciz	"Isopod: "
text_read:	.asciz	"read error"
text_image:	.asciz	"stage 2 damaged"

	.equ	drive, 0x5f0
	.equ	next_drive, 0x5f1
	.equ	retries, 0x5f2

	.org	0x1a0
	.long	0
	.word	0
	.word	1
	.long	0
	.long	0, 0, 0
	.org	440
