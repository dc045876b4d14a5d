//! The way of every event, whatever protocol it came by: validate, publish, wait for the acknowledgement.

use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::{Context, message::PublishMessage};

use crate::contract::Contracts;
use crate::event::{self, Draft, Request, ValidEvent};
use crate::verdict::{Fault, Status, Verdict};

pub struct Acceptor {
    pub contracts: Contracts,
    pub jetstream: Context,
}

/// An event whose acknowledgement may still be on its way.
struct Pending {
    verdict: Verdict,
    ack: Option<PublishAckFuture>,
}

impl Acceptor {
    pub async fn accept(&self, request: &Request<'_>, sent: Result<Draft<'_>, Fault>) -> Verdict {
        self.begin(request, sent).await.finish().await
    }

    /// All events are published before the first acknowledgement is awaited.
    pub async fn accept_all(
        &self,
        request: &Request<'_>,
        sent: Vec<Result<Draft<'_>, Fault>>,
    ) -> Vec<Verdict> {
        let mut pending = Vec::with_capacity(sent.len());
        for event in sent {
            pending.push(self.begin(request, event).await);
        }
        let mut verdicts = Vec::with_capacity(pending.len());
        for event in pending {
            verdicts.push(event.finish().await);
        }
        verdicts
    }

    async fn begin(&self, request: &Request<'_>, sent: Result<Draft<'_>, Fault>) -> Pending {
        let mut verdict = Verdict {
            idempotency_key: String::new(),
            event_id: String::new(),
            status: Status::Accepted,
            schema_version: 0,
            sequence: 0,
            fault: None,
        };
        let valid = sent.and_then(|draft| {
            verdict.event_id = event::event_id(&draft.idempotency_key);
            let valid = event::validate(&self.contracts, request, &draft, &verdict.event_id);
            verdict.idempotency_key = draft.idempotency_key.into_owned();
            valid
        });
        let event = match valid {
            Ok(event) => event,
            Err(fault) => {
                verdict.status = Status::Rejected;
                verdict.fault = Some(fault);
                return Pending { verdict, ack: None };
            }
        };
        verdict.schema_version = event.schema_version;
        match self.publish(request, event).await {
            Ok(ack) => Pending {
                verdict,
                ack: Some(ack),
            },
            Err(reason) => Pending {
                verdict: not_stored(verdict, reason),
                ack: None,
            },
        }
    }

    async fn publish(
        &self,
        request: &Request<'_>,
        event: ValidEvent,
    ) -> Result<PublishAckFuture, String> {
        let mut headers = HeaderMap::new();
        headers.insert("Headgate-Correlation-Id", request.correlation_id.as_str());
        headers.insert("Headgate-Door", request.protocol);
        let message = PublishMessage::build()
            .headers(headers)
            .message_id(event.message_id)
            .payload(event.payload.into());
        let sent = self.jetstream.send_publish(event.subject, message).await;
        sent.map_err(|error| error.to_string())
    }
}

impl Pending {
    async fn finish(self) -> Verdict {
        let Self { mut verdict, ack } = self;
        let Some(ack) = ack else { return verdict };
        match ack.await {
            Ok(ack) => {
                verdict.sequence = ack.sequence;
                if ack.duplicate {
                    verdict.status = Status::Duplicate;
                }
                verdict
            }
            Err(error) => not_stored(verdict, error.to_string()),
        }
    }
}

fn not_stored(verdict: Verdict, reason: String) -> Verdict {
    let fault = Fault::new("not_stored", format!("Not stored: {reason}."));
    Verdict {
        status: Status::Retry,
        fault: Some(fault),
        ..verdict
    }
}
