# Where a compute program begins, in M-mode: a stack, the floating-point unit, a handler; then `work`, whose result
# goes to the test finisher. A loader has cleared .bss.

    .equ FINISHER, 0x100000
    .equ PASS, 0x5555
    .equ FAIL, 0x3333
    .equ MSTATUS_FS_INITIAL, 1 << 13
    .equ TRAPPED, 99

    .section .text.start, "ax"
    .globl _start
_start:
    csrr    t0, mhartid
    bnez    t0, park
    la      t0, trapped
    csrw    mtvec, t0
    li      t0, MSTATUS_FS_INITIAL
    csrs    mstatus, t0
    fscsr   zero
    la      sp, stack_top
    call    work
    beqz    a0, pass

fail:
    slli    a0, a0, 16
    li      t0, FAIL
    or      a0, a0, t0
    j       finish

pass:
    li      a0, PASS
finish:
    li      t0, FINISHER
    sw      a0, 0(t0)
park:
    wfi
    j       park

    .balign 4
trapped:
    li      a0, TRAPPED
    j       fail
