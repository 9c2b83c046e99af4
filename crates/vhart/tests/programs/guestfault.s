# A hypervisor in HS-mode without a trap handler, whose guest loads from an address that the G-stage does not map.
        .globl _start
_start: csrw stvec, zero
        la t0, root
        li t1, 0x80000000 >> 2 | 0xdf   # V R W X U A D
        sd t1, 16(t0)
        srli t0, t0, 12
        li t1, 8 << 60                  # Sv39x4
        or t0, t0, t1
        csrw 0x680, t0                  # hgatp
        .word 0x62000073                # hfence.gvma
        li t0, 1 << 7                   # SPV
        csrs 0x600, t0                  # hstatus
        li t0, 1 << 8                   # SPP
        csrs sstatus, t0
        la t0, guest
        csrw sepc, t0
        sret
guest:  li a0, 0x40001238
        j fault
        .org 0x100
fault:  ld a1, (a0)
        .balign 16384
root:   .space 16384
