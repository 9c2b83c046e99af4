#!/bin/busybox sh
# The host's init of the job linux-harts: each program alone, and then twice at the same time.

. /etc/vhart/common.sh
for program in /bench/programs/*; do
    name=${program##*/}
    alone=$($program) || fail "$program does not come to the right result"
    $program >/first &
    second=$($program) || fail "$program does not come to the right result"
    wait $! || fail "$program does not come to the right result"
    echo "harts $name $alone $(cat /first) $second"
done
echo "harts: done"
off
