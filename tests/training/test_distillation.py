import dataclasses

import pytest
import torch

from cyberhost_cli.errors import UsageError
from cyberhost_cli.sampling import guidance
from cyberhost_cli.sampling.schedule import Solver
from cyberhost_cli.training.dataset import open_dataset
from cyberhost_cli.training.diffusion import DiffusionModule, reference_inputs
from cyberhost_cli.training.distillation import Teacher, distillation_stage, student_ladders
from cyberhost_cli.training.levels import Levels
from tests.training.prepared import loaded, model_of, with_latents

ROWS = range(4)
SETTINGS = (
    "training.distillation.steps=2",
    "training.distillation.teacher_steps=3",
    "training.distillation.reference=1.5",
    "training.distillation.audio=2.0",
    "training.drop_audio=0",
    "training.drop_reference=0",
)


@pytest.fixture(scope="module")
def dataset(dataset_folder):
    return open_dataset(dataset_folder, loaded("distillation").preset)


@pytest.fixture
def make_stage(dataset):
    def make(*more):
        preset = loaded("distillation", *SETTINGS, *more)
        model = model_of(preset)
        with torch.no_grad():
            for parameter in model.denoiser.parameters():
                if not parameter.any():
                    # Freshly made, the model would predict the reference whatever the noise.
                    parameter.normal_(std=0.1)
        return distillation_stage(model, with_latents(dataset, model), preset.preset)

    return make


def told(stage, batch):
    """Return what the teacher is told of the batch."""
    return reference_inputs(batch), stage.module.window_inputs(batch)


def test_ladders_are_those_of_the_solver():
    config = loaded("distillation").preset.model.diffusion
    for steps, teacher_steps in ((4, 4), (1, 8), (3, 2), (8, 1)):
        ladders = student_ladders(config, steps, teacher_steps)
        student, teacher = Solver(config, "lcm", steps), Solver(config, "ddim", steps * teacher_steps)
        assert ladders.shape == (steps, teacher_steps + 1)
        assert tuple(ladders[:, 0].tolist()) == student.timesteps
        assert tuple(ladders[:, :-1].flatten().tolist()) == teacher.timesteps
        assert tuple(ladders[:, -1].tolist()) == (*student.timesteps[1:], -1)


def test_more_steps_than_timesteps_are_refused():
    with pytest.raises(UsageError, match="are 1010, and there are 1000 timesteps"):
        student_ladders(loaded("distillation").preset.model.diffusion, 101, 10)


def test_rows_start_at_the_student_s_steps(make_stage):
    stage = make_stage()
    found = {each for step in range(3) for each in stage.batches(step, ROWS).timesteps.tolist()}
    assert found == {999, 499}


@pytest.mark.parametrize("prediction", ["sample", "v_prediction"])
def test_the_target_is_where_guided_sampling_ends(make_stage, prediction):
    """One step of all is what `generate` does with the solver and the guidance, from pure noise to a picture."""
    settings = ("training.distillation.steps=1", "training.distillation.teacher_steps=4", "training.terminal=1")
    stage = make_stage(*settings, f"model.diffusion.prediction={prediction}")
    batch = stage.batches(0, ROWS)
    person, window = told(stage, batch)
    teacher = stage.module.teacher
    noise = torch.randn(batch.latents.shape, generator=torch.Generator().manual_seed(0))
    target = teacher(noise, batch.timesteps, person, window)
    for row in (0, 3):
        one = dataclasses.replace(person, **{n: v[row, None] for n, v in vars(person).items() if v is not None})
        seen = dataclasses.replace(window, **{n: v[row, None] for n, v in vars(window).items() if v is not None})
        with torch.no_grad():
            clips = guidance.clip_contexts(teacher.model, one, teacher.scales)
            guided = guidance.branches(teacher.model, clips, seen, teacher.scales)
            ddim = Solver(teacher.model.config.diffusion, "ddim", 4)
            expected = ddim.begin(noise[row, None])
            for timestep in ddim.timesteps:
                predicted = guidance.predict(teacher.model.denoiser, expected, torch.tensor([timestep]), guided, None)
                expected = ddim.step(predicted, expected, lambda: None)
        torch.testing.assert_close(target[row, None], expected, atol=1e-3, rtol=1e-3)


def test_the_student_learns_several_guided_steps(make_stage):
    settings = ("training.distillation.teacher_steps=2", "training.motion_noise=0.3")
    stage = make_stage(*settings, "training.loss.mask=0", "training.loss.heatmap=0")
    module: DiffusionModule = stage.module
    optimiser = torch.optim.AdamW(stage.parameters.values(), lr=5e-4)
    before = {name: each.clone() for name, each in module.teacher.state_dict().items()}
    batch = stage.batches(0, range(2))
    found = []
    for _ in range(10):
        parts = module(batch)
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
        found.append(parts["diffusion"].item())
    # At first the student is the teacher, whose own single step without guidance ends somewhere else.
    assert found[-1] < 0.8 * found[0]
    after = module.teacher.state_dict()
    assert all(torch.equal(each, after[name]) for name, each in before.items())
    assert not any(name.startswith("autoencoder.") for name in stage.parameters)


def test_a_teacher_of_one_step_without_guidance_teaches_what_is_known(make_stage):
    settings = ("teacher_steps=1", "reference=1", "audio=1")
    stage = make_stage(*(f"training.distillation.{each}" for each in settings))
    assert stage.module(stage.batches(0, ROWS))["diffusion"].item() < 1e-6


def test_the_student_lands_where_the_teacher_does(make_stage):
    stage = make_stage()
    batch = stage.batches(0, ROWS)
    teacher: Teacher = stage.module.teacher
    noisy = torch.randn(batch.latents.shape, generator=torch.Generator().manual_seed(0))
    target = teacher(noisy, batch.timesteps, *told(stage, batch))
    rungs = teacher.rungs[batch.timesteps]
    start, end = (Levels.of(teacher.alphas[rungs[:, each]]) for each in (0, -1))
    reached = start.step_to(end, noisy, target)
    # The last step ends at the picture itself.
    last = batch.timesteps == 499
    assert last.any()
    torch.testing.assert_close(reached[last], target[last])
