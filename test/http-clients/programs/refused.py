"""Sends requests that the gate refuses before their bodies have arrived, with http.client or requests, and
counts how many of the answers were read.

    python3 refused.py PLAN http.client|requests
"""

import http.client
import json
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

PIECE_BYTES = 64 * 1024


class Body:
    """Hands out one piece after each pause. requests asks for its length."""

    def __init__(self, size, pause_ms):
        self.size = size
        self.left = size
        self.pause = pause_ms / 1000

    def __len__(self):
        return self.size

    def read(self, _size=-1):
        time.sleep(self.pause)
        count = min(PIECE_BYTES, self.left)
        self.left -= count
        return b" " * count


def pieces(body):
    while piece := body.read():
        yield piece


def by_http_client(case, ca):
    url = urlsplit(case["url"])
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=ca)
        connection = http.client.HTTPSConnection(url.netloc, context=context, timeout=60)
    else:
        connection = http.client.HTTPConnection(url.netloc, timeout=60)
    headers = dict(case["headers"])
    body = Body(case["bytes"], case["pauseMs"])
    if case["chunked"]:
        headers["transfer-encoding"] = "chunked"
        connection.request(case["method"], url.path, pieces(body), headers, encode_chunked=True)
    else:
        headers["content-length"] = str(case["bytes"])
        connection.request(case["method"], url.path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text


def by_requests(case, ca):
    import requests

    body = Body(case["bytes"], case["pauseMs"])
    data = pieces(body) if case["chunked"] else body
    method, url, headers = case["method"], case["url"], case["headers"]
    answer = requests.request(method, url, data=data, headers=headers, verify=ca, timeout=60)
    return answer.status_code, answer.content


def send(case, ca, library):
    try:
        status, text = (by_requests if library == "requests" else by_http_client)(case, ca)
    except Exception as error:  # whatever a program would see instead of the answer
        return f"{type(error).__name__}: {error}"
    if status != case["status"] or len(text) == 0:
        return f"status {status}, {len(text)} bytes"
    return ""


def main():
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    for case in plan["cases"]:
        with ThreadPoolExecutor(case["runs"] if case["pauseMs"] > 0 else 1) as pool:
            runs = range(case["runs"])
            faults = list(pool.map(lambda _run: send(case, plan["ca"], sys.argv[2]), runs))
        print(json.dumps({"id": case["id"], "faults": faults}), flush=True)


main()
