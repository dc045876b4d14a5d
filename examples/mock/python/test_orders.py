import json
import urllib.error
import urllib.request
import uuid


def complete_order(url: str, headers: dict, total) -> None:
    """The code under test: in your project it has a module of its own."""
    event = {
        "event_name": "order_completed",
        "user_id": "u-1",
        "idempotency_key": str(uuid.uuid4()),
        "properties": {"order_id": "A-1001", "total": total, "currency": "EUR"},
    }
    request = urllib.request.Request(
        f"{url}/v1/track",
        data=json.dumps(event).encode(),
        headers={"content-type": "application/json", **headers},
    )
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except urllib.error.HTTPError as error:
        error.close()


def test_an_order_is_sent(headgate_mock):
    complete_order(headgate_mock.url, headgate_mock.headers, 49.9)
    assert headgate_mock.bad() == []
    [sent] = headgate_mock.good()
    assert sent["event"]["properties"]["total"] == 49.9


def test_a_total_is_a_number(headgate_mock):
    complete_order(headgate_mock.url, headgate_mock.headers, "49.9")
    assert headgate_mock.good() == []
    [refused] = headgate_mock.bad()
    assert refused["code"] == "schema_violation"
    assert refused["violations"][0]["path"] == "/properties/total"
