// What happens a second, drawn by uPlot, which is fetched when a chart is shown. The same numbers stand in the text below it.
import { useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import type uPlot from 'uplot';
import { hourAndMinute } from '../format.ts';

export interface Series {
  readonly label: string;
  /** A colour of the theme: `--color-good`. */
  readonly color: string;
  readonly values: readonly number[];
}

interface ChartProps {
  /** Seconds since the epoch. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly height?: number;
}

/** A canvas knows no variables: the colour as the page has it now. */
function colorOf(element: HTMLElement, name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function optionsOf(element: HTMLElement, series: readonly Series[], height: number): uPlot.Options {
  const axis = {
    stroke: colorOf(element, '--color-soft'),
    grid: { stroke: colorOf(element, '--color-line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui',
  };
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    padding: [12, 8, 0, 0],
    scales: { y: { range: (_, __, max) => [0, Math.max(4, Math.ceil(max * 1.15))] } },
    axes: [
      { ...axis, space: 80, values: (_, splits) => splits.map((seconds) => hourAndMinute(seconds * 1000)) },
      { ...axis, size: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000] },
    ],
    series: [{}, ...series.map(({ label, color }) => ({ label, stroke: colorOf(element, color), width: 1.75, points: { show: false } }))],
  };
}

export function Chart({ times, series, height = 200 }: ChartProps): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ times, series });
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    latest.current = { times, series };
  });
  const names = series.map(({ label, color }) => `${label} ${color}`).join();
  useEffect(() => {
    const again = (): void => setTheme((n) => n + 1);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', again);
    window.addEventListener('themechange', again);
    return () => {
      dark.removeEventListener('change', again);
      window.removeEventListener('themechange', again);
    };
  }, []);
  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    let gone = false;
    const sized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    void import('uplot').then(({ default: Plot }) => {
      if (gone) return;
      const now = latest.current;
      plot.current = new Plot(optionsOf(element, now.series, height), dataOf(now.times, now.series), element);
      sized.observe(element);
    });
    return () => {
      gone = true;
      sized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
    // Made anew only when what is drawn changes in kind; the numbers come below.
  }, [names, height, theme]);
  useEffect(() => plot.current?.setData(dataOf(times, series)), [times, series]);
  return <div ref={place} aria-hidden="true" style={{ height }} className="w-full overflow-hidden" />;
}

const dataOf = (times: readonly number[], series: readonly Series[]): uPlot.AlignedData => [[...times], ...series.map(({ values }) => [...values])];
