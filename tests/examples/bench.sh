#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What weir-bench(1) promises of "weir-bench compare": which rows and columns
# there are, that JSON and SVG are well-formed, what the exit status says, and
# that a contestant which loses, repeats or damages a message is caught. Counts
# and formats only: no figure decides anything here.
#
# Usage: [builddir=BUILD] bench.sh. Exit: 0, 1 failed, 77 skipped, 99 broken.
builddir=${builddir:-.}
bench=$builddir/tools/weir-bench
if ! [ -x "$bench" ]; then
	echo "skipped: configured with --disable-tools: no weir-bench"
	exit 77
fi
tmp=$(mktemp -d "${TMPDIR:-/tmp}/weir-bench.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM
result=0

fail() {
	echo "FAIL: $*"
	result=1
}

# expect STATUS NAME ARGUMENT...: its output goes to $tmp/NAME and NAME.err
expect() {
	want=$1
	name=$2
	shift 2
	"$bench" "$@" >"$tmp/$name" 2>"$tmp/$name.err"
	got=$?
	if [ $got -ne "$want" ]; then
		fail "weir-bench $*: status $got, not $want"
		sed 's/^/	/' "$tmp/$name.err"
	fi
}

# Every row that four contestants have in these tests, once. All that is
# measured is near: how far the CPUs are from one another decides nothing here,
# and each row has so many slices that a busy machine does not spoil them all.
rows='-F 1000000 -t 1 -S 1 -s 8,4K -k processes,threads -m busy -w weir,weir-place,pipe'

# --- CSV
# shellcheck disable=SC2086
expect 0 csv compare $rows --csv
head -n 1 "$tmp/csv" >"$tmp/head"
cat >"$tmp/want" <<'H'
class,kind,test,mode,size,capacity,contestant,peer,slices,discarded,few,trips,p50_ns,p90_ns,p99_ns,p999_ns,p9999_ns,max_ns,burst_ns,messages_per_s,messages_per_s_min,messages_per_s_max,bytes_per_s,ratio_to_raw,slept,parked,robbed,date,cpu,kernel
H
cmp -s "$tmp/head" "$tmp/want" || fail "csv: other columns than in the page"
# The last two are in quotes; before them no comma is part of a value.
awk -F, '
NR == 1 { next }
{ line = $0; sub(/,"[^"]*","[^"]*"$/, "", line); n = split(line, f, ",") }
n != 28 { print "line " NR ": " n " columns before the quoted ones"; bad = 1 }
f[1] != "near" && f[1] != "far" { print "class " f[1]; bad = 1 }
f[3] == "rtt" && (f[12] == "" || f[20] != "") { print "rtt: " $0; bad = 1 }
f[3] != "rtt" && (f[12] != "" || f[20] == "") { print "flow: " $0; bad = 1 }
f[9] < 7 && f[11] != 1 { print "not marked as few: " $0; bad = 1 }
f[7] == "pipe" && f[8] != 1 { print "a peer: " $0; bad = 1 }
END { exit bad }' "$tmp/csv" || fail "csv: see above"

# --- JSON: the rows are counted, but for a raw row of some processors: rtt and
# throughput 2 sizes of 3, batched 2 sizes of 2, worked (not of 8 bytes) 1 size
# of 3, in two kinds.
# shellcheck disable=SC2086
expect 0 json compare $rows --json --svg "$tmp/svg"
n=$(grep '{"test": ' "$tmp/json" | grep -v -c '"raw-stream"')
[ "$n" -eq 38 ] || fail "json: $n rows, not 38"
for word in '"goals": \[' '"command": "compare"' '"p9999_ns"' \
	'"kind": "threads"' '"test": "throughput in batches"'; do
	grep -q "$word" "$tmp/json" || fail "json: no $word"
done
if command -v python3 >/dev/null; then
	python3 -m json.tool "$tmp/json" >"$tmp/out" 2>&1 ||
		fail "json: $(cat "$tmp/out")"
	# planted: what is cut short is no JSON
	sed '$d' "$tmp/json" >"$tmp/cut"
	python3 -m json.tool "$tmp/cut" >/dev/null 2>&1 &&
		fail "json: the check accepts anything"
else
	echo "no python3: JSON and SVG are not parsed"
fi

# --- SVG
if command -v python3 >/dev/null; then
	cat >"$tmp/parse.py" <<'P'
import sys, xml.dom.minidom
xml.dom.minidom.parse(sys.argv[1])
P
	python3 "$tmp/parse.py" "$tmp/svg" >"$tmp/out" 2>&1 ||
		fail "svg: $(tail -n 1 "$tmp/out")"
	sed '$d' "$tmp/svg" >"$tmp/cut"
	python3 "$tmp/parse.py" "$tmp/cut" >/dev/null 2>&1 &&
		fail "svg: the check accepts anything"
fi
for word in 'Throughput over size' 'Round trip of 8 B' 'raw limit' \
	'>weir<' '>pipe<' 'discarded' 'weir-bench compare'; do
	grep -q -e "$word" "$tmp/svg" || fail "svg: no $word"
done
grep -q -i -e 'nan' -e 'inf,' "$tmp/svg" && fail "svg: a number that is none"

# --- the table, and everybody that was compiled in
expect 0 table compare -F 1000000 -q -t 0.1 -S 1 -s 64 -m busy -k processes
for word in 'best peer' 'weir / raw' 'discarded' '^pipe'; do
	grep -q -e "$word" "$tmp/table" || fail "table: no $word"
done

# --- a size that no row has is no place of the picture
expect 0 quick compare -F 1000000 -q -t 0.1 -S 1 -w weir --svg "$tmp/quick.svg"
grep -q '>1 KiB<' "$tmp/quick.svg" || fail "svg: no 1 KiB"
grep -q '>256 B<' "$tmp/quick.svg" && fail "svg: 256 B, which was not measured"

# --- the optional ones, which nobody else asks for
expect 0 knobs compare -F 1000000 -t 0.1 -S 1 -s 8,1K -o rtt,throughput \
	-m busy -k processes,threads --json \
	-w weir-fence,weir-bare,weir-calls,weir-huge,weir-stream
for name in weir-fence:8 weir-bare:8 weir-calls:8 weir-huge:8 weir-stream:4; do
	n=$(grep -c "\"contestant\": \"${name%:*}\"" "$tmp/knobs")
	[ "$n" -eq "${name#*:}" ] || fail "$name: $n rows"
done

# --- one that spoils messages is caught, in every test
for test in rtt throughput batched worked; do
	expect 1 "lossy-$test" compare -t 1 -S 5 -s 64 -o $test -m busy \
		-k processes -w lossy
	grep -q -e 'lossy.*\(lost or damaged\|damaged within\)' \
		"$tmp/lossy-$test.err" ||
		fail "lossy: $test: $(cat "$tmp/lossy-$test.err")"
done
expect 1 lossy-threads compare -t 1 -S 5 -s 8 -o throughput -m busy \
	-k threads -w lossy
grep -q 'lossy, thread B.*lost or damaged' "$tmp/lossy-threads.err" ||
	fail "lossy: threads: $(cat "$tmp/lossy-threads.err")"

# --- what makes no sense
expect 2 usage-command no-such-command
expect 2 usage-two compare --csv --json
expect 2 usage-name compare -w no-such-contestant
expect 2 usage-test compare -o rtt,no-such-test
expect 2 usage-size compare -s 12
expect 2 usage-none compare -o batched -s 64K
expect 1 svg-nowhere compare -t 0.1 -S 1 -s 8 -o rtt -m busy -k processes \
	-w weir --svg "$tmp/no/such/directory"

[ $result -eq 0 ] && echo "passed"
exit $result
