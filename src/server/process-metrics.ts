// What a server says of its own process: memory, time, how long the event loop keeps things waiting, connections, the file.
import { statSync } from 'node:fs';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { gauge } from '../http/openmetrics.ts';
import type { Family } from '../http/openmetrics.ts';

export interface ProcessMeter {
  families(): Promise<readonly Family[]>;
  stop(): void;
}

interface Subject {
  readonly version: string;
  readonly file: string;
  readonly connections: () => Promise<number>;
}

const RESOLUTION_MS = 20;

export function meterProcess({ version, file, connections }: Subject): ProcessMeter {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let seen = performance.eventLoopUtilization();
  return {
    async families() {
      const used = performance.eventLoopUtilization(seen);
      seen = performance.eventLoopUtilization();
      const lag = (
        [
          ['0.5', delay.percentile(50)],
          ['0.99', delay.percentile(99)],
          ['1', delay.max],
        ] as const
      ).map(([quantile, ns]) => ({ labels: { quantile }, value: lagOf(ns) }));
      delay.reset();
      return [
        { name: 'prismq_build', type: 'info', help: 'what runs', samples: [{ suffix: '_info', labels: { version, node: process.versions.node }, value: 1 }] },
        ...memory(),
        { name: 'prismq_event_loop_lag_seconds', type: 'gauge', unit: 'seconds', help: 'how late timers fired, since these were read last', samples: lag },
        gauge('prismq_event_loop_utilization_ratio', 'time the event loop was busy, since this was read last', used.utilization, 'ratio'),
        gauge('prismq_http_connections', 'open connections', await connections()),
        { name: 'prismq_store_bytes', type: 'gauge', unit: 'bytes', help: 'files of the queue', samples: filesOf(file) },
      ];
    },
    stop: () => void delay.disable(),
  };
}

/** The first of all is as long as the resolution; and what was not measured is no number. */
const lagOf = (ns: number): number => (Number.isFinite(ns) ? Math.max(0, ns / 1e9 - RESOLUTION_MS / 1000) : 0);

function memory(): Family[] {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const heap = Object.entries({ used: heapUsed, total: heapTotal, external });
  return [
    gauge('process_resident_memory_bytes', 'memory of the process', rss, 'bytes'),
    {
      name: 'prismq_heap_bytes',
      type: 'gauge',
      unit: 'bytes',
      help: 'memory of JavaScript',
      samples: heap.map(([kind, value]) => ({ labels: { kind }, value })),
    },
    {
      name: 'process_cpu_seconds',
      type: 'counter',
      unit: 'seconds',
      help: 'time of processors',
      samples: [{ suffix: '_total', value: (user + system) / 1e6 }],
    },
    gauge('process_start_time_seconds', 'when the process began', performance.timeOrigin / 1000, 'seconds'),
  ];
}

function filesOf(file: string): Family['samples'] {
  const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return [
    { labels: { file: 'main' }, value: sizeOf(file) },
    { labels: { file: 'wal' }, value: sizeOf(`${file}-wal`) },
  ];
}
