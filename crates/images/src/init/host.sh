#!/bin/busybox sh
# The host's init: loads KVM, boots the guest in it, and ends when all is done.

. /etc/vhart/common.sh
say "$HOST_INIT"

load $DRIVERS
mount_shares
if told vhart.test_shares; then . /mnt/share/share.sh host; fi
[ -e /dev/kvm ] || modprobe kvm || fail "the host cannot load KVM (has its machine the hypervisor extension?)"
if [ -e /dev/kvm ]; then
    say "$KVM_LOADED"
fi

# The checks of KVM, where they are wanted; their lines tell what failed.
if told vhart.kvm_check; then
    vhart kvm-check || fail "the checks of the host's KVM did not pass"
fi

# Where a Debian is wanted, all the rest is its.
if told vhart.root=debian; then
    . /etc/vhart/debian.sh
    say "$HOST_LOGIN" >/run/login
    enter_debian host "This is the host. Log in as root, without a password. 'guest' boots a guest, 'poweroff' ends it all."
fi

# Whether KVM's own count of exits is wanted, to be held against that of `vhart --stat`.
exits_wanted() {
    grep -qw vhart.count_exits /proc/cmdline
}

# Lets the tracepoint record every exit from here on.
count_exits() {
    mount -t tracefs tracefs /sys/kernel/tracing && cd /sys/kernel/tracing &&
        echo 65536 >buffer_size_kb && echo 1 >events/kvm/kvm_exit/enable && cd / ||
        fail "the host cannot trace KVM's exits"
}

# A line for each cause: its number in hexadecimal, and how many exits had it.
tell_exits() {
    cd /sys/kernel/tracing
    echo 0 >events/kvm/kvm_exit/enable
    grep -h '^overrun' per_cpu/cpu*/stats | grep -qv ': 0$' && fail "the host's trace of KVM's exits is not whole"
    awk '/kvm_exit:/ { sub(/.*SCAUSE:0x/, ""); sub(/,.*/, ""); count[$0]++ }
        END { for (cause in count) print "kvm_exit", cause, count[cause] }' trace
    # for a debugger: the guest's kernel is the same
    grep -m 1 ' start_kernel$' /proc/kallsyms
    cd /
}

if unattended; then
    if exits_wanted; then count_exits; fi
    # The guest shall fetch a page from here.
    ip link set lo up
    httpd -p 127.0.0.1:8080 -h /srv
    if told vhart.test_shares; then set -- --share /mnt/share --share /mnt/ro,readonly,tag=ro; fi
    guest "$@" || fail "the guest ended with status $?"
    if exits_wanted; then tell_exits; fi
    say "$GUEST_OFF"
else
    follow_window
    network
    if [ -e /bin/vhart ] && [ -e /dev/kvm ]; then
        guest || echo "The guest ended with status $?."
        echo "This is the host, Linux $(uname -r). 'guest' boots a guest again, 'exit' powers off."
    else
        echo "This is the host, Linux $(uname -r). 'exit' powers off."
    fi
    shell host
fi

if grep -q '^kvm ' /proc/modules; then
    rmmod kvm || fail "the host cannot unload KVM"
fi
say "$KVM_UNLOADED"
off
