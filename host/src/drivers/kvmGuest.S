# The smallest guest that says whether KVM runs guests. It enters 64-bit mode as a kernel does, runs the instructions at
# which an incomplete virtualisation stops, checks what they did, and leaves by QEMU's isa-debug-exit.
#
# A flat image with a multiboot header (Multiboot specification 0.6.96, 3.1). After a change: node host/scripts/kvmGuest.ts
# assembles it and writes its bytes into host/src/drivers/kvmGuest.ts.

.set BASE,   0x100000           # where it is loaded
.set TABLES, BASE + 0x1000      # three page tables
.set AREA,   BASE + 0x4000      # of XSAVE, and the stack above it
.set STACK,  BASE + 0x6000
.set EXIT,   0xf4               # port of isa-debug-exit: QEMU's exit status is what is written twice, and one

.code32
        .long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
        .long BASE, BASE, end, STACK, start

start:  movl  $TABLES + 0x1003, TABLES
        movl  $TABLES + 0x2003, TABLES + 0x1000
        movl  $0x83, %eax       # the first gigabyte as it is, in pages of 2 MiB
        xorl  %ecx, %ecx
1:      movl  %eax, TABLES + 0x2000(, %ecx, 8)
        addl  $0x200000, %eax
        incl  %ecx
        cmpl  $512, %ecx
        jne   1b
        movl  $TABLES, %eax
        movl  %eax, %cr3
        movl  $0x620, %eax      # PAE, OSFXSR, OSXMMEXCPT
        movl  %eax, %cr4
        movl  $0xc0000080, %ecx # EFER
        rdmsr
        orl   $0x100, %eax      # LME
        wrmsr
        movl  $0x80000033, %eax # PG, NE, ET, MP, PE
        movl  %eax, %cr0
        lgdt  gdtr
        ljmp  $8, $long

.code64
long:   xorl  %eax, %eax
        movl  %eax, %ds
        movl  %eax, %es
        movl  %eax, %ss
        movl  $STACK, %esp
        movl  $7, %eax
        xorl  %ecx, %ecx
        cpuid
        movl  %ebx, %r8d        # features of leaf 7
        movl  $1, %eax
        cpuid
        movl  %ecx, %r9d        # features of leaf 1

        btl   $13, %r9d         # CMPXCHG16B
        jnc   bmi2
        movl  $AREA, %edi
        movq  $1, (%rdi)
        movq  $2, 8(%rdi)
        movl  $1, %eax
        movl  $2, %edx
        movl  $3, %ebx
        movl  $4, %ecx
        lock  cmpxchg16b (%rdi)
        jnz   failed
        cmpq  $4, 8(%rdi)
        jne   failed

bmi2:   btl   $8, %r8d          # BMI2
        jnc   xsave
        movl  $36, %ecx
        movl  $5, %eax
        shlxq %rcx, %rax, %rdx
        rorxq $36, %rdx, %rdx
        cmpq  %rax, %rdx
        jne   failed

xsave:  btl   $26, %r9d         # XSAVE
        jnc   passed
        movl  $0x40620, %eax    # and OSXSAVE
        movq  %rax, %cr4
        xorl  %ecx, %ecx
        xorl  %edx, %edx
        movl  $3, %eax          # of x87 and SSE
        xsetbv
        movl  $AREA + 64, %edi
        movq  %rdi, %xmm1
        xsave64 (%rdi)
        pxor  %xmm1, %xmm1
        xrstor64 (%rdi)
        movq  %xmm1, %rax
        cmpq  %rdi, %rax
        jne   failed

passed: movl  $0x10, %eax
        jmp   leave
failed: movl  $0x11, %eax
leave:  outl  %eax, $EXIT
1:      hlt
        jmp   1b

        .balign 8
gdt:    .quad 0, 0x00af9b000000ffff
gdtr:   .word 15
        .long gdt
end:
