#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What weir-bench(1) promises of "weir-bench rate", "scale" and "targets":
# which rows and columns there are, that JSON is well-formed, what the exit
# status says, that every message that was due was received. No figure of time
# decides anything here.
#
# Usage: [builddir=BUILD] rate.sh. Exit: 0, 1 failed, 77 skipped, 99 broken.
builddir=${builddir:-.}
bench=$builddir/tools/weir-bench
if ! [ -x "$bench" ]; then
	echo "skipped: configured with --disable-tools: no weir-bench"
	exit 77
fi
# What WEIR_WAIT demands may not be had on this system or backend.
if [ -n "${WEIR_WAIT-}" ] &&
		"$bench" compare -t 0.1 -S 1 -s 8 -o rtt -w weir 2>&1 |
		grep -q 'WEIR_WAIT: .* has no such wait'; then
	echo "skipped: WEIR_WAIT=$WEIR_WAIT is not to be had"
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
# a table is there if a class has slices enough
grep -q ' sleeps ' "$tmp/rate.text" &&
	! grep -q ' sleeps  *wakes ' "$tmp/rate.text" && fail "rate: no wakes"

# Nothing is lost: a slice has the messages that are due in it, at least 40,
# and each of them has a delay.
received() {
	sed -n 's/.*"rate": \([0-9]*\), "way".*/rate \1/p
		s/.*"slices": \([0-9]*\),.*"messages": \([0-9]*\), "received": \([0-9]*\),.*/\1 \2 \3/p' \
		"$tmp/$1" |
	awk '$1 == "rate" { each = $2 < 40000 ? 40 : $2 / 1000; ways++; next }
		{ n++ } $2 != $1 * each || $3 != $2 { print; bad = 1 }
		END { exit bad || !n || n != 2 * ways }' ||
		fail "$1: messages that nobody asked for or received"
}
received rate.json

# The loops of a program's own: the ways that this build has.
expect 0 loops.json rate -t 0.1 -S 1 -r 10K -w handle,io_uring,park -j
json loops.json
for way in handle park; do
	grep -q "\"way\": \"$way\"" "$tmp/loops.json" || fail "rate: no $way"
done
received loops.json

expect 0 scale.json scale -t 0.1 -j
json scale.json
grep -q '"rings": 64' "$tmp/scale.json" || fail "scale: no 64 rings"
# From 1 to 64 rings, each looked at in four ways, and rings of six capacities;
# one that had no memory is a row all the same.
for look in active all set busy; do
	n=$(grep -c "\"rings\": .*\"capacity\": .*\"looks_at\": \"$look\"" \
		"$tmp/scale.json")
	[ "$look" = active ] && n=$((n - 6))
	[ "$n" -eq 7 ] || fail "scale: $n rows of $look, not 7"
done
# What idle rings cost is judged for two of the ways, in both classes: with a
# ratio, or not measured and without one.
[ "$(grep -c '"idle_rings": 63, "verdict": "[a-z ]*", "ns_to_' \
	"$tmp/scale.json")" -eq 4 ] ||
	fail "scale: not a verdict for each way and class"
grep -Eq '"not measured", .*: [0-9]|"(met|missed)", .*: null' \
	"$tmp/scale.json" && fail "scale: a verdict without its figures"
expect 0 scale.csv scale -t 0.1 --csv
columns scale.csv 7

# 1: not met, on a machine that is busy
expect '0 1' targets.json targets -t 0.5 -j
json targets.json
case $got in
0)	grep -q '"met": false' "$tmp/targets.json" &&
		fail "targets: status 0, and one is missed" ;;
1)	grep -q '"met": false' "$tmp/targets.json" ||
		fail "targets: status 1, and none is missed" ;;
esac

# of a slice 20000; and on a machine that is busy each may be discarded
sed -n 's/.*"messages": \([0-9]*\), "received": \([0-9]*\),$/\1 \2/p' \
	"$tmp/targets.json" |
awk '{ n++; ok = $1 == $2 && $1 % 20000 == 0 } END { exit n != 1 || !ok }' ||
	fail "targets: messages that nobody asked for or received"
[ "$(grep -c '"what": "one thread: ' "$tmp/targets.json")" -eq 3 ] ||
	fail "targets: not three lines of one thread"

expect 2 usage rate -r 5
expect 2 usage rate -r 1K,1K,1K,1K,1K,1K
expect 2 usage rate -w park,peer
expect 2 usage rate -p even
expect 2 usage scale -r 1K
expect 2 usage targets --slice=5
expect 2 usage targets word
for command in rate scale; do
	expect 0 help $command --help
	grep -q "^Usage: weir-bench $command" "$tmp/help" ||
		fail "$command --help"
done

exit $result
