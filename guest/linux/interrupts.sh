#!/bin/busybox sh
# The host's init of the job interrupts-guest: a guest whose APLIC and IMSICs the kernel has, and one whose IMSICs only.

. /etc/vhart/common.sh
load $DRIVERS
[ -e /dev/kvm ] || modprobe kvm || fail "the host cannot load KVM"
for irqchip in on split; do
    echo "interrupts: kernel-irqchip=$irqchip"
    vhart run --engine kvm --no-reboot --harts 2 --memory 64M --kernel /bench/interrupts --aia aplic-imsic \
        --kvm "kernel-irqchip=$irqchip" </dev/null || fail "the guest ended with status $?"
done
echo "interrupts: done"
off
