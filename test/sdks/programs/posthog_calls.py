"""Makes the calls by posthog. Its versions from 6 on have another form of capture."""
from program import Program, order
from posthog import Posthog

program = Program()


def on_error(error, items):
    """Its newer protocol says which events of a batch were not taken."""
    named = {uuid for uuid, _ in getattr(error, "drops", [])}
    named.update(getattr(error, "retry_exhausted", []))
    program.on_error(error, [item for item in items if not named or item["uuid"] in named])


client = Posthog(
    program.key,
    host=program.url,
    on_error=on_error,
    gzip=program.is_gzip,
    flush_interval=0.5,
)
is_old = hasattr(client, "identify")


def capture(marker, event, properties):
    if is_old:
        client.capture(marker, event, properties)
    else:
        client.capture(event, distinct_id=marker, properties=properties)


def ask_flag(marker):
    value = client.get_feature_flag("new-checkout", marker, send_feature_flag_events=False)
    program.sent[marker] = f"get_feature_flag returned {value!r}"


for call, marker, is_good in program.calls:
    if call == "track":
        capture(marker, "Order Completed", order(marker, is_good))
    elif call == "identify":
        if is_old:
            client.identify(marker, {"plan": "team"})
        else:
            client.set(distinct_id=marker, properties={"plan": "team"})
    elif call == "page":
        capture(marker, "$pageview", {"$current_url": "https://x.example/"})
    elif call == "screen":
        capture(marker, "$screen", {"$screen_name": "Cart"})
    elif call == "group":
        client.group_identify("company", marker, {"seats": 3})
    elif call == "alias":
        client.alias("a1", marker)
    elif call in ("flags", "decide"):
        program.attempt(marker, lambda: ask_flag(marker))
client.flush()
client.shutdown()
program.end("no error")
