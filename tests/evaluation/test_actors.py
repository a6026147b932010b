import numpy as np
import pytest

from cyberhost_cli.errors import InputError
from cyberhost_cli.evaluation import probes
from cyberhost_cli.evaluation.actors import choose_frame, open_actors
from cyberhost_cli.types import LEFT_HAND, ClipTruth

WRIST = LEFT_HAND.start


def test_an_actor_is_prepared_from_a_frame_and_its_own_recording(actors, frames, truth):
    first = actors[0]
    person, speech = first.prepared.reference, first.prepared.speech
    assert [actor.name for actor in actors] == ["first", "second"]
    assert np.array_equal(person.picture, frames[first.reference_frame])
    assert np.array_equal(person.keypoints, truth.keypoints[first.reference_frame])
    assert (speech.frames, len(first.frames())) == (25, 25)
    assert speech.recording.seconds == pytest.approx(1)
    assert person.hands.any(axis=(1, 2, 3)).all()
    assert first.shown.all()
    assert np.array_equal(first.others[0], actors[1].truth.mouth)


def test_hands_gesture_where_the_preset_lets_them(actors, folder, preset):
    assert actors[0].prepared.driving is None
    priors = preset.model.priors.model_copy(update={"maps": ("movement", "hands")})
    gestures = preset.gestures.model_copy(update={"unasked": True})
    model = preset.model.model_copy(update={"priors": priors})
    driven, again = (
        open_actors(folder, preset.model_copy(update={"model": model, "gestures": gestures}))[0].prepared.driving
        for _ in range(2)
    )
    assert (driven.kind, len(driven.keypoints)) == ("hands", 25)
    assert np.array_equal(driven.keypoints, again.keypoints)


def test_a_body_sways_as_far_as_other_conditions_say(folder, preset):
    gestures = preset.gestures.model_copy(update={"unasked": True, "place": "picture"})
    actor = open_actors(folder, preset.model_copy(update={"gestures": gestures}))[0]
    movements = [preset.conditions.model_copy(update={"movement": side}) for side in (0.0, 0.1, 0.2)]
    told = [actor.told(conditions, gestures) for conditions in movements]
    ranges = [np.ptp(clip.driving.keypoints[:, 5, 0]) for clip in told]
    assert ranges[0] == 0
    assert ranges[2] == pytest.approx(2 * ranges[1], rel=0.01)
    assert ranges[1] > 0


def test_hands_rest_where_other_gestures_say(folder, preset):
    gestures = preset.gestures.model_copy(update={"unasked": True, "place": "picture"})
    actor = open_actors(folder, preset.model_copy(update={"gestures": gestures}))[0]
    still = preset.conditions.model_copy(update={"movement": 0.0})
    resting = gestures.model_copy(update={"speed": probes.RESTING})
    ways = [np.ptp(actor.told(still, each).driving.keypoints[:, WRIST, :2], axis=0) for each in (gestures, resting)]
    # Asleep they are not.
    assert ways[1].max() < 0.3 * ways[0].max()


def test_other_conditions(actors, preset):
    conditions = actors[0].preset.conditions.model_copy(update={"movement": 0.5, "clarity": 0.1})
    plain, changed = actors[0].prepared.reference, actors[0].told(conditions, preset.gestures).reference
    assert changed.movement.sum() > 10 * plain.movement.sum()
    assert changed.clarity == pytest.approx([0.1, 0.1])
    assert np.array_equal(changed.picture, plain.picture)


def test_the_reference_has_a_closed_mouth_and_the_usual_hands(truth):
    mouth = np.full(25, 0.1, np.float32)
    mouth[[3, 7]] = 0.01
    track = truth.keypoints.copy()
    track[:5, LEFT_HAND, 2] = 0
    known = {**vars(truth), "mouth": mouth, "keypoints": track}
    assert choose_frame(ClipTruth(**known)) == 7
    # Where no mouth closes with such hands the mouth decides.
    track[7, LEFT_HAND, 2] = 0
    assert choose_frame(ClipTruth(**known)) == 3


def test_clips_of_another_size(folder, tiny):
    with pytest.raises(InputError, match="is 128x128 at 25 fps, the preset's video 32x32"):
        open_actors(folder, tiny.preset)


def test_a_folder_without_actors(tmp_path, preset):
    with pytest.raises(InputError, match="no actors in"):
        open_actors(tmp_path, preset)
