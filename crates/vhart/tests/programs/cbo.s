# CBO.ZERO and CBO.FLUSH of an address within a block, where nothing is, where no page is, and where no guest page is: writes 1 to
# tohost if mtval (and mtval2) hold that address each time, else 2 * the number of the case + 1.
        .equ ADDRESS, 0x40001027
        .equ NOWHERE, 0x100010000027
        .equ SV39, 8 << 60
        .equ S_BY_MPRV, 1 << 17 | 1 << 11
        .equ MPV, 1 << 39

        # A block instruction at \address as if in the mode that \status says, which must trap.
        .macro fails number, insn, status, address
        li s0, \number << 1 | 1
        la t0, 1f
        csrw mtvec, t0
        li a0, \address
        li t0, \status
        csrs mstatus, t0
        .word \insn                     # of (a0)
        j end
        .balign 4
1:      li t0, S_BY_MPRV | MPV
        csrc mstatus, t0
        csrr t0, mtval
        bne t0, a0, end
        .endm

        .macro guest_physical
        csrr t0, 0x34b                  # mtval2
        srli t1, a0, 2
        bne t0, t1, end
        .endm

        .equ CBO_ZERO, 0x0045200f
        .equ CBO_FLUSH, 0x0025200f

        .globl _start
_start: fails 1, CBO_ZERO, 0, NOWHERE
        fails 2, CBO_FLUSH, 0, NOWHERE
        la t0, root
        srli t0, t0, 12
        li t1, SV39
        or s1, t0, t1
        csrw satp, s1
        sfence.vma
        fails 3, CBO_ZERO, S_BY_MPRV, ADDRESS
        fails 4, CBO_FLUSH, S_BY_MPRV, ADDRESS
        csrw 0x680, s1                  # hgatp
        .word 0x62000073                # hfence.gvma
        fails 5, CBO_ZERO, S_BY_MPRV | MPV, ADDRESS
        guest_physical
        fails 6, CBO_FLUSH, S_BY_MPRV | MPV, ADDRESS
        guest_physical
        li s0, 1
end:    la t0, tohost
        sd s0, (t0)
1:      j 1b
        .balign 8
        .globl tohost
tohost: .dword 0
        .globl fromhost
fromhost: .dword 0
        .balign 16384
root:   .space 16384
