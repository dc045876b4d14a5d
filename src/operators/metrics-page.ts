import type { TextAnswer } from './text-answer.ts';

/** Renders all metrics, with the content type of the text. */
export type RenderMetrics = () => Promise<{
  readonly text: string;
  readonly contentType: string;
}>;

/**
 * The answer of `/metrics`: the page for Prometheus, or 500 with the reason why rendering failed.
 */
export function metricsPage(render: RenderMetrics): Promise<TextAnswer> {
  return render().then(
    (page) => ({ status: 200, ...page }),
    (error: Error) => ({ status: 500, text: `${error.message}\n` }),
  );
}
