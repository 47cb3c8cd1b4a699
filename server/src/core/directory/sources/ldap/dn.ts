/** DNs as they are compared: without case, and without the spaces that some write between their parts. */
export const sameDn = (dn: string): string => dn.toLowerCase().replaceAll(/ *([,=+]) */g, '$1')
