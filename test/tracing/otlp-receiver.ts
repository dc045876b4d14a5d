import { startHttpServer, type RealHttpServer } from '../destinations/http-server.ts';

/** A span of OTLP in JSON, with its attributes as a plain object. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly service: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

export interface OtlpReceiver extends AsyncDisposable {
  readonly endpoint: string;
  spans(): ReceivedSpan[];
}

/** Receives spans from an exporter of OTLP over HTTP in JSON, like a collector. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const server: RealHttpServer = await startHttpServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  return {
    endpoint: `http://127.0.0.1:${server.port}`,
    spans: () =>
      server.received
        .filter(({ url }) => url === '/v1/traces')
        .flatMap(({ body }) => spansOf(JSON.parse(body.toString()) as Export)),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<ReceivedSpan, 'attributes' | 'links' | 'service'> & {
        readonly attributes?: readonly Attribute[];
        readonly links?: ReceivedSpan['links'];
      })[];
    }[];
  }[];
}

function spansOf({ resourceSpans }: Export): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...span,
        parentSpanId: span.parentSpanId ?? '',
        service: String(plain(resource.attributes)['service.name']),
        attributes: plain(span.attributes ?? []),
        links: span.links ?? [],
      })),
    ),
  );
}

function plain(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
