# Enters S-mode on large pages whose A and D are clear, and says K there; says by a letter which exception came, A being 0.
        .include "start.inc"
        .globl _start
_start: la t0, trap
        csrw mtvec, t0
        li t0, -1                       # PMP: all memory
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        la t0, root
        srli t0, t0, 12
        li t1, 8 << 60                  # Sv39
        or t0, t0, t1
        csrw satp, t0
        sfence.vma
        li t0, 3 << 11                  # MPP: S
        csrc mstatus, t0
        li t0, 1 << 11
        csrs mstatus, t0
        la t0, supervisor
        csrw mepc, t0
        mret
supervisor:
        li t0, 'K'
        li t1, UART
        sb t0, (t1)
        ecall
        .balign 4
trap:   csrr t0, mcause
        addi t0, t0, 'A'
        li t1, UART
        sb t0, (t1)
        finish 0x5555
        .balign 4096
root:   .dword 0x0000000f, 0, 0x2000000f        # V R W X
        .space 4072
