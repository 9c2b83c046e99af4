#!/bin/busybox sh
# The host's init: loads KVM, boots the guest in it, and ends when all is done.

. /etc/vhart/common.sh
say "$HOST_INIT"

load $DRIVERS
[ -e /dev/kvm ] || modprobe kvm || fail "the host cannot load KVM (has its machine the hypervisor extension?)"
if [ -e /dev/kvm ]; then
    say "$KVM_LOADED"
fi

if unattended; then
    # The guest shall fetch a page from here.
    ip link set lo up
    httpd -p 127.0.0.1:8080 -h /srv
    guest || fail "the guest ended with status $?"
    say "$GUEST_OFF"
else
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
