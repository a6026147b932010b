"""What finds people, whatever model does it."""

from typing import Protocol, runtime_checkable

from cyberhost_cli.config.schema import DetectionConfig
from cyberhost_cli.preprocess.mediapipe_pose import MediapipePose
from cyberhost_cli.types import Person, Pixels


@runtime_checkable
class PoseDetector(Protocol):
    """Finds people and the keypoints of their bodies, hands and faces."""

    def detect(self, picture: Pixels) -> list[Person]:
        """Return everybody in the picture, with keypoints in its pixels, however unsure."""
        ...


def load(config: DetectionConfig) -> PoseDetector:
    """Load the detector that the preset names."""
    return {"mediapipe": MediapipePose}[config.detector]()
