//! Lines that people use, and what becomes of them.

use super::*;
use clap::CommandFactory;

use crate::cli::Cli;

fn translated(line: &str) -> Result<Translated, String> {
    let words = ["vhart", "run"].into_iter().chain(line.split_whitespace()).map(OsString::from);
    translate(words, &Cli::command())
}

/// `line`, in vhart's words; there must be nothing to say about it.
fn quiet(line: &str) -> String {
    let done = translated(line).unwrap();
    assert_eq!(done.notes, [""; 0], "{line}");
    shown(&done)
}

fn shown(done: &Translated) -> String {
    done.words[2..].iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
}

fn refused(line: &str) -> String {
    translated(line).map(|done| shown(&done)).unwrap_err()
}

#[test]
fn words_of_vharts_stay_as_they_are() {
    for line in
        ["-k Image --disk a -m2G", "--forward 2222:22 --deterministic=3 Image", "Image -- -append", "-a -x Image"]
    {
        let expected = line.replace("-m2G", "--memory 2G");
        assert_eq!(quiet(line), expected);
    }
    assert_eq!(quiet("-disk a -engine-stats -kernel=Image"), "--disk a --engine-stats --kernel Image");
}

#[test]
fn lines_of_well_known_systems_are_understood() {
    for (line, expected) in [
        // xv6, Makefile
        (
            "-machine virt -bios none -kernel kernel/kernel -m 128M -smp 3 -nographic -global \
             virtio-mmio.force-legacy=false -drive file=fs.img,if=none,format=raw,id=x0 -device \
             virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0",
            "--firmware none --kernel kernel/kernel --memory 128M --harts 3 --disk file=fs.img,format=raw,bus=virtio-mmio-bus.0",
        ),
        // Xen, automation/scripts for riscv64
        ("-M virt,aia=none -smp 1 -nographic -m 2g -kernel xen", "--aia none --harts 1 --memory 2g --kernel xen"),
        // "Hypervisor in 1,000 Lines", run.sh
        (
            "-machine virt -cpu rv64,h=true -bios default -smp 1 -m 128M -nographic -d cpu_reset,unimp,guest_errors,int -D \
             qemu.log -serial mon:stdio --no-reboot -kernel hypervisor.elf",
            "--isa rv64,h=true --firmware default --harts 1 --memory 128M --no-reboot --kernel hypervisor.elf --serial stdio",
        ),
        // Xvisor, docs/riscv
        (
            "-cpu rv64,h=true -M virt -m 512M -nographic -bios fw_jump.bin -kernel vmm.bin -initrd disk.img -append \
             vmm.bootcmd=x",
            "--isa rv64,h=true --memory 512M --firmware fw_jump.bin --kernel vmm.bin --initrd disk.img --append vmm.bootcmd=x",
        ),
        // Bao, demos
        (
            "-nographic -M virt -cpu rv64 -m 4G -smp 4 -bios opensbi.elf -device loader,file=bao.bin,addr=0x80200000,\
             force-raw=on -device virtio-net-device,netdev=net0 -netdev user,id=net0,net=10.0.2.0/24,\
             hostfwd=tcp:127.0.0.1:5555-:22",
            "--isa rv64 --memory 4G --harts 4 --firmware opensbi.elf --load file=bao.bin,addr=0x80200000,force-raw=on --net \
             user,hostfwd=tcp:127.0.0.1:5555-:22 --legacy-virtio",
        ),
        // Debian's wiki
        (
            "-nographic -machine virt -m 1.9G -bios fw_jump.elf -kernel uboot.elf -object \
             rng-random,filename=/dev/urandom,id=rng0 -device virtio-rng-device,rng=rng0 -append root=/dev/vda1 -device \
             virtio-blk-device,drive=hd0 -drive file=rootfs.img,format=raw,id=hd0 -device \
             virtio-net-device,netdev=usernet -netdev user,id=usernet,hostfwd=tcp::22222-:22",
            "--memory 1.9G --firmware fw_jump.elf --kernel uboot.elf --append root=/dev/vda1 --disk file=rootfs.img,format=raw --net \
             user,hostfwd=tcp::22222-:22 --legacy-virtio",
        ),
        // Buildroot, board/qemu/riscv64-virt
        (
            "-M virt -bios fw_jump.elf -kernel Image -append rootwait -drive file=rootfs.ext2,format=raw,id=hd0 -device \
             virtio-blk-device,drive=hd0 -netdev user,id=net0 -device virtio-net-device,netdev=net0 -nographic",
            "--firmware fw_jump.elf --kernel Image --append rootwait --disk file=rootfs.ext2,format=raw --net user --legacy-virtio",
        ),
        // OpenSBI, docs/platform/qemu_virt.md
        ("-M virt -m 256M -nographic -bios fw_payload.bin", "--memory 256M --firmware fw_payload.bin"),
        (
            "-M virt -m 256M -nographic -bios fw_jump.bin -kernel u-boot.bin",
            "--memory 256M --firmware fw_jump.bin --kernel u-boot.bin",
        ),
    ] {
        let done = translated(line).unwrap();
        assert_eq!(shown(&done), expected, "{line}");
        assert!(done.notes.len() <= 2, "{:?}", done.notes);
        Cli::read(["vhart", "run"].into_iter().chain(line.split_whitespace()).map(OsString::from)).unwrap();
    }
}

