/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot sector that reads words from its disk, in two steps: three sectors at once; then, after a byte came over the serial port (the tester
 * has pulled the stick meanwhile), sectors all over the disk. INT 13h with cylinders, heads and sectors only, so that it starts as a floppy and as a
 * hard disk. It does so in "unreal" mode, FS with base 0 and a selector of which that does not follow, and looks after each read whether
 * that is still so. memory_cases.py lays it out; at `last` it puts the number of the last sector.
 */
	.code16
	.globl	_start
_start:
	ljmp	$0, $begin
	.org	8
last:	.long	0
begin:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	cli
	lgdt	gdt_pointer
	movl	%cr0, %eax
	incw	%ax
	movl	%eax, %cr0
	movw	$8, %cx
	movw	%cx, %fs
	decw	%ax
	movl	%eax, %cr0
	xorw	%ax, %ax
	sti
	cld
	movb	%dl, drive
	movb	$8, %ah
	xorw	%di, %di
	int	$0x13
	jc	fail
	andw	$0x3f, %cx
	movw	%cx, track
	movb	%dh, %al
	xorb	%ah, %ah
	incw	%ax
	mulw	%cx
	movw	%ax, cylinder
	xorw	%ax, %ax
	movw	%ax, %es
	movl	$1, %eax
	call	show
	movl	$2, %eax
	call	show
	movl	$3, %eax
	call	show
	movw	$waits, %si
	call	print
1:	movw	$0x3fd, %dx
	inb	%dx, %al
	testb	$1, %al
	jz	1b
	movw	$0x3f8, %dx
	inb	%dx, %al
	/* every seventh sector, so that no track that was kept will do; then the last one */
	movl	$4, %ebp
2:	movl	%ebp, %eax
	call	read
	cmpl	%ebp, 0x8000
	jne	fail
	addl	$7, %ebp
	cmpl	last, %ebp
	jb	2b
	movl	last, %eax
	call	show
3:	hlt
	jmp	3b

show:
	call	read
	movw	$0x8008, %si
print:
	lodsb
	testb	%al, %al
	jz	5f
	movb	%al, %bl
	movw	$0x3fd, %dx
4:	inb	%dx, %al
	testb	$0x20, %al
	jz	4b
	movw	$0x3f8, %dx
	movb	%bl, %al
	outb	%al, %dx
	jmp	print
5:	ret

fail:
	movw	$failed, %si
	call	print
	jmp	3b

/* Sector %eax to 0000:8000. */
read:
	xorl	%edx, %edx
	movzwl	cylinder, %ecx
	divl	%ecx
	movw	%ax, %bx	/* the cylinder */
	movw	%dx, %ax
	xorw	%dx, %dx
	divw	track		/* %ax head, %dx sector */
	movb	%bl, %ch
	movb	%bh, %cl
	shlb	$6, %cl
	incw	%dx
	orb	%dl, %cl
	movb	%al, %dh
	movb	drive, %dl
	movw	$0x8000, %bx
	movw	$0x0201, %ax
	int	$0x13
	jc	fail
	addr32 movl	%fs:0x8000, %eax
	cmpl	0x8000, %eax
	jne	fail
	addr32 movl	%eax, %fs:0x200000
	ret

	.balign	8
gdt:	.quad	0, 0x00cf93000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt
drive:	.byte	0
track:	.word	0
cylinder: .word	0
waits:	.asciz	"moth waits\r\n"
failed:	.asciz	"moth cannot read\r\n"
	.org	0x1b8
