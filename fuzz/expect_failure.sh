#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs a program that must fail: expect_failure.sh TEXT PROGRAM [ARGUMENT...]
# Passes when the program ends with a failure and says TEXT; failing for another reason is not good enough.
want=$1
shift
out=$("$@" 2>&1)
status=$?
if [ "$status" -eq 0 ]; then
    echo "$1 passed, but must fail"
    exit 1
fi
case $out in
*"$want"*) exit 0 ;;
esac
echo "$1 failed with status $status, but without saying \"$want\":"
echo "$out"
exit 1
