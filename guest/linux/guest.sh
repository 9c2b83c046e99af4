#!/bin/busybox sh
# The guest's init of the job linux-compute.

. /etc/vhart/common.sh
. /bench/run.sh guest
off
