"""A small network that reads wishes: which weather, which time of day, how much, or none of these.

A word is itself, if the grammar of wishes has it, else a strange word; and the pieces of its
spelling, after Bojanowski et al. 2017 (fastText, section 3.2), so that a slip of the pen is no
other word. Attention over the words (Vaswani et al. 2017, equation 1) tells "rain" from "no rain".

Legend: N = sentences, L = words, P = pieces of a word, E = entries of an embedding.
"""

import zlib
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from parhelion.generators._wish_clock import HOUR, LONGEST, NUMBER, sentence, with_hour
from parhelion.generators._wish_words import Amount, Gone
from parhelion.generators._wishes import Lexicon, Phrase, Wish
from parhelion.pipeline.conditions import TimeOfDay, Weather

# What the heads say, in an order that does not depend on the lists of words.
WEATHERS = tuple(weather for weather in Weather if weather is not Weather.UNKNOWN)
DAYTIMES = tuple(time for time in TimeOfDay if time is not TimeOfDay.UNKNOWN)
AMOUNTS: tuple[Amount, ...] = ("light", "heavy")
GONE: tuple[Gone, ...] = ("rain", "snow", "fog", "clouds", "sun", "bad weather")

PIECES, BUCKETS = 20, 4096  # of a word; among which their hashes fall
E, HEADS, DEPTH = 64, 4, 2
NOTHING, STRANGE = 0, 1  # numbers of the words that are none
MISSPELT, NAMELESS = 0.1, 0.3  # of sentences, and of strange words whose spelling is withheld


class Words(NamedTuple):
    """Sentences as numbers."""

    words: Tensor  # (N, L) int64; NOTHING after the last
    pieces: Tensor  # (N, L, P) int64; 0 after the last


class Said(NamedTuple):
    """What is read out of sentences, as logits."""

    weather: Tensor  # (N, 1 + weathers); the first: nothing is said of it
    time: Tensor  # (N, 1 + times of day)
    amount: Tensor  # (N, 1 + amounts)
    without: Tensor  # (N, 1 + what can go)
    granted: Tensor  # (N,) whether it can be granted at all


