"""All that the model is told about the person in a picture."""

from dataclasses import replace

import numpy as np

from cyberhost_cli.config.schema import ConditionsConfig, DetectionConfig, PictureConfig
from cyberhost_cli.preprocess import movement, regions, skeleton
from cyberhost_cli.preprocess.choice import choose
from cyberhost_cli.preprocess.framing import frame
from cyberhost_cli.preprocess.pose import PoseDetector
from cyberhost_cli.types import Keypoints, Person, Pixels, PreparedReference


def prepare(
    picture: Pixels,
    detector: PoseDetector,
    picture_config: PictureConfig,
    detection: DetectionConfig,
    conditions: ConditionsConfig,
) -> PreparedReference:
    """Find the person, frame them and derive every condition."""
    height, width = picture.shape[:2]
    people = [_sure(person, detection.min_confidence) for person in detector.detect(picture)]
    person = choose(people, picture_config.person, (height, width))
    framed, keypoints = frame(picture, person, picture_config)
    return from_keypoints(framed, keypoints, picture_config, conditions)


def from_keypoints(
    picture: Pixels, keypoints: Keypoints, picture_config: PictureConfig, conditions: ConditionsConfig
) -> PreparedReference:
    """Derive every condition from a picture at the preset's size and its keypoints, detected or known exactly."""
    height, width = picture.shape[:2]
    face = regions.face_around(regions.known_face(keypoints))
    side = picture_config.hand_size
    hands = [
        np.zeros((side, side, 3), dtype=np.uint8) if box is None else regions.crop(picture, box, side)
        for box in regions.hand_boxes(keypoints)
    ]
    return PreparedReference(
        picture=picture,
        keypoints=keypoints,
        skeleton=skeleton.draw(keypoints, height, width),
        face=regions.crop(picture, face, picture_config.face_size),
        hands=np.stack(hands),
        movement=movement.draw(movement.wanted(keypoints, conditions.movement), height, width),
        clarity=np.full(2, conditions.clarity, dtype=np.float32),
    )


def _sure(person: Person, min_confidence: float) -> Person:
    """Let points of little confidence count as not known."""
    keypoints = person.keypoints.copy()
    keypoints[keypoints[:, 2] < min_confidence, 2] = 0
    return replace(person, keypoints=keypoints)
