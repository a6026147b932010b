"""What a preset may say.

No field has a default here: `presets/base.yaml` states each one once, with its source, and other presets extend it.
"""

from pydantic import model_validator

from cyberhost_cli.config.filters import FiltersConfig
from cyberhost_cli.config.inputs import (
    ConditionsConfig,
    DetectionConfig,
    GesturesConfig,
    PictureConfig,
    SpeechConfig,
    StoreConfig,
    TrackingConfig,
)
from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.config.preflight import PreflightConfig
from cyberhost_cli.config.running import DeviceConfig, MemoryConfig, OutputConfig, SamplingConfig
from cyberhost_cli.config.section import Positive, Section, expect
from cyberhost_cli.config.training import TrainingConfig


class Preset(Section):
    """Everything that decides what comes out, but for the inputs and the seed."""

    description: str
    checkpoint: str | None
    """Weights file, relative to the preset; none for a preset that only trains."""
    fps: Positive
    picture: PictureConfig
    detection: DetectionConfig
    tracking: TrackingConfig
    filters: FiltersConfig
    speech: SpeechConfig
    conditions: ConditionsConfig
    gestures: GesturesConfig
    preflight: PreflightConfig
    store: StoreConfig
    model: ModelConfig
    sampling: SamplingConfig
    output: OutputConfig
    device: DeviceConfig
    memory: dict[str, MemoryConfig]
    """How to keep to the memory of cards of several sizes; `device.memory` names one."""
    training: TrainingConfig

    @model_validator(mode="after")
    def _check(self) -> "Preset":
        self._check_poses()
        self._check_identity()
        self._check_picture()
        self._check_speech()
        self._check_plan()
        self._check_lengths()
        names, found = ", ".join(self.memory), self.device.memory
        expect(found in self.memory, "device.memory", f"one of {names}", found)
        return self

    def _check_poses(self) -> None:
        body, hands, maps = self.training.body_poses, self.training.hand_poses, self.model.priors.maps
        expect(body == 0 or "body" in maps, "training.body_poses", "0 without body in model.priors.maps", body)
        expect(hands == 0 or "hands" in maps, "training.hand_poses", "0 without hands in model.priors.maps", hands)
        expect(
            "hands" in maps or not self.gestures.unasked,
            "gestures.unasked",
            "false without hands in model.priors.maps",
            True,
        )
        together = body + hands
        expect(together <= 1, "training.body_poses", "at most 1 together with training.hand_poses", together)

    def _check_identity(self) -> None:
        features = self.model.identity_features
        expect(
            features is None or self.detection.embedder is not None,
            "detection.embedder",
            "one, since the model reads the identity of the face",
            self.detection.embedder,
        )

    def _check_picture(self) -> None:
        grid, factor = self.model.grid, self.model.autoencoder.factor
        for key, side in (("width", self.picture.width), ("height", self.picture.height)):
            expect(side % grid == 0, f"picture.{key}", f"a multiple of {grid}, the coarsest step of the model", side)
        crop = self.training.crop
        expect(crop % factor == 0, "training.crop", f"a multiple of {factor}, the step of the autoencoder", crop)

    def _check_speech(self) -> None:
        audio, speech = self.model.audio, self.speech
        expect(
            audio.vectors == speech.vectors,
            "model.audio.vectors",
            f"{speech.vectors}, which is (2 * speech.window + 1) * speech.steps_per_frame * speech.layers",
            audio.vectors,
        )
        expect(
            audio.features == speech.features,
            "model.audio.features",
            f"speech.features ({speech.features})",
            audio.features,
        )

    def _check_plan(self) -> None:
        sampled = self.sampling
        expect(sampled.plan == "windows" or not sampled.shift, "sampling.shift", "0 without windows", sampled.shift)
        expect(
            sampled.plan == "sequential" or sampled.deep_every == 1,
            "sampling.deep_every",
            "1 with windows, which are others in every step",
            sampled.deep_every,
        )

    def _check_lengths(self) -> None:
        motion, steps, limit = self.model.motion, self.sampling.steps, self.model.diffusion.train_steps
        expect(steps <= limit, "sampling.steps", f"at most model.diffusion.train_steps ({limit})", steps)
        carried = self.sampling.overlap + motion.frames
        expect(
            self.sampling.chunk_frames >= carried,
            "sampling.chunk_frames",
            f"at least {carried}, sampling.overlap plus model.motion.frames",
            self.sampling.chunk_frames,
        )
        room = motion.max_frames - motion.frames
        for key, frames in (
            ("sampling.chunk_frames", self.sampling.chunk_frames),
            ("training.frames", self.training.frames),
        ):
            expect(frames <= room, key, f"at most {room}, model.motion.max_frames less model.motion.frames", frames)