class Block(nn.Module):
    """A word beside its neighbours, attention, and a layer on every word, each on what is
    normalised before. Of its place a word knows its neighbours only: sentences of other forms
    have them too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.beside = nn.Conv1d(E, E, 3, padding=1)
        self.before, self.between = nn.LayerNorm(E), nn.LayerNorm(E)
        self.queries, self.out = nn.Linear(E, 3 * E), nn.Linear(E, E)
        self.each = nn.Sequential(nn.Linear(E, 2 * E), nn.GELU(), nn.Linear(2 * E, E))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """X (N, L, E) after looking at the words that are `there` (N, L)."""
        n, length = x.shape[:2]
        near = self.beside(x.transpose(1, 2)).transpose(1, 2)
        x = (x + functional.gelu(near)) * there[..., None]
        q, k, v = (
            part.reshape(n, length, HEADS, -1).transpose(1, 2)
            for part in self.queries(self.before(x)).chunk(3, dim=2)
        )
        seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None])
        x = x + self.out(seen.transpose(1, 2).reshape(n, length, E))
        told: Tensor = (x + self.each(self.between(x))) * there[..., None]
        return told


class TextEncoder(nn.Module):
    """Reads sentences of the words in `lexicon`, and bears with others."""

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__()
        self.numbers = {word: i + 2 for i, word in enumerate((HOUR, NUMBER, *lexicon.words))}
        self.names = lexicon.names
        self.word = nn.Embedding(len(self.numbers) + 2, E)
        self.piece = nn.EmbeddingBag(BUCKETS, E, mode="mean", padding_idx=0)
        for table in (self.word, self.piece):
            nn.init.normal_(table.weight, std=0.3)
        self.blocks = nn.ModuleList([Block() for _ in range(DEPTH)])
        self.last = nn.LayerNorm(E)
        sizes = (*(1 + len(of) for of in (WEATHERS, DAYTIMES, AMOUNTS, GONE)), 1)
        self.looks = nn.Linear(E, len(sizes))  # how much each head looks at a word
        self.heads = nn.ModuleList([nn.Linear(2 * E, size) for size in sizes])

    def numbered(
        self, sentences: Sequence[Sequence[str]], nameless: NDArray[np.bool_] | None = None
    ) -> Words:
        """Words and their pieces; strange ones have no pieces where `nameless` (N, L) is true."""
        longest = max(1, *(len(words) for words in sentences))
        ids = np.zeros((len(sentences), longest), dtype=np.int64)
        pieces = np.zeros((len(sentences), longest, PIECES), dtype=np.int64)
        for n, words in enumerate(sentences):
            for i, word in enumerate(words):
                ids[n, i] = self.numbers.get(word, STRANGE)
                if ids[n, i] != STRANGE or nameless is None or not nameless[n, i]:
                    found = pieces_of(word)
                    pieces[n, i, : len(found)] = found
        return Words(torch.from_numpy(ids), torch.from_numpy(pieces))

    def forward(self, words: Words) -> Said:
        """What these sentences say."""
        x, there = self.embedding(words)
        looks = self.looks(x).masked_fill(~there[..., None], -1e4).softmax(dim=1)
        most = x.masked_fill(~there[..., None], -1e4).amax(dim=1)
        weather, time, amount, without, granted = (
            head(torch.cat([(x * looks[..., i : i + 1]).sum(dim=1), most], dim=1))
            for i, head in enumerate(self.heads)
        )
        return Said(weather, time, amount, without, granted[:, 0])

    def embedding(self, words: Words) -> tuple[Tensor, Tensor]:
        """Words in their sentences (N, L, E), and which are there (N, L)."""
        there = words.words != NOTHING
        spelt = self.piece(words.pieces.flatten(0, 1)).unflatten(0, words.words.shape)
        x = self.word(words.words) + spelt
        x = x * there[..., None]
        for block in self.blocks:
            x = block(x, there)
        return self.last(x), there

    def loss(self, phrases: Sequence[Phrase], random: np.random.Generator) -> Tensor:
        """Cross-entropy of what the phrases mean, now and then misspelt."""
        sentences = [sentence(phrase.text).words[:LONGEST] for phrase in phrases]
        misspelt = random.random((len(phrases), 1)) < MISSPELT
        sentences = [
            _misspelt(s, random) if slip else s
            for s, (slip,) in zip(sentences, misspelt, strict=True)
        ]
        nameless = ~misspelt & (random.random((len(phrases), LONGEST)) < NAMELESS)
        device = self.word.weight.device
        said = self(Words(*(part.to(device) for part in self.numbered(sentences, nameless))))
        wishes = [phrase.wish for phrase in phrases]
        can = torch.tensor([wish is not None for wish in wishes], device=device)
        wanted = torch.tensor([_classes(wish or Wish()) for wish in wishes], device=device)
        total = functional.binary_cross_entropy_with_logits(said.granted, can.float())
        for logits, of_head in zip(said[:-1], wanted.T, strict=True):
            apart = functional.cross_entropy(logits, of_head, reduction="none")
            total = total + (apart * can).sum() / can.sum().clamp(min=1)
        return total

    @torch.inference_mode()
    def read(self, text: str) -> tuple[Wish, float]:
        """The wish that a text is, and how sure that is, 0..1; 0 where it says nothing."""
        words, hours = sentence(text)
        if not words or len(words) > LONGEST:
            return Wish(), 0.0
        spelt = [mended(word, self.numbers, self.names) for word in words]
        device = self.word.weight.device
        said = self(Words(*(part.to(device) for part in self.numbered([spelt]))))
        best = [logits[0].softmax(dim=0).max(dim=0) for logits in said[:-1]]
        sure = float(said.granted[0].sigmoid()) * min(float(found.values) for found in best)
        wish = _wish_of(*(int(found.indices) for found in best))
        dated = with_hour(wish, hours)
        if dated is None or dated == Wish() or not _coherent(dated):
            return wish, 0.0
        return dated, sure


@lru_cache(maxsize=65536)  # sentences share their words
def pieces_of(word: str) -> tuple[int, ...]:
    """Buckets 1.. of the runs of three and four letters of a word, its ends marked."""
    marked = f"<{word}>"
    runs = [marked[i : i + n] for n in (3, 4) for i in range(len(marked) - n + 1)]
    return tuple(zlib.crc32(run.encode()) % (BUCKETS - 1) + 1 for run in runs[:PIECES])


def mended(word: str, known: Collection[str], names: Iterable[str]) -> str:
    """The only name that `word` is but for one slip of the pen; else itself. What is known or has
    three letters is left alone.
    """
    if word in known or len(word) < 4:
        return word
    meant = [name for name in names if word in _slips(name)]
    return meant[0] if len(meant) == 1 else word


@lru_cache(maxsize=1024)
def _slips(name: str) -> frozenset[str]:
    """A word with two letters swapped, one left out or doubled, or the wrong one doubled.

    The first letter stays. An exchanged letter is no slip: it makes too many other words, "railing"
    of "raining", and is left to the pieces of spelling.
    """
    places = range(1, len(name))
    double = [i for i in places[1:] if name[i] == name[i - 1]]
    return frozenset(
        [name[:i] + name[i + 1] + name[i] + name[i + 2 :] for i in places[:-1]]
        + [name[:i] + name[i + 1 :] for i in places]
        + [name[:i] + name[i - 1 :] for i in range(1, len(name) + 1)]
        + [name[: i - 1] + name[i - 2] + name[i:] for i in double if i > 1]
        + [name[:i] + name[i + 1] + name[i + 1 :] for i in double if i + 1 < len(name)]
    )


def _misspelt(words: Sequence[str], random: np.random.Generator) -> tuple[str, ...]:
    """One letter of one longer word exchanged for another."""
    longer = [i for i, word in enumerate(words) if len(word) > 4 and word[0] != "<"]
    if not longer:
        return tuple(words)
    i = longer[int(random.integers(len(longer)))]
    at, letter = int(random.integers(1, len(words[i]))), chr(97 + int(random.integers(26)))
    return (*words[:i], words[i][:at] + letter + words[i][at + 1 :], *words[i + 1 :])


def _classes(wish: Wish) -> list[int]:
    """What each head is to say. The hour is read off the clock, by rule."""
    time = None if wish.hour is not None else wish.time
    return [
        (None, *WEATHERS).index(wish.weather),
        (None, *DAYTIMES).index(time),
        (None, *AMOUNTS).index(wish.amount),
        (None, *GONE).index(wish.without),
    ]


def _wish_of(weather: int, time: int, amount: int, without: int) -> Wish:
    """The wish of these classes."""
    return Wish(
        (None, *WEATHERS)[weather],
        (None, *DAYTIMES)[time],
        (None, *AMOUNTS)[amount],
        without=(None, *GONE)[without],
    )


def _coherent(wish: Wish) -> bool:
    """Whether an amount is one of a weather, and nothing goes where a weather comes."""
    return wish.without is None if wish.weather else wish.amount is None
