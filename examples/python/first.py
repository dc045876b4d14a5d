"""Sends one event. docs/send/clients.md shows these lines."""

import os
import uuid

from headgate.v1.event_pb2 import Event
from headgate.v1.track_service_pb2 import TrackRequest
from headgate.v1.track_service_pb2_grpc import TrackServiceStub
from headgate_client import connect

with connect(os.environ["HEADGATE_ADDRESS"]) as channel:
    gate = TrackServiceStub(channel)
    event = Event(
        event_name="order_completed",
        user_id="u-1",
        idempotency_key=str(uuid.uuid4()),  # one per event, same on every retry
        properties_json='{"order_id": "A-1", "total": 49.9, "currency": "EUR"}',
    )
    print(gate.Track(TrackRequest(event=event), timeout=30).result)
