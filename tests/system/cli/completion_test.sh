#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What bash offers after a promisectl that is not finished. Arguments: promisectl, the completion script.
set -euo pipefail
PATH=$(dirname "$1"):$PATH
# shellcheck disable=SC1090
. "$2"

expect() { # expect "OFFERS" WORD...
  local offers=$1
  shift
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _promisectl
  [ "${COMPREPLY[*]}" = "$offers" ] && return
  echo "FAILED: after '$*' expected '$offers', found '${COMPREPLY[*]}'" >&2
  exit 1
}

expect "status submit run result wait follow logs jobs show cancel forget remember retry events explain queues pause resume drain clear \
quota reload store" promisectl ""
expect "result remember retry resume reload" promisectl re
expect "status store" promisectl --output json st
expect "json" promisectl --output j
expect "--queue --queue-timeout --quota" promisectl submit --qu
expect "--after --after-success --after-failure" promisectl submit --af
expect "/usr" promisectl run --composite /us
expect "last" promisectl --endpoint ipc:///no/such/socket submit tell --after-success l
expect "failed" promisectl jobs --state f
expect "failed" promisectl events --kind f
expect "replace" promisectl submit --duplicate rep
expect "check compact" promisectl store c
expect "/usr" promisectl store backup /us
expect "last" promisectl --endpoint ipc:///no/such/socket show l
