#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The examples of the manual are programs that work. Of every page of section 3,
# and of every page of section 7 that shows one, the program in the section
# EXAMPLES is taken out, compiled with -Wall -Wextra -Werror -std=c11 against the
# library that was just built, and run: it must exit 0, in time. A page of
# section 3 without a program fails. Prints TAP, one line a page.
#
# Each page in bad/ must be rejected, for the reason that its file name says
# (bad/<reason>.3: compile, exit, timeout, none): so a check that accepts
# everything fails.
#
# Usage: [srcdir=TREE] [builddir=BUILD] pages.sh [PAGE...]
# From the environment: CC CFLAGS CPPFLAGS LDFLAGS; EXAMPLE_SECONDS, how long a
# program may run (20); LIBURING, "yes" and LIBURING_FLAGS, without which
# programs that include liburing.h are skipped, each by name. The tree is only
# read. Exit: 0, 1 failed, 99 broken.
srcdir=${srcdir:-.}
builddir=${builddir:-.}
seconds=${EXAMPLE_SECONDS:-20}
cc=${CC:-cc}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/weir-examples.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM

# The build's flags without its warnings: a sanitizer, -m32, -O2 matter to an
# example, the warnings of the house do not.
flags=
for word in ${CFLAGS-}; do
	case $word in
	-W[lap],*) flags="$flags $word" ;;
	-W*) ;;
	*) flags="$flags $word" ;;
	esac
done

# The program of the page $1: of the displays in EXAMPLES the first one with a
# main, its mdoc escapes undone.
extract() {
	awk '
	function plain(s,    out, i) {
		out = ""
		while ((i = index(s, "\\")) > 0) {
			out = out substr(s, 1, i - 1)
			s = substr(s, i + 1)
			if (s ~ /^e/) {
				out = out "\\"
				s = substr(s, 2)
			} else if (s ~ /^&/) {
				s = substr(s, 2)
			} else if (s ~ /^-/) {
				out = out "-"
				s = substr(s, 2)
			} else if (s ~ /^\(../ && substr(s, 2, 2) in glyph) {
				out = out glyph[substr(s, 2, 2)]
				s = substr(s, 4)
			} else {
				out = out "\\"	# let the compiler complain
			}
		}
		return out s
	}
	BEGIN {
		glyph["aq"] = "\047"; glyph["dq"] = "\""; glyph["rs"] = "\\"
		glyph["ha"] = "^"; glyph["ti"] = "~"; glyph["ga"] = "`"
		glyph["en"] = "-"; glyph["mi"] = "-"; glyph["lq"] = "\""
		glyph["rq"] = "\""; glyph["or"] = "|"; glyph["sh"] = "#"
	}
	/^\.Sh / { inside = /^\.Sh EXAMPLES/ }
	inside && /^\.Bd / && /-literal/ { body = 1; text = ""; next }
	body && /^\.Ed/ {
		body = 0
		if (text ~ /(^|\n)int main\(/) {
			printf "%s", text
			exit
		}
	}
	body { text = text plain($0) "\n" }
	' "$1"
}

# build SOURCE PROGRAM, as a user would; not a wrapper script of libtool's.
build() {
	more=
	! needs_liburing "$1" || more=${LIBURING_FLAGS-}
	# shellcheck disable=SC2086 # these are lists of words
	$cc ${CPPFLAGS-} -I"$srcdir/lib" $flags -std=c11 \
		-Wall -Wextra -Werror -c -o "$2.o" "$1" || return
	# shellcheck disable=SC2086
	if [ -f "$builddir/lib/libweir.la" ]; then
		"$builddir/libtool" --quiet --tag=CC --mode=link \
			$cc $flags ${LDFLAGS-} -no-install -pthread \
			-o "$2" "$2.o" "$builddir/lib/libweir.la" $more
	else
		$cc $flags ${LDFLAGS-} -pthread -o "$2" "$2.o" \
			-L"$builddir/lib/.libs" -lweir \
			-Wl,-rpath,"$builddir/lib/.libs" $more
	fi
}

needs_liburing() {
	grep -q '#include <liburing.h>' "$1"
}

# try PAGE NAME SECONDS: says "ok" or why not, the rest goes to NAME.log
try() {
	program=$tmp/$2
	extract "$1" >"$program.c"
	if [ ! -s "$program.c" ]; then
		echo none
	elif needs_liburing "$program.c" && [ "${LIBURING-}" != yes ]; then
		echo skip
	elif ! build "$program.c" "$program" >"$program.log" 2>&1; then
		echo compile
	else
		timeout -k 1 "$3" "$program" >"$program.log" 2>&1 </dev/null
		status=$?
		case $status in
		0) echo ok ;;
		124 | 137) echo timeout ;;
		*)
			echo exit
			echo "exit status $status" >>"$program.log"
			;;
		esac
	fi >"$program.result"
	rm -f "$program" "$program.o"
}

