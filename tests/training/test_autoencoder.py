import dataclasses
import pickle

import numpy as np
import pytest
import torch

from cyberhost_cli.training.autoencoder import autoencoder_stage
from cyberhost_cli.training.dataset import open_dataset
from tests.training.prepared import loaded, model_of

SETTINGS = ("model.autoencoder.widths=[8,8,16]", "training.batch=20", "training.learning_rate=0.002")


PRESET = loaded("autoencoder", *SETTINGS)


@pytest.fixture(scope="module")
def dataset(dataset_folder):
    return open_dataset(dataset_folder, PRESET.preset)


@pytest.fixture
def stage(dataset):
    return autoencoder_stage(model_of(PRESET), dataset, PRESET.preset)


@pytest.fixture(scope="module")
def trained(dataset):
    """Train a little."""
    stage = autoencoder_stage(model_of(PRESET), dataset, PRESET.preset)
    optimiser = torch.optim.AdamW(stage.parameters.values(), lr=0.003)
    found = []
    for step in range(40):
        parts = stage.module(stage.batches(step, range(6)))
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
        found.append({name: each.item() for name, each in parts.items()})
    stage.settle()
    return stage, found


def test_training_reduces_the_loss(trained):
    _, found = trained
    first, last = (
        {name: np.mean([each[name] for each in part]) for name in found[0]} for part in (found[:3], found[-5:])
    )
    assert last["pixels"] < first["pixels"] / 1.5
    assert last["edges"] < first["edges"]


def test_latents_are_of_unit_size(trained, dataset):
    autoencoder = trained[0].module.model.autoencoder
    frames = np.concatenate([clip.film() for clip in dataset.clips])
    with torch.no_grad():
        latents = autoencoder.encode(torch.from_numpy(frames).permute(0, 3, 1, 2) / 127.5 - 1)
    assert latents.mean(dim=(0, 2, 3)).tolist() == pytest.approx([0] * 4, abs=0.1)
    assert latents.std(dim=(0, 2, 3)).tolist() == pytest.approx([1] * 4, abs=0.1)


def test_the_autoencoder_alone_is_trained(stage):
    names = {name for name, _ in stage.module.model.named_parameters() if name.startswith("autoencoder.")}
    assert set(stage.parameters) == names


def test_crops_are_parts_of_frames(stage, dataset):
    batch = stage.batches(2, range(20))
    assert batch.pixels.shape == (20, 32, 32, 3)
    assert batch.masks.shape == (20, 3, 8, 8)
    films = {clip.name: clip.film() for clip in dataset.clips}
    found = []
    for row in range(20):
        clip = dataset.clips[stage.batches.clip(2, row)]
        sides = [np.asarray(batch.pixels[row]), np.asarray(batch.pixels[row])[:, ::-1]]
        # Crops begin between cells of 4 pixels.
        places = [
            (top, left, turned)
            for frame in films[clip.name]
            for top in range(0, 33, 4)
            for left in range(0, 33, 4)
            for turned, pixels in enumerate(sides)
            if np.array_equal(frame[top : top + 32, left : left + 32], pixels)
        ]
        assert places, row
        found.append(places[0])
    assert len(set(found)) > 10
    assert {turned for _, _, turned in found} == {0, 1}


def test_neighbours_share_a_film(stage):
    for step in range(5):
        clips = [stage.batches.clip(step, row) for row in range(20)]
        assert all(len(set(clips[start : start + 5])) == 1 for start in range(0, 20, 5))
    assert {stage.batches.clip(step, row) for step in range(5) for row in range(20)} == {0, 1}


def test_crops_lie_around_faces_and_hands(stage):
    masks = torch.cat([stage.batches(step, range(20)).masks for step in range(6)]).float() / 255
    seen = (masks[:, :2].amax(dim=1) > 0.5).flatten(1).float().mean(dim=1)
    assert (seen > 0.05).float().mean() > 0.7


def test_batch_is_a_function_of_seed_step_and_row(stage):
    whole, other = stage.batches(5, range(20)), pickle.loads(pickle.dumps(stage.batches))
    parts = [other(5, range(9, 20)), other(5, range(9))][::-1]
    for field in dataclasses.fields(whole):
        told = torch.cat([getattr(part, field.name) for part in parts])
        assert torch.equal(getattr(whole, field.name), told), field.name
    assert not torch.equal(whole.seeds, stage.batches(6, range(20)).seeds)


def test_losses_are_means_over_the_rows(stage):
    def losses(rows):
        return {name: each.item() for name, each in stage.module(stage.batches(1, rows)).items()}

    whole, parts = losses(range(4)), (losses(range(1)), losses(range(1, 4)))
    for name, value in whole.items():
        assert (parts[0][name] + 3 * parts[1][name]) / 4 == pytest.approx(value, rel=1e-4), name


def test_mouths_count_more(dataset):
    def pixels(mouth):
        weights = PRESET.preset.training.loss.model_copy(update={"mouth": mouth, "face": 0.0, "hands": 0.0})
        training = PRESET.preset.training.model_copy(update={"loss": weights})
        stage = autoencoder_stage(model_of(PRESET), dataset, PRESET.preset.model_copy(update={"training": training}))
        batch = stage.batches(0, range(1))
        everywhere = torch.zeros_like(batch.masks)
        everywhere[:, 2] = 255
        return stage.module(dataclasses.replace(batch, masks=everywhere))["pixels"].item()

    assert pixels(6.0) == pytest.approx(7 * pixels(0.0))


def test_colours_are_changed_as_the_row_says(stage):
    batch = stage.batches(0, range(2))
    plain = dataclasses.replace(
        batch, channels=torch.arange(3).repeat(2, 1), gain=torch.ones(2, 3), offset=torch.zeros(2, 3)
    )
    shifted = dataclasses.replace(plain, pixels=plain.pixels.flip(-1), channels=torch.tensor([2, 1, 0]).repeat(2, 1))
    one, two, other = (stage.module(each)["loss"].item() for each in (plain, shifted, batch))
    assert one == two
    assert one != other
