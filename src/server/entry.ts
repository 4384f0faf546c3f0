// `prismq/server`: the HTTP interface for programs that serve it themselves, alone or mounted in a framework.
export { createApp } from '../http/app.ts';
export type { AppOptions, HttpApp } from '../http/app.ts';
export type { RequestEvent } from '../http/answer.ts';
export type { Rate } from '../http/buckets.ts';
export { listen, nodeHandler } from '../http/node.ts';
export type { Certificate, Listening, ListenOptions } from '../http/node.ts';
export type { Family, Sample } from '../http/openmetrics.ts';
export type { Origin } from '../http/origin.ts';
export { createTokenVerifier } from './jwt.ts';
export type { IssuerSettings } from './jwt.ts';