# Several at a time: they mostly wait, for the compiler or for each other.
together=0
start() {
	try "$@" &
	together=$((together + 1))
	[ $((together % 4)) -ne 0 ] || wait
}

count=0
failed=0
# report OK TEXT [LOG]
report() {
	count=$((count + 1))
	if [ "$1" = yes ]; then
		echo "ok $count - $2"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $2"
	[ ! -f "${3-}" ] || sed 's/^/# /' "$3"
}

# Pages to look at: all of section 3; of the others those with a program.
wanted() {
	for page in "$srcdir"/man/*.3; do
		[ ! -f "$page" ] || echo "$page"
	done
	for page in "$srcdir"/man/*.7; do
		[ ! -f "$page" ] || [ -z "$(extract "$page")" ] || echo "$page"
	done
}

# What WEIR_WAIT demands may not be had on this system or backend.
refused() {
	[ -n "${WEIR_WAIT-}" ] || return
	cat >"$tmp/wait.c" <<-'END'
	#include <errno.h>
	#include <weir.h>

	int main(void)
	{
		struct weir_ring *ring;

		return weir_ring_create(&ring, NULL) != -ENOSYS;
	}
	END
	build "$tmp/wait.c" "$tmp/wait" && "$tmp/wait"
}

if refused; then
	echo "SKIP: pages: WEIR_WAIT=$WEIR_WAIT is not to be had"
	exit 77
fi
if [ $# -gt 0 ]; then
	printf '%s\n' "$@" >"$tmp/pages"
else
	wanted >"$tmp/pages"
fi
[ -s "$tmp/pages" ] || {
	echo "Bail out! no page in $srcdir/man"
	exit 99
}

while IFS= read -r page; do
	start "$page" "$(basename "$page")" "$seconds"
done <"$tmp/pages"
for page in "$srcdir"/tests/examples/bad/*.3; do
	# as long as the others, but for the one that never ends
	limit=$seconds
	[ "$(basename "$page")" != timeout.3 ] || limit=2
	start "$page" "bad.$(basename "$page" .3)" "$limit"
done
wait

while IFS= read -r page; do
	name=$(basename "$page")
	result=$(cat "$tmp/$name.result")
	case $result in
	ok) report yes "$name" ;;
	skip)
		skipped=" # SKIP liburing, which configure did not find"
		report yes "$name$skipped"
		# tests/driver.sh shows it: of a script, it reads no TAP
		echo "SKIPPED CASE: pages - $name$skipped" ;;
	none) report no "$name: no program in EXAMPLES" ;;
	compile) report no "$name: does not compile" "$tmp/$name.log" ;;
	exit) report no "$name: fails" "$tmp/$name.log" ;;
	*) report no "$name: not done after $seconds s" "$tmp/$name.log" ;;
	esac
done <"$tmp/pages"

bad=0
for page in "$srcdir"/tests/examples/bad/*.3; do
	[ -f "$page" ] || continue
	bad=$((bad + 1))
	reason=$(basename "$page" .3)
	result=$(cat "$tmp/bad.$reason.result")
	if [ "$result" = "$reason" ]; then
		report yes "bad/$reason.3 is rejected"
	else
		report no "bad/$reason.3 is rejected (was: $result)" \
			"$tmp/bad.$reason.log"
	fi
done
[ $bad -gt 0 ] || report no "there are bad pages to reject"
echo "1..$count"
[ $failed -eq 0 ]
