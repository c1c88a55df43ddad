/** Which forms of the weights a benchmark can have here. */
import * as runtime from 'onnxruntime-node';
import type { ModelFolder } from '../../src/model/folder';
import { canMultiplyInt8 } from '../../src/model/sessions';

/** Whether the processor multiplies 8-bit weights right; where it does not, it is said that they are left out. */
export async function hasInt8(folder: ModelFolder): Promise<boolean> {
  const has = await canMultiplyInt8(runtime, folder);
  if (!has) {
    console.log('8-bit weights are left out: this processor has no instruction for 8-bit products (VNNI).');
  }
  return has;
}
