//! Sends orders to a gate: one event alone, a batch with one bad event, then the bad event alone.

use std::time::{Duration, SystemTime};

use serde_json::json;
use shop::contract::event_result::Status;
use shop::contract::{BatchTrackRequest, Event, TrackRequest};
use shop::{Gate, Refusal, connect, retried, within};
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8080".into());
    let key = std::env::var("HEADGATE_WRITE_KEY").unwrap_or_default();
    let mut gate = connect(&format!("http://{address}"), &key).await?;

    let first = order_completed("A-1001", 49.9);
    let second = order_completed("A-1002", 20.0);
    let bad = order_completed("A-1003", -5.0);
    track_alone(&mut gate, first.clone()).await;
    track_all(&mut gate, vec![first, second, bad.clone()]).await?;
    track_alone(&mut gate, bad).await;
    Ok(())
}

/// Creates an event with its idempotency key. Store them together, for example in your own
/// database: the event must have this key whenever it is sent again.
fn order_completed(order_id: &str, total: f64) -> Event {
    Event {
        event_name: "order_completed".into(),
        user_id: "u-1".into(),
        idempotency_key: Uuid::now_v7().to_string(),
        // As text, numbers keep all their digits.
        properties_json: json!({"order_id": order_id, "total": total, "currency": "EUR"})
            .to_string(),
        occurred_at: Some(SystemTime::now().into()),
        ..Event::default()
    }
}

/// Sends one event. If the gate does not accept it, the call fails, with details.
async fn track_alone(gate: &mut Gate, event: Event) {
    let request = TrackRequest { event: Some(event) };
    match retried(async || gate.track(within(DEADLINE, request.clone())).await).await {
        Ok(answer) => {
            println!(
                "alone: {}",
                answer
                    .into_inner()
                    .result
                    .unwrap_or_default()
                    .status()
                    .as_str_name()
            )
        }
        Err(status) => {
            let refusal = Refusal::from(&status);
            println!(
                "alone: {:?}: {}, see {}",
                refusal.status, refusal.code, refusal.help
            );
            for violation in &refusal.violations {
                println!("  {} {}", violation.field, violation.description);
            }
            if let Some(delay) = refusal.retry_after {
                println!("  send it again after {delay:?}");
            }
        }
    }
}

/// Sends events until each has a final verdict. The call of a batch succeeds even if some events do
/// not: RETRY is the verdict of one event, and retries of the call do not see it.
async fn track_all(gate: &mut Gate, events: Vec<Event>) -> Result<(), tonic::Status> {
    let mut waiting = events;
    while !waiting.is_empty() {
        let request = BatchTrackRequest {
            events: waiting.clone(),
            ..Default::default()
        };
        let answer =
            retried(async || gate.batch_track(within(DEADLINE, request.clone())).await).await?;
        let mut again = Vec::new();
        for result in answer.into_inner().results {
            let name = result.status().as_str_name();
            match result.status() {
                Status::Retry => again.push(waiting[result.index as usize].clone()),
                Status::Rejected => {
                    println!(
                        "batch: {name}: {}",
                        result.error.unwrap_or_default().message
                    )
                }
                // ACCEPTED, or DUPLICATE if it was stored before.
                _ => println!("batch: {name}"),
            }
        }
        if !again.is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        waiting = again;
    }
    Ok(())
}
