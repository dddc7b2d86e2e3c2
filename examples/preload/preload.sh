#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# preload.sh — runs an unmodified program on granary; its statistics follow on standard error, if
# the program ends by exit() and leaves standard error open (some shells and core utilities do not).
#
#   preload.sh /usr/local/lib/libgranary_malloc.so program [argument …]
set -eu
if [ $# -lt 2 ]; then
    echo "usage: $0 <path of libgranary_malloc.so> <program> [argument …]" >&2
    exit 2
fi
library=$1
shift
if [ ! -r "$library" ]; then
    # A missing preload is only a warning to the loader: the program would run without granary.
    echo "$0: cannot read $library" >&2
    exit 2
fi
# Unused memory goes back after one second instead of ten; one report at the end.
exec env LD_PRELOAD="$library" GRANARY_CONF=dirty_decay_ms:1000,stats_print:true "$@"
