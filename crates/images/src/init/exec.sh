#!/bin/busybox sh
# The first process of the machine of `vhart exec`, and of its guest where the program is to run there: sets up what programs
# expect of a system, and starts the agent.

. /etc/vhart/common.sh

mkdir -p /dev/pts /dev/shm /mnt
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
for name in fd fd/0:stdin fd/1:stdout fd/2:stderr; do
    ln -s "/proc/self/${name%:*}" "/dev/${name#*:}"
done
# A guest has no guest of its own.
if [ -e /boot/guest.cpio ]; then hostname host; else hostname guest; fi
if told vhart.cores; then
    mkdir -p /run/cores
    echo /run/cores/core.%e.%p >/proc/sys/kernel/core_pattern
    ulimit -c unlimited
fi
load $DRIVERS
# A machine without the hypervisor extension has none, and neither has a guest.
[ -e /dev/kvm ] || modprobe kvm 2>/dev/null
mount_shares
ip link set lo up
if told vhart.net; then network || fail "the network card gets no lease"; fi

if [ "$(option vhart.exec)" = guest ]; then
    [ -e /dev/kvm ] || fail "the host cannot load KVM (has its machine the hypervisor extension?)"
    # The guest's agent is the same program. Linux unpacks archives one after the other.
    (cd / && echo bin/vhart | cpio -o -H newc 2>/dev/null) >>/boot/guest.cpio
    for tag in $(share_tags); do set -- "$@" --share "/mnt/$tag,tag=$tag"; done
    guest "$@" </dev/null || fail "the guest ended with status $?"
    off
fi

if told vhart.rootfs=debian; then
    for directory in proc sys dev run tmp boot mnt; do
        mount -o rbind "/$directory" "/debian/$directory" || fail "there is no Debian root"
    done
    if [ -e /etc/resolv.conf ]; then cp /etc/resolv.conf /debian/etc/resolv.conf; fi
    mkdir -p /debian/usr/local/bin
    cp /bin/vhart /debian/usr/local/bin/vhart
    chroot /debian /usr/local/bin/vhart agent || fail "the agent ended with status $?"
    off
fi

vhart agent || fail "the agent ended with status $?"
off
