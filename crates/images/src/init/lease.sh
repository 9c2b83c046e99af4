#!/bin/busybox sh
# Called by udhcpc as a lease comes and goes.

case $1 in
deconfig)
    ip addr flush dev "$interface"
    ;;
bound | renew)
    ip addr add "$ip/${mask:-24}" dev "$interface"
    for gateway in $router; do ip route add default via "$gateway" dev "$interface"; done
    : >/etc/resolv.conf
    for server in $dns; do echo "nameserver $server" >>/etc/resolv.conf; done
    ;;
esac
