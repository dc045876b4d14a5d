"""Sends COUNT events to the relay at URL in batches, each until it has a final verdict. A key is PREFIX and 12 hex digits.
Prints a line for each verdict and for each request without an answer: test/relay/producers.ts reads them."""

import http.client
import json
import sys
import time
import urllib.error
import urllib.request

url, prefix, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
BATCH = 25


def event(index):
    properties = {"order_id": f"A-{index}", "total": index, "currency": "EUR"}
    if index % 50 == 0:
        properties = {"order_id": "A", "total": -1, "currency": "EUR"}
    return {
        "event_name": "order_completed",
        "user_id": f"u-{index % 100}",
        "idempotency_key": f"{prefix}{index:012x}",
        "properties": properties,
    }


def answer_to(events):
    """The answer as JSON, whatever its status; raises OSError, ValueError or HTTPException without one."""
    body = json.dumps({"events": events}).encode()
    request = urllib.request.Request(f"{url}/v1/batch", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


waiting = [event(index) for index in range(count)]
while waiting:
    part, waiting = waiting[:BATCH], waiting[BATCH:]
    try:
        status, answer = answer_to(part)
    except (OSError, ValueError, http.client.HTTPException) as error:
        print("unanswered", type(error).__name__)
        status, answer = 0, {}
    results = answer.get("results")
    if results is None:
        if 400 <= status < 500 and status != 429:
            sys.exit(f"{status}: {answer}")
        results = [{"status": "retry" if status else "unanswered"} for _ in part]
    again = []
    for one, result in zip(part, results, strict=True):
        key = one["idempotency_key"]
        if result["status"] in ("accepted", "duplicate"):
            print("accepted", key)
        elif result["status"] == "rejected":
            print("rejected", key, result["error"]["code"])
        else:
            again.append(one)
            if result["status"] == "retry":
                print("retry", key)
    sys.stdout.flush()
    if again:
        waiting = again + waiting
        time.sleep(0.05)
