//! Sends one event. docs/send/clients.md shows these lines.

use shop::contract::{Event, TrackRequest};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = format!("http://{}", std::env::var("HEADGATE_ADDRESS")?);
    let mut gate = shop::connect(&address, "").await?;
    let event = Event {
        event_name: "order_completed".into(),
        user_id: "u-1".into(),
        idempotency_key: uuid::Uuid::new_v4().to_string(), // one per event, same on every retry
        properties_json: r#"{"order_id": "A-1", "total": 49.9, "currency": "EUR"}"#.into(),
        ..Event::default()
    };
    let answer = gate.track(TrackRequest { event: Some(event) }).await?;
    println!("{:?}", answer.into_inner().result);
    Ok(())
}
