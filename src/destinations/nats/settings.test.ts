import { describe, expect, it } from 'vitest';

import { StartError } from '../../errors.ts';
import type { DestinationSettings } from '../destination.ts';
import { readNatsSettings } from './settings.ts';
import { parseSubject, tokenOf } from './subject.ts';

const settings: DestinationSettings = {
  url: 'tls://nats-1:4222, tls://nats-2:4223',
  subject: 'orders.{event_name}.{source}',
  stream: 'ORDERS',
  user: 'gate',
  password: 'hidden',
  tls_ca: '/etc/ca.pem',
  timeout: 1_000,
  batch_events: 10,
};

describe('readNatsSettings', () => {
  it('reads servers, login and TLS', () => {
    expect(readNatsSettings('next', settings)).toMatchObject({
      servers: ['nats-1:4222', 'nats-2:4223'],
      stream: 'ORDERS',
      login: { kind: 'user', user: 'gate', password: 'hidden' },
      tls: { caFile: '/etc/ca.pem' },
      timeoutMs: 1_000,
      batchEvents: 10,
    });
  });

  it.each<[DestinationSettings, string]>([
    [{ url: 'nats-1' }, 'next.url: write nats://'],
    [{ url: 'http://nats-1:4222' }, 'next.url: write nats://'],
    [{ url: 'tls://nats-1:4222,' }, 'next.url: write nats://'],
    [{ url: 'tls://gate:hidden@nats-1:4222' }, 'set user and password in its place'],
    [{ url: 'tls://127.0.0.1:1' }, 'write host names, not addresses'],
    [{ url: 'tls://a:1,tls://[::1]:1' }, 'write host names, not addresses'],
    [{ url: 'tls://a:1,nats://b:1' }, 'write all of them alike'],
    [{ url: 'nats://a:1' }, 'next.tls_ca: needs'],
    [{ stream: 'a.b' }, 'next.stream'],
    [{ format: 'avro' }, 'next.format: use one of headgate, cloudevents, cloudevents_binary'],
    [{ user: null }, 'set user and password together'],
    [{ token: 'hidden' }, 'set one of user, token and creds_file'],
    [{ creds_file: '/a.creds' }, 'set one of user, token and creds_file'],
    [{ subject: 'orders.*' }, 'next.subject: "orders.*" cannot be in a subject'],
    [{ subject: 'orders.>' }, 'cannot be in a subject'],
    [{ subject: 'orders {source}' }, 'cannot be in a subject'],
    [{ subject: 'orders..{source}' }, 'it has an empty part'],
    [{ subject: '' }, 'it has an empty part'],
    [{ subject: 'orders.{user_id}' }, '{user_id} is not known'],
    [{ subject: 'orders.{source' }, 'cannot be in a subject'],
    [{ subject: '$JS.API.{source}' }, 'belong to NATS'],
    [{ subject: '_INBOX.{source}' }, 'belong to NATS'],
    [{ subject: 'x'.repeat(257) }, 'longer than 256'],
  ])('refuses %j and says how to fix it', (more, text) => {
    const read = (): unknown => readNatsSettings('next', { ...settings, ...more });
    expect(read).toThrow(StartError);
    expect(read).toThrow(text);
    expect(read).not.toThrow('hidden');
  });

  it('takes a subject of 256 characters', () => {
    const read = readNatsSettings('next', { ...settings, subject: 'x'.repeat(256) });
    expect(read.subject).toHaveLength(256);
  });
});

describe('the subject of an event', () => {
  it('has each value as one part, and different values stay different', () => {
    expect(tokenOf('order_completed-2')).toBe('order_completed-2');
    expect(tokenOf('a.b')).toBe('a%2Eb');
    expect(tokenOf('a%2Eb')).toBe('a%252Eb');
    expect(tokenOf('* >\r\n')).toBe('%2A%20%3E%0D%0A');
    expect(tokenOf('')).toBe('%');
  });

  it('is made of the template', () => {
    const fail = (fault: string): never => {
      throw new Error(fault);
    };
    const subjectOf = parseSubject('a.{source}-x.{event_name}.{event_id}', fail);
    const event = { eventId: 'e-1', eventName: 'order_paid', source: 's', timestamp: '' };
    expect(subjectOf({ ...event, idempotencyKey: 'k' })).toBe('a.s-x.order_paid.e-1');
  });
});
