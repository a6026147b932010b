"""The stage that distils guided sampling in many steps to few steps of one branch."""

import copy

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from cyberhost_cli.config.model import DiffusionConfig
from cyberhost_cli.config.running import GuidanceConfig
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.config.training import DistillationConfig
from cyberhost_cli.errors import UsageError
from cyberhost_cli.models.cyberhost import CyberHost, ReferenceInputs, WindowInputs
from cyberhost_cli.sampling import guidance
from cyberhost_cli.sampling.schedule import training_schedule
from cyberhost_cli.training.batch import Batch
from cyberhost_cli.training.dataset import Dataset
from cyberhost_cli.training.diffusion import DiffusionModule, nothing, prepare, trained, windows
from cyberhost_cli.training.levels import Levels
from cyberhost_cli.training.stage import Stage


def distillation_stage(model: CyberHost, dataset: Dataset, preset: Preset) -> Stage[Batch]:
    """Train all but the autoencoder to do in one step what the model, as it is now, does in several guided ones."""
    training = preset.training
    prepare(model, dataset, training)
    scales = {"reference": training.distillation.reference, "audio": training.distillation.audio}
    teacher = Teacher(model, preset.sampling.guidance.model_copy(update=scales), training.distillation)
    batches = windows(model, dataset, preset, teacher.starts)
    return Stage(trained(model, training), batches, DiffusionModule(model, training, teacher), nothing)


class Teacher(nn.Module):
    """A copy of the model that goes from a timestep of the student to the next by guided DDIM steps.

    Guidance goes into the student's weights (Meng et al., 2023), and several steps into one (Salimans and Ho, 2022),
    which may start anywhere on the way: on noisy pictures of the data, pure noise at the first.
    """

    alphas: Tensor
    rungs: Tensor

    def __init__(self, model: CyberHost, scales: GuidanceConfig, config: DistillationConfig) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.scales = scales
        self.kind = model.config.diffusion.prediction
        ladders = student_ladders(model.config.diffusion, config.steps, config.teacher_steps)
        self.starts = tuple(sorted(ladders[:, 0].tolist()))
        """Timesteps at which the student takes its steps, rising."""
        of_timestep = torch.full((model.config.diffusion.train_steps, config.teacher_steps + 1), -1)
        of_timestep[ladders[:, 0]] = ladders
        self.register_buffer("rungs", of_timestep, persistent=False)
        # The last step ends at a clean picture, which has no timestep; -1 finds it.
        cumulative = training_schedule(model.config.diffusion).alphas_cumprod
        self.register_buffer("alphas", torch.cat((cumulative, cumulative.new_ones(1))), persistent=False)

    @torch.no_grad()
    def forward(
        self,
        noisy: Float[Tensor, "b f c h w"],
        timesteps: Int64[Tensor, "b"],
        person: ReferenceInputs,
        window: WindowInputs,
    ) -> Float[Tensor, "b f c h w"]:
        """Return the picture by which one step of the student ends where all of the teacher's do."""
        clips = guidance.clip_contexts(self.model, person, self.scales)
        guided = guidance.branches(self.model, clips, window, self.scales)
        rungs = self.rungs[timesteps]
        levels = [Levels.of(self.alphas[each]) for each in rungs.unbind(1)]
        reached = noisy
        for here, there, timestep in zip(levels, levels[1:], rungs.unbind(1), strict=False):
            predicted = guidance.predict(
                self.model.denoiser, reached, timestep.float(), guided, self.scales.limit
            ).float()
            reached = here.step_to(there, reached, here.clean_by(self.kind, reached, predicted))
        return levels[0].clean_from_step(levels[-1], noisy, reached)


def student_ladders(config: DiffusionConfig, steps: int, teacher_steps: int) -> Int64[Tensor, "s k"]:
    """Return for each step of the student the teacher's timesteps in it and the next of the student; -1 is no noise.

    They are those of `sampling.solver=ddim`, whose spacing is trailing.

    Raises:
        UsageError: there are not so many timesteps.
    """
    count = steps * teacher_steps
    if count > config.train_steps:
        raise UsageError(
            f"{steps} steps of a student with {teacher_steps} of its teacher in each are {count}, "
            f"and there are {config.train_steps} timesteps",
            "lower training.distillation.steps or training.distillation.teacher_steps",
        )
    trailing = np.round(np.arange(config.train_steps, 0, -config.train_steps / count)).astype(np.int64) - 1
    rungs = torch.from_numpy(np.append(trailing[:count], -1))
    return torch.stack([rungs[start : start + teacher_steps + 1] for start in range(0, count, teacher_steps)])
