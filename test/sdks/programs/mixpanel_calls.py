"""Makes the calls by mixpanel, several of them in one request."""
import time

from program import Program, order
from mixpanel import BufferedConsumer, Consumer, Mixpanel

program = Program()
urls = {
    "events_url": program.url + "/track",
    "people_url": program.url + "/engage",
    "import_url": program.url + "/import",
    "groups_url": program.url + "/groups",
}
is_batch = len({call for call, _, _ in program.calls}) == 1
consumer = BufferedConsumer(**urls) if is_batch else Consumer(**urls)
client = Mixpanel(program.key, consumer=consumer)


def make(call, marker, is_good):
    if call == "track":
        client.track(marker, "Order Completed", order(marker, is_good))
    elif call == "import":
        client.import_data("unused", marker, "Order Completed", int(time.time()) - 60, order(marker, True))
    elif call == "engage":
        client.people_set(marker, {"plan": "team"})
    elif call == "groups":
        client.group_set("company", marker, {"seats": 3})


for call, marker, is_good in program.calls:
    program.attempt(marker, lambda: make(call, marker, is_good))
if is_batch:
    try:
        consumer.flush()
    except Exception as error:
        program.on_error(error, [marker for _, marker, _ in program.calls])
program.end("returned without an error")
