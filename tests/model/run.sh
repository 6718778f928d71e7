#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Explores the models with spin: the intact ones must pass, and each mutant,
# one fence, re-check or order taken away, must be refused by the checker.
# Head comments of the .pml files say which code they mirror and what each
# mutant is.  -l adds larger bounds, and the changes that do no harm.
# Exit status: 0, 1 if anything is not as it must be, 77 without the tools.

set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd) || exit 1
# Not CC: the verifier runs here and now, also when the library does not.
cc=${CC_FOR_BUILD:-gcc}
large=no
[ "${1:-}" = -l ] && large=yes

for tool in spin "${cc%% *}"; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "model: skipped, $tool is missing"
		exit 77
	fi
done

work=$(mktemp -d "${TMPDIR:-/tmp}/weir-model.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1

passed=0
caught=0
failed=0
total=0

# explore OPTIMISATION FILE FLAGS...: leaves what the checker says in pan.out
explore()
{
	opt=$1
	file=$2
	shift 2
	rm -f pan pan.* ./*.trail
	spin -a "$@" "$here/$file.pml" >spin.out 2>&1 || return 1
	# A mutant ends at its first error: translating it costs the most.
	# $cc may hold flags of its own.
	# shellcheck disable=SC2086
	$cc "$opt" -w -DSAFETY -DCOLLAPSE -DMEMLIM=3000 -o pan pan.c \
		>cc.out 2>&1 || return 1
	./pan -n -m100000 -w20 >pan.out 2>&1
}

# A search that was cut short has shown nothing.
whole_search()
{
	grep -q '^State-vector' pan.out &&
		! grep -Eq 'too small|out of memory|MEMLIM|not completed' pan.out
}

trouble()
{
	failed=$((failed + 1))
	echo "FAIL    $1"
	for out in spin.out cc.out pan.out; do
		[ -s "$out" ] && sed -n '1,5s/^/# /p' "$out"
	done
}

states()
{
	sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' pan.out
}

intact()
{
	name=$*
	begin=$(date +%s)
	if explore -O1 "$@" && whole_search && grep -q 'errors: 0' pan.out; then
		passed=$((passed + 1))
		n=$(states)
		total=$((total + n))
		echo "passed  $name: $n states, $(($(date +%s) - begin)) s"
	else
		trouble "$name"
	fi
}

mutant()
{
	name=$*
	explore -O0 "$@"
	why=$(sed -n 's/^pan:1: \(assertion violated\|invalid end state\).*/\1/p' \
		pan.out 2>/dev/null)
	if [ -n "$why" ]; then
		caught=$((caught + 1))
		echo "caught  $name: $why"
	else
		trouble "$name: not caught"
	fi
}

start=$(date +%s)
dead_tx="-DKILL=1 -DVICTIM=P -DTOTAL=2 -DCAP=2 -DSPURIOUS=0"
dead_rx="-DKILL=1 -DVICTIM=C -DTOTAL=2 -DCAP=1 -DSENT=1 -DSPURIOUS=0"
needs="-DSENT=2 -DTOTAL=4"
heir_tx="-DKILL=1 -DVICTIM=P -DMESSAGES=2"
heir_rx="-DKILL=1 -DVICTIM=C -DMESSAGES=2"
runs="-DRUNS=1"
runs_tx="-DRUNS=1 -DKILL=1 -DVICTIM=P -DMESSAGES=3 -DONLY_RUNS"
runs_rx="-DRUNS=1 -DKILL=1 -DVICTIM=C -DMESSAGES=4 -DONLY_RUNS -DSTART=0"

# shellcheck disable=SC2086 # the lists above are meant to be split
{
intact park
intact park $needs
intact park -DASYM -DTOTAL=2
intact park -DADAPTIVE -DTOTAL=2
intact park -DADAPTIVE -DSPURIOUS=0
intact park -DCANCEL -DTOTAL=2
intact park $dead_tx
intact park $dead_rx
intact park -DSEMAPHORE -DTOTAL=2
intact park -DSEMAPHORE -DCANCEL -DTOTAL=2
intact park -DONE_WORD -DCANCEL -DTOTAL=2
intact socket
intact socket -DASYM
intact arm
intact arm -DASYM
intact nap
intact nap -DASYM
intact set
intact set -DNAPS -DNEWS=0
intact set -DNAPS -DEACH=0 -DNEWS=2
intact publish
intact publish -DABORTS=1 -DMESSAGES=2
intact publish $heir_tx
intact publish $heir_rx
intact publish $runs
intact publish $runs_tx
intact publish $runs_rx

# What is needed on x86 as well is shown with -DTSO.
mutant park -DNO_WAKE_FENCE -DTSO
mutant park -DNO_SLEEP_FENCE -DTSO
mutant park -DASYM -DNO_MEMBARRIER -DTSO
mutant park -DASYM -DNO_SLEEP_FENCE
mutant park -DNO_RECHECK -DTSO
mutant park -DDOORBELL_AFTER_LOOK -DTSO
mutant park -DDOORBELL_AFTER_WAITING -DTSO
mutant park -DNO_BELL -DTSO
mutant park -DWAKE_BEFORE_BELL -DTSO
mutant park -DNO_WAKE_CALL -DTSO
mutant park -DFLAG_ONLY -DTSO
mutant park -DNO_LAST_RUNG -DTSO
mutant park -DADAPTIVE -DTOTAL=2 -DNO_MEMBARRIER -DTSO
mutant park -DADAPTIVE -DTOTAL=2 -DNO_UNFENCE_FENCE -DTSO
mutant park -DADAPTIVE -DTOTAL=2 -DRELAXED_UNFENCED
mutant park -DREMEMBER_EARLY $needs
mutant park -DNEED_AFTER_FENCE $needs
mutant park -DNO_LOOK_AFTER_CLOSE
mutant park -DRELAXED_STATE -DASYM
mutant park -DCLOSE_OBEYS_NEED -DCANCEL -DTOTAL=2 -DCAP=1
mutant park -DOWN_AFTER_LOOK -DCANCEL -DTOTAL=2
mutant park -DNO_OWN_WORD -DCANCEL -DTOTAL=2
mutant park -DNO_UNASKED_RING $dead_tx
mutant park -DNO_UNASKED_RING $dead_rx
mutant park -DCOUNT_FROM_ZERO $dead_rx
mutant park -DBELL_FROM_ZERO $dead_tx
mutant park -DNO_SLEEP_FENCE -DSEMAPHORE -DTOTAL=2
mutant park -DNO_RECHECK -DSEMAPHORE -DTOTAL=2
mutant park -DCLEAR_AFTER_LOOK -DSEMAPHORE -DTOTAL=2

mutant socket -DNO_WAKE_FENCE -DTSO
mutant socket -DNO_SLEEP_FENCE -DTSO
mutant socket -DASYM -DNO_MEMBARRIER -DTSO
mutant socket -DNO_RECHECK
mutant socket -DNO_SIBLING_RING
mutant socket -DSIBLING_BEFORE_DRAIN
mutant socket -DDRAIN_AFTER_LOOK
mutant socket -DCLEAR_AFTER_LOOK
mutant socket -DFLAG_ONLY
mutant socket -DNO_LAST_RUNG

mutant arm -DNO_WAKE_FENCE -DTSO
mutant arm -DNO_SLEEP_FENCE -DTSO
mutant arm -DASYM -DNO_MEMBARRIER -DTSO
mutant arm -DNO_RECHECK
mutant arm -DTAKE_AFTER_LOOK
mutant arm -DTAKE_ALL
mutant arm -DTAKE_NONE
mutant arm -DNO_SETTLE_COUNT
mutant arm -DNO_DISARM

mutant nap -DNO_WAKE_FENCE -DTSO
mutant nap -DNO_SLEEP_FENCE -DTSO
mutant nap -DASYM -DNO_MEMBARRIER -DTSO
mutant nap -DNO_RECHECK
mutant nap -DCLEAR_AFTER_LOOK
mutant nap -DBELL_AT_SUBMIT
mutant nap -DFLAG_AFTER_KNOCK
mutant nap -DSILENT_END
mutant nap -DSILENT_SUBMIT
mutant nap -DFLAG_ONLY

mutant set -DNO_WAKE_FENCE -DTSO
mutant set -DNO_SLEEP_FENCE -DTSO
mutant set -DASYM -DNO_MEMBARRIER -DTSO
mutant set -DNO_RECHECK
mutant set -DBELL_AFTER_LOOK
mutant set -DBELL_AT_SLEEP
mutant set -DOWN_AFTER_NEWS
mutant set -DNEWS_AFTER_OWN
mutant set -DNAPS -DNEWS=0 -DNO_WAKE_FENCE -DTSO
mutant set -DNAPS -DNEWS=0 -DNO_SLEEP_FENCE -DTSO
mutant set -DNAPS -DNEWS=0 -DNO_RECHECK
mutant set -DNAPS -DNEWS=0 -DBELL_AFTER_LOOK
mutant set -DNAPS -DNEWS=0 -DEDGE_AFTER_ENDED
mutant set -DNAPS -DNEWS=0 -DLOST_UNSAID
mutant set -DNAPS -DNEWS=0 -DLOST_UNRUNG
mutant set -DNAPS -DEACH=0 -DNEWS=2 -DEDGE_AFTER_NEWS
mutant set -DNAPS -DEACH=0 -DNEWS=2 -DNEWS_AFTER_OWN

mutant publish -DNO_ZERO_NEXT
mutant publish -DZERO_AFTER_HEADER
mutant publish -DRELAXED_HEADER
mutant publish -DHEADER_BEFORE_PAYLOAD
mutant publish -DFIRST_HEADER_FIRST
mutant publish -DPAD_AT_ONCE
mutant publish -DPAYLOAD_READ_EARLY
mutant publish -DFULL_RING
mutant publish -DRELEASE_BEFORE_READ
mutant publish -DFILL_BEFORE_ROOM
mutant publish -DPOSITION_BEFORE_HEADER $heir_tx
mutant publish -DNO_WALK $heir_tx
mutant publish -DHEIR_FROM_ZERO $heir_rx
mutant publish -DFIRST_HEADER_FIRST $runs
mutant publish -DNO_RUN_WORDS $runs_rx
mutant publish -DPOSITION_BEFORE_RUN $runs_rx
mutant publish -DEND_BEFORE_FIRST $runs_rx
mutant publish -DNO_LEAVE_RUN $runs_rx
mutant publish -DWALK_FROM_LARGER $runs_tx
mutant publish -DWALK_FROM_READ $runs_tx

if [ $large = yes ]; then
	intact park -DTOTAL=4
	intact park -DASYM
	intact park -DCANCEL
	intact park -DCANCEL -DADAPTIVE -DTOTAL=2
	intact park -DADAPTIVE -DRUN=2 -DSPURIOUS=0 $needs
	intact park -DADAPTIVE $needs
	intact park -DADAPTIVE $dead_tx
	intact park -DADAPTIVE $dead_rx
	intact park -DKILL=2 -DVICTIM=C -DTOTAL=2 -DCAP=1 -DSPURIOUS=0
	intact park $dead_tx -DASYM
	intact park -DKILL=1 -DVICTIM=P -DTOTAL=3 -DCAP=1 -DSENT=1 -DSPURIOUS=0
	mutant park -DCOUNT_FROM_ZERO -DKILL=1 -DVICTIM=P -DTOTAL=3 -DCAP=1 \
		-DSENT=1 -DSPURIOUS=0
	intact park -DSEMAPHORE
	intact socket -DBYTES=2
	intact socket -DROOMS=2
	intact arm -DROOMS=2
	intact nap -DMESSAGES=3
	intact set -DASYM
	intact set -DNAPS -DNEWS=0 -DASYM
	intact set -DBUF=2
	intact publish -DMESSAGES=4
	intact publish -DKILL=2 -DVICTIM=P -DMESSAGES=2
	intact publish -DKILL=2 -DVICTIM=C -DMESSAGES=2
	# said to be harmless in the head comments
	intact park -DNEED_AFTER_WAITING $needs
	intact park -DNEED_READ_FIRST -DRELAXED_WAITING $needs
	intact park -DADAPTIVE -DNO_UNFENCE_LOOK -DSPURIOUS=0
	intact park -DADAPTIVE -DNO_FENCE_AGAIN -DSPURIOUS=0
	intact publish -DWALK_FROM_LARGER $heir_tx
	intact publish -DRUNS=1 -DKILL=1 -DVICTIM=P -DMESSAGES=3
	intact publish -DWALK_FROM_READ $heir_tx
fi
}

echo "model: $passed passed ($total states), $caught mutants caught," \
	"$failed failed, $(($(date +%s) - start)) s"
[ $failed -eq 0 ]
