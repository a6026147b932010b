"""What finds people, whatever model does it."""

from typing import Protocol, runtime_checkable

from cyberhost_cli.config.inputs import DetectionConfig
from cyberhost_cli.preprocess.dwpose import Dwpose
from cyberhost_cli.preprocess.files import Finder
from cyberhost_cli.preprocess.mediapipe_pose import MediapipePose
from cyberhost_cli.types import Person, Pixels


@runtime_checkable
class PoseDetector(Protocol):
    """Finds people and the keypoints of their bodies, hands and faces."""

    def detect(self, picture: Pixels) -> list[Person]:
        """Return everybody in the picture, with keypoints in its pixels, however unsure."""
        ...


def load(config: DetectionConfig, find: Finder) -> PoseDetector:
    """Load the detector that the preset names."""
    match config.detector:
        case "mediapipe":
            return MediapipePose()
        case "dwpose":
            return Dwpose(find("dwpose"))
