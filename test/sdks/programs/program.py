"""What the programs of Python's SDKs share: the calls that they make, and how they report."""
import json
import logging
import sys


class Program:
    """The arguments: the gate's address, the write key, `plain` or `gzip`, and the calls.

    A call is `track=MARKER`, or `track!=MARKER` for an event that breaks its schema.
    """

    def __init__(self):
        self.url, self.key, mode, *calls = sys.argv[1:]
        self.is_gzip = mode == "gzip"
        self.calls = [(name.rstrip("!"), marker, not name.endswith("!")) for name, marker in
                      (call.split("=", 1) for call in calls)]
        self.failed = {}
        self.broken = set()
        self.sent = {}
        logging.basicConfig(level=logging.WARNING, handlers=[self.log_handler()], force=True)

    def log_handler(self):
        program = self

        class Handler(logging.Handler):
            def emit(self, record):
                program.say({"log": record.getMessage()[:300]})

        return Handler()

    def say(self, line):
        print("report " + json.dumps(line), flush=True)

    def on_error(self, error, items):
        """Remembers each call whose marker is among the items."""
        text = json.dumps(items, default=str)
        for _, marker, _ in self.calls:
            if marker in text:
                self.fail(marker, error)

    def fail(self, marker, error):
        self.failed[marker] = f"{type(error).__name__}: {error}"
        # Not an error of the SDK's own: it did not understand the answer.
        if isinstance(error, (LookupError, TypeError, AttributeError, ValueError)):
            self.broken.add(marker)

    def attempt(self, marker, call):
        """For SDKs that raise: the call was sent if it returns."""
        try:
            call()
        except Exception as error:
            self.fail(marker, error)

    def end(self, sent):
        """`sent` says by what the SDK shows that a call was sent."""
        for _, marker, _ in self.calls:
            why = self.failed.get(marker)
            belief = "sent" if why is None else "broke" if marker in self.broken else "failed"
            self.say({"marker": marker, "belief": belief, "why": why or self.sent.get(marker, sent)})
        self.say({"end": True})


def order(marker, is_good):
    """The properties of an order; without its total and currency it breaks its schema."""
    return {"order_id": marker, **({"total": 12.5, "currency": "EUR"} if is_good else {})}
