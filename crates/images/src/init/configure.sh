# In the Debian that is being made: what its packages' own scripts do, and what makes a machine of it.
set -e
cd /

# dpkg runs these before it unpacks a package; here all are unpacked.
export DPKG_ADMINDIR=/var/lib/dpkg DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_ARCH=riscv64 DPKG_ROOT=
for script in /var/lib/dpkg/info/base-passwd.preinst /var/lib/dpkg/info/*.preinst; do
    [ -e "$script" ] || continue
    name=${script##*/}
    name=${name%.preinst}
    DPKG_MAINTSCRIPT_PACKAGE=${name%:*} DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 "$script" install
done
unset DPKG_ADMINDIR DPKG_MAINTSCRIPT_NAME DPKG_MAINTSCRIPT_ARCH DPKG_ROOT

# Scripts of others expect users and groups.
dpkg --force-depends --configure base-passwd
dpkg --configure -a

# Root has no password: whoever sits at the console has the machine anyway.
passwd -q -d root
systemctl -q enable systemd-networkd.service
# Nothing is done behind the user's back, and a boot is a boot alone.
systemctl -q disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    e2scrub_reap.service getty@tty1.service
# What a first boot does for files that are new.
journalctl --update-catalog
/usr/lib/systemd/systemd-update-done
rm -rf /var/log/bootstrap.log /var/cache/debconf/*-old /var/lib/dpkg/*-old
