/** A bell made by the page itself (no sound file): two tones for a request, a low one for a lost line. */

export interface Alarm {
  /** May this page be heard? A browser keeps it silent until somebody touches the page. */
  heard: () => boolean;
  /** After a touch or a key: let it sound. */
  unlock: () => Promise<boolean>;
  ring: (kind: 'request' | 'lost' | 'test') => void;
  close: () => void;
}

/** [frequency in Hz, from s, length s] */
const TONES: Record<'request' | 'lost' | 'test', readonly [number, number, number][]> = {
  request: [
    [880, 0, 0.18],
    [1175, 0.22, 0.18],
    [880, 0.44, 0.18],
    [1175, 0.66, 0.3],
  ],
  lost: [
    [330, 0, 0.45],
    [247, 0.5, 0.7],
  ],
  test: [[880, 0, 0.2]],
};

export function createAlarm(make: () => AudioContext = () => new AudioContext()): Alarm {
  let context: AudioContext | null = null;
  const opened = () => (context ??= make());
  return {
    heard: () => opened().state === 'running',
    async unlock() {
      const speaker = opened();
      // Chrome settles this promise only when sound is allowed: it is not waited for without end.
      await Promise.race([speaker.resume(), new Promise((done) => window.setTimeout(done, 500))]);
      return opened().state === 'running';
    },
    ring(kind) {
      const speaker = opened();
      if (speaker.state !== 'running') return;
      for (const [hertz, from, length] of TONES[kind]) {
        const tone = speaker.createOscillator();
        const loudness = speaker.createGain();
        const start = speaker.currentTime + from;
        tone.type = 'square';
        tone.frequency.value = hertz;
        loudness.gain.setValueAtTime(0, start);
        loudness.gain.linearRampToValueAtTime(0.35, start + 0.02);
        loudness.gain.setValueAtTime(0.35, start + length - 0.03);
        loudness.gain.linearRampToValueAtTime(0, start + length);
        tone.connect(loudness).connect(speaker.destination);
        tone.start(start);
        tone.stop(start + length);
      }
    },
    close: () => void context?.close(),
  };
}
