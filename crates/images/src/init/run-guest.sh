#!/bin/busybox sh
# Boots the guest in KVM; arguments are more options for `vhart run`.

. /etc/vhart/options.sh

# The SBI console takes whole lines; the serial port, which takes over later, costs an exit for each character.
append="console=ttyS0 earlycon=sbi loglevel=6 panic=-1"
if unattended; then
    # Whose guest it is, and what it shall answer.
    nonce=$(option vhart.check)
    append="vhart.guest=$nonce vhart.check=$nonce $append"
else
    size=$(stty size 2>/dev/null)
    case $size in
    [1-9]*\ [1-9]*) append="$append vhart.size=${size% *}x${size#* }" ;;
    esac
fi
if told cryptomgr.notests; then append="$append cryptomgr.notests"; fi

disk=
if [ -b /dev/vda ]; then disk="--disk /dev/vda"; fi

exec vhart run --engine kvm --no-reboot --harts "$(option vhart.guest_harts 1)" --memory "$(option vhart.guest_memory 256M)" \
    --kernel /boot/vmlinuz --initrd /boot/guest.cpio --append "$append" $disk --net user "$@"
