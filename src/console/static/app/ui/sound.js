// @ts-check
// Tones, made here: no file is fetched, and nothing sounds until somebody has switched it on.
import { sound } from '../store/prefs.js';

/** @type {AudioContext | null} */ let context = null;
/** How many tones were played; tests count them. */
export const played = { alert: 0, ring: 0 };

/** @param {'alert' | 'ring'} kind */
export function play(kind) {
  if (!sound.peek()) return;
  context ??= new AudioContext();
  played[kind]++;
  const start = context.currentTime,
    notes = kind === 'ring' ? [660, 880, 660, 880] : [880, 587];
  notes.forEach((pitch, i) => {
    const at = start + i * 0.18,
      tone = /** @type {AudioContext} */ (context).createOscillator(),
      level = /** @type {AudioContext} */ (context).createGain();
    tone.frequency.value = pitch;
    level.gain.setValueAtTime(0, at);
    level.gain.linearRampToValueAtTime(0.12, at + 0.02);
    level.gain.exponentialRampToValueAtTime(0.001, at + 0.16);
    tone.connect(level).connect(/** @type {AudioContext} */ (context).destination);
    tone.start(at);
    tone.stop(at + 0.17);
  });
}
