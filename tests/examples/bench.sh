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
# What WEIR_WAIT demands may not be had on this system or backend.
if [ -n "${WEIR_WAIT-}" ] &&
		"$bench" compare -t 0.1 -S 1 -s 8 -o rtt -w weir 2>&1 |
		grep -q 'WEIR_WAIT: .* has no such wait'; then
	echo "skipped: WEIR_WAIT=$WEIR_WAIT is not to be had"
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
rows='-F 1000000 -S 1 -s 8,4K -k processes,threads -m busy -w weir,weir-place,pipe'

# --- CSV
# shellcheck disable=SC2086
expect 0 csv compare -t 1 $rows --csv
head -n 1 "$tmp/csv" >"$tmp/head"
cat >"$tmp/want" <<'H'
class,kind,test,mode,size,capacity,contestant,peer,slices,discarded,few,trips,p50_ns,p90_ns,p99_ns,p999_ns,p9999_ns,max_ns,burst_ns,messages_per_s,messages_per_s_min,messages_per_s_max,bytes_per_s,ratio_to_raw,slept,parked,robbed,date,cpu,kernel,goal,figure,wanted,bound,unit,wanted_is,bound_is,verdict,second_bound,second_bound_is
H
cmp -s "$tmp/head" "$tmp/want" || fail "csv: other columns than in the page"
# Values in quotes begin with the 29th; before them no comma is part of one.
awk -F, '
NR == 1 { next }
{ line = $0; sub(/,".*/, "", line); n = split(line, f, ",") }
n != 28 { print "line " NR ": " n " columns before the quoted ones"; bad = 1 }
f[1] != "near" && f[1] != "far" { print "class " f[1]; bad = 1 }
f[3] == "goal" {
	goals++
	verdict = $(NF - 2)
	if (verdict !~ /^(met|missed|out of reach|not measured)$/ ||
	    (f[9] < 7) != (verdict == "not measured")) {
		print "goal: " $0
		bad = 1
	}
	next
}
!/,"[^"]*","[^"]*",,,,,,,,,,$/ { print "a goal in a row: " $0; bad = 1 }
f[3] == "rtt" && (f[12] == "" || f[20] != "") { print "rtt: " $0; bad = 1 }
f[3] != "rtt" && (f[12] != "" || f[20] == "") { print "flow: " $0; bad = 1 }
f[9] < 7 && f[11] != 1 { print "not marked as few: " $0; bad = 1 }
f[7] == "pipe" && f[8] != 1 { print "a peer: " $0; bad = 1 }
END { if (!goals) print "no goals"; exit bad || !goals }' "$tmp/csv" ||
	fail "csv: see above"

# --- JSON: the rows are counted, but for a raw row of some processors: rtt and
# throughput 2 sizes of 3, batched 2 sizes of 2, worked (not of 8 bytes) 1 size
# of 3, in two kinds.
# A busy machine may spoil all slices of a row, which the drawing then lacks.
for try in 1 2 3 4 5 6 7 8; do
	# shellcheck disable=SC2086
	expect 0 json compare -t $try $rows --json --svg "$tmp/svg" \
		--readme="$tmp/readme"
	grep -q '>weir<' "$tmp/svg" && grep -q '>pipe<' "$tmp/svg" && break
	echo "too busy (try $try)"
done
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

# --- README's table: nothing but the figures comes from the run
{
	fold -s -w 79 <<-H | sed 's/ $//'
	How fast, by weir-bench compare -t $try $rows, two processes on
	H
} | head -n 1 >"$tmp/want"
head -n 1 "$tmp/readme" | cmp -s "$tmp/want" - ||
	fail "readme: caption: $(head -n 1 "$tmp/readme")"
for word in 'slices near' 'slices far' 'discarded; buffers of 2 MiB\.' \
	'one way, busy,   weir ' 'M messages/s     other' 'near  *pipe' \
	'there and back,  weir' 'goals of the project' '    8 B   4 KiB$'; do
	tr '\n' '~' <"$tmp/readme" | sed 's/\([^~]\)~\([^ ~]\)/\1 \2/g' |
		tr '~' '\n' | grep -q -e "$word" || fail "readme: no $word"
done
grep -n -e ' $' -e '.\{81\}' "$tmp/readme" && fail "readme: see above"
[ "$(grep -c '^  .* raw  ' "$tmp/readme")" -eq 2 ] || fail "readme: raw lines"

# --- goals: those of these rows, each with a verdict of the four. Far there is
# nothing in this run, so nothing is measured.
cat >"$tmp/want" <<'W'
batches of 32, 4 KiB
batches of 32, 8 B
in place, 4 KiB
one at a time, 4 KiB
one at a time, 8 B
one way, 4 KiB, Aeron
one way, 8 B, Aeron
one way, 8 B, atomic_queue
one way, 8 B, folly
one way, 8 B, rigtorp
round trip, 4 KiB
round trip, 8 B
round trip, 8 B, p50
round trip, 8 B, p99
round trip, 8 B, p99.9
trip, 8 B, Aeron
trip, 8 B, atomic_queue
trip, 8 B, folly
trip, 8 B, rigtorp
W
sed -n 's/^    {"goal": "\([^"]*\)".*"verdict": "\([^"]*\)".*/\1:\2/p' \
	"$tmp/json" >"$tmp/goals"
cut -d: -f1 "$tmp/goals" | LC_ALL=C sort -u >"$tmp/out"
cmp -s "$tmp/want" "$tmp/out" ||
	fail "json: goals: $(diff "$tmp/want" "$tmp/out")"
grep -v -E ':(met|missed|out of reach|not measured)$' "$tmp/goals" &&
	fail "json: a verdict that is none"
grep '"class": "far"' "$tmp/json" | grep '{"goal"' |
	grep -v '"verdict": "not measured", "met": null' &&
	fail "json: a verdict without a slice"

# --- the table, and everybody that was compiled in
expect 0 table compare -F 1000000 -q -t 0.1 -S 1 -s 64 -m busy -k processes
for word in 'best peer' 'weir / raw' 'discarded' '^pipe' '^Goals, near' \
	'^Of [0-9]* goals' '^Goals, far  .*no slices'; do
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

# --- the raw queues: records as close as weir's go both ways, each in a row of
# the table; longer ones than 1 KiB are none of theirs
expect 0 packed compare -F 1000000 -t 0.1 -S 1 -s 8,1K,4K -m busy \
	-o rtt,throughput,batched -k processes,threads --json \
	-w raw-queue,raw-packed
for name in raw-queue:6 raw-packed:12; do
	n=$(grep -c "\"contestant\": \"${name%:*}\"" "$tmp/packed")
	[ "$n" -eq "${name#*:}" ] || fail "$name: $n rows"
done
grep -q '^raw-packed  ' "$tmp/table" || fail "table: no raw-packed"

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

# On a busy machine what weir played may be discarded: that is played, too.
played() {
	grep '"contestant": "weir"' -A 2 "$1" |
		grep -q -e '"slices": [1-9]' -e '"discarded": [1-9]'
}

# For so long, as a slice is not played in which others hold a CPU.
# --- a slice that is late does not count, and the run goes on
expect 0 late compare -F 1000000 -t 3 -S 1 -s 8 -o rtt -m busy -k threads \
	-w weir,stuck --json
grep -q '"late": [1-9]' "$tmp/late" || fail "late: none was discarded"
grep '"contestant": "stuck"' -A 2 "$tmp/late" | grep -q '"slices": [1-9]' &&
	fail "late: a slice counts"
played "$tmp/late" || fail "late: the others did not play"

# --- a contestant that has no end is left out, after all others have played
expect 1 stuck compare -F 1000000 -t 3 -S 1 -s 8 -o throughput -m busy \
	-k processes -w weir,stuck --give-up 8 --json
grep -q 'stuck in processes is left out from now on' "$tmp/stuck.err" ||
	fail "stuck: $(cat "$tmp/stuck.err")"
grep -q '"name": "stuck".*"left_out": true' "$tmp/stuck" ||
	fail "stuck: is not said to be left out"
played "$tmp/stuck" || fail "stuck: the others did not play"

# --- what a run that was killed left is swept; nothing of a process that lives,
# and no name that only looks like one
(exit 0) &
gone=$!
wait $gone
for name in "$gone-0-a" "$$-0-a" "$gone" "x-$gone-0"; do
	: >"/tmp/weir-bench-$name" || exit 99
done
expect 0 sweep compare -t 0.1 -S 1 -s 8 -o rtt -m busy -k processes -w weir
[ ! -e "/tmp/weir-bench-$gone-0-a" ] || fail "sweep: a dead one's is left"
for name in "$$-0-a" "$gone" "x-$gone-0"; do
	[ -e "/tmp/weir-bench-$name" ] || fail "sweep: $name is gone"
	rm -f "/tmp/weir-bench-$name"
done

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
