# Programmable counters in M-mode: exact counts, filters, overflow. Writes 1 to tohost if all is right, else 2 * the case + 1.
        .equ MHPMCOUNTER3, 0xb03
        .equ MHPMEVENT3, 0x323
        .equ SCOUNTOVF, 0xda0
        .equ INSTRUCTIONS, 2
        .equ MINH, 1 << 62
        .equ LCOFI, 1 << 13

        .macro case number
        li s0, \number << 1 | 1
        .endm

        .globl _start
_start: case 1                          # the instructions between a write and a read
        li t0, INSTRUCTIONS
        csrw MHPMEVENT3, t0
        csrw MHPMCOUNTER3, zero
        nop
        nop
        csrr t1, MHPMCOUNTER3
        li t2, 2
        bne t1, t2, end
        case 2                          # none while inhibited
        li t0, 1 << 3
        csrw mcountinhibit, t0
        csrr t1, MHPMCOUNTER3
        nop
        csrr t2, MHPMCOUNTER3
        bne t1, t2, end
        csrw mcountinhibit, zero
        case 3                          # those of U-mode only
        la t0, user_end
        csrw mtvec, t0
        la t0, user
        csrw mepc, t0
        li t0, 3 << 11
        csrc mstatus, t0
        li t0, -1
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        li t0, INSTRUCTIONS | MINH
        csrw MHPMEVENT3, t0
        csrw MHPMCOUNTER3, zero
        mret
user:   li t0, 1000
1:      addi t0, t0, -1
        bnez t0, 1b
        ecall                           # which does not retire
        .balign 4
user_end:
        csrr t1, MHPMCOUNTER3
        li t2, 2001
        bne t1, t2, end
        case 4                          # an overflow is told once, not long after it happens
        la t0, overflow
        csrw mtvec, t0
        li t0, INSTRUCTIONS
        csrw MHPMEVENT3, t0
        li t0, -3000
        csrw MHPMCOUNTER3, t0
        li t0, LCOFI
        csrw mie, t0
        csrsi mstatus, 8
        li t0, 100000
1:      addi t0, t0, -1
        bnez t0, 1b
        j end
        .balign 4
overflow:
        csrr t1, MHPMCOUNTER3
        li t2, 200
        bgtu t1, t2, end
        csrr t1, mcause
        li t2, 1 << 63 | 13
        bne t1, t2, end
        case 5                          # and shows
        csrr t1, SCOUNTOVF
        li t2, 1 << 3
        bne t1, t2, end
        csrr t1, MHPMEVENT3
        bgez t1, end
        csrw mip, zero
        csrr t1, mip
        li t2, LCOFI
        and t1, t1, t2
        bnez t1, end
        case 6                          # page-table reads, by a walk of three levels
        la t0, root
        srli t0, t0, 12
        li t1, 8 << 60
        or t0, t0, t1
        csrw satp, t0
        li t0, 0x20003
        csrw MHPMEVENT3, t0
        csrw MHPMCOUNTER3, zero
        la t0, walked
        csrw mtvec, t0
        li t0, 1 << 12
        csrc mstatus, t0
        li t0, 1 << 17 | 1 << 11        # MPRV, as S-mode
        csrs mstatus, t0
        lw t0, (zero)
        j end
        .balign 4
walked: csrr t1, MHPMCOUNTER3
        li t2, 1                        # the first entry is not valid
        bne t1, t2, end
        li s0, 1
end:    li t0, 1 << 17
        csrc mstatus, t0
        la t0, tohost
        sd s0, (t0)
1:      j 1b
        .balign 8
        .globl tohost
tohost: .dword 0
        .globl fromhost
fromhost: .dword 0
        .balign 4096
root:   .space 4096
