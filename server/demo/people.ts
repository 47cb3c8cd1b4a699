/** Who lives in the demo. The passwords are printed: nothing here is secret, and nothing listens beyond loopback. */
export const demoDomain = 'harbour.test'

export interface DemoPerson {
  name: string
  address: string
  password: string
}

export const people: readonly DemoPerson[] = [
  { name: 'Alice Moreau', address: `alice@${demoDomain}`, password: 'tide-lantern-alice' },
  { name: 'Bob Lindqvist', address: `bob@${demoDomain}`, password: 'tide-lantern-bob' },
  { name: 'Carol Okafor', address: `carol@${demoDomain}`, password: 'tide-lantern-carol' },
]

export const administrator = { name: 'admin', display: 'Demo administrator', password: 'tide-lantern-admin' } as const
