#!/usr/bin/env python3
"""A PrismQ worker in plain Python: the standard library and nothing else.

    PRISMQ_URL=http://127.0.0.1:7800 PRISMQ_KEY=prismq_worker_... python3 worker.py

The key says who the worker is and what it may take (`prismq keys create --role worker --name py-1 --grant 'acme:Text.*'`).
It claims one task at a time and waits for it at the server, renews the lease in a thread while a handler runs, and tells how the
attempt ended. Ctrl+C or SIGTERM lets the handler finish. Copy it and put your own functions into HANDLERS.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

URL = os.environ.get("PRISMQ_URL", "http://127.0.0.1:7800").rstrip("/")
KEY = os.environ.get("PRISMQ_KEY", "").strip()
LEASE_MS = int(os.environ.get("PRISMQ_WORKER_LEASE_MS", "30000"))
WAIT_MS = 20_000


class Refused(Exception):
    """Raised by a handler: this will never work, so it is not tried again."""


# What the worker does. `task` is what was claimed; `gone` is set when the lease is lost or the task was cancelled.


def count(task, gone):
    text = task["payload"]["text"]
    if not isinstance(text, str):
        raise Refused("payload.text is not a text")
    return {"words": len(text.split()), "letters": len(text)}


def slow(task, gone):
    if gone.wait(task["payload"]["seconds"]):
        return None
    return {"slept": task["payload"]["seconds"]}


HANDLERS = {"Text.Count": count, "Text.Slow": slow}

# How it talks to the server.


class Problem(Exception):
    """An answer that is a refusal: its status, and `code`, which is stable."""

    def __init__(self, status, code, detail, retry_after):
        super().__init__(f"{code} ({status}): {detail}")
        self.status, self.code, self.retry_after = status, code, retry_after


def call(method, path, body=None, timeout=15):
    request = urllib.request.Request(URL + path, method=method)
    request.add_header("authorization", "Bearer " + KEY)
    request.add_header("prismq-protocol", "1")
    data = None
    if body is not None:
        request.add_header("content-type", "application/json")
        data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data, timeout) as response:
            text = response.read()
            return json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        try:
            problem = json.loads(error.read())
        except ValueError:
            problem = {}
        after = error.headers.get("retry-after", "")
        raise Problem(error.code, problem.get("code", "unknown"), problem.get("detail", error.reason), int(after) if after.isdigit() else 0) from None


def call_again(method, path, body):
    """Until it is answered: every write names its lease, so a repeat does no harm."""
    pause = 0.2
    while True:
        try:
            return call(method, path, body)
        except Problem as problem:
            if problem.status < 500 and problem.status != 429:
                raise
            pause = max(pause, problem.retry_after)
        except OSError as error:
            print(f"{URL} can not be reached: {error}", file=sys.stderr)
        time.sleep(pause * (1 + random.random()))
        pause = min(pause * 2, 10)


def renew(worker_id, task, gone, ended):
    """Renews the lease at a third of its time, in a thread of its own."""
    path = "/queue/workers/" + urllib.parse.quote(worker_id, safe="") + "/heartbeat"
    body = {"leases": [{"task_id": task["task_id"], "lease_id": task["lease_id"]}], "lease_ms": LEASE_MS}
    while not ended.wait(LEASE_MS / 3000):
        try:
            beat = call("POST", path, body, timeout=LEASE_MS / 3000)
        except (Problem, OSError) as error:
            print(f"not renewed: {error}", file=sys.stderr)
            continue
        if beat["lost"] or beat["cancelled"] or beat["timed_out"]:
            gone.set()


def work(worker_id, task):
    print(f"{task['type']} {task['task_id']} of {task['client_id']}: attempt {task['attempt']}", flush=True)
    gone, ended = threading.Event(), threading.Event()
    threading.Thread(target=renew, args=(worker_id, task, gone, ended), daemon=True).start()
    path = "/queue/tasks/" + urllib.parse.quote(task["task_id"], safe="")
    try:
        result = HANDLERS[task["type"]](task, gone)
        end, body = "/complete", {"result": result}
    except Refused as error:
        end, body = "/fail", {"error": str(error), "retry": False}
    except Exception as error:
        kind = type(error).__name__
        end, body = "/fail", {"error": {"message": str(error) or kind, "kind": kind, "stack": traceback.format_exc()}}
    finally:
        ended.set()
    try:
        answer = call_again("POST", path + end, {"lease_id": task["lease_id"], **body})
        print(f"{task['type']} {task['task_id']} of {task['client_id']}: {answer['status']}", flush=True)
    except Problem as problem:
        # `lease_lost`: somebody else has it now, or its owner cancelled it. There is nothing left to do.
        print(f"{task['type']} {task['task_id']}: {problem}", file=sys.stderr)


class Stop(Exception):
    pass


def main():
    arguments = argparse.ArgumentParser(description="A PrismQ worker in plain Python.")
    arguments.add_argument("--max-tasks", type=int, default=0, help="stop after so many")
    most = arguments.parse_args().max_tasks
    if KEY == "":
        sys.exit("put the key of a worker into PRISMQ_KEY")

    waits, stopped = False, False

    def stop(*_):
        nonlocal stopped
        stopped = True
        if waits:  # Nothing runs: leave the wait at once. The server hands back what it could not tell us.
            raise Stop

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)

    worker_id = call("GET", "/queue/whoami")["worker_id"]
    print(f"{worker_id} works at {URL}: {', '.join(HANDLERS)}", flush=True)
    claim = {"max": 1, "wait_ms": WAIT_MS, "lease_ms": LEASE_MS, "types": list(HANDLERS)}
    done, pause = 0, 1
    while not stopped and (most == 0 or done < most):
        tasks = []
        try:
            waits = True
            tasks = call("POST", "/queue/claim", claim, timeout=WAIT_MS / 1000 + 15)["tasks"]
            waits, pause = False, 1
        except Stop:
            break
        except (Problem, OSError) as error:
            waits = False
            if isinstance(error, Problem) and error.status in (401, 403):
                sys.exit(str(error))
            print(f"no claim: {error}", file=sys.stderr)
            time.sleep(0 if stopped else pause)
            pause = min(pause * 2, 10)
        for task in tasks:
            work(worker_id, task)
            done += 1
    print(f"{done} done", flush=True)


if __name__ == "__main__":
    main()
