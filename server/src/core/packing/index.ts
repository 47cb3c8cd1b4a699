/** Old bytes leave the database for packs in the blob store. */
export { createPacker, type Packer } from './packer.ts'
