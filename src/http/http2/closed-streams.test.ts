import v8 from 'node:v8';
import vm from 'node:vm';

import { expect, test } from 'vitest';

import { errorCode, frameType, initialWindowBytes, settingId } from './frames.ts';
import { frameOf, openRawServer, request, setting, settled, uint32 } from './raw-peer.fixture.ts';
import type { Http2Stream } from './stream.ts';

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc') as () => void;

const { resetStream, windowUpdate } = frameType;

test('streams that are reset while the connection window is 0 leave nothing behind', async () => {
  const begun: WeakRef<Http2Stream>[] = [];
  await using server = await openRawServer(
    (stream) => {
      begun.push(new WeakRef(stream));
      stream.respond(200, {});
      stream.end(Buffer.alloc(stream.id === 1 ? initialWindowBytes + 1 : 10));
    },
    { resetsBurst: 10_000 },
  );
  const peer = await server.handshake(setting(settingId.initialWindowSize, 2 ** 31 - 1));
  peer.send(request(1, true));
  await settled(peer);
  const last = 2 * 2000 + 1;
  for (let id = 3; id <= last; id += 2) {
    peer.send(request(id, true));
    // They have to wait for the window before they are reset.
    if (id % 100 === 1) await settled(peer);
    if (id % 100 !== 1) continue;
    for (let old = Math.max(3, id - 98); old <= id; old += 2)
      peer.send(frameOf(resetStream, 0, old, uint32(errorCode.cancel)));
  }
  await settled(peer);
  collectGarbage();
  await settled(peer);
  collectGarbage();
  expect(begun).toHaveLength(2001);
  expect(begun.filter((stream) => stream.deref() !== undefined).length).toBeLessThan(10);
  // The stream that stayed open goes on when the window opens.
  peer.send(frameOf(windowUpdate, 0, 0, uint32(10)));
  await peer.next(({ type, flags, streamId }) => type === 0 && flags === 1 && streamId === 1);
});
