# A program in U-mode that marks what it does, twice: 22 of its instructions and 5 of its kernel's are between the marks.
        .option norvc
        .equ SRST, 0x53525354
        .equ MARK, 0x766d726b
        .equ NAME, 0x706f6f6c           # "loop"
        .equ LOWER, 0x40000000          # the program's addresses are lower than its memory's

        .globl _start
_start: la t0, trap
        csrw stvec, t0
        la t0, root
        li t1, 0x80000000 >> 2 | 0xcf   # V R W X A D
        sd t1, 16(t0)
        li t1, 0x80000000 >> 2 | 0xdf   # V R W X U A D
        sd t1, 8(t0)
        srli t0, t0, 12
        li t1, 8 << 60                  # Sv39
        or t0, t0, t1
        csrw satp, t0
        sfence.vma
        li t0, 1 << 8                   # SPP
        csrc sstatus, t0
        la t0, user
        li t1, LOWER
        sub t0, t0, t1
        csrw sepc, t0
        sret

        .balign 4
trap:   beq a7, s11, off
        csrr t0, sepc
        addi t0, t0, 4
        csrw sepc, t0
        sret
off:    li a7, SRST
        li a6, 0
        li a0, 0
        li a1, 0
        ecall
2:      j 2b

user:   li s11, SRST
        li s10, 2
        lla s9, word
again:  li a7, MARK
        li a0, 1
        li a1, NAME
        li a2, 0
        ecall
        li t2, 9
1:      addi t2, t2, -1
        bnez t2, 1b
        ld t1, (s9)
        li a0, 2
        nop
        ecall
        li a0, 77                       # no mark that there is
        ecall
        addi s10, s10, -1
        bnez s10, again
        mv a7, s11
        ecall
        .balign 8
word:   .dword 1
        .balign 4096
root:   .space 4096
