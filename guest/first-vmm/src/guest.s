# The guest: a program for S-mode that runs wherever it is copied to.
        .pushsection .rodata
        .balign 4
        .globl guest_code
        .globl guest_code_end
guest_code:

# ANCHOR: line
        li a7, 0x4442434e               # SBI: debug console, write
        li a6, 0
        lla a1, text
        lla a0, text_end
        sub a0, a0, a1
        li a2, 0
        ecall
# ANCHOR_END: line

# ANCHOR: mmio
        li s1, 0x40000000
        lw s2, 0(s1)                    # the ticket
        addi s2, s2, 1
        sw s2, 4(s1)                    # report it, and one more
# ANCHOR_END: mmio

# ANCHOR: sbi
        li a7, 0x10                     # SBI: base, get implementation id
        li a6, 1
        ecall
        sw a1, 4(s1)                    # report it
# ANCHOR_END: sbi

# ANCHOR: interrupt
        lla t0, handler
        csrw stvec, t0
        li t0, 1 << 9                   # SEIE: external interrupts
        csrw sie, t0
        csrsi sstatus, 1 << 1           # SIE
        li s3, 0
        li t0, 1
        sw t0, 8(s1)                    # ask for the bell
3:      wfi
        beqz s3, 3b
        sw s3, 4(s1)                    # report how often it rang
# ANCHOR_END: interrupt

        li a7, 0x53525354               # SBI: system reset: shutdown, no reason
        li a6, 0
        li a0, 0
        li a1, 0
        ecall

# ANCHOR: handler
        .balign 4
handler:
        sw zero, 8(s1)                  # the bell is seen: it may be quiet
        addi s3, s3, 1
        sret
# ANCHOR_END: handler

text:   .ascii "guest: hello from VS-mode\n"
text_end:
guest_code_end:
        .popsection
