#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The manual says what the headers say:
#
# - mandoc has no warning about any page (style advice is not asked for);
# - each symbol of lib/weir.map that is not private has a page man/<symbol>.3,
#   or an alias in MLINKS of man/Makefile.inc ("alias.3:page.3") whose page
#   names it, and an installed header declares it;
# - each prototype of a SYNOPSIS is that of the header, each page shows all
#   calls that its NAME lists;
# - each .Xr to a page of weir has its page or alias;
# - each .Er in section 3 and in weir-errors(7) is in the table of weir_strerror,
#   that is in the vocabulary below;
# - each page of section 3 has EXAMPLES with a program, at most 40 lines long;
#   those of section 7 stay below 120.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

need mandoc

# The contract's words; a new one is a change of the interface.
vocabulary="EAGAIN ETIMEDOUT EPIPE EOWNERDEAD EPROTO EMSGSIZE EBUSY EACCES \
EPERM ECANCELED EINVAL ENOENT EEXIST ECONNREFUSED EADDRINUSE ENOSYS ENOMEM \
ENOSPC EMFILE EIO"

# One prototype a line, without spaces that C does not need.
squeeze() {
	sed 's/[ \t][ \t]*/ /g
		s/ *\([^A-Za-z0-9_ ]\) */\1/g
		s/^ //
		s/ $//'
}

