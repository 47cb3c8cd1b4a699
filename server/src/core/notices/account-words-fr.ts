/** French. */
import { quoted, type PersonWords, type Said } from './account-said.ts'

const decider = ({ fact, isOperator }: Said): string =>
  isOperator ? `${fact('decider')} (exploitant de cette installation)` : fact('decider')
const delayed = ({ fact }: Said): string[] =>
  fact('basis') === '' ? [] : ['', `Vous l’apprenez plus tard, pour ce motif : ${fact('basis')}`]

export const fr: PersonWords = {
  dear: (person) => `Bonjour ${person},`,
  doubt: ({ contact }) =>
    `Si vous n’en savez rien, ou si cela ne devrait pas être, demandez tout de suite à ${contact ?? 'votre administrateur'}.`,
  automatic: 'Ce message a été envoyé automatiquement. Il ne contient aucun lien et ne demande jamais de mot de passe.',
  atTheServer: 'une personne sur le serveur même',
  bodies: {
    'access-asked': (said) => ({
      subject: `on demande l’accès à la boîte de ${said.fact('mailbox')}`,
      lines: [
        said.isHandOver
          ? `${said.fact('asker')} demande à faire de la boîte de ${said.fact('mailbox')} une boîte partagée. La raison donnée :`
          : `${said.fact('asker')} demande à lire la boîte de ${said.fact('mailbox')}. La raison donnée :`,
        '',
        ...quoted(said.fact('reason')),
        '',
        `Vous pouvez approuver ou refuser dans l’administration, sous Accès aux boîtes, jusqu’au ${said.time('until')}. Assurez-vous vous-même que c’est justifié : vous en répondez autant que la personne qui demande.`,
      ],
    }),
    'access-approved': (said) => ({
      subject: said.isHandOver ? 'votre boîte peut devenir une boîte partagée' : 'votre boîte peut être lue',
      lines: [
        said.isHandOver
          ? `${said.fact('asker')} peut faire de votre boîte ${said.address} une boîte partagée jusqu’au ${said.time('until')}. Ses membres liront alors ce qu’elle contient.`
          : `${said.fact('asker')} peut lire votre boîte ${said.address} jusqu’au ${said.time('until')}. Rien ne peut y être modifié ni envoyé.`,
        '',
        'La raison donnée :',
        ...quoted(said.fact('reason')),
        '',
        `Approuvé par ${decider(said)}.`,
        ...delayed(said),
      ],
    }),
    'access-opened': (said) => ({
      subject: 'votre boîte a été ouverte',
      lines: [
        `${said.fact('asker')} a ouvert votre boîte ${said.address} le ${said.time('at')} et peut y lire jusqu’au ${said.time('until')}. Ce qui est lu est consigné.`,
        '',
        'La raison donnée :',
        ...quoted(said.fact('reason')),
        '',
        `Approuvé par ${decider(said)}.`,
        ...delayed(said),
      ],
    }),
    'access-over': (said) => ({
      subject: 'votre boîte est de nouveau fermée',
      lines: [
        `Depuis le ${said.time('at')}, ${said.fact('asker')} ne peut plus lire votre boîte ${said.address}${said.fact('by') === '' ? ' : le délai est écoulé' : ` : ${said.fact('by')} y a mis fin`}.`,
        said.fact('isOpened') === '1'
          ? 'Elle a été ouverte pendant ce temps.'
          : 'Elle n’a pas été ouverte pendant ce temps.',
        ...delayed(said),
      ],
    }),
    'handed-over': (said) => ({
      subject: 'votre boîte est maintenant partagée',
      lines: [
        `Votre boîte ${said.address} est devenue une boîte partagée, ou a de nouveaux membres. Ils lisent ce qu’elle contient.`,
        '',
        `Demandé par ${said.fact('asker')}, approuvé par ${said.fact('decider')}. La raison donnée :`,
        ...quoted(said.fact('reason')),
      ],
    }),
    'password-reset': (said) => ({
      subject: 'votre mot de passe a été remplacé',
      lines: [
        `Le ${said.time('at')}, ${said.fact('by')} a défini un nouveau mot de passe pour ${said.address}. L’ancien n’est plus valable, et vos sessions ont pris fin.`,
      ],
    }),
    'codes-made': (said) => ({
      subject: 'une lettre avec des codes de secours a été imprimée',
      lines: [
        `Le ${said.time('at')}, ${said.fact('by')} a imprimé une lettre avec des codes de secours pour ${said.address}. La personne qui la détient peut se connecter à votre place ; une lettre antérieure n’est plus valable.`,
        'Si elle ne vous parvient pas en quelques jours, faites remplacer les codes.',
      ],
    }),
    'second-factor-removed': (said) => ({
      subject: 'la connexion en deux étapes a été désactivée',
      lines: [
        `Le ${said.time('at')}, ${said.fact('by')} a désactivé la connexion en deux étapes pour ${said.address}.`,
      ],
    }),
  },
}
