# Two harts in S-mode: hart 0 interrupts hart 1 ROUNDS times and waits for its answer each time. Hart 1 waits in a loop,
# with PAUSE set by the instruction of that name.
        .equ HSM, 0x48534d
        .equ IPI, 0x735049
        .equ SRST, 0x53525354
        .equ SSIE, 1 << 1
        .equ SIE, 1 << 1
        .equ ROUNDS, 200
        .equ BETWEEN, 10000             # a millisecond

        .globl _start
_start: li a0, 1
        la a1, second
        li a7, HSM
        li a6, 0
        ecall
        la s0, answers
1:      ld t0, (s0)                     # hart 1 is up
        beqz t0, 1b
        li s1, ROUNDS
next:   rdtime t0
        li t1, BETWEEN
        add t0, t0, t1
2:      rdtime t1
        bltu t1, t0, 2b
        ld s2, (s0)
        li a0, 2                        # hart 1
        li a1, 0
        li a7, IPI
        li a6, 0
        ecall
3:      ld t0, (s0)
        beq t0, s2, 3b
        addi s1, s1, -1
        bnez s1, next
        li a0, 0
        li a1, 0
        li a7, SRST
        li a6, 0
        ecall
4:      j 4b

second: la s0, answers
        la t0, answer
        csrw stvec, t0
        li t0, 1
        sd t0, (s0)
        li t0, SSIE
        csrw sie, t0
        csrsi sstatus, SIE
5:
        .if PAUSE
        .insn i 0x0f, 0, x0, x0, 0x010
        .else
        nop
        .endif
        j 5b

        .balign 4
answer: csrci sip, SSIE
        ld t0, (s0)
        addi t0, t0, 1
        sd t0, (s0)
        sret

        .data
        .balign 8
answers: .dword 0
