"""Sampler: latents of a whole clip, chunk after chunk or in windows, with memory that does not grow with the clip."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from cyberhost_cli.config.running import MemoryConfig, SamplingConfig
from cyberhost_cli.models.cyberhost import CyberHost, ReferenceInputs, WindowInputs
from cyberhost_cli.sampling import blend
from cyberhost_cli.sampling.blocks import Blocks
from cyberhost_cli.sampling.chunks import Chunk, ChunkPlan
from cyberhost_cli.sampling.guidance import Guidance
from cyberhost_cli.sampling.noise import Noise
from cyberhost_cli.sampling.schedule import Solver
from cyberhost_cli.sampling.sending import send
from cyberhost_cli.sampling.span import Span
from cyberhost_cli.sampling.wavefront import Wavefront
from cyberhost_cli.sampling.windows import WindowPlan

Told = Callable[[int, int], None]
"""Told how many steps of chunks or windows are done, and how many there are in all."""
Inputs = Callable[[Int64[np.ndarray, "f"], Float[Tensor, "1 m c h w"]], WindowInputs]
"""Gives what the model is told of any frames and of the motion frames before them."""
Carry = Mapping[str, Tensor]


@dataclass(frozen=True)
class Part:
    """Some finished frames, and all that another process needs to go on after them with the very same result."""

    latents: Float[Tensor, "n c h w"]
    carry: dict[str, Tensor]
    """Tensors of the host, none sharing memory with another."""


class Sampler:
    """What stays the same for a clip: the reference's features, projected once."""

    def __init__(
        self, model: CyberHost, config: SamplingConfig, memory: MemoryConfig, reference: ReferenceInputs, noise: Noise
    ) -> None:
        self.model = model
        self.config = config
        self.memory = memory
        self.noise = noise
        self.latents = reference.latents
        with torch.inference_mode():
            self.guidance = Guidance(model, reference, config.guidance, self._solver().timesteps, memory.branches)

    def parts(self, frames: int) -> int:
        """Return how many parts `run` yields of a clip."""
        if self.config.plan == "windows":
            return -(-frames // self.config.chunk_frames)
        return self._chunks(frames).count

    def run(self, frames: int, inputs: Inputs, told: Told, carry: Carry | None = None) -> Iterator[Part]:
        """Yield the latents of each frame once, finished, in order, some at a time.

        With the carry of a part, only what comes after that part is made.
        """
        # Copies, since sums go on growing in place.
        here = {name: tensor.to(self.model.device, copy=True) for name, tensor in (carry or {}).items()}
        together = self.config.plan == "windows"
        return (self._together if together else self._in_turn)(frames, inputs, told, here)

    def first_motion(self) -> Float[Tensor, "1 m c h w"]:
        """Return the motion frames of the first chunk: the reference, repeated."""
        return self.latents[:, None].repeat(1, self.model.config.motion.frames, 1, 1, 1)

    def _chunks(self, frames: int) -> ChunkPlan:
        return ChunkPlan(frames, self.config.chunk_frames, self.config.overlap)

    def _in_turn(self, frames: int, inputs: Inputs, told: Told, carry: Carry) -> Iterator[Part]:
        """Yield chunk after chunk; each is told the last frames of the one before.

        Hallo decodes those and encodes them again; here their latents are carried as they are.
        """
        plan, steps = self._chunks(frames), self.config.steps
        first = int(carry.get("chunks", 0))
        motion = carry.get("motion", self.first_motion())
        held = carry.get("held", self.latents[:0])
        tick = _ticker(first * steps, plan.count * steps, told)
        for number in range(first, plan.count):
            chunk = plan.chunk(number)
            latents = self._chunk(chunk, inputs(np.arange(chunk.start, chunk.stop), motion), tick)
            end = chunk.frames - self.config.overlap
            motion = latents[None, end - motion.shape[1] : end]
            blended = blend.lay_over(held, latents)
            finished = plan.finished(number) - chunk.start
            held = blended[finished:]
            state = {"chunks": torch.tensor(number + 1), "motion": motion, "held": held}
            yield Part(blended[:finished], _on_host(state))

    @torch.inference_mode()
    def _chunk(self, chunk: Chunk, inputs: WindowInputs, tick: Callable[[], None]) -> Float[Tensor, "f c h w"]:
        window = self.guidance.window(inputs)
        span = self._span(range(chunk.start, chunk.stop))
        deep, made_for = None, None
        for step in range(self.config.steps):
            terms = self.guidance.terms(step)
            if step % self.config.deep_every == 0 or terms != made_for:
                deep, made_for = None, terms
            predicted, deep = self.guidance.predict(span.seen(step), step, window, deep)
            span.take(step, predicted)
            tick()
        return span.latents[0].to(self.latents.dtype)

    def _together(self, frames: int, inputs: Inputs, told: Told, carry: Carry) -> Iterator[Part]:
        """Yield frames that took all steps; in each, a frame gets the weighted mean of what its windows predict."""
        config = self.config
        plan = WindowPlan(frames, config.chunk_frames, config.overlap, config.shift)
        kinds = [self.guidance.terms(step) for step in range(config.steps)]
        ran = carry["ran"].tolist() if "ran" in carry else None
        front = Wavefront(plan, kinds, self.memory.windows, ran)
        blocks = Blocks(plan, self._span, carry)
        held = carry.get("held", self.latents[:0])
        tick = _ticker(front.done, front.total, told)
        given = front.finished - len(held)
        while given < frames:
            want = min(config.chunk_frames, frames - given)
            while len(held) < want:
                held = torch.cat((held, *self._pass(front, blocks, inputs, tick)))
            part, held = held[:want], held[want:]
            given += want
            yield Part(part, _on_host({"ran": torch.tensor(front.ran), "held": held, **blocks.state()}))

    @torch.inference_mode()
    def _pass(
        self, front: Wavefront, blocks: Blocks, inputs: Inputs, tick: Callable[[], None]
    ) -> list[Float[Tensor, "_f c h w"]]:
        """Run some windows; return the latents of the frames that thereby finish."""
        windows = front.next()
        steps = [window.step for window in windows]
        latents = torch.cat([blocks.seen(window) for window in windows])
        # Made anew in each step, so that memory holds the conditions of one pass alone.
        motion = self.first_motion()
        told = [inputs(np.arange(window.start, window.stop), motion) for window in windows]
        guided = self.guidance.window(_rows(told))
        predicted, _ = self.guidance.predict(latents, steps, guided)
        for row, window in enumerate(windows):
            blocks.add(window, predicted[row : row + 1])
            blocks.take(window.step, front.ran_one(window))
            tick()
        return [latents.to(self.latents.dtype) for latents in blocks.leave(front.finished)]

    def _solver(self) -> Solver:
        config = self.config
        return Solver(self.model.config.diffusion, config.solver, config.steps, config.spacing)

    def _span(self, frames: range, state: Carry | None = None) -> Span:
        return Span(frames, self._solver(), self._draw, state)

    def _draw(self, frames: range, step: int) -> Float32[Tensor, "1 f c h w"]:
        channels, height, width = self.latents.shape[1:]
        drawn = send(self.noise(frames, (channels, height, width), step), self.model.device)
        limit = self.config.noise_limit
        return drawn if limit is None or step > 0 else drawn.clamp(-limit, limit)


def _rows(told: Sequence[WindowInputs]) -> WindowInputs:
    """Return some windows as rows of one batch."""
    audio = [window.audio for window in told if window.audio is not None]
    pose = [window.pose for window in told if window.pose is not None]
    carried = [window.carried for window in told if window.carried is not None]
    held = [window.held for window in told if window.held is not None]
    return WindowInputs(
        torch.cat(audio) if audio else None,
        torch.cat(pose) if pose else None,
        torch.cat([window.clarity for window in told]),
        torch.cat([window.motion for window in told]),
        torch.cat(carried) if carried else None,
        torch.cat(held) if held else None,
    )


def _on_host(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors that will change, or are parts of larger ones."""
    return {name: tensor.to("cpu", copy=True).contiguous() for name, tensor in state.items()}


def _ticker(done: int, total: int, told: Told) -> Callable[[], None]:
    """Return what is called after each step of a chunk or window, of which some are done."""
    count = itertools.count(done + 1)
    return lambda: told(next(count), total)
