"""Counter-based random streams: the draws of the `planner` program, value for value.

A stream is ChaCha8 keyed by a mix of (seed, purpose, episode, step, candidate), so that no draw depends on when or
where it is made. `latents` gives those that `planner run` samples a generator with.
"""

import math

import numpy as np

PURPOSES = {"latent": 3, "weights": 5, "batch": 6, "train_latent": 7}
MASK = (1 << 64) - 1


def _split_mix(state: int) -> int:
    """SplitMix64's output function (Steele, Lea, Flood 2014)."""
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def _key(seed: int, *counters: int) -> np.ndarray:
    """The eight 32-bit words that a stream's generator is keyed by."""
    state, first, second = seed, [], []
    for counter in counters:
        state = _split_mix(state ^ counter * 0xD6E8FEB86659FD93 & MASK)
        first.append(state)
    for word in first:
        state = _split_mix(state ^ word)
        second.append(state)
    return np.array(second, dtype="<u8").view("<u4")


def _chacha8(key: np.ndarray, first: int, count: int) -> np.ndarray:
    """`count` blocks of ChaCha8's output from block `first` on, as 32-bit words."""
    x = np.zeros((16, count), dtype=np.uint32)
    x[:4] = np.frombuffer(b"expand 32-byte k", dtype="<u4")[:, None]
    x[4:12] = key[:, None]
    blocks = np.arange(first, first + count, dtype=np.uint64)
    x[12], x[13] = blocks & np.uint64(0xFFFFFFFF), blocks >> np.uint64(32)
    start = x.copy()

    def rotate(a: list[int], n: int) -> None:
        x[a] = (x[a] << np.uint32(n)) | (x[a] >> np.uint32(32 - n))

    def quarters(a: list[int], b: list[int], c: list[int], d: list[int]) -> None:
        for to, other, of, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[to] += x[other]
            x[of] ^= x[to]
            rotate(of, n)

    a, b, c, d = [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]
    for _ in range(4):
        quarters(a, b, c, d)
        quarters(a, b[1:] + b[:1], c[2:] + c[:2], d[3:] + d[:3])
    return (x + start).T.reshape(-1)


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Abscissae of 256 layers of equal area under exp(−x²/2), and its values there (Doornik 2005)."""
    x = np.zeros(257)
    x[0], x[1] = 3.910757959537090045, R
    area = x[0] * math.exp(-0.5 * R * R)
    for i in range(1, 255):
        x[i + 1] = math.sqrt(-2.0 * math.log(area / x[i] + math.exp(-0.5 * x[i] ** 2)))
    return x, np.exp(-0.5 * x * x)


R = 3.654152885361008796
X, F = _tables()


class Stream:
    """The stream of (`seed`, `purpose`) at the given counters; unused counters are 0."""

    def __init__(self, seed: int, purpose: str, episode: int = 0, step: int = 0, candidate: int = 0):
        self._key = _key(seed, PURPOSES[purpose], episode, step, candidate)
        self._words, self._at, self._blocks = np.zeros(0, dtype=np.uint32), 0, 0

    def _take(self, count: int) -> np.ndarray:
        """The next `count` 32-bit words."""
        missing = self._at + count - len(self._words)
        if missing > 0:
            more = _chacha8(self._key, self._blocks, blocks := -(-missing // 16))
            self._blocks += blocks
            self._words, self._at = np.concatenate([self._words[self._at :], more]), 0
        self._at += count
        return self._words[self._at - count : self._at]

    def bits(self) -> int:
        """64 random bits."""
        low, high = self._take(2)
        return int(low) | int(high) << 32

    def uniform(self) -> float:
        """A value in [0, 1)."""
        return (self.bits() >> 11) * 2.0**-53

    def uniforms(self, count: int) -> np.ndarray:
        """`count` float32 values in [0, 1)."""
        return (self._take(count) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)

    def normals(self, count: int) -> np.ndarray:
        """`count` float32 standard normal values, by the ziggurat."""
        out = np.empty(count)
        done = 0
        while done < count:
            words = self._take(2 * (count - done)).astype(np.uint64)
            bits = words[0::2] | words[1::2] << np.uint64(32)
            layer = (bits & np.uint64(0xFF)).astype(np.int64)
            u = (bits >> np.uint64(12)).astype(np.float64) * 2.0**-51 - 1.0
            x = u * X[layer]
            hard = np.nonzero(np.abs(x) >= X[layer + 1])[0]
            easy = int(hard[0]) if len(hard) else len(x)
            out[done : done + easy] = x[:easy]
            done += easy
            if len(hard):
                # The hard case takes further bits of its own: what was read behind it is read again.
                self._at -= 2 * (len(x) - easy - 1)
                found = self._hard(int(layer[easy]), float(u[easy]), float(x[easy]))
                if found is not None:
                    out[done] = found
                    done += 1
        return out.astype(np.float32)

    def _hard(self, layer: int, u: float, x: float) -> float | None:
        """The value of a draw outside of its layer's rectangle; nothing if it is rejected."""
        if layer > 0:
            kept = F[layer + 1] + (F[layer] - F[layer + 1]) * self.uniform() < math.exp(-0.5 * x * x)
            return x if kept else None
        while True:
            # In (0, 1), of 52 bits.
            a, b = (((self.bits() >> 12) + 0.5) * 2.0**-52 for _ in range(2))
            tail, depth = math.log(a) / R, math.log(b)
            if -2.0 * depth >= tail * tail:
                return tail - R if u < 0.0 else R - tail


def latents(n: int, size: int, seed: int = 0, episode: int = 0, step: int = 0) -> np.ndarray:
    """The independent latents (n, size) of decision number `step` of an episode, as the program has them."""
    return np.stack([Stream(seed, "latent", episode, step, i).normals(size) for i in range(n)])


def train_latents(states: int, samples: int, size: int, seed: int = 0, step: int = 0) -> np.ndarray:
    """The latents (states, samples, size) of a training step, as the program has them."""
    draw = (Stream(seed, "train_latent", b, step).normals(samples * size) for b in range(states))
    return np.stack([z.reshape(samples, size) for z in draw])
