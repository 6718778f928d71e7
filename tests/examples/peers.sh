#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each peer that weir-bench was built with carries messages in every kind and
# mode that it claims, and nothing of it stays behind: it is not enough that it
# compiles. Which peers there are is configure's business; pipe, socket and
# queue always are. weir-bench itself checks the number of each message at both
# ends. Counts only: no figure decides anything here.
#
# Usage: [builddir=BUILD] peers.sh. Exit: 0, 1 failed, 77 skipped, 99 broken.
builddir=${builddir:-.}
bench=$builddir/tools/weir-bench
if ! [ -x "$bench" ]; then
	echo "skipped: configured with --disable-tools: no weir-bench"
	exit 77
fi
tmp=$(mktemp -d "${TMPDIR:-/tmp}/weir-peers.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM
result=0

fail() {
	echo "FAIL: $*"
	result=1
}

# NAME KIND TEST MODE of all that the peers claim: a line that names one, then
# a line of tests/modes; kinds.
"$bench" compare --list | awk '
/^  [a-z]/ { name = $1; peer = /; peer$/; next }
peer && /;/ {
	split($0, half, ";")
	n = split(half[1], play, " ")
	m = split(half[2], kind, " ")
	for (i = 1; i <= n; i++) {
		split(play[i], of, "/")
		if (of[1] != "rtt" && of[1] != "throughput")
			continue
		for (j = 1; j <= m; j++)
			print name, kind[j], of[1], of[2]
	}
}' | sort >"$tmp/claimed"
peers=$(awk '{ print $1 }' "$tmp/claimed" | sort -u | xargs)
echo "peers: $peers"
[ -s "$tmp/claimed" ] || fail "weir-bench compare --list names no peer"

# Near or far is all the same here, so a slice counts unless others had the CPU.
: >"$tmp/carried"
: >"$tmp/err"
runs=0
run() { # ARGUMENT...: sets silent, who claimed and has not carried yet
	runs=$((runs + 1))
	if ! "$bench" compare -S 1 -F 100000 -s 64 --csv "$@" >"$tmp/csv" \
		2>>"$tmp/err"; then
		# each further try may take as long as a slice is given
		sort -u "$tmp/err"
		echo "FAIL: weir-bench compare $*"
		exit 1
	fi
	awk -F, 'NR > 1 && ($12 + 0 > 0 || $20 + 0 > 0) {
		print $7, $2, $3, $4
	}' "$tmp/csv" | cat - "$tmp/carried" | sort -u >"$tmp/more"
	mv "$tmp/more" "$tmp/carried"
	# who could not start here has said so
	sed -n 's/.*weir-bench: \([a-z-]*\) is left out: .*/^\1 /p' \
		"$tmp/err" | sort -u >"$tmp/out"
	comm -23 "$tmp/claimed" "$tmp/carried" | grep -v -f "$tmp/out" \
		>"$tmp/silent"
}

# All in one; on a busy machine the time is over before everybody had a turn, so
# those who had none are asked again, a few at a time.
run -t 0.4 -o rtt,throughput -w "$(echo "$peers" | tr ' ' ',')"
for try in 1 2 3 4 5 6 7 8; do
	for play in 'processes rtt busy' 'processes rtt blocking' \
		'processes throughput busy' 'processes throughput blocking' \
		'threads rtt busy' 'threads rtt blocking' \
		'threads throughput busy' 'threads throughput blocking'; do
		with=$(sed -n "s/ $play\$//p" "$tmp/silent" | xargs |
			tr ' ' ',')
		[ -n "$with" ] || continue
		# shellcheck disable=SC2086
		set -- $play
		run -t 0.$try -k "$1" -o "$2" -m "$3" -w "$with"
	done
done
[ -s "$tmp/silent" ] &&
	fail "claimed and carried none: $(tr '\n' ';' <"$tmp/silent")"
sort -u "$tmp/err" | sed 's/^/	/'
awk '{ print $1 }' "$tmp/carried" | sort -u | xargs echo "carried messages:"
echo "runs: $runs"

[ $result -eq 0 ] && echo "passed"
exit $result
