import { code } from './encode/code.ts';

/** The code that the methods of all events share: envelope, properties, JSON and key. Java 17. */
export const javaRuntime = code`/** The fields of an event beside its name and its properties. */
public static final class Envelope {
  private String userId = "";
  private String anonymousId = "";
  private String idempotencyKey;
  private Struct context;
  private Instant occurredAt;

  private Envelope() {}

  public static Envelope ofUser(String userId) {
    Envelope envelope = new Envelope();
    envelope.userId = userId;
    return envelope;
  }

  public static Envelope ofAnonymous(String anonymousId) {
    Envelope envelope = new Envelope();
    envelope.anonymousId = anonymousId;
    return envelope;
  }

  public Envelope userId(String value) {
    userId = value;
    return this;
  }

  public Envelope anonymousId(String value) {
    anonymousId = value;
    return this;
  }

  /** A UUID. Send the same one on every retry of this event. Default: a new UUIDv7. */
  public Envelope idempotencyKey(String value) {
    idempotencyKey = value;
    return this;
  }

  public Envelope context(Struct value) {
    context = value;
    return this;
  }

  /** The time by the producer's clock. */
  public Envelope occurredAt(Instant value) {
    occurredAt = value;
    return this;
  }
}

/** Members in the order in which they were set. */
public abstract static class Properties {
  final Map<String, Object> members = new LinkedHashMap<>();

  void put(String name, Object value) {
    members.put(name, value);
  }

  /** The properties as JSON. */
  @Override
  public final String toString() {
    StringBuilder text = new StringBuilder();
    Json.write(text, this);
    return text.toString();
  }
}

private static final class Json {
  static void write(StringBuilder text, Object value) {
    if (value instanceof Properties properties) {
      write(text, properties.members);
    } else if (value instanceof Map<?, ?> map) {
      String between = "";
      text.append('{');
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        text.append(between);
        writeText(text, String.valueOf(entry.getKey()));
        text.append(':');
        write(text, entry.getValue());
        between = ",";
      }
      text.append('}');
    } else if (value instanceof Iterable<?> items) {
      String between = "";
      text.append('[');
      for (Object item : items) {
        text.append(between);
        write(text, item);
        between = ",";
      }
      text.append(']');
    } else if (value == null || value instanceof Number || value instanceof Boolean) {
      if (value instanceof Double number && !Double.isFinite(number)) {
        throw new IllegalArgumentException("JSON cannot express " + number);
      }
      text.append(value);
    } else {
      writeText(text, value.toString());
    }
  }

  private static void writeText(StringBuilder text, String value) {
    text.append('"');
    for (int at = 0; at < value.length(); at++) {
      char character = value.charAt(at);
      if (character == '"' || character == '\\\\') {
        text.append('\\\\').append(character);
      } else if (character < ' ' || Character.isSurrogate(character)) {
        text.append(String.format("\\\\u%04x", (int) character));
      } else {
        text.append(character);
      }
    }
    text.append('"');
  }
}

/** A UUIDv7: the time in milliseconds, then random bits. */
public static String idempotencyKey() {
  long high = System.currentTimeMillis() << 16 | 0x7000 | RANDOM.nextInt(0x1000);
  long low = RANDOM.nextLong() & 0x3fffffffffffffffL | 0x8000000000000000L;
  return new UUID(high, low).toString();
}

/** In a message, half of a surrogate pair would become a question mark: another id, and accepted. */
private static String wholeText(String text) {
  if (text.codePoints().anyMatch(point -> point >= 0xd800 && point <= 0xdfff)) {
    throw new IllegalArgumentException("An id holds half of a surrogate pair.");
  }
  return text;
}

private static Event event(String name, int version, Envelope envelope, Properties properties) {
  String key = envelope.idempotencyKey == null ? idempotencyKey() : envelope.idempotencyKey;
  Event.Builder event =
      Event.newBuilder()
          .setEventName(name)
          .setUserId(wholeText(envelope.userId))
          .setAnonymousId(wholeText(envelope.anonymousId))
          .setIdempotencyKey(key)
          .setPropertiesJson(properties.toString())
          .setSchemaVersion(version);
  if (envelope.context != null) {
    event.setContext(envelope.context);
  }
  if (envelope.occurredAt != null) {
    Instant time = envelope.occurredAt;
    event.setOccurredAt(
        Timestamp.newBuilder().setSeconds(time.getEpochSecond()).setNanos(time.getNano()));
  }
  return event.build();
}`;
