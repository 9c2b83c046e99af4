#!/bin/busybox sh
# The host's init of the job linux-compute: the programs here, and in the guest.

. /etc/vhart/common.sh
load $DRIVERS
[ -e /dev/kvm ] || modprobe kvm || fail "the host cannot load KVM"
. /bench/run.sh host
# Linux unpacks archives one after the other.
cat /bench/guest.cpio >>/boot/guest.cpio
guest || fail "the guest ended with status $?"
echo "compute: done"
off
