# What Linux makes of shared directories: `cargo xtask test` puts this into one, and has it read by the init of host and guest
# (`told vhart.test_shares`). /mnt/share may be written; /mnt/ro is the same directory, which may only be read.
# $1 is who reads it.

wrong() {
    fail "share, $1: $2"
}

# Ends with a sentence unless both are the same.
same() {
    [ "$2" = "$3" ] || wrong "$1" "'$2', not '$3'"
}

# Ends with a sentence if a command succeeds that must not.
refused() {
    "$@" 2>/dev/null && wrong "$*" "it is not refused"
    return 0
}

test_share() {
    mkdir "/mnt/share/$1" && cd "/mnt/share/$1" || wrong "$1" "no directory can be made"
    echo hello >file
    echo again >>file
    same "what was written" "$(cat file)" "hello
again"
    same "the owner" "$(stat -c %u:%g file)" 0:0
    (umask 077 && : >private && mkdir hidden)
    same "permissions" "$(stat -c %a private) $(stat -c %a hidden)" "600 700"
    chmod 4751 file
    same "permissions" "$(stat -c %a file)" 751
    touch -d "2001-02-03 04:05:06" file
    same "a time" "$(stat -c %Y file)" 981173106
    ln file hard && ln -s /etc/passwd link && mv file moved || wrong links "they cannot be made"
    same "names of a file" "$(stat -c %h moved)" 2
    same "a link" "$(readlink link)" /etc/passwd
    mkfifo fifo
    echo through >fifo &
    read -r line <fifo
    same "a FIFO" "$line" through
    refused mknod device c 1 3
    refused mkdir moved
    refused rmdir /mnt/share

    # Far more than a message, in pieces that are no pages, and with a hole.
    dd if=/dev/urandom of=big bs=333333 count=10 2>/dev/null && sync
    dd if=moved of=big bs=1 seek=5000000 conv=notrunc 2>/dev/null
    sum=$(sha256sum <big)
    echo 3 >/proc/sys/vm/drop_caches
    same "a big file" "$(sha256sum <big)" "$sum"
    same "its size" "$(stat -c %s big)" 5000012
    truncate -s 1000 big
    same "its size" "$(stat -c %s big)" 1000

    mkdir many && (cd many && seq 300 | sed 's/^/file-/' | xargs touch)
    same "many files" "$(ls many | wc -l)" 300
    for n in 1 2 3 4; do (for m in $(seq 12); do echo "$n $m" >"many/$n-$m" && cat "many/$n-$m" && rm "many/$n-$m"; done >"many-$n") & done
    wait
    same "four at once" "$(cat many-1 many-2 many-3 many-4 | sort -u | wc -l)" 48
    rm -r many || wrong many "they cannot be removed"
    : >gone
    exec 3>gone 4<gone && rm gone && echo kept >&3
    read -r line <&4
    same "a file without a name" "$line" kept
    exec 3>&- 4<&-

    same "the directory, only read" "$(cat "/mnt/ro/$1/moved")" "$(cat moved)"
    refused touch /mnt/ro/new
    refused rm "/mnt/ro/$1/moved"
    refused mv "/mnt/ro/$1" /mnt/ro/other
    refused chmod 700 "/mnt/ro/$1/moved"
    (echo changed >"/mnt/ro/$1/moved") 2>/dev/null && wrong readonly "it can be written"
    same "the directory, only read" "$(cat moved)" "hello
again"
    cd /
}

test_share "$1"
