/** Which column is what, by headings in English, French and German as directories and staff systems write them. */
import { ListError } from './decode.ts'
import { quoted, shown } from '../problems.ts'

const headings = {
  id: 'id externalid employeeid employeenumber objectguid objectid guid entryuuid identifiant matricule personalnummer mitarbeiternummer',
  name: 'name displayname fullname nom nomcomplet nomaffiche anzeigename vollername vollstandigername',
  firstName: 'firstname givenname prenom vorname',
  lastName: 'lastname surname sn familyname nomdefamille nachname familienname',
  email:
    'email mail emailaddress mailaddress primaryemail primarysmtpaddress workemail adresseemail adressemail adresseelectronique courriel emailadresse mailadresse',
  aliases:
    'alias aliases otheraddresses otheremails proxyaddresses emailaliases autresadresses aliase weitereadressen weitereemailadressen',
  upn: 'upn userprincipalname signinname nomdeconnexion anmeldename',
  group: 'group groupe gruppe',
  locale: 'language locale preferredlanguage langue sprache',
  title:
    'title jobtitle position role titre poste fonction intituleduposte titel stelle funktion stellenbezeichnung berufsbezeichnung',
  department: 'department dept service departement departementservice abteilung bereich',
  office: 'office physicaldeliveryofficename room location bureau buro raum standort',
  phone:
    'phone telephone telephonenumber phonenumber workphone businessphone tel telephonebureau telephoneprofessionnel numerodetelephone telefon telefonnummer rufnummer durchwahl',
  mobile:
    'mobile mobilephone cell cellphone portable mobil mobiltelefon handy mobilnummer telephonemobile telephoneportable',
  homePhone: 'homephone telephonedomicile telefonprivat privattelefon',
  fax: 'fax faxnumber facsimiletelephonenumber telecopie faxnummer',
  manager: 'manager supervisor responsable superieur vorgesetzter vorgesetzte vorgesetzterin',
  hidden:
    'hidden hidefromaddressbook msexchhidefromaddresslists hiddenfromaddresslistsenabled masque masquer cache versteckt ausgeblendet',
  enabled: 'enabled active accountenabled actif activ aktiv aktiviert',
} as const
export type Field = keyof typeof headings

/** Of what the address book shows the first column counts: no list is refused for it. */
const LENIENT = new Set<Field>(
  'title department office phone mobile homePhone fax manager hidden'.split(' ') as Field[],
)

const fields = new Map<string, Field>()
for (const field of Object.keys(headings) as Field[])
  for (const heading of headings[field].split(' ')) fields.set(heading, field)

/** Without case, accents, spaces and marks: "E-Mail-Adresse" is emailadresse. */
const bare = (heading: string): string =>
  heading
    .normalize('NFD')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')

export interface Columns {
  /** where each field is */
  at: ReadonlyMap<Field, number>
  /** as written, in the order of the file */
  used: { heading: string; field: Field }[]
  unused: string[]
  width: number
}

const EXAMPLES = 'such as id;name;email;aliases;group'

export function columnsOf(cells: readonly string[]): Columns {
  const at = new Map<Field, number>()
  const columns: Columns = { at, used: [], unused: [], width: cells.length }
  for (const [index, heading] of cells.entries()) {
    const field = fields.get(bare(heading))
    if (field === undefined) {
      if (heading !== '') columns.unused.push(shown(heading))
      continue
    }
    const other = at.get(field)
    if (other !== undefined && LENIENT.has(field)) {
      columns.unused.push(shown(heading))
      continue
    }
    if (other !== undefined)
      throw new ListError(
        `The columns ${quoted(cells[other]!)} and ${quoted(heading)} both say the same (${field}). Leave one of them out.`,
      )
    at.set(field, index)
    columns.used.push({ heading: shown(heading), field })
  }
  if (!at.has('email'))
    throw new ListError(`No column has e-mail addresses: the first row must say what each column is, ${EXAMPLES}.`)
  if (!at.has('name') && !at.has('lastName'))
    throw new ListError(`No column has names: the first row must say what each column is, ${EXAMPLES}.`)
  return columns
}
