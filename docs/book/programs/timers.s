# A guest's timer by Sstc, and the same guest where the hypervisor has to do it.
        .include "book.inc"

        .equ STCE, 1 << 63              # in henvcfg
        .equ TM, 1 << 1                 # in hcounteren
        .equ VSTI, 1 << 6               # in hideleg, hvip
        .equ STI, 1 << 5                # in sie, vsie

        .globl _start
_start: la t0, trap
        csrw stvec, t0
        csrw hgatp, zero
        csrw vsatp, zero
        li t0, VSTI
        csrw hideleg, t0
        li s8, 0                        # s8: exits to the hypervisor
# ANCHOR: sstc
        li t0, TM
        csrw hcounteren, t0             # the guest may read time,
        rdtime t0
        neg t0, t0
        csrw htimedelta, t0             # which begins at zero for it,
        li t0, -1
        csrw vstimecmp, t0              # has no timer set yet,
        li t0, STCE
        csrs henvcfg, t0                # and has stimecmp: vstimecmp
# ANCHOR_END: sstc
again:  li t0, 1 << 7
        csrs hstatus, t0
        li t0, 1 << 8
        csrs sstatus, t0
        la t0, guest
        csrw sepc, t0
        sret

# ANCHOR: guest
guest:  la t0, guest_trap
        csrw stvec, t0
        li t0, STI
        csrw sie, t0
        li t0, 1 << 1
        csrs sstatus, t0                # interrupts on
        li s9, 3                        # timers to go
        rdtime s10
        li t0, 100000                   # 10 ms
        add s10, s10, t0
        csrw stimecmp, s10
1:      wfi
        bnez s9, 1b
        hypercall 0                     # three have come

        .balign 4
guest_trap:
        rdtime t0
        sltu s7, t0, s10                # 1: it came too early
        addi s9, s9, -1
        li t0, 100000
        add s10, s10, t0
        csrw stimecmp, s10              # the next one; this ends the interrupt, too
        sret
# ANCHOR_END: guest

        .balign 4
trap:   addi s8, s8, 1
        csrr t0, scause
        bltz t0, ours
        li t1, 10
        beq t0, t1, told
# ANCHOR: emulate
        csrr t0, stval                  # a virtual instruction: csrw stimecmp, s10, the only one that this guest has
        li t1, 0x14dd1073
        bne t0, t1, over
        csrr t0, htimedelta
        sub t0, s10, t0                 # the guest's time, as ours
        csrw stimecmp, t0               # our own timer waits for it
        li t0, VSTI
        csrc hvip, t0                   # the guest's interrupt ends
        li t0, STI
        csrs sie, t0
        csrr t0, sepc
        addi t0, t0, 4
        csrw sepc, t0
        sret

ours:   li t0, -1                       # our timer
        csrw stimecmp, t0
        li t0, VSTI
        csrs hvip, t0                   # is the guest's interrupt
        sret
# ANCHOR_END: emulate

told:   print "three timers, early: "
        hex s7
        print ", exits: "
        hex s8
        csrr s1, henvcfg
        bgez s1, over                   # that was the second time
        print "  (with Sstc)\n"
        li t0, STCE
        csrc henvcfg, t0                # the same guest without
        li s8, 0
        j again
over:   print "  (without)\n"
        finish
