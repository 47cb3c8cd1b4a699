/** What the reference says of the three sensitivities is what they are. */
import { expect, test } from 'vitest'
import { routeSettingsSchema } from '../directory/index.ts'
import { sensitivities, sensitivityNames } from './sensitivity.ts'

test("the settings' text names each sensitivity with its seconds", () => {
  const text = routeSettingsSchema.shape.sensitivity.description!
  for (const name of sensitivityNames) {
    const { emergencyAfter, recoverAfter, probeEvery } = sensitivities[name]
    const said = new RegExp(`${name}: [^.]*?([\\d.]+) s[^.]*? ([\\d.]+) s[^.]*? ([\\d.]+) s`).exec(text)
    expect(said?.slice(1).map(Number), name).toEqual([emergencyAfter, recoverAfter, probeEvery])
  }
})