#[test]
fn values_in_all_their_spellings_mean_the_same() {
    for (line, expected) in [
        ("-smp 4", "--harts 4"),
        ("-smp cpus=4,maxcpus=4", "--harts 4"),
        ("-smp sockets=1,cores=2,threads=2", "--harts 4"),
        ("-smp 4,sockets=4,cores=1,threads=1", "--harts 4"),
        ("-m size=2G", "--memory 2G"),
        ("-m 512", "--memory 512"),
        ("--m 512", "--memory 512"),
        ("-machine type=virt,aclint=on,aia=none,acpi=off", "--aia none"),
        ("-M virt,dumpdtb=a.dtb", "--dump-dtb a.dtb"),
        ("-accel tcg", ""),
        ("-M virt,accel=tcg", ""),
        ("-accel jit", "--engine jit"),
        ("-accel kvm", "--engine kvm"),
        ("-enable-kvm", "--engine kvm"),
        ("-nographic -monitor none -display none -vga none -parallel none -nodefaults -no-user-config", ""),
        ("-no-reboot", "--no-reboot"),
        ("--no-reboot -action reboot=reset", "--no-reboot"),
        ("-action reboot=shutdown", "--no-reboot"),
        ("-rtc base=utc,clock=host", ""),
        ("-dtb a.dtb -pidfile a.pid", "--dtb a.dtb --pidfile a.pid"),
        ("-serial mon:stdio", "--serial stdio"),
        ("-serial null -serial none", "--serial null"),
        ("-serial file:a,b.log", "--serial file:a,b.log"),
        ("-chardev file,id=c,path=a.log -serial chardev:c", "--serial file:a.log"),
        ("-serial pty", "--serial pty"),
        ("-serial tcp::4444,server,nowait", "--serial tcp::4444,server,wait=off"),
        ("-chardev socket,id=c,path=a,server=on,wait=off -serial chardev:c", "--serial unix:a,server=on,wait=off"),
        ("-chardev socket,id=c,host=h,port=1 -serial chardev:c", "--serial tcp:h:1"),
        (
            "-chardev pipe,id=p,path=/dev/vport0p1 -device virtio-serial-device,id=vs,bus=virtio-mmio-bus.3 -device \
             virtserialport,bus=vs.0,nr=2,chardev=p,name=a.b -device virtconsole -global virtio-mmio.force-legacy=false",
            "--port name=a.b,nr=2,bus=virtio-mmio-bus.3,to=pipe:/dev/vport0p1 --port console=on,to=null",
        ),
        ("-serial chardev:c -chardev stdio,id=c,mux=on,signal=off", "--serial stdio"),
        ("-hda a,b.img", "--disk file=a,,b.img"),
        ("-drive file=a.img,format=raw,if=virtio,readonly=on", "--disk file=a.img,format=raw,readonly=on"),
        ("-drive file=a.img,media=cdrom,format=raw", "--disk file=a.img,format=raw,readonly=on"),
        ("-drive file=a.img,if=none,id=a", ""),
        ("-snapshot -drive file=a.img,format=raw", "--disk file=a.img,format=raw,snapshot=on"),
        (
            "-drive id=b,file=b,if=none -drive file=c -device virtio-blk-device,drive=b -device virtio-blk,drive=a -drive \
             id=a,file=a,if=none",
            "--disk file=b --disk file=a --disk file=c --legacy-virtio",
        ),
        (
            "-blockdev driver=file,node-name=f,filename=a.img,read-only=on -blockdev raw,node-name=d,file=f -device \
             virtio-blk-device,drive=d",
            "--disk file=a.img,format=raw,readonly=on --legacy-virtio",
        ),
        (
            "-blockdev driver=raw,node-name=d,file.driver=file,file.filename=a.img -device virtio-blk-device,drive=d",
            "--disk file=a.img,format=raw --legacy-virtio",
        ),
        (
            "-nic user,model=virtio-net-device,hostfwd=tcp::1-:2,hostfwd=udp::3-:4",
            "--net user,hostfwd=tcp::1-:2,hostfwd=udp::3-:4",
        ),
        ("-nic none", "--net none"),
        ("-net nic,model=virtio -net user,restrict=off", "--net user"),
        ("-nic user,restrict=on,mac=52:54:00:00:00:01", "--net user,restrict=on,mac=52:54:00:00:00:01"),
        ("-drive file=a,format=raw,if=virtio,cache=none", "--disk file=a,format=raw"),
        ("-drive file=a,format=raw,if=virtio,cache=directsync", "--disk file=a,format=raw,cache=writethrough"),
        ("-drive file=a,format=raw,if=virtio,cache.no-flush=on", "--disk file=a,format=raw,cache=unsafe"),
        ("-drive file=a,format=raw,if=virtio,discard=unmap", "--disk file=a,format=raw,discard=unmap"),
        ("-netdev user,id=n,dns=10.0.2.3 -device virtio-net-device,netdev=n", "--net user --legacy-virtio"),
        ("-netdev user,id=n", ""),
        ("-object rng-builtin,id=r -device virtio-rng-device,rng=r", "--legacy-virtio"),
        (
            "-global virtio-mmio.force-legacy=false -device virtio-rng-device,bus=virtio-mmio-bus.2 -netdev user,id=n \
             -device virtio-net-device,netdev=n,bus=virtio-mmio-bus.1",
            "--net user,bus=virtio-mmio-bus.1 --rng bus=virtio-mmio-bus.2",
        ),
        ("-global virtio-mmio.force-legacy=on", "--legacy-virtio"),
        ("-device virtio-rng-pci,bus=pcie.0", ""),
        ("-device loader,addr=0x80000000,cpu-num=0", "--load addr=0x80000000,cpu-num=0"),
        (
            "-device loader,addr=0x80000000,data=0x1,data-len=4,data-be=true",
            "--load addr=0x80000000,data=0x1,data-len=4,data-be=true",
        ),
    ] {
        let done = translated(line).unwrap();
        assert_eq!(shown(&done), expected, "{line}");
    }
}

