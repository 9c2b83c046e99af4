# Who takes a trap: the guest by delegation, the guest because the hypervisor passes it on, or the hypervisor.
        .include "book.inc"

        .globl _start
_start: la t0, trap
        csrw stvec, t0
        csrw hgatp, zero
        csrw vsatp, zero
        li t0, 1 << 2                   # VSSI: else the guest's sie.SSIE would be read-only zero
        csrw hideleg, t0
        li t0, 1 << 7
        csrs hstatus, t0
        li t0, 1 << 8
        csrs sstatus, t0
        la t0, guest
        csrw sepc, t0
        sret

# ANCHOR: guest
guest:  la t0, guest_trap
        csrw stvec, t0
        li s11, 0                       # traps that the guest has seen
        .word 0                         # an illegal instruction, before it is delegated
        hypercall 0                     # delegate it
        .word 0                         # another
        li t0, 1 << 1
        csrw sie, t0                    # supervisor software interrupts, which is vsie
        csrs sstatus, t0                # SIE has the same place
        hypercall 1                     # inject one, please
        hypercall 2                     # and one more, not delegated
        hypercall 3
# ANCHOR_END: guest

        .balign 4
guest_trap:
        csrr s0, scause
        csrr s1, stval
        csrr s2, sip
        print "  guest: scause "
        hex s0
        print "  stval "
        hex s1
        print "  sip "
        hex s2
        print "\n"
        csrw sip, zero                  # a software interrupt ends by this
        bltz s0, 1f                     # an interrupt: go on where it came
        csrr s1, sepc
        addi s1, s1, 4
        csrw sepc, s1
1:      sret

        .balign 4
trap:   csrr s3, scause
        csrr s4, sepc
        print "hypervisor: scause "
        hex s3
        print "\n"
        bltz s3, interrupt
        li t0, 2
        beq s3, t0, redirect
        li t0, 10
        bne s3, t0, over
        addi s4, s4, 4                  # an ecall from VS
        csrw sepc, s4
        beqz a6, delegate
        li t0, 1
        beq a6, t0, inject
        li t0, 2
        beq a6, t0, inject_here
over:   finish

# ANCHOR: redirect
redirect:                               # what hardware does on a trap into VS, done by hand
        csrr t0, scause
        csrw vscause, t0
        csrr t0, stval
        csrw vstval, t0
        csrr t0, sepc
        csrw vsepc, t0
        csrr t0, vsstatus
        andi t1, t0, 1 << 1             # SIE
        slli t1, t1, 4                  # goes to SPIE
        li t2, 1 << 8 | 1 << 5 | 1 << 1
        or t0, t0, t2
        xor t0, t0, t2                  # SPP, SPIE, SIE are clear now
        or t0, t0, t1
        csrr t1, sstatus
        andi t1, t1, 1 << 8             # the mode that trapped
        or t0, t0, t1
        csrw vsstatus, t0
        li t1, 1 << 8
        csrs sstatus, t1                # go on in VS
        csrr t0, vstvec
        csrw sepc, t0
        sret
# ANCHOR_END: redirect

# ANCHOR: inject
delegate:
        li t0, 1 << 2
        csrs hedeleg, t0                # illegal instructions go to VS
        sret

inject: li t0, 1 << 2                   # VSSI has this place in hvip, hideleg and hie
        csrs hvip, t0                   # pending for the guest
        sret                            # and taken by it here

inject_here:
        li t0, 1 << 2
        csrc hideleg, t0
        csrs hie, t0
        csrs hvip, t0
        sret

interrupt:
        li t0, 1 << 2
        csrc hvip, t0
        sret
# ANCHOR_END: inject
