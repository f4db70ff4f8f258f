// Image ids: one sequence for the whole process, shared by the images the series stage builds and those the queue reads back
// from disk, so that two images never have the same id. Ids fit the 32-bit field of a record header.

let last = 0;

/** A fresh image id, from 1. After 2^32 of them, which takes years, it begins anew. */
export function nextImageId(): number {
  last = last === 0xffff_ffff ? 1 : last + 1;
  return last;
}
