// Image ids: one sequence for the whole process, shared by the images the series stage builds and those the queue reads back
// from disk, so that two images never have the same id. Ids fit the 32-bit field of a record header.

let last = 0;

/** A fresh image id, from 1. */
export function nextImageId(): number {
  last += 1;
  return last;
}
