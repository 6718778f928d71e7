#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make installcheck: the installed copy, as a stranger uses it. Headers compile
# alone as C11 and as C++17; a program that was built with what pkg-config says
# runs, shared and static; the first program of the README does, too; the tools
# answer.
#
# Usage: installed.sh DESTDIR PKGCONFIGDIR INCLUDEDIR LIBDIR BINDIR
set -eu

destdir=$1 pkgconfigdir=$1$2 includedir=$1$3 libdir=$1$4 bindir=$1$5
srcdir=${top_srcdir:-.}
CC=${CC:-cc}
CXX=${CXX:-c++}
PKG_CONFIG=${PKG_CONFIG:-pkg-config}
SANITIZER=${SANITIZER:-}
# not -Wshadow: to C++ a function hides the structure of the same name
strict='-Wall -Wextra -Wundef -pedantic -Werror'

tmp=$(mktemp -d "${TMPDIR:-/tmp}/weir-installed.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

say() {
	echo "installcheck: $*"
}

fail() {
	say "$*" >&2
	exit 1
}

# Of the installed weir.pc only, below DESTDIR.
weir_flags() {
	PKG_CONFIG_PATH=$pkgconfigdir PKG_CONFIG_SYSROOT_DIR=$destdir \
		"$PKG_CONFIG" "$@" weir
}

# alone LANGUAGE COMPILER FLAG...: each header, twice, and nothing else
alone() {
	language=$1
	shift
	for header in "$includedir"/weir.h "$includedir"/weir/*.h; do
		name=${header#"$includedir"/}
		printf '#include <%s>\n#include <%s>\nextern int unused;\n' \
			"$name" "$name" |
		"$@" -x "$language" -fsyntax-only -I"$includedir" - ||
			fail "$name does not compile alone: $*"
	done
	say "headers alone: $*"
}

# run PROGRAM
run() {
	LD_LIBRARY_PATH=$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$@"
}

# CC may hold flags, as in "gcc -m32"; what pkg-config says is a list.
# shellcheck disable=SC2046,SC2086
{
	alone c $CC -std=c11 $strict
	$CC $CFLAGS -o "$tmp/c" "$srcdir/tests/installed.c" $LDFLAGS \
		$(weir_flags --cflags --libs)
	run "$tmp/c" || fail "the program failed"
	if command -v "${CXX%% *}" >/dev/null; then
		alone c++ $CXX -std=c++17 $strict
		$CXX -std=c++17 -x c++ -o "$tmp/cxx" \
			"$srcdir/tests/installed.c" -x none \
			$(weir_flags --cflags --libs) $SANITIZER
		run "$tmp/cxx" || fail "the C++ program failed"
	else
		say "no C++ compiler ($CXX): not tried as C++17"
	fi
	if [ -f "$libdir/libweir.a" ]; then
		$CC $CFLAGS -o "$tmp/static" "$srcdir/tests/installed.c" \
			$LDFLAGS $(weir_flags --cflags) \
			"$libdir/libweir.a" \
			$(weir_flags --static --libs | sed 's/-lweir//')
		"$tmp/static" || fail "the static program failed"
	fi
	sed -n '/^	#include/,/^	}$/s/^	//p' "$srcdir/README" \
		>"$tmp/readme.c"
	$CC $CFLAGS -o "$tmp/readme" "$tmp/readme.c" $LDFLAGS \
		$(weir_flags --cflags --libs)
	run "$tmp/readme" || fail "the program of the README failed"
}

for tool in weir-bench weir-cat; do
	[ -x "$bindir/$tool" ] || continue
	run "$bindir/$tool" --version || fail "$tool --version failed"
done
say "passed"
