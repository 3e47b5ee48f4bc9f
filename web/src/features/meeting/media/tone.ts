/** Two short tones through the loudspeaker. Resolves when they have ended; rejects where the browser has no sound. */
export async function playTone(): Promise<void> {
  const context = new AudioContext()
  try {
    await context.resume()
    const gain = context.createGain()
    gain.gain.value = 0.2
    gain.connect(context.destination)
    for (const [index, hertz] of [660, 880].entries()) {
      const tone = context.createOscillator()
      tone.frequency.value = hertz
      tone.connect(gain)
      tone.start(context.currentTime + index * 0.4)
      tone.stop(context.currentTime + index * 0.4 + 0.3)
    }
    await new Promise((resolve) => setTimeout(resolve, 900))
  } finally {
    await context.close()
  }
}