#[test]
fn what_means_nothing_is_ignored_with_a_note() {
    for (line, note) in [
        ("-name guest -uuid 1", "ignored, because it means nothing here: -name guest, -uuid 1"),
        ("-drive file=a,cache=none,aio=native", "ignored, because it means nothing here: -drive aio=native"),
        ("-M virt,usb=off", "ignored, because it means nothing here: -machine usb=off"),
        ("-accel tcg,thread=multi", "ignored, because it means nothing here: -accel thread=multi"),
        ("-m 1G,slots=2,maxmem=4G", "ignored, because it means nothing here: -m slots=2, -m maxmem=4G"),
        ("-display gtk -vga std", "ignored, because it means nothing here: -display gtk, -vga std"),
        ("-smp 2,maxcpus=4", "ignored, because it means nothing here: -smp maxcpus=4"),
        (
            "-global virtio-blk-device.num-queues=2",
            "ignored, because it means nothing here: -global virtio-blk-device.num-queues=2",
        ),
        ("-monitor telnet::4444,server", "-monitor telnet::4444,server: there is no monitor"),
        ("-no-shutdown", "-no-shutdown: vhart ends when"),
        ("-icount shift=0", "-icount: time is the host's"),
        ("-d int", "-d: vhart writes no such log"),
        ("-drive file=a,id=a,if=none -device virtio-blk-pci,drive=a", "-device virtio-blk-pci: the board has no PCI"),
    ] {
        let done = translated(line).unwrap();
        assert_eq!(done.notes.len(), 1, "{line}: {:?}", done.notes);
        assert!(done.notes[0].starts_with(note), "{line}: {:?}", done.notes);
    }
}

