# A hypervisor that logs dirty pages, and mends a store's fault as Linux 7.2 does.
        .include "book.inc"

        .equ V, 1
        .equ W, 4
        .equ RWX, 14
        .equ USER, 16
        .equ A, 64
        .equ D, 128
        .ifndef MENDED
        .equ MENDED, 0
        .endif

        .globl _start
_start: la t0, trap
        csrw stvec, t0
        csrw vsatp, zero
        la t0, root
        li t1, 0x80000000 >> 2 | V | RWX | USER | A | D
        sd t1, 16(t0)                   # guest-physical 0x8000_0000: itself, where the guest's code is
# ANCHOR: aged
        li t1, 0x80000000 >> 2 | V | RWX | USER | D
        sd t1, 8(t0)                    # 0x4000_0000: writable and dirty, but its A has been cleared
# ANCHOR_END: aged
        srli t0, t0, 12
        li t1, 8 << 60                  # Sv39x4
        or t0, t0, t1
        csrw hgatp, t0
        hfence.gvma
        li t0, 1 << 7
        csrs hstatus, t0
        li t0, 1 << 8
        csrs sstatus, t0
        la t0, guest
        csrw sepc, t0
        li s11, 0                       # faults
        sret

guest:  li t0, 0x40300000
        sd t0, (t0)
        hypercall 0                     # done

        .balign 4
trap:   csrr s1, scause
        li s0, 10
        beq s0, s1, done
# ANCHOR: handler
        la s0, root                     # a store guest-page fault
        ld s1, 8(s0)
        addi s11, s11, 1
        .if MENDED
        ori s1, s1, A
        .endif
        ori s1, s1, W | D               # the page is dirty now, and may be written
        sd s1, 8(s0)
        hfence.gvma
        sret                            # try the store again
# ANCHOR_END: handler

done:   print "stored, faults: "
        hex s11
        print "\n"
        finish

        .bss
        .balign 16384
root:   .space 16384
