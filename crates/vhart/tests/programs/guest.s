# A guest that does nothing but call M-mode, forever: from VS to M and back.
        .option norvc
        .option norelax
        .globl _start
_start: li t0, -1
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        la t0, handler
        csrw mtvec, t0
        la t0, guest
        csrw mepc, t0
        li t0, 0x8000001800     # MPV and MPP
        csrc mstatus, t0
        li t0, 0x8000000800     # MPV, and S in MPP
        csrs mstatus, t0
        mret

        .org 0x200
handler: csrr t0, mepc
        addi t0, t0, 4
        csrw mepc, t0
        mret

        .org 0x300
guest:  li s3, 7
1:      csrw sscratch, s3
        ecall
        j 1b
