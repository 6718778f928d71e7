#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each installed header compiles alone, as C11 and as C++17, without a warning;
# an inline in it is WEIR_INLINE (exported twin) or WEIR_LOCAL_INLINE, which
# only weir/platform.h spells out. CC and CXX name the compilers; clang is
# asked as well where there is one.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

CC=${CC:-cc}
CXX=${CXX:-c++}
need "${CC%% *}"
need "${CXX%% *}"
# No -Wshadow in C++: weir_ring_info is a call and, as in stat(2), a structure.
WARN='-Wall -Wextra -Wundef -Wpointer-arith -Wcast-qual -pedantic
	-Werror'

# compile LANGUAGE HEADER COMPILER FLAG...: includes it twice, and uses nothing
compile() {
	language=$1 header=$2
	shift 2
	# shellcheck disable=SC2086
	printf '#include <%s>\n#include <%s>\nextern int weir_lint;\n' \
		"$header" "$header" |
	"$@" $WARN -I"$top/lib" -x "$language" -fsyntax-only - \
		>"$tmp/errors" 2>&1 && return
	echo "lib/$header: does not compile alone with $*:"
	sed -n '1,5s/^/	/p' "$tmp/errors"
}

check() {
	top=$1
	sources "$top" '*.h' | sed -n 's|^lib/\(weir\.h\)$|\1|p
		s|^lib/\(weir/.*\)|\1|p' >"$tmp/list"
	while IFS= read -r file; do
		# CC may hold flags, as in "gcc -m32"
		# shellcheck disable=SC2086
		compile c "$file" $CC -std=c11 -Wshadow \
			-Wstrict-prototypes
		# shellcheck disable=SC2086
		compile c++ "$file" $CXX -std=c++17
		if command -v clang >/dev/null 2>&1; then
			compile c "$file" clang -std=c11
			compile c++ "$file" clang -std=c++17
		fi
		[ "$file" = weir/platform.h ] && continue
		grep -nE '(^|[^A-Z_a-z])(static[ 	]+(__)?inline|extern[ 	]+(__)?inline|(__)?inline(__)?[ 	]+static)' \
			"$top/lib/$file" | sed "s|^|lib/$file: a bare inline: |"
	done <"$tmp/list"
	[ -s "$tmp/list" ] || echo "lib: no header found"
}

lint_main
