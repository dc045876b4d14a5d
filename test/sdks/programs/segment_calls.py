"""Makes the calls by segment-analytics-python, analytics-python or rudder-sdk-python."""
import importlib
import inspect
import os

from program import Program, order


def find_client():
    for name in ("segment.analytics", "rudderstack.analytics", "rudder_analytics", "analytics"):
        try:
            return importlib.import_module(name + ".client").Client
        except ImportError:
            continue
    raise SystemExit("no SDK is installed")


program = Program()
Client = find_client()
# Old versions of RudderStack's have no gzip.
known = inspect.signature(Client.__init__).parameters
options = {"gzip": program.is_gzip} if "gzip" in known else {}
if "SDK_OWN_PACE" not in os.environ:
    options["max_retries"] = 3
client = Client(
    program.key,
    host=program.url + "/v1/segment",
    on_error=program.on_error,
    **options,
)
for call, marker, is_good in program.calls:
    if call == "track":
        client.track(marker, "Order Completed", order(marker, is_good))
    elif call == "identify":
        client.identify(marker, {"plan": "team"})
    elif call == "page":
        client.page(marker, "shop", "Home", {"url": "https://x.example/"})
    elif call == "screen":
        client.screen(marker, "shop", "Cart", {})
    elif call == "group":
        client.group(marker, "g1", {"seats": 3})
    elif call == "alias":
        client.alias("a1", marker)
client.flush()
client.join()
program.end("no error")
