import { startProducers, type Producers } from './producers.ts';

/*
 * Producers in a process of their own: what they measure is the gate, and not how busy the test is. It tells how long
 * its own event loop stopped, too.
 */

const [, , port, count, perSecond] = process.argv;
let producers: Producers | undefined;

process.on('message', (message: 'start' | 'stop') => {
  if (message === 'start') {
    producers = startProducers(Number(port), Number(count), Number(perSecond));
  } else void producers!.stop().then((report) => process.send!(report));
});
process.on('disconnect', () => process.exit());
process.send!('ready');
