# Sends back what was typed, up to a full stop, through the firmware: by the debug console's calls, or with LEGACY set by
# the legacy ones.
        .equ LEGACY_PUTCHAR, 1
        .equ LEGACY_GETCHAR, 2
        .equ DBCN, 0x4442434e
        .equ SRST, 0x53525354
        .equ MOST, 64
        .globl _start
_start: la s0, buffer
next:
        .if LEGACY
        li a7, LEGACY_GETCHAR
        ecall
        bltz a0, next
        mv s1, a0
        li a7, LEGACY_PUTCHAR
        ecall
        .else
        li a0, MOST
        mv a1, s0
        li a2, 0
        li a7, DBCN
        li a6, 1                        # read
        ecall
        beqz a1, next
        add t0, s0, a1
        lbu s1, -1(t0)
        mv a0, a1
        mv a1, s0
        li a6, 0                        # write
        ecall
        .endif
        li t0, '.'
        bne s1, t0, next
        li a0, 0
        li a1, 0
        li a7, SRST
        li a6, 0
        ecall
1:      j 1b

        .data
        .balign 8
buffer: .space MOST
