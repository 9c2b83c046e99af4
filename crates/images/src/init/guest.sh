#!/bin/busybox sh
# The guest's init: a shell, or in an unattended run a look at disk and network.

. /etc/vhart/common.sh
say "$GUEST_INIT"
load $DRIVERS
mount_shares
if told vhart.test_shares; then . /mnt/share/share.sh guest; fi

# Where a Debian is wanted, all the rest is its.
if told vhart.root=debian; then
    . /etc/vhart/debian.sh
    say "$GUEST_LOGIN" >/run/login
    enter_debian guest "This is the guest, in $(option vhart.in KVM). Log in as root, without a password. 'poweroff' ends it."
fi

# The sum that the disk's head promises is that of the megabyte behind it; and what is written can be read back. A disk
# without such a head is somebody's own: it is read, never written.
check_disk() {
    [ -b /dev/vda ] || fail "the guest has no disk"
    if [ "$(head -n 1 /dev/vda)" != "$DISK_MAGIC" ]; then
        dd if=/dev/vda of=/dev/null bs=64k count=16 2>/dev/null || fail "the guest cannot read its disk"
        return
    fi
    promised=$(head -n 2 /dev/vda | tail -n 1)
    found=$(dd if=/dev/vda bs=64k skip=16 count=16 2>/dev/null | sha256sum)
    [ "$promised" = "${found%% *}" ] || fail "the guest reads from its disk what is not on it"
    dd if=/init of=/dev/vda bs=4k seek=1024 count=1 conv=notrunc,fsync 2>/dev/null || fail "the guest cannot write to its disk"
    echo 3 >/proc/sys/vm/drop_caches
    [ "$(dd if=/dev/vda bs=4k skip=1024 count=1 2>/dev/null | head -c 512)" = "$(head -c 512 /init)" ] ||
        fail "the guest reads back from its disk what it did not write"
}

# Modules go and come again: their code lies where other code lay, and devices are found a second time.
check_modules() {
    for module in virtio_net virtio_rng; do
        load "$module"
        grep -q "^$module " /proc/modules || continue
        modprobe -r "$module" || fail "the guest cannot unload $module"
    done
    load $DRIVERS
}

# A lease, and a page from the host, which the user-mode network shows at its gateway's address.
check_network() {
    network || fail "the guest gets no lease"
    gateway=$(ip route | awk '/^default/ { print $3 }')
    page=$(wget -q -T 10 -O - "http://$gateway:8080/page") || fail "the guest cannot fetch a page from the host"
    [ "$page" = "$PAGE" ] || fail "the guest fetches from the host what is not there"
}

# Below vhart's own hypervisor: the card that leads to the other guests, known by what its address begins with, gets the
# address that the kernel's command line tells.
link() {
    for card in /sys/class/net/*; do
        read -r address <"$card/address"
        case $address in 52:56:48:*) ;; *) continue ;; esac
        ip link set "${card##*/}" up && ip addr add "$own/24" dev "${card##*/}"
        return
    done
    return 1
}

# The next guest answers, the last one's next being the first; and whoever has this one for its next has asked.
check_link() {
    next=${own%.*}.$((${own##*.} % guests + 1))
    tries=0
    until ping -c 1 -W 1 "$next" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 60 ] || fail "the guest at $next does not answer"
    done
    # Icmp's InEchos
    until [ "$(awk '/^Icmp: [0-9]/ { print $10 }' /proc/net/snmp)" -gt 0 ]; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || fail "no guest has asked for an answer"
        sleep 0.1
    done
}

guests=1
if told vhart.link=; then guests=$(option vhart.guests 1) own=$(option vhart.link); fi

# Below vhart's own hypervisor there are disk and network where somebody asked for them.
if unattended && told vhart.bare; then
    if told vhart.link=; then link || fail "the guest has no card that leads to the other guests"; fi
    if told vhart.disk; then
        check_disk
        say "$GUEST_DISK"
    fi
    if told vhart.net; then
        network || fail "the guest gets no lease"
        say "$GUEST_NETWORK"
    fi
    if [ "$guests" -gt 1 ]; then
        check_link
        say "$GUEST_LINK"
    fi
    off
elif unattended; then
    check_modules
    check_disk
    say "$GUEST_DISK"
    check_network
    say "$GUEST_NETWORK"
else
    follow_window
    if told vhart.net || ! told vhart.bare; then network & fi
    if told vhart.link= && link; then echo "This is $own, of the guests at ${own%.*}.1 to ${own%.*}.$guests."; fi
    echo "This is the guest, Linux $(uname -r) in $(option vhart.in KVM). 'exit' powers it off."
    shell guest
fi
off
