# A guest with page tables, in VS-mode, linked at high addresses that only its own tables lead to: for a debugger that has
# its symbols. Frames are described as a compiler describes them.
        .option norvc
        .option norelax
        .globl _start
_start: lla t0, trap
        csrw stvec, t0
        li t1, 0x80000000 >> 2 | 0xdf   # V R W X U A D: the gigabyte at 0x80000000
        lla t0, root
        sd t1, 16(t0)
        srli t0, t0, 12
        li t1, 8 << 60 | 5 << 44        # Sv39x4, VMID 5
        or t0, t0, t1
        csrw 0x680, t0                  # hgatp
        .word 0x62000073                # hfence.gvma
        li t1, 0x80000000 >> 2 | 0xcf   # V R W X A D: the same, at 0xffffffff80000000
        lla t0, table
        li t2, 510 * 8
        add t2, t0, t2
        sd t1, (t2)
        srli t0, t0, 12
        li t1, 8 << 60 | 3 << 44        # Sv39, ASID 3
        or t0, t0, t1
        csrw 0x280, t0                  # vsatp
        .word 0x22000073                # hfence.vvma
        li t0, 1 << 7                   # SPV
        csrs 0x600, t0                  # hstatus
        li t0, 1 << 8                   # SPP
        csrs sstatus, t0
        ld sp, stack_top
        ld t0, entry
        csrw sepc, t0
        sret

        .balign 4
trap:   j trap

        .balign 8
entry:  .dword start_kernel
stack_top: .dword stack + 1024

        .data
        .balign 1 << 14
root:   .zero 1 << 14
table:  .zero 1 << 12

        .section .guest, "awx"
        .macro function name
        .globl \name
        .type \name, @function
\name:  .cfi_startproc
        .endm
        .macro end name
        .cfi_endproc
        .size \name, . - \name
        .endm
        .macro enter
        addi sp, sp, -16
        .cfi_def_cfa_offset 16
        sd ra, 8(sp)
        .cfi_offset ra, -8
        .endm
        .macro leave
        ld ra, 8(sp)
        .cfi_restore ra
        addi sp, sp, 16
        .cfi_def_cfa_offset 0
        ret
        .endm

        function start_kernel
        enter
1:      call setup_arch
        j 1b
        end start_kernel

        function setup_arch
        enter
        call count_memory
        leave
        end setup_arch

        function count_memory
        lla t0, memory_count
        ld t1, (t0)
        addi t1, t1, 1
        sd t1, (t0)
        ret
        end count_memory

        .balign 8
        .globl memory_count
memory_count: .dword 0
stack:  .zero 1024
