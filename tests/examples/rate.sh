#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What weir-bench(1) promises of "weir-bench rate", "scale" and "targets":
# which rows and columns there are, that JSON is well-formed, what the exit
# status says. Counts and formats only: no figure decides anything here.
#
# Usage: [builddir=BUILD] rate.sh. Exit: 0, 1 failed, 77 skipped, 99 broken.
builddir=${builddir:-.}
bench=$builddir/tools/weir-bench
if ! [ -x "$bench" ]; then
	echo "skipped: configured with --disable-tools: no weir-bench"
	exit 77
fi
tmp=$(mktemp -d "${TMPDIR:-/tmp}/weir-rate.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM
result=0

fail() {
	echo "FAIL: $*"
	result=1
}

# expect STATUSES NAME ARGUMENT...: its output goes to $tmp/NAME and NAME.err
expect() {
	want=$1
	name=$2
	shift 2
	"$bench" "$@" >"$tmp/$name" 2>"$tmp/$name.err"
	got=$?
	case " $want " in
	*" $got "*) ;;
	*)	fail "weir-bench $*: status $got, not $want"
		sed 's/^/	/' "$tmp/$name.err" ;;
	esac
}

json() {
	command -v python3 >/dev/null || return 0
	python3 -m json.tool "$tmp/$1" >/dev/null || fail "$1: not JSON"
}

# columns NAME N: all lines have so many
columns() {
	awk -F, -v n="$2" 'NF != n { print; bad = 1 } END { exit bad }' \
		"$tmp/$1" || fail "$1: not $2 columns"
}

short='-t 0.1 -S 1 -r 10K,1M -w adaptive,park,spin,pipe'

# shellcheck disable=SC2086
expect 0 rate.csv rate $short --csv
columns rate.csv 15
# shellcheck disable=SC2086
expect 0 rate.json rate $short -p bursts -j
json rate.json
grep -q '"pattern": "bursts"' "$tmp/rate.json" || fail "rate: no pattern"
[ "$(grep -c '"rate": .*"way"' "$tmp/rate.json")" -eq 8 ] ||
	fail "rate: not two rates of four ways"
[ "$(grep -c '"judged"' "$tmp/rate.json")" -eq 4 ] ||
	fail "rate: not a verdict for each rate and class"
# shellcheck disable=SC2086
expect 0 rate.text rate $short -p poisson
grep -q '^weir-bench rate' "$tmp/rate.text" || fail "rate: no heading"

expect 0 scale.json scale -t 0.1 -j
json scale.json
grep -q '"rings": 64' "$tmp/scale.json" || fail "scale: no 64 rings"

# 1: not met, on a machine that is busy
expect '0 1' targets.json targets -t 0.5 -j
json targets.json
case $got in
0)	grep -q '"met": false' "$tmp/targets.json" &&
		fail "targets: status 0, and one is missed" ;;
1)	grep -q '"met": false' "$tmp/targets.json" ||
		fail "targets: status 1, and none is missed" ;;
esac

expect 2 usage rate -r 5
expect 2 usage rate -r 1K,1K,1K,1K,1K,1K
expect 2 usage rate -w park,peer
expect 2 usage rate -p even
expect 2 usage scale -r 1K
expect 2 usage targets --slice=5
expect 2 usage targets word
expect 0 help rate --help
grep -q '^Usage: weir-bench rate' "$tmp/help" || fail "rate --help"

exit $result
