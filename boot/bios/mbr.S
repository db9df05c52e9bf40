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
 * The BIOS gives: CS:IP = 0:7C00 (or 07C0:0), DL = drive. The partition table is never looked at, so a protective
 * MBR is as good as any. Reads go by EDD packets of 64 sectors (32 KiB: never across a 64 KiB boundary from
 * 0x10000 on); a BIOS without EDD gets CHS reads, sector by sector.
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
	sti
	/* A drive number below 0x80 is a BIOS that passes none (or a floppy one, which this is not). */
	testb	%dl, %dl
	js	1f
	movb	$0x80, %dl
1:	movb	%dl, drive

	call	begin
	jz	bad_image
	movb	$0x41, %ah
	movw	$0x55aa, %bx
	call	int13
	jc	chs
	cmpw	$0xaa55, %bx
	jne	chs
	testb	$1, %cl
	jz	chs

/* --- EDD: %di sectors from LBA %ebp ------------------------------------------------------------------- */
edd:
	movw	$CHUNK, %cx
	cmpw	%cx, %di
	jae	1f
	movw	%di, %cx
1:	movw	$3, %bx
2:	pushl	$0		/* the packet: LBA high */
	pushl	%ebp		/* LBA low */
	pushw	segment
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
	addw	%cx, segment
	subw	$CHUNK, %di
	ja	edd
	jmp	check

/* --- CHS: the same, one sector a call ----------------------------------------------------------------- */
chs:
	call	begin
	movb	$8, %ah
	call	int13
	jc	bad_read
	andw	$0x3f, %cx
	jz	bad_read
	movzwl	%cx, %esi
	movzbl	%dh, %ebx
	incl	%ebx
chs_next:
	movl	%ebp, %eax
	cltd
	divl	%esi
	movw	%dx, %cx
	incw	%cx
	cltd
	divl	%ebx
	cmpw	$1023, %ax
	ja	bad_read
	movb	%dl, %dh
	movb	%al, %ch
	shlb	$6, %ah
	orb	%ah, %cl
	movw	$3, retries
4:	pushw	%bx
	movw	segment, %es
	xorw	%bx, %bx
	movw	$0x0201, %ax
	call	int13
	popw	%bx
	jnc	5f
	xorw	%ax, %ax
	call	int13
	decw	retries
	jnz	4b
	jmp	bad_read
5:	incl	%ebp
	addw	$32, segment
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
	movw	$text_image, %si
	jmp	say
bad_read:
	movw	$text_read, %si
say:
	xorw	%bx, %bx
	movw	%bx, %ds
	pushw	%si
	movw	$text_name, %si
	call	print
	popw	%si
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

/* Place and length of stage 2 to %ebp and %di; ZF if there is none. */
begin:
	movl	field_lba, %ebp
	movw	$LOAD_SEG, segment
	movw	field_sectors, %di
	testw	%di, %di
	ret

/* Some BIOSes return with DL changed. Keeps what a caller needs of the 32-bit registers; results in AX BX CX DX. */
int13:
	pushl	%ebp
	pushw	%si
	pushw	%di
	movb	drive, %dl
	int	$0x13
	popw	%di
	popw	%si
	popl	%ebp
	ret

text_name:	.asciz	"Isopod: "
text_read:	.asciz	"read error"
text_image:	.asciz	"stage 2 damaged"

	.equ	drive, 0x5f0
	.equ	retries, 0x5f2
	.equ	segment, 0x5f4

	.org	0x1a0
	.long	0
	.word	0
	.word	1
	.long	0
	.long	0, 0, 0
	.org	440
