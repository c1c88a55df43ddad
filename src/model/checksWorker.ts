/** The thread that `checksBeside` starts. */
import { parentPort, workerData } from 'node:worker_threads';
import { answerOf } from './checks';

answerOf(workerData).then((answer) => parentPort?.postMessage(answer));
