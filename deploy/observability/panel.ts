import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueGraphMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import type { Panel as GrafanaPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import { ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** Names of Grafana's units: events per second, seconds, a share of 1, bytes, plain numbers. */
export type Unit = 'eps' | 's' | 'percentunit' | 'bytes' | 'short';

export interface Query {
  readonly expression: string;
  /** `{{label}}` stands for a label's value. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** What the panel shows. */
  readonly description: string;
  /** A `figure` is one current number, with its history behind it. */
  readonly kind: 'graph' | 'figure';
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Width in columns, of 24. Default: 12 for a graph, 4 for a figure. */
  readonly width?: number;
  /** A figure is red from this value on. */
  readonly redFrom?: number;
}

/** A variable, so that a dashboard works with any Prometheus. */
export const source = { type: 'prometheus', uid: '${datasource}' } as const;

export function buildPanel(panel: Panel, id: number): Builder<GrafanaPanel> {
  return (panel.kind === 'graph' ? buildGraph(panel) : buildFigure(panel)).id(id);
}

function queriesOf(panel: Panel): DataqueryBuilder[] {
  return panel.queries.map(({ expression, legend }, index) =>
    new DataqueryBuilder()
      .refId('ABCDEFGH'[index]!)
      .datasource(source)
      .expr(expression)
      .legendFormat(legend)
      .range(),
  );
}

function buildGraph(panel: Panel): TimeseriesBuilder {
  return new TimeseriesBuilder()
    .title(panel.title)
    .description(panel.description)
    .datasource(source)
    .unit(panel.unit)
    .min(0)
    .height(8)
    .span(panel.width ?? 12)
    .fillOpacity(8)
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs([]),
    )
    .targets(queriesOf(panel));
}

function buildFigure(panel: Panel): StatBuilder {
  const steps = [{ value: null, color: panel.redFrom === undefined ? 'blue' : 'green' }];
  const red = panel.redFrom === undefined ? [] : [{ value: panel.redFrom, color: 'red' }];
  return new StatBuilder()
    .title(panel.title)
    .description(panel.description)
    .datasource(source)
    .unit(panel.unit)
    .height(4)
    .span(panel.width ?? 4)
    .graphMode(BigValueGraphMode.Area)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(
      new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...steps, ...red]),
    )
    .targets(queriesOf(panel));
}
