# Says what htinst holds after each of these traps into HS-mode: an access by HLV; a guest's load, the same load compressed, a store and an AMO
# where the G-stage maps nothing; the walker's read of an entry there; its update of an entry that it may not write; an ECALL.
        .include "start.inc"
        .equ HSTATUS, 0x600
        .equ HENVCFG, 0x60a
        .equ HTINST, 0x64a
        .equ HGATP, 0x680
        .equ VSATP, 0x280
        .equ SPV, 1 << 7
        .equ SV39, 8 << 60
        .option norvc
        .globl _start
_start: la t0, trap
        csrw stvec, t0
        la t0, gstage
        li t1, 0x80000000 >> 2 | 0xdf   # guest-physical 0x8000_0000 + 1 GiB: V R W X U A D
        sd t1, 16(t0)
        li t1, 0x80000000 >> 2 | 0x5b   # 0xc000_0000 + 1 GiB, the same memory: V R X U A
        sd t1, 24(t0)
        srli t0, t0, 12
        li t1, SV39
        or t0, t0, t1
        csrw HGATP, t0
        .word 0x62000073                # hfence.gvma
        li t0, 1 << 61                  # ADUE
        csrs HENVCFG, t0
        li a0, 0x40001238               # where nothing is
        .word 0x6c0545f3                # hlv.d a1, (a0)
        li t0, SPV
        csrs HSTATUS, t0
        li t0, 1 << 8                   # SPP
        csrs sstatus, t0
        la t0, guest
        csrw sepc, t0
        sret

guest:  ld a1, (a0)
        .option rvc
        c.ld a1, (a0)
        c.nop
        .option norvc
        sd a1, 8(a0)
        amoadd.d a1, a2, (a0)
        li t0, SV39 | 0x50000           # a root where nothing is
        csrw satp, t0
        la t0, root                     # a root that can be read only: guest-physical 0xc000_0000 and further
        li t1, 0x40000000
        add t0, t0, t1
        srli t0, t0, 12
        li t1, SV39
        or t0, t0, t1
        csrw satp, t0
        sfence.vma
        ld a1, (a0)
        ecall

        .balign 4
trap:   csrr s0, HTINST
        print_hex s0
        csrr t0, scause
        li t1, 10                       # ECALL
        beq t0, t1, over
        li t1, 20                       # nothing was fetched
        beq t0, t1, bare
        csrr t0, sepc                   # what was fetched tells its length
        csrr t1, HSTATUS
        andi t1, t1, SPV
        beqz t1, own
        .word 0x6432c373                # hlvx.hu t1, (t0)
        j next
own:    lhu t1, (t0)
next:   addi t0, t0, 2
        andi t1, t1, 3
        li t2, 3
        bne t1, t2, 1f
        addi t0, t0, 2
1:      csrw sepc, t0
        sret
bare:   csrw VSATP, zero
        .word 0x22000073                # hfence.vvma
        sret
over:   finish 0x5555

        .balign 16384
gstage: .space 16384
root:   .dword 0, 0x80000000 >> 2 | 0xf, 0x80000000 >> 2 | 0xcf         # A and D of the first are clear
        .space 4072
