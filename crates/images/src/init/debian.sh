# From an initramfs on into the Debian on the first disk.

# Goes there as the host or guest ($1), whose login says $2 and, in an unattended run, what is in /run/login. It has what
# the initramfs has in /run/vhart.
enter_debian() {
    load $ROOT
    mkdir -p /debian
    mount -t ext4 -o noatime /dev/vda /debian || fail "there is no Debian on the $1's disk"
    [ -L /debian/sbin/init ] || [ -e /debian/sbin/init ] || fail "there is no init on the $1's disk"
    mount -t tmpfs -o mode=755 tmpfs /debian/run
    mkdir -p /debian/run/vhart/bin /debian/run/vhart/boot /debian/run/issue.d
    cp /bin/busybox /debian/run/vhart/bin/
    for file in bin/vhart bin/guest boot/vmlinuz boot/guest.cpio; do
        if [ -e "/$file" ]; then mv "/$file" "/debian/run/vhart/$file"; fi
    done
    cp -r /etc /debian/run/vhart/
    if [ -e /srv ]; then cp -r /srv /debian/run/vhart/; fi
    echo "$2" >/debian/run/issue.d/vhart.issue
    # On a busy computer a device takes its time, and a login is not to be given up for that.
    mkdir -p /debian/run/systemd/system.conf.d
    printf '[Manager]\nDefaultDeviceTimeoutSec=15min\nDefaultTimeoutStartSec=15min\n' \
        >/debian/run/systemd/system.conf.d/vhart.conf
    if unattended; then check_debian "$1"; elif told vhart.size=; then follow_window_in_debian; fi
    echo /sbin/modprobe >/proc/sys/kernel/modprobe
    for share in /mnt/*; do
        if [ -d "$share" ]; then mkdir -p "/debian$share" && mount -o move "$share" "/debian$share"; fi
    done
    for directory in dev proc sys; do mount -o move /$directory /debian/$directory; done
    exec switch_root /debian /sbin/init
}

# Has systemd run the rest of an unattended run's script, and the login tell that it is there.
check_debian() {
    cat /run/login >>/debian/run/issue.d/vhart.issue
    units=/debian/run/systemd/system
    mkdir -p $units/multi-user.target.wants
    cat >$units/vhart-check.service <<UNIT
[Unit]
Description=An unattended run of vhart's
After=multi-user.target
[Service]
ExecStart=/bin/sh /run/vhart/etc/vhart/debian-check.sh $1
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
UNIT
    ln -s ../vhart-check.service $units/multi-user.target.wants/
}

# Has systemd start what lets the console follow the size of the window that shows it.
follow_window_in_debian() {
    units=/debian/run/systemd/system
    mkdir -p $units/multi-user.target.wants
    cat >$units/vhart-window.service <<UNIT
[Unit]
Description=The size of the window that shows the console
[Service]
ExecStart=/bin/sh /run/vhart/etc/vhart/window.sh
StandardError=null
UNIT
    ln -s ../vhart-window.service $units/multi-user.target.wants/
}
