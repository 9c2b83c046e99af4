# The rest of an unattended run, in a Debian that is up: in the host ($1) the guest, in the guest a look at disk and network.

busybox=/run/vhart/bin/busybox
. /run/vhart/etc/vhart/options.sh
. /run/vhart/etc/vhart/markers.sh
. /run/vhart/etc/vhart/say.sh

# The login comes first: agetty has said what it has to say when it waits, three looks in a row, and not for a time to pass,
# as it does before. (systemd asks the terminal for its size before it starts that, and waits for an answer.)
waits() {
    for comm in $(grep -lsx agetty /proc/[0-9]*/comm); do
        case $(cat "${comm%comm}wchan") in
        '' | 0 | hrtimer_nanosleep) ;;
        *) return 0 ;;
        esac
    done
    return 1
}
looks=0
while [ $looks -lt 3 ]; do
    sleep 0.3
    if waits; then looks=$((looks + 1)); else looks=0; fi
done

# What a package has on the disk is what it promised; and what is written can be read back.
check_disk() {
    (cd / && md5sum --quiet --ignore-missing -c /var/lib/dpkg/info/coreutils.md5sums) ||
        fail "the guest reads from its disk what is not on it"
    dd if=/usr/bin/perl of=/root/written bs=64k conv=fsync status=none || fail "the guest cannot write to its disk"
    echo 3 >/proc/sys/vm/drop_caches
    cmp /usr/bin/perl /root/written || fail "the guest reads back from its disk what it did not write"
    rm /root/written
}

# A lease, and a page from the host, which the user-mode network shows at its gateway's address.
check_network() {
    for _ in $(seq 300); do
        gateway=$(ip route show default)
        gateway=${gateway#default via }
        gateway=${gateway%% *}
        if [ -n "$gateway" ]; then break; fi
        sleep 0.1
    done
    [ -n "$gateway" ] || fail "the guest gets no lease"
    page=$($busybox wget -q -T 10 -O - "http://$gateway:8080/page") || fail "the guest cannot fetch a page from the host"
    [ "$page" = "$PAGE" ] || fail "the guest fetches from the host what is not there"
}

case $1 in
host)
    $busybox httpd -p 127.0.0.1:8080 -h /run/vhart/srv
    guest || fail "the guest ended with status $?"
    say "$GUEST_OFF"
    $busybox rmmod kvm || fail "the host cannot unload KVM"
    say "$KVM_UNLOADED"
    ;;
guest)
    check_disk
    say "$GUEST_DISK"
    check_network
    say "$GUEST_NETWORK"
    ;;
esac
systemctl poweroff