#[test]
fn a_disk_without_a_format_is_looked_at() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        std::fs::write(place.path().join(name), content).unwrap();
        place.path().join(name).display().to_string()
    };
    let (raw, qcow2) = (file("a.img", &[0; 512]), file("b.img", b"QFI\xfb\0\0\0\x03"));
    for file in [&raw, &qcow2] {
        let done = translated(&format!("-drive file={file},if=virtio")).unwrap();
        assert_eq!(
            done.notes,
            [format!("-drive {file}: no format is named; it is taken as raw unless it begins as another")]
        );
        assert_eq!(shown(&done), format!("--disk file={file}"));
    }
    let luks = file("c.img", b"LUKS\xba\xbe\0\x02");
    for line in [format!("-drive file={luks},if=virtio"), format!("-hda {luks}")] {
        let why = refused(&line);
        assert!(why.contains("format=luks: disks are raw files; 'qemu-img convert -O raw"), "{why}");
    }
    // who names raw gets the bytes as they are
    let done = translated(&format!("-drive file={qcow2},format=raw,if=virtio")).unwrap();
    assert!(done.notes.is_empty(), "{:?}", done.notes);
    assert_eq!(shown(&done), format!("--disk file={qcow2},format=raw"));
}

#[test]
fn what_is_missing_is_refused_by_its_whole_name() {
    for (line, name) in [
        ("-gdb stdio", "-gdb"),
        ("-qmp stdio", "-qmp"),
        ("-cdrom a.iso", "-cdrom"),
        ("-pflash a", "-pflash"),
        ("-usb", "-usb"),
        ("-daemonize", "-daemonize"),
        ("-semihosting", "-semihosting"),
        ("-M sifive_u", "sifive_u"),
        ("-M virt,iommu-sys=on", "iommu-sys=on"),
        ("-M virt,pflash0=a", "pflash0=a"),
        ("-accel hvf", "hvf"),
        ("-smp 65", "65"),
        ("-smp cores=many", "many"),
        ("-m 3X", "-m 3X"),
        ("-m", "-m"),
        ("-rtc base=2020-01-01", "2020-01-01"),
        ("-serial vc", "vc"),
        ("-chardev udp,id=u,port=1", "udp"),
        ("-serial chardev:c", "'c'"),
        ("-drive file=a.qcow2,format=qcow2,if=virtio", "qemu-img convert -O raw a.qcow2 a.raw"),
        ("-drive file=a,if=pflash", "if=pflash"),
        ("-drive format=raw", "which file"),
        ("-drive file=a,throttling=fast", "throttling=fast"),
        ("-blockdev qcow2,node-name=q,file=f", "qcow2"),
        ("-blockdev raw,node-name=a,file=a -device virtio-blk-device,drive=a", "circle"),
        ("-device virtio-blk-device,drive=x", "'x'"),
        ("-device virtio-blk-device", "virtio-blk-device"),
        ("-device virtio-gpu-device", "virtio-gpu-device"),
        ("-device virtserialport,name=a", "virtio-serial-device"),
        ("-device virtio-serial-device -device virtio-serial-device", "one such device"),
        ("-device virtio-serial-device -device virtserialport,chardev=x", "'x'"),
        ("-device nvme,drive=x", "nvme"),
        ("-device virtio-net-device,netdev=n", "'n'"),
        ("-device loader,file=a,where=there", "where=there"),
        ("-device {\"driver\":\"loader\"}", "JSON"),
        ("-netdev tap,id=t", "tap"),
        ("-netdev user", "id"),
        ("-netdev user,id=n,net=192.168.1.0/24", "net=192.168.1.0/24"),
        ("-netdev user,id=n,tftp=.", "tftp"),
        ("-nic user -nic user", "2 network cards"),
        ("-nic user,model=e1000", "e1000"),
        ("-object secret,id=s", "secret"),
        ("-hello", "-hello"),
        ("-kernl Image", "did you mean '-kernel'"),
        ("-forwrd 1:2", "did you mean '-forward'"),
    ] {
        let why = refused(line);
        assert!(why.contains(name) && !why.contains('\n'), "{line}: {why}");
    }
}

