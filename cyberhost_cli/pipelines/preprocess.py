"""Preprocess: files become a bundle, and a picture or film of what was found."""

from dataclasses import dataclass
from pathlib import Path

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.errors import UsageError
from cyberhost_cli.media.bundle import Parts, write_bundle
from cyberhost_cli.pipelines import overlay
from cyberhost_cli.pipelines.drive import Drivers, check_drivers, drive
from cyberhost_cli.pipelines.prepare import prepare_reference, prepare_speech
from cyberhost_cli.pipelines.progress import Progress

SEED = 0
"""Of gestures in bundles, which are made for any video; it is what `generate` takes where it is told none."""


@dataclass(frozen=True)
class Job:
    """What is to be prepared, and where it goes."""

    reference: Path
    speech: Path | None
    out: Path
    overlay: Path | None
    drivers: Drivers


def preprocess_file(job: Job, loaded: LoadedPreset, tracking: Progress) -> Parts:
    """Write the bundle, and the overlay if one is wanted; `tracking` is told of the frames of a driving video.

    Raises:
        CyberHostError: an input, the preset or the output cannot be used; no bundle is written.
    """
    check_drivers(job.drivers)
    if job.drivers.kind is not None and job.speech is None:
        raise UsageError("poses are fitted to the length of a recording, and there is none", "give the recording too")
    if job.overlay is not None:
        overlay.check(job.overlay, film=job.speech is not None)
    speech = None if job.speech is None else prepare_speech(job.speech, loaded)
    person = prepare_reference(job.reference, loaded)
    driving = None if speech is None else drive(job.drivers, person, speech, loaded, tracking, SEED)
    parts = Parts(person, speech, driving)
    sources = [path for path in (job.reference, job.speech, job.drivers.path) if path is not None]
    # The bundle last: it says that all is done.
    if job.overlay is not None:
        overlay.write(job.overlay, parts, loaded)
    write_bundle(job.out, parts, loaded.name, sources)
    return parts
