#!/bin/busybox sh
# Boots the guest in KVM; arguments are more options for `vhart run`.

. /etc/vhart/markers.sh

option() {
    for word in $(cat /proc/cmdline); do
        case $word in "$1="*) echo "${word#*=}"; return ;; esac
    done
    echo "$2"
}

append="console=ttyS0 earlycon=sbi panic=-1"
if grep -qw vhart.check /proc/cmdline; then append="$append loglevel=6 vhart.check"; fi

disk=
if [ -b /dev/vda ]; then disk="--disk /dev/vda"; fi

exec vhart run --engine kvm --no-reboot --harts "$(option vhart.guest_harts 1)" --memory "$(option vhart.guest_memory 256M)" \
    --kernel /boot/vmlinuz --initrd /boot/guest.cpio --append "$append" $disk --net user "$@"
