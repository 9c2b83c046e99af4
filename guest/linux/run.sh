# Runs every program a few times, between the lines 'compute WHERE NAME begins' and 'compute WHERE NAME NANOSECONDS'. Read by
# both init scripts.

for program in /bench/programs/*; do
    for round in 1 2 3; do
        echo "compute $1 ${program##*/} begins"
        nanoseconds=$($program) || fail "$program does not come to the right result"
        echo "compute $1 ${program##*/} $nanoseconds"
    done
done
