# A kernel in S-mode that says TEXT and asks for a reset of type KIND, for REASON.
        .equ DBCN, 0x4442434e
        .equ SRST, 0x53525354
        .globl _start
_start: la a1, text
        la a0, end
        sub a0, a0, a1
        li a2, 0
        li a7, DBCN
        li a6, 0
        ecall
        li a0, KIND
        li a1, REASON
        li a7, SRST
        li a6, 0
        ecall
1:      j 1b

        .data
text:
        .if PANIC
        .ascii "[    1.0] Kernel panic - not syncing: as asked\n"
        .endif
        .ascii "bye\n"
end:
