"""Detectors, loaded once in a process: whoever prepares many pictures waits for them once."""

from functools import cache

from cyberhost_cli.config.inputs import DetectionConfig, StoreConfig
from cyberhost_cli.preprocess import faces, pose
from cyberhost_cli.preprocess.faces import FaceDetector, FaceEmbedder, PictureEmbedder
from cyberhost_cli.preprocess.pose import PoseDetector
from cyberhost_cli.weights import store


@cache
def pose_detector(detection: DetectionConfig, config: StoreConfig) -> PoseDetector:
    """Return what finds people.

    Raises:
        CyberHostError: its package or its files are missing.
    """
    return pose.load(detection, store.finder(config))


@cache
def face_detector(detection: DetectionConfig, config: StoreConfig) -> FaceDetector:
    """Return what finds faces.

    Raises:
        CyberHostError: its package or its files are missing.
    """
    return faces.load_detector(detection, store.finder(config), pose_detector(detection, config))


@cache
def face_embedder(detection: DetectionConfig, config: StoreConfig) -> FaceEmbedder | None:
    """Return what tells faces apart, None where the preset names nothing that does.

    Raises:
        CyberHostError: its package or its files are missing.
    """
    return faces.load_embedder(detection, store.finder(config))


@cache
def picture_embedder(detection: DetectionConfig, config: StoreConfig) -> PictureEmbedder | None:
    """Return what sees the whole picture, None where the preset names nothing that does.

    Raises:
        CheckpointError: its files are missing.
    """
    return faces.load_picture_embedder(detection, store.finder(config))
