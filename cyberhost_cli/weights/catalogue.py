"""Weights of others that this program can use: what they are, where they come from, what their licence allows."""

import difflib
from dataclasses import dataclass

from cyberhost_cli.errors import CheckpointError


@dataclass(frozen=True)
class WeightsFile:
    """One file, to the byte."""

    name: str
    size: int
    """Bytes."""
    sha256: str


@dataclass(frozen=True)
class Entry:
    """Files that belong together, at one revision of a repository of the hub."""

    name: str
    purpose: str
    licence: str
    repo: str
    revision: str
    """Full hash of the commit, so that what is fetched never changes."""
    files: tuple[WeightsFile, ...]
    folder: str = ""
    """Where in the repository the files lie."""

    @property
    def megabytes(self) -> int:
        """Size of all files together."""
        return round(sum(file.size for file in self.files) / 1e6)


# The hub itself could not be read when this was written. Every revision, size and checksum stands in several public
# projects that pin these files and agree, as named; a file that differs is refused when it is fetched.
ENTRIES = (
    Entry(
        name="dwpose",
        purpose="finds people and their 133 keypoints (`detection.detector`)",
        licence="Apache-2.0",
        repo="yzd-v/DWPose",
        # Read off a cache of the hub in a public ComfyUI image; the checksums also stand in seruva19/ayase.
        revision="1a7144101628d69ee7a3768d1ee3a094070dc388",
        files=(
            WeightsFile("yolox_l.onnx", 216746733, "7860ae79de6c89a3c1eb72ae9a2756c0ccfbe04b7791bb5880afabd97855a411"),
            WeightsFile(
                "dw-ll_ucoco_384.onnx", 134399116, "724f4ff2439ed61afb86fb8a1951ec39c6220682803b4a8bd4f598cd913b1843"
            ),
        ),
    ),
    Entry(
        name="buffalo_l",
        purpose="finds faces and their identity (`detection.faces`, `detection.embedder`)",
        licence="non-commercial research only (InsightFace)",
        # A copy of InsightFace's own archive, whose members have these checksums: singhgur8/Sieve compared them.
        repo="public-data/insightface",
        revision="33c1063c49c785b7652d3fd529f86fa4f149392b",
        files=(
            WeightsFile("det_10g.onnx", 16923827, "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91"),
            WeightsFile(
                "w600k_r50.onnx", 174383860, "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43"
            ),
        ),
        folder="models/buffalo_l",
    ),
    Entry(
        name="wav2vec2-base-960h",
        purpose="hears speech (`speech.encoder: wav2vec2`)",
        licence="Apache-2.0",
        repo="facebook/wav2vec2-base-960h",
        # whit3rabbit/turbospark computed the checksums from a snapshot of this revision.
        revision="22aad52d435eb6dbaf354bdad9b0da84ce7d6156",
        files=(
            WeightsFile("config.json", 1596, "d3ec255c063d9f95057b553b19c20135b259875834a4fe9deb218a6be25b4cf3"),
            WeightsFile(
                "preprocessor_config.json", 159, "b225d617c025463b9e157e06afea8b90dc7078fc70b013c533328423e0486b4a"
            ),
            WeightsFile(
                "model.safetensors", 377607901, "8aa76ab2243c81747a1f832954586bc566090c83a0ac167df6f31f0fa917d74a"
            ),
        ),
    ),
    Entry(
        name="whisper-tiny",
        purpose="hears speech (`speech.encoder: whisper`)",
        licence="Apache-2.0",
        repo="openai/whisper-tiny",
        # The revision stands in He-Wu/LocalDramaAI, the checksums beside it in other installers of MuseTalk.
        revision="169d4a4341b33bc18d8881c4b69c2e104e1cc0af",
        files=(
            WeightsFile("config.json", 1983, "ffdccec4f3211f4c63310f2b7098f309fe70f3952cedc5e4d11e43f5b2379b98"),
            WeightsFile(
                "preprocessor_config.json", 184990, "9b5cd03a36fbb8a627c64d98a5b5b126ead95a77720723944487311f0110b666"
            ),
            WeightsFile(
                "model.safetensors", 151061672, "7ebd0e69e78190ffe1438491fa05cc1f5c1aa3a4c4db3bc1723adbb551ea2395"
            ),
        ),
    ),
)


def find(name: str) -> Entry:
    """Return the entry of this name.

    Raises:
        CheckpointError: there is none; the hint names the nearest one.
    """
    known = {entry.name: entry for entry in ENTRIES}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(f'`{good}`' for good in known)}"
        raise CheckpointError(f"no weights named `{name}`", hint)
    return known[name]
