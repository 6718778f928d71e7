#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The library exports exactly what lib/weir.map lists, each symbol under the
# node that lists it, nothing else, and misses nothing of its own; the static
# library defines no global name outside weir_. builddir (default: here) is where it was built.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

need nm
build=${builddir:-.}

# symbol@@NODE for each name in the map $1
listed() {
	awk '
	{ sub(/#.*/, ""); gsub(/\/\*.*\*\//, "") }
	/\{/ { node = $1; global = 1 }
	/global:/ { global = 1; sub(/.*global:/, "") }
	/local:/ { global = 0 }
	global && /;/ && !/\}/ {
		n = split($0, part, ";")
		for (i = 1; i < n; i++) {
			gsub(/[ \t]/, "", part[i])
			if (part[i] != "")
				print part[i] "@@" node
		}
	}' "$1" | sort
}

# A sample holds the nm listings; the tree has a built library.
check() {
	if [ -f "$1/nm-dynamic" ]; then
		dynamic=$1/nm-dynamic
		static=$1/nm-static
	else
		so=$build/lib/.libs/libweir.so
		if [ ! -f "$so" ]; then
			echo "no $so: build first, with a shared library"
			return
		fi
		dynamic=$tmp/dynamic
		static=$tmp/static
		${NM:-nm} -D --with-symbol-versions "$so" >"$dynamic"
		: >"$static"
		[ ! -f "$build/lib/.libs/libweir.a" ] ||
			${NM:-nm} -g --defined-only "$build/lib/.libs/libweir.a" \
				>"$static"
	fi
	listed "$1/lib/weir.map" >"$tmp/listed"
	# A is the node itself
	awk 'NF == 3 && $2 != "A" { print $3 }' "$dynamic" |
		sort >"$tmp/exported"
	comm -23 "$tmp/listed" "$tmp/exported" |
		sed 's/$/: in lib\/weir.map, not exported/'
	comm -13 "$tmp/listed" "$tmp/exported" |
		sed 's/$/: exported, not in lib\/weir.map/'
	awk 'NF == 2 && $1 == "U" && $2 ~ /^weir_/ {
		print $2 ": used in libweir.so, defined nowhere"
	}' "$dynamic"
	uniq -d "$tmp/listed" | sed 's/$/: listed twice/'
	awk 'NF == 3 && $3 !~ /^weir_/ { print $3 ": global in libweir.a" }' \
		"$static"
	[ -s "$tmp/listed" ] || echo "lib/weir.map: lists nothing"
}

# Without a shared library (--disable-shared) there is nothing to look at.
# The first setting in libtool counts, later ones are of other tags.
if sed -n '/^build_libtool_libs=/{p;q;}' "$build/libtool" 2>/dev/null |
   grep -q '=no'; then
	echo "SKIP: symbols: this build has no shared library"
	exit 77
fi
lint_main
