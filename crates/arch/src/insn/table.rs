//! The instruction table: the one place that says which instructions exist and how they look.
//!
//! Unprivileged architecture, "Instruction Set Listings", and the chapters of the extensions. A row is
//!
//! `Variant function Format "encoding" "operands" [extensions] Class;`
//!
//! - `function` is the name of the generic function in `semantics`; with `.` for `_` it is the mnemonic;
//! - `encoding` is written as the manual's tables write it, most significant field first;
//! - `operands` are those of the assembler: `rd` an integer register, `fd` a floating-point one
//!   (`exact` is a rounding mode that cannot matter: the assembler leaves out `rne` there, and `dyn` elsewhere);
//! - `extensions` must all be there for the instruction to exist; where `or` names one more, that one alone will do;
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
        FenceTso fence_tso Bare "1000 0011 0011 00000 000 00000 0001111" "" [I] Fence;
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
        // M; multiplication is Zmmul
        Mul mul R "0000001 rs2 rs1 000 rd 0110011" "rd,rs1,rs2" [Zmmul] Alu;
        Mulh mulh R "0000001 rs2 rs1 001 rd 0110011" "rd,rs1,rs2" [Zmmul] Alu;
        Mulhsu mulhsu R "0000001 rs2 rs1 010 rd 0110011" "rd,rs1,rs2" [Zmmul] Alu;
        Mulhu mulhu R "0000001 rs2 rs1 011 rd 0110011" "rd,rs1,rs2" [Zmmul] Alu;
        Div div R "0000001 rs2 rs1 100 rd 0110011" "rd,rs1,rs2" [M] Alu;
        Divu divu R "0000001 rs2 rs1 101 rd 0110011" "rd,rs1,rs2" [M] Alu;
        Rem rem R "0000001 rs2 rs1 110 rd 0110011" "rd,rs1,rs2" [M] Alu;
        Remu remu R "0000001 rs2 rs1 111 rd 0110011" "rd,rs1,rs2" [M] Alu;
        Mulw mulw R "0000001 rs2 rs1 000 rd 0111011" "rd,rs1,rs2" [Zmmul] Alu;
        Divw divw R "0000001 rs2 rs1 100 rd 0111011" "rd,rs1,rs2" [M] Alu;
        Divuw divuw R "0000001 rs2 rs1 101 rd 0111011" "rd,rs1,rs2" [M] Alu;
        Remw remw R "0000001 rs2 rs1 110 rd 0111011" "rd,rs1,rs2" [M] Alu;
        Remuw remuw R "0000001 rs2 rs1 111 rd 0111011" "rd,rs1,rs2" [M] Alu;
        // Zalrsc
        LrW lr_w Lr "00010 aq rl 00000 rs1 010 rd 0101111" "rd,(rs1)" [Zalrsc] Amo;
        ScW sc_w Amo "00011 aq rl rs2 rs1 010 rd 0101111" "rd,rs2,(rs1)" [Zalrsc] Amo;
        LrD lr_d Lr "00010 aq rl 00000 rs1 011 rd 0101111" "rd,(rs1)" [Zalrsc] Amo;
        ScD sc_d Amo "00011 aq rl rs2 rs1 011 rd 0101111" "rd,rs2,(rs1)" [Zalrsc] Amo;
        // Zaamo
        AmoswapW amoswap_w Amo "00001 aq rl rs2 rs1 010 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmoswapD amoswap_d Amo "00001 aq rl rs2 rs1 011 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmoaddW amoadd_w Amo "00000 aq rl rs2 rs1 010 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmoaddD amoadd_d Amo "00000 aq rl rs2 rs1 011 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmoxorW amoxor_w Amo "00100 aq rl rs2 rs1 010 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmoxorD amoxor_d Amo "00100 aq rl rs2 rs1 011 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmoandW amoand_w Amo "01100 aq rl rs2 rs1 010 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmoandD amoand_d Amo "01100 aq rl rs2 rs1 011 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmoorW amoor_w Amo "01000 aq rl rs2 rs1 010 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmoorD amoor_d Amo "01000 aq rl rs2 rs1 011 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmominW amomin_w Amo "10000 aq rl rs2 rs1 010 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmominD amomin_d Amo "10000 aq rl rs2 rs1 011 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmomaxW amomax_w Amo "10100 aq rl rs2 rs1 010 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmomaxD amomax_d Amo "10100 aq rl rs2 rs1 011 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmominuW amominu_w Amo "11000 aq rl rs2 rs1 010 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmominuD amominu_d Amo "11000 aq rl rs2 rs1 011 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmomaxuW amomaxu_w Amo "11100 aq rl rs2 rs1 010 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        AmomaxuD amomaxu_d Amo "11100 aq rl rs2 rs1 011 rd 0101111" "rd,rs2,(rs1)" [Zaamo] Amo;
        // Zacas
        AmocasW amocas_w Amo "00101 aq rl rs2 rs1 010 rd 0101111" "rd,rs2,(rs1)" [Zacas] Amo;
        AmocasD amocas_d Amo "00101 aq rl rs2 rs1 011 rd 0101111" "rd,rs2,(rs1)" [Zacas] Amo;
        AmocasQ amocas_q Amo "00101 aq rl rs2 rs1 100 rd 0101111" "rd,rs2,(rs1)" [Zacas] Amo;
        // Zawrs
        WrsNto wrs_nto Bare "000000001101 00000 000 00000 1110011" "" [Zawrs] Sys;
        WrsSto wrs_sto Bare "000000011101 00000 000 00000 1110011" "" [Zawrs] Sys;
        // Zicbom, Zicboz
        CboInval cbo_inval Rs1 "000000000000 rs1 010 00000 0001111" "(rs1)" [Zicbom] Cache;
        CboClean cbo_clean Rs1 "000000000001 rs1 010 00000 0001111" "(rs1)" [Zicbom] Cache;
        CboFlush cbo_flush Rs1 "000000000010 rs1 010 00000 0001111" "(rs1)" [Zicbom] Cache;
        CboZero cbo_zero Rs1 "000000000100 rs1 010 00000 0001111" "(rs1)" [Zicboz] Cache;
        // Zicbop: hints, encoded in ORI to x0
        PrefetchI prefetch_i Prefetch "imm[11:5] 00000 rs1 110 00000 0010011" "offset(rs1)" [Zicbop] Cache;
        PrefetchR prefetch_r Prefetch "imm[11:5] 00001 rs1 110 00000 0010011" "offset(rs1)" [Zicbop] Cache;
        PrefetchW prefetch_w Prefetch "imm[11:5] 00011 rs1 110 00000 0010011" "offset(rs1)" [Zicbop] Cache;
        // Zicond
        CzeroEqz czero_eqz R "0000111 rs2 rs1 101 rd 0110011" "rd,rs1,rs2" [Zicond] Alu;
        CzeroNez czero_nez R "0000111 rs2 rs1 111 rd 0110011" "rd,rs1,rs2" [Zicond] Alu;
        // Zimop
        MopR mop_r MopR "1 n[4] 00 n[3:2] 0111 n[1:0] rs1 100 rd 1110011" "rd,rs1" [Zimop] Alu;
        MopRr mop_rr MopRr "1 n[2] 00 n[1:0] 1 rs2 rs1 100 rd 1110011" "rd,rs1,rs2" [Zimop] Alu;
        // Zba
        AddUw add_uw R "0000100 rs2 rs1 000 rd 0111011" "rd,rs1,rs2" [Zba] Alu;
        Sh1add sh1add R "0010000 rs2 rs1 010 rd 0110011" "rd,rs1,rs2" [Zba] Alu;
        Sh1addUw sh1add_uw R "0010000 rs2 rs1 010 rd 0111011" "rd,rs1,rs2" [Zba] Alu;
        Sh2add sh2add R "0010000 rs2 rs1 100 rd 0110011" "rd,rs1,rs2" [Zba] Alu;
        Sh2addUw sh2add_uw R "0010000 rs2 rs1 100 rd 0111011" "rd,rs1,rs2" [Zba] Alu;
        Sh3add sh3add R "0010000 rs2 rs1 110 rd 0110011" "rd,rs1,rs2" [Zba] Alu;
        Sh3addUw sh3add_uw R "0010000 rs2 rs1 110 rd 0111011" "rd,rs1,rs2" [Zba] Alu;
        SlliUw slli_uw Shift "000010 shamt[5:0] rs1 001 rd 0011011" "rd,rs1,shamt" [Zba] Alu;
        // Zbb
        Andn andn R "0100000 rs2 rs1 111 rd 0110011" "rd,rs1,rs2" [Zbb or Zbkb] Alu;
        Orn orn R "0100000 rs2 rs1 110 rd 0110011" "rd,rs1,rs2" [Zbb or Zbkb] Alu;
        Xnor xnor R "0100000 rs2 rs1 100 rd 0110011" "rd,rs1,rs2" [Zbb or Zbkb] Alu;
        Max max R "0000101 rs2 rs1 110 rd 0110011" "rd,rs1,rs2" [Zbb] Alu;
        Maxu maxu R "0000101 rs2 rs1 111 rd 0110011" "rd,rs1,rs2" [Zbb] Alu;
        Min min R "0000101 rs2 rs1 100 rd 0110011" "rd,rs1,rs2" [Zbb] Alu;
        Minu minu R "0000101 rs2 rs1 101 rd 0110011" "rd,rs1,rs2" [Zbb] Alu;
        Rol rol R "0110000 rs2 rs1 001 rd 0110011" "rd,rs1,rs2" [Zbb or Zbkb] Alu;
        Ror ror R "0110000 rs2 rs1 101 rd 0110011" "rd,rs1,rs2" [Zbb or Zbkb] Alu;
        Rori rori Shift "011000 shamt[5:0] rs1 101 rd 0010011" "rd,rs1,shamt" [Zbb or Zbkb] Alu;
        Rolw rolw R "0110000 rs2 rs1 001 rd 0111011" "rd,rs1,rs2" [Zbb or Zbkb] Alu;
        Rorw rorw R "0110000 rs2 rs1 101 rd 0111011" "rd,rs1,rs2" [Zbb or Zbkb] Alu;
        Roriw roriw Shift "0110000 shamt[4:0] rs1 101 rd 0011011" "rd,rs1,shamt" [Zbb or Zbkb] Alu;
        Clz clz R1 "0110000 00000 rs1 001 rd 0010011" "rd,rs1" [Zbb] Alu;
        Clzw clzw R1 "0110000 00000 rs1 001 rd 0011011" "rd,rs1" [Zbb] Alu;
        Ctz ctz R1 "0110000 00001 rs1 001 rd 0010011" "rd,rs1" [Zbb] Alu;
        Ctzw ctzw R1 "0110000 00001 rs1 001 rd 0011011" "rd,rs1" [Zbb] Alu;
        Cpop cpop R1 "0110000 00010 rs1 001 rd 0010011" "rd,rs1" [Zbb] Alu;
        Cpopw cpopw R1 "0110000 00010 rs1 001 rd 0011011" "rd,rs1" [Zbb] Alu;
        SextB sext_b R1 "0110000 00100 rs1 001 rd 0010011" "rd,rs1" [Zbb] Alu;
        SextH sext_h R1 "0110000 00101 rs1 001 rd 0010011" "rd,rs1" [Zbb] Alu;
        ZextH zext_h R1 "0000100 00000 rs1 100 rd 0111011" "rd,rs1" [Zbb] Alu;
        OrcB orc_b R1 "0010100 00111 rs1 101 rd 0010011" "rd,rs1" [Zbb] Alu;
        Rev8 rev8 R1 "0110101 11000 rs1 101 rd 0010011" "rd,rs1" [Zbb or Zbkb] Alu;
        // Zbkb; packw with rs2 = x0 is Zbb's zext.h
        Pack pack R "0000100 rs2 rs1 100 rd 0110011" "rd,rs1,rs2" [Zbkb] Alu;
        Packh packh R "0000100 rs2 rs1 111 rd 0110011" "rd,rs1,rs2" [Zbkb] Alu;
        Packw packw R "0000100 rs2 rs1 100 rd 0111011" "rd,rs1,rs2" [Zbkb] Alu;
        Brev8 brev8 R1 "0110100 00111 rs1 101 rd 0010011" "rd,rs1" [Zbkb] Alu;
        // Zbkx
        Xperm4 xperm4 R "0010100 rs2 rs1 010 rd 0110011" "rd,rs1,rs2" [Zbkx] Alu;
        Xperm8 xperm8 R "0010100 rs2 rs1 100 rd 0110011" "rd,rs1,rs2" [Zbkx] Alu;
        // Zbc
        Clmul clmul R "0000101 rs2 rs1 001 rd 0110011" "rd,rs1,rs2" [Zbc] Alu;
        Clmulh clmulh R "0000101 rs2 rs1 011 rd 0110011" "rd,rs1,rs2" [Zbc] Alu;
        Clmulr clmulr R "0000101 rs2 rs1 010 rd 0110011" "rd,rs1,rs2" [Zbc] Alu;
        // Zbs
        Bclr bclr R "0100100 rs2 rs1 001 rd 0110011" "rd,rs1,rs2" [Zbs] Alu;
        Bclri bclri Shift "010010 shamt[5:0] rs1 001 rd 0010011" "rd,rs1,shamt" [Zbs] Alu;
        Bext bext R "0100100 rs2 rs1 101 rd 0110011" "rd,rs1,rs2" [Zbs] Alu;
        Bexti bexti Shift "010010 shamt[5:0] rs1 101 rd 0010011" "rd,rs1,shamt" [Zbs] Alu;
        Binv binv R "0110100 rs2 rs1 001 rd 0110011" "rd,rs1,rs2" [Zbs] Alu;
        Binvi binvi Shift "011010 shamt[5:0] rs1 001 rd 0010011" "rd,rs1,shamt" [Zbs] Alu;
        Bset bset R "0010100 rs2 rs1 001 rd 0110011" "rd,rs1,rs2" [Zbs] Alu;
        Bseti bseti Shift "001010 shamt[5:0] rs1 001 rd 0010011" "rd,rs1,shamt" [Zbs] Alu;
        // F
        Flw flw I "imm[11:0] rs1 010 rd 0000111" "fd,imm(rs1)" [F] Load;
        Fsw fsw S "imm[11:5] rs2 rs1 010 imm[4:0] 0100111" "fs2,offset(rs1)" [F] Store;
        FmaddS fmadd_s R4 "rs3 00 rs2 rs1 rm rd 1000011" "fd,fs1,fs2,fs3,rm" [F] Fp;
        FmsubS fmsub_s R4 "rs3 00 rs2 rs1 rm rd 1000111" "fd,fs1,fs2,fs3,rm" [F] Fp;
        FnmsubS fnmsub_s R4 "rs3 00 rs2 rs1 rm rd 1001011" "fd,fs1,fs2,fs3,rm" [F] Fp;
        FnmaddS fnmadd_s R4 "rs3 00 rs2 rs1 rm rd 1001111" "fd,fs1,fs2,fs3,rm" [F] Fp;
        FaddS fadd_s Rm "0000000 rs2 rs1 rm rd 1010011" "fd,fs1,fs2,rm" [F] Fp;
        FsubS fsub_s Rm "0000100 rs2 rs1 rm rd 1010011" "fd,fs1,fs2,rm" [F] Fp;
        FmulS fmul_s Rm "0001000 rs2 rs1 rm rd 1010011" "fd,fs1,fs2,rm" [F] Fp;
        FdivS fdiv_s Rm "0001100 rs2 rs1 rm rd 1010011" "fd,fs1,fs2,rm" [F] Fp;
        FsqrtS fsqrt_s R1m "0101100 00000 rs1 rm rd 1010011" "fd,fs1,rm" [F] Fp;
        FsgnjS fsgnj_s R "0010000 rs2 rs1 000 rd 1010011" "fd,fs1,fs2" [F] Fp;
        FsgnjnS fsgnjn_s R "0010000 rs2 rs1 001 rd 1010011" "fd,fs1,fs2" [F] Fp;
        FsgnjxS fsgnjx_s R "0010000 rs2 rs1 010 rd 1010011" "fd,fs1,fs2" [F] Fp;
        FminS fmin_s R "0010100 rs2 rs1 000 rd 1010011" "fd,fs1,fs2" [F] Fp;
        FmaxS fmax_s R "0010100 rs2 rs1 001 rd 1010011" "fd,fs1,fs2" [F] Fp;
        FeqS feq_s R "1010000 rs2 rs1 010 rd 1010011" "rd,fs1,fs2" [F] Fp;
        FltS flt_s R "1010000 rs2 rs1 001 rd 1010011" "rd,fs1,fs2" [F] Fp;
        FleS fle_s R "1010000 rs2 rs1 000 rd 1010011" "rd,fs1,fs2" [F] Fp;
        FclassS fclass_s R1 "1110000 00000 rs1 001 rd 1010011" "rd,fs1" [F] Fp;
        FcvtWS fcvt_w_s R1m "1100000 00000 rs1 rm rd 1010011" "rd,fs1,rm" [F] Fp;
        FcvtSW fcvt_s_w R1m "1101000 00000 rs1 rm rd 1010011" "fd,rs1,rm" [F] Fp;
        FcvtWuS fcvt_wu_s R1m "1100000 00001 rs1 rm rd 1010011" "rd,fs1,rm" [F] Fp;
        FcvtSWu fcvt_s_wu R1m "1101000 00001 rs1 rm rd 1010011" "fd,rs1,rm" [F] Fp;
        FcvtLS fcvt_l_s R1m "1100000 00010 rs1 rm rd 1010011" "rd,fs1,rm" [F] Fp;
        FcvtSL fcvt_s_l R1m "1101000 00010 rs1 rm rd 1010011" "fd,rs1,rm" [F] Fp;
        FcvtLuS fcvt_lu_s R1m "1100000 00011 rs1 rm rd 1010011" "rd,fs1,rm" [F] Fp;
        FcvtSLu fcvt_s_lu R1m "1101000 00011 rs1 rm rd 1010011" "fd,rs1,rm" [F] Fp;
        FmvXW fmv_x_w R1 "1110000 00000 rs1 000 rd 1010011" "rd,fs1" [F] Fp;
        FmvWX fmv_w_x R1 "1111000 00000 rs1 000 rd 1010011" "fd,rs1" [F] Fp;
        // D
        Fld fld I "imm[11:0] rs1 011 rd 0000111" "fd,imm(rs1)" [D] Load;
        Fsd fsd S "imm[11:5] rs2 rs1 011 imm[4:0] 0100111" "fs2,offset(rs1)" [D] Store;
        FmaddD fmadd_d R4 "rs3 01 rs2 rs1 rm rd 1000011" "fd,fs1,fs2,fs3,rm" [D] Fp;
        FmsubD fmsub_d R4 "rs3 01 rs2 rs1 rm rd 1000111" "fd,fs1,fs2,fs3,rm" [D] Fp;
        FnmsubD fnmsub_d R4 "rs3 01 rs2 rs1 rm rd 1001011" "fd,fs1,fs2,fs3,rm" [D] Fp;
        FnmaddD fnmadd_d R4 "rs3 01 rs2 rs1 rm rd 1001111" "fd,fs1,fs2,fs3,rm" [D] Fp;
        FaddD fadd_d Rm "0000001 rs2 rs1 rm rd 1010011" "fd,fs1,fs2,rm" [D] Fp;
        FsubD fsub_d Rm "0000101 rs2 rs1 rm rd 1010011" "fd,fs1,fs2,rm" [D] Fp;
        FmulD fmul_d Rm "0001001 rs2 rs1 rm rd 1010011" "fd,fs1,fs2,rm" [D] Fp;
        FdivD fdiv_d Rm "0001101 rs2 rs1 rm rd 1010011" "fd,fs1,fs2,rm" [D] Fp;
        FsqrtD fsqrt_d R1m "0101101 00000 rs1 rm rd 1010011" "fd,fs1,rm" [D] Fp;
        FsgnjD fsgnj_d R "0010001 rs2 rs1 000 rd 1010011" "fd,fs1,fs2" [D] Fp;
        FsgnjnD fsgnjn_d R "0010001 rs2 rs1 001 rd 1010011" "fd,fs1,fs2" [D] Fp;
        FsgnjxD fsgnjx_d R "0010001 rs2 rs1 010 rd 1010011" "fd,fs1,fs2" [D] Fp;
        FminD fmin_d R "0010101 rs2 rs1 000 rd 1010011" "fd,fs1,fs2" [D] Fp;
        FmaxD fmax_d R "0010101 rs2 rs1 001 rd 1010011" "fd,fs1,fs2" [D] Fp;
        FeqD feq_d R "1010001 rs2 rs1 010 rd 1010011" "rd,fs1,fs2" [D] Fp;
        FltD flt_d R "1010001 rs2 rs1 001 rd 1010011" "rd,fs1,fs2" [D] Fp;
        FleD fle_d R "1010001 rs2 rs1 000 rd 1010011" "rd,fs1,fs2" [D] Fp;
        FclassD fclass_d R1 "1110001 00000 rs1 001 rd 1010011" "rd,fs1" [D] Fp;
        FcvtWD fcvt_w_d R1m "1100001 00000 rs1 rm rd 1010011" "rd,fs1,rm" [D] Fp;
        FcvtDW fcvt_d_w R1m "1101001 00000 rs1 rm rd 1010011" "fd,rs1,exact" [D] Fp;
        FcvtWuD fcvt_wu_d R1m "1100001 00001 rs1 rm rd 1010011" "rd,fs1,rm" [D] Fp;
        FcvtDWu fcvt_d_wu R1m "1101001 00001 rs1 rm rd 1010011" "fd,rs1,exact" [D] Fp;
        FcvtLD fcvt_l_d R1m "1100001 00010 rs1 rm rd 1010011" "rd,fs1,rm" [D] Fp;
        FcvtDL fcvt_d_l R1m "1101001 00010 rs1 rm rd 1010011" "fd,rs1,rm" [D] Fp;
        FcvtLuD fcvt_lu_d R1m "1100001 00011 rs1 rm rd 1010011" "rd,fs1,rm" [D] Fp;
        FcvtDLu fcvt_d_lu R1m "1101001 00011 rs1 rm rd 1010011" "fd,rs1,rm" [D] Fp;
        FmvXD fmv_x_d R1 "1110001 00000 rs1 000 rd 1010011" "rd,fs1" [D] Fp;
        FmvDX fmv_d_x R1 "1111001 00000 rs1 000 rd 1010011" "fd,rs1" [D] Fp;
        FcvtDS fcvt_d_s R1m "0100001 00000 rs1 rm rd 1010011" "fd,fs1,exact" [D] Fp;
        FcvtSD fcvt_s_d R1m "0100000 00001 rs1 rm rd 1010011" "fd,fs1,rm" [D] Fp;
        // Zfh; what only moves and converts is Zfhmin
        Flh flh I "imm[11:0] rs1 001 rd 0000111" "fd,imm(rs1)" [Zfhmin] Load;
        Fsh fsh S "imm[11:5] rs2 rs1 001 imm[4:0] 0100111" "fs2,offset(rs1)" [Zfhmin] Store;
        FmaddH fmadd_h R4 "rs3 10 rs2 rs1 rm rd 1000011" "fd,fs1,fs2,fs3,rm" [Zfh] Fp;
        FmsubH fmsub_h R4 "rs3 10 rs2 rs1 rm rd 1000111" "fd,fs1,fs2,fs3,rm" [Zfh] Fp;
        FnmsubH fnmsub_h R4 "rs3 10 rs2 rs1 rm rd 1001011" "fd,fs1,fs2,fs3,rm" [Zfh] Fp;
        FnmaddH fnmadd_h R4 "rs3 10 rs2 rs1 rm rd 1001111" "fd,fs1,fs2,fs3,rm" [Zfh] Fp;
        FaddH fadd_h Rm "0000010 rs2 rs1 rm rd 1010011" "fd,fs1,fs2,rm" [Zfh] Fp;
        FsubH fsub_h Rm "0000110 rs2 rs1 rm rd 1010011" "fd,fs1,fs2,rm" [Zfh] Fp;
        FmulH fmul_h Rm "0001010 rs2 rs1 rm rd 1010011" "fd,fs1,fs2,rm" [Zfh] Fp;
        FdivH fdiv_h Rm "0001110 rs2 rs1 rm rd 1010011" "fd,fs1,fs2,rm" [Zfh] Fp;
        FsqrtH fsqrt_h R1m "0101110 00000 rs1 rm rd 1010011" "fd,fs1,rm" [Zfh] Fp;
        FsgnjH fsgnj_h R "0010010 rs2 rs1 000 rd 1010011" "fd,fs1,fs2" [Zfh] Fp;
        FsgnjnH fsgnjn_h R "0010010 rs2 rs1 001 rd 1010011" "fd,fs1,fs2" [Zfh] Fp;
        FsgnjxH fsgnjx_h R "0010010 rs2 rs1 010 rd 1010011" "fd,fs1,fs2" [Zfh] Fp;
        FminH fmin_h R "0010110 rs2 rs1 000 rd 1010011" "fd,fs1,fs2" [Zfh] Fp;
        FmaxH fmax_h R "0010110 rs2 rs1 001 rd 1010011" "fd,fs1,fs2" [Zfh] Fp;
        FeqH feq_h R "1010010 rs2 rs1 010 rd 1010011" "rd,fs1,fs2" [Zfh] Fp;
        FltH flt_h R "1010010 rs2 rs1 001 rd 1010011" "rd,fs1,fs2" [Zfh] Fp;
        FleH fle_h R "1010010 rs2 rs1 000 rd 1010011" "rd,fs1,fs2" [Zfh] Fp;
        FclassH fclass_h R1 "1110010 00000 rs1 001 rd 1010011" "rd,fs1" [Zfh] Fp;
        FcvtWH fcvt_w_h R1m "1100010 00000 rs1 rm rd 1010011" "rd,fs1,rm" [Zfh] Fp;
        FcvtHW fcvt_h_w R1m "1101010 00000 rs1 rm rd 1010011" "fd,rs1,rm" [Zfh] Fp;
        FcvtWuH fcvt_wu_h R1m "1100010 00001 rs1 rm rd 1010011" "rd,fs1,rm" [Zfh] Fp;
        FcvtHWu fcvt_h_wu R1m "1101010 00001 rs1 rm rd 1010011" "fd,rs1,rm" [Zfh] Fp;
        FcvtLH fcvt_l_h R1m "1100010 00010 rs1 rm rd 1010011" "rd,fs1,rm" [Zfh] Fp;
        FcvtHL fcvt_h_l R1m "1101010 00010 rs1 rm rd 1010011" "fd,rs1,rm" [Zfh] Fp;
        FcvtLuH fcvt_lu_h R1m "1100010 00011 rs1 rm rd 1010011" "rd,fs1,rm" [Zfh] Fp;
        FcvtHLu fcvt_h_lu R1m "1101010 00011 rs1 rm rd 1010011" "fd,rs1,rm" [Zfh] Fp;
        FmvXH fmv_x_h R1 "1110010 00000 rs1 000 rd 1010011" "rd,fs1" [Zfhmin] Fp;
        FmvHX fmv_h_x R1 "1111010 00000 rs1 000 rd 1010011" "fd,rs1" [Zfhmin] Fp;
        FcvtHS fcvt_h_s R1m "0100010 00000 rs1 rm rd 1010011" "fd,fs1,rm" [Zfhmin] Fp;
        FcvtSH fcvt_s_h R1m "0100000 00010 rs1 rm rd 1010011" "fd,fs1,exact" [Zfhmin] Fp;
        FcvtHD fcvt_h_d R1m "0100010 00001 rs1 rm rd 1010011" "fd,fs1,rm" [Zfhmin D] Fp;
        FcvtDH fcvt_d_h R1m "0100001 00010 rs1 rm rd 1010011" "fd,fs1,exact" [Zfhmin D] Fp;
        // Zfa
        FliS fli_s Fli "1111000 00001 rs1 000 rd 1010011" "fd,constant" [Zfa F] Fp;
        FminmS fminm_s R "0010100 rs2 rs1 010 rd 1010011" "fd,fs1,fs2" [Zfa F] Fp;
        FmaxmS fmaxm_s R "0010100 rs2 rs1 011 rd 1010011" "fd,fs1,fs2" [Zfa F] Fp;
        FroundS fround_s R1m "0100000 00100 rs1 rm rd 1010011" "fd,fs1,rm" [Zfa F] Fp;
        FroundnxS froundnx_s R1m "0100000 00101 rs1 rm rd 1010011" "fd,fs1,rm" [Zfa F] Fp;
        FleqS fleq_s R "1010000 rs2 rs1 100 rd 1010011" "rd,fs1,fs2" [Zfa F] Fp;
        FltqS fltq_s R "1010000 rs2 rs1 101 rd 1010011" "rd,fs1,fs2" [Zfa F] Fp;
        FliD fli_d Fli "1111001 00001 rs1 000 rd 1010011" "fd,constant" [Zfa D] Fp;
        FminmD fminm_d R "0010101 rs2 rs1 010 rd 1010011" "fd,fs1,fs2" [Zfa D] Fp;
        FmaxmD fmaxm_d R "0010101 rs2 rs1 011 rd 1010011" "fd,fs1,fs2" [Zfa D] Fp;
        FroundD fround_d R1m "0100001 00100 rs1 rm rd 1010011" "fd,fs1,rm" [Zfa D] Fp;
        FroundnxD froundnx_d R1m "0100001 00101 rs1 rm rd 1010011" "fd,fs1,rm" [Zfa D] Fp;
        FleqD fleq_d R "1010001 rs2 rs1 100 rd 1010011" "rd,fs1,fs2" [Zfa D] Fp;
        FltqD fltq_d R "1010001 rs2 rs1 101 rd 1010011" "rd,fs1,fs2" [Zfa D] Fp;
        FliH fli_h Fli "1111010 00001 rs1 000 rd 1010011" "fd,constant" [Zfa Zfh] Fp;
        FminmH fminm_h R "0010110 rs2 rs1 010 rd 1010011" "fd,fs1,fs2" [Zfa Zfh] Fp;
        FmaxmH fmaxm_h R "0010110 rs2 rs1 011 rd 1010011" "fd,fs1,fs2" [Zfa Zfh] Fp;
        FroundH fround_h R1m "0100010 00100 rs1 rm rd 1010011" "fd,fs1,rm" [Zfa Zfh] Fp;
        FroundnxH froundnx_h R1m "0100010 00101 rs1 rm rd 1010011" "fd,fs1,rm" [Zfa Zfh] Fp;
        FleqH fleq_h R "1010010 rs2 rs1 100 rd 1010011" "rd,fs1,fs2" [Zfa Zfh] Fp;
        FltqH fltq_h R "1010010 rs2 rs1 101 rd 1010011" "rd,fs1,fs2" [Zfa Zfh] Fp;
        FcvtmodWD fcvtmod_w_d R1 "1100001 01000 rs1 001 rd 1010011" "rd,fs1,rtz" [Zfa D] Fp;
    } };
}