# The prototypes of the header $1, as "name<TAB>prototype".
declared() {
	awk '
	{
		# comments out, also in the middle of a line
		line = ""
		rest = $0
		while (rest != "") {
			if (inside) {
				i = index(rest, "*/")
				if (!i)
					break
				rest = substr(rest, i + 2)
				inside = 0
			} else {
				i = index(rest, "/*")
				if (!i) {
					line = line rest
					break
				}
				line = line substr(rest, 1, i - 1) " "
				rest = substr(rest, i + 2)
				inside = 1
			}
		}
		$0 = line
	}
	/^(WEIR_API|WEIR_INLINE)[ \t]/ {
		sub(/^[A-Z_]+[ \t]+/, "")
		open = 1
		text = ""
	}
	open {
		text = text " " $0
		if (text ~ /[;{]/) {
			sub(/[;{].*/, "", text)
			print text
			open = 0
		}
	}' "$1" | squeeze | awk '{
		name = $0
		sub(/\(.*/, "", name)
		sub(/.*[^A-Za-z0-9_]/, "", name)
		print name "\t" $0
	}'
}

# The prototypes of the page $1's SYNOPSIS, in the same form.
shown() {
	awk '
	function words(s,    n, c, quoted, i) {
		n = 0
		quoted = 0
		split("", arg)
		for (i = 1; i <= length(s); i++) {
			c = substr(s, i, 1)
			if (c == "\"") {
				if (!quoted)
					arg[++n] = ""
				quoted = !quoted
				fresh = 0
			} else if (c ~ /[ \t]/ && !quoted) {
				fresh = 0
			} else {
				if (!quoted && !fresh) {
					arg[++n] = ""
					fresh = 1
				}
				arg[n] = arg[n] c
			}
		}
		fresh = 0
		return n
	}
	{ full = full $0 }
	/\\$/ { sub(/\\$/, " ", full); next }
	{ $0 = full; full = "" }
	/^\.Sh / { inside = /^\.Sh SYNOPSIS/ }
	!inside { next }
	/^\.Ft / { type = substr($0, 5); gsub(/"/, "", type); next }
	/^\.Fn / {
		n = words(substr($0, 5))
		out = type " " arg[1] "("
		for (i = 2; i <= n; i++)
			out = out (i > 2 ? "," : "") arg[i]
		print out (n == 1 ? "void" : "") ")"
	}
	/^\.Fo / { out = type " " $2 "("; comma = ""; next }
	/^\.Fa / {
		n = words(substr($0, 5))
		for (i = 1; i <= n; i++) {
			out = out comma arg[i]
			comma = ","
		}
	}
	/^\.Fc/ { print out (comma == "" ? "void" : "") ")" }
	' "$1" | squeeze | awk '{
		name = $0
		sub(/\(.*/, "", name)
		sub(/.*[^A-Za-z0-9_]/, "", name)
		print name "\t" $0
	}'
}

# The names in the NAME section of the page $1.
names() {
	awk '/^\.Sh / { inside = /^\.Sh NAME/ }
	inside && /^\.Nm / { print $2 }' "$1"
}

symbols() {
	awk '/^WEIR_PRIVATE/ { exit }
	/^[ \t]*weir_[a-z0-9_]*;/ { gsub(/[ \t;]/, ""); print }' \
		"$1/lib/weir.map"
}

one_page() {
	page=$1 section=${1##*.}
	mandoc -Tlint -Wwarning "man/$page" 2>&1 |
		sed -n 's/^mandoc: //p'
	shown "man/$page" >"$tmp/shown"
	while IFS='	' read -r name prototype; do
		real=$(sed -n "s/^$name	//p" "$tmp/declared" | head -n 1)
		if [ -z "$real" ]; then
			echo "man/$page: $name is in no header"
		elif [ "$real" != "$prototype" ]; then
			echo "man/$page: SYNOPSIS of $name"
			echo "	says $prototype"
			echo "	is   $real"
		fi
	done <"$tmp/shown"
	# macros may stand in a list: "weir_tx_write 3 ,"
	awk '$1 == ".Xr" { print $2 "." $3 }
	/^\.(It|Pq|Sx|Op|No|Po|Bq|Brq|Dq)/ {
		for (i = 2; i < NF - 1; i++)
			if ($i == "Xr")
				print $(i + 1) "." $(i + 2)
	}' "man/$page" | grep '^weir' | sort -u |
	while IFS= read -r target; do
		grep -qxF "$target" "$tmp/pages" ||
			echo "man/$page: .Xr to $target, which does not exist"
	done
	if [ "$section" = 3 ] || [ "$page" = weir-errors.7 ]; then
		grep '^\.' "man/$page" | grep -oE 'Er E[A-Z0-9]+' | sort -u |
		while read -r _ error; do
			case " $vocabulary " in
			*" $error "*) ;;
			*) echo "man/$page: $error is not in the vocabulary" ;;
			esac
		done
	fi
	case $section in
	3) most=40 ;;
	7) most=119 ;;
	*) return ;;
	esac
	awk -v page="man/$page" -v section="$section" -v most=$most '
	/^\.Sh / { inside = /^\.Sh EXAMPLES/; seen += inside }
	inside && /^\.Bd / { lines = 0; body = 1; next }
	inside && /^\.Ed/ {
		body = 0
		if (program && lines > most)
			print page ": the example has " lines " lines"
		next
	}
	body { lines++ }
	body && /(^|[^A-Za-z_])main\(/ { program = 1 }
	END {
		if (section == 3 && (!seen || !program))
			print page ": no program under EXAMPLES"
	}' "man/$page"
	[ "$section" = 3 ] || return
	names "man/$page" | while IFS= read -r name; do
		grep -q "^$name	" "$tmp/shown" ||
			echo "man/$page: NAME has $name, SYNOPSIS does not"
	done
}

check() (
	cd "$1" || exit
	: >"$tmp/declared"
	for header in lib/weir.h lib/weir/*.h; do
		[ ! -f "$header" ] || declared "$header" >>"$tmp/declared"
	done
	# aliases: every word of MLINKS, "weir_tx_abort.3:weir_tx_reserve.3"
	grep -oE '[A-Za-z0-9_-]+\.[1-8]:[A-Za-z0-9_-]+\.[1-8]' \
		man/Makefile.inc 2>/dev/null | sort -u >"$tmp/links"
	for page in man/*.[1-8]; do
		[ -f "$page" ] && echo "${page#man/}"
	done | sort >"$tmp/real"
	sed 's/:.*//' "$tmp/links" | sort -u - "$tmp/real" >"$tmp/pages"
	symbols . >"$tmp/symbols"
	[ -s "$tmp/symbols" ] || echo "lib/weir.map: no symbol"
	while IFS= read -r symbol; do
		grep -q "^$symbol	" "$tmp/declared" ||
			echo "lib/weir.map: $symbol is in no installed header"
		page=$(sed -n "s/^$symbol\.3://p" "$tmp/links" | head -n 1)
		page=${page:-$symbol.3}
		if [ ! -f "man/$page" ]; then
			echo "man: no page $page for $symbol"
		elif ! names "man/$page" | grep -qx "$symbol"; then
			echo "man/$page: NAME does not list $symbol"
		fi
	done <"$tmp/symbols"
	cut -f1 "$tmp/declared" | grep -v '^weir_priv_' | sort -u |
	while IFS= read -r name; do
		grep -qx "$name" "$tmp/symbols" ||
			echo "lib/weir.map: does not list $name, which a header declares"
	done
	while IFS= read -r page; do
		one_page "$page"
	done <"$tmp/real"
)

lint_main
