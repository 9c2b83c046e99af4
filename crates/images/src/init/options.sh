# What the kernel's command line says to the scripts. The shell itself looks: a process would cost more than all of it.

read -r command_line </proc/cmdline

# The value of NAME=VALUE on the kernel's command line, or the second argument.
option() {
    for word in $command_line; do
        case $word in "$1="*) echo "${word#*=}"; return ;; esac
    done
    echo "$2"
}

# Whether a word that begins so is on the kernel's command line.
told() {
    case " $command_line" in *" $1"*) true ;; *) false ;; esac
}

# Whether nobody sits at the console.
unattended() {
    told vhart.check=
}
