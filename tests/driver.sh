#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Automake's driver of a test that exits with a status, and then the lines of
# its log that say which of its cases it skipped: a program of which one case
# ran has passed, and nobody reads the log of a test that passed. .ci/run wants
# each of these lines in a list.
#
# Usage: driver.sh TEST-DRIVER ARGUMENT...
"$@" || exit
while [ "$1" != --log-file ]; do
	shift
done
sed -n 's/^SKIPPED CASE: /  &/p' "$2"
