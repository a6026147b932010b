"""Figures of a picture and of the person in it."""

from cyberhost_cli.config.inputs import PictureConfig
from cyberhost_cli.config.preflight import FrameLimits, HandLimits, PreflightConfig
from cyberhost_cli.preprocess import regions
from cyberhost_cli.preprocess.preflight import face, limbs
from cyberhost_cli.types import BODY, LEFT_HAND, RIGHT_HAND, Figure, Keypoints, Person, Pixels, Placement

UPPER = slice(BODY.start, BODY.start + 7)
"""Nose, eyes, ears and shoulders: what every frame shows."""
SHOULDERS = (5, 6)


def measure(
    picture: Pixels, person: Person, placement: Placement, config: PreflightConfig, framing: PictureConfig
) -> tuple[Figure, ...]:
    """Measure what decides whether the person can be brought to life.

    Args:
        picture: as it was given, upright.
        person: the chosen one, in pixels of the picture; a confidence of 0 means that a point is not known.
        placement: where the frame of the video lies in the picture.
        config: the limits.
        framing: the frame's height, and the limits of its enlargement and padding.
    """
    keypoints = person.keypoints
    confidence = Figure(
        "body.confidence",
        float(keypoints[UPPER, 2].mean()),
        *config.body.confidence,
        "the mean confidence of head and shoulders",
        "use a picture in which nothing hides head and shoulders",
    )
    return (
        confidence,
        *face.measure(picture, keypoints, config.face),
        *_hands(keypoints, config.hands),
        *_frame(keypoints, placement, config.frame, framing),
        *limbs.measure(keypoints, (picture.shape[0], picture.shape[1]), config.limbs),
    )


def _hands(keypoints: Keypoints, limits: HandLimits) -> list[Figure]:
    found = (regions.extent(keypoints[part]) for part in (LEFT_HAND, RIGHT_HAND))
    sizes = [max(box.width, box.height) for box in found if box is not None]
    advice = "use a picture in which both hands are to be seen"
    figures = [Figure("hands.seen", float(len(sizes)), *limits.seen, "the number of hands to be seen", advice)]
    if sizes:
        meaning, advice = "the length of the smaller hand in pixels", "use a larger picture, or one without hands"
        figures.append(Figure("hands.size", min(sizes), *limits.size, meaning, advice))
    return figures


def _frame(keypoints: Keypoints, placement: Placement, limits: FrameLimits, framing: PictureConfig) -> list[Figure]:
    box, room = placement.box, "use a picture with more room around the face, or a smaller `picture.face_heights`"
    across = min(box.right, placement.picture_width) - max(box.left, 0)
    down = min(box.bottom, placement.picture_height) - max(box.top, 0)
    padding = 1 - max(0.0, across) * max(0.0, down) / (box.width * box.height)
    shoulders = sum(
        confidence > 0 and box.left <= x < box.right and box.top <= y < box.bottom
        for x, y, confidence in keypoints[list(SHOULDERS)].tolist()
    )
    return [
        Figure(
            "frame.enlargement",
            framing.height / box.height,
            None,
            framing.max_upscale,
            "the enlargement of the picture",
            "use a picture of more pixels",
        ),
        Figure("frame.padding", padding, None, framing.max_padding, "the share of the frame beyond the picture", room),
        Figure("frame.shoulders", float(shoulders), *limits.shoulders, "the number of shoulders in the frame", room),
    ]
