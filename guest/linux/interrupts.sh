#!/bin/busybox sh
# The host's init of the job interrupts-guest: a guest whose APLIC and IMSICs the kernel has, and one whose IMSICs only; in two ways.

. /etc/vhart/common.sh
load $DRIVERS
[ -e /dev/kvm ] || modprobe kvm || fail "the host cannot load KVM"

# Each hart of the guest has a processor of its own, and who answers notices is on the second's: where Linux puts threads by
# itself, it puts two on one now and then, and times are its ticks.
pin() {
    for task in /proc/"$1"/task/*; do
        case $(cat "$task/comm") in
        "hart 0") taskset -p 1 "${task##*/}" ;;
        "hart 1" | doorbells) taskset -p 2 "${task##*/}" ;;
        esac
    done >/dev/null
}

for irqchip in on split split,irqfd=on; do
    echo "interrupts: kernel-irqchip=$irqchip"
    vhart run --engine kvm --no-reboot --harts 2 --memory 64M --kernel /bench/interrupts --aia aplic-imsic \
        --kvm "kernel-irqchip=$irqchip" </dev/null &
    # the guest waits for a second before it begins
    usleep 500000
    pin $!
    wait $! || fail "the guest ended with status $?"
done
echo "interrupts: done"
off
