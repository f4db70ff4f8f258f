// The disk of the queue's tests is the one of the simulation: see test/support/sim/disk.ts.

export { createSimulatedDisk, type Faults, type SimulatedDisk } from '../../support/sim/disk.ts';
