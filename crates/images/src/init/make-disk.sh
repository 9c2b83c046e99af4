#!/bin/busybox sh
# The first process of the machine that makes a Debian disk (images::debian): a file system on the first disk, into it what
# is in the archive that the second is, and then what only the packages' own scripts can do.

. /etc/vhart/common.sh
load $DRIVERS $ROOT

# How far it is, for whoever watches.
tell() {
    echo "$MAKING$1"
}

# Ends with the reason; the lines before it tell the rest.
fail() {
    echo "$FAILED$1"
    off
}

tell "a file system"
mount -o bind /dev /tools/dev
mount -o bind /proc /tools/proc
# Inodes for a system that installs much; whole tables, so that no kernel writes to a snapshot what is not there.
chroot /tools /usr/sbin/mke2fs -q -t ext4 -L debian -m 1 -i 32768 -J size=32 -E lazy_itable_init=0,nodiscard /dev/vda ||
    fail "mke2fs ended with status $?"
mkdir /disk
mount -t ext4 -o noatime,nobarrier /dev/vda /disk || fail "the new file system cannot be mounted"

tell "unpacking"
tar -x -p -f /dev/vdb -C /disk &
tar=$!
while kill -0 $tar 2>/dev/null; do
    sleep 0.5
    read -r _ _ sectors _ </sys/block/vdb/stat
    tell "read $sectors"
done
wait $tar || fail "the archive cannot be unpacked"

tell "configuring"
for directory in dev proc sys; do mount -o bind /$directory /disk/$directory; done
mount -t tmpfs tmpfs /disk/run
cp /etc/vhart/configure.sh /disk/run/
chroot /disk /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
    DEBCONF_NONINTERACTIVE_SEEN=true SYSTEMD_OFFLINE=1 /bin/sh /run/configure.sh </dev/null 2>&1 ||
    fail "a package cannot be configured"

for directory in run sys proc dev; do umount /disk/$directory; done
umount /disk || fail "the new file system cannot be unmounted"
tell "made"
off
