# What host and guest have in common. Read by both init scripts; markers.sh, which the builder writes, has the texts that
# the watcher of an unattended run looks for.

export PATH=/bin HOME=/root
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /run /tmp /root /lib/modules
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo /bin/modprobe >/proc/sys/kernel/modprobe
. /etc/vhart/markers.sh
. /etc/vhart/options.sh
. /etc/vhart/say.sh

# Loads the modules named, whatever the kernel's release: they were packed with it.
load() {
    read -r release </proc/sys/kernel/osrelease
    if [ ! -e "/lib/modules/$release" ]; then ln -s vhart "/lib/modules/$release"; fi
    modprobe -a "$@" 2>/dev/null
}

# Brings the first network card up; succeeds with a lease.
network() {
    ip link set lo up
    [ -e /sys/class/net/eth0 ] || return 1
    ip link set eth0 up
    udhcpc -i eth0 -n -q -t 5 -T 1 -s /etc/vhart/lease.sh >/run/udhcpc.log 2>&1
}

# The tags of the shared directories of this machine: virtio's device 9 is one.
share_tags() {
    for device in /sys/bus/virtio/devices/*; do
        read -r id <"$device/device" || continue
        if [ "$id" = 0x0009 ]; then cat "$device/mount_tag" 2>/dev/null; echo; fi
    done | tr -d '\0'
}

# Whether this machine has a shared directory. The shell itself looks.
shares() {
    for device in /sys/bus/virtio/devices/*; do
        if [ -e "$device/device" ] && read -r id <"$device/device" && [ "$id" = 0x0009 ]; then return 0; fi
    done
    return 1
}

# Mounts every shared directory at /mnt/TAG.
mount_shares() {
    shares || return 0
    load $SHARES
    for tag in $(share_tags); do
        mkdir -p "/mnt/$tag"
        mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 "$tag" "/mnt/$tag" ||
            fail "the shared directory $tag cannot be mounted (has the kernel the modules $SHARES?)"
    done
}

# Has the console follow the size of the window that shows it, where somebody told of one.
follow_window() {
    if told vhart.size=; then /etc/vhart/window.sh 2>/dev/null & fi
}

# A shell on the console, with job control.
shell() {
    ENV=/etc/vhart/profile.sh PROMPT="$1" setsid cttyhack sh
}

if unattended; then
    # Kernel messages would break markers in two.
    echo 1 >/proc/sys/kernel/printk
elif told vhart.exec=; then
    # The console has nothing but them.
    :
else
    # They disturb whoever types. Whoever pastes much waits until it is read.
    echo 4 >/proc/sys/kernel/printk
    stty crtscts
    # The window that shows the console, as it was at power on, where somebody told; follow_window does the rest.
    size=$(option vhart.size)
    if [ -n "$size" ]; then stty rows "${size%x*}" cols "${size#*x}"; fi
fi
