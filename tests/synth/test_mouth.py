import numpy as np
import pytest

from cyberhost_cli.synth import actor, body, clips, keypoints, mouth, speech
from cyberhost_cli.synth.speech import RATE, Speech
from cyberhost_cli.types import FACE


def say(words):
    return speech.speak(words, "en-us", 140, 50)


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_silence_closes_the_mouth(seed):
    person, anatomy = actor.random_actor(seed), body.load()
    silence = Speech(np.zeros(RATE, np.float32), (), "")
    actions = mouth.move(silence, 5, 25, width=1.0, seal=clips.seal(anatomy, person).item())
    rotations = {"head": np.tile(np.eye(3, dtype=np.float32), (5, 1, 1))}
    posed = anatomy.pose(person.phenotype, rotations, actions)
    assert keypoints.mouth_opening(anatomy, posed, 0.12).max() < 0.002


def test_vowels_drop_the_jaw_and_labials_close_the_lips():
    said = say("papa papa papa papa")
    frames = round(said.seconds * 100)
    jaw = mouth.move(said, frames, 100, width=1.0, seal=0.0)["jawOpen"]
    at = {symbol: [] for symbol in "pɑ"}  # noqa: RUF001
    for phone in said.phones:
        for symbol, values in at.items():
            if symbol in phone.symbol:
                values.append(jaw[round((phone.start + phone.end) / 2 * 100)])
    assert min(at["ɑ"]) > 0.3  # noqa: RUF001
    assert max(at["p"]) < 0.1


@pytest.mark.parametrize(("words", "action"), [("oo oo woo woo", "mouthPucker"), ("ee ee see tea", "mouthStretchLeft")])
def test_lips_round_and_spread(words, action):
    said = say(words)
    frames = round(said.seconds * 25)
    other = {"mouthPucker": "mouthStretchLeft", "mouthStretchLeft": "mouthPucker"}[action]
    actions = mouth.move(said, frames, 25, width=1.0, seal=0.0)
    assert actions[action].max() > 0.2
    assert actions[action].mean() > actions[other].mean()


def test_both_halves_of_the_mouth_move_alike():
    actions = mouth.move(say("maybe"), 20, 25, width=1.0, seal=0.0)
    np.testing.assert_array_equal(actions["mouthSmileLeft"], actions["mouthSmileRight"])


def test_truth_follows_the_lips_in_the_picture(clip):
    upper, lower = clip.truth.keypoints[:, FACE][:, 62], clip.truth.keypoints[:, FACE][:, 66]
    distance = np.linalg.norm(upper[:, :2] - lower[:, :2], axis=1)
    assert np.corrcoef(distance, clip.truth.mouth)[0, 1] > 0.93
    assert clip.truth.mouth.max() > 0.08
    assert clip.truth.mouth.min() < 0.01


def test_an_open_mouth_shows(clip):
    inner = clip.truth.keypoints[:, FACE][:, 60:68, :2]
    patches = []
    for frame, points in zip(clip.frames, inner, strict=True):
        x, y = points.mean(axis=0).astype(int)
        patches.append(frame[y - 4 : y + 6, x - 5 : x + 6].astype(float))
    changes = [np.abs(patch - patches[clip.truth.mouth.argmin()]).mean() for patch in patches]
    assert np.corrcoef(changes, clip.truth.mouth)[0, 1] > 0.5


def test_lips_shut_in_every_labial_and_part_in_every_open_vowel(acts):
    shut, opened = [], []
    for act in acts:
        opening = keypoints.mouth_opening(body.load(), act.posed, 0.15)
        times = (np.arange(len(opening)) + 0.5) / 25
        for phone in act.scene.speech.phones:
            near = (times > phone.start - 0.01) & (times < phone.end + 0.01)
            if near.any() and phone.symbol in "pbm":
                shut.append(opening[near].min())
            if near.any() and phone.symbol.strip("ˈˌː")[0] in "aæ":
                opened.append(opening[near].max())
    assert len(shut) > 30
    assert max(shut) < 0.004
    assert np.median(opened) > 0.08


def test_loud_is_open(acts):
    for act in acts:
        opening = keypoints.mouth_opening(body.load(), act.posed, 0.15)
        times = (np.arange(len(opening)) + 0.5) / 25
        assert np.corrcoef(opening, np.sqrt(mouth.loudness(act.scene.speech, times, 0.06)))[0, 1] > 0.5
