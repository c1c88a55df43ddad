/** Which forms of the weights a benchmark can have here. */
import * as runtime from 'onnxruntime-node';
import type { ModelFolder } from '../../src/model/folder';
import { addsBytesExactly } from '../../src/model/sessions';

/** Whether the processor multiplies 8-bit weights right; where it does not, it is said that they are left out. */
export async function hasInt8({ manifest, file }: ModelFolder): Promise<boolean> {
  const has = manifest.int8 !== undefined && (await addsBytesExactly(runtime, file(manifest.int8.products)));
  if (!has) {
    console.log('8-bit weights are left out: this processor has no instruction for 8-bit products (VNNI).');
  }
  return has;
}