#[test]
fn what_is_about_the_host_of_kvm_goes_to_one_option_or_is_ignored() {
    let line = "-accel kvm,riscv-aia=emul -M virt,aia=aplic-imsic,kernel-irqchip=split -cpu host,sstc=off a";
    let done = translated(line).unwrap();
    let expected = "--aia aplic-imsic --isa host,sstc=off a --engine kvm --kvm riscv-aia=emul,kernel-irqchip=split";
    assert_eq!(shown(&done), expected);
    let done = translated("-accel tcg -M virt,kernel-irqchip=on a").unwrap();
    assert_eq!(shown(&done), "a");
    assert!(done.notes.iter().any(|note| note.contains("kernel-irqchip=on")), "{:?}", done.notes);
}

#[test]
fn other_commands_know_the_options_of_every_machine() {
    let words = |line: &str| line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
    let command = Cli::command();
    let done = translate(words("vhart elf -M virt -cpu rv64,v=false -smp cpus=2 -m size=1G a.elf"), &command).unwrap();
    assert_eq!(shown(&done), "--isa rv64,v=false --harts 2 --memory 1G a.elf");
    let done = translate(words("vhart elf -M virt,aia=aplic-imsic,aia-guests=3 a.elf"), &command).unwrap();
    assert_eq!(shown(&done), "--aia aplic-imsic --aia-guests 3 a.elf");
    let done = translate(words("vhart elf -M virt,aia=aplic-imsic,aia-guests=-1 a.elf"), &command).unwrap();
    assert_eq!(shown(&done), "--aia aplic-imsic --aia-guests=-1 a.elf");
    let done = translate(words("vhart linux -smp 2 -append x --check"), &command).unwrap();
    assert_eq!(shown(&done), "--harts 2 --append x --check");
    assert!(translate(words("vhart elf -hda a"), &command).unwrap_err().contains("-hda"));
    assert!(translate(words("vhart images -hello"), &command).unwrap_err().contains("-hello"));
}

#[test]
fn directories_are_shared_by_one_option_or_by_two() {
    let one = "-virtfs local,path=/src,mount_tag=host0,security_model=none,readonly=on,id=host0 -kernel a";
    assert_eq!(quiet(one), "--kernel a --share path=/src,tag=host0,readonly=on");
    let two = "-fsdev local,security_model=passthrough,id=f,path=/a,,b -device \
               virtio-9p-device,fsdev=f,mount_tag=t,bus=virtio-mmio-bus.3 -global virtio-mmio.force-legacy=false -kernel a";
    assert_eq!(quiet(two), "--kernel a --share path=/a,,b,tag=t,bus=virtio-mmio-bus.3");
    let pci =
        translated("-fsdev local,id=f,path=/,security_model=mapped-xattr -device virtio-9p-pci,fsdev=f,mount_tag=t");
    let notes = pci.unwrap().notes;
    assert!(notes[0].contains("security_model=mapped-xattr") && notes[1].contains("no PCI"), "{notes:?}");
}

#[test]
fn what_is_no_shared_directory_is_refused() {
    for (line, reason) in [
        ("-virtfs local,path=/a,security_model=none", "mount_tag=TAG is missing"),
        ("-virtfs local,mount_tag=a,security_model=none", "path=DIR"),
        ("-virtfs proxy,socket=a,mount_tag=a", "-virtfs proxy: only directories"),
        ("-virtfs local,path=/a,mount_tag=a,security_model=much", "not 'much'"),
        ("-fsdev local,path=/a,security_model=none", "id=ID is missing"),
        ("-fsdev synth,id=a", "-fsdev synth: only directories"),
        ("-device virtio-9p-device,fsdev=a,mount_tag=t", "there is no fsdev 'a'"),
        ("-device virtio-9p-device,mount_tag=t", "fsdev=ID"),
        ("-virtfs local,path=/a,mount_tag=a,fancy=1", "fancy=1"),
    ] {
        let why = refused(line);
        assert!(why.contains(reason), "{line}: {why}");
    }
}
