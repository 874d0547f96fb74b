#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the service's files into a folder of its own and lets systemd's tools and `promised --check` judge them.
# Arguments: cmake, the build folder, the daemon's binary, the configured sbin and etc.
set -euo pipefail
cmake=$1 build=$2 daemon=$3 sbin=$4 etc=$5

root=$(mktemp -d "${TMPDIR:-/tmp}/promised-units-XXXXXX")
trap 'rm -rf "$root"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
find_one() {
  local found
  found=$(find "$root" -path "*/$1" -type f)
  [ -n "$found" ] && [ "$(wc -l <<<"$found")" = 1 ] || fail "expected one $1, found: $found"
  echo "$found"
}

DESTDIR=$root "$cmake" --install "$build" --component service >"$root/install.log" || fail "$(cat "$root/install.log")"
install -D "$daemon" "$root$sbin/promised"

# Another prefix than it was built for: nothing goes anywhere else. A configuration that is there is kept.
"$cmake" --install "$build" --component service --prefix "$root/elsewhere" >"$root/elsewhere.log" ||
  fail "$(cat "$root/elsewhere.log")"
[ -f "$root/elsewhere/etc/promised/promised.conf" ] || fail "--prefix has no configuration below it"
rm -r "$root/elsewhere"
echo "# mine" >>"$root$etc/promised/promised.conf"
DESTDIR=$root "$cmake" --install "$build" --component service >"$root/install.log" || fail "$(cat "$root/install.log")"
grep -q "^# mine" "$root$etc/promised/promised.conf" || fail "installing again has overwritten the configuration"

# The units name the binary where it will be; here it is below the root.
mkdir "$root/checked"
for kind in system user; do
  unit=$(find_one "systemd/$kind/promised.service")
  grep -q "^ExecStart=$sbin/promised" "$unit" || fail "$unit does not start $sbin/promised"
  mkdir "$root/checked/$kind"
  sed "s#$sbin/promised#$root$sbin/promised#" "$unit" >"$root/checked/$kind/promised.service"
  manager=--$kind
  complaints=$(XDG_RUNTIME_DIR=$root SYSTEMD_LOG_LEVEL=warning systemd-analyze "$manager" verify "$root/checked/$kind/promised.service" 2>&1) ||
    fail "systemd-analyze $manager verify: $complaints"
  [ -z "$complaints" ] || fail "systemd-analyze $manager verify: $complaints"
done

# stop_grace of the shipped configuration must end before systemd's patience does.
unit=$(find_one systemd/system/promised.service)
conf=$root$etc/promised/promised.conf
stop_grace=$(sed -n 's/^#\?stop_grace = \([0-9]*\)s$/\1/p' "$conf")
patience=$(sed -n 's/^TimeoutStopSec=\([0-9]*\)s$/\1/p' "$unit")
[ "$stop_grace" -lt "$patience" ] || fail "stop_grace ${stop_grace}s is not below TimeoutStopSec ${patience}s"

mkdir -p "$root/etc"
systemd-sysusers --root="$root" "$(find_one sysusers.d/promised.conf)" 2>"$root/sysusers.log" ||
  fail "systemd-sysusers: $(cat "$root/sysusers.log")"
grep -q '^promised:' "$root/etc/passwd" || fail "systemd-sysusers made no user promised"

systemd-tmpfiles --root="$root" --create "$(find_one tmpfiles.d/promised.conf)" 2>"$root/tmpfiles.log" ||
  [ "$(id -u)" != 0 ] || fail "systemd-tmpfiles: $(cat "$root/tmpfiles.log")"
if [ "$(id -u)" = 0 ]; then
  [ "$(stat -c %a "$root/var/lib/promised")" = 700 ] || fail "/var/lib/promised is not private"
  [ "$(stat -c %a "$root/run/promised")" = 755 ] || fail "/run/promised cannot be entered"
fi

# The user promised need not exist on the machine that runs the test; whoever runs it does.
[ -d "$root$etc/promised/pools.d" ] || fail "there is no pools.d"
sed "s/^user = promised$/user = $(id -un)/" "$conf" >"$root/here.conf"
mkdir "$root/pools.d"
report=$("$root$sbin/promised" --config "$root/here.conf" --check) || fail "promised --check refused the shipped configuration"
[ "$(tail -n 1 <<<"$report")" = ok ] || fail "promised --check says: $report"
if "$root$sbin/promised" --config <(sed 's/^user = /usr = /' "$conf") --check 2>"$root/refusal"; then
  fail "promised --check accepted an unknown key"
fi
grep -q "unknown key 'usr' in \[daemon\]; did you mean user" "$root/refusal" || fail "$(cat "$root/refusal")"
