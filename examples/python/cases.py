"""Reads calls from standard input, sends them, and writes the answers, one JSON object per line.
npm run test:clients uses it to test every language with the same cases."""

import json
import sys
from threading import Timer

import grpc
from google.protobuf.json_format import ParseDict

from headgate.v1.event_result_pb2 import EventResult
from headgate.v1.track_service_pb2 import BatchTrackRequest, TrackRequest
from headgate.v1.track_service_pb2_grpc import TrackServiceStub
from headgate_client import Refusal, connect, key_metadata, read_refusal


def run(case_call: dict) -> dict:
    with connect(case_call["address"]) as channel:
        gate = TrackServiceStub(channel)
        is_single = case_call["rpc"] == "Track"
        call, message = (gate.Track, TrackRequest()) if is_single else (gate.BatchTrack, BatchTrackRequest())
        future = call.future(
            ParseDict(case_call["request"], message),
            timeout=case_call["deadlineMs"] / 1000,
            metadata=key_metadata(case_call["key"]),
            compression=grpc.Compression.Gzip if case_call["gzip"] else None,
        )
        if case_call["cancelAfterMs"]:
            Timer(case_call["cancelAfterMs"] / 1000, future.cancel).start()
        try:
            response = future.result()
        except grpc.FutureCancelledError:
            return refused(Refusal(status="CANCELLED", message=""))
        except grpc.RpcError as error:
            return refused(read_refusal(error))
        results = [response.result] if is_single else response.results
        return {"status": "OK", "results": [verdict(each) for each in results],
                "code": "", "help": "", "violations": [], "retryAfterMs": 0}


def verdict(result: EventResult) -> dict:
    return {
        "index": result.index,
        "idempotencyKey": result.idempotency_key,
        "eventId": result.event_id,
        "status": EventResult.Status.Name(result.status),
        "sequence": result.sequence,
        "schemaVersion": result.schema_version,
        "timestampMs": result.timestamp.ToMilliseconds(),
        "code": result.error.code,
        "violations": [{"path": each.path, "code": each.code} for each in result.error.violations],
        "warnings": len(result.warnings),
    }


def refused(refusal: Refusal) -> dict:
    delay = refusal.retry_after
    return {
        "status": refusal.status,
        "results": [],
        "code": refusal.code,
        "help": refusal.help,
        "violations": [{"path": each.field, "code": each.reason} for each in refusal.violations],
        "retryAfterMs": round(delay.total_seconds() * 1000) if delay else 0,
    }


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
