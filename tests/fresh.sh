#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The README's two commands on a machine that has gcc and git and nothing else:
# a Debian 12 root made by debootstrap, a fresh clone of the last commit, an
# ordinary user. Without the right to install packages, quickstart names what
# is missing and exits 2; with sudo it prints its table within the time below,
# and quickstart check ends in its counts, none of them failed.
#
# Needs root, debootstrap and this machine's own way to a Debian mirror, which
# is taken from its apt. A row of CI, not a part of make check: it takes
# minutes. All of it happens in a mount and a process namespace of its own, so
# mounts and processes are gone with that, however this script ends, and no rm
# ever meets a mount.
#
# Usage: fresh.sh; FRESH_SECONDS: from clone to table, default 180
# Exit: 0 passed, 1 failed, 77 cannot be done here
set -eu

suite=bookworm
limit=${FRESH_SECONDS:-180}
here=$(cd "$(dirname "$0")/.." && pwd)

say() {
	echo "fresh: $*"
}

skip() {
	echo "SKIP: fresh: $*"
	exit 77
}

fail() {
	echo "FAIL: fresh: $*" >&2
	exit 1
}

# ---------------------------------------------------------------------------
# The root: made with gcc and git, mounted, and two ways in.

# This machine's sources of the suite, as "URI SUITE COMPONENT" lines.
sources() {
	# shellcheck disable=SC2016 # apt's own fields
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' | sort -u |
		awk -v suite="$suite" '
			$2 ~ "^" suite "(-(security|updates))?$" && $3 == "main"'
}

make_root() {
	mirror=$(sources | awk -v suite="$suite" '$2 == suite { print $1; exit }')
	[ -n "$mirror" ] || skip "apt has no source for $suite"

	# what debootstrap's downloader does not ask apt about
	eval "$(apt-config shell proxy Acquire::http::Proxy \
		sproxy Acquire::https::Proxy)"
	http_proxy=${http_proxy:-${proxy:-}}
	https_proxy=${https_proxy:-${sproxy:-}}
	export http_proxy https_proxy

	say "debootstrap: $suite with gcc and git"
	debootstrap --variant=minbase --include=gcc,git "$suite" "$root" \
		"$mirror" >"$root.log" 2>&1 || {
		tail -n 20 "$root.log" >&2
		fail "debootstrap"
	}
	sources | sed 's/^/deb /' >"$root/etc/apt/sources.list"
	apt-config dump | grep '^Acquire::' >"$root/etc/apt/apt.conf.d/90host"
	cp /etc/resolv.conf /etc/hosts "$root/etc/"
	if [ -d /etc/ssl/certs ]; then
		mkdir -p "$root/etc/ssl" "$root/usr/local/share"
		cp -RL /etc/ssl/certs "$root/etc/ssl/"
		cp -RL /usr/local/share/ca-certificates \
			"$root/usr/local/share/" 2>/dev/null || :
	fi
	git clone -q --bare "$here" "$root/srv/weir.git"
}

mount_root() {
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount -t tmpfs -o mode=755 tmpfs "$root/dev"
	for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0
	do
		minor=${node##*:} major=${node%:*}
		mknod -m 666 "$root/dev/${node%%:*}" c "${major#*:}" "$minor"
	done
	mkdir "$root/dev/shm" "$root/dev/pts"
	mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	ln -s fd/0 "$root/dev/stdin"
	ln -s fd/1 "$root/dev/stdout"
	ln -s fd/2 "$root/dev/stderr"
}

# in_root COMMAND: as root; as_user COMMAND: as the ordinary one, in his clone
in_root() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive \
		${http_proxy:+http_proxy="$http_proxy"} \
		${https_proxy:+https_proxy="$https_proxy"} \
		"$chroot" "$root" /bin/sh -ec "$1" </dev/null
}

as_user() {
	env -i PATH=/usr/bin:/bin HOME=/home/visitor USER=visitor \
		LC_ALL=C.UTF-8 \
		${http_proxy:+http_proxy="$http_proxy"} \
		${https_proxy:+https_proxy="$https_proxy"} \
		"$chroot" --userspec=visitor:visitor "$root" \
		/bin/sh -ec "cd; [ ! -d weir ] || cd weir; $1" </dev/null
}

