#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Memory order is written down where it is relied on. In lib/, outside
# weir/atomic.h:
#
# - each acquire load has a comment with a label A<n> (or X<n>) on its line or
#   at most six lines above, each release store R<n> (X), each fence F<n> (a
#   fence of the compiler alone may say just that), each read-modify-write X<n>,
#   A<n> or R<n>; each relaxed access one that says
#   "relaxed" and why that is enough;
# - "R1 pairs with A1 in f(), g()" is answered: in f() and in g() a comment says
#   that A1 pairs with R1;
# - partners stand on one line of the table in weir/layout.h, unless the table
#   has neither and both are in one file; what the table has is in use, and
#   weir-memory(7) names it;
# - no other spelling: no builtin, no look inside a wrapped word, no volatile
#   (where it serves something else, a comment says so in this word).
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

# One line per "pairs with" to $2, findings to standard output.
scan() {
	awk -v file="$1" -v sites="$2" '
	# Splits the file into code and comment, line by line; a comment in
	# several lines is joined to one text.
	function split_line(s,    i, c, two) {
		code[NR] = ""
		note[NR] = ""
		for (i = 1; i <= length(s); i++) {
			c = substr(s, i, 1)
			two = substr(s, i, 2)
			if (in_note) {
				if (two == "*/") {
					in_note = 0
					block_end[blocks] = NR
					i++
				} else {
					note[NR] = note[NR] c
				}
			} else if (quote != "") {
				if (c == "\\") {
					i++
				} else if (c == quote) {
					quote = ""
				}
			} else if (two == "/*") {
				in_note = 1
				i++
				blocks++
				block_start[blocks] = NR
				note[NR] = note[NR] " "
			} else if (two == "//") {
				blocks++
				block_start[blocks] = block_end[blocks] = NR
				note[NR] = note[NR] " " substr(s, i + 2)
				break
			} else {
				if (c == "\"" || c == "\047")
					quote = c
				code[NR] = code[NR] c
			}
		}
		quote = ""
		sub(/^[ \t]*\*?[ \t]*/, "", note[NR])
	}
	function tell(line, text) { print file ":" line ": " text }
	function label_near(line, letters,    i, text) {
		for (i = line - 6; i <= line; i++)
			if (i > 0)
				text = text " " note[i]
		return match(text, "(^|[^A-Za-z0-9_])[" letters "][0-9]+([^A-Za-z0-9_]|$)")
	}
	function word_near(line, word,    i) {
		for (i = line - 6; i <= line; i++)
			if (i > 0 && index(note[i], word))
				return 1
		return 0
	}
	function reason_near(line,    i, text) {
		for (i = line - 6; i <= line; i++)
			if (i > 0)
				text = text " " note[i]
		return text ~ /[Rr]elaxed[^A-Za-z]+[A-Za-z0-9_]+[^A-Za-z0-9_]+[A-Za-z]/
	}
	{ split_line($0) }
	END {
		# functions: where each begins, with the comment above, and ends
		for (i = 1; i <= NR; i++) {
			c = code[i]
			if (c ~ /^[A-Za-z_]/) {
				if (decl == "")
					decl_start = i
				decl = decl " " c
			} else if (c ~ /^\{/ && decl ~ /\(/) {
				if (match(decl, /[A-Za-z_][A-Za-z0-9_]*[ ]*\(/)) {
					funcs++
					name[funcs] = substr(decl, RSTART, RLENGTH - 1)
					sub(/ +$/, "", name[funcs])
					first[funcs] = decl_start
				}
				decl = ""
			} else if (c ~ /^\}/) {
				if (funcs && !last[funcs])
					last[funcs] = i
				decl = ""
			} else if (decl != "") {
				decl = decl " " c
			}
			if (c ~ /;[ \t]*$/ || c ~ /^#/)
				decl = ""
		}
		for (b = 1; b <= blocks; b++) {
			text = ""
			for (i = block_start[b]; i <= block_end[b]; i++)
				text = text " " note[i]
			where = "-"
			for (f = 1; f <= funcs; f++)
				if (block_end[b] <= last[f]) {
					where = name[f]
					break
				}
			# R1 (release) pairs with A1 and A2 in f(), g(): ...
			while (match(text, /[ARFX][0-9]+( \([^)]*\))? pairs with [ARFX][0-9]+[^.:;]*/)) {
				pair = substr(text, RSTART, RLENGTH)
				text = substr(text, RSTART + RLENGTH)
				left = pair
				sub(/[^A-Z0-9].*/, "", left)
				sub(/.* pairs with /, "", pair)
				gsub(/[^A-Za-z0-9_()]/, " ", pair)
				n = split(pair, word, " ")
				partners = ""
				callers = ""
				for (i = 1; i <= n; i++) {
					if (word[i] ~ /^[ARFX][0-9]+$/)
						partners = partners "," word[i]
					if (word[i] ~ /^[A-Za-z_0-9]+\(\)$/)
						callers = callers "," \
						    substr(word[i], 1, length(word[i]) - 2)
				}
				print file, block_start[b], where, left, \
					substr(partners, 2), \
					callers == "" ? "-" : substr(callers, 2) \
					>> sites
			}
		}
		for (i = 1; i <= NR; i++) {
			c = code[i]
			if (c ~ /weir_load_acquire(32|64)[ \t]*\(/ && !label_near(i, "AX"))
				tell(i, "an acquire load without a label A<n> near it")
			if (c ~ /weir_store_release(32|64)[ \t]*\(/ && !label_near(i, "RX"))
				tell(i, "a release store without a label R<n> near it")
			if (c ~ /weir_fence_[a-z_]+[ \t]*\(/ && !label_near(i, "F") &&
			    !(c ~ /_compiler/ && word_near(i, "compiler")))
				tell(i, "a fence without a label F<n> near it")
			if (c ~ /weir_(add|sub|or|and|cas|xchg|swap)_(acq|rel|seq)[a-z_]*(32|64)[ \t]*\(/ &&
			    !label_near(i, "XAR"))
				tell(i, "a read-modify-write without a label X<n> near it")
			if (c ~ /weir_[a-z]+_relaxed(32|64)[ \t]*\(/ && !reason_near(i))
				tell(i, "a relaxed access that does not say why it is enough")
			if (c ~ /__atomic_|__sync_[a-z]|stdatomic|(^|[^A-Za-z_])_Atomic|atomic_(load|store|thread_fence|fetch)/)
				tell(i, "an atomic access not spelt as in weir/atomic.h")
			if (c ~ /(^|[^A-Za-z_])volatile([^A-Za-z_]|$)/ && c !~ /asm/ &&
			    !word_near(i, "volatile"))
				tell(i, "volatile, which orders nothing, and no comment why")
			if (c ~ /priv_v([^A-Za-z0-9_]|$)/)
				tell(i, "a plain access to a wrapped word")
		}
	}' "$3"
}

# Does every "pairs with" have its answer, where it says?
resolve() {
	awk '
	{
		line[NR] = $0
		n = split($5, p, ",")
		for (i = 1; i <= n; i++) {
			any[$4, p[i]] = 1
			at[$4, p[i], $3] = 1
		}
	}
	END {
		for (r = 1; r <= NR; r++) {
			split(line[r], f, " ")
			n = split(f[5], p, ",")
			m = split(f[6], c, ",")
			for (i = 1; i <= n; i++) {
				if (!((p[i], f[4]) in any)) {
					print f[1] ":" f[2] ": " f[4] \
					    " pairs with " p[i] \
					    ", but nothing says that " p[i] \
					    " pairs with " f[4]
					continue
				}
				# several partners share the list of functions
				for (j = 1; j <= m && n == 1; j++)
					if (c[j] != "-" && !((p[i], f[4], c[j]) in at))
						print f[1] ":" f[2] ": " f[4] \
						    " pairs with " p[i] " in " c[j] \
						    "(), which does not say so"
			}
		}
	}' "$1"
}

# Are partners on one line of the table $1?
compare() {
	awk '
	FNR == NR {
		gsub(/[^A-Za-z0-9_]/, " ")
		n = split($0, word, " ")
		for (i = 1; i <= n; i++)
			for (j = 1; j <= n; j++)
				if (word[i] ~ /^[ARFX][0-9]+$/ &&
				    word[j] ~ /^[ARFX][0-9]+$/) {
					known[word[i]] = 1
					row[word[i], word[j]] = 1
				}
		next
	}
	{
		line[++lines] = $0
		if (!($4 in home))
			home[$4] = $1
		if (home[$4] != $1)
			many[$4] = 1
	}
	END {
		for (r = 1; r <= lines; r++) {
			split(line[r], f, " ")
			n = split(f[5], p, ",")
			for (i = 1; i <= n; i++) {
				if ((f[4], p[i]) in row)
					continue
				if (!(f[4] in known) && !(p[i] in known) &&
				    !(f[4] in many) && !(p[i] in many) &&
				    (!(p[i] in home) || home[p[i]] == f[1]))
					continue
				print f[1] ":" f[2] ": " f[4] " and " p[i] \
				    " are not partners in the table of" \
				    " lib/weir/layout.h"
			}
		}
	}' "$1" "$2"
}

labels() {
	grep -oE '(^|[^A-Za-z0-9_])[ARFX][0-9]+([^A-Za-z0-9_]|$)' |
		grep -oE '[ARFX][0-9]+' | sort -u
}

check() {
	: >"$tmp/sites"
	sources "$1" '*.[ch]' | grep '^lib/' |
		grep -v '^lib/weir/atomic\.h$' >"$tmp/list"
	while IFS= read -r file; do
		scan "$file" "$tmp/sites" "$1/$file"
	done <"$tmp/list"
	resolve "$tmp/sites"
	[ -f "$1/lib/weir/layout.h" ] || return
	# the table: the head comment of the layout
	sed '/^#ifndef/q' "$1/lib/weir/layout.h" >"$tmp/head"
	labels <"$tmp/head" >"$tmp/table"
	awk '{ print $4 }' "$tmp/sites" | sort -u >"$tmp/used"
	compare "$tmp/head" "$tmp/sites"
	comm -23 "$tmp/table" "$tmp/used" |
		sed 's|$|: in the table of lib/weir/layout.h, paired nowhere|'
	[ -f "$1/man/weir-memory.7" ] || return
	labels <"$1/man/weir-memory.7" | comm -23 "$tmp/table" - |
		sed 's|$|: not explained in weir-memory(7)|'
}

lint_main
