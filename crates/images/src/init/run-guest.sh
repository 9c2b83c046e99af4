#!/bin/busybox sh
# Boots the guest in KVM; arguments are more options for `vhart run`.

. /etc/vhart/options.sh

# The SBI console takes whole lines; the serial port, which takes over later, costs an exit for each character.
append="console=ttyS0 earlycon=sbi loglevel=6 panic=-1"
# Whose guest it is, and what it shall answer.
if unattended; then append="vhart.guest=$(option vhart.check) vhart.check=$(option vhart.check) $append"; fi
if grep -qw cryptomgr.notests /proc/cmdline; then append="$append cryptomgr.notests"; fi
size=$(stty size 2>/dev/null)
case $size in
[1-9]*\ [1-9]*) append="$append vhart.size=${size% *}x${size#* }" ;;
esac

disk=
if [ -b /dev/vda ]; then disk="--disk /dev/vda"; fi

exec vhart run --engine kvm --no-reboot --harts "$(option vhart.guest_harts 1)" --memory "$(option vhart.guest_memory 256M)" \
    --kernel /boot/vmlinuz --initrd /boot/guest.cpio --append "$append" $disk --net user "$@"