# ---------------------------------------------------------------------------
# What is shown

# expect FILE WORD...: each word is in the output that was kept
expect() {
	output=$1
	shift
	for word; do
		grep -qi -e "$word" "$output" ||
			fail "not in what it printed: $word"
	done
}

# Without sudo: what is missing, exit 2, nothing done.
without_sudo() {
	say "./quickstart without sudo"
	status=0
	as_user ./quickstart >"$root/out" 2>&1 || status=$?
	cat "$root/out"
	[ $status -eq 2 ] || fail "exit $status without sudo, not 2"
	expect "$root/out" '[: ]make' autoconf automake libtool pkg-config \
		libc6-dev
	status=0
	as_user './quickstart check' >"$root/out" 2>&1 || status=$?
	cat "$root/out"
	[ $status -eq 2 ] || fail "exit $status of check without sudo, not 2"
	expect "$root/out" '[: ]make' '[: ]check'
	as_user 'git status --porcelain' | grep . &&
		fail "it changed the clone"
	return 0
}

with_sudo() {
	in_root 'apt-get -qq update &&
		apt-get -qq -y --no-install-recommends install sudo' \
		>"$root/out" 2>&1 || { cat "$root/out"; fail "no sudo"; }
	echo 'visitor ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/visitor"

	say "./quickstart with sudo"
	start=$(date +%s)
	status=0
	as_user 'cd; rm -rf weir; git clone -q /srv/weir.git weir; cd weir
		./quickstart' >"$root/out" 2>&1 || status=$?
	took=$(($(date +%s) - start))
	cat "$root/out"
	[ $status -eq 0 ] || fail "exit $status of quickstart"
	say "$took seconds from clone to table"
	expect "$root/out" p50 p99.9 weir futex pipe unix 'B/s'
	[ $took -le "$limit" ] || fail "more than $limit seconds"

	say "./quickstart check with sudo"
	start=$(date +%s)
	status=0
	as_user './quickstart check' >"$root/out" 2>&1 || status=$?
	cat "$root/out"
	# indented, for these are no results of this script
	[ $status -eq 0 ] || as_user 'sed "s/^/  /" build/test-suite.log' || :
	say "$(($(date +%s) - start)) seconds for quickstart check"
	tail -n 1 "$root/out" |
		grep -qx '[1-9][0-9]* passed, 0 failed, [0-9]* skipped' ||
		fail "the last line is not a count without failures"
	[ $status -eq 0 ] || fail "exit $status of quickstart check"
	as_user 'git status --porcelain' | grep . &&
		fail "it changed the clone"
	return 0
}

# The first process of the namespaces.
inside() {
	root=$1
	chroot=$(command -v chroot)
	make_root
	mount_root
	in_root 'useradd -m -s /bin/sh visitor; chown -R visitor: /srv/weir.git'
	as_user 'git clone -q /srv/weir.git weir'
	without_sudo
	with_sudo
	say "passed"
}

# ---------------------------------------------------------------------------
if [ "${1-}" = --inside ]; then
	inside "$2"
	exit 0
fi

[ "$(id -u)" -eq 0 ] || skip "not root"
for tool in debootstrap git unshare chroot apt-get apt-config; do
	command -v $tool >/dev/null || skip "no $tool"
done
git -C "$here" rev-parse -q --verify HEAD >/dev/null 2>&1 ||
	skip "not a git checkout with a commit"
unshare --mount --pid --fork true 2>/dev/null ||
	skip "not allowed to make namespaces"
[ -z "$(git -C "$here" status --porcelain)" ] ||
	say "uncommitted changes are not tested, only the last commit"

# unshare ignores TERM; what it started dies with it
top=$(mktemp -d "${TMPDIR:-/tmp}/weir-fresh.XXXXXX")
child=
# shellcheck disable=SC2317 # called by the trap
clean() {
	[ -z "$child" ] || kill -KILL "$child" 2>/dev/null || :
	rm -rf --one-file-system "$top" || rm -rf --one-file-system "$top"
}
trap clean EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$top"
unshare --mount --propagation private --mount-proc --pid --fork --kill-child \
	sh "$here/tests/fresh.sh" --inside "$top/root" </dev/null &
child=$!
status=0
wait "$child" || status=$?
child=
exit "$status"
