#!/bin/sh
# Gives the console the size of the window that shows it, each time that whoever runs this machine tells of one: at a port of
# the console device, rows and columns in a line.

# Ports come a moment after their device, and have nothing to read until their far end has been told of.
tries=50
while [ "$tries" -gt 0 ]; do
    for port in /sys/class/virtio-ports/vport*; do
        if [ -e "$port/name" ] && read -r name <"$port/name" && [ "$name" = vhart.window ]; then
            while read -r rows columns; do
                stty -F /dev/console rows "$rows" cols "$columns"
                # The VMM tells its guest. Where it belongs to no terminal's session, nothing else wakes it.
                killall -WINCH vhart
            done <"/dev/${port##*/}"
        fi
    done
    tries=$((tries - 1))
    sleep 0.1
done
