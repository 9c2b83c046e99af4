# What the kernel's command line says to the scripts.

# The value of NAME=VALUE on the kernel's command line, or the second argument.
option() {
    for word in $(cat /proc/cmdline); do
        case $word in "$1="*) echo "${word#*=}"; return ;; esac
    done
    echo "$2"
}

# Whether nobody sits at the console.
unattended() {
    grep -qw vhart.check /proc/cmdline
}
