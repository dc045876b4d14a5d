// Sends requests that the gate refuses before their bodies have arrived, with curl, and counts how many of the
// answers were read. curl waits for 100 Continue by itself where a body is large, except where a trial says so.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const pieceBytes = 64 * 1024;

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));

function argumentsOf(trial) {
  const { url, http, method, headers, bytes, pauseMs, chunked, status } = trial;
  const body = path.resolve(`body-${bytes}`);
  if (!existsSync(body)) writeFileSync(body, Buffer.alloc(bytes, ' '));
  const all = chunked ? { 'transfer-encoding': 'chunked', ...headers } : headers;
  const http2 = url.startsWith('https') ? '--http2' : '--http2-prior-knowledge';
  const given = ['-s', '-S', '-X', method, '--cacert', plan.ca, '-m', '60', '-w', '\n%{http_code}'];
  given.push(http === '2' ? http2 : '--http1.1', '-T', body);
  if (http === '2') delete all['transfer-encoding'];
  if (all.expect === undefined) given.push('-H', 'Expect:');
  for (const [name, value] of Object.entries(all)) given.push('-H', `${name}: ${value}`);
  if (pauseMs > 0) given.push('--limit-rate', String(Math.floor((pieceBytes * 1000) / pauseMs)));
  return { given: [...given, url], status };
}

function send(trial) {
  const { given, status } = argumentsOf(trial);
  return new Promise((resolve) => {
    execFile('curl', given, (error, stdout) => {
      const at = stdout.lastIndexOf('\n');
      const seen = Number(stdout.slice(at + 1));
      if (error !== null) resolve(`${error.message.split('\n').at(-2)}, status ${seen}`);
      else resolve(seen === status && at > 0 ? '' : `status ${seen}, ${at} bytes`);
    });
  });
}

for (const each of plan.cases) {
  const runs = Array.from({ length: each.runs });
  const faults = [];
  if (each.pauseMs > 0) faults.push(...(await Promise.all(runs.map(() => send(each)))));
  else for (const _ of runs) faults.push(await send(each));
  console.log(JSON.stringify({ id: each.id, faults }));
}
