"""Sends orders to a gate: one event alone, a batch with one bad event, then the bad event alone."""

import json
import os
import sys
import time
import uuid

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from headgate.v1.event_pb2 import Event
from headgate.v1.event_result_pb2 import EventResult
from headgate.v1.track_service_pb2 import BatchTrackRequest, TrackRequest
from headgate.v1.track_service_pb2_grpc import TrackServiceStub
from headgate_client import connect, key_metadata, read_refusal

METADATA = key_metadata(os.environ.get("HEADGATE_WRITE_KEY", ""))
DEADLINE_SECONDS = 30


def order_completed(order_id: str, total: float) -> Event:
    """Creates an event with its idempotency key.

    Store them together, for example in your own database: the event must have this key whenever it
    is sent again.
    """
    occurred_at = Timestamp()
    occurred_at.GetCurrentTime()
    return Event(
        event_name="order_completed",
        user_id="u-1",
        idempotency_key=str(uuid.uuid4()),
        # As text, numbers keep all their digits.
        properties_json=json.dumps({"order_id": order_id, "total": total, "currency": "EUR"}),
        occurred_at=occurred_at,
    )


def track_alone(gate: TrackServiceStub, event: Event) -> None:
    """Sends one event. If the gate does not accept it, the call fails, with details."""
    try:
        answer = gate.Track(TrackRequest(event=event), timeout=DEADLINE_SECONDS, metadata=METADATA)
    except grpc.RpcError as error:
        refusal = read_refusal(error)
        print(f"alone: {refusal.status}: {refusal.code}, see {refusal.help}")
        for violation in refusal.violations:
            print(f"  {violation.field} {violation.reason}")
        if refusal.retry_after:
            print(f"  send it again after {refusal.retry_after}")
        return
    print("alone:", EventResult.Status.Name(answer.result.status))


def track_all(gate: TrackServiceStub, events: list[Event]) -> None:
    """Sends events until each has a final verdict.

    The call of a batch succeeds even if some events do not: RETRY is the verdict of one event, and
    gRPC's own retries do not see it.
    """
    waiting = events
    while waiting:
        request = BatchTrackRequest(events=waiting)
        answer = gate.BatchTrack(request, timeout=DEADLINE_SECONDS, metadata=METADATA)
        again = []
        for result in answer.results:
            status = EventResult.Status.Name(result.status)
            if result.status == EventResult.RETRY:
                again.append(waiting[result.index])
            elif result.status == EventResult.REJECTED:
                print(f"batch: {status}: {result.error.message}")
            else:  # ACCEPTED, or DUPLICATE if it was stored before
                print("batch:", status)
        if again:
            time.sleep(1)
        waiting = again


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8080"
    with connect(address) as channel:
        gate = TrackServiceStub(channel)
        first = order_completed("A-1001", 49.9)
        second = order_completed("A-1002", 20)
        bad = order_completed("A-1003", -5)
        track_alone(gate, first)
        track_all(gate, [first, second, bad])
        track_alone(gate, bad)


if __name__ == "__main__":
    main()
