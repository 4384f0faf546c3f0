#!/bin/sh
# A PrismQ worker of sh and curl, with jq or else python3 for JSON.
#
#   PRISMQ_URL=http://127.0.0.1:7800 PRISMQ_KEY=prismq_worker_... sh worker.sh
#
# It claims one task at a time and waits for it at the server, renews the lease while the work runs, and tells how it ended.
# SIGTERM lets the work finish. Put your own commands into `handle`: the payload comes on standard input as JSON, what is printed
# is the result as JSON; a status other than 0 fails the attempt, and what went to standard error is the reason.
set -u

URL=${PRISMQ_URL:-http://127.0.0.1:7800}
LEASE_MS=${PRISMQ_WORKER_LEASE_MS:-30000}
MAX_TASKS=${PRISMQ_WORKER_MAX_TASKS:-0}
TYPES='["Shell.Lines","Shell.Slow","Shell.Fail"]'

handle() {
  case $1 in
    Shell.Lines) member text | wc -l | awk '{ printf "{\"lines\":%d}", $1 }' ;;
    Shell.Slow) sleep "$(member seconds)" && echo '{"slept":true}' ;;
    Shell.Fail) echo 'told to fail' >&2; return 1 ;;
    *) echo "no such work: $1" >&2; return 1 ;;
  esac
}

# JSON with what there is, from standard input: a member as text, a member as JSON, the first task of a claim, any text as JSON.
if command -v jq >/dev/null 2>&1; then
  member() { jq -r --arg key "$1" '.[$key] // empty'; }
  member_json() { jq -c --arg key "$1" '.[$key]'; }
  first_task() { jq -c '.tasks[0] // empty'; }
  as_json() { jq -Rs .; }
  is_json() { jq empty 2>/dev/null; }
elif command -v python3 >/dev/null 2>&1; then
  python() { python3 -c "import json,sys; $1" "${2:-}"; }
  member() { python 'v=json.load(sys.stdin).get(sys.argv[1]); print("" if v is None else v)' "$1"; }
  member_json() { python 'print(json.dumps(json.load(sys.stdin).get(sys.argv[1])))' "$1"; }
  first_task() { python 't=json.load(sys.stdin).get("tasks") or []; print(json.dumps(t[0]) if t else "")'; }
  as_json() { python 'print(json.dumps(sys.stdin.read()))'; }
  is_json() { python 'json.load(sys.stdin)' 2>/dev/null; }
else
  echo 'this needs jq or python3' >&2
  exit 1
fi

[ -n "${PRISMQ_KEY:-}" ] || { echo 'put the key of a worker into PRISMQ_KEY' >&2; exit 1; }
umask 077
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
# Key and bodies go to curl in files: arguments can be read by everybody on the machine.
printf 'authorization: Bearer %s\ncontent-type: application/json\n' "$PRISMQ_KEY" >"$TMP/head"
printf '{"wait_ms":20000,"lease_ms":%s,"types":%s}' "$LEASE_MS" "$TYPES" >"$TMP/claim"

# ask NAME METHOD PATH SECONDS [FILE]: sends the file, writes $TMP/NAME and $TMP/NAME.status.
ask() {
  exec curl -sS -X "$2" -H "@$TMP/head" --max-time "$4" ${5:+--data-binary "@$5"} -o "$TMP/$1" -w '%{http_code}' "$URL$3" >"$TMP/$1.status"
}
status_of() { cat "$TMP/$1.status" 2>/dev/null || echo 000; }

# Every write names its lease, so that a repeat does no harm.
settle() {
  tries=0
  while :; do
    (ask settled POST "/queue/tasks/$1/$2" 15 "$TMP/end")
    case $(status_of settled) in
      2??) echo "$1 $(member status <"$TMP/settled")"; return ;;
      000 | 429 | 5??) tries=$((tries + 1)); [ $tries -lt 60 ] || return; sleep 1 ;;
      *) echo "$1 $(member code <"$TMP/settled")" >&2; return ;;
    esac
  done
}

renew() {
  printf '{"leases":[{"task_id":"%s","lease_id":"%s"}],"lease_ms":%s}' "$1" "$2" "$LEASE_MS" >"$TMP/beat"
  pause=$((LEASE_MS / 3000))
  while sleep $((pause > 0 ? pause : 1)); do
    (ask beaten POST "/queue/workers/$WORKER/heartbeat" 10 "$TMP/beat")
  done
}

work() {
  id=$(member task_id <"$TMP/task")
  lease=$(member lease_id <"$TMP/task")
  echo "$id attempt $(member attempt <"$TMP/task")"
  renew "$id" "$lease" >/dev/null 2>&1 &
  renewing=$!
  end=complete
  member_json payload <"$TMP/task" | handle "$(member type <"$TMP/task")" >"$TMP/result" 2>"$TMP/error" || end=fail
  [ -s "$TMP/result" ] || echo null >"$TMP/result"
  is_json <"$TMP/result" || { end=fail; echo 'the result is no JSON' >"$TMP/error"; }
  if [ $end = complete ]; then
    printf '{"lease_id":"%s","result":%s}' "$lease" "$(cat "$TMP/result")" >"$TMP/end"
  else
    printf '{"lease_id":"%s","error":%s}' "$lease" "$(head -c 4000 "$TMP/error" | as_json)" >"$TMP/end"
  fi
  kill "$renewing" 2>/dev/null
  settle "$id" "$end"
}

stopped=
trap 'stopped=1' INT TERM
(ask who GET /queue/whoami 15)
WORKER=$(member worker_id <"$TMP/who" 2>/dev/null)
[ -n "$WORKER" ] || { echo "$URL is not there, or does not know the key as one of a worker" >&2; exit 1; }
echo "$WORKER works at $URL"
ended=0
while [ -z "$stopped" ] && { [ "$MAX_TASKS" -eq 0 ] || [ "$ended" -lt "$MAX_TASKS" ]; }; do
  # In the background, since a signal waits for what is in front.
  ask claimed POST /queue/claim 35 "$TMP/claim" &
  claiming=$!
  wait "$claiming"
  # What is not answered yet is handed back by the server, what is answered is worked.
  [ -z "$stopped" ] || { kill "$claiming" 2>/dev/null; wait "$claiming"; }
  case $(status_of claimed) in
    2??) first_task <"$TMP/claimed" >"$TMP/task" ;;
    401 | 403) echo "$(member detail <"$TMP/claimed")" >&2; exit 1 ;;
    *) [ -n "$stopped" ] || sleep 1; continue ;;
  esac
  [ -s "$TMP/task" ] || continue
  work
  ended=$((ended + 1))
done
echo "$ended done"
