import json
import pickle
import shutil

import numpy as np
import pytest

from cyberhost_cli.errors import InputError
from cyberhost_cli.media import sound
from cyberhost_cli.media.truth import read_truth
from cyberhost_cli.media.video import read_frames
from cyberhost_cli.preprocess.speech.features import encode
from cyberhost_cli.training.dataset import open_dataset
from cyberhost_cli.weights.store import finder

NAMES = ("keypoints", "speech", "faces", "hands", "deviation", "masks", "identity", "mouth")


@pytest.fixture(scope="module")
def dataset(dataset_folder, preset):
    return open_dataset(dataset_folder, preset)


def test_clip_holds_what_training_needs(dataset, clips_folder, preset):
    assert [each.name for each in dataset.clips] == ["000000", "000001"]
    clip = dataset.clips[0]
    assert len(clip) == 14
    assert clip.size == (64, 64)
    assert clip.faces.shape == (14, 16, 16, 3)
    assert clip.hands.shape == (14, 2, 16, 16, 3)
    assert clip.identity.shape == (0,)
    assert clip.faces[0].mean() > 80
    assert clip.hands[0, 0].mean() > 100  # the left hand's square
    assert (clip.hands[:, 1] == 0).all()  # no right hand
    assert (clip.deviation[:, 0] > 0.5).all()
    assert (clip.deviation[:, 1] == 0).all()
    known = read_truth(clips_folder / "000000.safetensors")
    np.testing.assert_array_equal(clip.keypoints, known.keypoints)
    np.testing.assert_array_equal(clip.mouth, known.mouth)
    np.testing.assert_array_equal(clip.film(), np.concatenate(list(read_frames(clips_folder / "000000.mp4", 9))))
    samples = sound.resample_mono(sound.read_recording(clips_folder / "000000.wav", preset.speech), 16000)
    np.testing.assert_array_equal(clip.speech, encode(samples, preset.speech, 25, finder(preset.store)))
    assert clip.facts()["actor"] == 7


def test_masks_lie_where_the_parts_are(dataset, preset):
    masks = dataset.clips[0].masks[0] / 255
    cell = preset.model.autoencoder.factor
    assert masks.shape == (3, 64 // cell, 64 // cell)
    face, hands, mouth = masks
    # The face's middle is at (26, 19), the hand's at (26, 50), the mouth's at (26, 25).
    assert [each[19 // cell, 26 // cell] == 1 for each in (face, hands)] == [True, False]
    assert [each[50 // cell, 26 // cell] == 1 for each in (face, hands)] == [False, True]
    assert mouth[25 // cell, 26 // cell] > 0.9
    assert mouth.sum() < face.sum() / 4


def test_another_process_reads_the_same(dataset):
    text = pickle.dumps(dataset)
    assert len(text) < 5000
    there = pickle.loads(text)
    for here, other in zip(dataset.clips, there.clips, strict=True):
        for name in NAMES:
            np.testing.assert_array_equal(getattr(here, name), getattr(other, name))
    rows = [(step, row) for step in range(9) for row in range(3)]
    assert [dataset.clip(*each) for each in rows] == [there.clip(*each) for each in rows]


def test_arrays_are_read_only_where_they_lie(dataset):
    for name in NAMES:
        array = getattr(dataset.clips[1], name)
        assert not array.flags.owndata or not array.size
        assert not array.flags.writeable or not array.size


def test_rows_of_a_batch_take_clips_of_all_shards(dataset, preset):
    assert dataset.counts == (1, 1)
    assert dataset.batch == preset.training.batch == 3
    steps = [[dataset.clip(step, row) for row in range(3)] for step in range(20)]
    assert all(set(rows) == {0, 1} for rows in steps)
    assert [dataset.index(step, 0, 1) for step in range(20)] != [dataset.index(step, 0, 2) for step in range(20)]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"picture": {"width": 128}}, "picture.width 64, the preset has 128"),
        ({"fps": 24}, "fps 25, the preset has 24"),
        ({"speech": {"window": 1}}, "speech.window 2, the preset has 1"),
    ],
)
def test_a_dataset_of_another_preset_is_refused(dataset_folder, preset, changed, told):
    update = {
        name: getattr(preset, name).model_copy(update=value) if isinstance(value, dict) else value
        for name, value in changed.items()
    }
    with pytest.raises(InputError, match=told) as raised:
        open_dataset(dataset_folder, preset.model_copy(update=update))
    assert "cyberhost preprocess" in raised.value.hint


def test_how_long_one_trains_does_not_matter(dataset_folder, preset):
    longer = preset.model_copy(update={"training": preset.training.model_copy(update={"steps": 9})})
    assert open_dataset(dataset_folder, longer).clips


def test_what_is_no_dataset_is_refused(clips_folder, dataset_folder, preset, tmp_path):
    with pytest.raises(InputError, match="holds clips, not a dataset") as raised:
        open_dataset(clips_folder, preset)
    assert f"cyberhost preprocess {clips_folder} --dataset" in raised.value.hint
    with pytest.raises(InputError, match="there is no folder"):
        open_dataset(tmp_path / "nowhere", preset)
    with pytest.raises(InputError, match="holds no dataset"):
        open_dataset(tmp_path, preset)
    broken = shutil.copytree(dataset_folder, tmp_path / "broken")
    (broken / "shard-000001.tar").write_bytes((broken / "shard-000001.tar").read_bytes()[:-100])
    with pytest.raises(InputError, match=r"shard-000001.tar` is missing or cut off"):
        open_dataset(broken, preset)
    told = json.loads((broken / "dataset.json").read_text())
    for text in (json.dumps({**told, "shards": [{}]}), "{", "[]"):
        (broken / "dataset.json").write_text(text)
        with pytest.raises(InputError, match=r"dataset.json` is damaged"):
            open_dataset(broken, preset)
