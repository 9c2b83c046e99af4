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
if [ -e /boot/guest.cpio ]; then name=host; else name=guest; fi
hostname $name
echo "127.0.1.1 $name" >>/etc/hosts
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

if told vhart.root=debian; then
    load $ROOT
    # The last disk; those before it are the user's.
    for disk in /dev/vd?; do system=$disk; done
    mkdir -p /debian
    mount -t ext4 -o noatime "$system" /debian || fail "there is no Debian on the last disk"
    # What the disk looks for there.
    mkdir -p /run/vhart/bin /debian/lib/modules
    ln /bin/vhart /bin/guest /run/vhart/bin/ 2>/dev/null
    cp -r /etc /run/vhart/
    if [ -d /boot ]; then ln -s /boot /run/vhart/boot; fi
    for directory in proc sys dev run tmp boot mnt lib/modules; do
        # A guest has no kernel for another.
        [ -d "/$directory" ] || continue
        mount -o rbind "/$directory" "/debian/$directory" || fail "there is no Debian on the last disk"
    done
    # On the disk it is a link to a file of systemd's.
    rm -f /debian/etc/resolv.conf
    if [ -e /etc/resolv.conf ]; then cp /etc/resolv.conf /debian/etc/resolv.conf; fi
    chroot /debian /run/vhart/bin/vhart agent || fail "the agent ended with status $?"
    off
fi

vhart agent || fail "the agent ended with status $?"
off
