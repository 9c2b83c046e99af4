#!/bin/sh
# Boots the guest in KVM; arguments are more options for `vhart run`.

# In a Debian, what the initramfs had is there.
if [ -d /run/vhart ]; then place=/run/vhart; else place=; fi
. $place/etc/vhart/options.sh

# The SBI console takes whole lines; the serial port, which takes over later, costs an exit for each character.
append="console=ttyS0 earlycon=sbi loglevel=6 panic=-1"
if told vhart.exec=; then
    # The ports of this machine's console lead on into the guest's. The first number is its device's, which disks and cards move.
    append="$append rdinit=/etc/vhart/exec.sh vhart.exec=here"
    if told vhart.net; then append="$append vhart.net"; fi
    if told vhart.cores; then append="$append vhart.cores"; fi
    for port in /sys/class/virtio-ports/vport*p*; do
        read -r name <"$port/name"
        set -- "$@" --port "name=$name,nr=${port##*p},to=pipe:/dev/${port##*/}"
    done
elif unattended; then
    # Whose guest it is, and what it shall answer.
    nonce=$(option vhart.check)
    append="vhart.guest=$nonce vhart.check=$nonce $append"
else
    size=$(stty size 2>/dev/null)
    case $size in
    [1-9]*\ [1-9]*)
        append="$append vhart.size=${size% *}x${size#* }"
        set -- --port name=vhart.window,to=window "$@"
        ;;
    esac
fi
if told vhart.test_shares; then append="$append vhart.test_shares"; fi
# What the VMM sees of the exits is told beside KVM's own count.
if told vhart.count_exits; then set -- "$@" --stat; fi
if told vhart.root=debian; then append="$append vhart.root=debian systemd.hostname=guest"; fi
if told cryptomgr.notests; then append="$append cryptomgr.notests"; fi

disks=
for disk in /dev/vd[a-z]; do
    # A Debian's first disk is its own. Of `vhart exec`'s the guest has all: there the host has no use for it.
    if [ "$disk" = /dev/vda ] && told vhart.root=debian && ! told vhart.exec=; then continue; fi
    if [ -b "$disk" ]; then disks="$disks --disk $disk"; fi
done

aia=$(option vhart.guest_aia)
if [ -n "$aia" ]; then aia="--aia $aia"; fi

PATH=$place/bin:$PATH exec vhart run --engine kvm --no-reboot --harts "$(option vhart.guest_harts 1)" --memory "$(option vhart.guest_memory 256M)" \
    --kernel $place/boot/vmlinuz --initrd $place/boot/guest.cpio --append "$append" $disks $aia --net user "$@"
