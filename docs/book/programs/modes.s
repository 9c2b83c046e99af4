# A guest tries things; the hypervisor prints each trap that comes to it, and goes on behind the instruction.
        .include "book.inc"

        .globl _start
_start:
# ANCHOR: enter
        la t0, trap
        csrw stvec, t0
        csrw hgatp, zero                # no translation: the guest sees the machine's memory
        csrw vsatp, zero
        li t0, 1 << 7                   # hstatus.SPV: SRET goes to V=1,
        csrs hstatus, t0
        li t0, 1 << 8                   # sstatus.SPP: and there to S
        csrs sstatus, t0
        la t0, guest
        csrw sepc, t0
        sret
# ANCHOR_END: enter

# ANCHOR: guest
guest:  la t0, guest_trap
        csrw stvec, t0                  # this is vstvec
        hypercall 0
        csrr t0, hstatus
        csrr t0, mstatus
        hlv.d t0, (sp)
        li t0, 1 << 8
        csrc sstatus, t0                # this is vsstatus
        la t0, user
        csrw sepc, t0                   # this is vsepc
        sret                            # and this goes to VU

user:   csrr t0, sscratch
        ecall                           # to HS
        ecall                           # to VS: the hypervisor has delegated it meanwhile
        j over
# ANCHOR_END: guest

        .balign 4
guest_trap:
        csrr s0, scause
        csrr s1, sepc
        print "to VS: cause "
        hex s0
        print "  (the hypervisor is not asked)\n"
        addi s1, s1, 4
        csrw sepc, s1
        sret

over:   finish

        .balign 4
# ANCHOR: trap
trap:   csrr s0, scause
        csrr s1, sepc
        csrr s2, hstatus
        csrr s3, sstatus
        csrr s4, stval
        print "to HS: cause "
        hex s0
        print "  SPV "
        bit s2, 7
        print "  SPP "
        bit s3, 8
        print "  stval "
        hex s4
        print "\n"
        li t0, 8                        # an ecall from VU: the next one is for the guest
        bne s0, t0, 1f
        li t0, 1 << 8
        csrs hedeleg, t0
1:      addi s1, s1, 4
        csrw sepc, s1
        sret                            # SPV and SPP are as the trap left them
# ANCHOR_END: trap
