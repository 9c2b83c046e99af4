# How an unattended run is told how far it is; in initramfs and Debian alike. Wants options.sh and markers.sh before it.

nonce=$(option vhart.check)

# Ends the machine, once all that was written to the console is out.
off() {
    stty onlcr
    poweroff -f
}

# Prints a marker in an unattended run, and the answer to the nonce on the kernel's command line: by one process, for a
# run's time is also theirs.
say() {
    if unattended; then
        printf '%s %s' "$nonce" "$1" >/run/asked
        sha256sum /run/asked >/run/answered
        read -r answer _ </run/answered
        printf '%s %.16s\n' "$1" "$answer"
    fi
}

# Says why it cannot go on. An unattended machine then ends; at the console, a shell may help.
fail() {
    echo
    dmesg | tail -n 20
    echo "$FAILED$1"
    if unattended || told vhart.exec= || told vhart.make; then off; fi
}
