#!/bin/busybox sh
# The first process of the machine of `vhart exec`, and of its guest where the program is to run there: sets up what programs
# expect of a system, and starts the agent.

. /etc/vhart/common.sh

mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
for name in fd fd/0:stdin fd/1:stdout fd/2:stderr; do
    ln -s "/proc/self/${name%:*}" "/dev/${name#*:}"
done
# A guest has no guest of its own.
if [ -e /boot/guest.cpio ]; then hostname host; else hostname guest; fi
load $DRIVERS
# A machine without the hypervisor extension has none, and neither has a guest.
[ -e /dev/kvm ] || modprobe kvm 2>/dev/null
ip link set lo up
if told vhart.net; then network || fail "the network card gets no lease"; fi

if [ "$(option vhart.exec)" = guest ]; then
    [ -e /dev/kvm ] || fail "the host cannot load KVM (has its machine the hypervisor extension?)"
    # The guest's agent is the same program. Linux unpacks archives one after the other.
    (cd / && echo bin/vhart | cpio -o -H newc 2>/dev/null) >>/boot/guest.cpio
    guest </dev/null || fail "the guest ended with status $?"
    off
fi

vhart agent || fail "the agent ended with status $?"
off
