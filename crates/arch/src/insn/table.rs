//! The instruction table: the one place that says which instructions exist and how they look.
//!
//! Unprivileged architecture, "Instruction Set Listings", and the chapters of the extensions. A row is
//!
//! `Variant function Format "encoding" "operands" [extensions] Class;`
//!
//! - `function` is the name of the generic function in `semantics`; with `.` for `_` it is the mnemonic;
//! - `encoding` is written as the manual's tables write it, most significant field first;
//! - `operands` are those of the assembler: `rd` an integer register, `fd` a floating-point one;
//! - `extensions` must all be there for the instruction to exist;
//! - where two encodings overlap, the one with more fixed bits is meant.
//!
//! Compressed forms are in `compressed`: they expand to rows of this table.

/// Calls `$callback! { $args rows... }` with all rows of the table.
#[macro_export]
macro_rules! for_each_insn {
    ($callback:ident { $($args:tt)* }) => { $callback! { { $($args)* }
        // RV64I
        Lui lui U "imm[31:12] rd 0110111" "rd,upper" [I] Alu;
        Auipc auipc U "imm[31:12] rd 0010111" "rd,upper" [I] Alu;
        Jal jal J "imm[20|10:1|11|19:12] rd 1101111" "rd,jump" [I] Jump;
        Jalr jalr I "imm[11:0] rs1 000 rd 1100111" "rd,imm(rs1)" [I] Jump;
        Beq beq B "imm[12|10:5] rs2 rs1 000 imm[4:1|11] 1100011" "rs1,rs2,branch" [I] Branch;
        Bne bne B "imm[12|10:5] rs2 rs1 001 imm[4:1|11] 1100011" "rs1,rs2,branch" [I] Branch;
        Blt blt B "imm[12|10:5] rs2 rs1 100 imm[4:1|11] 1100011" "rs1,rs2,branch" [I] Branch;
        Bge bge B "imm[12|10:5] rs2 rs1 101 imm[4:1|11] 1100011" "rs1,rs2,branch" [I] Branch;
        Bltu bltu B "imm[12|10:5] rs2 rs1 110 imm[4:1|11] 1100011" "rs1,rs2,branch" [I] Branch;
        Bgeu bgeu B "imm[12|10:5] rs2 rs1 111 imm[4:1|11] 1100011" "rs1,rs2,branch" [I] Branch;
        Lb lb I "imm[11:0] rs1 000 rd 0000011" "rd,imm(rs1)" [I] Load;
        Lh lh I "imm[11:0] rs1 001 rd 0000011" "rd,imm(rs1)" [I] Load;
        Lw lw I "imm[11:0] rs1 010 rd 0000011" "rd,imm(rs1)" [I] Load;
        Ld ld I "imm[11:0] rs1 011 rd 0000011" "rd,imm(rs1)" [I] Load;
        Lbu lbu I "imm[11:0] rs1 100 rd 0000011" "rd,imm(rs1)" [I] Load;
        Lhu lhu I "imm[11:0] rs1 101 rd 0000011" "rd,imm(rs1)" [I] Load;
        Lwu lwu I "imm[11:0] rs1 110 rd 0000011" "rd,imm(rs1)" [I] Load;
        Sb sb S "imm[11:5] rs2 rs1 000 imm[4:0] 0100011" "rs2,offset(rs1)" [I] Store;
        Sh sh S "imm[11:5] rs2 rs1 001 imm[4:0] 0100011" "rs2,offset(rs1)" [I] Store;
        Sw sw S "imm[11:5] rs2 rs1 010 imm[4:0] 0100011" "rs2,offset(rs1)" [I] Store;
        Sd sd S "imm[11:5] rs2 rs1 011 imm[4:0] 0100011" "rs2,offset(rs1)" [I] Store;
        Addi addi I "imm[11:0] rs1 000 rd 0010011" "rd,rs1,imm" [I] Alu;
        Slti slti I "imm[11:0] rs1 010 rd 0010011" "rd,rs1,imm" [I] Alu;
        Sltiu sltiu I "imm[11:0] rs1 011 rd 0010011" "rd,rs1,imm" [I] Alu;
        Xori xori I "imm[11:0] rs1 100 rd 0010011" "rd,rs1,imm" [I] Alu;
        Ori ori I "imm[11:0] rs1 110 rd 0010011" "rd,rs1,imm" [I] Alu;
        Andi andi I "imm[11:0] rs1 111 rd 0010011" "rd,rs1,imm" [I] Alu;
        Slli slli Shift "000000 shamt[5:0] rs1 001 rd 0010011" "rd,rs1,shamt" [I] Alu;
        Srli srli Shift "000000 shamt[5:0] rs1 101 rd 0010011" "rd,rs1,shamt" [I] Alu;
        Srai srai Shift "010000 shamt[5:0] rs1 101 rd 0010011" "rd,rs1,shamt" [I] Alu;
        Add add R "0000000 rs2 rs1 000 rd 0110011" "rd,rs1,rs2" [I] Alu;
        Sub sub R "0100000 rs2 rs1 000 rd 0110011" "rd,rs1,rs2" [I] Alu;
        Sll sll R "0000000 rs2 rs1 001 rd 0110011" "rd,rs1,rs2" [I] Alu;
        Slt slt R "0000000 rs2 rs1 010 rd 0110011" "rd,rs1,rs2" [I] Alu;
        Sltu sltu R "0000000 rs2 rs1 011 rd 0110011" "rd,rs1,rs2" [I] Alu;
        Xor xor R "0000000 rs2 rs1 100 rd 0110011" "rd,rs1,rs2" [I] Alu;
        Srl srl R "0000000 rs2 rs1 101 rd 0110011" "rd,rs1,rs2" [I] Alu;
        Sra sra R "0100000 rs2 rs1 101 rd 0110011" "rd,rs1,rs2" [I] Alu;
        Or or R "0000000 rs2 rs1 110 rd 0110011" "rd,rs1,rs2" [I] Alu;
        And and R "0000000 rs2 rs1 111 rd 0110011" "rd,rs1,rs2" [I] Alu;
        Addiw addiw I "imm[11:0] rs1 000 rd 0011011" "rd,rs1,imm" [I] Alu;
        Slliw slliw Shift "0000000 shamt[4:0] rs1 001 rd 0011011" "rd,rs1,shamt" [I] Alu;
        Srliw srliw Shift "0000000 shamt[4:0] rs1 101 rd 0011011" "rd,rs1,shamt" [I] Alu;
        Sraiw sraiw Shift "0100000 shamt[4:0] rs1 101 rd 0011011" "rd,rs1,shamt" [I] Alu;
        Addw addw R "0000000 rs2 rs1 000 rd 0111011" "rd,rs1,rs2" [I] Alu;
        Subw subw R "0100000 rs2 rs1 000 rd 0111011" "rd,rs1,rs2" [I] Alu;
        Sllw sllw R "0000000 rs2 rs1 001 rd 0111011" "rd,rs1,rs2" [I] Alu;
        Srlw srlw R "0000000 rs2 rs1 101 rd 0111011" "rd,rs1,rs2" [I] Alu;
        Sraw sraw R "0100000 rs2 rs1 101 rd 0111011" "rd,rs1,rs2" [I] Alu;
        Fence fence Fence "fm pred succ rs1 000 rd 0001111" "pred,succ" [I] Fence;
        Pause pause Bare "0000 0001 0000 00000 000 00000 0001111" "" [Zihintpause] Fence;
        Ecall ecall Bare "000000000000 00000 000 00000 1110011" "" [I] Sys;
        Ebreak ebreak Bare "000000000001 00000 000 00000 1110011" "" [I] Sys;
        // Zifencei; imm, rs1 and rd are reserved and ignored
        FenceI fence_i I "imm[11:0] rs1 001 rd 0001111" "" [Zifencei] Sys;
        // Zicsr
        Csrrw csrrw Csr "csr rs1 001 rd 1110011" "rd,csr,rs1" [Zicsr] Csr;
        Csrrs csrrs Csr "csr rs1 010 rd 1110011" "rd,csr,rs1" [Zicsr] Csr;
        Csrrc csrrc Csr "csr rs1 011 rd 1110011" "rd,csr,rs1" [Zicsr] Csr;
        Csrrwi csrrwi CsrI "csr uimm 101 rd 1110011" "rd,csr,uimm" [Zicsr] Csr;
        Csrrsi csrrsi CsrI "csr uimm 110 rd 1110011" "rd,csr,uimm" [Zicsr] Csr;
        Csrrci csrrci CsrI "csr uimm 111 rd 1110011" "rd,csr,uimm" [Zicsr] Csr;
        // Privileged
        Sret sret Bare "0001000 00010 00000 000 00000 1110011" "" [S] Sys;
        Mret mret Bare "0011000 00010 00000 000 00000 1110011" "" [I] Sys;
        Wfi wfi Bare "0001000 00101 00000 000 00000 1110011" "" [I] Sys;
        SfenceVma sfence_vma Rs "0001001 rs2 rs1 000 00000 1110011" "rs1,rs2" [S] Sys;
        SinvalVma sinval_vma Rs "0001011 rs2 rs1 000 00000 1110011" "rs1,rs2" [Svinval] Sys;
        SfenceWInval sfence_w_inval Bare "0001100 00000 00000 000 00000 1110011" "" [Svinval] Sys;
        SfenceInvalIr sfence_inval_ir Bare "0001100 00001 00000 000 00000 1110011" "" [Svinval] Sys;
        // H
        HfenceVvma hfence_vvma Rs "0010001 rs2 rs1 000 00000 1110011" "rs1,rs2" [H] Sys;
        HfenceGvma hfence_gvma Rs "0110001 rs2 rs1 000 00000 1110011" "rs1,rs2" [H] Sys;
        HinvalVvma hinval_vvma Rs "0010011 rs2 rs1 000 00000 1110011" "rs1,rs2" [H Svinval] Sys;
        HinvalGvma hinval_gvma Rs "0110011 rs2 rs1 000 00000 1110011" "rs1,rs2" [H Svinval] Sys;
        HlvB hlv_b R1 "0110000 00000 rs1 100 rd 1110011" "rd,(rs1)" [H] Hyper;
        HlvBu hlv_bu R1 "0110000 00001 rs1 100 rd 1110011" "rd,(rs1)" [H] Hyper;
        HlvH hlv_h R1 "0110010 00000 rs1 100 rd 1110011" "rd,(rs1)" [H] Hyper;
        HlvHu hlv_hu R1 "0110010 00001 rs1 100 rd 1110011" "rd,(rs1)" [H] Hyper;
        HlvxHu hlvx_hu R1 "0110010 00011 rs1 100 rd 1110011" "rd,(rs1)" [H] Hyper;
        HlvW hlv_w R1 "0110100 00000 rs1 100 rd 1110011" "rd,(rs1)" [H] Hyper;
        HlvWu hlv_wu R1 "0110100 00001 rs1 100 rd 1110011" "rd,(rs1)" [H] Hyper;
        HlvxWu hlvx_wu R1 "0110100 00011 rs1 100 rd 1110011" "rd,(rs1)" [H] Hyper;
        HlvD hlv_d R1 "0110110 00000 rs1 100 rd 1110011" "rd,(rs1)" [H] Hyper;
        HsvB hsv_b Rs "0110001 rs2 rs1 100 00000 1110011" "rs2,(rs1)" [H] Hyper;
        HsvH hsv_h Rs "0110011 rs2 rs1 100 00000 1110011" "rs2,(rs1)" [H] Hyper;
        HsvW hsv_w Rs "0110101 rs2 rs1 100 00000 1110011" "rs2,(rs1)" [H] Hyper;
        HsvD hsv_d Rs "0110111 rs2 rs1 100 00000 1110011" "rs2,(rs1)" [H] Hyper;
    } };
}
