/** Letters on paper: emergency codes for everybody. */
export { issueLetters, type LetterWish } from './issue.ts'
export { codeStanding, type CodeStanding } from '../../store/emergency-codes.ts'
