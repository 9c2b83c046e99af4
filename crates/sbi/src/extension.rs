//! Every extension and function of the specification, by name and number: its chapters' "Function Listing".
//!
//! A row is an extension's name and id, and its functions with their ids and the names that the specification gives
//! them.

macro_rules! extensions {
    ($(
        $(#[doc = $doc:literal])*
        $extension:ident $eid:literal { $($function:ident $fid:literal $name:literal;)* }
    )*) => {
        /// An extension, with its id (EID).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Extension { $($(#[doc = $doc])* $extension = $eid),* }

        impl Extension {
            /// All of them.
            pub const ALL: &[Extension] = &[$(Extension::$extension),*];
        }

        /// The functions of each extension, with their ids (FID).
        pub mod function {
            use super::Function;
            $(
                #[doc = concat!("Functions of [`super::Extension::", stringify!($extension), "`].")]
                #[derive(Clone, Copy, Debug, PartialEq, Eq)]
                #[repr(u64)]
                pub enum $extension { $(#[doc = concat!("`", $name, "`")] $function = $fid),* }

                impl $extension {
                    /// All of them.
                    pub const ALL: &[$extension] = &[$($extension::$function),*];

                    /// The function with this id.
                    pub const fn numbered(fid: u64) -> Option<$extension> {
                        match fid {
                            $($fid => Some($extension::$function),)*
                            _ => None,
                        }
                    }
                }

                impl From<$extension> for Function {
                    fn from(function: $extension) -> Function {
                        Function::$extension(function)
                    }
                }
            )*
        }

        /// A function of any extension.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Function { $($(#[doc = $doc])* $extension(function::$extension)),* }

        impl Function {
            /// The extension that it is of.
            pub const fn extension(self) -> Extension {
                match self { $(Function::$extension(_) => Extension::$extension),* }
            }

            /// Its id, which for a legacy one is the extension's.
            pub const fn number(self) -> u64 {
                match self { $(Function::$extension(function) => function as u64),* }
            }

            /// The specification's name.
            pub const fn name(self) -> &'static str {
                match self { $($(Function::$extension(function::$extension::$function) => $name,)*)* }
            }

            const fn of(extension: Extension, number: u64) -> Option<Function> {
                match extension {
                    $(Extension::$extension => match function::$extension::numbered(number) {
                        Some(function) => Some(Function::$extension(function)),
                        None => None,
                    }),*
                }
            }
        }
    };
}

extensions! {
    /// "Legacy Extensions (EIDs #0x00 - #0x0F)": each function has an extension id of its own.
    Legacy 0x00 {
        SetTimer 0 "sbi_set_timer";
        ConsolePutchar 1 "sbi_console_putchar";
        ConsoleGetchar 2 "sbi_console_getchar";
        ClearIpi 3 "sbi_clear_ipi";
        SendIpi 4 "sbi_send_ipi";
        RemoteFenceI 5 "sbi_remote_fence_i";
        RemoteSfenceVma 6 "sbi_remote_sfence_vma";
        RemoteSfenceVmaAsid 7 "sbi_remote_sfence_vma_asid";
        Shutdown 8 "sbi_shutdown";
    }
    /// "Base Extension".
    Base 0x10 {
        GetSpecVersion 0 "sbi_get_spec_version";
        GetImplId 1 "sbi_get_impl_id";
        GetImplVersion 2 "sbi_get_impl_version";
        ProbeExtension 3 "sbi_probe_extension";
        GetMvendorid 4 "sbi_get_mvendorid";
        GetMarchid 5 "sbi_get_marchid";
        GetMimpid 6 "sbi_get_mimpid";
    }
    /// "Timer Extension": "TIME".
    Time 0x5449_4d45 {
        SetTimer 0 "sbi_set_timer";
    }
    /// "IPI Extension": "sPI".
    Ipi 0x73_5049 {
        SendIpi 0 "sbi_send_ipi";
    }
    /// "RFENCE Extension": "RFNC".
    Rfence 0x5246_4e43 {
        RemoteFenceI 0 "sbi_remote_fence_i";
        RemoteSfenceVma 1 "sbi_remote_sfence_vma";
        RemoteSfenceVmaAsid 2 "sbi_remote_sfence_vma_asid";
        RemoteHfenceGvmaVmid 3 "sbi_remote_hfence_gvma_vmid";
        RemoteHfenceGvma 4 "sbi_remote_hfence_gvma";
        RemoteHfenceVvmaAsid 5 "sbi_remote_hfence_vvma_asid";
        RemoteHfenceVvma 6 "sbi_remote_hfence_vvma";
    }
    /// "Hart State Management Extension": "HSM".
    Hsm 0x48_534d {
        HartStart 0 "sbi_hart_start";
        HartStop 1 "sbi_hart_stop";
        HartGetStatus 2 "sbi_hart_get_status";
        HartSuspend 3 "sbi_hart_suspend";
    }
    /// "System Reset Extension": "SRST".
    Srst 0x5352_5354 {
        SystemReset 0 "sbi_system_reset";
    }
    /// "Performance Monitoring Unit Extension": "PMU".
    Pmu 0x50_4d55 {
        NumCounters 0 "sbi_pmu_num_counters";
        CounterGetInfo 1 "sbi_pmu_counter_get_info";
        CounterConfigMatching 2 "sbi_pmu_counter_config_matching";
        CounterStart 3 "sbi_pmu_counter_start";
        CounterStop 4 "sbi_pmu_counter_stop";
        CounterFwRead 5 "sbi_pmu_counter_fw_read";
        CounterFwReadHi 6 "sbi_pmu_counter_fw_read_hi";
        SnapshotSetShmem 7 "sbi_pmu_snapshot_set_shmem";
        EventGetInfo 8 "sbi_pmu_event_get_info";
    }
    /// "Debug Console Extension": "DBCN".
    Dbcn 0x4442_434e {
        ConsoleWrite 0 "sbi_debug_console_write";
        ConsoleRead 1 "sbi_debug_console_read";
        ConsoleWriteByte 2 "sbi_debug_console_write_byte";
    }
    /// "System Suspend Extension": "SUSP".
    Susp 0x5355_5350 {
        SystemSuspend 0 "sbi_system_suspend";
    }
    /// "CPPC Extension".
    Cppc 0x4350_5043 {
        Probe 0 "sbi_cppc_probe";
        Read 1 "sbi_cppc_read";
        ReadHi 2 "sbi_cppc_read_hi";
        Write 3 "sbi_cppc_write";
    }
    /// "Nested Acceleration Extension": "NACL".
    Nacl 0x4e41_434c {
        ProbeFeature 0 "sbi_nacl_probe_feature";
        SetShmem 1 "sbi_nacl_set_shmem";
        SyncCsr 2 "sbi_nacl_sync_csr";
        SyncHfence 3 "sbi_nacl_sync_hfence";
        SyncSret 4 "sbi_nacl_sync_sret";
    }
    /// "Steal-time Accounting Extension": "STA".
    Sta 0x53_5441 {
        SetShmem 0 "sbi_steal_time_set_shmem";
    }
    /// "Supervisor Software Events Extension": "SSE".
    Sse 0x53_5345 {
        ReadAttrs 0 "sbi_sse_read_attrs";
        WriteAttrs 1 "sbi_sse_write_attrs";
        Register 2 "sbi_sse_register";
        Unregister 3 "sbi_sse_unregister";
        Enable 4 "sbi_sse_enable";
        Disable 5 "sbi_sse_disable";
        Complete 6 "sbi_sse_complete";
        Inject 7 "sbi_sse_inject";
        HartUnmask 8 "sbi_sse_hart_unmask";
        HartMask 9 "sbi_sse_hart_mask";
    }
    /// "SBI Firmware Features Extension": "FWFT".
    Fwft 0x4657_4654 {
        Set 0 "sbi_fwft_set";
        Get 1 "sbi_fwft_get";
    }
    /// "Debug Triggers Extension": "DBTR".
    Dbtr 0x4442_5452 {
        NumTriggers 0 "sbi_debug_num_triggers";
        SetShmem 1 "sbi_debug_set_shmem";
        ReadTriggers 2 "sbi_debug_read_triggers";
        InstallTriggers 3 "sbi_debug_install_triggers";
        UpdateTriggers 4 "sbi_debug_update_triggers";
        UninstallTriggers 5 "sbi_debug_uninstall_triggers";
        EnableTriggers 6 "sbi_debug_enable_triggers";
        DisableTriggers 7 "sbi_debug_disable_triggers";
    }
    /// "Message Proxy Extension": "MPXY".
    Mpxy 0x4d50_5859 {
        GetShmemSize 0 "sbi_mpxy_get_shmem_size";
        SetShmem 1 "sbi_mpxy_set_shmem";
        GetChannelIds 2 "sbi_mpxy_get_channel_ids";
        ReadAttributes 3 "sbi_mpxy_read_attributes";
        WriteAttributes 4 "sbi_mpxy_write_attributes";
        SendMessageWithResponse 5 "sbi_mpxy_send_message_with_response";
        SendMessageWithoutResponse 6 "sbi_mpxy_send_message_without_response";
        GetNotificationEvents 7 "sbi_mpxy_get_notification_events";
    }
}

/// The last of the legacy extensions' ids.
const LAST_LEGACY: u32 = 0xf;

impl Extension {
    /// The extension with this id. All legacy ones are one.
    pub fn numbered(eid: u32) -> Option<Extension> {
        let eid = if eid <= LAST_LEGACY { Extension::Legacy as u32 } else { eid };
        Extension::ALL.iter().copied().find(|&extension| extension as u32 == eid)
    }
}

impl Function {
    /// The function of a call's ids. A legacy call's function id has no meaning.
    pub fn numbered(eid: u32, fid: u64) -> Option<Function> {
        match Extension::numbered(eid)? {
            Extension::Legacy => Function::of(Extension::Legacy, eid.into()),
            extension => Function::of(extension, fid),
        }
    }

    /// The ids of a call of it.
    pub const fn ids(self) -> (u32, u64) {
        match self {
            Function::Legacy(function) => (function as u32, 0),
            function => (function.extension() as u32, function.number()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_letters_spell_their_names() {
        let spelt = |extension: Extension| (extension as u32).to_be_bytes();
        for (extension, letters) in [
            (Extension::Time, *b"TIME"),
            (Extension::Ipi, *b"\0sPI"),
            (Extension::Rfence, *b"RFNC"),
            (Extension::Hsm, *b"\0HSM"),
            (Extension::Srst, *b"SRST"),
            (Extension::Pmu, *b"\0PMU"),
            (Extension::Dbcn, *b"DBCN"),
            (Extension::Susp, *b"SUSP"),
            (Extension::Cppc, *b"CPPC"),
            (Extension::Nacl, *b"NACL"),
            (Extension::Sta, *b"\0STA"),
            (Extension::Sse, *b"\0SSE"),
            (Extension::Fwft, *b"FWFT"),
            (Extension::Dbtr, *b"DBTR"),
            (Extension::Mpxy, *b"MPXY"),
        ] {
            assert_eq!(spelt(extension), letters);
        }
    }

    #[test]
    fn functions_count_from_zero_and_come_back_from_their_ids() {
        for &extension in Extension::ALL {
            let functions = (0..).map_while(|number| Function::of(extension, number));
            for function in functions {
                let (eid, fid) = function.ids();
                assert_eq!(Function::numbered(eid, fid), Some(function), "{}", function.name());
            }
            assert!(Function::of(extension, 0).is_some());
        }
    }

    #[test]
    fn what_the_specification_has_not_is_nothing() {
        assert_eq!(Function::numbered(0x10, 7), None);
        assert_eq!(Function::numbered(0x1234, 0), None);
        assert_eq!(Function::numbered(9, 0), None);
        assert_eq!(Function::numbered(0x10, 1 << 32), None);
    }
}
