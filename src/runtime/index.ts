// Running graphs: the interface of engines and of folders. `rosetta-neurons/runtime/node` has the ones for Node.

export { devices, type Device, type Engine, type Outputs, type Session } from './engine.ts';
export { memoryFolder, type Folder } from '../files/folder.ts';
export { wrapSession } from './ort.ts';
export { runOnce } from './run-once.ts';
export { BatchSession, withSession } from './with-session.ts';
