"""Connects to a gate, and reads the details of its errors."""

import json
from dataclasses import dataclass, field
from datetime import timedelta

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# gRPC sends a call again if the gate is unavailable. No event counts twice, because the same bytes
# are sent again, with the same idempotency key.
RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": "headgate.v1.TrackService"}],
            "timeout": "30s",
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.2s",
                "maxBackoff": "5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


def connect(address: str) -> grpc.Channel:
    """Connects to the gate at an address such as 127.0.0.1:8080. A program needs only one channel.

    For TLS, use grpc.secure_channel(address, grpc.ssl_channel_credentials(), options).
    """
    return grpc.insecure_channel(address, options=[("grpc.service_config", json.dumps(RETRIES))])


def key_metadata(key: str) -> list[tuple[str, str]]:
    """Returns the `metadata` for each call if the gate requires a write key."""
    return [("authorization", f"Bearer {key}")] if key else []


@dataclass
class Refusal:
    """Why a call returned no verdicts, from the error details of the gate."""

    status: str
    message: str
    # One of docs/reference/errors.md; empty if the gate itself did not answer.
    code: str = ""
    # The address of the code's explanation.
    help: str = ""
    # The places in the event that break its contract.
    violations: list[error_details_pb2.BadRequest.FieldViolation] = field(default_factory=list)
    # The delay after which the same call, with the same keys, may succeed; None if a retry cannot
    # help.
    retry_after: timedelta | None = None


def read_refusal(error: grpc.RpcError) -> Refusal:
    """Unpacks google.rpc.ErrorInfo, BadRequest, Help and RetryInfo."""
    refusal = Refusal(status=error.code().name, message=error.details() or "")
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            refusal.code = info.reason
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest()
            detail.Unpack(bad)
            refusal.violations = list(bad.field_violations)
        elif detail.Is(error_details_pb2.Help.DESCRIPTOR):
            explained = error_details_pb2.Help()
            detail.Unpack(explained)
            refusal.help = explained.links[0].url
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
            refusal.retry_after = retry.retry_delay.ToTimedelta()
    return refusal
